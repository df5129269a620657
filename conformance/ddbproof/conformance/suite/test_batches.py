"""Batches: BatchWriteItem and BatchGetItem, which bundle requests and may hand some of them back.

Handing back is lawful at any time, so the tests send what came back once more before they judge; an endpoint
that hands back for ever is inconclusive. Not here: the limits of 16 MB, and throttling.
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

MOST_WRITES, MOST_KEYS = 25, 100
ATTEMPTS = 20


def put(key: str, **attributes: Any) -> dict[str, Any]:
    """A put of a batch."""
    return {"PutRequest": {"Item": {"pk": {"S": key}, **attributes}}}


def delete(key: str) -> dict[str, Any]:
    """A delete of a batch."""
    return {"DeleteRequest": {"Key": {"pk": {"S": key}}}}


def write_all(here: RegionHandle, requests: dict[str, list[dict[str, Any]]]) -> None:
    """Writes a batch, and again whatever is handed back."""
    for _ in range(ATTEMPTS):
        requests = here.client.batch_write_item(RequestItems=requests).get("UnprocessedItems") or {}
        if not requests:
            return
    raise Inconclusive(f"BatchWriteItem handed back writes {ATTEMPTS} times")


def read_all(here: RegionHandle, requests: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Reads a batch, and again whatever is handed back; items by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(ATTEMPTS):
        answer = here.client.batch_get_item(RequestItems=requests)
        for name, items in answer.get("Responses", {}).items():
            found.setdefault(name, []).extend(items)
        requests = answer.get("UnprocessedKeys") or {}
        if not requests:
            return found
    raise Inconclusive(f"BatchGetItem handed back keys {ATTEMPTS} times")


def item(table: TableHandle, **key: Any) -> dict[str, Any] | None:
    """The whole item, None if there is none."""
    answer: dict[str, Any] = table.client.get_item(TableName=table.name, Key=key, ConsistentRead=True)
    return answer.get("Item")


@claim("IT-22")
def test_a_batch_writes_everything_in_it(here: RegionHandle) -> None:
    """25 puts and deletes in two tables are all done; a put replaces the whole item, a delete may find none."""
    table, other = here.shared_table(), here.shared_table(sort_type="S")
    replaced, gone, absent, paired = (here.names.key() for _ in range(4))
    new = [here.names.key() for _ in range(MOST_WRITES - 4)]
    table.put(replaced, "old", more={"S": "old"})
    table.put(gone, "old")
    in_the_other = {"pk": {"S": paired}, "sk": {"S": "s"}, "v": {"S": "new"}}
    writes = [put(key, v={"S": "new"}) for key in (replaced, *new)]
    write_all(
        here,
        {
            table.name: [*writes, delete(gone), delete(absent)],
            other.name: [{"PutRequest": {"Item": in_the_other}}],
        },
    )
    for key in (replaced, *new):
        found = item(table, pk={"S": key})
        expected = {"pk": {"S": key}, "v": {"S": "new"}}
        assert found == expected, f"a batch put {expected} and left nothing undone, and the item is {found}"
    for key in (gone, absent):
        found = item(table, pk={"S": key})
        assert found is None, f"a batch deleted an item and left nothing undone, and it is {found}"
    found = item(other, pk={"S": paired}, sk={"S": "s"})
    assert found == in_the_other, f"a batch put {in_the_other} in a second table, where the item is {found}"


@claim("IT-23")
def test_a_batch_with_a_fault_is_refused_as_a_whole(here: RegionHandle) -> None:
    """One write too many, one item twice, a key that does not fit or an unknown table: nothing is written."""
    table, unknown = here.shared_table(), here.names.new("absent")

    def some(count: int = 2) -> list[dict[str, Any]]:
        return [put(here.names.key(), v={"S": "new"}) for _ in range(count)]

    twice, both = here.names.key(), here.names.key()
    misfit = {"PutRequest": {"Item": {"pk": {"N": "1"}}}}
    for what, requests in (
        ("26 writes", {table.name: some(MOST_WRITES + 1)}),
        ("two puts of one item", {table.name: [*some(), put(twice, v={"S": "1"}), put(twice)]}),
        ("a put and a delete of one item", {table.name: [*some(), put(both), delete(both)]}),
        ("a key of the wrong type", {table.name: [*some(), misfit]}),
        ("a table that does not exist", {table.name: some(), unknown: some()}),
    ):
        refused(here.client.batch_write_item, what=f"a batch with {what}", RequestItems=requests)
        keys = [write["PutRequest"]["Item"]["pk"] for write in requests[table.name] if "PutRequest" in write]
        written = [key for key in keys if "S" in key and item(table, pk=key) is not None]
        assert not written, f"a batch with {what} was refused, and {len(written)} of its puts were done"


@claim("IT-24")
def test_a_batch_reads_the_items_that_exist(here: RegionHandle) -> None:
    """100 keys in two tables give each existing item once and whole, and nothing for the other keys."""
    table, other = here.shared_table(), here.shared_table(sort_type="S")
    existing = [here.names.key() for _ in range(5)]
    items = [{"pk": {"S": key}, "v": {"S": key}, "l": {"L": [{"N": "1"}]}} for key in existing]
    write_all(here, {table.name: [{"PutRequest": {"Item": one}} for one in items]})
    paired = here.names.key()
    other.put(paired, "s", sk={"S": "s"})
    absent = [here.names.key() for _ in range(MOST_KEYS - len(existing) - 1)]
    keys = [{"pk": {"S": key}} for pair in zip(existing, absent, strict=False) for key in pair]
    keys += [{"pk": {"S": key}} for key in absent[len(existing) :]]
    found = read_all(
        here,
        {
            table.name: {"Keys": keys, "ConsistentRead": True},
            other.name: {"Keys": [{"pk": {"S": paired}, "sk": {"S": "s"}}], "ConsistentRead": True},
        },
    )
    first = sorted(found.get(table.name, []), key=lambda one: str(one.get("pk")))
    expected = sorted(items, key=lambda one: str(one["pk"]))
    assert first == expected, f"of {len(keys)} keys {len(existing)} have items, and {first} were returned"
    second = found.get(other.name)
    pair = [{"pk": {"S": paired}, "sk": {"S": "s"}, "v": {"S": "s"}}]
    assert second == pair, f"BatchGetItem returned {second} for the second table, which holds {pair}"


@claim("IT-25")
def test_a_batch_of_reads_has_limits(here: RegionHandle) -> None:
    """101 keys are refused, and so is one key twice."""
    table = here.shared_table()
    keys = [{"pk": {"S": here.names.key()}} for _ in range(MOST_KEYS + 1)]
    for what, wanted in (("101 keys", keys), ("the same key twice", [*keys[:3], keys[0]])):
        refused(
            here.client.batch_get_item,
            "ValidationException",
            what=f"a batch of {what}",
            RequestItems={table.name: {"Keys": wanted, "ConsistentRead": True}},
        )
