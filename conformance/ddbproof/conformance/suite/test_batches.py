"""Batches and the keys of requests: many items at once, each named by its whole key.

A batch may be processed in part, which the answer says; so what is unprocessed is sent again, as the
documentation tells callers to do. Not here: sizes of batches in bytes.
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

MOST_WRITES, MOST_READS = 25, 100
ATTEMPTS = 20


def put(key: str, value: str) -> dict[str, Any]:
    """A put of a batch."""
    return {"PutRequest": {"Item": {"pk": {"S": key}, "v": {"S": value}}}}


def delete(key: str) -> dict[str, Any]:
    """A delete of a batch."""
    return {"DeleteRequest": {"Key": {"pk": {"S": key}}}}


def write(table: TableHandle, requests: list[dict[str, Any]]) -> None:
    """BatchWriteItem, repeated with what it did not process."""
    waiting: dict[str, Any] = {table.name: requests}
    for _ in range(ATTEMPTS):
        waiting = table.client.batch_write_item(RequestItems=waiting).get("UnprocessedItems", {})
        if not waiting:
            return
    raise Inconclusive(f"after {ATTEMPTS} requests part of a batch is still unprocessed")


def read(table: TableHandle, keys: list[str], **more: Any) -> list[dict[str, Any]]:
    """The items that BatchGetItem returns, repeated with the keys it did not process."""
    waiting = reading(table, keys, **more)
    items: list[dict[str, Any]] = []
    for _ in range(ATTEMPTS):
        answer = table.client.batch_get_item(RequestItems=waiting)
        items += answer.get("Responses", {}).get(table.name, [])
        waiting = answer.get("UnprocessedKeys", {})
        if not waiting:
            return items
    raise Inconclusive(f"after {ATTEMPTS} requests part of a batch is still unprocessed")


def reading(table: TableHandle, keys: list[str], **more: Any) -> dict[str, Any]:
    """RequestItems for strongly consistent reads of keys."""
    return {table.name: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True, **more}}


@claim("IT-25")
def test_a_batch_writes_25_items(here: RegionHandle) -> None:
    """25 puts, then 12 deletes among 13 puts, are all carried out, and 26 requests are refused."""
    table = here.shared_table()
    keys = [here.names.key() for _ in range(MOST_WRITES)]
    write(table, [put(key, "first") for key in keys])
    found = {key: table.get(key) for key in keys}
    lost = [key for key in keys if found[key] != "first"]
    assert not lost, f"{len(lost)} of {MOST_WRITES} puts of a batch were not carried out"
    odd, even = keys[1::2], keys[::2]
    write(table, [*(delete(key) for key in odd), *(put(key, "second") for key in even)])
    found = {key: table.get(key) for key in keys}
    wrong = [key for key in keys if found[key] != ("second" if key in even else None)]
    assert not wrong, f"{len(wrong)} of {MOST_WRITES} deletes and puts of a batch were not carried out"
    refused(
        table.client.batch_write_item,
        "ValidationException",
        what=f"a batch of {MOST_WRITES + 1} writes",
        RequestItems={table.name: [put(here.names.key(), "x") for _ in range(MOST_WRITES + 1)]},
    )


@claim("IT-26")
def test_a_batch_that_names_an_item_twice_writes_nothing(here: RegionHandle) -> None:
    """Two puts of one item, or its put and delete, are refused together with the rest of the batch."""
    table, twice, other = here.shared_table(), here.names.key(), here.names.key()
    table.put(twice, "before")
    for what, second in (
        ("puts an item twice", put(twice, "b")),
        ("puts and deletes an item", delete(twice)),
    ):
        refused(
            table.client.batch_write_item,
            what=f"a batch that {what}",
            RequestItems={table.name: [put(other, "x"), put(twice, "a"), second]},
        )
    found = (table.get(twice), table.get(other))
    assert found == ("before", None), f"a refused batch left {found} where there was ('before', None)"


@claim("IT-27")
def test_a_batch_reads_the_items_that_exist(here: RegionHandle) -> None:
    """Of 100 keys exactly those with an item come back, each once, and 101 keys are refused."""
    table = here.shared_table()
    keys = [here.names.key() for _ in range(MOST_READS)]
    write(table, [put(key, f"value of {key}") for key in keys[:20]])
    items = read(table, keys)
    found = sorted((item["pk"]["S"], item.get("v", {}).get("S", "")) for item in items)
    expected = sorted((key, f"value of {key}") for key in keys[:20])
    assert found == expected, (
        f"of {MOST_READS} keys 20 have an item; BatchGetItem returned {len(found)}: {found}"
    )
    projected = read(table, keys[:2], ProjectionExpression="v")
    names = sorted(name for item in projected for name in item)
    assert names == ["v", "v"], f"BatchGetItem with the projection v of two items returned {projected}"
    refused(
        table.client.batch_get_item,
        "ValidationException",
        what=f"a batch of {MOST_READS + 1} reads",
        RequestItems=reading(table, [*keys, here.names.key()]),
    )


@claim("IT-28")
def test_a_request_names_the_whole_key_and_nothing_else(here: RegionHandle) -> None:
    """Without the sort key, or with an attribute that is no part of the key, an item cannot be named."""
    table, key = here.shared_table(sort_type="S"), here.names.key()
    table.put(key, "there", sk={"S": "1"})
    partition, sort = {"pk": {"S": key}}, {"sk": {"S": "1"}}
    for what, named in (
        ("without the sort key", partition),
        ("without the partition key", sort),
        ("with an attribute besides the key", {**partition, **sort, "v": {"S": "there"}}),
    ):
        for call in (table.client.get_item, table.client.delete_item, table.client.update_item):
            refused(call, what=f"a request {what}", TableName=table.name, Key=named)
    answer = table.client.get_item(TableName=table.name, Key={**partition, **sort}, ConsistentRead=True)
    assert "Item" in answer, "refused deletes have deleted the item"
