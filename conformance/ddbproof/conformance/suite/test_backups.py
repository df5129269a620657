"""On-demand backups: what they hold, how long they last, how they are listed.

What is told of a single backup is in test_backup_details. A backup surely holds what was written a minute before the request and surely nothing written a minute after
it (BK-02); in between anything is lawful (BK-03), so only what lies outside that band can fail a target.
Not here: AWS Backup, encryption.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle

BAND_SECONDS = 61
SYSTEM_BACKUP_SECONDS = 10


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


@claim("BK-01")
def test_each_backup_is_a_full_one(here: RegionHandle) -> None:
    """A second backup holds the whole table again, not what changed since the first, and needs no first one."""
    table = here.new_table()
    table.put("a", "one")
    table.put("b", "one")
    first = table.back_up()
    second = table.back_up()
    here.client.delete_backup(BackupArn=first)
    found = here.restore_from_backup(second).contents()
    assert found == {"a": "one", "b": "one"}, (
        f"two items were in the table; its second backup, the first one being deleted, restored {found}"
    )


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


@claim("BK-15")
def test_backups_are_listed_by_their_type(here: RegionHandle, clock: EndpointClock) -> None:
    """Without BackupType only USER backups are listed, with SYSTEM only those, with ALL both."""
    table = here.new_table(recovery=True)
    user = table.back_up()
    clock.pass_seconds(3)
    here.client.delete_table(TableName=table.name)
    if not table.wait_until_gone():
        raise Inconclusive("could not prepare: the table could not be deleted")

    def listed(**kind: str) -> dict[str, str]:
        answer = here.client.list_backups(TableName=table.name, **kind)
        return {one["BackupArn"]: one.get("BackupType", "") for one in answer.get("BackupSummaries", [])}

    here.patience.until("a SYSTEM backup", lambda: listed(BackupType="SYSTEM"), seconds=SYSTEM_BACKUP_SECONDS)
    system = listed(BackupType="SYSTEM")
    if not system:
        raise Inconclusive("no SYSTEM backup was made of a deleted table; another test judges that")
    assert set(system.values()) == {"SYSTEM"}, f"with BackupType SYSTEM, ListBackups shows {system}"
    default, everything = listed(), listed(BackupType="ALL")
    assert set(default) == {user}, (
        f"without BackupType, ListBackups shows {sorted(default.values())}, not the one USER backup"
    )
    assert set(everything) == {user, *system}, (
        f"with BackupType ALL, ListBackups shows {sorted(everything.values())}, not one USER and one SYSTEM backup"
    )


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


@claim("BK-11")
def test_a_deleted_table_is_not_backed_up(here: RegionHandle) -> None:
    """CreateBackup of a table that has been deleted gives TableNotFoundException."""
    table = here.new_table()
    table.put("a", "one")
    here.client.delete_table(TableName=table.name)
    if not table.wait_until_gone():
        raise Inconclusive("could not prepare: the table could not be deleted")
    what = "a backup of a deleted table"
    refused(
        here.client.create_backup,
        "TableNotFoundException",
        what=what,
        TableName=table.name,
        BackupName="late",
    )


@claim("BK-12")
def test_a_new_table_can_soon_be_backed_up(here: RegionHandle, seen: dict[str, str]) -> None:
    """CreateBackup of a new ACTIVE table works, at the latest when ContinuousBackupsUnavailableException is over."""
    table = here.new_table()
    answers: list[str] = []

    def backed_up() -> bool:
        try:
            here.client.create_backup(TableName=table.name, BackupName="first")
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
            if answers[-1] != "ContinuousBackupsUnavailableException":
                raise
            return False
        answers.append("a backup")
        return True

    assert until(backed_up, seconds=PATIENCE_SECONDS), (
        f"{PATIENCE_SECONDS:.0f} seconds after a table became ACTIVE, CreateBackup is still answered {answers[-1]}"
    )
    seen["CreateBackup right after the table became ACTIVE"] = answers[0]
