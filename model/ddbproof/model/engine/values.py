"""Values that a kernel, a system and a clause can be run on, concretely or symbolically.

A transition system keeps its state in an immutable record: a frozen msgspec Struct whose fields are `int`, `bool`,
another such record, or a `Map`. Annotations say more where the engine needs more: `Annotated[int, REGION]` is
an integer that names a Region, `Annotated[Map[Version], REGION]` a map from Regions. A `Sort` is a name for
such integers: a clause is quantified over sorts, and the prover looks for the instances that matter among the
terms of the sort.

Here is what both worlds share, and what the concrete one needs: the maps, and the connectives. A clause
uses `both`, `either`, `neg` and `implies` and never `and`, `or`, `not`: on a symbolic truth value those would
take one branch of a question that has two. Nothing here imports z3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

Value = TypeVar("Value")
Result = TypeVar("Result")


class EngineError(Exception):
    """The engine was used wrongly, or is wrong itself. Never a statement about the protocol."""


class Sort:
    """A name for a kind of integers: Region, key, position in a log, instant."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Map(Protocol[Value]):
    """A total map from integers, immutable: every key has a value."""

    def __getitem__(self, key: int, /) -> Value:
        """The value at a key."""
        ...

    def put(self, key: int, value: Value, /) -> Map[Value]:
        """The map that differs at this key."""
        ...


class FrozenMap(Generic[Value]):
    """A concrete map: a default, and what differs from it. Equal if it says the same everywhere; hashable."""

    __slots__ = ("_default", "_entries", "_hash")

    def __init__(self, default: Value, entries: Mapping[int, Value] | None = None) -> None:
        self._default = default
        self._entries = {key: value for key, value in (entries or {}).items() if value != default}
        self._hash: int | None = None

    def __getitem__(self, key: int, /) -> Value:
        return self._entries.get(key, self._default)

    def put(self, key: int, value: Value, /) -> FrozenMap[Value]:
        """The map that differs at this key."""
        return FrozenMap(self._default, {**self._entries, key: value})

    @property
    def default(self) -> Value:
        """The value of every key that was not put."""
        return self._default

    def items(self) -> Iterable[tuple[int, Value]]:
        """What differs from the default, by key."""
        return sorted(self._entries.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenMap):
            return NotImplemented
        return bool(self._default == other._default and self._entries == other._entries)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self._default, frozenset(self._entries.items())))
        return self._hash

    def __repr__(self) -> str:
        shown = [f"{key}: {value!r}" for key, value in self.items()]
        return "{" + ", ".join([*shown, f"else {self._default!r}"]) + "}"


def neg(truth: Any) -> Any:
    """Not."""
    return not truth if isinstance(truth, bool) else truth.negated()


def both(*truths: Any) -> Any:
    """All of these; true of none."""
    found: Any = True
    for truth in truths:
        found = truth if found is True else found & truth
    return found


def either(*truths: Any) -> Any:
    """At least one of these; false of none."""
    found: Any = False
    for truth in truths:
        found = truth if found is False else found | truth
    return found


def implies(premise: Any, conclusion: Any) -> Any:
    """The conclusion wherever the premise holds."""
    return either(neg(premise), conclusion)


def same_truth(left: Any, right: Any) -> Any:
    """True if both hold or neither does."""
    return either(both(left, right), both(neg(left), neg(right)))


def equal(left: Any, right: Any) -> Any:
    """Equality field by field, for records as well as integers and truth values.

    Records of msgspec compare their fields with `and`, which would ask a symbolic truth value for one answer.
    """
    if isinstance(left, msgspec.Struct):
        return both(*(equal(getattr(left, name), getattr(right, name)) for name in left.__struct_fields__))
    if isinstance(left, bool) and isinstance(right, bool):
        return left == right
    if isinstance(left, bool) or isinstance(right, bool):
        return same_truth(left, right)
    return left == right


class Clause(msgspec.Struct, frozen=True):
    """A statement for all values of some sorts; `body` takes one integer for each and gives a truth value."""

    sorts: tuple[Sort, ...]
    body: Callable[..., Any]


def forall(*sorts: Sort) -> Callable[[Callable[..., Any]], Clause]:
    """`forall(REGION, KEY)(lambda region, key: ...)`: a clause about all Regions and keys.

    Bind what a loop changes as a default argument of the lambda, else every clause sees the last round.
    """
    return lambda body: Clause(sorts, body)
