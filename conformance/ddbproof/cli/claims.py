"""`ddbproof claims`: every statement that is judged, its source, and the evidence that the code has for it.

Nothing here is written by hand: claims and statements come from the registry, evidence from the decorators
in the code. A terminal gets tables; a pipe gets plain lines, never cut, one claim a line; --json gets all.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.model.claims import Claim, Evidence, Registry, SeedStatement

_NO_EVIDENCE = "no evidence yet"
_OUT_OF_SCOPE = "out of scope"
_WITHOUT = "without proof or reason"
_SEED_ID = re.compile(r"[Ss]\d*\Z")


def claims(
    *ids: str,
    area: str | None = None,
    check: str | None = None,
    seed: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    claims_dir: Annotated[Path | None, Parameter(name="--claims-dir")] = None,
) -> int:
    """List the claims by area, each with the evidence that the code has for it.

    Parameters
    ----------
    ids
        Claims (PI-12) or statements of the source document (S17) to show in full, instead of the list.
    area
        Only the claims of this area: recovery, backups, global_tables, ...
    check
        Only claims that can be checked so: P provable in a model, S stateful test of the reference endpoint,
        C black-box test on any endpoint, C* the same where the feature is offered, F needs fault injection or
        control of the clock, D documentation only. With P the list ends with how many are proved, and why others are not.
    seed
        List the 32 statements of the source document, how each stands today, and the evidence for it;
        --seed S17 shows that one.
    json_
        Print all as one JSON document.
    claims_dir
        Read the claims from another directory of TOML files.
    """
    view = _view(claims_dir)
    if (ids or seed) and (area is not None or check is not None):
        raise CommandError(
            "--area and --check choose from the list of claims; they go with neither ids nor --seed"
        )
    registry = view.registry
    statements: list[SeedStatement] = []
    selected: list[Claim] = []
    for name in ids:
        if seed or _SEED_ID.match(name):
            statements.append(registry.seed(name.upper()))
        else:
            selected.append(registry.claim(name.upper()))
    if seed and not ids:
        statements = list(registry.seeds.values())
    elif not ids:
        selected = registry.select(area=area, check=check)
        if not selected:
            raise CommandError(f"no claim of area {area} can be checked by {check}", hint="leave one out")
    # What the closing counts are about: the claims shown, and those behind the statements shown.
    counted = [
        *selected,
        *(registry.claim(it) for it in dict.fromkeys(it for one in statements for it in one.claims)),
    ]
    if json_:
        _write_json(view, statements, counted)
        return ExitCode.OK
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for statement in statements:
        _show_statement(console, view, statement, full=bool(ids))
    if ids:
        for claim in selected:
            _show_claim(console, view, claim)
    elif selected:
        _show_list(console, view, selected)
    if not ids and check == "P":
        _write(console, _proofs_sentence(_proofs(view, counted)))
    what = f"{len(statements)} statements, " if statements and not ids else ""
    _write(console, what + _counts_sentence(view, counted))
    return ExitCode.OK


@dataclass(frozen=True, slots=True)
class _View:
    """The registry together with the evidence for its claims."""

    registry: Registry
    evidence: dict[str, list[Evidence]]

    def evidence_words(self, claim_id: str) -> str:
        """The kinds of evidence for a claim, strongest first, with how many of each."""
        from ddbproof.model.claims import EvidenceKind

        pieces = Counter(it.kind for it in self.evidence[claim_id])
        words = (
            str(kind) if pieces[kind] == 1 else f"{kind} ({pieces[kind]})"
            for kind in EvidenceKind
            if pieces[kind]
        )
        return ", ".join(words) or _NO_EVIDENCE

    def is_proved(self, claim_id: str) -> bool:
        """True if a proof is among the evidence for a claim."""
        from ddbproof.model.claims import EvidenceKind

        return any(it.kind is EvidenceKind.PROOF for it in self.evidence[claim_id])

    def listed_words(self, claim: Claim) -> str:
        """What a line of the list says of a claim: its evidence, and why no proof is among it if a reason is given."""
        words = self.evidence_words(claim.id)
        return words if claim.no_proof is None else f"{words}; no proof: {claim.no_proof}"


def _view(directory: Path | None) -> _View:
    from ddbproof.cli.evidence import evidence_for
    from ddbproof.model.claims import load_registry

    if directory is not None and not directory.is_dir():
        raise CommandError(
            f"{directory} is not a directory", hint="--claims-dir names a directory of TOML files"
        )
    registry = load_registry(directory)
    return _View(registry, evidence_for(registry))


def _write(console: Console, text: str = "", style: str | None = None) -> None:
    """A line: wrapped at words on a terminal, whole in a pipe."""
    if console.is_terminal:
        console.print(text, style=style)
    else:
        sys.stdout.write(f"{text}\n")


def _show_list(console: Console, view: _View, selected: Sequence[Claim]) -> None:
    for area, title in view.registry.areas.items():
        rows = [claim for claim in selected if claim.area == area]
        if not rows:
            continue
        _write(console, f"{title} ({area})", style="bold")
        if console.is_terminal:
            _show_table(console, view, rows)
        else:
            for claim in rows:
                checks = ",".join(claim.checks)
                _write(console, f"{claim.id}  {checks}  [{view.listed_words(claim)}]  {claim.sentence}")
        _write(console)


def _show_table(console: Console, view: _View, rows: Sequence[Claim]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("claim", no_wrap=True)
    table.add_column("checks", no_wrap=True)
    table.add_column("evidence", width=20)
    table.add_column("what it says", ratio=1)
    for claim in rows:
        style = "green" if view.evidence[claim.id] else "dim"
        shown = Text(view.listed_words(claim), style=style)
        table.add_row(claim.id, ",".join(claim.checks), shown, claim.sentence)
    console.print(table)


def _show_claim(console: Console, view: _View, claim: Claim) -> None:
    from ddbproof.model.claims import CHECK_WORDS, NO_PROOF_WORDS, SourceRank

    _write(console, claim.id, style="bold")
    _write(console, claim.sentence)
    _write(console, f"  area      {view.registry.areas[claim.area]} ({claim.area})")
    _write(console, f"  source    {claim.source}")
    binding = "a violation fails" if claim.rank is SourceRank.CONTRACT else "a violation only differs"
    _write(console, f"  rank      {claim.rank}: {binding}")
    if claim.contested:
        _write(console, "  contested its sources contradict each other")
    for check in claim.checks:
        _write(console, f"  check     {check}: {CHECK_WORDS[check]}")
    if claim.seeds:
        _write(console, f"  decides   {', '.join(claim.seeds)}")
    for piece in view.evidence[claim.id]:
        _write(console, f"  evidence  {piece.kind}: {piece.where}")
    if not view.evidence[claim.id]:
        _write(console, f"  evidence  {_NO_EVIDENCE}")
    if claim.no_proof is not None:
        _write(console, f"  no proof  {claim.no_proof}: {NO_PROOF_WORDS[claim.no_proof]}")
    _write(console)


def _show_statement(console: Console, view: _View, statement: SeedStatement, *, full: bool) -> None:
    _write(console, f"{statement.id}  {statement.statement}", style="bold")
    _write(console, f"  verdict   {statement.verdict}")
    _write(console, f"  today     {statement.explanation}")
    for claim_id in statement.claims:
        sentence = f"  {view.registry.claim(claim_id).sentence}" if full else ""
        _write(console, f"  {claim_id:<8}  {view.evidence_words(claim_id)}{sentence}")
    _write(console, f"  evidence  {_statement_evidence(view, statement)}")
    _write(console)


def _statement_evidence(view: _View, statement: SeedStatement) -> str:
    """How many of a statement's claims have evidence; a statement without claims is out of scope."""
    if not statement.claims:
        return _OUT_OF_SCOPE
    covered = sum(bool(view.evidence[claim_id]) for claim_id in statement.claims)
    return f"for {covered} of {len(statement.claims)} claims" if covered else _NO_EVIDENCE


