"""`ddbproof report`: sum up a run, render it in other forms, put runs together, compare and publish them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from ddbproof.cli.errors import CommandError

if TYPE_CHECKING:
    from ddbproof.reports import Results

_FLAG = Parameter(negative="")
_PUBLISHED = Path("reports/published")

_HELP = """Sum up the results of a run, and render, merge, compare and publish results.

Example: ddbproof report reports/runs/latest --html report.html --junit junit.xml

The exit code is that of the verdicts: 0 nothing failed, 1 a promise is broken, 4 inconclusive only or a run that
was cut off, 5 a test itself failed. Known failures do not count; known failures that pass do. 2 means the results
cannot be read. Each command below has help and exit codes of its own.
"""

app = App(name="report", help=_HELP)


@app.default
def report(
    results: Path,
    *,
    html: Path | None = None,
    junit: Path | None = None,
    markdown: Path | None = None,
    csv: Path | None = None,
    json: Annotated[bool, _FLAG] = False,
) -> int:
    """Sum up the results of a run, and render them in other forms.

    The exit code is that of the verdicts, as the help of the command says.

    Parameters
    ----------
    results
        A results.jsonl, also a .partial one of a run that was cut off, or the directory of a run.
    html
        Write the report to this file as one page that needs nothing else.
    junit
        Write the results to this file as JUnit XML.
    markdown
        Write a summary to this file, short enough for a comment on a pull request.
    csv
        Write the results to this file as comma-separated values, one row a result.
    json
        Print the summary as JSON instead of as text.
    """
    from ddbproof.reports import Summary, print_summary, read_results

    read = read_results(results)
    summary = Summary(read)
    forms = {"html": html, "junit": junit, "markdown": markdown, "csv": csv}
    written = write_forms(read, forms)
    if json:
        _print_json(summary.as_data())
    else:
        print_summary(read)
        for path in written:
            sys.stdout.write(f"report: {path}\n")
    return summary.exit_code


@app.command
def merge(*results: Path, into: Path) -> int:
    """Put the parts of a run together: its shards, say. The exit code is that of the whole.

    Parts belong together when they judged the same target and version with the same suite and the same options,
    but for shard, selection, jobs and seed. Two parts that judged the same must agree.

    Example: ddbproof report merge shard1 shard2 shard3 --into whole

    Parameters
    ----------
    results
        Results files, or the directories of runs.
    into
        The directory for results.jsonl and report.html of the whole.
    """
    from ddbproof.reports import Summary, print_summary
    from ddbproof.reports.merge import merge as merge_results
    from ddbproof.reports.merge import write

    if (into / "results.jsonl").resolve() in map(_file, results):
        raise CommandError(
            f"{into} holds one of the runs", cause="It would be overwritten", hint="Choose another place"
        )
    merged = merge_results(_read_all(results))
    write(merged, into / "results.jsonl")
    write_forms(merged, {"html": into / "report.html"})
    print_summary(merged)
    sys.stdout.write(f"report: {into / 'report.html'}\n")
    return Summary(merged).exit_code


@app.command
def diff(
    before: Path,
    after: Path,
    *,
    markdown: Annotated[bool, _FLAG] = False,
    json: Annotated[bool, _FLAG] = False,
) -> int:
    """Compare two runs: what the target does otherwise, apart from what the suite does otherwise.

    The exit code is 0 if nothing got worse, 1 if something newly fails or no longer passes, and 4 if nothing did as
    far as the later run went, which was not to its end.

    Example: ddbproof report diff reports/runs/before reports/runs/after --markdown

    Parameters
    ----------
    before
        The earlier run.
    after
        The later run.
    markdown
        Print the difference as Markdown.
    json
        Print it as JSON.
    """
    from ddbproof.reports.diff import compare, render_markdown, render_text

    difference = compare(*_read_all((before, after)))
    if json:
        _print_json(difference.as_data())
    else:
        sys.stdout.write(render_markdown(difference) if markdown else render_text(difference))
    return difference.exit_code


@app.command
def matrix(*results: Path, html: Path | None = None, markdown: Annotated[bool, _FLAG] = False) -> int:
    """Show several targets side by side, claim by claim, with the coverage beside each score.

    The exit code is 0 whatever the verdicts are.

    Example: ddbproof report matrix reports/runs/moto reports/runs/dynoxide --html matrix

    Parameters
    ----------
    results
        A run of each target; the published ones unless given.
    html
        Write the matrix to this directory, as index.html, with a page for each run beside it.
    markdown
        Print the whole matrix as Markdown; otherwise only the standings are printed.
    """
    from ddbproof.reports.matrix import columns_of, matrix_markdown, standings_lines, write_directory
    from ddbproof.reports.published import published_runs

    runs = _read_all(results) if results else published_runs(_PUBLISHED)
    if not runs:
        raise CommandError("There is no run to show", hint="ddbproof report matrix RUN RUN ...")
    columns = columns_of(runs)
    sys.stdout.write(matrix_markdown(columns) if markdown else "\n".join(standings_lines(columns)) + "\n")
    if html is not None:
        sys.stdout.write(f"matrix: {write_directory(runs, html)}\n")
    return 0


@app.command
def publish(*results: Path, into: Path = _PUBLISHED, force: Annotated[bool, _FLAG] = False) -> int:
    """Put complete runs among those that are published as data.

    Refused are runs with a planted defect, incomplete or partial ones, and those of a suite that was not committed.
    What looks like a secret, and paths of this machine, are taken out.

    Example: ddbproof report publish reports/runs/moto

    Parameters
    ----------
    results
        Results files, or the directories of runs.
    into
        The directory of published runs.
    force
        Publish also what a suite judged that was not committed; its commit is marked with a +.
    """
    from ddbproof.reports.published import publish as publish_run

    for run in _read_all(results):
        sys.stdout.write(f"published: {publish_run(run, into, force=force)}\n")
    return 0


@app.command
def standings(
    *, published: Path = _PUBLISHED, into: Path | None = None, check: Annotated[bool, _FLAG] = False
) -> int:
    """Make the table of standings from the published runs.

    Example: ddbproof report standings --into README.md --check

    Parameters
    ----------
    published
        The directory of published runs.
    into
        Put the table into this document, between its two markers; otherwise it is printed.
    check
        Change nothing, and end with 1 if the document's table is not what it should be.
    """
    from ddbproof.reports.published import published_runs, with_standings
    from ddbproof.reports.published import standings as make_standings

    table = make_standings(published_runs(published))
    if into is None:
        sys.stdout.write(table)
        return 0
    try:
        text = into.read_text("utf-8")
    except OSError as error:
        raise CommandError(f"cannot read {into}", cause=error.strerror or str(error)) from error
    wanted = with_standings(text, table, str(into))
    if check:
        if wanted != text:
            sys.stderr.write(
                f"the standings in {into} are out of date: ddbproof report standings --into {into}\n"
            )
        return int(wanted != text)
    write_page(into, wanted)
    return 0


@app.command
def findings(
    *,
    published: Path = _PUBLISHED,
    into: Path = Path("docs/findings"),
    check: Annotated[bool, _FLAG] = False,
) -> int:
    """Make a page for each product: every failure beside the documentation's sentence that it breaks.

    Parameters
    ----------
    published
        The directory of published runs.
    into
        The directory with judgements.toml, where the pages go.
    check
        Change nothing, and end with 1 if a page is not what it should be.
    """
    from ddbproof.reports.findings import write_findings
    from ddbproof.reports.published import published_runs

    stale = []
    for path, page in write_findings(published_runs(published), into).items():
        if not check:
            write_page(path, page)
            sys.stdout.write(f"findings: {path}\n")
        elif not path.exists() or path.read_text("utf-8") != page:
            stale.append(str(path))
    if stale:
        sys.stderr.write(f"out of date: {', '.join(stale)}: ddbproof report findings\n")
    return int(bool(stale))


def write_forms(results: Results, forms: dict[str, Path | None]) -> list[Path]:
    """Write the results in each form that has a path; the paths. Raises CommandError if one cannot be written."""
    from ddbproof.reports.html import render_html
    from ddbproof.reports.markdown import render_markdown
    from ddbproof.reports.spreadsheet import render_csv

    def render_junit(results: Results) -> str:
        from ddbproof.reports.junit import render_junit as render  # loads an XML library

        return render(results)

    renderers: dict[str, Callable[[Results], str]] = {
        "html": render_html,
        "junit": render_junit,
        "markdown": render_markdown,
        "csv": render_csv,
    }
    written = []
    for form, path in forms.items():
        if path is not None:
            write_page(path, renderers[form](results))
            written.append(path)
    return written


def write_page(path: Path, page: str) -> None:
    """Write a page whole or not at all; raises CommandError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            temporary.write_text(page, "utf-8", newline="")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot write {path}",
            cause=error.strerror or str(error),
            hint="choose another place",
        ) from error


def _read_all(paths: tuple[Path, ...]) -> list[Results]:
    from ddbproof.reports import read_results

    if not paths:
        raise CommandError("Which run?", hint="Name results files, or the directories of runs")
    seen: set[Path] = set()
    for path in paths:
        if _file(path) in seen:
            raise CommandError(f"{path} is named twice", hint="Name each run once")
        seen.add(_file(path))
    return [read_results(path) for path in paths]


def _file(results: Path) -> Path:
    """The results file of a run, whichever way the run is named."""
    return (results / "results.jsonl" if results.is_dir() else results).resolve()


def _print_json(data: dict[str, Any]) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n")
