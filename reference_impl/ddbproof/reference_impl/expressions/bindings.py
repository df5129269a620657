"""What a request gives with its expressions: ExpressionAttributeNames and ExpressionAttributeValues.

A compiled expression depends on its text alone and is shared by every request that uses the text. A
`Bindings` belongs to one request. Preparing an expression with bindings resolves placeholders and runs every
check that needs no item; it happens once for each pair, and evaluation afterwards is plain lookup.

Source: Developer Guide, "Expression attribute names" and "Expression attribute values"; sentences as AWS's
emulator words them. Not here: the limit of 2 MB for all values together (the limit of a request is lower).
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.syntax import invalid
from ddbproof.reference_impl.values.attribute import Value, normalise_value

MAXIMUM_NAME_BYTES = 65_535

_ALIAS = re.compile(r"#[A-Za-z0-9_]+", re.ASCII)
_PLACEHOLDER = re.compile(r":[A-Za-z0-9_]+", re.ASCII)
_PreparedT = TypeVar("_PreparedT")


class Expression(Generic[_PreparedT]):
    """A compiled expression: `kind` names its parameter, `aliases` and `placeholders` what it refers to."""

    def __init__(self, text: str, kind: str, root: nodes.Root) -> None:
        self.text = text
        self.kind = kind
        found = list(nodes.walk(root))
        steps = [step for node in found if isinstance(node, nodes.Path) for step in node.steps]
        # Dictionaries keep the order of the text, which decides what is reported first.
        self.aliases = tuple(dict.fromkeys(s for s in steps if isinstance(s, str) and s[0] == "#"))
        self.placeholders = tuple(
            dict.fromkeys(node.placeholder for node in found if isinstance(node, nodes.Value))
        )

    def prepare(self, bindings: Bindings) -> _PreparedT:
        """Check the expression against `bindings`; the answer is kept by `Bindings.prepared`."""
        raise NotImplementedError

    def check_defined(self, bindings: Bindings) -> None:
        """Refuse a placeholder that the request does not define."""
        for alias in self.aliases:
            if alias not in bindings.names:
                raise invalid(
                    self.kind,
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {alias}",
                )
        for placeholder in self.placeholders:
            if placeholder not in bindings.values:
                raise invalid(
                    self.kind,
                    "An expression attribute value used in expression is not defined; "
                    f"attribute value: {placeholder}",
                )


class Bindings:
    """Names and values of one request.

    `names` maps `#alias` to an attribute name, `values` maps `:placeholder` to a value in wire form; either
    may be None. Values are made canonical in place. Raises `ValidationError` for what DynamoDB refuses
    before it looks at expressions.
    """

    def __init__(self, names: dict[str, str] | None = None, values: dict[str, Value] | None = None) -> None:
        if names is not None:
            _check_names(names)
        if values is not None:
            _check_values(values)
        self.names: dict[str, str] = names or {}
        self.values: dict[str, Value] = values or {}
        self._prepared: dict[Expression[Any], Any] = {}

    def prepared(self, expression: Expression[_PreparedT]) -> _PreparedT:
        """What `expression.prepare` answered for these bindings; prepares it the first time."""
        try:
            return self._prepared[expression]  # type: ignore[no-any-return]  # keyed by its own expression
        except KeyError:
            expression.check_defined(self)
            result = self._prepared[expression] = expression.prepare(self)
            return result

    def check(self, *expressions: Expression[Any] | None) -> None:
        """Prepare all expressions of the request (None: not given), then refuse names and values left over.

        Raises `ValidationError`, in DynamoDB's order: first what is wrong with an expression, then unused
        names, then unused values.
        """
        given = [expression for expression in expressions if expression is not None]
        for expression in given:
            self.prepared(expression)
        if self.names:
            _check_unused("Names", self.names, [expression.aliases for expression in given])
        if self.values:
            _check_unused("Values", self.values, [expression.placeholders for expression in given])

    def resolve(self, path: nodes.Path) -> tuple[nodes.Step, ...]:
        """The steps of a path with placeholders replaced."""
        return tuple(
            self.names[step] if isinstance(step, str) and step[0] == "#" else step for step in path.steps
        )


def _check_names(names: dict[str, str]) -> None:
    if not names:
        raise ValidationError("ExpressionAttributeNames must not be empty")
    for alias, name in names.items():
        if not _ALIAS.fullmatch(alias):
            raise ValidationError(
                f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{alias}"'
            )
        if not name:
            raise ValidationError(
                f"ExpressionAttributeNames contains invalid value: Empty attribute name for key {alias}"
            )
        if len(name.encode()) > MAXIMUM_NAME_BYTES:
            raise ValidationError(
                "ExpressionAttributeNames contains invalid value: "
                f"Attribute name is too large, must be less than 65536 bytes for key {alias}"
            )


def _check_values(values: dict[str, Value]) -> None:
    if not values:
        raise ValidationError("ExpressionAttributeValues must not be empty")
    for placeholder, value in values.items():
        if not _PLACEHOLDER.fullmatch(placeholder):
            raise ValidationError(
                f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{placeholder}"'
            )
        try:
            normalise_value(value)
        except ValidationError as error:
            raise ValidationError(
                f"ExpressionAttributeValues contains invalid value: {error.message} for key {placeholder}"
            ) from None


def _check_unused(what: str, given: dict[str, Any], used_by_each: list[tuple[str, ...]]) -> None:
    if not used_by_each:
        raise ValidationError(f"ExpressionAttribute{what} can only be specified when using expressions")
    if len(given) == len(used_by_each[0]):
        return  # every name in an expression is defined and listed once, so none is left over
    used = {name for names in used_by_each for name in names}
    unused = [name for name in given if name not in used]
    if unused:
        keys = ", ".join(unused)
        raise ValidationError(
            f"Value provided in ExpressionAttribute{what} unused in expressions: keys: {{{keys}}}"
        )
