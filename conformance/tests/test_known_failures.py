"""Known failures: what is listed does not count, until it expires or passes; a list in bad form is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ddbproof.conformance.errors import KnownFailuresError
from ddbproof.conformance.known_failures import Entry, KnownFailures, load_known_failures
from ddbproof.conformance.plan import Credentials, Plan, Target
from ddbproof.model.claims import load_registry
from ddbproof.model.claims.errors import UnknownClaimError
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.verdicts import Verdict

TODAY = dt.date(2026, 11, 23)
ENTRY = Entry("PI-12", "issue 7", "storage team", dt.date(2026, 11, 23))
TARGET = Target("moto", {"us-east-1": "http://127.0.0.1:9"}, Credentials("a", "b"))


def result(
    claim: str = "PI-12", verdict: Verdict = Verdict.FAIL, test: str = "test_a.py::test_b"
) -> ResultRecord:
    return ResultRecord(claim, test, "A promise.", verdict, "because", 0.1)


def known(*entries: Entry) -> KnownFailures:
    return KnownFailures(entries, TODAY)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.DIFFERS, Verdict.PASS])
def test_a_listed_failure_is_marked_and_so_is_one_that_passes(verdict: Verdict) -> None:
    """With reason, owner and last day; that day included. A pass is marked so that it can count as unexpected."""
    marked = known(ENTRY).marked(result(verdict=verdict), "moto").known
    assert marked is not None
    assert (marked.reason, marked.owner, marked.expires) == ("issue 7", "storage team", "2026-11-23")


@pytest.mark.parametrize(
    ("entry", "record"),
    [
        (ENTRY, result("PI-11")),
        (Entry("PI-12", "r", "o", TODAY - dt.timedelta(days=1)), result()),
        (Entry("PI-12", "r", "o", TODAY, target="ministack"), result()),
        (Entry("PI-12", "r", "o", TODAY, test="test_c"), result()),
        (ENTRY, result(verdict=Verdict.ERROR)),
        (ENTRY, result(verdict=Verdict.INCONCLUSIVE)),
        (ENTRY, result(verdict=Verdict.UNSUPPORTED)),
    ],
    ids=["claim", "expired", "target", "test", "error", "inconclusive", "unsupported"],
)
def test_nothing_else_is_excused(entry: Entry, record: ResultRecord) -> None:
    """Above all not what says nothing about the target."""
    assert known(entry).marked(record, "moto") == record


def test_an_expired_entry_is_told() -> None:
    """With its owner, who has to decide."""
    expired = Entry("PI-12", "r", "storage team", TODAY - dt.timedelta(days=1))
    (complaint,) = known(expired).complaints(Plan(TARGET, 1, "p-"), [result()])
    assert "expired on 2026-11-22" in complaint
    assert "storage team" in complaint


def test_an_entry_that_nothing_matches_is_told_after_a_whole_run_only() -> None:
    """After a partial run it may be about what was not run."""
    (complaint,) = known(ENTRY).complaints(Plan(TARGET, 1, "p-"), [result("PI-11")])
    assert "PI-12" in complaint
    for plan in (Plan(TARGET, 1, "p-", select=("PI-11",)), Plan(TARGET, 1, "p-", shard=(1, 2))):
        assert list(known(ENTRY).complaints(plan, [])) == []


def test_a_file_is_read(tmp_path: Path) -> None:
    """In the form that the module describes."""
    file = tmp_path / "known.toml"
    file.write_text(
        '[[known]]\nclaim = "PI-12"\nreason = "issue 7"\nowner = "storage"\nexpires = 2027-03-31\ntarget = "moto"\n'
    )
    (entry,) = load_known_failures(file, load_registry()).entries
    assert entry == Entry("PI-12", "issue 7", "storage", dt.date(2027, 3, 31), target="moto")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "nothing"),
        ("[known]\nclaim = 'PI-12'", "where"),
        ("[[known]", "line 1"),
        ("[[known]]\nclaim = 'PI-12'", "lacks reason and owner and expires"),
        ("[[known]]\nclaim = 'PI-12'\nreason = 'r'\nowner = 'o'\nexpires = 'soon'", "expires is a str"),
        ("[[known]]\nclaim = 'PI-12'\nreason = ''\nowner = 'o'\nexpires = 2027-01-01", "lacks reason"),
        ("[[known]]\nclaim = 'PI-12'\nreson = 'r'", "reson"),
        ("known = ['PI-12']", "no table"),
    ],
)
def test_a_file_in_bad_form_is_refused_with_the_cause(text: str, cause: str, tmp_path: Path) -> None:
    """An entry without an end or an owner is one that stays for ever."""
    file = tmp_path / "known.toml"
    file.write_text(text)
    with pytest.raises(KnownFailuresError) as caught:
        load_known_failures(file, load_registry())
    assert cause in str(caught.value.cause)
    assert caught.value.hint


def test_an_unknown_claim_is_refused(tmp_path: Path) -> None:
    """A typo must not excuse nothing in silence."""
    file = tmp_path / "known.toml"
    file.write_text("[[known]]\nclaim = 'PI-122'\nreason = 'r'\nowner = 'o'\nexpires = 2027-01-01")
    with pytest.raises(UnknownClaimError):
        load_known_failures(file, load_registry())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(KnownFailuresError, match="known failures"):
        load_known_failures(tmp_path / "absent.toml", load_registry())
