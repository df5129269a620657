"""What is published is honest, whole and of bounded size, and is nobody's private business."""

from __future__ import annotations

import copy
from pathlib import Path

import msgspec
import pytest

from ddbproof.reports import Exchange, ReportError, Results, Verdict, read_results
from ddbproof.reports import published as publishing
from ddbproof.reports.published import publish, published_runs, standings
from ddbproof.reports.schema import PartRecord

SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def honest(run: Results) -> Results:
    """A run that may be published."""
    record = msgspec.structs.replace(run.header.target, name="moto", version="5.2.5", defect=None)
    run.header = msgspec.structs.replace(run.header, target=record, commit="abc", options={"target": "moto"})
    run.results = [one for one in run.results if one.verdict is not Verdict.ERROR]
    assert run.footer is not None
    counts: dict[str, int] = {}
    for one in run.results:
        counts[str(one.verdict)] = counts.get(str(one.verdict), 0) + 1
    run.footer = msgspec.structs.replace(run.footer, counts=counts)
    return run


def optioned(run: Results, **options: object) -> Results:
    """The run with these options besides."""
    other = copy.deepcopy(run)
    other.header = msgspec.structs.replace(other.header, options={**other.header.options, **options})
    return other


def test_secrets_and_machine_paths_are_not_published(honest: Results, tmp_path: Path) -> None:
    """In results, findings and options; the profile is left out, and claims stay word for word."""
    leak = Exchange("us-east-1", "Scan", f'{{"SecretAccessKey": "{SECRET}"}}', 500, "/home/me/app.py, line 7")
    honest.results[0] = msgspec.structs.replace(honest.results[0], exchanges=[leak], reason=SECRET)
    record = msgspec.structs.replace(honest.header.target, profile="my-company")
    honest.header = msgspec.structs.replace(
        honest.header, target=record, options={"hooks": "/home/me/hooks.toml", "profile": "my-company"}
    )
    text = publish(honest, tmp_path).read_text("utf-8")
    for private in (SECRET, "/home/me", "my-company"):
        assert private not in text
    assert "<path>, line 7" in text
    (run,) = published_runs(tmp_path)
    assert run.claims == honest.claims


def test_an_uncommitted_suite_is_published_only_by_force_and_stays_marked(
    honest: Results, tmp_path: Path
) -> None:
    """Everybody who reads the standings sees the mark."""
    honest.header = msgspec.structs.replace(honest.header, commit="0123456789abcdef+")
    with pytest.raises(ReportError):
        publish(honest, tmp_path)
    publish(honest, tmp_path, force=True)
    assert "`0123456789ab+`" in standings(published_runs(tmp_path))


@pytest.mark.parametrize("option", ["select", "area", "shard", "known-failures"])
def test_force_publishes_no_part_and_no_excuses(honest: Results, tmp_path: Path, option: str) -> None:
    """What a run leaves out cannot be seen in its numbers."""
    with pytest.raises(ReportError):
        publish(optioned(honest, **{option: "x"}), tmp_path / "published", force=True)
    assert not (tmp_path / "published").exists()


@pytest.mark.parametrize(
    ("options", "fit"),
    [
        ([{"shard": "1/2"}, {"shard": "2/2"}], True),
        ([{"shard": "1/3"}, {"shard": "3/3"}], False),
        ([{"shard": "1/2"}, {"shard": "2/2", "select": ["PI-*"]}], False),
    ],
)
def test_shards_are_published_when_they_are_all_there(
    honest: Results, tmp_path: Path, options: list[dict[str, object]], fit: bool
) -> None:
    """A merged run is whole only if each of its parts is there, and whole."""
    parts = [PartRecord(f"r{number}", 1, one, 1.0, []) for number, one in enumerate(options)]
    honest.header = msgspec.structs.replace(honest.header, parts=parts)
    if fit:
        assert publish(honest, tmp_path).exists()
    else:
        with pytest.raises(ReportError, match="not published"):
            publish(honest, tmp_path)


def test_a_run_that_is_too_large_leaves_the_earlier_one_alone(
    honest: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cause says how large it is."""
    place = publish(honest, tmp_path)
    monkeypatch.setattr(publishing, "MOST_BYTES", 1000)
    with pytest.raises(ReportError) as raised:
        publish(honest, tmp_path)
    assert " bytes, and 1000 is the most" in str(raised.value.cause)
    assert read_results(place).results == honest.results
    assert [path.name for path in place.parent.iterdir()] == ["results.jsonl"]
    with pytest.raises(ReportError):
        publish(honest, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_large_run_keeps_the_requests_of_its_failures(
    honest: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is accused must see why; of the rest the last request is kept, and the report says so."""
    full = publish(honest, tmp_path / "full").stat().st_size
    monkeypatch.setattr(publishing, "MOST_BYTES", full - 1)
    (run,) = published_runs(publish(honest, tmp_path / "light").parent.parent)
    for light, whole in zip(run.results, honest.results, strict=True):
        accuses = whole.verdict in (Verdict.FAIL, Verdict.DIFFERS)
        assert light.exchanges == (whole.exchanges if accuses else whole.exchanges[-1:])
    assert [finding.kind for finding in run.findings][-1] == "published"


def test_standings_of_several_suites_say_so(honest: Results) -> None:
    """Numbers of two suites are not to be compared."""
    other = copy.deepcopy(honest)
    record = msgspec.structs.replace(honest.header.target, name="other")
    other.header = msgspec.structs.replace(honest.header, target=record, commit="def")
    assert "Suite at commit `abc`." in standings([honest])
    assert "Not judged by one suite: at commits `abc`, `def`." in standings([honest, other])


def test_nothing_published_is_said_in_words() -> None:
    """Not as an empty table."""
    assert standings([]) == "No run is published yet.\n"
