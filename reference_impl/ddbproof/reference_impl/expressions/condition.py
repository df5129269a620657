"""Conditions: ConditionExpression and FilterExpression, compiled into closures.

Source: Developer Guide, "Condition and filter expressions, operators, and functions".

What is not said there, and what we chose:

- A comparison with an attribute that the item does not have is false, except `<>`, which is true (also when
  both sides are missing). Engineers of AWS report it of the service (ExtendDB pull request 5, with a table
  of every operator), and AWS's emulator does it.
- So it is with types: values of different types are not equal, hence `<>` holds; no order holds between
  them, nor does BETWEEN, nor `begins_with`.
- `size` of a number, boolean or null behaves like a missing attribute.
- `contains` looks for a substring, a member of a set of the same type, or an equal element of a list; any
  other combination is false, not an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.bindings import Bindings, Expression
from ddbproof.reference_impl.expressions.operands import (
    ORDERED_TYPES,
    PREFIX_TYPES,
    SIZED_TYPES,
    Check,
    check_distinct,
    check_is_path,
    check_type,
    compile_condition_operand,
    static_type,
    wrong_type,
)
from ddbproof.reference_impl.expressions.paths import Names, Reader, Values
from ddbproof.reference_impl.expressions.syntax import invalid, parse
from ddbproof.reference_impl.values.attribute import TYPES, Item, Value, binary, compare

Test = Callable[[Item, Names, Values], bool]
"""A compiled condition: item, names and values of the request -> whether it holds."""

CACHE_SIZE = 4096
_SET_MEMBER = {"SS": "S", "NS": "N", "BS": "B"}


class CompiledCondition(Expression[None]):
    """A condition, independent of any request."""

    def __init__(self, text: str, kind: str) -> None:
        root = parse(text, kind, "condition")
        assert isinstance(root, nodes.Condition)
        super().__init__(text, kind, root)
        self.root = root
        self._test = _compile(root)
        self._checks = [check for node in nodes.walk(root) for check in _checks(node, kind)]

    def prepare(self, bindings: Bindings) -> None:
        """Run the checks that need no item."""
        for check in self._checks:
            check(bindings)

    def evaluate(self, item: Item | None, bindings: Bindings) -> bool:
        """Whether the condition holds for `item` (canonical values; None: no such item).

        Raises `ValidationError` when the expression does not fit the bindings.
        """
        bindings.prepared(self)
        return self._test(item or {}, bindings.names, bindings.values)

    def attributes(self, bindings: Bindings) -> set[str]:
        """The names of the top-level attributes that the condition reads."""
        bindings.prepared(self)
        paths = (node for node in nodes.walk(self.root) if isinstance(node, nodes.Path))
        return {str(bindings.resolve(path)[0]) for path in paths}


@lru_cache(CACHE_SIZE)
def compile_condition(text: str, *, kind: str = "ConditionExpression") -> CompiledCondition:
    """Compile a condition; `kind` is the parameter's name, used in errors. Raises `ValidationError`."""
    return CompiledCondition(text, kind)


# --- Meaning -----------------------------------------------------------------------------------------


def _compile(node: nodes.Condition) -> Test:
    match node:
        case nodes.And():
            return _all(tuple(map(_compile, node.terms)))
        case nodes.Or():
            return _any(tuple(map(_compile, node.terms)))
        case nodes.Not():
            term = _compile(node.term)
            return lambda item, names, values: not term(item, names, values)
        case nodes.Comparison():
            left, right = compile_condition_operand(node.left), compile_condition_operand(node.right)
            return _compile_comparison(node.operator, left, right)
        case nodes.Between():
            return _compile_between(node)
        case nodes.Membership():
            return _compile_membership(node)
        case nodes.Function():
            return _compile_function(node)


def _all(terms: tuple[Test, ...]) -> Test:
    if len(terms) == 2:
        first, second = terms
        return lambda item, names, values: first(item, names, values) and second(item, names, values)
    return lambda item, names, values: all(term(item, names, values) for term in terms)


def _any(terms: tuple[Test, ...]) -> Test:
    if len(terms) == 2:
        first, second = terms
        return lambda item, names, values: first(item, names, values) or second(item, names, values)
    return lambda item, names, values: any(term(item, names, values) for term in terms)


def _compile_comparison(operator: str, left: Reader, right: Reader) -> Test:
    if operator in {"=", "<>"}:

        def is_equal(item: Item, names: Names, values: Values) -> bool:
            value = left(item, names, values)
            return value is not None and value == right(item, names, values)

        if operator == "=":
            return is_equal
        return lambda item, names, values: not is_equal(item, names, values)

    accepted = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (1, 0)}[operator]

    def is_ordered(item: Item, names: Names, values: Values) -> bool:
        return _order(left(item, names, values), right(item, names, values)) in accepted

    return is_ordered


def _order(first: Value | None, second: Value | None) -> int | None:
    return None if first is None or second is None else compare(first, second)


