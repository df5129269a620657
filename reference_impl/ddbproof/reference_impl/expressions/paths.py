"""Document paths: reading them in an item, and trees of paths that must not meet.

A `PathTree` holds the paths of one update or projection. Two paths *overlap* when one is a beginning of the
other (or both are equal) and *conflict* when they treat the same place as a map and as a list; DynamoDB
refuses both (Developer Guide, "Update expressions"; sentences as AWS's emulator words them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.nodes import Step
from ddbproof.reference_impl.expressions.syntax import invalid
from ddbproof.reference_impl.values.attribute import Item, Value

Names = Mapping[str, str]
Values = Mapping[str, Value]
Reader = Callable[[Item, Names, Values], Value | None]
"""Reads an operand: item, names and values of the request -> the value, or None where there is none."""

_PayloadT = TypeVar("_PayloadT")


def format_path(steps: tuple[Step, ...]) -> str:
    """A path as DynamoDB's errors print it: `[a, [0], b]`."""
    return "[" + ", ".join(f"[{step}]" if isinstance(step, int) else step for step in steps) + "]"


def compile_path(path: nodes.Path) -> Reader:
    """A function that reads `path` in an item."""
    first, *rest = path.steps
    assert isinstance(first, str)
    if not rest:
        if first[0] == "#":
            return lambda item, names, _values: item.get(names[first])
        return lambda item, _names, _values: item.get(first)
    return lambda item, names, _values: _read(item, path.steps, names)


def _read(item: Item, steps: tuple[Step, ...], names: Names) -> Value | None:
    content: dict[str, Value] = item
    value: Value | None = None
    for position, step in enumerate(steps):
        if position:
            assert value is not None
            if isinstance(step, int):
                elements = value.get("L", ())
                value = elements[step] if step < len(elements) else None
                if value is None:
                    return None
                continue
            content = value.get("M", {})
        assert isinstance(step, str)
        value = content.get(names[step] if step[0] == "#" else step)
        if value is None:
            return None
    return value


@dataclass(slots=True)
class Leaf(Generic[_PayloadT]):
    """The end of a path, with what is to be done there."""

    steps: tuple[Step, ...]
    payload: _PayloadT


@dataclass(slots=True)
class PathTree(Generic[_PayloadT]):
    """Paths that share their beginnings. Either all children are names or all are indexes."""

    children: dict[Step, Leaf[_PayloadT] | PathTree[_PayloadT]] = field(default_factory=dict)

    def add(self, kind: str, steps: tuple[Step, ...], payload: _PayloadT) -> None:
        """Add a path; raises `ValidationError` when it overlaps or conflicts with one that is there."""
        tree = self
        for position, step in enumerate(steps):
            here = next(iter(tree.children), None)
            if here is not None and isinstance(here, int) != isinstance(step, int):
                raise _meeting(kind, "conflict", tree.first_path(), steps)
            found = tree.children.get(step)
            is_last = position == len(steps) - 1
            if isinstance(found, Leaf):
                raise _meeting(kind, "overlap", found.steps, steps)
            if found is not None and is_last:
                raise _meeting(kind, "overlap", found.first_path(), steps)
            if is_last:
                tree.children[step] = Leaf(steps, payload)
                return
            if found is None:
                found = tree.children[step] = PathTree()
            tree = found

    def first_path(self) -> tuple[Step, ...]:
        """The path that was added first."""
        node: Leaf[_PayloadT] | PathTree[_PayloadT] = self
        while isinstance(node, PathTree):
            node = next(iter(node.children.values()))
        return node.steps


def _meeting(kind: str, verb: str, first: tuple[Step, ...], second: tuple[Step, ...]) -> Exception:
    return invalid(
        kind,
        f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
        f"path one: {format_path(first)}, path two: {format_path(second)}",
    )


def project(item: Item, tree: PathTree[_PayloadT]) -> Item:
    """The parts of an item that the tree's paths name; list elements keep their order and close ranks."""
    result: Item = {}
    for name, child in tree.children.items():
        assert isinstance(name, str)
        value = item.get(name)
        if value is not None:
            part = _project_value(value, child)
            if part is not None:
                result[name] = part
    return result


def _project_value(value: Value, node: Leaf[_PayloadT] | PathTree[_PayloadT]) -> Value | None:
    if isinstance(node, Leaf):
        return value
    if isinstance(next(iter(node.children)), str):
        content = project(value.get("M", {}), node)
        return {"M": content} if content else None
    elements = value.get("L", [])
    parts = [
        _project_value(elements[index], child)
        for index, child in sorted(node.children.items(), key=lambda pair: int(pair[0]))
        if isinstance(index, int) and index < len(elements)
    ]
    present = [part for part in parts if part is not None]
    return {"L": present} if present else None
