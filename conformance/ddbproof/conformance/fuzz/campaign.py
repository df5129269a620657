"""A campaign: batches of runs with seeds of their own, until there are enough, time is up, or one goes wrong.

Every batch has a seed that follows from the campaign's seed and its number, so a batch can be run again by itself.
After the first violation Hypothesis looks for a shorter one for `SHRINKING_SECONDS`; what is reported is the
shortest that was seen, even if the endpoint did not do it a second time: what was seen once has happened.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from ddbproof.conformance.fuzz.machine import machine
from ddbproof.conformance.fuzz.replay import Step
from ddbproof.conformance.fuzz.run import Disagreement, Enough
from ddbproof.conformance.fuzz.tally import Tally
from ddbproof.conformance.fuzz.world import Worlds

STEPS_A_RUN = 40
SHRINKING_SECONDS = 60.0
_SEED_BYTES = 4


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that is over: how much it was, and how many states it reached that no batch before had."""

    number: int
    seed: int
    runs: int
    steps: int
    new_states: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Violation:
    """The last of `steps` was answered as the specification does not allow; `batch_seed` found it."""

    steps: tuple[Step, ...]
    batch: int
    batch_seed: int
    repeated: bool


def derived_seed(*parts: object) -> int:
    """A seed that follows from the parts, and from nothing else.

    >>> derived_seed(1, 2) == derived_seed(1, 2) != derived_seed(1, 3)
    True
    """
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_SEED_BYTES], "big")


class Campaign:
    """Runs in batches. `tally` counts what all of them reached; `violation` is there once one went wrong.

    `directory` keeps Hypothesis's examples between campaigns; without it nothing is kept, and a campaign
    does the same each time. `shrink` is for tests that only want to know whether something is found.
    """

    def __init__(
        self, worlds: Worlds, seed: int, *, directory: Path | None = None, shrink: bool = True
    ) -> None:
        self.tally = Tally(shrinking_seconds=SHRINKING_SECONDS)
        self.violation: Violation | None = None
        self._machine = machine(worlds, self.tally)
        self._seed = seed
        self._directory = directory
        self._phases = [Phase.reuse] if directory is not None else []
        self._phases += [Phase.generate, Phase.shrink] if shrink else [Phase.generate]

    def batches(self, runs: int, more: Callable[[int], bool], *, steps: int = STEPS_A_RUN) -> Iterator[Batch]:
        """Batch after batch of `runs` runs, while `more(number)` says so and nothing has gone wrong."""
        number = 0
        while self.violation is None and more(number):
            number += 1
            seed = derived_seed(self._seed, number)
            began, before = time.monotonic(), (self.tally.runs, self.tally.steps, len(self.tally.states))
            self._run(number, seed, runs, steps)
            yield Batch(
                number,
                seed,
                self.tally.runs - before[0],
                self.tally.steps - before[1],
                len(self.tally.states) - before[2],
                time.monotonic() - began,
            )

    def _run(self, number: int, seed: int, runs: int, steps: int) -> None:
        settings = hypothesis.settings(
            max_examples=runs,
            stateful_step_count=steps,
            database=None if self._directory is None else DirectoryBasedExampleDatabase(self._directory),
            phases=self._phases,
            deadline=None,
            derandomize=False,
            print_blob=False,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        repeated = True
        try:
            run_state_machine_as_test(hypothesis.seed(seed)(self._machine), settings=settings)
        except (Disagreement, Enough):
            pass
        except Flaky:
            if self.tally.shortest is None:
                raise
            # To Hypothesis a search that was ended looks like an endpoint that behaves otherwise each time.
            repeated = self.tally.enough
        if self.tally.shortest is not None:
            self.violation = Violation(self.tally.shortest, number, seed, repeated)


def keep_hypothesis_out_of_the_way(directory: Path) -> None:
    """Have Hypothesis keep what it keeps in `directory` and not in the directory somebody works in."""
    set_hypothesis_home_dir(directory)


def shown_counts(tally: Tally) -> Iterator[tuple[str, int, dict[str, int]]]:
    """Each rule with how often it was taken, and how often it was refused with which code."""
    for name, count in sorted(tally.rules.items()):
        yield (
            name,
            count,
            {code: times for (rule, code), times in sorted(tally.refusals.items()) if rule == name},
        )
