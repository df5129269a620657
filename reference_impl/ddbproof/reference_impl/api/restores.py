"""Restores: RestoreTableFromBackup and RestoreTableToPointInTime.

Claims: RS-01 and PI-13 (always a new table), RS-02 (CREATING, RestoreSummary), RS-04 (overrides; indexes may be left out, not added), RS-05
(what is not carried over), RS-06 (capacity as in the backup, class STANDARD), RS-09 (the item set), RS-10
(never a member of a global table), PI-11 and PI-12 (the instant), PI-14, PI-16, PI-18 and PI-19 (from
another Region, with an encryption override), PI-24 (from the archive, never from the live table).

Choices where AWS publishes nothing: giving both RestoreDateTime and UseLatestRestorableTime is refused, and
so is giving neither (PI-16); both ends of the window are legal (PI-12); the order of the checks is source,
window, target; capacity of a restore to an instant is the source's present one (PI-23).
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.kernel import recovery as kernel
from ddbproof.reference_impl.api.backups import existing_backup
from ddbproof.reference_impl.api.call import (
    Call,
    check_table_name,
    parse_table_arn,
    refuse_unbuilt,
    table_arn,
)
from ddbproof.reference_impl.api.capacity import restored_capacity
from ddbproof.reference_impl.api.describe import table_description
from ddbproof.reference_impl.api.index_definitions import restored_indexes
from ddbproof.reference_impl.api.recovery import restore_lag_milliseconds
from ddbproof.reference_impl.cluster.records import RestoreOrigin, TableRecord
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.errors import CallerError, NotBuiltError, ValidationError
from ddbproof.reference_impl.storage.items import Fold


def restore_table_from_backup(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """RestoreTableFromBackup.

    Raises BackupNotFoundException, BackupInUseException, TableAlreadyExistsException, TableInUseException.
    """
    _check_overrides("RestoreTableFromBackup", parameters)
    arn = parameters["BackupArn"]
    source = _backup_region(call, arn, parameters)
    backup = existing_backup(Call(call.cluster, source, call.account, call.now_milliseconds), arn)
    if backup.status(call.now_milliseconds) == "CREATING":
        raise CallerError("BackupInUseException", f"Backup is being created: {arn}")
    _check_target(call, parameters["TargetTableName"])
    state = source.archive[backup.table.table_id].state_of(backup.cut)
    origin = RestoreOrigin(backup.table.arn, backup.arn, backup.created_at_milliseconds)
    return _restore(call, parameters, backup.table.change(table_class="STANDARD"), state, origin)


def restore_table_to_point_in_time(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """RestoreTableToPointInTime: the source's state at the asked second, from snapshot and log.

    Raises TableNotFoundException, PointInTimeRecoveryUnavailableException, InvalidRestoreTimeException,
    TableAlreadyExistsException, TableInUseException.
    """
    _check_overrides("RestoreTableToPointInTime", parameters)
    source, record = _source(call, parameters)
    if not record.recovery.enabled:
        raise CallerError(
            "PointInTimeRecoveryUnavailableException",
            f"Point in time recovery is not enabled for table '{record.name}'",
        )
    instant_milliseconds = _instant(call, record.recovery, parameters)
    _check_target(call, parameters["TargetTableName"])
    state = source.archive[record.table_id].state_at(
        record.recovery, instant_milliseconds, call.now_milliseconds, restore_lag_milliseconds(call)
    )
    origin = RestoreOrigin(record.arn, None, instant_milliseconds)
    return _restore(call, parameters, record, state, origin)


def _instant(call: Call, recovery: kernel.Recovery, parameters: dict[str, Any]) -> int:
    """The asked instant in milliseconds; raises InvalidRestoreTimeException outside the window."""
    now = call.now_milliseconds
    lag = restore_lag_milliseconds(call)
    wanted = parameters.get("RestoreDateTime")
    use_latest = parameters.get("UseLatestRestorableTime", False)
    if (wanted is not None) == use_latest:
        raise ValidationError("Exactly one of RestoreDateTime and UseLatestRestorableTime must be specified")
    if wanted is None:
        return kernel.latest_restorable(recovery, now, lag)
    instant = int(wanted) * 1000
    earliest = kernel.earliest_restorable(recovery, now)
    if instant // 1000 == earliest // 1000:
        # EarliestRestorableDateTime is shown in whole seconds; asking for just that is asking for the start.
        instant = earliest
    if not kernel.is_restorable(recovery, instant, now, lag):
        latest = kernel.latest_restorable(recovery, now, lag)
        raise CallerError(
            "InvalidRestoreTimeException",
            f"An invalid restore time was specified: {int(wanted)}. RestoreDateTime must be between "
            f"EarliestRestorableDateTime {earliest // 1000} and LatestRestorableDateTime {latest // 1000}",
        )
    return instant


def _source(call: Call, parameters: dict[str, Any]) -> tuple[Region, TableRecord]:
    name, arn = parameters.get("SourceTableName"), parameters.get("SourceTableArn")
    if (name is None) == (arn is None):
        raise ValidationError("Exactly one of SourceTableName and SourceTableArn must be specified")
    region = call.region
    if arn is not None:
        address = parse_table_arn(arn)
        if address.account != call.account:
            raise CallerError("AccessDeniedException", f"account {call.account} has no access to {arn}")
        region = _region(call, address.region, parameters)
        name = address.name
    assert name is not None
    record = region.find_table(call.account, name)
    if record is None or record.status(call.now_milliseconds) in ("CREATING", "DELETING"):
        raise CallerError("TableNotFoundException", f"Table not found: {arn or name}")
    return region, record


def _backup_region(call: Call, backup_arn: str, parameters: dict[str, Any]) -> Region:
    parts = backup_arn.split(":")
    if len(parts) != 6 or parts[2] != "dynamodb" or "/backup/" not in parts[5]:
        raise ValidationError(f"Invalid backup ARN: {backup_arn}")
    if parts[3] not in call.cluster.regions:
        raise CallerError("BackupNotFoundException", f"Backup not found: {backup_arn}")
    return _region(call, parts[3], parameters)


def _region(call: Call, name: str, parameters: dict[str, Any]) -> Region:
    """The source's Region; restoring from another one needs an encryption override (PI-18, PI-19)."""
    if name == call.region.name:
        return call.region
    region = call.cluster.regions.get(name)
    if region is None:
        raise CallerError("TableNotFoundException", f"Region {name} is not served by this endpoint")
    if "SSESpecificationOverride" not in parameters:
        raise ValidationError("SSESpecificationOverride is required to restore from another Region")
    return region


