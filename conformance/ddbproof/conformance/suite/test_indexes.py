"""Secondary indexes: which entries they have, what these hold, and that they follow their table.

A global index is read with eventual consistency always, so whatever its table ever held may be seen in it for a
while; what is judged is that nothing else is, and that it catches up. Judged by queries, since one partition key is one
item collection of the index. Not here: throughput of indexes, throttling of a table by them, collections of 10 GB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle, preparing

BY_OWNER = "by-owner"
"""Partition key `owner`, sort key `n`."""
BY_PLACE = "by-place"
"""Partition key `pk` as the table, sort key `n`: local."""
CAUGHT_UP_SECONDS = 30.0
# AWS takes minutes to add an index to an empty table.
ADDING_SECONDS = 900.0
ROUNDS = 20
ENTRIES = 7
KEYS = {"pk", "sk", "owner", "n"}

Item = dict[str, Any]
_Seen = TypeVar("_Seen")


def index(
    name: str, partition_key: str, kind: str = "ALL", *, others: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The definition of an index with the sort key `n`."""
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": partition_key, "KeyType": "HASH"},
            {"AttributeName": "n", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": kind, **({"NonKeyAttributes": list(others)} if others else {})},
    }


def typed(*names: str) -> list[dict[str, str]]:
    """AttributeDefinitions: `n` is a number, all others are strings."""
    return [{"AttributeName": name, "AttributeType": "N" if name == "n" else "S"} for name in names]


def indexed(here: RegionHandle, *indexes: dict[str, Any], local: bool = False, **more: Any) -> TableHandle:
    """A new table with global indexes, and with a local one if asked, all ACTIVE."""
    indexes = indexes or (index(BY_OWNER, "owner"),)
    more["GlobalSecondaryIndexes"] = list(indexes)
    if local:
        more["LocalSecondaryIndexes"] = [index(BY_PLACE, "pk", "KEYS_ONLY")]
    return here.new_table(sort_type="S", AttributeDefinitions=typed("pk", "sk", "owner", "n"), **more)


def put(table: TableHandle, sk: str, owner: str | None = None, n: int | None = None, **more: str) -> None:
    """Put an item into the collection of partition key `p`."""
    item: Item = {"pk": {"S": "p"}, "sk": {"S": sk}} | {name: {"S": text} for name, text in more.items()}
    if owner is not None:
        item["owner"] = {"S": owner}
    if n is not None:
        item["n"] = {"N": str(n)}
    with preparing():
        table.client.put_item(TableName=table.name, Item=item)


def entries(table: TableHandle, owner: str, name: str = BY_OWNER, **more: Any) -> list[dict[str, str]]:
    """The entries that a Query of an index by owner gives over all its pages, without types."""
    request = {
        "TableName": table.name,
        "IndexName": name,
        "KeyConditionExpression": "#o = :o",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": {":o": {"S": owner}},
    } | more
    found: list[dict[str, str]] = []
    while True:
        page = table.client.query(**request)
        found += [{name: next(iter(it.values())) for name, it in item.items()} for item in page["Items"]]
        if not page.get("LastEvaluatedKey"):
            return found
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def shown(table: TableHandle, owner: str, name: str = BY_OWNER) -> list[str]:
    """The sort keys in the table of the items that an owner has, in the order of the index."""
    return [entry["sk"] for entry in entries(table, owner, name)]


def comes_to(wanted: _Seen, probe: Callable[..., _Seen], *arguments: Any) -> _Seen:
    """What the probe sees at last: `wanted`, or something else if that does not come.

    Seen once is enough. Of reads that are eventually consistent, the next one may lawfully show less again.
    """
    seen: list[_Seen] = []

    def look() -> bool:
        seen[:] = [probe(*arguments)]
        return seen[0] == wanted

    until(look, seconds=CAUGHT_UP_SECONDS)
    return seen[0]


def versions(table: TableHandle, owner: str) -> list[tuple[str, str, str]]:
    """Those that the index shows of an owner's items: sort key in the table, number and text."""
    return sorted((entry["sk"], entry["n"], entry.get("v", "")) for entry in entries(table, owner))


