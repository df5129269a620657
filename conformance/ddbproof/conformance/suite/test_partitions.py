"""Partitions, as far as a client can see them: order within an item collection, typed keys, sizes.

Not here: splitting, throughput per partition, heat; no API exposes them.
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle


def sort_keys(table: TableHandle, **how: Any) -> list[Any]:
    """The sort keys of the item collection `album`, in the order that Query returns them."""
    answer = table.client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "album"}},
        ConsistentRead=True,
        **how,
    )
    return [next(iter(item["sk"].values())) for item in answer["Items"]]


@claim("PART-10")
def test_items_of_one_partition_key_come_in_the_order_of_the_sort_key(here: RegionHandle) -> None:
    """Numbers sort by value and not as text, and ScanIndexForward=false reverses the order."""
    table = here.new_table(sort_type="N")
    for number in ("10", "-3", "2", "1e2", "-20.5", "0"):
        table.put("album", "track", sk={"N": number})
    ascending = [float(number) for number in sort_keys(table)]
    assert ascending == [-20.5, -3, 0, 2, 10, 100], f"Query returned sort keys in the order {ascending}"
    descending = [float(number) for number in sort_keys(table, ScanIndexForward=False)]
    assert descending == [100, 10, 2, 0, -3, -20.5], f"ScanIndexForward=false returned {descending}"


@claim("PART-10")
def test_string_sort_keys_come_in_the_order_of_their_bytes(here: RegionHandle) -> None:
    """Strings sort by their UTF-8 bytes: upper case before lower case, accented letters last."""
    table = here.new_table(sort_type="S")
    for text in ("b", "a", "B", "é", "aa"):
        table.put("album", "track", sk={"S": text})
    found = sort_keys(table)
    assert found == ["B", "a", "aa", "b", "é"], f"Query returned sort keys in the order {found}"


@claim("PART-13")
def test_only_key_attributes_are_typed(here: RegionHandle) -> None:
    """An attribute outside the key may have another type in every item; a key attribute may not."""
    table = here.new_table()
    values: list[dict[str, Any]] = [
        {"S": "text"},
        {"N": "1"},
        {"BOOL": True},
        {"L": [{"S": "x"}]},
        {"NULL": True},
    ]
    for number, value in enumerate(values):
        table.client.put_item(TableName=table.name, Item={"pk": {"S": f"item-{number}"}, "any": value})
    for number, value in enumerate(values):
        item = table.client.get_item(
            TableName=table.name, Key={"pk": {"S": f"item-{number}"}}, ConsistentRead=True
        ).get("Item", {})
        assert item.get("any") == value, f"an attribute written as {value} was read back as {item.get('any')}"
    refused(
        table.client.put_item,
        "ValidationException",
        what="an item whose string partition key is a number",
        TableName=table.name,
        Item={"pk": {"N": "1"}},
    )


@claim("PART-14")
def test_keys_and_items_have_the_documented_sizes(here: RegionHandle) -> None:
    """A partition key of 2048 bytes, a sort key of 1024 bytes and an item of 400 KB fit; a byte more does not."""
    table = here.new_table(sort_type="S")

    def put(partition_bytes: int, sort_bytes: int, item_bytes: int | None = None) -> dict[str, Any]:
        item = {"pk": {"S": "p" * partition_bytes}, "sk": {"S": "s" * sort_bytes}}
        if item_bytes is not None:
            names = len("pk") + len("sk") + len("v")
            item["v"] = {"S": "v" * (item_bytes - names - partition_bytes - sort_bytes)}
        return {"TableName": table.name, "Item": item}

    table.client.put_item(**put(2048, 1024))
    table.client.put_item(**put(8, 8, 400 * 1024))
    for what, request in (
        ("a partition key of 2049 bytes", put(2049, 1)),
        ("a sort key of 1025 bytes", put(1, 1025)),
        ("an item one byte larger than 400 KB", put(8, 8, 400 * 1024 + 1)),
    ):
        refused(table.client.put_item, "ValidationException", what=what, **request)
