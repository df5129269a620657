"""No product is accused in public before somebody has looked, and what was seen stands beside the documentation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ddbproof.reports import ReportError, Results, Verdict
from ddbproof.reports.findings import Judgement, findings_page, load_judgements, write_findings
from ddbproof.reports.published import published_runs

ROOT = Path(__file__).parents[2]
FINDINGS = ROOT / "docs" / "findings"


def judged(run: Results) -> dict[str, Judgement]:
    """A judgement for each test of the run."""
    return {
        result.test: Judgement(result.test, "Thou shalt.", "API Reference: It", "It did not.")
        for result in run.results
    }


def test_request_answer_and_sentence_stand_together(run: Results) -> None:
    """Once for each failed test, with all claims that it judges."""
    page = findings_page(run, judged(run))
    failed = [result for result in run.results if result.verdict is Verdict.FAIL]
    assert failed
    for result in failed:
        assert result.claim in page
        assert f"`{result.test}`" in page
    exchange = failed[0].exchanges[-1]
    assert f"Request, {exchange.operation} in {exchange.region}" in page
    assert f"Answer, {exchange.status}" in page
    assert "“Thou shalt.”" in page


def test_a_failure_that_nobody_has_judged_is_an_error(run: Results) -> None:
    """With the test's name."""
    some = judged(run)
    unjudged = next(result.test for result in run.results if result.verdict is Verdict.FAIL)
    del some[unjudged]
    with pytest.raises(ReportError) as raised:
        findings_page(run, some)
    assert unjudged in str(raised.value.cause)


def test_what_a_product_answered_cannot_become_markup(run: Results) -> None:
    """Neither in the reason nor in the answer."""
    failed = next(result for result in run.results if result.verdict is Verdict.FAIL)
    exchange = msgspec.structs.replace(failed.exchanges[-1], response="# heading\n<script>x</script>\n```")
    run.results = [msgspec.structs.replace(failed, reason="<b>bold</b> | @me", exchanges=[exchange])]
    lines = findings_page(run, judged(run)).splitlines()
    assert not any(line.startswith(("# heading", "<script", "```")) for line in lines)
    assert not any("<b>" in line and not line.startswith("    ") for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "[[judgement]",
        "[[judgement]]\ntest = 'a'",
        "[[judgement]]\ntest = 'a'\ndocumentation = ' '\npage = 'p'\njudgement = 'j'",
        2 * "[[judgement]]\ntest = 'a'\ndocumentation = 'd'\npage = 'p'\njudgement = 'j'\n",
    ],
)
def test_judgements_without_a_sentence_are_refused(text: str, tmp_path: Path) -> None:
    """Nobody is accused on our word alone."""
    (tmp_path / "judgements.toml").write_text(text)
    with pytest.raises(ReportError):
        load_judgements(tmp_path / "judgements.toml")


def test_every_published_failure_was_looked_at() -> None:
    """And the pages are those of the published runs: `ddbproof report findings`."""
    pages = write_findings(published_runs(ROOT / "reports" / "published"), FINDINGS)
    assert [path.name for path, page in pages.items() if path.read_text("utf-8") != page] == []
