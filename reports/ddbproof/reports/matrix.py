"""Many targets side by side: areas and claims as rows, targets as columns, a verdict in every cell.

As a directory of pages (the matrix, and for each run its own page that the cells lead to), or as Markdown. A
score never stands without its coverage. Runs with a planted defect do not belong here and are refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from ddbproof.reports.cases import cases_of, places_of
from ddbproof.reports.errors import ReportError
from ddbproof.reports.html import bar_of, render_html
from ddbproof.reports.markdown import escaped, table
from ddbproof.reports.pages import anchor, commit, render, symbol
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import ClaimRecord, TargetRecord
from ddbproof.reports.summary import Summary, one_line
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict

INDEX_NAME = "index.html"
# These decide something about the target; the others say why nothing could be said.
_DECIDED = (Verdict.PASS, Verdict.FAIL, Verdict.DIFFERS)
COLUMN_VERDICTS = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.DIFFERS,
    Verdict.INCONCLUSIVE,
    Verdict.UNSUPPORTED,
    Verdict.NOT_TESTABLE,
    Verdict.ERROR,
)


@dataclass(frozen=True)
class Column:
    """One target: its run summed up. `page` is the name of its page's file, empty where there is none."""

    summary: Summary
    page: str = ""

    @property
    def name(self) -> str:
        """The target's name."""
        return one_line(self.summary.results.header.target.name, 60)

    @property
    def version(self) -> str:
        """Its version, if known."""
        return one_line(self.summary.results.header.target.version or "", 60)

    @property
    def date(self) -> str:
        """The day of the run."""
        return self.summary.results.header.started[:10]

    @property
    def counts(self) -> dict[Verdict, int]:
        """Judged claims by verdict."""
        return self.summary.claim_counts

    @property
    def passed(self) -> int:
        """Judged claims that pass."""
        return self.summary.passed

    @property
    def judged(self) -> int:
        """Claims that the run judged."""
        return len(self.summary.judged)

    @property
    def decided(self) -> int:
        """Claims that a client could test and of which the run says pass, fail or differs."""
        return sum(row.verdict in _DECIDED for row in self.summary.testable)

    @property
    def testable(self) -> int:
        """Claims that a client could test."""
        return len(self.summary.testable)

    @property
    def seconds(self) -> str:
        """How long the run took."""
        footer = self.summary.results.footer
        return f"{footer.seconds:.0f}" if footer is not None else ""

    @property
    def suite(self) -> str:
        """The commit of the suite that judged it; its version where that is all there is."""
        header = self.summary.results.header
        return one_line(commit(header.commit) if header.commit else header.ddbproof, 60)

    @cached_property
    def bar(self) -> list[tuple[str, int, float, float]]:
        """What became of the claims a client could test, as a drawing."""
        return bar_of(self.summary)

    @cached_property
    def places(self) -> dict[tuple[str, str], str]:
        """Where on the target's page a result is that did not pass, by claim and test."""
        return places_of(cases_of(self.summary))

    @property
    def note(self) -> str:
        """What a reader must know of the run."""
        return "" if self.summary.interruption is None else "incomplete run"


@dataclass(frozen=True)
class Cell:
    """One claim on one target; `verdict` is None where its run did not judge it."""

    verdict: Verdict | None
    reason: str = ""
    link: str = ""
    known: bool = False


@dataclass(frozen=True)
class Row:
    """One claim on every target."""

    id: str
    sentence: str
    cells: tuple[Cell, ...]

    @property
    def is_agreed(self) -> bool:
        """Whether every target has the same verdict."""
        return len({cell.verdict for cell in self.cells}) == 1


@dataclass(frozen=True)
class MatrixArea:
    """The claims of an area that at least one run judged."""

    title: str
    rows: tuple[Row, ...]

    @property
    def tallies(self) -> list[tuple[int, int]]:
        """For each target how many of these claims pass, and how many its run judged."""
        by_target = zip(*(row.cells for row in self.rows), strict=True)
        return [
            (
                sum(cell.verdict is Verdict.PASS for cell in cells),
                sum(cell.verdict is not None for cell in cells),
            )
            for cells in by_target
        ]


def columns_of(runs: Sequence[Results], *, pages: bool = False) -> list[Column]:
    """The columns of a matrix; ReportError for a run that does not belong in one, or the same twice."""
    targets: set[tuple[str, str | None]] = set()
    names = {INDEX_NAME}
    columns = []
    for results in runs:
        target = results.header.target
        if target.defect is not None:
            raise ReportError(
                f"The run {results.header.run} does not belong in a matrix",
                cause=f"A defect was planted in it: {target.defect}",
                hint="Leave it out",
            )
        if (target.name, target.version) in targets:
            raise ReportError(
                f"{target.name} {target.version or ''} is there twice".replace("  ", " "),
                hint="ddbproof report diff compares two runs of one target",
            )
        targets.add((target.name, target.version))
        page = _page_name(target, names)
        names.add(page)
        columns.append(Column(Summary(results), page if pages else ""))
    return columns


