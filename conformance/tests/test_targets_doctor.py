"""The doctor says what is missing and what to do, and the command list says what there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ddbproof.cli.app import run
from ddbproof.conformance.targets.doctor import diagnose
from ddbproof.conformance.targets.products import PRODUCTS


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache and no commands but those that a test puts into this directory."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("DDBPROOF_CACHE", str(tmp_path / "cache"))
    return directory


def put(directory: Path, name: str, prints: str = "1.0", code: int = 0) -> None:
    """A command that prints a line."""
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    program.chmod(0o755)


def test_what_is_missing_is_named_with_a_hint(commands: Path) -> None:
    """One problem a command."""
    diagnosis = diagnose(PRODUCTS["dynamodb-local"])
    assert not diagnosis.healthy
    assert [problem for problem, _ in diagnosis.problems] == ["there is no java", "there is no npm"]
    assert all(hint for _, hint in diagnosis.problems)


@pytest.mark.parametrize(
    ("version", "healthy"),
    [
        ('openjdk version "17.0.15" 2025-04-15', True),
        ('openjdk version "21" 2025-04-15', True),
        ('java version "1.8.0_402"', False),
        ('openjdk version "11.0.2"', False),
    ],
)
def test_java_must_be_new_enough(commands: Path, version: str, healthy: bool) -> None:
    """Older ones end in a stack trace that nobody understands."""
    put(commands, "java", version)
    put(commands, "npm")
    assert diagnose(PRODUCTS["dynamodb-local"]).healthy is healthy


def test_a_command_that_stands_for_nothing_is_missing(commands: Path) -> None:
    """As the shims of version managers do."""
    put(commands, "npm", "no version is set", code=127)
    assert not diagnose(PRODUCTS["dynoxide"]).healthy


def test_another_platform_is_said(commands: Path) -> None:
    """With both names."""
    put(commands, "npm")
    ((problem, _),) = diagnose(replace(PRODUCTS["dynoxide"], platform="mars-riscv")).problems
    assert "mars-riscv" in problem


def test_a_cache_that_cannot_be_written_is_a_problem(commands: Path, tmp_path: Path) -> None:
    """Before anybody waits for a download."""
    (tmp_path / "cache").write_text("in the way")
    ((problem, hint),) = diagnose(PRODUCTS["moto"]).problems
    assert "cannot be written" in problem
    assert "DDBPROOF_CACHE" in hint


def test_the_command_has_an_exit_code(commands: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 if what was asked about can be had, 1 if not."""
    assert run(["targets", "doctor", "moto"]) == 0
    assert run(["targets", "doctor"]) == 1
    printed = capsys.readouterr().out
    assert "moto: can be installed" in printed
    assert "dynamodb-local: missing" in printed


def test_the_list_names_version_state_and_licence(commands: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a target."""
    assert run(["targets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for product in PRODUCTS.values():
        (line,) = [line for line in lines if line.startswith(f"{product.name} ")]
        assert product.version in line
        assert "not installed" in line
        assert product.licence in line


def test_a_licence_that_is_not_open_has_to_be_accepted(
    commands: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is fetched before; without a terminal the option is the way."""
    assert run(["targets", "install", "dynamodb-local"]) == 2
    captured = capsys.readouterr()
    assert "not open source" in captured.out
    assert "--accept-licence" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["targets", "install"], "Which target?"),
        (["targets", "install", "motto"], "Did you mean moto?"),
        (["targets", "doctor", "motto"], "Did you mean moto?"),
        (["targets", "start", "reference"], "ddbproof serve"),
        (["targets", "start", "moto", "--data", "x"], "memory"),
    ],
)
def test_bad_input_has_a_hint(
    arguments: list[str], words: str, commands: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And exit code 2."""
    assert run(arguments) == 2
    assert words in capsys.readouterr().err
