"""A server of ours in a subprocess that never outlives us.

Three things see to that: `stop` at the end of the context; `atexit` for what slips past it; and the child's own
watch on its standard input, a pipe that only we hold, which closes even when we are killed outright.

The child gets a session of its own, so that Ctrl-C at the terminal reaches only us: it has to live long enough
for the run to clean up. It is stopped by its own process id and nothing else.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ddbproof.conformance.targets.errors import LaunchError

_TERMINATE_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LOG_TAIL_LINES = 12


class Server:
    """One child process, its log and its private directory. Made by `launched`."""

    def __init__(
        self, name: str, arguments: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.directory = directory
        self.log = directory / "output.log"
        try:
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 (our own command, no shell)
                    list(arguments),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=directory,
                    env=dict(environment),
                    start_new_session=True,
                )
        except OSError as error:
            raise LaunchError(f"{name} cannot be started", cause=str(error)) from error
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Poll `ready` until it is true; LaunchError if the process ends or the time runs out before."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if not self.running():
                raise LaunchError(
                    f"{self.name} ended while it started (exit code {self._process.returncode})",
                    cause=self.tail() or "It printed nothing",
                )
            if time.monotonic() > deadline:
                raise LaunchError(
                    f"{self.name} was not ready within {timeout_seconds:g} s",
                    cause=self.tail() or "It printed nothing",
                    hint="Another process may use up this machine; try again",
                )
            time.sleep(_POLL_SECONDS)

    def tail(self) -> str:
        """The last lines that the process printed."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text("utf-8", "replace").strip().splitlines()
            return "\n".join(lines[-_LOG_TAIL_LINES:])
        return ""

    @property
    def exit_code(self) -> int | None:
        """How the process ended, as a shell says it; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End the process and all it started at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End the process and wait for it: asked, then told. May be called again."""
        atexit.unregister(self.stop)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self.running():
            self._process.terminate()
            try:
                self._process.wait(_TERMINATE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def launched(
    name: str, arguments: Callable[[Path], Sequence[str]], environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A running server with a private temporary directory; both are gone afterwards.

    `arguments` makes the command from that directory; `environment` is added to our own.
    """
    with tempfile.TemporaryDirectory(prefix="ddbproof-") as directory:
        place = Path(directory)
        server = Server(name, arguments(place), place, {**os.environ, **(environment or {})})
        try:
            yield server
        finally:
            server.stop()
