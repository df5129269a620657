"""Tables: their life, and what protects them. Not here: indexes, capacity, tags."""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import claim, refused, until
from ddbproof.conformance.kit.tables import (
    DESCRIBING_SECONDS,
    PARTITION_KEY,
    PATIENCE_SECONDS,
    RegionHandle,
)


@claim("CTL-01")
def test_a_table_lives_and_dies_as_documented(here: RegionHandle) -> None:
    """A table is CREATING, then ACTIVE; its name is taken; DeleteTable says DELETING; what is gone is not found."""
    table = here.table(here.names.new())
    request = {
        "TableName": table.name,
        "KeySchema": [PARTITION_KEY],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
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
