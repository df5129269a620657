"""`ddbproof fuzz --simulate`: the replicated core under virtual time and seeded faults, seed after seed.

A run is (commit, seed, number of operations): all its options are drawn from the seed, and printed when something is
wrong. The first run that fails ends the campaign; the last line that is printed is the command that repeats it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.reference_impl.simulation.campaign import Result, Totals

RUNS = {"quick": 20, "ci": 200}
OPERATIONS = 1_000
_MOST_OPERATIONS = 1_000_000
_TOLD_EVERY = 100
_LAST_FAULTS = 15


def simulate(*, profile: str, seed: int | None, runs: int | None, operations: int, jobs: int | None) -> int:
    """Go through the runs; see `ddbproof fuzz` for what the parameters mean and the exit codes."""
    from rich.console import Console

    from ddbproof.cli.interrupts import gentle_interrupts
    from ddbproof.reference_impl.simulation.campaign import Totals, run_seeds

    if profile not in RUNS:
        raise CommandError(f"there is no profile {profile!r}", hint=f"there are {', '.join(RUNS)}")
    wanted = RUNS[profile] if runs is None else runs
    if wanted < 1:
        raise CommandError("--runs must be 1 or more")
    if not 1 <= operations <= _MOST_OPERATIONS:
        raise CommandError(f"--operations must be from 1 to {_MOST_OPERATIONS:,}, not {operations:,}")
    if jobs is not None and jobs < 1:
        raise CommandError("--jobs must be 1 or more")
    if seed is not None and seed < 0:
        raise CommandError(f"--seed must be 0 or more, not {seed}")
    first = 0 if seed is None else seed
    workers = min(jobs or os.cpu_count() or 1, max(1, wanted // 8))
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"simulated cluster · seeds {first} to {first + wanted - 1} · {operations:,} operations each"
    )
    totals = Totals()
    made = run_seeds(range(first, first + wanted), operations, workers)
    with gentle_interrupts(), _progress(console) as say, closing(made) as results:
        for result in results:
            totals.add(result)
            if result.failed:
                break
            if totals.runs % _TOLD_EVERY == 0:
                say(f"{totals.runs:,} runs, {totals.messages:,} messages, {totals.cpu_seconds:.0f} s of CPU")
    _tell(console, totals)
    if not result.failed:
        console.print("every answer was right, and every cluster came back", style="green")
        return ExitCode.OK
    return _failed(console, result, operations)


@contextmanager
def _progress(console: Console) -> Iterator[Any]:
    if not console.is_terminal:
        yield console.print
        return
    with console.status("the first runs ...") as status:
        yield status.update


def _tell(console: Console, totals: Totals) -> None:
    """What was done and met."""
    from ddbproof.reference_impl.simulation.campaign import EVENTS

    console.print(
        f"{totals.runs:,} runs, {totals.operations:,} operations, {totals.messages:,} messages "
        f"({totals.messages_a_second:,.0f} a second of CPU, checks included), "
        f"{totals.virtual_seconds / 3600:.1f} hours of virtual time"
    )
    shares = ", ".join(f"{event} {totals.share(event):.0%}" for event in EVENTS)
    console.print(f"in a share of the runs there were: {shares}")


def _failed(console: Console, result: Result, operations: int) -> int:
    """Tell what is wrong with a run, and how to repeat it."""
    console.print(f"\nseed {result.seed}: {_options(result)}")
    outcome = result.outcome
    code = ExitCode.OUR_ERROR
    if outcome is None:
        console.print("the simulation itself failed:", style="bold red")
        console.print(result.crash.rstrip())
    else:
        left_out = len(outcome.faults) - _LAST_FAULTS
        if left_out > 0:
            console.print(f"  ... {left_out} faults before")
        for line in outcome.faults[-_LAST_FAULTS:]:
            console.print(f"  {line}")
        code = ExitCode.VIOLATIONS if outcome.violations else ExitCode.INCONCLUSIVE
        heading = "a promise is broken:" if outcome.violations else "no progress:"
        console.print(heading, style="bold red")
        for text in outcome.violations or outcome.stuck:
            console.print(text)
    sys.stdout.flush()
    command = f"ddbproof fuzz --simulate --seed {result.seed} --runs 1"
    if operations != OPERATIONS:
        command += f" --operations {operations}"
    console.print(command)
    return code


def _options(result: Result) -> str:
    """The options that were drawn, without those that no seed changes."""
    import msgspec

    fields = msgspec.structs.asdict(result.options)
    return ", ".join(f"{name} {value}" for name, value in fields.items() if name not in ("seed", "timing"))
