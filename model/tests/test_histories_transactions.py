"""Transactions: verdicts agree with brute force and with a solver, and anomalies have their names."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from ddbproof.model.histories import register, simulated, transactions
from ddbproof.model.histories.operations import (
    FOREVER,
    Ok,
    Outcome,
    Step,
    Transaction,
    Unknown,
    Value,
    Verdict,
    Violation,
)


@st.composite
def history(draw: st.DrawFn, most: int = 6) -> list[Transaction]:
    """Transactions on two items with values of their own; answers may be nonsense, old items told or not."""
    made: list[Transaction] = []
    fresh = itertools.count(1)
    tell = draw(st.sampled_from((True, True, False)))
    found = st.sampled_from((None, 1, 2, 3, 4))
    for process in range(draw(st.integers(1, most))):
        steps = []
        for key in draw(st.sampled_from(("a", "b", "ab", "ab"))):
            if draw(st.booleans()):
                steps.append(Step(key, "read", draw(found)))
                continue
            steps.append(Step(key, "write", next(fresh), draw(found) if tell else UNSET))
        invoke = draw(st.integers(0, 8))
        outcome: Outcome = draw(st.sampled_from(("ok", "ok", "ok", "ok", "info")))
        returned = FOREVER if outcome == "info" else invoke + draw(st.integers(0, 5))
        made.append(Transaction(process, tuple(steps), invoke, returned, outcome))
    return made


@st.composite
def nearly_right(draw: st.DrawFn) -> list[Transaction]:
    """A right history of few transactions in which an answer may be changed."""
    mix = simulated.Mix(
        clients=draw(st.integers(1, 4)),
        keys=2,
        items=2,
        lost_answers=draw(st.sampled_from((0, 0.2))),
        old_items=draw(st.sampled_from((True, True, False))),
    )
    made = simulated.transactions(draw(st.integers(1, 6)), mix, draw(st.integers(0, 2**32)))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(made) - 1))
        values = st.sampled_from([step.value for one in made for step in one.steps])
        steps = list(made[place].steps)
        if steps[0].kind == "read":
            steps[0] = structs.replace(steps[0], value=draw(values))
        made[place] = structs.replace(made[place], steps=tuple(steps))
    return made


def apply(state: dict[str, Value], one: Transaction) -> dict[str, Value] | None:
    after = dict(state)
    for step in one.steps:
        told = step.value if step.kind == "read" else step.seen
        if one.outcome == "info" and step.kind == "read":
            continue
        if told is not UNSET and told != after.get(step.key):
            return None
        if step.kind == "write":
            after[step.key] = step.value
    return after


def by_force(history: Sequence[Transaction], *, strict: bool) -> bool:
    """Some subset of the ambiguous ones, some order."""
    certain = [one for one in history if one.outcome == "ok"]
    doubtful = [one for one in history if one.outcome == "info"]
    return any(
        search({}, [*certain, *some], strict)
        for count in range(len(doubtful) + 1)
        for some in itertools.combinations(doubtful, count)
    )


def search(state: dict[str, Value], left: list[Transaction], strict: bool) -> bool:
    if not left:
        return True
    for one in left:
        others = [other for other in left if other is not one]
        if strict and any(other.outcome == "ok" and other.returned < one.invoke for other in others):
            continue
        after = apply(state, one)
        if after is not None and search(after, others, strict):
            return True
    return False


def by_solver(history: Sequence[Transaction], *, strict: bool) -> bool:
    """Places as unknowns; each item's value after each place as a function."""
    solver = z3.Solver()
    count = len(history)
    places = [z3.Int(f"place{number}") for number in range(count)]
    solver.add(z3.Distinct(*places))
    keys = sorted({step.key for one in history for step in one.steps})
    values = {key: z3.Function(key, z3.IntSort(), z3.IntSort()) for key in keys}
    for holds in values.values():
        solver.add(holds(0) == 0)
    for number, one in enumerate(history):
        place = places[number]
        solver.add(place >= 0, place < count)
        holds_true = []
        for key, holds in values.items():
            now = holds(place)
            for step in (step for step in one.steps if step.key == key):
                told = step.value if step.kind == "read" else step.seen
                if told is not UNSET and not (one.outcome == "info" and step.kind == "read"):
                    holds_true.append(now == (told or 0))
                if step.kind == "write":
                    now = step.value
            holds_true.append(holds(place + 1) == now)
        same = z3.And(*(holds(place + 1) == holds(place) for holds in values.values()))
        solver.add(z3.And(*holds_true) if one.outcome == "ok" else z3.Or(z3.And(*holds_true), same))
        for other, earlier in enumerate(history):
            if strict and earlier.outcome == "ok" and earlier.returned < one.invoke:
                solver.add(places[other] < place)
    return bool(solver.check() == z3.sat)


def same(verdict: Verdict, truth: bool) -> bool:
    return isinstance(verdict, Unknown) or isinstance(verdict, Ok) == truth


@settings(max_examples=400, deadline=None)
@given(st.one_of(history(), nearly_right()))
def test_verdicts_agree_with_brute_force(history: list[Transaction]) -> None:
    """Serializable and strictly serializable; unknown only where a write did not say what it replaced."""
    judgement = transactions.check(history)
    assert same(judgement.serializable, by_force(history, strict=False))
    assert same(judgement.strict, by_force(history, strict=True))
    if all(step.seen is not UNSET for one in history for step in one.steps if step.kind == "write"):
        assert not isinstance(judgement.strict, Unknown)


