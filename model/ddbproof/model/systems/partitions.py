"""The partition map of one table: any number of splits and merges, anywhere.

Sources: PART-01 (every item in exactly one partition), PART-04 (ranges are disjoint and leave no gap), PART-11 (collections with a local secondary index are
kept whole). The kernel is `kernel/partitions.py`.

The routing table is a function of the position. Splits and merges change its entries one by one and none looks at
another, so one arbitrary position stands for all of them: `position` is a parameter, and what is proved of its
entry holds for every entry. `sibling` is a second arbitrary position of the same hash, for what is said of item
collections.

A router may have any old map and ask any partition; `answer` is what a partition does then.

What it leaves out: the data that moves with a split, and writes that come meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import Scope, System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, equal, forall, implies, neg
from ddbproof.model.kernel import partitions
from ddbproof.model.kernel.partitions import Position, Range
from ddbproof.model.kernel.refusal import require

PARTITION = Sort("partition")


class Partition(msgspec.Struct, frozen=True):
    """A partition: in use or not (yet, or any more), and its range."""

    live: bool
    extent: Range


class State(msgspec.Struct, frozen=True):
    """The map, the routing entries of two positions, who answered last, and what never changes."""

    partitions: Annotated[Map[Partition], PARTITION]
    next_partition: Annotated[int, PARTITION]
    owner: Annotated[int, PARTITION]
    sibling_owner: Annotated[int, PARTITION]
    answered_by: Annotated[int, PARTITION]
    owner_then: Annotated[int, PARTITION]
    position: Position
    sibling: Position
    end_hash: int
    has_local_index: bool


system = System("partitions", "Partition map", State, [partitions])
system.merged = ("partitions.before", "partitions.contains")
_NOWHERE = Partition(False, Range(Position(0, 0), Position(0, 0)))


@system.initial
def one_partition(position: Position, sibling: Position, end_hash: int, has_local_index: bool) -> State:
    """A new table: one partition holds all hashes from 0 up to the end."""
    first = Partition(True, Range(Position(0, 0), Position(end_hash, 0)))
    return State(FrozenMap(_NOWHERE, {0: first}), 1, 0, 0, 0, 0, position, sibling, end_hash, has_local_index)


@system.action
def split(state: State, parent: Annotated[int, PARTITION], at: Position) -> State:
    """A partition is cut in two."""
    require(state.partitions[parent].live)
    left_extent, right_extent = partitions.split(state.partitions[parent].extent, at, state.has_local_index)
    left, right = state.next_partition, state.next_partition + 1
    changed = state.partitions.put(parent, _NOWHERE)
    changed = changed.put(left, Partition(True, left_extent)).put(right, Partition(True, right_extent))
    return msgspec.structs.replace(
        state,
        partitions=changed,
        next_partition=right + 1,
        owner=partitions.owner_after_split(state.owner, state.position, parent, at, left, right),
        sibling_owner=partitions.owner_after_split(
            state.sibling_owner, state.sibling, parent, at, left, right
        ),
    )


@system.action
def merge(state: State, first: Annotated[int, PARTITION], second: Annotated[int, PARTITION]) -> State:
    """Two neighbouring partitions become one."""
    require(state.partitions[first].live)
    require(state.partitions[second].live)
    extent = partitions.merge(state.partitions[first].extent, state.partitions[second].extent)
    merged = state.next_partition
    changed = state.partitions.put(first, _NOWHERE).put(second, _NOWHERE)
    return msgspec.structs.replace(
        state,
        partitions=changed.put(merged, Partition(True, extent)),
        next_partition=merged + 1,
        owner=partitions.owner_after_merge(state.owner, first, second, merged),
        sibling_owner=partitions.owner_after_merge(state.sibling_owner, first, second, merged),
    )


@system.action
def answer(state: State, asked: Annotated[int, PARTITION]) -> State:
    """A router, with whatever map, asks some partition for the position; it answers if it holds it."""
    require(state.partitions[asked].live)
    require(partitions.contains(state.partitions[asked].extent, state.position))
    return msgspec.structs.replace(state, answered_by=asked, owner_then=state.owner)


def at_or_after(one: Position, other: Position) -> Any:
    """The order of positions, said again without the kernel."""
    return either(one.hash > other.hash, both(one.hash == other.hash, one.sort >= other.sort))


def inside(partition: Partition, position: Position) -> Any:
    """That a live partition's range holds a position, said again without the kernel."""
    extent = partition.extent
    below = either(
        position.hash < extent.high.hash,
        both(position.hash == extent.high.hash, position.sort < extent.high.sort),
    )
    return both(partition.live, at_or_after(position, extent.low), below)


@system.invariant
def assume_positions(state: State) -> Iterator[Any]:
    """The two positions are of one hash within the table, and no sort key is below the lowest."""
    yield both(state.position.hash >= 0, state.position.hash < state.end_hash)
    yield state.sibling.hash == state.position.hash
    yield both(state.position.sort >= 0, state.sibling.sort >= 0)


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Only numbers that were handed out are in use."""
    yield state.next_partition > 0
    yield forall(PARTITION)(
        lambda p: implies(state.partitions[p].live, both(p >= 0, p < state.next_partition))
    )


@system.invariant
def ranges(state: State) -> Iterator[Any]:
    """No live partition's range is empty."""
    yield forall(PARTITION)(
        lambda p: implies(
            state.partitions[p].live,
            neg(at_or_after(state.partitions[p].extent.low, state.partitions[p].extent.high)),
        )
    )


