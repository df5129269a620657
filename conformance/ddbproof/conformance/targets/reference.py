"""The reference endpoint as a target: started by its own command, reached over HTTP like any other.

`conformance` never imports `reference_impl` (design.md §2): all it knows is the command and the ready file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ddbproof.conformance.plan import ControlAccess, Target
from ddbproof.conformance.targets.endpoint import EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import LaunchError
from ddbproof.conformance.targets.process import launched

NAME = "reference"
_START_TIMEOUT_SECONDS = 30.0


@contextlib.contextmanager
def reference_target(*, seed: int = 0, options: Sequence[str] = ()) -> Iterator[Target]:
    """Start the reference endpoint on a free loopback port; stopped and gone afterwards.

    `options` are further arguments of `ddbproof serve`. Raises LaunchError with what it printed if it does
    not come up.
    """

    def command(directory: Path) -> list[str]:
        serve = [sys.executable, "-m", "ddbproof.cli", "serve", "--port", "0", "--seed", str(seed)]
        return [*serve, "--ready-file", str(directory / "ready.json"), "--exit-with-parent", *options]

    with launched("The reference endpoint", command) as server:
        ready_file = server.directory / "ready.json"
        server.wait_until(ready_file.exists, _START_TIMEOUT_SECONDS)
        yield _target(ready_file)


def _target(ready_file: Path) -> Target:
    try:
        ready: dict[str, Any] = json.loads(ready_file.read_text("utf-8"))
        return Target(
            name=NAME,
            endpoints=dict.fromkeys(ready["regions"], ready["url"]),
            credentials=EXAMPLE_CREDENTIALS,
            version=ready["version"],
            control=ControlAccess(ready["control_url"], ready["control_token"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LaunchError(
            "The ready file of the reference endpoint cannot be read",
            cause=f"{type(error).__name__}: {error}",
        ) from error
