"""The partition map: which partition holds an item, and how partitions are split and merged.

Sources: PART-01 (an item is in exactly one partition, by a hash of its partition key), PART-10 (items of one
partition key lie in order of their sort key), PART-11 (a collection may be cut at a sort key when it grows or
is hot; with a local secondary index it never is). How AWS numbers partitions and moves
their borders is unpublished; ranges over the ordered pair (hash, sort key) are our choice.

A position is that pair. Both parts are integers in a proof; the router may put anything there that can be
compared, as long as `LOWEST_SORT` is not above any sort key. A range holds its lower end and not its upper
one. Partitions are never changed: a split or merge retires the old numbers and hands out new ones, so that a
router with an old map asks a partition that is gone, and never one that has less than it believes.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

LOWEST_SORT = 0


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where an item lies: the hash of its partition key, then its encoded sort key."""

    hash: int
    sort: int


class Range(msgspec.Struct, frozen=True, gc=False):
    """All positions from `low` up to, and without, `high`."""

    low: Position
    high: Position


def before(left: Position, right: Position) -> bool:
    """The order of positions: by hash, and within a hash by sort key."""
    if left.hash == right.hash:
        return left.sort < right.sort
    return left.hash < right.hash


def contains(extent: Range, position: Position) -> bool:
    """True if the position lies in the range."""
    if before(position, extent.low):
        return False
    return before(position, extent.high)


def split(extent: Range, at: Position, keeps_collections_whole: bool) -> tuple[Range, Range]:
    """Cut a range in two at a position within it. Raises NotAllowed elsewhere.

    A table with a local secondary index keeps its item collections whole: there a cut is allowed only
    where a hash begins (PART-11).
    """
    require(before(extent.low, at))
    require(before(at, extent.high))
    if keeps_collections_whole:
        require(at.sort == LOWEST_SORT)
    return Range(extent.low, at), Range(at, extent.high)


def merge(left: Range, right: Range) -> Range:
    """The range that two adjacent ones make together. Raises NotAllowed unless the left ends where the right begins."""
    require(left.high.hash == right.low.hash)
    require(left.high.sort == right.low.sort)
    return Range(left.low, right.high)


def owner_after_split(
    owner: int, position: Position, parent: int, at: Position, left: int, right: int
) -> int:
    """The routing table's new entry for a position: `parent` was split at `at` into `left` and `right`."""
    if owner != parent:
        return owner
    if before(position, at):
        return left
    return right


def owner_after_merge(owner: int, left: int, right: int, merged: int) -> int:
    """The routing table's new entry for any position: `left` and `right` became `merged`."""
    if owner == left:
        return merged
    if owner == right:
        return merged
    return owner
