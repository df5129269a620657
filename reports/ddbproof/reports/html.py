"""Results as one page that stands alone: no network, no script, one stylesheet inside.

Everything that comes from results is escaped by the template; the policy in the page's head allows its own
stylesheet, by digest, and nothing else. Colour never speaks alone: each verdict has a symbol and a word.
Exchanges are shown up to a bound, so that a page stays a page; the results file has them all.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from datetime import datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from ddbproof.reports.reader import Results
from ddbproof.reports.summary import DOCUMENTATION_ONLY, NO_EVIDENCE, ClaimRow, Summary, clean
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict

SYMBOLS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.DIFFERS: "≠",
    Verdict.INCONCLUSIVE: "?",
    Verdict.UNSUPPORTED: "⊘",
    Verdict.NOT_TESTABLE: "○",
    Verdict.ERROR: "!",
}
_EVIDENCE_SYMBOLS = {
    "proof": "∎",
    "state machine": "⚙",
    "conformance test": "◇",
    "simulation": "≈",
    "documentation only": "§",
    NO_EVIDENCE: "–",
}
_EXCHANGES_SHOWN = 12
_CHARACTERS_SHOWN = 4000
_BAR_WIDTH = 1000


def render_html(results: Results) -> str:
    """The report on a run as one HTML page."""
    summary = Summary(results)
    style = _template_file("report.css")
    return _template().render(
        summary=summary,
        header=results.header,
        target=results.header.target,
        footer=results.footer,
        endpoints=_regions_by_url(results.header.target.endpoints),
        results=results,
        sections=_by_verdict(summary),
        bar=_bar(summary),
        style=Markup(style),  # noqa: S704 - our own file
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        meaning={verdict: MEANING[verdict] for verdict in reversed(WORST_FIRST)},
        exchanges_shown=_EXCHANGES_SHOWN,
        DOCUMENTATION_ONLY=DOCUMENTATION_ONLY,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_template_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        symbol=_symbol,
        css=_css_class,
        instant=_instant,
        duration=_duration,
        body=_body,
        commit=_commit,
        place=_place,
    )
    return environment.get_template("report.html.jinja")


def _template_file(name: str) -> str:
    return (files("ddbproof.reports") / "templates" / name).read_text("utf-8")


def _finalize(value: object) -> object:
    """Characters that no text needs are taken out of all that a template prints."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _symbol(status: str) -> str:
    return SYMBOLS[Verdict(status)] if status in list(Verdict) else _EVIDENCE_SYMBOLS.get(status, "·")


def _css_class(status: str) -> str:
    """A class for a verdict; evidence of any kind looks alike."""
    if status in list(Verdict):
        return "v-" + Verdict(status).name.lower().replace("_", "-")
    return "e-none" if status == NO_EVIDENCE else "e-some"


def _place(text: str) -> Markup:
    """A module and what is in it, without the packages around, and with places where a line may break."""
    module, separator, name = text.rpartition("::")
    short = module if module.endswith(".py") else module.rpartition(".")[2]
    return escape(clean(f"{short}{separator}{name}")).replace("_", Markup("_<wbr>"))


def _commit(text: str) -> str:
    """Short enough to read, with the mark of uncommitted changes."""
    return text[:12] + ("+" if text.endswith("+") and len(text) > 12 else "")


def _regions_by_url(endpoints: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for region, url in endpoints.items():
        found.setdefault(url, []).append(region)
    return found


def _instant(text: str) -> str:
    """ISO 8601 as people read it; anything else as it is."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{instant:%d %B %Y, %H:%M:%S} {instant.tzname() or ''}".strip()


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _body(text: str) -> str:
    """A request or an answer: JSON indented, anything else (what was cut, for example) as it is."""
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    if len(text) <= _CHARACTERS_SHOWN:
        return text
    return (
        f"{text[:_CHARACTERS_SHOWN]}\n… {len(text) - _CHARACTERS_SHOWN} more characters in the results file"
    )


def _by_verdict(summary: Summary) -> list[tuple[Verdict, list[tuple[ClaimRow, object]]]]:
    """Results that need an explanation, with their claims, under their verdicts."""
    found: dict[Verdict, list[tuple[ClaimRow, object]]] = {}
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
