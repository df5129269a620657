"""Changes of global secondary indexes: the GlobalSecondaryIndexUpdates of UpdateTable.

Claims: GT-11 (every replica of a global table has the same indexes, and fills its own). Developer Guide, "Managing Global
Secondary Indexes": one index is created or deleted at a time; a new one is CREATING, at first without and then with
Backfilling, when it can be deleted again but its table cannot, and can be read when it is ACTIVE; one that is being deleted
cannot. The table stays usable all the while.

Choices where AWS publishes nothing: half of the time that a table takes to be made passes before the backfill, and half of it
after that begins, or longer if too little of the Region is there to fill the index.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api.call import Call, resource_not_found
from ddbproof.reference_impl.api.index_definitions import (
    capacity_of_index,
    check_together,
    index_of,
)
from ddbproof.reference_impl.cluster.records import IndexRecord, TableRecord
from ddbproof.reference_impl.errors import CallerError, ValidationError

_KINDS = ("Create", "Update", "Delete")


def check_updates(call: Call, record: TableRecord, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The updates of indexes that a request asks for. Raises for the first that cannot be done, before any of them is."""
    updates: list[dict[str, Any]] = parameters.get("GlobalSecondaryIndexUpdates") or []
    names = []
    for update in updates:
        kinds = [kind for kind in _KINDS if update.get(kind)]
        if len(kinds) != 1:
            raise ValidationError(
                "One or more parameter values were invalid: A global secondary index update must have "
                "exactly one of Create, Update or Delete"
            )
        names.append(update[kinds[0]]["IndexName"])
    if len(set(names)) != len(names):
        raise ValidationError("Only one global secondary index update per index is allowed simultaneously.")
    structural = [name for name, update in zip(names, updates, strict=True) if "Update" not in update]
    if len(structural) > 1 or (structural and busy_indexes(call, record) - _may_go(call, record, updates)):
        raise CallerError(
            "LimitExceededException",
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        )
    _check_billing(record, parameters)
    for update in updates:
        if "Create" in update:
            _check_create(call, record, parameters, update["Create"])
        elif "Update" in update:
            _check_throughput(record, parameters, update["Update"])
        else:
            _global(record, update["Delete"]["IndexName"])
    return updates


def apply_updates(
    call: Call, record: TableRecord, parameters: dict[str, Any], updates: list[dict[str, Any]]
) -> TableRecord:
    """Do what `check_updates` has let through, in all Regions that have the table; returns its new record."""
    busy_until = call.now_milliseconds + call.cluster.create_delay_milliseconds
    for update in updates:
        if "Create" in update:
            index = _new_index(call, record, parameters, update["Create"])
            assert index.backfill_at_milliseconds is not None
            definitions = {it["AttributeName"]: it for it in record.attribute_definitions}
            for it in parameters.get("AttributeDefinitions") or ():
                if it["AttributeName"] in index.key_schema.attributes:
                    definitions.setdefault(it["AttributeName"], it)
            record = call.cluster.add_index(
                call.region,
                record,
                index,
                attribute_definitions=tuple(definitions.values()),
                # While the index is filled the table is ACTIVE.
                updating_until_milliseconds=max(
                    index.backfill_at_milliseconds, record.updating_until_milliseconds
                ),
            )
        elif "Delete" in update:
            record = call.cluster.remove_index(
                call.region,
                record,
                update["Delete"]["IndexName"],
                busy_until,
                updating_until_milliseconds=busy_until,
            )
        else:
            record = call.cluster.change_index(
                call.region,
                record,
                update["Update"]["IndexName"],
                _wanted(record, parameters, update["Update"]),
                updating_until_milliseconds=busy_until,
            )
    return record


