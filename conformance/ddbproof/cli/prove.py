"""`ddbproof prove`: prove the protocols, and find out what the proofs are worth.

The default proves every invariant of every system for any number of steps. `--covers` shows that what must stay
possible is reachable, and `--mutants` that wrong protocols do not pass. Nothing green is printed for
`unknown`: it ends with exit code 4, a counterexample with 1.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.model.engine.mutants import MutantResult
    from ddbproof.model.engine.prove import Obligation, Outcome
    from ddbproof.model.engine.system import System

_Flag = Annotated[bool, Parameter(negative="")]


def prove(
    *,
    system: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    fast: _Flag = False,
    mutants: _Flag = False,
    covers: _Flag = False,
    smt2: Path | None = None,
    json_: Annotated[Path | None, Parameter(name="--json")] = None,
    keep: Path | None = None,
    scenarios: Path | None = None,
    cache: Annotated[bool, Parameter(negative="--no-cache")] = True,
    jobs: int | None = None,
) -> int:
    """Prove the invariants of the protocols for any number of steps.

    Exit codes: 0 all proved (or: every cover reached, every mutant accounted for), 1 a counterexample, a
    cover that cannot be reached or a mutant nobody judged, 4 nothing worse than `unknown`.

    Parameters
    ----------
    system
        Only this system; may be repeated. Without it, all.
    fast
        Leave out what takes long, and say what that is.
    mutants
        Instead of proving, plant wrong kernels, by hand and mechanical ones, and say what becomes of each.
    covers
        Instead of proving, explore the small worlds and show the shortest way to everything that has to stay
        possible.
    smt2
        Write the last query of every obligation into this directory, for another solver.
    json_
        Write the results to this file too.
    keep
        Write counterexamples into this directory, as model/tests/counterexamples keeps them. Without it, one that
        is not of a mutant is written here.
    scenarios
        With --covers: write ways that together take every step of each small world into this directory.
    cache
        Keep results, and use those kept for the very same obligation, engine and solver.
    jobs
        How many obligations are proved side by side; as many as there are processors otherwise.
    """
    from rich.console import Console

    from ddbproof.model.engine import campaign

    console = Console(highlight=False, markup=False, soft_wrap=True)
    names = _chosen(system, campaign.system_names())
    if mutants and covers:
        raise CommandError("--mutants and --covers are two questions; ask one at a time")
    if jobs is not None and jobs < 1:
        raise CommandError("--jobs begins at 1")
    if scenarios is not None and not covers:
        raise CommandError("--scenarios belongs to --covers", hint="ddbproof prove --covers --scenarios DIR")
    if mutants:
        return _mutants(console, names, json_, keep)
    if covers:
        return _covers(console, names, json_, keep or Path(), scenarios)
    if smt2 is not None:
        smt2.mkdir(parents=True, exist_ok=True)
    return _prove(console, names, fast, smt2, json_, _cache_directory() if cache else None, jobs)


def _chosen(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    for name in wanted:
        if name not in known:
            raise CommandError(f"there is no system {name}", hint=f"there are {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ddbproof" / "proofs"


def _prove(
    console: Console,
    names: Sequence[str],
    fast: bool,
    smt2: Path | None,
    json_: Path | None,
    cache_directory: Path | None,
    jobs: int | None,
) -> int:
    from ddbproof.model.engine import campaign
    from ddbproof.model.engine.results import summed_up

    planned = campaign.plan(names, fast=fast)
    began = time.monotonic()
    with _progress(console, len(planned.obligations)) as advance:
        outcomes = campaign.run(
            planned.obligations,
            jobs=jobs or os.cpu_count() or 1,
            cache_directory=cache_directory,
            report=advance,
            export_directory=smt2,
        )
    seconds = time.monotonic() - began
    for name in names:
        _show_system(console, campaign.load(name), [one for one in outcomes if one.obligation.system == name])
    _show_failures(console, outcomes)
    code = _verdict(console, outcomes, seconds)
    if planned.left_out:
        console.print(f"left out by --fast: {len(planned.left_out)} obligations")
        for line in _left_out(planned.left_out):
            console.print(f"  {line}")
    if smt2 is not None:
        console.print(f"queries: {smt2}")
    if json_ is not None:
        systems = [campaign.load(name) for name in names]
        _write(json_, summed_up(systems, outcomes, planned.left_out, seconds))
    return code


def _verdict(console: Console, outcomes: Sequence[Outcome], seconds: float) -> int:
    from ddbproof.model.engine.prove import Verdict

    counts = {verdict: sum(one.verdict is verdict for one in outcomes) for verdict in Verdict}
    kept = sum(one.cached for one in outcomes)
    said = f"{counts[Verdict.PROVED]} of {len(outcomes)} obligations proved"
    if kept:
        said += f", {kept} of them in an earlier run (--no-cache proves all again)"
    console.print(f"{said}, in {seconds:.1f} s")
    if counts[Verdict.COUNTEREXAMPLE]:
        return ExitCode.VIOLATIONS
    return ExitCode.INCONCLUSIVE if counts[Verdict.UNKNOWN] else ExitCode.OK


def _left_out(obligations: Sequence[Obligation]) -> Iterator[str]:
    """What was left out: whole systems, and of others which step keeps which invariant."""
    from ddbproof.model.engine import campaign

    whole = Counter(one.system for one in obligations if not campaign.load(one.system).fast)
    for name, count in whole.items():
        yield f"{name}: all {count:,} obligations"
    single = Counter((one.system, one.step, one.invariant) for one in obligations if one.system not in whole)
    for (name, step, invariant), count in single.items():
        yield f"{name}: {step} keeps {invariant} ({count} clauses)"


def _show_system(console: Console, system: System, outcomes: Sequence[Outcome]) -> None:
    from rich.table import Table

    from ddbproof.model.engine.results import scope_in_words
    from ddbproof.model.engine.system import Role

    console.print(f"\n{system.title} ({system.name})", style="bold")
    table = Table(box=None, pad_edge=False)
    for heading in ("invariant", "claims", "proved", "queries", "seconds"):
        table.add_column(heading, justify="left" if heading in ("invariant", "claims") else "right")
    for invariant in system.invariants.values():
        if invariant.role is Role.ASSUMPTION:
            continue
        mine = [one for one in outcomes if one.obligation.invariant == invariant.name]
        proved = sum(one.verdict == "proved" for one in mine)
        table.add_row(
            invariant.sentence if invariant.role is Role.SAFE else f"  ({invariant.name})",
            " ".join(invariant.claims),
            f"{proved} of {len(mine)}",
            str(sum(one.queries for one in mine)),
            f"{sum(one.seconds for one in mine):.2f}",
            style=None if proved == len(mine) else "red",
        )
    console.print(table)
    for line in scope_in_words(system):
        console.print(f"  {line}", style="dim")


def _show_failures(console: Console, outcomes: Sequence[Outcome]) -> None:
    from ddbproof.model.engine.prove import Verdict
    from ddbproof.model.engine.story import told_witness

    for outcome in outcomes:
        if outcome.verdict is Verdict.PROVED:
            continue
        console.print(f"\n{outcome.verdict}: {outcome.obligation.name}", style="red")
        if outcome.witness is not None:
            for line in told_witness(outcome.obligation.step, outcome.witness):
                console.print(f"  {line}")


def _covers(
    console: Console, names: Sequence[str], json_: Path | None, keep: Path, scenarios: Path | None
) -> int:
    from ddbproof.model.engine import campaign, kept
    from ddbproof.model.engine.explore import explore
    from ddbproof.model.engine.scenarios import edge_cover, write
    from ddbproof.model.engine.story import told, told_trace

    bad = 0
    written: dict[str, Any] = {}
    for name in names:
        system = campaign.load(name)
        console.print(f"\n{system.title} ({name})", style="bold")
        reached: dict[str, Any] = {}
        taken: set[str] = set()
        for number, scope in enumerate(system.scopes, 1):
            seen = explore(system, scope, keep_graph=scenarios is not None)
            whole = "the whole of it" if seen.complete else "as far as the limit allows"
            console.print(
                f"  world {number}: {seen.states} states, {seen.edges} steps, {whole}, depth {seen.depth}"
            )
            if scenarios is not None:
                path = scenarios / f"{name}-{number}.jsonl"
                count, steps = write(path, edge_cover(system, scope, seen))
                console.print(f"    {count} scenarios with {steps} steps take every one of them: {path}")
            reached = {**seen.covers, **reached}
            taken |= set(seen.taken)
            if seen.violation is not None:
                bad += 1
                for line in told(system, seen.violation):
                    console.print(f"    {line}", style="red")
                path = kept.write(keep, kept.kept(system, seen.violation))
                console.print(f"    written to {path}; in model/tests/counterexamples it is a test")
        for cover in system.covers.values():
            trace = reached.get(cover.name)
            bad += trace is None
            how = "NOT REACHED" if trace is None else f"reached in {len(trace.steps)} steps"
            console.print(f"  {how}: {cover.sentence}", style="red" if trace is None else None)
            for line in told_trace(trace) if trace is not None else ():
                console.print(f"      {line}", style="dim")
        for action in sorted(set(system.actions) - taken):
            bad += 1
            console.print(f"  never possible: the action {action}", style="red")
        written[name] = {one: [step.action for step in trace.steps] for one, trace in reached.items()}
    if json_ is not None:
        _write(json_, written)
    return ExitCode.VIOLATIONS if bad else ExitCode.OK


def _mutants(console: Console, names: Sequence[str], json_: Path | None, keep: Path | None) -> int:
    from ddbproof.model.engine import campaign, kept
    from ddbproof.model.engine.mutants import Fate, examine, judgements, mechanical

    bad = 0
    written: dict[str, Any] = {}
    for name in names:
        system = campaign.load(name)
        console.print(f"\n{system.title} ({name})", style="bold")
        judged = judgements(name)
        counts = dict.fromkeys(Fate, 0)
        for mutant in (*system.mutants.values(), *mechanical(system)):
            result = examine(system, mutant)
            counts[result.fate] += not mutant.harmless
            good, words = _fate(system, result, harmless=mutant.harmless, judgement=judged.get(mutant.name))
            bad += not good
            console.print(f"  {words}", style=None if good else "red")
            written[f"{name}: {mutant.name}"] = str(result.fate)
            if keep is not None and mutant.name in system.mutants and result.violation is not None:
                kept.write(keep, kept.kept(system, result.violation, mutant.name))
        console.print("  " + ", ".join(f"{count} {fate}" for fate, count in counts.items()))
    if json_ is not None:
        _write(json_, written)
    if bad:
        console.print(f"{bad} mutants need a stronger promise, or a judgement in writing", style="red")
    return ExitCode.VIOLATIONS if bad else ExitCode.OK


def _fate(system: System, result: MutantResult, *, harmless: bool, judgement: str | None) -> tuple[bool, str]:
    from ddbproof.model.engine.mutants import Fate

    if harmless:
        still = "still proved" if result.fate is Fate.SURVIVED else f"NO LONGER PROVED ({result.fate})"
        return result.fate is Fate.SURVIVED, f"harmless, {still}: {result.sentence}"
    if result.fate is Fate.KILLED and result.violation is not None:
        promise = system.invariants[result.violation.invariant].sentence
        return True, f"killed in {len(result.violation.trace.steps)} steps: {result.sentence} ({promise})"
    return judgement is not None, f"{result.fate}: {result.sentence} [{judgement or 'NOT JUDGED'}]"


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("proving"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda _outcome: bar.advance(task)


def _write(path: Path, document: Any) -> None:
    import msgspec

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except OSError as error:
        raise CommandError(f"cannot write {path}", cause=str(error)) from error
    sys.stdout.write(f"written: {path}\n")
