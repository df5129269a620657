"""What must hold in every run.

Strong reads are linearizable, item by item (the register checker of `model.histories`; every key is read at the end, so
that an acknowledged write that is lost shows as well). Eventual reads show only what was committed. Replicas that
have converged hold the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from ddbproof.model.histories import checking
from ddbproof.model.histories.operations import History, Ok, Violation
from ddbproof.reference_impl.simulation.clients import Ledger
from ddbproof.reference_impl.simulation.commitments import committed_only
from ddbproof.reference_impl.simulation.world import World


def judge(world: World, ledger: Ledger, partitions: Sequence[tuple[bytes, int]]) -> list[str]:
    """What is wrong, in words; nothing if all is well."""
    return [
        *linearizable(ledger),
        *eventual(ledger),
        *committed_only(world, ledger),
        *equal(world, partitions),
    ]


def linearizable(ledger: Ledger) -> list[str]:
    """Every item behaves like one register."""
    history = History(sorted(ledger.operations, key=lambda one: one.invoke))
    verdict = checking.judge(history).verdict
    if isinstance(verdict, Ok):
        return []
    if isinstance(verdict, Violation):
        return [f"{verdict.anomaly}\n{verdict.told()}"]
    return [f"the checker cannot tell: {verdict}"]


def eventual(ledger: Ledger) -> list[str]:
    """Nobody ever reads what was never written, or was refused."""
    written = {
        (one.key, one.value) for one in ledger.operations if one.kind != "read" and one.outcome != "fail"
    }
    return [
        f"an eventual read of {key} showed {value}, which was not written"
        for key, value, _ in ledger.eventual
        if value is not None and (key, value) not in written
    ]


def equal(world: World, partitions: Sequence[tuple[bytes, int]]) -> list[str]:
    """Replicas of a group that have applied as much, and nothing uncommitted, hold the same items and requests."""
    found = []
    placed = world.placed()
    for _, group in partitions:
        states = {
            (
                it.state.applied,
                tuple(
                    (key, image.item, image.version) for key, image in it.state.fold.items.range(b"", None)
                ),
                frozenset(it.state.answered),
            )
            for it in placed.get(group, [])
            if it.state is not None and it.state.applied <= it.record.committed
        }
        if len(states) != len({applied for applied, *_ in states}):
            found.append(f"replicas of group {group} differ")
    return found
