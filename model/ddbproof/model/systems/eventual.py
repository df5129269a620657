"""Eventual mode of global tables: one item, any number of Regions, writes and deliveries in any order.

Sources: ME-02 (the latest write wins, all replicas converge), ME-04 (a replica applies only what is later).
The kernel is `kernel/versions.py`. A deletion is a version like any other, so tombstones need no case of
their own here; what must never happen is that one is forgotten.

The network is the worst there is: what was ever written may reach any Region any number of times, in any
order, or never. Every write has a number that no kernel function reads; `delivered` remembers which writes a
Region has seen, and exists for the sake of what is stated. A clock may be ahead of true time by anything up to
a bound, so any two clocks differ by at most that; within it the adversary picks every reading.

What it leaves out: several items (they do not touch each other in this mode), and how long tombstones live, of which
AWS publishes nothing (ME-18; here for ever).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, equal, forall, implies, neg
from ddbproof.model.kernel import versions
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.versions import Version

REGION, WRITE = Sort("region"), Sort("write")


class Replica(msgspec.Struct, frozen=True):
    """What a Region holds of the item: nothing, or a version. `write` is the number of the write it is from."""

    holds: bool
    version: Version
    write: Annotated[int, WRITE]


class Written(msgspec.Struct, frozen=True):
    """A write: its version, where it was made, when in true time, and whether it deletes."""

    made: bool
    version: Version
    region: Annotated[int, REGION]
    true_time: int
    deletes: bool


class State(msgspec.Struct, frozen=True):
    """All Regions and all writes. `clock_bound` is by how much two clocks may differ, a parameter."""

    replicas: Annotated[Map[Replica], REGION]
    writes: Annotated[Map[Written], WRITE]
    delivered: Annotated[Map[Annotated[Map[bool], WRITE]], REGION]
    next_write: Annotated[int, WRITE]
    true_time: int
    clock_bound: int


system = System("eventual", "Global tables, eventual mode", State, [versions])
system.scope_in_words = [
    "one item, any number of Regions; messages are lost, doubled, late and out of order",
    "clocks differ by no more than a bound that is not known",
    "that changes arrive in the end is tested, not proved; tombstones are kept for ever",
]
NO_VERSION = Version(0, 0)


@system.initial
def nothing_written(clock_bound: int) -> State:
    """No Region holds the item."""
    nothing = FrozenMap(False)
    return State(
        FrozenMap(Replica(False, NO_VERSION, 0)),
        FrozenMap(Written(False, NO_VERSION, 0, 0, False)),
        FrozenMap(nothing),
        0,
        0,
        clock_bound,
    )


@system.action
def time_passes(state: State, later: int) -> State:
    """True time goes on."""
    require(later > state.true_time)
    return msgspec.structs.replace(state, true_time=later)


@system.action
def write(state: State, region: Annotated[int, REGION], clock: int, deletes: bool) -> State:
    """A client writes or deletes in a Region, whose clock is ahead by no more than the bound."""
    require(clock >= state.true_time)
    require(clock <= state.true_time + state.clock_bound)
    replica = state.replicas[region]
    if replica.holds:
        version = versions.next_version(replica.version, clock, region)
    else:
        version = versions.first_version(clock, region)
    number = state.next_write
    return msgspec.structs.replace(
        state,
        replicas=state.replicas.put(region, Replica(True, version, number)),
        writes=state.writes.put(number, Written(True, version, region, state.true_time, deletes)),
        delivered=state.delivered.put(region, state.delivered[region].put(number, True)),
        next_write=number + 1,
    )


@system.action
def deliver(state: State, region: Annotated[int, REGION], number: Annotated[int, WRITE]) -> State:
    """A write reaches a Region, for the first time or again; it is applied if it is later."""
    written = state.writes[number]
    require(written.made)
    replica = state.replicas[region]
    applied = Replica(True, written.version, number)
    if replica.holds and not versions.supersedes(written.version, replica.version):
        applied = replica
    return msgspec.structs.replace(
        state,
        replicas=state.replicas.put(region, applied),
        delivered=state.delivered.put(region, state.delivered[region].put(number, True)),
    )


def beats(one: Version, other: Version) -> Any:
    """The order that is promised, said again without the kernel: later time, then counter, then Region."""
    later = one.timestamp_milliseconds > other.timestamp_milliseconds
    as_late = one.timestamp_milliseconds == other.timestamp_milliseconds
    same_count = one.counter == other.counter
    return either(
        later,
        both(as_late, one.counter > other.counter),
        both(as_late, same_count, one.region_number > other.region_number),
    )


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Writes are numbered in the order in which they were made."""
    yield state.next_write >= 0
    yield forall(WRITE)(lambda n: implies(state.writes[n].made, both(n >= 0, n < state.next_write)))
    yield forall(WRITE)(
        lambda n: implies(
            state.writes[n].made, state.writes[n].version.region_number == state.writes[n].region
        )
    )
    yield forall(WRITE)(lambda n: implies(state.writes[n].made, state.writes[n].true_time <= state.true_time))


