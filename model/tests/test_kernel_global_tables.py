"""Which tables make up a global table, its settings, and what becomes of a replica that is broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import detachment, global_tables, settings
from ddbproof.model.kernel.detachment import Link
from ddbproof.model.kernel.global_tables import ACTIVE, Group, Member
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.settings import Setting

HOUR = 3_600_000
TABLE = Member(ACTIVE, 1, 10, 5, 6, 7, True)


def grown(group: Group, region: int, account: int, taken: bool = False) -> tuple[Group, Member]:
    return global_tables.add_replica(group, TABLE, region, account, region_taken=taken, account_taken=False)


def test_a_replica_is_a_copy_elsewhere() -> None:
    """GT-01, GT-02, ME-08: name and key are the group's, and the Region is free."""
    group, replica = grown(global_tables.first_group(TABLE, 10, legacy=False), 2, 10)
    assert group.members == 2
    assert (replica.name, replica.key_schema) == (5, 6)
    assert replica.status == global_tables.CREATING
    with pytest.raises(NotAllowed):
        grown(group, 2, 10, taken=True)


def test_accounts_are_settled_by_the_first_two() -> None:
    """MA-01, MA-03: within one account no other joins; across accounts each is in its own."""
    within = global_tables.first_group(TABLE, 10, legacy=False)
    with pytest.raises(NotAllowed):
        grown(within, 2, 11)
    across = global_tables.first_group(TABLE, 11, legacy=False)
    assert across.across_accounts
    with pytest.raises(NotAllowed):
        global_tables.add_replica(across, TABLE, 2, 11, region_taken=False, account_taken=True)


def test_the_version_of_2017_wants_empty_tables_alike() -> None:
    """V1-02: both empty, with the same indexes and both images in the stream."""
    other = Member(ACTIVE, 2, 10, 5, 6, 7, True)
    assert global_tables.may_stand_beside(TABLE, other, True, True)
    assert not global_tables.may_stand_beside(TABLE, other, False, True)
    assert not global_tables.may_stand_beside(TABLE, other, True, False)
    assert not global_tables.may_stand_beside(TABLE, Member(ACTIVE, 2, 10, 5, 6, 7, False), True, True)
    assert not global_tables.may_stand_beside(TABLE, Member(ACTIVE, 2, 10, 5, 6, 8, True), True, True)


def test_removal_deletes_in_one_version_only() -> None:
    """GT-17, V1-06: and the last one is not removed but deleted as a table."""
    group = Group(2, 5, 6, 10)
    assert global_tables.remove_replica(group, TABLE)[1].status == global_tables.DELETING
    legacy = Group(2, 5, 6, 10, legacy=True)
    assert global_tables.remove_replica(legacy, TABLE) == (Group(1, 5, 6, 10, legacy=True), TABLE)
    with pytest.raises(NotAllowed):
        global_tables.remove_replica(Group(1, 5, 6, 10), TABLE)


@given(st.integers(0, 12), st.integers(0, 12))
def test_moves_stay_among_the_ten_states(before: int, after: int) -> None:
    """GT-09: nothing leads to a status that does not exist, and nothing back to the beginning."""
    if global_tables.may_move(before, after):
        assert 2 <= after <= 10
        assert 1 <= before <= 10
        assert after != global_tables.CREATING


@given(st.integers(0, 11))
def test_replicas_take_requests_while_they_can(status: int) -> None:
    """GT-04: also while they are updated, and while only replication is denied."""
    assert global_tables.takes_requests(Member(status)) == (status in (3, 5, 10))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 9)), max_size=6))
def test_settings_end_up_the_same_in_any_order(changes: list[tuple[int, int, int]]) -> None:
    """GT-11: the change with the highest stamp, however often and in whatever order they come."""
    stamps = {(number, region): value for number, region, value in changes}
    arriving = [Setting(number, region, value) for (number, region), value in stamps.items()]
    found = {fold(arriving), fold([*reversed(arriving), *arriving])}
    assert len(found) == 1
    if stamps:
        assert found.pop().shared == stamps[max(stamps)]


