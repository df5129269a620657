"""The order of a Query: which item is next, and where to go on when a partition has no more.

Sources: PART-10 (items of one partition key lie by rising sort key; ScanIndexForward=false turns that round), PART-11 (a
collection may lie in several partitions). A page ends with the last key it gave; how a Query goes on from there while partitions
are split and merged is unpublished, and ours: it asks whoever holds the place right after that key.

Sort keys are integers here; the endpoint has them encoded so that their bytes compare as they do. A *cursor* is a border
between sort keys: going forward everything at it or above is still to come, going backward everything below it.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Where a Query stands, and which way it goes."""

    at: int
    forward: bool


def to_come(cursor: Cursor, sort_key: int) -> bool:
    """True if an item of that sort key is still to be looked at."""
    if cursor.forward:
        return sort_key >= cursor.at
    return sort_key < cursor.at


def comes_first(cursor: Cursor, sort_key: int, other: int) -> bool:
    """True if the one is given before the other."""
    if cursor.forward:
        return sort_key < other
    return sort_key > other


def asks(cursor: Cursor, low: int, high: int) -> bool:
    """True if a partition with the sort keys from `low` up to, and without, `high` is the next to be asked."""
    if cursor.forward:
        return (low <= cursor.at) & (cursor.at < high)
    return (low < cursor.at) & (cursor.at <= high)


def after(cursor: Cursor, sort_key: int) -> Cursor:
    """The cursor when an item has been looked at. Raises NotAllowed unless it was to come."""
    require(to_come(cursor, sort_key))
    if cursor.forward:
        return Cursor(sort_key + 1, True)
    return Cursor(sort_key, False)


def at_the_end(cursor: Cursor, low: int, high: int) -> Cursor:
    """The cursor when a partition has nothing more to give. Raises NotAllowed for a partition that was not to be asked."""
    require(asks(cursor, low, high))
    if cursor.forward:
        return Cursor(high, True)
    return Cursor(low, False)
