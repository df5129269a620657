"""Exploring a small world whole: every state that can be reached, breadth first.

A proof says that nothing bad is reachable; this finds out what is. It gives the shortest way to a state that
breaks a promise (the counterexample that people read), the shortest way to each cover, which actions were
ever possible, and the graph of states, which networkx examines for dead ends and cycles.

States are run through the very actions that are proved. A small world has few values of each sort; what lies
beyond is the prover's business.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import networkx as nx

from ddbproof.model.engine.shapes import BoolShape, IntShape, RecordShape, Shape
from ddbproof.model.engine.system import Action, Invariant, Role, Scope, State, System
from ddbproof.model.engine.values import Clause, EngineError
from ddbproof.model.kernel.refusal import NotAllowed


class Step(msgspec.Struct, frozen=True):
    """An action that was taken, its arguments, and the state it led to."""

    action: str
    arguments: tuple[tuple[str, Any], ...]
    after: State


class Trace(msgspec.Struct, frozen=True):
    """A way through the states of a system from its first one."""

    parameters: tuple[tuple[str, Any], ...]
    first: State
    steps: tuple[Step, ...]

    @property
    def last(self) -> State:
        """Where it leads."""
        return self.steps[-1].after if self.steps else self.first


class Violation(msgspec.Struct, frozen=True):
    """A promise broken at the end of a trace: which, and for which values of its sorts."""

    invariant: str
    clause: int
    values: tuple[int, ...]
    trace: Trace


class Exploration(msgspec.Struct):
    """What was seen. `complete` is false if a limit, of states or of depth, was reached first."""

    states: int = 0
    edges: int = 0
    complete: bool = True
    violation: Violation | None = None
    covers: dict[str, Trace] = msgspec.field(default_factory=dict)
    taken: Counter[str] = msgspec.field(default_factory=Counter)
    depth: int = 0
    graph: Any = None


def explore(
    system: System,
    scope: Scope,
    *,
    invariants: Callable[[Invariant], bool] = lambda invariant: invariant.role is not Role.ASSUMPTION,
    covers: bool = True,
    keep_graph: bool = False,
    progress: Callable[[int], None] = lambda _states: None,
) -> Exploration:
    """Every state within the scope, until a promise breaks. Worlds whose assumptions do not hold are skipped."""
    found = Exploration(graph=nx.DiGraph() if keep_graph else None)
    checked = [invariant for invariant in system.invariants.values() if invariants(invariant)]
    wanted = dict(system.covers) if covers else {}
    for parameters in scope.parameters:
        first = system.start(**parameters)
        if not _assumptions_hold(system, first):
            continue
        _World(system, scope, found, checked, wanted, parameters).walk(first, progress)
        if found.violation is not None or not found.complete:
            break
    return found


class _World:
    """One walk through the states of one world."""

    def __init__(
        self,
        system: System,
        scope: Scope,
        found: Exploration,
        checked: Sequence[Invariant],
        wanted: dict[str, Any],
        parameters: Mapping[str, Any],
    ) -> None:
        self.system = system
        self.scope = scope
        self.found = found
        self.checked = checked
        self.wanted = wanted
        self.parameters = tuple(sorted(parameters.items()))
        self.came_from: dict[State, tuple[State, str, tuple[tuple[str, Any], ...]] | None] = {}
        self.choices = [
            (action.name, action.function, tuple(action.arguments), list(self._products(action)))
            for action in system.actions.values()
            if not scope.actions or action.name in scope.actions
        ]

    def walk(self, first: State, progress: Callable[[int], None]) -> None:
        self.came_from[first] = None
        waiting = deque([(first, 0)])
        if self._look(first):
            return
        while waiting:
            state, depth = waiting.popleft()
            self.found.depth = max(self.found.depth, depth)
            if not self.scope.within(state):
                continue
            if depth >= self.scope.most_depth:
                self.found.complete = False
                return
            for name, arguments, after in self._steps(state):
                self.found.taken[name] += 1
                self.found.edges += 1
                if self.found.graph is not None:
                    self.found.graph.add_edge(state, after, action=name, arguments=arguments)
                if after in self.came_from:
                    continue
                self.came_from[after] = (state, name, arguments)
                if self._look(after):
                    return
                waiting.append((after, depth + 1))
                if self.found.states % 1000 == 0:
                    progress(self.found.states)
                if self.found.states >= self.scope.most_states:
                    self.found.complete = False
                    return

    def _steps(self, state: State) -> Iterator[tuple[str, tuple[tuple[str, Any], ...], State]]:
        for name, function, names, products in self.choices:
            for values in products:
                try:
                    after = function(state, *values)
                except NotAllowed:
                    continue
                yield name, tuple(zip(names, values, strict=True)), after

    def _look(self, state: State) -> bool:
        """Note a new state; true if it breaks something."""
        self.found.states += 1
        for name in [name for name, cover in self.wanted.items() if cover.function(state)]:
            self.found.covers[name] = self._trace(state)
            del self.wanted[name]
        broken = first_broken(self.checked, state, self.scope)
        if broken is not None:
            invariant, clause, values = broken
            self.found.violation = Violation(invariant.name, clause, values, self._trace(state))
        return broken is not None

    def _trace(self, state: State) -> Trace:
        steps: list[Step] = []
        while (before := self.came_from[state]) is not None:
            steps.append(Step(before[1], before[2], state))
            state = before[0]
        return Trace(self.parameters, state, tuple(reversed(steps)))

    def _products(self, action: Action) -> Iterator[tuple[Any, ...]]:
        values = self.scope.values
        return itertools.product(
            *(
                values.get(f"{action.name}.{name}") or values_of(self.scope, name, shape)
                for name, shape in action.arguments.items()
            )
        )


def values_of(scope: Scope, name: str, shape: Shape) -> Sequence[Any]:
    """The values that a scope gives an argument. Raises EngineError if it gives none."""
    if name in scope.values:
        return scope.values[name]
    if isinstance(shape, IntShape) and shape.sort is not None and shape.sort.name in scope.values:
        return scope.values[shape.sort.name]
    if isinstance(shape, BoolShape):
        return (False, True)
    if isinstance(shape, RecordShape):
        fields = [values_of(scope, f"{name}.{field}", inner) for field, inner in shape.fields]
        return [shape.record(*values) for values in itertools.product(*fields)]
    raise EngineError(f"the scope has no values for the argument {name}")


def first_broken(
    invariants: Sequence[Invariant], state: State, scope: Scope
) -> tuple[Invariant, int, tuple[int, ...]] | None:
    """The first clause that does not hold in a state, with the values for which it does not."""
    for invariant in invariants:
        for place, clause in enumerate(invariant.clauses(state)):
            values = broken_for(clause, scope)
            if values is not None:
                return invariant, place, values
    return None


def broken_for(clause: Clause, scope: Scope) -> tuple[int, ...] | None:
    """The first values of its sorts, within the scope, for which a clause does not hold."""
    for values in itertools.product(*(scope.values[sort.name] for sort in clause.sorts)):
        if not clause.body(*values):
            return values
    return None


def _assumptions_hold(system: System, first: State) -> bool:
    return all(
        clause.body()
        for invariant in system.invariants.values()
        if invariant.role is Role.ASSUMPTION
        for clause in invariant.clauses(first)
    )


def dead_ends(found: Exploration) -> int:
    """States of a kept graph that no step leaves, though they lie within the scope's bound."""
    return sum(1 for state in found.graph if found.graph.out_degree(state) == 0)


def components(found: Exploration) -> list[int]:
    """Sizes of the strongly connected components of a kept graph, largest first."""
    return sorted((len(part) for part in nx.strongly_connected_components(found.graph)), reverse=True)


def take(system: System, trace: Trace) -> State:
    """Take the steps of a trace again, concretely. Raises EngineError where one does not lead where it should."""
    state = system.start(**dict(trace.parameters))
    if state != trace.first:
        raise EngineError(f"a trace of {system.name} does not begin in its first state")
    for step in trace.steps:
        try:
            state = system.actions[step.action].function(state, **dict(step.arguments))
        except NotAllowed as refusal:
            raise EngineError(f"step {step.action} of a trace of {system.name} is refused") from refusal
        if state != step.after:
            raise EngineError(f"step {step.action} of a trace of {system.name} leads elsewhere")
    return state
