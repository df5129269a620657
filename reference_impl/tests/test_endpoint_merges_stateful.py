"""Any order of requests, splits, merges and faults: what was acknowledged is there, once, and so it is in every restore and index.

The machine is that of `test_endpoint_zones_stateful`, with a table that never had a stream: its own history says in which
order each item had its values. Now and then an instant is noted, with what each item may be then; at the end the table is
restored to some of them. Partitions that nobody writes merge by themselves when enough time passes. In some runs a stream is turned on,
and has every change from then on.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any

from faults_by_rule import settings_of
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from indexes_by_chance import steps as steps_with_indexes
from indexes_by_hand import COLOURS, OWNERS
from merges_by_hand import RESTORABLE_SECONDS, STREAM, Merged
from runs_by_chance import Steps, drive, first_failure_of
from test_endpoint_indexes_stateful import IndexMachine
from test_endpoint_zones_stateful import KEYS, ZonesMachine
from zones_by_chance import steps as steps_of_zones
from zones_by_hand import TABLE

from ddbproof.reference_impl.control.topology import partitions
from ddbproof.reference_impl.errors import ConfigurationError

_RESTORES = 3


class IndexMergesMachine(IndexMachine):
    """Partitions of global indexes merge; those of their table do not, which is a replica and has a stream."""

    @rule(partition=st.integers(0, 2), name=st.sampled_from([OWNERS, COLOURS]))
    def merge(self, partition: int, name: str) -> None:
        with contextlib.suppress(ConfigurationError):  # no such partition, no leader, or not now
            self.zones.fault("merge", TABLE, partition=partition, index=name)


class MergesMachine(ZonesMachine):
    """See above."""

    zones: Merged

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[int, dict[str, set[int | None]]]] = []
        self.streamed_from: int | None = None

    def opened(self, **options: Any) -> Merged:
        """A table alone: replicas have streams."""
        return Merged(**options, heat_splits=True)

    @rule(partition=st.integers(0, 3))
    def merge(self, partition: int) -> None:
        with contextlib.suppress(ConfigurationError):
            self.zones.fault("merge", TABLE, partition=partition)

    @rule(chance=st.integers(0, 9))
    def turn_on_stream(self, chance: int) -> None:
        """Once, in some runs."""
        if chance or self.streamed_from is not None:
            return
        answer = self.zones.tried("UpdateTable", TableName=TABLE, StreamSpecification=STREAM)
        if answer is None:
            described = self.zones.call("DescribeTable", TableName=TABLE)["Table"]
            assert "LatestStreamArn" not in described
        else:
            self.streamed_from = len(self.zones.changes())

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
        assert not any(one["becomes"] for one in partitions(zones.groups()))
        zones.clock.advance(RESTORABLE_SECONDS)
        zones.wait(1)
        latest = zones.clock.now_milliseconds() // 1000
        recent = [note for note in self.noted if note[0] > latest - 30 * 86_400]
        for second, possible in recent[:: -(-len(recent) // _RESTORES) or 1]:
            found = zones.restored(second)
            assert found == zones.at(1000 * second)
            assert all(found.get(key) in possible[key] for key in KEYS), f"{found} at {second}: {possible}"
        zones.check_lines()
        if self.streamed_from is not None:
            self.stream_has_all(zones.changes()[self.streamed_from :])

    def stream_has_all(self, told: list[tuple[str, str, int | None, int | None]]) -> None:
        """Each change once, whatever a day has not yet trimmed."""
        shown = [it[1:] for it in super(Merged, self.zones).changes()]
        assert len(set(shown)) == len(shown)
        latest = [it[1:] for it in told][-len(shown) :] if shown else []
        assert sorted(shown, key=str) == sorted(latest, key=str)
        assert len(shown) == len(told) or self.zones.clock.offset_milliseconds > 86_400_000


def steps(chance: random.Random) -> Steps:
    """What may happen, by the machine's rules; merges and splits often."""
    return [
        *steps_of_zones(chance),
        *[("merge", lambda: (chance.randint(0, 2),))] * 3,
        ("command", lambda: ("split", chance.randint(0, 2))),
        ("note", tuple),
        ("turn_on_stream", lambda: (chance.randint(0, 9),)),
    ]


def run(seed: int) -> None:
    """One run that a seed determines. Raises AssertionError if something is wrong."""
    drive(MergesMachine(), steps, seed)


def first_failure(seeds: int) -> int | None:
    """The first of so many seeds whose run fails; None if none does."""
    return first_failure_of(run, seeds)


def steps_of_indexes(chance: random.Random) -> Steps:
    """Likewise, of a table with indexes."""
    merge = ("merge", lambda: (chance.randint(0, 2), chance.choice([OWNERS, COLOURS])))
    return [*steps_with_indexes(chance), *[merge] * 4]


def run_of_indexes(seed: int) -> None:
    """See `run`."""
    drive(IndexMergesMachine(), steps_of_indexes, seed)


def test_indexes_that_merge_are_what_their_table_makes_of_them() -> None:
    """PART-15: thirty runs that seeds determine."""
    assert first_failure_of(run_of_indexes, 30) is None


MergesMachine.TestCase.settings = settings_of(60)
TestMerges = MergesMachine.TestCase
IndexMergesMachine.TestCase.settings = settings_of(20)
TestIndexMerges = IndexMergesMachine.TestCase
