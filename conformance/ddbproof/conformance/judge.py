"""Judging: runs the suite against a target and tells an observer what it finds.

pytest runs the tests, in this process, with our plugin and nobody else's: the user's own conftest,
configuration, environment variables and installed plugins have no part in a verdict, and pytest's exit codes
and output go nowhere. Whatever happens, Ctrl-C included, what the run created is removed before `judge`
returns.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from ddbproof.conformance.kit import sweep as sweeping
from ddbproof.conformance.kit.fixtures import Fixtures, World
from ddbproof.conformance.plan import Plan
from ddbproof.conformance.plugin import JudgePlugin
from ddbproof.reports.schema import ResultRecord

SUITE_DIRECTORY = Path(__file__).parent / "suite"


@dataclass(frozen=True, slots=True)
class SelectedTest:
    """A test that will run: its name, the claims it judges, the promise in its docstring."""

    test: str
    claims: tuple[str, ...]
    promise: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a run ended. `unreachable` says why the target was given up; `leftovers` what could not be removed."""

    interrupted: bool
    unreachable: str | None
    selected_count: int
    leftovers: tuple[str, ...]


class Observer(Protocol):
    """Is told what happens, in order."""

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        """Once, before the first test; empty when nothing matches the selection."""

    def started(self, test: str) -> None:
        """A test begins."""

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """A test has ended; one record for each claim it judges."""

    def finding(self, kind: str, text: str) -> None:
        """Something was seen that no single test says."""


def judge(plan: Plan, observer: Observer, *, suite_directory: Path = SUITE_DIRECTORY) -> Judgement:
    """Runs the selected tests of the suite; never raises for anything the target does."""
    world = World(plan)
    plugin = JudgePlugin(plan, world, observer)
    interrupted = False
    try:
        with _alone():
            code = pytest.main(_arguments(suite_directory), plugins=[plugin, Fixtures(world)])
        interrupted = code == pytest.ExitCode.INTERRUPTED and plugin.interrupted
        if not interrupted and plugin.collection_problem is not None:
            raise RuntimeError(plugin.collection_problem)
    except KeyboardInterrupt:
        interrupted = True
    leftovers: tuple[str, ...] = ()
    left: list[str] = []
    if plugin.touched_target and plugin.unreachable is None:
        try:
            clients = [(name, world.wire.client(name)) for name in plan.target.regions]
            leftovers = sweeping.sweep(clients, plan.prefix, left=left)
        except KeyboardInterrupt:
            interrupted = True
            leftovers = (*left, f"cleaning was interrupted: anything named {plan.prefix}* may be left")
    if plugin.internal_error is not None:
        raise RuntimeError(f"the run broke off: {plugin.internal_error!r}") from plugin.internal_error
    for leftover in leftovers:
        observer.finding("left behind", leftover)
    return Judgement(interrupted, plugin.unreachable, plugin.selected_count, leftovers)


def list_tests(plan: Plan, *, suite_directory: Path = SUITE_DIRECTORY) -> list[SelectedTest]:
    """What `judge` would run, without a single request."""
    found: list[SelectedTest] = []

    class Listing:
        def selected(self, tests: Sequence[SelectedTest]) -> None:
            found.extend(tests)

        def started(self, test: str) -> None: ...

        def finished(self, test: str, records: Sequence[ResultRecord]) -> None: ...

        def finding(self, kind: str, text: str) -> None: ...

    world = World(plan)
    plugin = JudgePlugin(plan, world, Listing())
    with _alone():
        pytest.main([*_arguments(suite_directory), "--collect-only"], plugins=[plugin, Fixtures(world)])
    if plugin.collection_problem is not None:
        raise RuntimeError(plugin.collection_problem)
    return found


def _arguments(suite_directory: Path) -> list[str]:
    return [
        str(suite_directory),
        "-c",
        str(SUITE_DIRECTORY / "pytest.ini"),
        f"--rootdir={suite_directory}",
        f"--confcutdir={suite_directory}",
        "--import-mode=importlib",
        "--capture=no",
        *("-p", "no:terminal"),
        *("-p", "no:cacheprovider"),
        # These two collect garbage again and again to find leaks of ours, half a second of it in each run.
        *("-p", "no:unraisableexception"),
        *("-p", "no:threadexception"),
    ]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """No variables that steer pytest, no plugins of others, no output."""
    ours = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    removed = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG", "PYTEST_CURRENT_TEST")
    before = {name: os.environ.get(name) for name in (*ours, *removed)}
    for name in removed:
        os.environ.pop(name, None)
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
