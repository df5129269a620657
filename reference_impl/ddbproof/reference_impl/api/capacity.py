"""Capacity: the billing mode of a table, and what a request consumes.

Claims: RC-09 (a strongly consistent read unit is 4 KB, an eventually consistent one costs half, a write
unit is 1 KB), RS-04 (a restore may override the capacity). A write costs in every index that it changes (Developer Guide,
"Provisioned throughput considerations for Global Secondary Indexes"). Nothing is throttled here yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.storage.items import Image

Stored: TypeAlias = tuple[bytes | None, int]
"""An item as stored (None: none), and its size in bytes."""

_INVALID = "One or more parameter values were invalid: "
_READ_UNIT_BYTES = 4096
_WRITE_UNIT_BYTES = 1024


def capacity_of(billing_mode: str, throughput: dict[str, int] | None) -> dict[str, Any]:
    """The record members for a billing mode; raises ValidationError when mode and throughput disagree."""
    if billing_mode == "PAY_PER_REQUEST":
        if throughput:
            raise ValidationError(
                f"{_INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            )
        return {"billing_mode": billing_mode, "read_capacity_units": 0, "write_capacity_units": 0}
    if not throughput:
        raise ValidationError(
            f"{_INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode "
            "is PROVISIONED"
        )
    return {
        "billing_mode": billing_mode,
        "read_capacity_units": throughput["ReadCapacityUnits"],
        "write_capacity_units": throughput["WriteCapacityUnits"],
    }


def restored_capacity(record: TableRecord, parameters: dict[str, Any]) -> dict[str, Any]:
    """Capacity of a restored table: the overrides of the request, else as the source has it (RS-04)."""
    billing_mode = parameters.get("BillingModeOverride")
    throughput = parameters.get("ProvisionedThroughputOverride")
    if billing_mode is None and throughput is None:
        return {
            "billing_mode": record.billing_mode,
            "read_capacity_units": record.read_capacity_units,
            "write_capacity_units": record.write_capacity_units,
        }
    return capacity_of(billing_mode or record.billing_mode, throughput)


def read_units(size_bytes: int, *, consistent: bool) -> float:
    """Read capacity units of reading `size_bytes`; reading nothing costs as much as the smallest item."""
    units = max(1, -(-size_bytes // _READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def write_units(old_bytes: int, new_bytes: int) -> float:
    """Write capacity units of replacing `old_bytes` by `new_bytes`: the larger of both counts."""
    return float(max(1, -(-max(old_bytes, new_bytes) // _WRITE_UNIT_BYTES)))


def consumed_capacity(record: TableRecord, parameters: dict[str, Any], units: float) -> dict[str, Any]:
    """The ConsumedCapacity member of an answer, or nothing if it was not asked for."""
    asked = parameters.get("ReturnConsumedCapacity", "NONE")
    if asked == "NONE":
        return {}
    consumed: dict[str, Any] = {"TableName": record.name, "CapacityUnits": units}
    if asked == "INDEXES":
        consumed["Table"] = {"CapacityUnits": units}
    return {"ConsumedCapacity": consumed}


def consumed_with_indexes(
    record: TableRecord, parameters: dict[str, Any], units: float, index_units: Mapping[str, float]
) -> dict[str, Any]:
    """The same where indexes take part: `units` of the table itself, and those of each index by its name."""
    answer = consumed_capacity(record, parameters, units + sum(index_units.values()))
    if answer and parameters["ReturnConsumedCapacity"] == "INDEXES":
        consumed = answer["ConsumedCapacity"]
        consumed["Table"] = {"CapacityUnits": units}
        for index in record.indexes:
            if index.name in index_units:
                kind = "LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes"
                consumed.setdefault(kind, {})[index.name] = {"CapacityUnits": index_units[index.name]}
    return answer


def consumed_by_write(
    call: Call, record: TableRecord, parameters: dict[str, Any], key: bytes, old: Image | None, new: Stored
) -> dict[str, Any]:
    """The ConsumedCapacity of writing an item of a table with indexes; `new` is the item and its size in bytes."""
    if parameters.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {}
    units = write_units(0 if old is None else old.size_bytes, new[1])
    return consumed_with_indexes(record, parameters, units, index_write_units(call, record, key, old, new[0]))


def index_write_units(
    call: Call, record: TableRecord, key: bytes, old: Image | None, new: bytes | None
) -> dict[str, float]:
    """What a write costs in each index that it changes: an entry that moves is deleted and put."""
    found: dict[str, float] = {}
    for name, index in call.region.indexes(record.table_id).by_name.items():
        before = None if old is None else index.projection.entry_of(key, old.item)
        after = None if new is None else index.projection.entry_of(key, new)
        if before == after:
            continue
        if before is not None and after is not None and before.key == after.key:
            found[name] = write_units(before.size_bytes, after.size_bytes)
        else:
            found[name] = sum(
                write_units(0, entry.size_bytes) for entry in (before, after) if entry is not None
            )
    return found
