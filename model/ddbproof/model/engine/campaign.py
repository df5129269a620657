"""Proving whole systems: all obligations, in parallel, with results kept from one run to the next.

A result is kept under the hash of everything that it rests on: the conditions, the clause, all hypotheses as
z3 sees them, the engine's own source, and the version of z3. Whoever distrusts that says `no cache`, as CI does.

A system may name obligations that take long; the fast tier leaves those out and says so.
"""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
import pkgutil
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec
import z3

import ddbproof.model.engine as engine_package
import ddbproof.model.systems as systems_package
import ddbproof.model.trials as trials_package
from ddbproof.model.engine import symbolic
from ddbproof.model.engine.prove import INITIAL, Obligation, Outcome, Verdict, World, obligations, prove
from ddbproof.model.engine.symbolic import SymInt
from ddbproof.model.engine.system import Role, System
from ddbproof.model.engine.values import EngineError

Report = Callable[[Outcome], None]


class Plan(msgspec.Struct, frozen=True):
    """What to prove: the obligations, and those that the fast tier leaves out."""

    obligations: tuple[Obligation, ...]
    left_out: tuple[Obligation, ...]


def system_names() -> list[str]:
    """Names of all systems, by their modules; a module with a leading underscore is a part of one."""
    names = (info.name for info in pkgutil.iter_modules(systems_package.__path__))
    return [name for name in names if not name.startswith("_")]


@cache
def load(name: str) -> System:
    """The system of that name. Raises EngineError if there is none."""
    if name not in system_names():
        raise EngineError(f"there is no system {name}; there are {', '.join(system_names())}")
    system = importlib.import_module(f"{systems_package.__name__}.{name}").system
    # What a system is put to is declared in a module of its own.
    importlib.import_module(f"{trials_package.__name__}.{name}")
    if not isinstance(system, System):
        raise EngineError(f"{name} declares no System")
    return system


def plan(names: Sequence[str], *, fast: bool = False) -> Plan:
    """The obligations of these systems; with `fast`, without those that their systems call slow."""
    everything = [obligation for name in names for obligation in obligations(load(name))]
    slow = {one for one in everything if fast and _is_slow(load(one.system), one)}
    return Plan(tuple(one for one in everything if one not in slow), tuple(sorted(slow, key=str)))


def _is_slow(system: System, one: Obligation) -> bool:
    return not system.fast or (one.step, one.invariant) in system.slow


def run(
    planned: Sequence[Obligation],
    *,
    jobs: int,
    cache_directory: Path | None,
    report: Report = lambda _outcome: None,
    export_directory: Path | None = None,
) -> list[Outcome]:
    """Prove them all, `jobs` at a time, each as far as it goes; `report` is told of each as it ends."""
    found = []
    kept, missing = _from_cache(planned, cache_directory if export_directory is None else None)
    for outcome in kept:
        report(outcome)
        found.append(outcome)
    for outcome in _proved(missing, jobs, export_directory):
        report(outcome)
        found.append(outcome)
        if cache_directory is not None and outcome.verdict is Verdict.PROVED:
            _keep(cache_directory, outcome)
    order = {obligation: place for place, obligation in enumerate(planned)}
    return sorted(found, key=lambda outcome: order[outcome.obligation])


def _proved(planned: Sequence[Obligation], jobs: int, export_directory: Path | None) -> Iterator[Outcome]:
    if jobs == 1 or len(planned) < 2:
        for obligation in planned:
            yield _prove(obligation, export_directory)
        return
    context = multiprocessing.get_context("spawn")
    # Leaving the block, by Ctrl-C too, ends the workers, which leave the signal to us.
    with context.Pool(jobs, initializer=_leave_interrupts_to_the_parent) as pool:
        yield from pool.imap_unordered(partial(_prove, export_directory=export_directory), planned)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@cache
def _world(name: str) -> World:
    return World(load(name))


def _prove(obligation: Obligation, export_directory: Path | None) -> Outcome:
    return prove(_world(obligation.system), obligation, export_directory=export_directory)


# What is kept.


def _from_cache(
    planned: Sequence[Obligation], directory: Path | None
) -> tuple[list[Outcome], list[Obligation]]:
    kept, missing = [], []
    for obligation in planned:
        path = directory and directory / fingerprint(obligation)
        if path is not None and path.is_file():
            queries, instances, seconds = path.read_text().split()
            kept.append(
                Outcome(obligation, Verdict.PROVED, int(queries), int(instances), float(seconds), cached=True)
            )
        else:
            missing.append(obligation)
    return kept, missing


def _keep(directory: Path, outcome: Outcome) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / fingerprint(outcome.obligation)
    path.write_text(f"{outcome.queries} {outcome.instances} {outcome.seconds:.3f}\n")


def fingerprint(obligation: Obligation) -> str:
    """A hash of everything that a result about this obligation rests on."""
    text = hashlib.sha256(_engine_fingerprint().encode())
    world = _world(obligation.system)
    text.update(str(obligation).encode())
    for way in world.ways(obligation.step):
        terms = [*way.conditions, *symbolic.terms(world.system.shape, way.after)]
        text.update("\n".join(term.sexpr() for term in terms).encode())
    text.update(_hypotheses(obligation.system).encode())
    text.update(_clause(world, obligation).encode())
    return text.hexdigest()


@cache
def _hypotheses(name: str) -> str:
    world = _world(name)
    lines = []
    for invariant, _, clause in world.hypotheses:
        unknown = [SymInt(z3.Int(f"any.{sort.name}{number}")) for number, sort in enumerate(clause.sorts)]
        formula = symbolic.folded(partial(clause.body, *unknown))
        lines.append(f"{invariant.name} {formula.sexpr()}")
    return "\n".join(lines)


def _clause(world: World, obligation: Obligation) -> str:
    invariant = world.system.invariants[obligation.invariant]
    assumed = [one.name for one in world.system.invariants.values() if one.role is Role.ASSUMPTION]
    return f"{invariant.name} {obligation.clause} {obligation.step == INITIAL} {assumed}"


@cache
def _engine_fingerprint() -> str:
    text = hashlib.sha256(z3.get_full_version().encode())
    for directory in engine_package.__path__:
        for path in sorted(Path(directory).glob("*.py")):
            text.update(path.read_bytes())
    return text.hexdigest()
