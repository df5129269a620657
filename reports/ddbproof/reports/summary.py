"""What a results file comes to: verdicts on claims, coverage in words, and where each seed statement ends.

A result is what one test says about one claim; the verdict on a claim is the gravest of its results. A score
never stands alone: beside what passed stands how much of what a client could test has a test at all.

A status is a word for the reader: the verdict of this run, else the strongest evidence there is, else `no
evidence yet`. Evidence other than a verdict speaks of the project's own model and code, not of the target.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ddbproof.reports.commands import commands_of_run
from ddbproof.reports.outcome import exit_code_of, is_known_failure, is_unexpected_pass
from ddbproof.reports.reader import Results
from ddbproof.reports.redact import redacted, redacted_data
from ddbproof.reports.schema import ClaimRecord, KnownFailure, ResultRecord, SeedRecord
from ddbproof.reports.verdicts import WORST_FIRST, Verdict, worst

NO_EVIDENCE = "no evidence yet"
DOCUMENTATION_ONLY = "documentation only"
OUT_OF_SCOPE = "out of scope"
EVIDENCE = "evidence"
# Strongest first; a kind that is not listed comes after these.
EVIDENCE_KINDS = ("proof", "state machine", "conformance test", "simulation", DOCUMENTATION_ONLY)
_CONFORMANCE_TEST = "conformance test"
_CLIENT_CHECKS = {"C", "C*"}
# These say something about the target; the others say why nothing can be said.
_DECIDED = {Verdict.PASS, Verdict.FAIL, Verdict.DIFFERS}
_UNREACHABLE_EXIT_CODE = 3
_INCOMPLETE_EXIT_CODE = 4


@dataclass(frozen=True)
class ClaimRow:
    """A claim with what this run says of it."""

    claim: ClaimRecord
    results: tuple[ResultRecord, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The gravest verdict of its tests; None if this run did not judge it."""
        return worst(result.verdict for result in self.results)

    @property
    def status(self) -> str:
        """A verdict, else the strongest kind of evidence, else `no evidence yet`."""
        kinds = sorted({evidence.kind for evidence in self.claim.evidence}, key=_strength)
        return str(self.verdict) if self.verdict is not None else (kinds or [NO_EVIDENCE])[0]

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass: the reason of each result with the claim's verdict."""
        if self.verdict in (None, Verdict.PASS):
            return []
        found = (result.reason for result in self.results if result.verdict is self.verdict and result.reason)
        return list(dict.fromkeys(found))

    @property
    def known(self) -> KnownFailure | None:
        """What the list of known failures says of it, if that explains every result with the claim's verdict."""
        found = [result for result in self.results if result.verdict is self.verdict]
        return found[0].known if found and all(map(is_known_failure, found)) else None

    @property
    def seen(self) -> dict[str, str]:
        """Lawful choices that were observed."""
        return {name: value for result in self.results for name, value in result.seen.items()}

    @property
    def testable(self) -> bool:
        """Whether a client could test it, on any endpoint."""
        return not _CLIENT_CHECKS.isdisjoint(self.claim.checks)

    @property
    def tested(self) -> bool:
        """Whether there is a conformance test, in this run or not."""
        return bool(self.results) or any(one.kind == _CONFORMANCE_TEST for one in self.claim.evidence)

    @property
    def has_evidence(self) -> bool:
        """Whether anything but documentation supports or refutes it."""
        return self.verdict in _DECIDED or any(
            evidence.kind != DOCUMENTATION_ONLY for evidence in self.claim.evidence
        )

    @property
    def is_documented_only(self) -> bool:
        """Whether documentation is all there is."""
        return bool(self.claim.evidence) and not self.has_evidence


@dataclass(frozen=True)
class SeedRow:
    """A seed statement with the claims that decide it."""

    seed: SeedRecord
    claims: tuple[ClaimRow, ...]

    @property
    def ends_in(self) -> str:
        """`evidence`, `documentation only`, `no evidence yet` or `out of scope`."""
        if any(row.has_evidence for row in self.claims):
            return EVIDENCE
        if any(row.is_documented_only for row in self.claims):
            return DOCUMENTATION_ONLY
        return OUT_OF_SCOPE if not self.claims and self.seed.verdict == OUT_OF_SCOPE else NO_EVIDENCE

    @property
    def status(self) -> str:
        """The status of its claims that a reader must see first."""
        return next(iter(self.by_status), self.ends_in)

    @property
    def share(self) -> str:
        """How many of its claims have that status, such as `1/2`; empty when all of them do."""
        alike = len(self.by_status.get(self.status, self.claims))
        return "" if alike == len(self.claims) else f"{alike}/{len(self.claims)}"

    @property
    def sources(self) -> list[str]:
        """Where it is documented, for a statement that documentation alone supports."""
        if self.ends_in != DOCUMENTATION_ONLY:
            return []
        return list(dict.fromkeys(row.claim.source for row in self.claims if row.is_documented_only))

    @property
    def by_status(self) -> dict[str, list[ClaimRow]]:
        """Its claims by status, what a reader must see first at the front."""
        return group_by_status(self.claims)


