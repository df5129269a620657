"""Merged runs can still be repeated, and a difference blames nobody for what it does not know."""

from __future__ import annotations

import copy
from pathlib import Path

import msgspec
import pytest

from ddbproof.reports import EvidenceRecord, ReportError, Results, Summary, Verdict, read_results
from ddbproof.reports.diff import compare, render_markdown, render_text
from ddbproof.reports.merge import merge, write
from ddbproof.reports.schema import KnownFailure, ResultRecord

KNOWN = KnownFailure("issue 7", "storage team", "2999-01-01")


def shard(run: Results, number: int, count: int, **options: object) -> Results:
    """The number-th part of so many, with a seed of its own."""
    part = copy.deepcopy(run)
    part.results = run.results[number - 1 :: count]
    counts: dict[str, int] = {}
    for result in part.results:
        counts[str(result.verdict)] = counts.get(str(result.verdict), 0) + 1
    given = {"target": "moto", "seed": number, "shard": f"{number}/{count}", **options}
    part.header = msgspec.structs.replace(run.header, run=f"run-{number}", seed=number, options=given)
    assert part.footer is not None
    part.footer = msgspec.structs.replace(part.footer, counts=counts)
    return part


def one(run: Results, verdict: Verdict, **changes: object) -> Results:
    """The run with one result."""
    other = copy.deepcopy(run)
    other.results = [msgspec.structs.replace(run.results[0], verdict=verdict, reason="why", **changes)]
    return other


# -- merge --------------------------------------------------------------------------------------------


def test_a_merged_run_remembers_its_parts(run: Results, tmp_path: Path) -> None:
    """Seeds, options and tests, also after it was written and merged again."""
    first = merge([shard(run, 1, 3, jobs=4), shard(run, 2, 3)])
    write(first, tmp_path / "results.jsonl")
    merged = merge([read_results(tmp_path), shard(run, 3, 3, select=["PI-*"])])
    assert [(part.run, part.seed) for part in merged.header.parts] == [
        ("run-1", 1),
        ("run-2", 2),
        ("run-3", 3),
    ]
    tests = {result.test for result in run.results}
    assert {test for part in merged.header.parts for test in part.tests} == tests
    assert len(Summary(merged).command.splitlines()) == 3
    assert merged.header.options == {"target": "moto"}


def test_a_shard_that_is_missing_is_told(run: Results) -> None:
    """The merged report must not look whole."""
    told = [finding.text for finding in merge([shard(run, 1, 4), shard(run, 3, 4)]).findings]
    assert "not among the merged runs: shard 2/4, 4/4" in told
    whole = merge([shard(run, 1, 2), shard(run, 2, 2)])
    assert not [finding for finding in whole.findings if finding.kind == "merge"]


def test_one_run_is_not_merged_with_itself(run: Results) -> None:
    """Not as a copy, and not with what it is a part of."""
    first, second = shard(run, 1, 2), shard(run, 2, 2)
    with pytest.raises(ReportError, match="run-1 is there twice"):
        merge([first, copy.deepcopy(first)])
    with pytest.raises(ReportError, match="run-2 is there twice"):
        merge([merge([first, second]), second])


def test_what_two_parts_agree_on_counts_once(run: Results) -> None:
    """Parts may overlap, if they say the same."""
    first, again = shard(run, 1, 2), shard(run, 1, 2)
    again.header = msgspec.structs.replace(again.header, run="again")
    merged = merge([first, again])
    assert merged.results == first.results
    assert merged.footer is not None
    assert sum(merged.footer.counts.values()) == len(first.results)


def test_known_failures_do_not_count_in_the_whole(run: Results) -> None:
    """The exit code is made of all results anew."""
    first = one(shard(run, 1, 2), Verdict.FAIL, known=KNOWN)
    second = one(shard(run, 2, 2), Verdict.PASS, test="another")
    merged = merge([first, second])
    assert merged.footer is not None
    assert merged.footer.exit == 0
    assert Summary(merged).exit_code == 0


# -- diff ---------------------------------------------------------------------------------------------


