"""Restores of both kinds: where they go and what comes along. Which data they bring is in test_recovery and
test_backups. Not here: indexes, encryption, restores from another Region.
"""

from __future__ import annotations

from ddbproof.conformance.kit import Inconclusive, Violation, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle


@claim("RS-01")
def test_a_backup_is_restored_to_a_new_table_only(here: RegionHandle) -> None:
    """A restore onto an existing table is refused with TableAlreadyExistsException and changes nothing."""
    table = here.new_table()
    table.put("a", "before")
    arn = table.back_up()
    table.put("a", "after")
    refused(
        here.client.restore_table_from_backup,
        "TableAlreadyExistsException",
        what="a restore from a backup onto the existing source table",
        BackupArn=arn,
        TargetTableName=table.name,
    )
    found = table.get("a")
    assert found == "after", f"the refused restore changed the existing table: it holds {found}"


@claim("PI-13")
def test_a_point_in_time_is_restored_to_a_new_table_only(here: RegionHandle, clock: EndpointClock) -> None:
    """A restore onto an existing table is refused with TableAlreadyExistsException and changes nothing."""
    table, existing = here.new_table(recovery=True), here.new_table()
    existing.put("a", "kept")
    clock.pass_seconds(600 if clock.can_move else 3)
    for target in (table, existing):
        try:
            refused(
                here.client.restore_table_to_point_in_time,
                "TableAlreadyExistsException",
                what="a restore to a point in time onto an existing table",
                SourceTableName=table.name,
                TargetTableName=target.name,
                UseLatestRestorableTime=True,
            )
        except Violation as violation:
            if "InvalidRestoreTimeException" in str(violation) and not clock.can_move:
                raise Inconclusive("the table is too young to be restored, and that was told first") from None
            raise
    found = existing.contents()
    assert found == {"a": "kept"}, f"the refused restore changed the existing table: it holds {found}"


@claim("RS-02")
def test_a_restored_table_tells_where_it_came_from(here: RegionHandle, seen: dict[str, str]) -> None:
    """RestoreSummary names the backup and the source table; once the table is ACTIVE the restore is over."""
    table = here.new_table()
    arn = table.back_up()
    restored = here.table(here.names.new("restored"))
    answer = here.client.restore_table_from_backup(BackupArn=arn, TargetTableName=restored.name)
    status = answer.get("TableDescription", {}).get("TableStatus")
    # A restore that is over at once is faster than promised.
    assert status in ("CREATING", "ACTIVE"), f"RestoreTableFromBackup answered with TableStatus {status}"
    seen["TableStatus in the answer to RestoreTableFromBackup"] = str(status)
    restored.wait_until_active()
    summary = restored.describe().get("RestoreSummary")
    assert summary, "DescribeTable of a restored table has no RestoreSummary"
    named = summary.get("SourceBackupArn")
    assert named == arn, f"RestoreSummary names the backup {named}, not {arn}"
    source = str(summary.get("SourceTableArn"))
    assert source.endswith(f":table/{table.name}"), f"RestoreSummary names the source table {source}"
    done = until(
        lambda: restored.describe().get("RestoreSummary", {}).get("RestoreInProgress") is False,
        seconds=PATIENCE_SECONDS,
    )
    assert done, "the restored table is ACTIVE, but RestoreInProgress does not become false"


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


@claim("RS-10", "RS-09")
def test_a_restored_table_and_its_source_go_separate_ways(here: RegionHandle) -> None:
    """What is written to either table after the restore does not show in the other."""
    table = here.new_table()
    table.put("a", "one")
    table.put("b", "one")
    restored = here.restore_from_backup(table.back_up())
    table.put("a", "source")
    table.put("c", "source")
    restored.put("a", "restored")
    restored.delete("b")
    found, source = restored.contents(), table.contents()
    assert found == {"a": "restored"}, f"after writes to its source the restored table holds {found}"
    assert source == {"a": "source", "b": "one", "c": "source"}, (
        f"after writes to the restored table the source holds {source}"
    )


@claim("RS-10")
def test_a_table_restored_from_a_global_table_is_in_none(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """The restored table has no replicas, and no table of its name appears in the other Region."""
    table = here.new_table()
    table.add_replica(elsewhere)
    table.put("a", "one")
    restored = here.restore_from_backup(table.back_up())
    assert not restored.describe().get("Replicas"), "the restored table is a member of a global table"
    restored.put("b", "two")
    assert elsewhere.table(restored.name).status() is None, (
        f"the table restored in {here.name} can be seen in {elsewhere.name}"
    )