def _check_overrides(operation: str, parameters: dict[str, Any]) -> None:
    refuse_unbuilt(operation, parameters, ("OnDemandThroughputOverride",))
    if parameters.get("SSESpecificationOverride", {}).get("Enabled"):
        raise NotBuiltError(f"{operation} with an SSESpecificationOverride that is enabled")


def _check_target(call: Call, name: str) -> None:
    check_table_name(name, "TargetTableName")
    existing = call.region.find_table(call.account, name)
    if existing is None:
        return
    if existing.status(call.now_milliseconds) in ("CREATING", "DELETING"):
        raise CallerError("TableInUseException", f"Table is being created or deleted: {name}")
    raise CallerError("TableAlreadyExistsException", f"Table already exists: {name}")


def _restore(
    call: Call, parameters: dict[str, Any], source: TableRecord, state: Fold, origin: RestoreOrigin
) -> dict[str, Any]:
    now = call.now_milliseconds
    name = parameters["TargetTableName"]
    active_at = now + call.cluster.create_delay_milliseconds
    capacity = restored_capacity(source, parameters)
    indexes = restored_indexes(source, parameters, capacity["billing_mode"], active_at)
    record = TableRecord(
        table_id=call.cluster.new_id(),
        name=name,
        arn=table_arn(call.region.name, call.account, name),
        key_schema=source.key_schema,
        attribute_definitions=source.definitions_used_by(indexes),
        key_elements=source.key_elements,
        created_at_milliseconds=now,
        active_at_milliseconds=active_at,
        table_class=source.table_class,
        origin=origin,
        indexes=indexes,
        **capacity,
    )
    call.region.add_table(call.account, record)
    _fill(call, record, state)
    return {"TableDescription": table_description(call, record, status="CREATING")}


def _fill(call: Call, record: TableRecord, state: Fold) -> None:
    """Write the restored items as the new table's own history, which begins with the restore."""
    store = call.region.store(record.table_id)
    for key, image in state.items.range(b"", None):
        store.write(key, image.item, image.size_bytes)
