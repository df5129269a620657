"""What a summary says follows from the results, and says how much was looked at."""

from __future__ import annotations

import io
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ddbproof.reports import (
    ClaimRecord,
    EvidenceRecord,
    FindingRecord,
    Footer,
    Results,
    SeedRecord,
    Summary,
    Verdict,
    exit_code,
    print_summary,
    worst,
)
from ddbproof.reports.summary import clean, one_line

FAIL, ERROR, DIFFERS, PASS = Verdict.FAIL, Verdict.ERROR, Verdict.DIFFERS, Verdict.PASS
INCONCLUSIVE, UNSUPPORTED, NOT_TESTABLE = Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED, Verdict.NOT_TESTABLE


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 4),
        ([PASS], 0),
        ([PASS, DIFFERS, UNSUPPORTED, NOT_TESTABLE], 0),
        ([PASS, INCONCLUSIVE], 4),
        ([INCONCLUSIVE, ERROR], 5),
        ([ERROR, FAIL, INCONCLUSIVE], 1),
    ],
)
def test_exit_codes(run: Results, verdicts: list[Verdict], code: int) -> None:
    """1 violations before 5 our own error before 4 inconclusive; nothing else counts."""
    assert exit_code(verdicts) == code
    run.results = [
        msgspec.structs.replace(run.results[0], verdict=verdict, test=str(number))
        for number, verdict in enumerate(verdicts)
    ]
    assert Summary(run).exit_code == code


def test_an_incomplete_run_is_never_ok(run: Results) -> None:
    """4 where the verdicts give nothing; a violation stays a violation."""
    run.footer = None
    run.results = [msgspec.structs.replace(run.results[0], verdict=PASS)]
    assert Summary(run).exit_code == 4
    assert Summary(run).headline.startswith("Until it stopped")
    run.results = [msgspec.structs.replace(run.results[0], verdict=FAIL)]
    assert Summary(run).exit_code == 1


def test_a_run_whose_target_went_away_is_not_ok(run: Results) -> None:
    """It has a footer, but what was not judged may be wrong."""
    run.results = [msgspec.structs.replace(run.results[0], verdict=PASS)]
    run.footer = Footer("", {}, 1.0, interrupted=False, exit=3)
    summary = Summary(run)
    assert (
        summary.interruption == "The target stopped answering. The report holds what was judged until then."
    )
    assert summary.exit_code == 4
    assert summary.as_data()["complete"] is False


@given(st.lists(st.sampled_from(Verdict), min_size=1))
def test_a_claim_passes_only_if_every_test_does(verdicts: list[Verdict]) -> None:
    """The combined verdict is one of those given, and green only if all are."""
    combined = worst(verdicts)
    assert combined in verdicts
    assert (combined is PASS) == (set(verdicts) == {PASS})


def test_coverage_counts_claims_not_results(run: Results) -> None:
    """Two results on a claim are one judged claim; a claim that no client can test is not in the coverage."""
    passed = msgspec.structs.replace(run.results[0], claim="A-1", verdict=PASS, test="one")
    run.results = [passed, msgspec.structs.replace(passed, test="two")]
    run.claims = {
        claim.id: claim
        for claim in (_claim("A-1", ["C"]), _claim("A-2", ["C*"]), _claim("A-3", ["P"]), _claim("A-4", ["S", "C"], "conformance test"))
    }  # fmt: skip
    summary = Summary(run)
    assert summary.coverage == (
        "1 of 1 judged claim passes; 2 of 3 claims that a client could test have a test, 1 of which this run judged"
    )
    assert summary.counts == {PASS: 2}
    assert summary.headline == "Every judged claim passes."


def test_a_planted_defect_is_in_the_headline(run: Results) -> None:
    """No sentence about a defect can be read as one about the target."""
    target = msgspec.structs.replace(run.header.target, defect="stale-reads")
    defective = replace(run, header=msgspec.structs.replace(run.header, target=target))
    assert Summary(defective).headline.startswith("With the planted defect: ")


