"""Conditions: what holds for which item."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import Bindings, compile_condition
from ddbproof.reference_impl.values import normalise_item

ITEM: dict[str, Any] = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "b": {"B": "YWJj"},  # abc
    "t": {"BOOL": True},
    "u": {"NULL": True},
    "l": {"L": [{"N": "1"}, {"S": "x"}, {"M": {"k": {"S": "deep"}}}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"L": [{"N": "7"}]}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
    "bs": {"BS": ["YQ=="]},
}
VALUES: dict[str, Any] = {
    ":one": {"N": "1"},
    ":two": {"N": "2.0"},
    ":five": {"N": "5.00"},
    ":seven": {"N": "7"},
    ":hello": {"S": "hello"},
    ":he": {"S": "he"},
    ":x": {"S": "x"},
    ":a": {"S": "a"},
    ":five_text": {"S": "5"},
    ":ab": {"B": "YWI="},
    ":byte_a": {"B": "YQ=="},
    ":true": {"BOOL": True},
    ":set": {"SS": ["b", "a"]},
    ":numbers": {"NS": ["2", "1.0"]},
    ":map": {"M": {"k": {"S": "deep"}}},
    ":type_n": {"S": "N"},
    ":type_ss": {"S": "SS"},
}
normalise_item(ITEM)


def holds(text: str, item: dict[str, Any] | None = ITEM) -> bool:
    condition = compile_condition(text)
    return condition.evaluate(
        item, Bindings(None, {name: VALUES[name] for name in condition.placeholders} or None)
    )


def refusal(text: str, values: dict[str, Any] | None = None) -> str:
    bindings = Bindings(None, values)
    with pytest.raises(ValidationError) as caught:
        bindings.check(compile_condition(text))
    prefix = "Invalid ConditionExpression: "
    assert caught.value.message.startswith(prefix)
    return caught.value.message.removeprefix(prefix)


@pytest.mark.parametrize(
    "text",
    [
        "n = :five",
        "n <> :one",
        "n > :two AND n >= :five AND n < :seven AND n <= :five",
        "s = :hello AND s > :he AND s < :x",
        "b > :ab",
        "t = :true",
        "ss = :set AND ns = :numbers",
        "n BETWEEN :two AND :five",
        "n BETWEEN :five AND :seven",
        "n IN (:one, :five)",
        "n IN (m.x, :five)",
        "l[2] = :map",
        "l[1] = :x",
        "m.x = :one AND m . y [ 0 ] = :seven",
        "m.x = l[0]",
        ":one = m.x",
        ":one < :two",
        "attribute_exists(m.y[0]) AND attribute_not_exists(m.y[1])",
        "attribute_not_exists(n.x) AND attribute_not_exists(s[0]) AND attribute_not_exists(l.k)",
        "attribute_exists(u)",
        "attribute_type(n, :type_n) AND attribute_type(ss, :type_ss)",
        "NOT attribute_type(s, :type_n) AND NOT attribute_type(absent, :type_n)",
        "begins_with(s, :he) AND begins_with(s, :hello) AND begins_with(b, :ab)",
        "contains(s, :he) AND contains(b, :ab)",
        "contains(ss, :a) AND contains(ns, :two) AND contains(bs, :byte_a)",
        "contains(l, :x) AND contains(l, :one) AND contains(l, :map)",
        "size(s) = :five AND size(ss) = :two AND size(m) = :two",
        "size(l) > size(m)",
        "(n = :five)",
        "(n) = (:five)",
        "((n = :one) OR (n = :five))",
        "NOT n = :one",
        "NOT NOT n = :five",
        "n bEtweeN :one aNd :seven and not n In (:one)",
    ],
)
def test_these_hold(text: str) -> None:
    """One line for each operator and function, on one item."""
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "n = :five_text",
        "n < :hello",
        "n > :five_text",
        "n BETWEEN :a AND :x",
        "n IN (:five_text, :hello)",
        "begins_with(n, :five_text)",
        "begins_with(s, :ab)",
        "contains(s, :five)",
        "contains(ss, :one)",
        "contains(ss, :set)",
        "contains(n, :five)",
        "contains(m, :x)",
        "size(n) = :one",
        "size(t) = :one",
        "ss = l",
    ],
)
def test_values_of_different_types_never_match(text: str) -> None:
    """Neither in order, nor as equals, nor inside one another; it is no error either."""
    assert not holds(text)
    assert holds(f"NOT {text}")


@pytest.mark.parametrize(
    "text",
    [
        "absent = :five",
        "absent < :five",
        "absent <= :five",
        "absent > :five",
        "absent >= :five",
        ":five < absent",
        "absent = absent2",
        "absent BETWEEN :one AND :seven",
        "n BETWEEN absent AND :seven",
        "n BETWEEN :one AND absent",
        "absent IN (:five)",
        "absent IN (absent2)",
        "begins_with(absent, :he)",
        "begins_with(s, absent)",
        "contains(absent, :he)",
        "contains(s, absent)",
        "attribute_exists(absent)",
        "size(absent) < :five",
        "size(absent) = size(absent2)",
    ],
)
def test_a_comparison_with_a_missing_attribute_is_false(text: str) -> None:
    """And so its negation is true."""
    assert not holds(text)
    assert holds(f"NOT {text}")


@pytest.mark.parametrize(
    "text", ["absent <> :five", ":five <> absent", "absent <> absent2", "m.z <> :one", "n <> :hello"]
)
def test_not_equal_holds_of_what_is_missing_or_of_another_type(text: str) -> None:
    """`<>` is the one comparison that a missing attribute passes."""
    assert holds(text)


def test_an_item_that_does_not_exist_has_no_attributes() -> None:
    """`attribute_not_exists` of a key attribute is the way to put only what is new."""
    assert holds("attribute_not_exists(n)", None)
    assert not holds("attribute_exists(n)", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t = :true OR n = :one AND n = :two", True),
        ("(t = :true OR n = :one) AND n = :two", False),
        ("NOT n = :one AND n = :two", False),
        ("NOT (n = :one AND n = :two)", True),
        ("n BETWEEN :one AND :seven AND n = :one", False),
    ],
)
def test_not_binds_tighter_than_and_which_binds_tighter_than_or(text: str, expected: bool) -> None:
    """The precedence of the Developer Guide."""
    assert holds(text) == expected


NUMBER = {":v": {"N": "5"}}
OPERAND = "Incorrect operand type for operator or function; operator or function: "
DISTINCT = "The first operand must be distinct from the remaining operands for this operator or function; "


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("n < :v", {":v": {"BOOL": True}}, OPERAND + "<, operand type: BOOL"),
        (":v >= n", {":v": {"SS": ["a"]}}, OPERAND + ">=, operand type: SS"),
        ("n BETWEEN :v AND :v", {":v": {"L": []}}, OPERAND + "BETWEEN, operand type: L"),
        ("begins_with(s, :v)", NUMBER, OPERAND + "begins_with, operand type: N"),
        ("begins_with(s, size(n))", None, OPERAND + "begins_with, operand type: N"),
        ("attribute_type(n, :v)", NUMBER, OPERAND + "attribute_type, operand type: N"),
        ("size(:v) = :v", NUMBER, OPERAND + "size, operand type: N"),
        ("size(size(n)) = :v", NUMBER, OPERAND + "size, operand type: N"),
        (
            "attribute_exists(:v)",
            NUMBER,
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        ("n = n", None, DISTINCT + "operator: =, first operand: [n]"),
        ("l[0] <> l[0]", None, DISTINCT + "operator: <>, first operand: [l, [0]]"),
        ("n IN (m, n)", None, DISTINCT + "operator: IN, first operand: [n]"),
        ("contains(s, s)", None, DISTINCT + "operator: contains, first operand: [s]"),
        (
            "n BETWEEN :v AND :w",
            {":v": {"N": "5"}, ":w": {"N": "4"}},
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {N:4}",
        ),
        (
            "n BETWEEN :v AND :w",
            {":v": {"N": "5"}, ":w": {"S": "4"}},
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:4}",
        ),
    ],
)
def test_what_can_be_known_without_an_item_is_refused_at_once(
    text: str, values: dict[str, Any] | None, message: str
) -> None:
    """Types of values given with the request, and operands that repeat."""
    assert refusal(text, values) == message


def test_the_type_name_must_be_one_of_ten() -> None:
    """`attribute_type` takes the short names of types."""
    message = refusal("attribute_type(n, :v)", {":v": {"S": "STRING"}})
    assert message.startswith("Invalid attribute type name found; type: STRING, valid types: {")


atoms = st.sampled_from(
    [
        "n = :five",
        "absent = :five",
        "absent <> :five",
        "s < :x",
        "n < :hello",
        "n BETWEEN :one AND :seven",
        "absent BETWEEN :one AND :seven",
        "s IN (:x, :hello)",
        "attribute_exists(m.x)",
        "contains(ss, :a)",
        "size(n) > :one",
    ]
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=5,
)


@given(conditions, conditions)
def test_the_laws_of_logic_hold(first: str, second: str) -> None:
    """Two values only: negation flips, De Morgan's laws hold, also with missing attributes."""
    left, right = holds(first), holds(second)
    assert holds(f"NOT ({first})") == (not left)
    assert holds(f"({first}) AND ({second})") == (left and right)
    assert holds(f"({first}) OR ({second})") == (left or right)
    assert holds(f"NOT (({first}) AND ({second}))") == holds(f"(NOT ({first})) OR (NOT ({second}))")
    assert holds(f"NOT (({first}) OR ({second}))") == holds(f"(NOT ({first})) AND (NOT ({second}))")
