"""Reading results: strict about what is there, honest about what is missing.

A file without a footer is of a run that was cut off; it is read as far as it goes and `complete` is false.
Anything else that is not as the schema says is refused with the line and the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
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
_decode: Callable[[bytes], Record] = msgspec.json.Decoder(Record).decode


class _SchemaOnly(msgspec.Struct):
    schema: str | None = None


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
            _refuse_other_schema(path, number, line)
            results = Results(record)
        else:
            _add(path, number, results, record, judged)
    if results is None:
        raise ResultsFileError(path, None, "the file is empty", _HINT)
    if cut_off and results.footer is not None:
        raise ResultsFileError(path, len(lines) + 1, "there is something after the footer")
    _refuse_other_counts(path, len(lines), results)
    return results


def _refuse_other_counts(path: Path, number: int, results: Results) -> None:
    """The footer says how many results there were of each verdict: a file with others was changed since."""
    if results.footer is None:
        return
    found = dict(Counter(str(result.verdict) for result in results.results))
    if found != results.footer.counts:
        raise ResultsFileError(
            path,
            number,
            f"the footer counts {results.footer.counts or 'no'} results, the file holds {found or 'none'}",
            "a line was lost or changed after the run; judge again",
        )


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    # A partial file beside a whole one is of a later run: a run that ends renames its own.
    partial = path / (RESULTS_NAME + PARTIAL_SUFFIX)
    return partial if partial.exists() else path / RESULTS_NAME


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_other_schema(path, number, line)
        raise ResultsFileError(path, number, f"{error}: {_shown(line)}", _HINT) from error


def _refuse_other_schema(path: Path, number: int, line: bytes) -> None:
    """Another version's header need not have our fields, so its schema is looked at by itself."""
    try:
        schema = msgspec.json.decode(line, type=_SchemaOnly).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if schema not in (None, SCHEMA):
        raise ResultsFileError(
            path,
            number,
            f"the schema is {schema!r}, this version reads {SCHEMA!r}",
            "read it with the version of ddbproof that wrote it",
        )


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
            if record.id in results.claims:
                raise ResultsFileError(path, number, f"claim {record.id} is there a second time")
            results.claims[record.id] = record
        case SeedRecord():
            if record.id in results.seeds:
                raise ResultsFileError(path, number, f"seed statement {record.id} is there a second time")
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
