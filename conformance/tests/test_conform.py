"""`ddbproof conform` as a person meets it: bad input, interruption, and what a run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets import open_target, probe
from ddbproof.reports.reader import read_results

COMMAND = [sys.executable, "-m", "ddbproof.cli", "conform"]
PREFIX = "ddbproof-"


@pytest.fixture(scope="module")
def reference() -> Iterator[Target]:
    """A reference endpoint that runs by itself, as an endpoint of the user's would."""
    with open_target("reference") as target:
        yield target


def environment(**more: str) -> dict[str, str]:
    """Ours without credentials, so that nothing of the machine's signs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **more}


def conform(directory: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a directory of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=directory,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def ask(target: Target, region: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """One request to the endpoint itself."""
    url = target.endpoints[region]
    answer = probe.ask(url, region, target.credentials, operation, json.dumps(parameters).encode(), 10.0)
    assert answer.status == 200
    assert answer.document is not None
    return answer.document


def left_behind(target: Target) -> list[str]:
    """Tables and backups of any run, in every Region."""
    found = []
    for region in target.regions:
        names = ask(target, region, "ListTables")["TableNames"]
        summaries = ask(target, region, "ListBackups", BackupType="ALL")["BackupSummaries"]
        found += [name for name in names if name.startswith(PREFIX)]
        found += [one["BackupArn"] for one in summaries if one["TableName"].startswith(PREFIX)]
    return found


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--endpoint", "http://127.0.0.1:9"], 3, "Nothing listens at http://127.0.0.1:9"),
        (["--endpoint", "https://dynamodb.eu-west-1.amazonaws.com"], 2, "AWS itself"),
        (["--endpoint", "localhost:8000"], 2, "not a URL"),
        (["--endpoint", "http://192.0.2.1:1"], 2, "no key pair"),
        (["--endpoint", "http://127.0.0.1:9", "--profile", "nobody"], 2, "no profile"),
        (["--endpoint", "http://127.0.0.1:9", "--target", "moto"], 2, "exclude each other"),
        (["--profile", "nobody"], 2, "--endpoint"),
        (["--target", "motto"], 2, "Did you mean moto?"),
        (["--target", "moto"], 2, "ddbproof targets install moto"),
        (["--select", "PI-122"], 2, "PI-12"),
        (["--select", "QQ-*"], 2, "No claim matches"),
        (["--area", "recovary"], 2, "recovery"),
        (["--defect", "conditions-ignore"], 2, "conditions-ignored"),
        (["--seed", "-1"], 2, "--seed"),
        (["--select", "no_such_test"], 2, "Nothing is selected"),
        (["--list", "--select", "no_such_test"], 2, "Nothing is selected"),
        (["--report", "a-file"], 2, "a-file"),
        (["--nonsense"], 2, "nonsense"),
        (["--jobs", "0"], 2, "--jobs must be a number from 1"),
        (["--shard", "4/3"], 2, "I/N"),
        (["--shard", "half"], 2, "I/N"),
        (["--time-limit-minutes", "0"], 2, "--time-limit-minutes"),
        (["--known-failures", "absent.toml"], 2, "absent.toml cannot be read"),
        (["--hooks", "absent.toml"], 2, "absent.toml cannot be read"),
        (["--hooks", "a-file"], 2, "a-file cannot be read"),
        (["--endpoint", "http://127.0.0.1:9", "--defect", "legal-lag"], 2, "two copies"),
    ],
)
def test_bad_input_is_one_line_a_hint_and_the_right_code(
    arguments: list[str], code: int, part: str, tmp_path: Path
) -> None:
    """Cause and hint on standard error, no traceback, and nothing written."""
    (tmp_path / "a-file").write_text("in the way")
    done = conform(tmp_path, *arguments, DDBPROOF_CACHE=str(tmp_path / "no-cache"))
    assert done.returncode == code, done.stderr
    assert part in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["a-file"]


def test_a_run_leaves_a_whole_report_and_no_resource(reference: Target, tmp_path: Path) -> None:
    """Results with a footer, a page, the way to repeat the run; nothing at the endpoint, nothing half written."""
    url = reference.endpoints["us-east-1"]
    done = conform(
        tmp_path,
        "--endpoint",
        url,
        "--select",
        "CTL-01",
        "--select",
        "CTL-03",
        "--seed",
        "7",
        "--report",
        "here",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(entry.name for entry in (tmp_path / "here").iterdir()) == ["report.html", "results.jsonl"]
    results = read_results(tmp_path / "here" / "results.jsonl")
    assert results.footer is not None
    assert results.footer.exit == 0
    assert results.footer.interrupted is False
    assert results.header.seed == 7
    assert results.header.options == {"endpoint": [url], "select": ["CTL-01", "CTL-03"], "seed": 7}
    assert set(results.header.versions) == {"python", "boto3", "botocore", "service_model"}
    assert {result.claim for result in results.results} == {"CTL-01", "CTL-03"}
    assert len(results.claims) > 200
    assert len(results.seeds) == 32
    assert "2 of 2 claims passed" in done.stdout
    assert (
        f"again:  ddbproof conform --endpoint {url} --select CTL-01 --select CTL-03 --seed 7" in done.stdout
    )
    assert left_behind(reference) == []


def test_a_violation_is_exit_code_1_and_names_the_defect(reference: Target, tmp_path: Path) -> None:
    """Behind a planted defect the run fails, and says that it was planted."""
    url = reference.endpoints["us-east-1"]
    arguments = ["--endpoint", url, "--select", "PART-10", "--defect", "scan-forward-ignored"]
    done = conform(tmp_path, *arguments, "--report", ".")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "scan-forward-ignored" in done.stdout
    results = read_results(tmp_path / "results.jsonl")
    assert results.header.target.defect == "scan-forward-ignored"
    assert any(result.exchanges for result in results.results)
    assert reference.credentials.secret_access_key not in (tmp_path / "results.jsonl").read_text()


def test_a_report_has_a_place_of_its_own_by_default(reference: Target, tmp_path: Path) -> None:
    """Without --report it goes to reports/runs, under the time and the target."""
    done = conform(tmp_path, "--endpoint", reference.endpoints["us-east-1"], "--select", "AP-16")
    assert done.returncode == 0, done.stdout + done.stderr
    (place,) = (tmp_path / "reports" / "runs").iterdir()
    assert place.name.endswith("Z-127-0-0-1-" + reference.endpoints["us-east-1"].rpartition(":")[2])
    assert f"report: {place.relative_to(tmp_path) / 'report.html'}" in done.stdout


def test_listing_needs_no_target(tmp_path: Path) -> None:
    """--list and --list-defects tell what there is, and write nothing."""
    listed = conform(tmp_path, "--list", "--select", "PI-11")
    assert listed.returncode == 0, listed.stderr
    assert "test_recovery.py::" in listed.stdout
    defects = conform(tmp_path, "--list-defects")
    assert defects.returncode == 0, defects.stderr
    assert "restore-ignores-instant" in defects.stdout
    assert list(tmp_path.iterdir()) == []


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listing.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def lives(pid: int) -> bool:
    """Whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def interrupted(directory: Path, number: int, *arguments: str) -> tuple[int, str, list[int]]:
    """Run, send the signal after the second finished test; exit code, output, the children it had."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=directory,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        finished = 0
        for line in process.stdout:
            lines.append(line)
            finished += line.startswith("pass")
            if finished == 2:
                break
        started = children(process.pid)
        process.send_signal(number)
        lines += process.stdout.readlines()
        return process.wait(60), "".join(lines), started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_removes_what_it_made(number: int, reference: Target, tmp_path: Path) -> None:
    """Exit code 130, a report that says it is not complete, and nothing left at the endpoint."""
    url = reference.endpoints["us-east-1"]
    code, output, _ = interrupted(tmp_path, number, "--endpoint", url, "--report", "here")
    assert code == 130, output
    assert "Traceback" not in output
    results = read_results(tmp_path / "here" / "results.jsonl")
    assert results.footer is not None
    assert results.footer.interrupted is True
    assert results.footer.exit == 130
    assert results.footer.leftovers == []
    assert left_behind(reference) == []


def test_an_interrupted_run_stops_the_target_it_launched(tmp_path: Path) -> None:
    """The launched endpoint is gone when the command is."""
    code, output, started = interrupted(tmp_path, signal.SIGINT)
    assert code == 130, output
    assert started
    deadline = time.monotonic() + 10
    while any(map(lives, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in started if lives(pid)] == []


ONE = "test_a_protected_table_cannot_be_deleted"
KNOWN = """
[[known]]
claim = "CTL-03"
reason = "a planted defect"
owner = "the tests"
expires = {expires}
"""


@pytest.mark.parametrize(
    ("defect", "expires", "code", "words"),
    [
        ("deletion-protection-ignored", "2999-01-01", 0, "fail (known)"),
        ("deletion-protection-ignored", "2020-01-01", 1, "the entry expired"),
        ("identity", "2999-01-01", 1, "passes"),
    ],
    ids=["known", "expired", "unexpected pass"],
)
def test_a_known_failure_does_not_count_until_it_expires_or_passes(
    defect: str, expires: str, code: int, words: str, tmp_path: Path
) -> None:
    """What is new counts; and a list that nobody tends counts too."""
    (tmp_path / "known.toml").write_text(KNOWN.format(expires=expires))
    done = conform(
        tmp_path, "--defect", defect, "--select", ONE, "--known-failures", "known.toml", "--report", "r"
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout
    (result,) = read_results(tmp_path / "r" / "results.jsonl").results
    assert (result.known is None) == ("expired" in words)


def test_jobs_judge_as_one_does_and_leave_nothing(reference: Target, tmp_path: Path) -> None:
    """With the endpoint shared by all of them, as any endpoint is that we did not launch."""
    url = reference.endpoints["us-east-1"]
    done = conform(tmp_path, "--endpoint", url, "--select", "RC-0*", "--jobs", "3", "--report", "here")
    assert done.returncode == 0, done.stdout + done.stderr
    results = read_results(tmp_path / "here").results
    judged = [(result.test, result.claim) for result in results]
    assert len(set(judged)) == len(judged) > 2
    assert left_behind(reference) == []


def test_ctrl_c_in_several_jobs_leaves_nothing(reference: Target, tmp_path: Path) -> None:
    """Every process ends, and the report says that the run was interrupted."""
    url = reference.endpoints["us-east-1"]
    command = [*COMMAND, "--endpoint", url, "--jobs", "3", "--report", str(tmp_path / "here")]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("pass"):
                break
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
    assert run.returncode == 130, rest
    footer = read_results(tmp_path / "here").footer
    assert footer is not None
    assert footer.interrupted
    assert left_behind(reference) == []
