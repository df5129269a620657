"""Where a hot partition is split: at a key seen in its traffic, so that the hotter half is as cool as can be.

Sources: PART-08 (a point chosen from the keys in the traffic), PART-09 (no relief when one item is hot, or when sort keys
only increase), PART-11 (a collection with a local secondary index is never cut), PART-16 (a hot item may come to have a
partition to itself). How AWS chooses is unpublished; this is ours.

Traffic is summed up in a small *summary*: buckets in the order of their positions, each with the position of the first
key that was seen in it and the heat, which is the units used, from there up to the next bucket. A cut goes where a
bucket begins. The search looks at one bucket after the other and keeps the best cut so far; a cut is of use only
if there is heat on both sides, so that one hot item, which is in one bucket, is never a reason to split. But what lies
left or right of it is: cut off on both sides, it has a partition to itself, and then nothing more is done.
Sort keys that only increase heat the upper half after any cut; no choice helps there.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.partitions import LOWEST_SORT, Position
from ddbproof.model.kernel.refusal import require


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """The position of the first key seen here, and how hot it is from there up to the next bucket."""

    position: Position
    heat: int


class Search(msgspec.Struct, frozen=True, gc=False):
    """The next bucket to look at and the heat before it; the best cut so far, if any, and how hot its hotter side is."""

    index: int
    below: int
    found: bool
    best: int
    hotter: int


def begin(first: int, total: int) -> Search:
    """Look for a cut through the buckets from `first` on, which are so hot together: none is as hot as that uncut."""
    return Search(first, 0, False, first, total)


def may_cut(position: Position, keeps_collections_whole: bool) -> bool:
    """True if a partition may be cut there: where a hash begins, if the table has a local secondary index."""
    return not keeps_collections_whole or position.sort == LOWEST_SORT


def look(search: Search, bucket: Bucket, total: int, keeps_collections_whole: bool) -> Search:
    """Look at the next bucket: a cut where it begins leaves what is below on one side, and the rest on the other."""
    found, best, hotter = search.found, search.best, search.hotter
    here = instants.higher(search.below, total - search.below)
    if may_cut(bucket.position, keeps_collections_whole) and here < hotter:
        found, best, hotter = True, search.index, here
    return Search(search.index + 1, search.below + bucket.heat, found, best, hotter)


def choose(search: Search, end: int) -> int:
    """The bucket at which to cut, when all up to `end` have been looked at. NotAllowed if no cut is of use."""
    require(search.index == end)
    require(search.found)
    return search.best
