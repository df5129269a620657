"""Trials of splits: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.model.systems.splits import State, system


@system.cover("PART-03")
def both_children_serve(state: State) -> Any:
    """The split is over, and both sides take writes again."""
    return both(
        state.lower.child.open,
        state.upper.child.open,
        state.lower.items[0] == 1,
        state.upper.items[1] == 1,
        state.parent.length == 1,
    )


@system.cover("PART-03")
def the_parent_serves_meanwhile(state: State) -> Any:
    """A child has copied a part, and the parent still serves."""
    return both(state.upper.child.applied == 1, state.parent.length == 2, neg(state.parent.closed))


@system.cover()
def opened_from_a_snapshot(state: State) -> Any:
    """A child serves what it has from a snapshot and the log behind it."""
    return both(state.upper.child.open, state.snapshot == 1, state.parent.length == 2)


@system.cover()
def children_open_one_by_one(state: State) -> Any:
    """One child serves while the other has not even begun."""
    return both(state.lower.child.open, state.parent.length == 1, state.upper.child.applied == 0)


@system.mutant("splits.is_of")
def middle_position_dropped(child: Child, cut: int, position: int) -> bool:
    """The position at the cut belongs to nobody."""
    if child.upper:
        return position > cut
    return position < cut


@system.mutant("splits.may_open")
def opens_before_the_parent_closes(saved_entries: int, parent: Parent) -> bool:
    """A child that has caught up opens although the parent still takes writes."""
    return saved_entries == parent.length


@system.mutant("splits.may_open")
def opens_with_a_gap(saved_entries: int, parent: Parent) -> bool:
    """A child opens as soon as the parent is closed, whatever it has."""
    return parent.closed


@system.mutant("splits.on_copy")
def copies_twice(child: Child, index: int) -> Child:
    """An entry that comes twice is applied twice."""
    require(not child.open)
    require(index <= child.applied)
    return Child(child.upper, child.applied + 1, child.open)


@system.mutant("splits.parent_serves")
def closed_and_still_serving(parent: Parent) -> bool:
    """A closed parent takes writes of routers that know an old map."""
    return True


@system.mutant("splits.on_snapshot")
def snapshot_of_the_past(child: Child, taken_at: int) -> Child:
    """A snapshot is taken to be as new as what the child has."""
    require(not child.open)
    if taken_at > child.applied:
        return Child(child.upper, taken_at, child.open)
    return child


@system.mutant("splits.is_of", harmless=True)
def side_said_otherwise(child: Child, cut: int, position: int) -> bool:
    """The same, the other way round."""
    if not child.upper:
        return cut > position
    return not position < cut


_LITTLE = {"position": (0, 1), "index": (0, 1, 2), "copy": (0,)}


def _little(state: State) -> bool:
    """At most two writes, of which both may be the parent's."""
    return state.parent.length < 3 and state.acknowledged[0] + state.acknowledged[1] < 3


system.scopes.extend(
    [
        Scope(values={**_LITTLE, "cut": (1,)}, within=_little, most_states=60_000),
        # A second split of the same parent, at another cut.
        Scope(
            values={**_LITTLE, "cut": (0, 1)},
            within=_little,
            actions=("write_to_parent", "begin", "receive", "save", "close", "open_child", "write_to_child"),
            most_states=60_000,
        ),
    ]
)
