"""Judging: runs the suite against a target and tells an observer what it finds.

One job runs here, in this process; several run in processes of their own (`parallel`). Whatever happens,
Ctrl-C included, what the run created is removed before `judge` returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddbproof.conformance.kit import sweep as sweeping
from ddbproof.conformance.kit.fixtures import World
from ddbproof.conformance.kit.watch import Watch
from ddbproof.conformance.kit.wire import Wire
from ddbproof.conformance.observer import Observer, SelectedTest
from ddbproof.conformance.parallel import ParallelEnd, run_side_by_side
from ddbproof.conformance.plan import Plan, Target
from ddbproof.conformance.plugin import JudgePlugin
from ddbproof.conformance.session import SUITE_DIRECTORY, list_tests, run_session

__all__ = ["SUITE_DIRECTORY", "Judgement", "Observer", "SelectedTest", "judge", "list_tests"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a run ended. `unreachable` says why the target was given up; `leftovers` what could not be removed."""

    interrupted: bool
    unreachable: str | None
    selected_count: int
    leftovers: tuple[str, ...]


def judge(
    plan: Plan,
    observer: Observer,
    *,
    suite_directory: Path = SUITE_DIRECTORY,
    jobs: int = 1,
    copies: Sequence[Target] = (),
) -> Judgement:
    """Runs the selected tests of the suite; never raises for anything the target does.

    `jobs` tests run side by side, each process with names of its own. They share the plan's target, unless its
    clock can be moved, which nobody may do under another's feet: then `copies` holds one more like it for each
    further job, and there are no more jobs than targets.
    """
    if plan.target.control is not None:
        jobs = min(jobs, 1 + len(copies))
    end: ParallelEnd | JudgePlugin
    if jobs > 1:
        end = run_side_by_side(plan, observer, suite_directory, jobs, copies)
    else:
        copies = ()
        end = run_session(plan, World(plan), observer, suite_directory)
    interrupted = end.interrupted
    leftovers: list[str] = []
    if end.touched_target and end.unreachable is None:
        for target in (plan.target, *copies):
            left: list[str] = []
            try:
                wire = Wire(target)
                clients = [(name, wire.client(name)) for name in target.regions]
                leftovers += sweeping.sweep(clients, plan.prefix, left=left)
            except KeyboardInterrupt:
                interrupted = True
                leftovers += [*left, f"cleaning was interrupted: anything named {plan.prefix}* may be left"]
    if end.internal_error is not None:
        raise RuntimeError(f"the run broke off: {end.internal_error!r}") from end.internal_error
    _tell_crashes(plan.target, end.crashes, observer)
    for leftover in leftovers:
        observer.finding("left behind", leftover)
    return Judgement(interrupted, end.unreachable, end.selected_count, tuple(leftovers))


def _tell_crashes(target: Target, tests: Mapping[int, Sequence[str]], observer: Observer) -> None:
    """Each crash is a finding of its own, whatever became of the tests that met it."""
    for number, sentence in enumerate(Watch(target.supervision).crashes):
        running = ", ".join(tests.get(number, ())) or "no test"
        observer.finding("crash", f"the endpoint crashed while {running} ran: {sentence}")
