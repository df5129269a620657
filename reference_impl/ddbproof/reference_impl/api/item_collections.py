"""ItemCollectionMetrics: how large the item collections are that a write has changed, of tables with local indexes.

API Reference, ItemCollectionMetrics: the collection's key and two bounds of its size in gigabytes, items and entries of local
indexes together; only if it was asked for, and only for tables that have local indexes. The bounds here are whole
gigabytes. Left out: the limit of 10 GB (PART-12).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.values.attribute import Item
from ddbproof.reference_impl.values.keys import encode_partition_prefix, successor

_GIGABYTE = 2**30


def metrics_of_write(
    call: Call, record: TableRecord, parameters: dict[str, Any], written: Item
) -> dict[str, Any]:
    """The ItemCollectionMetrics member of the answer to one write, if there is one; `written` has the item's key."""
    if not _are_wanted(record, parameters):
        return {}
    return {"ItemCollectionMetrics": _metrics(call, record, written[record.key_schema.partition_key])}


def metrics_of_writes(
    call: Call, parameters: dict[str, Any], written: Iterable[tuple[str, TableRecord, Item]]
) -> dict[str, Any]:
    """The same for many: `written` are the table as it was asked for, its record, and each item or key."""
    by_table: dict[str, dict[str, dict[str, Any]]] = {}
    for name, record, item in written:
        if _are_wanted(record, parameters):
            value = item[record.key_schema.partition_key]
            by_table.setdefault(name, {})[str(value)] = _metrics(call, record, value)
    if not by_table:
        return {}
    return {"ItemCollectionMetrics": {name: list(found.values()) for name, found in by_table.items()}}


def _are_wanted(record: TableRecord, parameters: dict[str, Any]) -> bool:
    return parameters.get("ReturnItemCollectionMetrics") == "SIZE" and any(
        index.local for index in record.indexes
    )


def _metrics(call: Call, record: TableRecord, value: dict[str, Any]) -> dict[str, Any]:
    start = encode_partition_prefix(record.key_schema, value)
    store = call.region.store(record.table_id)
    indexes = call.region.indexes(record.table_id).by_name
    projections = [indexes[index.name].projection for index in record.indexes if index.local]
    size_bytes = 0
    for key, image in store.range(start, successor(start), reverse=False, consistent=True):
        entries = (projection.entry_of(key, image.item) for projection in projections)
        size_bytes += image.size_bytes + sum(entry.size_bytes for entry in entries if entry is not None)
    least = float(size_bytes // _GIGABYTE)
    return {
        "ItemCollectionKey": {record.key_schema.partition_key: value},
        "SizeEstimateRangeGB": [least, least + 1],
    }
