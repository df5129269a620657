"""What happened in a run that makes it worth something: leaders that followed others, splits, merges, replicas that were healed.

All of it is counted from the record of the run, up to where the clients stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from ddbproof.reference_impl.replication.entries import MergeBegun, MergeWithdrawn, Opened, SplitBegun
from ddbproof.reference_impl.replication.trace import Step


class _Group:
    """What the record says of one group."""

    def __init__(self) -> None:
        self.began: dict[int, tuple[int, int]] = {}  # by epoch: who leads, and with how many entries
        self.in_office = 0
        self.failovers = 0
        self.opening: dict[int, int] = {}  # by epoch: where the entry is that opens this child
        self.opened = False
        self.children: set[tuple[int, int]] = set()
        self.merged: set[int] = set()
        self.withdrawn = 0

    def take(self, step: Step) -> None:
        """The next step of the group."""
        arguments = step.arguments
        if step.action == "start":
            self.began[arguments["epoch"]] = (arguments["replica"], step.made.base)
        elif step.action == "acknowledge":
            self._acknowledged(arguments["epoch"], step.made.committed)
        elif step.action == "write":
            entry = arguments["entry"]
            if isinstance(entry, Opened):
                self.opening[arguments["epoch"]] = arguments["index"]
            elif isinstance(entry, SplitBegun):
                self.children.add((entry.lower, entry.upper))
            elif isinstance(entry, MergeBegun) and not entry.upper:
                self.merged.add(entry.child)
            elif isinstance(entry, MergeWithdrawn):
                self.withdrawn += 1

    def _acknowledged(self, epoch: int, committed: int) -> None:
        leader, base = self.began[epoch]
        if committed >= base and leader != self.in_office:
            self.failovers += self.in_office != 0
            self.in_office = leader
        if committed > self.opening.get(epoch, committed):
            self.opened = True


def counted(trace: Sequence[Step]) -> dict[str, int]:
    """How often each happened.

    A failover: a replica got into office after another one had been. A split is finished when both children have
    opened, a merge when the merged partition has. A replica is healed when it has got its items from another.
    """
    groups: dict[int, _Group] = {}
    healed = 0
    for step in trace:
        groups.setdefault(step.group, _Group()).take(step)
        healed += step.action == "heal"
    opened = {group for group, it in groups.items() if it.opened}
    return {
        "failovers": sum(it.failovers for it in groups.values()),
        "splits finished": sum(
            lower in opened and upper in opened for it in groups.values() for lower, upper in it.children
        ),
        "merges finished": sum(child in opened for it in groups.values() for child in it.merged),
        "merges withdrawn": sum(it.withdrawn for it in groups.values()),
        "replicas healed": healed,
    }
