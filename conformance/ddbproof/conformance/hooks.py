"""Fault hooks: the user's own commands that stop, kill, start or cut off an endpoint, read from a file.

    [commands]
    kill = ["docker", "kill", "store-1"]
    start = ["docker", "start", "store-1"]
    isolate = ["./isolate.sh", "{region}"]
    heal = ["./isolate.sh", "--undo", "{region}"]
    zone-down = ["./zone.sh", "stop", "{region}", "{zone}"]        # zones are 1, 2 and 3
    zone-up = ["./zone.sh", "start", "{region}", "{zone}"]
    split = ["./split.sh", "{region}", "{table}"]                  # a partition of the table, at the middle of its items

    [endpoint]
    persistent = true        # the default: what was written before a kill is there after a start
    timeout_seconds = 60     # the default, for each command

Commands are run without a shell, from the directory of the run, and only by tests that need them.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ddbproof.conformance.errors import HooksError
from ddbproof.conformance.plan import Hooks

ACTIONS = ("start", "stop", "kill", "isolate", "heal", "zone-down", "zone-up", "split")
_PAIRS = {"kill": "start", "stop": "start", "isolate": "heal", "zone-down": "zone-up"}
_LONGEST_TIMEOUT_SECONDS = 600.0


def load_hooks(path: Path) -> Hooks:
    """The file's hooks; raises HooksError with what is wrong with it."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HooksError(
            f"The fault hooks in {path} cannot be read",
            cause=getattr(error, "strerror", None) or str(error),
            hint="See conformance/README.md for the form of the file",
        ) from error
    commands, endpoint = document.get("commands"), document.get("endpoint", {})
    if not set(document) <= {"commands", "endpoint"} or not isinstance(commands, dict) or not commands:
        raise _wrong(path, f"it has {', '.join(document) or 'nothing'} where [commands] is expected")
    for action, words in commands.items():
        _check_command(path, action, words)
    for action, undo in _PAIRS.items():
        if action in commands and undo not in commands:
            raise _wrong(path, f"there is a command to {action} and none to {undo}")
    persistent, timeout_seconds = _settings(path, endpoint)
    return Hooks({action: tuple(words) for action, words in commands.items()}, persistent, timeout_seconds)


def _check_command(path: Path, action: str, words: Any) -> None:
    if action not in ACTIONS:
        raise _wrong(path, f"nobody knows the action {action!r}; there are {', '.join(ACTIONS)}")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise _wrong(path, f"the command to {action} is not a list of words")


def _settings(path: Path, endpoint: Any) -> tuple[bool, float]:
    if not isinstance(endpoint, dict) or not set(endpoint) <= {"persistent", "timeout_seconds"}:
        raise _wrong(path, "[endpoint] may hold persistent and timeout_seconds")
    persistent, timeout_seconds = endpoint.get("persistent", True), endpoint.get("timeout_seconds", 60.0)
    if not isinstance(persistent, bool):
        raise _wrong(path, "persistent is neither true nor false")
    if (
        isinstance(timeout_seconds, bool)
        or not isinstance(timeout_seconds, int | float)
        or not 0 < timeout_seconds <= _LONGEST_TIMEOUT_SECONDS
    ):
        raise _wrong(path, f"timeout_seconds is not a number up to {_LONGEST_TIMEOUT_SECONDS:.0f}")
    return persistent, float(timeout_seconds)


def _wrong(path: Path, problem: str) -> HooksError:
    return HooksError(
        f"The fault hooks in {path} are not as they should be",
        cause=problem,
        hint='As in: [commands] kill = ["docker", "kill", "store-1"], start = ["docker", "start", "store-1"]',
    )
