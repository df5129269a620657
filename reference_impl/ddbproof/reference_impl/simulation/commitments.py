"""What a run's record says of which writes were committed, and how far logs were trimmed.

The log of an epoch is the beginning of an older epoch's, up to where its leader began, and what that leader wrote.
An entry is committed when a leader knows that two of three have it, which its own replica's record shows first.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.replication.entries import FloorRaised, Write
from ddbproof.reference_impl.simulation.clients import Ledger, key_of
from ddbproof.reference_impl.simulation.world import World

_Item = tuple[bytes, bytes | None]


class _Group:
    """What the record says of one group."""

    def __init__(self) -> None:
        self.promised: dict[tuple[int, int], int] = {}
        self.began: dict[int, tuple[int, int]] = {}
        self.written: dict[tuple[int, int], Write] = {}
        self.committed = 0
        self.committed_at: dict[_Item, int] = {}
        self.reached: dict[int, int] = {}
        self.problems: list[str] = []

    def take(self, action: str, arguments: dict[str, Any], made: Any, place: int) -> None:
        """The next step of the group."""
        if action == "promise":
            self.promised[made.epoch, arguments["replica"]] = made.accepted
        elif action == "start":
            epoch = arguments["epoch"]
            self.began[epoch] = (self.promised.get((epoch, arguments["by"][0]), 0), made.base)
        elif action == "write":
            entry = arguments["entry"]
            if isinstance(entry, Write):
                self.written[arguments["epoch"], arguments["index"]] = entry
            elif isinstance(entry, FloorRaised):
                self._trimmed(entry.floor)
        elif action in ("append", "commit", "synchronize"):
            epoch, replica = made.accepted, arguments["replica"]
            self.reached[replica] = max(self.reached.get(replica, 0), made.committed)
            if action != "synchronize":
                self._commit(epoch, made.committed, place)

    def _trimmed(self, floor: int) -> None:
        """Two members' items have to hold what goes, and they hold no more than is known to be committed."""
        if sum(reached >= floor for reached in self.reached.values()) < 2:
            self.problems.append(f"logs may be trimmed up to {floor}, which two replicas do not hold")

    def _commit(self, epoch: int, committed: int, place: int) -> None:
        """So many entries of an epoch's log are committed."""
        for index in range(self.committed, committed):
            origin = epoch
            while origin in self.began and index < self.began[origin][1]:
                origin = self.began[origin][0]
            write = self.written.get((origin, index))
            if write is not None:
                item = (write.change.key, write.change.item)
                self.committed_at.setdefault(item, place)
        self.committed = max(self.committed, committed)


def committed_only(world: World, ledger: Ledger) -> list[str]:
    """No answer shows what is not committed, and no log is trimmed too far."""
    groups: dict[int, _Group] = {}
    for place, step in enumerate(world.trace):
        groups.setdefault(step.group, _Group()).take(step.action, step.arguments, step.made, place)
    committed: dict[_Item, int] = {}
    for group in groups.values():
        for item, place in group.committed_at.items():
            committed[item] = min(place, committed.get(item, place))
    found = [f"group {number}: {text}" for number, group in groups.items() for text in group.problems]
    for what, name, value, place in ledger.shown:
        if value is not None and committed.get((key_of(name), str(value).encode()), place) >= place:
            found.append(f"{what} of {name} showed {value}, which was not committed")
    return found
