"""UpdateExpression: SET, REMOVE, ADD and DELETE, applied to an item.

Source: Developer Guide, "Update expressions". An update is applied as a whole: every source reads the item
as it was before, and the item given is never changed. Paths that meet are refused, so the order of actions
does not matter, but for elements set beyond the end of a list: they are appended in the order of their
indexes, and removed elements close ranks last (both in the guide).

What the guide leaves open follows AWS's emulator: REMOVE and DELETE of something absent do nothing as long
as the place that would hold it exists; ADD beyond the end of a list appends; a set that loses its last
member goes away. `updated_old` and `updated_new` return the parts that the paths name: the emulator returns
whole attributes there, but the service is reported to return parts (ExtendDB issue 98).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.bindings import Bindings, Expression
from ddbproof.reference_impl.expressions.operands import (
    check_distinct,
    check_is_path,
    check_type,
)
from ddbproof.reference_impl.expressions.paths import (
    Leaf,
    Names,
    PathTree,
    Values,
    compile_path,
    project,
)
from ddbproof.reference_impl.expressions.syntax import invalid, parse
from ddbproof.reference_impl.values import numbers
from ddbproof.reference_impl.values.attribute import (
    MAXIMUM_LEVELS,
    TOO_DEEP,
    Item,
    Value,
    depth_of,
    set_difference,
    set_union,
    type_of,
)
from ddbproof.reference_impl.values.keys import KeySchema

CACHE_SIZE = 4096
KIND = "UpdateExpression"

Source = Callable[[Item, Names, Values], Value]
"""Reads the source of an action in the item as it was before; raises `ValidationError`."""
"""What an action makes of the value at its path; None stands for nothing there, before and after."""

_NUMBER = frozenset({"N"})
_LIST = frozenset({"L"})
_ADD_TYPES = frozenset({"N", "SS", "NS", "BS"})
_DELETE_TYPES = frozenset({"SS", "NS", "BS"})
_MISSING = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE = "An operand in the update expression has an incorrect data type"
_WRONG_PATH = "The document path provided in the update expression is invalid for update"
# Long names of types, used in one sentence only. Those of sets are from memory, never shown by a refusal we saw.
_LONG_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Action:
    """One compiled action."""

    section: str
    path: nodes.Path
    source: Source | None


_Tree = PathTree[_Action]


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The outcome of an update: `new_item`, and `touched`, the top-level attributes the expression names."""

    old_item: Item
    new_item: Item
    touched: tuple[str, ...]
    _tree: _Tree

    def updated_old(self) -> Item:
        """ReturnValues UPDATED_OLD: the parts the expression names, as they were."""
        return project(self.old_item, self._tree)

    def updated_new(self) -> Item:
        """ReturnValues UPDATED_NEW: the parts the expression names, as they are now."""
        return project(self.new_item, self._tree)


