"""Checkers of single items agree with each other, with brute force and with a solver, and their witnesses are true."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import z3
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from ddbproof.model.histories import register, register_fast, simulated, wgl
from ddbproof.model.histories.operations import (
    FOREVER,
    Kind,
    Ok,
    Operation,
    Outcome,
    Unknown,
    Value,
    Verdict,
    Violation,
)

INSTANTS = st.integers(0, 9)


@st.composite
def operation(draw: st.DrawFn, values: st.SearchStrategy[Value], keys: str = "a") -> Operation:
    """Any operation, with an answer that may be nonsense."""
    invoke = draw(INSTANTS)
    returned = invoke + draw(st.integers(0, 5))
    kind: Kind = draw(st.sampled_from(("read", "read", "write", "write", "cas", "cas", "delete")))
    outcome: Outcome = draw(st.sampled_from(("ok", "ok", "ok", "fail", "info")))
    one = Operation(0, draw(st.sampled_from(keys)), kind, invoke, None, returned, outcome)
    if kind != "delete":
        one = structs.replace(one, value=draw(values))
    if kind == "cas":
        one = structs.replace(one, expected=draw(values))
    if outcome == "info":
        one = structs.replace(one, returned=FOREVER)
    elif kind != "read" and draw(st.booleans()):
        one = structs.replace(one, seen=draw(values))
    return one


@st.composite
def nearly_right(draw: st.DrawFn) -> list[Operation]:
    """A right history in which a few answers were changed."""
    mix = simulated.Mix(
        clients=draw(st.integers(1, 6)),
        keys=draw(st.integers(1, 2)),
        lost_answers=draw(st.sampled_from((0, 0.15))),
        old_items=draw(st.booleans()),
    )
    history = simulated.operations(draw(st.integers(2, 50)), mix, draw(st.integers(0, 2**32)))
    values = st.sampled_from([one.value for one in history])
    for place in draw(st.lists(st.integers(0, len(history) - 1), max_size=2)):
        one = history[place]
        if one.kind == "read":
            history[place] = structs.replace(one, value=draw(values))
        elif one.outcome != "info":
            history[place] = structs.replace(one, seen=draw(values))
    return history


def by_force(operations: Sequence[Operation], initial: Value = None) -> bool:
    """All subsets of the ambiguous ones, all orders."""
    certain = [one for one in operations if one.outcome != "info"]
    doubtful = [one for one in operations if one.outcome == "info"]
    for count in range(len(doubtful) + 1):
        for some in itertools.combinations(doubtful, count):
            if any(fits(order, initial) for order in itertools.permutations((*certain, *some))):
                return True
    return False


def fits(order: Sequence[Operation], initial: Value) -> bool:
    """In this order, without anybody waiting for what came later, and with these answers."""
    latest = -1
    for one in order:
        latest = max(latest, one.invoke)
        if one.outcome != "info" and one.returned < latest:
            return False
    state: Value = initial
    for one in order:
        state = wgl.item_step(state, one)
        if state is wgl.IMPOSSIBLE:
            return False
    return True


def by_solver(operations: Sequence[Operation]) -> bool:
    """The same question as formulas: each operation at a place of its own, the item's value after each place."""
    codes: dict[object, int] = {None: 0}

    def code(value: object) -> int:
        return codes.setdefault(value, len(codes))

    solver = z3.Solver()
    count = len(operations)
    place = [z3.Int(f"place{number}") for number in range(count)]
    happened = [z3.Bool(f"happened{number}") for number in range(count)]
    holds = z3.Function("holds", z3.IntSort(), z3.IntSort())
    solver.add(holds(0) == 0, z3.Distinct(*place))
    for number, one in enumerate(operations):
        before, after = holds(place[number]), holds(place[number] + 1)
        solver.add(place[number] >= 0, place[number] < count)
        if one.outcome != "info":
            solver.add(happened[number])
        told = [] if one.observed is UNSET else [before == code(one.observed)]
        if one.kind == "cas" and one.outcome != "ok":
            told.append(
                before == code(one.expected)
                if one.outcome == "info"
                else z3.BoolVal(one.seen != one.expected)
            )
        if one.kind == "cas" and one.outcome == "ok" and one.seen is not UNSET:
            told.append(z3.BoolVal(one.seen == one.expected))
        changes = one.kind != "read" and one.outcome != "fail"
        written = None if one.kind == "delete" else one.value
        told.append(after == (code(written) if changes else before))
        solver.add(z3.If(happened[number], z3.And(*told), after == before))
        for other, earlier in enumerate(operations):
            if earlier.outcome != "info" and earlier.returned < one.invoke:
                solver.add(place[other] < place[number])
    return bool(solver.check() == z3.sat)


