"""The records of the system `transactions`: requests, items and what became of them, what was sent and seen."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, neg, same_truth
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.transactions import (
    NEVER_FORGOT,
    NO_RECORD,
    UNKNOWN_ITEM,
    Asked,
    Forgotten,
    Item,
    Record,
    Shown,
)

ITEM, PARTITION, NUMBER = Sort("item"), Sort("partition"), Sort("number")
TRANSACTION, TOKEN, COORDINATOR = Sort("transaction"), Sort("token"), Sort("coordinator")
READER, PLACE = Sort("reader"), Sort("place")

# Said again, for what is stated: kinds of actions, and what a client is told.
CHECKS, PUTS = 0, 1
TOLD_BEGUN, TOLD_IN_PROGRESS, TOLD_MISMATCH, TOLD_SUCCESS, TOLD_FAILURE = 1, 2, 3, 4, 5
TEN_MINUTES = 600_000


Transaction = Annotated[int, TRANSACTION]
ItemKey = Annotated[int, ITEM]
Coordinator = Annotated[int, COORDINATOR]
ReaderKey = Annotated[int, READER]


class Entry(msgspec.Struct, frozen=True):
    """A version that an item has had: its timestamp, who wrote it, and when that was decided (`position`).

    `shown` is what readers get of it, `wanted` what its client asked for.
    Positions count decisions to commit and writes of single items, in the order in which they were made.
    """

    instant: int
    position: int
    by_transaction: bool
    transaction: Annotated[int, TRANSACTION]
    shown: Shown
    wanted: Shown


class Past(msgspec.Struct, frozen=True):
    """Ghost: all versions of an item. Number 0 is that it was never there; `count` is the one that stands."""

    count: Annotated[int, NUMBER]
    entries: Annotated[Map[Entry], NUMBER]


class Action(msgspec.Struct, frozen=True):
    """What a request does to an item: its place in the request (0: the item is not named), and its condition."""

    place: Annotated[int, PLACE]
    kind: int
    value: int
    conditional: bool
    expected: Shown


class Request(msgspec.Struct, frozen=True):
    """A request to run a transaction, what its client was told first, and when (in true time).

    `told` is 0 while it has not reached a coordinator; `earlier` is the transaction whose record answered it.
    """

    named: Annotated[int, PLACE]
    told: int
    token: Annotated[int, TOKEN]
    content: int
    instant: int
    at: int
    earlier: Annotated[int, TRANSACTION]


class Fate(msgspec.Struct, frozen=True):
    """Ghost: what was decided of a transaction, at which position, and when it was finished (in true time)."""

    committed: bool
    cancelled: bool
    position: int
    finished: bool
    finished_at: int


class Part(msgspec.Struct, frozen=True):
    """A transaction at an item: what was answered. Ghost: which version stood when it was prepared (last).

    `refused` is the last answer that it is not prepared, if there was one; `committed` and `cancelled` say that the
    item has answered that it knows that decision.
    """

    prepared: bool
    number: Annotated[int, NUMBER]
    committed: bool
    cancelled: bool
    refused: int


class Counted(msgspec.Struct, frozen=True):
    """How many answers a coordinator has of a transaction: that they prepared, and that they know the decision."""

    prepared: Annotated[int, PLACE]
    told: Annotated[int, PLACE]


class Sent(msgspec.Struct, frozen=True):
    """Which decisions were ever sent to a transaction's items."""

    commit: bool
    cancel: bool


class Reader(msgspec.Struct, frozen=True):
    """A read transaction: how many items it names, whether the second looks have begun, how many it has of them.

    Ghost: how many positions there were at the beginning of the second looks.
    """

    named: Annotated[int, PLACE]
    again: bool
    unchanged: Annotated[int, PLACE]
    succeeded: bool
    refused: bool
    position: int


class Seen(msgspec.Struct, frozen=True):
    """What a read transaction has of an item. Ghost: the number of the version."""

    place: Annotated[int, PLACE]
    version: int
    shown: Shown
    number: Annotated[int, NUMBER]
    unchanged: bool


class Glimpse(msgspec.Struct, frozen=True):
    """The newest read of a single item, if there was one. Ghosts: the number of the version, and whether another
    version was decided on when it was read."""

    shown: Shown
    number: Annotated[int, NUMBER]
    taken: bool
    late: bool


class State(msgspec.Struct, frozen=True):
    """Items at their partitions, requests, the ledger, and everything that was ever sent or seen."""

    items: Annotated[Map[Item], ITEM]
    homes: Annotated[Map[Annotated[int, PARTITION]], ITEM]
    forgotten: Annotated[Map[Forgotten], PARTITION]
    pasts: Annotated[Map[Past], ITEM]
    requests: Annotated[Map[Request], TRANSACTION]
    actions: Annotated[Map[Annotated[Map[Action], ITEM]], TRANSACTION]
    lists: Annotated[Map[Annotated[Map[Annotated[int, ITEM]], PLACE]], TRANSACTION]
    ledger: Annotated[Map[Record], TOKEN]
    fates: Annotated[Map[Fate], TRANSACTION]
    parts: Annotated[Map[Annotated[Map[Part], ITEM]], TRANSACTION]
    counted: Annotated[Map[Annotated[Map[Counted], TRANSACTION]], COORDINATOR]
    sent: Annotated[Map[Sent], TRANSACTION]
    readers: Annotated[Map[Reader], READER]
    seen: Annotated[Map[Annotated[Map[Seen], ITEM]], READER]
    glimpses: Annotated[Map[Glimpse], ITEM]
    positions: int
    true_time: int
    clock_error: int


