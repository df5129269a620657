"""What transactions leave in a partition's state, and how it is taken back: items that are held, and instants of checks."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replication_by_hand import TRIO

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication import state as module
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Change, Entry, Prepared, Settled, Write
from ddbproof.reference_impl.replication.state import GroupState, Snapshot

KEYS = [b"k1", b"k2", b"k3"]


def entry_after(held: dict[bytes, int], number: int, key: bytes, choice: int) -> Entry:
    """An entry that may stand in a log after others: of an item that is held only the end of that."""
    item = None if choice % 2 else b"item %d" % number
    change = Change(key, item, 0 if item is None else len(item), Version(number, 0), number)
    if key in held:
        transaction = held.pop(key)
        ends = [
            Settled(transaction, key),
            Settled(transaction, key, change),
            Settled(transaction, key, None, number),
        ]
        return ends[choice % 3]
    if choice < 3:
        return Write(number, change)
    held[key] = number
    return Prepared(number, b"ledger", key, transactions.PUT, number, b"put", 3)


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """Logs of writes and transactions of three items."""
    held: dict[bytes, int] = {}
    steps = draw(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 5)), max_size=14))
    return [entry_after(held, number, key, choice) for number, (key, choice) in enumerate(steps, 1)]


def after(entries: list[Entry], *, committed: int | None = None) -> GroupState:
    """The state after a log of which so many entries are committed; all, if nothing is said."""
    state = GroupState(first_affairs(TRIO))
    for index, entry in enumerate(entries):
        state.apply(entry, committed=committed is None or index < committed)
    return state


def seen(state: GroupState) -> tuple[Any, ...]:
    """All of a state, however it came about."""
    frozen: Snapshot = state._frozen()
    return (
        frozen.position,
        frozen.images,
        dict(frozen.tombstones),
        frozen.answered,
        {it.key: it for it in frozen.pending},
        dict(frozen.checked),
        state.fold.size_bytes,
    )


def check_taking_back(log: list[Entry], committed: int) -> None:
    state, before = after(log, committed=committed), after(log[:committed])
    assert [state.committed_image(key) for key in KEYS] == [before.fold.items.get(key) for key in KEYS]
    for reverse in (False, True):
        shown = list(state.committed_range(b"", None, reverse=reverse))
        assert shown == list(before.fold.items.range(b"", None, reverse=reverse))
    assert seen(state) == seen(after(log))
    state.take_back(committed)
    assert seen(state) == seen(before)
    for entry in log[committed:]:
        state.apply(entry, committed=False)
    assert seen(state) == seen(after(log))


def check_snapshot(log: list[Entry], position: int) -> None:
    """As it goes to another replica, or to the disk."""
    stored = msgspec.msgpack.encode(after(log[:position]).snapshot())
    state = GroupState(first_affairs(TRIO))
    state.restore(msgspec.msgpack.decode(stored, type=Snapshot))
    for entry in log[position:]:
        state.apply(entry, committed=True)
    assert seen(state) == seen(after(log))


@given(log=logs(), share=st.floats(0, 1))
def test_what_is_not_committed_is_taken_back_without_a_trace(log: list[Entry], share: float) -> None:
    """TX-02, RC-04: items that are held, and those that are held no more; reads show what was committed before."""
    check_taking_back(log, round(share * len(log)))


@given(log=logs(), share=st.floats(0, 1))
def test_a_snapshot_knows_what_is_held(log: list[Entry], share: float) -> None:
    """TX-02, REP-12: a replica that is healed, or starts again, knows all that the others know."""
    check_snapshot(log, round(share * len(log)))


def test_the_log_of_the_planted_defects_passes() -> None:
    """And they are in what it goes through."""
    check_taking_back(LOG, 1)
    check_snapshot(LOG, 2)


LOG: list[Entry] = [
    Write(1, Change(b"k1", b"item", 4, Version(1, 0), 1)),
    Prepared(2, b"ledger", b"k1", transactions.PUT, 2, b"put", 3),
    Settled(2, b"k1", Change(b"k1", b"put", 3, Version(2, 0), 2)),
    Prepared(4, b"ledger", b"k2", transactions.CHECK, 4),
    Settled(4, b"k2", None, 4),
]


@pytest.mark.parametrize(("forgotten", "end"), [("pending", 2), ("checked", 5)])
def test_a_snapshot_that_lacks_something_is_noticed(forgotten: str, end: int) -> None:
    """A planted defect."""
    right = GroupState.snapshot

    def lacking(self: GroupState) -> Snapshot:
        return msgspec.structs.replace(right(self), **{forgotten: ()})

    with patch.object(GroupState, "snapshot", lacking), pytest.raises(AssertionError):
        check_snapshot(LOG[:end], end)


def test_a_hold_that_is_not_taken_back_is_noticed() -> None:
    """A planted defect."""
    with patch.object(module, "_put_back", lambda *_: None), pytest.raises(AssertionError):
        check_taking_back(LOG, 1)
