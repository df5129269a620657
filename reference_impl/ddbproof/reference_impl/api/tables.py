"""Tables: CreateTable, DescribeTable, ListTables, UpdateTable, DeleteTable.

Claims: CTL-01 (states), CTL-03 (deletion protection), CTL-06 to CTL-12 (names, keys, lists, capacity), CA-05
(warm throughput is not lowered), PART-13 (only keys are typed), BK-16 (the SYSTEM backup of a deleted table
with point-in-time recovery). Replica changes of UpdateTable are in `replicas`.
StreamSpecification is in `streams`, indexes are in `index_definitions` and `index_updates`.
Not built and refused by name: encryption settings, rises of warm throughput,
on-demand limits, resource policies, tables that join a global table of another account.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.kernel.recovery import leaves_system_backup
from ddbproof.reference_impl.api import index_updates, replicas, streams
from ddbproof.reference_impl.api.backups import keep_system_backup
from ddbproof.reference_impl.api.call import (
    Call,
    check_table_name,
    existing_table,
    refuse_unbuilt,
    table_arn,
    table_name,
)
from ddbproof.reference_impl.api.capacity import capacity_of
from ddbproof.reference_impl.api.describe import table_description, warm_throughput
from ddbproof.reference_impl.api.index_definitions import check_all_used, indexes_of, key_schema_of
from ddbproof.reference_impl.api.tags import tags_of
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import CallerError, NotBuiltError, ValidationError
from ddbproof.reference_impl.values.keys import KeySchema

_INVALID = "One or more parameter values were invalid: "
_UNBUILT_AT_CREATION = (
    "WarmThroughput",
    "ResourcePolicy",
    "OnDemandThroughput",
    "GlobalTableSourceArn",
    "GlobalTableSettingsReplicationMode",
)
_UNBUILT_IN_UPDATE = (
    "OnDemandThroughput",
    "GlobalTableWitnessUpdates",
    "GlobalTableSettingsReplicationMode",
)


def create_table(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """CreateTable. Raises ResourceInUseException when the name is taken."""
    name = table_name(call, parameters["TableName"])
    if name is None:
        raise ValidationError("CreateTable: the ARN's Region is not the endpoint's")
    refuse_unbuilt("CreateTable", parameters, _UNBUILT_AT_CREATION)
    _refuse_switched_on("CreateTable", parameters)
    view_type = streams.wanted_view_type(parameters.get("StreamSpecification"))
    key_schema = _key_schema(parameters)
    tags = tags_of(parameters.get("Tags", []))
    billing_mode = parameters.get("BillingMode", "PROVISIONED")
    capacity = capacity_of(billing_mode, parameters.get("ProvisionedThroughput"))
    active_at = call.now_milliseconds + call.cluster.create_delay_milliseconds
    indexes = indexes_of(parameters, key_schema, billing_mode=billing_mode, active_at_milliseconds=active_at)
    check_all_used(parameters["AttributeDefinitions"], key_schema, indexes)
    if call.region.find_table(call.account, name) is not None:
        raise CallerError("ResourceInUseException", f"Table already exists: {name}")
    now = call.now_milliseconds
    record = TableRecord(
        table_id=call.cluster.new_id(),
        name=name,
        arn=table_arn(call.region.name, call.account, name),
        key_schema=key_schema,
        attribute_definitions=tuple(parameters["AttributeDefinitions"]),
        key_elements=tuple(parameters["KeySchema"]),
        created_at_milliseconds=now,
        active_at_milliseconds=active_at,
        table_class=parameters.get("TableClass", "STANDARD"),
        indexes=indexes,
        deletion_protection=parameters.get("DeletionProtectionEnabled", False),
        tags=tags,
        **capacity,
    )
    call.region.add_table(call.account, record)
    if view_type is not None:
        record = call.region.turn_stream_on(record.table_id, view_type, now)
    return {"TableDescription": table_description(call, record, status="CREATING")}


def describe_table(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DescribeTable."""
    return {"Table": table_description(call, existing_table(call, parameters["TableName"]))}


