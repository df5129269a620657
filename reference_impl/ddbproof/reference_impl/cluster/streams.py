"""Streams of a Region's tables: what each stream holds, and for how long.

Claims: ST-01 (every effective change once, per item in order), ST-02 (a write that leaves an item as it was
adds nothing), ST-03 (24 hours, also of a stream that was turned off), ST-05 (turned on again: a new ARN).

A stream record is one entry of the table's log together with the image that the entry replaced; its sequence
number is the entry's place in the log, so the order of a stream is the order of the log. The table hands each
entry over as it applies it, be it written here or replicated from another Region.

Choices: one shard per stream, which is lawful (shards are DynamoDB's own business) and all that one log
needs; records are trimmed exactly when they are 24 hours old, and a closed stream goes with its last right to
be read, 24 hours after it was turned off or its table deleted.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

import msgspec

from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

RETENTION_MILLISECONDS = 24 * 3600 * 1000
# Sequence numbers have at least 21 digits.
FIRST_SEQUENCE_NUMBER = 10**20

_decode = msgspec.json.Decoder().decode


class Change(msgspec.Struct, frozen=True, gc=False):
    """One stream record: the log's entry, the image it replaced (None: there was none), its number."""

    sequence_number: int
    entry: Entry
    old: Image | None


class Stream:
    """One stream, from when it was turned on. Numbers are sequence numbers, instants milliseconds.

    `start_number` is the first that the stream could hold, `next_number` the next that it could get, and no
    record below `horizon_number` is left to be read. `closed_at_milliseconds` is None while it is on.
    """

    def __init__(
        self, arn: str, label: str, view_type: str, table: TableRecord, log_length: int, now_milliseconds: int
    ) -> None:
        self.arn = arn
        self.label = label
        self.view_type = view_type
        self.table = table
        self.created_at_milliseconds = now_milliseconds
        self.closed_at_milliseconds: int | None = None
        self.start_number = FIRST_SEQUENCE_NUMBER + log_length
        self.next_number = self.start_number
        self.horizon_number = self.start_number
        self._changes: list[Change] = []

    @property
    def shard_id(self) -> str:
        """The id of the stream's only shard."""
        return f"shardId-{self.created_at_milliseconds:020d}-{self.start_number % 10**8:08x}"

    def add(self, change: Change) -> None:
        """Take a change that is later than all before."""
        self._changes.append(change)
        self.next_number = change.sequence_number + 1

    def trim(self, now_milliseconds: int) -> None:
        """Forget what is older than 24 hours."""
        oldest = now_milliseconds - RETENTION_MILLISECONDS
        kept = bisect_left(self._changes, oldest, key=lambda change: change.entry.instant_milliseconds)
        if kept:
            self.horizon_number = self._changes[kept - 1].sequence_number + 1
            del self._changes[:kept]

    def number_at(self, milliseconds: int) -> int:
        """The number of the first change left that is not older than the instant; else the next number."""
        first = bisect_left(self._changes, milliseconds, key=lambda change: change.entry.instant_milliseconds)
        return self._changes[first].sequence_number if first < len(self._changes) else self.next_number

    def changes_from(self, number: int, count: int) -> list[Change]:
        """At most `count` changes from sequence number `number` on."""
        first = bisect_left(self._changes, number, key=lambda change: change.sequence_number)
        return self._changes[first : first + count]


class Streams:
    """The streams of one Region: one that is on per table at most, and those that can still be read."""

    def __init__(self) -> None:
        self._by_arn: dict[str, tuple[str, Stream]] = {}
        self._open: dict[str, Stream] = {}

    def turn_on(
        self, account: str, table: TableRecord, view_type: str, log_length: int, now_milliseconds: int
    ) -> Stream:
        """A new stream, with a label and an ARN that no stream had before."""
        instant = now_milliseconds
        while (arn := f"{table.arn}/stream/{_label(instant)}") in self._by_arn:
            instant += 1
        stream = Stream(arn, _label(instant), view_type, table, log_length, now_milliseconds)
        self._by_arn[arn] = (account, stream)
        self._open[table.table_id] = stream
        return stream

    def turn_off(self, table_id: str, now_milliseconds: int) -> None:
        """Close the table's stream, if it has one."""
        stream = self._open.pop(table_id, None)
        if stream is not None:
            stream.closed_at_milliseconds = now_milliseconds

    def note(self, table_id: str, index: int, entry: Entry, old: Image | None) -> None:
        """Take the entry at `index` of a table's log, if the table has a stream and the item has changed."""
        stream = self._open.get(table_id)
        if stream is None or not is_effective(entry, old):
            return
        stream.trim(entry.instant_milliseconds)
        stream.add(Change(FIRST_SEQUENCE_NUMBER + index, entry, old))

    def find(self, account: str, arn: str, now_milliseconds: int) -> Stream | None:
        """The account's stream of that ARN, trimmed; None when there is none that can be read."""
        self._forget_closed(now_milliseconds)
        owner, stream = self._by_arn.get(arn, (None, None))
        if stream is None or owner != account:
            return None
        stream.trim(now_milliseconds)
        return stream

    def all(self, account: str, now_milliseconds: int) -> list[Stream]:
        """The account's streams that can be read, by ARN."""
        self._forget_closed(now_milliseconds)
        mine = [stream for owner, stream in self._by_arn.values() if owner == account]
        return sorted(mine, key=lambda stream: stream.arn)

    def _forget_closed(self, now_milliseconds: int) -> None:
        oldest = now_milliseconds - RETENTION_MILLISECONDS
        over = [
            arn
            for arn, (_, stream) in self._by_arn.items()
            if stream.closed_at_milliseconds is not None and stream.closed_at_milliseconds <= oldest
        ]
        for arn in over:
            del self._by_arn[arn]


def is_effective(entry: Entry, old: Image | None) -> bool:
    """Whether the entry leaves the item other than it was."""
    if entry.item is None or old is None:
        return entry.item is not None or old is not None
    if entry.item == old.item:
        return False
    # The order of attributes is part of the bytes, and not of the item.
    return entry.size_bytes != old.size_bytes or bool(_decode(entry.item) != _decode(old.item))


def _label(milliseconds: int) -> str:
    """A stream label: the instant in ISO 8601 with milliseconds.

    >>> _label(1_432_155_070_252)
    '2015-05-20T20:51:10.252'
    """
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{milliseconds % 1000:03d}"
    )
