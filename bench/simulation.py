"""How fast simulated runs are: messages a second with all checks on, and steps a second taken again by the proved systems.

    make bench

CPU time of one process. A longer run is replayed beside a shorter one: what a step costs must not grow.
"""

from __future__ import annotations

import platform
import sys
import time

from ddbproof.reference_impl.simulation.options import drawn
from ddbproof.reference_impl.simulation.replay import replay_all
from ddbproof.reference_impl.simulation.run import Run

SEEDS = 40
REPLAYED = (1_000, 4_000, 16_000)
QUIET_SEED = 0


def main() -> None:
    """Measure and print."""
    began, delivered = time.process_time(), 0
    for seed in range(SEEDS):
        outcome = Run(drawn(seed)).go()
        assert not outcome.failed, outcome
        delivered += outcome.messages
    seconds = time.process_time() - began
    sys.stdout.write(
        f"Python {platform.python_version()}: {SEEDS} runs, {delivered:,} messages, {delivered / seconds:,.0f} a second\n"
    )
    for operations in REPLAYED:
        run = Run(drawn(QUIET_SEED, operations))
        run.go()
        began = time.process_time()
        replayed = replay_all(run.world.trace)
        seconds, steps = time.process_time() - began, sum(one.steps for one in replayed)
        sys.stdout.write(
            f"replay of {operations:,} operations: {steps:,} steps, {steps / seconds:,.0f} a second\n"
        )


if __name__ == "__main__":
    main()
