"""The API model: which errors an operation may answer, and which values it may take.

Each operation lists its own errors, so "there is no such table" has another code in backup operations than
elsewhere, and a client that handles the listed ones handles all. Requests with values outside the model are
sent unchecked. Not here: errors of operations on items, streams, exports, the 2017 version of global tables.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused
from ddbproof.conformance.kit.tables import PARTITION_KEY, RegionHandle

OVERLOAD_STATUSES = (429, 502, 503, 504)


def unknown_backup(here: RegionHandle) -> str:
    """The ARN of a backup that never was, well-formed and of this account and Region."""
    table_arn = here.shared_table().describe().get("TableArn")
    if table_arn is None:
        raise Inconclusive("could not prepare: DescribeTable shows no TableArn")
    return f"{table_arn}/backup/01489173575360-b308cd7d"


@claim("AP-05")
def test_changes_of_an_unknown_table_say_so(here: RegionHandle) -> None:
    """UpdateTable and DeleteTable of a table that never was give ResourceNotFoundException."""
    name = here.names.new("absent")
    for operation, request in (
        (here.client.update_table, {"BillingMode": "PAY_PER_REQUEST"}),
        (here.client.delete_table, {}),
    ):
        what = f"{operation.__name__} of an unknown table"
        refused(operation, "ResourceNotFoundException", what=what, TableName=name, **request)


@claim("AP-06")
def test_describing_an_unknown_table_says_so(here: RegionHandle) -> None:
    """DescribeTable of a table that never was gives ResourceNotFoundException."""
    name = here.names.new("absent")
    what = "describing a table that never was"
    refused(here.client.describe_table, "ResourceNotFoundException", what=what, TableName=name)


@claim("AP-06")
def test_listing_backups_of_an_unknown_table_is_no_error(here: RegionHandle) -> None:
    """ListBackups lists no error about tables, since backups outlive them: of an unknown one it shows none."""
    answer = here.client.list_backups(TableName=here.names.new("absent"))
    found = answer.get("BackupSummaries")
    assert found == [], f"of a table that never was, ListBackups shows {found}"


@claim("AP-07")
def test_backup_operations_on_an_unknown_table_or_backup_say_so(here: RegionHandle) -> None:
    """For a table that is TableNotFoundException, for a backup BackupNotFoundException."""
    name = here.names.new("absent")
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    for operation, request in (
        (here.client.create_backup, {"BackupName": "backup"}),
        (here.client.describe_continuous_backups, {}),
        (here.client.update_continuous_backups, recovery),
    ):
        what = f"{operation.__name__} of an unknown table"
        refused(operation, "TableNotFoundException", what=what, TableName=name, **request)
    arn = unknown_backup(here)
    for operation in (here.client.describe_backup, here.client.delete_backup):
        what = f"{operation.__name__} of an unknown backup"
        refused(operation, "BackupNotFoundException", what=what, BackupArn=arn)


@claim("AP-08")
def test_restores_of_an_unknown_source_say_so(here: RegionHandle) -> None:
    """A backup that never was gives BackupNotFoundException, a table that never was TableNotFoundException."""
    refused(
        here.client.restore_table_from_backup,
        "BackupNotFoundException",
        what="restoring a backup that never was",
        BackupArn=unknown_backup(here),
        TargetTableName=here.names.new("restored"),
    )
    absent = here.names.new("absent")
    arn = str(here.shared_table().describe().get("TableArn")).rpartition("/")[0]
    for source in ({"SourceTableName": absent}, {"SourceTableArn": f"{arn}/{absent}"}):
        refused(
            here.client.restore_table_to_point_in_time,
            "TableNotFoundException",
            what=f"restoring a table that never was, named by {next(iter(source))},",
            TargetTableName=here.names.new("restored"),
            UseLatestRestorableTime=True,
            **source,
        )


@claim("AP-13")
def test_values_outside_the_model_are_refused_by_table_operations(here: RegionHandle) -> None:
    """Unknown enumeration values and numbers out of range give ValidationException."""
    for what, change in (
        ("with BillingMode FREE", {"BillingMode": "FREE"}),
        ("with TableClass GOLD", {"TableClass": "GOLD"}),
        ("with KeyType SORT", {"KeySchema": [PARTITION_KEY | {"KeyType": "SORT"}]}),
        (
            "with 0 read capacity units",
            {
                "BillingMode": "PROVISIONED",
                "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 1},
            },
        ),
    ):
        request: dict[str, Any] = {
            "TableName": here.names.new("outside"),
            "KeySchema": [PARTITION_KEY],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
            **change,
        }
        refused(here.unchecked.create_table, "ValidationException", what=f"a table {what}", **request)
    for limit in (0, 101):
        what = f"ListTables with Limit={limit}"
        refused(here.unchecked.list_tables, "ValidationException", what=what, Limit=limit)


@claim("AP-13")
def test_values_outside_the_model_are_refused_by_backup_operations(here: RegionHandle) -> None:
    """Limits, unknown enumeration values, target names and ARNs outside the model give ValidationException."""
    arn = here.shared_table().back_up()
    for limit in (0, 101):
        what = f"ListBackups with Limit={limit}"
        refused(here.unchecked.list_backups, "ValidationException", what=what, Limit=limit)
    what = "ListBackups with BackupType DAILY"
    refused(here.unchecked.list_backups, "ValidationException", what=what, BackupType="DAILY")
    what = "DescribeBackup with a BackupArn of 10 characters"
    refused(here.unchecked.describe_backup, "ValidationException", what=what, BackupArn="arn:aws:dy")
    name = here.names.new("restored")
    for what, change in (
        ("under a name with a blank", {"TargetTableName": f"{name} z"}),
        ("under a name of 256 characters", {"TargetTableName": name.ljust(256, "z")}),
        ("with BillingModeOverride FREE", {"BillingModeOverride": "FREE"}),
    ):
        request = {"BackupArn": arn, "TargetTableName": here.names.new("restored"), **change}
        refused(
            here.unchecked.restore_table_from_backup,
            "ValidationException",
            what=f"a restore {what}",
            **request,
        )


@claim("AP-17")
def test_faults_of_the_caller_have_status_400(here: RegionHandle, seen: dict[str, str]) -> None:
    """Each error that the caller is to blame for comes with HTTP status 400, whatever its code."""
    table = here.shared_table()
    key = {"pk": {"S": here.names.key()}}
    table.client.put_item(TableName=table.name, Item=key)
    for code, operation, request in (
        (
            "ResourceNotFoundException",
            here.client.get_item,
            {"TableName": here.names.new("absent"), "Key": key},
        ),
        ("ValidationException", here.client.get_item, {"TableName": table.name, "Key": {"pk": {"N": "1"}}}),
        (
            "ConditionalCheckFailedException",
            here.client.put_item,
            {"TableName": table.name, "Item": key, "ConditionExpression": "attribute_not_exists(pk)"},
        ),
        (
            "ResourceInUseException",
            here.client.create_table,
            {
                "TableName": table.name,
                "KeySchema": [PARTITION_KEY],
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        ),
    ):
        try:
            operation(**request)
        except ClientError as error:
            found, status = (
                error.response["Error"]["Code"],
                error.response["ResponseMetadata"]["HTTPStatusCode"],
            )
            if status in OVERLOAD_STATUSES:
                raise
            if found != code:
                raise Inconclusive(
                    f"a request meant to fail with {code} was answered {status} {found}"
                ) from error
            seen[f"status of {code}"] = str(status)
            assert status == 400, f"{code} comes with HTTP status {status}, not 400"
        else:
            raise Inconclusive(f"a request meant to fail with {code} was accepted; another test judges that")
