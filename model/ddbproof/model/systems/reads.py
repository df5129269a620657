"""What clients of one Region are promised, whatever becomes of leaders, replicas and messages.

The kernel is `kernel/reads.py`; `_reads_steps` says what may happen. The *history* is what has been committed, by any
leader. Every strong read, every write and every refusal that a client was told of has its *place* in it, and
they are linearizable if three things hold: what was over before something else began does not stand behind it
(`SAFE_real_time`), what is read is what the writes up to its place made of the item
(`SAFE_only_what_is_committed_is_read`), and each write was made of what the ones before it had made
(`SAFE_condition_and_write_are_one`). That holds for all items together, and so for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg
from ddbproof.model.systems._reads_state import (
    EPOCH,
    INDEX,
    ITEM,
    NOTHING,
    OPEN,
    OPERATION,
    REFUSED,
    REPLICA,
    STRONG_READ,
    SUCCEEDED,
    THROTTLED,
    WRITE,
    State,
    Table,
    agrees,
    has_read,
    holds,
    in_history,
    in_log,
    is_next,
    items_after,
    tells,
    was_appended,
    was_refused,
)
from ddbproof.model.systems._reads_steps import system

__all__ = ["system"]

# What holds.


@system.invariant
def leaders(state: State) -> Iterator[Any]:
    """Leaders lead their own epochs; the newest one's log begins with the history, which it knows once it is through."""

    def leads(epoch: int) -> Any:
        led = state.epochs[epoch]
        return implies(led.started, both(epoch >= 0, epoch <= state.newest, led.leader.epoch == epoch))

    def counts(epoch: int) -> Any:
        leader = state.epochs[epoch].leader
        figures = (leader.base, leader.first, leader.second, leader.third, leader.committed)
        return both(*(both(figure >= 0, figure <= leader.length) for figure in figures))

    newest = state.epochs[state.newest]
    yield newest.started
    yield forall(EPOCH)(leads)
    yield forall(EPOCH)(counts)
    yield forall(EPOCH)(lambda e: state.epochs[e].leader.committed <= state.decided)
    yield both(state.seen >= 0, state.seen <= state.decided, state.decided <= newest.leader.length)
    yield either(state.decided <= newest.leader.base, state.decided <= newest.leader.committed)
    yield forall(INDEX)(lambda i: agrees(state, state.newest, state.decided, i))
    yield forall(EPOCH, INDEX)(lambda e, i: agrees(state, e, state.epochs[e].leader.committed, i))


@system.invariant
def paths(state: State) -> Iterator[Any]:
    """Before an entry is what was before it when it was written."""
    yield forall(EPOCH, INDEX, INDEX)(
        lambda e, i, j: implies(
            both(in_log(state, e, i), j >= 0, j <= i),
            state.path[state.logs[e][i]][j] == state.logs[e][j],
        )
    )


@system.invariant
def logs(state: State) -> Iterator[Any]:
    """An entry is a write that was appended, in this epoch or an earlier one."""

    def is_write(epoch: int, index: int) -> Any:
        number = state.logs[epoch][index]
        write = state.operations[number]
        return implies(
            in_log(state, epoch, index),
            both(
                number >= 1,
                number <= state.begun,
                was_appended(write),
                write.place == index + 1,
                write.epoch <= epoch,
            ),
        )

    yield both(state.begun >= 0, state.history[-1] == 0)
    yield forall(EPOCH)(lambda e: state.logs[e][-1] == 0)
    yield forall(EPOCH, INDEX)(is_write)


@system.invariant
def appended(state: State) -> Iterator[Any]:
    """A write that was appended is in its epoch's log, and the items after it have what it wrote."""

    def is_there(number: int) -> Any:
        write = state.operations[number]
        return implies(
            was_appended(write),
            both(
                write.received.awaits == write.place,
                state.epochs[write.epoch].started,
                in_log(state, write.epoch, write.place - 1),
                state.logs[write.epoch][write.place - 1] == number,
                state.after[number][write.item] == write.value,
            ),
        )

    yield forall(OPERATION)(is_there)


