"""A merge while writes run: who may go where, and when the merged partition has what it needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import merges, splits
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.splits import Child, Parent

BORDER = 2
parents = st.builds(Parent, st.integers(0, 3), st.booleans(), st.just(BORDER), st.booleans())
saved = st.integers(0, 3)


@given(parents)
def test_the_upper_one_joins_only_a_merge_that_has_begun(upper: Parent) -> None:
    """PART-04: the lower one decides, and who is on its way already does not join."""
    with pytest.raises(NotAllowed):
        merges.join(upper, BORDER, lower_begun=False)
    if upper.splitting:
        with pytest.raises(NotAllowed):
            merges.join(upper, BORDER, lower_begun=True)
    else:
        assert merges.join(upper, BORDER, lower_begun=True).splitting


@given(parents)
def test_nobody_is_closed_for_a_partner_who_may_not_come(source: Parent) -> None:
    """PART-04: before the upper one has joined, both go on serving."""
    with pytest.raises(NotAllowed):
        merges.close(source, upper_joined=False)
    if source.splitting:
        assert merges.close(source, upper_joined=True).closed
    else:
        with pytest.raises(NotAllowed):
            merges.close(source, upper_joined=True)


@given(parents)
def test_the_lower_one_withdraws_only_when_the_upper_one_stays_away(lower: Parent) -> None:
    """PART-04: afterwards it serves, and may be split or merged like any other."""
    with pytest.raises(NotAllowed):
        merges.withdraw(lower, upper_stays_away=False)
    if lower.splitting and not lower.closed:
        ordinary = merges.withdraw(lower, upper_stays_away=True)
        assert ordinary == Parent(lower.length)
        assert splits.on_write(merges.begin(ordinary, BORDER)).length == lower.length + 1
    else:
        with pytest.raises(NotAllowed):
            merges.withdraw(lower, upper_stays_away=True)


def test_who_may_withdraw_from_elsewhere_may_yet_come() -> None:
    """PART-04: one that waits for its own upper neighbour tells nobody that it stays away."""
    bound = Parent(3, splitting=True)
    assert not merges.stays_away(Parent(3), begun_as_lower=False, other_joined=False)
    assert merges.stays_away(bound, begun_as_lower=False, other_joined=False)
    assert not merges.stays_away(bound, begun_as_lower=True, other_joined=False)
    assert merges.stays_away(bound, begun_as_lower=True, other_joined=True)


@given(saved, parents, saved, parents)
def test_the_merged_partition_opens_with_all_of_both(
    saved_lower: int, lower: Parent, saved_upper: int, upper: Parent
) -> None:
    """PART-04: both are closed, and nothing of either is missing on its disk."""
    parts = Child(False, saved_lower), Child(True, saved_upper)
    if lower.closed and upper.closed and (saved_lower, saved_upper) == (lower.length, upper.length):
        opened = merges.open_merged(*parts, saved_lower, lower, saved_upper, upper)
        assert opened == (Child(False, saved_lower, open=True), Child(True, saved_upper, open=True))
        assert not splits.parent_serves(lower)
        assert not splits.parent_serves(upper)
    else:
        with pytest.raises(NotAllowed):
            merges.open_merged(*parts, saved_lower, lower, saved_upper, upper)


def test_a_merge_begins_once() -> None:
    """PART-04: who is on its way to one partition does not set out for another."""
    begun = merges.begin(Parent(3), BORDER)
    assert begun == Parent(3, splitting=True, cut=BORDER)
    with pytest.raises(NotAllowed):
        merges.begin(begun, BORDER)
