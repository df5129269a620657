"""The matrix shows many targets honestly, leads to what they did, and cannot be made to say anything else."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from pathlib import Path

import msgspec
import pytest

from ddbproof.reports import ReportError, Results, Verdict
from ddbproof.reports.matrix import columns_of, matrix_markdown, render_matrix, write_directory
from ddbproof.reports.schema import KnownFailure

KNOWN = KnownFailure("issue 7", "storage team", "2999-01-01")
HOSTILE = "<script>alert(1)</script>\"'&\x1b\u202e../../x"


def target(run: Results, name: str, version: str | None = "1.0", **header: object) -> Results:
    """The run as of another target."""
    other = copy.deepcopy(run)
    record = msgspec.structs.replace(other.header.target, name=name, version=version, defect=None)
    other.header = msgspec.structs.replace(other.header, target=record, **header)
    return other


def changed(run: Results, **changes: object) -> Results:
    """The run with its first result changed."""
    run.results[0] = msgspec.structs.replace(run.results[0], **changes)
    return run


def body(html: str) -> str:
    """The table of claims."""
    return html.split('id="matrix"')[1].split("</section>")[0]


def test_the_matrix_needs_nothing_from_outside(run: Results) -> None:
    """No script, no address but those of the pages beside it, and a policy that allows its own style only."""
    html = render_matrix(columns_of([target(run, "a"), target(run, "b")], pages=True))
    assert not re.search(r"<(script|link|img|iframe|object|form|base)\b", html)
    assert " style=" not in html
    assert all(re.match(r"(#|[ab]-1-0\.html)", link) for link in re.findall(r'href="([^"]*)"', html))
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html
    assert "url(" not in style


def test_every_verdict_is_a_word_and_a_sign(run: Results) -> None:
    """Colour is never all there is; where there is little room the word is short."""
    verdicts = [one for one in run.results if one.verdict is not Verdict.PASS]
    html = body(render_matrix(columns_of([target(run, "a")])))
    for one in verdicts:
        assert f'<span class="long">{one.verdict}</span><span class="short" aria-hidden="true">' in html
    assert html.count('class="symbol"') == html.count("<td>")


def test_known_failures_are_failures_in_the_matrix(run: Results) -> None:
    """Marked, and not counted as anything else."""
    known = target(changed(run, verdict=Verdict.FAIL, known=KNOWN), "a")
    assert "fail, known</span>" in body(render_matrix(columns_of([known])))
    assert "fail (known)" in matrix_markdown(columns_of([known]))


def test_claims_on_which_targets_agree_can_be_hidden(run: Results) -> None:
    """A row is agreed only if every cell has one verdict; without script, and with every row there at first."""
    other = target(run, "b")
    changed(other, verdict=Verdict.UNSUPPORTED)
    html = body(render_matrix(columns_of([target(changed(run, verdict=Verdict.PASS), "a"), other])))
    rows = re.findall(r'<tr role="row" class="(agreed|differing)" id="claim-([^"]+)">', html)
    assert [claim for kind, claim in rows if kind == "differing"] == [run.results[0].claim]
    assert '<input type="checkbox" id="differing">' in html


def test_each_area_counts_what_passes_of_what_was_judged(run: Results) -> None:
    """For each target; nothing where its run judged nothing of the area."""
    few = target(run, "few")
    few.results = few.results[:1]
    html = body(render_matrix(columns_of([target(run, "all"), few])))
    tallies = re.findall(r'<td class="tally" role="cell">([^<]*)</td>', html)
    counted = [tuple(map(int, words.split(" of "))) for words in tallies if words]
    assert sum(judged for _, judged in counted) == len({one.claim for one in run.results}) + 1
    assert "" in tallies


def test_runs_of_several_suites_are_told_apart(run: Results) -> None:
    """A claim may have had another test then."""
    same = render_matrix(columns_of([target(run, "a"), target(run, "b")]))
    other = render_matrix(columns_of([target(run, "a"), target(run, "b", commit="0123456789abcdef")]))
    assert "Not judged by one suite" not in same
    assert "Not judged by one suite" in other
    assert "0123456789ab" in other


def test_hostile_text_stays_text(run: Results, tmp_path: Path) -> None:
    """In names, versions and reasons; the pages stay in their directory."""
    evil = target(changed(run, verdict=Verdict.FAIL, reason=HOSTILE), HOSTILE, HOSTILE)
    index = write_directory([evil, target(run, "b")], tmp_path / "m")
    html = index.read_text("utf-8")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert not re.search("[\x1b\u202e]", html)
    assert len(list((tmp_path / "m").iterdir())) == 3
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["m"]


def test_targets_whose_names_are_alike_have_pages_of_their_own(run: Results, tmp_path: Path) -> None:
    """A page's name leaves out what a file's name should not have."""
    write_directory([target(run, "a b"), target(run, "a-b"), target(run, "index", None)], tmp_path / "m")
    assert len(list((tmp_path / "m").iterdir())) == 4


def test_a_place_that_is_a_file_is_refused(run: Results, tmp_path: Path) -> None:
    """With the cause, and the file is left alone."""
    place = tmp_path / "matrix.html"
    place.write_text("mine")
    with pytest.raises(ReportError) as raised:
        write_directory([target(run, "a")], place)
    assert raised.value.cause == "File exists"
    assert place.read_text() == "mine"


def test_a_hundred_claims_on_ten_targets_stay_below_a_megabyte(whole_run: list[object], run: Results) -> None:
    """It can be attached to a message."""
    runs = [target(run, f"t{number}") for number in range(10)]
    claims = {f"Z-{number}": msgspec.structs.replace(next(iter(run.claims.values())), id=f"Z-{number}") for number in range(100)}  # fmt: skip
    for one in runs:
        one.claims = claims
        one.results = [msgspec.structs.replace(run.results[0], claim=claim) for claim in claims]
    assert len(render_matrix(columns_of(runs, pages=True)).encode()) < 1_000_000
