"""KeyConditionExpression: which keys a Query reads.

The text is read as a condition; a key condition may hold only AND, and one simple test for each key
attribute: equality for the partition key, and = < <= > >= BETWEEN or begins_with for the sort key.

Source: API reference, Query (KeyConditionExpression); Developer Guide, "Key condition expressions". The
sentences are AWS's emulator's, but for "Query condition missed key schema element: NAME", which the service
completes with the name. Not here: keys of several attributes (multi-attribute keys of global indexes).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.bindings import Bindings, Expression
from ddbproof.reference_impl.expressions.condition import CompiledCondition
from ddbproof.reference_impl.values.attribute import Value
from ddbproof.reference_impl.values.keys import (
    KeySchema,
    check_partition_content,
    check_sort_content,
    content_bytes,
    encode_partition_prefix,
    encode_sort,
    escape,
    successor,
)

CACHE_SIZE = 4096
KIND = "KeyConditionExpression"
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_INVALID_CONDITION = "Invalid condition in KeyConditionExpression: "
_UNSUPPORTED = "Query key condition not supported"


class KeyRange(msgspec.Struct, frozen=True):
    """The encoded keys (see `values.keys`) a Query reads: `start` <= key < `end`, in one item collection."""

    partition_value: Value
    start: bytes
    end: bytes


class KeyTest(NamedTuple):
    """One test: `operator` is a comparator, `BETWEEN` or `begins_with`; `values` are its one or two operands."""

    attribute: str
    operator: str
    values: tuple[Value, ...]


class CompiledKeyCondition(Expression[tuple[KeyTest, ...]]):
    """A key condition, independent of any request and of the table."""

    def __init__(self, text: str) -> None:
        self._condition = CompiledCondition(text, KIND)
        super().__init__(text, KIND, self._condition.root)

    def prepare(self, bindings: Bindings) -> tuple[KeyTest, ...]:
        """The tests with placeholders replaced; refuses what no table's key condition may hold."""
        self._condition.prepare(bindings)
        root = self._condition.root
        terms = root.terms if isinstance(root, nodes.And) else (root,)
        tests = tuple(_read_test(term, bindings) for term in terms)
        names = [test.attribute for test in tests]
        if len(set(names)) != len(names):
            raise ValidationError("KeyConditionExpressions must only contain one condition per key")
        if len(tests) > 2:
            raise ValidationError("Conditions can be of length 1 or 2 only")
        return tests

    def bind(self, schema: KeySchema, bindings: Bindings) -> KeyRange:
        """The range of keys in a table or index with this key schema. Raises `ValidationError`."""
        tests = {test.attribute: test for test in bindings.prepared(self)}
        partition = tests.pop(schema.partition_key, None)
        if partition is None:
            raise ValidationError(f"Query condition missed key schema element: {schema.partition_key}")
        sort = tests.pop(schema.sort_key, None) if schema.sort_key is not None else None
        if tests:
            if schema.sort_key is None:
                raise ValidationError(_UNSUPPORTED)
            raise ValidationError(f"Query condition missed key schema element: {schema.sort_key}")
        if partition.operator != "=":
            raise ValidationError(_UNSUPPORTED)
        [partition_value] = partition.values
        _check_types(partition, schema.partition_type)
        check_partition_content(schema, partition_value)
        prefix = encode_partition_prefix(schema, partition_value)
        if sort is None or schema.sort_type is None:
            return KeyRange(partition_value, prefix, _after(prefix))
        _check_types(sort, schema.sort_type)
        for value in sort.values:
            check_sort_content(schema, value)
        start, end = _sort_range(prefix, sort, schema.sort_type)
        return KeyRange(partition_value, start, end)


@lru_cache(CACHE_SIZE)
def compile_key_condition(text: str) -> CompiledKeyCondition:
    """Compile a KeyConditionExpression. Raises `ValidationError`."""
    return CompiledKeyCondition(text)


