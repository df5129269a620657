"""Change streams: how the entries of partitions' logs become stream records, and how these are kept and read.

Sources: ST-01 (every effective change of an item once, and in order), ST-02 (a write that changes nothing adds no
record), ST-03 (24 hours, also after the stream was turned off), ST-04 (shards split, a parent is read before its
children, iterators live for 15 minutes, what was trimmed is refused). How AWS makes records of logs is unpublished; what
follows is ours.

Whoever leads a partition derives the records of its open shard from the partition's log, entry after entry. A record's
sequence number is the entry's position in the log. So a leader that does not know how far the one before it has come
may derive records again: they are the same ones. Only committed entries are derived: what a lost leader had
written and nobody acknowledged leaves no trace. For that an entry carries both images of its item, which a later leader
could not find any more. A child's log goes on counting where its parent's ended; numbers grow along every line.

A shard is *closed* at a position of the log: where the log ends when the partition has split or the stream was turned
off, else where it is rolled over, after four hours, to a new shard of the same partition. Entries before the
end may still be derived afterwards, while children already get records of theirs.

Records are trimmed one after the other, each not before it has been in the stream for 24 hours. A child's are
not trimmed before the parent with all its records is gone, even where the parent's were derived late. Or else a
new reader would find the child without a parent and begin there, with older changes still to come.

A reader lists the shards once. Those listed without their parent it begins at the trim horizon; all others it begins
when it has read the parent to its end, *at their first sequence number*. At the trim horizon it would skip whatever was
trimmed while it read the parent, and nobody would tell it.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

RETENTION_MILLISECONDS = instants.MILLISECONDS_A_DAY
ITERATOR_MILLISECONDS = 15 * 60 * 1000
ROLL_MILLISECONDS = 4 * 3600 * 1000
READS, EXPIRED, TRIMMED = 0, 1, 2


class Shard(msgspec.Struct, frozen=True, gc=False):
    """A shard: its first position, the next to derive, and the horizon, below which nothing is left.

    Once it is closed no position from `end` on is its own. A shard that is gone is not listed any more.
    """

    first: int
    next: int
    horizon: int
    opened_milliseconds: int
    closed: bool = False
    end: int = 0
    gone: bool = False


class Iterator(msgspec.Struct, frozen=True, gc=False):
    """A place to read from, and since when."""

    position: int
    issued_milliseconds: int


class Stream(msgspec.Struct, frozen=True, gc=False):
    """Whether the stream is on, and since when it is not."""

    on: bool = True
    off_milliseconds: int = 0


# From the log to the records.


def open_shard(first: int, now_milliseconds: int) -> Shard:
    """A shard that begins at a position of the log: for a child of a split where the parent's log ended."""
    return Shard(first, first, first, now_milliseconds)


def is_effective(before: int, after: int) -> bool:
    """True if an entry leaves its item other than it was. Equal numbers stand for equal images, one for no item."""
    return before != after


def takes(shard: Shard, position: int) -> bool:
    """True if the entry at a position of the log is this shard's, and has not been trimmed already."""
    return position >= shard.horizon and not (shard.closed and position >= shard.end)


def derive(shard: Shard, position: int, committed: int) -> tuple[Shard, int]:
    """Take the entry at a position into the shard; also gives the sequence number of its record, if it gets one.

    `committed` is how many entries are, as far as the leader knows, and it may be behind. Raises NotAllowed for
    another shard's entry, one that is not committed, and one whose predecessors were not derived.
    """
    require(takes(shard, position))
    require(position < committed)
    require(position <= shard.next)
    after = instants.higher(shard.next, position + 1)
    return msgspec.structs.replace(shard, next=after), position


def close(shard: Shard, length: int, committed: int) -> Shard:
    """Close the shard where the log ends. Raises NotAllowed unless all of that is committed and the shard open."""
    require(not shard.closed)
    require(committed >= length)
    return msgspec.structs.replace(shard, closed=True, end=length)


