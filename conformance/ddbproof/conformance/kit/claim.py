"""`@claim`: which claims a test judges, and whether a failure may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ddbproof.model.claims import EvidenceKind, evidence

_Test = TypeVar("_Test", bound=Callable[..., Any])
_CLAIMS = "__ddbproof_claims__"
_CONSISTENCY = "__ddbproof_consistency__"


def claim(*claim_ids: str, consistency: bool = False) -> Callable[[_Test], _Test]:
    """Marks a test as judging claims.

    A failed test of single requests is repeated once on fresh resources; with `consistency=True` it is not,
    because a violation of consistency that was seen once has happened.
    """

    def mark(test: _Test) -> _Test:
        setattr(test, _CLAIMS, claim_ids)
        setattr(test, _CONSISTENCY, consistency)
        return evidence(EvidenceKind.CONFORMANCE_TEST, *claim_ids)(test)

    return mark


def claims_of(test: Callable[..., Any]) -> tuple[str, ...]:
    """The claims a test judges; empty for a function that is not marked."""
    found: tuple[str, ...] = getattr(test, _CLAIMS, ())
    return found


def is_consistency_test(test: Callable[..., Any]) -> bool:
    """True when a failure of this test must not be repeated away."""
    return bool(getattr(test, _CONSISTENCY, False))
