"""A replica's log: entries by index, of which the oldest may be gone and the newest may be replaced.

It is the handle that the kernels append to (`model.kernel.logs`). A leader's log and its own replica's are one and
the same: what the leader has appended, its replica appends again by name of the entry, which changes nothing. Only
what follows the committed prefix is ever replaced.

It knows the digest of all that was ever in it up to each entry (`model.engine.shared_log`), so that the record of a
run says at each step what the log held.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ddbproof.model.engine.shared_log import NO_ENTRIES, chained, number_of
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication.entries import Entry

_encode = msgspec.msgpack.Encoder().encode


def entry_number(entry: Entry) -> int:
    """The number that stands for an entry in digests, and in replay."""
    return number_of(_encode(entry))


class ReplicaLog:
    """Entries from `start` up to, and without, `len(log)`; `digest` is of those before.

    Where no step is recorded digests are not `digested`: all are those of an empty log.
    """

    __slots__ = ("_digested", "_digests", "_entries", "start")

    def __init__(
        self,
        start: int = 0,
        entries: Sequence[Entry] = (),
        digest: int = NO_ENTRIES,
        *,
        digested: bool = True,
    ) -> None:
        self.start = start
        self._digested = digested
        self._entries: list[Entry] = []
        self._digests = [digest]
        self._extend(entries)

    def __len__(self) -> int:
        return self.start + len(self._entries)

    def __getitem__(self, index: int) -> Entry:
        """The entry at an index. Raises InvariantError for one that is gone or was never there."""
        place = index - self.start
        if not 0 <= place < len(self._entries):
            raise InvariantError(f"entry {index} of a log that has {self.start} to {len(self)}")
        return self._entries[place]

    def put(self, index: int, entry: Entry) -> ReplicaLog:
        """Append at the end, or find the very entry there already. Raises InvariantError for anything else."""
        place = index - self.start
        if place == len(self._entries):
            self._extend((entry,))
        elif not (0 <= place < len(self._entries) and self._entries[place] is entry):
            raise InvariantError(f"entry {index} put into a log that has {self.start} to {len(self)}")
        return self

    def between(self, start: int, end: int) -> list[Entry]:
        """The entries from `start` up to, and without, `end`. Raises InvariantError if some are gone or missing."""
        if start >= end:
            return []
        if start < self.start or end > len(self):
            raise InvariantError(f"entries {start} to {end} of a log that has {self.start} to {len(self)}")
        return self._entries[start - self.start : end - self.start]

    def digest(self, length: int) -> int:
        """The digest of the first `length` entries. Raises InvariantError if it is not known here."""
        if not self._digested:
            return NO_ENTRIES
        place = length - self.start
        if not 0 <= place < len(self._digests):
            raise InvariantError(f"the digest at {length} of a log that has {self.start} to {len(self)}")
        return self._digests[place]

    def digest_with(self, start: int, entries: Sequence[Entry]) -> int:
        """What the digest will be when `replace_from` has put these entries there."""
        digest = self.digest(start)
        if not self._digested:
            return digest
        for entry in entries:
            digest = chained(digest, entry_number(entry))
        return digest

    def replace_from(self, start: int, entries: Sequence[Entry]) -> None:
        """Put these entries in the place of all from `start` on. Raises InvariantError if that would leave a gap."""
        place = start - self.start
        if not 0 <= place <= len(self._entries):
            raise InvariantError(f"entries from {start} on in a log that has {self.start} to {len(self)}")
        del self._entries[place:], self._digests[place + 1 :]
        self._extend(entries)

    def trim(self, start: int) -> None:
        """Forget the entries before `start`."""
        if start > self.start:
            del self._entries[: start - self.start], self._digests[: start - self.start]
            self.start = start

    def _extend(self, entries: Sequence[Entry]) -> None:
        if self._digested:
            digests = self._digests
            for entry in entries:
                digests.append(chained(digests[-1], entry_number(entry)))
        self._entries += entries
