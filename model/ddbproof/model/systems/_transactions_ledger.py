"""Coordinators and the ledger: what is decided of a transaction, and what a client token is told.

A part of the system `transactions`, which see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._transactions_state import (
    COORDINATOR,
    ITEM,
    TEN_MINUTES,
    TOKEN,
    TOLD_BEGUN,
    TOLD_FAILURE,
    TOLD_IN_PROGRESS,
    TOLD_MISMATCH,
    TOLD_SUCCESS,
    TRANSACTION,
    Coordinator,
    Counted,
    ItemKey,
    Sent,
    State,
    Transaction,
    begun,
    names,
    read_clock,
    record_of,
    replace,
    with_fate,
    with_record,
    with_request,
)
from ddbproof.model.systems._transactions_system import system

# Coordinators and the ledger.


@system.action
def send(
    state: State,
    transaction: Transaction,
    token: Annotated[int, TOKEN],
    content: int,
    instant: int,
    clock: int,
) -> State:
    """A request reaches a coordinator, which asks the ledger for its token and gives it a timestamp."""
    request, record = state.requests[transaction], state.ledger[token]
    require(request.told == 0)
    read_clock(state, clock)
    told = transactions.answer(record, content, clock, state.clock_error)
    earlier = record.transaction
    sent = replace(
        request, told=told, token=token, content=content, instant=instant, at=state.true_time, earlier=earlier
    )
    state = with_request(state, transaction, sent)
    if told == TOLD_BEGUN:
        state = with_record(state, transaction, transactions.begin(transaction, content, instant))
    return state


@system.action
def hear_prepared(state: State, coordinator: Coordinator, transaction: Transaction, item: ItemKey) -> State:
    """A coordinator counts the next item's answer that it has prepared."""
    counts = state.counted[coordinator][transaction]
    require(names(state, transaction, item))
    require(state.parts[transaction][item].prepared)
    require(state.actions[transaction][item].place == counts.prepared + 1)
    counts = Counted(counts.prepared + 1, counts.told)
    return replace(
        state, counted=state.counted.put(coordinator, state.counted[coordinator].put(transaction, counts))
    )


@system.action
def decide_to_commit(state: State, coordinator: Coordinator, transaction: Transaction) -> State:
    """A coordinator that has all answers decides, in the ledger."""
    require(begun(state, transaction))
    request, counts = state.requests[transaction], state.counted[coordinator][transaction]
    record = transactions.decide_to_commit(
        record_of(state, transaction), transaction, request.named, counts.prepared
    )
    fate = replace(state.fates[transaction], committed=True, position=state.positions + 1)
    state = with_fate(with_record(state, transaction, record), transaction, fate)
    return replace(state, positions=state.positions + 1)


@system.action
def decide_to_cancel(state: State, transaction: Transaction) -> State:
    """A coordinator, the first or another, decides to cancel: an item has refused, or it waits no longer."""
    require(begun(state, transaction))
    record = transactions.decide_to_cancel(record_of(state, transaction), transaction)
    state = with_record(state, transaction, record)
    return with_fate(state, transaction, replace(state.fates[transaction], cancelled=True))


@system.action
def tell(state: State, transaction: Transaction) -> State:
    """Somebody reads in the ledger what was decided, and sends it to all items."""
    require(begun(state, transaction))
    decision = transactions.decision(record_of(state, transaction), transaction)
    before = state.sent[transaction]
    if decision == transactions.COMMITTED:
        sent = Sent(True, before.cancel)
    else:
        require(decision == transactions.CANCELLED)
        sent = Sent(before.commit, True)
    return replace(state, sent=state.sent.put(transaction, sent))


@system.action
def hear_told(state: State, coordinator: Coordinator, transaction: Transaction, item: ItemKey) -> State:
    """A coordinator counts the next item's answer that it knows the decision."""
    counts, part = state.counted[coordinator][transaction], state.parts[transaction][item]
    require(names(state, transaction, item))
    require(either(part.committed, part.cancelled))
    require(state.actions[transaction][item].place == counts.told + 1)
    counts = Counted(counts.prepared, counts.told + 1)
    return replace(
        state, counted=state.counted.put(coordinator, state.counted[coordinator].put(transaction, counts))
    )


@system.action
def finish(state: State, coordinator: Coordinator, transaction: Transaction, clock: int) -> State:
    """A coordinator that has all these answers says so in the ledger, and answers the client."""
    require(begun(state, transaction))
    read_clock(state, clock)
    request, counts = state.requests[transaction], state.counted[coordinator][transaction]
    record = transactions.finish(
        record_of(state, transaction), transaction, request.named, counts.told, clock
    )
    fate = replace(state.fates[transaction], finished=True, finished_at=state.true_time)
    return with_fate(with_record(state, transaction, record), transaction, fate)


@system.action
def drop(state: State, token: Annotated[int, TOKEN], clock: int) -> State:
    """The ledger forgets a token."""
    read_clock(state, clock)
    record = transactions.drop(state.ledger[token], clock, state.clock_error)
    return replace(state, ledger=state.ledger.put(token, record))


# What holds.


