"""Shapes: what an annotated record consists of, down to the integers and truth values at its leaves.

A shape is read once from the annotations of a record class or an action. The symbolic world uses it to make
a record of fresh unknowns, the concrete one to read a record out of a solver's model, and explanations to
name what changed.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec

from ddbproof.model.engine.values import EngineError, Map, Sort


class IntShape(msgspec.Struct, frozen=True):
    """An integer; of a sort, or just a number."""

    sort: Sort | None = None


class BoolShape(msgspec.Struct, frozen=True):
    """A truth value."""


class MapShape(msgspec.Struct, frozen=True):
    """A total map from the integers of a sort."""

    key: Sort
    value: Shape


class RecordShape(msgspec.Struct, frozen=True):
    """A record of that class, with its fields in order."""

    record: type
    fields: tuple[tuple[str, Shape], ...]


Shape = IntShape | BoolShape | MapShape | RecordShape


@cache
def shape_of_record(record: type) -> RecordShape:
    """The shape of a record class. Raises EngineError for a field that is none of the four kinds."""
    hints = typing.get_type_hints(record, include_extras=True)
    return RecordShape(
        record, tuple((name, _shape(hint, f"{record.__name__}.{name}")) for name, hint in hints.items())
    )


def shapes_of_arguments(function: Callable[..., Any]) -> dict[str, Shape]:
    """Shapes of the arguments of an action, all but the first, which is the state."""
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    names = list(hints)[1:]
    return {name: _shape(hints[name], f"{function.__name__}({name})") for name in names}


def shapes_of_parameters(function: Callable[..., Any]) -> dict[str, Shape]:
    """Shapes of all the arguments of a function."""
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return {name: _shape(hint, f"{function.__name__}({name})") for name, hint in hints.items()}


def _shape(hint: Any, where: str) -> Shape:
    sort = next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Sort)), None)
    if hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    if hint is bool:
        return BoolShape()
    if hint is int:
        return IntShape(sort)
    if typing.get_origin(hint) is Map:
        if sort is None:
            raise EngineError(f"{where} is a map, and its annotation names no sort for its keys")
        return MapShape(sort, _shape(typing.get_args(hint)[0], where))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return shape_of_record(hint)
    raise EngineError(f"{where} is annotated {hint!r}, which is neither int, bool, Map nor a record")


def leaves(shape: Shape, name: str = "") -> Iterator[tuple[str, IntShape | BoolShape | MapShape]]:
    """The leaves of a shape by their dotted names; a map counts as one leaf here."""
    if isinstance(shape, RecordShape):
        for field, inner in shape.fields:
            yield from leaves(inner, f"{name}.{field}" if name else field)
    else:
        yield name, shape
