"""Logs, as kernels see them: handles beside a record that says how long they are.

`log[index]` gives an entry, `log.put(index, entry)` the log with one more. The endpoint's logs append in place and
give themselves; the engine's are maps. What an entry is, the caller knows.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

EntryT = TypeVar("EntryT")
EntryCo = TypeVar("EntryCo", covariant=True)


class Readable(Protocol[EntryCo]):
    """A log to read from."""

    def __getitem__(self, index: int, /) -> EntryCo:
        """The entry at an index; asked only for indexes from the oldest entry left up to the length."""
        ...


class Log(Protocol[EntryT]):
    """A log to read from and append to."""

    def __getitem__(self, index: int, /) -> EntryT:
        """See `Readable`."""
        ...

    def put(self, index: int, entry: EntryT, /) -> Log[EntryT]:
        """The log with the entry at `index`, which is its length."""
        ...
