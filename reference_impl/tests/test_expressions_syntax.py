"""The expression language: what parses, and what DynamoDB says of the rest."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import (
    Bindings,
    compile_condition,
    compile_key_condition,
    compile_projection,
    compile_update,
)
from ddbproof.reference_impl.expressions.syntax import reserved_words
from ddbproof.reference_impl.values import KeySchema

CONDITION = "Invalid ConditionExpression: "
UPDATE = "Invalid UpdateExpression: "
PROJECTION = "Invalid ProjectionExpression: "


def syntax_error(token: str, near: str) -> str:
    return f'Syntax error; token: "{token}", near: "{near}"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("  ", syntax_error("<EOF>", "  ")),
        ("n = ", syntax_error("<EOF>", "= ")),
        ("n == :v", syntax_error("=", "== :v")),
        ("n AND :v", syntax_error("AND", "n AND :v")),
        ("n", syntax_error("<EOF>", "n")),
        ("set = :v", syntax_error("set", "set =")),
        ("_n = :v", syntax_error("_", "_n")),
        ("1n = :v", syntax_error("1", "1n")),
        ("l[00] < :v", syntax_error("0", "00]")),
        ("n @ :v", syntax_error("@", "n @ :v")),
        ("é = :v", syntax_error("é", "é =")),
        ('n = "a"', syntax_error('"', '= "a')),
        ("n IN ()", syntax_error(")", "()")),
        ("size() = :v", syntax_error(")", "() =")),
        ("((n = :v))", "The expression has redundant parentheses;"),
        ("n = ((:v))", "The expression has redundant parentheses;"),
        ("((attribute_exists(n))) AND n = :v", "The expression has redundant parentheses;"),
        ("NaMe = :v", "Attribute name is a reserved keyword; reserved keyword: NaMe"),
        ("m.status = :v", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("foo(n)", "Invalid function name; function: foo"),
        ("ATTRIBUTE_EXISTS(n)", "Invalid function name; function: ATTRIBUTE_EXISTS"),
        ("size(n)", "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(n) = :v",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        (
            "if_not_exists(n, :v) = :v",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        (
            "begins_with(s)",
            "Incorrect number of operands for operator or function; "
            "operator or function: begins_with, number of operands: 1",
        ),
        (
            "l[2147483648] = :v",
            "List index is not within the allowable range; index: [2147483648]",
        ),
        (
            "a" + ".a" * 32 + " = :v",
            "The document path has too many nesting levels; nesting levels: 33",
        ),
        (
            f"n IN ({', '.join([':v'] * 101)})",
            "The IN operator is provided with too many operands; number of operands: 101",
        ),
        (
            "n = :v" + " AND n = :v" * 150,
            "The expression contains too many operators; operator count: 301",
        ),
        (
            "n = :v" + " " * 4091,
            "Expression size has exceeded the maximum allowed size; expression size: 4097",
        ),
    ],
)
def test_a_condition_that_is_none_is_refused_in_dynamodbs_words(text: str, message: str) -> None:
    """The word that does not fit, or the rule that the text breaks."""
    with pytest.raises(ValidationError) as caught:
        compile_condition(text)
    assert caught.value.message == CONDITION + message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET", syntax_error("<EOF>", "SET")),
        ("q = :v", syntax_error("q", "q =")),
        ("SET q = :v,", syntax_error("<EOF>", ",")),
        ("SET q := :v", syntax_error(":", "q :=")),
        ("SET q = n - :v - :v", syntax_error("-", ":v - :v")),
        ("SET q = (n + :v) - :v", syntax_error("-", ") - :v")),
        ("SET q = if_not_exists(z, n + :v)", syntax_error("+", "n + :v")),
        ("SET (q) = :v", syntax_error("(", "SET (q")),
        ("SET q = n * :v", syntax_error("*", "n * :v")),
        ("ADD n n", syntax_error("n", "n n")),
        ("ADD q if_not_exists(n, :v)", syntax_error("if_not_exists", "q if_not_exists(")),
        ("SET q = ((n))", "The expression has redundant parentheses;"),
        ("SET q = :v SET r = :v", 'The "SET" section can only be used once in an update expression;'),
        ("SET q = size(s)", "The function is not allowed in an update expression; function: size"),
        (
            "SET q = n + list_append(l, l)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
    ],
)
def test_an_update_that_is_none_is_refused_in_dynamodbs_words(text: str, message: str) -> None:
    """Arithmetic is one operator deep, sections come once, functions have their places."""
    with pytest.raises(ValidationError) as caught:
        compile_update(text)
    assert caught.value.message == UPDATE + message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n,", syntax_error("<EOF>", ",")),
        ("n s", syntax_error("s", "n s")),
        (":v", syntax_error(":v", ":v")),
        ("size(n)", syntax_error("(", "size(n")),
        ("a..b", syntax_error(".", "..b")),
        ("a[0]b", syntax_error("b", "]b")),
    ],
)
def test_a_projection_that_is_none_is_refused_in_dynamodbs_words(text: str, message: str) -> None:
    """A projection is a list of paths."""
    with pytest.raises(ValidationError) as caught:
        compile_projection(text)
    assert caught.value.message == PROJECTION + message


def test_there_are_573_reserved_words_and_none_may_be_a_name() -> None:
    """The list of the Developer Guide; the check ignores case. A placeholder is the way round."""
    assert len(reserved_words()) == 573
    for word in ("ABORT", "Ttl", "zone"):
        with pytest.raises(ValidationError, match=f"reserved keyword: {word}$"):
            compile_projection(word)
    bindings = Bindings({"#t": "ttl"})
    assert compile_projection("#t").apply({"ttl": {"N": "1"}}, bindings) == {"ttl": {"N": "1"}}


def test_the_kind_of_expression_is_named_in_errors() -> None:
    """A FilterExpression is a condition with another name."""
    with pytest.raises(ValidationError, match=r"^Invalid FilterExpression: Syntax error"):
        compile_condition("n n", kind="FilterExpression")


def test_the_deepest_permitted_expressions_do_not_overflow_the_stack() -> None:
    """300 operators bound every kind of nesting."""
    bindings = Bindings(None, {":v": {"N": "1"}})
    assert compile_condition("NOT " * 298 + "n = :v").evaluate({"n": {"N": "1"}}, bindings)
    mixed = "n = :v"
    for _ in range(49):  # six operators a level: NOT, two AND, three comparisons less the innermost
        mixed = f"NOT (n = :v AND n = :v AND {mixed})"
    assert not compile_condition(mixed).evaluate({"n": {"N": "1"}}, bindings)
    calls = "if_not_exists(z, " * 220 + ":v" + ")" * 220
    update = compile_update(f"SET q = {calls}")
    assert update.attributes(bindings) == {"q"}
    with pytest.raises(ValidationError):
        compile_condition("(" * 2000 + "n = :v" + ")" * 2000)


words = st.sampled_from(
    [
        "a",
        "b",
        "name",
        "#a",
        "#b",
        ":v",
        ":w",
        "[0]",
        ".",
        ",",
        "(",
        ")",
        "=",
        "<>",
        "<",
        "<=",
        "+",
        "-",
        "AND",
        "or",
        "NOT",
        "between",
        "IN",
        "SET",
        "REMOVE",
        "ADD",
        "DELETE",
        "size",
        "attribute_exists",
        "attribute_type",
        "contains",
        "begins_with",
        "if_not_exists",
        "list_append",
        "é",
        '"',
        "0",
        "12",
        "@",
    ]
)
expression_texts = st.one_of(
    st.text(max_size=40),
    st.lists(words, max_size=14).map(" ".join),
    st.lists(words, max_size=14).map("".join),
)


@given(expression_texts)
@example("(" * 4000)
@example("NOT " * 1000)
@example("a" + "[0]" * 1300)
@example("a[" + "9" * 4090 + "]")
@example("f(" * 2000)
@example("\ud800")
def test_random_text_never_raises_anything_but_a_validation_error(text: str) -> None:
    """Whatever the text and the values, the caller is told, and nothing else breaks."""
    item: dict[str, Any] = {"a": {"N": "1"}, "b": {"L": [{"S": "x"}]}}
    schema = KeySchema("a", "N", "b", "S")

    def bindings() -> Bindings:
        return Bindings({"#a": "a", "#b": "b"}, {":v": {"N": "1"}, ":w": {"S": "S"}})

    for run in (
        lambda: compile_condition(text).evaluate(item, bindings()),
        lambda: compile_update(text).apply(item, bindings(), schema).updated_new(),
        lambda: compile_projection(text).apply(item, bindings()),
        lambda: compile_key_condition(text).bind(schema, bindings()),
    ):
        with contextlib.suppress(ValidationError):
            run()
