"""Several runs: merged, compared, side by side, published; each only where that makes sense."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import msgspec
import pytest

from ddbproof.reports import ReportError, Results, Summary, Verdict, read_results
from ddbproof.reports.diff import compare, render_markdown, render_text
from ddbproof.reports.matrix import (
    columns_of,
    matrix_markdown,
    render_matrix,
    standings_lines,
    write_directory,
)
from ddbproof.reports.merge import merge, write
from ddbproof.reports.published import (
    BEGIN,
    END,
    anchor_of,
    publish,
    published_runs,
    standings,
    with_standings,
)

ROOT = Path(__file__).parents[2]


def shard(run: Results, number: int, count: int) -> Results:
    """A part of the run, as `--shard` makes it."""
    part = copy.deepcopy(run)
    part.results = run.results[number::count]
    part.header = msgspec.structs.replace(
        run.header, run=f"part-{number}", options={**run.header.options, "shard": f"{number + 1}/{count}"}
    )
    return recounted(part)


def recounted(run: Results) -> Results:
    """The run with a footer that fits its results."""
    counts: dict[str, int] = {}
    for result in run.results:
        counts[str(result.verdict)] = counts.get(str(result.verdict), 0) + 1
    assert run.footer is not None
    run.footer = msgspec.structs.replace(run.footer, counts=counts)
    return run


def renamed(run: Results, name: str, version: str | None = "1.0", **header: object) -> Results:
    """The run as of another target."""
    other = copy.deepcopy(run)
    target = msgspec.structs.replace(other.header.target, name=name, version=version, defect=None)
    other.header = msgspec.structs.replace(other.header, target=target, **header)
    return other


# -- merge --------------------------------------------------------------------------------------------


def test_shards_make_the_run_they_are_of(run: Results, tmp_path: Path) -> None:
    """All results, seconds added up, and a file that can be read."""
    merged = merge([shard(run, number, 3) for number in range(3)])
    key = [(one.claim, one.test, one.verdict) for one in merged.results]
    assert sorted(key) == sorted((one.claim, one.test, one.verdict) for one in run.results)
    assert merged.footer is not None
    assert run.footer is not None
    assert merged.footer.seconds == pytest.approx(3 * run.footer.seconds)
    assert "shard" not in merged.header.options
    write(merged, tmp_path / "whole" / "results.jsonl")
    assert len(read_results(tmp_path / "whole").results) == len(run.results)


def test_an_interrupted_part_makes_an_interrupted_whole(run: Results) -> None:
    """And one that was cut off a whole without a footer."""
    parts = [shard(run, 0, 2), shard(run, 1, 2)]
    assert parts[0].footer is not None
    parts[0].footer = msgspec.structs.replace(parts[0].footer, interrupted=True, exit=130)
    merged = merge(parts)
    assert merged.footer is not None
    assert merged.footer.interrupted
    assert merged.footer.exit == 130
    parts[1].footer = None
    assert merge(parts).footer is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ddbproof": "9.9.9"}, "version of ddbproof"),
        ({"commit": "another"}, "commit"),
        ({"options": {"target": "other"}}, "options"),
    ],
)
def test_parts_of_another_suite_are_refused(run: Results, change: dict[str, object], named: str) -> None:
    """With what is different."""
    other = shard(run, 1, 2)
    other.header = msgspec.structs.replace(other.header, **change)
    with pytest.raises(ReportError) as raised:
        merge([shard(run, 0, 2), other])
    assert named in str(raised.value.cause)


def test_another_target_is_refused(run: Results) -> None:
    """Two targets are a matrix, not a run."""
    with pytest.raises(ReportError) as raised:
        merge([shard(run, 0, 2), renamed(shard(run, 1, 2), "other", run.header.target.version)])
    assert "target" in str(raised.value.cause)


def test_parts_that_disagree_are_refused(run: Results) -> None:
    """Neither is more right than the other."""
    first, second = shard(run, 0, 2), shard(run, 0, 2)
    second.header = msgspec.structs.replace(second.header, run="another")
    changed = msgspec.structs.replace(second.results[0], verdict=Verdict.ERROR)
    second.results = [changed, *second.results[1:]]
    with pytest.raises(ReportError, match="disagree"):
        merge([first, second])


# -- diff ---------------------------------------------------------------------------------------------


def test_behaviour_is_told_apart_from_the_suite(run: Results) -> None:
    """Newly failing, added, removed and reworded, each under its own name; worse is exit code 1."""
    later = copy.deepcopy(run)
    passing = next(one for one in run.results if one.verdict is Verdict.PASS)
    reworded = next(one for one in run.results if one.verdict is Verdict.PASS and one is not passing)
    removed = run.results[-1]
    added = msgspec.structs.replace(passing, test="test_new.py::test_new")
    later.results = [
        msgspec.structs.replace(one, verdict=Verdict.FAIL, reason="broken")
        if (one.claim, one.test) == (passing.claim, passing.test)
        else msgspec.structs.replace(one, promise="In other words.", verdict=Verdict.FAIL)
        if (one.claim, one.test) == (reworded.claim, reworded.test)
        else one
        for one in run.results[:-1]
    ] + [added]
    difference = compare(run, later)
    assert [(one.claim, one.kind) for one in difference.behaviour] == [(passing.claim, "newly failing")]
    assert difference.added == (f"{added.claim} {added.test}",)
    assert difference.removed == (f"{removed.claim} {removed.test}",)
    assert [(one.claim, one.test) for one in difference.reworded] == [(reworded.claim, reworded.test)]
    assert difference.exit_code == 1
    for text in (render_text(difference), render_markdown(difference)):
        assert "newly failing" in text
        assert "broken" in text


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Verdict.FAIL, Verdict.PASS, 0),
        (Verdict.PASS, Verdict.INCONCLUSIVE, 1),
        (Verdict.PASS, Verdict.FAIL, 1),
        (Verdict.UNSUPPORTED, Verdict.FAIL, 1),
        (Verdict.FAIL, Verdict.DIFFERS, 0),
        (Verdict.FAIL, Verdict.FAIL, 0),
    ],
)
def test_only_what_got_worse_is_an_exit_code(
    run: Results, before: Verdict, after: Verdict, code: int
) -> None:
    """A pass that is none any more is worse, whatever took its place."""
    old, new = copy.deepcopy(run), copy.deepcopy(run)
    old.results = [msgspec.structs.replace(run.results[0], verdict=before)]
    new.results = [msgspec.structs.replace(run.results[0], verdict=after)]
    assert compare(old, new).exit_code == code


def test_a_run_is_no_different_from_itself(run: Results) -> None:
    """Not in any respect."""
    difference = compare(run, run)
    assert (difference.behaviour, difference.added, difference.removed) == ((), (), ())
    assert difference.as_data()["behaviour"] == []


def test_what_makes_runs_hard_to_compare_is_noted(run: Results) -> None:
    """Another suite, another target, a planted defect, a run that was cut off."""
    later = renamed(run, "other", commit="another")
    later.footer = None
    notes = " ".join(compare(run, later).notes)
    for words in ("two targets", "suite is not the same", "not complete"):
        assert words in notes


# -- matrix -------------------------------------------------------------------------------------------


@pytest.fixture
def three(run: Results) -> list[Results]:
    """Three targets; the last one judged less."""
    last = renamed(run, "third")
    last.results = last.results[:3]
    return [renamed(run, "first"), renamed(run, "second"), recounted(last)]


def test_a_matrix_has_a_word_in_every_cell_and_coverage_beside_each_score(three: list[Results]) -> None:
    """Also where a run judged nothing."""
    html = render_matrix(columns_of(three))
    rows = len({one.claim for one in three[0].results})
    body = html.split('id="matrix"')[1]
    assert body.count("<td>") == 3 * rows
    assert "not judged" in body
    summary = Summary(three[0])
    assert f"{summary.passed} of {len(summary.judged)} pass" in body
    assert len(re.findall(r"\d+ of \d+ decided", body)) == 3


def test_cells_lead_to_the_results_on_the_targets_pages(three: list[Results], tmp_path: Path) -> None:
    """Every link has its place, and every page is there."""
    index = write_directory(three, tmp_path / "matrix")
    links = re.findall(r'<td><a href="([^"#]+)#([^"]+)"', index.read_text("utf-8"))
    assert links
    pages = {name: (index.parent / name).read_text("utf-8") for name in {name for name, _ in links}}
    assert all(f'id="{place}"' in pages[name] for name, place in links)


def test_a_matrix_is_markdown_too(three: list[Results]) -> None:
    """With the standings first."""
    text = matrix_markdown(columns_of(three))
    assert text.splitlines()[0].startswith("| target | version | pass | fail |")
    assert "not testable here" in text


def test_a_planted_defect_and_a_target_twice_do_not_belong_in_a_matrix(run: Results) -> None:
    """Both would say something that is not so."""
    planted = copy.deepcopy(run)
    target = msgspec.structs.replace(run.header.target, defect="identity")
    planted.header = msgspec.structs.replace(run.header, target=target)
    with pytest.raises(ReportError, match="does not belong"):
        columns_of([planted])
    with pytest.raises(ReportError, match="twice"):
        columns_of([run, run])


def test_standings_count_claims_as_the_run_itself_does(three: list[Results]) -> None:
    """The numbers of a row are those of the run's own summary."""
    row = standings_lines(columns_of(three))[2].strip("| ").split(" | ")
    counts = Summary(three[0]).claim_counts
    assert row[:2] == ["first", "1.0"]
    assert [int(one) for one in row[2:8]] == [
        counts.get(verdict, 0)
        for verdict in (
            Verdict.PASS,
            Verdict.FAIL,
            Verdict.DIFFERS,
            Verdict.INCONCLUSIVE,
            Verdict.UNSUPPORTED,
            Verdict.NOT_TESTABLE,
        )
    ]


