"""The metadata log of a Region: which tables and backups exist.

The same rule as for items holds for metadata: the log is the only truth, and the catalog that requests read
is folded from it. `Catalog.fold` of the log's entries is always equal to the live catalog (a test says so).

The log is that of a replication group of its own, with a replica in three Availability Zones like every partition: tables can
be made and changed as long as two of them are there. What is decided is in the catalog at once, which every
request reads; so no request has to ask the group which tables there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.records import BackupRecord, TableRecord
from ddbproof.reference_impl.cluster.zones import Fleet
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication.entries import Change

_KEY = b"catalog"


class TablePut(msgspec.Struct, frozen=True, tag=True):
    """A table was created or changed: its whole new record."""

    account: str
    record: TableRecord


class TableRemoved(msgspec.Struct, frozen=True, tag=True):
    """A deleted table is gone; its name is free again."""

    table_id: str


class BackupPut(msgspec.Struct, frozen=True, tag=True):
    """A backup was made."""

    account: str
    record: BackupRecord


class BackupRemoved(msgspec.Struct, frozen=True, tag=True):
    """A backup was deleted or has expired."""

    arn: str


MetadataEntry: TypeAlias = TablePut | TableRemoved | BackupPut | BackupRemoved
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(MetadataEntry).decode


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
    """The metadata log of a Region, and the catalog folded from it. `now` gives the present instant."""

    def __init__(self, fleet: Fleet, seed: str, now: Callable[[], int], *, recording: bool = False) -> None:
        self.log: list[MetadataEntry] = []
        self.catalog = Catalog()
        self._now = now
        self.groups = TableGroups(fleet, self._take, seed, now(), 1, recording=recording)

    def require_ready(self) -> None:
        """Raises UnavailableError unless an entry would be decided now, without a doubt."""
        self.groups.attend(self._now())
        if not self.groups.is_ready(_KEY):
            raise UnavailableError("the metadata of the Region cannot be changed now")

    def append(self, entry: MetadataEntry) -> None:
        """Have an entry decided; then it is in the catalog. Raises UnavailableError, and has done nothing then."""
        self.require_ready()
        leading, encoded = self.groups.serving(_KEY), _encode(entry)
        self.groups.write(leading, leading.change(_KEY, encoded, len(encoded)))

    def _take(self, change: Change, _group: int, _position: int) -> None:
        assert change.item is not None
        entry = _decode(change.item)
        self.log.append(entry)
        self.catalog.apply(entry)
