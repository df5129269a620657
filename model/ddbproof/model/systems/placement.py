"""Three replicas in zones that fail and come back, replaced by others, and asked for writes and reads meanwhile.

Sources: REP-01, PART-02, REP-11. The kernel is `kernel/placement.py`. Any zones may be down at any time; any member may be
replaced at any time, by a log replica, which becomes a full one later. What the members hold, and when a replacement counts, is
proved by `membership` and `replication`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, equal, forall, implies, neg
from ddbproof.model.kernel import placement
from ddbproof.model.kernel.placement import Zones
from ddbproof.model.kernel.refusal import require

ZONE = Sort("zone")


class Full(msgspec.Struct, frozen=True):
    """Which of the three members have items; the others are log replicas."""

    first: bool
    second: bool
    third: bool


class Written(msgspec.Struct, frozen=True):
    """The last acknowledged write: the zones of the two that acknowledged it, and if one of them was a log replica."""

    any: bool
    one: Annotated[int, ZONE]
    other: Annotated[int, ZONE]
    by_log_replica: bool


class Read(msgspec.Struct, frozen=True):
    """The last read that was answered: whether who answered had items, and was up."""

    any: bool
    full: bool
    up: bool


class State(msgspec.Struct, frozen=True):
    """Where the members are and were asked to be, which zones are down, what was written and read last."""

    placed: bool
    zones: Zones
    asked: Zones
    full: Full
    down: Annotated[Map[bool], ZONE]
    written: Written
    read: Read


system = System("placement", "Replicas in three zones", State, [placement])
system.scope_in_words = [
    "one partition; any zones fail and come back; any number of replacements, one at a time",
    "what members hold, and that a replacement counts only when it should: membership",
    "that storage is on SSD, and how machines are chosen, is not modelled",
]
replace = msgspec.structs.replace


@system.initial
def nothing() -> State:
    """No partition yet."""
    nowhere = Zones(0, 0, 0)
    return State(
        False,
        nowhere,
        nowhere,
        Full(True, True, True),
        FrozenMap(False),
        Written(False, 0, 0, False),
        Read(False, False, False),
    )


@system.action
def place(
    state: State, first: Annotated[int, ZONE], second: Annotated[int, ZONE], third: Annotated[int, ZONE]
) -> State:
    """A new partition gets its three replicas."""
    require(neg(state.placed))
    zones = placement.place(first, second, third)
    return replace(state, placed=True, zones=zones, asked=Zones(first, second, third))


@system.action
def zone_fails(state: State, zone: Annotated[int, ZONE]) -> State:
    """A zone goes down."""
    return replace(state, down=state.down.put(zone, True))


@system.action
def zone_is_back(state: State, zone: Annotated[int, ZONE]) -> State:
    """A zone comes back."""
    return replace(state, down=state.down.put(zone, False))


def _zone_of(state: State, which: int) -> int:
    if which == 1:
        return state.zones.first
    if which == 2:
        return state.zones.second
    return state.zones.third


def _is_full(state: State, which: int) -> bool:
    if which == 1:
        return state.full.first
    if which == 2:
        return state.full.second
    return state.full.third


def _with_full(state: State, which: int, full: bool) -> Full:
    if which == 1:
        return replace(state.full, first=full)
    if which == 2:
        return replace(state.full, second=full)
    return replace(state.full, third=full)


def _asked(state: State, which: int, zone: int) -> Zones:
    if which == 1:
        return replace(state.asked, first=zone)
    if which == 2:
        return replace(state.asked, second=zone)
    return replace(state.asked, third=zone)


@system.action
def replace_member(state: State, which: int, zone: Annotated[int, ZONE]) -> State:
    """A member is replaced by a log replica somewhere."""
    require(both(which >= 1, which <= 3))
    require(state.placed)
    zones = placement.place_again(state.zones, which, zone)
    return replace(state, zones=zones, asked=_asked(state, which, zone), full=_with_full(state, which, False))


@system.action
def heal(state: State, which: int) -> State:
    """A log replica has got items."""
    require(both(which >= 1, which <= 3))
    return replace(state, full=_with_full(state, which, True))


@system.action
def write(state: State, one: int, other: int) -> State:
    """Two members acknowledge a write."""
    require(state.placed)
    require(both(one >= 1, one < other, other <= 3))
    for which in (one, other):
        require(placement.may_acknowledge(neg(state.down[_zone_of(state, which)])))
    by_log_replica = neg(both(_is_full(state, one), _is_full(state, other)))
    written = Written(True, _zone_of(state, one), _zone_of(state, other), by_log_replica)
    return replace(state, written=written)


@system.action
def read(state: State, which: int) -> State:
    """A member answers a read."""
    require(state.placed)
    require(both(which >= 1, which <= 3))
    full, up = _is_full(state, which), neg(state.down[_zone_of(state, which)])
    require(placement.may_answer(up, full))
    return replace(state, read=Read(True, full, up))


@system.safe("REP-01", "PART-02")
def SAFE_three_zones(state: State) -> Iterator[Any]:
    """The three members are in three zones, however often they were replaced; so two are left whichever zone is lost."""
    zones = state.zones
    yield implies(
        state.placed,
        both(zones.first != zones.second, zones.first != zones.third, zones.second != zones.third),
    )
    yield forall(ZONE)(
        lambda z: either(
            neg(state.placed),
            both(zones.first != z, zones.second != z),
            both(zones.first != z, zones.third != z),
            both(zones.second != z, zones.third != z),
        )
    )


@system.safe("REP-01")
def SAFE_who_stays_stays_where_it_is(state: State) -> Iterator[Any]:
    """Each member is where it, or its last replacement, was asked to be."""
    yield equal(state.zones, state.asked)


@system.safe("REP-01")
def SAFE_acknowledged_in_two_zones(state: State) -> Iterator[Any]:
    """Two members in two zones acknowledged each write."""
    yield implies(state.written.any, state.written.one != state.written.other)


@system.safe("REP-11")
def SAFE_log_replicas_answer_no_reads(state: State) -> Iterator[Any]:
    """Who answers a read has items, and is in a zone that is up."""
    yield implies(state.read.any, both(state.read.full, state.read.up))
