"""What a run tells, and to whom.

A run announces the selected tests once, then each test when it begins and when it has ended, and besides
what no single test says. Tests that run side by side are told about in the order in which they end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ddbproof.reports.schema import ResultRecord


@dataclass(frozen=True, slots=True)
class SelectedTest:
    """A test that will run: its name, the claims it judges, the promise in its docstring.

    `alone` is set when nothing else may run beside it, because it harms the endpoint.
    """

    test: str
    claims: tuple[str, ...]
    promise: str
    alone: bool = False


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


class Silent:
    """An observer that looks away; a base for those that want to see only some of it."""

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        """Nothing."""

    def started(self, test: str) -> None:
        """Nothing."""

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """Nothing."""

    def finding(self, kind: str, text: str) -> None:
        """Nothing."""
