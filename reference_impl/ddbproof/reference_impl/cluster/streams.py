"""Streams of a Region's tables: which shards each stream has, and for how long it can be read.

Claims: ST-01 (every effective change once, per item in order), ST-03 (24 hours, also of a stream that was turned
off), ST-04 (shards split with their partitions), ST-05 (turned on again: a new ARN).

A stream has one open shard for each partition of its table (`shards`). Changes come from the archive, in the order of the
partitions' logs and a child's after all of its parent's (`feed`, `lines`), be they written here or replicated from
another Region. What a partition has committed goes into its own shard, however late it gets into the archive. When the
archive comes to the end of a partition that was split, its shard is closed and two children are open.

Choices: partitions are what shards follow (shards are DynamoDB's own business); a stream that is off goes with its last
right to be read, 24 hours after it was turned off or its table deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ddbproof.model.kernel import streams
from ddbproof.reference_impl.cluster.lines import Split
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.shards import Shard
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

_TRIM_EVERY = 256


class Stream:
    """One stream, from when it was turned on; `opened` says where the log of each partition stood then."""

    def __init__(
        self,
        arn: str,
        label: str,
        view_type: str,
        table: TableRecord,
        opened: Mapping[int, int],
        now_milliseconds: int,
    ) -> None:
        self.arn = arn
        self.label = label
        self.view_type = view_type
        self.table = table
        self.created_at_milliseconds = now_milliseconds
        self.state = streams.Stream()
        self._shards: dict[str, Shard] = {}
        self._open: dict[int, Shard] = {}
        for group, position in opened.items():
            self._begin(group, position, None, now_milliseconds)

    def _begin(self, group: int, position: int, parent: Shard | None, now_milliseconds: int) -> None:
        shard = self._open[group] = Shard(group, position, parent, now_milliseconds)
        self._shards[shard.shard_id] = shard

    @property
    def shards(self) -> list[Shard]:
        """The shards that are listed, by their ids: none before its parent."""
        return sorted(self._shards.values(), key=lambda shard: shard.shard_id)

    def shard(self, shard_id: str) -> Shard | None:
        """The shard of that id, if it is still listed."""
        return self._shards.get(shard_id)

    def take(self, group: int, position: int, entry: Entry, old: Image | None) -> None:
        """Take a change of a partition, the one of a group, from the archive."""
        self._open[group].take(position, entry, old)
        if position % _TRIM_EVERY == 0:
            self.trim(entry.instant_milliseconds)

    def split(self, split: Split, now_milliseconds: int) -> None:
        """A partition was split: close its shard, and open one for each of the two."""
        parent = self._open.pop(split.parent)
        parent.close(split.end, now_milliseconds)
        for group in (split.lower, split.upper):
            self._begin(group, split.end, parent, now_milliseconds)

    def turn_off(self, ends: Mapping[int, int], now_milliseconds: int) -> None:
        """Close all shards, where the log of each partition ends."""
        self.state = streams.turn_off(self.state, now_milliseconds)
        for group, shard in self._open.items():
            shard.close(ends[group], now_milliseconds)
        self._open.clear()

    def trim(self, now_milliseconds: int) -> None:
        """Forget what is older than 24 hours."""
        for shard in self.shards:
            shard.trim(now_milliseconds)
            if shard.state.gone:
                del self._shards[shard.shard_id]


class Streams:
    """The streams of one Region: one that is on per table at most, and those that can still be read."""

    def __init__(self) -> None:
        self._by_arn: dict[str, tuple[str, Stream]] = {}
        self._on: dict[str, Stream] = {}

    def turn_on(
        self,
        account: str,
        table: TableRecord,
        view_type: str,
        opened: Mapping[int, int],
        now_milliseconds: int,
    ) -> Stream:
        """A new stream, with a label and an ARN that no stream had before; see `Stream` for `opened`."""
        instant = now_milliseconds
        while (arn := f"{table.arn}/stream/{_label(instant)}") in self._by_arn:
            instant += 1
        stream = Stream(arn, _label(instant), view_type, table, opened, now_milliseconds)
        self._by_arn[arn] = (account, stream)
        self._on[table.table_id] = stream
        return stream

    def turn_off(self, table_id: str, ends: Mapping[int, int], now_milliseconds: int) -> None:
        """Turn the table's stream off, if it has one; `ends` says where the log of each partition ends."""
        stream = self._on.pop(table_id, None)
        if stream is not None:
            stream.turn_off(ends, now_milliseconds)

    def note(self, table_id: str, group: int, position: int, entry: Entry, old: Image | None) -> None:
        """Take the entry at a position of a partition's log, if the table has a stream."""
        stream = self._on.get(table_id)
        if stream is not None:
            stream.take(group, position, entry, old)

    def split(self, table_id: str, split: Split, now_milliseconds: int) -> None:
        """A partition of a table was split."""
        stream = self._on.get(table_id)
        if stream is not None:
            stream.split(split, now_milliseconds)

    def find(self, account: str, arn: str, now_milliseconds: int) -> Stream | None:
        """The account's stream of that ARN, trimmed; None when there is none that can be read."""
        self._forget_unreadable(now_milliseconds)
        owner, stream = self._by_arn.get(arn, (None, None))
        if stream is None or owner != account:
            return None
        stream.trim(now_milliseconds)
        return stream

    def all(self, account: str, now_milliseconds: int) -> list[Stream]:
        """The account's streams that can be read, by ARN."""
        self._forget_unreadable(now_milliseconds)
        mine = [stream for owner, stream in self._by_arn.values() if owner == account]
        return sorted(mine, key=lambda stream: stream.arn)

    def _forget_unreadable(self, now_milliseconds: int) -> None:
        over = [
            arn
            for arn, (_, stream) in self._by_arn.items()
            if not streams.is_readable(stream.state, now_milliseconds)
        ]
        for arn in over:
            del self._by_arn[arn]


def _label(milliseconds: int) -> str:
    """A stream label: the instant in ISO 8601 with milliseconds.

    >>> _label(1_432_155_070_252)
    '2015-05-20T20:51:10.252'
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{milliseconds % 1000:03d}"
    )
