"""A local secondary index: another order of each item collection, made of the collection when it is read.

It has the partition key of its table, so its entries belong to the collection of their items, and its reads may be strongly
consistent (RC-05). Here it is nothing that is stored: a read takes the items of a collection from the replica that
answers, and puts them in the order of the index. So it cannot differ from them, whatever breaks, and no write has to
keep it. A collection is never cut by a split (PART-11, `groups`), which makes it one replica's answer.

What it costs: each page of a Query reads the whole collection. Left out: the limit of 10 GB for a collection (PART-12).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ddbproof.reference_impl.cluster.global_index import IndexRow
from ddbproof.reference_impl.cluster.index_entries import Projection
from ddbproof.reference_impl.values.keys import collection_of, successor

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.records import IndexRecord
    from ddbproof.reference_impl.cluster.table_store import PartitionedTable
    from ddbproof.reference_impl.storage.items import Image
    from ddbproof.reference_impl.storage.log import Entry
    from ddbproof.reference_impl.values.keys import KeySchema


class LocalIndex:
    """One local secondary index of a table whose data are in `store`."""

    def __init__(self, record: IndexRecord, table_schema: KeySchema, store: PartitionedTable) -> None:
        self.projection = Projection(record, table_schema)
        self._store = store
        self.item_count = 0
        self.size_bytes = 0

    def note(self, change: Entry, old: Image | None) -> None:
        """A change of an item is committed; `old` is the image that it replaced. Counts entries, for descriptions."""
        for item, sign in ((None if old is None else old.item, -1), (change.item, 1)):
            entry = None if item is None else self.projection.entry_of(change.key, item)
            if entry is not None:
                self.item_count += sign
                self.size_bytes += sign * entry.size_bytes

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Iterator[tuple[bytes, IndexRow]]:
        """Entries with start <= key < end in key order, or against it. Raises UnavailableError."""
        low, high = collection_of(start), end
        if end is not None and collection_of(end) != end:
            high = successor(collection_of(end))
        found = self._store.range(low, high, reverse=reverse, consistent=consistent)
        collection: list[tuple[bytes, IndexRow]] = []
        of = b""
        for key, image in found:
            if collection_of(key) != of:
                yield from _ordered(collection, start, end, reverse=reverse)
                collection, of = [], collection_of(key)
            entry = self.projection.entry_of(key, image.item)
            if entry is not None:
                collection.append((entry.key, IndexRow(entry.item, entry.size_bytes, image)))
        yield from _ordered(collection, start, end, reverse=reverse)


def _ordered(
    collection: list[tuple[bytes, IndexRow]], start: bytes, end: bytes | None, *, reverse: bool
) -> Iterator[tuple[bytes, IndexRow]]:
    """Those rows of one collection that are in the range, in the order of the index."""
    rows = (row for row in collection if row[0] >= start and (end is None or row[0] < end))
    return iter(sorted(rows, key=lambda row: row[0], reverse=reverse))
