"""The transition systems: proved, not vacuous, and written so that the engine reads what is meant."""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Iterator

import pytest

from ddbproof.model.claims import load_registry
from ddbproof.model.engine import campaign, mutants
from ddbproof.model.engine.explore import explore
from ddbproof.model.engine.mutants import Fate
from ddbproof.model.engine.prove import Verdict, World, obligations, prove
from ddbproof.model.engine.system import Role, System

NAMES = campaign.system_names()
HAND_MADE = [(name, mutant) for name in NAMES for mutant in campaign.load(name).mutants]


@pytest.mark.parametrize("name", NAMES)
def test_every_invariant_is_proved(name: str) -> None:
    """For any number of steps; nothing unknown, and nothing taken from a cache."""
    planned = campaign.plan([name]).obligations
    outcomes = campaign.run(planned, jobs=os.cpu_count() or 1, cache_directory=None)
    assert len(outcomes) == len(planned)
    assert [it.obligation.name for it in outcomes if it.verdict is not Verdict.PROVED] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_must_stay_possible_is_reached(name: str) -> None:
    """Every cover and every action, in worlds in which all invariants hold: the hypotheses are satisfiable."""
    system = campaign.load(name)
    seen = [explore(system, scope) for scope in system.scopes]
    assert [one.violation for one in seen] == [None] * len(seen)
    assert set(system.covers) - {cover for one in seen for cover in one.covers} == set()
    assert set(system.actions) - {action for one in seen for action in one.taken} == set()


@pytest.mark.slow  # what is killed is killed by a counterexample that is kept, which test_counterexamples plays
@pytest.mark.parametrize(("name", "mutant"), HAND_MADE)
def test_a_wrong_kernel_is_killed_and_another_right_one_is_not(name: str, mutant: str) -> None:
    """A concrete trace breaks a promise; a harmless rewriting still proves."""
    system = campaign.load(name)
    planted = system.mutants[mutant]
    result = mutants.examine(system, planted)
    assert result.fate is (Fate.SURVIVED if planted.harmless else Fate.KILLED)


@pytest.mark.parametrize("name", NAMES)
def test_a_system_says_what_it_is_worth(name: str) -> None:
    """At least three wrong kernels and a harmless one; a cover; its scope and every promise in words."""
    system = campaign.load(name)
    harmless = [mutant for mutant in system.mutants.values() if mutant.harmless]
    assert len(system.mutants) - len(harmless) >= 3
    assert harmless
    assert system.covers
    assert system.scope_in_words
    assert all(one.function.__doc__ for one in system.invariants.values())
    assert all(one.function.__doc__ for one in system.covers.values())


@pytest.mark.parametrize("name", NAMES)
def test_claims_of_a_system_can_be_proved(name: str) -> None:
    """Each is in the registry, and marked P."""
    registry = load_registry()
    for invariant in campaign.load(name).invariants.values():
        for claim in invariant.claims:
            assert "P" in [str(check) for check in registry.claim(claim).checks], claim


@pytest.mark.parametrize("name", NAMES)
def test_every_assumption_is_needed(name: str) -> None:
    """Without it some proof fails; else it would be shown beside the results for nothing."""
    system = campaign.load(name)
    for invariant in [one for one in system.invariants.values() if one.role is Role.ASSUMPTION]:
        del system.invariants[invariant.name]
        try:
            world = World(system)
            needed = any(prove(world, it).verdict is not Verdict.PROVED for it in obligations(system))
        finally:
            system.invariants[invariant.name] = invariant
        assert needed, invariant.name


@pytest.mark.parametrize("name", NAMES)
def test_judgements_are_about_mutants_that_exist(name: str) -> None:
    """A judgement that nothing needs any more is deleted."""
    system = campaign.load(name)
    known = {mutant.name for mutant in (*system.mutants.values(), *mutants.mechanical(system))}
    assert set(mutants.judgements(name)) - known == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mechanical_mutants_are_killed_or_judged(name: str) -> None:
    """And what is judged is neither killed nor gone."""
    system = campaign.load(name)
    alive = {
        mutant.name
        for mutant in mutants.mechanical(system)
        if mutants.examine(system, mutant).fate is not Fate.KILLED
    }
    assert alive == set(mutants.judgements(name))


# How a system is written.


def functions_of(system: System) -> dict[str, ast.FunctionDef]:
    """The functions of the modules that declare a system, its invariants and its covers."""
    declared = [one.function for one in system.actions.values()]
    declared += [one.function for one in system.invariants.values()]
    declared += [one.function for one in system.covers.values()]
    modules = {module for one in declared if (module := inspect.getmodule(one)) is not None}
    trees = [ast.parse(inspect.getsource(module)) for module in modules]
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


def statements_of(system: System) -> Iterator[tuple[str, ast.AST]]:
    """Invariants and covers, with the functions of the module that they call."""
    functions = functions_of(system)
    waiting = [*system.invariants, *system.covers]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        yield name, functions[name]
        waiting += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]


@pytest.mark.parametrize("name", NAMES)
def test_statements_use_the_connectives(name: str) -> None:
    """`and`, `or`, `not` and chained comparisons ask a symbolic truth value for one answer."""
    for where, node in statements_of(campaign.load(name)):
        for inner in ast.walk(node):
            assert not isinstance(inner, ast.BoolOp), f"{where}: and/or"
            assert not (isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not | ast.Invert)), where
            assert not (isinstance(inner, ast.Compare) and len(inner.ops) > 1), f"{where}: chained comparison"


@pytest.mark.parametrize("name", NAMES)
def test_lambdas_bind_what_a_loop_changes(name: str) -> None:
    """A lambda that sees the loop's variable when it is called sees its last value."""
    for where, node in statements_of(campaign.load(name)):
        for loop in [inner for inner in ast.walk(node) if isinstance(inner, ast.For)]:
            changing = {it.id for it in ast.walk(loop.target) if isinstance(it, ast.Name)}
            for function in [inner for inner in ast.walk(loop) if isinstance(inner, ast.Lambda)]:
                bound = {argument.arg for argument in function.args.args}
                used = {it.id for it in ast.walk(function.body) if isinstance(it, ast.Name)}
                assert not (used & changing) - bound, f"{where}: {used & changing}"


@pytest.mark.parametrize("name", NAMES)
def test_a_promise_does_not_call_what_it_judges(name: str) -> None:
    """No invariant or cover calls a kernel function, and none reads a kernel's constant."""
    system = campaign.load(name)
    kernels = {module.__name__.rpartition(".")[2] for module in (*system.kernels, *system.helpers)}
    for where, node in statements_of(system):
        named = {
            f"{inner.value.id}.{inner.attr}"
            for inner in ast.walk(node)
            if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name)
        }
        assert not {one for one in named if one.split(".")[0] in kernels}, where
