"""`ddbproof claims`: what it lists, and how it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import ddbproof.model.claims as package
from ddbproof.cli.app import run
from ddbproof.model.claims import load_registry

DATA = Path(package.__file__).parent / "data"
Capture = pytest.CaptureFixture[str]


def shown(capsys: Capture, *arguments: str) -> str:
    assert run(["claims", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: Capture, *arguments: str) -> list[str]:
    """The lines of a refusal: exit code 2, nothing on standard output."""
    assert run(["claims", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_every_claim_is_listed_whole(capsys: Capture) -> None:
    """In a pipe no sentence is cut or wrapped, and there are no colours."""
    output = shown(capsys)
    lines = output.splitlines()
    for claim in load_registry().claims.values():
        assert sum(line.startswith(f"{claim.id} ") and line.endswith(claim.sentence) for line in lines) == 1
    assert "\x1b" not in output


def test_the_list_ends_with_counts_that_add_up(capsys: Capture) -> None:
    """Every kind of evidence is counted, those without any included."""
    last = shown(capsys).splitlines()[-1]
    for kind in ("proof", "state machine", "conformance test", "simulation", "documentation only"):
        assert f" {kind} " in last
    document = json.loads(shown(capsys, "--json"))
    with_evidence = sum(bool(claim["evidence"]) for claim in document["claims"])
    assert document["counts"]["no evidence yet"] == len(document["claims"]) - with_evidence
    assert document["counts"]["conformance test"] > 0
    assert f"no evidence yet {document['counts']['no evidence yet']}" in last


def test_area_and_check_narrow_the_list(capsys: Capture) -> None:
    output = shown(capsys, "--area", "recovery", "--check", "D")
    assert [line.split()[0] for line in output.splitlines() if line.startswith("PI-")] == ["PI-01", "PI-17"]
    assert output.splitlines()[-1].startswith("2 claims: ")


def test_the_provable_claims_are_accounted_for(capsys: Capture) -> None:
    """Each is proved, has one reason, or is counted as lacking both; the line adds up and so does the JSON."""
    proofs = json.loads(shown(capsys, "--check", "P", "--json"))["proofs"]
    rest = {name: number for name, number in proofs.items() if name not in ("claims", "proved")}
    assert set(rest) == {"liveness", "numeric quota", "unpublished", "without proof or reason"}
    assert proofs["claims"] == len(load_registry().select(check="P"))
    assert proofs["claims"] == proofs["proved"] + sum(rest.values())
    assert shown(capsys, "--check", "P").splitlines()[-2] == (
        f"{proofs['proved']} of {proofs['claims']} claims proved; rest: liveness {rest['liveness']}, "
        f"numeric quota {rest['numeric quota']}, unpublished {rest['unpublished']}; "
        f"without proof or reason {rest['without proof or reason']}"
    )


def test_only_a_list_of_provable_claims_counts_proofs(capsys: Capture) -> None:
    assert "claims proved" not in shown(capsys)
    assert "claims proved" not in shown(capsys, "PI-12")


def test_a_reason_for_no_proof_is_shown(capsys: Capture, directory: Path) -> None:
    """In the list, of the claim in full, and in JSON; and it is counted."""
    text = (directory / "recovery.toml").read_text("utf-8")
    changed = text.replace('checks = ["D"]', 'checks = ["P"]\nno_proof = "numeric quota"', 1)
    (directory / "recovery.toml").write_text(changed, "utf-8")
    where = ("--claims-dir", str(directory))
    (line,) = [it for it in shown(capsys, "--check", "P", *where).splitlines() if it.startswith("PI-01 ")]
    assert line.startswith("PI-01  P  [no evidence yet; no proof: numeric quota]  ")
    assert "  no proof  numeric quota: it is a number of the service" in shown(capsys, "PI-01", *where)
    document = json.loads(shown(capsys, "PI-01", "--json", *where))
    assert document["claims"][0]["no_proof"] == "numeric quota"
    assert document["proofs"] == {
        "claims": 1,
        "proved": 0,
        "liveness": 0,
        "numeric quota": 1,
        "unpublished": 0,
        "without proof or reason": 0,
    }


def test_a_claim_is_shown_in_full(capsys: Capture) -> None:
    """Sentence, source, checks in words, and where its evidence stands."""
    claim = load_registry().claim("PI-12")
    output = shown(capsys, "PI-12")
    assert claim.sentence in output
    assert claim.source in output
    assert "C: black-box test on any endpoint" in output
    assert "conformance test: ddbproof.conformance.suite.test_recovery::" in output


def test_ids_may_be_written_small(capsys: Capture) -> None:
    assert shown(capsys, "pi-12", "s17") == shown(capsys, "PI-12", "S17")


def test_contested_claims_say_so(capsys: Capture) -> None:
    assert "contradict each other" in shown(capsys, "PI-23")
    assert "contradict each other" not in shown(capsys, "PI-22")


def test_all_statements_are_listed_with_verdict_and_evidence(capsys: Capture) -> None:
    """Each of the 32 has its verdict, its explanation, and evidence or the words that there is none."""
    blocks = shown(capsys, "--seed").split("\n\n")
    statements, closing = blocks[:-1], blocks[-1]
    assert len(statements) == 32
    for block, seed in zip(statements, load_registry().seeds.values(), strict=True):
        lines = block.splitlines()
        assert lines[0] == f"{seed.id}  {seed.statement}"
        assert lines[1] == f"  verdict   {seed.verdict}"
        assert lines[2] == f"  today     {seed.explanation}"
        assert [line.split()[0] for line in lines[3:-1]] == list(seed.claims)
        assert lines[-1].startswith("  evidence  ")
    assert statements[-1].endswith("evidence  out of scope")
    assert closing.startswith("32 statements, ")


def test_a_statement_whose_claims_have_no_evidence_says_so(capsys: Capture) -> None:
    """The words stand exactly where the code has nothing to show."""
    document = json.loads(shown(capsys, "--seed", "--json"))
    proven = {claim["id"] for claim in document["claims"] if claim["evidence"]}
    for seed in document["seeds"]:
        without = bool(seed["claims"]) and not proven & set(seed["claims"])
        assert (seed["evidence"] == "no evidence yet") == without, seed["id"]


def test_one_statement_is_shown_with_or_without_the_flag(capsys: Capture) -> None:
    output = shown(capsys, "--seed", "S17")
    assert output == shown(capsys, "S17")
    assert "imprecise" in output
    assert load_registry().claim("BK-02").sentence in output


def test_json_has_everything_about_a_claim(capsys: Capture) -> None:
    (claim,) = json.loads(shown(capsys, "PI-12", "--json"))["claims"]
    assert claim["sentence"] == load_registry().claim("PI-12").sentence
    assert claim["rank"] == "contract"
    assert claim["checks"] == ["P", "S", "C"]
    assert {"proof", "conformance test"} <= {one["kind"] for one in claim["evidence"]}


def test_a_terminal_gets_a_table_that_cuts_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal sentences are wrapped at words, and no word is lost."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    output = shown(capsys, "--area", "replication")
    assert "…" not in output
    words = set(output.split())
    for claim in load_registry().select(area="replication"):
        assert set(claim.sentence.split()) <= words


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["PI-112"], "there is no claim 'PI-112'", "did you mean PI-12?"),
        (["S177"], "there is no seed statement 'S177'", "did you mean S17?"),
        (["--seed", "S1"], "there is no seed statement 'S1'", "did you mean S31?"),
        (["--area", "recoverry"], "there is no area 'recoverry'", "did you mean recovery?"),
        (["--check", "X"], "there is no kind of check 'X'", "there are: P, S, C, C*, F, D"),
    ],
)
def test_unknown_names_are_refused(capsys: Capture, arguments: list[str], message: str, hint: str) -> None:
    """One line says what is wrong, another which name is nearest."""
    assert refused(capsys, *arguments) == [f"error: {message}", f"hint:  {hint}"]


def test_a_claim_is_no_statement(capsys: Capture) -> None:
    """After --seed only statements are meant; the hint names them."""
    message, hint = refused(capsys, "--seed", "PI-12")
    assert message == "error: there is no seed statement 'PI-12'"
    assert hint.startswith("hint:  there are: S01, S02")


def test_what_cannot_be_combined_is_refused(capsys: Capture) -> None:
    assert refused(capsys, "PI-12", "--area", "backups")[0].startswith("error: --area and --check")
    assert refused(capsys, "--seed", "--check", "C")[0].startswith("error: --area and --check")


def test_an_empty_selection_is_refused(capsys: Capture) -> None:
    """Exit code 2 stands for an empty selection, here as in every command."""
    assert refused(capsys, "--area", "fault_injection", "--check", "P")[0].startswith("error: no claim of")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the claims files, to be spoiled."""
    return Path(shutil.copytree(DATA, tmp_path / "claims"))


