"""A Query through an item collection that changes, over partitions that are split and merged meanwhile.

Source: PART-10. The kernel is `kernel/queries.py`. The collection is that of one partition key. Which partition holds the cursor is
`partitions`' business: here it is any range of sort keys around it, another one each time. A partition gives the first item to
come in its range, page by page or at once, and says when there is none. Items are written and deleted between any two steps.

`given` says which sort keys were given, and `last` the last of them. `throughout` is one sort key, not known which, of an item that was there from
beginning to end, and that stands for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import queries
from ddbproof.model.kernel.queries import Cursor
from ddbproof.model.kernel.refusal import require

KEY = Sort("key")


class Given(msgspec.Struct, frozen=True):
    """The item that was given last, and what it was given out of: the item before it, and whether there was one."""

    any: bool
    key: Annotated[int, KEY]
    any_before: bool
    before: Annotated[int, KEY]


class State(msgspec.Struct, frozen=True):
    """The collection, where the Query stands if it has begun, and what it gave."""

    items: Annotated[Map[bool], KEY]
    running: bool
    cursor: Cursor
    given: Annotated[Map[bool], KEY]
    last: Given
    forward: bool
    begin: int
    throughout: Annotated[int, KEY]


system = System("queries", "The order of a Query", State, [queries])
system.scope_in_words = [
    "one item collection and one Query, of any number of pages; sort keys are numbers",
    "which partition holds a place: partitions; that a partition gives the first item it has is asked of it here",
]
system.merged = ("queries.to_come", "queries.comes_first", "queries.asks")
replace = msgspec.structs.replace


@system.initial
def empty() -> State:
    """No items, and no Query."""
    nothing = Given(False, 0, False, 0)
    return State(FrozenMap(False), False, Cursor(0, True), FrozenMap(False), nothing, True, 0, 0)


@system.action
def write(state: State, key: Annotated[int, KEY]) -> State:
    """An item is written."""
    return replace(state, items=state.items.put(key, True))


@system.action
def delete(state: State, key: Annotated[int, KEY]) -> State:
    """An item is deleted; not the one of which we speak, while the Query runs."""
    require(either(neg(state.running), key != state.throughout))
    return replace(state, items=state.items.put(key, False))


@system.action
def begin(state: State, forward: bool, at: int, throughout: Annotated[int, KEY]) -> State:
    """A Query begins at some place, in one of two directions."""
    require(neg(state.running))
    require(state.items[throughout])
    return replace(
        state,
        running=True,
        cursor=Cursor(at, forward),
        forward=forward,
        begin=at,
        throughout=throughout,
    )


def _has_something_before(state: State, low: int, high: int) -> Any:
    """That the partition of these sort keys has the item of which we speak, and it is still to come."""
    key = state.throughout
    return both(low <= key, key < high, queries.to_come(state.cursor, key))


@system.action
def give(state: State, key: Annotated[int, KEY], low: int, high: int) -> State:
    """The partition that holds the cursor gives the first item that it has to come."""
    require(state.running)
    require(queries.asks(state.cursor, low, high))
    require(both(state.items[key], low <= key, key < high))
    first = queries.comes_first(state.cursor, state.throughout, key)
    require(neg(both(_has_something_before(state, low, high), first)))
    return replace(
        state,
        cursor=queries.after(state.cursor, key),
        given=state.given.put(key, True),
        last=Given(True, key, state.last.any, state.last.key),
    )


@system.action
def pass_on(state: State, low: int, high: int) -> State:
    """The partition that holds the cursor has nothing to come."""
    require(state.running)
    require(neg(_has_something_before(state, low, high)))
    return replace(state, cursor=queries.at_the_end(state.cursor, low, high))


@system.invariant
def where_it_stands(state: State) -> Iterator[Any]:
    """The cursor goes one way, and what was given lies behind it."""
    yield implies(state.running, state.cursor.forward == state.forward)
    yield implies(neg(state.running), neg(state.last.any))
    yield implies(
        state.last.any,
        both(
            implies(state.forward, state.last.key < state.cursor.at),
            implies(neg(state.forward), state.last.key >= state.cursor.at),
        ),
    )


@system.safe("PART-10")
def SAFE_in_the_order_of_sort_keys(state: State) -> Iterator[Any]:
    """Each item comes after the one before it by sort key, or before it if the Query goes backward; none comes twice."""
    yield implies(
        both(state.last.any, state.last.any_before),
        both(
            implies(state.forward, state.last.before < state.last.key),
            implies(neg(state.forward), state.last.before > state.last.key),
        ),
    )


@system.safe("PART-10")
def SAFE_nothing_is_passed_over(state: State) -> Iterator[Any]:
    """An item that was there throughout is given, or still to come."""
    forward, backward = both(state.running, state.forward), both(state.running, neg(state.forward))
    yield implies(
        both(forward, state.throughout >= state.begin),
        either(state.given[state.throughout], state.throughout >= state.cursor.at),
    )
    yield implies(
        both(backward, state.throughout < state.begin),
        either(state.given[state.throughout], state.throughout < state.cursor.at),
    )


@system.safe("PART-10")
def SAFE_only_what_lies_in_that_direction(state: State) -> Iterator[Any]:
    """Nothing is given that lies on the other side of where the Query began."""
    yield forall(KEY)(
        lambda k: implies(
            both(state.running, state.given[k]),
            both(
                implies(state.forward, both(k >= state.begin, k < state.cursor.at)),
                implies(neg(state.forward), both(k < state.begin, k >= state.cursor.at)),
            ),
        )
    )
    yield forall(KEY)(lambda k: implies(neg(state.running), neg(state.given[k])))
    yield implies(
        state.running,
        both(
            implies(state.forward, state.cursor.at >= state.begin),
            implies(neg(state.forward), state.cursor.at <= state.begin),
        ),
    )
