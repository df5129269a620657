"""Key conditions: which keys a Query reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import Bindings, compile_condition, compile_key_condition
from ddbproof.reference_impl.values import KeySchema, encode_key, encode_partition_prefix, normalise_item

NUMERIC = KeySchema("pk", "S", "sk", "N")
TEXTUAL = KeySchema("pk", "S", "sk", "S")
SIMPLE = KeySchema("pk", "S")
P = {":p": {"S": "a"}}


def selected(schema: KeySchema, text: str, keys: list[dict[str, Any]], **values: dict[str, Any]) -> list[Any]:
    """The sort keys within the range, in the order of the encoded keys."""
    condition = compile_key_condition(text)
    given_values = {**P, **{f":{name}": value for name, value in values.items()}}
    bindings = Bindings(None, {name: given_values[name] for name in condition.placeholders})
    bindings.check(condition)
    found = condition.bind(schema, bindings)
    encoded = sorted((encode_key(schema, key), key["sk"]) for key in keys)
    return [sort for key, sort in encoded if found.start <= key < found.end]


def rows(kind: str, *sort_keys: str) -> list[dict[str, Any]]:
    return [
        {"pk": {"S": partition}, "sk": {kind: sort}} for partition in ("a", "b", "aa") for sort in sort_keys
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pk = :p", "-10 -1 0 2 10 30"),
        (":p = pk", "-10 -1 0 2 10 30"),
        ("(pk = :p) AND (sk > :low)", "2 10 30"),
        ("(pk = :p AND sk >= :low)", "0 2 10 30"),
        ("sk < :low AND pk = :p", "-10 -1"),
        ("pk = :p AND sk <= :low", "-10 -1 0"),
        ("pk = :p AND sk = :high", "10"),
        (":low < sk AND pk = :p", "2 10 30"),
        ("pk = :p AND :high >= sk", "-10 -1 0 2 10"),
        ("pk = :p AND sk BETWEEN :low AND :high", "0 2 10"),
    ],
)
def test_a_key_condition_selects_by_order_of_the_sort_key(text: str, expected: str) -> None:
    """In one item collection, either order of the tests, parentheses where one likes."""
    keys = rows("N", "30", "2", "10", "0", "-1", "-10")
    found = selected(NUMERIC, text, keys, low={"N": "0"}, high={"N": "1e1"})
    assert found == [{"N": number} for number in expected.split()]


def test_begins_with_selects_a_prefix() -> None:
    """Of strings and of binaries, the prefix itself included."""
    keys = rows("S", "a", "ab", "ab\x00", "ab\uffff", "ac", "b")
    found = selected(TEXTUAL, "pk = :p AND begins_with(sk, :s)", keys, s={"S": "ab"})
    assert found == [{"S": "ab"}, {"S": "ab\x00"}, {"S": "ab\uffff"}]


INVALID = "Invalid KeyConditionExpression: "
OPERATOR = "Invalid operator used in KeyConditionExpression: "
CONDITION = "Invalid condition in KeyConditionExpression: "
MISSED = "Query condition missed key schema element: "
UNSUPPORTED = "Query key condition not supported"
TYPE = "One or more parameter values were invalid: Condition parameter type does not match schema type"
NESTED = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: "
EMPTY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute "
    "cannot contain an empty string value. Key: "
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sk = :n", MISSED + "pk"),
        ("rest = :n", MISSED + "pk"),
        ("pk = :p AND rest = :n", MISSED + "sk"),
        ("pk > :p", UNSUPPORTED),
        ("begins_with(pk, :p)", UNSUPPORTED),
        ("pk BETWEEN :p AND :p AND sk = :n", UNSUPPORTED),
        ("pk = :p AND sk <> :n", OPERATOR + "<>"),
        ("NOT pk = :p", OPERATOR + "NOT"),
        ("pk = :p OR sk = :n", OPERATOR + "OR"),
        ("pk = :p AND (sk = :n OR sk = :m)", OPERATOR + "OR"),
        ("pk = :p AND sk IN (:n)", OPERATOR + "IN"),
        ("pk = :p AND attribute_exists(sk)", OPERATOR + "attribute_exists"),
        ("pk = :p AND contains(sk, :n)", OPERATOR + "contains"),
        ("pk = :p AND pk = :p", "KeyConditionExpressions must only contain one condition per key"),
        (
            "pk = :p AND (sk > :n AND sk < :m)",
            "KeyConditionExpressions must only contain one condition per key",
        ),
        ("pk = :p AND sk = :n AND rest = :m", "Conditions can be of length 1 or 2 only"),
        ("pk = :n", TYPE),
        ("pk = :p AND sk = :p", TYPE),
        ("pk = :p AND begins_with(sk, :p)", TYPE),
        (
            "pk = :p AND begins_with(sk, :n)",
            INVALID
            + "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        ("pk.x = :p", NESTED + "pk"),
        ("pk = :p AND sk[0] = :n", NESTED + "sk"),
        ("pk = sk", CONDITION + "Multiple attribute names used in one condition"),
        (":p = :p", CONDITION + "No key attribute specified"),
        (
            "pk = :p AND :n BETWEEN sk AND :m",
            CONDITION + "BETWEEN operator must have the key attribute as its first operand",
        ),
        ("pk = :p AND size(sk) = :n", "KeyConditionExpressions cannot contain nested operations"),
        ("pk = :empty", EMPTY + "pk"),
        ("name = :p", INVALID + "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "pk = :absent",
            INVALID
            + "An expression attribute value used in expression is not defined; attribute value: :absent",
        ),
        (
            "pk = :p AND sk BETWEEN :m AND :n",
            INVALID + "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
        ),
    ],
)
def test_anything_else_is_refused_in_dynamodbs_words(text: str, message: str) -> None:
    """Equality for the partition key, one plain test for the sort key."""
    bindings = Bindings(None, {**P, ":n": {"N": "1"}, ":m": {"N": "2"}, ":empty": {"S": ""}})
    with pytest.raises(ValidationError) as caught:
        compile_key_condition(text).bind(NUMERIC, bindings)
    assert caught.value.message == message


def test_a_table_without_sort_key_takes_no_second_test() -> None:
    """There is nothing that it could test."""
    with pytest.raises(ValidationError, match=f"^{UNSUPPORTED}$"):
        compile_key_condition("pk = :p AND sk = :p").bind(SIMPLE, Bindings(None, {**P}))
    found = compile_key_condition("pk = :p").bind(SIMPLE, Bindings(None, {**P}))
    assert found.partition_value == {"S": "a"}
    assert found.start == encode_partition_prefix(SIMPLE, {"S": "a"})


sort_numbers = st.integers(-20, 20).map(lambda number: {"N": str(number)})
tests = st.sampled_from(
    ["sk = :x", "sk < :x", "sk <= :x", "sk > :x", "sk >= :x", "sk BETWEEN :x AND :y", ":x < sk", ":x >= sk"]
)


@given(st.lists(sort_numbers, max_size=12), sort_numbers, sort_numbers, tests)
def test_the_range_holds_exactly_the_keys_that_pass_the_condition(
    sort_keys: list[dict[str, Any]], x: dict[str, Any], y: dict[str, Any], test: str
) -> None:
    """A key condition means what the same condition means in a filter."""
    if "BETWEEN" in test and int(y["N"]) < int(x["N"]):
        x, y = y, x
    text = f"pk = :p AND {test}"
    values = {**P, ":x": x, ":y": y}
    condition = compile_condition(text)
    bindings = Bindings(None, {name: values[name] for name in condition.placeholders})
    found = compile_key_condition(text).bind(NUMERIC, bindings)
    for partition in ("a", "b"):
        for sort in sort_keys:
            key: dict[str, Any] = {"pk": {"S": partition}, "sk": sort}
            normalise_item(key)
            inside = found.start <= encode_key(NUMERIC, key) < found.end
            assert inside == condition.evaluate(key, bindings)
