"""The cut: which entries of the partitions' logs are in a backup, decided while writes and transactions go on.

Sources: BK-02 (a backup asked for at T surely holds what was committed a minute before, and nothing of a minute
after), BK-03 (in between anything may be missing), TX-06 (a transaction's parts need not stay together in a
backup), PI-21 and BK-16 (the backup that a deleted table leaves for 35 days).

How AWS cuts is unpublished. Ours: every entry carries its commit timestamp, which never decreases along a log;
a backup is made at one timestamp for all partitions and holds exactly the entries at or before it. So what
was acknowledged before the request is in, and so are all parts of a transaction or none, as they share a
timestamp. That is more than AWS promises, and nobody's contract.

For a cut to stay true a partition promises, by its *watermark*, to append nothing at or before it any more. A
prepared transaction holds the watermark back until it is decided, or one of its parts could come in after the
cut and another before; and a write with a later timestamp waits for it, or the log would be out of order. A
write in the same millisecond as a cut is stamped one later, ahead of the clock. How far ahead is bounded
(`MOST_AHEAD_MILLISECONDS`), or BK-02 would not follow; a cut that would go further is refused.

A transaction that stays undecided keeps its timestamp while time goes on; decided late enough, it would be in a
backup that was asked for long before. So the decision to commit has to come within ten seconds.

A log is a handle beside the record (`logs`). A partition has one prepared transaction at a time.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.logs import Log, Readable
from ddbproof.model.kernel.refusal import require

MOST_AHEAD_MILLISECONDS = 1_000
MOST_UNDECIDED_MILLISECONDS = 10_000
SYSTEM_BACKUP_DAYS = 35


class Stamped(Protocol):
    """An entry of a log, of which only its commit timestamp matters here."""

    @property
    def instant_milliseconds(self) -> int:
        """The entry's commit timestamp."""
        ...


EntryT = TypeVar("EntryT", bound=Stamped)


class PartitionLog(msgspec.Struct, frozen=True, gc=False):
    """What a partition knows of its log: how long it is, and what may come next.

    `latest_milliseconds` is the timestamp of the last entry; no entry at or before `watermark_milliseconds`
    will be appended any more. `prepared` says that a transaction is prepared here and not decided, with the
    timestamp `prepared_milliseconds`.
    """

    length: int
    latest_milliseconds: int
    watermark_milliseconds: int
    prepared: bool = False
    prepared_milliseconds: int = 0


class Cut(msgspec.Struct, frozen=True, gc=False):
    """The entries before `position`, which are those with timestamps up to `instant_milliseconds`."""

    position: int
    instant_milliseconds: int


EMPTY = PartitionLog(0, 0, -1)
BEGINNING = Cut(0, -1)


# What comes into the log.


def commit_timestamp(partition: PartitionLog, now_milliseconds: int) -> int:
    """The timestamp of what is appended or prepared now: after the watermark, before no other entry.

    For a transaction over several partitions, ask each and give it the answer of the one before as its now.
    """
    after_watermark = partition.watermark_milliseconds + 1
    return instants.higher(now_milliseconds, instants.higher(partition.latest_milliseconds, after_watermark))


def append(partition: PartitionLog, log: Log[EntryT], entry: EntryT) -> tuple[PartitionLog, Log[EntryT]]:
    """Append a stamped entry.

    Raises NotAllowed for a timestamp that the watermark has passed or that runs backwards, and for one
    after that of a prepared transaction, which has to wait until that is decided.
    """
    require(entry.instant_milliseconds > partition.watermark_milliseconds)
    require(entry.instant_milliseconds >= partition.latest_milliseconds)
    if partition.prepared:
        require(entry.instant_milliseconds <= partition.prepared_milliseconds)
    appended = PartitionLog(
        partition.length + 1,
        entry.instant_milliseconds,
        partition.watermark_milliseconds,
        partition.prepared,
        partition.prepared_milliseconds,
    )
    return appended, log.put(partition.length, entry)


