"""Backups and restores of the reference endpoint, called without a wire and on a clock that stands still."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ddbproof.model.kernel.backup import MOST_AHEAD_MILLISECONDS
from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.metadata import Catalog
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import NotBuiltError, ServiceError, ValidationError
from ddbproof.reference_impl.options import EndpointOptions

START = 1_800_000_000
VIRGINIA, IRELAND, TOKYO = "us-east-1", "eu-west-1", "ap-northeast-1"
DAY = 86_400


class Handle:
    """One endpoint on a frozen clock, with short words for what the tests do."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock(frozen_at_milliseconds=START * 1000)
        self.endpoint = ReferenceEndpoint(EndpointOptions(**options), clock=self.clock)

    def call(self, operation: str, region: str = VIRGINIA, **parameters: Any) -> dict[str, Any]:
        context = CallContext(region, "000000000000")
        return self.endpoint.call(operation, parameters, context)

    def create(self, name: str = "songs", region: str = VIRGINIA, *, recovery: bool = False) -> None:
        self.call(
            "CreateTable",
            region,
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        if recovery:
            self.recovery(name, region)

    def recovery(self, name: str = "songs", region: str = VIRGINIA, **settings: Any) -> dict[str, Any]:
        specification = {"PointInTimeRecoveryEnabled": True, **settings}
        answer = self.call(
            "UpdateContinuousBackups", region, TableName=name, PointInTimeRecoverySpecification=specification
        )
        description: dict[str, Any] = answer["ContinuousBackupsDescription"]
        return description

    def window(self, name: str = "songs", region: str = VIRGINIA) -> tuple[float, float]:
        answer = self.call("DescribeContinuousBackups", region, TableName=name)
        window = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        return window["EarliestRestorableDateTime"] - START, window["LatestRestorableDateTime"] - START

    def put(self, key: str, value: str, name: str = "songs", region: str = VIRGINIA) -> None:
        self.call("PutItem", region, TableName=name, Item={"pk": {"S": key}, "v": {"S": value}})

    def delete(self, key: str, name: str = "songs", region: str = VIRGINIA) -> None:
        self.call("DeleteItem", region, TableName=name, Key={"pk": {"S": key}})

    def contents(self, name: str = "songs", region: str = VIRGINIA) -> dict[str, str]:
        answer = self.call("Scan", region, TableName=name, ConsistentRead=True)
        items = msgspec.json.decode(msgspec.json.encode(answer["Items"]))
        return {item["pk"]["S"]: item["v"]["S"] for item in items}

    def restore(
        self, target: str, at: float | None = None, region: str = VIRGINIA, **more: Any
    ) -> dict[str, Any]:
        when = {"UseLatestRestorableTime": True} if at is None else {"RestoreDateTime": START + at}
        return self.call(
            "RestoreTableToPointInTime",
            region,
            **{"SourceTableName": "songs", "TargetTableName": target, **when, **more},
        )

    def at(self, seconds: float) -> None:
        self.clock.set(START + seconds)


def refused(code: str) -> Any:
    return pytest.raises(ServiceError, check=lambda error: error.code == code)


def test_a_restore_shows_exactly_the_asked_second() -> None:
    """PI-11, RS-09, PI-22: overwritten and deleted items are as they were, later ones are absent."""
    tester = Handle()
    tester.create(recovery=True)
    tester.at(10)
    tester.put("a", "one")
    tester.put("b", "kept")
    tester.at(20)
    tester.put("a", "two")
    tester.delete("b")
    tester.put("c", "late")
    tester.at(400)
    tester.restore("at-9", 9)
    tester.restore("at-10", 10)
    tester.restore("at-19", 19)
    tester.restore("at-20", 20)
    assert tester.contents("at-9") == {}
    assert tester.contents("at-10") == tester.contents("at-19") == {"a": "one", "b": "kept"}
    assert tester.contents("at-20") == {"a": "two", "c": "late"}


def test_the_window_is_enforced_at_both_ends() -> None:
    """PI-07, PI-08, PI-12: one second outside either end is InvalidRestoreTimeException, the ends are legal."""
    tester = Handle()
    tester.create(recovery=True)
    tester.at(40 * DAY)
    assert tester.window() == (5 * DAY, 40 * DAY - 300)
    for outside in (5 * DAY - 1, 40 * DAY - 299, 41 * DAY):
        with refused("InvalidRestoreTimeException"):
            tester.restore("target", outside)
    tester.restore("first", 5 * DAY)
    tester.restore("last", 40 * DAY - 300)


def test_disabling_and_enabling_starts_again() -> None:
    """PI-15: nothing before the second enabling can be restored, and its start is restorable at once."""
    tester = Handle()
    tester.create(recovery=True)
    tester.put("a", "one")
    tester.at(1000)
    tester.recovery(PointInTimeRecoveryEnabled=False)
    with refused("PointInTimeRecoveryUnavailableException"):
        tester.restore("target", 500)
    tester.recovery()
    assert tester.window() == (1000, 1000)
    with refused("InvalidRestoreTimeException"):
        tester.restore("target", 999)
    tester.restore("target", 1000)
    assert tester.contents("target") == {"a": "one"}


def test_a_smaller_period_discards_for_good() -> None:
    """PI-09, PI-10: growing again does not bring the dropped days back."""
    tester = Handle()
    tester.create(recovery=True)
    tester.at(30 * DAY)
    tester.recovery(RecoveryPeriodInDays=7)
    assert tester.window()[0] == 23 * DAY
    tester.recovery(RecoveryPeriodInDays=35)
    assert tester.window()[0] == 23 * DAY


def test_the_start_of_the_window_as_shown_is_restorable() -> None:
    """PI-12: EarliestRestorableDateTime is shown in whole seconds and means the exact start."""
    tester = Handle()
    tester.create()
    tester.at(10.3)
    tester.put("a", "before")
    tester.at(10.7)
    tester.recovery()
    assert tester.window()[0] == 10
    tester.restore("target", 10)
    assert tester.contents("target") == {"a": "before"}


def test_a_restore_goes_to_a_new_table_only() -> None:
    """RS-01, PI-13."""
    tester = Handle()
    tester.create(recovery=True)
    with refused("TableAlreadyExistsException"):
        tester.restore("songs")


def test_a_restored_table_is_plain_and_independent() -> None:
    """RS-05, RS-10: no recovery, no protection, no replicas; neither table sees the other's later writes."""
    tester = Handle()
    tester.create(recovery=True)
    tester.put("a", "one")
    tester.call("UpdateTable", TableName="songs", ReplicaUpdates=[{"Create": {"RegionName": IRELAND}}])
    tester.at(1)
    tester.call("UpdateTable", TableName="songs", DeletionProtectionEnabled=True)
    tester.restore("copy")
    tester.at(2)
    table = tester.call("DescribeTable", TableName="copy")["Table"]
    assert "Replicas" not in table
    assert table["DeletionProtectionEnabled"] is False
    continuous = tester.call("DescribeContinuousBackups", TableName="copy")["ContinuousBackupsDescription"]
    assert continuous["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}
    tester.put("a", "two", "copy")
    tester.put("b", "source only")
    assert tester.contents("copy") == {"a": "two"}


def test_a_backup_is_not_touched_by_what_comes_after() -> None:
    """BK-02, BK-09, RS-09: later writes, and even the table's deletion, leave the backup as it was."""
    tester = Handle()
    tester.create()
    tester.put("a", "one")
    tester.put("b", "kept")
    arn = tester.call("CreateBackup", TableName="songs", BackupName="nightly")["BackupDetails"]["BackupArn"]
    tester.put("a", "two")
    tester.delete("b")
    tester.call("DeleteTable", TableName="songs")
    tester.at(1)
    tester.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="songs")
    assert tester.contents() == {"a": "one", "b": "kept"}


def test_backups_in_one_millisecond_are_as_exact_as_others() -> None:
    """BK-02: each has what was acknowledged before it and nothing that came after, on a clock that stands still."""
    tester = Handle()
    tester.create()
    arns = []
    for number in range(3):
        tester.put("a", str(number))
        details = tester.call("CreateBackup", TableName="songs", BackupName="nightly")["BackupDetails"]
        arns.append(details["BackupArn"])
    for number, arn in enumerate(arns):
        tester.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName=f"copy{number}")
        assert tester.contents(f"copy{number}") == {"a": str(number)}