@pytest.mark.parametrize(
    ("kinds", "judged", "ends_in"),
    [
        ([], None, "no evidence yet"),
        (["documentation only"], None, "documentation only"),
        (["documentation only", "proof"], None, "evidence"),
        ([], PASS, "evidence"),
        ([], FAIL, "evidence"),
        ([], NOT_TESTABLE, "no evidence yet"),
    ],
)
def test_where_a_seed_statement_ends(
    run: Results, kinds: list[str], judged: Verdict | None, ends_in: str
) -> None:
    """Evidence, else documentation, else the admission that there is none."""
    run.claims = {"A-1": _claim("A-1", ["C"], *kinds)}
    run.seeds = {"S01": SeedRecord("S01", "", "holds", "", ["A-1"])}
    template = run.results[0]
    run.results = [] if judged is None else [msgspec.structs.replace(template, claim="A-1", verdict=judged)]
    (seed,) = Summary(run).seeds
    assert seed.ends_in == ends_in
    assert bool(seed.sources) == (ends_in == "documentation only")


def test_a_statement_without_claims_is_out_of_scope(run: Results) -> None:
    """S32 is about something else."""
    run.seeds = {"S32": SeedRecord("S32", "", "out of scope", "", [])}
    assert Summary(run).seeds[0].ends_in == "out of scope"


def test_a_result_on_an_unknown_claim_is_not_lost(run: Results) -> None:
    """It is counted under the promise of its test."""
    stranger = msgspec.structs.replace(run.results[0], claim="ZZ-99", verdict=FAIL)
    run.results = [stranger]
    assert Summary(run).claims["ZZ-99"].verdict is FAIL
    assert Summary(run).claims["ZZ-99"].claim.sentence == stranger.promise


def test_plain_output_says_it_all_without_escape_codes(run: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped, every line is plain, even if the environment asks for colour; each unpassed claim is there."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    run.results = [msgspec.structs.replace(run.results[0], verdict=FAIL, reason="bad \x1b[31mred\x07\nnews")]
    output = io.StringIO()
    print_summary(run, output)
    text = output.getvalue()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert f"fail  {run.results[0].claim}  bad" in text
    assert "news" in text.split("bad ")[1].splitlines()[0]
    assert Summary(run).headline in text
    assert Summary(run).coverage in text


def test_a_terminal_gets_the_same_words_in_colour(run: Results) -> None:
    """Only escape codes differ."""
    plain = io.StringIO()
    print_summary(run, plain)
    colourful = io.StringIO()
    print_summary(run, Console(file=colourful, force_terminal=True, color_system="standard", highlight=False))
    assert "\x1b[" in colourful.getvalue()
    bare = Console(file=io.StringIO(), width=10_000, highlight=False, force_terminal=False)
    print_summary(run, bare)
    assert isinstance(bare.file, io.StringIO)
    assert bare.file.getvalue() == plain.getvalue()


def test_a_defect_findings_and_leftovers_are_printed(run: Results) -> None:
    """What no verdict says is not lost."""
    target = msgspec.structs.replace(run.header.target, defect="stale-reads")
    run.header = msgspec.structs.replace(run.header, target=target)
    run.findings = [FindingRecord("crash", "the endpoint closed the connection")]
    run.footer = Footer("", {}, 1.0, interrupted=True, exit=130, leftovers=["table t"])
    output = io.StringIO()
    print_summary(run, output)
    for part in ("stale-reads", "crash: the endpoint closed the connection", "table t", "interrupted"):
        assert part in output.getvalue()


def test_output_that_cannot_write_all_letters_is_served(run: Results) -> None:
    """A terminal of ASCII gets escapes, not an error."""
    raw = io.BytesIO()
    output = io.TextIOWrapper(raw, encoding="ascii")
    print_summary(run, output)
    output.flush()
    assert b"judged" in raw.getvalue()


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_one_line_is_one_line(text: str, length: int) -> None:
    """Bounded, without line ends and control characters."""
    line = one_line(text, length)
    assert len(line) <= length
    assert len(line.splitlines()) <= 1
    assert clean(line) == line


def _claim(claim: str, checks: list[str], *kinds: str) -> ClaimRecord:
    return ClaimRecord(
        id=claim,
        sentence="",
        area="a",
        area_title="A",
        source="Developer Guide",
        source_rank="contract",
        checks=checks,
        seeds=[],
        evidence=[EvidenceRecord(kind, "somewhere") for kind in kinds],
    )
