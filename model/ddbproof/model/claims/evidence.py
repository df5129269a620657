"""Evidence: what the code can show for a claim, collected from the code.

A test, state machine, proof or simulation says which claims it is evidence for by the decorator `evidence`.
`collect` imports the packages where each kind lives and gathers what it finds, so no list is kept by hand
and none can be out of date.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

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
    cannot be imported raises. Raises UnknownClaimError for a claim id that the registry does not know. A
    claim that can only be documented has its source as evidence.
    """
    found: dict[str, list[Evidence]] = {claim_id: [] for claim_id in registry.claims}
    for kind, names in packages.items():
        for name in names:
            for module in _modules(name):
                for where, marked_kind, claim_ids in _marks(module):
                    if marked_kind is kind:
                        for claim_id in claim_ids:
                            found[registry.claim(claim_id).id].append(Evidence(kind, where))
    for claim in registry.claims.values():
        if claim.checks == (Check.DOCUMENTATION,):
            found[claim.id].append(Evidence(EvidenceKind.DOCUMENTATION, claim.source))
    return found


def _modules(package: str) -> Iterator[ModuleType]:
    try:
        specification = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        return
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
