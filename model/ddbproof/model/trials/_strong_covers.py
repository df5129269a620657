"""What has to stay possible in the system `strong`, and what proves that something can be."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.values import both, neg
from ddbproof.model.systems._strong_state import (
    CONFLICT,
    UNKNOWN,
    State,
    proposed,
    succeeded,
    version,
    written,
)
from ddbproof.model.systems.strong import system


@system.cover("MR-01", "MR-15")
def a_write_with_one_member_down(state: State) -> Any:
    """A write is acknowledged while one member does nothing at all."""
    return both(written(state, 1, 1), state.members[2].register.promised == 0)


@system.cover("MR-09")
def a_conflict_and_a_retry(state: State) -> Any:
    """One of two concurrent writes fails with a conflict, the other is acknowledged, and so is the first, tried again."""
    return both(written(state, 1, 1), state.rounds[2].record.outcome == CONFLICT, written(state, 3, 2))


@system.cover("MR-05")
def a_write_finishes_what_was_left(state: State) -> Any:
    """A value that one member alone had is the base of the next write, and with it is decided after all (REP-15)."""
    return both(
        state.rounds[1].record.outcome == UNKNOWN, written(state, 2, 2), state.rounds[2].history[1] == 1
    )


@system.cover("MR-05")
def a_read_finishes_what_was_left(state: State) -> Any:
    """A value that one member alone had is decided by a round that changes nothing."""
    return both(
        state.rounds[1].record.outcome == UNKNOWN,
        succeeded(state, 2),
        neg(state.rounds[2].record.changes),
        version(state, 2) == 1,
    )


@system.cover("MR-09")
def what_was_left_is_dropped(state: State) -> Any:
    """A value that one member alone had comes to nothing: another write made its version (REP-15)."""
    return both(
        state.rounds[1].record.outcome == UNKNOWN,
        proposed(state, 1),
        version(state, 1) == 1,
        written(state, 2, 1),
    )


@system.cover("MR-05")
def a_read_needs_no_ballot(state: State) -> Any:
    """A strong read in another Region finds an acknowledged write, and disturbs nobody."""
    return both(
        written(state, 1, 1),
        state.reads[1].answered,
        state.reads[1].member != 0,
        state.reads[1].round == 1,
        state.read_before[1][1],
    )


@system.witness("MR-06")
def an_eventual_read_lacks_the_own_write(state: State) -> Any:
    """An eventually consistent read lacks a write that its own Region has acknowledged."""
    return both(state.members[0].seen.any, state.members[0].seen.lacking)


@system.cover("MR-14")
def two_streams_show_an_item(state: State) -> Any:
    """Two members have shown both versions of an item."""
    return both(state.members[0].register.shown == 2, state.members[1].register.shown == 2)


@system.cover("MR-15")
def alone_it_serves_eventual_reads(state: State) -> Any:
    """A Region that is cut off goes on with eventually consistent reads of what it has."""
    return both(state.members[2].seen.while_cut_off, state.members[2].seen.number == 1)


@system.cover("MR-15", "MR-16")
def the_others_go_on(state: State) -> Any:
    """While a Region is cut off and suspended, others acknowledge a write; and it has not heard of it."""
    return both(
        state.members[2].cut_off,
        neg(state.members[2].region.serving),
        written(state, 1, 1),
        neg(state.owes[2][1]),
        state.members[2].register.promised == 0,
    )


@system.cover("MR-16")
def caught_up_by_a_read(state: State) -> Any:
    """A Region comes back, finds the write that it missed by a ballotless read, and serves again."""
    return both(
        state.owes[2][1],
        state.members[2].region.serving,
        state.reads[1].answered,
        state.reads[1].request.catching_up,
    )


@system.cover("MR-16")
def caught_up_by_a_round(state: State) -> Any:
    """A Region comes back, finishes by a ballot what it missed, and answers a client again."""
    return both(state.owes[2][1], succeeded(state, 2), state.members[2].answered == 1)


@system.cover("MR-17", "MR-02")
def the_witness_saves_it(state: State) -> Any:
    """What one replica and the witness have is found by the other replica, though the first one is cut off."""
    return both(
        state.witness == 2,
        written(state, 1, 1),
        state.members[0].cut_off,
        state.members[1].register.number == 1,
        succeeded(state, 2),
        version(state, 2) == 1,
    )


@system.cover("MR-07", "MR-02")
def a_table_is_formed(state: State) -> Any:
    """A table is formed with a witness, and a replica begins a write before all have entered."""
    return both(state.table.witnesses == 1, state.rounds[1].begun, neg(state.members[2].region.entered))


@system.cover("MR-08")
def a_table_is_dissolved(state: State) -> Any:
    """One Region stays, with a write of which it had not heard."""
    return both(
        state.dissolved, written(state, 1, 1), state.stays == 2, state.members[2].register.number == 1
    )


@system.cover("MR-08")
def a_last_ballot_is_tried_again(state: State) -> Any:
    """A table is dissolved by a second last ballot, the first having come to nothing."""
    return both(
        state.dissolved,
        state.rounds[1].record.last,
        state.rounds[1].record.outcome == UNKNOWN,
        neg(proposed(state, 1)),
        proposed(state, 2),
    )


@system.cover("GT-07")
def eventual_mode_has_its_own_rules(state: State) -> Any:
    """In eventual mode a table that is not empty has more replicas than strong mode allows."""
    return both(neg(state.table.strong), state.table.replicas == 4, state.items_before == 1)
