"""Point-in-time recovery: the restore window, and what is kept for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.backup import BEGINNING, Cut
from ddbproof.model.kernel.instants import MILLISECONDS_A_DAY
from ddbproof.model.kernel.recovery import (
    OFF,
    Plan,
    Recovery,
    change_period,
    disable,
    earliest_restorable,
    enable,
    is_restorable,
    latest_restorable,
    leaves_system_backup,
    may_drop_snapshot,
    may_trim,
    move_anchor,
    oldest_needed,
    plan,
    reaches,
    restore_plan,
    turn_on,
)
from ddbproof.model.kernel.refusal import NotAllowed

DAY = MILLISECONDS_A_DAY
LAG = 300_000
periods = st.integers(1, 35)
instants = st.integers(0, 80 * DAY)


@given(instants, periods, st.integers(0, 80 * DAY))
def test_the_window_rolls_and_never_reaches_before_enabling(enabled: int, period: int, passed: int) -> None:
    """PI-08: earliest is the later of enabling and now minus the period."""
    now = enabled + passed
    assert earliest_restorable(enable(enabled, period), now) == max(enabled, now - period * DAY)


@given(instants, periods, st.integers(0, 80 * DAY))
def test_latest_trails_now_but_stays_in_the_window(enabled: int, period: int, passed: int) -> None:
    """PI-07: latest is five minutes behind now, or the start of the window while that is younger."""
    now = enabled + passed
    recovery = enable(enabled, period)
    latest = latest_restorable(recovery, now, LAG)
    assert earliest_restorable(recovery, now) <= latest <= now
    assert latest == max(enabled, now - LAG)


@given(periods, periods, st.integers(0, 80 * DAY), st.integers(0, 80 * DAY))
def test_changing_the_period_never_brings_a_discarded_instant_back(
    first: int, second: int, until_change: int, after: int
) -> None:
    """PI-09, PI-10: no sequence of shrinking and growing makes an instant legal that had become illegal."""
    recovery = enable(0, first)
    changed = change_period(recovery, until_change, second)
    now = until_change + after
    before = earliest_restorable(recovery, until_change)
    at_change = earliest_restorable(changed, until_change)
    assert at_change >= before
    assert earliest_restorable(changed, now) >= at_change


def test_shrinking_moves_earliest_forward_at_once() -> None:
    """PI-09: 35 days down to 7 drops 28 days now."""
    recovery = change_period(enable(0, 35), 40 * DAY, 7)
    assert earliest_restorable(recovery, 40 * DAY) == 33 * DAY


def test_growing_waits_for_the_longer_window_to_fill() -> None:
    """PI-10: 7 days up to 35 leaves earliest where it is for 28 days, then it rolls again."""
    recovery = change_period(enable(0, 7), 40 * DAY, 35)
    assert earliest_restorable(recovery, 40 * DAY) == 33 * DAY
    assert earliest_restorable(recovery, 68 * DAY) == 33 * DAY
    assert earliest_restorable(recovery, 69 * DAY) == 34 * DAY


@given(st.integers(-DAY, 81 * DAY))
def test_legal_instants_are_those_of_the_window(instant: int) -> None:
    """PI-12: inside, ends included, is legal; one millisecond outside is not."""
    recovery = enable(10 * DAY, 35)
    now = 50 * DAY
    assert is_restorable(recovery, instant, now, LAG) == (15 * DAY <= instant <= now - LAG)


@pytest.mark.parametrize("days", [0, 36, -1])
def test_only_periods_of_1_to_35_days_are_taken(days: int) -> None:
    """PI-06: whether recovery is off or on."""
    with pytest.raises(NotAllowed):
        enable(0, days)
    with pytest.raises(NotAllowed):
        change_period(enable(0, 1), 0, days)


@given(periods, st.integers(0, 40 * DAY), st.integers(0, 40 * DAY))
def test_while_it_is_off_nothing_can_be_restored(period: int, on_for: int, later: int) -> None:
    """PI-14, PI-15: enabling again starts at that instant, whatever was restorable before."""
    off = disable(enable(0, period))
    assert not is_restorable(off, 0, on_for, LAG)
    with pytest.raises(NotAllowed):
        change_period(off, on_for, period)
    again = enable(on_for + later, period)
    assert earliest_restorable(again, on_for + later) == on_for + later


@given(periods, periods, st.integers(0, 40 * DAY))
def test_asking_for_it_again_only_changes_the_period(first: int, second: int, later: int) -> None:
    """PI-15: the window starts again only if recovery was off."""
    recovery = turn_on(OFF, 0, first)
    assert recovery == enable(0, first)
    assert turn_on(recovery, later, second) == change_period(recovery, later, second)
    assert turn_on(disable(recovery), later, second) == enable(later, second)


def test_only_a_table_with_recovery_leaves_a_backup() -> None:
    """BK-16, PI-21."""
    assert leaves_system_backup(enable(0, 1))
    assert not leaves_system_backup(OFF)
    assert not leaves_system_backup(disable(enable(0, 1)))


settings = st.lists(
    st.tuples(st.sampled_from(["on", "off", "wait"]), periods, st.integers(0, 40 * DAY)), max_size=12
)


@given(settings, st.integers(0, 12), st.integers(0, 80 * DAY))
def test_what_was_not_needed_once_is_never_asked_for_again(
    steps: list[tuple[str, int, int]], looked_after: int, instant: int
) -> None:
    """PI-09, PI-10, PI-15: no switching, resizing or waiting makes an instant legal again that was given up."""
    recovery, now, given_up = OFF, 0, -1
    for number, (what, period, pause) in enumerate(steps):
        if what == "off":
            recovery = disable(recovery)
        elif what == "on":
            recovery = turn_on(recovery, now, period)
        now += pause
        if number == looked_after:
            given_up = oldest_needed(recovery, now)
        assert oldest_needed(recovery, now) >= given_up
        if instant < given_up:
            assert not is_restorable(recovery, instant, now, LAG)


class Archive:
    """A log of timestamps and snapshots, trimmed as far as the kernel allows; the naive one keeps all."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.trimmed = 0
        self.anchor = BEGINNING
        self.snapshots = [BEGINNING]

    def cut(self, instant: int) -> Cut:
        return Cut(sum(it <= instant for it in self.stamps), instant)

    def snapshot(self, instant: int) -> None:
        self.snapshots.append(self.cut(instant))

    def tidy(self, recovery: Recovery, now: int) -> None:
        """Anchor at the youngest snapshot that may be, trim to it, drop every other one that may go."""
        for snapshot in self.snapshots:
            try:
                self.anchor = move_anchor(recovery, self.anchor, snapshot, now)
            except NotAllowed:
                continue
        self.trimmed = max(at for at in range(len(self.stamps) + 1) if may_trim(self.anchor, at))
        self.snapshots = [it for it in self.snapshots if not may_drop_snapshot(self.anchor, it)]