def attributes_of(table: TableHandle, name: str) -> list[set[str]]:
    """The attributes of each entry that ann has in an index."""
    return [set(entry) for entry in entries(table, "ann", name)]


def index_state(table: TableHandle, name: str) -> dict[str, Any] | None:
    """The description of a global index; None if there is none of that name."""
    described = table.describe().get("GlobalSecondaryIndexes", [])
    return next((one for one in described if one.get("IndexName") == name), None)


@claim("RC-05", consistency=True)
def test_a_strong_read_is_for_tables_and_local_indexes(here: RegionHandle) -> None:
    """ConsistentRead=true is refused on a global index, and on a local one shows each write before it."""
    table = indexed(here, local=True)
    put(table, "1", "ann", 1)
    request = {"TableName": table.name, "ConsistentRead": True}
    condition = {
        "KeyConditionExpression": "#k = :k",
        "ExpressionAttributeNames": {"#k": "owner"},
        "ExpressionAttributeValues": {":k": {"S": "ann"}},
    }
    for call, more in ((table.client.query, condition), (table.client.scan, {})):
        refused(
            call,
            "ValidationException",
            what="a strongly consistent read of a global secondary index",
            IndexName=BY_OWNER,
            **request,
            **more,
        )
    for number in range(2, ROUNDS):
        put(table, str(number % 3), "ann", number)
        found = table.client.query(
            **request,
            IndexName=BY_PLACE,
            KeyConditionExpression="pk = :p",
            ExpressionAttributeValues={":p": {"S": "p"}},
            ScanIndexForward=False,
        )["Items"]
        newest = found[0]["n"]["N"] if found else None
        assert newest == str(number), (
            f"after writing {number}, a strongly consistent Query of a local index shows {newest} as the highest"
        )


@claim("IX-01", consistency=True)
def test_a_global_index_shows_what_was_written_and_soon_all_of_it(here: RegionHandle) -> None:
    """Directly after a write it may show earlier states of the item, never another; soon it shows the last."""
    table = indexed(here)
    written: set[tuple[str, str, str]] = set()
    for number in range(ROUNDS):
        sk, owner, text = str(number % 4), ("ann", "bob")[number % 3 == 0], f"text {number}"
        written.add((sk, str(number), text))
        put(table, sk, owner, number, v=text)
        if number % 5 == 4:
            table.client.delete_item(TableName=table.name, Key={"pk": {"S": "p"}, "sk": {"S": sk}})
        for shown_now in (*versions(table, "ann"), *versions(table, "bob")):
            assert shown_now in written, f"the index shows {shown_now}, which was never written"
    items = table.client.scan(TableName=table.name, ConsistentRead=True)["Items"]
    last: dict[str, list[tuple[str, str, str]]] = {"ann": [], "bob": []}
    for item in items:
        last[item["owner"]["S"]].append((item["sk"]["S"], item["n"]["N"], item["v"]["S"]))
    for owner, those in last.items():
        found = comes_to(sorted(those), versions, table, owner)
        assert found == sorted(those), (
            f"{CAUGHT_UP_SECONDS:.0f} seconds after the last write the index shows {found} for {owner}, the table "
            f"has {sorted(those)}"
        )


