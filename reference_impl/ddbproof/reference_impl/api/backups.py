"""On-demand backups: CreateBackup, DescribeBackup, ListBackups, DeleteBackup.

Claims: BK-01, BK-02 and BK-03 (the cut; this endpoint cuts at the exact instant of the request, which the
two-minute band allows), BK-05 (CREATING, then AVAILABLE), BK-09 (a backup outlives its table), BK-10 and
BK-16 (SYSTEM backups and their 35 days), BK-11, BK-13 and RS-11 (errors), BK-14 (ARN), BK-15 (listing).
A backup is a cut through the table's log together with the table's record: nothing is copied. The cut is
`model.kernel.backup`'s. More than a thousand backups of a busy table in one millisecond are refused with
LimitExceededException, as each moves the table's timestamps ahead of the clock.
Not built: AWS Backup.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.kernel import backup as kernel
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.api.call import Call, backed_up_table, find_table
from ddbproof.reference_impl.api.describe import backup_description, backup_details, backup_summary
from ddbproof.reference_impl.cluster.records import BackupRecord, TableRecord
from ddbproof.reference_impl.errors import CallerError, ValidationError

_SYSTEM_BACKUP_SUFFIX = "$DeletedTableBackup"


def create_backup(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """CreateBackup. Raises TableNotFoundException, LimitExceededException."""
    record = backed_up_table(call, parameters["TableName"])
    now = call.now_milliseconds
    backup = _cut(
        call, record, parameters["BackupName"], "USER", now + call.cluster.create_delay_milliseconds
    )
    call.cluster.keep_backup(call.region, call.account, backup)
    return {"BackupDetails": backup_details(call, backup, status="CREATING")}


def keep_system_backup(call: Call, record: TableRecord) -> None:
    """The backup of a table with point-in-time recovery that is being deleted, kept 35 days (BK-16)."""
    now = call.now_milliseconds
    expires_at = kernel.system_backup_expires(now)
    backup = _cut(call, record, record.name + _SYSTEM_BACKUP_SUFFIX, "SYSTEM", now, expires_at)
    call.cluster.keep_backup(call.region, call.account, backup)


def _cut(
    call: Call,
    record: TableRecord,
    name: str,
    kind: str,
    available_at_milliseconds: int,
    expires_at_milliseconds: int | None = None,
) -> BackupRecord:
    now = call.now_milliseconds
    store = call.region.store(record.table_id)
    try:
        cut = call.region.archive[record.table_id].cut_now(now)
    except NotAllowed as refusal:
        raise CallerError("LimitExceededException", f"Too many backups at once: {record.name}") from refusal
    suffix = f"{call.cluster.random.getrandbits(32):08x}"
    return BackupRecord(
        arn=f"{record.arn}/backup/0{now:013d}-{suffix}",
        name=name,
        kind=kind,
        table=record,
        cut=cut,
        size_bytes=store.size_bytes,
        item_count=store.item_count,
        created_at_milliseconds=now,
        available_at_milliseconds=available_at_milliseconds,
        expires_at_milliseconds=expires_at_milliseconds,
    )


def existing_backup(call: Call, arn: str) -> BackupRecord:
    """The backup of that ARN; raises BackupNotFoundException."""
    backup = call.region.find_backup(call.account, arn)
    if backup is None:
        raise CallerError("BackupNotFoundException", f"Backup not found: {arn}")
    return backup


def describe_backup(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DescribeBackup. Raises BackupNotFoundException."""
    return {"BackupDescription": backup_description(call, existing_backup(call, parameters["BackupArn"]))}


def delete_backup(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DeleteBackup. Raises BackupNotFoundException, and BackupInUseException while it is being created."""
    backup = existing_backup(call, parameters["BackupArn"])
    if backup.status(call.now_milliseconds) == "CREATING":
        raise CallerError("BackupInUseException", f"Backup is being created: {backup.arn}")
    description = backup_description(call, backup, status="DELETED")
    call.region.remove_backup(backup.arn)
    return {"BackupDescription": description}


def list_backups(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """ListBackups: oldest first, lower time bound inclusive, upper exclusive, USER unless asked otherwise."""
    kind = parameters.get("BackupType", "USER")
    lower = parameters.get("TimeRangeLowerBound", float("-inf"))
    upper = parameters.get("TimeRangeUpperBound", float("inf"))
    if lower > upper:
        raise ValidationError("TimeRangeLowerBound must not be later than TimeRangeUpperBound")
    limit = parameters.get("Limit", 100)
    wanted_name = _name_filter(call, parameters.get("TableName"))
    found = [
        backup
        for backup in call.region.backups(call.account)
        if kind in ("ALL", backup.kind)
        and lower <= backup.created_at_milliseconds / 1000 < upper
        and (wanted_name is None or backup.table.name == wanted_name)
    ]
    found.sort(key=lambda backup: (backup.created_at_milliseconds, backup.arn))
    start = parameters.get("ExclusiveStartBackupArn")
    if start is not None:
        found = _after(found, start)
    answer: dict[str, Any] = {"BackupSummaries": [backup_summary(call, it) for it in found[:limit]]}
    if len(found) > limit:
        answer["LastEvaluatedBackupArn"] = found[limit - 1].arn
    return answer


def _name_filter(call: Call, name_or_arn: str | None) -> str | None:
    if name_or_arn is None:
        return None
    record = find_table(call, name_or_arn)
    return name_or_arn.rpartition("/")[2] if record is None else record.name


def _after(backups: list[BackupRecord], start_arn: str) -> list[BackupRecord]:
    """What follows `start_arn`, which may have been deleted since: its ARN says where it stood."""
    _, _, stamp = start_arn.rpartition("/backup/0")
    milliseconds = stamp.partition("-")[0]
    if not milliseconds.isdecimal():
        raise ValidationError(f"Invalid ExclusiveStartBackupArn: {start_arn}")
    position = (int(milliseconds), start_arn)
    return [backup for backup in backups if (backup.created_at_milliseconds, backup.arn) > position]
