"""What results come to for a program: the exit code, with known failures and unexpected passes taken into account.

A failure that the user's list knows does not count, and is still a failure to whoever reads. A result that the
list expects to fail and that passes is unexpected and counts as a violation: the list is out of date.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.verdicts import Verdict, exit_code

_VIOLATION_EXIT_CODE = 1
_FAILURES = (Verdict.FAIL, Verdict.DIFFERS)


def is_known_failure(result: ResultRecord) -> bool:
    """Whether it failed and the user's list says so."""
    return result.known is not None and result.verdict in _FAILURES


def is_unexpected_pass(result: ResultRecord) -> bool:
    """Whether it passed although the user's list says that it fails."""
    return result.known is not None and result.verdict is Verdict.PASS


def exit_code_of(results: Iterable[ResultRecord]) -> int:
    """The exit code that a run with these results deserves: 1 violations, 5 our error, 4 inconclusive, 0."""
    every: Sequence[ResultRecord] = list(results)
    if any(is_unexpected_pass(result) for result in every):
        return _VIOLATION_EXIT_CODE
    counting = [result.verdict for result in every if not is_known_failure(result)]
    # Nothing but known failures is a run as expected; no result at all says nothing.
    return exit_code(counting) if counting or not every else 0
