"""A run that never was, with everything a results file can say, for tests and for looking at pages."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ddbproof.reports import (
    Attempt,
    ClaimRecord,
    EvidenceRecord,
    Exchange,
    FindingRecord,
    Footer,
    Header,
    Record,
    ResultRecord,
    Results,
    ResultsWriter,
    SeedRecord,
    TargetRecord,
    Verdict,
    exit_code,
    read_results,
)

_AREAS = (
    ("PART", "Partitions and keys"),
    ("REP", "Replication over Availability Zones"),
    ("RC", "Consistency of reads"),
    ("GT", "Global tables"),
    ("BK", "On-demand backups"),
    ("RS", "Restores"),
    ("PI", "Point-in-time recovery"),
    ("ST", "Streams"),
)
_SENTENCES = (
    "LatestRestorableDateTime trails the endpoint's time by at most five minutes, and never goes back.",
    "A restored table has the items that the source had at the instant asked for, and no others.",
    "A strongly consistent read sees every write that was acknowledged before it began.",
    "DescribeContinuousBackups of a table that does not exist is refused with TableNotFoundException.",
    "Deleting a table with recovery enabled makes a system backup that is kept for 35 days.",
)
_REASONS = {
    Verdict.FAIL: "Expected BackupNotFoundException, got 200 with an empty BackupDescription:\n  BackupArn='arn:aws:dynamodb:us-east-1:000000000000:table/ddbproof-1c9278b6-orders/backup/01730000000000-00000000'",
    Verdict.DIFFERS: "The endpoint answered with items in insertion order; the paper says order by hash.",
    Verdict.INCONCLUSIVE: "The copy did not become ACTIVE within 120 s; it was still CREATING.",
    Verdict.UNSUPPORTED: "UnknownOperationException: ExportTableToPointInTime is not offered.",
    Verdict.NOT_TESTABLE: "Needs a clock that can be moved forward by 35 days.",
    Verdict.ERROR: "KeyError: 'TableArn' in the test itself.",
}
_ODDS = ((Verdict.PASS, 80), (Verdict.FAIL, 6), (Verdict.DIFFERS, 2), (Verdict.INCONCLUSIVE, 3), (Verdict.UNSUPPORTED, 5), (Verdict.NOT_TESTABLE, 4), (Verdict.ERROR, 1))  # fmt: skip


def sample_records(
    claim_count: int = 240, *, defect: str | None = None, interrupted: bool = False
) -> list[Record]:
    """The records of a run over so many claims; the same ones every time."""
    dice = random.Random(12)
    claims = [_claim(number, claim_count, dice) for number in range(claim_count)]
    seeds = [_seed(number, claims, dice) for number in range(1, 33)]
    tested = [claim for claim in claims if any("conformance" in one.kind for one in claim.evidence)]
    # However small the run, each verdict is in it.
    verdicts = [
        *Verdict,
        *dice.choices([one for one, _ in _ODDS], [weight for _, weight in _ODDS], k=claim_count),
    ]
    results = [_result(claim, verdict, dice) for claim, verdict in zip(tested, verdicts, strict=False)]
    verdicts = [result.verdict for result in results]
    return [
        Header(
            run="20261123T164140Z-ddbproof-1c9278b6",
            started="2026-11-23T16:41:40+00:00",
            ddbproof="0.1.0",
            seed=2437891546,
            commit="9a5eb98d0f6d3a0f6f7f1d6a2b7c8e9f00112233",
            options={"target": "moto", "select": ["PI-*"], "seed": 2437891546},
            target=TargetRecord(
                name="moto",
                version="5.4.1",
                endpoints=dict.fromkeys(("us-east-1", "eu-west-1"), "http://127.0.0.1:45561"),
                clock="fixed",
                defect=defect,
            ),
            versions={"python": "3.11.7", "boto3": "1.44.2", "service_model": "2012-08-10 (57 operations)"},
        ),
        *claims,
        *seeds,
        *results,
        FindingRecord("seen", "A backup of an empty table has BackupSizeBytes 0."),
        Footer(
            finished="2026-11-23T16:43:02+00:00",
            counts={str(verdict): count for verdict, count in Counter(verdicts).items()},
            seconds=82.4,
            interrupted=interrupted,
            exit=exit_code(verdicts),
            leftovers=["table ddbproof-1c9278b6-orders in us-east-1"],
        ),
    ]


def _claim(number: int, count: int, dice: random.Random) -> ClaimRecord:
    prefix, title = _AREAS[number * len(_AREAS) // count]
    kinds = dice.choices([[], ["conformance test"], ["proof", "conformance test"], ["proof"], ["documentation only"]], [4, 3, 1, 1, 1])[0]  # fmt: skip
    return ClaimRecord(
        id=f"{prefix}-{number + 1:02}",
        sentence=_SENTENCES[number % len(_SENTENCES)],
        area=prefix.lower(),
        area_title=title,
        source="Developer Guide: PITR How it works (re-read autumn 2026)",
        source_rank=dice.choice(["contract", "contract", "second-hand"]),
        checks=["D"] if kinds == ["documentation only"] else dice.choice([["P"], ["S", "C"], ["C*"]]),
        seeds=[],
        evidence=[
            EvidenceRecord(kind, f"ddbproof.conformance.suite.test_recovery::test_promise_{number}")
            for kind in kinds
        ],
    )


def _seed(number: int, claims: list[ClaimRecord], dice: random.Random) -> SeedRecord:
    out_of_scope = number == 32
    return SeedRecord(
        id=f"S{number:02}",
        statement="Point-in-time recovery restores to any second of the last 35 days, without loss.",
        verdict="out of scope"
        if out_of_scope
        else dice.choice(["holds", "imprecise", "outdated", "incomplete"]),
        explanation="True of the window; the last five minutes are not in it, and the period can be set to less.",
        claims=[]
        if out_of_scope
        else [claim.id for claim in dice.sample(claims, min(len(claims), dice.choice([1, 2, 4, 9])))],
    )


def _result(claim: ClaimRecord, verdict: Verdict, dice: random.Random) -> ResultRecord:
    reason = _REASONS.get(verdict, "")
    twice = (
        [Attempt(verdict, reason, 0.31), Attempt(verdict, reason, 0.28)] if verdict is Verdict.FAIL else []
    )
    return ResultRecord(
        claim=claim.id,
        test=f"test_recovery.py::test_promise_{claim.id}",
        promise="A backup that was deleted cannot be described.",
        verdict=verdict,
        reason=reason,
        seconds=0.31,
        attempts=twice,
        seen={"order of the answer": "by insertion"}
        if verdict is Verdict.PASS and dice.random() < 0.1
        else {},
        exchanges=[] if verdict is Verdict.PASS else [_exchange(status) for status in (200, 400)],
    )


def _exchange(status: int) -> Exchange:
    return Exchange(
        region="us-east-1",
        operation="DescribeBackup",
        request='{"BackupArn":"arn:aws:dynamodb:us-east-1:000000000000:table/orders/backup/01730000000000-00000000"}',
        status=status,
        response='{"__type":"com.amazonaws.dynamodb.v20120810#BackupNotFoundException","message":"Backup not found"}',
    )


def write_all(path: Path, records: list[Record]) -> Path:
    """Write records, the last of which is a footer, as a whole file."""
    *others, footer = records
    assert isinstance(footer, Footer)
    with ResultsWriter(path) as writer:
        for record in others:
            writer.write(record)
        writer.close(footer)
    return path


@pytest.fixture
def records() -> list[Record]:
    """A small run."""
    return sample_records(24)


@pytest.fixture
def results_path(tmp_path: Path, records: list[Record]) -> Path:
    """The file of a small run."""
    return write_all(tmp_path / "results.jsonl", records)


@pytest.fixture
def run(results_path: Path) -> Results:
    """A small run, read."""
    return read_results(results_path)


@pytest.fixture
def whole_run() -> list[Record]:
    """A run of the size of the registry."""
    return sample_records(240)


@pytest.fixture
def write() -> Callable[[Path, list[Record]], Path]:
    """Writes records as a whole file."""
    return write_all
