"""Counterexamples that were found once: they break the wrong kernel they are of, and nothing else any more."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from ddbproof.cli.app import run
from ddbproof.model.engine import campaign, kept
from ddbproof.model.engine.mutants import planted
from ddbproof.model.engine.values import EngineError

DIRECTORY = Path(__file__).with_name("counterexamples")
FILES = sorted(DIRECTORY.glob("*.json"))
HAND_MADE = {
    (name, mutant.name)
    for name in campaign.system_names()
    for mutant in campaign.load(name).mutants.values()
    if not mutant.harmless
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_breaks_nothing_any_more(path: Path) -> None:
    """With the kernel as it is."""
    one = kept.read(path)
    assert not kept.still_breaks(campaign.load(one.system), one)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_still_breaks_the_wrong_kernel(path: Path) -> None:
    """Or it would be a test of nothing; one that is of no mutant only has to be runnable."""
    one = kept.read(path)
    system = campaign.load(one.system)
    with planted(system, system.mutants[one.mutant]) if one.mutant else nullcontext():
        assert kept.still_breaks(system, one) == bool(one.mutant)


def test_every_wrong_kernel_has_one() -> None:
    """`ddbproof prove --mutants --keep model/tests/counterexamples` writes them."""
    assert {(kept.read(path).system, kept.read(path).mutant) for path in FILES} >= HAND_MADE


def test_one_that_names_what_is_no_more_says_so(tmp_path: Path) -> None:
    """It is not taken for one that breaks nothing."""
    one = kept.read(FILES[0])
    other = kept.Kept(one.system, "SAFE_nothing", 0, (), one.parameters, one.steps)
    with pytest.raises(EngineError, match="no invariant SAFE_nothing"):
        kept.still_breaks(campaign.load(one.system), other)
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(EngineError, match="holds no counterexample"):
        kept.read(tmp_path / "x.json")


def test_a_broken_promise_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By `ddbproof prove --covers`: exit code 1, the story, and a file that is a test as it stands."""
    system = campaign.load("eventual")
    with planted(system, system.mutants["arrival_order"]):
        assert run(["prove", "--covers", "--system", "eventual", "--keep", str(tmp_path)]) == 1
        (path,) = tmp_path.glob("*.json")
        assert kept.still_breaks(system, kept.read(path))
    assert not kept.still_breaks(system, kept.read(path))
    assert "written to" in capsys.readouterr().out
