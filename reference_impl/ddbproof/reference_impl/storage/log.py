"""The log of a table: the only truth.

Every accepted change of an item is one `Entry`, in the order in which this replica applied it. Items,
backups and restores are all folds over a prefix of the log, so none of them can contain what the log does
not. Items are held as canonical JSON bytes: immutable, cheap to answer with, nothing for the collector.

A log knows nothing of what may be appended or removed: `model.kernel.backup` decides the one and
`model.kernel.recovery` the other (see `storage.history`), and runs on this log as its handle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter

import msgspec

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError

_instant = attrgetter("instant_milliseconds")


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One change: `item` is canonical JSON, or None for a deletion.

    `key` is the encoded primary key, `size_bytes` the item's size by DynamoDB's rules (0 for a deletion),
    `version` decides between Regions, `instant_milliseconds` is the commit timestamp: when this replica
    applied the change. `expired` marks a deletion by time to live, in the Region that made it only (TT-04).
    """

    key: bytes
    item: bytes | None
    size_bytes: int
    version: Version
    instant_milliseconds: int
    expired: bool = False


class MemoryLog:
    """A log in memory, of which the oldest entries may be gone. An entry keeps its index for ever.

    Linear: it is appended to in place, and only at its end, so a stale writer cannot overwrite anything, and
    whoever knows an earlier length still reads its own prefix.
    """

    __slots__ = ("_entries", "_offset", "_trimmed")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._offset = 0
        self._trimmed = 0

    def __len__(self) -> int:
        """How many entries were ever appended."""
        return self._offset + len(self._entries)

    @property
    def trimmed(self) -> int:
        """How many entries are gone: the index of the oldest that is left."""
        return self._trimmed

    def __getitem__(self, index: int) -> Entry:
        """The entry at an index. Raises InvariantError for one that is gone or was never there."""
        if not self._trimmed <= index < len(self):
            raise InvariantError(f"entry {index} of a log that has {self._trimmed} to {len(self)}")
        return self._entries[index - self._offset]

    def put(self, index: int, entry: Entry) -> MemoryLog:
        """Append `entry` at `index`, which must be the log's length (else InvariantError); returns itself."""
        if index != self._offset + len(self._entries):
            raise InvariantError(f"append at {index} to a log of length {len(self)}")
        self._entries.append(entry)
        return self

    def between(self, start: int, end: int) -> Iterator[Entry]:
        """The entries from index `start` up to, and without, `end`. Raises InvariantError as reading one does."""
        if start >= end:
            return iter(())
        _ = self[start], self[end - 1]
        return iter(self._entries[start - self._offset : end - self._offset])

    def length_at(self, instant_milliseconds: int) -> int:
        """The length of the log up to the instant, itself included; never less than what is trimmed."""
        start = self._trimmed - self._offset
        return self._offset + bisect_right(self._entries, instant_milliseconds, start, key=_instant)

    def trim(self, position: int) -> None:
        """Forget the entries before `position`.

        Their memory is freed once half of what is held is gone: one entry costs the same however long the log.
        """
        self._trimmed = max(self._trimmed, position)
        gone = self._trimmed - self._offset
        if 2 * gone >= len(self._entries):
            del self._entries[:gone]
            self._offset = self._trimmed
