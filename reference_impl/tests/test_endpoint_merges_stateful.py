"""Any order of requests, splits, merges and faults: what was acknowledged is there, once, and so it is in every restore.

The machine is that of `test_endpoint_zones_stateful`, with a table that never had a stream: its own history says in which
order each item had its values. Now and then an instant is noted, with what each item may be then; at the end the table is
restored to some of them.
"""

from __future__ import annotations

import random
from typing import Any

from faults_by_rule import settings_of
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from merges_by_hand import RESTORABLE_SECONDS, Merged
from runs_by_chance import Steps, drive, first_failure_of
from test_endpoint_zones_stateful import KEYS, ZonesMachine
from zones_by_chance import steps as steps_of_zones
from zones_by_hand import TABLE

from ddbproof.reference_impl.control.topology import partitions
from ddbproof.reference_impl.errors import ConfigurationError

_RESTORES = 3


class MergesMachine(ZonesMachine):
    """See above."""

    zones: Merged

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[int, dict[str, set[int | None]]]] = []

    def opened(self, **options: Any) -> Merged:
        """A table alone: replicas have streams."""
        return Merged(**options)

    @rule(partition=st.integers(0, 3))
    def merge(self, partition: int) -> None:
        try:
            self.zones.fault("merge", TABLE, partition=partition)
        except ConfigurationError:
            return  # no such partition, no leader, or not now

    @precondition(lambda self: len(self.noted) < 20)
    @rule()
    def note(self) -> None:
        """Whatever the items are now, they are for a while."""
        self.zones.clock.advance(1)
        second = self.zones.clock.now_milliseconds() // 1000
        self.noted.append((second, {key: {self.last[key], *self.pending[key]} for key in KEYS}))
        self.zones.clock.advance(2)

    def others_agree(self, now: dict[str, Any]) -> None:
        """Restores have what there was."""
        zones = self.zones
        zones.clock.advance(RESTORABLE_SECONDS)
        zones.wait(1)
        latest = zones.clock.now_milliseconds() // 1000
        recent = [note for note in self.noted if note[0] > latest - 30 * 86_400]
        for second, possible in recent[:: -(-len(recent) // _RESTORES) or 1]:
            found = zones.restored(second)
            assert found == zones.at(1000 * second)
            assert all(found.get(key) in possible[key] for key in KEYS), f"{found} at {second}: {possible}"
        zones.check_lines()
        assert not any(one["becomes"] for one in partitions(zones.groups()))


def steps(chance: random.Random) -> Steps:
    """What may happen, by the machine's rules; merges and splits often."""
    return [
        *steps_of_zones(chance),
        *[("merge", lambda: (chance.randint(0, 2),))] * 3,
        ("command", lambda: ("split", chance.randint(0, 2))),
        ("note", tuple),
    ]


def run(seed: int) -> None:
    """One run that a seed determines. Raises AssertionError if something is wrong."""
    drive(MergesMachine(), steps, seed)


def first_failure(seeds: int) -> int | None:
    """The first of so many seeds whose run fails; None if none does."""
    return first_failure_of(run, seeds)


MergesMachine.TestCase.settings = settings_of(60)
TestMerges = MergesMachine.TestCase
