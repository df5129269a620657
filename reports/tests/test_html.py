"""The page stands alone, leaves nothing out, and cannot be made to say or do what a target wants."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddbproof.reports import (
    Exchange,
    FindingRecord,
    Record,
    Results,
    SeedRecord,
    Verdict,
    read_results,
    render_html,
)

VOID = {"meta", "br", "wbr"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&</style></pre>\x00\x1b\u202e{{ 7 * 7 }}"


class Page(HTMLParser):
    """Elements, attributes, texts; checks that elements are closed as they were opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It must be the last one opened."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Remember it, unless it is style."""
        if "style" not in self._open:
            self.text.append(data)

    def attributes(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value or "" for _, found in self.elements for key, value in found.items() if key == name]

    def words(self) -> str:
        """The text of the page with single spaces."""
        return " ".join("".join(self.text).split())


def test_the_page_refers_to_nothing_outside(run: Results) -> None:
    """No script, no link, no image, no import: every reference is to an anchor of the page, which exists."""
    html = render_html(run)
    page = Page(html)
    assert {tag for tag, _ in page.elements}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "form", "base"}
    )
    assert page.attributes("src") == []
    assert page.attributes("style") == []
    anchors = page.attributes("id")
    assert len(anchors) == len(set(anchors))
    assert {reference.removeprefix("#") for reference in page.attributes("href")} <= set(anchors)
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    assert "@import" not in style[0]
    assert "url(" not in style[0]


def test_the_policy_allows_the_own_style_and_nothing_else(run: Results) -> None:
    """The digest in the policy is that of the style."""
    html = render_html(run)
    (policy,) = [value for value in Page(html).attributes("content") if "default-src" in value]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy


def test_hostile_text_stays_text(run: Results) -> None:
    """The same elements as with harmless text in every field, and the text can be read."""
    harmless = Page(render_html(_map_texts(run, lambda text: "harmless")))
    html = render_html(_map_texts(run, lambda text: HOSTILE))
    hostile = Page(html)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [sorted(found) for _, found in hostile.elements] == [
        sorted(found) for _, found in harmless.elements
    ]
    assert "<script>alert(1)</script>" in hostile.words()
    assert "{{ 7 * 7 }}" in hostile.words()
    assert not re.search("[\x00\x1b\u202e]", html)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_gives_a_well_formed_page(results_path: Path, text: str) -> None:
    """No text breaks out of its element."""
    Page(render_html(_map_texts(read_results(results_path), lambda _: text))).words()


def test_every_seed_statement_and_every_claim_is_there(run: Results) -> None:
    """With an anchor of its own, its words and its status."""
    page = Page(render_html(run))
    anchors = page.attributes("id")
    assert set(run.claims) <= set(anchors)
    assert [f"S{number:02}" for number in range(1, 33)] == [
        one for one in anchors if re.fullmatch(r"S\d\d", one)
    ]
    for claim in run.claims.values():
        assert claim.sentence in page.words()


def test_every_result_that_did_not_pass_is_explained(run: Results) -> None:
    """Reason, test and what went over the wire."""
    words = Page(render_html(run)).words()
    others = [result for result in run.results if result.verdict is not Verdict.PASS]
    assert others
    for result in others:
        assert " ".join(result.reason.split()) in words
        assert result.test in words
    assert words.count("Requests and answers, in their order (2)") == len(others)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_a_word_and_not_just_a_colour(run: Results, verdict: Verdict) -> None:
    """Its word stands in the row of its claim."""
    result = msgspec.structs.replace(run.results[0], verdict=verdict, reason="because")
    run.results = [result]
    html = render_html(run)
    row = html.split(f'<tr role="row" id="{result.claim}">')[1].split("</tr>")[0]
    assert f"</span>{verdict}</span>" in row


