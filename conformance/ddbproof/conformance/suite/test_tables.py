"""Tables: their life, what protects them, what DescribeTable knows of them when.

What a request to make or change a table may say is in test_table_settings. Not here: indexes, tags.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, NotTestableHere, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import (
    DESCRIBING_SECONDS,
    PARTITION_KEY,
    PATIENCE_SECONDS,
    RegionHandle,
    preparing,
)

DAY_SECONDS = 86_400


def on_demand(name: str) -> dict[str, Any]:
    """A request for an on-demand table with partition key `pk`."""
    return {
        "TableName": name,
        "KeySchema": [PARTITION_KEY],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }


@claim("CTL-01")
def test_a_table_lives_and_dies_as_documented(here: RegionHandle) -> None:
    """A table is CREATING, then ACTIVE; its name is taken; DeleteTable says DELETING; what is gone is not found."""
    table = here.table(here.names.new())
    request = on_demand(table.name)
    status = here.client.create_table(**request).get("TableDescription", {}).get("TableStatus")
    assert status in ("CREATING", "ACTIVE"), f"CreateTable answered with TableStatus {status}"
    status = until(
        lambda: table.status() not in (None, "CREATING") and table.status(), seconds=PATIENCE_SECONDS
    )
    assert status == "ACTIVE", f"a new table is {status or table.status()}, not ACTIVE"
    what = "a second table of the same name"
    refused(here.client.create_table, "ResourceInUseException", what=what, **request)
    answer = here.client.delete_table(TableName=table.name)
    status = answer["TableDescription"].get("TableStatus")
    assert status == "DELETING", f"DeleteTable answered with TableStatus {status}"
    assert table.wait_until_gone(), "the deleted table can still be described"
    operations: tuple[tuple[Any, dict[str, Any]], ...] = (
        (here.client.describe_table, {}),
        (here.client.delete_table, {}),
        (here.client.get_item, {"Key": {"pk": {"S": "a"}}}),
        (here.client.put_item, {"Item": {"pk": {"S": "a"}}}),
    )
    for operation, request in operations:
        refused(
            operation,
            "ResourceNotFoundException",
            what=f"{operation.__name__} on a table that is gone",
            TableName=table.name,
            **request,
        )


@claim("CTL-03")
def test_a_protected_table_cannot_be_deleted(here: RegionHandle) -> None:
    """Deletion protection is off by default; while it is on DeleteTable is refused and the items stay."""
    table = here.new_table()
    assert not table.describe().get("DeletionProtectionEnabled"), "a new table has deletion protection on"
    table.put("a", "kept")
    # Refusing the parameter pretends no protection; taking it and not protecting does.
    with preparing():
        here.client.update_table(TableName=table.name, DeletionProtectionEnabled=True)
    table.wait_until_active()
    shown = until(lambda: table.describe().get("DeletionProtectionEnabled"), seconds=DESCRIBING_SECONDS)
    assert shown is True, (
        "UpdateTable with DeletionProtectionEnabled=true was answered 200, but DescribeTable does not show it"
    )
    # Which code this refusal has, the service model does not say.
    refused(
        here.client.delete_table,
        what="deleting a table that is protected against deletion",
        TableName=table.name,
    )
    assert table.get("a") == "kept", "the refused deletion removed an item"
    here.client.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    table.wait_until_active()
    here.client.delete_table(TableName=table.name)
    assert table.wait_until_gone(), "without protection the table could not be deleted"


@claim("CTL-03")
def test_a_table_can_be_protected_from_its_first_moment(here: RegionHandle) -> None:
    """With DeletionProtectionEnabled in CreateTable, DeleteTable is refused and the table stays."""
    table = here.new_table(DeletionProtectionEnabled=True)
    shown = until(lambda: table.describe().get("DeletionProtectionEnabled"), seconds=DESCRIBING_SECONDS)
    assert shown is True, (
        "CreateTable with DeletionProtectionEnabled=true was answered 200, but DescribeTable does not show it"
    )
    what = "deleting a table that was protected when it was created"
    refused(here.client.delete_table, what=what, TableName=table.name)
    status = table.status()
    assert status == "ACTIVE", f"after the refused deletion the table's status is {status}"


@claim("CTL-02")
def test_a_new_table_is_described_sooner_or_later(here: RegionHandle, seen: dict[str, str]) -> None:
    """Right after CreateTable, DescribeTable shows the table or says ResourceNotFoundException; then it shows it."""
    table = here.table(here.names.new())
    with preparing():
        here.client.create_table(**on_demand(table.name))
    try:
        first = str(here.client.describe_table(TableName=table.name)["Table"].get("TableStatus"))
    except ClientError as error:
        first = error.response["Error"]["Code"]
        if first != "ResourceNotFoundException":
            raise
    else:
        assert first in ("CREATING", "ACTIVE"), f"DescribeTable shows a table made just now as {first}"
    seen["DescribeTable right after CreateTable"] = first
    described = until(lambda: table.status() is not None, seconds=PATIENCE_SECONDS)
    assert described, (
        f"{PATIENCE_SECONDS:.0f} seconds after CreateTable, DescribeTable does not know the table"
    )


@claim("CTL-06")
def test_a_table_made_again_is_a_new_one(here: RegionHandle, seen: dict[str, str]) -> None:
    """A table made under the name of a deleted one is empty and has, if any, another TableId."""
    table = here.new_table()
    table.put("a", "old")
    before = table.describe().get("TableId")
    here.client.delete_table(TableName=table.name)
    if not table.wait_until_gone():
        raise Inconclusive("could not prepare: the table could not be deleted")
    again = here.new_table(name=table.name)
    found = again.contents()
    assert found == {}, (
        f"a table made under the name of a deleted one holds {found}, written before the deletion"
    )
    after = again.describe().get("TableId")
    seen["TableId in DescribeTable"] = "shown" if after is not None else "not shown"
    # The member is optional.
    assert after is None or before != after, (
        f"a table made under the name of a deleted one has its TableId {before}"
    )


@claim("CTL-13")
def test_the_item_count_describes_the_items(
    here: RegionHandle, clock: EndpointClock, seen: dict[str, str]
) -> None:
    """ItemCount tells a number of items that there once were; after a day it is that of now."""
    table = here.new_table()
    for key in ("a", "b", "c"):
        table.put(key, "one")
    table.delete("c")

    def shown() -> tuple[int, int]:
        description = table.describe()
        return description.get("ItemCount", -1), description.get("TableSizeBytes", -1)

    count, size_bytes = shown()
    assert 0 <= count <= 3, f"at most 3 items were ever in the table, but ItemCount is {count}"
    seen["ItemCount right after the writes"] = "as it is" if count == 2 else "as it was before"
    if count != 2 or size_bytes == 0:
        if not clock.can_move:
            raise NotTestableHere("ItemCount and TableSizeBytes need no update for about six hours")
        clock.pass_seconds(DAY_SECONDS)
        count, size_bytes = shown()
    assert count == 2, f"a day after the last write the table holds 2 items, but ItemCount is {count}"
    assert 0 < size_bytes < 1000, f"the table holds two small items, but TableSizeBytes is {size_bytes}"
