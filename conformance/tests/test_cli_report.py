"""`ddbproof report` tells what is wrong with a file in one line, and never leaves half a page."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from ddbproof.cli.app import run
from ddbproof.reports import Footer, Header, ResultRecord, ResultsWriter, TargetRecord, Verdict
from ddbproof.reports.published import BEGIN, END
from ddbproof.reports.schema import KnownFailure

HEADER = Header(
    run="r",
    started="2026-11-23T16:41:40+00:00",
    ddbproof="0.1.0",
    seed=7,
    target=TargetRecord("moto", {"us-east-1": "http://127.0.0.1:8000"}, "fixed"),
    versions={},
)
FOOTER = Footer(finished="", counts={}, seconds=1.0, interrupted=False, exit=0)


def results(directory: Path, *verdicts: Verdict, whole: bool = True) -> Path:
    """A run with these verdicts, with or without an end."""
    with ResultsWriter(directory / "results.jsonl") as writer:
        writer.write(HEADER)
        for number, verdict in enumerate(verdicts):
            writer.write(ResultRecord(f"PI-{number}", "t.py::t", "A promise.", verdict, "A reason.", 0.1))
        if whole:
            writer.close(msgspec.structs.replace(FOOTER, counts=dict(Counter(map(str, verdicts)))))
    return writer.path if whole else writer.partial_path


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS, Verdict.DIFFERS], 0),
        ([Verdict.PASS, Verdict.FAIL], 1),
        ([Verdict.INCONCLUSIVE], 4),
        ([Verdict.ERROR], 5),
    ],
)
def test_the_exit_code_is_that_of_the_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verdicts: list[Verdict], code: int
) -> None:
    """A script can rely on it; the directory of a run will do as an argument."""
    results(tmp_path, *verdicts)
    page = tmp_path / "report.html"
    assert run(["report", str(tmp_path), "--html", str(page)]) == code
    output = capsys.readouterr()
    assert output.err == ""
    assert "\x1b" not in output.out
    assert str(page) in output.out
    assert page.read_text("utf-8").rstrip().endswith("</html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.jsonl"]


def test_a_run_that_was_cut_off_is_reported_and_is_not_ok(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What there is is shown, with 4 as the code."""
    path = results(tmp_path, Verdict.PASS, whole=False)
    assert run(["report", str(path)]) == 4
    assert "The run was cut off" in capsys.readouterr().out
    with path.open("ab") as file:
        file.write(b'{"record":"result","clai')
    assert run(["report", str(path)]) == 4


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\x00\x01\x02 garbage\n", "malformed"),
        (b'{"record":"header"', "record"),
        (b"", "the file is empty"),
        (None, "No such file"),
    ],
)
def test_an_unreadable_file_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, cause: str
) -> None:
    """Cause and hint, exit code 2, no traceback, no page."""
    path = tmp_path / "results.jsonl"
    if content is not None:
        path.write_bytes(content)
    page = tmp_path / "report.html"
    assert run(["report", str(path), "--html", str(page)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    error, reason, hint = output.err.splitlines()
    assert error.startswith(f"error: {path}")
    assert reason.startswith("cause: ")
    assert cause in reason
    assert hint.startswith("hint:  ")
    assert not page.exists()


def test_an_earlier_page_survives_an_unreadable_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page is replaced by a page or not at all."""
    page = tmp_path / "report.html"
    page.write_text("earlier", "utf-8")
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"garbage\n")
    assert run(["report", str(path), "--html", str(page)]) == 2
    assert page.read_text("utf-8") == "earlier"


@pytest.mark.parametrize("place", ["absent/report.html", "results.jsonl/report.html", "."])
def test_a_page_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """Exit code 2, and nothing is left behind."""
    path = results(tmp_path, Verdict.PASS)
    assert run(["report", str(path), "--html", str(tmp_path / place)]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing but the summary is on standard output."""
    path = results(tmp_path, Verdict.PASS, Verdict.FAIL)
    assert run(["report", str(path), "--json", "--html", str(tmp_path / "report.html")]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert summary["complete"] is True
    assert summary["results"] == {"pass": 1, "fail": 1}
    assert summary["not_passed"] == [
        {"claim": "PI-1", "verdict": "fail", "reasons": ["A reason."], "known": False}
    ]
    assert summary["known_failures"] == summary["unexpected_passes"] == []


def other(directory: Path, name: str, *verdicts: Verdict, **header: object) -> Path:
    """A run of a target of that name."""
    directory.mkdir()
    target = msgspec.structs.replace(HEADER.target, name=name, version="1.0")
    with ResultsWriter(directory / "results.jsonl") as writer:
        writer.write(msgspec.structs.replace(HEADER, target=target, **header))
        for number, verdict in enumerate(verdicts):
            writer.write(ResultRecord(f"PI-{number}", "t.py::t", "A promise.", verdict, "A reason.", 0.1))
        writer.close(msgspec.structs.replace(FOOTER, counts=dict(Counter(map(str, verdicts)))))
    return directory


def test_every_form_is_written_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each to its own file."""
    results(tmp_path, Verdict.PASS, Verdict.FAIL)
    forms = {form: tmp_path / f"it.{form}" for form in ("html", "junit", "markdown", "csv")}
    arguments = [word for form, path in forms.items() for word in (f"--{form}", str(path))]
    assert run(["report", str(tmp_path), *arguments]) == 1
    printed = capsys.readouterr().out
    assert all(path.stat().st_size > 100 and str(path) in printed for path in forms.values())


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 if anything got worse."""
    before = other(tmp_path / "before", "a", Verdict.PASS, Verdict.FAIL)
    after = other(tmp_path / "after", "a", Verdict.FAIL, Verdict.PASS)
    assert run(["report", "diff", str(before), str(after)]) == 1
    assert "newly failing" in capsys.readouterr().out
    assert run(["report", "diff", str(after), str(after / "results.jsonl")]) == 2
    assert "named twice" in capsys.readouterr().err
    assert run(["report", "diff", str(before), str(after), "--json"]) == 1
    assert '"newly failing"' in capsys.readouterr().out


def test_several_targets_are_shown_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and as pages that lead to each other."""
    runs = [str(other(tmp_path / name, name, Verdict.PASS, Verdict.FAIL)) for name in ("a", "b")]
    assert run(["report", "matrix", *runs, "--html", str(tmp_path / "m")]) == 0
    assert "| a | 1.0 | 1 | 1 |" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "a-1-0.html",
        "b-1-0.html",
        "index.html",
    ]


def test_a_published_run_makes_the_standings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a document that is out of date is told."""
    published = str(tmp_path / "published")
    fit = other(tmp_path / "fit", "a", Verdict.PASS, commit="abc")
    assert run(["report", "publish", str(fit), "--into", published]) == 0
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    into = ["report", "standings", "--published", published, "--into", str(readme)]
    assert run([*into, "--check"]) == 1
    assert run(into) == 0
    assert run([*into, "--check"]) == 0
    assert "| a | 1.0 | 1 |" in readme.read_text()
    capsys.readouterr()


def shards(tmp_path: Path, *verdicts: Verdict) -> list[str]:
    """Runs that judged one claim each, as `--shard` makes them."""
    directories = []
    for number, verdict in enumerate(verdicts, 1):
        directory = tmp_path / f"shard{number}"
        directory.mkdir()
        options = {"target": "moto", "seed": number, "shard": f"{number}/{len(verdicts)}"}
        with ResultsWriter(directory / "results.jsonl") as writer:
            writer.write(msgspec.structs.replace(HEADER, run=f"r{number}", seed=number, options=options))
            writer.write(ResultRecord(f"PI-{number}", f"t.py::t{number}", "A promise.", verdict, "", 0.1))
            writer.close(msgspec.structs.replace(FOOTER, counts={str(verdict): 1}))
        directories.append(str(directory))
    return directories


def test_shards_are_put_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One run with the verdicts of all, a page, and the exit code of the whole."""
    whole = tmp_path / "whole"
    assert run(["report", "merge", *shards(tmp_path, Verdict.PASS, Verdict.FAIL), "--into", str(whole)]) == 1
    assert "0 of 2 judged claims" not in capsys.readouterr().out
    assert run(["report", str(whole), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["results"] == {"pass": 1, "fail": 1}
    assert "--select t2 --seed 2" in (whole / "report.html").read_text("utf-8")


def test_parts_of_two_targets_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the difference, and nothing is written."""
    runs = [str(other(tmp_path / name, name, Verdict.PASS, run=name)) for name in ("a", "b")]
    assert run(["report", "merge", *runs, "--into", str(tmp_path / "whole")]) == 2
    assert "The target is 'a' in a and 'b' in b" in capsys.readouterr().err
    assert not (tmp_path / "whole").exists()


def known(verdict: Verdict, directory: Path) -> str:
    """A run with one result that is listed as a known failure."""
    record = ResultRecord("PI-1", "t.py::t", "A promise.", verdict, "A reason.", 0.1)
    listed = KnownFailure("issue 7", "storage team", "2999-01-01")
    with ResultsWriter(directory / "results.jsonl") as writer:
        writer.write(HEADER)
        writer.write(msgspec.structs.replace(record, known=listed))
        writer.close(msgspec.structs.replace(FOOTER, counts={str(verdict): 1}))
    return str(directory)


def test_a_known_failure_is_shown_and_does_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its reason, its owner and its last day."""
    assert run(["report", known(Verdict.FAIL, tmp_path)]) == 0
    printed = capsys.readouterr().out
    for words in ("1 fail", "fail (known)  PI-1", "issue 7", "storage team", "2999-01-01"):
        assert words in printed


def test_a_known_failure_that_passes_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has to take it off the list."""
    assert run(["report", known(Verdict.PASS, tmp_path)]) == 1
    assert "unexpected pass  PI-1" in capsys.readouterr().out


def test_publishing_by_force_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without force an uncommitted suite is refused."""
    fit = str(other(tmp_path / "fit", "a", Verdict.PASS, commit="abc+"))
    published = str(tmp_path / "published")
    assert run(["report", "publish", fit, "--into", published]) == 2
    assert "not committed" in capsys.readouterr().err
    assert run(["report", "publish", fit, "--into", published, "--force"]) == 0
    assert run(["report", "standings", "--published", published]) == 0
    assert "`abc+`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["merge", "--into", "x"], "Which run?"),
        (["merge", "{run}", "--into", "x"], "nothing to merge"),
        (["merge", "{run}", "{run}", "--into", "x"], "named twice"),
        (["merge", "{run}", "--into", "{run}"], "holds one of the runs"),
        (["matrix"], "no run to show"),
        (["matrix", "{run}", "{run}"], "named twice"),
        (["matrix", "{run}", "--html", "{run}/results.jsonl"], "File exists"),
        (["diff", "{run}", "no-such-run"], "not a results file"),
        (["publish", "{run}"], "not published"),
        (["standings", "--into", "no-such.md"], "cannot read"),
    ],
)
def test_bad_input_has_a_cause(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    place = other(tmp_path / "run", "a", Verdict.PASS)
    assert run(["report", *(word.replace("{run}", str(place)) for word in arguments)]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in place.iterdir()] == ["results.jsonl"]
