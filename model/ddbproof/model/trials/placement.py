"""Trials of placement: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, either, neg
from ddbproof.model.kernel.placement import Zones
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.placement import State, system


@system.witness("REP-11")
def a_log_replica_has_a_say(state: State) -> Any:
    """With one member's zone down, a write is acknowledged by a full replica and a log replica."""
    return both(
        state.written.by_log_replica,
        either(state.down[state.zones.first], state.down[state.zones.second], state.down[state.zones.third]),
    )


@system.cover("REP-01")
def written_with_a_zone_down(state: State) -> Any:
    """A write was acknowledged, and a read answered, while a zone is down."""
    return both(
        state.down[state.zones.first], state.written.any, state.read.any, neg(state.down[state.zones.second])
    )


@system.cover("PART-02")
def moved_to_another_zone(state: State) -> Any:
    """A replica was replaced by one in a fourth zone, and has items again."""
    return both(state.zones.first == 4, state.full.first, state.down[1])


@system.mutant("placement.place_again")
def placed_anywhere(zones: Zones, which: int, zone: int) -> Zones:
    """A replacement is put where there is room."""
    if which == 1:
        return Zones(zone, zones.second, zones.third)
    if which == 2:
        return Zones(zones.first, zone, zones.third)
    return Zones(zones.first, zones.second, zone)


@system.mutant("placement.place_again")
def the_wrong_one_is_looked_at(zones: Zones, which: int, zone: int) -> Zones:
    """A replacement keeps away from one of the two that stay only."""
    require(zone != zones.third)
    if which == 1:
        return Zones(zone, zones.second, zones.third)
    if which == 2:
        return Zones(zones.first, zone, zones.third)
    return Zones(zones.first, zones.second, zone)


@system.mutant("placement.place")
def two_zones_will_do(first: int, second: int, third: int) -> Zones:
    """Three replicas are spread over two zones."""
    require(first != second)
    return Zones(first, second, third)


@system.mutant("placement.may_answer")
def log_replicas_answer(is_up: bool, full: bool) -> bool:
    """A log replica answers a read from what little it has."""
    return is_up


@system.mutant("placement.may_answer")
def the_dead_answer(is_up: bool, full: bool) -> bool:
    """Whoever has items answers, whatever its zone."""
    return full


@system.mutant("placement.may_answer", harmless=True)
def asked_in_the_other_order(is_up: bool, full: bool) -> bool:
    """The same, asked for the items first."""
    if not full:
        return False
    return is_up


system.scopes.append(
    Scope(
        values={
            "zone": (1, 2, 3, 4),
            "which": (1, 2, 3),
            "first": (1,),
            "second": (1, 2),
            "third": (1, 2, 3),
            "one": (1, 2),
            "other": (2, 3),
            "zone_fails.zone": (1,),
            "zone_is_back.zone": (1,),
        },
    )
)
