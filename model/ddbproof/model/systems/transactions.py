"""Transactions over any number of items, while items are written and read one by one, and coordinators die.

Sources: TX-02, TX-03, TX-04, TX-06, TX-07, TX-11. The kernel is `kernel/transactions.py`.

A *transaction* here is a request to run one, as it reaches a coordinator; a repetition is another with the same token
and body. It names items one by one before it is sent, as many as its client likes, at whatever partitions of whatever
tables. Each durable write is a step: the ledger's record, an item prepared, committed or cancelled. What was sent may
arrive any number of times, in any order, late or never. Any number of coordinators are at the same transaction; one
that dies takes no more steps, and one that takes over knows nothing but what the ledger has. So recovery has no steps of
its own: whoever likes may decide to cancel what is undecided, and carry out what the ledger says.

Timestamps come from clocks that say anything. Only the ten minutes of a client token are counted by readings within an
error around true time. A split or merge may take an item to another partition at any time.

Ghosts, which no kernel function reads: all versions that an item ever had, which of them stood when a transaction was
prepared or a reader looked, what was decided and when. A *position* numbers decisions to commit and writes of single
items in the order in which they were made. It is another serial order than that of timestamps, and the one in which
read transactions have a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from ddbproof.model.engine.values import both, either, forall, implies, neg
from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.transactions import Item, Shown
from ddbproof.model.systems import _transactions_ledger, _transactions_reads  # noqa: F401 - they declare their parts
from ddbproof.model.systems._transactions_state import (
    CHECKS,
    ITEM,
    NUMBER,
    PARTITION,
    PLACE,
    PUTS,
    READER,
    TRANSACTION,
    Action,
    Entry,
    Glimpse,
    ItemKey,
    Past,
    State,
    Transaction,
    asked_of,
    first_state,
    forgotten_by_home,
    holds,
    latest_at_least,
    names,
    pending,
    replace,
    same,
    with_part,
    with_request,
    writes,
    written,
)
from ddbproof.model.systems._transactions_system import system as system


@system.initial
def nothing_there(clock_error: int) -> State:
    """No item, no request."""
    return first_state(clock_error)


@system.action
def time_passes(state: State, later: int) -> State:
    """True time goes on."""
    require(later > state.true_time)
    return replace(state, true_time=later)


# Requests and items.


def _with_version(
    state: State, item: int, before: Item, after: Item, position: int, transaction: int | None, wanted: Shown
) -> State:
    """The item as it is now, and its new version in its past, if it has one."""
    forgotten, past = forgotten_by_home(state, item), state.pasts[item]
    changed = transactions.version_of(after, forgotten) != transactions.version_of(before, forgotten)
    if changed:
        shown = transactions.read(after)
        by = (False, 0) if transaction is None else (True, transaction)
        entry = Entry(after.latest_milliseconds, position, *by, shown, wanted)
        past = Past(past.count + 1, past.entries.put(past.count + 1, entry))
    return replace(state, items=state.items.put(item, after), pasts=state.pasts.put(item, past))


@system.action
def name_item(
    state: State,
    transaction: Transaction,
    item: ItemKey,
    kind: int,
    value: int,
    conditional: bool,
    expected: Shown,
) -> State:
    """A client adds an action on an item to its request."""
    request, actions = state.requests[transaction], state.actions[transaction]
    require(request.told == 0)
    require(both(kind >= 0, kind <= 2))
    require(either(kind == PUTS, value == 0))
    named = transactions.name_item(request.named, actions[item].place > 0)
    action = Action(named, kind, value, conditional, expected)
    listed = state.lists[transaction].put(named, item)
    return replace(
        with_request(state, transaction, replace(request, named=named)),
        actions=state.actions.put(transaction, actions.put(item, action)),
        lists=state.lists.put(transaction, listed),
    )


@system.action
def prepare(state: State, transaction: Transaction, item: ItemKey) -> State:
    """An item is asked to prepare, and accepts."""
    require(names(state, transaction, item))
    before, action = state.items[item], state.actions[transaction][item]
    condition_holds = holds(action, transactions.read(before))
    asked = asked_of(state, transaction, item)
    after = transactions.prepare(before, forgotten_by_home(state, item), asked, condition_holds)
    part = replace(state.parts[transaction][item], prepared=True, number=state.pasts[item].count)
    state = with_part(state, transaction, item, part)
    return replace(state, items=state.items.put(item, after))


@system.action
def refuse(state: State, transaction: Transaction, item: ItemKey) -> State:
    """An item is asked to prepare, and refuses; that alone decides nothing."""
    require(names(state, transaction, item))
    before, action = state.items[item], state.actions[transaction][item]
    condition_holds = holds(action, transactions.read(before))
    asked = asked_of(state, transaction, item)
    verdict = transactions.verdict(before, forgotten_by_home(state, item), asked, condition_holds)
    require(verdict != transactions.ACCEPTED)
    return with_part(state, transaction, item, replace(state.parts[transaction][item], refused=verdict))


@system.action
def commit(state: State, transaction: Transaction, item: ItemKey) -> State:
    """An item is told that a transaction is committed."""
    require(state.sent[transaction].commit)
    require(names(state, transaction, item))
    before = state.items[item]
    after = transactions.commit(before, forgotten_by_home(state, item), transaction)
    state = with_part(state, transaction, item, replace(state.parts[transaction][item], committed=True))
    position = state.fates[transaction].position
    action = state.actions[transaction][item]
    wanted = Shown(action.kind == PUTS, action.value)
    return _with_version(state, item, before, after, position, transaction, wanted)


@system.action
def cancel(state: State, transaction: Transaction, item: ItemKey) -> State:
    """An item is told that a transaction is cancelled."""
    require(state.sent[transaction].cancel)
    require(names(state, transaction, item))
    after = transactions.cancel(state.items[item], transaction)
    state = with_part(state, transaction, item, replace(state.parts[transaction][item], cancelled=True))
    return replace(state, items=state.items.put(item, after))


@system.action
def write(state: State, item: ItemKey, kind: int, value: int, clock: int) -> State:
    """A client puts or deletes a single item; the partition's clock says anything."""
    require(either(kind == PUTS, value == 0))
    before = state.items[item]
    after = transactions.write(before, forgotten_by_home(state, item), kind, value, clock)
    position = state.positions + 1
    state = _with_version(state, item, before, after, position, None, Shown(kind == PUTS, value))
    return replace(state, positions=position)