# --- From conditions to tests ------------------------------------------------------------------------


def _read_test(node: nodes.Condition, bindings: Bindings) -> KeyTest:
    match node:
        case nodes.Comparison(operator="<>") | nodes.Or() | nodes.Not() | nodes.Membership():
            raise ValidationError(f"Invalid operator used in KeyConditionExpression: {_operator(node)}")
        case nodes.Comparison():
            return _read_comparison(node, bindings)
        case nodes.Between():
            return _build_test("BETWEEN", (node.operand, node.lower, node.upper), bindings)
        case nodes.Function(name="begins_with"):
            return _build_test("begins_with", node.arguments, bindings)
        case _:
            raise ValidationError(f"Invalid operator used in KeyConditionExpression: {_operator(node)}")


def _operator(node: nodes.Condition) -> str:
    match node:
        case nodes.Or() | nodes.And() | nodes.Not():
            return type(node).__name__.upper()
        case nodes.Membership():
            return "IN"
        case nodes.Comparison():
            return node.operator
        case nodes.Function():
            return node.name
        case nodes.Between():
            return "BETWEEN"


def _read_comparison(node: nodes.Comparison, bindings: Bindings) -> KeyTest:
    if isinstance(node.left, nodes.Value) and isinstance(node.right, nodes.Path):
        return _build_test(_MIRRORED[node.operator], (node.right, node.left), bindings)
    return _build_test(node.operator, (node.left, node.right), bindings)


def _build_test(operator: str, operands: tuple[nodes.Operand, ...], bindings: Bindings) -> KeyTest:
    """A test of the attribute that comes first; the remaining operands must be values."""
    if any(isinstance(operand, nodes.Function) for operand in operands):
        raise ValidationError("KeyConditionExpressions cannot contain nested operations")
    paths = [operand for operand in operands if isinstance(operand, nodes.Path)]
    if not paths:
        raise ValidationError(_INVALID_CONDITION + "No key attribute specified")
    if len(paths) > 1:
        raise ValidationError(_INVALID_CONDITION + "Multiple attribute names used in one condition")
    if paths[0] is not operands[0]:
        raise ValidationError(
            f"{_INVALID_CONDITION}{operator} operator must have the key attribute as its first operand"
        )
    name, *rest = bindings.resolve(paths[0])
    if rest:
        raise ValidationError(
            "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
            f"Key: {name}"
        )
    values = tuple(
        bindings.values[operand.placeholder] for operand in operands if isinstance(operand, nodes.Value)
    )
    return KeyTest(str(name), operator, values)


def _check_types(test: KeyTest, kind: str) -> None:
    # No prefix of a number: begins_with on a numeric key cannot match the schema either.
    if any(kind not in value for value in test.values) or (test.operator == "begins_with" and kind == "N"):
        raise ValidationError(
            "One or more parameter values were invalid: Condition parameter type does not match schema type"
        )


# --- From tests to ranges ----------------------------------------------------------------------------


def _after(prefix: bytes) -> bytes:
    end = successor(prefix)
    assert end is not None  # a partition prefix ends with 0x01
    return end


def _sort_range(prefix: bytes, test: KeyTest, kind: str) -> tuple[bytes, bytes]:
    """Start and end of the keys that begin with `prefix` and pass `test`.

    An encoded sort key is no prefix of another, so whatever follows it (the table key, in an index) lies
    between the key and its successor.
    """
    if test.operator == "begins_with":
        opening = prefix + escape(content_bytes(kind, test.values[0]))
        return opening, _after(opening)
    key = prefix + encode_sort(kind, test.values[0])
    match test.operator:
        case "=":
            return key, _after(key)
        case "<":
            return prefix, key
        case "<=":
            return prefix, _after(key)
        case ">":
            return _after(key), _after(prefix)
        case ">=":
            return key, _after(prefix)
        case _:
            return key, _after(prefix + encode_sort(kind, test.values[1]))
