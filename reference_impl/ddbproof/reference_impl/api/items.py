"""Single items: GetItem, PutItem, UpdateItem, DeleteItem.

Claims: RC-01 (an answer of 200 means the write is done), RC-03 and RC-07 (strongly consistent reads), RC-08
(a condition is evaluated and applied atomically: one request runs at a time), PART-13, PART-14 (sizes).
An item is checked, made canonical and encoded once, when it is put; a read answers with the stored bytes.
The older parameters (Expected, AttributeUpdates, AttributesToGet) are not built and refused by name.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.reference_impl.api.call import Call, refuse_unbuilt, usable_table
from ddbproof.reference_impl.api.capacity import (
    consumed_by_write,
    consumed_capacity,
    read_units,
    write_units,
)
from ddbproof.reference_impl.api.index_definitions import check_item, check_updated_item
from ddbproof.reference_impl.api.item_collections import metrics_of_write
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import CallerError, ValidationError
from ddbproof.reference_impl.expressions import (
    Bindings,
    CompiledCondition,
    CompiledProjection,
    CompiledUpdate,
    UpdateResult,
    compile_condition,
    compile_projection,
    compile_update,
)
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.values.attribute import Item, item_size, normalise_item
from ddbproof.reference_impl.values.keys import (
    KeySchema,
    encode_key,
    validate_item_key,
    validate_key,
)

LARGEST_ITEM_BYTES = 400 * 1024

_LEGACY = ("Expected", "ConditionalOperator", "AttributeUpdates", "AttributesToGet")
# What a request can do without, so that one look tells that none of it has to be seen to.
_OF_READS = frozenset((*_LEGACY, "ProjectionExpression", "ExpressionAttributeNames"))
_OF_WRITES = frozenset(
    (
        *_LEGACY,
        "ConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnValues",
    )
)
_NOTHING_GIVEN = Bindings()
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


def encode_item(item: Item) -> bytes:
    """The stored form of an item."""
    return _encode(item)


def decode_item(image: Image) -> Item:
    """A stored item as a dictionary of its own."""
    return _decode(image.item)


def get_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetItem."""
    bindings, projection = _NOTHING_GIVEN, None
    if not parameters.keys().isdisjoint(_OF_READS):
        bindings, projection = _projection_of(parameters)
    record = usable_table(call, parameters["TableName"])
    key = key_bytes(record.key_schema, parameters["Key"])
    consistent = parameters.get("ConsistentRead", False)
    image = call.region.store(record.table_id).read(key, consistent=consistent)
    size = 0 if image is None else image.size_bytes
    answer: dict[str, Any] = {}
    if "ReturnConsumedCapacity" in parameters:
        answer = consumed_capacity(record, parameters, read_units(size, consistent=consistent))
    if image is None:
        return answer
    if projection is None:
        answer["Item"] = msgspec.Raw(image.item)
    else:
        answer["Item"] = projection.apply(decode_item(image), bindings)
    return answer


def _projection_of(parameters: dict[str, Any]) -> tuple[Bindings, CompiledProjection | None]:
    refuse_unbuilt("GetItem", parameters, _LEGACY)
    bindings = Bindings(parameters.get("ExpressionAttributeNames"), None)
    text = parameters.get("ProjectionExpression")
    projection = None if text is None else compile_projection(text)
    bindings.check(projection)
    return bindings, projection


def put_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """PutItem. Raises ConditionalCheckFailedException."""
    bindings, condition = _replacing("PutItem", parameters)
    item = parameters["Item"]
    size_bytes = checked_size(item)
    record = usable_table(call, parameters["TableName"])
    validate_item_key(record.key_schema, item)
    if record.indexes:
        check_item(record, item)
    key = encode_key(record.key_schema, item)
    if condition is not None:
        check_condition(call, record, key, condition, bindings, parameters)
    return _replace(call, record, parameters, key, encode_item(item), size_bytes)


