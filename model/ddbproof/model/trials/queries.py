"""Trials of the order of a Query: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import queries
from ddbproof.model.kernel.queries import Cursor
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.queries import State, system


@system.cover("PART-10")
def rising(state: State) -> Any:
    """Two items were given by rising sort key."""
    return both(state.forward, state.last.any_before, state.last.before == 0, state.last.key == 2)


@system.cover("PART-10")
def falling(state: State) -> Any:
    """Two items were given by falling sort key."""
    return both(neg(state.forward), state.last.any_before, state.last.before == 2, state.last.key == 0)


@system.cover("PART-10")
def an_item_written_on_the_way(state: State) -> Any:
    """An item was given, another was deleted unseen, and the Query is at its end."""
    return both(
        state.forward,
        state.cursor.at == 3,
        state.given[0],
        neg(state.given[1]),
        state.given[2],
        state.begin == 0,
        neg(state.items[0]),
    )


@system.mutant("queries.after")
def the_last_key_again(cursor: Cursor, sort_key: int) -> Cursor:
    """The next page begins with the last item of the one before."""
    require(queries.to_come(cursor, sort_key))
    return Cursor(sort_key, True) if cursor.forward else Cursor(sort_key + 1, False)


@system.mutant("queries.after")
def one_too_far(cursor: Cursor, sort_key: int) -> Cursor:
    """The next page leaves out a sort key."""
    require(queries.to_come(cursor, sort_key))
    return Cursor(sort_key + 2, True) if cursor.forward else Cursor(sort_key - 1, False)


@system.mutant("queries.to_come")
def the_border_belongs_to_both(cursor: Cursor, sort_key: int) -> bool:
    """Going backward, the item at the border is still to come."""
    return sort_key >= cursor.at if cursor.forward else sort_key <= cursor.at


@system.mutant("queries.comes_first")
def always_the_lowest(cursor: Cursor, sort_key: int, other: int) -> bool:
    """Going backward, a partition gives its lowest item first."""
    return sort_key < other


@system.mutant("queries.asks")
def any_partition_on_the_way(cursor: Cursor, low: int, high: int) -> bool:
    """A partition further on is asked first."""
    return cursor.at < high if cursor.forward else low < cursor.at


@system.mutant("queries.at_the_end")
def back_to_the_beginning(cursor: Cursor, low: int, high: int) -> Cursor:
    """When a partition has no more, the Query goes on at the partition's other end."""
    require(queries.asks(cursor, low, high))
    return Cursor(low, True) if cursor.forward else Cursor(high, False)


@system.mutant("queries.to_come", harmless=True)
def said_by_what_is_behind(cursor: Cursor, sort_key: int) -> bool:
    """The same, by ruling out what lies behind."""
    if cursor.forward:
        return not sort_key < cursor.at
    return not sort_key >= cursor.at


system.scopes.append(
    Scope(
        values={
            "key": (0, 1, 2),
            "at": (0, 1, 3),
            "low": (0, 1, 2),
            "high": (1, 2, 3),
        }
    )
)
