"""The pytest plugin in a project of somebody else's: fixtures for its tests, and the suite under its runner."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddbproof.conformance.defects import plant
from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets import open_target

SUITE = ("--pyargs", "ddbproof.conformance.suite")


def run_pytest(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as a user types it, in a directory that knows nothing of us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", *arguments]
    return subprocess.run(
        command, cwd=directory, env=kept, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def reference() -> Iterator[Target]:
    """An endpoint that runs by itself."""
    with open_target("reference") as target:
        yield target


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """Every pytest of the user's environment pays for it."""
    heavy = ("z3", "hypothesis", "boto3", "botocore", "networkx", "uvicorn", "ddbproof.conformance.kit")
    code = (
        f"import sys, ddbproof.cli.pytest_plugin; sys.exit(' '.join(set({heavy!r}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_application_test_gets_an_endpoint(tmp_path: Path) -> None:
    """Its own in the process, empty each time; or one over HTTP. Both can be moved in time."""
    (tmp_path / "test_app.py").write_text(
        """
import os
import boto3
import pytest

def make_table(client):
    client.create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

@pytest.mark.parametrize("time", [1, 2])
def test_own_store(ddbproof_store, time):
    client = ddbproof_store.client("us-east-1")
    assert client.list_tables()["TableNames"] == []
    make_table(client)
    ddbproof_store.clock.advance(3600)

def test_served_endpoint(ddbproof_endpoint, monkeypatch):
    make_table(ddbproof_endpoint.client())
    ddbproof_endpoint.advance(3600)
    for name, value in ddbproof_endpoint.environment.items():
        monkeypatch.setenv(name, value)
    assert boto3.client("dynamodb").list_tables()["TableNames"] == ["table"]
"""
    )
    done = run_pytest(tmp_path)
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_suite_runs_against_an_endpoint_and_leaves_nothing(reference: Target, tmp_path: Path) -> None:
    """Tests can be chosen by area, by what people call it, and by claim."""
    url = reference.endpoints["us-east-1"]
    done = run_pytest(tmp_path, "--ddbproof-endpoint", url, *SUITE, "-k", "PI-12 or RS-01 or CTL-03")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ddbproof: judging 127.0.0.1" in done.stdout
    assert "PASSED" in done.stdout
    done = run_pytest(tmp_path, "--ddbproof-endpoint", url, *SUITE, "-k", "pitr", "--collect-only", "-q")
    assert "test_recovery.py::" in done.stdout
    assert "test_backups.py::test_a_backup_is_announced" not in done.stdout
    from ddbproof.conformance.kit.wire import Wire

    assert Wire(reference).client("us-east-1").list_tables()["TableNames"] == []


def test_a_broken_promise_is_a_failed_test(reference: Target, tmp_path: Path) -> None:
    """With the reason in one sentence, and no traceback of ours."""
    with plant("deletion-protection-ignored", reference) as behind:
        url = behind.endpoints["us-east-1"]
        done = run_pytest(tmp_path, "--ddbproof-endpoint", url, *SUITE, "-k", "CTL-03")
    assert done.returncode == 1
    assert "fail: " in done.stdout
    assert "Traceback" not in done.stdout


def test_what_is_not_testable_is_skipped_with_the_reason(reference: Target, tmp_path: Path) -> None:
    """Here for want of a second Region."""
    url = f"us-east-1={reference.endpoints['us-east-1']}"
    done = run_pytest(tmp_path, "--ddbproof-endpoint", url, *SUITE, "-k", "ME-01")
    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "2 Regions" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--ddbproof-endpoint", "http://127.0.0.1:9"), "Nothing listens at http://127.0.0.1:9"),
        (("--ddbproof-endpoint", "http://127.0.0.1:9", "--ddbproof-target", "moto"), "exclude each other"),
        (("--ddbproof-target", "motto"), "There is no target 'motto'"),
    ],
)
def test_bad_input_is_a_usage_error(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """One line, before anything is run."""
    done = run_pytest(tmp_path, *arguments, *SUITE)
    assert done.returncode == 4
    assert words in done.stderr
    assert "Traceback" not in done.stderr
