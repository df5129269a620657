"""A partition that is written to, read, split and merged, and one item collection in it.

Sources: PART-06, PART-07, PART-12. The kernel is `kernel/limits.py`. One partition stands for all, and one collection: what others
write in the partition counts for the partition alone. `collection_everywhere` is how many bytes the collection has in all partitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, equal, forall, implies, neg, same_truth
from ddbproof.model.kernel import limits
from ddbproof.model.kernel.limits import Stored, Used
from ddbproof.model.kernel.refusal import require

SECOND = Sort("second")
TEN_GIGABYTES = 10 * 1024 * 1024 * 1024


class Asked(msgspec.Struct, frozen=True):
    """The last write that was asked for, how things stood then, and the answer."""

    collection: int
    partition: int
    growth: int
    answer: int


class State(msgspec.Struct, frozen=True):
    """What the partition notes that it holds and what it does hold, what it has served in every second, and what was asked."""

    stored: Stored
    held: Stored
    used: Used
    collection_everywhere: int
    reads_in: Annotated[Map[int], SECOND]
    writes_in: Annotated[Map[int], SECOND]
    now: Annotated[int, SECOND]
    asked: Asked
    has_local_index: bool


system = System("limits", "What one partition holds and serves", State, [limits])
system.scope_in_words = [
    "one partition, and one item collection in it, which stand for all",
    "a partition that is full waits for its split: ours; that splits come in time is tested, not proved",
    "a second is one of the clock",
]
replace = msgspec.structs.replace


@system.initial
def empty(has_local_index: bool) -> State:
    """An empty partition."""
    return State(
        Stored(), Stored(), Used(), 0, FrozenMap(0), FrozenMap(0), 0, Asked(0, 0, 0, 0), has_local_index
    )


@system.action
def time_passes(state: State, later: Annotated[int, SECOND]) -> State:
    """Time goes on."""
    require(later > state.now)
    return replace(state, now=later)


def _more(held: Stored, partition: int, collection: int) -> Stored:
    return Stored(held.partition_bytes + partition, held.collection_bytes + collection)


@system.action
def write(state: State, before: int, after: int) -> State:
    """An item of the collection is written or deleted here."""
    require(both(before >= 0, after >= 0, before <= state.stored.collection_bytes))
    stored = limits.write(state.stored, before, after, state.has_local_index)
    return replace(
        state,
        stored=stored,
        held=_more(state.held, after - before, after - before),
        collection_everywhere=state.collection_everywhere + after - before,
    )


@system.action
def write_another(state: State, before: int, after: int, its_collection: int) -> State:
    """An item of another collection of the partition is written or deleted."""
    others = state.stored.partition_bytes - state.stored.collection_bytes
    require(both(before >= 0, after >= 0, before <= its_collection, its_collection <= others))
    there = Stored(state.stored.partition_bytes, its_collection)
    after_it = limits.write(there, before, after, state.has_local_index)
    return replace(
        state,
        stored=Stored(after_it.partition_bytes, state.stored.collection_bytes),
        held=_more(state.held, after - before, 0),
    )


@system.action
def write_elsewhere(state: State, growth: int) -> State:
    """The collection, cut, is written in another partition."""
    require(neg(state.has_local_index))
    total = state.collection_everywhere + growth
    require(total >= state.stored.collection_bytes)
    return replace(state, collection_everywhere=total)


@system.action
def split(state: State, partition: int, collection: int) -> State:
    """The partition is split, and of its bytes so many are in the half that we look at."""
    others = state.stored.partition_bytes - state.stored.collection_bytes
    require(both(collection >= 0, collection <= state.stored.collection_bytes))
    require(both(partition >= collection, partition - collection <= others))
    stored = limits.split(state.stored, partition, collection, state.has_local_index)
    return replace(state, stored=stored, held=Stored(partition, collection))


@system.action
def merge(state: State, other: int, collection: int) -> State:
    """A neighbour is merged in, which may have another part of the collection."""
    require(both(collection >= 0, collection <= other))
    require(collection <= state.collection_everywhere - state.stored.collection_bytes)
    return replace(
        state,
        stored=limits.merge(state.stored, other, collection),
        held=_more(state.held, other, collection),
    )


@system.action
def serve(state: State, reads: int, writes: int) -> State:
    """The partition serves a request."""
    require(both(reads >= 0, writes >= 0))
    used = limits.serve(state.used, state.now, reads, writes)
    return replace(
        state,
        used=used,
        reads_in=state.reads_in.put(state.now, state.reads_in[state.now] + reads),
        writes_in=state.writes_in.put(state.now, state.writes_in[state.now] + writes),
    )


@system.action
def ask(state: State, before: int, after: int) -> State:
    """Somebody wants to write an item of the collection."""
    require(both(before >= 0, after >= 0, before <= state.stored.collection_bytes))
    answer = limits.write_answer(state.stored, before, after, state.has_local_index)
    asked = Asked(state.stored.collection_bytes, state.stored.partition_bytes, after - before, answer)
    return replace(state, asked=asked)


@system.invariant
def sizes(state: State) -> Iterator[Any]:
    """The collection is a part of the partition, and the whole of it with a local secondary index."""
    yield equal(state.stored, state.held)
    yield state.stored.collection_bytes >= 0
    yield state.stored.collection_bytes <= state.stored.partition_bytes
    yield state.stored.collection_bytes <= state.collection_everywhere
    yield implies(state.has_local_index, state.stored.collection_bytes == state.collection_everywhere)


@system.invariant
def seconds(state: State) -> Iterator[Any]:
    """The partition knows what it has served in the present second."""
    yield state.used.second <= state.now
    yield forall(SECOND)(
        lambda s: implies(s > state.used.second, both(state.reads_in[s] == 0, state.writes_in[s] == 0))
    )
    yield state.used.read_units == state.reads_in[state.used.second]
    yield state.used.write_units == state.writes_in[state.used.second]


@system.safe("PART-06")
def SAFE_a_partition_holds_ten_gigabytes(state: State) -> Iterator[Any]:
    """A partition never holds more than 10 GB, split and merged as it may be."""
    yield state.held.partition_bytes <= TEN_GIGABYTES
    yield state.held.collection_bytes <= state.held.partition_bytes


@system.safe("PART-07")
def SAFE_units_a_second(state: State) -> Iterator[Any]:
    """In no second has a partition served more than 3,000 read or 1,000 write units."""
    yield forall(SECOND)(lambda s: both(state.reads_in[s] <= 3_000, state.writes_in[s] <= 1_000))


@system.safe("PART-12")
def SAFE_a_collection_with_an_index_stays_within_ten_gigabytes(state: State) -> Iterator[Any]:
    """With a local secondary index a write is refused for the collection's size exactly if it would take it past 10 GB."""
    asked = state.asked
    yield implies(state.has_local_index, state.collection_everywhere <= TEN_GIGABYTES)
    yield same_truth(
        asked.answer == 1,
        both(
            state.has_local_index,
            asked.growth > 0,
            asked.collection + asked.growth > TEN_GIGABYTES,
        ),
    )
    yield implies(asked.growth <= 0, asked.answer == 0)
