"""Units per second over time: a provisioned table's bucket, an on-demand table's peak, and a table's warm throughput.

Sources: CA-03, CA-04, CA-05, PART-07, PART-16. The kernel is `kernel/capacity.py`. In each second any requests for any
units come in; what an on-demand table refuses is written down. The measures have nothing to do with each other.

Ghosts: what was granted and spent altogether, and how much had been given up when the bucket was full last; what was
used in each second, when the present half hour began, and in which second most was used, so far and before that;
and the warm throughputs so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import capacity, instants
from ddbproof.model.kernel.capacity import Bucket, Demand
from ddbproof.model.kernel.refusal import require

SECOND, CHANGE = Sort("second"), Sort("change")


class State(msgspec.Struct, frozen=True):
    """A table by all three measures, and one partition of it.

    `used` is per second, of the on-demand table; `refused` the least that was too much in this second, if anything was.
    """

    now: Annotated[int, SECOND]
    bucket: Bucket
    granted: int
    spent: int
    given_up: int
    demand: Demand
    used: Annotated[Map[int], SECOND]
    highest_at: int
    half_hour_at: int
    previous_at: int
    was_refused: bool
    refused: int
    warm: Annotated[Map[int], CHANGE]
    changes: int
    reads: int
    writes: int
    for_writes: bool


system = System("capacity", "Units per second", State, [capacity], [instants])
system.fast = False
system.scope_in_words = [
    "time in whole seconds; one table, its reads or its writes, and one partition",
    "that what is refused has no effect is shown by reads; what of a batch is handed back is the endpoint's",
    "half hours are the table's, from its creation on: a peak counts as previous after half an hour at the latest",
]
system.merged = ("instants.higher", "instants.lower")
replace = msgspec.structs.replace
# Said again without the kernel.
BURST_SECONDS = 300
HALF_HOUR_SECONDS = 1_800


@system.initial
def new_table(rate: int, warm: int, for_writes: bool) -> State:
    """A table in its first second; a bucket begins empty."""
    require(rate >= 0)
    return State(
        now=0,
        bucket=Bucket(rate, 0, 0),
        granted=rate,
        spent=0,
        given_up=0,
        demand=capacity.new_table(for_writes, 0),
        used=FrozenMap(0),
        highest_at=-1,
        half_hour_at=0,
        previous_at=-1,
        was_refused=False,
        refused=0,
        warm=FrozenMap(warm),
        changes=1,
        reads=0,
        writes=0,
        for_writes=for_writes,
    )


@system.action
def spend(state: State, units: int) -> State:
    """A request to the provisioned table."""
    require(units >= 0)
    bucket = capacity.spend(state.bucket, units)
    return replace(state, bucket=bucket, spent=state.spent + units)


@system.action
def request(state: State, units: int) -> State:
    """A request to the on-demand table, which may be too much."""
    require(units >= 0)
    total = state.used[state.now] + units
    if capacity.takes(state.demand, total):
        return replace(state, used=state.used.put(state.now, total))
    least = total
    if state.was_refused:
        least = instants.lower(state.refused, total)
    return replace(state, was_refused=True, refused=least)


@system.action
def serve(state: State, units: int, writes: bool) -> State:
    """A request to a partition, perhaps for an item that has it to itself."""
    require(units >= 0)
    if writes:
        require(capacity.serves(state.writes, units, True))
        return replace(state, writes=state.writes + units)
    require(capacity.serves(state.reads, units, False))
    return replace(state, reads=state.reads + units)


@system.action
def second_passes(state: State, rate: int) -> State:
    """The bucket's and the partition's next second; the table may have another rate, and a full bucket gives up the rest."""
    require(rate >= 0)
    bucket = capacity.next_second(state.bucket, rate)
    given_up = state.given_up
    if bucket.kept == BURST_SECONDS * rate:
        given_up = state.granted - state.spent - bucket.kept
    return replace(state, bucket=bucket, granted=state.granted + rate, given_up=given_up, reads=0, writes=0)


@system.action
def time_passes(state: State, later: Annotated[int, SECOND]) -> State:
    """The on-demand table's next second in which there is a request; those in between are idle."""
    require(later > state.now)
    used = state.used[state.now]
    after = capacity.after_second(state.demand, used, later)
    highest_at, previous_at = state.highest_at, state.previous_at
    if used > state.used[highest_at]:
        highest_at = state.now
    half_hour_at = state.half_hour_at
    if later - half_hour_at >= HALF_HOUR_SECONDS:
        half_hour_at, previous_at = later, highest_at
    return replace(
        state,
        now=later,
        demand=after,
        highest_at=highest_at,
        half_hour_at=half_hour_at,
        previous_at=previous_at,
        used=state.used.put(later, 0),
        was_refused=False,
        refused=0,
    )


