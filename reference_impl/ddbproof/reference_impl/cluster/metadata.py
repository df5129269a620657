"""The metadata log of a Region: which tables and backups exist.

The same rule as for items holds for metadata: the log is the only truth, and the catalog that requests read
is folded from it. `Catalog.fold` of the log's entries is always equal to the live catalog (a test says so).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ddbproof.reference_impl.cluster.records import BackupRecord, TableRecord


class TablePut(msgspec.Struct, frozen=True):
    """A table was created or changed: its whole new record."""

    account: str
    record: TableRecord


class TableRemoved(msgspec.Struct, frozen=True):
    """A deleted table is gone; its name is free again."""

    table_id: str


class BackupPut(msgspec.Struct, frozen=True):
    """A backup was made."""

    account: str
    record: BackupRecord


class BackupRemoved(msgspec.Struct, frozen=True):
    """A backup was deleted or has expired."""

    arn: str


MetadataEntry = TablePut | TableRemoved | BackupPut | BackupRemoved


class Catalog:
    """Tables by id and by (account, name), backups by ARN with their account: a fold of metadata entries."""

    def __init__(self) -> None:
        self.tables: dict[str, tuple[str, TableRecord]] = {}
        self.names: dict[tuple[str, str], str] = {}
        self.backups: dict[str, tuple[str, BackupRecord]] = {}

    @classmethod
    def fold(cls, entries: Iterable[MetadataEntry]) -> Catalog:
        """The catalog after the entries, in order."""
        catalog = cls()
        for entry in entries:
            catalog.apply(entry)
        return catalog

    def apply(self, entry: MetadataEntry) -> None:
        """Apply one entry."""
        match entry:
            case TablePut(account, record):
                self.tables[record.table_id] = (account, record)
                self.names[account, record.name] = record.table_id
            case TableRemoved(table_id):
                account, record = self.tables.pop(table_id)
                del self.names[account, record.name]
            case BackupPut(account, backup):
                self.backups[backup.arn] = (account, backup)
            case BackupRemoved(arn):
                del self.backups[arn]


class Metadata:
    """The metadata log and the catalog folded from it."""

    def __init__(self) -> None:
        self.log: list[MetadataEntry] = []
        self.catalog = Catalog()

    def append(self, entry: MetadataEntry) -> None:
        """Log the entry, then fold it."""
        self.log.append(entry)
        self.catalog.apply(entry)
