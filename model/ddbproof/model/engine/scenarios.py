"""Scenarios: ways through a small world that together take every step of it.

Whoever tests a running system against the model has no time for random walks to come by the rare step; the graph
of states says where each one is. A scenario begins in a first state and goes on over steps that no
scenario has taken yet for as long as there are any, by the shortest way to the next. After WiredTiger's way from a
graph of states to tests. What is written is data: actions and arguments, as `replay` and `kept` take them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import networkx as nx

from ddbproof.model.engine.explore import Exploration
from ddbproof.model.engine.kept import KeptStep
from ddbproof.model.engine.system import Scope, State, System

LONGEST = 200


class Scenario(msgspec.Struct, frozen=True):
    """Steps from the first state of a world with these parameters."""

    system: str
    parameters: dict[str, Any]
    steps: tuple[KeptStep, ...]


def edge_cover(system: System, scope: Scope, found: Exploration) -> Iterator[Scenario]:
    """Scenarios that take every edge of a graph that was kept, each at least once; none is longer than LONGEST
    by more than the way to where it begins."""
    for parameters in scope.parameters:
        first = system.start(**parameters)
        if first in found.graph:
            for edges in _walks(found.graph, first):
                yield Scenario(
                    system.name, _plain(parameters), tuple(_step(found.graph, *edge) for edge in edges)
                )


def write(path: Path, scenarios: Iterator[Scenario]) -> tuple[int, int]:
    """Write them down, a line of JSON each; returns how many scenarios there are, and how many steps."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = steps = 0
    with path.open("wb") as file:
        for scenario in scenarios:
            file.write(msgspec.json.encode(scenario) + b"\n")
            count, steps = count + 1, steps + len(scenario.steps)
    return count, steps


def _walks(graph: Any, first: State) -> Iterator[list[tuple[State, State]]]:
    """Ways from the first state over edges that were not taken before."""
    left = {state: deque(graph.successors(state)) for state in nx.descendants(graph, first) | {first}}
    came_from = dict(nx.bfs_predecessors(graph, first))
    for source in [first, *came_from]:
        while left[source]:
            walk, state = _way(came_from, source), source
            while left[state] and len(walk) < LONGEST:
                after = left[state].popleft()
                walk.append((state, after))
                state = after
            yield walk


def _way(came_from: Mapping[State, State], state: State) -> list[tuple[State, State]]:
    way: list[tuple[State, State]] = []
    while state in came_from:
        way.append((came_from[state], state))
        state = came_from[state]
    return way[::-1]


def _step(graph: Any, before: State, after: State) -> KeptStep:
    edge = graph.edges[before, after]
    return KeptStep(edge["action"], _plain(dict(edge["arguments"])))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: msgspec.to_builtins(value) for name, value in values.items()}