def test_claims_of_another_directory_are_listed(capsys: Capture, directory: Path) -> None:
    assert shown(capsys, "--claims-dir", str(directory)) == shown(capsys)


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "cause"),
    [
        (
            "recovery.toml",
            "sentence =",
            "sentense =",
            "recovery.toml: PI-01 cannot be used",
            "there is no key 'sentense'",
        ),
        (
            "recovery.toml",
            'checks = ["D"]',
            'checks = ["X"]',
            "recovery.toml: PI-01 cannot be used",
            "there is no check 'X'",
        ),
        (
            "recovery.toml",
            '"PI-02"',
            '"PI-01"',
            "recovery.toml: PI-01 cannot be used",
            "the id is used twice",
        ),
        ("recovery.toml", "[[claims]]", "[[claims]", "recovery.toml cannot be used", "Expected ']]'"),
        (
            "seeds.toml",
            '"PART-13"',
            '"PART-99"',
            "seeds.toml: S01 cannot be used",
            "there is no claim 'PART-99'",
        ),
        ("seeds.toml", '["PART-13"]', "[]", "seeds.toml: S01 cannot be used", "it names no claim"),
    ],
)
def test_a_malformed_claims_file_is_refused_in_one_line(
    capsys: Capture, directory: Path, file: str, old: str, new: str, message: str, cause: str
) -> None:
    """The person sees which file and entry, and one line of cause; never a traceback."""
    text = (directory / file).read_text("utf-8")
    assert old in text
    (directory / file).write_text(text.replace(old, new, 1), "utf-8")
    lines = refused(capsys, "--claims-dir", str(directory))
    assert lines[0] == f"error: {message}"
    assert lines[1].startswith(f"cause: {cause}")
    assert all(line.startswith("hint:  ") for line in lines[2:])
    assert len(lines) <= 3


def test_a_directory_that_is_none_is_refused(capsys: Capture, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert refused(capsys, "--claims-dir", str(missing))[0] == f"error: {missing} is not a directory"


def test_claims_files_that_lack_a_tested_claim_are_refused(capsys: Capture, directory: Path) -> None:
    """Evidence for a claim that the given files do not have is said to be just that."""
    registry = load_registry()
    (directory / "partitions.toml").unlink()
    kept = registry.seed("S02").claims[0]
    (directory / "seeds.toml").write_text(
        '[[seeds]]\nid = "S02"\nstatement = "."\nverdict = "holds"\nexplanation = "."\n'
        f'claims = ["{kept}"]\n',
        "utf-8",
    )
    lines = refused(capsys, "--claims-dir", str(directory))
    assert lines[0].startswith("error: there is no claim 'PART-")
    assert lines[1].startswith("cause: a test or proof names that claim")
