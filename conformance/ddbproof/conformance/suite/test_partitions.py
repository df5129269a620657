"""Partitions, as far as a client can see them: order within an item collection, typed keys, sizes.

Not here: splitting, throughput per partition, heat; no API exposes them.
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

ITEM_BYTES = 400 * 1024
# How sizes are counted is documented as approximate.
BYTES_TO_SPARE = 128
# The page says 400 KB, and some read a kilobyte as 1000 bytes: this much fits by either reading.
SURELY_FITTING_BYTES = 400_000


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
def test_keys_have_the_documented_sizes(here: RegionHandle) -> None:
    """A partition key of 2048 bytes and a sort key of 1024 bytes fit; a byte more does not, nor does none."""
    table = here.new_table(sort_type="S")

    def put(partition: str, sort: str) -> dict[str, Any]:
        return {"TableName": table.name, "Item": {"pk": {"S": partition}, "sk": {"S": sort}}}

    table.client.put_item(**put("p" * 2048, "s" * 1024))
    for what, request in (
        ("a partition key of 2049 bytes", put("p" * 2049, "s")),
        ("a sort key of 1025 bytes", put("p", "s" * 1025)),
        ("a sort key of 513 letters that have two bytes each", put("p", "é" * 513)),
        ("an empty partition key", put("", "s")),
    ):
        refused(table.client.put_item, "ValidationException", what=what, **request)


@claim("PART-14")
def test_an_item_has_the_documented_size(here: RegionHandle) -> None:
    """An item of 400 KB fits, one that is larger does not; names of attributes count."""
    table = here.new_table()

    def put(item_bytes: int, name: str = "v") -> dict[str, Any]:
        value = "v" * (item_bytes - len("pk") - len("large") - len(name))
        return {"TableName": table.name, "Item": {"pk": {"S": "large"}, name: {"S": value}}}

    table.client.put_item(**put(SURELY_FITTING_BYTES))
    for what, request in (
        ("an item larger than 400 KB", put(ITEM_BYTES + BYTES_TO_SPARE)),
        (
            "an item larger than 400 KB by the name of an attribute",
            put(ITEM_BYTES + BYTES_TO_SPARE, "n" * 4096),
        ),
    ):
        refused(table.client.put_item, "ValidationException", what=what, **request)
