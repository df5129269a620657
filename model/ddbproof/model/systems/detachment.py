"""A replica that breaks, is repaired or not, is protected or not; and is asked at any time how it stands.

Sources: GT-16, GT-19, GT-20, GT-22, MA-07. The kernel is `kernel/detachment.py`. One replica: none looks at another here.
That it stands alone "in the end" is no hope but an answer: from the hour on it is given whenever anybody asks.

`due` is remembered by steps that come too late: that by then the replica was already detached, or inaccessible. `mixed` remembers that
protection was set by a request that changed something else as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, implies, neg, same_truth
from ddbproof.model.kernel import detachment
from ddbproof.model.kernel.detachment import Link
from ddbproof.model.kernel.refusal import require

WORKING, REGION_DISABLED, ROLE_DENIED, KEY_LOST, ACCOUNTS_APART = range(5)
REPLICATING, BROKEN, DETACHED, INACCESSIBLE = range(4)
HOUR_MILLISECONDS = 60 * 60 * 1000


class Truth(msgspec.Struct, frozen=True):
    """How things are in truth: what is broken, since when, and what was asked for last of protection."""

    cause: int
    broke: int
    protected: bool


class Asked(msgspec.Struct, frozen=True):
    """The last answers, when they were given and how things were then."""

    now: int
    then: Truth
    standing: int
    requests: bool
    notices: int


class State(msgspec.Struct, frozen=True):
    """The replica, time, and what is remembered."""

    link: Link
    now: int
    truth: Truth
    due: bool
    mixed: bool
    asked: Asked
    strong: bool


system = System("detachment", "Replicas that are broken", State, [detachment])
system.scope_in_words = [
    "one replica; why it broke and when it is repaired is up to the adversary, and so is when anybody asks",
    "in strong mode a disabled Region is a Region that is away: the system strong",
    "protection taken off after the time is up detaches at once: ours",
]
system.merged = (
    "detachment.broken_for",
    "detachment.is_held",
    "detachment.standing",
    "detachment.notices",
    "detachment.takes_requests",
)
replace = msgspec.structs.replace


@system.initial
def joined(strong: bool) -> State:
    """A new replica."""
    truth = Truth(WORKING, 0, neg(strong))
    asked = Asked(0, truth, REPLICATING, True, 0)
    return State(detachment.new_link(strong), 0, truth, False, False, asked, strong)


@system.action
def time_passes(state: State, later: int) -> State:
    """Time goes on."""
    require(later > state.now)
    return replace(state, now=later)


@system.action
def break_down(state: State, cause: int) -> State:
    """Something breaks replication."""
    require(cause > WORKING)
    require(cause <= ACCOUNTS_APART)
    link = detachment.break_down(state.link, cause, state.now)
    since = state.now
    if state.truth.cause != WORKING:
        since = state.truth.broke
    return replace(state, link=link, truth=Truth(cause, since, state.truth.protected))


@system.action
def repair(state: State) -> State:
    """What broke it is gone."""
    link = detachment.repair(state.link, state.now)
    late = either(state.due, over(state.truth, state.strong, state.now))
    return replace(state, link=link, truth=replace(state.truth, cause=WORKING), due=late)


@system.action
def protect(state: State, protected: bool, other_changes: bool) -> State:
    """Somebody sets disassociation protection."""
    link = detachment.protect(state.link, protected, other_changes, state.now)
    late = either(state.due, over(state.truth, state.strong, state.now))
    return replace(
        state,
        link=link,
        truth=replace(state.truth, protected=protected),
        due=late,
        mixed=either(state.mixed, other_changes),
    )


@system.action
def ask(state: State) -> State:
    """Somebody asks how the replica stands, and what it takes."""
    asked = Asked(
        state.now,
        state.truth,
        detachment.standing(state.link, state.now),
        detachment.takes_requests(state.link, state.now),
        detachment.notices(state.link, state.now),
    )
    return replace(state, asked=asked)


def hours(truth: Truth, number: int, now: int) -> Any:
    """That it has been broken for so many hours."""
    return both(truth.cause != WORKING, now - truth.broke >= number * HOUR_MILLISECONDS)


def over(truth: Truth, strong: bool, now: int) -> Any:
    """That by now it is detached, or for ever inaccessible, said without the kernel."""
    held = both(truth.protected, truth.cause != REGION_DISABLED)
    return either(
        both(neg(strong), neg(held), hours(truth, 20, now)), both(strong, hours(truth, 7 * 24, now))
    )


@system.invariant
def truth(state: State) -> Iterator[Any]:
    """The link's record says how things are."""
    yield state.link.cause == state.truth.cause
    yield implies(state.truth.cause != WORKING, state.link.broke_milliseconds == state.truth.broke)
    yield same_truth(state.link.protected, state.truth.protected)
    yield same_truth(state.link.strong, state.strong)