def _compile_between(node: nodes.Between) -> Test:
    read = compile_condition_operand(node.operand)
    read_lower, read_upper = compile_condition_operand(node.lower), compile_condition_operand(node.upper)

    def is_between(item: Item, names: Names, values: Values) -> bool:
        value = read(item, names, values)
        return _order(value, read_lower(item, names, values)) in {0, 1} and _order(
            value, read_upper(item, names, values)
        ) in {0, -1}

    return is_between


def _compile_membership(node: nodes.Membership) -> Test:
    read = compile_condition_operand(node.operand)
    choices = tuple(map(compile_condition_operand, node.choices))

    def is_member(item: Item, names: Names, values: Values) -> bool:
        value = read(item, names, values)
        return value is not None and any(value == choice(item, names, values) for choice in choices)

    return is_member


def _compile_function(node: nodes.Function) -> Test:
    read = compile_condition_operand(node.arguments[0])
    if node.name == "attribute_exists":
        return lambda item, names, values: read(item, names, values) is not None
    if node.name == "attribute_not_exists":
        return lambda item, names, values: read(item, names, values) is None
    read_second = compile_condition_operand(node.arguments[1])
    holds = {"begins_with": _begins_with, "contains": _contains, "attribute_type": _has_type}[node.name]

    def is_true(item: Item, names: Names, values: Values) -> bool:
        first, second = read(item, names, values), read_second(item, names, values)
        return first is not None and second is not None and holds(first, second)

    return is_true


def _begins_with(value: Value, prefix: Value) -> bool:
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    return "B" in value and "B" in prefix and binary(value).startswith(binary(prefix))


def _contains(value: Value, operand: Value) -> bool:
    [(kind, content)] = value.items()
    if kind == "S":
        return "S" in operand and operand["S"] in content
    if kind == "B":
        return "B" in operand and binary(operand) in binary(value)
    if kind == "L":
        return operand in content
    member = _SET_MEMBER.get(kind)
    return member is not None and operand.get(member) in content


def _has_type(value: Value, kind: Value) -> bool:
    return kind["S"] in value


# --- Checks before any item is read ------------------------------------------------------------------


def _checks(node: nodes.Node, kind: str) -> list[Check]:
    match node:
        case nodes.Comparison():
            return [lambda bindings: _check_comparison(kind, node, bindings)]
        case nodes.Between():
            return [lambda bindings: _check_between(kind, node, bindings)]
        case nodes.Membership():
            return [lambda bindings: check_distinct(kind, "IN", node.operand, node.choices, bindings)]
        case nodes.Function():
            return [lambda bindings: _check_function(kind, node, bindings)]
        case _:
            return []


def _check_comparison(kind: str, node: nodes.Comparison, bindings: Bindings) -> None:
    if node.operator not in {"=", "<>"}:
        check_type(kind, node.operator, node.left, ORDERED_TYPES, bindings)
        check_type(kind, node.operator, node.right, ORDERED_TYPES, bindings)
    check_distinct(kind, node.operator, node.left, (node.right,), bindings)


def _check_between(kind: str, node: nodes.Between, bindings: Bindings) -> None:
    for operand in (node.operand, node.lower, node.upper):
        check_type(kind, "BETWEEN", operand, ORDERED_TYPES, bindings)
    check_distinct(kind, "BETWEEN", node.operand, (node.lower, node.upper), bindings)
    if not isinstance(node.lower, nodes.Value) or not isinstance(node.upper, nodes.Value):
        return
    lower, upper = bindings.values[node.lower.placeholder], bindings.values[node.upper.placeholder]
    order = compare(lower, upper)
    if order is None or order > 0:
        rule = (
            "same data type for lower and upper bounds"
            if order is None
            else "upper bound to be greater than or equal to lower bound"
        )
        raise invalid(
            kind,
            f"The BETWEEN operator requires {rule}; lower bound operand: {_describe(lower)}, "
            f"upper bound operand: {_describe(upper)}",
        )


def _describe(value: Value) -> str:
    [(kind, content)] = value.items()
    return f"AttributeValue: {{{kind}:{content}}}"


def _check_function(kind: str, node: nodes.Function, bindings: Bindings) -> None:
    first, *rest = node.arguments
    match node.name:
        case "attribute_exists" | "attribute_not_exists":
            check_is_path(kind, node.name, first)
        case "attribute_type":
            check_is_path(kind, node.name, first)
            _check_type_name(kind, rest[0], bindings)
        case "begins_with":
            for operand in node.arguments:
                check_type(kind, node.name, operand, PREFIX_TYPES, bindings)
            check_distinct(kind, node.name, first, rest, bindings)
        case "contains":
            check_distinct(kind, node.name, first, rest, bindings)
        case "size":
            check_type(kind, node.name, first, SIZED_TYPES, bindings)


def _check_type_name(kind: str, operand: nodes.Operand, bindings: Bindings) -> None:
    found = static_type(operand, bindings)
    if not isinstance(operand, nodes.Value) or found != "S":
        raise (
            wrong_type(kind, "attribute_type") if found is None else wrong_type(kind, "attribute_type", found)
        )
    name = bindings.values[operand.placeholder]["S"]
    if name not in TYPES:
        raise invalid(
            kind,
            f"Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}",
        )
