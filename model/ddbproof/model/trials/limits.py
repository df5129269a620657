"""Trials of a partition's limits: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import limits
from ddbproof.model.kernel.limits import Stored, Used
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.limits import TEN_GIGABYTES, State, system

HALF = TEN_GIGABYTES // 2


@system.cover("PART-06")
def a_full_partition_is_split_and_goes_on(state: State) -> Any:
    """A write was to wait for a split; now there is room."""
    return both(state.asked.answer == 2, state.stored.partition_bytes <= HALF)


@system.cover("PART-12")
def refused_and_shrunk(state: State) -> Any:
    """A collection was full, and is smaller now."""
    return both(state.asked.answer == 1, state.stored.collection_bytes == HALF)


@system.cover("PART-12")
def a_collection_without_an_index_is_larger(state: State) -> Any:
    """Without a local secondary index a collection has more than 10 GB, in two partitions."""
    return both(neg(state.has_local_index), state.collection_everywhere > TEN_GIGABYTES)


@system.cover("PART-07")
def two_full_seconds(state: State) -> Any:
    """A partition served all that it may in each of two seconds."""
    return both(
        state.reads_in[0] == 3_000,
        state.writes_in[0] == 1_000,
        state.reads_in[1] == 3_000,
        state.writes_in[1] == 1_000,
    )


@system.mutant("limits.write_answer")
def the_partition_is_not_looked_at(
    stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool
) -> int:
    """Only the collection is limited."""
    growth = after_bytes - before_bytes
    if growth > 0 and has_local_index and stored.collection_bytes + growth > TEN_GIGABYTES:
        return 1
    return 0


@system.mutant("limits.write_answer")
def every_collection_is_limited(
    stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool
) -> int:
    """A collection is refused its growth without a local secondary index too."""
    growth = after_bytes - before_bytes
    if growth <= 0:
        return 0
    if stored.collection_bytes + growth > TEN_GIGABYTES:
        return 1
    return 2 if stored.partition_bytes + growth > TEN_GIGABYTES else 0


@system.mutant("limits.write_answer")
def shrinking_is_refused_too(
    stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool
) -> int:
    """Once a collection is full no write goes in, not even a deletion."""
    growth = after_bytes - before_bytes
    if has_local_index and stored.collection_bytes + growth >= TEN_GIGABYTES:
        return 1
    if has_local_index and stored.collection_bytes == TEN_GIGABYTES:
        return 1
    return 2 if stored.partition_bytes + growth > TEN_GIGABYTES else 0


@system.mutant("limits.merge")
def merged_whatever_comes_of_it(stored: Stored, other_bytes: int, collection_bytes: int) -> Stored:
    """Two partitions are merged that hold more than one may."""
    return Stored(stored.partition_bytes + other_bytes, stored.collection_bytes + collection_bytes)


@system.mutant("limits.serve")
def every_request_for_itself(used: Used, second: int, read_units: int, write_units: int) -> Used:
    """Each request alone is compared with the limit."""
    require(read_units <= 3_000)
    require(write_units <= 1_000)
    return Used(second, used.read_units + read_units, used.write_units + write_units)


@system.mutant("limits.serve")
def reads_for_writes(used: Used, second: int, read_units: int, write_units: int) -> Used:
    """What is left of reads is used for writes."""
    reads, writes = read_units, write_units
    if used.second == second:
        reads, writes = used.read_units + read_units, used.write_units + write_units
    require(reads + writes <= 4_000)
    return Used(second, reads, writes)


@system.mutant("limits.write", harmless=True)
def written_by_what_is_there_after(
    stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool
) -> Stored:
    """The same sizes, what goes taken off first."""
    require(limits.write_answer(stored, before_bytes, after_bytes, has_local_index) == 0)
    return Stored(
        stored.partition_bytes - before_bytes + after_bytes,
        stored.collection_bytes - before_bytes + after_bytes,
    )


_SIZES = (0, HALF, TEN_GIGABYTES)
system.scopes += [
    Scope(
        values={
            "second": (0,),
            "before": (0, HALF),
            "after": (0, HALF),
            "its_collection": (0, HALF),
            "growth": (HALF,),
            "partition": _SIZES,
            "collection": (0, HALF),
            "other": _SIZES,
        },
        parameters=({"has_local_index": True}, {"has_local_index": False}),
        within=lambda state: state.collection_everywhere <= TEN_GIGABYTES,
        actions=("write", "write_another", "write_elsewhere", "split", "merge", "ask"),
    ),
    # To the byte.
    Scope(
        values={"second": (0,), "before": (0, 1), "after": (1, 2, TEN_GIGABYTES)},
        parameters=({"has_local_index": True}, {"has_local_index": False}),
        within=lambda state: (
            (state.held.partition_bytes <= 2) | (state.held.partition_bytes >= TEN_GIGABYTES)
        ),
        actions=("write", "ask"),
    ),
    Scope(
        values={
            "second": (0, 1, 2),
            "reads": (0, 3_000),
            "writes": (0, 1_000),
        },
        parameters=({"has_local_index": False},),
        actions=("time_passes", "serve"),
    ),
]
