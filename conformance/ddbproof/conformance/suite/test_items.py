"""Items: what the single-item operations do to them, and the values they hold.

Values are compared as values: a number in whatever notation, a set in whatever order. Where the
documentation says what a set is but not what happens to a request that names a value twice, both refusing
and folding pass. Not here: sizes (PART-14), what update expressions do (test_updates), and batches
(test_batches).
"""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

MOST_DIGITS = "12345678901234567890123456789012345678"
LARGEST = "9." + "9" * 37 + "E+125"
LEVELS_THAT_FIT, LEVELS_TOO_MANY = 31, 40


def put(table: TableHandle, key: str, **attributes: Any) -> dict[str, Any]:
    """The parameters of a PutItem."""
    return {"TableName": table.name, "Item": {"pk": {"S": key}, **attributes}}


def item(table: TableHandle, key: str) -> dict[str, Any] | None:
    """The item without its key, None if there is none."""
    answer = table.client.get_item(TableName=table.name, Key={"pk": {"S": key}}, ConsistentRead=True)
    found = answer.get("Item")
    return None if found is None else {name: value for name, value in found.items() if name != "pk"}


def number(text: str) -> tuple[int, int] | None:
    """The value of a number in any notation, as digits and the power of ten that they are multiplied with."""
    parts = re.fullmatch(r"([+-]?[0-9]+)\.?([0-9]*)(?:[Ee]([+-]?[0-9]+))?", text)
    if parts is None:
        return None
    digits, power = int(parts[1] + parts[2]), int(parts[3] or 0) - len(parts[2])
    while digits and digits % 10 == 0:
        digits, power = digits // 10, power + 1
    return (digits, power) if digits else (0, 0)


@claim("IT-01")
def test_put_item_replaces_the_whole_item(here: RegionHandle) -> None:
    """After a second PutItem with the same key nothing of the first item is left."""
    table, key = here.shared_table(), here.names.key()
    table.client.put_item(**put(table, key, a={"S": "old"}, b={"S": "old"}))
    table.client.put_item(**put(table, key, b={"S": "new"}, c={"S": "new"}))
    found = item(table, key)
    expected = {"b": {"S": "new"}, "c": {"S": "new"}}
    assert found == expected, f"PutItem wrote {expected} over another item, and the item is now {found}"


