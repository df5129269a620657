"""Evidence: what the code can show for a claim, collected from the code.

A test, state machine, proof or simulation says which claims it is evidence for by the decorator `evidence`.
`collect` imports the packages where each kind lives and gathers what it finds, so no list is kept by hand
and none can be out of date.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

from ddbproof.model.claims.errors import UnknownClaimError
from ddbproof.model.claims.registry import Check, Registry

_MARK = "__ddbproof_evidence__"
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


class EvidenceKind(StrEnum):
    """The kinds, strongest first."""

    PROOF = "proof"
    STATE_MACHINE = "state machine"
    CONFORMANCE_TEST = "conformance test"
    SIMULATION = "simulation"
    DOCUMENTATION = "documentation only"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence; `where` is a module and function, or the source of a documented claim."""

    kind: EvidenceKind
    where: str


def evidence(kind: EvidenceKind, *claim_ids: str) -> Callable[[_Decorated], _Decorated]:
    """Marks a function (or class) as evidence of a kind for claims; ids are checked by `collect`."""
    if not claim_ids:
        raise ValueError("evidence needs at least one claim id")

    def mark(decorated: _Decorated) -> _Decorated:
        marks = (*getattr(decorated, _MARK, ()), (kind, claim_ids))
        setattr(decorated, _MARK, marks)
        return decorated

    return mark


def collect(packages: Mapping[EvidenceKind, Sequence[str]], registry: Registry) -> dict[str, list[Evidence]]:
    """Evidence by claim id, in registry order.

    `packages` names where each kind lives; a package that does not exist has none, one that exists and
    cannot be imported raises. Raises UnknownClaimError, with the place as its cause, for a claim id that the
    registry does not know. A claim that can only be documented has its source as evidence.
    """
    found: dict[str, list[Evidence]] = {claim_id: [] for claim_id in registry.claims}
    for kind, names in packages.items():
        for name in names:
            for module in _modules(name):
                for where, marked_kind, claim_ids in _marks(module):
                    if marked_kind is kind:
                        for claim_id in claim_ids:
                            _known(registry, claim_id, where)
                            found[claim_id].append(Evidence(kind, where))
    for claim in registry.claims.values():
        if claim.checks == (Check.DOCUMENTATION,):
            found[claim.id].append(Evidence(EvidenceKind.DOCUMENTATION, claim.source))
    return found


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """How many claims there are, how many have evidence of each kind, and how many have none.

    A claim with evidence of two kinds counts under both.
    """

    claims: int
    by_kind: Mapping[EvidenceKind, int]
    without: int


def evidence_summary(
    collected: Mapping[str, Sequence[Evidence]], claim_ids: Iterable[str] | None = None
) -> EvidenceSummary:
    """Counts over what `collect` found, for all claims or for those named; every kind is listed."""
    chosen = [collected[it] for it in (collected if claim_ids is None else claim_ids)]
    by_kind = {kind: sum(any(it.kind is kind for it in found) for found in chosen) for kind in EvidenceKind}
    return EvidenceSummary(len(chosen), by_kind, sum(not found for found in chosen))


def _known(registry: Registry, claim_id: str, where: str) -> None:
    try:
        registry.claim(claim_id)
    except UnknownClaimError as error:
        error.cause = f"named by {where}"
        raise


def _modules(package: str) -> Iterator[ModuleType]:
    try:
        specification = importlib.util.find_spec(package)
    except ModuleNotFoundError as error:
        # Only the package itself, or one above it, may be missing; what they import may not.
        if error.name is not None and f"{package}.".startswith(f"{error.name}."):
            return
        raise
    if specification is None:
        return
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{package}."):
        yield importlib.import_module(info.name)


def _marks(module: ModuleType) -> Iterator[tuple[str, EvidenceKind, tuple[str, ...]]]:
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) == module.__name__:
            for kind, claim_ids in getattr(value, _MARK, ()):
                yield f"{module.__name__}::{name}", kind, claim_ids