def prepare(partition: PartitionLog, instant_milliseconds: int) -> PartitionLog:
    """Promise to a transaction's coordinator that an entry with its timestamp can be appended later.

    Raises NotAllowed for a timestamp that could not be appended now, or if another transaction is prepared.
    """
    require(not partition.prepared)
    require(instant_milliseconds > partition.watermark_milliseconds)
    require(instant_milliseconds >= partition.latest_milliseconds)
    return PartitionLog(
        partition.length,
        partition.latest_milliseconds,
        partition.watermark_milliseconds,
        prepared=True,
        prepared_milliseconds=instant_milliseconds,
    )


def commit_prepared(
    partition: PartitionLog, log: Log[EntryT], entry: EntryT
) -> tuple[PartitionLog, Log[EntryT]]:
    """Append the prepared transaction's entry. Raises NotAllowed if none is prepared with its timestamp."""
    require(entry.instant_milliseconds == partition.prepared_milliseconds)
    return append(abort_prepared(partition), log, entry)


def abort_prepared(partition: PartitionLog) -> PartitionLog:
    """Forget the prepared transaction. Raises NotAllowed if none is prepared."""
    require(partition.prepared)
    return PartitionLog(partition.length, partition.latest_milliseconds, partition.watermark_milliseconds)


def may_decide(prepared_milliseconds: int, now_milliseconds: int) -> bool:
    """True if a transaction with that timestamp may still be decided to commit; later it has to be aborted."""
    return now_milliseconds <= prepared_milliseconds + MOST_UNDECIDED_MILLISECONDS


def advance_watermark(
    partition: PartitionLog, instant_milliseconds: int, now_milliseconds: int
) -> PartitionLog:
    """Promise to append nothing at or before an instant; a promise made before for a later one stands.

    Raises NotAllowed for an instant too far ahead of now, and for what a prepared transaction may still append.
    """
    require(instant_milliseconds <= now_milliseconds + MOST_AHEAD_MILLISECONDS)
    if partition.prepared:
        require(instant_milliseconds < partition.prepared_milliseconds)
    return PartitionLog(
        partition.length,
        partition.latest_milliseconds,
        instants.higher(partition.watermark_milliseconds, instant_milliseconds),
        partition.prepared,
        partition.prepared_milliseconds,
    )


# What is in a backup.


def backup_timestamp(partition: PartitionLog, at_least_milliseconds: int) -> int:
    """The timestamp of a backup that leaves out nothing that this partition has acknowledged.

    `at_least_milliseconds` is now; over several partitions, the answer of the one before.
    """
    return instants.higher(at_least_milliseconds, partition.latest_milliseconds)


def may_cut(partition: PartitionLog, backup_milliseconds: int) -> bool:
    """True when no entry that belongs to a backup at that timestamp can come any more."""
    return backup_milliseconds <= partition.watermark_milliseconds


def in_backup(entry_milliseconds: int, backup_milliseconds: int) -> bool:
    """True if an entry with the one timestamp is in a backup at the other."""
    return entry_milliseconds <= backup_milliseconds


def is_cut(
    partition: PartitionLog, log: Readable[Stamped], base: Cut, position: int, backup_milliseconds: int
) -> bool:
    """True if `position` parts the entries that are in a backup at the timestamp from those that are not.

    `base` is an earlier cut; only entries from there on are read, as the others may have been trimmed.
    """
    if position < base.position or position > partition.length:
        return False
    if position > base.position and not in_backup(
        log[position - 1].instant_milliseconds, backup_milliseconds
    ):
        return False
    if position == partition.length:
        return True
    return not in_backup(log[position].instant_milliseconds, backup_milliseconds)


def take_cut(
    partition: PartitionLog, log: Readable[Stamped], base: Cut, position: int, backup_milliseconds: int
) -> Cut:
    """The cut at a timestamp, whose position the caller has found. `base` is as in `is_cut`.

    Raises NotAllowed if that is not its position, if more could still come into it, or if it lies before `base`.
    """
    require(may_cut(partition, backup_milliseconds))
    require(base.instant_milliseconds <= backup_milliseconds)
    require(is_cut(partition, log, base, position, backup_milliseconds))
    return Cut(position, backup_milliseconds)


def system_backup_expires(deleted_milliseconds: int) -> int:
    """When the backup that a deleted table leaves is no longer kept (BK-16)."""
    return deleted_milliseconds + SYSTEM_BACKUP_DAYS * instants.MILLISECONDS_A_DAY
