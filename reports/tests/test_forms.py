"""JUnit, Markdown and CSV say what the results say, whatever a foreign endpoint put into them."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from collections.abc import Callable

import msgspec
import pytest

from ddbproof.reports import Results, Verdict
from ddbproof.reports.junit import render_junit
from ddbproof.reports.markdown import render_markdown
from ddbproof.reports.outcome import exit_code_of
from ddbproof.reports.schema import KnownFailure, ResultRecord
from ddbproof.reports.spreadsheet import COLUMNS, render_csv

KNOWN = KnownFailure("issue 7", "storage team", "2999-01-01")
HOSTILE = '<script>&"\x00\x1b[31m\u202e|`=cmd|\ud800'


def only(run: Results, **changes: object) -> Results:
    """The run with one result, changed."""
    run.results = [msgspec.structs.replace(run.results[0], **changes)]
    if run.footer is not None:
        counts = {str(run.results[0].verdict): 1}
        run.footer = msgspec.structs.replace(run.footer, counts=counts, interrupted=False, exit=0)
    return run


# -- the exit code ------------------------------------------------------------------------------------


def result(verdict: Verdict, *, known: bool = False) -> ResultRecord:
    return ResultRecord("PI-12", "a::b", "p", verdict, "r", 0.1, known=KNOWN if known else None)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result(Verdict.FAIL)], 1),
        ([result(Verdict.FAIL, known=True)], 0),
        ([result(Verdict.DIFFERS, known=True), result(Verdict.PASS)], 0),
        ([result(Verdict.FAIL, known=True), result(Verdict.FAIL)], 1),
        ([result(Verdict.PASS, known=True)], 1),
        ([result(Verdict.FAIL, known=True), result(Verdict.INCONCLUSIVE)], 4),
        ([result(Verdict.FAIL, known=True), result(Verdict.ERROR)], 5),
        ([], 4),
    ],
)
def test_known_failures_do_not_count_and_unexpected_passes_do(results: list[ResultRecord], code: int) -> None:
    """Errors and inconclusive results are never excused, and nothing at all is never green."""
    assert exit_code_of(results) == code


# -- JUnit --------------------------------------------------------------------------------------------


def case_of(run: Results) -> ET.Element:
    case = ET.fromstring(render_junit(run)).find(".//testcase")
    assert case is not None
    return case


@pytest.mark.parametrize(
    ("verdict", "known", "child"),
    [
        (Verdict.PASS, None, None),
        (Verdict.FAIL, None, "failure"),
        (Verdict.ERROR, None, "error"),
        (Verdict.DIFFERS, None, "skipped"),
        (Verdict.INCONCLUSIVE, None, "skipped"),
        (Verdict.UNSUPPORTED, None, "skipped"),
        (Verdict.NOT_TESTABLE, None, "skipped"),
        (Verdict.FAIL, KNOWN, "skipped"),
        (Verdict.PASS, KNOWN, "failure"),
    ],
)
def test_only_pass_passes_in_junit(
    run: Results, verdict: Verdict, known: KnownFailure | None, child: str | None
) -> None:
    """Whatever says nothing is skipped with its reason."""
    case = case_of(only(run, verdict=verdict, reason="because", known=known))
    assert [element.tag for element in case] == ([] if child is None else [child])
    if child is not None:
        said = case[0].get("message") or ""
        assert "issue 7" in said if known else "because" in said


def test_junit_counts_and_names_the_run(run: Results) -> None:
    """One case a result; claim and test are in the name."""
    document = ET.fromstring(render_junit(run))
    suite = document.find("testsuite")
    assert suite is not None
    names = [str(case.get("name")) for case in suite.iter("testcase")]
    assert all(any(one.claim in name for name in names) for one in run.results)
    assert int(str(suite.get("tests"))) == len(names) >= len(run.results)
    failures = sum(one.verdict is Verdict.FAIL for one in run.results)
    assert suite.get("failures") == str(failures)


def test_a_run_that_was_cut_off_is_an_error_in_junit(run: Results) -> None:
    """A build must not be green because half of the tests are missing."""
    run.footer = None
    run.results = []
    assert case_of(run)[0].tag == "error"


def test_junit_survives_hostile_text(run: Results) -> None:
    """XML has no place for control characters; the document can be read nevertheless."""
    case = case_of(only(run, verdict=Verdict.FAIL, reason=HOSTILE))
    assert "<script>" in str(case[0].get("message"))


# -- CSV ----------------------------------------------------------------------------------------------


def test_csv_has_a_row_for_each_result(run: Results) -> None:
    """Under a heading."""
    rows = list(csv.reader(io.StringIO(render_csv(run), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + len(run.results)
    assert rows[1][COLUMNS.index("claim")] == run.results[0].claim


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(run: Results, begin: str) -> None:
    """A spreadsheet would run it."""
    text = render_csv(only(run, reason=f"{begin}HYPERLINK(1)"))
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert not row[COLUMNS.index("reason")].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_survives_hostile_text(run: Results) -> None:
    """One row stays one row."""
    text = render_csv(only(run, reason=HOSTILE + '\n"second line"'))
    text.encode("utf-8")
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 2


# -- Markdown -----------------------------------------------------------------------------------------


def test_markdown_names_what_did_not_pass(run: Results) -> None:
    """With verdict and reason; the headline stands beside its coverage."""
    text = render_markdown(only(run, verdict=Verdict.FAIL, reason="because"))
    assert "breaks 1 promise" in text
    assert "that a client could test" in text
    assert f"| {run.results[0].claim} | fail | because |" in text


def test_markdown_marks_what_is_known_and_what_passes_against_expectation(run: Results) -> None:
    """Both are for somebody to act on."""
    assert "fail (known)" in render_markdown(only(run, verdict=Verdict.FAIL, known=KNOWN))
    assert "Listed as known failures, and passing" in render_markdown(
        only(run, verdict=Verdict.PASS, known=KNOWN)
    )


def test_markdown_survives_hostile_text(run: Results) -> None:
    """No tag, no broken table, no mention of anybody."""
    text = render_markdown(only(run, verdict=Verdict.FAIL, reason=HOSTILE + " @everyone"))
    assert "<script>" not in text
    assert "@everyone" not in text
    assert "everyone" in text
    row = next(line for line in text.splitlines() if line.startswith(f"| {run.results[0].claim}"))
    assert row.replace(r"\|", "").count("|") == 4


@pytest.mark.parametrize("form", [render_junit, render_csv, render_markdown])
def test_every_form_can_be_written(run: Results, form: Callable[[Results], str]) -> None:
    """Whatever is in the results, the text is text."""
    assert form(only(run, reason=HOSTILE)).encode("utf-8")
