"""A log of which parts are gone, and the state it amounts to: what is not committed can be taken back without a trace."""

from __future__ import annotations

import pytest
from replication_by_hand import TRIO, write, writes

from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication import state as module
from ddbproof.reference_impl.replication.affairs import Affairs, first_affairs
from ddbproof.reference_impl.replication.entries import (
    ChangeBegun,
    ChangeFinished,
    Copied,
    Entry,
    FloorRaised,
    Member,
    Opened,
)
from ddbproof.reference_impl.replication.replica_log import ReplicaLog
from ddbproof.reference_impl.replication.state import GroupState, Snapshot


def child() -> Affairs:
    """The affairs of a child that has copied nothing yet."""
    return first_affairs(TRIO, Child(upper=False), 3)


def seen(state: GroupState) -> Snapshot:
    """The state as a snapshot, also when something in it is not committed."""
    return state._frozen()


def after(entries: list[Entry], affairs: Affairs | None = None) -> GroupState:
    """The state after committed entries."""
    state = GroupState(affairs or first_affairs(TRIO))
    for entry in entries:
        state.apply(entry, committed=True)
    return state


@pytest.mark.parametrize(
    "entry",
    [
        write(9, b"k1"),
        write(9, b"new"),
        write(9, b"k1", None),
        write(9, b"k2"),
        ChangeBegun(13, Member(14, 4)),
        FloorRaised(1),
    ],
    ids=["overwritten", "added", "deleted", "deleted before", "member", "floor"],
)
def test_an_entry_that_is_taken_back_leaves_no_trace(entry: Entry) -> None:
    """RC-04: items, deletions, sizes, answered requests and affairs are as they were."""
    state = after([*writes(1, 2), write(3, b"k2", None)])
    before, size = seen(state), state.fold.size_bytes
    state.apply(entry, committed=False)
    assert seen(state) != before
    state.take_back(3)
    assert (seen(state), state.fold.size_bytes) == (before, size)


@pytest.mark.parametrize("anew", [True, False])
def test_a_copy_that_is_taken_back_leaves_no_trace(anew: bool) -> None:
    """PART-04: a child that takes back a copy has what it had, and can copy it again."""
    state = after([Copied(2, tuple(it.change for it in writes(1, 2)), (1, 2), anew=True)], child())
    before = seen(state)
    copy = Copied(4, tuple(it.change for it in writes(2, 3)), (3, 4), anew=anew)
    state.apply(copy, committed=False)
    there = seen(state)
    state.take_back(1)
    assert seen(state) == before
    state.apply(copy, committed=False)
    assert seen(state) == there


def test_requests_that_were_forgotten_come_back_with_what_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All replicas forget the same requests, in the order of the log."""
    monkeypatch.setattr(module, "REMEMBERED", 3)
    state = after([*writes(1, 2, 3)])
    state.apply(write(4), committed=False)
    state.apply(write(5), committed=False)
    assert state.answered == {3, 4, 5}
    state.take_back(3)
    assert state.answered == {1, 2, 3}
    state.apply(write(6), committed=True)
    assert seen(state).answered == (2, 3, 6)


def test_a_child_that_copies_all_again_remembers_each_request_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that comes from a snapshot would forget others than one that followed the log."""
    monkeypatch.setattr(module, "REMEMBERED", 4)
    first = Copied(2, (), (1, 2), anew=True)
    again = Copied(3, (), (1, 2, 3), anew=True)
    state = after([first, again], child())
    assert seen(state).answered == (1, 2, 3)
    restored = GroupState(child())
    restored.restore(state.snapshot())
    for one in (state, restored):
        one.apply(Opened(Parent(3, True, 0, True)), committed=True)
        one.apply(write(4), committed=True)
        one.apply(write(5), committed=True)
    assert state.answered == restored.answered == {2, 3, 4, 5}


def test_what_is_committed_is_not_taken_back() -> None:
    """REP-07: asked to, a replica stops rather than go on with less."""
    state = after([])
    for entry in writes(1, 2):
        state.apply(entry, committed=False)
    state.commit(1)
    state.take_back(1)
    assert set(state.answered) == {1}
    with pytest.raises(InvariantError):
        state.take_back(0)


def test_there_is_no_snapshot_of_what_may_be_taken_back() -> None:
    """RC-04: a snapshot goes to others."""
    state = after([*writes(1)])
    state.apply(write(2), committed=False)
    with pytest.raises(InvariantError):
        state.snapshot()
    state.commit(2)
    assert state.snapshot().position == 2


def test_a_snapshot_and_the_rest_of_the_log_are_the_whole_log() -> None:
    """REP-12: members, tombstones and answered requests, too."""
    entries: list[Entry] = [
        *writes(1, 2, 3),
        write(4, b"k2", None),
        ChangeBegun(13, Member(14, 4)),
        ChangeFinished(),
        *writes(5),
    ]
    whole = after(entries)
    for position in range(len(entries)):
        part = GroupState(first_affairs(TRIO))
        part.restore(after(entries[:position]).snapshot())
        for entry in entries[position:]:
            part.apply(entry, committed=True)
        assert part.snapshot() == whole.snapshot()


def test_what_is_shown_as_committed_is_what_stood_there_before_all_that_is_not() -> None:
    """RC-04: also when an item was changed twice, deleted, or is new."""
    state = after([*writes(1, 2)])
    state.apply(write(3, b"k1", b"first"), committed=False)
    state.apply(write(4, b"k1", b"second"), committed=False)
    state.apply(write(5, b"k2", None), committed=False)
    state.apply(write(6, b"k3", b"new"), committed=False)

    def shown(key: bytes) -> bytes | None:
        image = state.committed_image(key)
        return None if image is None else image.item

    assert [shown(key) for key in (b"k1", b"k2", b"k3")] == [b"v1", b"v2", None]
    state.commit(4)
    assert [shown(key) for key in (b"k1", b"k2", b"k3")] == [b"second", b"v2", None]


# The log.


def test_a_log_has_no_gap() -> None:
    """REP-07: what would leave one is refused loudly."""
    log = ReplicaLog(3, writes(4, 5))
    with pytest.raises(InvariantError):
        log.replace_from(6, writes(7))
    with pytest.raises(InvariantError):
        log.replace_from(2, writes(3))
    with pytest.raises(InvariantError):
        log.between(2, 4)
    with pytest.raises(InvariantError):
        log.put(6, write(7))
    log.replace_from(4, writes(6, 7))
    assert log.between(3, 6) == [*writes(4, 6, 7)]


def test_a_leader_appends_an_entry_once_though_its_kernels_do_so_twice() -> None:
    """A leader's log and its replica's are one."""
    log, entry = ReplicaLog(), write(1)
    log.put(0, entry).put(0, entry)
    assert len(log) == 1
    with pytest.raises(InvariantError):
        log.put(0, write(2))


def test_a_trimmed_log_has_the_digests_of_the_whole_one() -> None:
    """Two logs that end alike are told to be alike, wherever they begin."""
    whole, trimmed = ReplicaLog(0, writes(1, 2, 3)), ReplicaLog(0, writes(1, 2, 3))
    trimmed.trim(2)
    assert trimmed.digest(3) == whole.digest(3)
    trimmed.replace_from(2, writes(4))
    assert trimmed.digest(3) != whole.digest(3)
