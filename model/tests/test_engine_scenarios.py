"""Scenarios take every step of a small world, and can be taken."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ddbproof.cli.app import run
from ddbproof.model.engine import campaign
from ddbproof.model.engine.explore import explore
from ddbproof.model.engine.kept import thawed_all
from ddbproof.model.engine.scenarios import LONGEST, Scenario, edge_cover
from ddbproof.model.engine.system import State


def edges_of(scenario: Scenario) -> list[tuple[State, State]]:
    """What its steps lead over; each of them is allowed."""
    system = campaign.load(scenario.system)
    state, edges = system.start(**thawed_all(system.parameters, scenario.parameters)), []
    for step in scenario.steps:
        action = system.actions[step.action]
        after = action.function(state, **thawed_all(action.arguments, step.arguments))
        edges.append((state, after))
        state = after
    return edges


@pytest.mark.parametrize("name", ["eventual", "partitions"])
def test_scenarios_take_every_edge(name: str) -> None:
    """And nothing that the graph does not have."""
    system = campaign.load(name)
    scope = system.scopes[0]
    found = explore(system, scope, keep_graph=True)
    scenarios = list(edge_cover(system, scope, found))
    assert {edge for one in scenarios for edge in edges_of(one)} == set(found.graph.edges)
    assert max(len(one.steps) for one in scenarios) <= LONGEST + found.depth


def test_scenarios_are_written_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By `ddbproof prove --covers --scenarios DIR`, a line each."""
    assert run(["prove", "--covers", "--system", "partitions", "--scenarios", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "scenarios with" in told
    files = sorted(tmp_path.glob("partitions-*.jsonl"))
    assert files
    for file in files:
        for line in file.read_bytes().splitlines():
            assert msgspec.json.decode(line, type=Scenario).system == "partitions"