# -- published ----------------------------------------------------------------------------------------


@pytest.fixture
def honest(run: Results) -> Results:
    """A run that may be published."""
    fit = renamed(run, "moto", "5.2.5", commit="abc", options={"target": "moto"})
    fit.results = [one for one in fit.results if one.verdict is not Verdict.ERROR]
    return recounted(fit)


def test_a_published_run_is_read_again_and_replaces_an_earlier_one(honest: Results, tmp_path: Path) -> None:
    """One directory a target and version."""
    place = tmp_path / "published"
    assert publish(honest, place) == publish(honest, place)
    assert [entry.name for entry in place.iterdir()] == ["moto-5.2.5"]
    (run,) = published_runs(place)
    assert run.results == honest.results


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"commit": "abc+"}, "not committed"),
        ({"commit": None}, "not committed"),
        ({"options": {"select": ["PI-12"]}}, "only a part"),
        ({"options": {"shard": "1/2"}}, "only a part"),
    ],
)
def test_what_nobody_could_judge_again_is_not_published(
    honest: Results, header: dict[str, object], words: str, tmp_path: Path
) -> None:
    """With the reason."""
    honest.header = msgspec.structs.replace(honest.header, **header)
    with pytest.raises(ReportError) as raised:
        publish(honest, tmp_path / "published")
    assert words in str(raised.value.cause)
    assert not (tmp_path / "published").exists()


