"""Attribute values: what is accepted, one canonical form, sizes, equality and order."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import SerializationError, ValidationError
from ddbproof.reference_impl.values import (
    compare,
    depth_of,
    equal,
    item_size,
    normalise_item,
    normalise_value,
    size_of,
    type_of,
)

INVALID = "One or more parameter values were invalid: "


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
binaries = st.binary(max_size=5).map(lambda data: base64.b64encode(data).decode())
number_texts = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-100, max_value=100).map(str),
)


def _value_of(kind: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return content.map(lambda drawn: {kind: drawn})


scalars = st.one_of(
    _value_of("S", texts),
    _value_of("N", number_texts),
    _value_of("B", binaries),
    _value_of("BOOL", st.booleans()),
    st.just({"NULL": True}),
)
sets = st.one_of(
    _value_of("SS", st.lists(texts, min_size=1, max_size=3, unique=True)),
    _value_of("NS", st.lists(st.integers(-99, 99).map(str), min_size=1, max_size=3, unique=True)),
    _value_of("BS", st.lists(binaries, min_size=1, max_size=3, unique=True)),
)
names = st.sampled_from(["a", "b", "c", "d"])
values = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(
        _value_of("L", st.lists(inner, max_size=3)),
        _value_of("M", st.dictionaries(names, inner, max_size=3)),
    ),
    max_leaves=6,
)
items = st.dictionaries(names, values, max_size=4)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"X": "a"}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (
            {"S": "a", "N": "1"},
            "Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes",
        ),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        ({"SS": ["a", "a"]}, INVALID + "Input collection [a, a] contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"BS": ["YQ==", "YQ=="]}, INVALID + "Input collection of type BS contains duplicates."),
        ({"L": [{"N": "x"}]}, "The parameter cannot be converted to a numeric value: x"),
        ({"M": {"": {"S": "x"}}}, "Empty attribute name"),
    ],
)
def test_what_dynamodb_refuses_is_refused_in_its_words(value: dict[str, Any], message: str) -> None:
    """One type for each value, sets with members and without duplicates."""
    with pytest.raises(ValidationError) as caught:
        normalise_value(value)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "value",
    [
        {"S": 5},
        {"N": 5},
        {"B": "a"},
        {"B": "YQ"},
        {"B": "é==="},
        {"BOOL": "true"},
        {"NULL": "true"},
        {"L": {}},
        {"M": []},
        {"SS": "a"},
        {"SS": [1]},
        {"L": ["a"]},
        {"BS": ["!"]},
    ],
)
def test_a_wrong_json_type_is_a_serialization_error(value: dict[str, Any]) -> None:
    """It is the body that cannot be read, not the value that is invalid."""
    with pytest.raises(SerializationError):
        normalise_value(value)


def test_empty_strings_binaries_lists_and_maps_are_values() -> None:
    """Only sets may not be empty."""
    item: dict[str, Any] = {"a": {"S": ""}, "b": {"B": ""}, "c": {"L": []}, "d": {"M": {}}}
    assert normalise_item(item) == 4 + 3 + 3


def test_a_member_that_is_null_counts_as_not_given() -> None:
    """JSON null stands for absence."""
    value: dict[str, Any] = {"S": "a", "N": None}
    normalise_value(value)
    assert value == {"S": "a"}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels - 1):
        value = {"L": [value]}
    return value


def test_values_nest_32_levels_and_no_deeper() -> None:
    """However deep the input, the answer is DynamoDB's error."""
    assert depth_of(nested(32)) == 32
    normalise_value(nested(32))
    for levels in (33, 5000):
        with pytest.raises(ValidationError, match="Nesting Levels have exceeded supported limits"):
            normalise_value(nested(levels))


