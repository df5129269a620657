"""The prover: an invariant holds in every reachable state, after any number of steps.

By induction: it holds in the first state, and each step from a state where all invariants hold leads to a
state where it still holds. Each way through each action, for each clause of each invariant, is an obligation
of its own: *hypotheses, conditions of the way, and not the clause* has no solution.

Quantifiers never reach z3, where they make results depend on luck. The goal is negated, so its variables
become constants; of the hypotheses only instances are given, those that are false in the solver's current
candidate, until there is no candidate any more. Instances are looked for among terms in three rounds: the
constants and arguments, then what is used as an index of a map, then what comes to light in the instances.
Whatever subset of instances is used, "no solution" is a proof. A solution after the last round is a
*counterexample to induction*: a state that may or may not be reachable. `unknown` is never a proof.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import z3

from ddbproof.model.engine import symbolic
from ddbproof.model.engine.shapes import RecordShape
from ddbproof.model.engine.symbolic import SymInt, SymMap, Term, observed_by
from ddbproof.model.engine.system import Action, Invariant, Role, System
from ddbproof.model.engine.values import Clause, EngineError, Sort

INITIAL = "initial state"
_INSTANCES_AT_ONCE = 25
_LAST_ROUND = 2
# Beyond this an obligation is given up as unknown: those that hold need a small part of it.
_MOST_CANDIDATES = 40_000
DEFAULT_RESOURCES = 50_000_000
# What holds takes a fraction of a second, but once in many runs a search loses its way; another one, begun with another
# number, does not.
_SEARCHES = 3


class Verdict(StrEnum):
    """What came of an obligation. Only `proved` is good."""

    PROVED = "proved"
    COUNTEREXAMPLE = "counterexample to induction"
    UNKNOWN = "unknown"


class Witness(msgspec.Struct, frozen=True):
    """A counterexample to induction, read from the solver's model, for people and for a concrete second look."""

    path: int
    arguments: dict[str, int | bool]
    constants: dict[str, int]
    looked_up: tuple[str, ...]


class Obligation(msgspec.Struct, frozen=True):
    """What has to be shown: a clause of an invariant, after a step (or in the first state)."""

    system: str
    step: str
    invariant: str
    clause: int

    @property
    def name(self) -> str:
        """For people: `eventual: deliver keeps SAFE_newest_survives, clause 1`."""
        return f"{self.system}: {self.step} keeps {self.invariant}, clause {self.clause + 1}"


class Outcome(msgspec.Struct, frozen=True):
    """What came of it, at what cost."""

    obligation: Obligation
    verdict: Verdict
    queries: int
    instances: int
    seconds: float
    witness: Witness | None = None
    cached: bool = False


def obligations(system: System) -> list[Obligation]:
    """All that has to be shown of a system, in the order of its declarations. Assumptions are not shown."""
    world = World(system)
    return [
        Obligation(system.name, step, invariant.name, place)
        for step in (INITIAL, *system.actions)
        for invariant in system.invariants.values()
        if invariant.role is not Role.ASSUMPTION
        for place in range(len(world.clauses(invariant)))
    ]


class _Terms(symbolic.Observer):
    """Terms by sort, with the round in which each came up first.

    Kept by z3's own number for a term: to compare terms as Python objects would ask z3 each time.
    """

    def __init__(self) -> None:
        self.by_sort: dict[Sort, dict[int, tuple[Term, int]]] = {}
        self.round = 0

    def looked_up(self, where: SymMap, index: Term) -> None:
        self.add(where.shape.key, index)

    def came_up(self, sort: Sort, term: Term) -> None:
        self.add(sort, z3.simplify(term))

    def add(self, sort: Sort, term: Term) -> None:
        """Note a simplified term, unless it is known."""
        self.by_sort.setdefault(sort, {}).setdefault(term.get_id(), (term, self.round))

    def of(self, sort: Sort, last_round: int) -> list[Term]:
        """Terms of a sort that came up until that round."""
        return [term for term, came_up in self.by_sort.get(sort, {}).values() if came_up <= last_round]


class Way(msgspec.Struct, frozen=True):
    """One way through a step: conditions, the state after it, and the terms that came up in taking it."""

    conditions: tuple[Term, ...]
    after: Any
    terms: tuple[tuple[Sort, Term], ...]