@claim("IX-02")
def test_an_entry_comes_moves_and_goes_with_the_key_of_its_index(here: RegionHandle) -> None:
    """An item without all key attributes of an index is not in it; one whose key changes is found by the new one only."""
    table = indexed(here)
    put(table, "whole", "ann", 2)
    put(table, "partly", "ann")
    put(table, "not at all", v="x")
    put(table, "deleted", "ann", 1)
    key = {"pk": {"S": "p"}, "sk": {"S": "whole"}}
    owned = {"UpdateExpression": "SET #o = :o", "ExpressionAttributeNames": {"#o": "owner"}}
    steps: tuple[tuple[str, Any, list[str], list[str]], ...] = (
        ("they were put", lambda: None, ["deleted", "whole"], []),
        (
            "one was deleted",
            lambda: table.client.delete_item(
                TableName=table.name, Key={"pk": {"S": "p"}, "sk": {"S": "deleted"}}
            ),
            ["whole"],
            [],
        ),
        (
            "its owner changed",
            lambda: table.client.update_item(
                TableName=table.name, Key=key, ExpressionAttributeValues={":o": {"S": "bob"}}, **owned
            ),
            [],
            ["whole"],
        ),
        (
            "it lost the index's sort key",
            lambda: table.client.update_item(TableName=table.name, Key=key, UpdateExpression="REMOVE n"),
            [],
            [],
        ),
        (
            "another got what it lacked",
            lambda: table.client.update_item(
                TableName=table.name,
                Key={"pk": {"S": "p"}, "sk": {"S": "partly"}},
                UpdateExpression="SET n = :n",
                ExpressionAttributeValues={":n": {"N": "3"}},
            ),
            ["partly"],
            [],
        ),
    )
    for what, step, of_ann, of_bob in steps:
        step()
        found = comes_to((of_ann, of_bob), lambda: (shown(table, "ann"), shown(table, "bob")))
        assert found == (of_ann, of_bob), (
            f"after {what} the index must have {of_ann} for ann and {of_bob} for bob; it has {found}"
        )


@claim("IX-03")
def test_an_index_holds_what_its_projection_says(here: RegionHandle) -> None:
    """KEYS_ONLY, INCLUDE and ALL each give their attributes, and no request gets others from a global index."""
    projections = {
        "keys-only": (("KEYS_ONLY", ()), KEYS),
        "included": (("INCLUDE", ("colour",)), KEYS | {"colour"}),
        "whole": (("ALL", ()), KEYS | {"colour", "shape"}),
    }
    definitions = [
        index(name, "owner", kind, others=others) for name, ((kind, others), _) in projections.items()
    ]
    table = indexed(here, *definitions)
    put(table, "1", "ann", 1, colour="red", shape="round")
    for name, (_, wanted) in projections.items():
        found = comes_to([wanted], attributes_of, table, name)
        assert found == [wanted], f"an entry of the index {name} must have {sorted(wanted)}, it has {found}"
    for more in ({"Select": "ALL_ATTRIBUTES"}, {"ProjectionExpression": "shape"}):
        try:
            found_items = entries(table, "ann", "keys-only", **more)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
        else:
            assert all(set(entry) <= KEYS for entry in found_items), (
                f"a global index that projects keys only gave {found_items} for {more}"
            )


@claim("IX-06")
def test_a_local_index_fetches_what_it_does_not_project(here: RegionHandle) -> None:
    """A Query of a local index of keys only gives its keys, and all of the item or other attributes if asked for them."""
    table = indexed(here, local=True)
    put(table, "1", "ann", 1, colour="red", shape="round")
    local = {
        "TableName": table.name,
        "IndexName": BY_PLACE,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "p"}},
        "ConsistentRead": True,
    }
    for more, attributes in (
        ({}, {"pk", "sk", "n"}),
        ({"Select": "ALL_ATTRIBUTES"}, KEYS | {"colour", "shape"}),
        ({"ProjectionExpression": "shape"}, {"shape"}),
    ):
        items = [set(item) for item in table.client.query(**local, **more)["Items"]]
        assert items == [attributes], (
            f"a local index of keys only must give {sorted(attributes)} for {more or 'a plain Query'}, it gave {items}"
        )


def in_pages(table: TableHandle, paging: dict[str, Any]) -> tuple[list[int], list[str]]:
    """The numbers of ann's entries in their order, and the sorted sort keys of their items."""
    found = entries(table, "ann", **paging)
    return [int(entry["n"]) for entry in found], sorted(entry["sk"] for entry in found)


