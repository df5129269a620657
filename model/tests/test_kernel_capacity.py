"""Units per second: buckets, peaks, warm throughput, and the most that a partition serves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import capacity
from ddbproof.model.kernel.capacity import Bucket
from ddbproof.model.kernel.refusal import NotAllowed


def test_five_idle_minutes_are_kept_and_no_more() -> None:
    """CA-03: 300 seconds' worth."""
    bucket = Bucket(10, 0, 0)
    for _ in range(299):
        bucket = capacity.next_second(bucket, 10)
    assert bucket.kept == 2_990
    for _ in range(5):
        bucket = capacity.next_second(bucket, 10)
    assert bucket.kept == 3_000
    assert capacity.spend(bucket, 3_010).used == 3_010
    with pytest.raises(NotAllowed):
        capacity.spend(bucket, 3_011)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30))))
def test_nothing_is_used_that_was_not_granted(seconds: list[tuple[int, int]]) -> None:
    """CA-03: whatever the rate changes to."""
    bucket, granted, used = Bucket(5, 0, 0), 5, 0
    for rate, units in seconds:
        try:
            bucket = capacity.spend(bucket, units)
            used += units
        except NotAllowed:
            assert units > bucket.rate + bucket.kept - bucket.used
        bucket = capacity.next_second(bucket, rate)
        assert 0 <= bucket.kept <= granted - used
        granted += rate


@pytest.mark.parametrize(("writes", "least"), [(True, 4_000), (False, 12_000)])
def test_a_new_table_takes_so_much(writes: bool, least: int) -> None:
    """CA-04: and not one unit more."""
    table = capacity.new_table(writes, 50)
    assert capacity.takes(table, least)
    assert not capacity.takes(table, least + 1)


def test_a_peak_counts_from_the_next_half_hour_on() -> None:
    """CA-04: double of it, and for ever."""
    table = capacity.after_second(capacity.new_table(True, 0), 4_000, 1)
    assert not capacity.takes(table, 4_001)
    table = capacity.after_second(table, 0, 1_799)
    assert not capacity.takes(table, 4_001)
    table = capacity.after_second(table, 0, 1_800)
    assert capacity.takes(table, 8_000)
    assert not capacity.takes(table, 8_001)
    assert capacity.takes(capacity.after_second(table, 0, 10_000), 8_000)


def test_warm_throughput_only_increases() -> None:
    """CA-05."""
    assert capacity.warmer(4_000, 4_000) == 4_000
    assert capacity.warmer(4_000, 9_000) == 9_000
    with pytest.raises(NotAllowed):
        capacity.warmer(4_000, 3_999)


@pytest.mark.parametrize(("writes", "most"), [(True, 1_000), (False, 3_000)])
def test_a_partition_serves_so_much(writes: bool, most: int) -> None:
    """PART-07, PART-16: for one item, too."""
    assert capacity.serves(most - 1, 1, writes)
    assert not capacity.serves(most, 1, writes)