def test_timestamps_do_not_run_away_from_the_clock() -> None:
    """BK-11: a thousand backups of a table that is written to, in one millisecond, are enough."""
    tester = Handle()
    tester.create()
    for _ in range(MOST_AHEAD_MILLISECONDS + 1):
        tester.call("CreateBackup", TableName="songs", BackupName="nightly")
        tester.put("a", "one")
    with refused("LimitExceededException"):
        tester.call("CreateBackup", TableName="songs", BackupName="nightly")
    tester.at(0.001)
    tester.call("CreateBackup", TableName="songs", BackupName="nightly")


def test_what_is_forgotten_of_a_busy_table_is_missed_by_no_restore() -> None:
    """PI-08, PI-24, BK-09: the log is trimmed; the whole window and an old backup are restored all the same."""
    tester = Handle()
    tester.create(recovery=True)
    tester.put("a", "day 0")
    arn = tester.call("CreateBackup", TableName="songs", BackupName="nightly")["BackupDetails"]["BackupArn"]
    for day in range(1, 41):
        tester.at(day * DAY)
        tester.put("a", f"day {day}")
        for number in range(30):
            tester.put(f"b{number % 3}", f"{day}.{number}")
    table = tester.call("DescribeTable", TableName="songs")["Table"]
    log = tester.endpoint.cluster.regions[VIRGINIA].archive[table["TableId"]].log
    assert 0 < log.trimmed < len(log)
    for day in (5, 6, 20, 39):
        tester.restore(f"day{day}", day * DAY)
        assert tester.contents(f"day{day}") == {"a": f"day {day}"} | {
            f"b{number}": f"{day}.{27 + number}" for number in range(3)
        }
    tester.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="old")
    assert tester.contents("old") == {"a": "day 0"}


