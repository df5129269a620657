"""The results file: one JSON record a line, first a header, last a footer.

A file stands alone: it carries the claims and the seed statements it speaks of, with their sources and
evidence, so that a report can be rendered long after the registry has moved on. A file without a footer is
of a run that was cut off.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.reports.verdicts import Verdict

SCHEMA = "ddbproof.results/1"


class TargetRecord(msgspec.Struct, frozen=True):
    """The endpoint that was judged. `clock` is `movable` or `fixed`; `defect` names a planted defect."""

    name: str
    endpoints: dict[str, str]
    clock: str
    version: str | None = None
    profile: str | None = None
    defect: str | None = None


class PartRecord(msgspec.Struct, frozen=True):
    """One of the runs that were merged into this one: what it was given, and the tests it ran."""

    run: str
    seed: int
    options: dict[str, Any]
    seconds: float
    tests: list[str]


class Header(msgspec.Struct, frozen=True, tag_field="record", tag="header"):
    """What determined the run. `started` is ISO 8601 in UTC; `options` are those of the command.

    `parts` is empty unless the run was merged from several.
    """

    run: str
    started: str
    ddbproof: str
    seed: int
    target: TargetRecord
    versions: dict[str, str]
    options: dict[str, Any] = {}
    commit: str | None = None
    parts: list[PartRecord] = []
    schema: str = SCHEMA


class ProofRecord(msgspec.Struct, frozen=True):
    """What a proof says, how it came out, and what it assumes and leaves out, in words."""

    sentence: str
    result: str
    scope: list[str] = []


class EvidenceRecord(msgspec.Struct, frozen=True):
    """One piece of evidence for a claim: its kind, and where in the code (or documentation) it is.

    `proof` is there if it is a proof that was carried out for this report.
    """

    kind: str
    where: str
    proof: ProofRecord | None = None


class ClaimRecord(msgspec.Struct, frozen=True, tag_field="record", tag="claim"):
    """A claim of the registry as it was when the run was made."""

    id: str
    sentence: str
    area: str
    area_title: str
    source: str
    source_rank: str
    checks: list[str]
    seeds: list[str]
    evidence: list[EvidenceRecord] = []


class SeedRecord(msgspec.Struct, frozen=True, tag_field="record", tag="seed"):
    """A statement of the document the project started from, and the claims that decide it."""

    id: str
    statement: str
    verdict: str
    explanation: str
    claims: list[str]


class Attempt(msgspec.Struct, frozen=True):
    """One execution of a test; a failed single-request test is executed twice."""

    verdict: Verdict
    reason: str
    seconds: float


class Exchange(msgspec.Struct, frozen=True):
    """One request and its answer, cut to a bounded size, without headers and so without credentials."""

    region: str
    operation: str
    request: str
    status: int
    response: str


class KnownFailure(msgspec.Struct, frozen=True):
    """What a user's list of known failures says of a result: why it is expected, who sees to it, until when.

    `expires` is a date, ISO 8601. Such a failure does not count; a `pass` in its place is unexpected and does.
    """

    reason: str
    owner: str
    expires: str


class ResultRecord(msgspec.Struct, frozen=True, tag_field="record", tag="result"):
    """What one test says about one claim. `seen` holds lawful choices that were observed.

    `known` is set where the user's list of known failures has an entry that has not expired.
    """

    claim: str
    test: str
    promise: str
    verdict: Verdict
    reason: str
    seconds: float
    attempts: list[Attempt] = []
    seen: dict[str, str] = {}
    exchanges: list[Exchange] = []
    known: KnownFailure | None = None


class FindingRecord(msgspec.Struct, frozen=True, tag_field="record", tag="finding"):
    """Something worth knowing that no single test says: a crash, a resource left behind."""

    kind: str
    text: str


class Footer(msgspec.Struct, frozen=True, tag_field="record", tag="footer"):
    """The end of a run that ended. `counts` are results by verdict; `exit` is the command's exit code."""

    finished: str
    counts: dict[str, int]
    seconds: float
    interrupted: bool
    exit: int
    leftovers: list[str] = []


Record = Header | ClaimRecord | SeedRecord | ResultRecord | FindingRecord | Footer
