"""What the service model says of a request is checked before any operation sees it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import SerializationError, ServiceError, ValidationError
from ddbproof.reference_impl.wire.shapes import (
    MOST_PROBLEMS,
    _matcher,
    input_checker,
    operation_names,
    service_model,
)

OPERATIONS = [
    (service, name) for service in ("dynamodb", "dynamodbstreams") for name in operation_names(service)
]


def check(operation: str, parameters: dict[str, Any]) -> None:
    input_checker("dynamodb", operation)(parameters)


def refusal(operation: str, parameters: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as raised:
        check(operation, parameters)
    return raised.value.message


def wrong_type(operation: str, parameters: dict[str, Any]) -> str:
    with pytest.raises(SerializationError) as raised:
        check(operation, parameters)
    return raised.value.message


@pytest.mark.parametrize(("service", "operation"), sorted(OPERATIONS))
def test_every_operation_of_the_model_has_a_checker(service: str, operation: str) -> None:
    """AP-01: none of the operations breaks the compiler; missing members are named."""
    shape = service_model(service).operation_model(operation).input_shape
    required = shape.required_members if shape is not None else []
    if required:
        with pytest.raises(ValidationError) as raised:
            input_checker(service, operation)({})
        assert raised.value.message.count("Member must not be null") == len(required)
    else:
        input_checker(service, operation)({})


def test_every_pattern_of_the_model_is_checked() -> None:
    """AP-13: Java's patterns are understood, all of them."""
    shapes = [service_model("dynamodb").shape_for(name) for name in service_model("dynamodb").shape_names]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    assert len(patterns) > 5
    assert all(_matcher(pattern) is not None for pattern in patterns)


def test_constraints_are_worded_as_the_service_words_them() -> None:
    """AP-13: one broken constraint, with the path in camel case."""
    assert refusal("PutItem", {"TableName": "", "Item": {}}) == (
        "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_several_broken_constraints_are_counted_and_joined() -> None:
    """AP-13: the answer lists what is wrong in one go."""
    message = refusal(
        "CreateTable",
        {
            "TableName": "abc",
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "Z"}],
            "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [{"IndexName": "i", "KeySchema": [], "Projection": {}}],
        },
    )
    count, _, listing = message.partition(" validation errors detected: ")
    problems = listing.split("; ")
    assert (count, len(problems)) == ("3", 3)
    assert "'Z' at 'attributeDefinitions.1.member.attributeType'" in problems[0]
    assert "enum value set: [B, N, S]" in problems[0]
    assert "Value 'i' at 'globalSecondaryIndexes.1.member.indexName'" in problems[1]
    assert "Value '[]' at 'globalSecondaryIndexes.1.member.keySchema'" in problems[2]


def test_a_table_name_may_be_an_arn() -> None:
    """AP-14: the shape of TableName takes 1 to 1024 characters of anything."""
    check("DescribeTable", {"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/abc"})
    assert "less than or equal to 1024" in refusal("DescribeTable", {"TableName": "x" * 1025})


def test_constraints_of_maps_are_reported_of_the_map() -> None:
    """A key or a plain value has no path of its own."""
    many: list[Any] = [{"DeleteRequest": {"Key": {}}}] * 26
    assert "at 'requestItems' failed to satisfy constraint: Map value must satisfy" in refusal(
        "BatchWriteItem", {"RequestItems": {"abc": many}}
    )
    assert "at 'requestItems.abc.member.keys' failed" in refusal(
        "BatchGetItem", {"RequestItems": {"abc": {"Keys": []}}}
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (1, "NUMBER_VALUE cannot be converted to String"),
        (True, "TRUE_VALUE cannot be converted to String"),
        ({}, "Start of structure or map found where not expected."),
        ([], "Start of list found where not expected"),
    ],
)
def test_a_wrong_json_type_is_a_serialization_exception(value: Any, sentence: str) -> None:
    """AP-15: types come before constraints."""
    assert wrong_type("DescribeTable", {"TableName": value}) == sentence


