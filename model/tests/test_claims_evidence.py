"""Evidence: collected from the code, and wrong ids never go unnoticed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ddbproof.model.claims import Evidence, EvidenceKind, UnknownClaimError, collect, evidence, load_registry

Package = Callable[[str], str]
_numbers = itertools.count()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Makes an importable package with one module of the given text; returns the package's name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(text: str) -> str:
        name = f"evidence_example_{next(_numbers)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "inner.py").write_text(
            f"from ddbproof.model.claims import EvidenceKind, evidence\n{text}"
        )
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)
        sys.modules.pop(f"{name}.inner", None)


def found(kind: EvidenceKind, name: str) -> dict[str, list[Evidence]]:
    return collect({kind: [name]}, load_registry())


def test_a_decorated_function_is_found_with_its_place(package: Package) -> None:
    """Evidence names the module and the function, for each claim given."""
    name = package("@evidence(EvidenceKind.PROOF, 'PI-08', 'PI-09')\ndef window(): ...\n")
    evidence_by_claim = found(EvidenceKind.PROOF, name)
    piece = Evidence(EvidenceKind.PROOF, f"{name}.inner::window")
    assert evidence_by_claim["PI-08"] == [piece]
    assert evidence_by_claim["PI-09"] == [piece]
    assert evidence_by_claim["PI-10"] == []


def test_marks_add_up(package: Package) -> None:
    """One function can carry several marks."""
    name = package(
        "@evidence(EvidenceKind.PROOF, 'PI-08')\n@evidence(EvidenceKind.PROOF, 'PI-10')\ndef window(): ...\n"
    )
    evidence_by_claim = found(EvidenceKind.PROOF, name)
    assert len(evidence_by_claim["PI-08"]) == len(evidence_by_claim["PI-10"]) == 1


def test_a_kind_counts_only_in_its_own_packages(package: Package) -> None:
    """A proof that stands among the simulations is no proof: nothing runs it as one."""
    name = package("@evidence(EvidenceKind.PROOF, 'PI-08')\ndef window(): ...\n")
    assert found(EvidenceKind.SIMULATION, name)["PI-08"] == []


def test_an_imported_function_is_not_counted_again(package: Package) -> None:
    """Evidence counts where it is defined."""
    first = package("@evidence(EvidenceKind.PROOF, 'PI-08')\ndef window(): ...\n")
    second = package(f"from {first}.inner import window\n")
    assert found(EvidenceKind.PROOF, second)["PI-08"] == []


def test_an_unknown_claim_in_the_code_raises(package: Package) -> None:
    """A mistyped id must not become evidence for nothing."""
    name = package("@evidence(EvidenceKind.PROOF, 'PI-880')\ndef window(): ...\n")
    with pytest.raises(UnknownClaimError, match="PI-880"):
        found(EvidenceKind.PROOF, name)


@pytest.mark.parametrize("name", ["no_such_package_at_all", "no_such_package_at_all.inner"])
def test_a_missing_package_has_no_evidence(name: str) -> None:
    """What is not built yet is not an error; only documentation remains."""
    kinds = {it.kind for pieces in found(EvidenceKind.PROOF, name).values() for it in pieces}
    assert kinds == {EvidenceKind.DOCUMENTATION}


def test_a_package_that_cannot_be_imported_raises(package: Package) -> None:
    """A broken test file must not look like one that has no evidence."""
    name = package("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        found(EvidenceKind.PROOF, name)


def test_a_documented_claim_has_its_source_as_evidence() -> None:
    """A claim that can only be documented is backed by its source, and no other claim is."""
    registry = load_registry()
    for claim_id, pieces in collect({}, registry).items():
        claim = registry.claim(claim_id)
        expected = [Evidence(EvidenceKind.DOCUMENTATION, claim.source)] if claim.checks == ("D",) else []
        assert pieces == expected


def test_evidence_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one claim"):
        evidence(EvidenceKind.PROOF)
