"""Symbolic values: the same Python code, run on unknowns.

A kernel function or an action that meets a symbolic condition in an `if` is run once for each way through it:
`bool(condition)` asks the current run which way it takes, and `paths` runs the function again until every
combination was taken. No source is parsed, so what is proved is what Python does. Each path comes with the
conditions under which it is taken.

Raw z3 terms never reach kernel code: z3 itself answers `a == b` in an `if` by comparing the terms' text, silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import z3

from ddbproof.model.engine.shapes import BoolShape, IntShape, MapShape, RecordShape, Shape
from ddbproof.model.engine.values import EngineError, Sort
from ddbproof.model.kernel.refusal import NotAllowed

Term = Any  # a z3 expression; z3 ships no types
_MOST_PATHS = 4096
_PRUNING_MILLISECONDS = 500
# A wrong kernel can lead the solver to ask for more than a machine has. What holds needs a small part of this.
_MOST_MEGABYTES = 4_000
z3.set_param("memory_max_size", _MOST_MEGABYTES)


def is_out_of_memory(error: z3.Z3Exception) -> bool:
    """True if the solver has given up for want of memory, and not because something is wrong with what it was asked."""
    return "out of memory" in str(error)


class SymInt:
    """An unknown integer."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment] # two unknowns may be equal and nobody knows yet

    def __init__(self, term: Term) -> None:
        self.term = term

    def __add__(self, other: Any) -> SymInt:
        return SymInt(self.term + term_of(other))

    def __radd__(self, other: Any) -> SymInt:
        return SymInt(term_of(other) + self.term)

    def __sub__(self, other: Any) -> SymInt:
        return SymInt(self.term - term_of(other))

    def __rsub__(self, other: Any) -> SymInt:
        return SymInt(term_of(other) - self.term)

    def __mul__(self, other: Any) -> SymInt:
        return SymInt(self.term * term_of(other))

    __rmul__ = __mul__

    def __neg__(self) -> SymInt:
        return SymInt(-self.term)

    def __eq__(self, other: object) -> SymBool:  # type: ignore[override] # not known yet
        return SymBool(self.term == term_of(other))

    def __ne__(self, other: object) -> SymBool:  # type: ignore[override]
        return SymBool(self.term != term_of(other))

    def __lt__(self, other: Any) -> SymBool:
        return SymBool(self.term < term_of(other))

    def __le__(self, other: Any) -> SymBool:
        return SymBool(self.term <= term_of(other))

    def __gt__(self, other: Any) -> SymBool:
        return SymBool(self.term > term_of(other))

    def __ge__(self, other: Any) -> SymBool:
        return SymBool(self.term >= term_of(other))

    def __bool__(self) -> bool:
        raise EngineError("an integer was used as a truth value; compare it with something")

    def __repr__(self) -> str:
        return f"<{self.term}>"


