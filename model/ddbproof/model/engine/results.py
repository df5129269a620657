"""Results of proving, to be kept in a file and shown in a report.

A promise is as good as the whole induction of its system: it rests on every other invariant there. So what is said
of it is said by system. The file names the sources it is about by a hash, because a result about other sources says
nothing; it does not replace proving again, which anybody can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import z3

import ddbproof.model.engine as engine_package
import ddbproof.model.kernel as kernel_package
import ddbproof.model.systems as systems_package
from ddbproof.model.engine.prove import Obligation, Outcome, Verdict
from ddbproof.model.engine.system import Role, System

SCHEMA = "ddbproof-proofs/1"


class Promise(msgspec.Struct, frozen=True):
    """A promise: where it is in the code, as evidence names it, what it says, and the claims it is about."""

    where: str
    sentence: str
    claims: tuple[str, ...]


class SystemResult(msgspec.Struct, frozen=True):
    """What came of a system. `proved` of `obligations` were proved, `left_out` were not tried."""

    name: str
    title: str
    scope: tuple[str, ...]
    promises: tuple[Promise, ...]
    obligations: int
    proved: int
    left_out: int
    seconds: float

    @property
    def in_words(self) -> str:
        """How it stands, in a sentence that claims no more than was done."""
        tried = self.obligations - self.left_out
        if self.proved < tried:
            return f"NOT proved: {tried - self.proved} of {tried} obligations failed"
        if self.left_out:
            return f"proved but for {self.left_out} of {self.obligations} obligations, which were left out"
        return f"proved for any number of steps: {self.obligations} obligations"


class Results(msgspec.Struct, frozen=True):
    """Results of a run of the prover. `sources` is the hash of engine, kernels and systems."""

    schema: str
    sources: str
    solver: str
    seconds: float
    systems: tuple[SystemResult, ...]
    outcomes: tuple[Outcome, ...] = ()
    left_out: tuple[Obligation, ...] = ()


def summed_up(
    systems: Sequence[System], outcomes: Sequence[Outcome], left_out: Sequence[Obligation], seconds: float
) -> Results:
    """The results, by system."""
    return Results(
        SCHEMA,
        sources_digest(),
        f"z3 {z3.get_version_string()}",
        seconds,
        tuple(
            _of_system(
                system,
                [one for one in outcomes if one.obligation.system == system.name],
                sum(one.system == system.name for one in left_out),
            )
            for system in systems
        ),
        tuple(outcomes),
        tuple(left_out),
    )


def scope_in_words(system: System) -> tuple[str, ...]:
    """What a proof of the system assumes and leaves out."""
    assumed = [one for one in system.invariants.values() if one.role is Role.ASSUMPTION]
    return (
        *(f"assumed: {one.sentence}" for one in assumed),
        *(f"scope: {one}" for one in system.scope_in_words),
    )


def sources_digest() -> str:
    """A hash of everything that is proved and that proves, but for z3."""
    text = hashlib.sha256()
    for package in (engine_package, kernel_package, systems_package):
        for directory in package.__path__:
            for path in sorted(Path(directory).glob("*.py")):
                text.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return text.hexdigest()


def _of_system(system: System, outcomes: Sequence[Outcome], left_out: int) -> SystemResult:
    return SystemResult(
        system.name,
        system.title,
        scope_in_words(system),
        tuple(
            Promise(f"{one.function.__module__}::{one.name}", one.sentence, one.claims)
            for one in system.invariants.values()
            if one.role is Role.SAFE
        ),
        len(outcomes) + left_out,
        sum(one.verdict is Verdict.PROVED for one in outcomes),
        left_out,
        round(sum(one.seconds for one in outcomes), 3),
    )
