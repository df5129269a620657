"""Running Python on unknowns: what comes out is what Python would have done."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbproof.model.engine import campaign, symbolic
from ddbproof.model.engine.shapes import (
    BoolShape,
    IntShape,
    MapShape,
    RecordShape,
    Shape,
    shapes_of_parameters,
)
from ddbproof.model.engine.symbolic import SymBool, SymInt, SymMap
from ddbproof.model.engine.values import EngineError, FrozenMap, Sort, both, either, equal, implies, neg
from ddbproof.model.kernel import backup, instants, partitions, recovery, versions
from ddbproof.model.kernel.refusal import NotAllowed

KERNELS = (versions, partitions, backup, recovery, instants)
# Those that take a log are run by the systems, where a log is a map.
_TAKES_A_LOG = {"append", "commit_prepared", "is_cut", "take_cut"}
FUNCTIONS = [
    (module, name, function)
    for module in KERNELS
    for name, function in vars(module).items()
    if inspect.isfunction(function)
    and function.__module__ == module.__name__
    and not name.startswith("_")
    and name not in _TAKES_A_LOG
]


def drawn(shape: Shape) -> st.SearchStrategy[Any]:
    """Small values of that shape, so that ties are frequent; and days, which periods are counted in."""
    if isinstance(shape, BoolShape):
        return st.booleans()
    if isinstance(shape, RecordShape):
        return st.builds(shape.record, **{name: drawn(inner) for name, inner in shape.fields})
    near = st.integers(-2, 5)
    return near | st.builds(lambda days, more: days * 86_400_000 + more, st.integers(0, 40), near)


@pytest.mark.parametrize(
    "function", [it[2] for it in FUNCTIONS], ids=[f"{it[0].__name__}.{it[1]}" for it in FUNCTIONS]
)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_way_through_a_kernel_function_gives_what_python_gives(function: Any, data: Any) -> None:
    """For drawn arguments exactly one symbolic way is taken, and it ends as the ordinary call does."""
    shapes = shapes_of_parameters(function)
    arguments = {name: data.draw(drawn(shape), label=name) for name, shape in shapes.items()}
    try:
        expected, refused = function(**arguments), False
    except NotAllowed:
        expected, refused = None, True
    unknowns = {name: symbolic.fresh(shape, name) for name, shape in shapes.items()}
    ways = symbolic.paths(lambda: function(**unknowns))
    known = [
        (unknown, symbolic.term_of(value))
        for name, shape in shapes.items()
        for unknown, value in zip(
            leaf_terms(shape, unknowns[name]), leaf_values(arguments[name]), strict=True
        )
    ]
    taken = [way for way in ways if all(holds(condition, known) for condition in way.conditions)]
    assert len(taken) == 1
    assert taken[0].refused == refused
    if not refused:
        assert [evaluated(value, known) for value in leaf_values(taken[0].value)] == leaf_values(expected)


def leaf_terms(shape: Shape, value: Any) -> list[Any]:
    return symbolic.terms(shape, value)


def leaf_values(value: Any) -> list[Any]:
    """Integers and truth values of a result, in order."""
    if isinstance(value, msgspec.Struct):
        return [leaf for name in value.__struct_fields__ for leaf in leaf_values(getattr(value, name))]
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaf_values(part)]
    return [value]


def evaluated(value: Any, known: list[tuple[Any, Any]]) -> Any:
    term = z3.simplify(z3.substitute(symbolic.term_of(value), *known))
    return z3.is_true(term) if z3.is_bool(term) else term.as_long()


def holds(condition: Any, known: list[tuple[Any, Any]]) -> bool:
    return bool(z3.is_true(z3.simplify(z3.substitute(condition, *known))))


def unknown(name: str) -> SymInt:
    return SymInt(z3.Int(name))


def test_an_if_takes_both_ways() -> None:
    """Each way comes with its condition."""
    a, b = unknown("a"), unknown("b")
    ways = symbolic.paths(lambda: "less" if a < b else "not less")
    assert {way.value for way in ways} == {"less", "not less"}


def test_the_same_question_has_the_same_answer() -> None:
    """Asked twice in a run, a condition does not split it twice; nor does its opposite."""
    a, b = unknown("a"), unknown("b")

    def asked() -> tuple[bool, bool, bool]:
        return bool(a < b), bool(a < b), bool(a >= b)

    assert {way.value for way in symbolic.paths(asked)} == {(True, True, False), (False, False, True)}


def test_ways_that_contradict_themselves_are_left_out() -> None:
    """Greater and smaller at once is no way."""
    a = unknown("a")
    ways = symbolic.paths(lambda: (bool(a > 5), bool(a < 3)))
    assert (True, True) not in [way.value for way in ways]
    assert len(ways) == 3


def test_a_refusal_is_a_way_that_ends() -> None:
    """NotAllowed is told, and nothing else is swallowed."""

    def refusing(a: Any) -> int:
        if a > 0:
            raise NotAllowed
        return 1

    ways = symbolic.paths(lambda: refusing(unknown("a")))
    assert sorted(way.refused for way in ways) == [False, True]
    with pytest.raises(ZeroDivisionError):
        symbolic.paths(lambda: 1 // 0)


def test_a_clause_that_refuses_is_an_error() -> None:
    """As a hypothesis it would claim more than it says."""

    def refusing() -> Any:
        raise NotAllowed

    with pytest.raises(EngineError, match="refused"):
        symbolic.folded(refusing)


def test_a_truth_value_cannot_be_asked_outside_of_a_run() -> None:
    """Nor can an integer be one: z3 itself would answer by comparing texts."""
    with pytest.raises(EngineError, match="outside"):
        bool(unknown("a") == unknown("b"))
    with pytest.raises(EngineError, match="truth value"):
        bool(unknown("a"))
    with pytest.raises(EngineError, match="neg"):
        _ = ~(unknown("a") == unknown("b"))


@given(st.booleans(), st.booleans())
def test_connectives_mean_the_same_in_both_worlds(left: bool, right: bool) -> None:
    """Concretely they are Python's; symbolically they are z3's."""
    for connective in (implies, both, either):
        concrete = connective(left, right)
        told = connective(SymBool(z3.BoolVal(left)), SymBool(z3.BoolVal(right)))
        assert z3.is_true(z3.simplify(told.term)) == concrete
    assert neg(left) == (not left)


def test_records_are_equal_field_by_field() -> None:
    """Also where their fields are unknown."""
    shape = shapes_of_parameters(versions.supersedes)["stored"]
    one, other = symbolic.fresh(shape, "one"), symbolic.fresh(shape, "other")
    assert z3.is_true(z3.simplify(equal(one, one).term))
    assert not z3.is_true(z3.simplify(equal(one, other).term))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2))))
def test_maps_agree_with_dictionaries(puts: list[tuple[int, int]]) -> None:
    """Symbolic and concrete maps say what a dictionary with a default says; equal maps have equal hashes."""
    shape = campaign.load("eventual").shape
    frozen: FrozenMap[int] = FrozenMap(0)
    plain: dict[int, int] = {}
    for key, value in puts:
        frozen, plain[key] = frozen.put(key, value), value
    assert [frozen[key] for key in range(4)] == [plain.get(key, 0) for key in range(4)]
    again = FrozenMap(0, plain)
    assert (frozen, hash(frozen)) == (again, hash(again))
    assert isinstance(shape, RecordShape)


def test_an_entry_is_looked_up_once_and_told_each_time() -> None:
    """The same index gives the same record; another index, and the map after a put, another one."""
    key = Sort("key")
    entries = symbolic.fresh(MapShape(key, IntShape(key)), "entries")
    first, second = unknown("first"), unknown("second")

    class Told(symbolic.Observer):
        def __init__(self) -> None:
            self.indexes: list[str] = []
            self.values: list[str] = []

        def looked_up(self, where: SymMap, index: Any) -> None:
            self.indexes.append(str(index))

        def came_up(self, sort: Sort, term: Any) -> None:
            self.values.append(str(term))

    told = Told()
    with symbolic.observed_by(told):
        assert entries[first] is entries[first + 0]
        assert entries[first] is not entries[second]
    assert told.indexes == ["first", "first", "first", "second"]
    assert told.values == ["entries[first]"] * 3 + ["entries[second]"]
    assert z3.simplify(entries.put(first, second)[first].term).eq(second.term)


def test_a_merged_function_is_one_value() -> None:
    """It does not split the run, and says the same."""
    a, b = unknown("a"), unknown("b")
    ways = symbolic.paths(lambda: symbolic.merged(instants.higher)(a, b))
    assert len(ways) == 1
    for left, right in ((1, 2), (2, 1), (3, 3)):
        known = [(a.term, z3.IntVal(left)), (b.term, z3.IntVal(right))]
        assert evaluated(ways[0].value, known) == max(left, right)


def test_integers_have_no_other_shape() -> None:
    """A parameter without an annotation that the engine knows is refused at once."""

    def odd(_state: int, name: str) -> None: ...

    with pytest.raises(EngineError, match="neither int"):
        shapes_of_parameters(odd)
    assert shapes_of_parameters(instants.higher) == {"left": IntShape(), "right": IntShape()}
