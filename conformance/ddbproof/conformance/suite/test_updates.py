"""Update expressions: what SET, REMOVE, ADD and DELETE make of an item.

Each test writes an item, updates it and reads it back whole. Numbers are compared as numbers, sets without
order. Not here: what ReturnValues returns (test_items), conditions of an update (test_conditions), and
whether operands that do not exist are refused, which the guide leaves open.
"""

from __future__ import annotations

import re
from typing import Any

from ddbproof.conformance.kit import claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

# Together with the fraction below these are 37 digits, more than any floating-point number keeps.
MANY_DIGITS, SMALL_FRACTION = "1234567890123456789", "0.000000000000000001"


def update(table: TableHandle, key: str, expression: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an UpdateItem; `values` are named without their colon."""
    request = {"TableName": table.name, "Key": {"pk": {"S": key}}, "UpdateExpression": expression}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return request


def item(table: TableHandle, key: str) -> dict[str, Any]:
    """The item without its key; what is in a set is sorted."""
    answer = table.client.get_item(TableName=table.name, Key={"pk": {"S": key}}, ConsistentRead=True)
    found = {name: value for name, value in answer.get("Item", {}).items() if name != "pk"}
    for value in found.values():
        for kind in {"SS", "NS", "BS"} & set(value):
            value[kind] = sorted(value[kind])
    return found


def updated(here: RegionHandle, before: dict[str, Any], expression: str, **values: Any) -> dict[str, Any]:
    """What an item with the attributes `before` is after an update; without any, there is no item before."""
    table, key = here.shared_table(), here.names.key()
    if before:
        table.client.put_item(TableName=table.name, Item={"pk": {"S": key}, **before})
    table.client.update_item(**update(table, key, expression, values))
    return item(table, key)


def strings(*texts: str) -> dict[str, Any]:
    """A list of strings."""
    return {"L": [{"S": text} for text in texts]}


def numbers(count: str) -> dict[str, Any]:
    """An attribute `n` with that number."""
    return {"n": {"N": count}}


def number(text: str) -> tuple[int, int] | None:
    """The value of a number in any notation, as digits and the power of ten that they are multiplied with."""
    parts = re.fullmatch(r"([+-]?[0-9]+)\.?([0-9]*)(?:[Ee]([+-]?[0-9]+))?", text)
    if parts is None:
        return None
    digits, power = int(parts[1] + parts[2]), int(parts[3] or 0) - len(parts[2])
    while digits and digits % 10 == 0:
        digits, power = digits // 10, power + 1
    return (digits, power) if digits else (0, 0)


def same_number(found: dict[str, Any], expected: str) -> bool:
    """Whether the attribute `n` is that number, in whatever notation."""
    return number(str(found.get("n", {}).get("N"))) == number(expected)


@claim("IT-14")
def test_set_computes_exactly(here: RegionHandle) -> None:
    """SET adds and subtracts attributes and given values, fractions and 37 digits without rounding."""
    for before, expression, value, expected in (
        ("10", "SET n = n + :v", "0.1", "10.1"),
        ("10", "SET n = n - :v", "12", "-2"),
        ("10", "SET n = :v - n", "12", "2"),
        (MANY_DIGITS, "SET n = n + :v", SMALL_FRACTION, MANY_DIGITS + SMALL_FRACTION[1:]),
        ("0.1", "SET n = n + :v", "0.2", "0.3"),
    ):
        found = updated(here, numbers(before), expression, v={"N": value}).get("n", {}).get("N")
        assert found == expected, (
            f"{expression} with n = {before} and :v = {value} must give {expected}: {found}"
        )


@claim("IT-15")
def test_if_not_exists_keeps_what_is_there(here: RegionHandle) -> None:
    """if_not_exists gives the attribute where there is one, otherwise the given value; it can be added to."""
    keep, count = "SET n = if_not_exists(n, :v)", "SET n = if_not_exists(n, :v) + :v"
    for before, expression, expected in (
        (numbers("1"), keep, "1"),
        ({"other": {"S": "x"}}, keep, "7"),
        ({}, keep, "7"),
        (numbers("1"), count, "8"),
        ({}, count, "14"),
    ):
        found = updated(here, before, expression, v={"N": "7"})
        assert same_number(found, expected), (
            f"{expression} with :v = 7 on an item with {before or 'nothing'} must give {expected}, gave {found}"
        )


@claim("IT-16")
def test_set_and_list_append_build_lists(here: RegionHandle) -> None:
    """An element is replaced in its place, one beyond the end is appended, and lists are joined in order."""
    for expression, expected in (
        ("SET l = list_append(l, :v)", ["a", "b", "c", "new"]),
        ("SET l = list_append(:v, l)", ["new", "a", "b", "c"]),
    ):
        found = updated(here, {"l": strings("a", "b", "c")}, expression, v=strings("new")).get("l")
        assert found == strings(*expected), f"{expression} on a, b, c gave {found}"
    new = {"v": {"S": "new"}, "w": {"S": "last"}}
    for expression, expected in (
        ("SET l[1] = :v, l[2] = :w", ["a", "new", "last"]),
        ("SET l[9] = :w, l[7] = :v", ["a", "b", "c", "new", "last"]),
    ):
        found = updated(here, {"l": strings("a", "b", "c")}, expression, **new).get("l")
        assert found == strings(*expected), f"{expression} on a, b, c must give {expected}, gave {found}"


@claim("IT-17")
def test_remove_takes_away_just_what_it_names(here: RegionHandle) -> None:
    """Attributes and map entries go, list elements close ranks, and what was never there is no error."""
    before = {"a": {"S": "a"}, "b": {"S": "b"}, "m": {"M": {"x": {"S": "x"}, "y": {"S": "y"}}}}
    found = updated(here, before, "REMOVE a, m.x, absent")
    expected = {"b": {"S": "b"}, "m": {"M": {"y": {"S": "y"}}}}
    assert found == expected, f"after REMOVE a, m.x, absent the item must hold {expected}, and holds {found}"
    remaining = updated(here, {"l": strings("a", "b", "c", "d", "e")}, "REMOVE l[1], l[2]").get("l")
    assert remaining == strings("a", "d", "e"), f"REMOVE l[1], l[2] on a, b, c, d, e left {remaining}"


@claim("IT-18")
def test_add_adds_numbers_and_members(here: RegionHandle) -> None:
    """ADD counts from 0 where there is nothing, up and down, and joins sets without a member twice."""
    for before, value, expected in (({}, "3", "3"), (numbers("10"), "5", "15"), (numbers("10"), "-12", "-2")):
        found = updated(here, before, "ADD n :v", v={"N": value})
        assert same_number(found, expected), f"ADD of {value} to {before or 'nothing'} gave {found}"
    for before, members in (({}, ["b", "c"]), ({"s": {"SS": ["a", "b"]}}, ["a", "b", "c"])):
        joined = updated(here, before, "ADD s :v", v={"SS": ["b", "c"]}).get("s")
        assert joined == {"SS": members}, f"ADD of the members b, c to {before or 'nothing'} gave {joined}"


@claim("IT-18")
def test_add_of_another_type_is_refused(here: RegionHandle) -> None:
    """A set of another type or a number cannot be added to a set of strings, which stays as it is."""
    table, key = here.shared_table(), here.names.key()
    table.client.put_item(TableName=table.name, Item={"pk": {"S": key}, "s": {"SS": ["a"]}})
    for what, value in (("a set of numbers", {"NS": ["1"]}), ("a number", {"N": "1"})):
        refused(
            table.client.update_item,
            what=f"ADD of {what} to a set of strings",
            **update(table, key, "SET x = :v ADD s :v", {"v": value}),
        )
        found = item(table, key)
        assert found == {"s": {"SS": ["a"]}}, f"ADD of {what} was refused, and the item is now {found}"


@claim("IT-19")
def test_delete_takes_members_out_of_a_set(here: RegionHandle) -> None:
    """The named members go, the others stay, and a set that loses its last member is gone."""
    for kind, members in (("SS", ["a", "b", "c"]), ("NS", ["1", "2", "3"]), ("BS", [b"a", b"b", b"c"])):
        found = updated(here, {"s": {kind: members}}, "DELETE s :v", v={kind: members[:2]}).get("s")
        assert found == {kind: members[2:]}, f"DELETE of {members[:2]} from the set {members} left {found}"
    found = updated(here, {"s": {"SS": ["a", "b"]}}, "DELETE s :v", v={"SS": ["a", "b"]}).get("s")
    assert found is None, f"DELETE of all members of a set left {found}"


@claim("IT-20")
def test_set_reads_the_item_as_it_was(here: RegionHandle) -> None:
    """SET a = b, b = a swaps two attributes, and a value can be kept that the same update changes or removes."""
    before = {"a": {"S": "left"}, "b": {"S": "right"}}
    for expression, values, expected in (
        ("SET a = b, b = a", {}, {"a": {"S": "right"}, "b": {"S": "left"}}),
        ("SET a = :v, b = a", {"v": {"S": "new"}}, {"a": {"S": "new"}, "b": {"S": "left"}}),
        ("REMOVE a SET b = a", {}, {"b": {"S": "left"}}),
    ):
        found = updated(here, before, expression, **values)
        assert found == expected, f"after {expression} on {before} the item must hold {expected}: {found}"


@claim("IT-26")
def test_a_path_changes_only_what_lies_there(here: RegionHandle) -> None:
    """SET and REMOVE inside maps and lists leave everything around the named place as it was."""
    before = {"m": {"M": {"x": {"S": "x"}, "deep": {"L": [{"M": {"a": {"N": "1"}, "b": {"N": "2"}}}]}}}}
    for expression, values, inner in (
        ("SET m.deep[0].a = :v", {"v": {"N": "9"}}, {"a": {"N": "9"}, "b": {"N": "2"}}),
        ("SET m.deep[0].c = :v", {"v": {"N": "9"}}, {"a": {"N": "1"}, "b": {"N": "2"}, "c": {"N": "9"}}),
        ("REMOVE m.deep[0].b", {}, {"a": {"N": "1"}}),
    ):
        found = updated(here, before, expression, **values)
        expected = {"m": {"M": {"x": {"S": "x"}, "deep": {"L": [{"M": inner}]}}}}
        assert found == expected, f"after {expression} on {before} the item must hold {expected}: {found}"


@claim("IT-27")
def test_a_placeholder_is_one_name(here: RegionHandle) -> None:
    """With placeholders an update writes and a read finds attributes named a.b, size and l[0], not a path."""
    table, key = here.shared_table(), here.names.key()
    names = ("a.b", "size", "l[0]")
    before: dict[str, Any] = {"a": {"M": {"b": {"S": "nested"}}}, "l": {"L": [{"S": "element"}]}}
    table.client.put_item(TableName=table.name, Item={"pk": {"S": key}, **before})
    for name in names:
        request = update(table, key, "SET #name = :v", {"v": {"S": name}})
        table.client.update_item(**request, ExpressionAttributeNames={"#name": name})
    expected = before | {name: {"S": name} for name in names}
    found = item(table, key)
    assert found == expected, f"after updates of attributes named {names} the item holds {found}"
    for name in names:
        answer = table.client.get_item(
            TableName=table.name,
            Key={"pk": {"S": key}},
            ProjectionExpression="#name",
            ExpressionAttributeNames={"#name": name},
            ConsistentRead=True,
        )
        one = answer.get("Item")
        assert one == {name: {"S": name}}, f"the projection #name for an attribute named {name} gave {one}"


@claim("IT-21")
def test_an_update_cannot_change_the_key(here: RegionHandle) -> None:
    """SET, REMOVE and ADD on a key attribute are refused, and the item keeps its key and its contents."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    table.put(key, "kept", sk={"N": "1"})
    for expression, values in (
        ("SET sk = :v", {":v": {"N": "2"}}),
        ("SET pk = :v", {":v": {"S": here.names.key()}}),
        ("ADD sk :v", {":v": {"N": "1"}}),
        ("REMOVE sk", {}),
    ):
        request = {
            "TableName": table.name,
            "Key": {"pk": {"S": key}, "sk": {"N": "1"}},
            "UpdateExpression": expression,
        }
        if values:
            request["ExpressionAttributeValues"] = values
        what = f"{expression} on an attribute of the key"
        refused(table.client.update_item, what=what, **request)
    answer = table.client.query(
        TableName=table.name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": key}},
        ConsistentRead=True,
    )
    found = answer["Items"]
    expected = [{"pk": {"S": key}, "sk": {"N": "1"}, "v": {"S": "kept"}}]
    assert found == expected, f"after refused updates of the key, the items of that partition key are {found}"