def delete_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DeleteItem. Raises ConditionalCheckFailedException; deleting what is not there succeeds."""
    bindings, condition = _replacing("DeleteItem", parameters)
    record = usable_table(call, parameters["TableName"])
    key = key_bytes(record.key_schema, parameters["Key"])
    if condition is not None:
        check_condition(call, record, key, condition, bindings, parameters)
    return _replace(call, record, parameters, key, None, 0)


def _replacing(operation: str, parameters: dict[str, Any]) -> tuple[Bindings, CompiledCondition | None]:
    """The checks that PutItem and DeleteItem share; their condition, compiled."""
    if parameters.keys().isdisjoint(_OF_WRITES):
        return _NOTHING_GIVEN, None
    refuse_unbuilt(operation, parameters, _LEGACY)
    if parameters.get("ReturnValues", "NONE") not in ("NONE", "ALL_OLD"):
        raise ValidationError("ReturnValues can only be ALL_OLD or NONE")
    return condition_of(parameters)


def _replace(
    call: Call,
    record: TableRecord,
    parameters: dict[str, Any],
    key: bytes,
    item: bytes | None,
    size_bytes: int,
) -> dict[str, Any]:
    """Write the whole item, or delete it, and answer."""
    old = call.region.store(record.table_id).write(key, item, size_bytes)
    answer: dict[str, Any] = {}
    if record.indexes:
        answer = consumed_by_write(call, record, parameters, key, old, (item, size_bytes))
        answer |= metrics_of_write(
            call, record, parameters, parameters["Key"] if item is None else parameters["Item"]
        )
    elif "ReturnConsumedCapacity" in parameters:
        answer = consumed_capacity(record, parameters, write_units(_size(old), size_bytes))
    if parameters.get("ReturnValues") == "ALL_OLD" and old is not None:
        answer["Attributes"] = msgspec.Raw(old.item)
    return answer


def update_item(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """UpdateItem: changes an item, or makes it when it is not there. Raises ConditionalCheckFailedException."""
    refuse_unbuilt("UpdateItem", parameters, _LEGACY)
    text = parameters.get("UpdateExpression")
    update = None if text is None else compile_update(text)
    bindings, condition = condition_of(parameters, update)
    record = usable_table(call, parameters["TableName"])
    schema = record.key_schema
    if update is not None:
        update.check_keys(bindings, schema)
    key = key_bytes(schema, parameters["Key"])
    old_image = check_condition(call, record, key, condition, bindings, parameters)
    old = None if old_image is None else decode_item(old_image)
    new, size_bytes, result = updated_item(schema, parameters["Key"], old, update, bindings)
    if record.indexes:
        check_updated_item(record, old, new)
    encoded = encode_item(new)
    call.region.store(record.table_id).write(key, encoded, size_bytes)
    if record.indexes:
        answer = consumed_by_write(call, record, parameters, key, old_image, (encoded, size_bytes))
        answer |= metrics_of_write(call, record, parameters, parameters["Key"])
    else:
        answer = consumed_capacity(record, parameters, write_units(_size(old_image), size_bytes))
    attributes: Any = None
    match parameters.get("ReturnValues", "NONE"):
        case "ALL_OLD":
            attributes = old
        case "ALL_NEW":
            attributes = msgspec.Raw(encoded)
        case "UPDATED_OLD" if result is not None:
            attributes = result.updated_old() if old is not None else None
        case "UPDATED_NEW" if result is not None:
            attributes = result.updated_new()
    if attributes:
        answer["Attributes"] = attributes
    return answer


def updated_item(
    schema: KeySchema, key: Item, old: Item | None, update: CompiledUpdate | None, bindings: Bindings
) -> tuple[Item, int, UpdateResult | None]:
    """The item after an update, its size, and the update's own account; `old` is None where there was none.

    Raises ValidationError where the update does not fit the item, or makes it larger than 400 KB (PART-14).
    """
    before = dict(key) if old is None else old
    result = None if update is None else update.apply(before, bindings, schema)
    new = before if result is None else result.new_item
    size_bytes = item_size(new)
    if size_bytes > LARGEST_ITEM_BYTES:
        raise ValidationError("Item size to update has exceeded the maximum allowed size")
    return new, size_bytes, result


def key_bytes(schema: KeySchema, key: Item) -> bytes:
    """The encoded primary key of a request; raises ValidationError unless it fits the schema exactly."""
    normalise_item(key)
    validate_key(schema, key)
    return encode_key(schema, key)


def checked_size(item: Item) -> int:
    """Makes the item canonical in place; returns its size in bytes, at most 400 KB (PART-14)."""
    size_bytes = normalise_item(item)
    if size_bytes > LARGEST_ITEM_BYTES:
        raise ValidationError("Item size has exceeded the maximum allowed size")
    return size_bytes


def _size(image: Image | None) -> int:
    return 0 if image is None else image.size_bytes


def condition_of(parameters: dict[str, Any], *others: Any) -> tuple[Bindings, CompiledCondition | None]:
    """Names and values of a request, and its condition; `others` are the request's other expressions.

    Raises ValidationError for what can be seen without the item.
    """
    bindings = Bindings(
        parameters.get("ExpressionAttributeNames"), parameters.get("ExpressionAttributeValues")
    )
    text = parameters.get("ConditionExpression")
    condition = None if text is None else compile_condition(text)
    bindings.check(condition, *others)
    return bindings, condition


def check_condition(
    call: Call,
    record: TableRecord,
    key: bytes,
    condition: CompiledCondition | None,
    bindings: Bindings,
    parameters: dict[str, Any],
) -> Image | None:
    """The item that a write is evaluated on; raises ConditionalCheckFailedException when the condition is false for it.

    The error carries the item when the request asks for that and there is one.
    """
    image = call.region.store(record.table_id).read_to_write(key)
    if condition is not None and not condition.evaluate(
        None if image is None else decode_item(image), bindings
    ):
        extra: dict[str, Any] = {}
        if parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and image is not None:
            extra["Item"] = msgspec.Raw(image.item)
        raise CallerError("ConditionalCheckFailedException", "The conditional request failed", extra=extra)
    return image
