"""Leases: who may serve, who may promise, and what clocks that err may not spoil."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import lease
from ddbproof.model.kernel.lease import Granted, Heartbeat, Leader, Terms
from ddbproof.model.kernel.refusal import NotAllowed

TERMS = Terms(duration_milliseconds=1_500, clock_error_milliseconds=25)
times = st.integers(0, 10_000)


@given(times)
def test_a_leader_begins_without_a_lease(now: int) -> None:
    """REP-06: being elected is not enough to serve; two replicas have to grant first."""
    assert not lease.may_serve(lease.begin(1, TERMS, now), now)


@given(times, st.permutations([0, 1, 2]))
def test_two_answers_make_a_lease(now: int, replicas: list[int]) -> None:
    """REP-08: any two of the three are enough, and one is not."""
    leader = lease.begin(1, TERMS, now)
    beat = lease.heartbeat(leader, now)
    leader = lease.acknowledged(leader, replicas[0], beat, TERMS)
    assert not lease.may_serve(leader, now)
    leader = lease.acknowledged(leader, replicas[1], beat, TERMS)
    assert lease.may_serve(leader, now)
    assert leader.until_milliseconds == now + 1_500 - 4 * 25


@given(st.lists(st.tuples(st.integers(0, 2), times), min_size=1))
def test_answers_may_come_twice_and_in_any_order(answers: list[tuple[int, int]]) -> None:
    """REP-06: what a leader knows depends on the answers, not on how they came."""

    def after(order: list[tuple[int, int]]) -> Leader:
        leader = lease.begin(1, TERMS, 0)
        for replica, stamp in order:
            leader = lease.acknowledged(leader, replica, Heartbeat(1, stamp), TERMS)
        return leader

    assert after(answers) == after(answers[::-1]) == after(answers + answers)


@given(times, times)
def test_no_promise_while_a_grant_runs(granted_at: int, asked_at: int) -> None:
    """REP-10: a replica helps no other leader before the lease it granted is over."""
    granted, _ = lease.grant(Granted(1, 0), Heartbeat(1, 7), TERMS, granted_at)
    if asked_at < granted_at + 1_500:
        assert lease.hears_leader(granted, asked_at)
        with pytest.raises(NotAllowed):
            lease.promise(granted, 2, asked_at)
    else:
        assert lease.promise(granted, 2, asked_at).promised_epoch == 2


@given(times)
def test_a_replica_that_starts_again_waits(now: int) -> None:
    """REP-10: it does not know what it granted, so it takes it to have granted just now."""
    granted = lease.restarted(Granted(3, 0), TERMS, now)
    assert not lease.may_promise(granted, 4, now + 1_499)
    assert lease.may_promise(granted, 4, now + 1_500)


def test_an_epoch_is_promised_once() -> None:
    """REP-10: nor is one below it, and heartbeats of earlier epochs are refused."""
    granted = lease.promise(Granted(1, 0), 3, 5)
    for epoch in (2, 3):
        with pytest.raises(NotAllowed):
            lease.promise(granted, epoch, 5)
    with pytest.raises(NotAllowed):
        lease.grant(granted, Heartbeat(2, 0), TERMS, 5)


def test_stepping_down_saves_the_wait() -> None:
    """REP-06: the leader serves no more and says so; a replica may promise at once, unless it follows another."""
    leader = lease.begin(1, TERMS, 0)
    for replica in (0, 1):
        leader = lease.acknowledged(leader, replica, lease.heartbeat(leader, 0), TERMS)
    gone = lease.step_down(leader)
    assert lease.may_serve(leader, 1)
    assert not lease.may_serve(gone, 1)
    with pytest.raises(NotAllowed):
        lease.heartbeat(gone, 1)
    assert lease.may_promise(lease.released(Granted(1, 1_500), 1, 10), 2, 10)
    with pytest.raises(NotAllowed):
        lease.released(Granted(2, 1_500), 1, 10)


def test_answers_to_another_leader_do_not_count() -> None:
    """REP-10: a process that led before may get late answers."""
    with pytest.raises(NotAllowed):
        lease.acknowledged(lease.begin(2, TERMS, 0), 0, Heartbeat(1, 5), TERMS)
