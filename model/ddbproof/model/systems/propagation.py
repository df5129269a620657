"""Eventual mode with many items: what each Region owes the others, outages, throttling, transactions, counters.

Sources: ME-01, ME-05 to ME-07, ME-09 to ME-12, ME-14 to ME-17, GT-02 (the same items), GT-06, RS-08. The kernels are
`kernel/propagation.py` and `kernel/versions.py`. `eventual` has one item and clocks; here clocks say anything.

The network is the worst there is: what was ever written may arrive anywhere any number of times, in any order or never, and so
may a confirmation of what has arrived; an outage, however long, is when neither does. Writes are numbered, for what is stated.
`saw` is the write that the writer found in its Region: what a condition or a strongly consistent read there is about. Records of
a stream are counted: one for every version that an item takes.

What it leaves out: reads inside a Region (`reads`), the transaction protocol (`transactions`: here nothing happens between the two writes), and
that what is sent arrives in the end, which is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import (
    FrozenMap,
    both,
    either,
    equal,
    forall,
    implies,
    neg,
)
from ddbproof.model.kernel import propagation, versions
from ddbproof.model.kernel.propagation import Latest
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.versions import Version
from ddbproof.model.systems._propagation_state import (
    ITEM,
    NO_VERSION,
    REGION,
    WRITE,
    Capacity,
    Held,
    Sent,
    State,
    Written,
)

system = System("propagation", "Changes on their way to other Regions", State, [propagation], [versions])
system.fast = False
system.scope_in_words = [
    "any number of Regions, items, writes, outages; messages and confirmations are lost, doubled, late, out of order",
    "a transaction of two items takes effect in its Region at once: proved by transactions",
    "that what is sent again and again arrives in the end is tested, not proved",
]
system.merged = ("versions.supersedes", "propagation.survivor_is_incoming", "propagation.is_owed")
replace = msgspec.structs.replace


@system.initial
def nothing_written() -> State:
    """No Region holds anything."""
    held = FrozenMap(Held(False, NO_VERSION, 0, 0, 0))
    none = FrozenMap(Sent(Latest(), 0))
    return State(
        FrozenMap(held),
        FrozenMap(none),
        FrozenMap(FrozenMap(none)),
        FrozenMap(Written(False, 0, 0, NO_VERSION, 0, False, 0, False)),
        FrozenMap(FrozenMap(False)),
        0,
        False,
        FrozenMap(Capacity(0, 0, 0)),
        held,
    )


def _write(state: State, region: int, item: int, clock: int, value: int, with_next: bool) -> State:
    held, number = state.replicas[region][item], state.next_write
    if held.holds:
        version = versions.next_version(held.version, clock, region)
    else:
        version = versions.first_version(clock, region)
    written = Written(True, region, item, version, value, held.holds, held.write, with_next)
    after = Held(True, version, number, value, held.records + 1)
    sent = Sent(propagation.on_write(version), number)
    return replace(
        state,
        replicas=state.replicas.put(region, state.replicas[region].put(item, after)),
        own=state.own.put(region, state.own[region].put(item, sent)),
        writes=state.writes.put(number, written),
        arrived=state.arrived.put(region, state.arrived[region].put(number, True)),
        next_write=number + 1,
        halfway=with_next,
    )


@system.action
def write(
    state: State,
    region: Annotated[int, REGION],
    item: Annotated[int, ITEM],
    clock: int,
    value: int,
    with_next: bool,
) -> State:
    """A client writes in a Region, perhaps as the first of two writes of a transaction."""
    require(neg(state.halfway))
    return _write(state, region, item, clock, value, with_next)


@system.action
def count(state: State, region: Annotated[int, REGION], item: Annotated[int, ITEM], clock: int) -> State:
    """A client adds one to what it finds in its Region."""
    require(neg(state.halfway))
    found = state.replicas[region][item]
    return _write(state, region, item, clock, found.value + 1, False)


@system.action
def second(
    state: State, region: Annotated[int, REGION], item: Annotated[int, ITEM], clock: int, value: int
) -> State:
    """The other write of a transaction, before anything else happens."""
    require(state.halfway)
    require(region == state.writes[state.next_write - 1].region)
    require(item != state.writes[state.next_write - 1].item)
    return _write(state, region, item, clock, value, False)


@system.action
def grant(state: State, region: Annotated[int, REGION], units: int) -> State:
    """A Region's table has new write units."""
    require(neg(state.halfway))
    require(units > 0)
    now = state.capacity[region]
    more = Capacity(now.free + units, now.granted + units, now.used)
    return replace(state, capacity=state.capacity.put(region, more))