@system.invariant
def views(state: State) -> Iterator[Any]:
    """A view shows the items after so many entries, a leader's newest of its log and all others of the history."""

    def replica_is_within(replica: int) -> Any:
        node = state.nodes[replica]
        return both(
            state.epochs[node.record.accepted].started,
            node.record.length <= state.epochs[node.record.accepted].leader.length,
            node.record.committed <= node.record.length,
            node.record.committed >= 0,
            node.record.committed <= state.decided,
            node.table.view.applied >= 0,
            node.table.view.applied <= state.decided,
        )

    def leader_is_within(epoch: int) -> Any:
        led = state.epochs[epoch]
        return both(
            led.newest.view.applied >= 0,
            led.newest.view.applied <= led.leader.length,
            led.settled.view.applied >= 0,
            led.settled.view.applied <= state.decided,
        )

    def shows(table: Table, log: Any, item: int) -> Any:
        return table.items[item] == items_after(state, log, table.view.applied)[item]

    yield forall(REPLICA)(replica_is_within)
    yield forall(REPLICA, INDEX)(
        lambda r, i: agrees(state, state.nodes[r].record.accepted, state.nodes[r].record.committed, i)
    )
    yield forall(EPOCH)(leader_is_within)
    yield forall(EPOCH, ITEM)(lambda e, x: shows(state.epochs[e].newest, state.logs[e], x))
    yield forall(EPOCH, ITEM)(lambda e, x: shows(state.epochs[e].settled, state.history, x))
    yield forall(REPLICA, ITEM)(lambda r, x: shows(state.nodes[r].table, state.history, x))


@system.invariant
def operations(state: State) -> Iterator[Any]:
    """Operations have begun; a refused write has read what its leader had appended by then, which was all that was seen."""

    def has_begun(number: int) -> Any:
        operation = state.operations[number]
        return either(
            both(operation.kind == NOTHING, operation.answer == OPEN),
            both(
                number >= 1,
                number <= state.begun,
                operation.floor >= 0,
                operation.floor <= state.decided,
                operation.under >= 0,
                operation.under <= state.newest,
            ),
        )

    def had_a_reason(number: int) -> Any:
        write = state.operations[number]
        log = state.logs[write.epoch]
        return implies(
            was_refused(write),
            both(
                write.received.awaits == write.place,
                neg(write.received.throttled),
                state.epochs[write.epoch].started,
                write.place >= write.floor,
                write.place <= state.epochs[write.epoch].leader.length,
                neg(holds(write.asked, write.value)),
                write.value == items_after(state, log, write.place)[write.item],
            ),
        )

    yield forall(OPERATION)(has_begun)
    yield forall(OPERATION)(had_a_reason)
    yield forall(OPERATION, INDEX)(
        lambda o, i: implies(
            both(state.operations[o].kind != NOTHING, i >= 0, i < state.operations[o].floor),
            state.history[i] < o,
        )
    )


@system.invariant
def answers(state: State) -> Iterator[Any]:
    """What a client was told is committed, and has been seen by whoever began later."""

    def is_committed(number: int) -> Any:
        write = state.operations[number]
        return implies(
            either(
                write.answer == THROTTLED, write.answer == REFUSED, both(write.kind == WRITE, tells(write))
            ),
            both(
                write.kind == WRITE,
                either(write.answer != THROTTLED, write.received.throttled),
                either(write.answer != REFUSED, was_refused(write)),
                either(write.answer != SUCCEEDED, was_appended(write)),
                either(
                    write.answer == THROTTLED,
                    write.place <= state.epochs[write.epoch].leader.committed,
                ),
            ),
        )

    def is_new_enough(number: int) -> Any:
        read = state.operations[number]
        return implies(
            both(read.kind == STRONG_READ, tells(read)),
            both(read.place >= read.floor, read.epoch >= read.under, read.epoch <= state.newest),
        )

    def is_seen(number: int) -> Any:
        operation = state.operations[number]
        return both(
            implies(tells(operation), operation.place <= state.seen),
            implies(operation.answer != OPEN, operation.answered_after <= state.begun),
        )

    def was_seen(earlier: int, later: int) -> Any:
        one, other = state.operations[earlier], state.operations[later]
        return implies(
            both(tells(one), other.kind != NOTHING, one.answered_after < later),
            both(one.place <= other.floor, implies(one.kind == STRONG_READ, one.epoch <= other.under)),
        )

    yield forall(OPERATION)(is_committed)
    yield forall(OPERATION)(is_new_enough)
    yield forall(OPERATION)(is_seen)
    yield forall(OPERATION, OPERATION)(was_seen)


@system.invariant
def chains(state: State) -> Iterator[Any]:
    """An entry was made of the items before it, and came later than the entries there."""

    def is_made_of_the_one_before(epoch: int, index: int, item: int) -> Any:
        return implies(in_log(state, epoch, index), is_next(state, state.logs[epoch], index, item))

    def comes_before(epoch: int, index: int, later: int) -> Any:
        log = state.logs[epoch]
        return implies(
            both(in_log(state, epoch, index), in_log(state, epoch, later), index < later),
            both(
                log[index] < log[later],
                state.operations[log[index]].epoch <= state.operations[log[later]].epoch,
            ),
        )

    yield forall(EPOCH, INDEX, ITEM)(is_made_of_the_one_before)
    yield forall(EPOCH, INDEX, INDEX)(comes_before)


# What clients are promised.


