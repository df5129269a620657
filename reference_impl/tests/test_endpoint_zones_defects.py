"""Defects planted in what stands between the API and the replicas; each is found by the same test that the endpoint passes.

Some of them were there once. The number of seeds that each needs is recorded; it may shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
import test_endpoint_zones as cases
import test_endpoint_zones_transactions as transacted
from runs_by_chance import named
from zones_by_chance import first_failure
from zones_by_hand import REGION

from ddbproof.model.kernel.versions import supersedes
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.reshaping import Reshaping
from ddbproof.reference_impl.cluster.seats import MemoryDisk
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.cluster.table_world import TableWorld
from ddbproof.reference_impl.replication import transacting
from ddbproof.reference_impl.replication.entries import Change, Entry, Prepared
from ddbproof.reference_impl.replication.leading import Leading

Plant = Callable[[], AbstractContextManager[Any]]


def held_when_appended() -> AbstractContextManager[Any]:
    """An item counts as held for a transaction when its leader has noted it."""

    def prepare(self: PartitionedTable, prepared: Prepared, seen: int) -> int:
        return transacting.prepare(self._free(prepared.key), prepared, seen)

    return patch.object(PartitionedTable, "prepare", prepare)


def told_when_appended() -> AbstractContextManager[Any]:
    """An item counts as told of a decision when its leader has noted it."""

    def settle(self: PartitionedTable, key: bytes, transaction: int, *, committed: bool) -> None:
        transacting.settle(self.groups.serving(key), key, transaction, 0, committed=committed)

    return patch.object(PartitionedTable, "settle", settle)


def answered_when_appended() -> AbstractContextManager[Any]:
    """A write is acknowledged when its leader has it."""

    def write(self: TableGroups, leading: Leading, change: Change) -> None:
        leading.write(0, change)
        self.pump()
        self._hand_over(leading)

    return patch.object(TableGroups, "write", write)


def read_of_uncommitted() -> AbstractContextManager[Any]:
    """A strong read shows what is appended, be it committed or not."""

    def read(self: PartitionedTable, key: bytes, *, consistent: bool) -> Any:
        state = self.groups.serving(key).state if consistent else self._state(key)
        return state.fold.items.get(key)

    return patch.object(PartitionedTable, "read", read)


def stream_loses_what_a_dead_leader_committed() -> AbstractContextManager[Any]:
    """Who leads next archives only what it appends itself."""
    right = TableGroups.archive

    def archive(self: TableGroups, group: int, index: int, entries: Sequence[Entry]) -> int:
        leading = self.find_leader(group)
        if leading is None:
            return self._archived.get(group, 0)
        base, done = leading.leader.base, self._archived.get(group, 0)
        kept = self._feed
        try:
            for place in range(done, index + len(entries)):
                self._feed = kept if place >= base or leading.leader.epoch == 1 else lambda *_: None
                right(self, group, index, entries[: place + 1 - index])
        finally:
            self._feed = kept
        return self._archived.get(group, 0)

    return patch.object(TableGroups, "archive", archive)


def change_forgotten_that_lost_against_the_uncommitted() -> AbstractContextManager[Any]:
    """A change of another Region that is superseded by something not committed counts as done."""

    def receive(self: PartitionedTable, key: bytes, item: Any, size_bytes: int, version: Any) -> bool:
        leading = self.groups.serving(key)
        stored = leading.state.fold.version_of(key)
        if stored is not None and not supersedes(version, stored):
            return False
        self.groups.write(leading, Change(key, item, size_bytes, version, self.groups.now_milliseconds))
        return True

    return patch.object(PartitionedTable, "receive", receive)


def dead_leader_asked() -> AbstractContextManager[Any]:
    """The router's note of who leads outlives the node's crash."""
    return patch.object(TableGroups, "crash", TableWorld.crash)


def parent_dropped_early() -> AbstractContextManager[Any]:
    """A partition is dropped as soon as the map knows its children."""

    def let_go(self: Reshaping, group: int) -> None:
        del self._over[group]
        self._groups.drop(group)

    return patch.object(Reshaping, "_let_go", let_go)


def orphans_kept() -> AbstractContextManager[Any]:
    """Children that were founded for a split which never began stay for ever."""
    return patch.object(Reshaping, "_drop_orphans", lambda _: None)


def slow_disk_confirms_at_once() -> AbstractContextManager[Any]:
    """A disk says that all is on it, and writes it afterwards."""
    right = MemoryDisk.synchronize

    def synchronize(self: MemoryDisk, done: Callable[[], None]) -> None:
        right(self, lambda: None)
        done()

    return patch.object(MemoryDisk, "synchronize", synchronize)


def acknowledged_by_one() -> AbstractContextManager[Any]:
    """An entry counts as committed when a single replica has it."""
    return patch("ddbproof.model.kernel.replication.on_two_of_three", max)


# By chance: in so many seeds, or fewer.
BY_CHANCE: dict[Plant, int] = {
    told_when_appended: 9,
    answered_when_appended: 17,
    stream_loses_what_a_dead_leader_committed: 15,
    dead_leader_asked: 6,
    orphans_kept: 50,
    slow_disk_confirms_at_once: 1,
    acknowledged_by_one: 9,
}
# What chance seldom meets, by a test that was made for it.
BY_A_TEST: dict[Plant, Callable[[], None]] = {
    read_of_uncommitted: cases.test_an_unanswered_write_may_be_done_later_and_is_done_once,
    held_when_appended: (
        lambda: transacted.test_a_zone_that_is_cut_off_under_a_transaction_loses_no_half(6, f"{REGION}b")
    ),
    parent_dropped_early: cases.test_a_split_outlives_the_zone_that_led_it,
    change_forgotten_that_lost_against_the_uncommitted: (
        lambda: cases.test_changes_of_other_regions_wait_for_zones_and_arrive(cases.filled())
    ),
}


@pytest.mark.parametrize("plant", named(BY_CHANCE))
def test_a_planted_defect_is_found_by_chance(plant: Plant) -> None:
    """In as many seeds as recorded, or fewer."""
    with plant():
        assert first_failure(BY_CHANCE[plant]) is not None


def test_without_a_defect_nothing_is_found() -> None:
    """The same seeds."""
    assert first_failure(max(BY_CHANCE.values())) is None


@pytest.mark.parametrize("plant", named(BY_A_TEST))
def test_a_planted_defect_fails_the_test_that_was_made_for_it(plant: Plant) -> None:
    """The test passes without it."""
    with plant(), pytest.raises(AssertionError):
        BY_A_TEST[plant]()