def test_a_known_failure_is_a_change_and_not_a_reason_to_stop(run: Results) -> None:
    """It is shown as known."""
    difference = compare(one(run, Verdict.PASS), one(run, Verdict.FAIL, known=KNOWN))
    assert difference.exit_code == 0
    assert [change.kind for change in difference.behaviour] == ["newly failing"]
    assert "(known)" in render_text(difference)
    assert "(known)" in render_markdown(difference)


@pytest.mark.parametrize(
    ("before", "after", "of_the_run"),
    [
        (Verdict.PASS, Verdict.FAIL, False),
        (Verdict.UNSUPPORTED, Verdict.PASS, False),
        (Verdict.PASS, Verdict.UNSUPPORTED, False),
        (Verdict.INCONCLUSIVE, Verdict.FAIL, False),
        (Verdict.PASS, Verdict.INCONCLUSIVE, True),
        (Verdict.FAIL, Verdict.ERROR, True),
        (Verdict.NOT_TESTABLE, Verdict.PASS, True),
    ],
)
def test_what_a_run_could_not_decide_is_no_behaviour(
    run: Results, before: Verdict, after: Verdict, of_the_run: bool
) -> None:
    """Only a failure is held against the target where one side says nothing."""
    difference = compare(one(run, before), one(run, after))
    assert len(difference.undecided) == int(of_the_run)
    assert len(difference.behaviour) == int(not of_the_run)


def test_a_test_that_was_not_judged_is_still_in_the_suite(run: Results) -> None:
    """The claims' evidence names the tests that there are; only others are added or removed."""
    claim = next(iter(run.claims))
    evidence = [EvidenceRecord("conformance test", "ddbproof.conformance.suite.test_recovery::test_a")]
    run.claims[claim] = msgspec.structs.replace(run.claims[claim], evidence=evidence)
    there = ResultRecord(claim, "test_recovery.py::test_a[35]", "", Verdict.PASS, "", 0.1)
    gone = msgspec.structs.replace(there, test="test_recovery.py::test_b")
    before, after = copy.deepcopy(run), copy.deepcopy(run)
    before.results, after.results = [there, gone], []
    difference = compare(before, after)
    assert difference.not_judged == (f"{claim} {there.test}",)
    assert difference.removed == (f"{claim} {gone.test}",)
    back = compare(after, before)
    assert (back.judged_now, back.added) == (difference.not_judged, difference.removed)


def test_another_sentence_is_another_suite(run: Results) -> None:
    """What a claim demands now may be what the target does not."""
    after = one(run, Verdict.FAIL)
    claim = after.results[0].claim
    after.claims[claim] = msgspec.structs.replace(after.claims[claim], sentence="In other words.")
    difference = compare(one(run, Verdict.PASS), after)
    assert difference.behaviour == ()
    assert [(change.before, change.after) for change in difference.reworded] == [(Verdict.PASS, Verdict.FAIL)]
    assert difference.exit_code == 0


def test_behaviour_under_another_suite_is_said_to_be_uncertain(run: Results) -> None:
    """The test may judge otherwise, though it promises the same."""
    after = one(run, Verdict.FAIL)
    after.header = msgspec.structs.replace(after.header, commit="another")
    difference = compare(one(run, Verdict.PASS), after)
    assert not difference.is_same_suite
    assert "or another version of the suite" in render_text(difference)
    assert difference.exit_code == 1


def test_a_run_that_was_cut_off_is_never_as_good(run: Results) -> None:
    """4, unless something got worse as well."""
    after = one(run, Verdict.PASS)
    after.footer = None
    assert compare(one(run, Verdict.PASS), after).exit_code == 4
    assert compare(one(run, Verdict.FAIL), one(run, Verdict.PASS)).exit_code == 0
    after = one(run, Verdict.FAIL)
    after.footer = None
    assert compare(one(run, Verdict.PASS), after).exit_code == 1


def test_hostile_text_does_not_command_a_terminal_or_a_page(run: Results) -> None:
    """In reasons and names."""
    after = one(run, Verdict.FAIL)
    after.results = [msgspec.structs.replace(after.results[0], reason="\x1b[31m<img src=x>\n| @everyone")]
    difference = compare(one(run, Verdict.PASS), after)
    assert "\x1b" not in render_text(difference)
    text = render_markdown(difference)
    assert r"\<img" in text
    assert "@everyone" not in text