def fold(changes: list[Setting]) -> Setting:
    present = Setting()
    for change in changes:
        present = settings.on_change(present, change)
    return present


def test_a_later_change_ends_an_override() -> None:
    """GT-12, GT-13: a change that is not later does not."""
    overridden = settings.change_own(Setting(2, 1, 5), settings.OVERRIDABLE, 9)
    assert settings.in_force(overridden) == 9
    assert settings.in_force(settings.on_change(overridden, Setting(2, 1, 5))) == 9
    assert settings.in_force(settings.on_change(overridden, Setting(3, 1, 6))) == 6


def test_kinds_that_depend_on_the_global_table() -> None:
    """GT-14, MA-05: streams are local in strong mode; encryption and class across accounts."""
    assert settings.kind_of(settings.STREAM, True, False) == settings.LOCAL
    assert settings.kind_of(settings.STREAM, False, False) == settings.SYNCHRONISED
    for setting in (settings.ENCRYPTION, settings.TABLE_CLASS):
        assert settings.kind_of(setting, False, True) == settings.LOCAL
    assert settings.kind_of(settings.READ_SCALING, False, True) == settings.OVERRIDABLE
    assert settings.kind_of(settings.READ_CAPACITY, False, True) == settings.SYNCHRONISED
    for across in (False, True):
        assert settings.kind_of(settings.RECOVERY, False, across) == settings.LOCAL


def test_what_is_shared_has_no_override() -> None:
    """GT-11, GT-14: and what is local is not sent."""
    with pytest.raises(NotAllowed):
        settings.change_own(Setting(), settings.SYNCHRONISED, 1)
    with pytest.raises(NotAllowed):
        settings.change_shared(Setting(), settings.LOCAL, 1, 1)


def test_twenty_hours() -> None:
    """GT-16, GT-19, GT-22: to the millisecond; protection holds all but a disabled Region."""
    for cause in (detachment.ROLE_DENIED, detachment.KEY_LOST, detachment.ACCOUNTS_APART):
        free = detachment.break_down(Link(protected=False), cause, 5)
        assert detachment.standing(free, 20 * HOUR + 4) == detachment.BROKEN
        assert detachment.standing(free, 20 * HOUR + 5) == detachment.DETACHED
        held = detachment.break_down(detachment.new_link(strong=False), cause, 5)
        assert detachment.standing(held, 900 * HOUR) == detachment.BROKEN
    disabled = detachment.break_down(Link(), detachment.REGION_DISABLED, 5)
    assert detachment.standing(disabled, 20 * HOUR + 5) == detachment.DETACHED


def test_seven_days_in_strong_mode() -> None:
    """GT-19, GT-20: requests fail at once, and for ever after seven days."""
    broken = detachment.break_down(detachment.new_link(strong=True), detachment.KEY_LOST, 5)
    assert not detachment.takes_requests(broken, 5)
    assert detachment.standing(broken, 168 * HOUR + 4) == detachment.BROKEN
    assert detachment.standing(broken, 168 * HOUR + 5) == detachment.INACCESSIBLE
    with pytest.raises(NotAllowed):
        detachment.repair(broken, 168 * HOUR + 5)


def test_notices_between_accounts() -> None:
    """MA-07: after 3 and 20 hours."""
    apart = detachment.break_down(Link(protected=False), detachment.ACCOUNTS_APART, 0)
    found = [detachment.notices(apart, hour * HOUR) for hour in (0, 2, 3, 19, 20, 21)]
    assert found == [0, 0, 1, 1, 2, 2]


def test_protection_is_set_alone_and_in_time() -> None:
    """GT-22: not with other changes, not in strong mode, not when it is too late."""
    with pytest.raises(NotAllowed):
        detachment.protect(Link(), protected=False, other_changes=True, now_milliseconds=0)
    with pytest.raises(NotAllowed):
        detachment.protect(Link(strong=True), protected=True, other_changes=False, now_milliseconds=0)
    late = detachment.break_down(Link(protected=False), detachment.ROLE_DENIED, 0)
    with pytest.raises(NotAllowed):
        detachment.protect(late, protected=True, other_changes=False, now_milliseconds=20 * HOUR)
