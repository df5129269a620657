"""Counterexamples that are kept: a trace as data, and the question whether it still breaks its promise.

A trace that once broke a promise is the cheapest test there is that it does not any more. It names actions and
arguments only, so it goes on to mean something when states change; a step that is refused today ends it, and
that is as good as a promise that holds. One that belongs to a mutant has to go on breaking the mutant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ddbproof.model.engine.explore import Violation
from ddbproof.model.engine.shapes import RecordShape, Shape
from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import EngineError
from ddbproof.model.kernel.refusal import NotAllowed


class KeptStep(msgspec.Struct, frozen=True):
    """An action and its arguments, records as objects."""

    action: str
    arguments: dict[str, Any]


class Kept(msgspec.Struct, frozen=True):
    """A trace that broke a clause of an invariant for some values of its sorts; of which mutant, if of one."""

    system: str
    invariant: str
    clause: int
    values: tuple[int, ...]
    parameters: dict[str, Any]
    steps: tuple[KeptStep, ...]
    mutant: str = ""


def kept(system: System, violation: Violation, mutant: str = "") -> Kept:
    """A violation as data."""
    steps = [
        KeptStep(one.action, {name: msgspec.to_builtins(value) for name, value in one.arguments})
        for one in violation.trace.steps
    ]
    return Kept(
        system.name,
        violation.invariant,
        violation.clause,
        violation.values,
        {name: msgspec.to_builtins(value) for name, value in violation.trace.parameters},
        tuple(steps),
        mutant,
    )


def write(directory: Path, one: Kept) -> Path:
    """Write it down; returns where."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{one.system}-{one.mutant or one.invariant}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(one), indent=1) + b"\n")
    return path


def read(path: Path) -> Kept:
    """What was written down. Raises EngineError for a file that is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError) as error:
        raise EngineError(f"{path} holds no counterexample: {error}") from error


def still_breaks(system: System, one: Kept) -> bool:
    """Whether its steps can be taken and break its promise. Raises EngineError if either has another name now."""
    invariant = system.invariants.get(one.invariant)
    if invariant is None:
        raise EngineError(f"system {system.name} has no invariant {one.invariant}")
    state = system.start(**thawed_all(system.parameters, one.parameters))
    for step in one.steps:
        if step.action not in system.actions:
            raise EngineError(f"system {system.name} has no action {step.action}")
        action = system.actions[step.action]
        try:
            state = action.function(state, **thawed_all(action.arguments, step.arguments))
        except NotAllowed:
            return False
    return not invariant.clauses(state)[one.clause].body(*one.values)


def thawed_all(shapes: Mapping[str, Shape], values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments or parameters as an action takes them, from plain data."""
    return {name: _thawed(shapes[name], value) for name, value in values.items()}


def _thawed(shape: Shape, value: Any) -> Any:
    if isinstance(shape, RecordShape):
        return shape.record(**{name: _thawed(inner, value[name]) for name, inner in shape.fields})
    return value