def busy_indexes(call: Call, record: TableRecord) -> set[str]:
    """The names of those indexes that are being made, filled or deleted."""
    stored = call.region.indexes(record.table_id).stored
    return {
        index.name
        for index in record.indexes
        if not index.local
        and (
            index.gone_at_milliseconds is not None
            or call.now_milliseconds < index.active_at_milliseconds
            or not stored[index.name].is_filled
        )
    }


def _may_go(call: Call, record: TableRecord, updates: list[dict[str, Any]]) -> set[str]:
    """Those that the request deletes while they are being filled, which is the way to give that up."""
    asked = {update["Delete"]["IndexName"] for update in updates if "Delete" in update}
    return {
        index.name
        for index in record.indexes
        if index.name in asked
        and index.gone_at_milliseconds is None
        and index.backfill_at_milliseconds is not None
        and call.now_milliseconds >= index.backfill_at_milliseconds
    }


def _global(record: TableRecord, name: str) -> IndexRecord:
    index = record.index(name)
    if index is None or index.local or index.gone_at_milliseconds is not None:
        raise resource_not_found()
    return index


def _check_create(call: Call, record: TableRecord, parameters: dict[str, Any], asked: dict[str, Any]) -> None:
    if record.index(asked["IndexName"]) is not None:
        raise ValidationError("Attempting to create an index which already exists")
    types = {it["AttributeName"]: it["AttributeType"] for it in record.attribute_definitions}
    for it in parameters.get("AttributeDefinitions") or ():
        if types.get(it["AttributeName"], it["AttributeType"]) != it["AttributeType"]:
            raise ValidationError(
                "One or more parameter values were invalid: Cannot change the type of the key attribute "
                f"{it['AttributeName']}"
            )
    check_together((*record.indexes, _new_index(call, record, parameters, asked)))


def _new_index(
    call: Call, record: TableRecord, parameters: dict[str, Any], asked: dict[str, Any]
) -> IndexRecord:
    definitions = (*record.attribute_definitions, *(parameters.get("AttributeDefinitions") or ()))
    now, delay = call.now_milliseconds, call.cluster.create_delay_milliseconds
    billing_mode = parameters.get("BillingMode", record.billing_mode)
    index = index_of(asked, definitions, billing_mode=billing_mode, active_at=now + delay)
    return index.change(backfill_at_milliseconds=now + delay // 2)


def _wanted(record: TableRecord, parameters: dict[str, Any], asked: dict[str, Any]) -> dict[str, int]:
    billing_mode = parameters.get("BillingMode", record.billing_mode)
    return capacity_of_index(asked["IndexName"], billing_mode, asked.get("ProvisionedThroughput"))


def _check_throughput(record: TableRecord, parameters: dict[str, Any], asked: dict[str, Any]) -> None:
    index = _global(record, asked["IndexName"])
    wanted = _wanted(record, parameters, asked)
    if (wanted["read_capacity_units"], wanted["write_capacity_units"]) == (
        index.read_capacity_units,
        index.write_capacity_units,
    ):
        raise ValidationError(
            f"The provisioned throughput for the index {index.name} will not change. The requested value "
            "equals the current value."
        )


def _check_billing(record: TableRecord, parameters: dict[str, Any]) -> None:
    """Raises ValidationError when a table becomes PROVISIONED and one of its indexes is not given throughput."""
    if parameters.get("BillingMode", record.billing_mode) in (record.billing_mode, "PAY_PER_REQUEST"):
        return
    given = {
        update["Update"]["IndexName"]
        for update in parameters.get("GlobalSecondaryIndexUpdates") or ()
        if "Update" in update
    }
    for index in record.indexes:
        if not index.local and index.gone_at_milliseconds is None and index.name not in given:
            capacity_of_index(index.name, "PROVISIONED", None)


def without_throughput(indexes: tuple[IndexRecord, ...]) -> tuple[IndexRecord, ...]:
    """The indexes of a table that has become PAY_PER_REQUEST."""
    return tuple(index.change(read_capacity_units=0, write_capacity_units=0) for index in indexes)
