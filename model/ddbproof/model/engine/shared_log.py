"""Logs that share what they have in common, for replay, each entry with a digest of all up to it.

A log is a handle: a list that other logs may use as well, and how much of it is this log. `put` at the end of the list
appends to it; the entry that stands there already is found; another entry begins a list of its own, with a
copy of what comes before. So a replica's log and its leader's are one list, on disk as in memory, and a step costs the
same however long they are.

The digest of a log is a chain: each entry's is made from the one before it and the entry, so two logs with the same digest
hold the same entries in the same order. A running system makes it in the same way (`chained`), with a number for
an entry that is a digest of what the entry says.
"""

from __future__ import annotations

from hashlib import blake2b

from ddbproof.model.engine.values import EngineError

NO_ENTRIES = 0
"""The digest of an empty log."""

_BYTES = 8


def chained(digest: int, entry: int) -> int:
    """The digest of a log with one more entry. Both are unsigned numbers of 64 bits."""
    pair = digest << 64 | entry
    return int.from_bytes(blake2b(pair.to_bytes(2 * _BYTES, "big"), digest_size=_BYTES).digest(), "big")


def number_of(entry: bytes) -> int:
    """An encoded entry as a number."""
    return int.from_bytes(blake2b(entry, digest_size=_BYTES).digest(), "big")


class SharedLog:
    """The first `length` entries of a list, immutable as a handle."""

    __slots__ = ("_digests", "_entries", "length")

    def __init__(
        self, entries: list[int] | None = None, digests: list[int] | None = None, length: int = 0
    ) -> None:
        self._entries = [] if entries is None else entries
        self._digests = [NO_ENTRIES] if digests is None else digests
        self.length = length

    def __getitem__(self, index: int, /) -> int:
        """The entry at an index. Raises EngineError for one that is not there."""
        if not 0 <= index < self.length:
            raise EngineError(f"entry {index} of a log of {self.length}")
        return self._entries[index]

    def put(self, index: int, entry: int, /) -> SharedLog:
        """The log of the entries before the index and this one. Raises EngineError if some of those are missing."""
        if not 0 <= index <= self.length:
            raise EngineError(f"entry {index} put into a log of {self.length}")
        entries, digests = self._entries, self._digests
        if index < len(entries) and entries[index] != entry:
            entries, digests = entries[:index], digests[: index + 1]
        if index == len(entries):
            entries.append(entry)
            digests.append(chained(digests[index], entry))
        return SharedLog(entries, digests, index + 1)

    def digest(self, length: int) -> int:
        """The digest of the first `length` entries. Raises EngineError if there are fewer."""
        if not 0 <= length <= self.length:
            raise EngineError(f"the digest of {length} entries of a log of {self.length}")
        return self._digests[length]
