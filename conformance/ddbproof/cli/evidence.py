"""Where the evidence for claims lives: the packages that are searched for each kind.

A package that is not built yet has no evidence; naming it here does not claim that it exists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ddbproof.cli.errors import CommandError
from ddbproof.model.claims import Evidence, EvidenceKind, Registry, UnknownClaimError, collect

EVIDENCE_PACKAGES: Mapping[EvidenceKind, Sequence[str]] = {
    EvidenceKind.PROOF: ["ddbproof.model.systems", "ddbproof.model.trials"],
    EvidenceKind.STATE_MACHINE: ["ddbproof.conformance.fuzz"],
    EvidenceKind.CONFORMANCE_TEST: ["ddbproof.conformance.suite"],
    EvidenceKind.SIMULATION: ["ddbproof.reference_impl.simulation"],
}


def evidence_for(registry: Registry) -> dict[str, list[Evidence]]:
    """Evidence by claim id. Raises CommandError when the code names a claim that the registry lacks."""
    try:
        return collect(EVIDENCE_PACKAGES, registry)
    except UnknownClaimError as error:
        raise CommandError(
            error.message,
            cause="a test or proof names that claim, and the claims files do not have it",
            hint="claims files given by --claims-dir must have every claim of ddbproof's own",
        ) from error
