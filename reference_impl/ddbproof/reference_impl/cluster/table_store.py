"""A table on one log: the first machinery behind `TableStore`.

A change becomes an entry, stamped with its commit timestamp; the entry is appended to the table's history, and only
then folded into the items: the fold can always be thrown away and made again. There is one copy and no lag, so every read is strongly
consistent. What is missing, and comes with the replicated cluster: three AZs, partitions, failover and
lawful staleness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ddbproof.model.kernel.versions import Version, first_version, next_version, supersedes
from ddbproof.reference_impl.storage.history import TIDY_EVERY, History
from ddbproof.reference_impl.storage.items import Fold, Image
from ddbproof.reference_impl.storage.log import Entry

Offer = Callable[[Entry], None]
Watch = Callable[[int, Entry, Image | None], None]
Tidy = Callable[[int], None]


def _watch_nothing(index: int, entry: Entry, old: Image | None) -> None:
    """For a table that nobody watches."""


def _keep_everything(now_milliseconds: int) -> None:
    """For a table whose history is never tidied."""


class SingleLogTable:
    """See `TableStore`. `offer` is called with each locally written entry, for replication.

    `watch` is called with every entry applied, its index in the log and the image it replaced. `tidy` is called
    with now after every `TIDY_EVERY` entries, to forget what is no longer needed.
    """

    def __init__(
        self,
        history: History,
        region_number: int,
        offer: Offer,
        watch: Watch = _watch_nothing,
        tidy: Tidy = _keep_everything,
    ) -> None:
        self._history = history
        self._region_number = region_number
        self._offer = offer
        self._watch = watch
        self._tidy = tidy
        self.fold = Fold()

    def read(self, key: bytes, *, consistent: bool) -> Image | None:  # noqa: ARG002 - no replica lags yet
        """See `TableStore.read`."""
        return self.fold.items.get(key)

    def range(
        self,
        start: bytes,
        end: bytes | None,
        *,
        reverse: bool,
        consistent: bool,  # noqa: ARG002 - no replica lags yet
    ) -> Iterator[tuple[bytes, Image]]:
        """See `TableStore.range`."""
        return self.fold.items.range(start, end, reverse=reverse)

    def write(
        self,
        key: bytes,
        item: bytes | None,
        size_bytes: int,
        now_milliseconds: int,
        *,
        expired: bool = False,
    ) -> Image | None:
        """See `TableStore.write`."""
        if item is None and self.fold.items.get(key) is None:
            return None
        stored = self.fold.version_of(key)
        version = (
            first_version(now_milliseconds, self._region_number)
            if stored is None
            else next_version(stored, now_milliseconds, self._region_number)
        )
        instant = self._history.commit_timestamp(now_milliseconds)
        entry = Entry(key, item, size_bytes, version, instant, expired)
        old = self._append(entry, now_milliseconds)
        self._offer(entry)
        return old

    def receive(
        self, key: bytes, item: bytes | None, size_bytes: int, version: Version, now_milliseconds: int
    ) -> bool:
        """See `TableStore.receive`."""
        stored = self.fold.version_of(key)
        if stored is not None and not supersedes(version, stored):
            return False
        instant = self._history.commit_timestamp(now_milliseconds)
        self._append(Entry(key, item, size_bytes, version, instant), now_milliseconds)
        return True

    def _append(self, entry: Entry, now_milliseconds: int) -> Image | None:
        index = self._history.append(entry)
        old = self.fold.apply(entry)
        self._watch(index, entry, old)
        if index % TIDY_EVERY == TIDY_EVERY - 1:
            self._tidy(now_milliseconds)
        return old

    def versions(self) -> Iterable[tuple[bytes, bytes | None, int, Version]]:
        """See `TableStore.versions`."""
        for key, image in self.fold.items.range(b"", None):
            yield key, image.item, image.size_bytes, image.version
        for key, version in self.fold.tombstones.items():
            yield key, None, 0, version

    @property
    def log_length(self) -> int:
        """See `TableStore.log_length`."""
        return len(self._history)

    @property
    def item_count(self) -> int:
        """See `TableStore.item_count`."""
        return len(self.fold.items)

    @property
    def size_bytes(self) -> int:
        """See `TableStore.size_bytes`."""
        return self.fold.size_bytes
