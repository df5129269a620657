"""Several results files of one target as one: the shards of a run, or a run and what was left of it.

Only what belongs together is merged: the same target and version, judged by the same version of the suite, with
the same options but for the shard, the seed and the like. A test that two files have must have the same verdict
in both, and counts once, as it stands in the first. Every part is remembered with its seed and its tests, so that
a result of the whole can still be repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ddbproof.reports.errors import ReportError
from ddbproof.reports.outcome import exit_code_of
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import FindingRecord, Footer, Header, PartRecord, Record, ResultRecord
from ddbproof.reports.writer import ResultsWriter

# A shard may have these to itself.
_OF_THE_PART = ("shard", "jobs", "seed", "endpoint", "time-limit-minutes", "select", "area")
_INTERRUPTED, _UNREACHABLE = 130, 3
_MOST_SHARDS = 9999


def merge(parts: Sequence[Results]) -> Results:
    """One run made of its parts. Raises ReportError for parts that do not belong together.

    The merged run is interrupted, or its target gone, if that is so of any part.
    """
    if len(parts) < 2:
        raise ReportError("There is nothing to merge", hint="Name two results files or more")
    first = parts[0]
    _refuse_the_same_run_twice(parts)
    for other in parts[1:]:
        _require_alike(first.header, other.header)
    results: dict[tuple[str, str], ResultRecord] = {}
    for part in parts:
        for result in part.results:
            known = results.setdefault((result.claim, result.test), result)
            if known.verdict is not result.verdict:
                raise ReportError(
                    f"Two parts disagree on {result.claim}, {result.test}",
                    cause=f"{known.verdict} in one, {result.verdict} in the other",
                    hint="Parts of one run share no test; leave one of the files out",
                )
    header = msgspec.structs.replace(
        first.header,
        run=f"{first.header.run}+{len(parts) - 1}",
        started=min(part.header.started for part in parts),
        options=_shared_options(first.header),
        parts=[record for part in parts for record in _part_records(part)],
    )
    merged = Results(header, results=list(results.values()))
    for part in parts:
        merged.claims |= part.claims
        merged.seeds |= part.seeds
        merged.findings += part.findings
    missing = missing_shards(header.parts)
    if missing:
        merged.findings.append(
            FindingRecord("merge", f"not among the merged runs: shard {', '.join(missing)}")
        )
    merged.footer = _footer(parts, merged.results)
    return merged


def _part_records(part: Results) -> list[PartRecord]:
    """What the merged run remembers of a part; of one that was merged itself, what that remembers."""
    header = part.header
    if header.parts:
        return header.parts
    tests = list(dict.fromkeys(result.test for result in part.results))
    seconds = part.footer.seconds if part.footer is not None else 0.0
    return [PartRecord(header.run, header.seed, header.options, seconds, tests)]


def missing_shards(parts: Sequence[PartRecord]) -> list[str]:
    """The shards that are not among the parts, such as `2/3`, for every N of which there is one."""
    found: dict[int, set[int]] = {}
    for part in parts:
        number, _, count = str(part.options.get("shard", "")).partition("/")
        if number.isdecimal() and count.isdecimal():
            found.setdefault(min(int(count), _MOST_SHARDS), set()).add(int(number))
    return [
        f"{one}/{total}"
        for total, numbers in found.items()
        for one in range(1, total + 1)
        if one not in numbers
    ]


def _shared_options(header: Header) -> dict[str, Any]:
    return {name: value for name, value in header.options.items() if name not in _OF_THE_PART}


def _refuse_the_same_run_twice(parts: Sequence[Results]) -> None:
    seen: set[str] = set()
    for part in parts:
        for record in _part_records(part):
            if record.run in seen:
                raise ReportError(
                    f"The run {record.run} is there twice",
                    cause="Two of the files are of one run, or one was merged from the other",
                    hint="Name each run once",
                )
            seen.add(record.run)


def write(results: Results, path: Path) -> None:
    """Write results as a file that `read_results` reads; ReportError if that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ResultsWriter(path) as writer:
            records: list[Record] = [results.header, *results.claims.values(), *results.seeds.values()]
            for record in (*records, *results.results, *results.findings):
                writer.write(record)
            if results.footer is not None:
                writer.close(results.footer)
    except OSError as error:
        raise ReportError(
            f"{path} cannot be written", cause=error.strerror or str(error), hint="Choose another place"
        ) from error


def _require_alike(first: Header, other: Header) -> None:
    def shown(header: Header) -> dict[str, Any]:
        return {
            "target": header.target.name,
            "version": header.target.version,
            "planted defect": header.target.defect,
            "version of ddbproof": header.ddbproof,
            "commit": header.commit,
            "clock": header.target.clock,
            "options": _shared_options(header),
        }

    for name, value in shown(first).items():
        if (theirs := shown(other)[name]) != value:
            raise ReportError(
                "These results do not belong to one run",
                cause=f"The {name} is {value!r} in {first.run} and {theirs!r} in {other.run}",
                hint="ddbproof report diff compares two runs, ddbproof report matrix shows several targets",
            )


def _footer(parts: Sequence[Results], results: Sequence[ResultRecord]) -> Footer | None:
    footers = [part.footer for part in parts if part.footer is not None]
    if len(footers) < len(parts):
        return None  # a part was cut off, and so is the whole
    exits = {footer.exit for footer in footers}
    if _INTERRUPTED in exits:
        code = _INTERRUPTED
    elif _UNREACHABLE in exits:
        code = _UNREACHABLE
    else:
        code = exit_code_of(results)
    return Footer(
        finished=max(footer.finished for footer in footers),
        counts=dict(Counter(str(result.verdict) for result in results)),
        seconds=round(sum(footer.seconds for footer in footers), 3),
        interrupted=any(footer.interrupted for footer in footers),
        exit=code,
        leftovers=[leftover for footer in footers for leftover in footer.leftovers],
    )
