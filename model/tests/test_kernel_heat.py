"""Where a hot partition is split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import heat
from ddbproof.model.kernel.heat import Bucket
from ddbproof.model.kernel.partitions import Position
from ddbproof.model.kernel.refusal import NotAllowed

heats = st.lists(st.integers(0, 9), max_size=8)


def cut(units: list[int], whole: bool = False, sort: int = 0) -> int:
    """The bucket where a partition with these heats is cut; each bucket is a hash of its own."""
    total = sum(units)
    search = heat.begin(0, total)
    for hash_, hot in enumerate(units):
        search = heat.look(search, Bucket(Position(hash_, sort), hot), total, whole)
    return heat.choose(search, len(units))


@given(heats)
def test_the_hotter_half_is_as_cool_as_can_be(units: list[int]) -> None:
    """PART-08: or there is no cut at all, if none leaves heat on both sides."""
    sides = [max(sum(units[:at]), sum(units[at:])) for at in range(len(units))]
    if min(sides, default=0) == sum(units):
        with pytest.raises(NotAllowed):
            cut(units)
    else:
        assert sides[cut(units)] == min(sides)


@pytest.mark.parametrize("units", [[8], [0, 8, 0], [], [0, 0]])
def test_one_hot_item_is_no_reason_to_split(units: list[int]) -> None:
    """PART-09: it would be as hot as before."""
    with pytest.raises(NotAllowed):
        cut(units)


def test_a_hot_item_between_others_is_cut_off_on_both_sides() -> None:
    """PART-16: one side first, then the other, then it is alone."""
    assert cut([1, 8, 1]) == 1
    assert cut([8, 1]) == 1


def test_a_collection_stays_whole() -> None:
    """PART-11: with a local secondary index a cut lies where a hash begins."""
    assert cut([4, 4], whole=True) == 1
    assert cut([4, 4], sort=3) == 1
    with pytest.raises(NotAllowed):
        cut([4, 4], whole=True, sort=3)


def test_all_has_to_be_looked_at() -> None:
    """PART-08: the best cut is not known before."""
    search = heat.look(heat.begin(0, 2), Bucket(Position(0, 0), 1), 2, False)
    search = heat.look(search, Bucket(Position(1, 0), 1), 2, False)
    assert heat.choose(search, 2) == 1
    with pytest.raises(NotAllowed):
        heat.choose(search, 3)
