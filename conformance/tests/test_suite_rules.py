"""Rules that every test of the suite keeps, so that a stranger can read each one and trust its verdict."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from ddbproof.conformance.judge import SUITE_DIRECTORY
from ddbproof.conformance.kit.claim import claims_of
from ddbproof.model.claims import Check, EvidenceKind, collect, load_registry

FILES = sorted(SUITE_DIRECTORY.glob("*.py"))
FIXTURES = {"here", "elsewhere", "third", "clock", "seen", "exchanges", "faults"}
# What a test may import of ours and of others; nothing that waits, guesses or reaches past the client.
ALLOWED_IMPORTS = {
    "__future__",
    "botocore.exceptions",
    "collections.abc",
    "concurrent.futures",
    "datetime",
    "ddbproof.conformance.kit",
    "ddbproof.conformance.kit.clock",
    "ddbproof.conformance.kit.faults",
    "ddbproof.conformance.kit.streams",
    "ddbproof.conformance.kit.tables",
    "ddbproof.conformance.kit.time_to_live",
    "ddbproof.reports.schema",
    "json",
    "re",
    "typing",
}


def module(path: Path) -> ModuleType:
    """The module of a suite file."""
    return import_module(f"ddbproof.conformance.suite.{path.stem}")


def suite_tests() -> list[FunctionType]:
    """Every function that pytest would take for a test."""
    return [
        value
        for path in FILES
        if path.stem.startswith("test_")
        for name, value in vars(module(path)).items()
        if name.startswith("test") and isinstance(value, FunctionType)
    ]


every_test = pytest.mark.parametrize("test", suite_tests(), ids=lambda test: test.__name__)


@every_test
def test_it_judges_claims_that_exist(test: FunctionType) -> None:
    """No test without a claim, no claim that the registry does not know, none that is documentation only."""
    registry = load_registry()
    claims = [registry.claim(claim_id) for claim_id in claims_of(test)]
    assert claims
    assert all(claim.checks != (Check.DOCUMENTATION,) for claim in claims)


@every_test
def test_it_states_its_promise_in_a_sentence(test: FunctionType) -> None:
    """The docstring is what the report shows."""
    promise = " ".join((inspect.getdoc(test) or "").split())
    assert promise.endswith(".")
    assert len(promise) < 200


@every_test
def test_it_takes_only_documented_fixtures(test: FunctionType) -> None:
    """And says of which type they are."""
    parameters = inspect.signature(test).parameters.values()
    assert {parameter.name for parameter in parameters} <= FIXTURES
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


def test_names_are_told_apart_without_their_files() -> None:
    """Selecting by a name selects one test."""
    counts = Counter(test.__name__ for test in suite_tests())
    assert counts.most_common(1)[0][1] == 1


def test_the_sharpest_claims_are_judged() -> None:
    """What the project was started for: the right second, the right items, replicas that agree."""
    judged = {claim_id for test in suite_tests() for claim_id in claims_of(test)}
    assert len(judged) >= 25
    assert judged >= {
        "PI-11",
        "PI-12",
        "PI-15",
        "PI-22",
        "RS-01",
        "RS-09",
        "BK-02",
        "ME-01",
        "ME-02",
        "GT-03",
    }


def test_evidence_is_collected_from_the_suite() -> None:
    """`ddbproof claims` knows each test by the decorator alone."""
    packages = {EvidenceKind.CONFORMANCE_TEST: ["ddbproof.conformance.suite"]}
    found = collect(packages, load_registry())
    for test in suite_tests():
        for claim_id in claims_of(test):
            assert any(one.where.endswith(f"::{test.__name__}") for one in found[claim_id])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_suite_only_asks_and_judges(path: Path) -> None:
    """It opens with prose, never sleeps, catches nothing wholesale, and has no asserts without a sentence."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= ALLOWED_IMPORTS
        elif isinstance(node, ast.ImportFrom):
            assert node.module in ALLOWED_IMPORTS
        elif isinstance(node, ast.Attribute):
            assert node.attr != "sleep"
        elif isinstance(node, ast.ExceptHandler):
            assert node.type is not None
            assert ast.unparse(node.type) in ("ClientError", "Violation")
        elif isinstance(node, ast.Assert):
            assert node.msg is not None, f"line {node.lineno}: an assert without a sentence"