def test_incomplete_planted_and_nameless_runs_are_not_published(honest: Results, tmp_path: Path) -> None:
    """They say too little, or something that is not so."""
    cut_off = copy.deepcopy(honest)
    cut_off.footer = None
    planted = copy.deepcopy(honest)
    target = msgspec.structs.replace(planted.header.target, defect="identity")
    planted.header = msgspec.structs.replace(planted.header, target=target)
    for unfit in (cut_off, planted, renamed(honest, "moto", None)):
        with pytest.raises(ReportError, match="not published"):
            publish(unfit, tmp_path)


def test_names_of_published_runs_stay_inside_their_place() -> None:
    """Whatever an endpoint calls itself."""
    assert "/" not in anchor_of("../../etc", "../x")
    assert anchor_of("a b", "1.0") == "a-b-1.0"


def test_standings_stand_between_their_markers(honest: Results) -> None:
    """Nothing else of the document changes, and without markers there is an error."""
    table = standings([honest])
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    new = with_standings(text, table, "it")
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert "| moto | 5.2.5 |" in new
    assert "old" not in new
    assert with_standings(new, table, "it") == new
    with pytest.raises(ReportError, match="no place"):
        with_standings("nothing", table, "it")


def test_the_readmes_standings_are_those_of_the_published_runs() -> None:
    """Nobody writes them by hand: `ddbproof report standings --into README.md`."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert (
        with_standings(readme, standings(published_runs(ROOT / "reports" / "published")), "README.md")
        == readme
    )