class CompiledUpdate(Expression[_Tree]):
    """An update, independent of any request."""

    def __init__(self, text: str) -> None:
        root = parse(text, KIND, "update")
        assert isinstance(root, nodes.Update)
        super().__init__(text, KIND, root)
        self._parsed = [action for section in root.sections for action in section.actions]
        self._actions = [
            _Action(action.section, action.path, None if action.source is None else _compile(action.source))
            for action in self._parsed
        ]

    def prepare(self, bindings: Bindings) -> _Tree:
        """The actions by path; refuses operands of a wrong type and paths that overlap or conflict."""
        tree: _Tree = PathTree()
        for action in self._actions:
            tree.add(KIND, bindings.resolve(action.path), action)
        for parsed in self._parsed:
            _check_action(parsed, bindings)
        return tree

    def attributes(self, bindings: Bindings) -> set[str]:
        """The names of the top-level attributes that the update changes."""
        return {str(name) for name in bindings.prepared(self).children}

    def check_keys(self, bindings: Bindings, key_schema: KeySchema) -> None:
        """Refuse an update of a key attribute; needs no item."""
        touched = bindings.prepared(self).children
        for name in key_schema.attributes:
            if name in touched:
                raise ValidationError(
                    "One or more parameter values were invalid: "
                    f"Cannot update attribute {name}. This attribute is part of the key"
                )

    def apply(self, item: Item, bindings: Bindings, key_schema: KeySchema) -> UpdateResult:
        """The item after the update.

        `item` (canonical values) is not changed; for an item that does not exist yet, give its key. The new
        item shares values with the old one and with the bindings: treat all of them as immutable. Raises
        `ValidationError`. The caller checks the size of the new item and keys of indexes.
        """
        tree = bindings.prepared(self)
        self.check_keys(bindings, key_schema)

        # All sources come first: a missing operand is reported before a path that leads nowhere.
        sources = {
            action: action.source(item, bindings.names, bindings.values)
            for action in self._actions
            if action.source is not None
        }

        def change(leaf: Leaf[_Action], value: Value | None) -> Value | None:
            result = _CHANGES[leaf.payload.section](value, sources.get(leaf.payload))
            # A whole attribute is no deeper than what it was made of.
            if result is not None and len(leaf.steps) > 1:
                _check_depth(result, len(leaf.steps) - 1)
            return result

        new_item = _change_map(item, tree, change)
        return UpdateResult(item, new_item, tuple(map(str, tree.children)), tree)


@lru_cache(CACHE_SIZE)
def compile_update(text: str) -> CompiledUpdate:
    """Compile an UpdateExpression. Raises `ValidationError`."""
    return CompiledUpdate(text)


# --- Sources -----------------------------------------------------------------------------------------


def _compile(node: nodes.Operand | nodes.Arithmetic) -> Source:
    match node:
        case nodes.Value():
            placeholder = node.placeholder
            return lambda _item, _names, values: values[placeholder]
        case nodes.Path():
            return _compile_required(node)
        case nodes.Arithmetic():
            return _compile_arithmetic(node)
        case nodes.Function(name="if_not_exists"):
            return _compile_if_not_exists(node)
        case nodes.Function():
            return _compile_list_append(node)


def _compile_required(path: nodes.Path) -> Source:
    read = compile_path(path)

    def required(item: Item, names: Names, values: Values) -> Value:
        value = read(item, names, values)
        if value is None:
            raise ValidationError(_MISSING)
        return value

    return required


def _compile_if_not_exists(node: nodes.Function) -> Source:
    path, default = node.arguments
    # A first argument that is no path never gets this far with bindings: the check below refuses it.
    read = compile_path(path) if isinstance(path, nodes.Path) else None
    read_otherwise = _compile(default)

    def if_not_exists(item: Item, names: Names, values: Values) -> Value:
        value = None if read is None else read(item, names, values)
        # The other operand must exist even where it is not needed: AWS's emulator refuses it otherwise.
        otherwise = read_otherwise(item, names, values)
        return otherwise if value is None else value

    return if_not_exists


def _compile_list_append(node: nodes.Function) -> Source:
    read_first, read_second = map(_compile, node.arguments)

    def list_append(item: Item, names: Names, values: Values) -> Value:
        first, second = read_first(item, names, values), read_second(item, names, values)
        if "L" not in first or "L" not in second:
            raise ValidationError(_WRONG_TYPE)
        return {"L": first["L"] + second["L"]}

    return list_append


def _compile_arithmetic(node: nodes.Arithmetic) -> Source:
    read_left, read_right = _compile(node.left), _compile(node.right)
    operate = numbers.add if node.operator == "+" else numbers.subtract

    def arithmetic(item: Item, names: Names, values: Values) -> Value:
        left, right = read_left(item, names, values), read_right(item, names, values)
        if "N" not in left or "N" not in right:
            raise ValidationError(_WRONG_TYPE)
        return {"N": operate(left["N"], right["N"])}

    return arithmetic


