"""On-demand backups: what they hold, how long they last, how they are named and listed.

Not here: AWS Backup, encryption, the size of the two-minute band around the request (BK-02, BK-03): what is
written seconds before is within it, so tests let more than a minute pass where the clock can be moved, and
otherwise compare only what must be in the backup or must not by any reading.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle

BAND_SECONDS = 61
SYSTEM_BACKUP_SECONDS = 15
ARN = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/(?P<table>[^/]+)/backup/0?(?P<ms>[0-9]{13})-[0-9a-f]{8}\Z"
)


@claim("BK-02", "RS-09", consistency=True)
def test_a_backup_holds_what_was_there_and_nothing_later(here: RegionHandle, clock: EndpointClock) -> None:
    """A restore from a backup returns the items as they were, not as they were overwritten or deleted since."""
    table = here.new_table()
    table.put("overwritten", "before")
    table.put("deleted", "before")
    table.put("kept", "before")
    movable = clock.can_move
    if movable:
        clock.pass_seconds(BAND_SECONDS)
    arn = table.back_up()
    if movable:
        clock.pass_seconds(BAND_SECONDS)
    table.put("overwritten", "after")
    table.delete("deleted")
    table.put("added", "after")
    found = here.restore_from_backup(arn).contents()
    wanted = {"overwritten": "before", "deleted": "before", "kept": "before"}
    if not movable and found != wanted and found.get("kept") == "before":
        # Seconds from the request on either side, anything goes by the contract (BK-03).
        lawful = all(found.get(key) in (wanted.get(key), "after", None) for key in {*found, *wanted})
        live = table.contents()
        assert not (lawful and found == live), f"the restored table holds what the source holds now: {found}"
    assert found == wanted, f"the backup held {wanted}, but the restored table holds {found}"


@claim("BK-01", "BK-05")
def test_a_backup_is_announced_and_becomes_available(here: RegionHandle) -> None:
    """CreateBackup answers at once with the backup's details; the backup becomes AVAILABLE by itself."""
    table = here.new_table()
    arn = table.back_up("announced")
    details = here.backup_details(arn)
    assert details["BackupStatus"] == "AVAILABLE", f"the backup's status is {details['BackupStatus']}"
    assert details["BackupName"] == "announced", f"the backup is called {details['BackupName']}"
    assert details["BackupType"] == "USER", f"an on-demand backup has BackupType {details['BackupType']}"


@claim("BK-09")
def test_a_backup_outlives_its_table(here: RegionHandle) -> None:
    """After the table has been deleted, its backup can still be described and restored with its items."""
    table = here.new_table()
    table.put("a", "one")
    arn = table.back_up()
    here.client.delete_table(TableName=table.name)
    assert table.wait_until_gone(), "the table could not be deleted"
    try:
        details = here.backup_details(arn)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise AssertionError(f"after its table was deleted, the backup is answered with {code}") from error
    assert details["BackupStatus"] == "AVAILABLE", f"the backup's status became {details['BackupStatus']}"
    found = here.restore_from_backup(arn).contents()
    assert found == {"a": "one"}, f"the backup of the deleted table restored {found}"


@claim("BK-13", "RS-11")
def test_a_deleted_backup_cannot_be_used(here: RegionHandle) -> None:
    """After DeleteBackup, describing, deleting and restoring the backup give BackupNotFoundException."""
    table = here.new_table()
    arn = table.back_up()
    here.client.delete_backup(BackupArn=arn)

    def is_gone() -> bool:
        try:
            return bool(here.backup_details(arn)["BackupStatus"] == "DELETED")
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "BackupNotFoundException")

    assert until(is_gone, seconds=PATIENCE_SECONDS), "the deleted backup is still described as a living one"
    code = "BackupNotFoundException"
    refused(here.client.describe_backup, code, what="describing a deleted backup", BackupArn=arn)
    refused(
        here.client.restore_table_from_backup,
        code,
        what="restoring a deleted backup",
        BackupArn=arn,
        TargetTableName=here.names.new("restored"),
    )
    refused(here.client.delete_backup, code, what="deleting a deleted backup", BackupArn=arn)


@claim("BK-14")
def test_a_backup_is_named_as_documented(here: RegionHandle) -> None:
    """A backup's ARN names its table and its creation in milliseconds; backup names follow their pattern."""
    table = here.new_table()
    arn = table.back_up()
    match = ARN.match(arn)
    assert match, f"the ARN {arn} does not have the form table/NAME/backup/0<13 digits>-<8 hex digits>"
    assert match["table"] == table.name, f"the backup of {table.name} has the ARN {arn}"
    created: datetime = here.backup_details(arn)["BackupCreationDateTime"]
    apart_seconds = abs(created.timestamp() - int(match["ms"]) / 1000)
    assert apart_seconds < 1.001, (
        f"the ARN's milliseconds are {apart_seconds} s apart from BackupCreationDateTime"
    )
    for name in ("no spaces", "n" * 256, "b!"):
        refused(
            here.unchecked.create_backup,
            "ValidationException",
            what=f"a backup named {name[:20]!r} ({len(name)} characters)",
            TableName=table.name,
            BackupName=name,
        )


