"""Results of proofs in a report: beside their claims if they are about these sources, refused if not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ddbproof.cli.app import run
from ddbproof.conformance.errors import ProofsError
from ddbproof.conformance.proofs import load_proofs

PROMISE = "ddbproof.model.systems.partitions::SAFE_"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a system that was really proved."""
    path = tmp_path_factory.mktemp("proofs") / "proofs.json"
    command = ["prove", "--system", "partitions", "--jobs", "1", "--no-cache", "--json", str(path)]
    assert run(command) == 0
    return path


def test_a_promise_comes_with_its_result_and_its_scope(file: Path) -> None:
    """As `ddbproof prove` found it."""
    proofs = {where: proof for where, proof in load_proofs(file).items() if where.startswith(PROMISE)}
    assert proofs
    for proof in proofs.values():
        assert proof.sentence
        assert proof.result.startswith("proved for any number of steps: 40 obligations, z3 ")
        assert any(line.startswith("scope: ") for line in proof.scope)


def test_a_file_about_other_sources_is_refused(file: Path, tmp_path: Path) -> None:
    """What was proved of other code says nothing of this one."""
    document = msgspec.json.decode(file.read_bytes())
    document["sources"] = "0" * 64
    other = tmp_path / "other.json"
    other.write_bytes(msgspec.json.encode(document))
    with pytest.raises(ProofsError, match="other sources") as raised:
        load_proofs(other)
    assert "ddbproof prove --json" in (raised.value.hint or "")


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "other"}', "\xff"])
def test_a_file_that_holds_no_proofs_is_refused(text: str, tmp_path: Path) -> None:
    """With what makes one."""
    path = tmp_path / "proofs.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ProofsError):
        load_proofs(path)


def test_a_missing_file_is_told_before_anything_is_launched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    assert run(["conform", "--proofs", str(tmp_path / "none.json"), "--report", str(tmp_path / "r")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_report_shows_how_a_proof_came_out(file: Path, tmp_path: Path) -> None:
    """Beside the claim that it is evidence for, in the data and on the page."""
    command = ["conform", "--select", "PART-10", "--proofs", str(file), "--report", str(tmp_path)]
    assert run(command) == 0
    assert "proved for any number of steps: 40 obligations" in (tmp_path / "results.jsonl").read_text()
    page = (tmp_path / "report.html").read_text()
    assert "proved for any number of steps: 40 obligations" in page
    assert "what it assumes and leaves out" in page
