"""Bounded search: is there a way of at most so many steps, with whatever arguments, to a broken promise?

Where the smallest counterexample needs numbers that no small world has (a day is 86,400,000 milliseconds), the
solver picks them. Sequences of actions are tried shortest first; each is run symbolically from the first state, and
given up as soon as its conditions contradict each other. A solution is read as a concrete trace, which is
then taken again by the ordinary code: only what that confirms is reported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import z3

from ddbproof.model.engine import symbolic
from ddbproof.model.engine.explore import Step, Trace, Violation
from ddbproof.model.engine.shapes import MapShape, RecordShape, Shape
from ddbproof.model.engine.symbolic import SymInt, Term
from ddbproof.model.engine.system import Invariant, Role, System
from ddbproof.model.engine.values import EngineError
from ddbproof.model.kernel.refusal import NotAllowed

QUERY_RESOURCES = 5_000_000


class Found(msgspec.Struct, frozen=True):
    """What a search came to: a violation, or the depth that was searched whole, until time (or the solver's memory) ran out."""

    violation: Violation | None
    depth: int
    sequences: int
    out_of_time: bool


class _Node(msgspec.Struct, frozen=True):
    """A sequence of steps: the state it leads to, its conditions, and the unknown arguments of each step."""

    steps: tuple[tuple[str, dict[str, Any]], ...]
    state: Any
    conditions: tuple[Term, ...]


def search(system: System, *, deepest: int, seconds: float) -> Found:
    """Look for the shortest broken promise within so many steps and seconds."""
    with system.replaced(dict.fromkeys(system.merged, symbolic.merged)):
        looking = _Search(system, time.monotonic() + seconds)
        try:
            return looking.run(deepest)
        except z3.Z3Exception as error:
            if not symbolic.is_out_of_memory(error):
                raise
            return Found(None, 0, looking.sequences, out_of_time=True)


class _Search:
    def __init__(self, system: System, deadline: float) -> None:
        self.system = system
        self.deadline = deadline
        self.sequences = 0
        self.parameters = {
            name: symbolic.fresh(shape, f"parameter.{name}") for name, shape in system.parameters.items()
        }
        self.safe = [one for one in system.invariants.values() if one.role is Role.SAFE]

    def run(self, deepest: int) -> Found:
        nodes = list(self._first())
        for depth in range(deepest + 1):
            following = []
            for node in nodes:
                if time.monotonic() > self.deadline:
                    return Found(None, depth - 1, self.sequences, out_of_time=True)
                self.sequences += 1
                violation = self._broken(node)
                if violation is not None:
                    return Found(violation, depth, self.sequences, out_of_time=False)
                if depth < deepest:
                    following += list(self._next(node))
            nodes = following
        return Found(None, deepest, self.sequences, out_of_time=False)

    def _first(self) -> Iterator[_Node]:
        for path in symbolic.paths(lambda: self.system.start(**self.parameters)):
            if path.refused:
                continue
            state = symbolic.lifted(self.system.shape, path.value)
            assumed = [
                symbolic.folded(clause.body)
                for invariant in self.system.invariants.values()
                if invariant.role is Role.ASSUMPTION
                for clause in invariant.clauses(state)
            ]
            yield _Node((), state, (*path.conditions, *assumed))

    def _next(self, node: _Node) -> Iterator[_Node]:
        for action in self.system.actions.values():
            place = len(node.steps)
            arguments = {
                name: symbolic.fresh(shape, f"{place}.{name}") for name, shape in action.arguments.items()
            }
            for path in symbolic.paths(partial(action.function, node.state, **arguments)):
                conditions = (*node.conditions, *path.conditions)
                if not path.refused and self._solve(conditions) is not None:
                    state = symbolic.lifted(self.system.shape, path.value)
                    yield _Node((*node.steps, (action.name, arguments)), state, conditions)

    def _broken(self, node: _Node) -> Violation | None:
        for invariant in self.safe:
            for place, clause in enumerate(invariant.clauses(node.state)):
                constants = [z3.Int(f"any.{number}") for number in range(len(clause.sorts))]
                goal = symbolic.folded(partial(clause.body, *(SymInt(one) for one in constants)))
                model = self._solve((*node.conditions, z3.Not(goal)))
                if model is not None:
                    return self._concrete(node, invariant, place, model, constants)
        return None

    def _solve(self, conditions: tuple[Term, ...]) -> Any:
        solver = z3.Solver()
        solver.set("rlimit", QUERY_RESOURCES)
        solver.add(list(conditions))
        return solver.model() if solver.check() == z3.sat else None

    def _concrete(
        self, node: _Node, invariant: Invariant, place: int, model: Any, constants: list[Term]
    ) -> Violation | None:
        parameters = {
            name: read_value(model, shape, self.parameters[name])
            for name, shape in self.system.parameters.items()
        }
        state = first = self.system.start(**parameters)
        steps = []
        for name, unknowns in node.steps:
            action = self.system.actions[name]
            arguments = {it: read_value(model, shape, unknowns[it]) for it, shape in action.arguments.items()}
            try:
                state = action.function(state, **arguments)
            except NotAllowed as refusal:
                raise EngineError(f"the solver's {name} is refused by the ordinary code") from refusal
            steps.append(Step(name, tuple(arguments.items()), state))
        values = tuple(read_term(model, constant) for constant in constants)
        if invariant.clauses(state)[place].body(*values):
            raise EngineError(f"the solver's counterexample to {invariant.name} does not break it when run")
        trace = Trace(tuple(sorted(parameters.items())), first, tuple(steps))
        return Violation(invariant.name, place, values, trace)


def read_value(model: Any, shape: Shape, value: Any) -> Any:
    """An argument as the solver's model has it. Maps are no arguments."""
    if isinstance(shape, RecordShape):
        fields = {field: read_value(model, inner, getattr(value, field)) for field, inner in shape.fields}
        return shape.record(**fields)
    if isinstance(shape, MapShape):
        raise EngineError("an argument is a map")
    return read_term(model, symbolic.term_of(value))


def read_term(model: Any, term: Term) -> Any:
    """The integer or truth value that a model gives a term."""
    value = model.eval(term, model_completion=True)
    if z3.is_true(value) or z3.is_false(value):
        return bool(z3.is_true(value))
    return int(value.as_long())
