"""Time to live: an item in any number of Regions, a setting that changes, and deletions that come late or in between.

The kernel is `kernel/expiry.py`, with `kernel/versions.py` for what happens between Regions. In each Region something
looks at the item and proposes to delete it; what was proposed once may be decided on at any time later. Clients write
any attribute of the item at any time, and delete it. The setting is the table's; a Region's leader reads it when
it likes, and acts on what it has read. A clock's reading lies within an error around true time, on either side.

Every write is numbered, for what is stated. A deletion by the service notes, as ghosts, when it was made, over which
write, by which attribute, and since when that had not been in use any more. No kernel function reads true time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg, same_truth
from ddbproof.model.kernel import expiry, versions
from ddbproof.model.kernel.expiry import Attribute, Change, Setting
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.versions import Version

REGION, WRITE, NAME = Sort("region"), Sort("write"), Sort("name")
Image = Annotated[Map[Attribute], NAME]
MOST_CLOCK_ERROR = 150_000


class Expired(msgspec.Struct, frozen=True):
    """Of a deletion by the service: when, over which write, by which attribute, whether that was in use, or until when."""

    at: int
    over: Annotated[int, WRITE]
    name: Annotated[int, NAME]
    on: bool
    until: int


class Write(msgspec.Struct, frozen=True):
    """A write of the item: where, its version, and if it deletes, and by whom; its attributes afterwards, or at last."""

    made: bool
    region: Annotated[int, REGION]
    version: Version
    deletes: bool
    image: Image
    service: bool
    expired: Expired


class Replica(msgspec.Struct, frozen=True):
    """A Region: the write that its item is from, if any, the setting as it knows it, and if a deletion is proposed.

    Ghost: when, in true time, it read the setting.
    """

    holds: bool
    write: Annotated[int, WRITE]
    setting: Setting
    proposed: bool
    read_at: int


class Record(msgspec.Struct, frozen=True):
    """A Region's stream record of a write, if it has one."""

    there: bool
    change: Change


class InUse(msgspec.Struct, frozen=True):
    """Whether an attribute says when items expire, or until when it did."""

    on: bool
    until: int


class State(msgspec.Struct, frozen=True):
    """Regions, writes and streams; the table's setting, and for each attribute whether it is in use.

    `blank` is the image of an item that has no attribute yet.
    """

    replicas: Annotated[Map[Replica], REGION]
    writes: Annotated[Map[Write], WRITE]
    records: Annotated[Map[Annotated[Map[Record], WRITE]], REGION]
    next_write: Annotated[int, WRITE]
    on: bool
    name: Annotated[int, NAME]
    in_use: Annotated[Map[InUse], NAME]
    blank: Image
    now: int
    clock_error: int


system = System("expiry", "Time to live", State, [expiry], [versions])
system.fast = False
system.scope_in_words = [
    "one item in any number of Regions, of each of which one leader makes the writes one after the other",
    "clocks are off by no more than two and a half minutes",
    "that what has expired is deleted in the end is not proved: the covers show that it can be",
]
system.merged = ("expiry.is_due", "expiry.is_in_use", "expiry.propose", "versions.supersedes")
replace = msgspec.structs.replace
NOTHING: FrozenMap[Attribute] = FrozenMap(Attribute(False, 0))
NEVER = Expired(0, 0, 0, False, 0)


@system.initial
def nothing_written(clock_error: int) -> State:
    """No item, and time to live has never been on."""
    return State(
        FrozenMap(Replica(False, 0, Setting(False, 0, 0), False, 0)),
        FrozenMap(Write(False, 0, Version(0, 0), False, NOTHING, False, NEVER)),
        FrozenMap(FrozenMap(Record(False, Change(False, False, False)))),
        0,
        False,
        0,
        FrozenMap(InUse(False, 0)),
        NOTHING,
        0,
        clock_error,
    )


def read_clock(state: State, clock: int) -> None:
    """A reading that a clock may give now. Raises NotAllowed for another."""
    require(clock >= state.now - state.clock_error)
    require(clock <= state.now + state.clock_error)


