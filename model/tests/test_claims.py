"""The registry of claims: what it holds, and what it refuses to load."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

import ddbproof.model.claims as package
from ddbproof.model.claims import (
    NO_PROOF_WORDS,
    Check,
    ClaimsFileError,
    EvidenceKind,
    NoProof,
    Registry,
    SourceRank,
    UnknownClaimError,
    UnknownNameError,
    collect,
    load_registry,
)

DATA = Path(package.__file__).parent / "data"


@pytest.fixture
def registry() -> Registry:
    return load_registry()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the claims files, to be spoiled."""
    return Path(shutil.copytree(DATA, tmp_path / "claims"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_all_32_statements_are_there(registry: Registry) -> None:
    """Every statement of the source document is traced, in its order."""
    assert list(registry.seeds) == [f"S{number:02}" for number in range(1, 33)]


def test_every_statement_but_the_missing_picture_has_claims(registry: Registry) -> None:
    """A statement without a claim would be one that nobody can judge; S32 is declared out of scope."""
    assert [seed.id for seed in registry.seeds.values() if not seed.claims] == ["S32"]
    assert [seed.id for seed in registry.seeds.values() if seed.verdict == "out of scope"] == ["S32"]


def test_no_two_claims_share_a_sentence(registry: Registry) -> None:
    """Two claims that say the same would be one claim judged twice."""
    sentences = Counter(claim.sentence for claim in registry.claims.values())
    assert [sentence for sentence, number in sentences.items() if number > 1] == []


def test_every_sentence_stands_on_its_own(registry: Registry) -> None:
    """A sentence ends as one, and names no other claim or statement that a reader would have to look up."""
    for claim in registry.claims.values():
        assert claim.sentence.endswith("."), claim.id
        assert claim.sentence[0].isupper() or claim.sentence[0].isdigit(), claim.id
        assert re.search(r"\b[A-Z][A-Z0-9]{1,3}-\d\d\b", claim.sentence) is None, claim.id
        assert claim.source.strip(), claim.id


def test_ids_of_an_area_are_numbered_without_gaps(registry: Registry) -> None:
    """No claim was lost on the way into the files."""
    numbers: dict[str, list[int]] = {}
    for claim_id in registry.claims:
        prefix, _, number = claim_id.rpartition("-")
        numbers.setdefault(prefix, []).append(int(number))
    for prefix, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), prefix


def test_what_only_a_paper_says_is_second_hand(registry: Registry) -> None:
    """Only a contract can make a test fail; the paper binds nobody."""
    for claim in registry.claims.values():
        if claim.source.startswith("USENIX"):
            assert claim.rank is SourceRank.SECOND_HAND, claim.id


def test_contested_claims_are_marked(registry: Registry) -> None:
    """Where sources contradict each other, the claim says so."""
    contested = {claim.id for claim in registry.claims.values() if claim.contested}
    assert contested == {"MR-14", "PI-23", "AP-17", "AP-18"}


def test_claims_and_statements_point_at_each_other(registry: Registry) -> None:
    """A claim's statements are those that name it."""
    for claim in registry.claims.values():
        assert claim.seeds == tuple(it.id for it in registry.seeds.values() if claim.id in it.claims)


@pytest.fixture(scope="module")
def proved() -> set[str]:
    """The claims that some system or trial proves."""
    packages = {EvidenceKind.PROOF: ["ddbproof.model.systems", "ddbproof.model.trials"]}
    found = collect(packages, load_registry())
    return {claim for claim, pieces in found.items() if any(it.kind is EvidenceKind.PROOF for it in pieces)}


def test_what_is_proved_needs_no_reason(registry: Registry, proved: set[str]) -> None:
    """A claim with a proof and a reason for having none would be in two of the counts."""
    assert [claim.id for claim in registry.claims.values() if claim.no_proof and claim.id in proved] == []


def test_every_claim_about_the_model_is_proved_or_says_why_not(registry: Registry, proved: set[str]) -> None:
    """Nothing is left out in silence."""
    wanted = [claim for claim in registry.claims.values() if Check.PROOF in claim.checks]
    assert [claim.id for claim in wanted if claim.id not in proved and claim.no_proof is None] == []


def test_every_reason_has_words() -> None:
    assert set(NO_PROOF_WORDS) == set(NoProof)


def test_selection_combines_area_statement_and_check(registry: Registry) -> None:
    """`select` keeps what matches all that is given."""
    found = registry.select(area="recovery", seed="S27", check="C*")
    assert [claim.id for claim in found] == ["PI-07", "PI-09"]
    assert all(Check.CONFORMANCE_OPTIONAL in claim.checks for claim in found)


def test_an_unknown_claim_is_refused_with_the_nearest_one(registry: Registry) -> None:
    with pytest.raises(UnknownClaimError, match="PI-112") as caught:
        registry.claim("PI-112")
    assert caught.value.hint == "did you mean PI-12?"


def test_unknown_names_are_refused_with_the_nearest_one(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as area:
        registry.select(area="recoverry")
    assert area.value.hint == "did you mean recovery?"
    with pytest.raises(UnknownNameError) as seed:
        registry.seed("S177")
    assert seed.value.hint == "did you mean S17?"
    with pytest.raises(UnknownNameError) as check:
        registry.select(check="X")
    assert check.value.hint == "there are: P, S, C, C*, F, D"


def test_a_copy_of_the_files_loads_to_the_same(registry: Registry, directory: Path) -> None:
    """The directory argument reads the same format; what the tests below spoil was sound before."""
    assert load_registry(directory).claims == registry.claims


@pytest.mark.parametrize(
    ("file", "old", "new", "entry", "cause"),
    [
        ("recovery.toml", "sentence =", "sentense =", "PI-01", "there is no key 'sentense'"),
        ("recovery.toml", 'checks = ["D"]', 'checks = ["X"]', "PI-01", "there is no check 'X'"),
        ("recovery.toml", 'checks = ["D"]', "checks = []", "PI-01", "it has no checks"),
        ("recovery.toml", 'checks = ["D"]', 'checks = "D"', "PI-01", "checks must be of type list"),
        ("recovery.toml", 'rank = "contract"', 'rank = "rumour"', "PI-01", "there is no rank 'rumour'"),
        ("recovery.toml", 'rank = "contract"', "", "PI-01", "it lacks rank"),
        (
            "recovery.toml",
            'checks = ["D"]',
            'checks = ["P"]\nno_proof = "lazy"',
            "PI-01",
            "there is no reason for no proof 'lazy'",
        ),
        (
            "recovery.toml",
            'checks = ["D"]',
            'checks = ["D"]\nno_proof = "liveness"',
            "PI-01",
            "it has a reason for no proof and no check P",
        ),
        (
            "recovery.toml",
            'checks = ["D"]',
            'checks = ["P"]\nno_proof = true',
            "PI-01",
            "no_proof must be of type str",
        ),
        ("recovery.toml", '"PI-02"', '"PI-01"', "PI-01", "the id is used twice"),
        ("recovery.toml", '"PI-02"', '"BK-02"', "BK-02", "the id is used twice"),
        ("recovery.toml", '"PI-02"', '"XX-02"', "XX-02", "the id does not begin with one of ['PI']"),
        ("recovery.toml", "[[claims]]", "[[claims]", "", "Expected ']]' at the end"),
        ("seeds.toml", '"PART-13"', '"PART-99"', "S01", "there is no claim 'PART-99'"),
        ("seeds.toml", '["PART-13"]', "[]", "S01", "it names no claim"),
        ("seeds.toml", '"holds"', '"hold"', "S01", "there is no verdict 'hold'"),
        ("seeds.toml", 'id = "S02"', 'id = "S01"', "S01", "the id is used twice"),
    ],
)
def test_a_malformed_file_is_refused(
    directory: Path, file: str, old: str, new: str, entry: str, cause: str
) -> None:
    """The error names the file and the entry, and its cause is one line."""
    change(directory / file, old, new)
    with pytest.raises(ClaimsFileError) as caught:
        load_registry(directory)
    error = caught.value
    assert (error.file, error.entry) == (file, entry)
    assert error.cause is not None
    assert error.cause.startswith(cause)
    assert "\n" not in error.cause


def test_files_without_statements_are_refused(directory: Path) -> None:
    (directory / "seeds.toml").unlink()
    with pytest.raises(ClaimsFileError) as caught:
        load_registry(directory)
    assert caught.value.cause == "there is no seeds.toml"
