"""Items in key order, folded from a log.

`OrderedItems` is the small interface a store of items has; `MemoryItems` keeps them in a sorted dictionary.
`Fold` applies entries to such a store and remembers the versions of deleted keys: a tombstone has to
outlive the item, or an older write that arrives late would bring it back (ME-18).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

import msgspec
from sortedcontainers import SortedDict

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.storage.log import Entry


class Image(msgspec.Struct, frozen=True, gc=False):
    """An item as stored: canonical JSON, size in bytes, version."""

    item: bytes
    size_bytes: int
    version: Version


class OrderedItems(Protocol):
    """A map from encoded key to image, in the order of the keys."""

    def __len__(self) -> int: ...

    def get(self, key: bytes) -> Image | None: ...

    def put(self, key: bytes, image: Image) -> None: ...

    def replace(self, key: bytes, image: Image) -> None:
        """Put an image where there is one."""

    def delete(self, key: bytes) -> None: ...

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, Image]]:
        """Pairs with start <= key < end (None: no end), ascending, or descending when `reverse`."""


class MemoryItems:
    """Items in a sorted dictionary. What every request does (`get`, `replace`) goes to the plain one in it."""

    __slots__ = ("_images", "get", "replace")

    def __init__(self) -> None:
        self._images: SortedDict = SortedDict()
        self.get: Callable[[bytes], Image | None] = self._images.get
        self.replace: Callable[[bytes, Image], None] = partial(dict.__setitem__, self._images)

    def __len__(self) -> int:
        return len(self._images)

    def put(self, key: bytes, image: Image) -> None:
        """Store `image` under `key`."""
        if key in self._images:
            self.replace(key, image)
        else:
            self._images[key] = image

    def delete(self, key: bytes) -> None:
        """Forget `key`; no error when it is not there."""
        self._images.pop(key, None)

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, Image]]:
        """See `OrderedItems.range`."""
        for key in self._images.irange(start, end, inclusive=(True, False), reverse=reverse):
            yield key, self._images[key]


class Fold:
    """The state of a table: what is left when the entries of a log are applied one after another."""

    __slots__ = ("items", "size_bytes", "tombstones")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.items: OrderedItems = MemoryItems()
        self.tombstones: dict[bytes, Version] = {}
        self.size_bytes = 0
        for entry in entries:
            self.apply(entry)

    def apply(self, entry: Entry) -> Image | None:
        """Apply one entry; returns the image it replaced or deleted, if there was one."""
        key, item, items = entry.key, entry.item, self.items
        old = items.get(key)
        if old is not None:
            self.size_bytes -= old.size_bytes
        if item is None:
            items.delete(key)
            self.tombstones[key] = entry.version
            return old
        image = Image(item, entry.size_bytes, entry.version)
        self.size_bytes += image.size_bytes
        if old is not None:
            items.replace(key, image)
            return old
        items.put(key, image)
        if self.tombstones:
            self.tombstones.pop(key, None)
        return None

    def revert(self, key: bytes, old: Image | None, buried: Version | None) -> None:
        """Undo the last entry applied to a key: `old` is the image it replaced, `buried` the tombstone before it."""
        present = self.items.get(key)
        if present is not None:
            self.size_bytes -= present.size_bytes
        self.tombstones.pop(key, None)
        if old is not None:
            self.items.put(key, old)
            self.size_bytes += old.size_bytes
            return
        self.items.delete(key)
        if buried is not None:
            self.tombstones[key] = buried

    def version_of(self, key: bytes) -> Version | None:
        """The version last applied under `key`, be it an item's or a deletion's; None if never written."""
        image = self.items.get(key)
        return image.version if image is not None else self.tombstones.get(key)
