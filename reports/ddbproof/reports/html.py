"""The report on one run as a page: outcome, seed statements, what did not pass and how to act on it, all claims.

What did not pass has all that somebody needs who has to mend it: the rule with its source, what was expected and
what was seen, the requests and answers in their order, both attempts, and the command that judges just this
again. Exchanges are shown up to a bound, so that a page stays a page; the results file has them all.
"""

from __future__ import annotations

from ddbproof.reports.cases import cases_of, groups_of, places_of
from ddbproof.reports.pages import render
from ddbproof.reports.reader import Results
from ddbproof.reports.summary import DOCUMENTATION_ONLY, Summary
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict

# There is nothing to mend in these, so they need no more than a reason.
_BRIEF = {Verdict.UNSUPPORTED, Verdict.NOT_TESTABLE}
_BAR_WIDTH = 1000


def render_html(results: Results) -> str:
    """The report on a run as one HTML page."""
    summary = Summary(results)
    cases = cases_of(summary)
    return render(
        "report.html.jinja",
        summary=summary,
        header=results.header,
        target=results.header.target,
        footer=results.footer,
        endpoints=_regions_by_url(results.header.target.endpoints),
        results=results,
        groups=groups_of(cases),
        brief=_BRIEF,
        places=places_of(cases),
        unexpected=summary.unexpected_passes,
        bar=bar_of(summary),
        meaning={verdict: MEANING[verdict] for verdict in reversed(WORST_FIRST)},
        DOCUMENTATION_ONLY=DOCUMENTATION_ONLY,
    )


def _regions_by_url(endpoints: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for region, url in endpoints.items():
        found.setdefault(url, []).append(region)
    return found


def bar_of(summary: Summary) -> list[tuple[str, int, float, float]]:
    """What became of the claims a client could test: status, count, left edge and width in the drawing."""
    rows = summary.testable
    without_test, not_judged = "without a test", "not judged in this run"
    counts: dict[str, int] = {str(verdict): 0 for verdict in reversed(WORST_FIRST)} | {
        not_judged: 0,
        without_test: 0,
    }
    for row in rows:
        counts[
            str(row.verdict) if row.verdict is not None else not_judged if row.tested else without_test
        ] += 1
    edge = 0.0
    bar = []
    for status, count in counts.items():
        if count:
            width = _BAR_WIDTH * count / len(rows)
            bar.append((status, count, round(edge, 2), round(width, 2)))
            edge += width
    return bar
