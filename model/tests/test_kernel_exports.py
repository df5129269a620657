"""Exports: windows that adjoin, what is read for each, and when a partition is done."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.engine.values import FrozenMap
from ddbproof.model.kernel import exports
from ddbproof.model.kernel.backup import PartitionLog
from ddbproof.model.kernel.exports import NOTHING_LOADED, NOTHING_READ, UNCHANGED, Change, Reading, Window
from ddbproof.model.kernel.refusal import NotAllowed

MINUTE_MILLISECONDS = 60_000
DAY_MILLISECONDS = 24 * 60 * MINUTE_MILLISECONDS


class Stamp(msgspec.Struct, frozen=True):
    """An entry, of which only the timestamp matters."""

    instant_milliseconds: int


@pytest.mark.parametrize("length", [15 * MINUTE_MILLISECONDS, DAY_MILLISECONDS])
def test_a_window_is_of_15_minutes_to_24_hours(length: int) -> None:
    """EX-02: both ends included."""
    assert exports.adjoining(7, 7 + length) == Window(7, 7 + length)


@pytest.mark.parametrize("length", [-1, 0, 15 * MINUTE_MILLISECONDS - 1, DAY_MILLISECONDS + 1])
def test_no_other_window(length: int) -> None:
    """EX-02."""
    with pytest.raises(NotAllowed):
        exports.adjoining(7, 7 + length)


def test_the_end_belongs_to_the_next_window() -> None:
    """EX-02: from the start inclusive to the end exclusive."""
    assert exports.take(NOTHING_READ, 0, 99, 100) == Reading(0, 1)
    with pytest.raises(NotAllowed):
        exports.take(NOTHING_READ, 0, 100, 100)


def test_a_partition_is_done_when_nothing_can_come_any_more() -> None:
    """EX-05: and everything before the end is read."""
    log = FrozenMap(Stamp(0), {0: Stamp(99), 1: Stamp(100)})
    read = exports.take(NOTHING_READ, 0, 99, 100)
    assert exports.finish(PartitionLog(2, 100, 99), log, read, 100) == Reading(1, 1)
    assert exports.finish(PartitionLog(1, 99, 99), log, read, 100) == Reading(1, 1)
    with pytest.raises(NotAllowed):
        exports.finish(PartitionLog(2, 100, 98), log, read, 100)
    with pytest.raises(NotAllowed):
        exports.finish(PartitionLog(2, 100, 99), log, NOTHING_READ, 100)


@given(st.lists(st.integers(0, 5)))
def test_entries_are_read_once_and_in_order(indices: list[int]) -> None:
    """EX-04: no duplicates, however often an entry comes."""
    reading, taken = NOTHING_READ, []
    for index in indices:
        try:
            reading = exports.take(reading, index, 0, 1)
        except NotAllowed:
            continue
        taken.append(index)
    assert taken == list(range(reading.position))


def test_the_newest_image_counts() -> None:
    """EX-05: and an older one does not come back."""
    changed = exports.include(exports.include(UNCHANGED, 0), 3)
    assert changed == Change(True, 3)
    with pytest.raises(NotAllowed):
        exports.include(changed, 2)


def test_exports_are_put_together_one_after_the_other() -> None:
    """EX-05: none is left out, none comes twice."""
    full = exports.load(NOTHING_LOADED, 0)
    assert exports.load(full, 1).exports == 2
    for export in (0, 2):
        with pytest.raises(NotAllowed):
            exports.load(full, export)