@system.invariant
def causes(state: State) -> Iterator[Any]:
    """Causes are among those that there are; strong mode has two."""
    yield both(state.truth.cause >= WORKING, state.truth.cause <= ACCOUNTS_APART)
    for one in (state.truth, state.asked.then):
        yield implies(state.strong, either(*(one.cause == it for it in (WORKING, ROLE_DENIED, KEY_LOST))))


@system.safe("GT-16")
def SAFE_a_disabled_region_stands_alone_after_20_hours(state: State) -> Iterator[Any]:
    """20 hours after its Region was disabled a replica is a table of its own, protected or not, and not before."""
    asked = state.asked
    yield implies(
        both(neg(state.strong), asked.then.cause == REGION_DISABLED),
        same_truth(asked.standing == DETACHED, hours(asked.then, 20, asked.now)),
    )


@system.safe("GT-19", "GT-20")
def SAFE_eventual_mode_detaches_after_20_hours(state: State) -> Iterator[Any]:
    """Broken for 20 hours and not protected, a replica in eventual mode is detached, for good, and not before."""
    asked = state.asked
    for cause in (ROLE_DENIED, KEY_LOST):
        yield implies(
            both(neg(state.strong), asked.then.cause == cause, neg(asked.then.protected)),
            same_truth(asked.standing == DETACHED, hours(asked.then, 20, asked.now)),
        )
    yield neg(state.due)
    unusable = either(asked.then.cause == KEY_LOST, asked.then.cause == REGION_DISABLED)
    yield implies(neg(state.strong), same_truth(asked.requests, neg(unusable)))


@system.safe("GT-19", "GT-20")
def SAFE_strong_mode_fails_then_is_inaccessible(state: State) -> Iterator[Any]:
    """In strong mode a broken replica fails requests at once, is never detached, and after 7 days is inaccessible for ever."""
    asked = state.asked
    yield implies(state.strong, asked.standing != DETACHED)
    yield implies(both(state.strong, asked.then.cause != WORKING), neg(asked.requests))
    yield implies(
        state.strong, same_truth(asked.standing == INACCESSIBLE, hours(asked.then, 7 * 24, asked.now))
    )


@system.safe("GT-22")
def SAFE_protection_holds_the_detaching_back(state: State) -> Iterator[Any]:
    """A protected replica is not detached, unless its Region is disabled; a new one is protected, and it is set by a request of its own."""
    asked = state.asked
    yield implies(both(asked.then.protected, asked.then.cause != REGION_DISABLED), asked.standing != DETACHED)
    yield neg(state.mixed)


@system.safe("MA-07")
def SAFE_two_notices_before_the_separation(state: State) -> Iterator[Any]:
    """Between accounts notices go out after 3 and 20 hours, and what is separated had both and was broken for 20."""
    asked = state.asked
    apart = asked.then.cause == ACCOUNTS_APART
    yield implies(neg(apart), asked.notices == 0)
    yield implies(apart, same_truth(asked.notices >= 1, hours(asked.then, 3, asked.now)))
    yield implies(apart, same_truth(asked.notices >= 2, hours(asked.then, 20, asked.now)))
    yield implies(both(apart, asked.standing == DETACHED), asked.notices == 2)
    yield implies(
        both(apart, neg(asked.then.protected), neg(state.strong)),
        same_truth(asked.standing == DETACHED, hours(asked.then, 20, asked.now)),
    )
