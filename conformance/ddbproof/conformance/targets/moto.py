"""moto as a target: a widely used emulator, and a free negative control (OQ-01).

It takes restores to an instant and gives back today's items, and takes ReplicaUpdates and drops them. A suite
that lets it pass those claims is wrong.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets.endpoint import DEFAULT_REGIONS, EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import LaunchError, TargetError
from ddbproof.conformance.targets.installer import MOTO, python_of
from ddbproof.conformance.targets.preflight import preflight
from ddbproof.conformance.targets.process import Server, launched

NAME = "moto"
_START_TIMEOUT_SECONDS = 60.0
_LAUNCH_ATTEMPTS = 3


@contextlib.contextmanager
def moto_target() -> Iterator[Target]:
    """Start moto on a free loopback port; stopped and gone afterwards.

    Raises NotInstalledError, or LaunchError with what it printed.
    """
    python = python_of(MOTO)
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(as_file(files("ddbproof.conformance.targets").joinpath("guard.py")))
        yield _start(stack, python, guard)


def _start(stack: contextlib.ExitStack, python: Path, guard: Path) -> Target:
    """A port that was free may be taken a moment later: then another one is tried."""
    for attempt in range(1, _LAUNCH_ATTEMPTS + 1):
        with contextlib.ExitStack() as inner:
            port = _free_port()
            server = inner.enter_context(_launched(python, guard, port))
            target = Target(
                name=NAME,
                endpoints=dict.fromkeys(DEFAULT_REGIONS, f"http://127.0.0.1:{port}"),
                credentials=EXAMPLE_CREDENTIALS,
                version=MOTO.version,
            )
            try:
                server.wait_until(functools.partial(_answers, target), _START_TIMEOUT_SECONDS)
                _require_running(server)
            except LaunchError:
                if attempt == _LAUNCH_ATTEMPTS:
                    raise
                continue
            stack.enter_context(inner.pop_all())
            return target
    raise LaunchError("moto did not start")


def _launched(python: Path, guard: Path, port: int) -> contextlib.AbstractContextManager[Server]:
    command = [str(python), "-u", str(guard), "moto.server:main", "-H", "127.0.0.1", "-p", str(port)]
    return launched("moto", lambda _: command)


def _answers(target: Target) -> bool:
    try:
        preflight(target, timeout_seconds=2.0)
    except TargetError:
        return False
    return True


def _require_running(server: Server) -> None:
    """Somebody else's server on the same port may have answered."""
    if not server.running():
        raise LaunchError("moto ended while it started", cause=server.tail())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
