"""How HTML is made: templates that escape everything, one stylesheet inside the page, and nothing else allowed.

Every page stands alone: no network, no script. Whatever comes from results is escaped by the template and
cleaned of characters that command a terminal or turn the direction of writing; the policy in a page's head
allows its own stylesheet, by digest.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from ddbproof.reports.summary import NO_EVIDENCE, clean
from ddbproof.reports.verdicts import Verdict

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
    "not judged": "–",
}
_SHORT = {
    str(Verdict.INCONCLUSIVE): "incon.",
    str(Verdict.UNSUPPORTED): "unsup.",
    str(Verdict.NOT_TESTABLE): "n/t",
    "not judged": "n/j",
}


def render(template: str, *styles: str, **context: Any) -> str:
    """A page made of the template of that name, with the common stylesheet and those named besides."""
    style = "".join(map(_template_file, ("report.css", *styles)))
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            **context,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_template_file),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        symbol=symbol,
        css=_css_class,
        instant=_instant,
        duration=_duration,
        commit=commit,
        place=_place,
        short=_short,
        anchor=anchor,
    )
    return environment


def _template_file(name: str) -> str:
    return (files("ddbproof.reports") / "templates" / name).read_text("utf-8")


def _finalize(value: object) -> object:
    """Characters that no text needs are taken out of all that a template prints."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def symbol(status: str) -> str:
    """The sign of a verdict or of a kind of evidence: colour never speaks alone."""
    return SYMBOLS[Verdict(status)] if status in list(Verdict) else _EVIDENCE_SYMBOLS.get(status, "·")


def _short(status: str) -> str:
    """A word for a verdict where there is little room."""
    return _SHORT.get(status, status)


def anchor(text: str) -> str:
    """A name for a place in a page: letters, digits and hyphens.

    >>> anchor("PI-12 test_a.py::test_b[x]")
    'PI-12-test_a-py-test_b-x'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")


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


def commit(text: str) -> str:
    """A commit short enough to read, with the mark of uncommitted changes."""
    return text[:12] + ("+" if text.endswith("+") and len(text) > 12 else "")


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
