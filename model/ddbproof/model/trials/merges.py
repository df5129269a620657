"""Trials of merges: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import splits
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.model.systems._merges_state import (
    AWAY,
    ELSEWHERE,
    ELSEWHERE_FIRST,
    HERE,
    JOINED,
    NOWHERE,
    State,
)
from ddbproof.model.systems._merges_steps import system


@system.cover("PART-03")
def merged_with_the_writes_of_both(state: State) -> Any:
    """The merge is over, and what was written to either is served by one."""
    return both(
        state.lower_part.child.open,
        state.lower_part.items[0] == 1,
        state.upper_part.items[1] == 1,
        state.lower.parent.length == 1,
        state.upper.parent.length == 1,
    )


@system.cover("PART-03")
def merged_and_written_to(state: State) -> Any:
    """The merged partition takes writes on both sides of the border."""
    return both(
        state.lower_part.items[0] == 1,
        state.upper_part.items[1] == 1,
        state.lower.parent.length == 0,
        state.upper.parent.length == 0,
    )


@system.cover()
def opened_from_a_snapshot(state: State) -> Any:
    """It serves what it has of one from a snapshot and the log behind it, and of the other from its log."""
    return both(
        state.upper_part.child.open,
        state.upper.snapshot == 1,
        state.upper.parent.length == 2,
        state.lower.parent.length == 1,
    )


@system.cover("PART-03")
def the_lower_one_serves_while_it_waits(state: State) -> Any:
    """It has begun the merge, the other has not joined, and both take writes."""
    return both(
        state.lower.bound == HERE,
        state.heard_begun,
        state.upper.bound == NOWHERE,
        state.lower.parent.length == 1,
        state.upper.parent.length == 1,
    )


@system.cover("PART-03")
def one_serves_when_the_other_is_closed(state: State) -> Any:
    """The two are closed one by one."""
    return both(state.lower.parent.closed, neg(state.upper.parent.closed), state.upper.bound == HERE)


@system.cover("PART-03")
def withdrawn_from_one_that_was_split(state: State) -> Any:
    """The upper one was split and is closed for it; the lower one is a partition like any other again."""
    return both(
        state.heard_begun,
        state.heard_away,
        state.lower.bound == NOWHERE,
        state.upper.bound == ELSEWHERE,
        state.upper.parent.closed,
        state.lower.parent.length == 1,
    )


@system.cover()
def withdrawn_from_one_that_merged_upwards(state: State) -> Any:
    """The upper one has begun a merge of its own, its neighbour has joined, and the lower one is split."""
    return both(
        state.heard_begun,
        state.heard_away,
        state.lower.bound == ELSEWHERE,
        state.upper.bound == ELSEWHERE_FIRST,
        state.upper.partner == JOINED,
    )


@system.cover()
def joined_after_all(state: State) -> Any:
    """The upper one had begun a merge of its own, has withdrawn from it, and joins this one by what it was told before."""
    return both(state.upper.bound == HERE, state.upper.partner == AWAY)


@system.mutant("merges.join")
def joins_by_itself(upper: Parent, border: int, lower_begun: bool) -> Parent:
    """The upper one does not ask whether the lower one has begun."""
    return splits.begin(upper, border)


@system.mutant("merges.join")
def joins_wherever_it_is_bound(upper: Parent, border: int, lower_begun: bool) -> Parent:
    """One that is being split joins as well."""
    require(lower_begun)
    return Parent(upper.length, True, border, upper.closed)


@system.mutant("merges.join")
def meets_elsewhere(upper: Parent, border: int, lower_begun: bool) -> Parent:
    """The upper one notes another border than the lower one has."""
    require(lower_begun)
    return splits.begin(upper, border - 1)


@system.mutant("merges.stays_away")
def busy_is_away(upper: Parent, begun_as_lower: bool, other_joined: bool) -> bool:
    """One that has begun a merge of its own is taken to stay away, although it may withdraw from that."""
    return upper.splitting


@system.mutant("merges.withdraw")
def withdraws_when_it_likes(lower: Parent, upper_stays_away: bool) -> Parent:
    """The lower one has waited long enough."""
    require(lower.splitting)
    require(not lower.closed)
    return Parent(lower.length)


@system.mutant("merges.close")
def closed_before_the_other_joins(source: Parent, upper_joined: bool) -> Parent:
    """The lower one is closed as soon as it has begun."""
    return splits.close(source)


@system.mutant("merges.may_open")
def opens_with_one_of_both(saved_lower: int, lower: Parent, saved_upper: int, upper: Parent) -> bool:
    """It opens when it has all of the lower one."""
    return splits.may_open(saved_lower, lower)


@system.mutant("merges.may_open")
def opens_with_a_gap(saved_lower: int, lower: Parent, saved_upper: int, upper: Parent) -> bool:
    """It opens as soon as both are closed, whatever it has."""
    return lower.closed and upper.closed


@system.mutant("merges.may_open")
def opens_before_they_close(saved_lower: int, lower: Parent, saved_upper: int, upper: Parent) -> bool:
    """It opens when it has caught up with what it was told."""
    return saved_lower == lower.length and saved_upper == upper.length


@system.mutant("merges.open_merged")
def opens_half_by_half(
    lower_part: Child, upper_part: Child, saved_lower: int, lower: Parent, saved_upper: int, upper: Parent
) -> tuple[Child, Child]:
    """It serves the half that is ready."""
    require(splits.may_open(saved_lower, lower))
    if splits.may_open(saved_upper, upper):
        return Child(False, saved_lower, True), Child(True, saved_upper, True)
    return Child(False, saved_lower, True), upper_part


@system.mutant("splits.on_copy")
def copies_twice(child: Child, index: int) -> Child:
    """An entry that comes twice is applied twice."""
    require(not child.open)
    require(index <= child.applied)
    return Child(child.upper, child.applied + 1, child.open)


@system.mutant("splits.on_snapshot")
def snapshot_of_the_past(child: Child, taken_at: int) -> Child:
    """A snapshot is taken to be as new as what there is already."""
    require(not child.open)
    if taken_at > child.applied:
        return Child(child.upper, taken_at, child.open)
    return child


@system.mutant("splits.parent_serves")
def closed_and_still_serving(parent: Parent) -> bool:
    """One that is closed takes writes of routers that know an old map."""
    return True


@system.mutant("merges.may_open", harmless=True)
def asked_one_by_one(saved_lower: int, lower: Parent, saved_upper: int, upper: Parent) -> bool:
    """The same, the upper one first."""
    if not upper.closed or saved_upper != upper.length:
        return False
    return splits.may_open(saved_lower, lower)


_LITTLE = {"position": (0, 1), "index": (0, 1, 2), "cut": (0,)}
_ONE_BORDER = ({"border": 1},)
_TWO_BORDERS = ({"border": 1}, {"border": 2})  # at the second, the lower one has both positions
_MEETING = ("begin", "tell_begun", "join", "tell_joined", "close", "tell_itself", "open_merged")
_COPYING = ("receive", "save", "crash")
_PARTING = (
    "leave",
    "begin_another",
    "another_decides",
    "withdraw_from_another",
    "tell_away",
    "withdraw",
)


def _written(state: State) -> Any:
    """How many writes there were."""
    return state.acknowledged[0] + state.acknowledged[1]


def _at_most_two_writes(state: State) -> bool:
    """Of which both may be one source's, or the merged partition's; no more is copied than there can be."""
    copied = state.lower_part.child.applied < 3 and state.upper_part.child.applied < 3
    return bool(copied and _written(state) < 3)


system.scopes.extend(
    [
        # Who goes where, and what is told of it; both serve meanwhile.
        Scope(
            values=_LITTLE,
            parameters=_ONE_BORDER,
            within=lambda state: _at_most_two_writes(state) and state.acknowledged[0] < 2,
            actions=(*_MEETING, *_PARTING, "write_to_source"),
            most_states=60_000,
        ),
        # What is copied, saved and lost of memory.
        Scope(
            values=_LITTLE,
            parameters=_TWO_BORDERS,
            within=_at_most_two_writes,
            actions=(*_MEETING, *_COPYING, "write_to_source", "write_to_merged"),
            most_states=60_000,
        ),
        # The same with snapshots.
        Scope(
            values=_LITTLE,
            parameters=_ONE_BORDER,
            within=lambda state: state.acknowledged[0] < 2 and state.acknowledged[1] < 3,
            actions=(*_MEETING, "receive", "save", "take_snapshot", "use_snapshot", "write_to_source"),
            most_states=60_000,
        ),
    ]
)
