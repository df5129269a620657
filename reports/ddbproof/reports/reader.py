"""Reading results: strict about what is there, honest about what is missing.

A file without a footer is of a run that was cut off; it is read as far as it goes and `complete` is false.
Anything else that is not as the schema says is refused with the line and the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ddbproof.reports.errors import ResultsFileError
from ddbproof.reports.schema import (
    SCHEMA,
    ClaimRecord,
    FindingRecord,
    Footer,
    Header,
    Record,
    ResultRecord,
    SeedRecord,
)
from ddbproof.reports.writer import PARTIAL_SUFFIX

RESULTS_NAME = "results.jsonl"
_HINT = "give the results.jsonl of a run, or the directory that holds it"
_decode = msgspec.json.Decoder(Record).decode


@dataclass
class Results:
    """Everything a results file says."""

    header: Header
    claims: dict[str, ClaimRecord] = field(default_factory=dict)
    seeds: dict[str, SeedRecord] = field(default_factory=dict)
    results: list[ResultRecord] = field(default_factory=list)
    findings: list[FindingRecord] = field(default_factory=list)
    footer: Footer | None = None

    @property
    def complete(self) -> bool:
        """False for a run that was cut off or interrupted."""
        return self.footer is not None and not self.footer.interrupted


def read_results(path: Path) -> Results:
    """Read a results file, or the one in a directory. Raises ResultsFileError."""
    path = _find(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsFileError(path, None, error.strerror or str(error), _HINT) from error
    lines = content.split(b"\n")
    cut_off = lines.pop() != b""
    if cut_off:
        # The last line was being written when the run ended.
        cut_off_line = content.rpartition(b"\n")[2]
        if not lines:
            raise ResultsFileError(path, 1, _shown(cut_off_line), _HINT)
    results: Results | None = None
    judged: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, 1):
        record = _record(path, number, line)
        if results is None:
            if not isinstance(record, Header):
                raise ResultsFileError(path, number, "the first record is not a header", _HINT)
            if record.schema != SCHEMA:
                raise ResultsFileError(
                    path,
                    number,
                    f"the schema is {record.schema}, this version reads {SCHEMA}",
                    "read it with the version of ddbproof that wrote it",
                )
            results = Results(record)
        else:
            _add(path, number, results, record, judged)
    if results is None:
        raise ResultsFileError(path, None, "the file is empty", _HINT)
    if cut_off and results.footer is not None:
        raise ResultsFileError(path, len(lines) + 1, "there is something after the footer")
    return results


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    whole = path / RESULTS_NAME
    partial = path / (RESULTS_NAME + PARTIAL_SUFFIX)
    return partial if partial.exists() and not whole.exists() else whole


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultsFileError(path, number, f"{error}: {_shown(line)}", _HINT) from error


def _shown(line: bytes) -> str:
    text = line[:60].decode(errors="replace")
    return f"it reads {text!r}" if text else "the line is empty"


def _add(path: Path, number: int, results: Results, record: Record, judged: set[tuple[str, str]]) -> None:
    if results.footer is not None:
        raise ResultsFileError(path, number, "there is a record after the footer")
    match record:
        case Header():
            raise ResultsFileError(path, number, "there is a second header")
        case ClaimRecord():
            results.claims[record.id] = record
        case SeedRecord():
            results.seeds[record.id] = record
        case ResultRecord():
            if (record.claim, record.test) in judged:
                raise ResultsFileError(path, number, f"{record.test} judges {record.claim} a second time")
            judged.add((record.claim, record.test))
            results.results.append(record)
        case FindingRecord():
            results.findings.append(record)
        case Footer():
            results.footer = record