@system.safe("RC-01")
def SAFE_success_is_in_the_history(state: State) -> Iterator[Any]:
    """A write that was answered 200 is committed: it has its place in the history, whoever leads from then on."""

    def is_there(number: int) -> Any:
        write = state.operations[number]
        place = write.place - 1
        return implies(
            both(write.kind == WRITE, write.answer == SUCCEEDED),
            both(in_history(state, place), state.history[place] == number),
        )

    yield forall(OPERATION)(is_there)
    yield forall(INDEX)(
        lambda i: implies(
            in_history(state, i),
            both(in_log(state, state.newest, i), state.logs[state.newest][i] == state.history[i]),
        )
    )


@system.safe("RC-03", "RC-07")
def SAFE_real_time(state: State) -> Iterator[Any]:
    """A strong read has in it every write that was answered before it began, and all that an earlier strong read had."""

    def reads_no_less(earlier: int, later: int) -> Any:
        one, other = state.operations[earlier], state.operations[later]
        return implies(
            both(
                tells(one),
                tells(other),
                either(other.kind == STRONG_READ, other.answer == REFUSED),
                one.answered_after < later,
            ),
            one.place <= other.place,
        )

    def writes_after(earlier: int, later: int) -> Any:
        one, other = state.operations[earlier], state.operations[later]
        return implies(
            both(
                tells(one),
                was_appended(other),
                in_history(state, other.place - 1),
                state.history[other.place - 1] == later,
                one.answered_after < later,
            ),
            one.place < other.place,
        )

    yield forall(OPERATION, OPERATION)(reads_no_less)
    yield forall(OPERATION, OPERATION)(writes_after)


@system.safe("RC-03", "RC-04")
def SAFE_only_what_is_committed_is_read(state: State) -> Iterator[Any]:
    """What a read shows, or a refusal rests on, is the item as it was after the first so many writes of the history."""

    def was_so(number: int) -> Any:
        read = state.operations[number]
        return implies(
            has_read(read),
            both(
                read.place >= 0,
                read.place <= state.decided,
                read.value == items_after(state, state.history, read.place)[read.item],
            ),
        )

    yield forall(OPERATION)(was_so)


@system.safe("RC-03", "RC-08")
def SAFE_condition_and_write_are_one(state: State) -> Iterator[Any]:
    """Each write of the history was made of the item as the one before it left it, and its condition held on that."""

    def did_not_hold(number: int) -> Any:
        write = state.operations[number]
        return implies(write.answer == REFUSED, neg(holds(write.asked, write.value)))

    yield forall(INDEX, ITEM)(lambda i, x: implies(in_history(state, i), is_next(state, state.history, i, x)))
    yield forall(OPERATION)(did_not_hold)


@system.safe("RC-08")
def SAFE_in_order_of_arrival(state: State) -> Iterator[Any]:
    """The history has the writes in the order in which they came in, and none twice."""
    yield forall(INDEX, INDEX)(
        lambda i, j: implies(
            both(in_history(state, i), in_history(state, j), i < j), state.history[i] < state.history[j]
        )
    )


@system.safe("CA-08")
def SAFE_an_error_of_the_clients_has_no_effect(state: State) -> Iterator[Any]:
    """A write that was throttled, or refused because its condition did not hold, is in no leader's log."""

    def was_neither(epoch: int, index: int) -> Any:
        write = state.operations[state.logs[epoch][index]]
        return implies(in_log(state, epoch, index), both(write.answer != THROTTLED, write.answer != REFUSED))

    yield forall(EPOCH, INDEX)(was_neither)


@system.safe("REP-05")
def SAFE_one_leader_at_a_time(state: State) -> Iterator[Any]:
    """The writes of the history, and strong reads, are the work of leaders in the order of their epochs."""

    def writes_in_order(index: int, later: int) -> Any:
        one, other = state.operations[state.history[index]], state.operations[state.history[later]]
        return implies(
            both(in_history(state, index), in_history(state, later), index < later), one.epoch <= other.epoch
        )

    def reads_in_order(earlier: int, later: int) -> Any:
        one, other = state.operations[earlier], state.operations[later]
        return implies(
            both(
                both(one.kind == STRONG_READ, one.answer == SUCCEEDED),
                both(other.kind == STRONG_READ, other.answer == SUCCEEDED),
                one.answered_after < later,
            ),
            one.epoch <= other.epoch,
        )

    def reads_no_later_leaders(number: int, index: int) -> Any:
        read = state.operations[number]
        return implies(
            both(read.kind == STRONG_READ, read.answer == SUCCEEDED, index >= 0, index < read.place),
            state.operations[state.history[index]].epoch <= read.epoch,
        )

    yield forall(INDEX, INDEX)(writes_in_order)
    yield forall(OPERATION, OPERATION)(reads_in_order)
    yield forall(OPERATION, INDEX)(reads_no_later_leaders)
