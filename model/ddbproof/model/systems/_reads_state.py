"""The records of the system `reads`: epochs and their logs, replicas, and what clients asked and were told."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, neg
from ddbproof.model.kernel.reads import NO_ENTRIES, Received, View
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import FIRST_LEADER, NEW_REPLICA, Leader, Replica

EPOCH, INDEX, OPERATION = Sort("epoch"), Sort("index"), Sort("operation")
ITEM, REPLICA = Sort("item"), Sort("replica")
Items = Annotated[Map[int], ITEM]
Number = Annotated[int, OPERATION]
Log = Annotated[Map[Number], INDEX]

NOTHING, WRITE, STRONG_READ, EVENTUAL_READ = 0, 1, 2, 3
OPEN, SUCCEEDED, REFUSED, THROTTLED, FAILED = 0, 1, 2, 3, 4


class Table(msgspec.Struct, frozen=True):
    """A view and the items in it. An item that is not there has the value 0."""

    view: View
    items: Items


class Led(msgspec.Struct, frozen=True):
    """An epoch, its leader if it has begun, and the leader's two views; its log is beside it."""

    started: bool
    leader: Leader
    newest: Table
    settled: Table


class Node(msgspec.Struct, frozen=True):
    """A replica, whose log is the first part of the log of the epoch `accepted`, and its view."""

    record: Replica
    table: Table


class Asked(msgspec.Struct, frozen=True):
    """What a write asks for: that the item have the value `expected`, and then to set it to a value or add one."""

    conditional: bool
    expected: int
    adds: bool
    operand: int


class Operation(msgspec.Struct, frozen=True):
    """What a client asked, by the order in which it did, and what it was told.

    `place` is after how many entries the operation stands: a write its own included, a read those that it shows.
    `value` is what was written, or read; a refused write has read. Ghosts: `floor`, the furthest place
    that anybody had been told of when it began; `under`, the newest epoch then; and `answered_after`, how many
    operations had begun when it was answered. So one is over before another begins if its `answered_after` is less
    than the other's number.
    """

    kind: int
    client: int
    item: int
    asked: Asked
    epoch: int
    received: Received
    place: int
    value: int
    floor: int
    under: int
    answer: int
    answered_after: int


class State(msgspec.Struct, frozen=True):
    """The group and its clients.

    Ghosts: for each write the items after it, and the log up to it (`after`, `path`); the newest epoch that has
    begun; what has been committed by anybody (`history`, `decided` entries of it); the furthest place that a client
    has been told of.
    """

    epochs: Annotated[Map[Led], EPOCH]
    logs: Annotated[Map[Log], EPOCH]
    nodes: Annotated[Map[Node], REPLICA]
    operations: Annotated[Map[Operation], OPERATION]
    begun: Number
    after: Annotated[Map[Items], OPERATION]
    path: Annotated[Map[Log], OPERATION]
    newest: Annotated[int, EPOCH]
    history: Log
    decided: int
    seen: int


NOT_ASKED = Asked(False, 0, False, 0)
NO_OPERATION = Operation(NOTHING, 0, 0, NOT_ASKED, 0, Received(False, False, 0), 0, 0, 0, 0, OPEN, 0)


def first_state() -> State:
    """Epoch 0 has a leader; there is no entry, no item, and nobody has asked anything."""
    nothing: FrozenMap[int] = FrozenMap(0)
    table = Table(NO_ENTRIES, nothing)
    led = Led(False, FIRST_LEADER, table, table)
    return State(
        epochs=FrozenMap(led).put(0, msgspec.structs.replace(led, started=True)),
        logs=FrozenMap(nothing),
        nodes=FrozenMap(Node(NEW_REPLICA, table)),
        operations=FrozenMap(NO_OPERATION),
        begun=0,
        after=FrozenMap(nothing),
        path=FrozenMap(nothing),
        newest=0,
        history=nothing,
        decided=0,
        seen=0,
    )


