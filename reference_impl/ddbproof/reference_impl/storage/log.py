"""The log of a table: the only truth.

Every accepted change of an item is one `Entry`, in the order in which this replica applied it. Items,
backups and restores are all folds over a prefix of the log, so none of them can contain what the log does
not. Items are held as canonical JSON bytes: immutable, cheap to answer with, nothing for the collector.

Instants never decrease along the log, which turns "the state at an instant" into "a prefix of the log"
(PI-11) found by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol

import msgspec

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One change: `item` is canonical JSON, or None for a deletion.

    `key` is the encoded primary key, `size_bytes` the item's size by DynamoDB's rules (0 for a deletion),
    `version` decides between Regions, `instant_milliseconds` is when this replica applied the change.
    `expired` marks a deletion by time to live, in the Region that made it only (TT-04).
    """

    key: bytes
    item: bytes | None
    size_bytes: int
    version: Version
    instant_milliseconds: int
    expired: bool = False


class Log(Protocol):
    """What a replication group offers its readers; Core replaces the single copy by three replicas."""

    def __len__(self) -> int: ...

    def append(self, index: int, entry: Entry) -> None:
        """Add `entry` at `index`, which must be the log's length: a stale writer cannot overwrite."""

    def prefix(self, length: int) -> Iterator[Entry]:
        """The first `length` entries, in order."""

    def length_at(self, instant_milliseconds: int) -> int:
        """How many entries were applied at or before the instant."""


class MemoryLog:
    """A log in memory, with a copy of the instants beside it for bisection."""

    __slots__ = ("_entries", "_instants")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._instants: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, index: int, entry: Entry) -> None:
        """See `Log.append`; raises InvariantError for a wrong index or an instant that runs backwards."""
        if index != len(self._entries):
            raise InvariantError(f"append at {index} to a log of length {len(self._entries)}")
        if self._instants and entry.instant_milliseconds < self._instants[-1]:
            raise InvariantError("instants must not decrease along a log")
        self._entries.append(entry)
        self._instants.append(entry.instant_milliseconds)

    def prefix(self, length: int) -> Iterator[Entry]:
        """See `Log.prefix`."""
        entries = self._entries
        for index in range(min(length, len(entries))):
            yield entries[index]

    def length_at(self, instant_milliseconds: int) -> int:
        """See `Log.length_at`."""
        return bisect_right(self._instants, instant_milliseconds)
