"""Every statement the project judges, with its source, and the evidence the code has for it."""

from ddbproof.model.claims.errors import ClaimsError, ClaimsFileError, UnknownClaimError, UnknownNameError
from ddbproof.model.claims.evidence import (
    Evidence,
    EvidenceKind,
    EvidenceSummary,
    collect,
    evidence,
    evidence_summary,
)
from ddbproof.model.claims.registry import (
    CHECK_WORDS,
    NO_PROOF_WORDS,
    Check,
    Claim,
    NoProof,
    Registry,
    SeedStatement,
    SourceRank,
    load_registry,
)

__all__ = [
    "CHECK_WORDS",
    "NO_PROOF_WORDS",
    "Check",
    "Claim",
    "ClaimsError",
    "ClaimsFileError",
    "Evidence",
    "EvidenceKind",
    "EvidenceSummary",
    "NoProof",
    "Registry",
    "SeedStatement",
    "SourceRank",
    "UnknownClaimError",
    "UnknownNameError",
    "collect",
    "evidence",
    "evidence_summary",
    "load_registry",
]