def test_seed_statements_end_somewhere(run: Results) -> None:
    """Documentation with its source, or no evidence, or out of scope."""
    documented = next(
        one for one in run.claims.values() if [e.kind for e in one.evidence] == ["documentation only"]
    )
    run.seeds = {
        "S01": SeedRecord("S01", "Documented.", "holds", "", [documented.id]),
        "S02": SeedRecord("S02", "Bare.", "holds", "", []),
        "S32": SeedRecord("S32", "Other.", "out of scope", "", []),
    }
    rows = render_html(run).split('id="seeds"')[1].split("</section>")[0].split("<tr ")[2:]
    assert "documentation only" in rows[0]
    assert documented.source in rows[0]
    assert "no evidence yet" in rows[1]
    assert rows[2].count("out of scope") == 2


def test_incomplete_runs_and_planted_defects_are_loud(run: Results) -> None:
    """A banner before anything else; none on an ordinary report."""
    assert 'role="alert"' not in render_html(run)
    target = msgspec.structs.replace(run.header.target, defect="stale-reads")
    run.header = msgspec.structs.replace(run.header, target=target)
    run.footer = None
    before = render_html(run).split('id="outcome"')[0]
    assert "The run was cut off" in before
    assert "A defect was planted: <code>stale-reads</code>" in before


def test_what_was_seen_besides_and_how_to_repeat_it(run: Results) -> None:
    """Findings, leftovers, and the command line."""
    run.findings = [FindingRecord("crash", "the endpoint closed the connection")]
    words = Page(render_html(run)).words()
    assert "crash the endpoint closed the connection" in words
    assert "could not be removed table ddbproof-1c9278b6-orders in us-east-1" in words
    assert "ddbproof conform --target moto --select 'PI-*' --seed 2437891546" in words
    run.header.options["command"] = "ddbproof conform --target other"
    assert "ddbproof conform --target other" in Page(render_html(run)).words()


def test_a_page_for_all_claims_is_of_bounded_size(
    tmp_path: Path, whole_run: list[Record], write: Callable[[Path, list[Record]], Path]
) -> None:
    """240 claims stay below 600 KB, and one huge answer is cut."""
    results = read_results(write(tmp_path / "results.jsonl", whole_run))
    huge = Exchange("us-east-1", "Scan", "{}", 200, "x" * 1_000_000)
    results.results[0] = msgspec.structs.replace(
        results.results[0], verdict=Verdict.FAIL, exchanges=[huge] * 20
    )
    html = render_html(results)
    assert len(results.claims) == 240
    assert len(html.encode()) < 600_000
    assert "more characters in the results file" in html


def _map_texts(results: Results, change: Callable[[str], str]) -> Results:
    """The same run with every free text changed; ids, which must differ, and verdicts stay."""
    kept = {"verdict", "id", "claim", "claims", "kind", "checks", "area", "record"}

    def changed(value: Any, name: str) -> Any:
        if isinstance(value, str):
            return value if name in kept else change(value)
        if isinstance(value, list):
            return [changed(one, name) for one in value]
        if isinstance(value, dict):
            return {key: changed(one, key) for key, one in value.items()}
        return value

    def through(record: Any) -> Any:
        return msgspec.convert(changed(msgspec.to_builtins(record), ""), type(record))

    return Results(
        header=_header(results, change),
        claims={claim: through(record) for claim, record in results.claims.items()},
        seeds={seed: through(record) for seed, record in results.seeds.items()},
        results=[through(record) for record in results.results],
        findings=[through(record) for record in results.findings],
        footer=results.footer,
    )


def _header(results: Results, change: Callable[[str], str]) -> Any:
    header = results.header
    target = msgspec.structs.replace(
        header.target,
        name=change("n"),
        version=change("v"),
        endpoints={change("r"): change("u")},
        defect=change("d"),
    )
    return msgspec.structs.replace(
        header, run=change("r"), started=change("s"), commit=change("c"), target=target, versions={change("k"): change("v")}, options={change("k"): change("v")}
    )  # fmt: skip
