"""Defects planted in merges; each is found by the same test that the endpoint passes.

Some of them were there once. The number of seeds that those found by chance need is recorded; it may shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import test_endpoint_merges as cases
import test_endpoint_merges_archive as archived
import test_endpoint_merges_cold as policy
import test_endpoint_zones as zoned
from runs_by_chance import named
from test_endpoint_merges_stateful import first_failure

from ddbproof.reference_impl.cluster import cold
from ddbproof.reference_impl.cluster.cold import Cold
from ddbproof.reference_impl.cluster.coordinator import Coordinator
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.lines import Lines
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.cluster.reshaping import Reshaping
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication import leading
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.entries import Copied, Opened
from ddbproof.reference_impl.replication.partition_map import decoded, encoded
from ddbproof.reference_impl.replication.state import GroupState

Plant = Callable[[], AbstractContextManager[Any]]


def items_of_the_upper_one_dropped() -> AbstractContextManager[Any]:
    """The upper one gives nothing of its own away."""
    right = Affairs.goes_to

    def goes_to(self: Affairs, heir: int, key: bytes) -> bool:
        return not (self.merge is not None and self.merge.upper) and right(self, heir, key)

    return patch.object(Affairs, "goes_to", goes_to)


def last_piece_dropped() -> AbstractContextManager[Any]:
    """What comes behind the snapshot of the upper one is counted and forgotten."""
    right = GroupState._copy

    def copy(self: GroupState, entry: Copied) -> None:
        right(self, msgspec.structs.replace(entry, writes=()) if entry.upper and not entry.anew else entry)

    return patch.object(GroupState, "_copy", copy)


def written_before_the_archive_can_take_it() -> AbstractContextManager[Any]:
    """The merged partition takes writes while the archive waits for the end of one of the two."""
    return patch.object(TableGroups, "taking", TableGroups.serving)


def archive_waits_for_the_lower_one_only() -> AbstractContextManager[Any]:
    """What was merged is archived behind the end of the lower one, whatever the upper one has yet to hand over."""
    right, close = TableGroups._archive_affair, Lines.close

    def archive_affair(self: TableGroups, group: int, index: int, entry: Any) -> bool:
        if type(entry) is Opened and entry.upper is not None:
            parents = self._parents_of(group)[:1]
            with patch.object(TableGroups, "_parents_of", lambda *_: parents):
                return right(self, group, index, Opened(entry.parent))
        return right(self, group, index, entry)

    def close_one(self: Lines, group: int, index: int) -> None:
        merged = self.merging.get(group)
        if merged is not None:
            self.bases.setdefault(merged, self.bases[group] + index)
        close(self, group, index)

    stack = ExitStack()
    stack.enter_context(patch.object(TableGroups, "_archive_affair", archive_affair))
    stack.enter_context(patch.object(Lines, "close", close_one))
    return stack


def begins_where_the_shorter_one_ended() -> AbstractContextManager[Any]:
    """Positions of the merged partition go on behind the lower of two ends."""
    return patch("ddbproof.reference_impl.cluster.lines.max", min, create=True)


def closed_one_is_archived_anew() -> AbstractContextManager[Any]:
    """What the merged partition has copied is told again, as if it had been written there."""
    right = TableGroups.archive

    def archive(self: TableGroups, group: int, index: int, entries: Sequence[Any]) -> int:
        done = self._archived.get(group, 0)
        for entry in entries[done - index :]:
            if type(entry) is Copied and entry.upper:
                for change in entry.writes:
                    self._feed(change, group, done)
        return right(self, group, index, entries)

    return patch.object(TableGroups, "archive", archive)


def map_loses_the_next_one() -> AbstractContextManager[Any]:
    """Where the merged partition comes into the map, the one behind it goes out."""
    right = leading._MAP_CHANGES["merge"]

    def after_merge(item: bytes, told: bytes) -> bytes:
        before, after = decoded(item), list(decoded(right(item, told)))
        if len(after) < len(before):
            place = next(place for place, one in enumerate(after) if one not in before)
            del after[place + 1 : place + 2]
        return encoded(after)

    return patch.dict(leading._MAP_CHANGES, {"merge": after_merge})


def map_taken_before_it_serves() -> AbstractContextManager[Any]:
    """The router goes to the merged partition as soon as the lower one is closed."""
    return patch.object(Reshaping, "_as_served", lambda _, table: table)


def let_go_of_early() -> AbstractContextManager[Any]:
    """The two are dropped as soon as the map knows what they became."""

    def let_go(self: Reshaping, group: int) -> None:
        del self._over[group]
        self._groups.drop(group)

    return patch.object(Reshaping, "_let_go", let_go)


def orphans_of_the_dead_kept() -> AbstractContextManager[Any]:
    """What was founded in vain is dropped only while its founder is there."""
    right = Reshaping._is_orphan

    def is_orphan(self: Reshaping, group: int, founder: int) -> bool:
        return self._groups.find_leader(founder) is not None and right(self, group, founder)

    return patch.object(Reshaping, "_is_orphan", is_orphan)


def late_ones_taken_for_orphans() -> AbstractContextManager[Any]:
    """A replica that has not heard that its partition serves is dropped once the founder is gone, and all with it."""

    def is_orphan(self: Reshaping, group: int, founder: int) -> bool:
        found = self._groups.find_leader(founder)
        if found is None:
            return founder not in self._routed | self._over.keys() and not self._groups.nodes_of(founder)
        return found.at_rest and not found.split.may_become(group)

    return patch.object(Reshaping, "_is_orphan", is_orphan)


def two_of_a_merge_awaited() -> AbstractContextManager[Any]:
    """The two are let go of when two groups have come of each, which never happens."""
    return patch.object(
        Affairs, "parts", property(lambda self: {} if self.child is None else {self.child_of: self.child})
    )


def streams_forgotten() -> AbstractContextManager[Any]:
    """Partitions merge, whatever streams there are or were."""
    return patch.object(Region, "_may_merge", lambda *_: True)


def only_present_streams_count() -> AbstractContextManager[Any]:
    """Partitions of a table whose stream was turned off merge, though its shards can be read for a day."""

    def may_merge(self: Region, table_id: str) -> bool:
        record = self.table_by_id(table_id)
        return record is not None and record.stream_view_type is None

    return patch.object(Region, "_may_merge", may_merge)


def stream_does_not_wait() -> AbstractContextManager[Any]:
    """A stream is turned on whatever is under way."""
    return patch.object(Reshaping, "finish_merges", lambda _: None)


def refused_too_late() -> AbstractContextManager[Any]:
    """That a stream has to wait is seen when other changes are made already."""
    return patch("ddbproof.reference_impl.api.streams.prepare_change", lambda *_: None)


def map_of_when_the_read_began() -> AbstractContextManager[Any]:
    """A range is cut where partitions ended when it was asked for."""

    def ranges(
        self: PartitionedTable, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Any:
        lows = [low for low in self.groups.lows if low > start and (end is None or low < end)]
        parts = list(zip([start, *lows], [*lows, end], strict=True))
        for low, high in reversed(parts) if reverse else parts:
            found = self.groups.serving(low)
            self.groups.settle(found, found.leader.length)
            yield from found.state.committed_range(low, high, reverse=reverse)

    return patch.object(PartitionedTable, "range", ranges)


def told_in_turn() -> AbstractContextManager[Any]:
    """Items are told of a decision one after the other, and none behind one that is away."""
    right, finish = Coordinator._tell, Coordinator.finish
    away: list[UnavailableError] = []

    def tell(self: Coordinator, *arguments: Any) -> None:
        if away:
            raise away[0]
        try:
            right(self, *arguments)
        except UnavailableError as error:
            away.append(error)
            raise

    def finishing(self: Coordinator, key: bytes, number: int) -> None:
        away.clear()
        finish(self, key, number)

    stack = ExitStack()
    stack.enter_context(patch.object(Coordinator, "_tell", tell))
    stack.enter_context(patch.object(Coordinator, "finish", finishing))
    return stack


# -- the policy ---------------------------------------------------------------------------------------


def merged_while_hot() -> AbstractContextManager[Any]:
    """Whatever two use together, they are cold."""
    return patch.object(cold, "_is_cold", lambda *_: True)


def each_by_itself() -> AbstractContextManager[Any]:
    """Two are cold if each of them is, though together they are not."""
    right = cold._is_cold

    def is_cold(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> bool:
        nothing = [(0, 0)] * len(one)
        return right(one, nothing) and right(other, nothing)

    return patch.object(cold, "_is_cold", is_cold)


def last_window_decides() -> AbstractContextManager[Any]:
    """A single cold window is enough."""
    right = cold._is_cold
    return patch.object(cold, "_is_cold", lambda one, other: right(one[-1:], other[-1:]))


def merged_right_after_a_split() -> AbstractContextManager[Any]:
    """What was not there yet has used nothing."""

    def served(self: Cold, group: int, number: int) -> list[tuple[int, int]]:
        return self._heat.served(group, number - cold.COLD_WINDOWS, number - 1)

    return patch.object(Cold, "_served", served)


def reads_do_not_count() -> AbstractContextManager[Any]:
    """Only writes keep two apart."""
    return patch.object(cold, "_COLD_HALF_READS", 10**9)


def down_to_one() -> AbstractContextManager[Any]:
    """However many partitions a table began with."""
    right = Reshaping.__init__

    def init(self: Reshaping, groups: TableGroups, founded: int, **more: Any) -> None:
        right(self, groups, 1, **more)

    return patch.object(Reshaping, "__init__", init)


def size_does_not_count() -> AbstractContextManager[Any]:
    """Cold ones merge, though they are split again at once."""
    right = Reshaping._merge_if_cold

    def merge_if_cold(self: Reshaping, among: Cold) -> None:
        with patch.object(self, "_most_bytes", 10**15):
            right(self, among)

    return patch.object(Reshaping, "_merge_if_cold", merge_if_cold)


# By chance: in so many seeds, or fewer.
BY_CHANCE: dict[Plant, int] = {
    items_of_the_upper_one_dropped: 1,
    last_piece_dropped: 38,
    begins_where_the_shorter_one_ended: 27,
    closed_one_is_archived_anew: 1,
    map_loses_the_next_one: 6,
    let_go_of_early: 1,
    orphans_of_the_dead_kept: 49,
    late_ones_taken_for_orphans: 6,
    two_of_a_merge_awaited: 1,
}
# By a test that was made for it.
BY_A_TEST: dict[Plant, Callable[[], None]] = {
    items_of_the_upper_one_dropped: (
        cases.test_neighbours_merge_while_they_are_written_down_to_one_partition
    ),
    written_before_the_archive_can_take_it: (
        lambda: archived.test_what_was_merged_waits_for_the_last_change_of_both(0)
    ),
    archive_waits_for_the_lower_one_only: (
        lambda: archived.test_what_was_merged_waits_for_the_last_change_of_both(1)
    ),
    begins_where_the_shorter_one_ended: archived.test_positions_go_on_behind_the_end_of_the_longer_one,
    map_loses_the_next_one: cases.test_neighbours_merge_while_they_are_written_down_to_one_partition,
    streams_forgotten: archived.test_a_table_that_has_or_had_a_stream_keeps_its_partitions,
    only_present_streams_count: archived.test_a_table_that_has_or_had_a_stream_keeps_its_partitions,
    stream_does_not_wait: lambda: archived.test_a_stream_that_is_turned_on_in_the_middle_waits_for_the_end(1),
    refused_too_late: archived.test_a_stream_is_refused_while_a_merge_cannot_end_and_nothing_is_changed,
    map_of_when_the_read_began: lambda: zoned.test_a_range_is_whole_while_its_partition_splits(False),
    map_taken_before_it_serves: (
        cases.test_what_the_upper_one_holds_when_the_lower_one_has_closed_is_settled
    ),
    told_in_turn: cases.test_items_are_told_of_a_decision_though_one_of_them_cannot_be,
    merged_while_hot: (
        lambda: policy.test_what_two_use_together_is_less_than_a_tenth_of_what_one_may_serve(1.0, False)
    ),
    each_by_itself: (
        lambda: policy.test_what_two_use_together_is_less_than_a_tenth_of_what_one_may_serve(1.0, False)
    ),
    last_window_decides: policy.test_reads_keep_neighbours_apart_as_well,
    merged_right_after_a_split: (
        policy.test_neighbours_that_stay_cold_are_merged_after_three_minutes_and_not_before
    ),
    reads_do_not_count: policy.test_reads_keep_neighbours_apart_as_well,
    down_to_one: policy.test_a_table_never_falls_below_what_it_was_founded_with,
    size_does_not_count: (policy.test_what_was_split_for_size_is_merged_when_less_than_half_of_that_is_left),
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
    """By an assertion, and nothing else."""
    with plant(), pytest.raises(AssertionError):
        BY_A_TEST[plant]()
