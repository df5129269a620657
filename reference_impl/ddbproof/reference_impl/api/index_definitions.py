"""Definitions of secondary indexes: what CreateTable and UpdateTable may ask for, and what a table with them demands of items.

Claims: PART-17 (20 global and 5 local indexes), PART-13 (key attributes are typed, those of indexes as well).
Developer Guide, "Quotas": at most 100 attributes are named in the INCLUDE projections of one table, one that is named twice
counted twice; "Local Secondary Indexes": same partition key as the table, another sort key, made with the table only.

Sentences are the service's as widely reported, and else those of AWS's emulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ddbproof.reference_impl.api.call import check_table_name
from ddbproof.reference_impl.cluster.records import IndexRecord, TableRecord
from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.values.attribute import Item
from ddbproof.reference_impl.values.keys import KeySchema, validate_index_key

MOST_GLOBAL = 20
MOST_LOCAL = 5
MOST_PROJECTED = 100

_INVALID = "One or more parameter values were invalid: "
_PROJECTIONS = ("ALL", "KEYS_ONLY", "INCLUDE")


# --- Key schemas and attribute definitions -----------------------------------------------------------


def key_schema_of(elements: Sequence[dict[str, str]], definitions: Sequence[dict[str, str]]) -> KeySchema:
    """The keys of a table or index. Raises ValidationError."""
    names = [element["AttributeName"] for element in elements]
    kinds = [element["KeyType"] for element in elements]
    if kinds[0] != "HASH":
        raise ValidationError("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(kinds) > 1 and kinds[1] != "RANGE":
        raise ValidationError("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    if len(names) > 1 and names[0] == names[1]:
        raise ValidationError(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )
    types = {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}
    missing = [name for name in names if name not in types]
    if missing:
        raise ValidationError(
            f"{_INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(missing)}], AttributeDefinitions: [{', '.join(types)}]"
        )
    sort_key = names[1] if len(names) > 1 else None
    return KeySchema(names[0], types[names[0]], sort_key, types[sort_key] if sort_key else None)


def check_all_used(
    definitions: Sequence[dict[str, str]], table: KeySchema, indexes: Sequence[IndexRecord]
) -> None:
    """Raises ValidationError for an attribute definition that is nobody's key."""
    defined = [definition["AttributeName"] for definition in definitions]
    used = list(
        dict.fromkeys(name for it in (table, *(i.key_schema for i in indexes)) for name in it.attributes)
    )
    if len(defined) == len(set(defined)) and set(defined) <= set(used):
        return
    if not indexes:
        raise ValidationError(
            f"{_INVALID}Number of attributes in KeySchema does not exactly match number of attributes "
            "defined in AttributeDefinitions"
        )
    raise ValidationError(
        f"{_INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(defined)}], "
        f"keys used: [{', '.join(used)}]"
    )


# --- Indexes -----------------------------------------------------------------------------------------


def indexes_of(
    parameters: dict[str, Any], table: KeySchema, *, billing_mode: str, active_at_milliseconds: int
) -> tuple[IndexRecord, ...]:
    """The indexes that a CreateTable asks for, local ones first. Raises ValidationError."""
    definitions = parameters["AttributeDefinitions"]
    found: list[IndexRecord] = []
    for member, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        asked = parameters.get(member)
        if asked is None:
            continue
        if not asked:
            raise ValidationError(f"{_INVALID}List of {member} is empty")
        for one in asked:
            index = index_of(
                one, definitions, local=local, billing_mode=billing_mode, active_at=active_at_milliseconds
            )
            if local:
                _check_local(index, table)
            found.append(index)
    check_together(found)
    return tuple(found)


