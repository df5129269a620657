"""Trials of point-in-time recovery: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import instants, recovery
from ddbproof.model.kernel.backup import Cut
from ddbproof.model.kernel.recovery import Recovery
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.recovery import DAY_MILLISECONDS, State, system


@system.cover("PI-22")
def a_mistake_is_undone(state: State) -> Any:
    """A restore leaves out an entry that came after the asked instant, and holds one from before."""
    made = state.restore
    return both(made.planned, made.plan.to_position == 1, state.log.length == 2)


@system.cover("PI-24")
def restored_from_a_trimmed_log(state: State) -> Any:
    """With the log trimmed, a restore is made from a snapshot and what is left."""
    made = state.restore
    return both(made.planned, made.trimmed > 0, made.plan.to_position > made.plan.from_position)


@system.cover("PI-09")
def a_shorter_period_let_go(state: State) -> Any:
    """Something that was restorable is not any more because the period was made shorter."""
    asked = state.question
    return both(
        asked.enabled,
        neg(asked.answer),
        asked.instant < asked.retained_from,
        state.settings.period_days == 1,
        asked.instant >= asked.now - 2 * DAY_MILLISECONDS,
    )


@system.cover("PI-21")
def deleted_with_recovery_on(state: State) -> Any:
    """A table with something in it is deleted and leaves a backup."""
    return both(state.system_backup, state.log.length > 0)


@system.cover("PI-14")
def refused_while_off(state: State) -> Any:
    """While recovery is off nothing is restorable."""
    return both(state.question.now > 0, neg(state.question.enabled), neg(state.question.answer))


@system.mutant("recovery.may_trim")
def trims_to_the_present(anchor: Cut, position: int) -> bool:
    """The log is trimmed without regard to what may be restored."""
    return True


@system.mutant("recovery.earliest_restorable")
def window_of_a_day_more(settings: Recovery, now_milliseconds: int) -> int:
    """The window is a day longer than the period."""
    return instants.higher(
        settings.floor_milliseconds, now_milliseconds - (settings.period_days + 1) * DAY_MILLISECONDS
    )


@system.mutant("recovery.change_period")
def growing_brings_back(settings: Recovery, now_milliseconds: int, period_days: int) -> Recovery:
    """A longer period brings back what a shorter one had let go."""
    require(settings.enabled)
    require(period_days >= 1)
    require(period_days <= 35)
    return Recovery(settings.floor_milliseconds, period_days)


@system.mutant("recovery.move_anchor")
def anchor_too_young(settings: Recovery, anchor: Cut, snapshot: Cut, now_milliseconds: int) -> Cut:
    """The newest snapshot becomes the anchor, though older instants can still be asked for."""
    require(snapshot.position >= anchor.position)
    return snapshot


@system.mutant("recovery.reaches")
def trimmed_log_ignored(snapshot: Cut, trimmed: int, position: int) -> bool:
    """A plan is made from entries that are no longer there."""
    return snapshot.position <= position


@system.mutant("recovery.leaves_system_backup")
def no_system_backup(settings: Recovery) -> bool:
    """Deleting a table leaves nothing."""
    return False


@system.mutant("recovery.is_restorable", harmless=True)
def window_said_otherwise(
    settings: Recovery, instant_milliseconds: int, now_milliseconds: int, lag_milliseconds: int
) -> bool:
    """The same window, asked from its upper end."""
    if instant_milliseconds > recovery.latest_restorable(settings, now_milliseconds, lag_milliseconds):
        return False
    return settings.enabled and instant_milliseconds >= recovery.earliest_restorable(
        settings, now_milliseconds
    )


_DAYS = tuple(number * DAY_MILLISECONDS for number in (0, 1, 2, 3))
system.scopes.append(
    Scope(
        values={
            "index": (0, 1, 2),
            "snapshot": (0, 1),
            "instant": _DAYS,
            "days": (0, 1, 2),
            "later": _DAYS[1:],
        },
        parameters=({"lag": DAY_MILLISECONDS}, {"lag": 0}),
        within=lambda state: state.log.length < 2 and state.now < 3 * DAY_MILLISECONDS,
        most_states=20_000,
    )
)
system.scopes.append(
    Scope(
        values={
            "index": (0, 1, 2),
            "snapshot": (0, 1),
            "instant": _DAYS,
            "days": (1,),
            "later": _DAYS[1:],
        },
        parameters=({"lag": 0},),
        within=lambda state: state.log.length < 3 and state.now < 3 * DAY_MILLISECONDS,
        actions=(
            "time_passes",
            "write",
            "promise",
            "enable",
            "take_snapshot",
            "move_anchor",
            "trim",
            "restore",
        ),
        most_states=60_000,
    )
)
