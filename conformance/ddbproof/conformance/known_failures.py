"""Known failures: what a target is known to do wrong, each with a reason, an owner and an end.

A file of them lets a project judge its endpoint in CI from the first day: what is listed does not count, what
is new does. An entry that has expired counts again, and so does a listed failure that is none any more: a list
that nobody tends would hide the next mistake.

    [[known]]
    claim = "PI-12"                 # required
    test = "test_a_future_instant"  # optional: a part of the test's name, where one of several fails
    target = "moto"                 # optional: only for this target
    reason = "restores ignore RestoreDateTime, issue 1234"
    owner = "storage team"
    expires = 2027-03-31            # the last day on which it holds
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ddbproof.conformance.errors import KnownFailuresError
from ddbproof.conformance.plan import Plan
from ddbproof.conformance.provenance import utc_now
from ddbproof.model.claims import Registry
from ddbproof.reports.schema import KnownFailure, ResultRecord
from ddbproof.reports.verdicts import Verdict

_FAILURES = {Verdict.FAIL, Verdict.DIFFERS}
_MEMBERS = {"claim": str, "test": str, "target": str, "reason": str, "owner": str, "expires": dt.date}
_REQUIRED = ("claim", "reason", "owner", "expires")


@dataclass(frozen=True, slots=True)
class Entry:
    """One known failure; `test` and `target` are empty where it holds for any."""

    claim: str
    reason: str
    owner: str
    expires: dt.date
    test: str = ""
    target: str = ""

    def speaks_of(self, record: ResultRecord, target: str) -> bool:
        """Whether it is about this result."""
        return self.claim == record.claim and self.test in record.test and self.target in ("", target)


@dataclass(frozen=True, slots=True)
class KnownFailures:
    """The entries of a file, as they stand `today` (a date; UTC)."""

    entries: tuple[Entry, ...]
    today: dt.date = dt.date.min

    def marked(self, record: ResultRecord, target: str) -> ResultRecord:
        """The result, with what is known of it if it failed, or passed against expectation."""
        if record.verdict not in _FAILURES and record.verdict is not Verdict.PASS:
            return record
        for entry in self.entries:
            if entry.expires >= self.today and entry.speaks_of(record, target):
                known = KnownFailure(entry.reason, entry.owner, entry.expires.isoformat())
                return msgspec.structs.replace(record, known=known)
        return record

    def complaints(self, plan: Plan, records: Sequence[ResultRecord]) -> Iterator[str]:
        """What somebody has to do about the list: entries that expired, or that nothing spoke of."""
        partial = plan.select or plan.areas or plan.shard
        for entry in self.entries:
            of_it = [record for record in records if entry.speaks_of(record, plan.target.name)]
            if entry.expires < self.today and any(record.verdict in _FAILURES for record in of_it):
                yield (
                    f"{entry.claim}: the entry expired on {entry.expires}, its failure counts again; "
                    f"owner: {entry.owner}"
                )
            elif not of_it and not partial and entry.target in ("", plan.target.name):
                yield f"{entry.claim}: no result matches the entry {entry.test or entry.reason!r}; remove it"


def load_known_failures(path: Path, registry: Registry) -> KnownFailures:
    """The file's entries. Raises KnownFailuresError for what cannot be read, and the registry's error for a
    claim that does not exist."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KnownFailuresError(
            f"The known failures in {path} cannot be read",
            cause=getattr(error, "strerror", None) or str(error),
            hint="See conformance/README.md for the form of the file",
        ) from error
    listed = document.get("known")
    if set(document) != {"known"} or not isinstance(listed, list):
        raise KnownFailuresError(
            f"{path} holds no list of known failures",
            cause=f"It has {', '.join(document) or 'nothing'} where [[known]] is expected",
            hint="Each entry begins with [[known]]",
        )
    entries = tuple(_entry(path, number, one) for number, one in enumerate(listed, 1))
    for entry in entries:
        registry.claim(entry.claim)
    return KnownFailures(entries, utc_now().date())


def _entry(path: Path, number: int, given: Any) -> Entry:
    problem = None
    if not isinstance(given, dict):
        problem = "it is no table"
    elif unknown := sorted(set(given) - set(_MEMBERS)):
        problem = f"it has {', '.join(unknown)}, which nobody knows"
    elif missing := [name for name in _REQUIRED if not given.get(name)]:
        problem = f"it lacks {' and '.join(missing)}"
    elif wrong := [name for name, value in given.items() if type(value) is not _MEMBERS[name]]:
        problem = f"{wrong[0]} is a {type(given[wrong[0]]).__name__}"
    if problem is not None:
        raise KnownFailuresError(
            f"Entry {number} of {path} is not as it should be",
            cause=problem,
            hint="An entry has claim, reason, owner, expires (a date such as 2027-03-31), and may have test and target",
        )
    return Entry(**given)