@dataclass(frozen=True)
class Area:
    """Claims that belong together."""

    key: str
    title: str
    claims: list[ClaimRow] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Number of claims by status."""
        return {status: len(rows) for status, rows in group_by_status(self.claims).items()}


class Summary:
    """Everything reports say about results, counted once for all of them."""

    def __init__(self, results: Results) -> None:
        self.results = results
        judged: dict[str, list[ResultRecord]] = {}
        for result in results.results:
            judged.setdefault(result.claim, []).append(result)
        # A file may lack a claim that it judges; what the test promises then stands for it.
        strangers = [_stranger(found[0]) for claim, found in judged.items() if claim not in results.claims]
        self.claims = {
            claim.id: ClaimRow(claim, tuple(judged.get(claim.id, ())))
            for claim in [*results.claims.values(), *strangers]
        }
        self.seeds = [
            SeedRow(seed, tuple(self._row(claim) for claim in seed.claims)) for seed in results.seeds.values()
        ]
        self.counts = _in_order(result.verdict for result in results.results)
        self.claim_counts = _in_order(row.verdict for row in self.judged if row.verdict is not None)

    def _row(self, claim: str) -> ClaimRow:
        unknown = ClaimRecord(claim, "(this claim is not in the results file)", "", "", "", "", [], [])
        return self.claims.get(claim) or ClaimRow(unknown, ())

    @property
    def judged(self) -> list[ClaimRow]:
        """Claims that a test of this run judged."""
        return [row for row in self.claims.values() if row.results]

    @property
    def known_failures(self) -> list[ResultRecord]:
        """Results that did not pass as the user's list of known failures expects; they do not count."""
        return [result for result in self.to_explain if is_known_failure(result)]

    @property
    def unexpected_passes(self) -> list[ResultRecord]:
        """Results that passed although the list expects a failure; they count as violations."""
        return [result for result in self.results.results if is_unexpected_pass(result)]

    @property
    def _failed(self) -> list[ClaimRow]:
        return [row for row in self.judged if row.verdict is Verdict.FAIL]

    @property
    def passed(self) -> int:
        """Number of judged claims that passed in every test."""
        return self.claim_counts.get(Verdict.PASS, 0)

    @property
    def testable(self) -> list[ClaimRow]:
        """Claims that a client could test."""
        return [row for row in self.claims.values() if row.testable]

    @property
    def tested(self) -> list[ClaimRow]:
        """Those of the testable claims that have a test."""
        return [row for row in self.testable if row.tested]

    @property
    def areas(self) -> list[Area]:
        """Claims by area, in the order of the file."""
        found: dict[str, Area] = {}
        for row in self.claims.values():
            key = row.claim.area
            found.setdefault(key, Area(key, row.claim.area_title or key)).claims.append(row)
        return list(found.values())

    @property
    def to_explain(self) -> list[ResultRecord]:
        """Results other than `pass`, the gravest first, otherwise in the order of the file."""
        others = [result for result in self.results.results if result.verdict is not Verdict.PASS]
        return sorted(others, key=lambda result: WORST_FIRST.index(result.verdict))

    @property
    def headline(self) -> str:
        """The outcome in one sentence; read it together with `coverage`."""
        sentence = _outcome(self.claim_counts, sum(row.known is not None for row in self._failed))
        if self.unexpected_passes:
            count = _number(len(self.unexpected_passes), "known failure")
            sentence += f" {count} {_verb(len(self.unexpected_passes), 'pass')} against expectation."
        if self.results.header.target.defect is not None:
            sentence = f"With the planted defect: {sentence[0].lower()}{sentence[1:]}"
        return (
            sentence
            if self.interruption is None
            else f"Until it stopped: {sentence[0].lower()}{sentence[1:]}"
        )

    @property
    def coverage(self) -> str:
        """How much was judged, of how much that could be, in words."""
        judged, tested = self.judged, self.tested
        words = f"{self.passed} of {_number(len(judged), 'judged claim')} {_verb(self.passed, 'pass')}; "
        words += f"{len(tested)} of {_number(len(self.testable), 'claim')} that a client could test"
        words += " has a test" if len(tested) == 1 else " have a test"
        here = sum(bool(row.results) for row in tested)
        if here < len(tested):
            words += f", {here} of which this run judged"
        # Some tests also say something of a claim that is not marked as one for clients.
        beyond = len(judged) - here
        if beyond:
            words += f"; {beyond} of the judged claims {'is' if beyond == 1 else 'are'} not among these"
        return words

    @property
    def interruption(self) -> str | None:
        """Why the run is not complete, if it is not."""
        if self.results.footer is None:
            return "The run was cut off: the file has no footer. It holds what was judged until then."
        if self.results.footer.interrupted:
            return "The run was interrupted. The report holds what was judged until then."
        if self.results.footer.exit == _UNREACHABLE_EXIT_CODE:
            return "The target stopped answering. The report holds what was judged until then."
        return None

    @property
    def command(self) -> str:
        """The command line that repeats the run; several lines for one that was merged."""
        return "\n".join(commands_of_run(self.results.header))

    @property
    def exit_code(self) -> int:
        """The code of the verdicts; 4 for an incomplete run that would have none."""
        code = exit_code_of(self.results.results)
        return code or (0 if self.interruption is None else _INCOMPLETE_EXIT_CODE)

    def as_data(self) -> dict[str, Any]:
        """The summary as plain data, for programs."""
        header = self.results.header
        return {
            "run": header.run,
            "target": header.target.name,
            "target_version": header.target.version,
            "defect": header.target.defect,
            "complete": self.interruption is None,
            "exit": self.exit_code,
            "headline": self.headline,
            "coverage": self.coverage,
            "results": {str(verdict): count for verdict, count in self.counts.items()},
            "claims": {
                "judged": {str(verdict): count for verdict, count in self.claim_counts.items()},
                "testable": len(self.testable),
                "tested": len(self.tested),
                "all": len(self.claims),
            },
            "not_passed": [
                {
                    "claim": row.claim.id,
                    "verdict": str(row.verdict),
                    "reasons": redacted_data(row.reasons),
                    "known": row.known is not None,
                }
                for row in self.judged
                if row.verdict is not Verdict.PASS
            ],
            "known_failures": [_known_as_data(result) for result in self.known_failures],
            "unexpected_passes": [_known_as_data(result) for result in self.unexpected_passes],
            "seeds": [{"seed": row.seed.id, "ends_in": row.ends_in} for row in self.seeds],
        }


