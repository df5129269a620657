"""Command lines that repeat a run, or judge again just what one result is about.

They are made from the options in the header, and say nothing of how the run was cut up or sped up: a single test
needs no shard. A merged run has the options and the seed of each of its parts.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ddbproof.reports.redact import redacted
from ddbproof.reports.schema import Header

# Which tests to run, and how fast, is another matter when there is one test; so is what is known of it.
_OF_THE_WHOLE = {"select", "area", "shard", "jobs", "time-limit-minutes", "known-failures", "report"}


def commands_of_run(header: Header) -> list[str]:
    """The command line that repeats the run; one for each part of a merged run."""
    if header.parts:
        return [_command(part.options) for part in header.parts]
    given = header.options.get("command")
    return [given] if isinstance(given, str) else [_command(header.options)]


def command_of_test(header: Header, test: str) -> str:
    """The command line that judges the target by this test only, with the seed that the test had.

    Options that name no target, as those of a results file from elsewhere may, get the target's name.
    """
    options: Mapping[str, Any] = header.options
    seed = header.seed
    for part in header.parts:
        if test in part.tests:
            options, seed = part.options, part.seed
    kept = {name: value for name, value in options.items() if name not in _OF_THE_WHOLE | {"seed", "command"}}
    if not {"target", "endpoint"} & set(kept):
        kept = {"target": header.target.name} | kept
    # A parameter stands in brackets, which would make a pattern of claims of it.
    name = test.rpartition("::")[2].partition("[")[0]
    return _command(kept | {"select": name, "seed": seed})


def _command(options: Mapping[str, Any]) -> str:
    words = ["ddbproof", "conform"]
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name}", redacted(str(one))]
    return shlex.join(words)
