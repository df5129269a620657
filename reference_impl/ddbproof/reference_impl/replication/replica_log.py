"""A replica's log: entries by index, of which the oldest may be gone and the newest may be replaced.

It is the handle that the kernels append to (`model.kernel.logs`). A leader's log and its own replica's are one and
the same: what the leader has appended, its replica appends again by name of the entry, which changes nothing. Only
what follows the committed prefix is ever replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication.entries import Entry


class ReplicaLog:
    """Entries from `start` up to, and without, `len(log)`."""

    __slots__ = ("_entries", "start")

    def __init__(self, start: int = 0, entries: Sequence[Entry] = ()) -> None:
        self.start = start
        self._entries = list(entries)

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
            self._entries.append(entry)
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

    def replace_from(self, start: int, entries: Sequence[Entry]) -> None:
        """Put these entries in the place of all from `start` on; a log that ends before it begins there anew."""
        if start > len(self) or start < self.start:
            self.start, self._entries = start, list(entries)
        else:
            self._entries[start - self.start :] = entries

    def trim(self, start: int) -> None:
        """Forget the entries before `start`."""
        if start > self.start:
            del self._entries[: start - self.start]
            self.start = start
