"""How secondary indexes look in an answer: in descriptions of tables (IndexStatus, Backfilling) and of backups (BK-07)."""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.cluster.records import IndexRecord, TableRecord


def index_status(call: Call, record: TableRecord, index: IndexRecord) -> str:
    """CREATING, ACTIVE or DELETING. An index that is added to a table is ACTIVE once it has all that was there."""
    if index.gone_at_milliseconds is not None:
        return "DELETING"
    stored = call.region.indexes(record.table_id).stored.get(index.name)
    if call.now_milliseconds < index.active_at_milliseconds or (stored and not stored.is_filled):
        return "CREATING"
    return "ACTIVE"


def index_members(call: Call, record: TableRecord, *, table_status: str) -> dict[str, Any]:
    """The members of a TableDescription that describe indexes; none for a table without."""
    present = call.region.indexes(record.table_id).by_name
    members: dict[str, Any] = {}
    for index in record.indexes:
        description = _definition(index)
        if not index.local:
            status = index_status(call, record, index)
            description["IndexStatus"] = "CREATING" if table_status == "CREATING" else status
            if status == "CREATING" and index.backfill_at_milliseconds is not None:
                description["Backfilling"] = call.now_milliseconds >= index.backfill_at_milliseconds
            description["ProvisionedThroughput"] = {"NumberOfDecreasesToday": 0, **_throughput(index)}
        description["IndexSizeBytes"] = present[index.name].size_bytes
        description["ItemCount"] = present[index.name].item_count
        description["IndexArn"] = f"{record.arn}/index/{index.name}"
        members.setdefault(_member(index), []).append(description)
    return members


def backed_up_indexes(record: TableRecord) -> dict[str, Any]:
    """The members of SourceTableFeatureDetails that describe indexes (BK-07)."""
    members: dict[str, Any] = {}
    for index in record.indexes:
        if index.gone_at_milliseconds is None:
            description = _definition(index)
            if not index.local:
                description["ProvisionedThroughput"] = _throughput(index)
            members.setdefault(_member(index), []).append(description)
    return members


def _member(index: IndexRecord) -> str:
    return "LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes"


def _definition(index: IndexRecord) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection_type}
    if index.non_key_attributes:
        projection["NonKeyAttributes"] = list(index.non_key_attributes)
    return {
        "IndexName": index.name,
        "KeySchema": list(index.key_elements),
        "Projection": projection,
    }


def _throughput(index: IndexRecord) -> dict[str, int]:
    return {
        "ReadCapacityUnits": index.read_capacity_units,
        "WriteCapacityUnits": index.write_capacity_units,
    }
