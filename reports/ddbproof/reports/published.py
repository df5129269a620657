"""Results that are published as data, and the table of standings that is made of them and of nothing else.

`reports/published/<target>-<version>/results.jsonl` is a whole run as it was judged. Whatever is said of a product
in the README comes from there, so that everybody can look at what it rests on. Only a complete, honest run of a
committed suite is published.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ddbproof.reports.errors import ReportError
from ddbproof.reports.matrix import columns_of, standings_lines
from ddbproof.reports.merge import missing_shards, write
from ddbproof.reports.pages import anchor, commit
from ddbproof.reports.reader import RESULTS_NAME, Results, read_results
from ddbproof.reports.redact import publishable
from ddbproof.reports.schema import FindingRecord, Footer, Header, ResultRecord
from ddbproof.reports.summary import Summary
from ddbproof.reports.verdicts import Verdict

MOST_BYTES = 1_000_000
Published = TypeVar("Published", Header, ResultRecord, FindingRecord, Footer)
BEGIN = "<!-- standings: made by `ddbproof report standings --into README.md`, not by hand -->"
END = "<!-- standings: end -->"


def publish(results: Results, directory: Path, *, force: bool = False) -> Path:
    """Put a run among the published ones, in place of an earlier run of that target and version; its file.

    What looks like a secret, paths of the machine and the profile are taken out. If it takes more than a megabyte,
    so are the requests of what does not accuse the target, but for the last of each test. Raises ReportError for a
    run that is still too large, is not complete, has a planted defect or tells no version of its target; and,
    unless `force` is set, for one that was judged by a suite that was not committed.
    """
    name = results.header.run
    problem = _unfit(results) or (None if force else _uncommitted(results))
    if problem is not None:
        raise ReportError(f"The run {name} is not published", cause=problem, hint="Judge the target again")
    target = results.header.target
    place = directory / anchor_of(target.name, target.version or "") / RESULTS_NAME
    candidate = place.with_name(RESULTS_NAME + ".candidate")
    fit = _publishable(results)
    write(fit, candidate)
    if candidate.stat().st_size > MOST_BYTES:
        write(_lighter(fit), candidate)
    size_bytes = candidate.stat().st_size
    if size_bytes > MOST_BYTES:
        candidate.unlink()
        with contextlib.suppress(OSError):
            place.parent.rmdir()  # unless an earlier run is there
        raise ReportError(
            f"The run {name} is not published",
            cause=f"It takes {size_bytes} bytes, and {MOST_BYTES} is the most",
            hint="Its failures hold their requests and answers, and these are too long",
        )
    candidate.replace(place)
    return place


def _publishable(results: Results) -> Results:
    """The run without what is nobody's business; claims and statements are our own words."""

    def through(record: Published) -> Published:
        return msgspec.convert(publishable(msgspec.to_builtins(record)), type(record))

    target = msgspec.structs.replace(results.header.target, profile=None)
    options = {name: value for name, value in results.header.options.items() if name != "profile"}
    header = msgspec.structs.replace(results.header, target=target, options=options)
    return Results(
        header=through(header),
        claims=results.claims,
        seeds=results.seeds,
        results=[through(record) for record in results.results],
        findings=[through(record) for record in results.findings],
        footer=None if results.footer is None else through(results.footer),
    )


def _lighter(results: Results) -> Results:
    """The run with one request for each result that does not accuse the target, and a word about that."""
    lighter = [
        result
        if result.verdict in (Verdict.FAIL, Verdict.DIFFERS)
        else msgspec.structs.replace(result, exchanges=result.exchanges[-1:])
        for result in results.results
    ]
    told = FindingRecord(
        "published", "of results that are neither fail nor differs only the last request is kept"
    )
    return replace(results, results=lighter, findings=[*results.findings, told])


def anchor_of(name: str, version: str) -> str:
    """The name of a published run's directory.

    >>> anchor_of("dynamodb-local", "3.3.1")
    'dynamodb-local-3.3.1'
    """
    return f"{anchor(name)}-{'.'.join(anchor(part) for part in version.split('.'))}"


def published_runs(directory: Path) -> list[Results]:
    """Every published run: the one with the most passes first, the reference endpoint before all others."""
    runs = [read_results(path) for path in sorted(directory.glob(f"*/{RESULTS_NAME}"))]
    return sorted(runs, key=lambda run: (run.header.target.name != "reference", -Summary(run).passed))


def standings(runs: Sequence[Results]) -> str:
    """The table of standings as Markdown, or a sentence where no run is published."""
    if not runs:
        return "No run is published yet.\n"
    columns = columns_of(runs)
    commits = sorted({commit(run.header.commit or run.header.ddbproof) for run in runs})
    lines = standings_lines(columns)
    lines += [
        "",
        "Counts are of claims: one that several tests judge has the gravest of their verdicts. *Decided* claims "
        "pass, fail or differ, of those that a client could test at all; an endpoint that refuses a feature is not "
        "judged on it. Seconds are how long the run took. "
        + ("Suite at commit " if len(commits) == 1 else "Not judged by one suite: at commits ")
        + ", ".join(f"`{one}`" for one in commits)
        + ".",
    ]
    return "\n".join(lines) + "\n"


def with_standings(text: str, table: str, name: str) -> str:
    """A document with the table between its two markers; ReportError if it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ReportError(
            f"{name} has no place for the standings",
            cause="The two markers are missing",
            hint=f"Put these two lines where the table belongs: {BEGIN} and {END}",
        )
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _unfit(results: Results) -> str | None:
    header, summary = results.header, Summary(results)
    if header.target.defect is not None:
        return f"A defect was planted: {header.target.defect}"
    if summary.interruption is not None:
        return summary.interruption
    if header.target.version is None:
        return "The version of the target is not known"
    if any(name in options for options in _all_options(header) for name in ("select", "area")):
        return "It judged only a part of the suite"
    if "shard" in header.options or missing_shards(header.parts):
        return "It judged only a part of the suite: ddbproof report merge puts shards together"
    if any("known-failures" in options for options in _all_options(header)):
        return "Failures were excused by a list of known failures"
    if Verdict.ERROR in summary.counts:
        return "Tests of ours failed in it"
    return None


def _all_options(header: Header) -> list[dict[str, Any]]:
    return [header.options, *(part.options for part in header.parts)]


def _uncommitted(results: Results) -> str | None:
    if not results.header.commit or results.header.commit.endswith("+"):
        return "The suite that judged it was not committed, so nobody could judge it again"
    return None
