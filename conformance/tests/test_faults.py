"""The tester's hand: the user's commands, the supervision of a launched target, and neither."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import pytest

from ddbproof.conformance.errors import HooksError
from ddbproof.conformance.hooks import load_hooks
from ddbproof.conformance.kit import Inconclusive, NotTestableHere, watch
from ddbproof.conformance.kit.faults import Faults
from ddbproof.conformance.kit.watch import Watch
from ddbproof.conformance.plan import Credentials, Hooks, Supervision, Target


def target(*, hooks: Hooks | None = None, supervision: Supervision | None = None) -> Target:
    return Target(
        "t", {"us-east-1": "http://127.0.0.1:9"}, Credentials("a", "b"), hooks=hooks, supervision=supervision
    )


def faults(given: Target) -> Faults:
    return Faults(given, Watch(given.supervision), lambda: True)


def appending(file: Path, text: str) -> tuple[str, ...]:
    """A command that adds a word and its argument to a file."""
    return (sys.executable, "-c", f"open({str(file)!r}, 'a').write({text!r})")


def test_the_users_commands_are_run_in_order(tmp_path: Path) -> None:
    """Kill, then start; a Region stands where {region} stands."""
    log = tmp_path / "log"
    hooks = Hooks(
        {name: appending(log, f"{name} {{region}},") for name in ("kill", "start", "isolate", "heal")}
    )
    hand = faults(target(hooks=hooks))
    hand.kill_and_start()
    hand.isolate("eu-west-1")
    hand.heal_all()
    hand.heal_all()
    assert log.read_text() == "kill {region},start {region},isolate eu-west-1,heal eu-west-1,".replace(
        "kill {region},start {region}", "kill ,start "
    )


def test_a_partition_is_split_by_the_users_command(tmp_path: Path) -> None:
    """A table stands where {table} stands."""
    log = tmp_path / "log"
    hand = faults(target(hooks=Hooks({"split": appending(log, "{table} in {region}")})))
    hand.need_splits()
    hand.split("eu-west-1", "orders")
    assert log.read_text() == "orders in eu-west-1"


def test_what_nobody_can_do_is_not_testable() -> None:
    """The reason names the option that would help."""
    hand = faults(target())
    for harm in (
        hand.kill_and_start,
        hand.need_durable_restart,
        hand.need_splits,
        lambda: hand.isolate("eu-west-1"),
        lambda: hand.split("eu-west-1", "orders"),
    ):
        with pytest.raises(NotTestableHere, match="--hooks"):
            harm()


def test_a_target_in_memory_is_not_killed() -> None:
    """It would lose everything, lawfully."""
    hooks = Hooks({"kill": ("true",), "start": ("true",)}, persistent=False)
    with pytest.raises(NotTestableHere, match="memory"):
        faults(target(hooks=hooks)).kill_and_start()


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ((sys.executable, "-c", "import sys; sys.exit('no such container')"), "no such container"),
        (("/no/such/command",), "could not be run"),
        ((sys.executable, "-c", "import time; time.sleep(30)"), "timed out"),
    ],
)
def test_a_command_that_fails_says_nothing_about_the_endpoint(command: tuple[str, ...], part: str) -> None:
    """And does not hold up the run."""
    hooks = Hooks({"isolate": command, "heal": ("true",)}, timeout_seconds=1.0)
    with pytest.raises(Inconclusive, match=part):
        faults(target(hooks=hooks)).isolate("eu-west-1")


def test_a_command_may_leave_a_server_running() -> None:
    """A start that goes on in the background holds its output open; nobody waits for that."""
    leaves = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)'])"
    began = time.monotonic()
    faults(target(hooks=Hooks({"isolate": (sys.executable, "-c", leaves), "heal": ("true",)}))).isolate("x")
    assert time.monotonic() - began < 4


class Keeper:
    """Watches over a target that does not exist: answers a request to kill it."""

    def __init__(self, directory: Path, *last: str) -> None:
        self._directory = directory
        self._thread = threading.Thread(target=self._work, args=last)
        self._thread.start()

    def _work(self, *events: str) -> None:
        deadline = time.monotonic() + 10
        while not (self._directory / "kill").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        with (self._directory / "events.jsonl").open("a") as file:
            for event in events:
                file.write(json.dumps({"event": event, "reason": "it would not"}) + "\n")

    def end(self) -> None:
        self._thread.join()


def test_a_launched_target_is_killed_by_whoever_watches_over_it(tmp_path: Path) -> None:
    """The call returns when it answers again; being killed on request is no crash."""
    keeper = Keeper(tmp_path, "killed", "started")
    supervision = Supervision(tmp_path, persistent=True)
    faults(target(supervision=supervision)).kill_and_start()
    keeper.end()
    assert Watch(supervision).crashes == []


def test_a_launched_target_that_stays_down_is_inconclusive(tmp_path: Path) -> None:
    """Nothing can be read from it."""
    keeper = Keeper(tmp_path, "killed", "given up")
    with pytest.raises(Inconclusive, match="did not start again"):
        faults(target(supervision=Supervision(tmp_path, persistent=True))).kill_and_start()
    keeper.end()


def test_a_crash_is_read_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    """A line that is still being written is not read."""
    crashed = json.dumps({"event": "crashed", "exit": -11, "tail": "stack\n  smashed"})
    (tmp_path / "events.jsonl").write_text(f'{crashed}\n{{"event": "star')
    seen = Watch(Supervision(tmp_path, persistent=False))
    assert seen.crashes == ["exit code -11, it last printed: stack smashed"]


def test_a_broken_connection_without_a_crash_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that we did not launch cannot come back by our hand."""
    monkeypatch.setattr(watch, "NOTICE_SECONDS", 0.1)
    assert not Watch(None).wait_until_back(0)
    assert not Watch(Supervision(tmp_path, persistent=False)).wait_until_back(0)


GOOD = '[commands]\nkill = ["a", "b"]\nstart = ["c"]\n'


def test_a_file_of_hooks_is_read(tmp_path: Path) -> None:
    """Commands are lists of words; the endpoint keeps its data unless the file says otherwise."""
    file = tmp_path / "hooks.toml"
    file.write_text(GOOD)
    assert load_hooks(file) == Hooks(
        {"kill": ("a", "b"), "start": ("c",)}, persistent=True, timeout_seconds=60.0
    )
    file.write_text(GOOD + "[endpoint]\npersistent = false\ntimeout_seconds = 5\n")
    assert load_hooks(file).persistent is False


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "nothing"),
        ("[commands", "table declaration"),
        ('[commands]\nkill = "docker kill x"', "not a list of words"),
        ('[commands]\nkil = ["x"]', "'kil'"),
        ('[commands]\nkill = ["x"]', "none to start"),
        ('[commands]\nisolate = ["x"]', "none to heal"),
        (GOOD + "[endpoint]\npersistent = 1", "neither true nor false"),
        (GOOD + "[endpoint]\ntimeout_seconds = 0", "timeout_seconds"),
        (GOOD + "[endpoint]\nlasting = true", "persistent and timeout_seconds"),
        (GOOD + "[more]\na = 1", "[commands]"),
    ],
)
def test_a_file_of_hooks_in_bad_form_is_refused_with_the_cause(text: str, cause: str, tmp_path: Path) -> None:
    """Before anything is harmed."""
    file = tmp_path / "hooks.toml"
    file.write_text(text)
    with pytest.raises(HooksError) as caught:
        load_hooks(file)
    assert cause in str(caught.value.cause)
