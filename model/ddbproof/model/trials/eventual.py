"""Trials of eventual mode: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.versions import Version
from ddbproof.model.systems.eventual import State, system


@system.cover("ME-02")
def regions_agree_after_a_conflict(state: State) -> Any:
    """Two Regions wrote at once, and both hold the same write in the end."""
    one, two = state.replicas[1], state.replicas[2]
    return both(
        state.next_write == 2,
        state.writes[0].region != state.writes[1].region,
        state.writes[0].true_time == state.writes[1].true_time,
        one.holds,
        two.holds,
        one.write == two.write,
    )


@system.cover("ME-18")
def a_deletion_beats_a_late_write(state: State) -> Any:
    """A deletion stays although an earlier write arrives after it."""
    replica = state.replicas[2]
    return both(
        replica.holds,
        state.writes[replica.write].deletes,
        state.delivered[2][0],
        neg(state.writes[0].deletes),
        state.writes[0].region == 1,
        state.writes[replica.write].region == 2,
    )


@system.cover("ME-02")
def a_slow_clock_wins_by_its_counter(state: State) -> Any:
    """A Region whose clock is behind overwrites what it has seen of another, by the counter."""
    replica = state.replicas[2]
    return both(replica.holds, replica.version.counter > 0, state.writes[replica.write].region == 2)


@system.mutant("versions.supersedes")
def timestamps_only(incoming: Version, stored: Version) -> bool:
    """Only timestamps are compared, so of equal ones each Region keeps its own."""
    return incoming.timestamp_milliseconds > stored.timestamp_milliseconds


@system.mutant("versions.supersedes")
def arrival_order(incoming: Version, stored: Version) -> bool:
    """What arrives last wins."""
    return True


@system.mutant("versions.supersedes")
def ties_go_to_the_newcomer(incoming: Version, stored: Version) -> bool:
    """Of equal timestamps what arrives later wins."""
    return incoming.timestamp_milliseconds >= stored.timestamp_milliseconds


@system.mutant("versions.next_version")
def wall_clock_only(stored: Version, now_milliseconds: int, region_number: int) -> Version:
    """A write is stamped with the clock, whatever it overwrites."""
    return Version(now_milliseconds, region_number)


@system.mutant("versions.next_version")
def ahead_of_every_clock(stored: Version, now_milliseconds: int, region_number: int) -> Version:
    """A busy Region moves its timestamps on beyond its clock."""
    if now_milliseconds > stored.timestamp_milliseconds:
        return Version(now_milliseconds, region_number)
    return Version(stored.timestamp_milliseconds + 1, region_number)


@system.mutant("versions.supersedes", harmless=True)
def said_the_other_way_round(incoming: Version, stored: Version) -> bool:
    """The same order, asked from the stored version's side."""
    if stored.timestamp_milliseconds > incoming.timestamp_milliseconds:
        return False
    if incoming.timestamp_milliseconds > stored.timestamp_milliseconds:
        return True
    if incoming.counter != stored.counter:
        return not stored.counter > incoming.counter
    return stored.region_number < incoming.region_number


system.slow = {("deliver", "SAFE_same_deliveries_same_item")}
system.scopes.append(
    Scope(
        values={
            "region": (1, 2),
            "write": (0, 1, 2),
            "clock": (0, 1, 2, 3),
            "later": (1, 2),
            "deletes": (False,),
        },
        parameters=({"clock_bound": 1}, {"clock_bound": 0}),
        within=lambda state: state.next_write < 3,
    )
)
system.scopes.append(
    Scope(
        values={"region": (1, 2), "write": (0, 1), "clock": (0, 1), "later": (1,)},
        parameters=({"clock_bound": 1},),
        within=lambda state: state.next_write < 3,
    )
)
