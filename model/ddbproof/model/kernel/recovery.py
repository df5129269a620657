"""Point-in-time recovery: the restore window, how settings move it, and what has to be kept for it.

Sources: PI-06 (period of 1 to 35 days), PI-07 (the latest restorable instant trails now, typically by five
minutes), PI-08 (the window rolls), PI-09 and PI-10 (a smaller period discards at once, a larger one grows
only as time passes), PI-14 and PI-15 (nothing can be restored while it is off, and enabling starts again), PI-21
(a deleted table leaves a backup), PI-24 (restores need the log and snapshots only). Whether the two ends of the
window are inclusive is unpublished (PI-12): here both are. How AWS keeps snapshots is unpublished too.

Ours: a restore to an instant is a cut (`kernel.backup`) at that instant, made from a snapshot and the entries
after it. A snapshot is itself a cut. One of them is the anchor: old enough for every instant that can still
be asked for, with all entries after it left. Trimming goes up to the anchor, and any other snapshot may go.

Instants are milliseconds since the epoch. Now never goes back.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.backup import Cut
from ddbproof.model.kernel.refusal import require

SHORTEST_PERIOD_DAYS = 1
LONGEST_PERIOD_DAYS = 35


class Recovery(msgspec.Struct, frozen=True, gc=False):
    """Settings of point-in-time recovery of a table.

    `floor_milliseconds` is the earliest instant that was not discarded: enabling sets it, shrinking the
    period raises it, nothing lowers it. `period_days` is RecoveryPeriodInDays. While it is not `enabled`
    the other two say nothing.
    """

    floor_milliseconds: int
    period_days: int
    enabled: bool = True


class Plan(msgspec.Struct, frozen=True, gc=False):
    """How to make a state: the snapshot at `from_position`, and the entries from there up to `to_position`."""

    from_position: int
    to_position: int


OFF = Recovery(0, LONGEST_PERIOD_DAYS, enabled=False)


# Settings.


def enable(now_milliseconds: int, period_days: int) -> Recovery:
    """Recovery switched on now: nothing before now can be restored (PI-08, PI-15).

    Raises NotAllowed for a period that is not 1 to 35 days (PI-06).
    """
    require(period_days >= SHORTEST_PERIOD_DAYS)
    require(period_days <= LONGEST_PERIOD_DAYS)
    return Recovery(now_milliseconds, period_days)


def change_period(recovery: Recovery, now_milliseconds: int, period_days: int) -> Recovery:
    """Another period: what the shorter of the two periods had dropped by now stays dropped (PI-09, PI-10).

    Raises NotAllowed while recovery is off, and for a period that is not 1 to 35 days.
    """
    require(recovery.enabled)
    require(period_days >= SHORTEST_PERIOD_DAYS)
    require(period_days <= LONGEST_PERIOD_DAYS)
    shorter_days = instants.lower(recovery.period_days, period_days)
    dropped_before = now_milliseconds - shorter_days * instants.MILLISECONDS_A_DAY
    return Recovery(instants.higher(recovery.floor_milliseconds, dropped_before), period_days)


def turn_on(recovery: Recovery, now_milliseconds: int, period_days: int) -> Recovery:
    """What asking for recovery with a period does: enables it, or changes the period if it is on (PI-15).

    Raises NotAllowed for a period that is not 1 to 35 days.
    """
    if recovery.enabled:
        return change_period(recovery, now_milliseconds, period_days)
    return enable(now_milliseconds, period_days)


def disable(recovery: Recovery) -> Recovery:
    """Recovery switched off; also what deleting the table does to it (PI-21)."""
    return Recovery(recovery.floor_milliseconds, recovery.period_days, enabled=False)


def leaves_system_backup(recovery: Recovery) -> bool:
    """True if deleting the table leaves a backup of its last state (PI-21, BK-16)."""
    return recovery.enabled


# The window.


def earliest_restorable(recovery: Recovery, now_milliseconds: int) -> int:
    """EarliestRestorableDateTime of recovery that is on: the start of the rolling window (PI-08)."""
    return instants.higher(
        recovery.floor_milliseconds,
        now_milliseconds - recovery.period_days * instants.MILLISECONDS_A_DAY,
    )


def latest_restorable(recovery: Recovery, now_milliseconds: int, lag_milliseconds: int) -> int:
    """LatestRestorableDateTime: `lag_milliseconds` behind now, never before the window starts (PI-07)."""
    return instants.higher(
        earliest_restorable(recovery, now_milliseconds), now_milliseconds - lag_milliseconds
    )


def is_restorable(
    recovery: Recovery, instant_milliseconds: int, now_milliseconds: int, lag_milliseconds: int
) -> bool:
    """True when a restore to `instant_milliseconds` is legal now; both ends of the window are (PI-12)."""
    if not recovery.enabled:
        return False
    if instant_milliseconds < earliest_restorable(recovery, now_milliseconds):
        return False
    return instant_milliseconds <= latest_restorable(recovery, now_milliseconds, lag_milliseconds)


# What is kept.


def oldest_needed(recovery: Recovery, now_milliseconds: int) -> int:
    """No instant before this one can be asked for, now or ever: while recovery is off, enabling comes later."""
    if recovery.enabled:
        return earliest_restorable(recovery, now_milliseconds)
    return now_milliseconds


def move_anchor(recovery: Recovery, anchor: Cut, snapshot: Cut, now_milliseconds: int) -> Cut:
    """The anchor from now on: `snapshot`, to which all entries after it are left.

    Raises NotAllowed if that is younger than what may be asked for, or lies before the present anchor.
    """
    require(snapshot.instant_milliseconds <= oldest_needed(recovery, now_milliseconds))
    require(snapshot.position >= anchor.position)
    return snapshot


def may_trim(anchor: Cut, position: int) -> bool:
    """True if the entries before `position` may be removed from the log."""
    return position <= anchor.position


def may_drop_snapshot(anchor: Cut, snapshot: Cut) -> bool:
    """True if no restore to an instant needs the snapshot: any may go, except the anchor."""
    return snapshot.position != anchor.position


def reaches(snapshot: Cut, trimmed: int, position: int) -> bool:
    """True if the snapshot and what is left of the log make the state at `position`.

    `trimmed` is how many entries were removed. A snapshot at the very position needs no entry.
    """
    if snapshot.position == position:
        return True
    if snapshot.position > position:
        return False
    return trimmed <= snapshot.position


def plan(snapshot: Cut, trimmed: int, cut: Cut) -> Plan:
    """How to make the state of a cut, a backup's or a restore's. Raises NotAllowed if the snapshot does not reach."""
    require(reaches(snapshot, trimmed, cut.position))
    return Plan(snapshot.position, cut.position)


def restore_plan(
    recovery: Recovery,
    now_milliseconds: int,
    lag_milliseconds: int,
    snapshot: Cut,
    trimmed: int,
    cut: Cut,
) -> Plan:
    """How to make the state at the instant of a cut. Raises NotAllowed as `plan` does, and outside the window."""
    require(is_restorable(recovery, cut.instant_milliseconds, now_milliseconds, lag_milliseconds))
    return plan(snapshot, trimmed, cut)
