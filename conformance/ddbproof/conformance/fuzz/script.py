"""A run that failed as a program of its own, to run by hand, to send to somebody, or to keep as a regression.

It is `replay.py` with another docstring, followed by the steps; so it does exactly what the fuzzer did, and needs
boto3 only.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import fields
from importlib import resources

from ddbproof.conformance.fuzz.replay import Step, told, told_expectation, told_sight

_NEEDS_HAND = ("advance", "cut_off", "heal")


def script(steps: Sequence[Step], *, origin: str, serve_options: str = "") -> str:
    """The text of the program. `origin` says in a line how the steps were found.

    `serve_options` are what `ddbproof serve` has to be given to behave as the endpoint did.
    """
    last = steps[-1]
    lines = [
        "An endpoint that does not do what DynamoDB's documentation says; found by `ddbproof fuzz`.",
        "",
        f"After {len(steps) - 1} other steps: {told(last)}",
        f"    expected: {told_expectation(last)}",
        f"    seen:     {told_sight(last)}",
        f"Found with: {origin}",
        "",
        "Run it with: python THIS_FILE --endpoint http://127.0.0.1:8000",
        "It prints each step, and what was expected and seen where they differ. Exit codes: 0 every answer is",
        "allowed, 1 one is not, 2 usage, 3 the endpoint is not there, 4 it took another lawful course.",
    ]
    if any(step.operation in _NEEDS_HAND for step in steps):
        lines += [
            "The steps move the endpoint's time, so it has to be one of",
            f"    ddbproof serve{serve_options}",
            "started by the same user on the same machine.",
        ]
    about = "\n".join(lines).replace("\\", "\\\\").replace('"""', "'''")
    recorded = "".join(f"    {written(step)},\n" for step in steps)
    return (
        f'#!/usr/bin/env python3\n"""{about}\n"""\n{_player_source()}\n\nSTEPS = [\n{recorded}]\n\n'
        'if __name__ == "__main__":\n    sys.exit(main(STEPS, __doc__))\n'
    )


def written(step: Step) -> str:
    """A step as Python, without what is as it always is."""
    given = [repr(step.operation)]
    for one in fields(step)[1:]:
        value = getattr(step, one.name)
        if value not in ("", {}, [], None, False, "nothing"):
            given.append(f"{one.name}={value!r}")
    return f"Step({', '.join(given)})"


def _player_source() -> str:
    """`replay.py` after its docstring."""
    source = resources.files(__package__).joinpath("replay.py").read_text("utf-8")
    docstring = ast.parse(source).body[0]
    assert docstring.end_lineno is not None
    return "\n".join(source.splitlines()[docstring.end_lineno :])