def list_tables(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """ListTables: names in order, paged by ExclusiveStartTableName."""
    limit = parameters.get("Limit", 100)
    start = parameters.get("ExclusiveStartTableName")
    names = [record.name for record in call.region.tables(call.account)]
    if start is not None:
        check_table_name(start, "ExclusiveStartTableName")
        names = [name for name in names if name.encode() > start.encode()]
    answer: dict[str, Any] = {"TableNames": names[:limit]}
    if len(names) > limit:
        answer["LastEvaluatedTableName"] = names[limit - 1]
    return answer


def update_table(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """UpdateTable: capacity, table class, deletion protection, stream, global indexes, replicas."""
    refuse_unbuilt("UpdateTable", parameters, _UNBUILT_IN_UPDATE)
    _refuse_switched_on("UpdateTable", parameters)
    record = existing_table(call, parameters["TableName"])
    replicas.check_mode(record, parameters)
    _refuse_warm_throughput(record, parameters)
    _check_changeable(call, record)
    changes = _setting_changes(call, record, parameters)
    indexes = index_updates.check_updates(call, record, parameters)
    replica_updates = parameters.get("ReplicaUpdates")
    stream = parameters.get("StreamSpecification")
    if not changes and not replica_updates and not indexes and stream is None:
        raise ValidationError(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
            "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required"
        )
    streams.check_change(record, stream)
    if replica_updates:
        streams.check_replica_updates(record, replica_updates)
        replicas.check_updates(call, record, replica_updates)
    streams.prepare_change(call, record, stream)
    if changes or stream is not None:
        record = call.region.change_table(
            record.table_id,
            updating_until_milliseconds=call.now_milliseconds + call.cluster.create_delay_milliseconds,
            **changes,
        )
        replicas.synchronise_settings(call, record, changes)
    record = index_updates.apply_updates(call, record, parameters, indexes)
    record = streams.apply_change(call, record, stream)
    if replica_updates:
        record = replicas.apply_updates(call, record, replica_updates)
    return {"TableDescription": table_description(call, record, status="UPDATING")}


def delete_table(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DeleteTable; no error when the table is being deleted already (CTL-01)."""
    record = existing_table(call, parameters["TableName"])
    now = call.now_milliseconds
    status = record.status(now)
    if status == "CREATING":
        raise _in_use(f"Table is being created: {record.name}")
    if status == "UPDATING":
        raise _in_use(f"Table is being updated: {record.name}")
    if status == "ACTIVE" and index_updates.busy_indexes(call, record):
        raise _in_use(f"An index of the table is being created or deleted: {record.name}")
    if record.deletion_protection:
        raise ValidationError(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    if any(
        backup.table.table_id == record.table_id and backup.status(now) == "CREATING"
        for backup in call.region.backups(call.account)
    ):
        raise _in_use(f"A backup of the table is being created: {record.name}")
    if status != "DELETING":
        if leaves_system_backup(record.recovery):
            keep_system_backup(call, record)
        record = call.cluster.delete_table(call.region, record, now)
    return {"TableDescription": table_description(call, record, status="DELETING")}


def _in_use(detail: str) -> CallerError:
    return CallerError(
        "ResourceInUseException", f"Attempt to change a resource which is still in use: {detail}"
    )


def _check_changeable(call: Call, record: TableRecord) -> None:
    status = record.status(call.now_milliseconds)
    if status == "ACTIVE":
        return
    doing = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}[status]
    raise _in_use(f"Table is being {doing}: {record.name}")


def _refuse_switched_on(operation: str, parameters: dict[str, Any]) -> None:
    if parameters.get("SSESpecification", {}).get("Enabled"):
        raise NotBuiltError(f"{operation} with SSESpecification")


def _refuse_warm_throughput(record: TableRecord, parameters: dict[str, Any]) -> None:
    """Warm throughput cannot be lowered (CA-05), and raising it is not built."""
    wanted = parameters.get("WarmThroughput")
    if not wanted:
        return
    present = warm_throughput(record)
    lower = [name for name, units in present.items() if wanted.get(name, units) < units]
    if lower:
        raise ValidationError(
            f"{_INVALID}{lower[0]} of WarmThroughput cannot be lowered from {present[lower[0]]} to "
            f"{wanted[lower[0]]}"
        )
    raise NotBuiltError("UpdateTable with a higher WarmThroughput")


def _key_schema(parameters: dict[str, Any]) -> KeySchema:
    # The service model does not require these two, since a table that joins a global table takes them over.
    for member in ("AttributeDefinitions", "KeySchema"):
        if member not in parameters:
            path = member[0].lower() + member[1:]
            raise ValidationError(
                f"1 validation error detected: Value null at '{path}' failed to satisfy constraint: "
                "Member must not be null"
            )
    return key_schema_of(parameters["KeySchema"], parameters["AttributeDefinitions"])


def _setting_changes(call: Call, record: TableRecord, parameters: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "BillingMode" in parameters or "ProvisionedThroughput" in parameters:
        billing_mode = parameters.get("BillingMode", record.billing_mode)
        changes = capacity_of(billing_mode, parameters.get("ProvisionedThroughput"))
        if billing_mode != record.billing_mode:
            changes["billing_changed_at_milliseconds"] = call.now_milliseconds
            if billing_mode == "PAY_PER_REQUEST":
                changes["indexes"] = index_updates.without_throughput(record.indexes)
    if "DeletionProtectionEnabled" in parameters:
        changes["deletion_protection"] = parameters["DeletionProtectionEnabled"]
    if "TableClass" in parameters:
        changes["table_class"] = parameters["TableClass"]
    return changes
