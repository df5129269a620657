"""A merge while writes run: two neighbours, one merged partition, and messages of which anything may become.

The kernel is `kernel/merges.py`; the state is in `_merges_state.py`, and the steps are in `_merges_steps.py`. As in `splits`, every
write adds one to the number at its position, so that a write that is lost shows as well as one that is applied twice; and
`acknowledged` counts at each position what clients were told has been written.

Here is what always holds: of what was acknowledged, as in `splits`; and that nobody is left to wait for another for ever. Those
are promises of safety, of what may not be done. That there is a way to the end is shown in a small world (`tests/test_merges.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, equal, forall, implies, neg, same_truth
from ddbproof.model.systems._merges_state import (
    ELSEWHERE,
    ELSEWHERE_FIRST,
    HERE,
    INDEX,
    JOINED,
    NOWHERE,
    POSITION,
    Part,
    Source,
    State,
)
from ddbproof.model.systems._merges_steps import system

SIDES = ("lower", "upper")


def _source(state: State, side: str) -> Source:
    return state.upper if side == "upper" else state.lower


def _part(state: State, side: str) -> Part:
    return state.upper_part if side == "upper" else state.lower_part


def _of(state: State, side: str, position: int) -> Any:
    """That a position is in the range of one of the two, said again without the kernel."""
    return position >= state.border if side == "upper" else position < state.border


def _gone(source: Source) -> Any:
    """That one is on its way elsewhere, and nothing can call it back."""
    return either(source.bound == ELSEWHERE, both(source.bound == ELSEWHERE_FIRST, source.partner == JOINED))


@system.invariant
def ways(state: State) -> Iterator[Any]:
    """A source is on its way to one partition or to none, and closed only for one that will come to be."""
    for side in SIDES:
        source = _source(state, side)
        yield either(*(source.bound == way for way in (NOWHERE, HERE, ELSEWHERE, ELSEWHERE_FIRST)))
        yield same_truth(source.parent.splitting, source.bound != NOWHERE)
        yield implies(source.parent.closed, source.parent.splitting)
        yield implies(both(source.parent.closed, source.bound == ELSEWHERE_FIRST), source.partner == JOINED)
        yield implies(source.bound == HERE, source.parent.cut == state.border)
        yield source.parent.length >= 0
    yield state.upper_part.child.upper
    yield neg(state.lower_part.child.upper)


@system.invariant
def heard(state: State) -> Iterator[Any]:
    """What was told is still true, or does no harm any more."""
    yield implies(state.heard_begun, either(state.lower.bound == HERE, _gone(state.upper)))
    yield implies(state.heard_away, _gone(state.upper))
    yield implies(both(state.lower.parent.closed, state.lower.bound == HERE), state.heard_joined)


@system.invariant
def told(state: State) -> Iterator[Any]:
    """That a source is closed, and how long its log is, is told only by one that is closed for this merge."""
    for side in SIDES:
        source = _source(state, side)
        yield implies(source.told.closed, both(source.bound == HERE, equal(source.told, source.parent)))


@system.invariant
def counted(state: State) -> Iterator[Any]:
    """What a source held after each entry follows from the entry."""
    for side in SIDES:
        source = _source(state, side)
        yield forall(POSITION)(lambda p, source=source: source.held_at[0][p] == 0)
        yield forall(INDEX, POSITION)(
            lambda i, p, source=source: implies(
                both(i >= 0, i < source.parent.length, source.log[i] == p),
                source.held_at[i + 1][p] == source.held_at[i][p] + 1,
            )
        )
        yield forall(INDEX, POSITION)(
            lambda i, p, source=source: implies(
                both(i >= 0, i < source.parent.length, source.log[i] != p),
                source.held_at[i + 1][p] == source.held_at[i][p],
            )
        )
        yield forall(POSITION)(
            lambda p, source=source: source.items[p] == source.held_at[source.parent.length][p]
        )
        yield forall(POSITION)(
            lambda p, source=source: source.snapshot_items[p] == source.held_at[source.snapshot][p]
        )
        yield both(source.snapshot >= 0, source.snapshot <= source.parent.length)


@system.invariant
def copies(state: State) -> Iterator[Any]:
    """Until it opens, the merged partition has of a source what that held after as many entries."""
    for side in SIDES:
        source, part = _source(state, side), _part(state, side)
        yield both(part.saved >= 0, part.saved <= source.parent.length)
        yield both(part.child.applied >= 0, part.child.applied <= source.parent.length)
        yield forall(POSITION)(
            lambda p, source=source, part=part: implies(
                neg(part.child.open), part.items[p] == source.held_at[part.child.applied][p]
            )
        )
        yield forall(POSITION)(
            lambda p, source=source, part=part: implies(
                neg(part.child.open), part.saved_items[p] == source.held_at[part.saved][p]
            )
        )


@system.invariant
def open_parts(state: State) -> Iterator[Any]:
    """The merged partition serves only what was told to be closed, and has on its disk what it serves."""
    for side in SIDES:
        part = _part(state, side)
        yield implies(part.child.open, _source(state, side).told.closed)
        yield forall(POSITION)(
            lambda p, part=part: implies(part.child.open, part.saved_items[p] == part.items[p])
        )


@system.invariant
def promised(state: State) -> Iterator[Any]:
    """Until the merged partition serves a position, what was acknowledged there is what the source holds."""
    for side in SIDES:
        yield forall(POSITION)(
            lambda p, side=side: implies(
                both(neg(_part(state, side).child.open), _of(state, side, p)),
                state.acknowledged[p] == _source(state, side).items[p],
            )
        )


@system.safe("PART-04")
def SAFE_nothing_lost_or_doubled(state: State) -> Iterator[Any]:
    """Whoever serves a position holds there exactly what was acknowledged."""
    for side in SIDES:
        source, part = _source(state, side), _part(state, side)
        yield forall(POSITION)(
            lambda p, side=side, source=source: implies(
                both(neg(source.parent.closed), _of(state, side, p)),
                source.items[p] == state.acknowledged[p],
            )
        )
        yield forall(POSITION)(
            lambda p, side=side, part=part: implies(
                both(part.child.open, _of(state, side, p)), part.items[p] == state.acknowledged[p]
            )
        )


@system.safe("PART-04")
def SAFE_served_once(state: State) -> Iterator[Any]:
    """While one of the two serves, the merged partition does not; it serves both ranges or none."""
    for side in SIDES:
        yield either(_source(state, side).parent.closed, neg(_part(state, side).child.open))
    yield same_truth(state.lower_part.child.open, state.upper_part.child.open)


@system.safe("PART-04")
def SAFE_a_crash_loses_nothing_served(state: State) -> Iterator[Any]:
    """What the merged partition serves is on its disk."""
    for side in SIDES:
        part = _part(state, side)
        yield forall(POSITION)(
            lambda p, side=side, part=part: implies(
                both(part.child.open, _of(state, side, p)), part.saved_items[p] == state.acknowledged[p]
            )
        )


@system.safe("PART-03", "PART-04")
def SAFE_nobody_waits_for_one_who_will_not_come(state: State) -> Iterator[Any]:
    """Who is closed for the merge, or has joined it, has the other on its way too: the merge can be finished."""
    yield implies(state.heard_joined, state.upper.bound == HERE)
    yield implies(both(state.lower.bound == HERE, state.lower.parent.closed), state.upper.bound == HERE)
    yield implies(state.upper.bound == HERE, state.lower.bound == HERE)
    yield implies(state.lower_part.child.open, both(state.lower.bound == HERE, state.upper.bound == HERE))


@system.safe("PART-03")
def SAFE_the_lower_one_can_always_go_on(state: State) -> Iterator[Any]:
    """One that was told that the other stays away is not closed, nor in a merge that can still come to be."""
    yield implies(both(state.heard_away, state.lower.bound == HERE), neg(state.lower.parent.closed))
    yield implies(state.heard_away, both(state.upper.bound != HERE, state.upper.bound != NOWHERE))
    yield neg(both(state.heard_away, state.heard_joined))
