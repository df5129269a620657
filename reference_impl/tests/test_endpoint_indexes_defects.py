"""Defects planted in the secondary indexes; each is found by the same tests that the endpoint passes.

The number of seeds that each needs is recorded; it may shrink.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
import test_endpoint_indexes as cases
import test_endpoint_indexes_changes as changes
import test_endpoint_indexes_zones as zones_cases
from indexes_by_chance import first_failure
from indexes_by_hand import filled
from runs_by_chance import named

from ddbproof.reference_impl.api import read_sources
from ddbproof.reference_impl.cluster import cuts
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.cluster.global_index import GlobalIndex, Step
from ddbproof.reference_impl.cluster.index_entries import IndexEntry, Projection
from ddbproof.reference_impl.cluster.indexes import TableIndexes
from ddbproof.reference_impl.cluster.local_index import LocalIndex
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

Plant = Callable[[], AbstractContextManager[Any]]
_note, _do, _go_on, _entry_of = GlobalIndex.note, GlobalIndex._do, GlobalIndex.go_on, Projection.entry_of


def moved_entry_left_behind() -> AbstractContextManager[Any]:
    """An item gets its new entry and keeps the old one."""

    def do(self: GlobalIndex, step: Step) -> None:
        _do(self, step._replace(gone=None) if step.entry is not None else step)

    return patch.object(GlobalIndex, "_do", do)


def deletion_not_told() -> AbstractContextManager[Any]:
    """An item that is deleted leaves its entry."""

    def note(self: GlobalIndex, change: Entry, old: Image | None) -> None:
        if change.item is not None:
            _note(self, change, old)

    return patch.object(GlobalIndex, "note", note)


def change_given_up() -> AbstractContextManager[Any]:
    """A change that cannot be done is forgotten."""

    def do(self: GlobalIndex, step: Step) -> None:
        try:
            _do(self, step)
        except UnavailableError:
            return

    return patch.object(GlobalIndex, "_do", do)


def never_tried_again() -> AbstractContextManager[Any]:
    """What is stuck stays stuck."""
    return patch.object(GlobalIndex, "go_on", lambda _: None)


def write_waits_for_the_index() -> AbstractContextManager[Any]:
    """A write is answered with the index's failure."""

    def do(self: GlobalIndex, step: Step) -> None:
        try:
            _do(self, step)
        except UnavailableError as error:
            raise AssertionError("not acknowledged") from error

    return patch.object(GlobalIndex, "_do", do)


def told_before_it_is_committed() -> AbstractContextManager[Any]:
    """The index is told what the leader has, be it on a second disk or not."""
    right = PartitionedTable.write

    def write(
        self: PartitionedTable, key: bytes, item: bytes | None, size_bytes: int, **more: Any
    ) -> Image | None:
        leading = self.groups.serving(key)
        change = leading.change(key, item, size_bytes, self._region_number)
        for indexes in (it for it in gc.get_objects() if isinstance(it, TableIndexes)):
            if any(index._store is self for index in indexes.by_name.values()):  # the local one's
                indexes.note(change, leading.state.fold.items.get(key))
        return right(self, key, item, size_bytes, **more)

    return patch.object(PartitionedTable, "write", write)


def backfill_with_a_gap() -> AbstractContextManager[Any]:
    """One of the items that are there is left out."""
    right = PartitionedTable.versions

    def versions(self: PartitionedTable) -> Any:
        return [one for one in right(self) if one[1] is None or b'"sk":{"S":"3"}' not in one[1]]

    return patch.object(PartitionedTable, "versions", versions)


def projects_too_much() -> AbstractContextManager[Any]:
    """Every projection is ALL."""

    def init(self: Projection, index: Any, table_schema: Any) -> None:
        self._index = index
        self.attributes = None
        self.key_attributes = ()

    return patch.object(Projection, "__init__", init)


def not_sparse() -> AbstractContextManager[Any]:
    """An item without the sort key of the index has an entry, with the least there is."""

    def entry_of(self: Projection, key: bytes, item: bytes) -> IndexEntry | None:
        decoded = msgspec.json.decode(item)
        schema = self._index.key_schema
        if schema.sort_type == "N" and schema.sort_key not in decoded and schema.partition_key in decoded:
            entry = _entry_of(self, key, msgspec.json.encode(decoded | {schema.sort_key: {"N": "0"}}))
            return None if entry is None else msgspec.structs.replace(entry, item=item)
        return _entry_of(self, key, item)

    return patch.object(Projection, "entry_of", entry_of)


