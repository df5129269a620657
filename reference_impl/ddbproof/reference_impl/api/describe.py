"""Descriptions: how tables and backups look in an answer. Timestamps are epoch seconds."""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.api.index_descriptions import backed_up_indexes, index_members
from ddbproof.reference_impl.api.streams import stream_members
from ddbproof.reference_impl.api.time_to_live import time_to_live_description
from ddbproof.reference_impl.cluster.records import BackupRecord, TableRecord

_NEW_TABLE_READ_UNITS = 12_000
_NEW_TABLE_WRITE_UNITS = 4_000


def seconds(milliseconds: int) -> float:
    """Epoch seconds, as the wire wants them."""
    return milliseconds / 1000


def warm_throughput(record: TableRecord) -> dict[str, int]:
    """Units per second that a table serves at once (CA-05): those of a new on-demand table (CA-04) at least."""
    return {
        "ReadUnitsPerSecond": max(_NEW_TABLE_READ_UNITS, record.read_capacity_units),
        "WriteUnitsPerSecond": max(_NEW_TABLE_WRITE_UNITS, record.write_capacity_units),
    }


def table_description(call: Call, record: TableRecord, *, status: str | None = None) -> dict[str, Any]:
    """TableDescription. `status` overrides the status, for the answer that announces a change."""
    now = call.now_milliseconds
    shown = status or record.status(now)
    store = call.region.store(record.table_id)
    description: dict[str, Any] = {
        "TableName": record.name,
        "TableArn": record.arn,
        "TableId": record.table_id,
        "TableStatus": shown,
        "AttributeDefinitions": list(record.attribute_definitions),
        "KeySchema": list(record.key_elements),
        "CreationDateTime": seconds(record.created_at_milliseconds),
        "ItemCount": store.item_count,
        "TableSizeBytes": store.size_bytes,
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": record.read_capacity_units,
            "WriteCapacityUnits": record.write_capacity_units,
        },
        "WarmThroughput": {**warm_throughput(record), "Status": "ACTIVE"},
        "DeletionProtectionEnabled": record.deletion_protection,
        **stream_members(record),
        **index_members(call, record, table_status=shown),
    }
    if record.billing_mode == "PAY_PER_REQUEST":
        changed = record.billing_changed_at_milliseconds or record.created_at_milliseconds
        description["BillingModeSummary"] = {
            "BillingMode": record.billing_mode,
            "LastUpdateToPayPerRequestDateTime": seconds(changed),
        }
    if record.table_class != "STANDARD":
        description["TableClassSummary"] = {"TableClass": record.table_class}
    if record.origin is not None:
        description["RestoreSummary"] = _restore_summary(record, in_progress=shown == "CREATING")
    if record.replicas:
        description["GlobalTableVersion"] = "2019.11.21"
        description["MultiRegionConsistency"] = "EVENTUAL"
        description["Replicas"] = [
            {
                "RegionName": replica.region,
                "ReplicaStatus": "CREATING" if now < replica.active_at_milliseconds else "ACTIVE",
            }
            for replica in record.replicas
        ]
    return description


def _restore_summary(record: TableRecord, *, in_progress: bool) -> dict[str, Any]:
    assert record.origin is not None
    summary = {
        "SourceTableArn": record.origin.source_table_arn,
        "RestoreDateTime": seconds(record.origin.restored_to_milliseconds),
        "RestoreInProgress": in_progress,
    }
    if record.origin.source_backup_arn is not None:
        summary["SourceBackupArn"] = record.origin.source_backup_arn
    return summary


def backup_details(call: Call, backup: BackupRecord, *, status: str | None = None) -> dict[str, Any]:
    """BackupDetails."""
    details: dict[str, Any] = {
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size_bytes,
        "BackupStatus": status or backup.status(call.now_milliseconds),
        "BackupType": backup.kind,
        "BackupCreationDateTime": seconds(backup.created_at_milliseconds),
    }
    if backup.expires_at_milliseconds is not None:
        details["BackupExpiryDateTime"] = seconds(backup.expires_at_milliseconds)
    return details


def backup_summary(call: Call, backup: BackupRecord) -> dict[str, Any]:
    """BackupSummary."""
    return {
        **backup_details(call, backup),
        "TableName": backup.table.name,
        "TableId": backup.table.table_id,
        "TableArn": backup.table.arn,
    }


def backup_description(call: Call, backup: BackupRecord, *, status: str | None = None) -> dict[str, Any]:
    """BackupDescription: details of the backup and of the table as it was."""
    table = backup.table
    return {
        "BackupDetails": backup_details(call, backup, status=status),
        "SourceTableDetails": {
            "TableName": table.name,
            "TableId": table.table_id,
            "TableArn": table.arn,
            "TableSizeBytes": backup.size_bytes,
            "ItemCount": backup.item_count,
            "KeySchema": list(table.key_elements),
            "TableCreationDateTime": seconds(table.created_at_milliseconds),
            "ProvisionedThroughput": {
                "ReadCapacityUnits": table.read_capacity_units,
                "WriteCapacityUnits": table.write_capacity_units,
            },
            "BillingMode": table.billing_mode,
        },
        "SourceTableFeatureDetails": _feature_details(table, backup.created_at_milliseconds),
    }


def _feature_details(table: TableRecord, now_milliseconds: int) -> dict[str, Any]:
    """SourceTableFeatureDetails: indexes, and settings that a restore does not bring back (BK-07)."""
    details = backed_up_indexes(table)
    if table.stream_view_type is not None:
        details["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream_view_type}
    if table.time_to_live is not None:
        details["TimeToLiveDescription"] = time_to_live_description(table, now_milliseconds)
    return details
