"""One pytest session over the suite, inside this process: with our plugin and nobody else's.

The user's own conftest, configuration, environment variables and installed plugins have no part in a verdict,
and pytest's exit codes and output go nowhere.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ddbproof.conformance.kit.fixtures import Fixtures, World
from ddbproof.conformance.observer import Observer, SelectedTest, Silent
from ddbproof.conformance.plan import Plan
from ddbproof.conformance.plugin import Feed, JudgePlugin

SUITE_DIRECTORY = Path(__file__).parent / "suite"


def run_session(
    plan: Plan,
    world: World,
    observer: Observer,
    suite_directory: Path = SUITE_DIRECTORY,
    *,
    feed: Feed | None = None,
) -> JudgePlugin:
    """Runs the selected tests; the plugin afterwards tells how it went.

    Raises RuntimeError for what is our own fault: a suite that cannot be collected, a run that broke off.
    """
    plugin = JudgePlugin(plan, world, observer, feed)
    try:
        with _alone():
            code = pytest.main(_arguments(suite_directory), plugins=[plugin, Fixtures(world)])
        # pytest says the same of a suite that it cannot collect.
        plugin.interrupted |= code == pytest.ExitCode.INTERRUPTED and plugin.collection_problem is None
    except KeyboardInterrupt:
        plugin.interrupted = True
    if not plugin.interrupted and plugin.collection_problem is not None:
        raise RuntimeError(plugin.collection_problem)
    return plugin


def list_tests(plan: Plan, *, suite_directory: Path = SUITE_DIRECTORY) -> list[SelectedTest]:
    """What would run, without a single request."""
    found: list[SelectedTest] = []

    class Listing(Silent):
        def selected(self, tests: Sequence[SelectedTest]) -> None:
            found.extend(tests)

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
