"""The state of `merges`: two neighbours, what the merged partition has of each, what has been told, what was promised."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort
from ddbproof.model.kernel.splits import Child, Parent

POSITION, INDEX = Sort("position"), Sort("index")
Items = Annotated[Map[int], POSITION]

# Which partition a source's log says that it is on its way to: `Source.bound`.
NOWHERE = 0
HERE = 1
ELSEWHERE = 2  # to the children of a split, or to another merge that it has joined
ELSEWHERE_FIRST = 3  # to another merge that it has begun, with a neighbour that has yet to join

# What has become of that neighbour: `Source.partner`.
UNDECIDED = 0
JOINED = 1
AWAY = 2


class Source(msgspec.Struct, frozen=True):
    """One of the two: its record, log and items, where it is bound for, a snapshot of it, and what it has told of itself.

    `told` is its record as the merged partition was told it last. `held_at[n]` is what it held after its first n entries.
    """

    parent: Parent
    bound: int
    partner: int
    log: Annotated[Map[Annotated[int, POSITION]], INDEX]
    items: Items
    held_at: Annotated[Map[Items], INDEX]
    snapshot: Annotated[int, INDEX]
    snapshot_items: Items
    told: Parent


class Part(msgspec.Struct, frozen=True):
    """What the merged partition has of a source: record and items in memory, how many entries its disk has seen, the items there."""

    child: Child
    items: Items
    saved: Annotated[int, INDEX]
    saved_items: Items


class State(msgspec.Struct, frozen=True):
    """All of it. The three that begin with `heard` are told once and acted on at any time later."""

    border: Annotated[int, POSITION]
    lower: Source
    upper: Source
    lower_part: Part
    upper_part: Part
    heard_begun: bool
    heard_joined: bool
    heard_away: bool
    acknowledged: Items


def nothing_yet(border: int) -> State:
    """Two empty partitions, and no merge."""
    nothing: FrozenMap[int] = FrozenMap(0)
    source = Source(
        Parent(0), NOWHERE, UNDECIDED, FrozenMap(0), nothing, FrozenMap(nothing), 0, nothing, Parent(0)
    )
    return State(
        border,
        source,
        source,
        Part(Child(False), nothing, 0, nothing),
        Part(Child(True), nothing, 0, nothing),
        False,
        False,
        False,
        nothing,
    )


def source_of(state: State, upper: bool) -> Source:
    """One of the two."""
    if upper:
        return state.upper
    return state.lower


def with_source(state: State, upper: bool, source: Source) -> State:
    """The state in which that one is as given."""
    if upper:
        return msgspec.structs.replace(state, upper=source)
    return msgspec.structs.replace(state, lower=source)


def part_of(state: State, upper: bool) -> Part:
    """What the merged partition has of one of the two."""
    if upper:
        return state.upper_part
    return state.lower_part


def with_part(state: State, upper: bool, part: Part) -> State:
    """The state in which that is as given."""
    if upper:
        return msgspec.structs.replace(state, upper_part=part)
    return msgspec.structs.replace(state, lower_part=part)


def one_more(items: Map[int], position: int) -> Map[int]:
    """The items after a write at a position."""
    return items.put(position, items[position] + 1)
