"""Trials of capacity: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both
from ddbproof.model.kernel.capacity import Bucket, Demand
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.capacity import State, system


@system.cover("CA-03")
def a_burst(state: State) -> Any:
    """More is used in a second than is provisioned, because nothing was in the one before."""
    return both(state.bucket.rate == 10, state.bucket.kept == 10, state.bucket.used == 20)


@system.cover("CA-03")
def five_minutes_kept(state: State) -> Any:
    """The bucket is full."""
    return both(state.bucket.rate == 1, state.bucket.kept == 300, state.given_up > 0)


@system.cover("CA-04")
def double_the_peak(state: State) -> Any:
    """An on-demand table takes 8,000 write units a second, half an hour after it took 4,000."""
    return both(state.for_writes, state.used[0] == 4_000, state.now >= 1_800, state.used[state.now] == 8_000)


@system.cover("CA-04")
def too_much_at_once(state: State) -> Any:
    """Beyond that within the half hour it refuses."""
    return both(state.for_writes, state.used[0] == 4_000, state.now < 1_800, state.was_refused, state.now > 0)


@system.cover("CA-05")
def warmed_up(state: State) -> Any:
    """Warm throughput has been increased."""
    return both(state.warm[0] == 4_000, state.warm[1] == 8_000, state.changes == 2)


@system.cover("PART-16")
def a_partition_at_its_most(state: State) -> Any:
    """A partition serves 3,000 read and 1,000 write units in a second."""
    return both(state.reads == 3_000, state.writes == 1_000)


@system.mutant("capacity.next_second")
def kept_without_end(bucket: Bucket, rate: int) -> Bucket:
    """Whatever is unused is kept."""
    return Bucket(rate, 0, bucket.kept + bucket.rate - bucket.used)


@system.mutant("capacity.next_second")
def nothing_kept_of_a_burst(bucket: Bucket, rate: int) -> Bucket:
    """A second in which kept units were used gives up what it left of them."""
    if bucket.used > bucket.rate:
        return Bucket(rate, 0, 0)
    return Bucket(rate, 0, min(bucket.kept + bucket.rate - bucket.used, 300 * rate))


@system.mutant("capacity.spend")
def each_request_on_its_own(bucket: Bucket, units: int) -> Bucket:
    """A request is held against the rate, and not what came before it in the second."""
    require(units <= bucket.rate + bucket.kept)
    return Bucket(bucket.rate, bucket.used + units, bucket.kept)


@system.mutant("capacity.takes")
def only_what_a_new_table_takes(demand: Demand, units: int) -> bool:
    """A table does not learn from its peak."""
    return units <= demand.least


@system.mutant("capacity.after_second")
def the_peak_counts_at_once(demand: Demand, used: int, now_seconds: int) -> Demand:
    """What is used now counts as the previous peak, so that a table doubles every second."""
    peak = max(demand.previous_peak, demand.peak, used)
    return Demand(demand.least, peak, peak, demand.began_seconds)


@system.mutant("capacity.after_second")
def a_quiet_half_hour_forgets(demand: Demand, used: int, now_seconds: int) -> Demand:
    """The previous peak is that of the half hour before only."""
    peak = max(demand.peak, used)
    if now_seconds - demand.began_seconds < 1_800:
        return Demand(demand.least, demand.previous_peak, peak, demand.began_seconds)
    return Demand(demand.least, peak, 0, now_seconds)


@system.mutant("capacity.warmer")
def cools_down(units: int, asked: int) -> int:
    """Whatever is asked for is set."""
    return asked


@system.mutant("capacity.spend", harmless=True)
def the_same_by_what_is_left(bucket: Bucket, units: int) -> Bucket:
    """The same, by what is left."""
    left = bucket.rate + bucket.kept - bucket.used
    require(units <= left)
    return Bucket(bucket.rate, bucket.used + units, bucket.kept)


_WORLD = {"rate": 10, "warm": 4_000, "for_writes": True}

system.scopes.extend(
    [
        # Seconds of a bucket, of which the rate goes down.
        Scope(
            values={"units": (5, 20), "rate": (0, 10), "second": (0,), "change": (0,)},
            parameters=(_WORLD, {**_WORLD, "rate": 1_000}),
            within=lambda state: state.granted < 40 or state.granted == 1_000,
            actions=("spend", "second_passes"),
        ),
        # A bucket that is full.
        Scope(
            values={"rate": (1,), "second": (0,), "change": (0,)},
            parameters=({**_WORLD, "rate": 301},),
            within=lambda state: state.granted < 305,
            actions=("second_passes",),
        ),
        # Half hours of an on-demand table.
        Scope(
            values={
                "units": (4_000, 8_000, 8_001),
                "second": (0, 1, 1_799, 1_800, 1_801, 3_600, 3_601),
                "change": (0,),
            },
            parameters=(_WORLD, {**_WORLD, "for_writes": False}),
            within=lambda state: sum(used for _, used in state.used.items()) < 20_000,
            actions=("request", "time_passes"),
        ),
        # One partition.
        Scope(
            values={"units": (500, 501), "rate": (10,), "second": (0,), "change": (0,)},
            parameters=(_WORLD,),
            within=lambda state: state.granted < 30,
            actions=("serve", "second_passes"),
        ),
        # Warm throughput.
        Scope(
            values={"asked": (3_999, 4_000, 8_000), "second": (0,), "change": (0, 1, 2)},
            parameters=(_WORLD,),
            within=lambda state: state.changes < 3,
            actions=("warm_up",),
        ),
    ]
)
