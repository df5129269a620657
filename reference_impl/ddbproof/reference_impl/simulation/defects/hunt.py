"""How many seeds it takes to find a defect, and the table of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ddbproof.reference_impl.simulation.defects.base import DEFECTS, planted
from ddbproof.reference_impl.simulation.options import drawn
from ddbproof.reference_impl.simulation.run import Run

MOST_SEEDS = 300
_HEADING = """# Planted defects of the cluster, and how many seeds they need

Made by `python -m ddbproof.reference_impl.simulation.defects`. Each defect is composed into the simulated cluster
from outside, and runs of 1,000 client operations are made from seed 0 on until one fails. *Seeds* is how many that
takes. A defect shows as a broken promise (a violation), as a cluster that does not come back (no progress), or
in an exception of the cluster's own checks (crash).

| Defect | What it does wrong | Seeds | How it showed |
| --- | --- | ---: | --- |
"""


class Finding(msgspec.Struct, frozen=True):
    """The first seed that shows a defect, and how; no seed if none did."""

    name: str
    seed: int | None
    how: str

    @property
    def seeds(self) -> str:
        """How many seeds it took."""
        return "not found" if self.seed is None else str(self.seed + 1)


def hunt(name: str, most_seeds: int = MOST_SEEDS) -> Finding:
    """Plant a defect, and run seed after seed until it shows."""
    with planted(name):
        for seed in range(most_seeds):
            how = shown_by(seed)
            if how:
                return Finding(name, seed, how)
    return Finding(name, None, f"not in {most_seeds} seeds")


def shown_by(seed: int, operations: int = 1_000) -> str:
    """What is wrong with a run, in one line; nothing if all is well."""
    try:
        outcome = Run(drawn(seed, operations)).go()
    except Exception as crash:  # whatever a defect leads to
        return f"crash: {type(crash).__name__} {crash}".strip()
    for text in outcome.violations:
        return "violation: " + text.splitlines()[0]
    for text in outcome.stuck:
        return "no progress: " + text
    return ""


def hunted(names: Iterable[str] = (), most_seeds: int = MOST_SEEDS) -> Iterator[Finding]:
    """What came of each defect, in the order of the catalogue."""
    for name in names or DEFECTS:
        yield hunt(name, most_seeds)


def table(findings: Iterable[Finding]) -> str:
    """The table, as Markdown."""
    rows = [
        f"| {it.name} | {DEFECTS[it.name].sentence} | {it.seeds} | {it.how.replace('|', '/')} |"
        for it in findings
    ]
    return _HEADING + "\n".join(rows) + "\n"