@claim("IT-02")
def test_update_item_changes_only_what_it_names(here: RegionHandle) -> None:
    """UpdateItem makes an item where there is none, and leaves other attributes of an existing one alone."""
    table, key = here.shared_table(), here.names.key()
    for name in ("a", "b"):
        table.client.update_item(
            TableName=table.name,
            Key={"pk": {"S": key}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": name}},
        )
        expected = {one: {"S": one} for one in ("a", "b") if one <= name}
        found = item(table, key)
        assert found == expected, f"after UpdateItem set {name} the item must hold {expected}, not {found}"


@claim("IT-03")
def test_deleting_a_missing_item_is_no_error(here: RegionHandle) -> None:
    """DeleteItem succeeds for a key that never had an item, and a second time for one that had."""
    table, key = here.shared_table(), here.names.key()
    table.put(key, "here")
    for request in (
        {"TableName": table.name, "Key": {"pk": {"S": here.names.key()}}},
        {"TableName": table.name, "Key": {"pk": {"S": key}}},
        {"TableName": table.name, "Key": {"pk": {"S": key}}},
    ):
        table.client.delete_item(**request)
    assert item(table, key) is None, "the item is still there after it was deleted twice"


@claim("IT-04")
def test_get_item_of_a_missing_item_has_no_item(here: RegionHandle) -> None:
    """The answer for a key without an item is a success without the member Item."""
    table = here.shared_table()
    answer = table.client.get_item(
        TableName=table.name, Key={"pk": {"S": here.names.key()}}, ConsistentRead=True
    )
    assert "Item" not in answer, f"GetItem for a key that has no item returned Item {answer['Item']}"


@claim("IT-05")
def test_put_and_delete_return_the_old_item_when_asked(here: RegionHandle) -> None:
    """ALL_OLD returns the item as it was, nothing where there was none; by default nothing is returned."""
    table, key = here.shared_table(), here.names.key()
    old = {"pk": {"S": key}, "v": {"S": "one"}, "more": {"N": "1"}}
    first = table.client.put_item(TableName=table.name, Item=old, ReturnValues="ALL_OLD").get("Attributes")
    assert not first, f"PutItem of a new item returned {first} as the old one"
    new = {"pk": {"S": key}, "v": {"S": "two"}}
    second = table.client.put_item(TableName=table.name, Item=new, ReturnValues="ALL_OLD").get("Attributes")
    assert second == old, f"PutItem returned {second} as the old item, which was {old}"
    third = table.client.put_item(TableName=table.name, Item=new).get("Attributes")
    assert not third, f"PutItem returned {third} without being asked"
    gone = table.client.delete_item(TableName=table.name, Key={"pk": {"S": key}}, ReturnValues="ALL_OLD")
    found = gone.get("Attributes")
    assert found == new, f"DeleteItem returned {found} as the old item, which was {new}"


@claim("IT-06")
def test_update_item_returns_what_return_values_asks_for(here: RegionHandle) -> None:
    """ALL_OLD, UPDATED_OLD, ALL_NEW and UPDATED_NEW each return the attributes they name, NONE returns none."""
    table = here.shared_table()
    for mode, expected in (
        ("NONE", {}),
        ("ALL_OLD", {"a": "old", "b": "kept"}),
        ("UPDATED_OLD", {"a": "old"}),
        ("ALL_NEW", {"a": "new", "b": "kept"}),
        ("UPDATED_NEW", {"a": "new"}),
    ):
        key = here.names.key()
        table.client.put_item(**put(table, key, a={"S": "old"}, b={"S": "kept"}))
        answer = table.client.update_item(
            TableName=table.name,
            Key={"pk": {"S": key}},
            UpdateExpression="SET a = :new",
            ExpressionAttributeValues={":new": {"S": "new"}},
            ReturnValues=mode,
        )
        returned = {name: value.get("S") for name, value in answer.get("Attributes", {}).items()}
        found = {name: value for name, value in returned.items() if name != "pk"}
        assert found == expected, f"ReturnValues={mode} returned {found}, it must return {expected}"
        whole = mode.startswith("ALL")
        assert returned.get("pk") == (key if whole else None), f"ReturnValues={mode} returned {returned}"


@claim("IT-07")
def test_a_number_keeps_38_digits(here: RegionHandle) -> None:
    """Numbers of 38 digits come back with the same value, and one with 39 digits is refused."""
    table, key = here.shared_table(), here.names.key()
    for text in (
        MOST_DIGITS,
        "-" + MOST_DIGITS,
        "0." + MOST_DIGITS,
        MOST_DIGITS[:19] + "." + MOST_DIGITS[19:],
    ):
        table.client.put_item(**put(table, key, n={"N": text}))
        found = (item(table, key) or {}).get("n", {}).get("N", "nothing")
        assert found != "nothing", f"the number {text} was written, and the item has none"
        assert number(found) == number(text), f"the number {text} was read back as {found}"
    refused(
        table.client.put_item,
        what="a number of 39 digits",
        **put(table, key, n={"N": MOST_DIGITS + "9"}),
    )


@claim("IT-08")
def test_a_number_lies_within_the_documented_range(here: RegionHandle) -> None:
    """The largest and the smallest numbers are stored, and a number beyond them is refused."""
    table, key = here.shared_table(), here.names.key()
    for text in (LARGEST, "-" + LARGEST, "1E-130", "-1E-130", "0"):
        table.client.put_item(**put(table, key, n={"N": text}))
        found = (item(table, key) or {}).get("n", {}).get("N", "0.5")
        assert number(found) == number(text), f"the number {text} was read back as {found}"
    for text in ("1E+126", "-1E+126", "1E-131", "-1E-131"):
        refused(
            table.client.put_item,
            what=f"the number {text}",
            **put(table, key, n={"N": text}),
        )


@claim("IT-09")
def test_a_number_in_a_key_is_the_same_in_every_spelling(here: RegionHandle) -> None:
    """An item written with the sort key 1 is read, replaced and deleted with 1.0, 01 and 10E-1."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    table.put(key, "first", sk={"N": "1"})
    for text in ("1.0", "01", "10E-1"):
        answer = table.client.get_item(
            TableName=table.name, Key={"pk": {"S": key}, "sk": {"N": text}}, ConsistentRead=True
        )
        assert "Item" in answer, f"the item with the sort key 1 is not found with {text}"
        table.put(key, text, sk={"N": text})
    answer = table.client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": key}},
        ConsistentRead=True,
    )
    found = [one["sk"] for one in answer["Items"]]
    assert len(found) == 1, f"one number in four spellings became the sort keys {found}"


@claim("IT-10")
def test_empty_values_are_allowed_outside_the_key_only(here: RegionHandle) -> None:
    """An empty string and empty binary are stored and read back; as a key value they are refused."""
    table, key = here.shared_table(), here.names.key()
    values: dict[str, Any] = {"s": {"S": ""}, "b": {"B": b""}, "l": {"L": [{"S": ""}]}}
    table.client.put_item(**put(table, key, **values))
    found = item(table, key)
    assert found == values, f"empty values were written as {values} and read back as {found}"
    for sort_type, empty in (("S", ""), ("B", b"")):
        keyed = here.shared_table(sort_type=sort_type)
        refused(
            keyed.client.put_item,
            "ValidationException",
            what=f"an empty sort key of type {sort_type}",
            **put(keyed, key, sk={sort_type: empty}),
        )


@claim("IT-11")
def test_a_set_holds_each_value_once(here: RegionHandle, seen: dict[str, str]) -> None:
    """Sets of each type come back as sets, never with a value twice, and an empty one is refused."""
    table, key = here.shared_table(), here.names.key()
    sets: dict[str, list[Any]] = {
        "SS": ["b", "a", "c"],
        "NS": ["3", "-1", "2"],
        "BS": [b"\x01", b"\xff", b"\x00"],
    }
    table.client.put_item(**put(table, key, **{kind: {kind: values} for kind, values in sets.items()}))
    found = item(table, key) or {}
    for kind, values in sets.items():
        members = found.get(kind, {}).get(kind, [])
        assert sorted(members) == sorted(values), f"the set {values} was read back as {found.get(kind)}"
    for kind in sets:
        refused(
            here.unchecked.put_item,
            "ValidationException",
            what=f"an empty set of type {kind}",
            **put(table, key, empty={kind: []}),
        )
    try:
        table.client.put_item(**put(table, key, twice={"SS": ["a", "b", "a"]}))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        seen["a value twice in a set"] = "refused"
        return
    folded = (item(table, key) or {}).get("twice", {}).get("SS", [])
    assert sorted(folded) == ["a", "b"], f"a set was written with a value twice and read back as {folded}"
    seen["a value twice in a set"] = "folded"


def nested(levels: int) -> dict[str, Any]:
    """A value of that many maps and lists in each other, around a string."""
    value: dict[str, Any] = {"S": "heart"}
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"in": value}}
    return value


@claim("IT-12")
def test_nested_documents_come_back_as_written(here: RegionHandle) -> None:
    """Lists and maps of mixed types keep order, types and depth; more than 32 levels are refused."""
    table, key = here.shared_table(), here.names.key()
    values: dict[str, Any] = {
        "empty": {"M": {"list": {"L": []}, "map": {"M": {}}}},
        "mixed": {"L": [{"N": "2"}, {"S": "1"}, {"NULL": True}, {"BOOL": False}, {"M": {"x": {"S": "x"}}}]},
        "deep": nested(LEVELS_THAT_FIT),
    }
    table.client.put_item(**put(table, key, **values))
    found = item(table, key)
    assert found == values, f"nested values were written as {values} and read back as {found}"
    refused(
        table.client.put_item,
        what=f"an attribute nested {LEVELS_TOO_MANY} levels deep",
        **put(table, key, deep=nested(LEVELS_TOO_MANY)),
    )


@claim("IT-13")
def test_binary_values_come_back_byte_for_byte(here: RegionHandle) -> None:
    """Every byte there is survives in an attribute, in a list and as a key."""
    table, key = here.shared_table(sort_type="B"), here.names.key()
    every_byte = bytes(range(256))
    backwards = {"L": [{"B": every_byte[::-1]}]}
    table.put(key, "x", sk={"B": every_byte}, b={"B": every_byte}, l=backwards)
    found = table.client.get_item(
        TableName=table.name, Key={"pk": {"S": key}, "sk": {"B": every_byte}}, ConsistentRead=True
    ).get("Item", {})
    expected: dict[str, Any] = {"sk": {"B": every_byte}, "b": {"B": every_byte}, "l": backwards}
    for name, value in expected.items():
        assert found.get(name) == value, f"{name} was written as {value} and read back as {found.get(name)}"


@claim("IT-28")
def test_a_key_is_named_completely_and_in_its_types(here: RegionHandle) -> None:
    """A key without the sort key, or with one of another type, is refused, and nothing is done."""
    table, key = here.shared_table(sort_type="S"), here.names.key()
    table.put(key, "kept", sk={"S": "s"})
    whole = {"pk": {"S": key}, "sk": {"S": "s"}}
    for what, wrong in (
        ("without the sort key", {"pk": {"S": key}}),
        ("with a number for a string", {**whole, "sk": {"N": "1"}}),
    ):
        for operation in (table.client.get_item, table.client.delete_item, table.client.update_item):
            refused(
                operation,
                "ValidationException",
                what=f"{operation.__name__} of a key {what}",
                TableName=table.name,
                Key=wrong,
            )
    answer = table.client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": key}},
        ConsistentRead=True,
    )
    expected = [{**whole, "v": {"S": "kept"}}]
    assert answer["Items"] == expected, f"after refused requests with wrong keys there is {answer['Items']}"
