"""`ddbproof report`: read the results of a run, sum them up, render them as a page."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError


def report(
    results: Path,
    *,
    html: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Sum up the results of a run, and render them as a page.

    The exit code is that of the verdicts: 0 nothing failed, 1 a promise is broken, 4 inconclusive only or a
    run that was cut off, 5 a test itself failed. 2 means the results cannot be read.

    Parameters
    ----------
    results
        A results.jsonl, also a .partial one of a run that was cut off, or the directory of a run.
    html
        Write the report to this file as one page that needs nothing else.
    json
        Print the summary as JSON instead of as text.
    """
    from ddbproof.reports import Summary, print_summary, read_results, render_html

    read = read_results(results)
    summary = Summary(read)
    if html is not None:
        write_page(html, render_html(read))
    if json:
        import msgspec

        text = msgspec.json.format(msgspec.json.encode(summary.as_data()), indent=2)
        sys.stdout.write(text.decode() + "\n")
    else:
        print_summary(read)
        if html is not None:
            sys.stdout.write(f"report: {html}\n")
    return summary.exit_code


def write_page(path: Path, page: str) -> None:
    """Write a page whole or not at all; raises CommandError if it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            temporary.write_text(page, "utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise CommandError(
            f"cannot write {path}",
            cause=error.strerror or str(error),
            hint="choose another place",
        ) from error
