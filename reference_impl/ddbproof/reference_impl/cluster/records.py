"""Metadata of tables and backups: frozen records, the values of the metadata log.

A record says when things happen, not what state they are in: the status of a table (CTL-01) or of a backup
(BK-05) follows from the record and the clock, so no background task has to flip it and it cannot be
forgotten. `change` is the only way to a new record.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.model.kernel.backup import Cut
from ddbproof.model.kernel.recovery import OFF, Recovery
from ddbproof.reference_impl.values.keys import KeySchema


class Replica(msgspec.Struct, frozen=True):
    """A member of a global table as its siblings see it: its Region, and from when it is ACTIVE."""

    region: str
    active_at_milliseconds: int


class RestoreOrigin(msgspec.Struct, frozen=True):
    """Where a restored table came from (RestoreSummary)."""

    source_table_arn: str
    source_backup_arn: str | None
    restored_to_milliseconds: int


class TimeToLive(msgspec.Struct, frozen=True):
    """The time-to-live setting of a table, from its first change on.

    The setting is under way (ENABLING, DISABLING) until `settled_at_milliseconds`.
    """

    attribute_name: str
    enabled: bool
    changed_at_milliseconds: int
    settled_at_milliseconds: int


class IndexRecord(msgspec.Struct, frozen=True):
    """One secondary index of a table: `local` to its item collections (LSI), or global (GSI).

    `projection_type` is ALL, KEYS_ONLY or INCLUDE; only the last has `non_key_attributes`. An index that was added to a
    table that was there already has a `backfill_at_milliseconds`, from which on it is filled. `gone_at_milliseconds` is None
    until it is deleted. Instants are milliseconds.
    """

    name: str
    local: bool
    key_schema: KeySchema
    key_elements: tuple[dict[str, str], ...]
    projection_type: str
    non_key_attributes: tuple[str, ...] = ()
    read_capacity_units: int = 0
    write_capacity_units: int = 0
    backfill_at_milliseconds: int | None = None
    active_at_milliseconds: int = 0
    gone_at_milliseconds: int | None = None

    def change(self, **changes: Any) -> IndexRecord:
        """A copy with some members replaced."""
        return msgspec.structs.replace(self, **changes)


class TableRecord(msgspec.Struct, frozen=True):
    """One table in one Region.

    `key_schema` is what the store needs; `attribute_definitions` and `key_elements` are what the caller gave.
    `group_id` names the global table it belongs to, None outside one; membership is by group, never by name
    (GT-03). `recovery` are the settings of point-in-time recovery, be it on or off. `stream_view_type` is None
    while it has no stream, `stream_arn` is that of the latest one, be it on or off. Instants are milliseconds;
    `gone_at` and `updated_at` are None until the table is deleted or changed.
    """

    table_id: str
    name: str
    arn: str
    key_schema: KeySchema
    attribute_definitions: tuple[dict[str, str], ...]
    key_elements: tuple[dict[str, str], ...]
    created_at_milliseconds: int
    active_at_milliseconds: int
    billing_mode: str = "PROVISIONED"
    read_capacity_units: int = 0
    write_capacity_units: int = 0
    table_class: str = "STANDARD"
    deletion_protection: bool = False
    recovery: Recovery = OFF
    origin: RestoreOrigin | None = None
    group_id: str | None = None
    replicas: tuple[Replica, ...] = ()
    updating_until_milliseconds: int = 0
    gone_at_milliseconds: int | None = None
    billing_changed_at_milliseconds: int | None = None
    stream_view_type: str | None = None
    stream_arn: str | None = None
    time_to_live: TimeToLive | None = None
    tags: tuple[tuple[str, str], ...] = ()
    indexes: tuple[IndexRecord, ...] = ()

    @property
    def keeps_collections_whole(self) -> bool:
        """True if items of one partition key stay in one partition: with a local secondary index (PART-11)."""
        return any(index.local for index in self.indexes)

    def index(self, name: str) -> IndexRecord | None:
        """The index of that name, in whatever state, or None."""
        return next((index for index in self.indexes if index.name == name), None)

    def indexes_of_copy(self, active_at_milliseconds: int) -> tuple[IndexRecord, ...]:
        """The indexes of a table that is made as this one is, and filled by writes."""
        return tuple(
            index.change(backfill_at_milliseconds=None, active_at_milliseconds=active_at_milliseconds)
            for index in self.indexes
            if index.gone_at_milliseconds is None
        )

    def definitions_used_by(self, indexes: tuple[IndexRecord, ...]) -> tuple[dict[str, str], ...]:
        """Those attribute definitions that the table needs with other indexes."""
        schemas = (self.key_schema, *(index.key_schema for index in indexes))
        used = {name for schema in schemas for name in schema.attributes}
        return tuple(it for it in self.attribute_definitions if it["AttributeName"] in used)

    def status(self, now_milliseconds: int) -> str:
        """CREATING, ACTIVE, UPDATING or DELETING."""
        if self.gone_at_milliseconds is not None:
            return "DELETING"
        if now_milliseconds < self.active_at_milliseconds:
            return "CREATING"
        return "UPDATING" if now_milliseconds < self.updating_until_milliseconds else "ACTIVE"

    def change(self, **changes: Any) -> TableRecord:
        """A copy with some members replaced."""
        return msgspec.structs.replace(self, **changes)


class BackupRecord(msgspec.Struct, frozen=True):
    """One backup: the table as it was, and the cut that says what of its log belongs to it.

    The cut is made at the request (BK-02 allows a minute either way; this endpoint takes the exact instant).
    `kind` is USER or SYSTEM (BK-10).
    """

    arn: str
    name: str
    kind: str
    table: TableRecord
    cut: Cut
    size_bytes: int
    item_count: int
    created_at_milliseconds: int
    available_at_milliseconds: int
    expires_at_milliseconds: int | None = None

    def status(self, now_milliseconds: int) -> str:
        """CREATING or AVAILABLE; a deleted backup has no record."""
        return "CREATING" if now_milliseconds < self.available_at_milliseconds else "AVAILABLE"
