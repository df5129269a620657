"""Defects planted in splits for heat; each is found by the test that was made for it, which passes without."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
import test_endpoint_heat as cases

from ddbproof.model.kernel import heat as kernel
from ddbproof.reference_impl.cluster import cuts, heat
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.heat import Heat, Window

Plant = Callable[[], AbstractContextManager[Any]]
_RELIEVING = cuts.relieving


def one_window_is_enough() -> AbstractContextManager[Any]:
    """A partition is split as soon as it was hot once."""
    return patch.object(heat, "LASTING_WINDOWS", 1)


def pauses_overlooked() -> AbstractContextManager[Any]:
    """Windows without traffic between hot ones do not count."""
    right = heat.Traffic.turn

    def turn(self: heat.Traffic, number: int, *, keeps_collections_whole: bool) -> Window:
        if self.past:
            self.past[-1].number = self.window.number - 1
        for place, window in enumerate(reversed(self.past)):
            window.number = self.window.number - 1 - place
        ended = self.window
        made = right(self, ended.number + 1, keeps_collections_whole=keeps_collections_whole)
        made.number = number
        return made

    return patch.object(heat.Traffic, "turn", turn)


def cut_at_the_middle_of_the_keys() -> AbstractContextManager[Any]:
    """The keys that were seen are halved, whatever their heat."""

    def relieving(windows: Any, **_: Any) -> bytes:
        keys = sorted(windows[-1])
        return bytes(keys[len(keys) // 2])

    return patch.object(heat, "relieving", relieving)


def last_window_decides() -> AbstractContextManager[Any]:
    """Whether a cut would have helped before is not asked."""
    return patch.object(heat, "relieving", lambda windows, **more: _RELIEVING(windows[-1:], **more))


def collections_cut() -> AbstractContextManager[Any]:
    """A cut may be anywhere, whatever indexes there are."""
    right = TableGroups.__init__

    def init(self: TableGroups, *arguments: Any, **more: Any) -> None:
        right(self, *arguments, **{**more, "keeps_collections_whole": False})

    return patch.object(TableGroups, "__init__", init)


def cut_where_nothing_is_below() -> AbstractContextManager[Any]:
    """The search takes the first bucket."""
    return patch.object(kernel, "choose", lambda *_: 0)


def reads_not_counted() -> AbstractContextManager[Any]:
    """Only writes make a partition hot."""
    return patch.object(Heat, "read", lambda *_, **__: None)


def eventual_reads_cost_the_same() -> AbstractContextManager[Any]:
    """A read that is eventually consistent counts like a strong one."""
    right = Heat.read

    def read(self: Heat, *arguments: Any, consistent: bool) -> None:
        right(self, *arguments, consistent=True)

    return patch.object(Heat, "read", read)


def pages_not_counted_to_the_end() -> AbstractContextManager[Any]:
    """Query and Scan count each item by itself, as if it were a page."""

    def items(self: Heat, group: int, found: Any, now_milliseconds: int, *, consistent: bool) -> Any:
        for key, image in found:
            self.read(group, key, image.size_bytes + 1, now_milliseconds, consistent=consistent)
            yield key, image

    return patch.object(Heat, "range", items)


def hot_places_put_together() -> AbstractContextManager[Any]:
    """In a summary two neighbours share a place, however hot they are."""

    def summed_up(seen: dict[bytes, int]) -> dict[bytes, int]:
        keys = sorted(seen)
        return {key: sum(seen[it] for it in keys[at : at + 2]) for at, key in enumerate(keys) if at % 2 == 0}

    return patch.object(heat, "summed_up", summed_up)


FOUND_BY: dict[Plant, Callable[[], None]] = {
    one_window_is_enough: cases.test_heat_that_does_not_last_is_no_reason,
    pauses_overlooked: cases.test_heat_that_does_not_last_is_no_reason,
    cut_at_the_middle_of_the_keys: cases.test_one_hot_item_is_no_reason_to_split,
    last_window_decides: cases.test_sort_keys_that_only_increase_are_no_reason_to_split,
    collections_cut: cases.test_with_a_local_secondary_index_a_collection_is_never_cut,
    cut_where_nothing_is_below: cases.test_a_partition_that_stays_hot_is_split_at_a_key_of_its_traffic,
    reads_not_counted: cases.test_reads_make_hot_as_well,
    eventual_reads_cost_the_same: cases.test_get_item_and_query_are_counted_by_size,
    pages_not_counted_to_the_end: cases.test_get_item_and_query_are_counted_by_size,
    hot_places_put_together: cases.test_a_hot_item_may_get_a_partition_to_itself,
}


@pytest.mark.parametrize("plant", [pytest.param(plant, id=plant.__name__) for plant in FOUND_BY])
def test_a_planted_defect_fails_the_test_that_was_made_for_it(plant: Plant) -> None:
    """By an assertion, and nothing else."""
    with plant(), pytest.raises(AssertionError):
        FOUND_BY[plant]()