def _page_name(target: TargetRecord, taken: set[str]) -> str:
    """A file's name that no other page has, whatever the target calls itself."""
    name = anchor(f"{target.name}-{target.version or 'unknown'}")
    numbers = (f"-{number}" if number > 1 else "" for number in itertools.count(1))
    return next(page for number in numbers if (page := f"{name}{number}.html") not in taken)


def render_matrix(columns: Sequence[Column]) -> str:
    """The matrix as one HTML page."""
    areas = _areas(columns)
    return render(
        "matrix.html.jinja",
        "matrix.css",
        columns=columns,
        areas=areas,
        rows_count=sum(len(area.rows) for area in areas),
        suites=list(dict.fromkeys(column.suite for column in columns)),
        verdicts=[verdict for verdict in COLUMN_VERDICTS if any(verdict in one.counts for one in columns)],
        meaning={verdict: MEANING[verdict] for verdict in reversed(WORST_FIRST)},
    )


def matrix_markdown(columns: Sequence[Column]) -> str:
    """The matrix as Markdown."""
    lines = standings_lines(columns)
    for area in _areas(columns):
        lines += ["", f"#### {escaped(area.title)}", ""]
        lines += table(
            ("claim", *(escaped(f"{one.name} {one.version}".strip()) for one in columns)),
            [(escaped(row.id), *(_shown(cell) for cell in row.cells)) for row in area.rows],
        )
    return "\n".join(lines) + "\n"


def standings_lines(columns: Sequence[Column]) -> list[str]:
    """One row a target, as a Markdown table: counts of claims by verdict, coverage, seconds, day of the run."""
    verdicts = [
        one for one in COLUMN_VERDICTS if one is not Verdict.ERROR or any(one in c.counts for c in columns)
    ]
    heading = ("target", "version", *map(str, verdicts), "decided of testable", "seconds", "judged on")
    rows = [
        (
            escaped(one.name),
            escaped(one.version),
            *(str(one.counts.get(verdict, 0)) for verdict in verdicts),
            f"{one.decided} of {one.testable}",
            one.seconds,
            one.date + (f" ({one.note})" if one.note else ""),
        )
        for one in columns
    ]
    return table(heading, rows)


def write_directory(runs: Sequence[Results], directory: Path) -> Path:
    """The matrix and a page for each run, in a directory; the matrix's file. ReportError as `columns_of`."""
    columns = columns_of(runs, pages=True)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for column in columns:
            (directory / column.page).write_text(render_html(column.summary.results), "utf-8")
        index = directory / INDEX_NAME
        index.write_text(render_matrix(columns), "utf-8")
    except OSError as error:
        raise ReportError(
            f"The matrix cannot be written to {directory}",
            cause=error.strerror or str(error),
            hint="Choose another directory",
        ) from error
    return index


def _areas(columns: Sequence[Column]) -> list[MatrixArea]:
    """Claims that at least one run judged, by area, in the order of the files."""
    claims: dict[str, ClaimRecord] = {}
    for column in columns:
        for row in column.summary.judged:
            claims.setdefault(row.claim.id, row.claim)
    areas: dict[str, list[Row]] = {}
    order = [row.claim.id for column in columns for area in column.summary.areas for row in area.claims]
    for claim_id in dict.fromkeys(order):
        if claim_id in claims:
            claim = claims[claim_id]
            cells = tuple(_cell(column, claim_id) for column in columns)
            areas.setdefault(claim.area_title or claim.area, []).append(Row(claim_id, claim.sentence, cells))
    return [MatrixArea(title, tuple(rows)) for title, rows in areas.items()]


def _cell(column: Column, claim_id: str) -> Cell:
    row = column.summary.claims.get(claim_id)
    if row is None or row.verdict is None:
        return Cell(None)
    place = claim_id
    if row.verdict is not Verdict.PASS:
        result = next(one for one in row.results if one.verdict is row.verdict)
        place = column.places[(result.claim, result.test)]
    reason = row.reasons[0] if row.reasons else ""
    link = f"{quote(column.page)}#{quote(place)}" if column.page else ""
    return Cell(row.verdict, one_line(reason, 300), link, row.known is not None)


def _shown(cell: Cell) -> str:
    if cell.verdict is None:
        return "–"
    return f"{symbol(cell.verdict)} {cell.verdict}{' (known)' if cell.known else ''}"