@system.action
def deliver(state: State, region: Annotated[int, REGION], number: Annotated[int, WRITE], units: int) -> State:
    """A write reaches a Region that has the units for it, for the first time or again."""
    require(neg(state.halfway))
    written = state.writes[number]
    require(written.made)
    require(units > 0)
    now = state.capacity[region]
    left = Capacity(propagation.use(now.free, units), now.granted, now.used + units)
    held = state.replicas[region][written.item]
    after = held
    if propagation.survivor_is_incoming(held.holds, held.version, written.version):
        after = Held(True, written.version, number, written.value, held.records + 1)
    return replace(
        state,
        replicas=state.replicas.put(region, state.replicas[region].put(written.item, after)),
        arrived=state.arrived.put(region, state.arrived[region].put(number, True)),
        capacity=state.capacity.put(region, left),
    )


@system.action
def confirm(state: State, region: Annotated[int, REGION], number: Annotated[int, WRITE]) -> State:
    """That a write has reached a Region becomes known where it was made."""
    require(neg(state.halfway))
    written = state.writes[number]
    require(written.made)
    require(state.arrived[region][number])
    rows = state.confirmed[written.region]
    before = rows[region][written.item]
    latest = propagation.on_confirmed(before.latest, written.version)
    which = before.write
    if neg(before.latest.any) or beats(written.version, before.latest.version):
        which = number
    row = rows[region].put(written.item, Sent(latest, which))
    return replace(state, confirmed=state.confirmed.put(written.region, rows.put(region, row)))


@system.action
def restore(state: State, region: Annotated[int, REGION]) -> State:
    """A Region's table is restored to this moment."""
    require(neg(state.halfway))
    return replace(state, restored=state.replicas[region])


def beats(one: Version, other: Version) -> Any:
    """The order that is promised, said again without the kernel: later time, then counter, then Region."""
    as_late = one.timestamp_milliseconds == other.timestamp_milliseconds
    return either(
        one.timestamp_milliseconds > other.timestamp_milliseconds,
        both(as_late, one.counter > other.counter),
        both(as_late, one.counter == other.counter, one.region_number > other.region_number),
    )


