"""Verdicts: what a test can say about a target, and nothing else.

Only `pass` is green. `error` is our own fault and never counts against the target.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The outcome of one test for one claim."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    DIFFERS = "differs"
    INCONCLUSIVE = "inconclusive"
    UNSUPPORTED = "unsupported"
    NOT_TESTABLE = "not testable here"
    ERROR = "error"


MEANING = {
    Verdict.PASS: "The target did what the claim says.",
    Verdict.FAIL: "The target broke a promise that AWS documents.",
    Verdict.DIFFERS: "The target did otherwise than a source that is not a contract (paper, observation, inference).",
    Verdict.INCONCLUSIVE: "Nothing can be said: the test could not be carried to its end, or the answer was lawful either way.",
    Verdict.UNSUPPORTED: "The target refused the feature explicitly.",
    Verdict.NOT_TESTABLE: "The test needs something this target or this run does not offer, for example a clock that can be moved.",
    Verdict.ERROR: "The test itself failed. This is our fault and says nothing about the target.",
}

# From the one a reader must see first to the one that needs no attention.
WORST_FIRST = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.DIFFERS,
    Verdict.INCONCLUSIVE,
    Verdict.UNSUPPORTED,
    Verdict.NOT_TESTABLE,
    Verdict.PASS,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict on a claim that several tests judged; None when none did."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), None)


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """The exit code a run with these verdicts deserves: 1 violations, 5 our error, 4 inconclusive, 0.

    No verdict at all says nothing about the target, so it is inconclusive and not ok.
    """
    found = set(verdicts)
    if Verdict.FAIL in found:
        return 1
    if Verdict.ERROR in found:
        return 5
    return 4 if Verdict.INCONCLUSIVE in found or not found else 0