NOTHING_SHOWN = Shown(False, 0)
replace = msgspec.structs.replace
NEVER_THERE = Entry(0, 0, False, 0, NOTHING_SHOWN, NOTHING_SHOWN)


def first_state(clock_error: int) -> State:
    """No item, no request."""
    return State(
        items=FrozenMap(UNKNOWN_ITEM),
        homes=FrozenMap(0),
        forgotten=FrozenMap(NEVER_FORGOT),
        pasts=FrozenMap(Past(0, FrozenMap(NEVER_THERE))),
        requests=FrozenMap(Request(0, 0, 0, 0, 0, 0, 0)),
        actions=FrozenMap(FrozenMap(Action(0, 0, 0, False, NOTHING_SHOWN))),
        lists=FrozenMap(FrozenMap(0)),
        ledger=FrozenMap(NO_RECORD),
        fates=FrozenMap(Fate(False, False, 0, False, 0)),
        parts=FrozenMap(FrozenMap(Part(False, 0, False, False, 0))),
        counted=FrozenMap(FrozenMap(Counted(0, 0))),
        sent=FrozenMap(Sent(False, False)),
        readers=FrozenMap(Reader(0, False, 0, False, False, 0)),
        seen=FrozenMap(FrozenMap(Seen(0, 0, NOTHING_SHOWN, 0, False))),
        glimpses=FrozenMap(Glimpse(NOTHING_SHOWN, 0, False, False)),
        positions=0,
        true_time=0,
        clock_error=clock_error,
    )


def read_clock(state: State, clock: int) -> None:
    """A reading of the clock that the ten minutes are counted by. Raises NotAllowed for one that is off by more."""
    require(clock >= state.true_time - state.clock_error)
    require(clock <= state.true_time + state.clock_error)


def asked_of(state: State, transaction: int, item: int) -> Asked:
    """What a transaction asks of one of its items."""
    action = state.actions[transaction][item]
    return Asked(transaction, state.requests[transaction].instant, action.kind, action.value)


def same(one: Shown, other: Shown) -> Any:
    """Two readers get the same."""
    return both(same_truth(one.exists, other.exists), one.value == other.value)


def holds(action: Action, shown: Shown) -> Any:
    """An action's condition holds of a version."""
    return either(neg(action.conditional), same(action.expected, shown))


# What holds. Each is said of the state, without the kernel.


def names(state: State, transaction: int, item: int) -> Any:
    """A transaction that has begun names an item."""
    return both(begun(state, transaction), state.actions[transaction][item].place > 0)


def begun(state: State, transaction: int) -> Any:
    """A request is being run, or was."""
    return state.requests[transaction].told == TOLD_BEGUN


def pending(state: State, transaction: int, item: int) -> Any:
    """A transaction is prepared on an item and not yet over there."""
    return both(state.items[item].held, state.items[item].pending.transaction == transaction)


def writes(state: State, transaction: int, item: int) -> Any:
    """A transaction puts or deletes an item."""
    return both(names(state, transaction, item), state.actions[transaction][item].kind != CHECKS)


def latest_at_least(state: State, item: int, instant: int) -> Any:
    """The partition knows that an item's latest timestamp is not below this."""
    kept, home = state.items[item], state.homes[item]
    return both(
        either(neg(kept.kept), kept.latest_milliseconds >= instant),
        either(kept.kept, state.forgotten[home].latest_milliseconds >= instant),
    )


def version_is(state: State, item: int, test: Any) -> Any:
    """Something holds of the version that an item's partition takes to stand."""
    kept, home = state.items[item], state.homes[item]
    return both(
        either(neg(kept.kept), test(kept.version)), either(kept.kept, test(state.forgotten[home].version))
    )


def written(state: State, transaction: int, item: int) -> Any:
    """What a transaction wrote is the version after the one that stood when it was prepared."""
    past, number = state.pasts[item], state.parts[transaction][item].number + 1
    entry, action = past.entries[number], state.actions[transaction][item]
    return both(
        number <= past.count,
        entry.by_transaction,
        entry.transaction == transaction,
        entry.instant == state.requests[transaction].instant,
        entry.position == state.fates[transaction].position,
        entry.shown.value == action.value,
        same_truth(entry.shown.exists, action.kind == PUTS),
    )


# Parts of a state, and the state with others.


def forgotten_by_home(state: State, item: int) -> Forgotten:
    return state.forgotten[state.homes[item]]


def with_request(state: State, transaction: int, request: Request) -> State:
    return replace(state, requests=state.requests.put(transaction, request))


def with_part(state: State, transaction: int, item: int, part: Part) -> State:
    return replace(state, parts=state.parts.put(transaction, state.parts[transaction].put(item, part)))


def with_record(state: State, transaction: int, record: Record) -> State:
    return replace(state, ledger=state.ledger.put(state.requests[transaction].token, record))


def with_fate(state: State, transaction: int, fate: Fate) -> State:
    return replace(state, fates=state.fates.put(transaction, fate))


def record_of(state: State, transaction: int) -> Record:
    return state.ledger[state.requests[transaction].token]