def is_ok(verdict: Verdict) -> bool:
    assert not isinstance(verdict, Unknown)
    return isinstance(verdict, Ok)


few = st.lists(operation(st.sampled_from((None, 1, 2, 3))), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(few)
def test_the_search_agrees_with_brute_force(history: list[Operation]) -> None:
    """Also with deletes and with values that are written more than once."""
    assert is_ok(wgl.check(history)) == by_force(history)


@settings(max_examples=40, deadline=None)
@given(few)
def test_the_search_agrees_with_a_solver(history: list[Operation]) -> None:
    """Which knows nothing of orders and searching."""
    assert is_ok(wgl.check(history)) == by_solver(history)


def with_own_values(history: list[Operation]) -> list[Operation]:
    """Each write gets a value of its own: its position, plus one."""
    writes = ("write", "cas")
    return [
        structs.replace(one, value=number) if one.kind in writes else one
        for number, one in enumerate(history, 1)
        if one.kind != "delete"
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(operation(st.sampled_from((None, 1, 2, 3, 4, 5, 6))), min_size=1, max_size=6).map(
        with_own_values
    )
)
def test_zones_agree_with_brute_force(history: list[Operation]) -> None:
    """Where every write has a value of its own there is no unknown."""
    assert is_ok(register.check(history)) == (by_force(history) if history else True)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(operation(st.sampled_from((1, 2, 3, 4, 5, 6, 7))), min_size=7, max_size=7).map(with_own_values)
)
def test_zones_agree_with_a_solver(history: list[Operation]) -> None:
    """On seven operations."""
    if history:
        assert is_ok(register.check(history)) == by_solver(history)


@settings(max_examples=300, deadline=None)
@given(nearly_right())
def test_all_three_checkers_agree(history: list[Operation]) -> None:
    """On longer histories, several items, lost answers."""
    verdict = register.check(history)
    fast, search = register_fast.check(history), wgl.check(history)
    assert type(verdict) is type(fast)
    assert isinstance(search, Unknown) or type(verdict) is type(search)


@settings(max_examples=200, deadline=None)
@given(st.lists(operation(st.sampled_from((None, 1, 2, "1", -5)), keys="ab"), max_size=8))
@example([])
def test_reference_and_numpy_agree_on_anything(history: list[Operation]) -> None:
    """Odd values, odd answers, unknown included."""
    first = {"a": 1}
    assert type(register.check(history, first)) is type(register_fast.check(history, first))


@settings(max_examples=200, deadline=None)
@given(nearly_right())
def test_a_witness_is_short_and_names_the_bad_item(history: list[Operation]) -> None:
    """At most four operations and twelve lines; the search finds no order for that item either."""
    verdict = register.check(history)
    if isinstance(verdict, Violation):
        assert 1 <= len(verdict.operations) <= 4
        assert len(verdict.told().splitlines()) <= 12
        positions = [number for number, one in enumerate(history) if one.key == verdict.key]
        assert set(verdict.operations) <= set(positions)
        assert not is_ok(wgl.check([history[number] for number in positions]))


def test_the_budget_ends_in_unknown() -> None:
    """Never in ok."""
    history = simulated.operations(300, simulated.Mix(clients=20), seed=4)
    assert isinstance(wgl.check(history, budget=50), Unknown)


def test_any_sequential_specification_will_do() -> None:
    """A counter: `write` adds, `read` gives the sum."""

    def counter(total: int, one: Operation) -> object:
        if one.kind == "write":
            return total + int(one.value or 0)
        return total if one.value == total else wgl.IMPOSSIBLE

    history = [
        Operation(0, "sum", "write", 0, 5, outcome="info"),
        Operation(1, "sum", "write", 0, 2, 10),
        Operation(2, "sum", "read", 5, 0, 20),
        Operation(2, "sum", "read", 30, 7, 40),
    ]
    assert wgl.linearize(history, 0, counter, 1_000).exists
    history.append(Operation(2, "sum", "read", 50, 2, 60))
    assert wgl.linearize(history, 0, counter, 1_000).exists is False


def test_an_unsettled_question_is_not_ok() -> None:
    """Zones say that deletes and repeated values are not theirs to judge, and the search decides."""
    deleted = [Operation(0, "a", "write", 0, 1, 1), Operation(0, "a", "delete", 2, None, 3)]
    assert isinstance(register.check(deleted), Unknown)
    assert isinstance(register_fast.check(deleted), Unknown)
    assert isinstance(wgl.check(deleted), Ok)
    stale = [*deleted, Operation(1, "a", "read", 4, 1, 5)]
    assert isinstance(wgl.check(stale), Violation)