def keys_taken_for_unique() -> AbstractContextManager[Any]:
    """Two items of one index key share an entry."""

    def entry_of(self: Projection, key: bytes, item: bytes) -> IndexEntry | None:
        entry = _entry_of(self, key, item)
        return None if entry is None else msgspec.structs.replace(entry, key=entry.key[: -len(key)])

    return patch.object(Projection, "entry_of", entry_of)


def collections_cut() -> AbstractContextManager[Any]:
    """A partition is split at the middle of its items, also where a collection has to stay whole."""
    right = cuts.middle

    def middle(items: Any, *, keeps_collections_whole: bool) -> bytes | None:
        del keeps_collections_whole
        return right(items, keeps_collections_whole=False)

    return patch.object(cuts, "middle", middle)


def active_before_it_is_filled() -> AbstractContextManager[Any]:
    """An index that is added is ACTIVE when its time has come, whatever is in it."""
    return patch.object(GlobalIndex, "is_filled", property(lambda _: True))


def other_regions_not_told() -> AbstractContextManager[Any]:
    """An index is added and removed in one Region of a global table only."""
    return patch.object(Cluster, "_all_members", lambda _self, region, record: [(region, record)])


def strong_read_of_a_lagging_index() -> AbstractContextManager[Any]:
    """ConsistentRead is accepted and not heeded."""
    right = read_sources.source_of

    def source_of(call: Any, record: TableRecord, parameters: dict[str, Any]) -> Any:
        if parameters.get("ConsistentRead") and parameters.get("IndexName") != "local":
            parameters.pop("ConsistentRead")
        return right(call, record, parameters)

    return patch("ddbproof.reference_impl.api.reads.source_of", source_of)


def local_index_read_from_any_replica() -> AbstractContextManager[Any]:
    """A strongly consistent read of a local index is answered like an eventually consistent one."""
    right = LocalIndex.range

    def range_(self: LocalIndex, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool) -> Any:
        del consistent
        return right(self, start, end, reverse=reverse, consistent=False)

    return patch.object(LocalIndex, "range", range_)


def older_change_overtakes() -> AbstractContextManager[Any]:
    """Of the changes of an item that wait the newest is done first, whatever it has to find there."""

    def do(self: GlobalIndex, step: Step) -> None:
        self.groups.attend(self._now())
        for key, item, size_bytes in step.operations():
            self._store.write(key, item, size_bytes)
        for steps in self._waiting.values():
            steps.reverse()

    return patch.object(GlobalIndex, "_do", do)


def older_version_taken() -> AbstractContextManager[Any]:
    """What comes last stays, whatever its version."""

    def receive(
        self: PartitionedTable, key: bytes, item: bytes | None, size_bytes: int, version: Any
    ) -> bool:
        leading = self.groups.serving(key)
        self.groups.write(leading, Entry(key, item, size_bytes, version, self.groups.now_milliseconds))
        return True

    return patch.object(PartitionedTable, "receive", receive)


# By chance: in so many seeds, or fewer.
BY_CHANCE: dict[Plant, int] = {
    moved_entry_left_behind: 2,
    deletion_not_told: 3,
    change_given_up: 2,
    never_tried_again: 2,
    projects_too_much: 2,
    keys_taken_for_unique: 2,
    other_regions_not_told: 5,
    older_change_overtakes: 2,
    local_index_read_from_any_replica: 8,
}
# What chance seldom meets, by a test that was made for it.
BY_A_TEST: dict[Plant, Callable[[], None]] = {
    write_waits_for_the_index: (
        zones_cases.test_a_write_is_acknowledged_while_its_index_cannot_take_it_and_arrives_later
    ),
    not_sparse: lambda: cases.test_entries_are_in_the_order_of_the_index_and_items_without_its_keys_have_none(
        filled()
    ),
    told_before_it_is_committed: (
        zones_cases.test_what_a_leader_alone_has_is_in_no_index_and_when_it_is_lost_it_never_is
    ),
    older_version_taken: (
        zones_cases.test_changes_come_to_the_same_in_whatever_order_and_however_often_they_are_told
    ),
    collections_cut: changes.test_a_partition_of_a_table_with_a_local_index_is_split_between_collections,
    backfill_with_a_gap: (
        changes.test_an_added_index_is_filled_before_it_can_be_read_and_takes_part_in_writes_meanwhile
    ),
    active_before_it_is_filled: zones_cases.test_an_index_that_was_added_is_active_only_when_it_could_be_filled,
    strong_read_of_a_lagging_index: lambda: (
        cases.test_a_global_index_is_never_read_strongly_and_a_local_one_is_if_asked(filled())
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
    with plant(), pytest.raises((AssertionError, pytest.fail.Exception)):
        BY_A_TEST[plant]()