archived = st.lists(
    st.tuples(st.sampled_from(["write", "snapshot", "tidy", "on", "off"]), periods, st.integers(0, 9 * DAY)),
    max_size=25,
)


@given(archived, st.integers(0, 200 * DAY))
def test_every_legal_instant_can_be_restored_whatever_was_trimmed(
    steps: list[tuple[str, int, int]], instant: int
) -> None:
    """PI-24: a snapshot that is left and the log that is left make exactly what carries a timestamp up to it."""
    archive, recovery, now = Archive(), OFF, 0
    for what, period, pause in steps:
        now += pause
        if what == "write":
            archive.stamps.append(now)
        elif what == "snapshot":
            archive.snapshot(now - period)
        elif what == "tidy":
            archive.tidy(recovery, now)
        elif what == "off":
            recovery = disable(recovery)
        else:
            recovery = turn_on(recovery, now, period)
    cut = archive.cut(instant)
    if not is_restorable(recovery, instant, now, LAG):
        with pytest.raises(NotAllowed):
            restore_plan(recovery, now, LAG, archive.anchor, archive.trimmed, cut)
        return
    made = restore_plan(recovery, now, LAG, archive.anchor, archive.trimmed, cut)
    assert made == Plan(archive.anchor.position, sum(it <= instant for it in archive.stamps))
    assert archive.anchor in archive.snapshots
    assert archive.trimmed <= made.from_position <= made.to_position


def test_trimming_goes_up_to_the_anchor_and_no_further() -> None:
    """PI-24: the entries after the anchor are what restores are made of."""
    anchor = Cut(5, 100)
    assert may_trim(anchor, 5)
    assert not may_trim(anchor, 6)


def test_the_anchor_is_no_younger_than_what_may_be_asked_for_and_never_goes_back() -> None:
    """PI-08, PI-24: at the earliest restorable instant is old enough, a millisecond later is not."""
    recovery, now = enable(0, 1), 3 * DAY
    old_enough = Cut(4, 2 * DAY)
    assert move_anchor(recovery, BEGINNING, old_enough, now) == old_enough
    assert move_anchor(recovery, Cut(4, DAY), old_enough, now) == old_enough
    with pytest.raises(NotAllowed):
        move_anchor(recovery, BEGINNING, Cut(4, 2 * DAY + 1), now)
    with pytest.raises(NotAllowed):
        move_anchor(recovery, old_enough, Cut(3, DAY), now)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_a_snapshot_reaches_what_the_log_after_it_can_make(at: int, trimmed: int, position: int) -> None:
    """BK-09: it is the position itself, or all entries from the snapshot up to it are left."""
    wanted = set(range(at, position))
    left = set(range(trimmed, 10))
    assert reaches(Cut(at, 0), trimmed, position) == (at <= position and wanted <= left)


def test_a_backup_without_its_entries_needs_its_own_snapshot() -> None:
    """BK-09: a plan that would read what was trimmed is refused."""
    cut = Cut(4, 50)
    with pytest.raises(NotAllowed):
        plan(Cut(2, 20), 3, cut)
    assert plan(Cut(2, 20), 2, cut) == Plan(2, 4)
    assert plan(cut, 9, cut) == Plan(4, 4)


def test_outside_the_window_there_is_no_plan() -> None:
    """PI-12: one millisecond before the window, or after it."""
    recovery, now = enable(10, 1), 10 * DAY
    for instant, legal in [(9 * DAY - 1, False), (9 * DAY, True), (now - LAG, True), (now - LAG + 1, False)]:
        if legal:
            assert restore_plan(recovery, now, LAG, BEGINNING, 0, Cut(3, instant)) == Plan(0, 3)
        else:
            with pytest.raises(NotAllowed):
                restore_plan(recovery, now, LAG, BEGINNING, 0, Cut(3, instant))
