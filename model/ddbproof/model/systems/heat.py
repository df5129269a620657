"""A hot partition is split, and what comes of it is split again, until one item is left or the heat is spread.

Sources: PART-08, PART-09, PART-11, PART-16. The kernel is `kernel/heat.py`, with ranges as in `kernel/partitions.py`.
Traffic is observed first; then the partition is searched and split, and so is any of the two, over and over. Ghosts:
how hot all buckets before each are together, and the last split that was made: of which buckets, and where.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import heat, instants, partitions
from ddbproof.model.kernel.heat import Bucket, Search
from ddbproof.model.kernel.partitions import Position, Range
from ddbproof.model.kernel.refusal import require

INDEX = Sort("index")


class Split(msgspec.Struct, frozen=True):
    """A split that was made: of the buckets from `first` up to `end`, where the bucket `at` begins."""

    made: bool
    first: int
    end: int
    at: int


class State(msgspec.Struct, frozen=True):
    """The buckets of the traffic; those of the partition in question, its range and its search; and the last split."""

    summary: Annotated[Map[Bucket], INDEX]
    before: Annotated[Map[int], INDEX]
    length: int
    first: int
    end: int
    extent: Range
    searching: bool
    search: Search
    last: Split
    whole: bool


system = System("heat", "Splitting for heat", State, [heat], [partitions, instants])
system.fast = False
system.scope_in_words = [
    "the traffic of one table, observed before it is split; when a split begins and how long it takes is not in here",
    "an item is hot in the bucket that begins with it; how the split is carried out is shown by splits",
]
system.merged = ("partitions.before", "instants.higher", "heat.may_cut")
replace = msgspec.structs.replace


@system.initial
def no_traffic(low: Position, high: Position, whole: bool) -> State:
    """A partition, of which no traffic has been seen; `whole` says that the table has a local secondary index."""
    nothing = FrozenMap(Bucket(low, 0))
    none = Search(0, 0, False, 0, 0)
    return State(nothing, FrozenMap(0), 0, 0, 0, Range(low, high), False, none, Split(False, 0, 0, 0), whole)


@system.action
def observe(state: State, position: Position, units: int) -> State:
    """Keys are seen in the traffic, from a position on, beyond those seen so far."""
    require(neg(either(state.searching, state.last.made)))
    require(units >= 0)
    require(partitions.contains(state.extent, position))
    if state.length > 0:
        require(partitions.before(state.summary[state.length - 1].position, position))
    return replace(
        state,
        summary=state.summary.put(state.length, Bucket(position, units)),
        before=state.before.put(state.length + 1, state.before[state.length] + units),
        length=state.length + 1,
        end=state.length + 1,
    )


def _total(state: State) -> int:
    return state.before[state.end] - state.before[state.first]


@system.action
def begin(state: State) -> State:
    """The partition is hot: a search for a cut begins."""
    require(neg(state.searching))
    return replace(state, searching=True, search=heat.begin(state.first, _total(state)))


@system.action
def look(state: State) -> State:
    """The search looks at the next bucket."""
    require(state.searching)
    require(state.search.index < state.end)
    bucket = state.summary[state.search.index]
    search = heat.look(state.search, bucket, _total(state), state.whole)
    return replace(state, search=search)


@system.action
def split(state: State, upper: bool) -> State:
    """The partition is split where the search says; one of the two is looked at from then on."""
    require(state.searching)
    at = heat.choose(state.search, state.end)
    position = state.summary[at].position
    first, end, extent = state.first, at, Range(state.extent.low, position)
    if upper:
        first, end, extent = at, state.end, Range(position, state.extent.high)
    return replace(
        state,
        first=first,
        end=end,
        extent=extent,
        searching=False,
        last=Split(True, state.first, state.end, at),
    )


def _is_before(one: Position, other: Position) -> Any:
    """The order of positions, said again."""
    return either(one.hash < other.hash, both(one.hash == other.hash, one.sort < other.sort))


def _is_allowed(state: State, index: int) -> Any:
    """That a partition may be cut where a bucket begins, said again."""
    return either(neg(state.whole), state.summary[index].position.sort == 0)


@system.invariant
def summary(state: State) -> Iterator[Any]:
    """Buckets are in order and within the table; heat adds up; the partition has those of its range."""

    def is_in_order(index: int, later: int) -> Any:
        return implies(
            both(index >= 0, index < later, later < state.length),
            _is_before(state.summary[index].position, state.summary[later].position),
        )

    def adds_up(index: int) -> Any:
        bucket = state.summary[index]
        return implies(
            both(index >= 0, index < state.length),
            both(bucket.heat >= 0, state.before[index + 1] == state.before[index] + bucket.heat),
        )

    def is_within(index: int) -> Any:
        position = state.summary[index].position
        return implies(
            both(index >= state.first, index < state.end),
            both(neg(_is_before(position, state.extent.low)), _is_before(position, state.extent.high)),
        )

    yield both(state.first >= 0, state.first <= state.end, state.end <= state.length)
    yield implies(neg(state.last.made), both(state.first == 0, state.end == state.length))
    yield forall(INDEX, INDEX)(is_in_order)
    yield forall(INDEX)(adds_up)
    yield forall(INDEX, INDEX)(
        lambda i, j: implies(both(i >= 0, i <= j, j <= state.length), state.before[i] <= state.before[j])
    )
    yield forall(INDEX)(is_within)


def _hotter(state: State, first: int, end: int, at: int) -> tuple[Any, Any]:
    """How hot the two sides of a cut are."""
    return state.before[at] - state.before[first], state.before[end] - state.before[at]


@system.invariant
def searching(state: State) -> Iterator[Any]:
    """The search has looked at all before it, and knows the best cut among them."""
    search = state.search
    below, above = _hotter(state, state.first, state.end, search.best)

    def none_is_better(index: int) -> Any:
        one, other = _hotter(state, state.first, state.end, index)
        return implies(
            both(state.searching, index >= state.first, index < search.index, _is_allowed(state, index)),
            either(one >= search.hotter, other >= search.hotter),
        )

    yield implies(
        state.searching,
        both(
            search.index >= state.first,
            search.index <= state.end,
            search.below == state.before[search.index] - state.before[state.first],
            search.hotter <= _total(state),
        ),
    )
    yield implies(
        both(state.searching, search.found),
        both(
            search.best >= state.first,
            search.best < search.index,
            _is_allowed(state, search.best),
            search.hotter < _total(state),
            below <= search.hotter,
            above <= search.hotter,
        ),
    )
    yield implies(both(state.searching, neg(search.found)), search.hotter == _total(state))
    yield forall(INDEX)(none_is_better)


@system.invariant
def made(state: State) -> Iterator[Any]:
    """A split was of buckets that there are."""
    last = state.last
    yield implies(
        last.made,
        both(last.first >= 0, last.first <= last.at, last.at < last.end, last.end <= state.length),
    )


@system.safe("PART-08")
def SAFE_the_cut_is_at_a_key_that_was_seen(state: State) -> Iterator[Any]:
    """A split lies where a bucket of the traffic begins, and no other such place would leave the hotter half cooler."""
    last = state.last
    below, above = _hotter(state, last.first, last.end, last.at)

    def none_is_better(index: int) -> Any:
        one, other = _hotter(state, last.first, last.end, index)
        return implies(
            both(last.made, index >= last.first, index < last.end, _is_allowed(state, index)),
            either(both(below <= one, above <= one), both(below <= other, above <= other)),
        )

    yield forall(INDEX)(none_is_better)


@system.safe("PART-09")
def SAFE_one_hot_item_is_no_reason(state: State) -> Iterator[Any]:
    """A split leaves heat on both sides; so there is none where all heat is in one bucket, as that of one item is."""
    last = state.last
    below, above = _hotter(state, last.first, last.end, last.at)
    yield implies(last.made, both(below > 0, above > 0))
    yield forall(INDEX)(
        lambda i: implies(
            both(last.made, i >= last.first, i < last.end),
            state.summary[i].heat < state.before[last.end] - state.before[last.first],
        )
    )


@system.safe("PART-09")
def SAFE_later_keys_are_above_every_cut(state: State) -> Iterator[Any]:
    """The last key that was seen lies above every cut, and so whatever comes after it, as keys do that only increase."""
    last = state.last

    def is_above(index: int) -> Any:
        cut = state.summary[last.at].position
        return implies(
            both(last.made, index >= last.at, index < state.length),
            neg(_is_before(state.summary[index].position, cut)),
        )

    yield forall(INDEX)(is_above)


@system.safe("PART-11")
def SAFE_collections_stay_whole(state: State) -> Iterator[Any]:
    """With a local secondary index a split lies where a hash begins."""
    yield implies(both(state.last.made, state.whole), state.summary[state.last.at].position.sort == 0)
