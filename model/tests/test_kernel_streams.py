"""Change streams: from the log to the shards, how long records stay, and what a reader may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import streams
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.streams import EXPIRED, READS, TRIMMED, Iterator, Shard, Stream

HOUR = 3_600_000
MINUTE = 60_000


@given(st.integers(0, 5), st.lists(st.tuples(st.integers(-1, 8), st.integers(0, 8))))
def test_entries_are_derived_in_order_and_none_is_left_out(first: int, tries: list[tuple[int, int]]) -> None:
    """ST-01: whoever derives what, again or too early, positions come one after the other, under their own number."""
    shard = streams.open_shard(first, 0)
    numbers: list[int] = []
    for position, committed in tries:
        try:
            shard, number = streams.derive(shard, position, committed)
        except NotAllowed:
            continue
        assert number == position < committed
        numbers.append(number)
    assert sorted(set(numbers)) == list(range(first, shard.next))


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
def test_each_position_is_one_shards(first: int, length: int, hours: int) -> None:
    """ST-01: however a log is cut into shards, each of its entries is taken by one of them."""
    length = max(first, length)
    shard = streams.open_shard(first, 0)
    for position in range(first, length):
        shard, _ = streams.derive(shard, position, length)
    if hours < 3:
        with pytest.raises(NotAllowed):
            streams.roll(shard, hours * HOUR)
    old, new = streams.roll(shard, 4 * HOUR)
    for position in range(first, length + 3):
        assert streams.takes(old, position) != streams.takes(new, position)


def test_a_shard_ends_where_the_log_does() -> None:
    """ST-04: what was written before the split is the parent's, be it derived or not, and the child begins there."""
    parent, _ = streams.derive(streams.open_shard(0, 0), 0, 3)
    with pytest.raises(NotAllowed):
        streams.close(parent, 3, 2)
    parent = streams.close(parent, 3, 3)
    child = streams.open_shard(3, 0)
    assert streams.takes(parent, 2)
    assert not streams.takes(child, 2)
    assert not streams.takes(parent, 3)
    assert not streams.is_read_out(parent, 2)
    assert streams.is_read_out(parent, 3)
    with pytest.raises(NotAllowed):
        streams.close(parent, 4, 4)
    with pytest.raises(NotAllowed):
        streams.roll(parent, 5 * HOUR)


def test_a_write_that_changes_nothing_is_no_change() -> None:
    """ST-02: nor is the deletion of what is not there."""
    assert not streams.is_effective(7, 7)
    assert not streams.is_effective(0, 0)
    assert streams.is_effective(0, 7)
    assert streams.is_effective(7, 0)


def test_a_record_stays_for_a_day() -> None:
    """ST-03: for 24 hours since it was stored, and not longer than until whenever."""
    shard, _ = streams.derive(streams.open_shard(0, 0), 0, 1)
    with pytest.raises(NotAllowed):
        streams.trim(shard, True, 5 * HOUR, True, 29 * HOUR - 1)
    trimmed = streams.trim(shard, True, 5 * HOUR, True, 29 * HOUR)
    assert trimmed.horizon == 1
    assert not streams.takes(trimmed, 0)
    with pytest.raises(NotAllowed):
        streams.trim(trimmed, False, 0, True, 99 * HOUR)


def test_a_parent_goes_first() -> None:
    """ST-04: or a new reader would take its child for the beginning, or not get past it."""
    parent = streams.close(streams.open_shard(0, 0), 0, 0)
    child, _ = streams.derive(streams.open_shard(0, 0), 0, 1)
    with pytest.raises(NotAllowed):
        streams.trim(child, True, 0, parent.gone, 24 * HOUR)
    with pytest.raises(NotAllowed):
        streams.remove(child, True)
    parent = streams.remove(parent, True)
    assert streams.trim(child, True, 0, parent.gone, 24 * HOUR).horizon == 1
    with pytest.raises(NotAllowed):
        streams.remove(streams.close(streams.open_shard(0, 0), 0, 0), False)


def test_a_stream_that_was_turned_off_stays_for_a_day() -> None:
    """ST-03: and is turned off once."""
    stream = streams.turn_off(Stream(), 5 * HOUR)
    assert streams.is_readable(stream, 29 * HOUR - 1)
    assert not streams.is_readable(stream, 29 * HOUR)
    assert streams.is_readable(Stream(), 99 * HOUR)
    with pytest.raises(NotAllowed):
        streams.turn_off(stream, 6 * HOUR)


def test_an_iterator_lives_for_15_minutes() -> None:
    """ST-04: ExpiredIteratorException, whatever else may be wrong."""
    shard = Shard(first=0, next=9, horizon=4, opened_milliseconds=0)
    assert streams.read(shard, Iterator(4, 7), 15 * MINUTE + 6) == (READS, 4)
    assert streams.read(shard, Iterator(4, 7), 15 * MINUTE + 7) == (EXPIRED, 4)
    assert streams.read(shard, Iterator(3, 7), 15 * MINUTE + 7) == (EXPIRED, 3)


def test_what_was_trimmed_is_refused() -> None:
    """ST-04: TrimmedDataAccessException, and never the next record that is left."""
    shard = Shard(first=0, next=9, horizon=4, opened_milliseconds=0)
    assert streams.read(shard, Iterator(3, 0), 0) == (TRIMMED, 3)
    assert streams.read(shard, Iterator(streams.trim_horizon(shard), 0), 0) == (READS, 4)


def test_where_iterators_begin() -> None:
    """ST-04: AT a sequence number, AFTER it, behind all there is, or with the oldest left."""
    shard = Shard(first=2, next=9, horizon=4, opened_milliseconds=0)
    assert streams.from_sequence_number(5, False) == 5
    assert streams.from_sequence_number(5, True) == 6
    assert streams.trim_horizon(shard) == 4
    assert streams.latest(shard) == 9
    assert streams.has_more(shard, 8)
    assert not streams.has_more(shard, 9)


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("parent_listed", [False, True])
@pytest.mark.parametrize("parent_read_out", [False, True])
def test_a_parent_is_read_before_its_children(
    listed: bool, parent_listed: bool, parent_read_out: bool
) -> None:
    """ST-04: a shard is begun without that only where its parent was not in the reader's list."""
    starts = streams.starts_at(listed, parent_listed)
    allowed = streams.may_begin(starts, parent_read_out)
    assert allowed == (parent_read_out or (listed and not parent_listed))


def test_a_child_is_begun_at_its_first_number() -> None:
    """ST-04: so that what was trimmed meanwhile is said to be, and not skipped."""
    shard = Shard(first=2, next=9, horizon=4, opened_milliseconds=0)
    position = streams.begins_at(shard, starts=False, from_latest=False)
    assert streams.read(shard, Iterator(position, 0), 0) == (TRIMMED, 2)
    assert streams.begins_at(shard, starts=True, from_latest=False) == 4
    assert streams.begins_at(shard, starts=True, from_latest=True) == 9
    assert streams.begins_at(shard, starts=False, from_latest=True) == 2


@given(st.lists(st.integers(0, 5)))
def test_a_reader_keeps_records_that_are_new(numbers: list[int]) -> None:
    """ST-01: what comes again is known by its sequence number."""
    kept = [-1]
    for number in numbers:
        if streams.is_new(kept[-1], number):
            kept.append(number)
    assert kept == sorted(set(kept))
