"""The registry: every statement that the project judges, as data.

Claims stand in TOML files, one per area, under `data/`; `seeds.toml` traces the 32 statements of the
document the project started from. The wording is ours. The facts were gathered in November 2026 from AWS's
documentation, the service model and the literature; each claim names its source and the source's rank,
because only a contract can make a test fail: what rests on a paper, an observation or an inference can at
most make it differ.

Open questions of the research (OQ-01 to OQ-04) are no claims about the service and are not in here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ddbproof.model.claims.errors import ClaimsFileError, UnknownClaimError, UnknownNameError

SEEDS_FILE = "seeds.toml"
SEED_VERDICTS = ("holds", "imprecise", "outdated", "incomplete", "not published", "out of scope")


class Check(StrEnum):
    """How a claim can be checked."""

    PROOF = "P"
    STATEFUL = "S"
    CONFORMANCE = "C"
    CONFORMANCE_OPTIONAL = "C*"
    FAULT = "F"
    DOCUMENTATION = "D"


CHECK_WORDS = {
    Check.PROOF: "provable in a model",
    Check.STATEFUL: "stateful test of the reference endpoint",
    Check.CONFORMANCE: "black-box test on any endpoint",
    Check.CONFORMANCE_OPTIONAL: "black-box test where the feature is offered",
    Check.FAULT: "needs fault injection or control of the clock",
    Check.DOCUMENTATION: "documentation only",
}


class SourceRank(StrEnum):
    """Whether a source binds AWS (API reference, developer guide, service model) or not."""

    CONTRACT = "contract"
    SECOND_HAND = "second-hand"


class NoProof(StrEnum):
    """Why a claim that concerns the model has no proof nevertheless."""

    LIVENESS = "liveness"
    QUOTA = "numeric quota"
    UNPUBLISHED = "unpublished"


NO_PROOF_WORDS = {
    NoProof.LIVENESS: "it says only that something good happens in the end or how long that takes: tested, not proved",
    NoProof.QUOTA: "it is a number of the service, which a model could only repeat",
    NoProof.UNPUBLISHED: "the mechanism it would be proved of is not published, or exists only within AWS",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement: `sentence` in our words, `source`, and how it can be checked.

    `seeds` are the seed statements it helps to decide; `contested` marks sources that contradict each other.
    `no_proof` says of a claim with check P why no model proves it.
    """

    id: str
    area: str
    sentence: str
    source: str
    rank: SourceRank
    checks: tuple[Check, ...]
    seeds: tuple[str, ...]
    contested: bool = False
    no_proof: NoProof | None = None


@dataclass(frozen=True, slots=True)
class SeedStatement:
    """One statement of the source document: what it said, how it stands today, which claims decide it."""

    id: str
    statement: str
    verdict: str
    explanation: str
    claims: tuple[str, ...]


class Registry:
    """All claims, areas and seed statements."""

    def __init__(
        self, claims: Mapping[str, Claim], seeds: Mapping[str, SeedStatement], areas: Mapping[str, str]
    ) -> None:
        self.claims = claims
        self.seeds = seeds
        self.areas = areas

    def claim(self, claim_id: str) -> Claim:
        """The claim of that id; raises UnknownClaimError, which tells the nearest id."""
        try:
            return self.claims[claim_id]
        except KeyError:
            raise UnknownClaimError(claim_id, self.claims) from None

    def seed(self, seed_id: str) -> SeedStatement:
        """The seed statement of that id; raises UnknownNameError."""
        try:
            return self.seeds[seed_id]
        except KeyError:
            raise UnknownNameError("seed statement", seed_id, self.seeds) from None

    def select(
        self, *, area: str | None = None, seed: str | None = None, check: str | None = None
    ) -> list[Claim]:
        """Claims that match all that is given; raises UnknownNameError for a name that does not exist."""
        if area is not None and area not in self.areas:
            raise UnknownNameError("area", area, self.areas)
        if check is not None and check not in list(Check):
            raise UnknownNameError("kind of check", check, Check)
        wanted = None if seed is None else set(self.seed(seed).claims)
        return [
            claim
            for claim in self.claims.values()
            if (area is None or claim.area == area)
            and (check is None or check in claim.checks)
            and (wanted is None or claim.id in wanted)
        ]


@cache
def load_registry(directory: Path | None = None) -> Registry:
    """The registry of the package, or one from another directory. Raises ClaimsFileError."""
    root: Traversable = files("ddbproof.model.claims") / "data" if directory is None else directory
    if not root.is_dir():
        raise ClaimsFileError(str(root), "", "it is not a directory", f"it must hold {SEEDS_FILE} and areas")
    names = sorted(it.name for it in root.iterdir() if it.name.endswith(".toml"))
    if SEEDS_FILE not in names:
        raise ClaimsFileError(str(root), "", f"there is no {SEEDS_FILE}")
    areas: dict[str, tuple[int, str]] = {}
    claims: dict[str, Claim] = {}
    for name in names:
        if name != SEEDS_FILE:
            _read_area(name, _read(root / name), areas, claims)
    order = {key: position for key, (position, _) in areas.items()}
    ordered = dict(sorted(claims.items(), key=lambda pair: order[pair[1].area]))
    seeds = _read_seeds(_read(root / SEEDS_FILE), ordered)
    by_claim: dict[str, list[str]] = {claim_id: [] for claim_id in ordered}
    for seed in seeds.values():
        for claim_id in seed.claims:
            by_claim[claim_id].append(seed.id)
    linked = {
        claim_id: replace(claim, seeds=tuple(by_claim[claim_id])) for claim_id, claim in ordered.items()
    }
    titles = {key: title for key, (_, title) in sorted(areas.items(), key=lambda pair: pair[1][0])}
    return Registry(linked, seeds, titles)


