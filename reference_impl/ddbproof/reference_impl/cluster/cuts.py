"""Where a partition is cut: at the middle of its items, or where its traffic says.

Claims: PART-05, PART-08 (a point chosen from the keys in the traffic), PART-09 (no relief when one item is hot, or when sort keys
only increase), PART-11 (with a local secondary index a cut never parts a collection). `model.kernel.heat` chooses the
cut from a summary of the traffic, as it is proved to; here summaries become its buckets.

Ours is that a cut must help against all of the windows in which the partition was hot, not only the last one. Where sort keys
only increase, what came before lies below every cut that the last window suggests; there a split would bring no relief,
and is left undone, as the paper on DynamoDB says of it. Half of the relief in the last window will do in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from ddbproof.model.kernel import heat
from ddbproof.model.kernel.heat import Bucket
from ddbproof.model.kernel.partitions import LOWEST_SORT, Position
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.storage.items import OrderedItems
from ddbproof.reference_impl.values.keys import HASH_BYTES, successor

Summary = Mapping[bytes, int]
"""How much heat was seen from a position up to the next one."""


def middle(items: OrderedItems, *, keeps_collections_whole: bool) -> bytes | None:
    """A cut that leaves half of the items on either side, or about so where collections are whole; None if there is none."""
    key = _key_at(items, b"", len(items) // 2)
    first = _key_at(items, b"", 0)
    if key is None or first is None or key == first:
        return None
    if not keeps_collections_whole:
        return key
    if key[:HASH_BYTES] > first[:HASH_BYTES]:
        return key[:HASH_BYTES]
    following = successor(first[:HASH_BYTES])
    key = None if following is None else _key_at(items, following, 0)
    return None if key is None else key[:HASH_BYTES]


def _key_at(items: OrderedItems, start: bytes, place: int) -> bytes | None:
    pair = next(islice(items.range(start, None), place, None), None)
    return None if pair is None else pair[0]


def relieving(windows: Sequence[Summary], *, keeps_collections_whole: bool) -> bytes | None:
    """A cut that would have cooled the partition in each of the windows, the latest of which is the last; None if there is none."""
    *earlier, latest = windows
    cut = _coolest(latest, keeps_collections_whole=keeps_collections_whole)
    if cut is None:
        return None
    relief, total = _relief(latest, cut), sum(latest.values())
    for window in earlier:
        found = _relief(window, cut)
        if found == 0 or 2 * found * total < relief * sum(window.values()):
            return None
    return cut


def _coolest(summary: Summary, *, keeps_collections_whole: bool) -> bytes | None:
    """The kernel's choice."""
    keys, total = sorted(summary), sum(summary.values())
    search = heat.begin(0, total)
    for key in keys:
        search = heat.look(search, Bucket(_position(key), summary[key]), total, keeps_collections_whole)
    try:
        return keys[heat.choose(search, len(keys))]
    except NotAllowed:
        return None


def _position(key: bytes) -> Position:
    """Where a key lies. Both parts are bytes, but for the sort key of a mere hash, which is the lowest there is."""
    return Position(key[:HASH_BYTES], key[HASH_BYTES:] or LOWEST_SORT)  # type: ignore[arg-type]


def _relief(summary: Summary, cut: bytes) -> int:
    """By how much the hotter side of a cut is cooler than all of it."""
    below = sum(units for key, units in summary.items() if key < cut)
    return min(below, sum(summary.values()) - below)