class SymBool:
    """An unknown truth value. In an `if` it makes the run take both ways, one after the other."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: Term) -> None:
        self.term = term

    def __and__(self, other: Any) -> SymBool:
        return SymBool(z3.And(self.term, term_of(other)))

    __rand__ = __and__

    def __or__(self, other: Any) -> SymBool:
        return SymBool(z3.Or(self.term, term_of(other)))

    __ror__ = __or__

    def __invert__(self) -> SymBool:
        raise EngineError("~ on a truth value; use neg")

    def __eq__(self, other: object) -> SymBool:  # type: ignore[override]
        return SymBool(self.term == term_of(other))

    def __ne__(self, other: object) -> SymBool:  # type: ignore[override]
        return SymBool(self.term != term_of(other))

    def negated(self) -> SymBool:
        """Not."""
        return SymBool(z3.Not(self.term))

    def __bool__(self) -> bool:
        if not _runs:
            raise EngineError("a symbolic truth value was asked for one answer outside of a run")
        return _runs[-1].decide(self.term)

    def __repr__(self) -> str:
        return f"<{self.term}>"


class SymMap:
    """An unknown total map: one array of z3 for each leaf of its values.

    What was looked up once is kept: clauses ask for the same few entries thousands of times.
    """

    __slots__ = ("_looked_up", "arrays", "name", "shape")

    def __init__(self, shape: MapShape, arrays: list[Term], name: str = "") -> None:
        self.shape = shape
        self.arrays = arrays
        self.name = name
        self._looked_up: dict[int, tuple[Term, Any]] = {}

    def __getitem__(self, key: Any) -> Any:
        index = z3.simplify(term_of(key))
        for observer in _observers:
            observer.looked_up(self, index)
        kept = self._looked_up.get(index.get_id())
        if kept is None:
            value = build(self.shape.value, [z3.Select(array, index) for array in self.arrays], self.name)
            kept = self._looked_up[index.get_id()] = (index, value)  # the number is the term's while it lives
        note_sorts(self.shape.value, kept[1])
        return kept[1]

    def put(self, key: Any, value: Any) -> SymMap:
        """The map that differs at this key."""
        index = z3.simplify(term_of(key))
        for observer in _observers:
            observer.looked_up(self, index)
        stored = [
            z3.Store(array, index, leaf)
            for array, leaf in zip(self.arrays, terms(self.shape.value, value), strict=True)
        ]
        return SymMap(self.shape, stored, self.name)


class Observer:
    """Is told of every index that is looked up, and of every integer of a sort that comes to light."""

    def looked_up(self, where: SymMap, index: Term) -> None:
        """An index of a map."""

    def came_up(self, sort: Sort, term: Term) -> None:
        """An integer of a sort."""


_observers: list[Observer] = []


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Tell the observer what is looked up meanwhile."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def term_of(value: Any) -> Term:
    """The term of an integer or truth value, symbolic or not."""
    if isinstance(value, SymInt | SymBool):
        return value.term
    if isinstance(value, bool):
        return z3.BoolVal(value)
    if isinstance(value, int):
        return z3.IntVal(value)
    raise EngineError(f"{value!r} is neither an integer nor a truth value")


# Records of unknowns.


def fresh(shape: Shape, name: str) -> Any:
    """A value of that shape of which nothing is known; its unknowns are named after `name`."""
    found = build(shape, [z3.Const(leaf, sort) for leaf, sort in _leaf_sorts(shape, name)], name)
    note_sorts(shape, found)
    return found


def build(shape: Shape, leaf_terms: list[Term], name: str = "") -> Any:
    """The value of that shape with these terms at its leaves, in order."""
    value, rest = _build(shape, leaf_terms, name)
    if rest:
        raise EngineError(f"{len(rest)} terms too many for {shape}")
    return value


def terms(shape: Shape, value: Any) -> list[Term]:
    """The terms at the leaves of a value; of a concrete map that differs from its default, its arrays."""
    if isinstance(shape, RecordShape):
        return [term for field, inner in shape.fields for term in terms(inner, getattr(value, field))]
    if isinstance(shape, MapShape):
        if isinstance(value, SymMap):
            return value.arrays
        return _arrays(shape, value)
    return [term_of(value)]


def lifted(shape: Shape, value: Any) -> Any:
    """The same value with symbolic parts throughout, so that it can be asked for unknown keys."""
    return build(shape, terms(shape, value))


def note_sorts(shape: Shape, value: Any) -> None:
    """Tell observers of the integers in a value that have a sort; those inside maps are told when looked up."""
    if not _observers:
        return
    if isinstance(shape, IntShape) and shape.sort is not None:
        for observer in _observers:
            observer.came_up(shape.sort, term_of(value))
    elif isinstance(shape, RecordShape):
        for field, inner in shape.fields:
            note_sorts(inner, getattr(value, field))


def _leaf_sorts(shape: Shape, name: str) -> list[tuple[str, Any]]:
    if isinstance(shape, RecordShape):
        return [leaf for field, inner in shape.fields for leaf in _leaf_sorts(inner, f"{name}.{field}")]
    if isinstance(shape, MapShape):
        return [(leaf, z3.ArraySort(z3.IntSort(), sort)) for leaf, sort in _leaf_sorts(shape.value, name)]
    return [(name, z3.BoolSort() if isinstance(shape, BoolShape) else z3.IntSort())]


def _build(shape: Shape, leaf_terms: list[Term], name: str) -> tuple[Any, list[Term]]:
    if isinstance(shape, RecordShape):
        fields, rest = {}, leaf_terms
        for field, inner in shape.fields:
            fields[field], rest = _build(inner, rest, f"{name}.{field}" if name else field)
        return shape.record(**fields), rest
    if isinstance(shape, MapShape):
        count = len(_leaf_sorts(shape.value, ""))
        return SymMap(shape, leaf_terms[:count], name), leaf_terms[count:]
    wrap = SymBool if isinstance(shape, BoolShape) else SymInt
    return wrap(leaf_terms[0]), leaf_terms[1:]


def _arrays(shape: MapShape, value: Any) -> list[Term]:
    arrays = [z3.K(z3.IntSort(), term) for term in terms(shape.value, value.default)]
    for key, entry in value.items():
        inner = terms(shape.value, entry)
        arrays = [z3.Store(array, key, term) for array, term in zip(arrays, inner, strict=True)]
    return arrays


# Paths.


class Path(msgspec.Struct, frozen=True):
    """One way through a function: the conditions under which it is taken, and what it gives.

    `refused` is true where the way ends in NotAllowed; then there is no value.
    """

    conditions: tuple[Term, ...]
    value: Any = None
    refused: bool = False


class _Run:
    """One run of a function, which takes given decisions first and says yes from there on."""

    def __init__(self, decisions: list[bool]) -> None:
        self.given = decisions
        self.taken: list[bool] = []
        self.conditions: list[Term] = []

    def decide(self, condition: Term) -> bool:
        condition = z3.simplify(condition)
        if z3.is_true(condition) or z3.is_false(condition):
            return bool(z3.is_true(condition))
        opposite = z3.simplify(z3.Not(condition))
        for known in self.conditions:
            if known.eq(condition) or known.eq(opposite):
                return bool(known.eq(condition))
        place = len(self.taken)
        answer = self.given[place] if place < len(self.given) else True
        self.taken.append(answer)
        self.conditions.append(condition if answer else opposite)
        return answer


_runs: list[_Run] = []


def paths(function: Callable[[], Any]) -> list[Path]:
    """Every way through the function that its conditions allow, refused ones among them.

    Raises EngineError when there are too many, and whatever else the function raises.
    """
    found, open_decisions = [], [list[bool]()]
    while open_decisions:
        given = open_decisions.pop()
        run = _Run(given)
        _runs.append(run)
        try:
            value, refused = function(), False
        except NotAllowed:
            value, refused = None, True
        finally:
            _runs.pop()
        open_decisions += [
            [*run.taken[:place], not run.taken[place]] for place in range(len(given), len(run.taken))
        ]
        if len(run.conditions) < 2 or _possible(run.conditions):
            found.append(Path(tuple(run.conditions), value, refused))
        if len(found) > _MOST_PATHS:
            raise EngineError(f"more than {_MOST_PATHS} ways through one function; fold or split it")
    return found


def folded(function: Callable[[], Any]) -> Term:
    """A truth value as one term, over all ways through the function. A refusal is an error here.

    If a clause could refuse, it would say nothing on that way, and as a hypothesis more than it means.
    """
    ways = paths(function)
    if any(way.refused for way in ways):
        raise EngineError("a clause refused; it has to give a truth value for every state")
    return z3.simplify(
        z3.And([z3.Implies(z3.And(list(way.conditions)), term_of(way.value)) for way in ways])
        if len(ways) > 1
        else term_of(ways[0].value)
    )


def merged(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as one that never splits a run: what it gives is one value that depends on its arguments.

    For small helpers that are called often, such as an order: every call that forked would double the ways
    through whatever calls it. On concrete arguments it is the function itself. A refusal is an error here.
    """

    def call(*arguments: Any) -> Any:
        ways = paths(lambda: function(*arguments))
        if any(way.refused for way in ways):
            raise EngineError(f"{function.__name__} refuses on some way, so it cannot be merged")
        value = ways[-1].value
        for way in reversed(ways[:-1]):
            value = _if(z3.And(list(way.conditions)), way.value, value)
        return value

    return call


def _if(condition: Term, value: Any, otherwise: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = value.__struct_fields__
        return type(value)(
            **{name: _if(condition, getattr(value, name), getattr(otherwise, name)) for name in fields}
        )
    term = z3.simplify(z3.If(condition, term_of(value), term_of(otherwise)))
    return SymBool(term) if z3.is_bool(term) else SymInt(term)


def _possible(conditions: list[Term]) -> bool:
    solver = z3.Solver()
    solver.set("timeout", _PRUNING_MILLISECONDS)
    solver.add(conditions)
    return bool(solver.check() != z3.unsat)