@settings(max_examples=40, deadline=None)
@given(nearly_right())
def test_verdicts_agree_with_a_solver(history: list[Transaction]) -> None:
    """Which knows nothing of graphs."""
    judgement = transactions.check(history)
    assert same(judgement.serializable, by_solver(history, strict=False))
    assert same(judgement.strict, by_solver(history, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60), st.sampled_from((0, 0.1)))
def test_single_operations_are_strict_when_they_are_linearizable(seed: int, count: int, lost: float) -> None:
    """Two checkers that share nothing agree, also after an answer was changed."""
    made = simulated.operations(count, simulated.Mix(clients=4, lost_answers=lost), seed)
    reads = [number for number, one in enumerate(made) if one.kind == "read"]
    if reads and seed % 2:
        place = reads[seed % len(reads)]
        made[place] = structs.replace(made[place], value=made[seed % len(made)].value)
    linearizable = register.check(made)
    strict = transactions.check(transactions.single(made)).strict
    assert isinstance(strict, Ok) == isinstance(linearizable, Ok)


def at(process: int, invoke: int, *steps: Step, returned: int | None = None) -> Transaction:
    return Transaction(process, steps, invoke, invoke + 5 if returned is None else returned)


def read(key: str, value: Value) -> Step:
    return Step(key, "read", value)


def write(key: str, value: int, seen: Value = None) -> Step:
    return Step(key, "write", value, seen)


NAMED: dict[str, list[Transaction]] = {
    "G0": [at(0, 0, write("a", 1), write("b", 1, 2)), at(1, 0, write("a", 2, 1), write("b", 2))],
    "G1c": [at(0, 0, write("a", 1), read("b", 1)), at(1, 0, write("b", 1), read("a", 1))],
    "G-single": [at(0, 0, write("a", 1), write("b", 1)), at(1, 0, read("a", 1), read("b", None))],
    "G2-item": [at(0, 0, read("a", None), write("b", 1)), at(1, 0, read("b", None), write("a", 1))],
    "lost update": [at(0, 0, write("a", 1)), at(1, 0, write("a", 2))],
    "phantom": [at(0, 0, read("a", 7))],
    "G1a": [structs.replace(at(0, 0, write("a", 1)), outcome="fail"), at(1, 0, read("a", 1))],
    "G1b": [at(0, 0, write("a", 1), write("a", 2, 1)), at(1, 0, read("a", 1))],
    "internal": [at(0, 0, write("a", 1), read("a", None))],
}
NOT_STRICT: dict[str, list[Transaction]] = {
    "G-single-realtime": [at(0, 0, write("a", 1)), at(1, 10, read("a", None))],
    "G1c-realtime": [at(0, 0, read("a", 1)), at(1, 10, write("a", 1))],
    "G0-realtime": [at(0, 0, write("a", 2, 1)), at(1, 10, write("a", 1))],
    "G-single-session": [at(0, 0, write("a", 1)), at(0, 5, read("a", None))],
}


@pytest.mark.parametrize("name", NAMED)
def test_anomalies_have_their_names(name: str) -> None:
    """After Adya; none of them is serializable."""
    verdict = transactions.check(NAMED[name]).serializable
    assert isinstance(verdict, Violation)
    assert verdict.anomaly == name
    assert verdict.told().endswith("a contradiction.")


@pytest.mark.parametrize("name", NOT_STRICT)
def test_what_only_time_forbids_is_serializable(name: str) -> None:
    """And is told apart."""
    judgement = transactions.check(NOT_STRICT[name])
    assert isinstance(judgement.serializable, Ok)
    assert isinstance(judgement.strict, Violation)
    assert judgement.strict.anomaly == name


def test_the_order_of_blind_writes_is_guessed_or_unknown() -> None:
    """Three clients that write without asking are ok where an order can be found, and never a violation by guess."""
    blind = [Transaction(0, (Step("a", "write", 1),), 0, 5), Transaction(1, (Step("a", "write", 2),), 10, 15)]
    good = [*blind, at(2, 20, read("a", 2))]
    assert isinstance(transactions.check(good).strict, Ok)
    stale = transactions.check([*blind, at(2, 20, read("a", 1))])
    assert isinstance(stale.serializable, Unknown)
    assert isinstance(stale.strict, Violation), "time demands an order, and that is enough"


def test_long_histories_of_a_right_store_are_right() -> None:
    """With lost answers; and one read of a version long gone is found in two or three transactions."""
    made = simulated.transactions(3000, simulated.Mix(keys=20, lost_answers=0.02), seed=1)
    assert isinstance(transactions.check(made).strict, Ok)
    seen: list[Value] = []
    for place, one in enumerate(made):
        if len(seen) > 40 and one.steps[0] == Step("k0", "read", one.steps[0].value):
            made[place] = structs.replace(one, steps=(read("k0", seen[-20]), *one.steps[1:]))
            break
        seen += [
            step.value
            for step in one.steps
            if step.key == "k0" and step.kind == "write" and one.outcome == "ok"
        ]
    verdict = transactions.check(made).strict
    assert isinstance(verdict, Violation)
    assert len(verdict.operations) <= 3
