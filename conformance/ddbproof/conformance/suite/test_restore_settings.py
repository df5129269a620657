"""Settings of restored tables: capacity, billing mode, class; what is taken over and what can be overridden.

By one page a restore to an instant has the capacity of that instant, by another the source's present one
(PI-23): both pass and are reported. Not here: on-demand limits, encryption, auto scaling.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, RegionHandle, TableHandle


def units(read: int, write: int) -> dict[str, int]:
    """A ProvisionedThroughput."""
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def shown(table: TableHandle) -> tuple[str, int, int]:
    """Billing mode, read and write units as DescribeTable shows them; without a mode it is PROVISIONED."""
    described = table.describe()
    mode = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    capacity = described.get("ProvisionedThroughput", {})
    return mode, capacity.get("ReadCapacityUnits", 0), capacity.get("WriteCapacityUnits", 0)


def provisioned(here: RegionHandle, read: int, write: int, **more: Any) -> TableHandle:
    """A new table with that capacity; Inconclusive if it does not show it."""
    table = here.new_table(BillingMode="PROVISIONED", ProvisionedThroughput=units(read, write), **more)
    if shown(table) != ("PROVISIONED", read, write):
        raise Inconclusive(
            f"could not prepare: a table made with {read} and {write} units shows {shown(table)}"
        )
    return table


def provision_anew(table: TableHandle, read: int, write: int) -> None:
    """Change the units; Inconclusive if the table does not show them."""
    table.client.update_table(TableName=table.name, ProvisionedThroughput=units(read, write))
    table.wait_until_active()
    if not until(lambda: shown(table)[1:] == (read, write), seconds=DESCRIBING_SECONDS):
        raise Inconclusive(
            f"could not prepare: a table changed to {read} and {write} units shows {shown(table)}"
        )


def class_of(table: TableHandle) -> str:
    """The table class as DescribeTable shows it; the standard class need not be shown."""
    return str(table.describe().get("TableClassSummary", {}).get("TableClass", "STANDARD"))


@claim("RS-06")
def test_a_backup_is_restored_with_the_capacity_of_its_time(here: RegionHandle) -> None:
    """The restored table has the units the source had at the backup, not those it was given later."""
    table = provisioned(here, 5, 4)
    arn = table.back_up()
    provision_anew(table, 7, 6)
    found = shown(here.restore_from_backup(arn))
    assert found == ("PROVISIONED", 5, 4), (
        f"backed up with 5 and 4 units, changed to 7 and 6 later, the table was restored as {found}"
    )


@claim("RS-06")
def test_a_restored_table_is_of_the_standard_class(here: RegionHandle) -> None:
    """A backup of a table of class STANDARD_INFREQUENT_ACCESS is restored as a table of class STANDARD."""
    table = here.new_table(TableClass="STANDARD_INFREQUENT_ACCESS")
    if class_of(table) != "STANDARD_INFREQUENT_ACCESS":
        raise Inconclusive("could not prepare: the class of the table that was asked for is not shown")
    found = class_of(here.restore_from_backup(table.back_up()))
    assert found == "STANDARD", f"a table restored from a backup has the class {found}"


@claim("RS-04")
def test_a_restore_takes_another_billing_mode_and_capacity(here: RegionHandle) -> None:
    """BillingModeOverride and ProvisionedThroughputOverride decide what the restored table shows."""
    table = provisioned(here, 5, 4)
    table.put("a", "one")
    arn = table.back_up()
    for overrides, wanted in (
        ({"BillingModeOverride": "PAY_PER_REQUEST"}, ("PAY_PER_REQUEST", 0, 0)),
        (
            {"BillingModeOverride": "PROVISIONED", "ProvisionedThroughputOverride": units(3, 2)},
            ("PROVISIONED", 3, 2),
        ),
    ):
        restored = here.table(here.names.new("restored"))
        here.client.restore_table_from_backup(BackupArn=arn, TargetTableName=restored.name, **overrides)
        restored.wait_until_active()
        found = shown(restored)
        assert found == wanted, f"restored with {overrides}, the table shows {found}, not {wanted}"
        assert restored.get("a") == "one", f"restored with {overrides}, the table lost its item"


@claim("RS-04")
def test_a_restore_adds_no_index(here: RegionHandle, seen: dict[str, str]) -> None:
    """An index in GlobalSecondaryIndexOverride that the source does not have is refused, or not made."""
    index = {
        "IndexName": "added",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    restored = here.table(here.names.new("restored"))
    try:
        here.client.restore_table_from_backup(
            BackupArn=here.shared_table().back_up(),
            TargetTableName=restored.name,
            GlobalSecondaryIndexOverride=[index],
        )
    except ClientError as error:
        # The API reference says that indexes "should match", and not with which code others are refused.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        seen["a restore that adds an index"] = error.response["Error"]["Code"]
        return
    seen["a restore that adds an index"] = "accepted"
    restored.wait_until_active()
    made = [one.get("IndexName") for one in restored.describe().get("GlobalSecondaryIndexes", [])]
    assert "added" not in made, "a restored table has an index that its source does not have"


@claim("PI-23")
def test_an_instant_is_restored_with_capacity_of_then_or_now(
    here: RegionHandle, clock: EndpointClock, seen: dict[str, str]
) -> None:
    """A restore to an instant has the source's units of that instant or its present ones, and no others."""
    table = provisioned(here, 5, 4)
    table.enable_recovery()
    clock.pass_seconds(3)
    instant = clock.mark()
    provision_anew(table, 7, 6)
    found = shown(table.restore_to(instant))
    choices = {("PROVISIONED", 5, 4): "that of the instant", ("PROVISIONED", 7, 6): "the present one"}
    assert found in choices, (
        f"restored to an instant at which the source had 5 and 4 units, and 7 and 6 later, the table shows {found}"
    )
    seen["capacity of a table restored to an instant"] = choices[found]
