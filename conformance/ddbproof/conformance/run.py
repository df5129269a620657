"""One run from preflight to report: ask the target, judge it, write what was found.

The results file appears under its name only when it is whole, footer included. It begins when the tests are
selected, so a run that cannot begin (nobody answers, nothing is selected) leaves nothing behind. An
interrupted run is closed with a footer that says so, after what it created has been removed.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ddbproof.conformance.errors import ReportPlaceError, SelectionError
from ddbproof.conformance.judge import Judgement, judge
from ddbproof.conformance.known_failures import KnownFailures
from ddbproof.conformance.observer import Observer, SelectedTest, Silent
from ddbproof.conformance.plan import Plan, Target
from ddbproof.conformance.provenance import commit, utc_now, versions
from ddbproof.conformance.targets.preflight import preflight
from ddbproof.model.claims import EvidenceKind, Registry, collect, load_registry
from ddbproof.reports.outcome import exit_code_of
from ddbproof.reports.schema import (
    ClaimRecord,
    EvidenceRecord,
    FindingRecord,
    Footer,
    Header,
    ProofRecord,
    ResultRecord,
    SeedRecord,
    TargetRecord,
)
from ddbproof.reports.verdicts import Verdict, worst
from ddbproof.reports.writer import ResultsWriter

RESULTS_NAME = "results.jsonl"
PAGE_NAME = "report.html"
SUITE = "ddbproof.conformance.suite"
_UNREACHABLE = 3
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: `verdicts` by claim (the gravest of its tests), `selected` claims, files, exit code."""

    exit_code: int
    results_path: Path
    verdicts: Mapping[str, Verdict]
    selected: frozenset[str]
    counts: Mapping[str, int]
    seconds: float
    interrupted: bool
    unreachable: str | None
    leftovers: tuple[str, ...]

    @property
    def passed(self) -> int:
        """Claims that passed in every test that judges them."""
        return sum(verdict is Verdict.PASS for verdict in self.verdicts.values())


@dataclass
class _Recorder:
    """Observer that writes the results file and passes everything on."""

    plan: Plan
    directory: Path
    registry: Registry
    options: Mapping[str, Any]
    evidence_packages: Mapping[EvidenceKind, Sequence[str]]
    proofs: Mapping[str, ProofRecord]
    passed_on: Observer
    known: KnownFailures
    writer: ResultsWriter | None = None
    selected_claims: frozenset[str] = frozenset()
    records: list[ResultRecord] = field(default_factory=list)

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        """Begin the file, unless there is nothing to write."""
        self.selected_claims = frozenset(claim for test in tests for claim in test.claims)
        if tests:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.writer = ResultsWriter(self.directory / RESULTS_NAME)
            self.writer.__enter__()
            self.writer.write(_header(self.plan, self.options))
            # By now pytest has imported the suite, so that its assertions explain themselves; not before.
            for record in _registry_records(self.registry, self.evidence_packages, self.proofs):
                self.writer.write(record)
        self.passed_on.selected(tests)

    def started(self, test: str) -> None:
        """Nothing to write yet."""
        self.passed_on.started(test)

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """Write one record for each claim of the test, with what is known of its failure."""
        marked = [self.known.marked(record, self.plan.target.name) for record in records]
        for record in marked:
            self.records.append(record)
            if self.writer is not None:
                self.writer.write(record)
        self.passed_on.finished(test, marked)

    def finding(self, kind: str, text: str) -> None:
        """Write what was seen besides."""
        if self.writer is not None:
            self.writer.write(FindingRecord(kind=kind, text=text))
        self.passed_on.finding(kind, text)


def run(
    plan: Plan,
    directory: Path,
    observer: Observer | None = None,
    *,
    jobs: int = 1,
    copies: Sequence[Target] = (),
    known_failures: KnownFailures | None = None,
    options: Mapping[str, Any] | None = None,
    evidence_packages: Mapping[EvidenceKind, Sequence[str]] | None = None,
    proofs: Mapping[str, ProofRecord] | None = None,
) -> Outcome:
    """Judge the plan's target and leave `results.jsonl` in `directory`.

    `jobs` and `copies` are those of `judge`. `options` are those of the command, for the header;
    `evidence_packages` say where evidence is collected; `proofs` how proofs came out, by their place.
    Raises a TargetError if the target cannot be judged, SelectionError if nothing is selected,
    ReportPlaceError if `directory` cannot be written, and errors of the registry.
    """
    registry = load_registry()
    require_writable(directory)
    server = preflight(plan.target)
    if plan.target.version is None and server is not None:
        plan = replace(plan, target=replace(plan.target, version=server))
    packages = evidence_packages or {EvidenceKind.CONFORMANCE_TEST: [SUITE]}
    known = known_failures or KnownFailures(())
    recorder = _Recorder(
        plan, directory, registry, options or {}, packages, proofs or {}, observer or Silent(), known
    )
    began = time.monotonic()
    try:
        judgement = judge(plan, recorder, jobs=jobs, copies=copies)
    except KeyboardInterrupt:
        judgement = Judgement(
            interrupted=True, unreachable=None, selected_count=len(recorder.selected_claims), leftovers=()
        )
    except BaseException:
        if recorder.writer is not None:
            recorder.writer.__exit__(None, None, None)
        raise
    if recorder.writer is None:
        if judgement.interrupted:
            raise KeyboardInterrupt
        raise SelectionError("Nothing is selected", hint="ddbproof conform --list shows what there is")
    return _close(recorder, judgement, time.monotonic() - began)


