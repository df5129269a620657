"""Many simulated runs, seed after seed, on one processor or several.

A run is independent of all others, so the order in which they end does not matter; they are given back in the order of
their seeds. A run that ends in an exception of ours is a crash: it is told with its traceback, never counted as passed.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections import Counter
from collections.abc import Generator, Sequence
from functools import partial

import msgspec

from ddbproof.reference_impl.simulation.options import Options, drawn
from ddbproof.reference_impl.simulation.run import Outcome, Run

EVENTS = (
    "failovers",
    "splits finished",
    "merges finished",
    "replicas healed",
    "disks lost",
    "lost acknowledgements",
)
"""What a campaign has to have met, besides being right: each in a good share of its runs."""


class Result(msgspec.Struct, frozen=True):
    """What came of one seed. `crash` is a traceback; then there is no outcome."""

    seed: int
    options: Options
    cpu_seconds: float
    outcome: Outcome | None = None
    crash: str = ""

    @property
    def failed(self) -> bool:
        """True if anything is wrong, with the cluster or with us."""
        return self.outcome is None or self.outcome.failed


class Totals(msgspec.Struct):
    """What a campaign amounts to so far."""

    runs: int = 0
    operations: int = 0
    messages: int = 0
    cpu_seconds: float = 0.0
    virtual_seconds: float = 0.0
    met: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count a run."""
        self.runs += 1
        self.cpu_seconds += result.cpu_seconds
        outcome = result.outcome
        if outcome is not None:
            self.operations += outcome.operations
            self.messages += outcome.messages
            self.virtual_seconds += outcome.virtual_seconds
            self.met.update(name for name, times in outcome.counts.items() if times)

    def share(self, event: str) -> float:
        """In what share of the runs something happened."""
        return self.met[event] / self.runs if self.runs else 0.0

    @property
    def messages_a_second(self) -> float:
        """Messages carried, by processor time, all checks included."""
        return self.messages / self.cpu_seconds if self.cpu_seconds else 0.0


def run_seed(seed: int, operations: int) -> Result:
    """One run, and what it cost."""
    options = drawn(seed, operations)
    began = time.process_time()
    try:
        outcome, crash = Run(options).go(), ""
    except Exception:
        outcome, crash = None, traceback.format_exc()
    return Result(seed, options, time.process_time() - began, outcome, crash)


def run_seeds(seeds: Sequence[int], operations: int, jobs: int = 1) -> Generator[Result]:
    """Runs in the order of their seeds. Ends its processes when it is closed, by Ctrl-C too."""
    one = partial(run_seed, operations=operations)
    if jobs == 1:
        yield from map(one, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_leave_interrupts_to_the_parent) as pool:
        yield from pool.imap(one, seeds, chunksize=4)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