@system.action
def read(state: State, item: ItemKey) -> State:
    """A client reads a single item."""
    standing = state.items[item]
    late = both(standing.held, state.fates[standing.pending.transaction].committed)
    glimpse = Glimpse(transactions.read(standing), state.pasts[item].count, True, late)
    return replace(state, glimpses=state.glimpses.put(item, glimpse))


@system.action
def forget(state: State, item: ItemKey) -> State:
    """A partition keeps nothing any more of an item that is not there."""
    after, forgotten = transactions.forget(state.items[item], forgotten_by_home(state, item))
    return replace(
        state,
        items=state.items.put(item, after),
        forgotten=state.forgotten.put(state.homes[item], forgotten),
    )


@system.action
def move(state: State, item: ItemKey, partition: Annotated[int, PARTITION]) -> State:
    """An item comes to another partition, in a split or a merge."""
    forgotten = transactions.moved(state.forgotten[partition], forgotten_by_home(state, item))
    return replace(
        state,
        homes=state.homes.put(item, partition),
        forgotten=state.forgotten.put(partition, forgotten),
    )


# What holds of requests and items.


@system.invariant
def requests_are_lists(state: State) -> Iterator[Any]:
    """Each named item has a place of its own in its request, and each place an item."""
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            state.actions[t][i].place > 0,
            both(
                state.actions[t][i].place <= state.requests[t].named,
                state.lists[t][state.actions[t][i].place] == i,
                either(state.actions[t][i].kind == PUTS, state.actions[t][i].value == 0),
            ),
        )
    )
    yield forall(TRANSACTION, PLACE)(
        lambda t, p: implies(
            both(p > 0, p <= state.requests[t].named), state.actions[t][state.lists[t][p]].place == p
        )
    )
    yield forall(TRANSACTION)(lambda t: state.requests[t].named >= 0)
    yield forall(READER, ITEM)(lambda r, i: state.seen[r][i].place <= state.readers[r].named)
    yield forall(READER, ITEM, ITEM)(
        lambda r, i, j: implies(
            both(state.seen[r][i].place > 0, state.seen[r][i].place == state.seen[r][j].place), i == j
        )
    )


