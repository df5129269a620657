"""A replication group's functions: promises, appends, acknowledgements, and which log a new leader takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.engine.values import FrozenMap
from ddbproof.model.kernel import replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.replication import (
    FIRST_LEADER,
    NEW_REPLICA,
    Acknowledgement,
    Leader,
    Promise,
    Replica,
)

numbers = st.integers(0, 6)
promised = st.builds(Promise, st.just(9), numbers, numbers)
EMPTY: FrozenMap[str] = FrozenMap("")


@given(st.tuples(numbers, numbers, numbers))
def test_two_of_three_have_what_counts(lengths: tuple[int, int, int]) -> None:
    """REP-02: an entry is acknowledged when two replicas have it on their disks, not before and not later."""
    reached = replication.on_two_of_three(*lengths)
    assert sum(length >= reached for length in lengths) >= 2
    assert sum(length > reached for length in lengths) < 2


@given(promised, promised)
def test_a_new_leader_takes_the_later_epoch_then_the_longer_log(one: Promise, other: Promise) -> None:
    """REP-07: the order in which promises come makes no difference."""
    leader = replication.start(one, other)
    best = max((one.accepted, one.length), (other.accepted, other.length))
    assert leader == replication.start(other, one)
    assert (leader.epoch, leader.base, leader.length, leader.committed) == (9, best[1], best[1], 0)


def test_promises_of_two_epochs_make_no_leader() -> None:
    """REP-10: an answer to an earlier question is of no use."""
    with pytest.raises(NotAllowed):
        replication.start(Promise(3, 0, 0), Promise(2, 0, 0))


def test_a_replica_that_promised_follows_no_earlier_leader() -> None:
    """REP-07: neither entries nor whole logs of an earlier epoch are taken any more."""
    replica = replication.prepare(NEW_REPLICA, 1)
    with pytest.raises(NotAllowed):
        replication.on_append(replica, EMPTY, 0, 0, "a", 0)
    with pytest.raises(NotAllowed):
        replication.on_synchronize(replica, 0, 1)
    with pytest.raises(NotAllowed):
        replication.prepare(replica, 1)
    assert replication.on_synchronize(replica, 1, 0) == Replica(1, 1, 0, 0)


@given(st.lists(numbers))
def test_entries_may_come_twice_and_in_any_order(indices: list[int]) -> None:
    """REP-02: only the next entry is appended, so that the log is the leader's."""
    replica, log = NEW_REPLICA, EMPTY
    for index in indices:
        try:
            replica, longer = replication.on_append(replica, log, 0, index, f"entry {index}", 0)
        except NotAllowed:
            continue
        log = longer  # type: ignore[assignment]
    assert [log[index] for index in range(replica.length)] == [
        f"entry {index}" for index in range(replica.length)
    ]


@given(numbers, numbers)
def test_nothing_is_applied_that_is_not_there(length: int, committed: int) -> None:
    """REP-02: a figure beyond the replica's own log waits for the entries."""
    replica = replication.on_commit(Replica(1, 1, length, 0), 1, committed)
    assert replica.committed == min(length, committed)
    with pytest.raises(NotAllowed):
        replication.on_commit(replica, 2, committed)


@given(st.lists(st.tuples(st.integers(0, 2), numbers)))
def test_acknowledgements_may_come_late(answers: list[tuple[int, int]]) -> None:
    """REP-02: what is committed stays so, and depends on the answers alone."""

    def after(order: list[tuple[int, int]]) -> Leader:
        leader = Leader(0, 0, 6, 0, 0, 0, 0)
        for replica, length in order:
            later = replication.on_acknowledgement(leader, replica, Acknowledgement(0, length))
            assert later.committed >= leader.committed
            leader = later
        return leader

    assert after(answers) == after(answers[::-1])


def test_a_leader_sends_no_less_than_it_began_with() -> None:
    """REP-07: a replica's log is replaced by one with everything that may have been acknowledged."""
    leader = replication.start(Promise(1, 0, 2), Promise(1, 0, 0))
    leader, log = replication.write(leader, EMPTY, "c")
    assert (leader.length, log[2]) == (3, "c")
    assert [replication.may_synchronize(leader, length) for length in range(5)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_answers_to_another_leader_do_not_count() -> None:
    """REP-07: they are about another log."""
    with pytest.raises(NotAllowed):
        replication.on_acknowledgement(FIRST_LEADER, 0, Acknowledgement(1, 1))


def test_a_promise_tells_what_the_disk_holds() -> None:
    """REP-07: and is given only before the replica's log is of the promised epoch."""
    saved = replication.prepare(Replica(0, 0, 4, 2), 3)
    assert replication.promise(saved) == Promise(3, 0, 4)
    with pytest.raises(NotAllowed):
        replication.promise(replication.on_synchronize(saved, 3, 4))
    assert replication.acknowledgement(saved) == Acknowledgement(0, 4)