def index_of(
    asked: dict[str, Any],
    definitions: Sequence[dict[str, str]],
    *,
    local: bool = False,
    billing_mode: str,
    active_at: int,
) -> IndexRecord:
    """One index as a request defines it. Raises ValidationError."""
    name = asked["IndexName"]
    check_table_name(name, "IndexName")
    projection = asked.get("Projection") or {}
    kind, others = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind not in _PROJECTIONS:
        raise ValidationError(f"{_INVALID}Unknown ProjectionType: {'null' if kind is None else kind}")
    if kind == "INCLUDE" and not others:
        raise ValidationError(f"{_INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and others:
        raise ValidationError(f"{_INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    if len(set(others or ())) != len(others or ()):
        raise ValidationError(f"{_INVALID}Cannot have two attributes with the same name")
    capacity = {} if local else capacity_of_index(name, billing_mode, asked.get("ProvisionedThroughput"))
    return IndexRecord(
        name,
        local,
        key_schema_of(asked["KeySchema"], definitions),
        tuple(asked["KeySchema"]),
        kind,
        tuple(others or ()),
        active_at_milliseconds=active_at,
        **capacity,
    )


def capacity_of_index(name: str, billing_mode: str, throughput: dict[str, int] | None) -> dict[str, int]:
    """The record members for a global index's throughput. Raises ValidationError when it does not fit the mode."""
    if billing_mode == "PAY_PER_REQUEST":
        if throughput:
            raise ValidationError(
                f"{_INVALID}ProvisionedThroughput should not be specified for index: {name} when BillingMode "
                "is PAY_PER_REQUEST"
            )
        return {"read_capacity_units": 0, "write_capacity_units": 0}
    if not throughput:
        raise ValidationError(f"{_INVALID}ProvisionedThroughput must be specified for index: {name}")
    return _units(throughput)


def _check_local(index: IndexRecord, table: KeySchema) -> None:
    if table.sort_key is None:
        raise ValidationError(
            f"{_INVALID}Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex"
        )
    if index.key_schema.sort_key is None:
        raise ValidationError(f"{_INVALID}Index KeySchema does not have a range key for index: {index.name}")
    if index.key_schema.partition_key != table.partition_key:
        raise ValidationError(
            f"{_INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for "
            f"index: {index.name}. index hash key: {index.key_schema.partition_key}, "
            f"table hash key: {table.partition_key}"
        )


def check_together(indexes: Sequence[IndexRecord]) -> None:
    """Raises ValidationError for two indexes of one name, and for more than a table can have (PART-17)."""
    names = [index.name for index in indexes]
    for name in names:
        if names.count(name) > 1:
            raise ValidationError(f"{_INVALID}Duplicate index name: {name}")
    local_count = sum(index.local for index in indexes)
    if local_count > MOST_LOCAL:
        raise ValidationError(
            f"{_INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {MOST_LOCAL}"
        )
    if len(indexes) - local_count > MOST_GLOBAL:
        raise ValidationError(
            f"{_INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {MOST_GLOBAL}"
        )
    if sum(len(index.non_key_attributes) for index in indexes) > MOST_PROJECTED:
        raise ValidationError(
            f"{_INVALID}Number of NonKeyAttributes of all indexes exceeds per-table limit of {MOST_PROJECTED}"
        )


# --- Restores ----------------------------------------------------------------------------------------


def restored_indexes(
    source: TableRecord, parameters: dict[str, Any], billing_mode: str, active_at: int
) -> tuple[IndexRecord, ...]:
    """The indexes of a restored table: all that the source had, or those of them that the request names (RS-04).

    Raises ValidationError for one that the source did not have just so.
    """
    found = source.indexes_of_copy(active_at)
    for member, local in (("LocalSecondaryIndexOverride", True), ("GlobalSecondaryIndexOverride", False)):
        if member not in parameters:
            continue
        named: dict[str, dict[str, int] | None] = {}
        for asked in parameters[member]:
            _check_restored(source, asked, member, local=local)
            named[asked["IndexName"]] = asked.get("ProvisionedThroughput")
        if len(named) != len(parameters[member]):
            raise ValidationError(f"{_INVALID}Duplicate index name in {member}")
        found = tuple(
            index.change(**_units(throughput)) if (throughput := named.get(index.name)) else index
            for index in found
            if index.local != local or index.name in named
        )
    if billing_mode == "PAY_PER_REQUEST":
        return tuple(index.change(read_capacity_units=0, write_capacity_units=0) for index in found)
    for index in found:
        if not index.local and not index.read_capacity_units:
            capacity_of_index(index.name, billing_mode, None)
    return found


def _check_restored(source: TableRecord, asked: dict[str, Any], member: str, *, local: bool) -> None:
    index = source.index(asked["IndexName"])
    projection = asked.get("Projection") or {}
    if (
        index is None
        or index.local != local
        or index.gone_at_milliseconds is not None
        or list(index.key_elements) != asked["KeySchema"]
        or projection.get("ProjectionType") != index.projection_type
        or set(projection.get("NonKeyAttributes") or ()) != set(index.non_key_attributes)
    ):
        raise ValidationError(
            f"{_INVALID}{member}: the source has no index {asked['IndexName']} with this key schema and projection"
        )


def _units(throughput: dict[str, int]) -> dict[str, int]:
    return {
        "read_capacity_units": throughput["ReadCapacityUnits"],
        "write_capacity_units": throughput["WriteCapacityUnits"],
    }


# --- What items have to be ---------------------------------------------------------------------------


def check_item(record: TableRecord, item: Item) -> None:
    """Raises ValidationError for an item with an attribute that cannot be the key of an index that the table has."""
    for index in record.indexes:
        validate_index_key(index.key_schema, item, index.name)


def check_updated_item(record: TableRecord, old: Item | None, new: Item) -> None:
    """The same for what an update has changed: the index may be younger than what is wrong in the item."""
    before = old or {}
    changed = {name: value for name, value in new.items() if before.get(name) != value}
    for index in record.indexes:
        for name, kind in index.key_schema.types:
            if changed.get(name, {}).get(kind) == "":
                word = "string" if kind == "S" else "binary"
                raise ValidationError(
                    "One or more parameter values are not valid. The update expression attempted to update a "
                    "secondary index key to a value that is not supported. The AttributeValue for a key "
                    f"attribute cannot contain an empty {word} value."
                )
    check_item(record, changed)
