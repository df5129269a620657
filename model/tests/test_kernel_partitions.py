"""The partition map: ranges, splits, merges, and the routing table that follows them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ddbproof.model.kernel.partitions import (
    LOWEST_SORT,
    Position,
    Range,
    before,
    contains,
    merge,
    owner_after_merge,
    owner_after_split,
    split,
)
from ddbproof.model.kernel.refusal import NotAllowed

END = 4
WHOLE = Range(Position(0, LOWEST_SORT), Position(END, LOWEST_SORT))
positions = st.builds(Position, st.integers(0, END - 1), st.integers(0, 3))
places = st.builds(Position, st.integers(-1, END + 1), st.integers(0, 3))
ranges = (
    st.tuples(positions, positions).filter(lambda it: pair(it[0]) < pair(it[1])).map(lambda it: Range(*it))
)
ALL = [Position(of_hash, sort) for of_hash in range(END) for sort in range(4)]


def pair(position: Position) -> tuple[int, int]:
    return position.hash, position.sort


@given(places, places)
def test_positions_are_ordered_as_pairs(left: Position, right: Position) -> None:
    """PART-10: by hash, and within a hash by sort key."""
    assert before(left, right) == (pair(left) < pair(right))


@given(ranges, places)
def test_a_range_holds_its_lower_end_and_not_its_upper(extent: Range, position: Position) -> None:
    """PART-04: half-open, so that neighbours share no position."""
    assert contains(extent, position) == (pair(extent.low) <= pair(position) < pair(extent.high))


@given(ranges, places)
def test_a_split_puts_each_position_in_one_half(extent: Range, at: Position) -> None:
    """PART-04: what the range held is in one of the halves; nothing else is; neither half is empty."""
    try:
        left, right = split(extent, at, keeps_collections_whole=False)
    except NotAllowed:
        assert not pair(extent.low) < pair(at) < pair(extent.high)
        return
    for position in ALL:
        assert contains(left, position) + contains(right, position) == contains(extent, position)
    assert before(left.low, left.high)
    assert before(right.low, right.high)


@pytest.mark.parametrize("at", [WHOLE.low, WHOLE.high, Position(END, 1), Position(-1, 0)])
def test_a_split_on_the_edge_or_outside_is_refused(at: Position) -> None:
    """PART-04: one half would be empty or reach beyond the range."""
    with pytest.raises(NotAllowed):
        split(WHOLE, at, keeps_collections_whole=False)


@given(positions)
def test_with_a_local_index_a_cut_is_only_where_a_hash_begins(at: Position) -> None:
    """PART-11: an item collection with a local secondary index is never cut."""
    assume(pair(at) != (0, LOWEST_SORT))
    try:
        left, right = split(WHOLE, at, keeps_collections_whole=True)
    except NotAllowed:
        assert at.sort != LOWEST_SORT
        return
    for of_hash in range(END):
        collection = [position for position in ALL if position.hash == of_hash]
        assert len({(contains(left, it), contains(right, it)) for it in collection}) == 1


@given(ranges, positions)
def test_merging_the_halves_of_a_split_gives_the_range_back(extent: Range, at: Position) -> None:
    """PART-04: a merge undoes a split."""
    assume(before(extent.low, at) and before(at, extent.high))
    assert merge(*split(extent, at, keeps_collections_whole=False)) == extent


@given(ranges, ranges)
def test_only_neighbours_are_merged(left: Range, right: Range) -> None:
    """PART-04: otherwise the merged range would hold what lies between, or overlap."""
    if left.high == right.low:
        assert merge(left, right) == Range(left.low, right.high)
    else:
        with pytest.raises(NotAllowed):
            merge(left, right)


@given(st.lists(st.tuples(st.booleans(), positions, st.integers(0, 9)), max_size=12))
def test_the_routing_table_names_the_partition_that_holds_a_position(
    steps: list[tuple[bool, Position, int]],
) -> None:
    """PART-01, PART-04: after any splits and merges each position has one owner, and that one holds it."""
    live, owners, following = {0: WHOLE}, dict.fromkeys(map(pair, ALL), 0), 1
    for splits, at, chosen in steps:
        numbers = sorted(live, key=lambda number: pair(live[number].low))
        first = chosen % len(numbers)
        pick, neighbour = numbers[first], numbers[(first + 1) % len(numbers)]
        try:
            if splits:
                halves = split(live[pick], at, keeps_collections_whole=False)
                del live[pick]
                live.update(zip((following, following + 1), halves, strict=True))
                for position in ALL:
                    owners[pair(position)] = owner_after_split(
                        owners[pair(position)], position, pick, at, following, following + 1
                    )
                following += 2
            else:
                merged = merge(live[pick], live[neighbour])
                del live[pick], live[neighbour]
                live[following] = merged
                for position in ALL:
                    owners[pair(position)] = owner_after_merge(
                        owners[pair(position)], pick, neighbour, following
                    )
                following += 1
        except NotAllowed:
            continue
    for position in ALL:
        holders = [number for number, extent in live.items() if contains(extent, position)]
        assert holders == [owners[pair(position)]]
