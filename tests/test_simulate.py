"""`ddbproof fuzz --simulate`: many seeds in one command, and for whatever goes wrong the command that repeats it."""

from __future__ import annotations

import pytest

from ddbproof.cli.app import run
from ddbproof.reference_impl.simulation.campaign import EVENTS, run_seed
from ddbproof.reference_impl.simulation.run import Outcome, Run

Capture = pytest.CaptureFixture[str]


def test_it_says_what_was_done_and_met(capsys: Capture) -> None:
    """Seeds, runs, operations, messages a second, and in what share of the runs what happened."""
    assert run(["fuzz", "--simulate", "--runs", "3", "--operations", "100", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "seeds 0 to 2" in out
    assert "3 runs" in out
    assert all(event in out for event in EVENTS)
    assert "every answer was right" in out


def test_several_processes_do_the_same(capsys: Capture) -> None:
    """The figures of a campaign do not depend on how many processors it had, but for the time."""
    said = []
    for jobs in ("1", "2"):
        assert run(["fuzz", "--simulate", "--runs", "16", "--operations", "50", "--jobs", jobs]) == 0
        said.append(capsys.readouterr().out.replace("(", "\n(").splitlines())
    assert [line for line in said[0] if "second" not in line] == [
        line for line in said[1] if "second" not in line
    ]


def test_a_run_is_its_seed() -> None:
    """The same seed and number of operations give the same run, to the last message."""
    one, other = run_seed(5, 300), run_seed(5, 300)
    assert one.outcome == other.outcome
    assert one.options == other.options
    assert run_seed(6, 300).outcome != one.outcome


@pytest.mark.parametrize(
    ("wrong", "code", "heading"),
    [
        (Outcome(9, ["lost write"], [], {}, 1, 1, 1.0, ["fault"]), 1, "a promise is broken:\nlost write"),
        (Outcome(9, [], ["no leader"], {}, 1, 1, 1.0, []), 4, "no progress:\nno leader"),
    ],
)
def test_what_is_wrong_is_told_with_the_command_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, wrong: Outcome, code: int, heading: str
) -> None:
    """Violations end with 1, a cluster that does not come back with 4; the last line is the command."""
    monkeypatch.setattr(Run, "go", lambda _self: wrong)
    arguments = ["fuzz", "--simulate", "--seed", "9", "--runs", "5", "--operations", "10", "--jobs", "1"]
    assert run(arguments) == code
    out = capsys.readouterr().out
    assert heading in out
    assert out.splitlines()[-1] == "ddbproof fuzz --simulate --seed 9 --runs 1 --operations 10"


def test_a_crash_of_ours_is_not_the_clusters(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """It ends with 5 and its traceback, and never counts as a run that passed."""

    def fails(_self: Run) -> Outcome:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Run, "go", fails)
    assert run(["fuzz", "--simulate", "--runs", "1", "--jobs", "1"]) == 5
    out = capsys.readouterr().out
    assert "a bug of ours" in out
    assert out.splitlines()[-1] == "ddbproof fuzz --simulate --seed 0 --runs 1"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runs", "0"],
        ["--operations", "0"],
        ["--jobs", "0"],
        ["--seed", "-1"],
        ["--profile", "huge"],
        ["--target", "moto"],
        ["--minutes", "1"],
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], capsys: Capture) -> None:
    """With exit code 2 and a sentence."""
    assert run(["fuzz", "--simulate", *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_runs_go_with_simulate_only(capsys: Capture) -> None:
    """An endpoint is driven in batches, not in runs."""
    assert run(["fuzz", "--runs", "3"]) == 2
    assert "--simulate" in capsys.readouterr().err
