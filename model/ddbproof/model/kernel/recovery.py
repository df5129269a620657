"""Point-in-time recovery: the restore window and how switching and resizing move it.

Sources: PI-06 (period of 1 to 35 days), PI-07 (the latest restorable instant trails now, typically by five
minutes), PI-08 (the window rolls), PI-09 and PI-10 (a smaller period discards at once, a larger one grows
only as time passes), PI-15 (disabling and enabling starts again). Whether the two ends of the window are
inclusive is unpublished (PI-12): here both are. All instants are milliseconds since the epoch.
"""

from __future__ import annotations

import msgspec

MILLISECONDS_A_DAY = 86_400_000
LONGEST_PERIOD_DAYS = 35


class Recovery(msgspec.Struct, frozen=True, gc=False):
    """Settings of a table with point-in-time recovery on.

    `floor_milliseconds` is the earliest instant that was not discarded: enabling sets it, shrinking the
    period raises it, nothing lowers it. `period_days` is RecoveryPeriodInDays.
    """

    floor_milliseconds: int
    period_days: int


def higher(left: int, right: int) -> int:
    """The greater of two integers, as a function of its own so that a prover can fold it into one term."""
    if left > right:
        return left
    return right


def lower(left: int, right: int) -> int:
    """The smaller of two integers; see `higher`."""
    if left < right:
        return left
    return right


def enable(now_milliseconds: int, period_days: int) -> Recovery:
    """Recovery switched on now: nothing before now can be restored (PI-08, PI-15)."""
    return Recovery(now_milliseconds, period_days)


def change_period(recovery: Recovery, now_milliseconds: int, period_days: int) -> Recovery:
    """Another period: what the shorter of the two periods had dropped by now stays dropped (PI-09, PI-10)."""
    shorter_days = lower(recovery.period_days, period_days)
    dropped_before = now_milliseconds - shorter_days * MILLISECONDS_A_DAY
    return Recovery(higher(recovery.floor_milliseconds, dropped_before), period_days)


def earliest_restorable(recovery: Recovery, now_milliseconds: int) -> int:
    """EarliestRestorableDateTime: the start of the rolling window (PI-08)."""
    return higher(recovery.floor_milliseconds, now_milliseconds - recovery.period_days * MILLISECONDS_A_DAY)


def latest_restorable(recovery: Recovery, now_milliseconds: int, lag_milliseconds: int) -> int:
    """LatestRestorableDateTime: `lag_milliseconds` behind now, never before the window starts (PI-07)."""
    return higher(earliest_restorable(recovery, now_milliseconds), now_milliseconds - lag_milliseconds)


def is_restorable(
    recovery: Recovery, instant_milliseconds: int, now_milliseconds: int, lag_milliseconds: int
) -> bool:
    """True when a restore to `instant_milliseconds` is legal now; both ends of the window are (PI-12)."""
    return (
        earliest_restorable(recovery, now_milliseconds)
        <= instant_milliseconds
        <= latest_restorable(recovery, now_milliseconds, lag_milliseconds)
    )
