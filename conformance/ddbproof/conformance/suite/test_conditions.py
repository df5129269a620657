"""Conditions of writes: what a false one prevents, and which are true.

Whether a condition holds is asked by putting an item over itself: it is written if and only if the condition
holds, and either way it stays what it is. Not here: two writers at a time, but for versions (RC-08 has the
rest), conditions inside transactions (TX-02), and `<>` between values of different types, on which the
documentation is of two minds.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import claim, refused
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

WRITERS, ROUNDS = 6, 5
FAILED = "ConditionalCheckFailedException"


class Conditions:
    """One item, and whether conditions hold for it; an item without attributes is not there at all."""

    def __init__(self, here: RegionHandle, **attributes: Any) -> None:
        self._table = here.shared_table()
        self._item = {"pk": {"S": here.names.key()}, **attributes}
        if attributes:
            self._table.client.put_item(TableName=self._table.name, Item=self._item)

    def hold(self, condition: str, **values: Any) -> bool:
        """Whether the condition holds; `values` are named without their colon."""
        given = {f":{name}": value for name, value in values.items()}
        try:
            self._table.client.put_item(
                TableName=self._table.name,
                Item=self._item,
                ConditionExpression=condition,
                **({"ExpressionAttributeValues": given} if given else {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != FAILED:
                raise
            return False
        return True

    def judge(self, condition: str, expected: bool, **values: Any) -> None:
        """Asserts that the condition holds, or does not."""
        found = self.hold(condition, **values)
        named = set(re.findall(r"\w+", condition)) - {"pk"}
        where = {name: value for name, value in self._item.items() if name in named}
        assert found is expected, (
            f"{condition} with {values} must be {str(expected).lower()} for an item with {where}, and was not"
        )


def item(table: TableHandle, key: str) -> dict[str, Any] | None:
    """The whole item, None if there is none."""
    answer = table.client.get_item(TableName=table.name, Key={"pk": {"S": key}}, ConsistentRead=True)
    found: dict[str, Any] | None = answer.get("Item")
    return found


def writes(table: TableHandle, key: str, condition: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """A put, an update and a delete of the item on that condition: name, operation, parameters."""
    what: dict[str, Any] = {"TableName": table.name, "ConditionExpression": condition}
    of_the_key = {**what, "Key": {"pk": {"S": key}}}
    update = {
        "UpdateExpression": "SET v = :new",
        "ExpressionAttributeValues": {":new": {"S": "new"}},
    }
    return [
        ("put", table.client.put_item, {**what, "Item": {"pk": {"S": key}, "v": {"S": "new"}}}),
        ("update", table.client.update_item, {**of_the_key, **update}),
        ("delete", table.client.delete_item, of_the_key),
    ]


@claim("CO-01")
def test_a_false_condition_prevents_the_write(here: RegionHandle) -> None:
    """A put, update or delete with a false condition is refused; an item stays, and none comes into being."""
    table, key, absent = here.shared_table(), here.names.key(), here.names.key()
    table.put(key, "old", more={"N": "1"})
    before = item(table, key)
    for which, condition in ((key, "attribute_not_exists(pk)"), (absent, "attribute_exists(pk)")):
        for name, operation, request in writes(table, which, condition):
            refused(operation, FAILED, what=f"a {name} whose condition is false", **request)
            found, expected = item(table, which), before if which == key else None
            assert found == expected, f"a refused {name} left {found} where {expected} was"


@claim("CO-01")
def test_a_true_condition_lets_the_write_happen(here: RegionHandle) -> None:
    """A put, update or delete with a true condition is done."""
    table = here.shared_table()
    for number, outcome in enumerate(("new", "new", None)):
        key = here.names.key()
        table.put(key, "old")
        name, operation, request = writes(table, key, "attribute_exists(v)")[number]
        operation(**request)
        found = table.get(key)
        assert found == outcome, f"after a {name} whose condition is true, v is {found} instead of {outcome}"


@claim("CO-02")
def test_a_refusal_carries_the_item_when_asked(here: RegionHandle) -> None:
    """With ALL_OLD the refused put, update or delete shows the whole item, and without it none."""
    table, key = here.shared_table(), here.names.key()
    table.put(key, "old", more={"L": [{"N": "1"}]})
    before = item(table, key)

    def shown(operation: Any, name: str, **request: Any) -> Any:
        carried: list[Any] = []

        def send(**arguments: Any) -> None:
            try:
                operation(**arguments)
            except ClientError as error:
                carried.append(error.response.get("Item"))
                raise

        refused(send, FAILED, what=f"a {name} whose condition is false", **request)
        return carried[0]

    for name, operation, request in writes(table, key, "attribute_not_exists(pk)"):
        found = shown(operation, name, **request, ReturnValuesOnConditionCheckFailure="ALL_OLD")
        assert found == before, f"the refusal of a {name} with ALL_OLD carries {found}; the item is {before}"
        found = shown(operation, name, **request)
        assert not found, f"the refusal of a {name} carries the item {found}, which was not asked for"


@claim("CO-03")
def test_existence_is_judged_by_the_path(here: RegionHandle) -> None:
    """A path exists in maps and lists too, with any value, even null; nothing exists where there is no item."""
    conditions = Conditions(
        here,
        a={"S": ""},
        nil={"NULL": True},
        m={"M": {"x": {"BOOL": False}}},
        l={"L": [{"S": "first"}]},
    )
    for path, exists in (
        ("a", True),
        ("nil", True),
        ("m.x", True),
        ("l[0]", True),
        ("b", False),
        ("m.y", False),
        ("l[1]", False),
        ("a.x", False),
    ):
        conditions.judge(f"attribute_exists({path})", exists)
        conditions.judge(f"attribute_not_exists({path})", not exists)
    missing = Conditions(here)
    missing.judge("attribute_exists(pk)", False)
    missing.judge("attribute_not_exists(pk)", True)


@claim("CO-04")
def test_comparators_compare_values(here: RegionHandle) -> None:
    """Numbers compare by value, strings by UTF-8 bytes, binary values by unsigned bytes, sets without order."""
    ordered: tuple[tuple[Any, Any], ...] = (
        ({"N": "9"}, {"N": "10"}),
        ({"N": "-10"}, {"N": "-9.5"}),
        ({"N": "-1"}, {"N": "0"}),
        ({"S": "B"}, {"S": "a"}),
        ({"S": "a"}, {"S": "aa"}),
        ({"S": "z"}, {"S": "é"}),
        ({"B": b"\x7f"}, {"B": b"\x80"}),
        ({"B": b"\x01\xff"}, {"B": b"\x02"}),
    )
    for lesser, greater in ordered:
        conditions = Conditions(here, a=lesser)
        for comparator, expected in (("<", True), ("<=", True), (">", False), (">=", False), ("=", False)):
            conditions.judge(f"a {comparator} :v", expected, v=greater)
        conditions.judge("a <> :v", True, v=greater)
    equals: tuple[tuple[Any, Any], ...] = (
        ({"N": "1.50"}, {"N": "1.5"}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"L": [{"S": "a"}, {"N": "1"}]}, {"L": [{"S": "a"}, {"N": "1"}]}),
    )
    for stored, given in equals:
        conditions = Conditions(here, a=stored)
        conditions.judge("a = :v", True, v=given)
        conditions.judge("a <> :v", False, v=given)


@claim("CO-05")
def test_between_and_in_include_what_they_name(here: RegionHandle) -> None:
    """BETWEEN holds at both of its bounds and not beyond; IN holds for a value that is listed."""
    conditions = Conditions(here, a={"N": "5"})
    for low, high, expected in (
        ("1", "9", True),
        ("5", "9", True),
        ("1", "5", True),
        ("5", "5", True),
        ("6", "9", False),
        ("1", "4.9", False),
        ("10", "50", False),
    ):
        conditions.judge("a BETWEEN :low AND :high", expected, low={"N": low}, high={"N": high})
    for first, second, expected in (("5", "7", True), ("7", "5.0", True), ("7", "55", False)):
        conditions.judge("a IN (:one, :two)", expected, one={"N": first}, two={"N": second})


@claim("CO-06")
def test_begins_with_and_contains_find_parts(here: RegionHandle) -> None:
    """begins_with finds only prefixes; contains finds substrings, members of sets and elements of lists."""
    conditions = Conditions(
        here,
        s={"S": "conformance"},
        b={"B": b"\x00\x01\x02"},
        ss={"SS": ["red", "green"]},
        ns={"NS": ["1", "20"]},
        l={"L": [{"S": "red"}, {"N": "2"}]},
    )
    for function, path, value, expected in (
        ("begins_with", "s", {"S": "con"}, True),
        ("begins_with", "s", {"S": "form"}, False),
        ("begins_with", "s", {"S": "Con"}, False),
        ("begins_with", "b", {"B": b"\x00\x01"}, True),
        ("begins_with", "b", {"B": b"\x01"}, False),
        ("begins_with", "absent", {"S": "c"}, False),
        ("contains", "s", {"S": "form"}, True),
        ("contains", "s", {"S": "mrof"}, False),
        ("contains", "ss", {"S": "red"}, True),
        ("contains", "ss", {"S": "re"}, False),
        ("contains", "ns", {"N": "20"}, True),
        ("contains", "ns", {"N": "2"}, False),
        ("contains", "l", {"S": "red"}, True),
        ("contains", "l", {"N": "2"}, True),
        ("contains", "l", {"S": "re"}, False),
    ):
        conditions.judge(f"{function}({path}, :v)", expected, v=value)


@claim("CO-07")
def test_types_are_told_apart(here: RegionHandle) -> None:
    """attribute_type holds for the type of an attribute and for no other."""
    values: dict[str, Any] = {
        "S": "1",
        "N": "1",
        "B": b"1",
        "BOOL": True,
        "NULL": True,
        "L": [],
        "M": {},
        "SS": ["1"],
        "NS": ["1"],
        "BS": [b"1"],
    }
    conditions = Conditions(here, **{f"is_{kind}": {kind: value} for kind, value in values.items()})
    kinds = list(values)
    for kind, another in zip(kinds, [*kinds[1:], kinds[0]], strict=True):
        conditions.judge(f"attribute_type(is_{kind}, :v)", True, v={"S": kind})
        conditions.judge(f"attribute_type(is_{kind}, :v)", False, v={"S": another})


@claim("CO-07")
def test_size_counts_what_a_value_has(here: RegionHandle) -> None:
    """size is the length of a string, the bytes of a binary value, the elements of a set, list or map."""
    conditions = Conditions(
        here,
        s={"S": "four"},
        b={"B": b"\x00\x01\xff"},
        ss={"SS": ["red", "green"]},
        l={"L": [{"S": "x"}, {"L": [{"S": "y"}, {"S": "z"}]}, {"S": "x"}]},
        m={"M": {"x": {"S": "long text"}}},
        e={"S": ""},
    )
    for path, count in (("s", 4), ("b", 3), ("ss", 2), ("l", 3), ("m", 1), ("l[1]", 2), ("e", 0)):
        conditions.judge(f"size({path}) = :v", True, v={"N": str(count)})
        conditions.judge(f"size({path}) > :v", False, v={"N": str(count)})


@claim("CO-08")
def test_operators_have_their_precedence(here: RegionHandle) -> None:
    """NOT is evaluated before AND, AND before OR, and parentheses before all of them."""
    conditions = Conditions(here, t={"S": "yes"}, f={"S": "no"})
    true, false = "t = :v", "f = :v"
    for condition, expected in (
        (f"{true} OR {true} AND {false}", True),
        (f"({true} OR {true}) AND {false}", False),
        (f"{false} AND {true} OR {true}", True),
        (f"{false} AND ({true} OR {true})", False),
        (f"NOT {true} OR {true}", True),
        (f"NOT ({true} OR {true})", False),
        (f"NOT {false} AND {false}", False),
        (f"NOT ({false} AND {false})", True),
    ):
        conditions.judge(condition, expected, v={"S": "yes"})


@claim("CO-09")
def test_values_of_different_types_do_not_match(here: RegionHandle) -> None:
    """The string 6 is not equal to, less than or greater than the number 6, and no set is its only member."""
    pairs: tuple[tuple[Any, Any], ...] = (
        ({"S": "6"}, {"N": "6"}),
        ({"N": "6"}, {"S": "6"}),
        ({"B": b"6"}, {"S": "6"}),
        ({"NS": ["6"]}, {"N": "6"}),
    )
    for stored, given in pairs:
        conditions = Conditions(here, a=stored)
        for comparator in ("=", "<", "<=", ">", ">="):
            conditions.judge(f"a {comparator} :v", False, v=given)
        conditions.judge("a IN (:v)", False, v=given)
        conditions.judge("a BETWEEN :v AND :v", False, v=given)


@claim("CO-10", consistency=True)
def test_of_concurrent_updates_of_one_version_one_is_applied(here: RegionHandle) -> None:
    """Each writer demands the version it read and writes the next: one succeeds, and the item holds its value."""
    table, key = here.shared_table(), here.names.key()
    table.put(key, "nobody", version={"N": "0"})

    def try_to_write(version: int, writer: int) -> str | None:
        try:
            table.client.update_item(
                TableName=table.name,
                Key={"pk": {"S": key}},
                UpdateExpression="SET v = :v, version = :next",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={
                    ":v": {"S": f"writer {writer}"},
                    ":version": {"N": str(version)},
                    ":next": {"N": str(version + 1)},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != FAILED:
                raise
            return None
        return f"writer {writer}"

    with ThreadPoolExecutor(WRITERS) as pool:
        for version in range(ROUNDS):
            told = list(pool.map(lambda writer, now=version: try_to_write(now, writer), range(WRITERS)))
            winners = [writer for writer in told if writer is not None]
            assert len(winners) <= 1, f"{len(winners)} of {WRITERS} writers replaced version {version}"
            found = item(table, key) or {}
            number, value = found.get("version", {}).get("N"), found.get("v", {}).get("S")
            # A retry inside the client may lose against its own first attempt: then nobody was told.
            assert number == str(version + 1), (
                f"{WRITERS} writers wrote version {version + 1}; it is {number}"
            )
            assert not winners or value == winners[0], f"{winners[0]} was told to have won, and v is {value}"
