"""All Regions together: time, identifiers, and what crosses a Region's border.

Replication between Regions (ME-01): a change written in one Region is sent to every other replica and
applied there `replication_delay_seconds` later (or lawfully more: `lag`), if its version supersedes what that Region has by then
(ME-02). A new replica is filled from all existing members, live items and tombstones with their versions;
because merging is by version, it does not matter what arrives first or twice (GT-21).

Choices where AWS publishes nothing: the delay is constant (an option), the tie-break is the Region's place
in the list of Regions. A Region can be cut off (`network`); changes of settings reach it nevertheless. Left
out: lost or repeated messages (they come with the replicated cluster), and GT-15 (a source table cannot be
deleted for 24 hours).
"""

from __future__ import annotations

import random
import uuid
from typing import Any

from ddbproof.model.kernel import recovery
from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.expiry import Expiry
from ddbproof.reference_impl.cluster.lag import Lag
from ddbproof.reference_impl.cluster.network import Network
from ddbproof.reference_impl.cluster.records import BackupRecord, IndexRecord, Replica, TableRecord
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.storage.log import Entry


class Cluster:
    """Regions under one clock. Everything random in it comes from `options.seed`."""

    def __init__(self, options: EndpointOptions, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.random = random.Random(options.seed)  # noqa: S311 - reproducible identifiers, not secrets
        self.scheduler = Scheduler()
        self.scheduler.run_until(clock.now_milliseconds())
        self.lag = Lag(options.seed, legal=options.lag == "legal")
        self.network = Network(options.regions, self.scheduler, clock)
        self.regions = {
            name: Region(
                name,
                number,
                options,
                self.lag,
                self._offer,
                self.catch_up,
                self.scheduler,
            )
            for number, name in enumerate(options.regions)
        }
        self._fleets = [region.fleet for region in self.regions.values()]
        self.expiry = Expiry(self.scheduler, self.members)
        for region in self.regions.values():
            self.expiry.watch(region)

    def catch_up(self) -> int:
        """Run what is due; returns the present instant in milliseconds. Called before every request."""
        now_milliseconds = self.clock.now_milliseconds()
        self.scheduler.run_until(now_milliseconds)
        for fleet in self._fleets:
            if fleet.restless:
                fleet.attend(now_milliseconds)
        return now_milliseconds

    @property
    def create_delay_milliseconds(self) -> int:
        """How long a new table, backup or restore stays CREATING, and a deleted table DELETING."""
        return round(self.options.create_delay_seconds * 1000)

    @property
    def replication_delay_milliseconds(self) -> int:
        """How long a change is under way to another Region."""
        return round(self.options.replication_delay_seconds * 1000)

    def new_id(self) -> str:
        """A unique identifier in the form of a UUID, reproducible from the seed."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # -- replication ----------------------------------------------------------------------------------

    def members(self, region: Region, record: TableRecord) -> list[tuple[Region, TableRecord]]:
        """Every other replica of a global table, as (Region, its table)."""
        account, _ = region.metadata.catalog.tables[record.table_id]
        found = []
        for replica in record.replicas:
            other = self.regions[replica.region]
            sibling = other.find_table(account, record.name)
            if sibling is not None and sibling.group_id == record.group_id:
                found.append((other, sibling))
        return found

    def _offer(self, region: Region, table_id: str, entry: Entry) -> None:
        record = region.table_by_id(table_id)
        if record is None or not record.replicas:
            return
        due_milliseconds = entry.instant_milliseconds + self.replication_delay_milliseconds
        for other, sibling in self.members(region, record):
            self.lag.sent(sibling.table_id, entry.key)
            late_milliseconds = self.lag.replication_milliseconds()
            self._send(region, other, sibling.table_id, entry, due_milliseconds + late_milliseconds)

    def _send(
        self, source: Region, destination: Region, table_id: str, entry: Entry, due_milliseconds: int
    ) -> None:
        def deliver(_at_milliseconds: int) -> None:
            # The replica may have been removed while the change was under way.
            if destination.table_by_id(table_id) is None:
                return
            destination.store(table_id).receive(entry.key, entry.item, entry.size_bytes, entry.version)
            self.lag.arrived(table_id, entry.key)

        self.network.deliver((source.name, destination.name), due_milliseconds, deliver)

    def add_replica(
        self, region: Region, record: TableRecord, destination: Region, now_milliseconds: int
    ) -> TableRecord:
        """Add `destination` to the table's global table, which is made if need be; returns the new record.

        The caller has checked that the destination has no table of that name and is no member yet. Raises UnavailableError
        if it cannot be done now.
        """
        for other in (region, destination, *(it for it, _ in self.members(region, record))):
            other.metadata.require_ready()
        for other, member in [(region, record), *self.members(region, record)]:
            if member.stream_view_type is None:
                other.finish_merges(member.table_id)  # it gets a stream
        account, _ = region.metadata.catalog.tables[record.table_id]
        group_id = record.group_id or self.new_id()
        active_at = now_milliseconds + self.create_delay_milliseconds + self.replication_delay_milliseconds
        newcomer = Replica(destination.name, active_at)
        members = [(region, record), *self.members(region, record)]
        siblings = tuple(Replica(other.name, it.active_at_milliseconds) for other, it in members)
        indexes = record.indexes_of_copy(active_at)
        copy = record.change(
            indexes=indexes,
            attribute_definitions=record.definitions_used_by(indexes),
            table_id=self.new_id(),
            arn=record.arn.replace(f":{region.name}:", f":{destination.name}:", 1),
            created_at_milliseconds=now_milliseconds,
            active_at_milliseconds=active_at,
            deletion_protection=False,
            recovery=recovery.OFF,
            stream_view_type=None,
            stream_arn=None,
            origin=None,
            tags=(),
            group_id=group_id,
            replicas=siblings,
        )
        destination.add_table(account, copy)
        for other, member in members:
            other.change_table(
                member.table_id,
                group_id=group_id,
                replicas=(*member.replicas, newcomer),
                updating_until_milliseconds=active_at,
            )
            self._replicate_with_stream(other, member.table_id, now_milliseconds)
        sources = [(other, member.table_id) for other, member in members]
        self.network.deliver(
            (destination.name, *(source.name for source, _ in sources)),
            active_at,
            lambda at: self._fill(destination, copy.table_id, sources, at),
        )
        return self._present(region, record)

    def _fill(
        self, destination: Region, table_id: str, sources: list[tuple[Region, str]], at_milliseconds: int
    ) -> None:
        if destination.table_by_id(table_id) is None:
            return
        store = destination.store(table_id)
        for source, source_id in sources:
            if source.table_by_id(source_id) is None:
                continue
            for key, item, size_bytes, version in source.store(source_id).versions():
                store.receive(key, item, size_bytes, version)
        self._replicate_with_stream(destination, table_id, at_milliseconds)

    # -- streams --------------------------------------------------------------------------------------

    def _replicate_with_stream(self, region: Region, table_id: str, now_milliseconds: int) -> None:
        """Every replica has a stream with both images (ME-13); a new one from when it has been filled."""
        record = region.table_by_id(table_id)
        if record is not None and record.stream_view_type is None:
            region.turn_stream_on(table_id, "NEW_AND_OLD_IMAGES", now_milliseconds)

    def leave_group(self, region: Region, record: TableRecord, updating_until_milliseconds: int = 0) -> None:
        """Take the table out of its global table; what it has already sent is still delivered."""
        for other, _ in self.members(region, record):
            other.metadata.require_ready()
        for other, sibling in self.members(region, record):
            replicas = tuple(replica for replica in sibling.replicas if replica.region != region.name)
            other.change_table(
                sibling.table_id,
                replicas=replicas,
                group_id=sibling.group_id if replicas else None,
                updating_until_milliseconds=max(
                    sibling.updating_until_milliseconds, updating_until_milliseconds
                ),
            )

    # -- indexes --------------------------------------------------------------------------------------

    def add_index(
        self, region: Region, record: TableRecord, index: IndexRecord, **changes: object
    ) -> TableRecord:
        """Add a global index to a table, and to its replicas in other Regions (GT-11); returns the table's new record.

        `changes` are those of the record that go with it. Each Region has an index of its own. Raises UnavailableError
        if one of them cannot make it, and then none has it.
        """
        done: list[tuple[Region, str]] = []
        for other, member in self._all_members(region, record):
            try:
                other.add_index(member.table_id, index)
            except UnavailableError:
                for one, table_id in done:
                    one.remove_index(table_id, index.name)
                raise
            done.append((other, member.table_id))
        for other, table_id in done:
            other.change_table(table_id, **changes)
        return self._present(region, record)

    def change_index(
        self, region: Region, record: TableRecord, name: str, index_changes: dict[str, Any], **changes: object
    ) -> TableRecord:
        """Change the record of an index, here and in the other Regions; returns the table's new record."""
        for other, member in self._all_members(region, record):
            indexes = tuple(
                index.change(**index_changes) if index.name == name else index for index in member.indexes
            )
            other.change_table(member.table_id, indexes=indexes, **changes)
        return self._present(region, record)

    def remove_index(
        self, region: Region, record: TableRecord, name: str, gone_at_milliseconds: int, **changes: object
    ) -> TableRecord:
        """Begin the deletion of a global index, here and in the other Regions; returns the table's new record."""
        gone = {"gone_at_milliseconds": gone_at_milliseconds}
        deleted = self.change_index(region, record, name, gone, **changes)
        for other, member in self._all_members(region, record):
            self._remove_index_at(gone_at_milliseconds, other, member.table_id, name)
        return deleted

    def _remove_index_at(self, at_milliseconds: int, region: Region, table_id: str, name: str) -> None:
        def remove(_at_milliseconds: int) -> None:
            record = region.table_by_id(table_id)
            if record is not None and record.index(name) is not None:
                region.remove_index(table_id, name)

        self.scheduler.at(at_milliseconds, remove)

    def _all_members(self, region: Region, record: TableRecord) -> list[tuple[Region, TableRecord]]:
        """The table and its replicas. Raises UnavailableError unless all of their records can be changed now."""
        found = [(region, record), *self.members(region, record)]
        for other, _ in found:
            other.metadata.require_ready()
        return found

    @staticmethod
    def _present(region: Region, record: TableRecord) -> TableRecord:
        present = region.table_by_id(record.table_id)
        assert present is not None
        return present

    # -- the end of things ----------------------------------------------------------------------------

    def delete_table(self, region: Region, record: TableRecord, now_milliseconds: int) -> TableRecord:
        """Begin the table's deletion; it is gone after the create delay. Returns the new record."""
        self.leave_group(region, record)
        region.turn_stream_off(record.table_id, now_milliseconds)
        gone_at = now_milliseconds + self.create_delay_milliseconds
        deleted = region.change_table(
            record.table_id,
            gone_at_milliseconds=gone_at,
            recovery=recovery.disable(record.recovery),
            replicas=(),
            group_id=None,
        )
        self.scheduler.at(gone_at, lambda _: region.remove_table(record.table_id))
        return deleted

    def keep_backup(self, region: Region, account: str, backup: BackupRecord) -> None:
        """Keep a new backup, and remove it when it expires."""
        region.put_backup(account, backup)
        if backup.expires_at_milliseconds is not None:
            self.scheduler.at(
                backup.expires_at_milliseconds, lambda _: self._expire(region, account, backup.arn)
            )

    @staticmethod
    def _expire(region: Region, account: str, arn: str) -> None:
        if region.find_backup(account, arn) is not None:
            region.remove_backup(arn)