def roll(shard: Shard, now_milliseconds: int) -> tuple[Shard, Shard]:
    """Close a shard that has been open for long, and open the one that goes on. Raises NotAllowed before that."""
    require(not shard.closed)
    require(now_milliseconds >= shard.opened_milliseconds + ROLL_MILLISECONDS)
    closed = msgspec.structs.replace(shard, closed=True, end=shard.next)
    return closed, open_shard(shard.next, now_milliseconds)


def turn_off(stream: Stream, now_milliseconds: int) -> Stream:
    """The stream is turned off; its shards are closed from now on. Raises NotAllowed if it is off."""
    require(stream.on)
    return Stream(False, now_milliseconds)


# How long records are kept.


def trim(
    shard: Shard, recorded: bool, stored_milliseconds: int, parent_gone: bool, now_milliseconds: int
) -> Shard:
    """Give up what is at the horizon: nothing, or a record that is in the stream since `stored_milliseconds`.

    `parent_gone` is true as well of a shard that never had a parent. Raises NotAllowed before the record may go.
    """
    require(shard.horizon < shard.next)
    require(parent_gone)
    if recorded:
        require(now_milliseconds >= stored_milliseconds + RETENTION_MILLISECONDS)
    return msgspec.structs.replace(shard, horizon=shard.horizon + 1)


def remove(shard: Shard, parent_gone: bool) -> Shard:
    """List the shard no longer. Raises NotAllowed while anything of it or of its parent is left."""
    require(shard.closed)
    require(shard.horizon >= shard.end)
    require(parent_gone)
    return msgspec.structs.replace(shard, gone=True)


def is_readable(stream: Stream, now_milliseconds: int) -> bool:
    """True while the stream can be read: while it is on, and for a day after."""
    return stream.on or now_milliseconds < stream.off_milliseconds + RETENTION_MILLISECONDS


# Iterators.


def trim_horizon(shard: Shard) -> int:
    """Where TRIM_HORIZON reads from: the oldest that is left."""
    return shard.horizon


def latest(shard: Shard) -> int:
    """Where LATEST reads from: behind everything that is there."""
    return shard.next


def from_sequence_number(number: int, after: bool) -> int:
    """Where AT_SEQUENCE_NUMBER reads from, or AFTER_SEQUENCE_NUMBER."""
    if after:
        return number + 1
    return number


def read(shard: Shard, iterator: Iterator, now_milliseconds: int) -> tuple[int, int]:
    """What becomes of reading from an iterator (READS, EXPIRED or TRIMMED), and from which position on."""
    if now_milliseconds - iterator.issued_milliseconds >= ITERATOR_MILLISECONDS:
        return EXPIRED, iterator.position
    if iterator.position < shard.horizon:
        return TRIMMED, iterator.position
    return READS, iterator.position


def has_more(shard: Shard, position: int) -> bool:
    """True if there is something to read from a position on."""
    return position < shard.next


def is_read_out(shard: Shard, position: int) -> bool:
    """True if there will never be anything to read from a position on: there is no next iterator."""
    return shard.closed and position >= shard.end


# The reader's part.


def starts_at(listed: bool, parent_listed: bool) -> bool:
    """True if a reader from the trim horizon starts at a shard, by its listing."""
    return listed and not parent_listed


def may_begin(starts: bool, parent_read_out: bool) -> bool:
    """True if a reader may begin a shard: it starts there, or has read the parent to its end."""
    return starts or parent_read_out


def begins_at(shard: Shard, starts: bool, from_latest: bool) -> int:
    """The position at which a reader begins a shard."""
    if not starts:
        return from_sequence_number(shard.first, False)
    if from_latest:
        return latest(shard)
    return trim_horizon(shard)


def is_new(newest: int, number: int) -> bool:
    """True if a reader has not yet had a record of an item, of which the newest it has had is `newest`."""
    return number > newest
