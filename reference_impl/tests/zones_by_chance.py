"""The stateful test of zones, driven by a seed: for planted defects, which have to be found in a known number of runs."""

from __future__ import annotations

import random

from runs_by_chance import NODES, Steps, broken_links, broken_machines, drive, first_failure_of
from test_endpoint_zones_stateful import KEYS, ZonesMachine


def steps(chance: random.Random) -> Steps:
    """What may happen, by the machine's rules, and with which arguments."""

    def key() -> str:
        return chance.choice(KEYS)

    return [
        ("put", lambda: (key(),)),
        ("put_if", lambda: (key(),)),
        ("delete", lambda: (key(),)),
        ("transact", lambda: (key(), key())),
        ("read_together", lambda: (key(), key())),
        ("read", lambda: (key(),)),
        ("read_eventually", lambda: (key(),)),
        ("wait", lambda: (chance.choice([0.1, 0.5, 2.0, 9.0, 86_400.0]),)),
        *broken_machines(chance),
        ("jump_clock", lambda: (chance.choice(NODES), chance.randint(-10_000, 10_000))),
        *broken_links(chance),
        ("command", lambda: (chance.choice(["split", "step_down"]), chance.randint(0, 3))),
        ("mend", tuple),
    ]


def run(seed: int) -> None:
    """One run. Raises AssertionError if something is wrong."""
    drive(ZonesMachine(), steps, seed)


def first_failure(seeds: int) -> int | None:
    """The first of so many seeds whose run fails; None if none does."""
    return first_failure_of(run, seeds)