@system.action
def time_passes(state: State, later: int) -> State:
    """Time goes on."""
    require(later > state.now)
    return replace(state, now=later)


# The setting.


@system.action
def turn_on(state: State, name: Annotated[int, NAME]) -> State:
    """Time to live is turned on, with an attribute."""
    require(not state.on)
    return replace(state, on=True, name=name, in_use=state.in_use.put(name, InUse(True, state.now)))


@system.action
def turn_off(state: State) -> State:
    """Time to live is turned off."""
    require(state.on)
    return replace(state, on=False, in_use=state.in_use.put(state.name, InUse(False, state.now)))


@system.action
def read_setting(state: State, region: Annotated[int, REGION], clock: int) -> State:
    """A Region's leader reads the setting."""
    read_clock(state, clock)
    setting = Setting(state.on, state.name, clock)
    replica = replace(state.replicas[region], setting=setting, read_at=state.now)
    return replace(state, replicas=state.replicas.put(region, replica))


# Writes.


def _version(state: State, region: int, clock: int) -> Version:
    replica = state.replicas[region]
    if replica.holds:
        return versions.next_version(state.writes[replica.write].version, clock, region)
    return versions.first_version(clock, region)


def _written(state: State, region: int, write: Write, change: Change) -> State:
    """A write that was made in a Region, with its stream record there."""
    number = state.next_write
    replica = replace(state.replicas[region], holds=True, write=number)
    return replace(
        state,
        replicas=state.replicas.put(region, replica),
        writes=state.writes.put(number, write),
        records=state.records.put(region, state.records[region].put(number, Record(True, change))),
        next_write=number + 1,
    )


@system.action
def put(
    state: State,
    region: Annotated[int, REGION],
    clock: int,
    name: Annotated[int, NAME],
    is_number: bool,
    seconds: int,
) -> State:
    """A client writes an attribute of the item, which need not have been there."""
    read_clock(state, clock)
    replica = state.replicas[region]
    version = _version(state, region, clock)
    image = state.blank
    if replica.holds and not state.writes[replica.write].deletes:
        image = state.writes[replica.write].image
    image = image.put(name, Attribute(is_number, seconds))
    return _written(
        state, region, Write(True, region, version, False, image, False, NEVER), expiry.by_client(False)
    )


@system.action
def delete(state: State, region: Annotated[int, REGION], clock: int) -> State:
    """A client deletes the item."""
    read_clock(state, clock)
    version = _version(state, region, clock)
    replica = state.replicas[region]
    last = state.writes[replica.write].image if replica.holds else state.blank
    write = Write(True, region, version, True, last, False, NEVER)
    return _written(state, region, write, expiry.by_client(True))


@system.action
def propose(
    state: State,
    region: Annotated[int, REGION],
    seen: Annotated[int, WRITE],
    clock: int,
) -> State:
    """Something looks at the item, as it is in the Region or was long ago, and proposes to delete it."""
    read_clock(state, clock)
    replica, write = state.replicas[region], state.writes[seen]
    require(state.records[region][seen].there)
    require(not write.deletes)
    require(expiry.propose(write.image[replica.setting.attribute], replica.setting, clock))
    return replace(state, replicas=state.replicas.put(region, replace(replica, proposed=True)))


@system.action
def expire(state: State, region: Annotated[int, REGION], clock: int) -> State:
    """The Region's leader deletes what was proposed at some time before."""
    read_clock(state, clock)
    replica = state.replicas[region]
    require(replica.proposed)
    write, name = state.writes[replica.write], replica.setting.attribute
    there = both(replica.holds, neg(write.deletes))
    change = expiry.delete(there, write.image[name], replica.setting, clock)
    used = state.in_use[name]
    expired = Expired(state.now, replica.write, name, used.on, used.until)
    version = _version(state, region, clock)
    return _written(state, region, Write(True, region, version, True, write.image, True, expired), change)


