"""Trials of transactions: what must stay possible, what must be caught, and the small worlds for both.

A transaction of two items takes nine steps to be decided and told and five more to be finished, so each small world
tells one story: two transactions in each other's way, one among writes of single items, one that a reader looks through.
In most, a request names its items in their order and is sent before the next one begins to.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.systems._transactions_state import (
    NOTHING_SHOWN,
    TEN_MINUTES,
    TOLD_BEGUN,
    TOLD_FAILURE,
    TOLD_IN_PROGRESS,
    TOLD_MISMATCH,
    TOLD_SUCCESS,
    State,
    begun,
    pending,
    writes,
)
from ddbproof.model.systems.transactions import system
from ddbproof.model.trials import _transactions_mutants


@system.cover("TX-02", "TX-11")
def items_of_two_partitions_are_written(state: State) -> Any:
    """A transaction is finished, and has written an item here and another there."""
    return both(
        state.fates[0].committed,
        state.fates[0].finished,
        state.pasts[0].count == 1,
        state.pasts[1].count == 1,
        state.homes[0] != state.homes[1],
    )


@system.cover("TX-02")
def another_coordinator_commits(state: State) -> Any:
    """The first one has decided and told nobody; another has found out and finished."""
    first, other = state.counted[0][0], state.counted[1][0]
    return both(
        state.fates[0].committed,
        state.fates[0].finished,
        first.prepared == 2,
        first.told == 0,
        other.prepared == 0,
        other.told == 2,
    )


@system.cover("TX-02")
def another_coordinator_cancels(state: State) -> Any:
    """The first one was waiting for an answer; another has cancelled, and the items are free."""
    first, other = state.counted[0][0], state.counted[1][0]
    return both(
        state.fates[0].cancelled,
        state.fates[0].finished,
        first.prepared == 1,
        first.told == 0,
        other.told == 2,
        neg(state.items[0].held),
        neg(state.items[1].held),
    )


@system.cover()
def an_answer_comes_too_late(state: State) -> Any:
    """A coordinator has all answers of a transaction that another has cancelled."""
    return both(state.fates[0].cancelled, state.counted[0][0].prepared == 2, state.requests[0].named == 2)


@system.cover()
def prepared_after_the_end(state: State) -> Any:
    """What was to be prepared arrives when the transaction was cancelled and its record is gone."""
    return both(state.fates[0].cancelled, state.ledger[0].state == 0, pending(state, 0, 0))


@system.cover("TX-05")
def in_the_way_of_another(state: State) -> Any:
    """A transaction is refused because of another that is pending, which is committed."""
    return both(state.parts[1][0].refused == 2, pending(state, 0, 0), state.fates[0].committed)


@system.cover("TX-05")
def each_in_the_way_of_the_other(state: State) -> Any:
    """Of two transactions each holds one item and is refused the other."""
    return both(state.parts[0][1].refused == 2, state.parts[1][0].refused == 2)


@system.cover("TX-03")
def both_get_through(state: State) -> Any:
    """Two transactions over the same items are committed, one after the other."""
    return both(state.pasts[0].count == 2, state.pasts[1].count == 2)


@system.cover("TX-05")
def overtaken_by_a_single_write(state: State) -> Any:
    """A transaction is refused because an item was written with a later timestamp."""
    return both(
        state.parts[0][0].refused == 2,
        neg(state.items[0].held),
        neg(state.pasts[0].entries[1].by_transaction),
        state.pasts[0].entries[1].instant > state.requests[0].instant,
    )


@system.cover("TX-09")
def refused_for_its_condition(state: State) -> Any:
    """An item refuses because a condition does not hold."""
    return state.parts[0][0].refused == 3


@system.cover("TX-03")
def checked_and_written_later(state: State) -> Any:
    """An item was checked and then written, with a timestamp after the check although the clock was behind."""
    return both(
        state.parts[0][0].committed,
        state.actions[0][0].kind == 0,
        state.pasts[0].count == state.parts[0][0].number + 1,
    )


@system.cover()
def made_again(state: State) -> Any:
    """An item was written, deleted and forgotten, and a transaction makes it again."""
    return both(state.pasts[0].count == 3, state.pasts[0].entries[3].by_transaction, state.items[0].exists)


@system.cover("TX-04")
def repeated(state: State) -> Any:
    """A repetition succeeds, with no effect of its own."""
    return both(state.requests[1].told == TOLD_SUCCESS, neg(begun(state, 1)))


@system.cover("TX-04")
def repeated_in_vain(state: State) -> Any:
    """A repetition is told that the first was cancelled."""
    return state.requests[1].told == TOLD_FAILURE


@system.cover("TX-04")
def repeated_too_soon(state: State) -> Any:
    """A repetition is told that the first is still running."""
    return both(state.requests[1].told == TOLD_IN_PROGRESS, state.fates[0].committed)


@system.cover("TX-04")
def another_body(state: State) -> Any:
    """Another body comes with a token whose transaction is finished."""
    return both(state.requests[1].told == TOLD_MISMATCH, state.fates[0].finished)


@system.cover("TX-04")
def ten_minutes_later(state: State) -> Any:
    """A token is used again for a transaction that is committed, and the first one is long over."""
    return both(
        begun(state, 1),
        state.fates[0].finished,
        state.fates[1].committed,
        state.requests[1].at >= state.fates[0].finished_at + TEN_MINUTES,
    )


@system.cover("TX-07")
def a_reader_sees_all_changes(state: State) -> Any:
    """A read transaction succeeds with what a transaction has written to two items."""
    return both(
        state.readers[0].succeeded,
        state.fates[0].committed,
        state.seen[0][0].number == 1,
        state.seen[0][1].number == 1,
    )


@system.cover("TX-07")
def a_reader_sees_none_of_them(state: State) -> Any:
    """A read transaction succeeds with what was there before a transaction that is committed by now."""
    return both(
        state.readers[0].succeeded,
        state.readers[0].named == 2,
        state.seen[0][0].number == 0,
        state.seen[0][1].number == 0,
        state.fates[0].committed,
    )


@system.cover("TX-07")
def a_reader_is_refused(state: State) -> Any:
    """A read transaction would see one of two changes, and is refused."""
    return both(
        state.readers[0].refused,
        state.fates[0].committed,
        state.seen[0][0].place > 0,
        state.seen[0][0].number == 0,
        state.seen[0][1].number == 1,
    )


@system.witness("TX-03")
def reads_of_both_items_see_a_part(state: State) -> Any:
    """Two reads, as of a Query or a batch, show one change of a transaction, and not the other, decided before."""
    return both(
        state.fates[0].committed,
        writes(state, 0, 1),
        state.glimpses[0].taken,
        state.glimpses[0].number == 1,
        state.glimpses[1].taken,
        state.glimpses[1].late,
        state.glimpses[1].number == 0,
    )


@system.witness("TX-06")
def the_first_item_changes_first(state: State) -> Any:
    """The first item's partition has its change, from where it goes to streams and indexes; the second has not."""
    return both(state.pasts[0].count == 1, neg(pending(state, 0, 0)), pending(state, 0, 1))


