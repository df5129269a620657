"""Backups as things that are kept, and what a restored table has of its source.

Sources: BK-05 (CREATING, then AVAILABLE), BK-08 (no way to cancel), BK-09 (USER backups stay until deleted), BK-10
and BK-16 (SYSTEM backups stay for 35 days), RS-04 (what a restore may override, and that it adds no index), RS-11
(what is not there or not ready is not restored), RS-12 (the key schema). What is *in* a backup is `backup`'s business.

Settings are handles: two are the same or not. One index stands for all, as none looks at another. That a SYSTEM backup may be
deleted by hand is inferred: no page says that it may not.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import backup as cuts
from ddbproof.model.kernel.refusal import require

NO_BACKUP, CREATING, AVAILABLE, DELETED = range(4)
USER, SYSTEM = 1, 2


class Backup(msgspec.Struct, frozen=True, gc=False):
    """A backup's type and state; `expires_milliseconds` says something of SYSTEM ones only."""

    kind: int = USER
    status: int = NO_BACKUP
    expires_milliseconds: int = 0


class Settings(msgspec.Struct, frozen=True, gc=False):
    """What a table has that a restore may carry over; `has_index` is about one secondary index."""

    key_schema: int = 0
    billing: int = 0
    throughput: int = 0
    encryption: int = 0
    has_index: bool = False


class Overrides(msgspec.Struct, frozen=True, gc=False):
    """What a restore asks for: each setting is given or not; if `indexes_given`, only those named are kept."""

    billing_given: bool = False
    billing: int = 0
    throughput_given: bool = False
    throughput: int = 0
    encryption_given: bool = False
    encryption: int = 0
    indexes_given: bool = False
    names_index: bool = False


def user_backup() -> Backup:
    """A backup that a user asked for, which is being made."""
    return Backup(USER, CREATING)


def archive_backup() -> Backup:
    """The backup of a table that is archived, made before the table is removed (BK-21)."""
    return Backup(USER, AVAILABLE)


def system_backup(deleted_milliseconds: int) -> Backup:
    """What the deletion of a table with point-in-time recovery leaves."""
    return Backup(SYSTEM, AVAILABLE, cuts.system_backup_expires(deleted_milliseconds))


def on_made(backup: Backup) -> Backup:
    """The backup is made."""
    require(backup.status == CREATING)
    return Backup(backup.kind, AVAILABLE, backup.expires_milliseconds)


def may_use(backup: Backup) -> bool:
    """True if a backup can be restored, or deleted."""
    return backup.status == AVAILABLE


def delete(backup: Backup) -> Backup:
    """Somebody deletes the backup. Raises NotAllowed while it is being made."""
    require(may_use(backup))
    return Backup(backup.kind, DELETED, backup.expires_milliseconds)


def expire(backup: Backup, now_milliseconds: int) -> Backup:
    """A SYSTEM backup goes when its time is over. Raises NotAllowed for any other, and before."""
    require(may_use(backup))
    require(backup.kind == SYSTEM)
    require(now_milliseconds >= backup.expires_milliseconds)
    return Backup(backup.kind, DELETED, backup.expires_milliseconds)


def restored_settings(source: Settings, overrides: Overrides) -> Settings:
    """The restored table's settings. Raises NotAllowed if an index is named that the source does not have."""
    return Settings(
        source.key_schema,
        _chosen(overrides.billing_given, overrides.billing, source.billing),
        _chosen(overrides.throughput_given, overrides.throughput, source.throughput),
        _chosen(overrides.encryption_given, overrides.encryption, source.encryption),
        _index_kept(source, overrides),
    )


def _index_kept(source: Settings, overrides: Overrides) -> bool:
    if overrides.indexes_given:
        if overrides.names_index:
            require(source.has_index)
        return overrides.names_index
    return source.has_index


def _chosen(given: bool, override: int, own: int) -> int:
    if given:
        return override
    return own