@system.invariant
def the_ledger(state: State) -> Iterator[Any]:
    """A record says what was decided of its transaction, and is there until that is finished."""
    yield forall(TOKEN)(
        lambda k: implies(
            state.ledger[k].state != 0,
            both(
                begun(state, state.ledger[k].transaction),
                state.requests[state.ledger[k].transaction].token == k,
                state.requests[state.ledger[k].transaction].content == state.ledger[k].content,
                state.ledger[k].state <= 3,
                state.ledger[k].state >= 1,
                same_truth(state.ledger[k].state == 2, state.fates[state.ledger[k].transaction].committed),
                same_truth(state.ledger[k].state == 3, state.fates[state.ledger[k].transaction].cancelled),
                same_truth(state.ledger[k].finished, state.fates[state.ledger[k].transaction].finished),
            ),
        )
    )
    yield forall(TOKEN)(
        lambda k: implies(
            both(state.ledger[k].state != 0, state.ledger[k].finished),
            state.ledger[k].finished_milliseconds
            >= state.fates[state.ledger[k].transaction].finished_at - state.clock_error,
        )
    )
    yield forall(TOKEN)(lambda k: implies(state.ledger[k].finished, state.ledger[k].state >= 2))
    yield forall(TRANSACTION)(
        lambda t: implies(
            begun(state, t),
            either(
                both(
                    state.ledger[state.requests[t].token].state != 0,
                    state.ledger[state.requests[t].token].transaction == t,
                ),
                both(state.fates[t].finished, state.fates[t].finished_at + TEN_MINUTES <= state.true_time),
            ),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: both(
            implies(
                either(state.fates[t].committed, state.fates[t].cancelled, state.fates[t].finished),
                begun(state, t),
            ),
            implies(state.fates[t].finished, either(state.fates[t].committed, state.fates[t].cancelled)),
        )
    )


@system.invariant
def times(state: State) -> Iterator[Any]:
    """What happened was not later than now."""
    yield forall(TRANSACTION)(
        lambda t: implies(state.requests[t].told > 0, state.requests[t].at <= state.true_time)
    )


@system.invariant
def what_was_sent(state: State) -> Iterator[Any]:
    """Decisions are sent as they are; only of what is finished everywhere may one be told that it was cancelled."""
    yield forall(TRANSACTION)(lambda t: implies(state.sent[t].commit, state.fates[t].committed))
    yield forall(TRANSACTION)(
        lambda t: implies(state.sent[t].cancel, either(state.fates[t].cancelled, state.fates[t].finished))
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: both(
            implies(state.parts[t][i].committed, state.sent[t].commit),
            implies(state.parts[t][i].cancelled, state.sent[t].cancel),
        )
    )


@system.invariant
def coordinators_count(state: State) -> Iterator[Any]:
    """What a coordinator has counted was answered."""
    yield forall(COORDINATOR, TRANSACTION)(
        lambda c, t: both(
            state.counted[c][t].prepared <= state.requests[t].named,
            state.counted[c][t].told <= state.requests[t].named,
        )
    )
    yield forall(COORDINATOR, TRANSACTION, ITEM)(
        lambda c, t, i: implies(
            both(state.actions[t][i].place > 0, state.actions[t][i].place <= state.counted[c][t].prepared),
            state.parts[t][i].prepared,
        )
    )
    yield forall(COORDINATOR, TRANSACTION, ITEM)(
        lambda c, t, i: implies(
            both(state.actions[t][i].place > 0, state.actions[t][i].place <= state.counted[c][t].told),
            either(state.parts[t][i].committed, state.parts[t][i].cancelled),
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(both(state.fates[t].committed, names(state, t, i)), state.parts[t][i].prepared)
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(state.fates[t].committed, state.fates[t].finished, names(state, t, i)),
            state.parts[t][i].committed,
        )
    )


# Promises.


@system.safe("TX-02", "TX-11")
def SAFE_one_decision(state: State) -> Iterator[Any]:
    """No transaction is both committed and cancelled."""
    yield forall(TRANSACTION)(lambda t: neg(both(state.fates[t].committed, state.fates[t].cancelled)))


@system.safe("TX-04")
def SAFE_a_token_counts_for_ten_minutes(state: State) -> Iterator[Any]:
    """Of two transactions with one token, one began ten minutes after the other was finished."""
    yield forall(TRANSACTION, TRANSACTION)(
        lambda t, u: implies(
            both(
                begun(state, t), begun(state, u), t != u, state.requests[t].token == state.requests[u].token
            ),
            either(
                both(
                    state.fates[t].finished,
                    state.fates[t].finished_at + TEN_MINUTES <= state.requests[u].at,
                ),
                both(
                    state.fates[u].finished,
                    state.fates[u].finished_at + TEN_MINUTES <= state.requests[t].at,
                ),
            ),
        )
    )


@system.safe("TX-04")
def SAFE_a_repetition_is_answered_as_the_first(state: State) -> Iterator[Any]:
    """A repetition is told what became of the first, which is finished; another body under the token is told so."""
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.requests[t].told > TOLD_BEGUN,
            both(
                begun(state, state.requests[t].earlier),
                state.requests[t].token == state.requests[state.requests[t].earlier].token,
                same_truth(
                    state.requests[t].told == TOLD_MISMATCH,
                    state.requests[t].content != state.requests[state.requests[t].earlier].content,
                ),
                state.requests[t].told <= TOLD_FAILURE,
                implies(
                    state.requests[t].told == TOLD_IN_PROGRESS,
                    either(
                        neg(state.fates[state.requests[t].earlier].finished),
                        state.fates[state.requests[t].earlier].finished_at >= state.requests[t].at,
                    ),
                ),
                implies(
                    state.requests[t].told == TOLD_SUCCESS,
                    both(
                        state.fates[state.requests[t].earlier].committed,
                        state.fates[state.requests[t].earlier].finished,
                    ),
                ),
                implies(
                    state.requests[t].told == TOLD_FAILURE,
                    both(
                        state.fates[state.requests[t].earlier].cancelled,
                        state.fates[state.requests[t].earlier].finished,
                    ),
                ),
            ),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            neg(begun(state, t)), both(neg(state.fates[t].committed), neg(state.fates[t].cancelled))
        )
    )
