"""Restores of both kinds: where they go, also in another Region, and that whole items arrive.

Which data of which instant they bring is in test_recovery and test_backups, which settings in
test_restore_settings. A restore into another Region is a feature that not every endpoint has: whoever refuses
it does not break a promise. Not here: indexes, encryption keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import (
    Inconclusive,
    NotTestableHere,
    Unsupported,
    Violation,
    claim,
    refused,
    until,
)
from ddbproof.conformance.kit.clock import GUARD_SECONDS, EndpointClock
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, PATIENCE_SECONDS, RegionHandle, TableHandle

WHOLE_ITEM: dict[str, Any] = {
    "text": {"S": "é\u4e16\U0001f600"},
    "empty": {"S": ""},
    "number": {"N": "-12345678901234567890.123456789012345678"},
    "small": {"N": "1E-130"},
    "bytes": {"B": b"\x00\xff\x80"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b", "é"]},
    "numbers": {"NS": ["-1", "0", "2.5"]},
    "binaries": {"BS": [b"\x00", b"\x01\x02"]},
    "list": {"L": [{"S": "x"}, {"L": []}, {"M": {}}, {"NULL": True}]},
    "map": {"M": {"deep": {"M": {"er": {"L": [{"N": "7"}, {"B": b"\x01"}]}}}}},
}


def without_order(value: Any) -> Any:
    """An attribute value in which sets are in one order, for comparing."""
    if isinstance(value, dict):
        return {
            name: sorted(inner) if name in ("SS", "NS", "BS") else without_order(inner)
            for name, inner in value.items()
        }
    return [without_order(inner) for inner in value] if isinstance(value, list) else value


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
    if summary is None and not answer.get("TableDescription", {}).get("RestoreSummary"):
        # The member is optional, and the documentation nowhere says when it must be there.
        raise Inconclusive("neither the restore nor DescribeTable shows a RestoreSummary")
    assert summary, (
        "the answer to the restore has a RestoreSummary, DescribeTable of the restored table has none"
    )
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


@claim("RS-09", consistency=True)
def test_writes_during_a_restore_do_not_show_in_it(here: RegionHandle, clock: EndpointClock) -> None:
    """What is written to the source after the restore was requested, and before it is done, is not in it."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(GUARD_SECONDS + 1)
    table.put("a", "before")
    table.put("b", "before")
    instant = clock.mark()
    need_restorable(table, instant)
    restored = here.table(here.names.new("restored"))
    here.client.restore_table_to_point_in_time(
        SourceTableName=table.name, TargetTableName=restored.name, RestoreDateTime=instant
    )
    table.put("a", "during")
    table.delete("b")
    table.put("c", "during")
    restored.wait_until_active()
    found = restored.contents()
    assert found == {"a": "before", "b": "before"}, (
        f"the source held a and b, and was written to while it was being restored; the restored table holds {found}"
    )


def need_restorable(table: TableHandle, instant: Any) -> None:
    """What a test stands on: that `instant` lies in the table's window by now."""
    if not table.make_restorable(instant):
        raise NotTestableHere("an instant can be restored only after minutes, and this clock cannot be moved")


@claim("RS-12")
def test_a_restored_table_has_the_keys_and_the_whole_items_of_its_source(here: RegionHandle) -> None:
    """Key schema and key types are those of the source; an item with every type of attribute comes back whole."""
    table = here.new_table(sort_type="B")
    key: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"B": b"\xff\x00"}}
    here.client.put_item(TableName=table.name, Item={**key, **WHOLE_ITEM})

    def item_of(side: TableHandle) -> Any:
        return without_order(
            here.client.get_item(TableName=side.name, Key=key, ConsistentRead=True).get("Item", {})
        )

    restored = here.restore_from_backup(table.back_up())
    for member in ("KeySchema", "AttributeDefinitions"):
        kept, wanted = (sorted(side.describe().get(member, []), key=str) for side in (restored, table))
        assert kept == wanted, f"{member} of the source is {wanted}, of the restored table {kept}"
    source, found = item_of(table), item_of(restored)
    changed = sorted(name for name in {*source, *found} if source.get(name) != found.get(name))
    assert not changed, (
        f"of an item with {len(source)} attributes, {len(changed)} are not the same in the restored table: "
        f"{changed[0]} is {found.get(changed[0])}, in the source {source.get(changed[0])}"
    )


def into_another_region(restore: Callable[..., Any], **arguments: Any) -> None:
    """Ask for a restore whose source is in another Region; Unsupported where that is refused."""
    try:
        restore(SSESpecificationOverride={"Enabled": False}, **arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500 or code in ("LimitExceededException", "ThrottlingException"):
            raise
        raise Unsupported(f"a restore from another Region is refused with {code}") from error


def need_to_be_there(restored: TableHandle, elsewhere: RegionHandle, here: RegionHandle) -> None:
    """Asserts that a restore requested in `elsewhere` made its table there and not in the source's Region."""
    made = until(lambda: restored.status() is not None, seconds=DESCRIBING_SECONDS)
    assert made, f"a restore requested in {elsewhere.name} was answered 200, and made no table there"
    restored.wait_until_active()
    if here.table(restored.name).status() is None:
        return
    # A target that keeps one namespace for all Regions is told so by GT-03, and says nothing here.
    if elsewhere.table(here.shared_table().name).status() is not None:
        raise Inconclusive("the target has one namespace for all Regions")
    raise Violation(f"a restore requested in {elsewhere.name} made a table in {here.name}")


@claim("PI-18")
def test_a_point_in_time_is_restored_into_another_region(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock
) -> None:
    """Asked for in the destination with SourceTableArn, the table is made there; without an encryption override, not."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(GUARD_SECONDS + 1)
    table.put("a", "one")
    instant = clock.mark()
    need_restorable(table, instant)
    source = {"SourceTableArn": table.describe().get("TableArn", ""), "RestoreDateTime": instant}
    restored = elsewhere.table(elsewhere.names.new("restored"))
    into_another_region(
        elsewhere.client.restore_table_to_point_in_time, TargetTableName=restored.name, **source
    )
    need_to_be_there(restored, elsewhere, here)
    found = restored.contents()
    assert found == {"a": "one"}, (
        f"the source in {here.name} holds a: one, restored in {elsewhere.name} {found}"
    )
    refused(
        elsewhere.client.restore_table_to_point_in_time,
        what="a restore from another Region without SSESpecificationOverride",
        TargetTableName=elsewhere.names.new("restored"),
        **source,
    )


@claim("PI-19")
def test_a_backup_is_restored_into_another_region(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Asked for in the destination with the backup's ARN, the table is made there; without encryption override, not."""
    table = here.new_table()
    table.put("a", "one")
    arn = table.back_up()
    restored = elsewhere.table(elsewhere.names.new("restored"))
    into_another_region(
        elsewhere.client.restore_table_from_backup, TargetTableName=restored.name, BackupArn=arn
    )
    need_to_be_there(restored, elsewhere, here)
    found = restored.contents()
    assert found == {"a": "one"}, (
        f"the backup in {here.name} holds a: one, restored in {elsewhere.name} {found}"
    )
    refused(
        elsewhere.client.restore_table_from_backup,
        what="a restore of a backup from another Region without SSESpecificationOverride",
        TargetTableName=elsewhere.names.new("restored"),
        BackupArn=arn,
    )
