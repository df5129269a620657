"""A table of partitions, each a replication group of three replicas: what stands behind `TableStore`.

A router finds the partition of a key by the table's map, and its leader. Strong reads, and the reads that conditions are
evaluated on, come from a leader that has its lease, once everything that they show is committed (RC-03,
decision 0007). A write is acknowledged when two of three replicas have it (RC-01, REP-03). Where there is no such
leader, or no second replica, the request fails with `UnavailableError`, and is never answered wrongly.

Eventually consistent reads need no leader. By default they are answered as the leader would, as long as there is one; with
`lagging`, any replica answers with what it knows to be committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ddbproof.model.kernel.versions import Version, supersedes
from ddbproof.reference_impl.cluster.feed import Followed
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.lag import Lag
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication.entries import Change
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.storage.items import Image


class PartitionedTable:
    """See `TableStore`. `groups` hands what is committed to `feed`; `stale` is called for a read that lags, if it may."""

    def __init__(
        self,
        table_id: str,
        groups: TableGroups,
        feed: Followed,
        region_number: int,
        lag: Lag,
        stale: Callable[[], None] | None = None,
    ) -> None:
        self.groups = groups
        self._table_id = table_id
        self._lag = lag
        self._stale = lag.stale if stale is None else stale
        self._feed = feed
        self._region_number = region_number

    # -- reads ------------------------------------------------------------------------------------------

    def read(self, key: bytes, *, consistent: bool) -> Image | None:
        """See `TableStore.read`."""
        self._lag.read(self._table_id, key)
        if not consistent:
            image = self._state(key).committed_image(key)
            if self.groups.lagging and image != self._feed.fold.items.get(key):
                self._stale()
            return image
        leading = self.groups.serving(key)
        shown = leading.shown(key)
        if leading.leader.committed < shown:
            self.groups.settle(leading, shown)
        return leading.state.fold.items.get(key)

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Iterator[tuple[bytes, Image]]:
        """See `TableStore.range`."""
        parts = self._parts(start, end)
        for low, high in reversed(parts) if reverse else parts:
            if consistent:
                leading = self.groups.serving(low)
                self.groups.settle(leading, leading.leader.length)
                state = leading.state
            else:
                state = self._state(low)
            found = state.committed_range(low, high, reverse=reverse)
            if self.groups.lagging and not consistent:
                shown = list(found)
                if shown != list(self._feed.fold.items.range(low, high, reverse=reverse)):
                    self._stale()
                found = iter(shown)
            yield from found

    def _state(self, key: bytes) -> GroupState:
        """What an eventually consistent read is answered from."""
        groups = self.groups
        if not groups.lagging:
            try:
                return groups.serving(key).state
            except UnavailableError:
                pass  # whoever is there answers
        there = [
            replica.state
            for replica in groups.members(groups.group_of(key))
            if replica.state is not None and replica.state.affairs.serves
        ]
        if not there:
            raise UnavailableError("no replica can be reached")
        if groups.lagging:
            return groups.random.choice(there)
        return max(there, key=lambda state: state.applied)

    def _parts(self, start: bytes, end: bytes | None) -> list[tuple[bytes, bytes | None]]:
        """The range, cut where partitions end."""
        lows = [low for low, _ in self.groups.map if low > start and (end is None or low < end)]
        return list(zip([start, *lows], [*lows, end], strict=True))

    # -- writes -----------------------------------------------------------------------------------------

    def write(
        self, key: bytes, item: bytes | None, size_bytes: int, *, expired: bool = False
    ) -> Image | None:
        """See `TableStore.write`."""
        leading = self.groups.serving(key)
        old = leading.state.fold.items.get(key)
        if item is None and old is None:
            return self.read(key, consistent=True)
        change = leading.change(key, item, size_bytes, self._region_number, expired=expired)
        self.groups.write(leading, change)
        return old

    def receive(self, key: bytes, item: bytes | None, size_bytes: int, version: Version) -> bool:
        """See `TableStore.receive`."""
        groups = self.groups
        leading = groups.serving(key)
        stored = leading.state.fold.version_of(key)
        if stored is not None and not supersedes(version, stored):
            groups.settle(leading, leading.shown(key))  # what it lost against may yet be lost itself
            return False
        groups.write(leading, Change(key, item, size_bytes, version, groups.now_milliseconds))
        return True

    def require_ready(self, key: bytes) -> None:
        """See `TableStore.require_ready`."""
        if not self.groups.is_ready(key):
            raise UnavailableError("a write might not be acknowledged")

    # -- what is committed ------------------------------------------------------------------------------

    def versions(self) -> Iterable[tuple[bytes, bytes | None, int, Version]]:
        """See `TableStore.versions`."""
        fold = self._feed.fold
        for key, image in fold.items.range(b"", None):
            yield key, image.item, image.size_bytes, image.version
        for key, version in fold.tombstones.items():
            yield key, None, 0, version

    @property
    def log_length(self) -> int:
        """See `TableStore.log_length`."""
        return self._feed.log_length

    @property
    def item_count(self) -> int:
        """See `TableStore.item_count`."""
        return len(self._feed.fold.items)

    @property
    def size_bytes(self) -> int:
        """See `TableStore.size_bytes`."""
        return self._feed.fold.size_bytes