class World:
    """A system with a symbolic state, made once and used for all its obligations in a process."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.before = symbolic.fresh(system.shape, "before")
        self.parameters = {
            name: symbolic.fresh(shape, f"parameter.{name}") for name, shape in system.parameters.items()
        }
        self._ways: dict[str, list[Way]] = {}
        self._arguments: dict[str, dict[str, Any]] = {}
        self._instances: dict[tuple[Any, ...], tuple[Term, tuple[tuple[Sort, Term], ...]]] = {}
        self.hypotheses = [
            (invariant, place, clause)
            for invariant in system.invariants.values()
            for place, clause in enumerate(self.clauses(invariant))
        ]

    def clauses(self, invariant: Invariant) -> list[Clause]:
        """The clauses of an invariant in the state before a step."""
        return invariant.clauses(self.before)

    def ways(self, step: str) -> list[Way]:
        """Every way through a step that is not refused."""
        if step not in self._ways:
            noting = _Listing()
            with observed_by(noting):
                with self.merging():
                    ways = symbolic.paths(lambda: self._take(step))
                found = [way for way in ways if not way.refused]
            # What came up on any way is offered on all of them: they share most of it.
            shape = self.system.shape
            self._ways[step] = [
                Way(path.conditions, symbolic.lifted(shape, path.value), tuple(noting.found))
                for path in found
            ]
        return self._ways[step]

    def merging(self) -> AbstractContextManager[None]:
        """The kernel's helpers as single values, for as long as it runs on unknowns."""
        return self.system.replaced(dict.fromkeys(self.system.merged, symbolic.merged))

    def arguments(self, step: str) -> dict[str, Any]:
        """The unknown arguments of a step."""
        if step == INITIAL:
            return self.parameters
        if step not in self._arguments:
            action = self.action(step)
            self._arguments[step] = {
                name: symbolic.fresh(shape, f"{step}.{name}") for name, shape in action.arguments.items()
            }
        return self._arguments[step]

    def action(self, step: str) -> Action:
        """The action of that name. Raises EngineError if there is none."""
        if step not in self.system.actions:
            raise EngineError(f"system {self.system.name} has no action {step}")
        return self.system.actions[step]

    def _take(self, step: str) -> Any:
        if step == INITIAL:
            return self.system.start(**self.parameters)
        return self.action(step).function(self.before, **self.arguments(step))

    def instance(self, number: int, terms: tuple[Term, ...]) -> tuple[Term, tuple[tuple[Sort, Term], ...]]:
        """Hypothesis `number` for these terms, and the terms that came up in saying it."""
        key = (number, *(term.get_id() for term in terms))
        if key not in self._instances:
            _, _, clause = self.hypotheses[number]
            noting = _Listing()
            with observed_by(noting), self.merging():
                formula = symbolic.folded(lambda: clause.body(*(SymInt(term) for term in terms)))
            self._instances[key] = (formula, tuple(noting.found))
            self._kept = getattr(self, "_kept", [])
            self._kept.append(terms)  # ids are only unique while the terms live
        return self._instances[key]


class _Listing(symbolic.Observer):
    """Everything that comes up, in order."""

    def __init__(self) -> None:
        self.found: list[tuple[Sort, Term]] = []

    def looked_up(self, where: SymMap, index: Term) -> None:
        self.found.append((where.shape.key, index))

    def came_up(self, sort: Sort, term: Term) -> None:
        self.found.append((sort, z3.simplify(term)))


def prove(
    world: World,
    obligation: Obligation,
    *,
    resources: int = DEFAULT_RESOURCES,
    export_directory: Path | None = None,
) -> Outcome:
    """Try to show one obligation. `resources` bounds each query in z3's own, repeatable unit.

    A way that the solver leaves open is searched again, `_SEARCHES` times in all.

    With `export_directory` the last query of each way is written there as SMT-LIB, for another solver.
    """
    began = time.perf_counter()
    invariant = world.system.invariants[obligation.invariant]
    attempt = _Attempt(world, resources, export_directory)
    verdict, witness = Verdict.PROVED, None
    for place, way in enumerate(world.ways(obligation.step)):
        try:
            for seed in range(_SEARCHES):
                verdict, witness = attempt.way(obligation, invariant, place, way, seed)
                if verdict is not Verdict.UNKNOWN or attempt.candidates > _MOST_CANDIDATES:
                    break
        except z3.Z3Exception as error:
            if not symbolic.is_out_of_memory(error):
                raise
            verdict, witness = Verdict.UNKNOWN, None
        if verdict is not Verdict.PROVED:
            break
    return Outcome(
        obligation, verdict, attempt.queries, attempt.instances, time.perf_counter() - began, witness
    )