def test_deleting_a_table_with_recovery_leaves_a_system_backup_for_35_days() -> None:
    """BK-16, PI-21: the state just before the deletion; it expires, and its log is forgotten."""
    tester = Handle()
    tester.create(recovery=True)
    tester.put("a", "last")
    tester.call("DeleteTable", TableName="songs")
    tester.at(1)
    (summary,) = tester.call("ListBackups", BackupType="SYSTEM")["BackupSummaries"]
    assert summary["BackupName"] == "songs$DeletedTableBackup"
    assert summary["BackupExpiryDateTime"] == START + 35 * DAY
    tester.call("RestoreTableFromBackup", BackupArn=summary["BackupArn"], TargetTableName="again")
    assert tester.contents("again") == {"a": "last"}
    tester.at(35 * DAY)
    assert tester.call("ListBackups", BackupType="SYSTEM")["BackupSummaries"] == []
    assert summary["TableId"] not in tester.endpoint.cluster.regions[VIRGINIA].archive


def test_a_deleted_backup_is_gone() -> None:
    """BK-13, RS-11."""
    tester = Handle()
    tester.create()
    arn = tester.call("CreateBackup", TableName="songs", BackupName="nightly")["BackupDetails"]["BackupArn"]
    tester.call("DeleteBackup", BackupArn=arn)
    for operation, more in [("DescribeBackup", {}), ("RestoreTableFromBackup", {"TargetTableName": "new"})]:
        with refused("BackupNotFoundException"):
            tester.call(operation, BackupArn=arn, **more)


def test_a_backup_in_the_making_cannot_be_used_and_holds_its_table() -> None:
    """BK-05, BK-08, BK-11: CREATING refuses deletion, restore and the deletion of the table."""
    tester = Handle(create_delay_seconds=5)
    tester.create()
    tester.at(5)
    arn = tester.call("CreateBackup", TableName="songs", BackupName="nightly")["BackupDetails"]["BackupArn"]
    with refused("BackupInUseException"):
        tester.call("DeleteBackup", BackupArn=arn)
    with refused("BackupInUseException"):
        tester.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="new")
    with refused("ResourceInUseException"):
        tester.call("DeleteTable", TableName="songs")
    tester.at(10)
    tester.call("DeleteBackup", BackupArn=arn)


def test_from_another_region_an_encryption_override_is_needed() -> None:
    """PI-18: called in the destination Region with the source's ARN."""
    tester = Handle()
    tester.create(recovery=True)
    tester.put("a", "one")
    tester.at(400)
    arn = f"arn:aws:dynamodb:{VIRGINIA}:000000000000:table/songs"
    request = {"SourceTableArn": arn, "TargetTableName": "copy", "UseLatestRestorableTime": True}
    with pytest.raises(ValidationError, match="SSESpecificationOverride is required"):
        tester.call("RestoreTableToPointInTime", IRELAND, **request)
    tester.call("RestoreTableToPointInTime", IRELAND, **request, SSESpecificationOverride={"Enabled": False})
    assert tester.contents("copy", IRELAND) == {"a": "one"}


def test_the_catalog_is_the_fold_of_its_log() -> None:
    """The metadata log alone is enough to know every table and backup."""
    tester = Handle()
    tester.create(recovery=True)
    tester.create("other")
    tester.call("CreateBackup", TableName="songs", BackupName="nightly")
    tester.call("UpdateTable", TableName="songs", ReplicaUpdates=[{"Create": {"RegionName": TOKYO}}])
    tester.at(1)
    tester.call("DeleteTable", TableName="other")
    tester.at(2)
    for region in tester.endpoint.cluster.regions.values():
        again = Catalog.fold(region.metadata.log)
        assert again.tables == region.metadata.catalog.tables
        assert again.names == region.metadata.catalog.names
        assert again.backups == region.metadata.catalog.backups


@pytest.mark.parametrize("operation", ["ExecuteTransaction", "ExportTableToPointInTime", "DescribeLimits"])
def test_what_is_not_built_is_refused_by_name(operation: str) -> None:
    """Never a pretended success."""
    with pytest.raises(NotBuiltError, match=operation):
        Handle().call(operation)