@system.witness("TX-06")
def the_second_item_changes_first(state: State) -> Any:
    """The other way round, for the same request."""
    return both(state.pasts[1].count == 1, neg(pending(state, 0, 1)), pending(state, 0, 0))


@system.cover("TX-03")
def a_snapshot_of_no_timestamp(state: State) -> Any:
    """A reader succeeds with an item's version although its next one is older than the version of another item."""
    first, other = state.seen[0][0], state.seen[0][1]
    return both(
        state.readers[0].succeeded,
        first.number < state.pasts[0].count,
        state.pasts[0].entries[first.number + 1].instant < state.pasts[1].entries[other.number].instant,
        other.place > 0,
        first.place > 0,
    )


# Wrong kernels.


# Small worlds.


_ALWAYS = {
    "value": (0,),
    "conditional": (False,),
    "expected": (NOTHING_SHOWN,),
    "clock": (0,),
    "content": (0,),
    "coordinator": (0,),
    "item": (0, 1),
    "partition": (0, 1),
    "number": (0, 1, 2, 3),
    "transaction": (0, 1),
    "token": (0, 1),
    "reader": (0,),
    "place": (1, 2),
}
_EXACT = ({"clock_error": 0},)
_REQUEST = ("name_item", "send", "prepare", "hear_prepared", "decide_to_commit", "tell", "commit")
_END = ("decide_to_cancel", "cancel", "hear_told", "finish")
_LOOKS = ("look", "begin_again", "look_again", "hear_unchanged", "succeed")


def _in_order(state: State) -> bool:
    """Requests are made one after the other, and name their items in order."""
    return all(
        0 <= state.requests[t].named < 3
        and state.readers[0].named >= 0
        and (state.actions[t][1].place != 1 or state.actions[t][0].place == 0)
        and (state.actions[t][0].place < 2)
        and (t == 0 or state.requests[t].named == 0 or state.requests[t - 1].told == TOLD_BEGUN)
        for t in (0, 1)
    )


