"""ExpressionAttributeNames and ExpressionAttributeValues."""

from __future__ import annotations

from typing import Any

import pytest

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import (
    Bindings,
    compile_condition,
    compile_projection,
    compile_update,
)

NUMBER = {":v": {"N": "5"}}


def refusal(names: dict[str, str] | None, values: dict[str, Any] | None, *texts: str) -> str:
    """What DynamoDB answers to these names and values with these conditions."""
    with pytest.raises(ValidationError) as caught:
        Bindings(names, values).check(*map(compile_condition, texts))
    return caught.value.message


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, None, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        ({"n": "x"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "n"'),
        ({"#": "x"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        (
            {"#n": ""},
            None,
            "ExpressionAttributeNames contains invalid value: Empty attribute name for key #n",
        ),
        (None, {"v": {"N": "1"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "v"'),
        (
            None,
            {":v": {"N": "x"}},
            "ExpressionAttributeValues contains invalid value: "
            "The parameter cannot be converted to a numeric value: x for key :v",
        ),
        ({"#n": "x"}, None, "ExpressionAttributeNames can only be specified when using expressions"),
        (None, {":v": {"N": "1"}}, "ExpressionAttributeValues can only be specified when using expressions"),
    ],
)
def test_names_and_values_have_rules_of_their_own(
    names: dict[str, str] | None, values: dict[str, Any] | None, message: str
) -> None:
    """Checked before any expression is."""
    assert refusal(names, values) == message


def test_what_an_expression_uses_must_be_defined() -> None:
    """Names are looked at before values."""
    assert refusal({"#m": "m"}, NUMBER, "#n = :w AND #m = :v") == (
        "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; "
        "attribute name: #n"
    )
    assert refusal(None, NUMBER, "n = :w AND m = :v") == (
        "Invalid ConditionExpression: An expression attribute value used in expression is not defined; "
        "attribute value: :w"
    )


def test_what_is_defined_must_be_used() -> None:
    """By one of the request's expressions."""
    assert refusal({"#n": "n", "#x": "x", "#y": "y"}, NUMBER, "#n = :v") == (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x, #y}"
    )
    assert refusal(None, {**NUMBER, ":x": {"N": "1"}}, "n = :v") == (
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}"
    )


def test_all_expressions_of_a_request_share_names_and_values() -> None:
    """One may use what another does not; an expression that is not given is skipped."""
    bindings = Bindings({"#a": "a", "#b": "b"}, {":v": {"N": "1"}, ":w": {"N": "2"}})
    bindings.check(
        compile_condition("#a = :v"), None, compile_update("SET #b = :w"), compile_projection("#a, c")
    )


def test_a_name_may_hold_any_character_and_is_one_step() -> None:
    """A dot in a defined name is no step of a path."""
    bindings = Bindings({"#n": "m.x"}, NUMBER)
    condition = compile_condition("#n = :v")
    assert condition.evaluate({"m.x": {"N": "5"}}, bindings)
    assert not condition.evaluate({"m": {"M": {"x": {"N": "5"}}}}, bindings)


def test_one_compiled_expression_serves_every_request() -> None:
    """It depends on its text only."""
    condition = compile_condition("#n = :v")
    assert condition is compile_condition("#n = :v")
    for name in ("a", "b"):
        assert condition.evaluate({name: {"N": "5"}}, Bindings({"#n": name}, NUMBER))
    assert condition.attributes(Bindings({"#n": "a"}, NUMBER)) == {"a"}


def test_evaluating_without_check_still_refuses_what_is_undefined() -> None:
    """`check` is for the order of errors, not for safety."""
    with pytest.raises(ValidationError, match="is not defined; attribute value: :v"):
        compile_condition("n = :v").evaluate({}, Bindings())
