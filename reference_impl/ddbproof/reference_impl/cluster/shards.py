"""A shard of a stream: the changes of one partition, from when it or the stream began to when it ended.

Claims: ST-01, ST-03, ST-04. What becomes of a shard, `model.kernel.streams` decides: which entries of the partition's log
are its own, when it is closed, what is trimmed and when it is listed no more, and where an iterator reads. This
module keeps the records. A record's *position* is that of its entry (`lines`); an entry that changed nothing has a position and no record.

Choices: a sequence number tells position and partition, so that none comes twice in a stream and numbers grow along
every line of descent. A record is trimmed exactly when it has been there for 24 hours, and a shard is listed until 24
hours after it was closed, also if nothing is in it. Shards are not rolled over after four hours as AWS does.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from ddbproof.model.kernel import streams
from ddbproof.model.kernel.streams import RETENTION_MILLISECONDS
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

# Sequence numbers have at least 21 digits, of which the last six tell the partition.
_FIRST_SEQUENCE_NUMBER = 10**20
_PARTITIONS = 10**6

_decode = msgspec.json.Decoder().decode


class Change(msgspec.Struct, frozen=True, gc=False):
    """One stream record: the log's entry at a position, and the image it replaced (None: there was none)."""

    position: int
    entry: Entry
    old: Image | None


class Shard:
    """A shard of the partition of a group, from a position on; `parent` is the shard of the partition it came of, if any.

    `state` is the kernel's record of it. `closed_at_milliseconds` is None while it is open.
    """

    def __init__(self, group: int, first: int, parent: Shard | None, now_milliseconds: int) -> None:
        self.group = group
        self.state = streams.open_shard(first, now_milliseconds)
        self.shard_id = f"shardId-{now_milliseconds:020d}-{group:08x}"
        self.parent_id = None if parent is None else parent.shard_id
        self.closed_at_milliseconds: int | None = None
        self._parent = parent
        self._changes: list[Change] = []

    # -- sequence numbers -------------------------------------------------------------------------------

    def number(self, position: int) -> int:
        """The sequence number of a position of this shard."""
        return _FIRST_SEQUENCE_NUMBER + position * _PARTITIONS + self.group

    def position(self, number: int) -> int | None:
        """The position that a sequence number tells; None if it is not one that this shard has had."""
        position, group = divmod(number - _FIRST_SEQUENCE_NUMBER, _PARTITIONS)
        first, after = self.state.first, max(self.state.next, self.state.first + 1)
        return position if group == self.group and first <= position < after else None

    @property
    def first_number(self) -> int:
        """StartingSequenceNumber."""
        return self.number(self.state.first)

    @property
    def last_number(self) -> int | None:
        """EndingSequenceNumber; None while the shard is open."""
        return self.number(max(self.state.first, self.state.end - 1)) if self.state.closed else None

    # -- what comes in ----------------------------------------------------------------------------------

    def take(self, position: int, entry: Entry, old: Image | None) -> None:
        """Take the entry at a position of the log, in their order. NotAllowed if it is not this shard's.

        Taken again it changes nothing.
        """
        is_new = position >= self.state.next
        self._derive_before(position)
        self.state, _ = streams.derive(self.state, position, position + 1)
        if is_new and is_effective(entry, old):
            self._changes.append(Change(position, entry, old))

    def close(self, end: int, now_milliseconds: int) -> None:
        """The shard ends before a position. NotAllowed if it has ended already."""
        self._derive_before(end)
        self.state = streams.close(self.state, end, end)
        self.closed_at_milliseconds = now_milliseconds

    def _derive_before(self, position: int) -> None:
        """What stands between in the log are no changes of items."""
        for between in range(self.state.next, position):
            self.state, _ = streams.derive(self.state, between, position)

    # -- what goes --------------------------------------------------------------------------------------

    def trim(self, now_milliseconds: int) -> None:
        """Forget what is older than 24 hours, and the shard itself once it is (`state.gone`); after its parent."""
        parent_gone = self._parent is None or self._parent.state.gone
        if not parent_gone:
            return
        self._parent = None
        oldest = now_milliseconds - RETENTION_MILLISECONDS
        due = bisect_left(self._changes, oldest + 1, key=_stored)
        if due:
            stored = {change.position: _stored(change) for change in self._changes[:due]}
            last = self._changes[due - 1].position
            del self._changes[:due]
            self._trim_up_to(last + 1, stored, now_milliseconds)
        closed_at = self.closed_at_milliseconds
        if closed_at is not None and closed_at <= oldest and not self._changes and not self.state.gone:
            self._trim_up_to(self.state.end, {}, now_milliseconds)
            self.state = streams.remove(self.state, parent_gone)

    def _trim_up_to(self, end: int, stored: dict[int, int], now_milliseconds: int) -> None:
        while (horizon := self.state.horizon) < end:
            recorded = horizon in stored
            since = stored[horizon] if recorded else 0
            self.state = streams.trim(self.state, recorded, since, True, now_milliseconds)

    # -- what is read -----------------------------------------------------------------------------------

    def position_at(self, milliseconds: int) -> int:
        """The position of the first change left that is not older than the instant; else the next position."""
        first = bisect_left(self._changes, milliseconds, key=_stored)
        return self._changes[first].position if first < len(self._changes) else streams.latest(self.state)

    def changes_from(self, position: int, count: int) -> list[Change]:
        """At most `count` changes from a position on."""
        first = bisect_left(self._changes, position, key=lambda change: change.position)
        return self._changes[first : first + count]


def _stored(change: Change) -> int:
    return change.entry.instant_milliseconds


def is_effective(entry: Entry, old: Image | None) -> bool:
    """Whether the entry leaves the item other than it was (ST-02)."""
    if entry.item is None or old is None:
        return entry.item is not None or old is not None
    if entry.item == old.item:
        return False
    # The order of attributes is part of the bytes, and not of the item.
    return entry.size_bytes != old.size_bytes or bool(_decode(entry.item) != _decode(old.item))
