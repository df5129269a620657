"""Trials of the partition map: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, equal
from ddbproof.model.kernel import partitions
from ddbproof.model.kernel.partitions import Position, Range
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.partitions import Partition, State, system


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
