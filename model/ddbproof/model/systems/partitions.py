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

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
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
system.scope_in_words = [
    "which partition a position belongs to; how data moves at a split is not part of this system",
    "when to split or merge is chosen by the adversary",
]
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