@pytest.mark.parametrize(
    ("item", "size_bytes"),
    [
        ({"name": {"S": "abc"}}, 7),
        ({"é": {"S": "é"}}, 4),
        ({"n": {"N": "-12.5"}}, 1 + 4),
        ({"b": {"B": "AAEC"}}, 1 + 3),
        ({"t": {"BOOL": True}, "u": {"NULL": True}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"S": ""}]}}, 1 + 3 + (1 + 2) + 1),
        ({"m": {"M": {"key": {"S": "ab"}}}}, 1 + 3 + (1 + 3 + 2)),
        ({"s": {"SS": ["ab", "c"]}}, 1 + 3),
        ({"s": {"NS": ["1", "100"]}}, 1 + 4),
        ({"s": {"BS": ["AA==", "AAE="]}}, 1 + 3),
    ],
)
def test_sizes_follow_the_published_rules(item: dict[str, Any], size_bytes: int) -> None:
    """Names and values; 3 bytes for a list or map and 1 for each element."""
    assert normalise_item(item) == size_bytes


@given(items)
def test_normalising_is_idempotent_and_the_size_is_stable(item: dict[str, Any]) -> None:
    """One canonical form; `item_size` computes the same size from it."""
    size_bytes = normalise_item(item)
    once = copy.deepcopy(item)
    assert normalise_item(item) == size_bytes == item_size(item)
    assert item == once


@given(values, values)
def test_equality_needs_the_same_type(first: dict[str, Any], second: dict[str, Any]) -> None:
    """`equal` is an equivalence that never crosses types."""
    normalise_value(first)
    normalise_value(second)
    assert equal(first, copy.deepcopy(first))
    assert equal(first, second) == equal(second, first)
    assert not equal(first, second) or type_of(first) == type_of(second)


def test_numbers_are_equal_by_value_and_sets_without_order() -> None:
    """Spelling does not matter."""
    first: dict[str, Any] = {"L": [{"N": "1.0"}, {"NS": ["2", "10.0"]}, {"BS": ["Yg==", "YQ=="]}]}
    second: dict[str, Any] = {"L": [{"N": "1e0"}, {"NS": ["10", "2e0"]}, {"BS": ["YQ==", "Yh=="]}]}
    normalise_value(first)
    normalise_value(second)  # "Yh==" decodes to the same byte as "Yg=="
    assert equal(first, second)


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ({"N": "9"}, {"N": "10"}),
        ({"N": "-10"}, {"N": "-9"}),
        ({"S": "10"}, {"S": "9"}),
        ({"S": "Z"}, {"S": "a"}),
        ({"S": "\uffff"}, {"S": "\U00010000"}),  # UTF-8 order, not UTF-16 order
        ({"B": "fw=="}, {"B": "gA=="}),  # bytes are unsigned
        ({"B": "AA=="}, {"B": "AAA="}),
    ],
)
def test_order_is_numeric_or_by_bytes(smaller: dict[str, Any], larger: dict[str, Any]) -> None:
    """Numbers by value, strings by UTF-8 bytes, binaries by unsigned bytes."""
    assert compare(smaller, larger) == -1
    assert compare(larger, smaller) == 1
    assert compare(smaller, smaller) == 0


@given(scalars, scalars)
def test_types_are_never_ordered_with_one_another(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Only S, N and B have an order, each with itself."""
    normalise_value(first)
    normalise_value(second)
    comparable = type_of(first) == type_of(second) and type_of(first) in {"S", "N", "B"}
    assert (compare(first, second) is not None) == comparable


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "héllo"}, 5),
        ({"S": "😀"}, 2),
        ({"B": "AAEC"}, 3),
        ({"SS": ["a", "b"]}, 2),
        ({"L": [{"S": "a"}]}, 1),
        ({"M": {}}, 0),
        ({"N": "5"}, None),
        ({"BOOL": True}, None),
        ({"NULL": True}, None),
    ],
)
def test_the_size_function_measures_each_type(value: dict[str, Any], size: int | None) -> None:
    """Length of a string, bytes of a binary, elements of a collection, nothing for the rest."""
    assert size_of(value) == size
