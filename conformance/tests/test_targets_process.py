"""A server that we start never outlives us, and says why when it does not start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from ddbproof.conformance.targets.errors import LaunchError
from ddbproof.conformance.targets.process import Server, launched

GUARD = str(files("ddbproof.conformance.targets").joinpath("guard.py"))
SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(condition: Callable[[], bool], timeout_seconds: float = 10.0) -> bool:
    """Poll; whether it came true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Whether no process (or only an unreaped one) has that id."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_server_and_its_directory_end_with_the_context() -> None:
    """Nothing is left, whatever ends the context."""
    seen: list[Server] = []

    def interrupted() -> None:
        with launched("it", lambda _: SLEEPS) as server:
            seen.append(server)
            assert server.running()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gone(seen[0].pid)
    assert not seen[0].directory.exists()


def test_a_server_that_ignores_being_asked_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it is killed."""
    monkeypatch.setattr("ddbproof.conformance.targets.process._TERMINATE_SECONDS", 0.2)
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with launched("it", lambda _: [sys.executable, "-c", script]) as server:
        server.wait_until(lambda: "up" in server.tail(), 10)
        pid = server.pid
    assert gone(pid)


def test_a_server_that_ends_while_it_starts_shows_what_it_printed() -> None:
    """The cause is its own last lines."""
    dies = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    with launched("it", lambda _: dies) as server, pytest.raises(LaunchError) as raised:
        server.wait_until(lambda: False, 10)
    assert "the port is taken" in str(raised.value.cause)


def test_waiting_for_a_server_is_bounded() -> None:
    """One that never gets ready is an error too."""
    with launched("it", lambda _: SLEEPS) as server, pytest.raises(LaunchError, match="not ready within"):
        server.wait_until(lambda: False, 0.05)


def test_a_command_that_does_not_exist_is_a_launch_error() -> None:
    """No traceback of the operating system's."""
    with (
        pytest.raises(LaunchError, match="cannot be started"),
        launched("it", lambda _: ["/no/such/command"]),
    ):
        pass


def test_a_guarded_server_ends_even_when_we_are_killed(tmp_path: Path) -> None:
    """SIGKILL leaves us no time to clean up: the child sees its standard input close."""
    started = tmp_path / "started"
    foreign = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent_script = (
        "import sys, time\n"
        "from ddbproof.conformance.targets.process import launched\n"
        f"command = [sys.executable, {GUARD!r}, sys.executable, '-c', {foreign!r}]\n"
        "with launched('it', lambda _: command) as server:\n"
        "    print(server.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent_script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        guard = int(parent.stdout.readline())
        assert until(lambda: started.exists() and bool(started.read_text()))
        child = int(started.read_text())
        assert not gone(child)
        parent.send_signal(signal.SIGKILL)
    assert until(lambda: gone(guard))
    assert until(lambda: gone(child))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_with_its_guard(number: int, tmp_path: Path) -> None:
    """Whatever ends the guard."""
    started = tmp_path / "started"
    foreign = f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with launched("it", lambda _: [sys.executable, GUARD, sys.executable, "-c", foreign]) as server:
        assert until(lambda: started.exists() and bool(started.read_text()))
        child = int(started.read_text())
        os.kill(server.pid, number)
        assert until(lambda: gone(child))


def test_a_guard_passes_on_how_its_server_ended() -> None:
    """A crash is told by its signal, as a shell tells it."""
    crashes = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with launched("it", lambda _: [sys.executable, GUARD, sys.executable, "-c", crashes]) as server:
        assert until(lambda: not server.running())
        assert server.exit_code == 128 + signal.SIGSEGV
