"""Results as Markdown, short enough for a comment on a pull request.

What a foreign endpoint said is shown as it is: characters that mean something in Markdown or HTML are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ddbproof.reports.reader import Results
from ddbproof.reports.summary import ClaimRow, Summary, one_line
from ddbproof.reports.verdicts import WORST_FIRST, Verdict

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&@$])")
# GitHub makes links of these after Markdown has done its work, and writes to whoever is mentioned.
_MENTION = re.compile(r"([@#])(?=\w)")
_WORD_JOINER = "\N{WORD JOINER}"
_REASON_CHARACTERS = 240
_ROWS_AT_MOST = 60


def render_markdown(results: Results) -> str:
    """Headline, coverage, counts, and a table of the claims that did not pass."""
    summary = Summary(results)
    target = results.header.target
    lines = [f"### {escaped(target.name)} {escaped(target.version or '')}".rstrip(), ""]
    if summary.interruption is not None:
        lines += [f"**Incomplete run.** {escaped(summary.interruption)}", ""]
    if target.defect is not None:
        lines += [
            f"**A defect was planted: {escaped(target.defect)}.** This says nothing about the target.",
            "",
        ]
    lines += [f"**{escaped(summary.headline)}** {escaped(summary.coverage)}.", ""]
    counts = [f"{count} {verdict}" for verdict, count in summary.claim_counts.items()]
    lines += ["Claims: " + (", ".join(counts) or "none judged") + ".", ""]
    if summary.unexpected_passes:
        lines += ["Listed as known failures, and passing:", ""]
        lines += [f"- {escaped(one.claim)} {escaped(one.test)}" for one in summary.unexpected_passes] + [""]
    rows = [
        (escaped(row.claim.id), _verdict(row), _reason(row.reasons))
        for wanted in WORST_FIRST
        if wanted is not Verdict.PASS
        # What counts comes before what is known.
        for row in sorted(summary.judged, key=lambda row: row.known is not None)
        if row.verdict is wanted
    ]
    if rows:
        lines += table(("claim", "verdict", "why"), rows[:_ROWS_AT_MOST])
        if len(rows) > _ROWS_AT_MOST:
            lines += ["", f"... and {len(rows) - _ROWS_AT_MOST} more."]
    return "\n".join(lines).rstrip() + "\n"


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; cells are escaped already."""
    return [
        "| " + " | ".join(heading) + " |",
        "|" + "---|" * len(heading),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def escaped(text: str) -> str:
    """Text on one line that Markdown shows as it is, and that mentions nobody.

    >>> escaped("a|b <i>")
    'a\\\\|b \\\\<i\\\\>'
    """
    return _SPECIAL.sub(r"\\\1", _MENTION.sub(rf"\1{_WORD_JOINER}", one_line(text, 2000)))


def _verdict(row: ClaimRow) -> str:
    if row.known is None:
        return str(row.verdict)
    return f"{row.verdict} (known) until {escaped(row.known.expires)}"


def _reason(reasons: Sequence[str]) -> str:
    return escaped(one_line(reasons[0], _REASON_CHARACTERS)) if reasons else ""