@system.action
def deliver(state: State, region: Annotated[int, REGION], number: Annotated[int, WRITE]) -> State:
    """A write of another Region arrives, for the first time or again, and is applied if it is later."""
    write, replica = state.writes[number], state.replicas[region]
    require(write.made)
    require(write.region != region)
    if replica.holds:
        require(versions.supersedes(write.version, state.writes[replica.write].version))
    change = expiry.replicated(state.records[write.region][number].change)
    record = Record(True, change)
    return replace(
        state,
        replicas=state.replicas.put(region, replace(replica, holds=True, write=number)),
        records=state.records.put(region, state.records[region].put(number, record)),
    )


# What holds.


@system.invariant
def assume_clocks(state: State) -> Iterator[Any]:
    """Clocks are off by no more than two and a half minutes."""
    yield both(state.clock_error >= 0, state.clock_error <= MOST_CLOCK_ERROR)


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Writes are numbered as they are made; what a Region holds or has a record of was made."""
    yield forall(WRITE)(lambda n: implies(state.writes[n].made, both(n >= 0, n < state.next_write)))
    yield state.next_write >= 0
    yield forall(REGION)(
        lambda r: implies(state.replicas[r].holds, state.writes[state.replicas[r].write].made)
    )
    yield forall(REGION, WRITE)(lambda r, n: implies(state.records[r][n].there, state.writes[n].made))
    yield forall(WRITE)(
        lambda n: implies(state.writes[n].made, state.records[state.writes[n].region][n].there)
    )


@system.invariant
def settings(state: State) -> Iterator[Any]:
    """What a leader has read of the setting was in force then, by its clock as well as by true time."""
    yield forall(NAME)(
        lambda a: both(
            same_truth(state.in_use[a].on, both(state.on, state.name == a)),
            state.in_use[a].until <= state.now,
        )
    )
    yield forall(REGION)(
        lambda r: both(
            state.replicas[r].read_at <= state.now,
            either(
                neg(state.replicas[r].setting.on),
                both(
                    state.replicas[r].setting.read_milliseconds
                    <= state.replicas[r].read_at + state.clock_error,
                    _was_in_use(state, state.replicas[r]),
                ),
            ),
        )
    )


def _was_in_use(state: State, replica: Replica) -> Any:
    used = state.in_use[replica.setting.attribute]
    return either(used.on, used.until >= replica.read_at)


@system.safe("TT-01", "TT-02")
def SAFE_only_what_has_expired(state: State) -> Iterator[Any]:
    """What the service deletes had, in that moment, a Number of seconds that was past, by five years at most."""
    yield forall(WRITE)(
        lambda n: implies(
            both(state.writes[n].made, state.writes[n].service),
            _had_expired(state.writes[state.writes[n].expired.over], state.writes[n].expired),
        )
    )


def _had_expired(over: Write, expired: Expired) -> Any:
    attribute = over.image[expired.name]
    return both(
        over.made,
        neg(over.deletes),
        attribute.is_number,
        attribute.seconds * 1000 < expired.at,
        expired.at <= attribute.seconds * 1000 + 5 * 365 * 24 * 60 * 60 * 1000,
    )


@system.safe()
def SAFE_not_long_after_it_was_turned_off(state: State) -> Iterator[Any]:
    """The service deletes by an attribute that is in use, or was so within the last half hour."""
    yield forall(WRITE)(
        lambda n: implies(
            both(state.writes[n].made, state.writes[n].service),
            either(
                state.writes[n].expired.on,
                state.writes[n].expired.at < state.writes[n].expired.until + 30 * 60 * 1000,
            ),
        )
    )


@system.safe("TT-04")
def SAFE_marked_at_home_only(state: State) -> Iterator[Any]:
    """A deletion by the service is marked and free where it was made; elsewhere it is an ordinary deletion."""
    yield forall(REGION, WRITE)(
        lambda r, n: implies(
            state.records[r][n].there,
            both(
                same_truth(state.records[r][n].change.deletes, state.writes[n].deletes),
                same_truth(
                    state.records[r][n].change.by_service,
                    both(state.writes[n].service, state.writes[n].region == r),
                ),
                same_truth(
                    state.records[r][n].change.charged,
                    neg(both(state.writes[n].service, state.writes[n].region == r)),
                ),
            ),
        )
    )
