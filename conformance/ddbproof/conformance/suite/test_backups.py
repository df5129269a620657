"""On-demand backups: what they hold, how long they last, how they are named and listed.

A backup surely holds what was written a minute before the request and surely nothing written a minute after
it (BK-02); in between anything is lawful (BK-03), so only what lies outside that band can fail a target.
Not here: AWS Backup, encryption.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle

BAND_SECONDS = 61
SYSTEM_BACKUP_SECONDS = 10
ARN = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/(?P<table>[^/]+)/backup/0?(?P<ms>[0-9]{13})-[0-9a-f]{8}\Z"
)


@claim("BK-02", "RS-09", consistency=True)
def test_a_backup_holds_what_was_there_and_nothing_later(here: RegionHandle, clock: EndpointClock) -> None:
    """A restore from a backup returns the items as they were, not as they were overwritten or deleted since."""
    found, wanted = backed_up_and_restored(here, clock, BAND_SECONDS if clock.can_move else 0)
    if found != wanted and not clock.can_move:
        # What is written within a minute of the request may be in the backup or not; so once more, in earnest.
        found, wanted = backed_up_and_restored(here, clock, BAND_SECONDS)
    assert found == wanted, (
        f"more than a minute before the backup the table held {wanted}, and it was changed more than a "
        f"minute after; the restored table holds {found}"
    )


def backed_up_and_restored(
    here: RegionHandle, clock: EndpointClock, apart_seconds: int
) -> tuple[dict[str, str], dict[str, str]]:
    """What a restored table holds, and what its source held at the backup, `apart_seconds` from any write."""
    table = here.new_table()
    wanted = {"overwritten": "before", "deleted": "before", "kept": "before"}
    for key, value in wanted.items():
        table.put(key, value)
    clock.pass_seconds(apart_seconds, at_most_seconds=BAND_SECONDS)
    arn = table.back_up()
    clock.pass_seconds(apart_seconds, at_most_seconds=BAND_SECONDS)
    table.put("overwritten", "after")
    table.delete("deleted")
    table.put("added", "after")
    return here.restore_from_backup(arn).contents(), wanted


@claim("BK-01", "BK-05")
def test_a_backup_is_announced_and_becomes_available(here: RegionHandle) -> None:
    """CreateBackup answers at once with the backup's details; the backup becomes AVAILABLE by itself."""
    table = here.new_table()
    arn = table.back_up("announced")
    details = here.backup_details(arn)
    for member, wanted in (
        ("BackupStatus", "AVAILABLE"),
        ("BackupName", "announced"),
        ("BackupType", "USER"),
    ):
        found = details.get(member)
        assert found == wanted, f"{member} of an on-demand backup is {found}, not {wanted}"


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
    status = details.get("BackupStatus")
    assert status == "AVAILABLE", f"after its table was deleted, the backup's status is {status}"
    found = here.restore_from_backup(arn).contents()
    assert found == {"a": "one"}, f"the backup of the deleted table restored {found}"


def deleted_backup(here: RegionHandle) -> str:
    """The ARN of a backup that has been deleted, after the time that may take."""
    arn = here.new_table().back_up()
    here.client.delete_backup(BackupArn=arn)

    def is_gone() -> bool:
        try:
            return here.backup_details(arn).get("BackupStatus") == "DELETED"
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "BackupNotFoundException")

    here.patience.until("deleting a backup", is_gone, seconds=PATIENCE_SECONDS)
    return arn


@claim("BK-13")
def test_a_deleted_backup_is_not_described(here: RegionHandle) -> None:
    """After DeleteBackup, DescribeBackup gives BackupNotFoundException."""
    arn = deleted_backup(here)
    what = "describing a deleted backup"
    refused(here.client.describe_backup, "BackupNotFoundException", what=what, BackupArn=arn)


@claim("RS-11")
def test_a_deleted_backup_cannot_be_restored(here: RegionHandle) -> None:
    """After DeleteBackup, restoring the backup and deleting it again give BackupNotFoundException."""
    arn = deleted_backup(here)
    refused(
        here.client.restore_table_from_backup,
        "BackupNotFoundException",
        what="restoring a deleted backup",
        BackupArn=arn,
        TargetTableName=here.names.new("restored"),
    )
    what = "deleting a deleted backup"
    refused(here.client.delete_backup, "BackupNotFoundException", what=what, BackupArn=arn)


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


def system_backup(here: RegionHandle, clock: EndpointClock) -> dict[str, Any]:
    """The summary of the SYSTEM backup of a deleted table that held {"a": "last"} and had recovery on."""
    table = here.new_table(recovery=True)
    table.put("a", "first")
    table.put("a", "last")
    clock.pass_seconds(3)
    here.client.delete_table(TableName=table.name)
    if not table.wait_until_gone():
        raise Inconclusive("could not prepare: the table could not be deleted")

    def listed() -> list[dict[str, Any]]:
        answer = here.client.list_backups(TableName=table.name, BackupType="SYSTEM")
        found: list[dict[str, Any]] = answer.get("BackupSummaries", [])
        return found

    found = here.patience.until("a SYSTEM backup", listed, seconds=SYSTEM_BACKUP_SECONDS)
    assert found, "no SYSTEM backup was made of a deleted table that had point-in-time recovery on"
    return found[0]


@claim("BK-16")
def test_deleting_a_table_with_recovery_leaves_a_system_backup(
    here: RegionHandle, clock: EndpointClock
) -> None:
    """The SYSTEM backup is named TABLE$DeletedTableBackup and expires after 35 days."""
    backup = system_backup(here, clock)
    name, wanted = backup.get("BackupName"), f"{backup.get('TableName')}$DeletedTableBackup"
    assert name == wanted, f"the SYSTEM backup is named {name}, not {wanted}"
    details = here.backup_details(backup["BackupArn"])
    expiry = details.get("BackupExpiryDateTime")
    assert expiry is not None, "the SYSTEM backup has no BackupExpiryDateTime"
    days = (expiry - details["BackupCreationDateTime"]) / timedelta(days=1)
    assert 34.9 < days < 35.1, f"the SYSTEM backup expires after {days:.1f} days, not after 35"


@claim("PI-21")
def test_the_last_state_of_a_deleted_table_can_be_restored(here: RegionHandle, clock: EndpointClock) -> None:
    """Restored from its SYSTEM backup, a deleted table holds what it held when it was deleted."""
    backup = system_backup(here, clock)
    restored = here.restore_from_backup(backup["BackupArn"]).contents()
    assert restored == {"a": "last"}, f"the SYSTEM backup restored {restored}, the table last held a: last"


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