@system.action
def warm_up(state: State, asked: int) -> State:
    """Another warm throughput is asked for."""
    units = capacity.warmer(state.warm[state.changes - 1], asked)
    return replace(state, warm=state.warm.put(state.changes, units), changes=state.changes + 1)


@system.invariant
def figures(state: State) -> Iterator[Any]:
    """Nothing is less than nothing; a half hour has not passed since the table's present one began."""
    yield both(
        state.now >= 0, state.bucket.rate >= 0, state.bucket.used >= 0, state.reads >= 0, state.writes >= 0
    )
    yield state.bucket.used <= state.bucket.rate + state.bucket.kept
    yield both(
        state.demand.began_seconds >= 0,
        state.demand.began_seconds <= state.now,
        state.now < state.demand.began_seconds + HALF_HOUR_SECONDS,
    )
    yield forall(SECOND)(lambda s: implies(either(s < 0, s > state.now), state.used[s] == 0))
    yield forall(SECOND)(lambda s: state.used[s] >= 0)
    yield state.changes >= 1


@system.invariant
def peaks(state: State) -> Iterator[Any]:
    """The table knows the most that was used in a second, before its present half hour and in it."""
    demand, used = state.demand, state.used
    yield either(
        both(state.for_writes, demand.least == 4_000), both(neg(state.for_writes), demand.least == 12_000)
    )
    yield both(
        state.highest_at >= -1,
        state.highest_at < state.now,
        state.previous_at >= -1,
        state.previous_at < demand.began_seconds,
        state.half_hour_at == demand.began_seconds,
        demand.previous_peak == used[state.previous_at],
        demand.peak >= 0,
    )
    yield either(
        both(demand.peak <= demand.previous_peak, used[state.highest_at] == demand.previous_peak),
        both(demand.peak >= demand.previous_peak, used[state.highest_at] == demand.peak),
    )
    yield forall(SECOND)(
        lambda s: implies(both(s >= 0, s < demand.began_seconds), used[s] <= demand.previous_peak)
    )
    yield forall(SECOND)(
        lambda s: implies(both(s >= demand.began_seconds, s < state.now), used[s] <= demand.peak)
    )


@system.safe("CA-03")
def SAFE_five_minutes_are_kept(state: State) -> Iterator[Any]:
    """No more than 300 seconds' worth is kept, and what is unused is given up only when that is full."""
    bucket = state.bucket
    yield both(bucket.kept >= 0, bucket.kept <= BURST_SECONDS * bucket.rate)
    yield state.granted - state.spent == bucket.kept + bucket.rate - bucket.used + state.given_up
    yield state.given_up >= 0


@system.safe("CA-04")
def SAFE_up_to_double_the_peak(state: State) -> Iterator[Any]:
    """No more than a new table takes or double a previous peak; nothing refused up to double one half an hour old."""
    now_used, previous = state.used[state.now], state.used[state.previous_at]
    yield either(
        now_used <= 4_000,
        both(neg(state.for_writes), now_used <= 12_000),
        both(now_used <= 2 * previous, state.previous_at < state.half_hour_at),
    )
    yield implies(
        state.was_refused,
        either(state.refused > 12_000, both(state.for_writes, state.refused > 4_000)),
    )
    yield forall(SECOND)(
        lambda s: implies(
            both(state.was_refused, s >= 0, s <= state.now - HALF_HOUR_SECONDS),
            state.refused > 2 * state.used[s],
        )
    )


@system.safe("CA-05")
def SAFE_warm_throughput_only_increases(state: State) -> Iterator[Any]:
    """No warm throughput is less than an earlier one."""
    yield forall(CHANGE, CHANGE)(
        lambda k, m: implies(both(k >= 0, k < m, m < state.changes), state.warm[k] <= state.warm[m])
    )


@system.safe("PART-07", "PART-16")
def SAFE_one_partition_serves_so_much(state: State) -> Iterator[Any]:
    """A partition serves no more than 3,000 read and 1,000 write units in a second, be it for one item."""
    yield both(state.reads <= 3_000, state.writes <= 1_000)