@claim("IX-04")
def test_entries_with_one_index_key_are_all_there_in_order_and_once(here: RegionHandle) -> None:
    """Items that share the key of an index are all found; with any Limit the pages hold each entry once, in order."""
    table = indexed(here)
    for number in range(ENTRIES):
        put(table, f"sk {number}", "ann", number // 3)
    numbers = [number // 3 for number in range(ENTRIES)]
    names = [f"sk {number}" for number in range(ENTRIES)]
    for limit in (1, 2, ENTRIES, ENTRIES + 1):
        for forward, expected in ((True, numbers), (False, numbers[::-1])):
            paging = {"Limit": limit, "ScanIndexForward": forward}
            found, those = comes_to((expected, names), in_pages, table, paging)
            assert found == expected, (
                f"{ENTRIES} items with the index keys {expected} are {found} in pages of {limit}"
            )
            assert those == names, f"pages of {limit} of an index show the items {those}"


@claim("IX-05")
def test_an_index_that_is_added_is_filled_with_what_is_there(here: RegionHandle) -> None:
    """When it is ACTIVE it shows every item that was there and every write since; until then the table serves."""
    table = here.new_table(sort_type="S")
    for number in range(ENTRIES):
        put(table, str(number), "ann", number)
    with preparing():
        table.client.update_table(
            TableName=table.name,
            AttributeDefinitions=typed("pk", "sk", "owner", "n"),
            GlobalSecondaryIndexUpdates=[{"Create": index(BY_OWNER, "owner")}],
        )
    table.client.delete_item(TableName=table.name, Key={"pk": {"S": "p"}, "sk": {"S": "0"}})
    table.client.put_item(
        TableName=table.name,
        Item={"pk": {"S": "p"}, "sk": {"S": "late"}, "owner": {"S": "ann"}, "n": {"N": "99"}},
    )
    active = here.patience.until(
        "an index to be ACTIVE",
        lambda: (index_state(table, BY_OWNER) or {}).get("IndexStatus") == "ACTIVE",
        seconds=ADDING_SECONDS,
    )
    if not active:
        raise Inconclusive(f"the index was not ACTIVE within {ADDING_SECONDS:.0f} seconds")
    wanted = [*(str(number) for number in range(1, ENTRIES)), "late"]
    found = comes_to(wanted, shown, table, "ann")
    assert found == wanted, f"an index that was added to a table with the items {wanted} shows {found}"


def backed_up(here: RegionHandle, *indexes: dict[str, Any]) -> str:
    """A backup of a table with these and a local index, and with two items of ann; a third is put later."""
    table = indexed(here, *indexes, local=True)
    put(table, "1", "ann", 1)
    put(table, "2", "ann", 2)
    arn = table.back_up()
    put(table, "3", "ann", 3)
    return arn


def indexes_of(table: TableHandle) -> tuple[set[str], set[str]]:
    """The names of the global and of the local indexes of a table."""
    described = table.describe()
    kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    of_kind = [{str(one.get("IndexName")) for one in described.get(kind, [])} for kind in kinds]
    return of_kind[0], of_kind[1]


@claim("BK-07")
def test_a_backup_holds_indexes_and_a_restore_brings_them(here: RegionHandle) -> None:
    """The restored table has the global and local indexes of its source, with the entries of the restored items."""
    restored = here.restore_from_backup(backed_up(here, index(BY_OWNER, "owner")))
    found = indexes_of(restored)
    assert found == ({BY_OWNER}, {BY_PLACE}), f"a restored table has the global and local indexes {found}"
    items = comes_to(["1", "2"], shown, restored, "ann")
    assert items == ["1", "2"], f"the index of a restored table shows {items}, the backup has 1 and 2"


@claim("RS-04")
def test_a_restore_can_leave_indexes_out(here: RegionHandle) -> None:
    """With GlobalSecondaryIndexOverride the restored table has those of its source's indexes that are named in it."""
    kept, left_out = index(BY_OWNER, "owner"), index("left-out", "owner", "KEYS_ONLY")
    restored = here.table(here.names.new("restored"))
    here.client.restore_table_from_backup(
        BackupArn=backed_up(here, kept, left_out),
        TargetTableName=restored.name,
        GlobalSecondaryIndexOverride=[kept],
    )
    restored.wait_until_active()
    found = indexes_of(restored)
    assert found == ({BY_OWNER}, {BY_PLACE}), (
        f"restored with {BY_OWNER} as the only global index, a table has the global and local indexes {found}"
    )
    items = comes_to(["1", "2"], shown, restored, "ann")
    assert items == ["1", "2"], f"the index of a restored table shows {items}, the backup has 1 and 2"
