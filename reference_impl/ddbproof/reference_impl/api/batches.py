"""Batches: BatchGetItem and BatchWriteItem.

A batch is a bundle of independent single requests (AP-02): everything is checked first, then done item by
item. Nothing throttles here: UnprocessedItems and UnprocessedKeys hold what partitions could not answer that have no
leader or no quorum just now, and UnprocessedKeys what would make the answer larger than 16 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ddbproof.reference_impl.api.call import Call, refuse_unbuilt, usable_table
from ddbproof.reference_impl.api.capacity import (
    consumed_with_indexes,
    index_write_units,
    read_units,
    write_units,
)
from ddbproof.reference_impl.api.index_definitions import check_item
from ddbproof.reference_impl.api.item_collections import metrics_of_writes
from ddbproof.reference_impl.api.items import checked_size, decode_item, encode_item, key_bytes
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import TransactionConflictError, UnavailableError, ValidationError
from ddbproof.reference_impl.expressions import Bindings, compile_projection
from ddbproof.reference_impl.values.attribute import Item
from ddbproof.reference_impl.values.keys import encode_key, validate_item_key

MOST_KEYS = 100
MOST_WRITES = 25
ANSWER_BYTES = 16 * 1024 * 1024
_NONE: Mapping[str, float] = {}


def batch_get_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """BatchGetItem: up to 100 items by key, found ones only, in no promised order."""
    requests = parameters["RequestItems"]
    if sum(len(request["Keys"]) for request in requests.values()) > MOST_KEYS:
        raise ValidationError("Too many items requested for the BatchGetItem call")
    prepared = [_prepare_gets(call, name, request) for name, request in requests.items()]
    responses: dict[str, list[Any]] = {}
    unprocessed: dict[str, Any] = {}
    consumed: list[dict[str, Any]] = []
    answer_bytes, asked, unavailable = 0, 0, 0
    for name, request, record, keys in prepared:
        consistent = request.get("ConsistentRead", False)
        text = request.get("ProjectionExpression")
        bindings = Bindings(request.get("ExpressionAttributeNames"), None)
        found = responses.setdefault(name, [])
        units = 0.0
        left: list[Any] = []
        for position, key in enumerate(keys):
            if answer_bytes >= ANSWER_BYTES:
                left += request["Keys"][position:]
                break
            asked += 1
            try:
                image = call.region.store(record.table_id).read(key, consistent=consistent)
            except UnavailableError:
                unavailable += 1
                left.append(request["Keys"][position])
                continue
            units += read_units(0 if image is None else image.size_bytes, consistent=consistent)
            if image is not None:
                answer_bytes += image.size_bytes
                found.append(
                    msgspec.Raw(image.item)
                    if text is None
                    else compile_projection(text).apply(decode_item(image), bindings)
                )
        if left:
            unprocessed[name] = {**request, "Keys": left}
        consumed += _consumed(record, parameters, units)
    if 0 < unavailable == asked:
        raise UnavailableError("no item of the batch could be read")
    return {
        "Responses": responses,
        "UnprocessedKeys": unprocessed,
        **({"ConsumedCapacity": consumed} if consumed else {}),
    }


def _prepare_gets(
    call: Call, name: str, request: dict[str, Any]
) -> tuple[str, dict[str, Any], TableRecord, list[bytes]]:
    refuse_unbuilt("BatchGetItem", request, ("AttributesToGet",))
    text = request.get("ProjectionExpression")
    Bindings(request.get("ExpressionAttributeNames"), None).check(
        None if text is None else compile_projection(text)
    )
    record = usable_table(call, name)
    keys = [key_bytes(record.key_schema, key) for key in request["Keys"]]
    _refuse_duplicates(keys)
    return name, request, record, keys


def batch_write_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """BatchWriteItem: up to 25 puts and deletes, each atomic by itself, without conditions."""
    requests = parameters["RequestItems"]
    if sum(len(writes) for writes in requests.values()) > MOST_WRITES:
        raise ValidationError("Too many items requested for the BatchWriteItem call")
    prepared = [(usable_table(call, name), writes) for name, writes in requests.items()]
    planned = [(record, [_prepare_write(record, write) for write in writes]) for record, writes in prepared]
    for _, planned_writes in planned:
        _refuse_duplicates([key for key, _, _ in planned_writes])
    consumed: list[dict[str, Any]] = []
    unprocessed: dict[str, list[Any]] = {}
    written: list[tuple[str, TableRecord, Item]] = []
    for (name, writes), (record, planned_writes) in zip(requests.items(), planned, strict=True):
        store = call.region.store(record.table_id)
        units = 0.0
        index_units: dict[str, float] = {}
        for write, (key, item, size_bytes) in zip(writes, planned_writes, strict=True):
            try:
                old = store.write(key, item, size_bytes)
            except (UnavailableError, TransactionConflictError):
                unprocessed.setdefault(name, []).append(write)
                continue
            units += write_units(0 if old is None else old.size_bytes, size_bytes)
            if record.indexes:
                request = write.get("PutRequest") or write["DeleteRequest"]
                written.append((name, record, request.get("Item") or request["Key"]))
                for index, more in index_write_units(call, record, key, old, item).items():
                    index_units[index] = index_units.get(index, 0.0) + more
        consumed += _consumed(record, parameters, units, index_units)
    if 0 < sum(map(len, unprocessed.values())) == sum(map(len, requests.values())):
        raise UnavailableError("no write of the batch was acknowledged")
    return {
        "UnprocessedItems": unprocessed,
        **metrics_of_writes(call, parameters, written),
        **({"ConsumedCapacity": consumed} if consumed else {}),
    }


def _prepare_write(record: TableRecord, write: dict[str, Any]) -> tuple[bytes, bytes | None, int]:
    put, delete = write.get("PutRequest"), write.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise ValidationError(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
            "supported datatypes"
            if put is not None
            else "A write request must have a PutRequest or a DeleteRequest"
        )
    if put is not None:
        item = put["Item"]
        size_bytes = checked_size(item)
        validate_item_key(record.key_schema, item)
        if record.indexes:
            check_item(record, item)
        return encode_key(record.key_schema, item), encode_item(item), size_bytes
    assert delete is not None
    return key_bytes(record.key_schema, delete["Key"]), None, 0


def _refuse_duplicates(keys: list[bytes]) -> None:
    if len(set(keys)) != len(keys):
        raise ValidationError("Provided list of item keys contains duplicates")


def _consumed(
    record: TableRecord, parameters: dict[str, Any], units: float, index_units: Mapping[str, float] = _NONE
) -> list[dict[str, Any]]:
    found = consumed_with_indexes(record, parameters, units, index_units)
    return [found["ConsumedCapacity"]] if found else []