@system.invariant
def timestamps(state: State) -> Iterator[Any]:
    """No timestamp is before the true time of its write, or further behind it than a clock can run ahead."""
    yield forall(WRITE)(
        lambda n: implies(
            state.writes[n].made,
            both(
                state.writes[n].version.timestamp_milliseconds >= state.writes[n].true_time,
                state.writes[n].version.timestamp_milliseconds
                <= state.writes[n].true_time + state.clock_bound,
            ),
        )
    )


@system.invariant
def deliveries(state: State) -> Iterator[Any]:
    """Only what was written is delivered; what a Region holds was delivered to it."""
    yield forall(REGION, WRITE)(
        lambda r, n: implies(state.delivered[r][n], both(state.writes[n].made, state.replicas[r].holds))
    )
    yield forall(REGION)(
        lambda r: implies(state.replicas[r].holds, state.delivered[r][state.replicas[r].write])
    )
    yield forall(REGION)(
        lambda r: implies(
            state.replicas[r].holds,
            equal(state.replicas[r].version, state.writes[state.replicas[r].write].version),
        )
    )
    yield forall(WRITE)(lambda n: implies(state.writes[n].made, state.delivered[state.writes[n].region][n]))


@system.invariant
def own_writes_rise(state: State) -> Iterator[Any]:
    """Of two writes in one Region the later has the later version."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[m].region == state.writes[n].region,
                m < n,
            ),
            either(
                state.writes[m].version.timestamp_milliseconds
                < state.writes[n].version.timestamp_milliseconds,
                both(
                    state.writes[m].version.timestamp_milliseconds
                    == state.writes[n].version.timestamp_milliseconds,
                    state.writes[m].version.counter < state.writes[n].version.counter,
                ),
            ),
        )
    )


@system.safe("ME-02", "ME-04", "ME-18")
def SAFE_latest_delivered_survives(state: State) -> Iterator[Any]:
    """A Region holds the latest of all versions that were delivered to it, deletions included."""
    yield forall(REGION, WRITE)(
        lambda r, n: implies(
            state.delivered[r][n], neg(beats(state.writes[n].version, state.replicas[r].version))
        )
    )


@system.safe("ME-02")
def SAFE_same_deliveries_same_item(state: State) -> Iterator[Any]:
    """Two Regions to which each other's version was delivered hold the same write."""
    yield forall(REGION, REGION)(
        lambda r, q: implies(
            both(
                state.replicas[r].holds,
                state.replicas[q].holds,
                state.delivered[r][state.replicas[q].write],
                state.delivered[q][state.replicas[r].write],
            ),
            state.replicas[r].write == state.replicas[q].write,
        )
    )


@system.safe("ME-02")
def SAFE_an_acknowledged_write_is_not_beaten_by_an_earlier_one(state: State) -> Iterator[Any]:
    """What was written after another's acknowledgement in the same Region is never beaten by it."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[m].region == state.writes[n].region,
                m < n,
            ),
            neg(beats(state.writes[m].version, state.writes[n].version)),
        )
    )


@system.safe("ME-02")
def SAFE_a_write_made_later_elsewhere_is_not_beaten(state: State) -> Iterator[Any]:
    """What was written later than another by more than the clock bound, anywhere, is never beaten by it."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[n].true_time > state.writes[m].true_time + state.clock_bound,
            ),
            neg(beats(state.writes[m].version, state.writes[n].version)),
        )
    )
