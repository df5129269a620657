"""Trials of heat: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import instants
from ddbproof.model.kernel.heat import Bucket, Search
from ddbproof.model.kernel.partitions import Position
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.heat import State, system


@system.cover("PART-08")
def heat_is_spread(state: State) -> Any:
    """A partition is split in two that are equally hot."""
    last = state.last
    below = state.before[last.at] - state.before[last.first]
    return both(
        last.made, below == state.before[last.end] - state.before[last.at], last.end - last.first == 4
    )


@system.witness("PART-16")
def a_hot_item_has_a_partition_to_itself(state: State) -> Any:
    """Between two others lies an item as hot as can be; split twice, the partition has that item and no other key seen."""
    return both(
        state.length == 3,
        state.summary[1].heat == 8,
        state.first == 1,
        state.end == 2,
        state.extent.low.hash == state.summary[1].position.hash,
        state.extent.low.sort == state.summary[1].position.sort,
        state.extent.high.hash == state.summary[2].position.hash,
        state.extent.high.sort == state.summary[2].position.sort,
    )


@system.cover("PART-09")
def nothing_more_to_be_done(state: State) -> Any:
    """The search is over, and has found no cut: all heat is in one bucket."""
    search = state.search
    return both(
        state.searching, search.index == state.end, neg(search.found), search.below == 8, state.length == 2
    )


@system.cover("PART-11")
def cut_between_collections(state: State) -> Any:
    """A table with a local secondary index is split between two collections."""
    return both(state.whole, state.last.made)


@system.mutant("heat.look")
def in_the_middle_of_the_keys(
    search: Search, bucket: Bucket, total: int, keeps_collections_whole: bool
) -> Search:
    """The last possible cut is taken, however hot the sides are."""
    found, best = search.found, search.best
    if search.below > 0:
        found, best = True, search.index
    return Search(search.index + 1, search.below + bucket.heat, found, best, search.hotter)


@system.mutant("heat.look")
def collections_are_cut(search: Search, bucket: Bucket, total: int, keeps_collections_whole: bool) -> Search:
    """A local secondary index is forgotten."""
    found, best, hotter = search.found, search.best, search.hotter
    here = instants.higher(search.below, total - search.below)
    if here < hotter:
        found, best, hotter = True, search.index, here
    return Search(search.index + 1, search.below + bucket.heat, found, best, hotter)


@system.mutant("heat.look")
def only_what_is_below_counts(
    search: Search, bucket: Bucket, total: int, keeps_collections_whole: bool
) -> Search:
    """The cut with the least heat below it is taken for the best."""
    found, best, hotter = search.found, search.best, search.hotter
    allowed = not keeps_collections_whole or bucket.position.sort == 0
    if allowed and search.below < hotter:
        found, best, hotter = True, search.index, search.below
    return Search(search.index + 1, search.below + bucket.heat, found, best, hotter)


@system.mutant("heat.choose")
def before_all_was_looked_at(search: Search, end: int) -> int:
    """The first cut that is of any use is taken."""
    require(search.found)
    return search.best


@system.mutant("heat.choose")
def split_whether_or_not(search: Search, end: int) -> int:
    """A hot partition is split even if no cut is of use."""
    require(search.index == end)
    return search.best


@system.mutant("heat.begin")
def nothing_is_too_bad(first: int, total: int) -> Search:
    """A cut that leaves all heat on one side is better than none."""
    return Search(first, 0, False, first, total + 1)


@system.mutant("heat.may_cut", harmless=True)
def the_same_as_a_choice(position: Position, keeps_collections_whole: bool) -> bool:
    """The same, as a choice."""
    if keeps_collections_whole:
        return position.sort == 0
    return True


_LOW, _HIGH = Position(0, 0), Position(9, 0)

system.scopes.append(
    Scope(
        values={
            "position": (Position(1, 0), Position(1, 5), Position(2, 0), Position(2, 5)),
            "units": (0, 1, 8),
            "index": (0, 1, 2, 3),
        },
        parameters=(
            {"low": _LOW, "high": _HIGH, "whole": False},
            {"low": _LOW, "high": _HIGH, "whole": True},
        ),
        within=lambda state: state.search.index >= 0,
    )
)
