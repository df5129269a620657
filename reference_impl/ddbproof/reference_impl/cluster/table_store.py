"""A table of partitions, each a replication group of three replicas: what stands behind `TableStore`.

A router finds the partition of a key by the table's map, and its leader. Strong reads, and the reads that conditions are
evaluated on, come from a leader that has its lease, once everything that they show is committed (RC-03,
decision 0007). A write is acknowledged when two of three replicas have it (RC-01, REP-03). Where there is no such
leader, or no second replica, the request fails with `UnavailableError`, and is never answered wrongly.

Eventually consistent reads need no leader. By default they are answered as the leader would, as long as there is one; with
`lagging`, any replica answers with what it knows to be committed.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.versions import Version, supersedes
from ddbproof.reference_impl.cluster.feed import Followed
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.lag import Lag
from ddbproof.reference_impl.errors import TransactionConflictError, UnavailableError
from ddbproof.reference_impl.replication import transacting
from ddbproof.reference_impl.replication.entries import Change, Prepared
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.replication.transacting import NEVER_FORGOT
from ddbproof.reference_impl.storage.items import Image

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading


class PartitionedTable:
    """See `TableStore`. `groups` hands what is committed to `feed`.

    `recover` takes up a transaction that was left behind, `stale` is called for a read that lags, if it may.
    """

    def __init__(
        self,
        table_id: str,
        groups: TableGroups,
        feed: Followed,
        region_number: int,
        lag: Lag,
        recover: Callable[[str, Prepared], None] = lambda *_: None,
        stale: Callable[[], None] | None = None,
    ) -> None:
        self.groups = groups
        self._recover = recover
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
            if self.groups.heat is not None:
                self._heat_by_read(key, image, consistent=False)
            return image
        return self._shown(self.groups.serving(key), key)

    def read_to_write(self, key: bytes) -> Image | None:
        """See `TableStore.read_to_write`.

        Who holds the item is dealt with first: what a transaction has decided, and nobody has told the item yet, comes before.
        """
        self._lag.read(self._table_id, key)
        return self._shown(self._free(key), key)

    def _shown(self, leading: Leading, key: bytes) -> Image | None:
        """The newest item at its leader, once all that it shows is committed."""
        shown = leading.shown(key)
        if leading.leader.committed < shown:
            self.groups.settle(leading, shown)
        image = leading.state.fold.items.get(key)
        if self.groups.heat is not None:
            self._heat_by_read(key, image, consistent=True)
        return image

    def _heat_by_read(self, key: bytes, image: Image | None, *, consistent: bool) -> None:
        groups = self.groups
        assert groups.heat is not None
        size_bytes = 0 if image is None else image.size_bytes
        groups.heat.read(
            groups.group_of(key), key, size_bytes, groups.now_milliseconds, consistent=consistent
        )

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Iterator[tuple[bytes, Image]]:
        """See `TableStore.range`.

        Partition by partition, by the map as it is when each is read: a partition that was asked may be split or merged first.
        """
        while True:
            low, high = part = self._part(start, end, reverse=reverse)
            if consistent:
                leading = self.groups.serving(low)
                self.groups.settle(leading, leading.leader.length)
                state = leading.state
            else:
                state = self._state(low)
            if part != self._part(start, end, reverse=reverse):
                continue  # there are other partitions by now
            found = state.committed_range(low, high, reverse=reverse)
            if self.groups.lagging and not consistent:
                shown = list(found)
                if shown != list(self._feed.fold.items.range(low, high, reverse=reverse)):
                    self._stale()
                found = iter(shown)
            heat = self.groups.heat
            if heat is not None:
                now_milliseconds = self.groups.now_milliseconds
                group = self.groups.group_of(low)
                found = heat.range(group, found, now_milliseconds, consistent=consistent)
            yield from found
            if part == (start, end):
                return
            if reverse:
                end = low
            else:
                assert high is not None  # or this was the last part
                start = high

    def _part(self, start: bytes, end: bytes | None, *, reverse: bool) -> tuple[bytes, bytes | None]:
        """So much of the range as lies in the first partition that it touches, or in the last."""
        lows = self.groups.lows
        if reverse:
            place = len(lows) if end is None else bisect_left(lows, end)
            return max(start, lows[place - 1] if place else b""), end
        place = bisect_right(lows, start)
        following = lows[place] if place < len(lows) else None
        return start, end if following is None or (end is not None and following >= end) else following

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

    # -- writes -----------------------------------------------------------------------------------------

    def write(
        self, key: bytes, item: bytes | None, size_bytes: int, *, expired: Image | None = None
    ) -> Image | None:
        """See `TableStore.write`."""
        leading = self._free(key)
        old = leading.state.fold.items.get(key)
        if expired is not None and (old is None or old.version != expired.version):
            return old
        if item is None and old is None:
            return self.read(key, consistent=True)
        change = leading.change(key, item, size_bytes, self._region_number, expired=expired is not None)
        self.groups.write(leading, change)
        if self.groups.heat is not None:
            self._heat_by_write(key, size_bytes if old is None else max(size_bytes, old.size_bytes))
        return old

    def _heat_by_write(self, key: bytes, larger_bytes: int) -> None:
        groups = self.groups
        assert groups.heat is not None
        groups.heat.write(groups.group_of(key), key, larger_bytes, groups.now_milliseconds)

    def receive(self, key: bytes, item: bytes | None, size_bytes: int, version: Version) -> bool:
        """See `TableStore.receive`."""
        groups = self.groups
        leading = self._free(key)
        stored = leading.state.fold.version_of(key)
        if stored is not None and not supersedes(version, stored):
            groups.settle(leading, leading.shown(key))  # what it lost against may yet be lost itself
            return False
        groups.write(leading, Change(key, item, size_bytes, version, groups.now_milliseconds))
        if groups.heat is not None:
            self._heat_by_write(key, size_bytes)
        return True

    # -- transactions -----------------------------------------------------------------------------------

    def _free(self, key: bytes) -> Leading:
        """The leader of an item that no transaction holds. Raises TransactionConflictError if one still does."""
        leading = self.groups.taking(key)
        prepared = leading.state.pending.get(key) if leading.state.pending else None
        if prepared is None:
            return leading
        with contextlib.suppress(UnavailableError):  # then it has to stay as it is
            self._recover(self._table_id, prepared)
        leading = self.groups.taking(key)
        if key in leading.state.pending:
            raise TransactionConflictError
        return leading

    def latest_instant(self, key: bytes) -> int:
        """The instant of the latest write or check of an item (`transacting`)."""
        return transacting.item_of(self.groups.serving(key).state, key).latest_milliseconds

    def look(self, key: bytes) -> int:
        """See `TableStore.look`."""
        leading = self._free(key)
        version = transactions.first_look(transacting.item_of(leading.state, key), NEVER_FORGOT)
        self.groups.settle(leading, leading.shown(key))
        return version

    def is_unchanged(self, key: bytes, version: int) -> bool:
        """See `TableStore.is_unchanged`."""
        leading = self.groups.serving(key)
        return transactions.is_unchanged(transacting.item_of(leading.state, key), NEVER_FORGOT, version)

    def prepare(self, prepared: Prepared, seen: int) -> int:
        """Hold an item for a transaction, durably; returns the kernel's verdict (`transacting.prepare`)."""
        leading = self._free(prepared.key)
        verdict = transacting.prepare(leading, prepared, seen)
        self.groups.settle(leading, leading.leader.length)
        if self.groups.heat is not None:
            self._heat_by_write(prepared.key, prepared.size_bytes)
        return verdict

    def settle(self, key: bytes, transaction: int, *, committed: bool) -> None:
        """Tell an item what was decided of a transaction, durably (`transacting.settle`)."""
        leading = self.groups.serving(
            key
        )  # `prepare` has seen to the archive, and no split ends while an item is held
        prepared = leading.state.pending.get(key)
        transacting.settle(leading, key, transaction, self._region_number, committed=committed)
        self.groups.settle(leading, leading.leader.length)
        if self.groups.heat is not None and prepared is not None:
            self._heat_by_write(key, prepared.size_bytes)

    # -- what is committed ------------------------------------------------------------------------------

    def versions(self) -> Iterable[tuple[bytes, bytes | None, int, Version]]:
        """See `TableStore.versions`."""
        fold = self._feed.fold
        for key, image in fold.items.range(b"", None):
            yield key, image.item, image.size_bytes, image.version
        for key, version in fold.tombstones.items():
            yield key, None, 0, version

    @property
    def item_count(self) -> int:
        """See `TableStore.item_count`."""
        return len(self._feed.fold.items)

    @property
    def size_bytes(self) -> int:
        """See `TableStore.size_bytes`."""
        return self._feed.fold.size_bytes
