"""The options of a simulated run. All are drawn from the seed, and any can be given instead."""

from __future__ import annotations

import random

import msgspec

from ddbproof.reference_impl.replication.environment import DEFAULT_TIMING, Timing


class Options(msgspec.Struct, frozen=True):
    """What a run is like. Shares are of messages, times in microseconds of virtual time."""

    seed: int
    operations: int = 1_000
    clients: int = 8
    keys: int = 20
    nodes_a_zone: int = 2
    partitions: int = 1
    most_groups: int = 6
    loss: float = 0.01
    duplication: float = 0.01
    stragglers: float = 0.01
    fastest_microseconds: int = 200
    slowest_microseconds: int = 1_500
    straggling_microseconds: int = 3_000_000
    disk_microseconds: int = 400
    think_microseconds: int = 100_000
    client_patience_microseconds: int = 2_000_000
    conditional: float = 0.2
    writes: float = 0.3
    eventual: float = 0.1
    retries: bool = True
    faults: float = 1.0
    """How many faults there are, beside the usual."""
    merges: float = 1.0
    """How many merges there are, likewise; with nought partitions are split and never merged."""
    timing: Timing = DEFAULT_TIMING


def drawn(seed: int, operations: int = 1_000) -> Options:
    """Options from a seed: quiet networks and bad ones, few clients and many, hot items and cool ones."""
    chance = random.Random(f"options {seed}")  # noqa: S311 - a seeded simulation
    return Options(
        seed=seed,
        operations=operations,
        clients=chance.choice((4, 8, 12)),
        keys=chance.choice((3, 10, 40)),
        partitions=chance.choice((1, 1, 2)),
        loss=chance.choice((0.0, 0.005, 0.02, 0.05)),
        duplication=chance.choice((0.0, 0.01, 0.05)),
        stragglers=chance.choice((0.0, 0.01, 0.03)),
        slowest_microseconds=chance.choice((600, 1_500, 20_000)),
        disk_microseconds=chance.choice((100, 400, 3_000)),
        think_microseconds=chance.choice((50_000, 150_000)),
        faults=chance.choice((0.5, 1.0, 2.0)),
        retries=chance.random() < 0.7,
        merges=chance.choice((0.0, 1.0, 1.0)),
    )
