"""Operands and the checks of their types, shared by conditions and updates.

An operand is compiled into a function of item, names and values. What can be known before an item is read,
the type of a value given with the request or of a function's answer, is checked when the expression is
prepared. Sentences as AWS's emulator words them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.bindings import Bindings
from ddbproof.reference_impl.expressions.paths import Names, Reader, Values, compile_path, format_path
from ddbproof.reference_impl.expressions.syntax import invalid
from ddbproof.reference_impl.values.attribute import Item, Value, size_of, type_of

Check = Callable[[Bindings], None]
"""A check of an expression against the bindings of a request; raises `ValidationError`."""

ORDERED_TYPES = frozenset({"S", "N", "B"})
PREFIX_TYPES = frozenset({"S", "B"})
SIZED_TYPES = frozenset({"S", "B", "SS", "NS", "BS", "L", "M"})
_ANY_TYPE = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"


def compile_condition_operand(operand: nodes.Operand) -> Reader:
    """The function that reads an operand of a condition: a path, a value or `size`."""
    if isinstance(operand, nodes.Path):
        return compile_path(operand)
    if isinstance(operand, nodes.Value):
        placeholder = operand.placeholder
        return lambda _item, _names, values: values[placeholder]
    return _compile_size(operand)


def _compile_size(function: nodes.Function) -> Reader:
    assert function.name == "size"
    read = compile_condition_operand(function.arguments[0])

    def size(item: Item, names: Names, values: Values) -> Value | None:
        value = read(item, names, values)
        length = None if value is None else size_of(value)
        return None if length is None else {"N": str(length)}

    return size


def static_type(operand: nodes.Operand, bindings: Bindings) -> str | None:
    """The type of an operand where it is known without an item, else None."""
    if isinstance(operand, nodes.Value):
        return type_of(bindings.values[operand.placeholder])
    if isinstance(operand, nodes.Function):
        return {"size": "N", "list_append": "L"}.get(operand.name)
    return None


def check_type(
    kind: str, name: str, operand: nodes.Operand, allowed: frozenset[str], bindings: Bindings
) -> None:
    """Refuse an operand whose known type the operator or function `name` does not take."""
    found = static_type(operand, bindings)
    if found is not None and found not in allowed:
        raise wrong_type(kind, name, found)


def wrong_type(kind: str, name: str, found: str = _ANY_TYPE) -> Exception:
    """The error for an operand of a type that `name` does not take."""
    return invalid(
        kind,
        "Incorrect operand type for operator or function; "
        f"operator or function: {name}, operand type: {found}",
    )


def check_is_path(kind: str, name: str, operand: nodes.Operand) -> None:
    """Refuse an operand of `name` that is not a document path."""
    if not isinstance(operand, nodes.Path):
        raise invalid(kind, f"Operator or function requires a document path; operator or function: {name}")


def check_distinct(
    kind: str, name: str, first: nodes.Operand, others: Iterable[nodes.Operand], bindings: Bindings
) -> None:
    """Refuse an operand list whose first path comes again."""
    if not isinstance(first, nodes.Path):
        return
    steps = bindings.resolve(first)
    for other in others:
        if isinstance(other, nodes.Path) and bindings.resolve(other) == steps:
            raise invalid(
                kind,
                "The first operand must be distinct from the remaining operands for this operator or "
                f"function; operator: {name}, first operand: {format_path(steps)}",
            )
