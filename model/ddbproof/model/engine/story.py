"""Telling a trace to people: each step, and only what it changed.

A state may have dozens of fields and a trace a dozen steps; what helps is what moved. Values that are a record
of several numbers are told by the numbers that changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ddbproof.model.engine.explore import Trace, Violation
from ddbproof.model.engine.prove import Witness
from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap


def told(system: System, violation: Violation) -> list[str]:
    """A broken promise as a few lines: how it came about, and what does not hold at its end."""
    lines = list(told_trace(violation.trace))
    invariant = system.invariants[violation.invariant]
    about = f" for {', '.join(map(str, violation.values))}" if violation.values else ""
    lines.append(f"then this does not hold{about}: {invariant.sentence} ({violation.invariant})")
    return lines


def told_trace(trace: Trace) -> Iterator[str]:
    """The steps of a trace, a line each, with what each changed."""
    if trace.parameters:
        yield "with " + ", ".join(f"{name} = {_value(value)}" for name, value in trace.parameters)
    state = trace.first
    for number, step in enumerate(trace.steps, 1):
        arguments = ", ".join(f"{name}={_value(value)}" for name, value in step.arguments)
        moved = "; ".join(changes(state, step.after)) or "nothing changes"
        yield f"{number}. {step.action}({arguments}): {moved}"
        state = step.after


def told_witness(step: str, witness: Witness) -> list[str]:
    """A counterexample to induction as a few lines. It may begin in a state that cannot be reached."""
    lines = ["from a state (perhaps not a reachable one) with"]
    lines += [f"  {line}" for line in witness.looked_up]
    arguments = ", ".join(f"{name}={value}" for name, value in witness.arguments.items())
    lines.append(f"the step {step}({arguments})")
    about = ", ".join(f"{name} = {value}" for name, value in witness.constants.items())
    lines.append(f"leads to one where it does not hold{' for ' + about if about else ''}")
    return lines


def changes(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """What differs between two values of one shape: `replicas[2].version: (1, 1) -> (2, 1)`."""
    if before == after:
        return
    if isinstance(before, FrozenMap):
        keys = dict.fromkeys([*(key for key, _ in before.items()), *(key for key, _ in after.items())])
        for key in keys:
            if before[key] == before.default != after[key] and not isinstance(after[key], FrozenMap):
                yield f"{name}[{key}] = {_value(after[key])}"
            else:
                yield from changes(before[key], after[key], f"{name}[{key}]")
    elif isinstance(before, msgspec.Struct) and _is_wide(before):
        for field in before.__struct_fields__:
            inner = f"{name}.{field}" if name else field
            yield from changes(getattr(before, field), getattr(after, field), inner)
    else:
        yield f"{name} {_value(before)} -> {_value(after)}"


def _is_wide(record: msgspec.Struct) -> bool:
    """True for a record that is better told field by field: a large one, or one of records or maps."""
    values = [getattr(record, field) for field in record.__struct_fields__]
    return len(values) > 3 or any(isinstance(value, msgspec.Struct | FrozenMap) for value in values)


def _value(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return "(" + ", ".join(_value(getattr(value, field)) for field in value.__struct_fields__) + ")"
    return str(value)
