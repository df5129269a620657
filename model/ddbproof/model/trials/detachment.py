"""Trials of broken replicas: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import detachment
from ddbproof.model.kernel.detachment import Link
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.detachment import (
    ACCOUNTS_APART,
    BROKEN,
    DETACHED,
    HOUR_MILLISECONDS,
    INACCESSIBLE,
    KEY_LOST,
    REGION_DISABLED,
    REPLICATING,
    ROLE_DENIED,
    State,
    hours,
    system,
)


@system.cover("GT-16")
def detached_although_protected(state: State) -> Any:
    """A protected replica in a disabled Region stands alone."""
    return both(
        state.asked.standing == DETACHED,
        state.asked.then.cause == REGION_DISABLED,
        state.asked.then.protected,
    )


@system.cover("GT-19")
def repaired_in_time(state: State) -> Any:
    """A replica that was broken replicates again."""
    return both(state.asked.standing == REPLICATING, state.asked.then.broke > 0)


@system.cover("GT-20", "GT-22")
def protected_for_a_week(state: State) -> Any:
    """A protected replica without its key is still a replica after a week."""
    asked = state.asked
    return both(asked.standing == BROKEN, asked.then.cause == KEY_LOST, hours(asked.then, 160, asked.now))


@system.cover("GT-19")
def inaccessible(state: State) -> Any:
    """In strong mode a replica is inaccessible for ever."""
    return both(state.asked.standing == INACCESSIBLE, state.asked.then.cause == ROLE_DENIED)


@system.cover("GT-22")
def protection_is_taken_off_late(state: State) -> Any:
    """A replica was protected for longer than 20 hours, and was not any more."""
    return both(state.asked.standing == DETACHED, state.asked.then.cause == ROLE_DENIED)


@system.cover("MA-07")
def noticed_once(state: State) -> Any:
    """One notice has gone out, and the replica is still one."""
    return both(state.asked.notices == 1, state.asked.standing == BROKEN, neg(state.asked.then.protected))


@system.cover("MA-07")
def separated(state: State) -> Any:
    """A replica in another account is a table of its own."""
    return both(state.asked.then.cause == ACCOUNTS_APART, state.asked.standing == DETACHED)


@system.cover("GT-19")
def writes_go_on_while_it_is_broken(state: State) -> Any:
    """In eventual mode a replica takes requests although its role is denied."""
    return both(state.asked.requests, state.asked.then.cause == ROLE_DENIED)


@system.mutant("detachment.standing")
def detached_after_a_day(link: Link, now_milliseconds: int) -> int:
    """Replicas in eventual mode are detached after 24 hours."""
    if link.cause == 0:
        return 0
    if link.strong:
        return 3 if detachment.broken_for(link, 168, now_milliseconds) else 1
    if detachment.is_held(link):
        return 1
    return 2 if detachment.broken_for(link, 24, now_milliseconds) else 1


@system.mutant("detachment.standing")
def strong_replicas_are_detached(link: Link, now_milliseconds: int) -> int:
    """A broken replica in strong mode is detached as in eventual mode."""
    if link.cause == 0:
        return 0
    if detachment.is_held(link):
        return 1
    return 2 if detachment.broken_for(link, 20, now_milliseconds) else 1


@system.mutant("detachment.is_held")
def protection_is_ignored(link: Link) -> bool:
    """Protection holds nothing back."""
    return False


@system.mutant("detachment.is_held")
def a_disabled_region_is_protected(link: Link) -> bool:
    """Protection keeps a replica in a disabled Region."""
    return link.protected


@system.mutant("detachment.repair")
def repaired_too_late(link: Link, now_milliseconds: int) -> Link:
    """A replica that was detached replicates again as if nothing had been."""
    require(link.cause != 0)
    return Link(link.strong, 0, 0, link.protected)


@system.mutant("detachment.protect")
def protected_too_late(link: Link, protected: bool, other_changes: bool, now_milliseconds: int) -> Link:
    """A replica that was detached is one again when it is protected."""
    require(not link.strong)
    return Link(link.strong, link.cause, link.broke_milliseconds, protected)


@system.mutant("detachment.break_down")
def the_clock_starts_late(link: Link, cause: int, now_milliseconds: int) -> Link:
    """The time counts from an hour after the break."""
    require(link.cause == 0)
    if link.strong:
        require((cause == 2) | (cause == 3))
    return Link(link.strong, cause, now_milliseconds + HOUR_MILLISECONDS, link.protected)


@system.mutant("detachment.notices")
def the_notice_comes_with_the_separation(link: Link, now_milliseconds: int) -> int:
    """Both notices go out after 20 hours."""
    if link.cause != 4:
        return 0
    return 2 if detachment.broken_for(link, 20, now_milliseconds) else 0


@system.mutant("detachment.new_link")
def not_protected_from_the_start(strong: bool) -> Link:
    """A new replica in eventual mode is not protected."""
    return Link(strong, 0, 0, False)


@system.mutant("detachment.takes_requests")
def strong_mode_goes_on_alone(link: Link, now_milliseconds: int) -> bool:
    """A broken replica in strong mode takes writes until it is inaccessible."""
    if link.strong:
        return detachment.standing(link, now_milliseconds) < INACCESSIBLE
    return link.cause not in (REGION_DISABLED, KEY_LOST)


@system.mutant("detachment.broken_for", harmless=True)
def said_by_the_duration(link: Link, hours: int, now_milliseconds: int) -> bool:
    """The same, by how long it has been."""
    if link.cause == 0:
        return False
    return now_milliseconds - link.broke_milliseconds >= hours * HOUR_MILLISECONDS


system.scopes.append(
    Scope(
        values={
            "later": tuple(hour * HOUR_MILLISECONDS for hour in (1, 3, 4, 20, 21, 169)),
            "cause": (1, 2, 3, 4),
        },
        parameters=({"strong": True}, {"strong": False}),
    )
)
