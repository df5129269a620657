"""What changed between two runs: the behaviour of the target, apart from the suite, apart from the runs.

The same test that judges the same claim by the same promise and says something else is a change of behaviour;
if the suite's own code was another, it may be one of the suite, and the difference says so. What only one side
has, or promises in other words, is a change of the suite. What a run was kept from judging is neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ddbproof.reports.markdown import escaped, table
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.summary import Summary, one_line
from ddbproof.reports.verdicts import Verdict

_BAD = {Verdict.FAIL, Verdict.DIFFERS, Verdict.ERROR}


@dataclass(frozen=True, slots=True)
class Change:
    """One result that is another now."""

    claim: str
    test: str
    before: Verdict
    after: Verdict
    reason: str

    @property
    def kind(self) -> str:
        """`newly failing`, `newly passing`, `no longer passing` or `other`."""
        if self.after in _BAD and self.before not in _BAD:
            return "newly failing"
        if self.after is Verdict.PASS:
            return "newly passing"
        return "no longer passing" if self.before is Verdict.PASS else "other"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs side by side: `behaviour` changed; `added`, `removed` and `reworded` tests of the suite; `notes`
    about the runs themselves."""

    before: str
    after: str
    behaviour: tuple[Change, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reworded: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 if anything got worse, else 0."""
        return int(any(one.kind in ("newly failing", "no longer passing") for one in self.behaviour))

    def as_data(self) -> dict[str, Any]:
        """The difference as plain data."""
        return {
            "before": self.before,
            "after": self.after,
            "behaviour": [
                {
                    "claim": one.claim,
                    "test": one.test,
                    "before": str(one.before),
                    "after": str(one.after),
                    "kind": one.kind,
                    "reason": one.reason,
                }
                for one in self.behaviour
            ],
            "suite": {
                "added": list(self.added),
                "removed": list(self.removed),
                "reworded": list(self.reworded),
            },
            "notes": list(self.notes),
        }


def compare(before: Results, after: Results) -> Difference:
    """What is different in `after`."""
    old, new = _by_test(before), _by_test(after)
    common = [key for key in new if key in old]
    reworded = [key for key in common if old[key].promise != new[key].promise]
    behaviour = [
        Change(*key, old[key].verdict, new[key].verdict, new[key].reason)
        for key in common
        if key not in reworded and old[key].verdict is not new[key].verdict
    ]
    order = ("newly failing", "no longer passing", "other", "newly passing")
    behaviour.sort(key=lambda change: (order.index(change.kind), change.claim))
    return Difference(
        before=_name(before),
        after=_name(after),
        behaviour=tuple(behaviour),
        added=tuple(" ".join(key) for key in new if key not in old),
        removed=tuple(" ".join(key) for key in old if key not in new),
        reworded=tuple(" ".join(key) for key in reworded),
        notes=tuple(_notes(before, after)),
    )


def render_text(difference: Difference) -> str:
    """For a terminal or a log."""
    lines = [f"before: {difference.before}", f"after:  {difference.after}"]
    lines += [f"note: {note}" for note in difference.notes]
    lines.append(f"\nbehaviour: {_count(len(difference.behaviour), 'result')} changed")
    for one in difference.behaviour:
        lines.append(f"  {one.kind:<18} {one.claim}  {one.test}: {one.before} -> {one.after}")
        if one.reason and one.after is not Verdict.PASS:
            lines.append(f"      {one_line(one.reason)}")
    lines.append(
        f"suite: {len(difference.added)} added, {len(difference.removed)} removed, {len(difference.reworded)} reworded"
    )
    for word, tests in (
        ("added", difference.added),
        ("removed", difference.removed),
        ("reworded", difference.reworded),
    ):
        lines += [f"  {word:<18} {test}" for test in tests]
    return "\n".join(lines) + "\n"


def render_markdown(difference: Difference) -> str:
    """For a comment on a pull request."""
    lines = [f"### {escaped(difference.before)} → {escaped(difference.after)}", ""]
    lines += [f"> {escaped(note)}" for note in difference.notes] + [""]
    if difference.behaviour:
        rows = [
            (
                one.kind,
                escaped(one.claim),
                escaped(one.test),
                f"{one.before} → {one.after}",
                escaped(one_line(one.reason)),
            )
            for one in difference.behaviour
        ]
        lines += table(("", "claim", "test", "verdict", "why"), rows)
    else:
        lines.append("No result changed.")
    lines += [
        "",
        f"Suite: {len(difference.added)} results added, {len(difference.removed)} removed, "
        f"{len(difference.reworded)} reworded.",
    ]
    return "\n".join(lines) + "\n"


def _by_test(results: Results) -> dict[tuple[str, str], ResultRecord]:
    return {(result.claim, result.test): result for result in results.results}


def _name(results: Results) -> str:
    target = results.header.target
    return one_line(f"{target.name} {target.version or ''}".strip() + f", run {results.header.run}")


def _notes(before: Results, after: Results) -> Iterator[str]:
    old, new = before.header, after.header
    if old.target.name != new.target.name:
        yield f"two targets are compared: {old.target.name} and {new.target.name}"
    if (old.ddbproof, old.commit) != (new.ddbproof, new.commit):
        yield "the suite is not the same: " + " and ".join(
            f"{header.ddbproof} {(header.commit or 'without a commit')[:13]}" for header in (old, new)
        )
    if old.target.clock != new.target.clock:
        yield f"the clock was {old.target.clock}, then {new.target.clock}: some tests need one that can be moved"
    for word, results in (("earlier", before), ("later", after)):
        if results.header.target.defect is not None:
            yield f"in the {word} run a defect was planted: {results.header.target.defect}"
        if (interruption := Summary(results).interruption) is not None:
            yield f"the {word} run is not complete: {interruption}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