@system.invariant
def borders_of_collections(state: State) -> Iterator[Any]:
    """With a local secondary index every range begins and ends where a hash does."""
    yield forall(PARTITION)(
        lambda p: implies(
            both(state.has_local_index, state.partitions[p].live),
            both(
                state.partitions[p].extent.low.sort == 0,
                state.partitions[p].extent.high.sort == 0,
            ),
        )
    )


@system.safe("PART-01", "PART-04")
def SAFE_routed_to_a_partition_that_holds_it(state: State) -> Iterator[Any]:
    """The routing table names a live partition whose range holds the position, for every position."""
    yield inside(state.partitions[state.owner], state.position)
    yield inside(state.partitions[state.sibling_owner], state.sibling)


@system.safe("PART-01", "PART-04")
def SAFE_in_one_partition_only(state: State) -> Iterator[Any]:
    """No other live partition's range holds the position."""
    yield forall(PARTITION)(lambda p: implies(inside(state.partitions[p], state.position), p == state.owner))
    yield forall(PARTITION)(
        lambda p: implies(inside(state.partitions[p], state.sibling), p == state.sibling_owner)
    )


@system.safe("PART-11")
def SAFE_a_collection_with_an_index_is_whole(state: State) -> Iterator[Any]:
    """With a local secondary index all items of one hash are in one partition."""
    yield implies(state.has_local_index, state.owner == state.sibling_owner)


@system.safe("PART-01", "PART-03")
def SAFE_an_old_map_is_harmless(state: State) -> Iterator[Any]:
    """Whichever partition a router asks, only the one that the position was routed to answers."""
    yield state.answered_by == state.owner_then


@system.cover("PART-03")
def answered_after_a_split(state: State) -> Any:
    """The position is answered for by a partition that a split made."""
    return state.answered_by > 0


@system.cover("PART-11")
def a_collection_is_cut(state: State) -> Any:
    """Without a local secondary index two items of one hash can be in different partitions."""
    return state.owner != state.sibling_owner


@system.cover("PART-01")
def split_and_merged_again(state: State) -> Any:
    """After a split and a merge one partition holds everything again."""
    whole = Range(Position(0, 0), Position(state.end_hash, 0))
    return both(state.next_partition == 4, equal(state.partitions[3], Partition(True, whole)))


@system.mutant("partitions.split")
def cut_at_the_edge(extent: Range, at: Position, keeps_collections_whole: bool) -> tuple[Range, Range]:
    """A cut outside of the range is accepted."""
    if keeps_collections_whole:
        require(at.sort == 0)
    return Range(extent.low, at), Range(at, extent.high)


@system.mutant("partitions.split")
def middle_key_dropped(extent: Range, at: Position, keeps_collections_whole: bool) -> tuple[Range, Range]:
    """The position of the cut itself falls between the halves."""
    require(partitions.before(extent.low, at))
    require(partitions.before(at, extent.high))
    if keeps_collections_whole:
        require(at.sort == 0)
    return Range(extent.low, at), Range(Position(at.hash, at.sort + 1), extent.high)


@system.mutant("partitions.split")
def index_ignored(extent: Range, at: Position, keeps_collections_whole: bool) -> tuple[Range, Range]:
    """A collection is cut although the table has a local secondary index."""
    require(partitions.before(extent.low, at))
    require(partitions.before(at, extent.high))
    return Range(extent.low, at), Range(at, extent.high)


@system.mutant("partitions.merge")
def neighbours_unchecked(left: Range, right: Range) -> Range:
    """Ranges that are not adjacent are merged, and what lies between goes with them."""
    return Range(left.low, right.high)


@system.mutant("partitions.owner_after_split")
def old_owner_kept(owner: int, position: Position, parent: int, at: Position, left: int, right: int) -> int:
    """The routing table is not told of the split."""
    return owner


@system.mutant("partitions.contains", harmless=True)
def contains_said_otherwise(extent: Range, position: Position) -> bool:
    """The same range, asked for its upper end first."""
    if not partitions.before(position, extent.high):
        return False
    return not partitions.before(position, extent.low)


@system.mutant("partitions.before", harmless=True)
def before_said_otherwise(left: Position, right: Position) -> bool:
    """The same order, by ruling out what is after."""
    if left.hash > right.hash:
        return False
    if left.hash < right.hash:
        return True
    return right.sort > left.sort


def _world(position: Position, sibling: Position, indexed: bool) -> dict[str, Any]:
    return {"position": position, "sibling": sibling, "end_hash": 3, "has_local_index": indexed}


system.scopes.append(
    Scope(
        values={
            "partition": tuple(range(8)),
            "parent": tuple(range(8)),
            "at": tuple(Position(h, s) for h in (0, 1, 2, 3) for s in (0, 1, 2)),
        },
        parameters=tuple(
            _world(Position(1, sort), Position(1, other), indexed)
            for sort, other in ((1, 0), (1, 2), (2, 1))
            for indexed in (True, False)
        ),
        within=lambda state: state.next_partition < 6,
    )
)