def _read(file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimsFileError(file.name, "", str(error), "the file must be valid TOML in UTF-8") from error


_AREA_KEYS = {"title": str, "order": int, "prefixes": list, "claims": list}
_CLAIM_KEYS = {
    "id": str,
    "sentence": str,
    "source": str,
    "rank": str,
    "checks": list,
    "contested": bool,
    "no_proof": str,
}
_SEED_KEYS = {"id": str, "statement": str, "verdict": str, "explanation": str, "claims": list}


def _read_area(
    file: str, content: dict[str, Any], areas: dict[str, tuple[int, str]], claims: dict[str, Claim]
) -> None:
    key = file.removesuffix(".toml")
    _check_keys(file, "the file", content, _AREA_KEYS, set(_AREA_KEYS))
    areas[key] = (content["order"], content["title"])
    for number, entry in enumerate(content["claims"], 1):
        name = str(entry.get("id", f"claim {number}")) if isinstance(entry, dict) else f"claim {number}"
        _check_keys(file, name, entry, _CLAIM_KEYS, set(_CLAIM_KEYS) - {"contested", "no_proof"})
        if name in claims:
            raise ClaimsFileError(file, name, "the id is used twice")
        if name.rpartition("-")[0] not in content["prefixes"]:
            raise ClaimsFileError(file, name, f"the id does not begin with one of {content['prefixes']}")
        claims[name] = Claim(
            id=name,
            area=key,
            sentence=entry["sentence"],
            source=entry["source"],
            rank=SourceRank(_one_of(file, name, "rank", entry["rank"], list(SourceRank))),
            checks=tuple(Check(_one_of(file, name, "check", it, list(Check))) for it in entry["checks"]),
            seeds=(),
            contested=entry.get("contested", False),
            no_proof=_no_proof(file, name, entry),
        )
        if not claims[name].checks:
            raise ClaimsFileError(
                file, name, "it has no checks", "a claim nobody can check has checks = ['D']"
            )
        if claims[name].no_proof is not None and Check.PROOF not in claims[name].checks:
            raise ClaimsFileError(
                file,
                name,
                "it has a reason for no proof and no check P",
                "leave out no_proof, or add the check",
            )


def _no_proof(file: str, name: str, entry: dict[str, Any]) -> NoProof | None:
    if "no_proof" not in entry:
        return None
    return NoProof(_one_of(file, name, "reason for no proof", entry["no_proof"], list(NoProof)))


def _read_seeds(content: dict[str, Any], claims: Mapping[str, Claim]) -> dict[str, SeedStatement]:
    seeds: dict[str, SeedStatement] = {}
    _check_keys(SEEDS_FILE, "the file", content, {"seeds": list}, {"seeds"})
    for number, entry in enumerate(content["seeds"], 1):
        name = (
            str(entry.get("id", f"statement {number}")) if isinstance(entry, dict) else f"statement {number}"
        )
        _check_keys(SEEDS_FILE, name, entry, _SEED_KEYS, set(_SEED_KEYS))
        if name in seeds:
            raise ClaimsFileError(SEEDS_FILE, name, "the id is used twice")
        _one_of(SEEDS_FILE, name, "verdict", entry["verdict"], SEED_VERDICTS)
        for claim_id in entry["claims"]:
            if not isinstance(claim_id, str) or claim_id not in claims:
                unknown = UnknownClaimError(str(claim_id), claims)
                raise ClaimsFileError(SEEDS_FILE, name, unknown.message, unknown.hint)
        if not entry["claims"] and entry["verdict"] != "out of scope":
            raise ClaimsFileError(SEEDS_FILE, name, "it names no claim", "only 'out of scope' needs none")
        seeds[name] = SeedStatement(
            name, entry["statement"], entry["verdict"], entry["explanation"], tuple(entry["claims"])
        )
    return seeds


def _check_keys(file: str, entry: str, content: Any, known: Mapping[str, type], required: set[str]) -> None:
    if not isinstance(content, dict):
        raise ClaimsFileError(file, entry, "it is not a table")
    for key, value in content.items():
        if key not in known:
            unknown = UnknownNameError("key", key, known)
            raise ClaimsFileError(file, entry, unknown.message, unknown.hint)
        if not isinstance(value, known[key]):
            raise ClaimsFileError(file, entry, f"{key} must be of type {known[key].__name__}")
        if isinstance(value, str) and not value.strip():
            raise ClaimsFileError(file, entry, f"{key} is empty")
    missing = sorted(required - set(content))
    if missing:
        raise ClaimsFileError(file, entry, f"it lacks {', '.join(missing)}")


def _one_of(file: str, entry: str, what: str, value: Any, allowed: list[Any] | tuple[Any, ...]) -> str:
    if value not in allowed:
        unknown = UnknownNameError(what, str(value), [str(it) for it in allowed])
        raise ClaimsFileError(file, entry, unknown.message, unknown.hint)
    return str(value)
