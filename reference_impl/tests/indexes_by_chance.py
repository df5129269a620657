"""The stateful test of indexes, driven by a seed: for planted defects, which have to be found in a known number of runs."""

from __future__ import annotations

import random

from indexes_by_hand import COLOURS, OWNERS
from runs_by_chance import Steps, broken_links, broken_machines, drive, first_failure_of
from test_endpoint_indexes_stateful import KEYS, OWNER_NAMES, IndexMachine


def steps(chance: random.Random) -> Steps:
    """What may happen, by the machine's rules, and with which arguments."""

    def key() -> tuple[str, str]:
        return chance.choice(KEYS)

    def owner() -> str | None:
        return chance.choice(OWNER_NAMES)

    writes: Steps = [
        ("put", lambda: (key(), owner())),
        ("put_elsewhere", lambda: (key(), owner())),
        ("update", lambda: (key(), owner())),
        ("delete", lambda: (key(),)),
        ("transact", lambda: (key(), key(), owner())),
    ]
    return [
        *writes,
        *writes,
        ("query", lambda: (chance.choice([OWNERS, COLOURS]), chance.choice(["ann", "bob"]))),
        ("query_locally", lambda: (chance.choice("ab"),)),
        ("change_indexes", lambda: (chance.random() < 0.5,)),
        ("wait", lambda: (chance.choice([0.1, 0.5, 2.0, 9.0]),)),
        *broken_machines(chance),
        *broken_links(chance),
        (
            "command",
            lambda: (
                chance.choice(["split", "step_down"]),
                chance.randint(0, 3),
                chance.choice([None, OWNERS, COLOURS]),
            ),
        ),
        ("mend", tuple),
    ]


def run(seed: int) -> None:
    """One run. Raises AssertionError if something is wrong."""
    drive(IndexMachine(), steps, seed)


def first_failure(seeds: int) -> int | None:
    """The first of so many seeds whose run fails; None if none does."""
    return first_failure_of(run, seeds)
