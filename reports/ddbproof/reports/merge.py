"""Several results files of one target as one: the shards of a run, or a run and what was left of it.

Only what belongs together is merged: the same target and version, judged by the same version of the suite, with
the same options but for the shard, the seed and the like. A result that two files have must be the same in both.
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
from ddbproof.reports.schema import Footer, Header, Record, ResultRecord
from ddbproof.reports.writer import ResultsWriter

# A shard may have these to itself.
_OF_THE_PART = ("shard", "jobs", "seed", "endpoint", "time-limit-minutes", "select", "area")
_INTERRUPTED, _UNREACHABLE, _INCOMPLETE = 130, 3, 4


def merge(parts: Sequence[Results]) -> Results:
    """One run made of its parts. Raises ReportError for parts that do not belong together.

    The merged run is interrupted, or its target gone, if that is so of any part.
    """
    if len(parts) < 2:
        raise ReportError("There is nothing to merge", hint="Name two results files or more")
    first = parts[0]
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
    options = {name: value for name, value in first.header.options.items() if name not in _OF_THE_PART}
    header = msgspec.structs.replace(
        first.header,
        run="+".join(part.header.run for part in parts)[:200],
        started=min(part.header.started for part in parts),
        options={**options, "merged": len(parts)},
    )
    merged = Results(header, results=list(results.values()))
    for part in parts:
        merged.claims |= part.claims
        merged.seeds |= part.seeds
        merged.findings += part.findings
    merged.footer = _footer(parts, merged.results)
    return merged


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
        options = {name: value for name, value in header.options.items() if name not in _OF_THE_PART}
        return {
            "target": header.target.name,
            "version": header.target.version,
            "planted defect": header.target.defect,
            "version of ddbproof": header.ddbproof,
            "commit": header.commit,
            "clock": header.target.clock,
            "options": options,
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
