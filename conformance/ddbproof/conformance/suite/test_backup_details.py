"""What is told of a backup, from the request on: its state, its type, its name, its table, its end.

The documentation calls a finished backup ACTIVE in one place and AVAILABLE in another (AP-18); both pass. The
form of the identifier in a backup's ARN is known from examples only, so it can make a target differ, not fail.
Not here: what a backup holds (test_backups), the indexes, streams and time to live noted in its details.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.tables import PATIENCE_SECONDS, RegionHandle, TableHandle

ARN = re.compile(
    r"arn:aws[a-z-]*:dynamodb:(?P<region>[^:]+):(?P<account>[^:]+):table/(?P<table>[^/]+)/backup/(?P<id>[^/]+)\Z"
)
IDENTIFIER = re.compile(r"0?(?P<milliseconds>[0-9]{13})-[0-9a-f]{8}\Z")
FINISHED = ("AVAILABLE", "ACTIVE")
ROUNDS = 8


def requested(table: TableHandle, name: str = "ddbproof") -> dict[str, Any]:
    """BackupDetails as CreateBackup answers them, without waiting for the backup.

    Asks again while ContinuousBackupsUnavailableException says that backups are not kept yet.
    """
    details: dict[str, Any] = {}

    def request() -> bool:
        try:
            answer = table.client.create_backup(TableName=table.name, BackupName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ContinuousBackupsUnavailableException":
                raise
            return False
        details.update(answer.get("BackupDetails", {}))
        return True

    if not until(request, seconds=PATIENCE_SECONDS):
        raise Inconclusive("could not prepare: backups are not kept of this table")
    assert "BackupArn" in details, f"CreateBackup answered with the details {details}, without a BackupArn"
    return details


def status_of(here: RegionHandle, arn: str) -> str:
    """BackupStatus as DescribeBackup tells it."""
    return str(here.backup_details(arn).get("BackupStatus"))


def wait_until_finished(here: RegionHandle, arn: str) -> str:
    """The first status that is not CREATING; Inconclusive if there is none in time."""
    until(lambda: status_of(here, arn) != "CREATING", seconds=PATIENCE_SECONDS)
    status = status_of(here, arn)
    if status == "CREATING":
        raise Inconclusive(f"a backup was still CREATING after {PATIENCE_SECONDS:.0f} seconds")
    return status


@claim("BK-05")
def test_a_backup_is_announced_and_becomes_available(here: RegionHandle) -> None:
    """CreateBackup answers at once, CREATING or finished; the backup becomes AVAILABLE and stays so."""
    announced = requested(here.shared_table())
    status = announced.get("BackupStatus")
    assert status in ("CREATING", *FINISHED), f"CreateBackup answered with BackupStatus {status}"
    arn = announced["BackupArn"]
    first = wait_until_finished(here, arn)
    assert first in FINISHED, f"after CREATING the backup's status is {first}"
    for _ in range(3):
        status = status_of(here, arn)
        assert status == first, f"a backup that was {first} is {status} later"


@claim("AP-18")
def test_the_states_of_a_backup_are_known_ones(here: RegionHandle, seen: dict[str, str]) -> None:
    """A finished backup is AVAILABLE (or ACTIVE, as one page has it), in DescribeBackup as in ListBackups."""
    table = here.new_table()
    arn = requested(table)["BackupArn"]
    status = wait_until_finished(here, arn)
    seen["status of a finished backup"] = status
    assert status in FINISHED, f"a finished backup has the status {status}, which exists on no page"

    def listed() -> list[str]:
        answer = here.client.list_backups(TableName=table.name)
        return [str(one.get("BackupStatus")) for one in answer["BackupSummaries"] if one["BackupArn"] == arn]

    until(lambda: listed() == [status], seconds=PATIENCE_SECONDS)
    assert listed() == [status], f"DescribeBackup shows the backup as {status}, ListBackups as {listed()}"


@claim("BK-06")
def test_a_table_goes_on_working_while_it_is_backed_up(here: RegionHandle) -> None:
    """From CreateBackup on, writes and reads of the table succeed, and its status is one that serves them."""
    table = here.new_table()
    table.put("a", "before")
    requested(table)
    for number in range(ROUNDS):
        table.put("a", str(number))
        found = table.get("a")
        assert found == str(number), f"during a backup, {number} was written and {found} was read"
        status = table.status()
        assert status in ("ACTIVE", "UPDATING"), f"during a backup the table's status is {status}"


@claim("BK-07")
def test_a_backup_notes_the_capacity_and_the_keys_of_its_table(here: RegionHandle) -> None:
    """SourceTableDetails tell name, keys and capacity as they were, also after the capacity has been changed."""
    table = here.new_table(
        sort_type="N",
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 4, "WriteCapacityUnits": 3},
    )
    described = table.describe()
    arn = table.back_up()
    here.client.update_table(
        TableName=table.name, ProvisionedThroughput={"ReadCapacityUnits": 6, "WriteCapacityUnits": 5}
    )
    table.wait_until_active()
    source = here.client.describe_backup(BackupArn=arn)["BackupDescription"].get("SourceTableDetails", {})
    units = source.get("ProvisionedThroughput", {})
    noted = units.get("ReadCapacityUnits"), units.get("WriteCapacityUnits")
    assert noted == (4, 3), f"the table had 4 and 3 units when it was backed up, the backup notes {noted}"
    for member in ("TableName", "TableId", "KeySchema"):
        found, wanted = source.get(member), described.get(member)
        assert found == wanted, f"of a table with {member} {wanted} the backup notes {found}"


@claim("BK-08")
def test_a_table_cannot_be_deleted_under_its_backup(here: RegionHandle, seen: dict[str, str]) -> None:
    """While a backup is CREATING its table cannot be deleted; a deletion at once leaves the backup whole."""
    table = here.new_table()
    table.put("a", "one")
    arn = requested(table)["BackupArn"]
    before = status_of(here, arn)
    try:
        here.client.delete_table(TableName=table.name)
    except ClientError as error:
        if before != "CREATING":
            raise
        seen["DeleteTable during a backup"] = error.response["Error"]["Code"]
        wait_until_finished(here, arn)
        here.client.delete_table(TableName=table.name)
    else:
        after = status_of(here, arn)
        # Once finished it is never CREATING again, so a backup that is CREATING afterwards was it then.
        assert after != "CREATING", "DeleteTable was accepted while a backup of the table was CREATING"
    wait_until_finished(here, arn)
    assert table.wait_until_gone(), "the deleted table can still be described"
    found = here.restore_from_backup(arn).contents()
    assert found == {"a": "one"}, f"a backup whose table was deleted right after the request restored {found}"


@claim("BK-10")
def test_a_backup_by_hand_is_of_type_user_and_does_not_expire(here: RegionHandle) -> None:
    """BackupType is USER and there is no BackupExpiryDateTime, in DescribeBackup as in ListBackups."""
    table = here.new_table()
    arn = table.back_up()

    def listed() -> list[dict[str, Any]]:
        answer = here.client.list_backups(TableName=table.name)
        return [one for one in answer["BackupSummaries"] if one["BackupArn"] == arn]

    until(listed, seconds=PATIENCE_SECONDS)
    for where, found in (
        ("DescribeBackup", here.backup_details(arn)),
        *(("ListBackups", it) for it in listed()),
    ):
        kind, expiry = found.get("BackupType"), found.get("BackupExpiryDateTime")
        assert kind == "USER", f"{where} shows a backup made by CreateBackup as {kind}"
        assert expiry is None, f"{where} shows a backup of type USER that expires at {expiry}"


@claim("BK-14")
def test_a_backup_has_the_name_it_was_given_and_an_arn_below_its_table(here: RegionHandle) -> None:
    """Names of 3 and 255 characters are kept; the ARN is that of the table, /backup/ and an identifier."""
    table = here.shared_table()
    table_arn = str(table.describe().get("TableArn"))
    for name in ("b-1", "Backup_1.".ljust(255, "n")):
        arn = table.back_up(name)
        found = here.backup_details(arn).get("BackupName")
        assert found == name, f"a backup made as {name[:20]!r} ({len(name)} characters) is called {found!r}"
        match = ARN.match(arn)
        assert match, f"a backup's ARN is {arn}, not TABLE-ARN/backup/IDENTIFIER"
        assert match["table"] == table.name, f"a backup of {table.name} has the ARN {arn}"
        assert arn.startswith(f"{table_arn}/backup/"), f"a backup of the table {table_arn} has the ARN {arn}"


@claim("BK-14")
def test_backup_names_follow_their_rule(here: RegionHandle) -> None:
    """A name of 2 or 256 characters, or with other signs than a-z, A-Z, 0-9, _, - and ., is refused."""
    table = here.shared_table()
    for what, name in (
        ("of 2 characters", "bb"),
        ("of 256 characters", "n" * 256),
        ("with a blank", "no blanks"),
        ("with an exclamation mark", "now!"),
        ("with the dollar sign of SYSTEM backups", "table$DeletedTableBackup"),
    ):
        refused(
            here.unchecked.create_backup,
            "ValidationException",
            what=f"a backup name {what}",
            TableName=table.name,
            BackupName=name,
        )


@claim("BK-22")
def test_a_backup_is_identified_as_in_the_examples(here: RegionHandle) -> None:
    """The identifier is the creation in milliseconds and eight hexadecimal digits; one name serves two backups."""
    table = here.shared_table()
    arns = [table.back_up("the-same"), table.back_up("the-same")]
    assert arns[0] != arns[1], f"two backups of one name have the same ARN {arns[0]}"
    for arn in arns:
        match = IDENTIFIER.match(arn.rpartition("/")[2])
        assert match, f"the ARN {arn} does not end in 0, 13 digits, a hyphen and 8 hexadecimal digits"
        created: datetime = here.backup_details(arn)["BackupCreationDateTime"]
        apart_seconds = abs(created.timestamp() - int(match["milliseconds"]) / 1000)
        assert apart_seconds < 1.001, (
            f"the ARN's milliseconds are {apart_seconds} s apart from BackupCreationDateTime"
        )


@claim("BK-23")
def test_a_deletion_tells_what_it_deletes(here: RegionHandle, seen: dict[str, str]) -> None:
    """DeleteBackup answers with the backup's description; afterwards it is not listed, or only as DELETED."""
    table = here.new_table()
    arn, kept = table.back_up("unwanted"), table.back_up("wanted")
    details = here.client.delete_backup(BackupArn=arn).get("BackupDescription", {}).get("BackupDetails", {})
    told = details.get("BackupArn"), details.get("BackupName")
    assert told == (arn, "unwanted"), f"DeleteBackup of {arn} answered with the description of {told}"
    seen["BackupStatus in the answer to DeleteBackup"] = str(details.get("BackupStatus"))

    def listed() -> set[str]:
        answer = here.client.list_backups(TableName=table.name)
        return {one["BackupArn"] for one in answer["BackupSummaries"] if one.get("BackupStatus") != "DELETED"}

    here.patience.until("deleting a backup", lambda: listed() == {kept}, seconds=PATIENCE_SECONDS)
    assert listed() == {kept}, f"of two backups one was deleted, and ListBackups shows {sorted(listed())}"