@pytest.mark.parametrize("limit", ["5", 1.5, True, 2**31, -(2**31) - 1, 10**40])
def test_whole_numbers_are_whole_and_fit(limit: Any) -> None:
    """Limit is a 32 bit integer."""
    assert "cannot be converted to Integer" in wrong_type("Scan", {"TableName": "abc", "Limit": limit})


@pytest.mark.parametrize("instant", ["2026-11-23", 1e300, -1e300, 10**400, False])
def test_timestamps_are_numbers_that_a_date_can_hold(instant: Any) -> None:
    """AP-16: JSON 1.0 writes instants as epoch seconds."""
    parameters = {"SourceTableName": "abc", "TargetTableName": "def", "RestoreDateTime": instant}
    assert "cannot be converted to Timestamp" in wrong_type("RestoreTableToPointInTime", parameters)


def test_null_members_count_as_not_given() -> None:
    """A null is taken out, so operations need not know it; a required null is missing."""
    parameters: dict[str, Any] = {
        "TableName": "abc",
        "Item": {},
        "ConditionExpression": None,
        "ReturnValues": None,
    }
    check("PutItem", parameters)
    assert parameters == {"TableName": "abc", "Item": {}}
    assert "Value null at 'item'" in refusal("PutItem", {"TableName": "abc", "Item": None})


def test_unknown_members_are_ignored() -> None:
    """The service ignores what it does not know."""
    check("DescribeTable", {"TableName": "abc", "Colour": [1, {"a": None}]})


@pytest.mark.parametrize("value", [1, "a", [], None])
def test_attribute_values_are_maps(value: Any) -> None:
    """What is in the map is left to the values package."""
    wrong_type("PutItem", {"TableName": "abc", "Item": {"pk": value}})
    check("PutItem", {"TableName": "abc", "Item": {"pk": {"whatever": value}}})


def test_answers_stay_small_however_much_is_wrong() -> None:
    """Problems are listed up to a bound, and values are shown up to a bound."""
    nested: Any = "x" * 100_000
    for _ in range(150):
        nested = [nested] * 2
    message = refusal(
        "CreateTable",
        {
            "TableName": "abc",
            "AttributeDefinitions": [{"AttributeName": "a" * 5000, "AttributeType": "Z"}] * 100_000,
            "KeySchema": [],
        },
    )
    assert message.startswith(f"{MOST_PROBLEMS} validation errors detected")
    assert len(message) < 10_000
    wrong_type("DescribeTable", {"TableName": nested})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def input_for(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that are nearly right: the model's shape, with anything at all now and then."""
    if depth > 3 or shape.type_name in ("blob", "timestamp", "double", "float"):
        return ANYTHING
    if shape.type_name == "structure":
        known = {name: input_for(member, depth + 1) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=known) | ANYTHING
    if shape.type_name == "list":
        return st.lists(input_for(shape.member, depth + 1), max_size=2) | ANYTHING
    if shape.type_name == "map":
        return st.dictionaries(st.text(max_size=4), input_for(shape.value, depth + 1), max_size=2) | ANYTHING
    if "enum" in shape.metadata:
        return st.sampled_from(shape.metadata["enum"]) | ANYTHING
    return ANYTHING


@pytest.mark.parametrize(
    "operation",
    ["PutItem", "Query", "BatchWriteItem", "CreateTable", "UpdateTable", "RestoreTableFromBackup"],
)
def test_checkers_only_ever_raise_service_errors(operation: str) -> None:
    """Whatever JSON comes in, the answer is an error of the API or none."""
    shape = service_model("dynamodb").operation_model(operation).input_shape
    known = {name: input_for(member) for name, member in shape.members.items()}

    @given(st.fixed_dictionaries({}, optional=known))
    def run(parameters: dict[str, Any]) -> None:
        with contextlib.suppress(ServiceError):
            check(operation, parameters)

    run()