class _Attempt:
    """The state of one attempt; counts what it does."""

    def __init__(self, world: World, resources: int, export_directory: Path | None) -> None:
        self.world = world
        self.resources = resources
        self.export_directory = export_directory
        self.queries = 0
        self.instances = 0
        self.candidates = 0

    def way(
        self, obligation: Obligation, invariant: Invariant, place: int, way: Way, seed: int
    ) -> tuple[Verdict, Witness | None]:
        goal, constants, terms = self._goal(obligation, invariant, way)
        if goal is None:
            return Verdict.PROVED, None
        solver = z3.Solver()
        solver.set("rlimit", self.resources)
        solver.set("random_seed", seed)
        solver.add(list(way.conditions))
        solver.add(z3.Not(goal))
        hypotheses = () if obligation.step == INITIAL else self.world.hypotheses
        if obligation.step == INITIAL:
            solver.add(list(self._assumptions()))
        given: set[tuple[int, ...]] = set()
        seen: set[tuple[int, ...]] = set()
        for last_round in range(_LAST_ROUND + 1):
            terms.round = last_round + 1
            while True:
                self.queries += 1
                answer = solver.check()
                if answer != z3.sat and self.export_directory is not None:
                    self._export(solver, obligation, place)
                if answer == z3.unsat:
                    return Verdict.PROVED, None
                if answer == z3.unknown:
                    return Verdict.UNKNOWN, None
                model = solver.model()
                added = self._false_instances(model, hypotheses, terms, last_round, given, seen)
                if self.candidates > _MOST_CANDIDATES:
                    return Verdict.UNKNOWN, None
                if not added:
                    break
                solver.add(added)
                self.instances += len(added)
        return Verdict.COUNTEREXAMPLE, self._witness(model, obligation, place, constants, terms)

    def _export(self, solver: Any, obligation: Obligation, place: int) -> None:
        assert self.export_directory is not None
        name = f"{obligation.system}.{obligation.step}.{obligation.invariant}.{obligation.clause + 1}.{place + 1}"
        text = f"; {obligation.name}, way {place + 1}: unsat means proved\n{solver.to_smt2()}"
        (self.export_directory / f"{name.replace(' ', '-')}.smt2").write_text(text)

    def _goal(
        self, obligation: Obligation, invariant: Invariant, way: Way
    ) -> tuple[Term | None, dict[str, Term], _Terms]:
        """The clause after the step for constants nobody knows; None where the step does not touch it."""
        terms = _Terms()
        noting = _Listing()
        with observed_by(noting):  # where a plain truth value is said; below it is only folded
            clause = invariant.clauses(way.after)[obligation.clause]
        constants = {
            f"{sort.name}{number}": z3.Int(f"any.{sort.name}{number}")
            for number, sort in enumerate(clause.sorts)
        }
        for sort, constant in zip(clause.sorts, constants.values(), strict=True):
            terms.add(sort, constant)
        with observed_by(terms), self.world.merging():
            symbolic.note_sorts(self.world.system.shape, self.world.before)
            arguments = self.world.arguments(obligation.step)
            shapes = (
                self.world.system.parameters
                if obligation.step == INITIAL
                else self.world.action(obligation.step).arguments
            )
            for name, value in arguments.items():
                symbolic.note_sorts(shapes[name], value)
            unknown = [SymInt(constant) for constant in constants.values()]
            terms.round = 1
            for sort, term in (*way.terms, *noting.found):
                terms.add(sort, term)
            symbolic.note_sorts(self.world.system.shape, way.after)
            goal = symbolic.folded(lambda: clause.body(*unknown))
        if obligation.step != INITIAL:
            untouched = invariant.clauses(self.world.before)[obligation.clause]
            with self.world.merging():
                unchanged = goal.eq(symbolic.folded(lambda: untouched.body(*unknown)))
            if unchanged:
                return None, constants, terms
        return goal, constants, terms

    def _assumptions(self) -> Iterator[Term]:
        """What is assumed of the parameters, said of the first state."""
        for way in self.world.ways(INITIAL):
            for invariant in self.world.system.invariants.values():
                if invariant.role is Role.ASSUMPTION:
                    for clause in invariant.clauses(way.after):
                        if clause.sorts:
                            raise EngineError(
                                f"the assumption {invariant.name} is about more than parameters"
                            )
                        yield symbolic.folded(clause.body)

    def _false_instances(
        self,
        model: Any,
        hypotheses: Sequence[tuple[Invariant, int, Clause]],
        terms: _Terms,
        last_round: int,
        given: set[tuple[int, ...]],
        seen: set[tuple[int, ...]],
    ) -> list[Term]:
        found: list[Term] = []
        for number, (_, _, clause) in enumerate(hypotheses):
            for chosen in itertools.product(*(terms.of(sort, last_round) for sort in clause.sorts)):
                key = (number, *(term.get_id() for term in chosen))
                if key in given:
                    continue
                self.candidates += 1
                if self.candidates > _MOST_CANDIDATES:
                    return found  # in one round there may be as many as no memory holds
                formula, came_up = self.world.instance(number, chosen)
                if key not in seen:
                    seen.add(key)
                    for sort, term in came_up:
                        terms.add(sort, term)
                if z3.is_true(formula):
                    given.add(key)
                elif not z3.is_true(model.eval(formula, model_completion=True)):
                    given.add(key)
                    found.append(formula)
                    if len(found) >= _INSTANCES_AT_ONCE:
                        return found
        return found

    def _witness(
        self, model: Any, obligation: Obligation, place: int, constants: dict[str, Term], terms: _Terms
    ) -> Witness:
        arguments = {
            f"{name}.{leaf}" if leaf else name: _read(model, term)
            for name, value, shape in self._arguments(obligation)
            for leaf, term in zip(_leaf_names(shape), symbolic.terms(shape, value), strict=True)
        }
        return Witness(
            place,
            arguments,
            {name: int(_read(model, term)) for name, term in constants.items()},
            tuple(self._story(model, terms)),
        )

    def _arguments(self, obligation: Obligation) -> Iterator[tuple[str, Any, Any]]:
        shapes = (
            self.world.system.parameters
            if obligation.step == INITIAL
            else self.world.action(obligation.step).arguments
        )
        for name, value in self.world.arguments(obligation.step).items():
            yield name, value, shapes[name]

    def _story(self, model: Any, terms: _Terms) -> Iterator[str]:
        """The state before the step, at the places that matter: `versions[0] = (5, 1)`."""
        for field, shape in self.world.system.shape.fields:
            value = getattr(self.world.before, field)
            if isinstance(value, SymMap):
                keys = sorted({_read(model, term) for term in terms.of(value.shape.key, 1)})
                for key in keys:
                    entry = value[key]
                    if not _has_map(value.shape.value):
                        yield f"{field}[{key}] = {_shown(model, value.shape.value, entry)}"
            elif not _has_map(shape):
                yield f"{field} = {_shown(model, shape, value)}"


def _has_map(shape: Any) -> bool:
    if isinstance(shape, RecordShape):
        return any(_has_map(inner) for _, inner in shape.fields)
    return not hasattr(shape, "sort") and type(shape).__name__ == "MapShape"


def _leaf_names(shape: Any) -> list[str]:
    if isinstance(shape, RecordShape):
        return [
            f"{field}.{leaf}" if leaf else field
            for field, inner in shape.fields
            for leaf in _leaf_names(inner)
        ]
    return [""]


def _shown(model: Any, shape: Any, value: Any) -> str:
    if isinstance(shape, RecordShape):
        fields = (f"{field}={_shown(model, inner, getattr(value, field))}" for field, inner in shape.fields)
        return f"({', '.join(fields)})"
    return str(_read(model, symbolic.term_of(value)))


def _read(model: Any, term: Term) -> int | bool:
    value = model.eval(term, model_completion=True)
    if z3.is_true(value) or z3.is_false(value):
        return bool(z3.is_true(value))
    return int(value.as_long())
