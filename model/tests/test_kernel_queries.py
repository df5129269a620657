"""The order of a Query, over any partitions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import queries
from ddbproof.model.kernel.queries import Cursor
from ddbproof.model.kernel.refusal import NotAllowed


def asked(items: set[int], borders: list[int], forward: bool) -> list[int]:
    """All that a Query gives, over partitions with these borders, asked one item at a time."""
    extents = list(pairwise([0, *borders, 100]))
    cursor = Cursor(0 if forward else 100, forward)
    found: list[int] = []
    while True:
        holders = [(low, high) for low, high in extents if queries.asks(cursor, low, high)]
        if not holders:
            return found
        ((low, high),) = holders
        coming = [key for key in items if low <= key < high and queries.to_come(cursor, key)]
        first = [key for key in coming if not any(queries.comes_first(cursor, it, key) for it in coming)]
        if first:
            found += first
            cursor = queries.after(cursor, first[0])
        else:
            cursor = queries.at_the_end(cursor, low, high)


@given(
    st.sets(st.integers(0, 99)),
    st.lists(st.integers(1, 99), unique=True, max_size=4).map(sorted),
    st.booleans(),
)
def test_every_item_once_in_order(items: set[int], borders: list[int], forward: bool) -> None:
    """PART-10: whatever partitions the collection lies in."""
    assert asked(items, borders, forward) == sorted(items, reverse=not forward)


def test_what_lies_behind_is_not_given() -> None:
    """PART-10: nor does a Query ask a partition that is not next."""
    with pytest.raises(NotAllowed):
        queries.after(Cursor(5, True), 4)
    with pytest.raises(NotAllowed):
        queries.after(Cursor(5, False), 5)
    with pytest.raises(NotAllowed):
        queries.at_the_end(Cursor(5, True), 6, 9)