def _check_depth(value: Value, levels_above: int) -> None:
    if levels_above + depth_of(value) > MAXIMUM_LEVELS:
        raise ValidationError(TOO_DEEP)


# --- Actions -----------------------------------------------------------------------------------------


def _set(value: Value | None, source: Value | None) -> Value | None:  # noqa: ARG001  # one shape for all four
    return source


def _remove(value: Value | None, source: Value | None) -> Value | None:  # noqa: ARG001
    return None


def _add(value: Value | None, source: Value | None) -> Value | None:
    assert source is not None
    if value is None:
        return source
    kind = type_of(source)
    if kind not in value:
        raise ValidationError(_WRONG_TYPE)
    if kind == "N":
        return {"N": numbers.add(value["N"], source["N"])}
    return set_union(value, source)


def _delete(value: Value | None, source: Value | None) -> Value | None:
    assert source is not None
    if value is None:
        return None
    if type_of(source) not in value:
        raise ValidationError(_WRONG_TYPE)
    return set_difference(value, source)


_CHANGES = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}
_ChangeAt = Callable[[Leaf[_Action], Value | None], Value | None]


def _change_map(content: dict[str, Value], tree: _Tree, change: _ChangeAt) -> dict[str, Value]:
    """A changed copy of a map (or of the item itself)."""
    result = dict(content)
    for name, node in tree.children.items():
        assert isinstance(name, str)
        changed = _change_value(content.get(name), node, change)
        if changed is None:
            result.pop(name, None)
        else:
            result[name] = changed
    return result


def _change_list(content: list[Value], tree: _Tree, change: _ChangeAt) -> list[Value]:
    """A changed copy of a list: set in place, append what lies beyond the end, then close the gaps."""
    result: list[Value | None] = list(content)
    for index, node in sorted(tree.children.items(), key=lambda pair: int(pair[0])):
        assert isinstance(index, int)
        if index < len(content):
            result[index] = _change_value(content[index], node, change)
        else:
            result.append(_change_value(None, node, change))
    return [value for value in result if value is not None]


def _change_value(value: Value | None, node: Leaf[_Action] | _Tree, change: _ChangeAt) -> Value | None:
    if isinstance(node, Leaf):
        return change(node, value)
    wanted = "M" if isinstance(next(iter(node.children)), str) else "L"
    if value is None or wanted not in value:
        raise ValidationError(_WRONG_PATH)
    if wanted == "M":
        return {"M": _change_map(value["M"], node, change)}
    return {"L": _change_list(value["L"], node, change)}


# --- Checks before any item is read ------------------------------------------------------------------


def _check_action(action: nodes.Action, bindings: Bindings) -> None:
    if action.section in {"ADD", "DELETE"}:
        assert isinstance(action.source, nodes.Value)
        allowed = _ADD_TYPES if action.section == "ADD" else _DELETE_TYPES
        found = type_of(bindings.values[action.source.placeholder])
        if found not in allowed:
            raise invalid(
                KIND,
                f"Incorrect operand type for operator or function; operator: {action.section}, "
                f"operand type: {_LONG_NAMES[found]}, typeSet: ALLOWED_FOR_{action.section}_OPERAND",
            )
    elif action.source is not None:
        for node in nodes.walk(action.source):
            _check_source(node, bindings)


def _check_source(node: nodes.Node, bindings: Bindings) -> None:
    match node:
        case nodes.Arithmetic():
            check_type(KIND, node.operator, node.left, _NUMBER, bindings)
            check_type(KIND, node.operator, node.right, _NUMBER, bindings)
        case nodes.Function(name="if_not_exists"):
            first, *rest = node.arguments
            check_is_path(KIND, node.name, first)
            check_distinct(KIND, node.name, first, rest, bindings)
        case nodes.Function(name="list_append"):
            for operand in node.arguments:
                check_type(KIND, node.name, operand, _LIST, bindings)