def _close(recorder: _Recorder, judgement: Judgement, seconds: float) -> Outcome:
    """Write the footer, which makes the file whole, and sum up."""
    assert recorder.writer is not None
    for sentence in recorder.known.complaints(recorder.plan, recorder.records):
        recorder.finding("known failures", sentence)
    by_claim: dict[str, list[Verdict]] = {}
    for record in recorder.records:
        by_claim.setdefault(record.claim, []).append(record.verdict)
    verdicts = {claim: found for claim, several in by_claim.items() if (found := worst(several)) is not None}
    counts = Counter(str(record.verdict) for record in recorder.records)
    if judgement.interrupted:
        code = _INTERRUPTED
    elif judgement.unreachable is not None:
        code = _UNREACHABLE
        recorder.finding("unreachable", judgement.unreachable)
    else:
        code = exit_code_of(recorder.records)
    footer = Footer(
        finished=utc_now().isoformat(timespec="seconds"),
        counts=dict(counts),
        seconds=round(seconds, 3),
        interrupted=judgement.interrupted,
        exit=code,
        leftovers=list(judgement.leftovers),
    )
    recorder.writer.close(footer)
    recorder.writer.__exit__(None, None, None)
    return Outcome(
        exit_code=code,
        results_path=recorder.directory / RESULTS_NAME,
        verdicts=verdicts,
        selected=recorder.selected_claims,
        counts=counts,
        seconds=seconds,
        interrupted=judgement.interrupted,
        unreachable=judgement.unreachable,
        leftovers=tuple(judgement.leftovers),
    )


def require_writable(directory: Path) -> None:
    """Raise ReportPlaceError if a report could not be written into `directory`; creates nothing."""
    place = directory.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise ReportPlaceError(
            f"The report cannot be written to {directory}",
            cause=f"{place} is not a directory",
            hint="Choose another place with --report DIR",
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise ReportPlaceError(
            f"The report cannot be written to {directory}",
            cause=f"{place} cannot be written",
            hint="Choose another place with --report DIR",
        )


def _header(plan: Plan, options: Mapping[str, Any]) -> Header:
    from importlib.metadata import version

    target = plan.target
    started = utc_now()
    return Header(
        run=f"{started:%Y%m%dT%H%M%SZ}-{plan.prefix}".rstrip("-"),
        started=started.isoformat(timespec="seconds"),
        ddbproof=version("ddbproof"),
        commit=commit(),
        seed=plan.seed,
        options=dict(options),
        target=TargetRecord(
            name=target.name,
            version=target.version,
            endpoints=dict(target.endpoints),
            clock=target.clock,
            profile=target.profile,
            defect=target.defect,
        ),
        versions=versions(),
    )


def _registry_records(
    registry: Registry,
    packages: Mapping[EvidenceKind, Sequence[str]],
    proofs: Mapping[str, ProofRecord],
) -> list[ClaimRecord | SeedRecord]:
    evidence = collect(packages, registry)
    claims = [
        ClaimRecord(
            id=claim.id,
            sentence=claim.sentence,
            area=claim.area,
            area_title=registry.areas[claim.area],
            source=claim.source,
            source_rank=str(claim.rank),
            checks=[str(check) for check in claim.checks],
            seeds=list(claim.seeds),
            evidence=[
                EvidenceRecord(kind=str(one.kind), where=one.where, proof=proofs.get(one.where))
                for one in evidence[claim.id]
            ],
        )
        for claim in registry.claims.values()
    ]
    seeds = [
        SeedRecord(
            id=seed.id,
            statement=seed.statement,
            verdict=seed.verdict,
            explanation=seed.explanation,
            claims=list(seed.claims),
        )
        for seed in registry.seeds.values()
    ]
    return [*claims, *seeds]
