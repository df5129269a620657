"""The summary on a terminal: in colour for a person, plain lines for a pipe or a file, the same words in both.

Text from results is data of a foreign endpoint: control characters are taken out before it is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ddbproof.reports.reader import Results
from ddbproof.reports.summary import Summary, one_line
from ddbproof.reports.verdicts import WORST_FIRST, Verdict

STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.DIFFERS: "magenta",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.UNSUPPORTED: "cyan",
    Verdict.NOT_TESTABLE: "dim",
    Verdict.ERROR: "bold white on red",
}
_Line = list[tuple[str, str]]


def print_summary(results: Results, output: Console | TextIO | None = None) -> None:
    """Print the outcome, counts, every claim that did not pass with its reason, and the coverage.

    `output` is a console, or a file (standard output without one), which gets escape codes only if it is a
    terminal.
    """
    lines = _lines(Summary(results))
    if isinstance(output, Console):
        console = output
    else:
        file = sys.stdout if output is None else output
        if not file.isatty():
            _print_plainly(lines, file)
            return
        console = Console(file=file, highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)


def _print_plainly(lines: Iterator[_Line], file: TextIO) -> None:
    encoding = file.encoding or "utf-8"
    for line in lines:
        text = "".join(part for part, _ in line)
        file.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _lines(summary: Summary) -> Iterator[_Line]:
    results = summary.results
    target = results.header.target
    name = f"{target.name} {target.version}" if target.version else target.name
    yield [
        (one_line(name), "bold"),
        (" " + one_line(f"· run {results.header.run} · seed {results.header.seed}"), ""),
    ]
    if summary.interruption is not None:
        yield [(summary.interruption, "bold yellow")]
    if target.defect is not None:
        yield [
            (
                one_line(f"A defect was planted: {target.defect}. This says nothing about the target."),
                "bold yellow",
            )
        ]
    yield [(summary.headline, "bold")]
    for verdict, count in summary.counts.items():
        yield [(f"{count:>5} {verdict}", STYLES[verdict])]
    yield from _unexpected(summary)
    yield from _not_passed(summary)
    for finding in results.findings:
        yield [(one_line(f"seen: {finding.kind}: {finding.text}"), "dim")]
    if results.footer is not None and results.footer.leftovers:
        yield [(one_line(f"could not be removed: {', '.join(results.footer.leftovers)}", 2000), "bold red")]
    yield [(summary.coverage, "")]


def _unexpected(summary: Summary) -> Iterator[_Line]:
    for result in summary.unexpected_passes:
        assert result.known is not None
        words = f"  {result.test} passes, and is listed as a known failure: {result.known.reason}"
        words += f" ({result.known.owner}, until {result.known.expires})"
        yield [
            ("unexpected pass  ", STYLES[Verdict.FAIL]),
            (one_line(result.claim), "bold"),
            ("  " + one_line(words), ""),
        ]


def _not_passed(summary: Summary) -> Iterator[_Line]:
    rows = [(row.verdict, row) for row in summary.judged]
    for wanted in WORST_FIRST[:-1]:
        # What counts comes before what is known.
        for verdict, row in sorted(rows, key=lambda one: one[1].known is not None):
            if verdict is wanted:
                reason = row.reasons[0] if row.reasons else "no reason given"
                known = row.known
                yield [
                    (f"{wanted} (known)  " if known else f"{wanted}  ", STYLES[wanted]),
                    (one_line(row.claim.id), "bold"),
                    (f"  {one_line(reason)}", ""),
                ]
                if known is not None:
                    words = f"    known until {known.expires}, {known.owner}: {known.reason}"
                    yield [("    " + one_line(words), "dim")]