@claim("BK-15")
def test_backups_are_listed_by_table_and_time_and_page_by_page(
    here: RegionHandle, clock: EndpointClock
) -> None:
    """The lower time bound is inclusive, the upper exclusive; Limit and ExclusiveStartBackupArn page."""
    table, other = here.new_table(), here.new_table()
    arns = []
    for _ in range(3):
        arns.append(table.back_up())
        clock.pass_seconds(2)
    other.back_up()

    def listed(**more: object) -> list[str]:
        answer = here.client.list_backups(TableName=table.name, **more)
        return [summary["BackupArn"] for summary in answer["BackupSummaries"]]

    everything = (
        until(lambda: listed() if set(listed()) == set(arns) else [], seconds=PATIENCE_SECONDS) or listed()
    )
    assert set(everything) == set(arns), (
        f"of {len(arns)} backups of the table, ListBackups shows {len(everything)}"
    )
    pages: list[str] = []
    start: dict[str, object] = {}
    for _ in range(5):
        answer = here.client.list_backups(TableName=table.name, Limit=1, **start)
        found = [summary["BackupArn"] for summary in answer["BackupSummaries"]]
        assert len(found) <= 1, f"ListBackups with Limit=1 returned {len(found)} backups"
        pages += found
        if not answer.get("LastEvaluatedBackupArn"):
            break
        start = {"ExclusiveStartBackupArn": answer["LastEvaluatedBackupArn"]}
    assert sorted(pages) == sorted(arns), f"paging through {len(arns)} backups gave {len(pages)}"
    second = here.backup_details(arns[1])["BackupCreationDateTime"]
    if second.microsecond:
        # boto3 sends whole seconds: bounds then lie just before and just after the backup.
        second = second.replace(microsecond=0)
        after = listed(TimeRangeLowerBound=second + timedelta(seconds=1))
        before = listed(TimeRangeUpperBound=second)
    else:
        after = listed(TimeRangeLowerBound=second)
        before = listed(TimeRangeUpperBound=second)
        assert arns[1] in after, "a backup made exactly at TimeRangeLowerBound is left out"
    assert arns[1] not in before, "a backup that was not made before TimeRangeUpperBound is listed"
    assert arns[0] in before, "a backup made before TimeRangeUpperBound is left out"
    assert arns[0] not in after, "a backup made before TimeRangeLowerBound is listed"
    assert arns[2] in after, "a backup made after TimeRangeLowerBound is left out"


@claim("BK-16", "PI-21")
def test_deleting_a_table_with_recovery_leaves_a_system_backup(
    here: RegionHandle, clock: EndpointClock
) -> None:
    """The SYSTEM backup is named TABLE$DeletedTableBackup, lasts 35 days and restores the last state."""
    table = here.new_table(recovery=True)
    table.put("a", "last")
    clock.pass_seconds(3)
    here.client.delete_table(TableName=table.name)
    assert table.wait_until_gone(), "the table could not be deleted"

    def system_backups() -> list[dict[str, object]]:
        summaries: list[dict[str, object]] = here.client.list_backups(
            TableName=table.name, BackupType="SYSTEM"
        )["BackupSummaries"]
        return summaries

    found = until(system_backups, seconds=SYSTEM_BACKUP_SECONDS)
    assert found, "no SYSTEM backup was made of a deleted table that had point-in-time recovery on"
    backup = found[0]
    name = backup["BackupName"]
    assert name == f"{table.name}$DeletedTableBackup", f"the SYSTEM backup is named {name}"
    arn = str(backup["BackupArn"])
    details = here.backup_details(arn)
    expiry, created = details.get("BackupExpiryDateTime"), details["BackupCreationDateTime"]
    assert expiry is not None, "the SYSTEM backup has no BackupExpiryDateTime"
    days = (expiry - created) / timedelta(days=1)
    assert 34.9 < days < 35.1, f"the SYSTEM backup expires after {days:.1f} days, not after 35"
    restored = here.restore_from_backup(arn).contents()
    assert restored == {"a": "last"}, f"the SYSTEM backup restored {restored}"


@claim("AP-07")
def test_backup_operations_on_an_unknown_table_say_so(here: RegionHandle) -> None:
    """CreateBackup, DescribeContinuousBackups and UpdateContinuousBackups give TableNotFoundException."""
    name = here.names.new("absent")
    for what, call, more in (
        ("CreateBackup", here.client.create_backup, {"BackupName": "backup"}),
        ("DescribeContinuousBackups", here.client.describe_continuous_backups, {}),
        (
            "UpdateContinuousBackups",
            here.client.update_continuous_backups,
            {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
        ),
    ):
        refused(call, "TableNotFoundException", what=f"{what} of an unknown table", TableName=name, **more)
