"""Restores of both kinds: where they go and what comes along. Which data they bring is in test_recovery and
test_backups. Not here: indexes, encryption, restores from another Region.
"""

from __future__ import annotations

from ddbproof.conformance.kit import claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle


@claim("RS-01", "PI-13")
def test_a_restore_goes_to_a_new_table_only(here: RegionHandle) -> None:
    """A restore onto an existing table is refused with TableAlreadyExistsException and changes nothing."""
    table = here.new_table(recovery=True)
    table.put("a", "before")
    arn = table.back_up()
    table.put("a", "after")
    codes = ("TableAlreadyExistsException",)
    refused(
        here.client.restore_table_from_backup,
        *codes,
        what="a restore from a backup onto the existing source table",
        BackupArn=arn,
        TargetTableName=table.name,
    )
    refused(
        here.client.restore_table_to_point_in_time,
        *codes,
        what="a restore to a point in time onto the existing source table",
        SourceTableName=table.name,
        TargetTableName=table.name,
        UseLatestRestorableTime=True,
    )
    found = table.get("a")
    assert found == "after", f"the refused restore changed the existing table: it holds {found}"


@claim("RS-02")
def test_a_restored_table_tells_where_it_came_from(here: RegionHandle) -> None:
    """The answer says CREATING; RestoreSummary names the backup and the source, and ends not in progress."""
    table = here.new_table()
    arn = table.back_up()
    restored = here.table(here.names.new("restored"))
    description = here.client.restore_table_from_backup(BackupArn=arn, TargetTableName=restored.name)[
        "TableDescription"
    ]
    status = description.get("TableStatus")
    assert status == "CREATING", f"RestoreTableFromBackup answered with TableStatus {status}"
    restored.wait_until_active()
    summary = restored.describe().get("RestoreSummary")
    assert summary, "DescribeTable of a restored table has no RestoreSummary"
    assert summary.get("SourceBackupArn") == arn, (
        f"RestoreSummary names the backup {summary.get('SourceBackupArn')}"
    )
    done = until(
        lambda: restored.describe()["RestoreSummary"].get("RestoreInProgress") is False,
        seconds=PATIENCE_SECONDS,
    )
    assert done, "the restored table is ACTIVE, but RestoreInProgress stays true"


@claim("RS-05")
def test_a_restored_table_does_not_inherit_protection_or_recovery(
    here: RegionHandle, clock: EndpointClock
) -> None:
    """Point-in-time recovery and deletion protection of the source are off on the restored table."""
    table = here.new_table(recovery=True)
    here.client.update_table(TableName=table.name, DeletionProtectionEnabled=True)
    table.wait_until_active()
    clock.pass_seconds(1)
    restored = here.restore_from_backup(table.back_up())
    assert not restored.describe().get("DeletionProtectionEnabled"), (
        "the restored table is protected against deletion like its source"
    )
    status = restored.recovery().get("PointInTimeRecoveryStatus")
    assert status == "DISABLED", f"point-in-time recovery of the restored table is {status} like its source's"


@claim("RS-10")
def test_a_restored_table_is_independent_of_its_source(here: RegionHandle) -> None:
    """Writes to either table do not show in the other, and the restored table is in no global table."""
    table = here.new_table()
    table.put("a", "one")
    restored = here.restore_from_backup(table.back_up())
    table.put("a", "source")
    table.put("b", "source")
    restored.put("a", "restored")
    restored.delete("missing")
    found, source = restored.contents(), table.contents()
    assert found == {"a": "restored"}, f"after writes to its source the restored table holds {found}"
    assert source == {"a": "source", "b": "source"}, (
        f"after writes to the restored table the source holds {source}"
    )
    assert not restored.describe().get("Replicas"), "the restored table is a member of a global table"
