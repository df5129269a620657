"""What the API needs of the machinery below it.

The API modules see a table's data only through `TableStore`. Partitions, three AZs and leases stand behind it
(`table_store`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.storage.items import Image


class TableStore(Protocol):
    """The data of one table in one Region.

    Keys are encoded primary keys (values.keys). `consistent` asks for a strongly consistent read (RC-03);
    without it an answer may lag. Whatever is asked may raise UnavailableError: too
    little of the Region is there.
    """

    def read(self, key: bytes, *, consistent: bool) -> Image | None:
        """The item under `key`."""

    def read_to_write(self, key: bytes) -> Image | None:
        """The item that a write of `key` is evaluated on: nothing gets between this and a `write` that follows at once.

        Raises TransactionConflictError while a transaction holds the item.
        """

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Iterator[tuple[bytes, Image]]:
        """Items with start <= key < end in key order, or against it."""

    def write(
        self, key: bytes, item: bytes | None, size_bytes: int, *, expired: Image | None = None
    ) -> Image | None:
        """Put `item` (canonical JSON), or delete when it is None; returns what was there before.

        Acknowledged when it returns. Deleting what is not there is acknowledged and changes nothing. `expired`
        marks a deletion by time to live, of that image: if another is there by then, nothing is done. Raises
        TransactionConflictError while a transaction holds the item.
        """

    def look(self, key: bytes) -> int:
        """The first look of a transaction at an item: its version. Raises TransactionConflictError while it is held."""

    def is_unchanged(self, key: bytes, version: int) -> bool:
        """The second look: whether the item is as it was, and no transaction holds it."""

    def receive(self, key: bytes, item: bytes | None, size_bytes: int, version: Version) -> bool:
        """Apply a change from another Region if its version supersedes; False when it lost (ME-04)."""

    def versions(self) -> Iterable[tuple[bytes, bytes | None, int, Version]]:
        """Every live item and tombstone as (key, item, size, version): what a new replica is filled from."""

    @property
    def item_count(self) -> int:
        """Live items."""

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of the live items."""