def group_by_status(rows: Iterable[ClaimRow]) -> dict[str, list[ClaimRow]]:
    """Claims by status: verdicts with the gravest first, then evidence by strength, then what has none."""
    groups: dict[str, list[ClaimRow]] = {}
    for row in rows:
        groups.setdefault(row.status, []).append(row)
    return dict(sorted(groups.items(), key=lambda group: _status_rank(group[0])))


def clean(text: str) -> str:
    """Text as reports show it: without secrets, without what could command a terminal or turn the direction of
    writing; line ends stay.

    >>> clean("a\\x1b[31mb")
    'a�[31mb'
    """
    return "".join(
        letter if letter in "\n\t" or not _is_command(letter) else "\N{REPLACEMENT CHARACTER}"
        for letter in redacted(text)
    )


def _is_command(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs") or unicodedata.bidirectional(letter) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip


def one_line(text: str, length: int = 200) -> str:
    """Text on one line of a bounded length.

    >>> one_line("two\\n  lines", 7)
    'two li…'
    """
    line = clean(" ".join(text.split()))
    return line if len(line) <= length else line[: length - 1] + "…"


def _known_as_data(result: ResultRecord) -> dict[str, Any]:
    assert result.known is not None
    return {
        "claim": result.claim,
        "test": result.test,
        "verdict": str(result.verdict),
        "reason": result.known.reason,
        "owner": result.known.owner,
        "expires": result.known.expires,
    }


def _stranger(result: ResultRecord) -> ClaimRecord:
    return ClaimRecord(
        id=result.claim,
        sentence=result.promise,
        area="",
        area_title="Not in the file's list of claims",
        source="",
        source_rank="",
        checks=[],
        seeds=[],
    )


def _strength(kind: str) -> int:
    return EVIDENCE_KINDS.index(kind) if kind in EVIDENCE_KINDS else len(EVIDENCE_KINDS)


def _status_rank(status: str) -> tuple[int, int]:
    if status in list(Verdict):
        return 0, WORST_FIRST.index(Verdict(status))
    return (2, 0) if status == NO_EVIDENCE else (1, _strength(status))


def _in_order(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    counts = Counter(verdicts)
    return {verdict: counts[verdict] for verdict in reversed(WORST_FIRST) if counts[verdict]}


def _outcome(claims: dict[Verdict, int], known: int) -> str:
    """The sentence for these judged claims, `known` of which fail as expected."""
    judged, failed = sum(claims.values()), claims.get(Verdict.FAIL, 0)
    if not judged:
        return "Nothing was judged."
    if failed:
        sentence = f"The target breaks {_number(failed, 'promise')} that AWS documents"
        if known == failed:
            return f"{sentence}, {'a known failure' if failed == 1 else 'all of them known failures'}."
        return f"{sentence}, {known} of them known." if known else f"{sentence}."
    if claims.get(Verdict.ERROR):
        return f"No broken promise was found, but the tests of {_number(claims[Verdict.ERROR], 'claim')} themselves failed."
    if claims.get(Verdict.PASS) == judged:
        return "Every judged claim passes."
    if not claims.get(Verdict.PASS):
        return "No broken promise was found, but nothing passed either."
    return "No broken promise was found, but not every judged claim passes."


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _verb(count: int, verb: str) -> str:
    return f"{verb}es" if count == 1 else verb
