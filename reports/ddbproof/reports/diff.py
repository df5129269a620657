"""What changed between two runs: the behaviour of the target, apart from the suite, apart from the runs.

- **Behaviour**: the same test judges the same claim by the same promise, and says something else. If the suite's
  own code was another, the change may be one of the suite, and the difference says so.
- **The suite**: a test or claim that only one side has, or that is promised in other words. Nothing is said of the
  target then, whatever the verdicts are.
- **The runs**: what one of them could not decide or did not judge: it was interrupted, it judged a part only, or
  a test was inconclusive.

Worse is what fails and did not, and what passed and does not any more, for whatever reason; a failure that the
user's list knows is not. A later run that is not complete is never as good as the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ddbproof.reports.markdown import escaped, table
from ddbproof.reports.outcome import is_known_failure
from ddbproof.reports.pages import commit
from ddbproof.reports.reader import Results
from ddbproof.reports.redact import redacted
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.summary import Summary, one_line
from ddbproof.reports.verdicts import Verdict

_FAILURES = {Verdict.FAIL, Verdict.DIFFERS}
_UNDECIDED = {Verdict.INCONCLUSIVE, Verdict.NOT_TESTABLE, Verdict.ERROR}
_KINDS = ("newly failing", "no longer passing", "other", "newly passing")
_WORSE_EXIT_CODE, _INCOMPLETE_EXIT_CODE = 1, 4
_REASON_CHARACTERS = 240
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One result that is another now. `known` when the list of known failures has it."""

    claim: str
    test: str
    before: Verdict
    after: Verdict
    reason: str
    known: bool = False

    @property
    def kind(self) -> str:
        """`newly failing`, `no longer passing`, `newly passing` or `other`."""
        if self.after in _FAILURES and self.before not in _FAILURES:
            return "newly failing"
        if self.after is Verdict.PASS:
            return "newly passing"
        return "no longer passing" if self.before is Verdict.PASS else "other"

    @property
    def is_worse(self) -> bool:
        """Whether somebody should be stopped by it."""
        return self.kind in ("newly failing", "no longer passing") and not self.known

    @property
    def is_of_the_run(self) -> bool:
        """Whether it says only that a run could decide it, or could not."""
        return self.after in _UNDECIDED or (self.before in _UNDECIDED and self.after not in _FAILURES)

    def as_data(self) -> dict[str, Any]:
        """The change as plain data."""
        return {
            "claim": self.claim,
            "test": self.test,
            "before": str(self.before),
            "after": str(self.after),
            "kind": self.kind,
            "known": self.known,
            "reason": redacted(self.reason),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs side by side. Tests are named by claim and test, such as `PI-12 test_recovery.py::test_a`.

    `behaviour` and `undecided` are results that changed, of the target and of what the runs could decide;
    `not_judged` and `judged_now` are tests that the suites of both sides have and only one run judged; `added`,
    `removed` and `reworded` are the suite's. `notes` make the runs hard to compare.
    """

    before: str
    after: str
    behaviour: tuple[Change, ...]
    undecided: tuple[Change, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[Change, ...]
    not_judged: tuple[str, ...]
    judged_now: tuple[str, ...]
    notes: tuple[str, ...]
    is_same_suite: bool
    is_complete: bool

    @property
    def exit_code(self) -> int:
        """1 if anything got worse, 4 if nothing did but the later run is not complete, else 0."""
        if any(one.is_worse for one in (*self.behaviour, *self.undecided)):
            return _WORSE_EXIT_CODE
        return 0 if self.is_complete else _INCOMPLETE_EXIT_CODE

    def as_data(self) -> dict[str, Any]:
        """The difference as plain data."""
        return {
            "before": self.before,
            "after": self.after,
            "exit": self.exit_code,
            "behaviour": [one.as_data() for one in self.behaviour],
            "suite": {
                "same": self.is_same_suite,
                "added": list(self.added),
                "removed": list(self.removed),
                "reworded": [one.as_data() for one in self.reworded],
            },
            "runs": {
                "complete": self.is_complete,
                "undecided": [one.as_data() for one in self.undecided],
                "not_judged": list(self.not_judged),
                "judged_now": list(self.judged_now),
            },
            "notes": list(self.notes),
        }


def compare(before: Results, after: Results) -> Difference:
    """What is different in `after`."""
    old, new = _by_test(before), _by_test(after)
    changed, reworded = [], []
    for key in (key for key in new if key in old):
        if _words(before, old[key]) != _words(after, new[key]):
            reworded.append(_change(old[key], new[key]))
        elif old[key].verdict is not new[key].verdict:
            changed.append(_change(old[key], new[key]))
    changed.sort(key=lambda change: (_KINDS.index(change.kind), change.known, change.claim))
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    suite_before, suite_after = _tests_of_suite(before), _tests_of_suite(after)
    return Difference(
        before=_name(before),
        after=_name(after),
        behaviour=tuple(one for one in changed if not one.is_of_the_run),
        undecided=tuple(one for one in changed if one.is_of_the_run),
        added=_named(key for key in come if _suite_name(key) not in suite_before),
        removed=_named(key for key in gone if _suite_name(key) not in suite_after),
        reworded=tuple(reworded),
        not_judged=_named(key for key in gone if _suite_name(key) in suite_after),
        judged_now=_named(key for key in come if _suite_name(key) in suite_before),
        notes=tuple(_notes(before, after)),
        is_same_suite=_suite(before) == _suite(after),
        is_complete=Summary(after).interruption is None,
    )


def render_text(difference: Difference) -> str:
    """For a terminal or a log."""
    lines = [f"before: {difference.before}", f"after:  {difference.after}"]
    lines += [f"note: {note}" for note in difference.notes]
    for title, changes, names in _sections(difference):
        lines.append(f"\n{title}: {_total(changes, names)}")
        for one in changes:
            known = "(known) " if one.known else ""
            words = one_line(f"{known}{one.claim} {one.test}: {one.before} -> {one.after}")
            lines.append(f"  {one.kind:<18} {words}")
            if one.reason and one.after is not Verdict.PASS:
                lines.append(f"      {one_line(one.reason, _REASON_CHARACTERS)}")
        lines += [f"  {word:<18} {one_line(name)}" for word, found in names for name in found]
    return "\n".join(lines) + "\n"


def render_markdown(difference: Difference) -> str:
    """For a comment on a pull request."""
    lines = [f"### {escaped(difference.before)} → {escaped(difference.after)}", ""]
    lines += [f"> {escaped(note)}" for note in difference.notes] + [""]
    for title, changes, names in _sections(difference):
        lines += [f"**{title}**: {_total(changes, names)}", ""]
        if changes:
            rows = [
                (
                    one.kind + (" (known)" if one.known else ""),
                    escaped(one.claim),
                    escaped(one.test),
                    f"{one.before} → {one.after}",
                    escaped(one_line(one.reason, _REASON_CHARACTERS))
                    if one.after is not Verdict.PASS
                    else "",
                )
                for one in changes
            ]
            lines += [*table(("", "claim", "test", "verdict", "why"), rows), ""]
        lines += [f"- {word}: {escaped(name)}" for word, found in names for name in found]
        lines += [""] if any(found for _, found in names) else []
    return "\n".join(lines).rstrip() + "\n"


_Names = list[tuple[str, Sequence[str]]]


def _sections(difference: Difference) -> list[tuple[str, tuple[Change, ...], _Names]]:
    """What is shown under which heading: changed results, and tests by what became of them."""
    behaviour = "Behaviour" if difference.is_same_suite else "Behaviour, or another version of the suite"
    return [
        (behaviour, difference.behaviour, []),
        (
            "The suite",
            difference.reworded,
            [("added", difference.added), ("removed", difference.removed)],
        ),
        (
            "The runs",
            difference.undecided,
            [("not judged", difference.not_judged), ("judged now", difference.judged_now)],
        ),
    ]


def _total(changes: Sequence[Change], names: _Names) -> str:
    words = "nothing changed" if not changes else f"{_count(len(changes), 'result')} changed"
    counted = [f"{len(found)} {word}" for word, found in names if found]
    return words if not counted else ", ".join([*([words] if changes else []), *counted])


def _change(old: ResultRecord, new: ResultRecord) -> Change:
    return Change(new.claim, new.test, old.verdict, new.verdict, new.reason, is_known_failure(new))


def _by_test(results: Results) -> dict[_Key, ResultRecord]:
    return {(result.claim, result.test): result for result in results.results}


def _words(results: Results, result: ResultRecord) -> tuple[str, str]:
    """What the test promises, and what the claim says."""
    claim = results.claims.get(result.claim)
    return result.promise, claim.sentence if claim is not None else ""


def _suite(results: Results) -> tuple[str, str | None]:
    return results.header.ddbproof, results.header.commit


def _tests_of_suite(results: Results) -> set[_Key]:
    """All tests that the suite had, judged in this run or not: they are the evidence of the claims."""
    return {
        (claim.id, one.where.rpartition(".")[2])
        for claim in results.claims.values()
        for one in claim.evidence
        if "::" in one.where
    }


def _suite_name(key: _Key) -> _Key:
    """A result's claim and test as evidence names them: `test_recovery::test_a`, without parameters."""
    claim, test = key
    file, _, name = test.partition("::")
    return claim, f"{file.removesuffix('.py')}::{name.partition('[')[0]}"


def _named(keys: Iterator[_Key]) -> tuple[str, ...]:
    return tuple(" ".join(key) for key in keys)


def _name(results: Results) -> str:
    target = results.header.target
    return one_line(f"{target.name} {target.version or ''}".strip() + f", run {results.header.run}")


def _notes(before: Results, after: Results) -> Iterator[str]:
    old, new = before.header, after.header
    if old.target.name != new.target.name:
        yield one_line(f"two targets are compared: {old.target.name} and {new.target.name}")
    if _suite(before) != _suite(after):
        yield "the suite is not the same: " + one_line(
            " and ".join(
                f"{header.ddbproof} {commit(header.commit or 'without a commit')}" for header in (old, new)
            )
        )
    elif (old.commit or "").endswith("+"):
        yield "both runs are of a suite that was changed since its commit, perhaps not in the same way"
    if old.target.clock != new.target.clock:
        yield f"the clock was {old.target.clock}, then {new.target.clock}: some tests need one that can be moved"
    for word, results in (("earlier", before), ("later", after)):
        if results.header.target.defect is not None:
            yield one_line(f"in the {word} run a defect was planted: {results.header.target.defect}")
        if (interruption := Summary(results).interruption) is not None:
            yield f"the {word} run is not complete: {interruption}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
