"""Defects planted in streams whose shards follow splits; each is found by the same test that the endpoint passes.

The number of seeds that those found by chance need is recorded; it may shrink.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import pytest
import test_endpoint_shards as cases
from runs_by_chance import first_failure_of, named
from shards_by_hand import by_chance

from ddbproof.model.kernel import streams as kernel
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.lines import Split
from ddbproof.reference_impl.cluster.reshaping import Reshaping
from ddbproof.reference_impl.cluster.shards import Change, Shard
from ddbproof.reference_impl.cluster.streams import Stream
from ddbproof.reference_impl.replication.entries import SplitBegun

Plant = Callable[[], AbstractContextManager[Any]]


def change_twice_across_a_split() -> AbstractContextManager[Any]:
    """The upper child tells its parent's last change again: it has copied it, after all."""
    right = Stream.split

    def split(self: Stream, split: Split, now_milliseconds: int) -> None:
        last = self._open[split.parent]._changes[-1:]
        right(self, split, now_milliseconds)
        child = self._open[split.upper]
        child._changes += [Change(child.state.first, it.entry, it.old) for it in last]

    return patch.object(Stream, "split", split)


def change_missing_across_a_split() -> AbstractContextManager[Any]:
    """What a partition commits while its children copy is in nobody's shard."""
    right = TableGroups._archive_affair

    def archive_affair(self: TableGroups, group: int, index: int, entry: Any) -> bool:
        if type(entry) is SplitBegun:
            kept = self._feed

            def feed(change: Any, of: int, position: int) -> None:
                with patch.object(Shard, "take", lambda *_: None) if of == group else nullcontext():
                    kept(change, of, position)

            self._feed = feed
        return right(self, group, index, entry)

    return patch.object(TableGroups, "_archive_affair", archive_affair)


def change_of_a_child_before_its_parents() -> AbstractContextManager[Any]:
    """Records lie in the shard that is read first, be they the parent's or a child's: the one that was opened first."""
    right = Stream.split

    def split(self: Stream, split: Split, now_milliseconds: int) -> None:
        right(self, split, now_milliseconds)
        for group in (split.lower, split.upper):
            shard = self._open[group]
            del self._shards[shard.shard_id]
            shard.parent_id = None
            self._shards[shard.shard_id] = shard

    return patch.object(Stream, "split", split)


def closed_shard_goes_on() -> AbstractContextManager[Any]:
    """A shard that was split gives iterators for ever, so that its reader never comes to the children."""
    return patch.object(kernel, "is_read_out", lambda *_: False)


def child_begins_at_its_trim_horizon() -> AbstractContextManager[Any]:
    """A number that was trimmed is taken for the oldest that is left."""
    right = kernel.from_sequence_number

    def from_sequence_number(number: int, after: bool) -> int:
        return 10**9 if not after else right(number, after)

    return patch.object(kernel, "from_sequence_number", from_sequence_number)


def parent_listed_for_ever() -> AbstractContextManager[Any]:
    """A shard of which nothing is left is listed all the same."""
    return patch.object(kernel, "remove", lambda shard, _: shard)


def empty_shard_vanishes() -> AbstractContextManager[Any]:
    """A shard without a record is not listed any more when it is closed."""
    right = Stream.split

    def split(self: Stream, split: Split, now_milliseconds: int) -> None:
        parent = self._open[split.parent]
        right(self, split, now_milliseconds)
        if not parent._changes:
            del self._shards[parent.shard_id]

    return patch.object(Stream, "split", split)


def numbers_of_partitions_overlap() -> AbstractContextManager[Any]:
    """A sequence number tells a position only, which shards side by side share."""
    return patch.object(Shard, "number", lambda self, position: 10**20 + position * 10**6 + 1)


def written_before_the_archive_can_take_it() -> AbstractContextManager[Any]:
    """A child takes writes while the archive waits for the end of its parent."""
    return patch.object(TableGroups, "taking", TableGroups.serving)


def split_forgotten_while_all_are_away() -> AbstractContextManager[Any]:
    """A split is over as soon as nobody who is there knows of it."""
    right = Reshaping._look_at_map

    def look_at_map(self: Reshaping) -> None:
        right(self)
        self.may_be_under_way = self.under_way

    return patch.object(Reshaping, "_look_at_map", look_at_map)


# By chance: in so many seeds, or fewer.
BY_CHANCE: dict[Plant, int] = {
    change_twice_across_a_split: 2,
    change_missing_across_a_split: 2,
    change_of_a_child_before_its_parents: 2,
}
# By a test that was made for it.
BY_A_TEST: dict[Plant, Callable[[], None]] = {
    closed_shard_goes_on: cases.test_a_closed_shard_is_read_to_its_end_and_no_further,
    child_begins_at_its_trim_horizon: (
        cases.test_a_reader_is_told_when_a_child_was_trimmed_while_it_read_the_parent
    ),
    parent_listed_for_ever: cases.test_a_parent_and_its_records_go_after_a_day_and_children_stay,
    empty_shard_vanishes: cases.test_a_shard_that_never_had_a_record_is_closed_as_well,
    numbers_of_partitions_overlap: cases.test_a_stream_has_an_open_shard_for_each_partition,
    written_before_the_archive_can_take_it: cases.test_a_child_waits_for_its_parents_last_change,
    split_forgotten_while_all_are_away: (
        cases.test_a_split_is_seen_to_its_end_though_all_who_knew_of_it_were_away
    ),
}


def first_failure(seeds: int) -> int | None:
    return first_failure_of(by_chance, seeds)


@pytest.mark.parametrize("plant", named(BY_CHANCE))
def test_a_planted_defect_is_found_by_chance(plant: Plant) -> None:
    """In as many seeds as recorded, or fewer."""
    with plant():
        assert first_failure(BY_CHANCE[plant]) is not None


def test_without_a_defect_nothing_is_found() -> None:
    """The same seeds, and more."""
    assert first_failure(20) is None


@pytest.mark.parametrize("plant", named(BY_A_TEST))
def test_a_planted_defect_fails_the_test_that_was_made_for_it(plant: Plant) -> None:
    """The test passes without it."""
    with plant(), pytest.raises(AssertionError):
        BY_A_TEST[plant]()
