"""All secondary indexes of one table in one Region, by name."""

from __future__ import annotations

from ddbproof.reference_impl.cluster.global_index import GlobalIndex
from ddbproof.reference_impl.cluster.local_index import LocalIndex
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry


class TableIndexes:
    """The indexes of a table. Empty for a table without."""

    def __init__(self) -> None:
        self.by_name: dict[str, GlobalIndex | LocalIndex] = {}

    def note(self, change: Entry, old: Image | None) -> None:
        """A change of an item is committed; `old` is the image that it replaced."""
        for index in self.by_name.values():
            index.note(change, old)

    @property
    def stored(self) -> dict[str, GlobalIndex]:
        """Those that have replication groups of their own: the global ones."""
        return {name: index for name, index in self.by_name.items() if isinstance(index, GlobalIndex)}
