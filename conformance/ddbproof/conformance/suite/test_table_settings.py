"""What tables are made of: names, keys, capacity, ARNs, and how they are listed.

A request that must be refused is sent unchecked, since the client library would refuse some of it by itself.
Not here: indexes, streams, tags; on-demand limits and rises of warm throughput, which cost money on AWS.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, Unsupported, Violation, claim, refused, until
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, PATIENCE_SECONDS, RegionHandle, TableHandle


def request_for(name: str, **more: Any) -> dict[str, Any]:
    """A request for an on-demand table with partition key `pk`, with some parameters replaced."""
    return {
        "TableName": name,
        "KeySchema": [element("pk", "HASH")],
        "AttributeDefinitions": [defined("pk", "S")],
        "BillingMode": "PAY_PER_REQUEST",
        **more,
    }


def element(name: str, kind: str) -> dict[str, str]:
    """An element of a key schema."""
    return {"AttributeName": name, "KeyType": kind}


def defined(name: str, kind: str) -> dict[str, str]:
    """An attribute definition."""
    return {"AttributeName": name, "AttributeType": kind}


def capacity_of(table: TableHandle) -> tuple[Any, Any]:
    """Read and write capacity units as DescribeTable shows them."""
    shown = table.describe().get("ProvisionedThroughput", {})
    return shown.get("ReadCapacityUnits"), shown.get("WriteCapacityUnits")


def mode_of(table: TableHandle) -> str | None:
    """The billing mode as DescribeTable shows it; a table that was never on demand need not show one."""
    mode: str | None = table.describe().get("BillingModeSummary", {}).get("BillingMode")
    return mode


def need_capacity(table: TableHandle, capacity: tuple[int, int]) -> None:
    """What a test stands on: that the table was made with this capacity."""
    if capacity_of(table) != capacity:
        raise Inconclusive(f"could not prepare: a table made with {capacity} shows {capacity_of(table)}")


def pages_of_tables(here: RegionHandle, limit: int) -> list[list[str]]:
    """Every page of ListTables with that Limit."""
    pages: list[list[str]] = []
    request: dict[str, Any] = {"Limit": limit}
    starts: set[str] = set()
    while True:
        answer = here.client.list_tables(**request)
        pages.append(answer["TableNames"])
        last = answer.get("LastEvaluatedTableName")
        if not last:
            return pages
        assert last not in starts, f"two pages of ListTables end with the same LastEvaluatedTableName {last}"
        starts.add(last)
        request["ExclusiveStartTableName"] = last


@claim("CTL-07")
def test_tables_are_listed_page_by_page(here: RegionHandle, seen: dict[str, str]) -> None:
    """No page is longer than Limit, and all pages together name each table once."""
    mine = {here.new_table().name for _ in range(3)}

    def names(limit: int) -> list[str]:
        return [name for page in pages_of_tables(here, limit) for name in page]

    until(lambda: mine <= set(names(100)), seconds=DESCRIBING_SECONDS)
    everything = names(100)
    missing = sorted(mine - set(everything))
    assert not missing, (
        f"{len(missing)} of 3 tables that are ACTIVE are not listed, for example {missing[:1]}"
    )
    # Three pages or four, however many tables others have here.
    limit = max(1, min(100, (len(everything) - 1) // 3))
    pages = pages_of_tables(here, limit)
    longest = max(len(page) for page in pages)
    assert longest <= limit, f"ListTables with Limit={limit} returned {longest} names"
    paged = [name for page in pages for name in page if name in mine]
    assert sorted(paged) == sorted(mine), (
        f"paging with Limit={limit} through ListTables gave {len(paged)} names of 3 tables, "
        f"{len(set(paged))} of them different"
    )
    seen["order of ListTables"] = "by name" if everything == sorted(everything) else "another"


@claim("CTL-08")
def test_table_names_follow_their_rule(here: RegionHandle) -> None:
    """255 characters with underscore, hyphen and dot are accepted; 2 or 256 characters or other signs are not."""
    prefix = here.names.new("Name_0.")
    longest = here.table(prefix.ljust(255, "z"))
    here.client.create_table(**request_for(longest.name))
    listed = until(lambda: longest.status() is not None, seconds=PATIENCE_SECONDS)
    assert listed, "CreateTable with a name of 255 characters was answered 200, but there is no such table"
    for what, name in (
        ("of 256 characters", prefix.ljust(256, "z")),
        ("with a blank", f"{prefix} z"),
        ("with a slash", f"{prefix}/z"),
        ("with a letter outside ASCII", f"{prefix}é"),
        ("of 2 characters", prefix[:2]),
    ):
        try:
            refused(
                here.unchecked.create_table,
                "ValidationException",
                what=f"a table name {what}",
                **request_for(name),
            )
        except Violation as violation:
            if len(name) == 2 and "was accepted" in str(violation):
                # It lacks the run's prefix, so nobody else would remove it.
                here.unchecked.delete_table(TableName=name)
            raise


@claim("CTL-09")
def test_key_schemas_follow_their_rule(here: RegionHandle, seen: dict[str, str]) -> None:
    """A key without definition, of another type, or not in the order HASH, RANGE makes no table."""
    pk, sk = defined("pk", "S"), defined("sk", "S")
    for what, keys, definitions in (
        ("whose key attribute is not defined", [element("pk", "HASH")], [sk]),
        ("whose sort key is not defined", [element("pk", "HASH"), element("sk", "RANGE")], [pk]),
        ("with a sort key only", [element("sk", "RANGE")], [sk]),
        ("with two partition keys", [element("pk", "HASH"), element("sk", "HASH")], [pk, sk]),
        ("with the sort key first", [element("sk", "RANGE"), element("pk", "HASH")], [pk, sk]),
        ("with a Boolean key", [element("pk", "HASH")], [defined("pk", "BOOL")]),
    ):
        table = here.table(here.names.new("schema"))
        # Which code such a refusal has, the API reference does not say.
        refused(
            here.unchecked.create_table,
            what=f"a table {what}",
            **request_for(table.name, KeySchema=keys, AttributeDefinitions=definitions),
        )
        assert table.status() is None, f"CreateTable of a table {what} was refused, but there is such a table"
    try:
        here.client.create_table(**request_for(here.names.new("schema"), AttributeDefinitions=[pk, sk]))
        spare = "accepted"
    except ClientError as error:
        spare = f"refused with {error.response['Error']['Code']}"
    seen["a table that defines an attribute it has no use for"] = spare


@claim("CTL-10")
def test_a_table_goes_by_its_arn_as_well(here: RegionHandle, seen: dict[str, str]) -> None:
    """DescribeTable and PutItem with the TableArn that DescribeTable shows mean the same table."""
    table = here.shared_table()
    description = table.describe()
    arn = str(description.get("TableArn"))
    # Endpoints that are not AWS put words of their own where Region and account belong.
    seen["Region and account in a TableArn"] = ":".join(arn.split(":")[3:5])
    assert arn.endswith(f":table/{table.name}"), f"the TableArn of {table.name} is {arn}"
    by_arn = here.client.describe_table(TableName=arn).get("Table", {})
    for member in ("TableName", "TableId", "TableArn"):
        found, wanted = by_arn.get(member), description.get(member)
        assert found == wanted, f"{member} is {wanted} when described by name, and {found} by ARN"
    key = here.names.key()
    here.client.put_item(TableName=arn, Item={"pk": {"S": key}, "v": {"S": "by ARN"}})
    found = table.get(key)
    assert found == "by ARN", (
        f"an item put by the table's ARN was answered 200 and is read by name as {found}"
    )


@claim("CTL-11")
def test_an_on_demand_table_becomes_a_provisioned_one(here: RegionHandle) -> None:
    """On demand, capacity is 0; after UpdateTable the table shows the units it was given, and keeps its items."""
    table = here.new_table()
    table.put("a", "kept")
    shown = mode_of(table), capacity_of(table)
    assert shown == ("PAY_PER_REQUEST", (0, 0)), f"an on-demand table shows billing mode and capacity {shown}"
    here.client.update_table(
        TableName=table.name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 3, "WriteCapacityUnits": 2},
    )
    found = table.get("a")
    assert found == "kept", f"while its billing mode was being changed the table showed an item as {found}"
    table.wait_until_active()
    until(lambda: capacity_of(table) == (3, 2), seconds=DESCRIBING_SECONDS)
    shown = mode_of(table), capacity_of(table)
    assert shown[1] == (3, 2), f"made PROVISIONED with 3 and 2 units, the table shows {shown[1]}"
    assert shown[0] in ("PROVISIONED", None), f"made PROVISIONED, the table shows billing mode {shown[0]}"


@claim("CTL-11")
def test_provisioned_units_change_and_give_way_to_on_demand(here: RegionHandle) -> None:
    """UpdateTable changes the units of a provisioned table; made PAY_PER_REQUEST, it shows that and 0 units."""
    table = here.new_table(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}
    )
    need_capacity(table, (2, 1))
    table.put("a", "kept")
    here.client.update_table(
        TableName=table.name, ProvisionedThroughput={"ReadCapacityUnits": 4, "WriteCapacityUnits": 3}
    )
    table.wait_until_active()
    until(lambda: capacity_of(table) == (4, 3), seconds=DESCRIBING_SECONDS)
    shown = capacity_of(table)
    assert shown == (4, 3), f"raised to 4 and 3 units, the table shows {shown}"
    here.client.update_table(TableName=table.name, BillingMode="PAY_PER_REQUEST")
    table.wait_until_active()
    until(lambda: capacity_of(table) == (0, 0), seconds=DESCRIBING_SECONDS)
    changed = mode_of(table), capacity_of(table)
    assert changed == ("PAY_PER_REQUEST", (0, 0)), f"made PAY_PER_REQUEST, the table shows {changed}"
    assert table.get("a") == "kept", "changing the billing mode lost an item"


@claim("CTL-12")
def test_billing_mode_and_throughput_go_together(here: RegionHandle) -> None:
    """PROVISIONED without ProvisionedThroughput and PAY_PER_REQUEST with it make no table."""
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    without = request_for(here.names.new("capacity"), BillingMode="PROVISIONED")
    with_units = request_for(here.names.new("capacity"), ProvisionedThroughput=units)
    for what, request in (
        ("a PROVISIONED table without ProvisionedThroughput", without),
        ("a PAY_PER_REQUEST table with ProvisionedThroughput", with_units),
    ):
        refused(here.client.create_table, what=what, **request)
        status = here.table(request["TableName"]).status()
        assert status is None, f"CreateTable of {what} was refused, but there is such a table, {status}"


@claim("CA-05")
def test_warm_throughput_is_shown_and_cannot_be_lowered(here: RegionHandle, seen: dict[str, str]) -> None:
    """DescribeTable shows WarmThroughput of every table; UpdateTable with less is refused and changes nothing."""
    table = here.new_table()

    def shown() -> tuple[int, int]:
        warm = table.describe().get("WarmThroughput") or {}
        return warm.get("ReadUnitsPerSecond", 0), warm.get("WriteUnitsPerSecond", 0)

    until(lambda: min(shown()) > 0, seconds=DESCRIBING_SECONDS)
    if min(shown()) == 0:
        # A target without the feature shows nothing; whether it refuses or ignores a request for more decides.
        wanted = {"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 8_000}
        try:
            here.client.update_table(TableName=table.name, WarmThroughput=wanted)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Unsupported(
                f"DescribeTable shows no WarmThroughput, and setting it gives {code}"
            ) from error
        until(lambda: min(shown()) > 0, seconds=DESCRIBING_SECONDS)
    before = shown()
    assert min(before) > 0, "warm throughput was set and answered 200, and DescribeTable shows none"
    seen["warm throughput of a new on-demand table"] = f"{before[0]} reads and {before[1]} writes per second"
    if min(before) > 1:
        refused(
            here.client.update_table,
            what=f"lowering warm throughput from {before} to (1, 1)",
            TableName=table.name,
            WarmThroughput={"ReadUnitsPerSecond": 1, "WriteUnitsPerSecond": 1},
        )
    assert shown() == before, f"the refused lowering changed warm throughput from {before} to {shown()}"
