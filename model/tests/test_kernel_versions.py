"""Which version survives in an eventually consistent global table."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.versions import Version, first_version, next_version, supersedes

versions = st.builds(
    Version,
    timestamp_milliseconds=st.integers(0, 5),
    region_number=st.integers(0, 3),
    counter=st.integers(0, 2),
)


def merge(stored: Version, incoming: Version) -> Version:
    return incoming if supersedes(incoming, stored) else stored


@given(st.lists(versions, min_size=1), st.randoms())
def test_any_order_of_delivery_leaves_the_same_survivor(delivered: list[Version], random: object) -> None:
    """ME-02: replicas that received the same versions, in whatever order and how often, agree."""
    shuffled = list(delivered) * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reduce(merge, delivered) == reduce(merge, shuffled)


@given(st.lists(versions, min_size=1))
def test_the_survivor_is_the_latest(delivered: list[Version]) -> None:
    """ME-02: the survivor has the latest timestamp; of equals, the last in a row, then the highest Region (ME-05, our choice)."""
    survivor = reduce(merge, delivered)
    latest = max((it.timestamp_milliseconds, it.counter, it.region_number) for it in delivered)
    assert (survivor.timestamp_milliseconds, survivor.counter, survivor.region_number) == latest


@given(versions, st.integers(0, 10), st.integers(0, 3))
def test_a_later_write_in_the_same_region_is_never_beaten(stored: Version, now: int, region: int) -> None:
    """ME-04: what is written over an acknowledged version supersedes it, however far ahead its clock was."""
    written = next_version(stored, now, region)
    assert supersedes(written, stored)
    assert not supersedes(stored, written)
    assert written.timestamp_milliseconds == max(now, stored.timestamp_milliseconds)


def test_nothing_supersedes_itself() -> None:
    """ME-04: strictly greater: a version that arrives twice changes nothing the second time."""
    version = first_version(7, 1)
    assert not supersedes(version, version)
