"""Watching over a launched target: what happens to it is written down, and it comes back or is given up."""

from __future__ import annotations

import json
import socket
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddbproof.conformance.kit.watch import Watch
from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets import launcher, supervisor
from ddbproof.conformance.targets.errors import LaunchError
from ddbproof.conformance.targets.launcher import clean_environment, launched_product
from ddbproof.conformance.targets.products import PRODUCTS, Product, Start

# Answers ListTables as DynamoDB does; ends when it is asked for /die; counts its starts in its directory.
SERVER = textwrap.dedent("""
    import http.server, json, os, pathlib, sys
    port, data = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    starts = data / "starts"
    starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
    if len(starts.read_text()) > int(sys.argv[3]):
        sys.exit("I will not start again")
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.dumps({"TableNames": [], "starts": starts.read_text()}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def do_GET(self):
            print("I die in", pathlib.Path.home(), flush=True)
            os._exit(7)
        def log_message(self, *_): ...
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
""")


def product(most_starts: int = 99) -> Product:
    """A product that is a Python program of ours."""
    start = Start(
        lambda _, port, data: [sys.executable, "-c", SERVER, str(port), str(data), str(most_starts)],
        timeout_seconds=20.0,
    )
    return replace(PRODUCTS["dynoxide"], name="tiny", start=start, needs=())


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing has to be fetched."""
    monkeypatch.setattr(launcher, "installed_home", lambda _: tmp_path)


@pytest.fixture
def target() -> Iterator[Target]:
    with launched_product(product()) as launched:
        yield launched


def port_of(target: Target) -> int:
    return int(next(iter(target.endpoints.values())).rpartition(":")[2])


def die(target: Target) -> None:
    """Let the server end by itself."""
    with socket.create_connection(("127.0.0.1", port_of(target)), timeout=5) as connection:
        connection.sendall(b"GET /die HTTP/1.0\r\n\r\n")
        connection.recv(1)


def events(target: Target) -> list[str]:
    return [str(event["event"]) for event in Watch(target.supervision).events]


def until(condition: Callable[[], Any], timeout_seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_a_crash_is_written_down_and_the_server_is_there_again(target: Target) -> None:
    """At the same address with the same data; its last words do not tell where on this machine it ran."""
    die(target)
    assert until(lambda: events(target) == ["crashed", "started"])
    crash = Watch(target.supervision).events[0]
    assert crash["exit"] == 7
    assert crash["tail"].startswith("I die in (scratch)")
    assert str(Path.home()) not in json.dumps(crash)
    assert launcher._answers(target)
    assert target.supervision is not None
    assert (target.supervision.directory / "data" / "starts").read_text() == "xx"


def test_a_kill_that_was_asked_for_is_no_crash(target: Target) -> None:
    """It is carried out at once, and the call returns when the server answers again."""
    watch = Watch(target.supervision)
    watch.kill()
    assert events(target) == ["killed", "started"]
    assert watch.crashes == []
    assert launcher._answers(target)


def test_a_server_that_crashes_again_and_again_is_given_up(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the number of times."""
    monkeypatch.setattr(supervisor, "MOST_CRASHES", 2)
    die(target)
    assert until(lambda: events(target)[-1:] == ["started"])
    die(target)
    assert until(lambda: Watch(target.supervision).gone_for_good() == "it crashed 2 times")


def test_a_server_that_does_not_start_again_is_given_up() -> None:
    """The reason is told, and the context still ends."""
    with launched_product(product(most_starts=1)) as target:
        die(target)
        assert until(lambda: Watch(target.supervision).gone_for_good() is not None)
        assert "did not start again" in str(Watch(target.supervision).gone_for_good())


def test_a_server_that_never_starts_is_a_launch_error() -> None:
    """With what it printed."""
    with pytest.raises(LaunchError) as raised, launched_product(product(most_starts=0)):
        pass
    assert "I will not start again" in str(raised.value.cause)


def test_nothing_is_left_when_the_context_ends() -> None:
    """No process at the port, no directory; data that were asked to stay, stay."""
    with launched_product(product()) as target:
        port, supervision = port_of(target), target.supervision
    assert supervision is not None
    assert not supervision.directory.exists()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_data_that_are_asked_to_stay_stay(tmp_path: Path) -> None:
    """For `ddbproof targets start --data`."""
    for starts in ("x", "xx"):
        with launched_product(product(), data=tmp_path / "kept"):
            assert (tmp_path / "kept" / "starts").read_text() == starts


def test_a_command_that_a_product_needs_is_missed_before_it_is_started() -> None:
    """The hint is the doctor."""
    with (
        pytest.raises(LaunchError) as raised,
        launched_product(replace(product(), needs=("no-such-java",))),
    ):
        pass
    assert raised.value.hint == "ddbproof targets doctor tiny"


def test_a_product_sees_no_credentials_and_another_home(tmp_path: Path) -> None:
    """Nor any setting of AWS's clients."""
    ours = {"AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "p", "HOME": "/home/me", "PATH": "/bin"}
    seen = clean_environment(tmp_path, ours)
    assert "AWS_SECRET_ACCESS_KEY" not in seen
    assert "AWS_PROFILE" not in seen
    assert (seen["HOME"], seen["PATH"]) == (str(tmp_path), "/bin")