def owed(state: State, source: int, region: int, item: int) -> Any:
    """That a Region still owes another its latest write of an item, said without the kernel."""
    own, confirmed = state.own[source][item].latest, state.confirmed[source][region][item].latest
    unconfirmed = either(neg(confirmed.any), beats(own.version, confirmed.version))
    return both(source != region, own.any, unconfirmed)


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Writes are numbered in the order in which they were made, and only those that were made arrive."""
    yield state.next_write >= 0
    yield implies(
        state.halfway,
        both(
            state.next_write > 0,
            state.writes[state.next_write - 1].made,
            state.writes[state.next_write - 1].with_next,
        ),
    )
    yield forall(WRITE)(
        lambda n: implies(
            state.writes[n].made,
            both(
                n >= 0,
                n < state.next_write,
                state.writes[n].version.region_number == state.writes[n].region,
                state.arrived[state.writes[n].region][n],
            ),
        )
    )
    yield forall(REGION, WRITE)(lambda r, n: implies(state.arrived[r][n], state.writes[n].made))
    yield forall(WRITE)(
        lambda n: implies(
            both(state.writes[n].made, state.writes[n].saw_any),
            both(
                state.writes[state.writes[n].saw].made,
                state.writes[state.writes[n].saw].item == state.writes[n].item,
            ),
        )
    )


@system.invariant
def what_is_held(state: State) -> Iterator[Any]:
    """What a Region holds is a write of that item which arrived there."""
    yield forall(REGION, ITEM)(
        lambda r, i: implies(
            state.replicas[r][i].holds,
            both(
                state.arrived[r][state.replicas[r][i].write],
                state.writes[state.replicas[r][i].write].item == i,
                equal(state.replicas[r][i].version, state.writes[state.replicas[r][i].write].version),
                state.replicas[r][i].value == state.writes[state.replicas[r][i].write].value,
            ),
        )
    )
    yield forall(REGION, WRITE)(
        lambda r, n: implies(state.arrived[r][n], state.replicas[r][state.writes[n].item].holds)
    )
    yield forall(ITEM)(
        lambda i: implies(
            state.restored[i].holds,
            both(
                state.writes[state.restored[i].write].made,
                state.writes[state.restored[i].write].item == i,
            ),
        )
    )


@system.invariant
def latest_of_their_own(state: State) -> Iterator[Any]:
    """A Region's latest write of an item is of that item and Region, and later than all others of them."""
    yield forall(REGION, ITEM)(
        lambda r, i: implies(
            state.own[r][i].latest.any,
            both(
                state.writes[state.own[r][i].write].made,
                state.writes[state.own[r][i].write].region == r,
                state.writes[state.own[r][i].write].item == i,
                equal(state.own[r][i].latest.version, state.writes[state.own[r][i].write].version),
            ),
        )
    )
    yield forall(WRITE)(
        lambda n: implies(
            state.writes[n].made,
            both(
                state.own[state.writes[n].region][state.writes[n].item].latest.any,
                n <= state.own[state.writes[n].region][state.writes[n].item].write,
                either(
                    n == state.own[state.writes[n].region][state.writes[n].item].write,
                    beats(
                        state.own[state.writes[n].region][state.writes[n].item].latest.version,
                        state.writes[n].version,
                    ),
                ),
            ),
        )
    )


@system.invariant
def what_is_known_of_latest_writes(state: State) -> Iterator[Any]:
    """A Region holds no less than its own latest write, and no more of it was confirmed; where it is not owed it is held."""
    yield forall(REGION, ITEM)(
        lambda r, i: implies(
            state.own[r][i].latest.any,
            both(
                state.replicas[r][i].holds,
                neg(beats(state.own[r][i].latest.version, state.replicas[r][i].version)),
            ),
        )
    )
    yield forall(REGION, ITEM, REGION)(
        lambda r, i, source: implies(
            both(
                state.replicas[r][i].holds,
                state.writes[state.replicas[r][i].write].region == source,
            ),
            either(
                state.replicas[r][i].write == state.own[source][i].write,
                beats(state.own[source][i].latest.version, state.replicas[r][i].version),
            ),
        )
    )
    yield forall(REGION, REGION, ITEM)(
        lambda r, q, i: implies(
            state.confirmed[r][q][i].latest.any,
            both(
                state.own[r][i].latest.any,
                state.confirmed[r][q][i].write <= state.own[r][i].write,
                neg(beats(state.confirmed[r][q][i].latest.version, state.own[r][i].latest.version)),
            ),
        )
    )
    yield forall(REGION, REGION, ITEM)(
        lambda r, q, i: implies(
            both(state.own[r][i].latest.any, neg(owed(state, r, q, i))),
            both(
                state.replicas[q][i].holds,
                neg(beats(state.own[r][i].latest.version, state.replicas[q][i].version)),
            ),
        )
    )


@system.invariant
def confirmations(state: State) -> Iterator[Any]:
    """What was confirmed is a write that arrived."""
    yield forall(REGION, REGION, ITEM)(
        lambda r, q, i: implies(
            state.confirmed[r][q][i].latest.any,
            both(
                state.arrived[q][state.confirmed[r][q][i].write],
                state.writes[state.confirmed[r][q][i].write].region == r,
                state.writes[state.confirmed[r][q][i].write].item == i,
                equal(
                    state.confirmed[r][q][i].latest.version,
                    state.writes[state.confirmed[r][q][i].write].version,
                ),
            ),
        )
    )