@system.invariant
def what_is_pending(state: State) -> Iterator[Any]:
    """What is pending was asked for, was answered, and stands on the version that stood then."""
    yield forall(ITEM)(
        lambda i: implies(
            state.items[i].held,
            both(
                names(state, state.items[i].pending.transaction, i),
                state.items[i].pending.instant_milliseconds
                == state.requests[state.items[i].pending.transaction].instant,
                state.items[i].pending.action == state.actions[state.items[i].pending.transaction][i].kind,
                state.items[i].pending.value == state.actions[state.items[i].pending.transaction][i].value,
                state.parts[state.items[i].pending.transaction][i].prepared,
                state.parts[state.items[i].pending.transaction][i].number == state.pasts[i].count,
                neg(state.parts[state.items[i].pending.transaction][i].committed),
            ),
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(state.parts[t][i].prepared, neg(state.fates[t].cancelled), neg(state.parts[t][i].committed)),
            pending(state, t, i),
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            state.parts[t][i].prepared,
            both(
                names(state, t, i),
                state.parts[t][i].number >= 0,
                state.parts[t][i].number <= state.pasts[i].count,
                holds(state.actions[t][i], state.pasts[i].entries[state.parts[t][i].number].shown),
                state.pasts[i].entries[state.parts[t][i].number].instant < state.requests[t].instant,
            ),
        )
    )


@system.invariant
def timestamps(state: State) -> Iterator[Any]:
    """An item's latest timestamp is not below those of its versions and checks; what is pending is later than all."""
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(n >= 0, n <= state.pasts[i].count),
            latest_at_least(state, i, state.pasts[i].entries[n].instant),
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(names(state, t, i), state.parts[t][i].committed),
            latest_at_least(state, i, state.requests[t].instant),
        )
    )
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(state.items[i].held, n >= 0, n <= state.pasts[i].count),
            state.pasts[i].entries[n].instant < state.items[i].pending.instant_milliseconds,
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(names(state, t, i), state.parts[t][i].committed, state.items[i].held),
            state.requests[t].instant < state.items[i].pending.instant_milliseconds,
        )
    )


@system.invariant
def pasts(state: State) -> Iterator[Any]:
    """The version that stands is the last of an item's past; positions have been given out."""
    yield state.positions >= 0
    yield forall(ITEM)(
        lambda i: both(
            state.pasts[i].count >= 0,
            same(
                Shown(state.items[i].exists, state.items[i].value),
                state.pasts[i].entries[state.pasts[i].count].shown,
            ),
            implies(neg(state.items[i].kept), neg(state.items[i].exists)),
            implies(neg(state.items[i].exists), state.items[i].value == 0),
        )
    )
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(n >= 0, n <= state.pasts[i].count), state.pasts[i].entries[n].position <= state.positions
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.fates[t].committed,
            both(state.fates[t].position > 0, state.fates[t].position <= state.positions),
        )
    )
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(
                state.items[i].held,
                state.fates[state.items[i].pending.transaction].committed,
                n >= 0,
                n <= state.pasts[i].count,
            ),
            state.pasts[i].entries[n].position < state.fates[state.items[i].pending.transaction].position,
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(
                names(state, t, i),
                state.parts[t][i].committed,
                state.items[i].held,
                state.fates[state.items[i].pending.transaction].committed,
            ),
            state.fates[t].position < state.fates[state.items[i].pending.transaction].position,
        )
    )


# Promises.