class Writing:
    """A client's write, as the kernel takes it. Its entry is its number; the record says what it writes."""

    def __init__(self, asked: Asked, number: int) -> None:
        self.asked = asked
        self.number = number

    def holds(self, item: int) -> bool:
        """Whether its condition holds."""
        met: bool = holds(self.asked, item)
        return met

    def entry(self, _item: int) -> int:
        """Its number."""
        return self.number

    def outcome(self, item: int) -> int:
        """What becomes of the item."""
        if self.asked.adds:
            return item + self.asked.operand
        return self.asked.operand


def led_by(state: State, epoch: int) -> Led:
    """An epoch that has begun. Raises NotAllowed for another."""
    led = state.epochs[epoch]
    require(led.started)
    return led


def open_operation(state: State, operation: int, kind: int) -> Operation:
    """An operation of a kind that has not been answered. Raises NotAllowed for another."""
    found = state.operations[operation]
    require(found.kind == kind)
    require(found.answer == OPEN)
    return found


def with_operation(state: State, number: int, operation: Operation, seen: int) -> State:
    """The state with an operation changed, and what has been seen."""
    return msgspec.structs.replace(state, operations=state.operations.put(number, operation), seen=seen)


def read_next(state: State, table: Table, view: View, log: Map[int], index: int) -> Table:
    """A table with the entry at an index applied, of which the view is to be `view`."""
    write = state.operations[log[index]]
    return Table(view, table.items.put(write.item, write.value))


# What is said of them. Entries are counted from 0, and at -1 every log has the write 0, which is none.


def in_log(state: State, epoch: int, index: int) -> Any:
    """That an epoch's log has an entry at an index."""
    return both(index >= 0, index < state.epochs[epoch].leader.length)


def in_history(state: State, index: int) -> Any:
    """That there is a committed entry at an index."""
    return both(index >= 0, index < state.decided)


def agrees(state: State, epoch: int, count: int, index: int) -> Any:
    """The entry at an index is the history's, if it is among the first so many of an epoch's log."""
    return either(index < 0, index >= count, state.logs[epoch][index] == state.history[index])


def items_after(state: State, log: Map[int], count: int) -> Any:
    """The items after so many entries of a log."""
    return state.after[log[count - 1]]


def holds(asked: Asked, value: Any) -> Any:
    """That a write's condition holds, said again without what the kernel is given."""
    return either(neg(asked.conditional), value == asked.expected)


def is_made_of(asked: Asked, before: Any, after: Any) -> Any:
    """That a write makes the one value of the other, said again."""
    return either(
        both(asked.adds, after == before + asked.operand), both(neg(asked.adds), after == asked.operand)
    )


def is_next(state: State, log: Map[int], index: int, item: int) -> Any:
    """The write at an index of a log was made of its item as the one before left it, and left all others alone."""
    write = state.operations[log[index]]
    before, after = items_after(state, log, index)[item], items_after(state, log, index + 1)[item]
    return either(
        both(write.item == item, holds(write.asked, before), is_made_of(write.asked, before, after)),
        both(write.item != item, after == before),
    )


def was_appended(operation: Operation) -> Any:
    """A write that came into a log."""
    return both(
        operation.kind == WRITE,
        neg(operation.received.throttled),
        neg(operation.received.refused),
    )


def was_refused(operation: Operation) -> Any:
    """A write whose condition did not hold."""
    return both(operation.kind == WRITE, operation.received.refused)


def tells(operation: Operation) -> Any:
    """An operation that told its client where the history stands: all but failed, throttled and eventual ones."""
    return either(
        both(operation.kind == WRITE, operation.answer == SUCCEEDED),
        both(operation.kind == WRITE, operation.answer == REFUSED),
        both(operation.kind == STRONG_READ, operation.answer == SUCCEEDED),
    )


def has_read(operation: Operation) -> Any:
    """An operation that told its client what an item is."""
    return either(
        both(operation.kind == STRONG_READ, operation.answer == SUCCEEDED),
        both(operation.kind == EVENTUAL_READ, operation.answer == SUCCEEDED),
        both(operation.kind == WRITE, operation.answer == REFUSED),
    )
