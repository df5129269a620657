"""A Region: its storage nodes, its metadata, its archive, and the store behind each table.

Everything of a Region is reached through this object, and nothing of another Region is: what crosses a
border goes through `cluster.Cluster`, where it can be delayed and, later, cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ddbproof.model.kernel.backup import Cut
from ddbproof.reference_impl.cluster.coordinator import Coordinator
from ddbproof.reference_impl.cluster.feed import Feed
from ddbproof.reference_impl.cluster.global_index import GlobalIndex
from ddbproof.reference_impl.cluster.groups import TableGroups, Take
from ddbproof.reference_impl.cluster.indexes import TableIndexes
from ddbproof.reference_impl.cluster.interfaces import TableStore
from ddbproof.reference_impl.cluster.lag import Lag
from ddbproof.reference_impl.cluster.ledger import Ledger
from ddbproof.reference_impl.cluster.lines import Split
from ddbproof.reference_impl.cluster.local_index import LocalIndex
from ddbproof.reference_impl.cluster.metadata import (
    BackupPut,
    BackupRemoved,
    Metadata,
    TablePut,
    TableRemoved,
)
from ddbproof.reference_impl.cluster.records import BackupRecord, IndexRecord, TableRecord
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.cluster.streams import Streams
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.cluster.zones import Fleet
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.storage.archive import Archive
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

OfferToOthers = Callable[["Region", str, Entry], None]
# Gets a table's id, the group of a partition and the position of an entry in its log (`lines`), the entry, and the image it replaced.
Watcher = Callable[[str, int, int, Entry, Image | None], None]


class Region:
    """One Region. `number` orders Regions for the tie-break of versions (ME-05).

    `catch_up` lets everything that is due happen and gives the present instant, in milliseconds; `scheduler` has the
    instant that things have come to.
    """

    def __init__(
        self,
        name: str,
        number: int,
        options: EndpointOptions,
        lag: Lag,
        offer: OfferToOthers,
        catch_up: Callable[[], int],
        scheduler: Scheduler,
    ) -> None:
        self.name = name
        self.number = number
        self.fleet = Fleet(name, catch_up)
        self._options = options
        self._lag = lag
        self._now: Callable[[], int] = lambda: scheduler.now_milliseconds
        self._later = scheduler.at
        seed, recording = f"{options.seed} {name}", options.record_steps
        self.metadata = Metadata(self.fleet, seed, self._now, recording=recording)
        self.archive = Archive()
        self.transactions = Coordinator(
            Ledger(self.fleet, seed, self._now, recording=recording),
            lambda table_id: self._present(table_id) if table_id in self._stores else None,
            scheduler,
        )
        self.streams = Streams()
        self.watchers: list[Watcher] = [self.streams.note]
        self._offer = offer
        self._stores: dict[str, PartitionedTable] = {}
        self._indexes: dict[str, TableIndexes] = {}

    # -- tables ---------------------------------------------------------------------------------------

    def find_table(self, account: str, name: str) -> TableRecord | None:
        """The table of that name, in whatever state, or None."""
        table_id = self.metadata.catalog.names.get((account, name))
        return None if table_id is None else self.metadata.catalog.tables[table_id][1]

    def table_by_id(self, table_id: str) -> TableRecord | None:
        """The table of that id, or None once it is gone."""
        found = self.metadata.catalog.tables.get(table_id)
        return None if found is None else found[1]

    def all_tables(self) -> list[TableRecord]:
        """The tables of all accounts."""
        return [record for _, record in self.metadata.catalog.tables.values()]

    def tables(self, account: str) -> list[TableRecord]:
        """The account's tables by name, in the order of the names' UTF-8 bytes."""
        mine = [record for owner, record in self.metadata.catalog.tables.values() if owner == account]
        return sorted(mine, key=lambda record: record.name.encode())

    def add_table(self, account: str, record: TableRecord) -> TableStore:
        """Make the table and its empty store. Raises UnavailableError if too little of the Region is there."""
        table_id = record.table_id
        history = self.archive.open(table_id)

        def watch(group: int, position: int, entry: Entry, old: Image | None) -> None:
            for watcher in self.watchers:
                watcher(table_id, group, position, entry, old)
            if table_id in self._indexes:
                self._indexes[table_id].note(entry, old)

        feed = Feed(
            history,
            self.number,
            self._now,
            offer=lambda entry: self._offer(self, table_id, entry),
            watch=watch,
            tidy=lambda now_milliseconds: self._tidy(table_id, now_milliseconds),
        )
        try:
            groups = self._make_groups(
                feed.take,
                table_id,
                keeps_collections_whole=record.keeps_collections_whole,
                when_split=lambda split: self.streams.split(table_id, split, self._now()),
                may_merge=lambda: self._may_merge(table_id),
            )
            store = PartitionedTable(
                table_id, groups, feed, self.number, self._lag, self.transactions.recover
            )
            self._stores[table_id] = store
            for index in record.indexes:
                self._add_index(record, index)
        except UnavailableError:
            self._drop(table_id)
            self.archive.release(table_id)
            raise
        self.put_table(account, record)
        return store

    def _make_groups(
        self,
        take: Take,
        seed: str,
        *,
        keeps_collections_whole: bool = False,
        when_split: Callable[[Split], None] = lambda _: None,
        may_merge: Callable[[], bool] = lambda: True,
    ) -> TableGroups:
        options = self._options
        return TableGroups(
            self.fleet,
            take,
            f"{options.seed} {seed}",
            self._now(),
            options.partitions,
            when_split=when_split,
            may_merge=may_merge,
            most_bytes=options.partition_bytes,
            heat_splits=options.heat_splits,
            keeps_collections_whole=keeps_collections_whole,
            lagging=self._lag.legal,
            recording=options.record_steps,
        )

    def _drop(self, table_id: str) -> None:
        """Let go of a table's groups and those of its indexes."""
        indexes = self._indexes.pop(table_id, None)
        if indexes is not None:
            for index in indexes.stored.values():
                self._drop_index(index)
        store = self._stores.pop(table_id, None)
        if store is not None:
            self.fleet.dismiss(store.groups)

    def put_table(self, account: str, record: TableRecord) -> None:
        """Replace the table's record."""
        self.metadata.append(TablePut(account, record))

    def change_table(self, table_id: str, **changes: object) -> TableRecord:
        """Replace members of the table's record; returns the new one."""
        account, record = self.metadata.catalog.tables[table_id]
        changed = record.change(**changes)
        self.put_table(account, changed)
        return changed

    def remove_table(self, table_id: str) -> None:
        """The table is gone: free the name, drop the store, keep the history if a backup needs it."""
        self.metadata.append(TableRemoved(table_id))
        self._drop(table_id)
        self._release_history(table_id)

    def store(self, table_id: str) -> TableStore:
        """The data of a table that exists, as it is now."""
        return self._present(table_id)

    def groups(self, table_id: str) -> TableGroups:
        """The replication groups of a table that exists, as they are now."""
        return self._present(table_id).groups

    def _present(self, table_id: str) -> PartitionedTable:
        store = self._stores[table_id]
        store.groups.attend(self._now())
        return store

    # -- streams --------------------------------------------------------------------------------------

    def _may_merge(self, table_id: str) -> bool:
        """A shard has one parent: who has a stream, had one, or is about to get one, keeps its partitions."""
        record = self.table_by_id(table_id)
        return record is not None and record.stream_arn is None and not record.replicas

    def finish_merges(self, table_id: str) -> None:
        """See to it that no partitions of a table are being merged. Raises UnavailableError if some still are."""
        self.groups(table_id).reshaping.finish_merges()

    def turn_stream_on(self, table_id: str, view_type: str, now_milliseconds: int) -> TableRecord:
        """Turn on a stream of a table that has none; returns the table's new record. UnavailableError as above."""
        account, record = self.metadata.catalog.tables[table_id]
        self.finish_merges(table_id)
        positions = self.groups(table_id).positions()
        stream = self.streams.turn_on(account, record, view_type, positions, now_milliseconds)
        return self.change_table(table_id, stream_view_type=view_type, stream_arn=stream.arn)

    def turn_stream_off(self, table_id: str, now_milliseconds: int) -> None:
        """Turn off the table's stream, if it has one; whatever was acknowledged is in it."""
        self.streams.turn_off(table_id, self.groups(table_id).positions(), now_milliseconds)

    # -- indexes --------------------------------------------------------------------------------------

    def indexes(self, table_id: str) -> TableIndexes:
        """The indexes of a table that exists."""
        return self._indexes.get(table_id) or TableIndexes()

    def index_groups(self, table_id: str, name: str) -> TableGroups:
        """The replication groups of a global index, as they are now."""
        groups = self._indexes[table_id].stored[name].groups
        groups.attend(self._now())
        return groups

    def add_index(self, table_id: str, index: IndexRecord) -> TableRecord:
        """Add a global index to a table, which it is filled from when it says so; returns the table's new record.

        Raises UnavailableError if too little of the Region is there.
        """
        self.metadata.require_ready()
        _, record = self.metadata.catalog.tables[table_id]
        self._add_index(record, index)
        added = self._indexes[table_id].stored[index.name]
        if index.backfill_at_milliseconds is not None:
            store = self._stores[table_id]
            self._later(index.backfill_at_milliseconds, lambda _: added.backfill(store.versions()))
        return self.change_table(table_id, indexes=(*record.indexes, index))

    def remove_index(self, table_id: str, name: str) -> TableRecord:
        """Remove an index from a table, with all that is in it; returns the table's new record."""
        _, record = self.metadata.catalog.tables[table_id]
        left = tuple(index for index in record.indexes if index.name != name)
        record = self.change_table(
            table_id, indexes=left, attribute_definitions=record.definitions_used_by(left)
        )
        indexes = self._indexes[table_id]
        self._drop_index(indexes.stored[name])
        del indexes.by_name[name]
        return record

    def _add_index(self, record: TableRecord, index: IndexRecord) -> None:
        by_name = self._indexes.setdefault(record.table_id, TableIndexes()).by_name
        if index.local:
            by_name[index.name] = LocalIndex(index, record.key_schema, self._stores[record.table_id])
        else:
            by_name[index.name] = GlobalIndex(
                index,
                record.key_schema,
                lambda take: self._make_groups(take, f"{record.table_id} {index.name}"),
                self.number,
                self._lag,
                self._now,
                self._later,
            )

    def _drop_index(self, index: GlobalIndex) -> None:
        index.close()
        self.fleet.dismiss(index.groups)

    # -- backups --------------------------------------------------------------------------------------

    def find_backup(self, account: str, arn: str) -> BackupRecord | None:
        """The account's backup of that ARN, or None."""
        owner, record = self.metadata.catalog.backups.get(arn, (None, None))
        return record if owner == account else None

    def backups(self, account: str) -> Iterator[BackupRecord]:
        """The account's backups in the order in which they were made."""
        return (record for owner, record in self.metadata.catalog.backups.values() if owner == account)

    def put_backup(self, account: str, record: BackupRecord) -> None:
        """Keep a new backup."""
        self.metadata.append(BackupPut(account, record))

    def remove_backup(self, arn: str) -> None:
        """Forget a backup, and the history that only it needed."""
        _, record = self.metadata.catalog.backups[arn]
        self.metadata.append(BackupRemoved(arn))
        self._release_history(record.table.table_id)

    def _cuts(self, table_id: str) -> list[Cut]:
        """Where the backups of a table are cut through its log."""
        catalog = self.metadata.catalog
        return [backup.cut for _, backup in catalog.backups.values() if backup.table.table_id == table_id]

    def _tidy(self, table_id: str, now_milliseconds: int) -> None:
        record = self.table_by_id(table_id)
        if record is not None:
            self.archive[table_id].tidy(record.recovery, self._cuts(table_id), now_milliseconds)

    def _release_history(self, table_id: str) -> None:
        if table_id not in self.metadata.catalog.tables and not self._cuts(table_id):
            self.archive.release(table_id)