@system.safe("ME-05")
def SAFE_no_two_writes_tie(state: State) -> Iterator[Any]:
    """Of two writes of an item one is the later, whatever the clocks say: by time, by counter, or by Region."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[m].item == state.writes[n].item,
                m != n,
            ),
            either(
                beats(state.writes[m].version, state.writes[n].version),
                beats(state.writes[n].version, state.writes[m].version),
            ),
        )
    )


@system.safe("ME-07", "ME-09", "GT-06")
def SAFE_a_region_knows_what_arrived(state: State) -> Iterator[Any]:
    """A Region holds of every item the latest that arrived, and so never less than what was written in it."""
    yield forall(REGION, WRITE)(
        lambda r, n: implies(
            state.arrived[r][n],
            neg(beats(state.writes[n].version, state.replicas[r][state.writes[n].item].version)),
        )
    )


@system.safe("ME-09")
def SAFE_later_changes_have_later_versions(state: State) -> Iterator[Any]:
    """Of two writes of an item in one Region the later has the later version: who had it never goes back to the earlier."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[m].region == state.writes[n].region,
                state.writes[m].item == state.writes[n].item,
                m < n,
            ),
            beats(state.writes[n].version, state.writes[m].version),
        )
    )


@system.safe("ME-07")
def SAFE_conditions_see_what_was_written_here(state: State) -> Iterator[Any]:
    """What a write found in its Region is no earlier than anything that was written there before."""
    yield forall(WRITE, WRITE)(
        lambda m, n: implies(
            both(
                state.writes[m].made,
                state.writes[n].made,
                state.writes[m].region == state.writes[n].region,
                state.writes[m].item == state.writes[n].item,
                m < n,
            ),
            both(
                state.writes[n].saw_any,
                neg(beats(state.writes[m].version, state.writes[state.writes[n].saw].version)),
            ),
        )
    )


@system.safe("ME-10", "ME-12", "ME-16")
def SAFE_what_has_not_arrived_is_owed(state: State) -> Iterator[Any]:
    """The latest write of every item in every Region has arrived in any other or is owed there, and is all that can be missing."""
    yield forall(REGION, REGION, ITEM)(
        lambda r, q, i: implies(
            state.own[r][i].latest.any,
            either(owed(state, r, q, i), state.arrived[q][state.own[r][i].write]),
        )
    )


@system.safe("ME-01", "ME-11", "GT-02")
def SAFE_nothing_owed_means_equal_items(state: State) -> Iterator[Any]:
    """A Region that is not owed what another holds of an item has it or a later one: where nothing is owed, all hold the same."""
    yield forall(REGION, REGION, ITEM, REGION)(
        lambda r, q, i, source: implies(
            both(
                state.replicas[r][i].holds,
                state.writes[state.replicas[r][i].write].region == source,
                neg(owed(state, source, q, i)),
            ),
            both(
                state.replicas[q][i].holds,
                neg(beats(state.replicas[r][i].version, state.replicas[q][i].version)),
            ),
        )
    )


@system.safe("ME-15")
def SAFE_a_transaction_is_whole_at_home(state: State) -> Iterator[Any]:
    """Where it was made, both its writes are there or none; and only what was made is anywhere."""
    yield forall(WRITE)(
        lambda n: implies(
            both(
                state.writes[n].made,
                state.writes[n].with_next,
                either(neg(state.halfway), n < state.next_write - 1),
            ),
            both(
                state.writes[n + 1].made,
                state.writes[n + 1].region == state.writes[n].region,
                state.arrived[state.writes[n].region][n + 1],
            ),
        )
    )
    yield forall(REGION, ITEM)(
        lambda r, i: implies(state.replicas[r][i].holds, state.writes[state.replicas[r][i].write].made)
    )


@system.safe("ME-16")
def SAFE_replicated_writes_use_capacity(state: State) -> Iterator[Any]:
    """What arrives uses up units of the Region, which never go below nothing."""
    yield forall(REGION)(
        lambda r: both(
            state.capacity[r].free >= 0,
            state.capacity[r].free + state.capacity[r].used == state.capacity[r].granted,
        )
    )