@system.safe("TX-02")
def SAFE_one_action_for_an_item(state: State) -> Iterator[Any]:
    """No two actions of a request name the same item."""
    yield forall(TRANSACTION, PLACE, PLACE)(
        lambda t, p, q: implies(
            both(p > 0, p < q, q <= state.requests[t].named), state.lists[t][p] != state.lists[t][q]
        )
    )


@system.safe("TX-02", "TX-11")
def SAFE_all_of_it(state: State) -> Iterator[Any]:
    """Each item of a committed transaction has its version, once, or still has it pending; after success each has it."""
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(state.fates[t].committed, writes(state, t, i)),
            either(both(pending(state, t, i), neg(state.fates[t].finished)), written(state, t, i)),
        )
    )


@system.safe("TX-02", "TX-11")
def SAFE_nothing_of_it(state: State) -> Iterator[Any]:
    """No item ever has a version of a transaction that was not committed, or that does not write it."""
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(n > 0, n <= state.pasts[i].count, state.pasts[i].entries[n].by_transaction),
            both(
                state.fates[state.pasts[i].entries[n].transaction].committed,
                writes(state, state.pasts[i].entries[n].transaction, i),
                state.parts[state.pasts[i].entries[n].transaction][i].number + 1 == n,
                neg(state.fates[state.pasts[i].entries[n].transaction].cancelled),
            ),
        )
    )


@system.safe()
def SAFE_a_version_is_what_was_asked_for(state: State) -> Iterator[Any]:
    """Readers get of a version what its client wanted, put or deleted."""
    yield forall(ITEM, NUMBER)(
        lambda i, n: implies(
            both(n > 0, n <= state.pasts[i].count),
            same(state.pasts[i].entries[n].shown, state.pasts[i].entries[n].wanted),
        )
    )


@system.safe("TX-03")
def SAFE_timestamps_are_a_serial_order(state: State) -> Iterator[Any]:
    """Along an item's versions timestamps rise, and so do positions, whatever clocks say."""
    yield forall(ITEM, NUMBER, NUMBER)(
        lambda i, m, n: implies(
            both(m >= 0, m < n, n <= state.pasts[i].count),
            both(
                state.pasts[i].entries[m].instant < state.pasts[i].entries[n].instant,
                state.pasts[i].entries[m].position < state.pasts[i].entries[n].position,
            ),
        )
    )


@system.safe("TX-03")
def SAFE_conditions_hold_in_that_order(state: State) -> Iterator[Any]:
    """A committed transaction's conditions and checks held of the versions just before it in both orders, to this day."""
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(state.fates[t].committed, names(state, t, i)),
            both(
                holds(state.actions[t][i], state.pasts[i].entries[state.parts[t][i].number].shown),
                state.pasts[i].entries[state.parts[t][i].number].instant < state.requests[t].instant,
                state.pasts[i].entries[state.parts[t][i].number].position < state.fates[t].position,
            ),
        )
    )
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(
                state.fates[t].committed,
                names(state, t, i),
                state.parts[t][i].number < state.pasts[i].count,
            ),
            either(
                both(state.actions[t][i].kind != CHECKS, written(state, t, i)),
                both(
                    state.pasts[i].entries[state.parts[t][i].number + 1].instant > state.requests[t].instant,
                    state.pasts[i].entries[state.parts[t][i].number + 1].position > state.fates[t].position,
                ),
            ),
        )
    )


@system.safe("TX-03")
def SAFE_single_reads_see_what_is_committed(state: State) -> Iterator[Any]:
    """A read of a single item is answered by a version, and a version is a single write's or a committed transaction's."""
    yield forall(ITEM)(
        lambda i: both(
            state.glimpses[i].number >= 0,
            state.glimpses[i].number <= state.pasts[i].count,
            same(state.glimpses[i].shown, state.pasts[i].entries[state.glimpses[i].number].shown),
            implies(
                both(
                    state.glimpses[i].number > 0,
                    state.pasts[i].entries[state.glimpses[i].number].by_transaction,
                ),
                state.fates[state.pasts[i].entries[state.glimpses[i].number].transaction].committed,
            ),
        )
    )
