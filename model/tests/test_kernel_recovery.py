"""The restore window of point-in-time recovery."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.recovery import (
    MILLISECONDS_A_DAY,
    change_period,
    earliest_restorable,
    enable,
    is_restorable,
    latest_restorable,
)

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
