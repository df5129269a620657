"""Replacing a replica: who counts, what a new configuration needs, and what a log may lose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import membership
from ddbproof.model.kernel.membership import Group, Replica, Trio
from ddbproof.model.kernel.refusal import NotAllowed

THREE = Trio(1, 2, 3)
small = st.integers(0, 4)
replicas = st.builds(
    lambda configuration, start, more, full, applied: Replica(
        configuration, start, start + more, full, min(start + applied, start + more) if full else 0
    ),
    small,
    small,
    small,
    st.booleans(),
    small,
)


@given(small, small, small, small, small)
def test_a_quorum_is_two_members_that_hold_it(one: int, other: int, held: int, too: int, end: int) -> None:
    """REP-03: two different members, each with all of it."""
    expected = one in (1, 2, 3) and other in (1, 2, 3) and one != other and min(held, too) >= end
    assert membership.has_quorum(THREE, one, other, held, too, end) == expected


@given(st.sampled_from((1, 2, 3)))
def test_only_the_leaver_leaves(leaver: int) -> None:
    """A change replaces one member and keeps the other two."""
    group = membership.finish_change(membership.begin_change(Group(0, THREE), leaver, 4))
    assert group.number == 1
    assert {group.members.first, group.members.second, group.members.third} == {1, 2, 3, 4} - {leaver}


def test_one_change_at_a_time() -> None:
    """A second change waits until the first is over."""
    group = membership.begin_change(Group(0, THREE), 3, 4)
    with pytest.raises(NotAllowed):
        membership.begin_change(group, 2, 5)
    over = membership.finish_change(group)
    with pytest.raises(NotAllowed):
        membership.finish_change(over)
    assert membership.begin_change(over, 2, 5).joiner == 5


@pytest.mark.parametrize(("leaver", "joiner"), [(4, 5), (3, 2), (3, 3)])
def test_a_change_brings_in_somebody_new(leaver: int, joiner: int) -> None:
    """A member leaves, and one that is none comes in."""
    with pytest.raises(NotAllowed):
        membership.begin_change(Group(0, THREE), leaver, joiner)


@given(replicas, small)
def test_a_promise_is_the_end_of_the_past(replica: Replica, number: int) -> None:
    """Who promised a configuration acknowledges in it and in no older one."""
    if number <= replica.configuration:
        with pytest.raises(NotAllowed):
            membership.on_promise(replica, number)
        return
    after = membership.on_promise(replica, number)
    assert [n for n in range(6) if membership.may_acknowledge(after.configuration, n)] == [number]
    assert (after.start, after.end, after.full, after.applied) == (
        replica.start,
        replica.end,
        replica.full,
        replica.applied,
    )


def test_a_log_replica_counts_and_has_no_items() -> None:
    """REP-11: it begins at the floor, takes entries at once, and applies none."""
    replica = membership.on_entry(membership.on_join(Replica(), 3), 3)
    assert (replica.start, replica.end, replica.full) == (3, 4, False)
    assert not membership.has_items(replica, 0)
    with pytest.raises(NotAllowed):
        membership.on_apply(replica, 0)


@given(replicas, small)
def test_entries_come_one_after_the_other(replica: Replica, index: int) -> None:
    """REP-12: the next entry is appended and applied, and no other."""
    if index == replica.end:
        assert membership.on_entry(replica, index).end == index + 1
    else:
        with pytest.raises(NotAllowed):
            membership.on_entry(replica, index)
    if replica.full and index == replica.applied and index < replica.end:
        assert membership.on_apply(replica, index).applied == index + 1
    else:
        with pytest.raises(NotAllowed):
            membership.on_apply(replica, index)


@given(replicas, st.integers(0, 9))
def test_a_snapshot_leaves_no_gap(replica: Replica, taken_at: int) -> None:
    """REP-12: a healed replica goes on with the entry after the snapshot, and keeps the log that it has."""
    if taken_at < replica.start or taken_at <= replica.applied:
        with pytest.raises(NotAllowed):
            membership.on_snapshot(replica, taken_at)
        return
    after = membership.on_snapshot(replica, taken_at)
    assert after.full
    assert after.applied == taken_at
    assert after.start <= taken_at <= after.end
    assert after.end >= replica.end


@given(replicas, small, st.integers(0, 9))
def test_what_no_items_have_is_not_trimmed(replica: Replica, floor: int, start: int) -> None:
    """A log loses entries before the floor, and a full replica's only those that its items hold."""
    group = Group(0, THREE, floor=floor)
    kept = replica.applied if replica.full else replica.end
    if replica.start < start <= min(floor, replica.end, kept):
        assert membership.on_trim(replica, group, start).start == start
    else:
        with pytest.raises(NotAllowed):
            membership.on_trim(replica, group, start)


def test_the_floor_only_rises() -> None:
    """A floor that is not higher is refused."""
    group = membership.raise_floor(Group(0, THREE, floor=1), 2)
    assert group.floor == 2
    with pytest.raises(NotAllowed):
        membership.raise_floor(group, 2)


@given(small, small)
def test_what_either_promise_tells_of_is_needed(one: int, other: int) -> None:
    """A new configuration begins with the greater of two ends."""
    assert membership.needed(one, other) == max(one, other)
