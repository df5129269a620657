"""Trials of propagation: what must stay possible, what must be caught, and the small worlds for both.

Most claims of eventual mode say what *can* be: that a write is silently lost, a half of a transaction seen, a count lost. For
those the way to it is the proof.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import versions
from ddbproof.model.kernel.propagation import Latest
from ddbproof.model.kernel.versions import Version
from ddbproof.model.systems._propagation_state import State
from ddbproof.model.systems.propagation import owed, system


def _all_confirmed(state: State, item: int) -> Any:
    return both(neg(owed(state, 1, 2, item)), neg(owed(state, 2, 1, item)))


@system.witness("ME-01")
def acknowledged_before_it_is_elsewhere(state: State) -> Any:
    """A Region has acknowledged two writes; the other has one of them, and the second is on its way."""
    return both(
        state.next_write == 2,
        state.writes[0].region == 1,
        state.writes[1].region == 1,
        state.arrived[2][0],
        neg(state.arrived[2][1]),
        owed(state, 1, 2, state.writes[1].item),
    )


@system.witness("ME-06")
def a_write_is_dropped_in_silence(state: State) -> Any:
    """A write that was accepted without an error is held nowhere, has no record in the other Region, and nothing is owed."""
    return both(
        state.next_write == 2,
        state.writes[0].region == 1,
        state.writes[1].region == 2,
        state.writes[0].item == 0,
        state.writes[1].item == 0,
        neg(state.writes[1].saw_any),
        _all_confirmed(state, 0),
        state.replicas[1][0].write == 1,
        state.replicas[2][0].write == 1,
        state.replicas[2][0].records == 1,
    )


@system.witness("ME-07")
def a_condition_holds_on_what_is_out_of_date(state: State) -> Any:
    """A write saw a version in its Region that a write acknowledged elsewhere before had already replaced."""
    return both(
        state.next_write == 3,
        state.writes[0].region == 1,
        state.writes[1].region == 1,
        state.writes[2].region == 2,
        state.writes[1].item == state.writes[0].item,
        state.writes[2].saw_any,
        state.writes[2].saw == 0,
        state.writes[2].item == state.writes[1].item,
    )


@system.witness("ME-09")
def items_overtake_each_other(state: State) -> Any:
    """A Region has a later change of one item, and not yet an earlier one of another from the same Region."""
    return both(
        state.writes[0].region == 1,
        state.writes[1].region == 1,
        state.writes[0].item != state.writes[1].item,
        neg(state.writes[0].with_next),
        state.arrived[2][1],
        neg(state.arrived[2][0]),
    )


@system.witness("ME-10", "GT-06")
def writes_go_on_in_an_outage(state: State) -> Any:
    """Both Regions have taken writes, nothing has arrived anywhere, and everything is owed."""
    return both(
        state.next_write == 3,
        state.own[1][0].latest.any,
        state.own[2][0].latest.any,
        owed(state, 1, 2, 0),
        owed(state, 2, 1, 0),
        neg(state.arrived[2][0]),
        neg(state.arrived[2][1]),
        neg(state.arrived[1][2]),
        state.writes[2].region == 2,
    )


@system.witness("ME-11")
def all_is_well_after_an_outage(state: State) -> Any:
    """Both Regions wrote one item while apart; now nothing is owed, and both hold the same write."""
    return both(
        state.next_write == 2,
        state.writes[0].region == 1,
        state.writes[1].region == 2,
        neg(state.writes[1].saw_any),
        state.writes[0].item == state.writes[1].item,
        _all_confirmed(state, state.writes[0].item),
        state.arrived[1][1],
        state.arrived[2][0],
    )


@system.witness("ME-14")
def two_changes_arrive_as_one(state: State) -> Any:
    """One Region's stream has two records of an item, another's has one, and nothing is owed any more."""
    return both(
        state.next_write == 2,
        state.replicas[1][0].records == 2,
        state.replicas[2][0].records == 1,
        state.replicas[2][0].write == 1,
        _all_confirmed(state, 0),
    )


@system.witness("ME-15")
def half_a_transaction_is_seen_elsewhere(state: State) -> Any:
    """Another Region shows one of the two writes of a transaction and lacks the other."""
    return both(
        state.writes[0].with_next,
        neg(state.halfway),
        state.writes[0].region == 1,
        state.replicas[2][state.writes[0].item].holds,
        neg(state.replicas[2][state.writes[1].item].holds),
    )


@system.witness("RS-08")
def half_a_transaction_is_restored(state: State) -> Any:
    """A table restored in a Region that a transaction was just reaching has one of its writes only."""
    return both(
        state.writes[0].with_next,
        state.restored[state.writes[0].item].holds,
        neg(state.restored[state.writes[1].item].holds),
    )


@system.witness("ME-17")
def a_count_is_lost(state: State) -> Any:
    """Two Regions each counted one, nothing is owed, and both hold one."""
    return both(
        state.next_write == 2,
        state.writes[0].region == 1,
        state.writes[1].region == 2,
        state.writes[0].item == 0,
        state.writes[1].item == 0,
        _all_confirmed(state, 0),
        state.replicas[1][0].holds,
        state.replicas[1][0].value == 1,
        state.replicas[2][0].value == 1,
    )


@system.cover("ME-16")
def delayed_by_throttling(state: State) -> Any:
    """A Region has used all it had, and is still owed a write of another item."""
    return both(
        state.capacity[2].granted == 1,
        state.capacity[2].free == 0,
        state.arrived[2][0],
        owed(state, 1, 2, state.writes[1].item),
        state.writes[0].item != state.writes[1].item,
    )


@system.mutant("propagation.on_confirmed")
def confirmed_for_ever(confirmed: Latest, version: Version) -> Latest:
    """Once an item was confirmed, it counts as confirmed whatever is written later."""
    return Latest(True, Version(1_000_000, 0))


@system.mutant("propagation.survivor_is_incoming")
def what_arrives_last_stays(holds: bool, held: Version, incoming: Version) -> bool:
    """An old version that comes late takes the place of a newer one."""
    return True


@system.mutant("propagation.survivor_is_incoming")
def only_new_items_are_taken(holds: bool, held: Version, incoming: Version) -> bool:
    """A change of an item that the Region has is not applied."""
    return not holds


@system.mutant("propagation.use")
def more_than_there_is(free_units: int, units: int) -> int:
    """What arrives is applied although there are no units for it."""
    return free_units - units


@system.mutant("propagation.use")
def replication_is_free(free_units: int, units: int) -> int:
    """What arrives uses no units."""
    return free_units


@system.mutant("propagation.on_write")
def a_version_of_its_own(version: Version) -> Latest:
    """What is owed is noted with the time alone."""
    return Latest(True, Version(version.timestamp_milliseconds, 0))


@system.mutant("propagation.survivor_is_incoming", harmless=True)
def asked_the_other_way_round(holds: bool, held: Version, incoming: Version) -> bool:
    """The same, by whether what is held stays."""
    stays = holds and not versions.supersedes(incoming, held)
    return not stays


_VALUES = {
    "region": (1, 2),
    "item": (0, 1),
    "write": (0, 1, 2),
    "clock": (1,),
    "value": (0,),
    "units": (1,),
    "with_next": (False,),
}


def _within(writes: int, units: int) -> Any:
    return lambda state: both(
        state.next_write <= writes,
        state.capacity[1].granted <= units,
        state.capacity[2].granted <= units,
    )


system.scopes += [
    # One item, two Regions, two clocks.
    Scope(
        values={**_VALUES, "item": (0,), "clock": (1, 2)},
        within=_within(2, 1),
        actions=("write", "grant", "deliver", "confirm"),
    ),
    # Three units, for what comes again.
    Scope(
        values={**_VALUES, "item": (0,), "grant.region": (2,)},
        within=_within(2, 3),
        actions=("write", "grant", "deliver", "confirm"),
    ),
    # Counting.
    Scope(
        values={**_VALUES, "item": (0,)},
        within=_within(2, 1),
        actions=("count", "grant", "deliver", "confirm"),
    ),
    # Two items, a transaction, a restore.
    Scope(
        values={**_VALUES, "write.region": (1,), "grant.region": (2,), "with_next": (False, True)},
        within=_within(2, 2),
        actions=("write", "second", "grant", "deliver", "confirm", "restore"),
    ),
]
