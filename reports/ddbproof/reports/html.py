"""The report on one run as a page: outcome, seed statements, what did not pass and how to act on it, all claims.

What did not pass has all that somebody needs who has to mend it: the rule with its source, what was expected and
what was seen, the requests and answers in their order, both attempts, and the command that judges just this
again. Exchanges are shown up to a bound, so that a page stays a page; the results file has them all.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from ddbproof.reports.outcome import is_known_failure, is_unexpected_pass
from ddbproof.reports.pages import render
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.summary import DOCUMENTATION_ONLY, ClaimRow, Summary
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict

_EXCHANGES_SHOWN = 12
_BAR_WIDTH = 1000
# Options that say which run it was, and nothing of how a target is reached.
_NOT_REPEATED = (
    "select",
    "area",
    "shard",
    "jobs",
    "merged",
    "command",
    "known-failures",
    "time-limit-minutes",
)


def render_html(results: Results) -> str:
    """The report on a run as one HTML page."""
    summary = Summary(results)
    return render(
        "report.html.jinja",
        summary=summary,
        header=results.header,
        target=results.header.target,
        footer=results.footer,
        endpoints=_regions_by_url(results.header.target.endpoints),
        results=results,
        sections=_by_verdict(summary),
        unexpected=[result for result in results.results if is_unexpected_pass(result)],
        is_known=is_known_failure,
        again=_command_for(results),
        bar=_bar(summary),
        meaning={verdict: MEANING[verdict] for verdict in reversed(WORST_FIRST)},
        exchanges_shown=_EXCHANGES_SHOWN,
        DOCUMENTATION_ONLY=DOCUMENTATION_ONLY,
    )


def _command_for(results: Results) -> Callable[[ResultRecord], str]:
    """The command line that runs the test of one result again."""
    words = ["ddbproof", "conform"]
    for name, value in results.header.options.items():
        if name not in _NOT_REPEATED:
            for one in value if isinstance(value, list) else [value]:
                words += [f"--{name}", str(one)]

    def command(result: ResultRecord) -> str:
        # Parameters of a test are in brackets, which select by pattern; its name alone will do.
        test = result.test.rpartition("::")[2].partition("[")[0]
        return shlex.join([*words, "--select", test])

    return command


def _regions_by_url(endpoints: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for region, url in endpoints.items():
        found.setdefault(url, []).append(region)
    return found


def _by_verdict(summary: Summary) -> list[tuple[Verdict, list[tuple[ClaimRow, ResultRecord]]]]:
    """Results that need an explanation, with their claims, under their verdicts."""
    found: dict[Verdict, list[tuple[ClaimRow, ResultRecord]]] = {}
    for result in summary.to_explain:
        found.setdefault(result.verdict, []).append((summary.claims[result.claim], result))
    return list(found.items())


def _bar(summary: Summary) -> list[tuple[str, int, float, float]]:
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
