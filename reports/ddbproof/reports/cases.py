"""What did not pass, test by test, with all that somebody needs who has to mend it.

One test may judge several claims; when it fails, that is one thing to mend, so it is one case: the promise it
tried to break, what was seen instead, the rules with their sources, every attempt, the requests and answers in
their order, and the command that judges just this again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ddbproof.reports.bodies import Body, body
from ddbproof.reports.commands import command_of_test
from ddbproof.reports.outcome import is_known_failure
from ddbproof.reports.pages import anchor
from ddbproof.reports.schema import Exchange, ResultRecord
from ddbproof.reports.summary import ClaimRow, Summary
from ddbproof.reports.verdicts import WORST_FIRST, Verdict

STEPS_SHOWN = 12


@dataclass(frozen=True)
class Step:
    """One request and its answer; `times` when the same was sent and answered several times in a row."""

    number: int
    exchange: Exchange
    times: int = 1

    @cached_property
    def request(self) -> Body:
        """What was sent."""
        return body(self.exchange.request)

    @cached_property
    def response(self) -> Body:
        """What was answered."""
        return body(self.exchange.response)

    @property
    def is_refused(self) -> bool:
        """Whether the answer was an error."""
        return self.exchange.status >= 400


@dataclass(frozen=True)
class Case:
    """One test that did not pass. `rules` are the claims it judges with their results, which are at least one."""

    anchor: str
    rules: tuple[tuple[ClaimRow, ResultRecord, str], ...]
    command: str

    @property
    def first(self) -> ResultRecord:
        """The gravest of its results; attempts, steps and reason are those of all."""
        return self.rules[0][1]

    @property
    def verdict(self) -> Verdict:
        """The gravest verdict."""
        return self.first.verdict

    @property
    def is_known(self) -> bool:
        """Whether the list of known failures explains all of it."""
        return all(is_known_failure(result) for _, result, _ in self.rules)

    @cached_property
    def steps(self) -> list[Step]:
        """The last requests and answers, in their order; what is the same several times in a row is one step."""
        steps: list[Step] = []
        for number, exchange in enumerate(self.first.exchanges, 1):
            if steps and steps[-1].exchange == exchange:
                steps[-1] = Step(steps[-1].number, exchange, steps[-1].times + 1)
            else:
                steps.append(Step(number, exchange))
        return steps[-STEPS_SHOWN:]

    @property
    def course(self) -> list[tuple[str, int, int]]:
        """The steps in a few words: operation, status, how often in a row."""
        course: list[tuple[str, int, int]] = []
        for step in self.steps:
            words = (step.exchange.operation, step.exchange.status)
            if course and course[-1][:2] == words:
                course[-1] = (*words, course[-1][2] + step.times)
            else:
                course.append((*words, step.times))
        return course


def cases_of(summary: Summary) -> list[Case]:
    """Every test that did not pass: the gravest first, known failures after those that count."""
    found: dict[str, list[ResultRecord]] = {}
    for result in summary.to_explain:
        found.setdefault(result.test, []).append(result)
    taken = {*summary.claims, *(row.seed.id for row in summary.seeds)}
    cases = []
    for test, results in found.items():
        name = _free(anchor(f"test-{test}"), taken)
        rules = tuple(
            (summary.claims[result.claim], result, _free(anchor(f"case-{result.claim}-{test}"), taken))
            for result in results
        )
        cases.append(Case(name, rules, command_of_test(summary.results.header, test)))
    return sorted(cases, key=lambda case: (WORST_FIRST.index(case.verdict), case.is_known))


def groups_of(cases: Sequence[Case]) -> list[tuple[Verdict, bool, list[Case]]]:
    """Cases by verdict, those that are known apart from those that count."""
    groups: dict[tuple[Verdict, bool], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.verdict, case.is_known), []).append(case)
    return [(verdict, known, found) for (verdict, known), found in groups.items()]


def places_of(cases: Sequence[Case]) -> dict[tuple[str, str], str]:
    """Where on the page a result is, by claim and test."""
    return {(result.claim, result.test): place for case in cases for _, result, place in case.rules}


def _free(name: str, taken: set[str]) -> str:
    """A name that no other place of the page has: two tests may differ only in what an anchor leaves out."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free
