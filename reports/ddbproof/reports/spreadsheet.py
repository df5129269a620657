"""Results as comma-separated values, one row a result, for whoever counts in a spreadsheet.

A spreadsheet takes a cell that begins with =, +, - or @ for a formula and runs it. Reasons hold what a foreign
endpoint said, so such a cell gets an apostrophe in front, which the spreadsheet does not show.
"""

from __future__ import annotations

import csv
import io

from ddbproof.reports.outcome import is_known_failure, is_unexpected_pass
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.summary import clean

COLUMNS = (
    "target",
    "version",
    "run",
    "suite",
    "area",
    "claim",
    "test",
    "verdict",
    "known",
    "known_reason",
    "known_owner",
    "known_until",
    "seconds",
    "reason",
    "promise",
    "sentence",
    "source",
    "source_rank",
)
# Some spreadsheets take the wide forms of East Asian writing for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def render_csv(results: Results) -> str:
    """The results as text with a heading row; lines end as RFC 4180 says."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for result in results.results:
        writer.writerow([_cell(value) for value in _row(results, result)])
    return file.getvalue()


def _row(results: Results, result: ResultRecord) -> tuple[str, ...]:
    target, claim = results.header.target, results.claims.get(result.claim)
    known = "known" if is_known_failure(result) else "unexpected pass" if is_unexpected_pass(result) else ""
    return (
        target.name,
        target.version or "",
        results.header.run,
        results.header.commit or results.header.ddbproof,
        claim.area if claim else "",
        result.claim,
        result.test,
        str(result.verdict),
        known,
        result.known.reason if result.known else "",
        result.known.owner if result.known else "",
        result.known.expires if result.known else "",
        f"{result.seconds:.3f}",
        result.reason,
        result.promise,
        claim.sentence if claim else "",
        claim.source if claim else "",
        claim.source_rank if claim else "",
    )


def _cell(text: str) -> str:
    shown = clean(text)
    return f"'{shown}" if text.startswith(_FORMULA) else shown
