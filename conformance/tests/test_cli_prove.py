"""`ddbproof prove` as a person meets it: what it prints, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ddbproof.cli.app import run

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from or written to the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_system_is_proved_and_kept(capsys: Capture, tmp_path: Path) -> None:
    """A table of invariants with claims; the second time the results are those kept, and it says so."""
    results = tmp_path / "proofs.json"
    assert run(["prove", "--system", "partitions", "--jobs", "1", "--json", str(results)]) == 0
    told = capsys.readouterr().out
    assert "40 of 40 obligations proved" in told
    assert "PART-01" in told
    assert "assumed: " in told
    assert {one["verdict"] for one in json.loads(results.read_text())["outcomes"]} == {"proved"}
    assert run(["prove", "--system", "partitions"]) == 0
    assert "40 of them in an earlier run" in capsys.readouterr().out


def test_fast_says_what_it_leaves_out(capsys: Capture) -> None:
    """By system, step and invariant."""
    assert run(["prove", "--system", "eventual", "--fast", "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "left out by --fast: 1 obligations" in told
    assert "eventual: deliver keeps SAFE_same_deliveries_same_item" in told


def test_covers_tell_the_shortest_way(capsys: Capture) -> None:
    """With what each step changes."""
    assert run(["prove", "--covers", "--system", "partitions"]) == 0
    told = capsys.readouterr().out
    assert "the whole of it" in told
    assert "1. split(parent=0" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--system", "nosuch"], "there are archive, availability, backup"),
        (["--mutants", "--covers"], "one at a time"),
        (["--jobs", "0"], "begins at 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: list[str], words: str, capsys: Capture) -> None:
    """With exit code 2, a cause and a hint."""
    assert run(["prove", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_ctrl_c_leaves_nothing() -> None:
    """Exit code 130, at once, and no worker goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ddbproof.cli", "prove", "--no-cache", "--jobs", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(3)  # workers are at work; there is nothing to poll for
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(15) == 130
    deadline = time.monotonic() + 10
    while is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(process.pid)


def is_alive(group: int) -> bool:
    """True while the process group has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