def _counts(view: _View, selected: Iterable[Claim]) -> dict[str, int]:
    """How many claims have evidence of each kind, and how many have none; a claim counts once a kind."""
    from ddbproof.model.claims import EvidenceKind

    counts = {str(kind): 0 for kind in EvidenceKind} | {_NO_EVIDENCE: 0}
    for claim_id in {claim.id for claim in selected}:
        for name in {str(it.kind) for it in view.evidence[claim_id]} or {_NO_EVIDENCE}:
            counts[name] += 1
    return counts


def _proofs(view: _View, selected: Iterable[Claim]) -> dict[str, int]:
    """How many of the claims with check P are proved, and what the reason is for how many others."""
    from ddbproof.model.claims import Check, NoProof

    provable = {claim.id: claim for claim in selected if Check.PROOF in claim.checks}
    rest = [claim for claim_id, claim in provable.items() if not view.is_proved(claim_id)]
    reasons = Counter(_WITHOUT if claim.no_proof is None else str(claim.no_proof) for claim in rest)
    names = [*map(str, NoProof), _WITHOUT]
    counts = {"claims": len(provable), "proved": len(provable) - len(rest)}
    return counts | {name: reasons[name] for name in names}


def _proofs_sentence(proofs: dict[str, int]) -> str:
    counted, proved, *reasons = proofs.items()
    rest = "; ".join(
        [", ".join(f"{name} {number}" for name, number in reasons[:-1]), " ".join(map(str, reasons[-1]))]
    )
    return f"{proved[1]} of {counted[1]} claims proved; rest: {rest}"


def _counts_sentence(view: _View, selected: Sequence[Claim]) -> str:
    total = len({claim.id for claim in selected})
    words = ", ".join(f"{kind} {number}" for kind, number in _counts(view, selected).items())
    return f"{total} {'claim' if total == 1 else 'claims'}: {words}"


def _write_json(view: _View, statements: Sequence[SeedStatement], counted: Sequence[Claim]) -> None:
    from dataclasses import asdict

    def described(claim: Claim) -> dict[str, Any]:
        return asdict(claim) | {
            "area_title": view.registry.areas[claim.area],
            "evidence": [asdict(it) for it in view.evidence[claim.id]],
        }

    document = {
        "claims": [described(claim) for claim in dict.fromkeys(counted)],
        "seeds": [
            asdict(statement) | {"evidence": _statement_evidence(view, statement)} for statement in statements
        ],
        "counts": _counts(view, counted),
        "proofs": _proofs(view, counted),
    }
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