def _whole(state: State) -> bool:
    """Requests name both items."""
    return _in_order(state) and all(
        state.requests[t].told == 0 or state.requests[t].named == 2 for t in (0, 1)
    )


def _world(values: dict[str, Any], actions: tuple[str, ...], within: Any, parameters: Any = _EXACT) -> Scope:
    return Scope(values={**_ALWAYS, **values}, parameters=parameters, within=within, actions=actions)


system.scopes.extend(
    [
        # Tokens: transactions that name nothing, and clocks that err.
        _world(
            {
                "transaction": (0, 1),
                "token": (0,),
                "instant": (0,),
                "content": (0, 1),
                "later": (599_999, 600_002),
                "clock": (-1, 1, 600_000, 600_003),
            },
            ("time_passes", "send", "decide_to_commit", "decide_to_cancel", "finish", "drop"),
            lambda state: state.requests[1].told == 0 or state.requests[0].told > 0,
            ({"clock_error": 1},),
        ),
        # One transaction and two coordinators.
        _world(
            {
                "transaction": (0,),
                "token": (0,),
                "kind": (1,),
                "instant": (1,),
                "coordinator": (0, 1),
                "hear_prepared.coordinator": (0,),
                "hear_told.coordinator": (1,),
                "decide_to_commit.coordinator": (0,),
                "finish.coordinator": (1,),
                "move.item": (1,),
                "move.partition": (1,),
            },
            (*_REQUEST, *_END, "move"),
            _whole,
        ),
        # A transaction of one item that is cancelled, whose record goes, and that arrives late.
        _world(
            {
                "item": (0,),
                "transaction": (0,),
                "token": (0,),
                "kind": (1,),
                "instant": (1,),
                "later": (600_000,),
                "clock": (0, 600_000),
                "place": (1,),
            },
            (*_REQUEST, *_END, "drop", "time_passes"),
            _in_order,
        ),
        # Reads of single items.
        _world(
            {"transaction": (0,), "token": (0,), "kind": (1,), "value": (1,), "instant": (1,)},
            (*_REQUEST, "read"),
            _whole,
        ),
        # A read transaction looks through a transaction.
        _world(
            {"transaction": (0,), "token": (0,), "kind": (1,), "instant": (1,)},
            (*_REQUEST, *_LOOKS),
            _whole,
        ),
        # A read transaction and writes of single items, by clocks that differ.
        _world(
            {"kind": (1,), "write.clock": (0, 5)},
            ("write", *_LOOKS),
            lambda state: state.positions < 2 and state.readers[0].named >= 0,
        ),
        # A read transaction and an item that comes and goes.
        _world(
            {"item": (0,), "kind": (1, 2), "place": (1,)},
            ("write", "forget", *_LOOKS),
            lambda state: state.positions < 3 and state.readers[0].named >= 0,
        ),
        # A read transaction, a transaction and a write of one item.
        _world(
            {"item": (0,), "transaction": (0,), "token": (0,), "kind": (1,), "instant": (5,)},
            (*_REQUEST, "write", *_LOOKS),
            lambda state: (
                state.positions < 3 and state.readers[0].named >= 0 and -1 < state.requests[0].named < 2
            ),
        ),
        # A transaction of one item, and writes of that item; it may be checked, deleted, forgotten, and moved.
        _world(
            {
                "item": (0,),
                "transaction": (0,),
                "token": (0,),
                "kind": (0, 1),
                "write.kind": (1, 2),
                "value": (0,),
                "conditional": (False, True),
                "instant": (1, 3),
                "write.clock": (0, 2),
            },
            (*_REQUEST, "refuse", "write", "forget", "move"),
            lambda state: state.pasts[0].count < 3 and -1 < state.requests[0].named < 2,
        ),
        # Two transactions over the same items.
        _world(
            {
                "kind": (1,),
                "instant": (1, 2),
                "decide_to_cancel.transaction": (1,),
                "cancel.transaction": (1,),
            },
            (*_REQUEST, "refuse", "decide_to_cancel", "cancel"),
            lambda state: (
                _whole(state)
                and state.requests[0].token == 0
                and state.requests[0].instant < 2
                and (state.requests[1].told == 0 or state.requests[1].token == 1)
            ),
        ),
    ]
)

__all__ = ["_transactions_mutants", "system"]
