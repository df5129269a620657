"""`ddbproof check` as a person meets it: verdicts, exit codes, an explanation that fits a screen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddbproof.cli.app import run

Capture = pytest.CaptureFixture[str]
HISTORIES = Path(__file__).parents[2] / "model" / "tests" / "histories"


@pytest.mark.parametrize(
    ("name", "options", "code", "words"),
    [
        ("ambiguous-seen-late.jsonl", [], 0, "linearizable: ok"),
        ("deletes.jsonl", [], 0, "linearizable: ok"),
        ("deletes.jsonl", ["--model", "register"], 4, "linearizable: unknown"),
        ("register-stale-read.jsonl", [], 1, "linearizable: VIOLATION, stale read"),
        ("register-stale-read.jsonl", ["--model", "transactions"], 1, "strict: VIOLATION"),
        ("register-stale-read.jsonl", ["--model", "transactions", "--promise", "serializable"], 4, "unknown"),
        ("transactions-old-snapshot.jsonl", [], 1, "strict: VIOLATION, G-single-realtime"),
        ("transactions-old-snapshot.jsonl", ["--promise", "session"], 0, "session: ok"),
        ("jepsen-append-read-skew.edn", [], 1, "serializable: VIOLATION, G-single"),
        ("jepsen-register-crashed.json", [], 0, "1 events of nemesis were left out"),
    ],
)
def test_histories_are_judged(name: str, options: list[str], code: int, words: str, capsys: Capture) -> None:
    """0 ok, 1 a violation, 4 unknown; never more than a screen."""
    assert run(["check", str(HISTORIES / name), *options]) == code
    told = capsys.readouterr().out
    assert words in told
    assert len(told.splitlines()) <= 24


def test_a_violation_is_explained(capsys: Capture) -> None:
    """Let these operations be; then this comes before that, but that before this: a contradiction."""
    run(["check", str(HISTORIES / "register-stale-read.jsonl")])
    told = capsys.readouterr().out
    assert 'op 2 = process 1 read 1 from "a" [40, 50]' in told
    assert "2 came first, as op 1 returned (30) before op 2 was invoked (40): a contradiction." in told
    assert "little evidence: only 3 operations" in told


def test_results_as_json(capsys: Capture) -> None:
    """For machines."""
    assert run(["check", str(HISTORIES / "transactions-write-skew.jsonl"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["promises"]["serializable"]["type"] == "violation"
    assert document["promises"]["serializable"]["anomaly"] == "G2-item"
    assert document["evidence"]["operations"] == 2


def test_the_budget_ends_in_unknown(capsys: Capture) -> None:
    """With exit code 4."""
    path = str(HISTORIES / "ambiguous-many-one-comes-back.jsonl")
    assert run(["check", path, "--model", "wgl", "--budget", "3"]) == 4
    assert "in 3 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch.jsonl"], "cannot read nosuch.jsonl"),
        ([str(HISTORIES)], "cannot read"),
        ([__file__], "line 1"),
        ([str(HISTORIES / "deletes.jsonl"), "--model", "magic"], "there are auto, register"),
        ([str(HISTORIES / "deletes.jsonl"), "--budget", "0"], "begins at 1"),
        ([str(HISTORIES / "deletes.jsonl"), "--promise", "none"], "there are serializable"),
        ([str(HISTORIES / "transactions-whole.jsonl"), "--model", "wgl"], "here are transactions"),
    ],
)
def test_what_cannot_be_judged_is_refused(arguments: list[str], words: str, capsys: Capture) -> None:
    """With exit code 2."""
    assert run(["check", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_values_cannot_steer_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    """What clients wrote is shown without control characters, and cut."""
    path = tmp_path / "history.jsonl"
    read = {"process": 0, "key": "a\u001b[2J", "kind": "read", "value": "x" * 5000, "invoke": 0, "return": 1}
    path.write_text('{"schema": "ddbproof-history/1"}\n' + json.dumps(read))
    assert run(["check", str(path)]) == 1
    told = capsys.readouterr().out
    assert "\u001b" not in told
    assert max(len(line) for line in told.splitlines()) < 300


def test_the_worked_example_of_the_documentation(tmp_path: Path, capsys: Capture) -> None:
    """docs/histories.md shows what really comes out."""
    text = (Path(__file__).parents[2] / "docs" / "histories.md").read_text()
    history = text.split("```json\n")[1].split("```")[0]
    shown = text.split("```text\n")[1].split("```")[0]
    file = tmp_path / "run.jsonl"
    file.write_text(history)
    assert run(["check", str(file)]) == 1
    assert shown in capsys.readouterr().out
    file.write_text(history.replace('"invoke": 40', '"invoke": 25'))
    assert run(["check", str(file)]) == 0
