"""A split while writes run: who serves, and when a child has what it needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import splits
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.splits import Child, Parent

parents = st.builds(Parent, st.integers(0, 5), st.booleans(), st.integers(0, 5), st.booleans())
children = st.builds(Child, st.booleans(), st.integers(0, 5))


@given(st.integers(-3, 3), st.integers(-3, 3))
def test_each_position_has_one_child(cut: int, position: int) -> None:
    """PART-04: the position at the cut is the upper child's."""
    assert splits.is_of(Child(True), cut, position) == (position >= cut)
    assert splits.is_of(Child(True), cut, position) != splits.is_of(Child(False), cut, position)


@given(parents)
def test_a_closed_parent_takes_no_write(parent: Parent) -> None:
    """PART-04: its log is as long as it will ever be."""
    if parent.closed:
        with pytest.raises(NotAllowed):
            splits.on_write(parent)
    else:
        assert splits.on_write(parent).length == parent.length + 1


@given(parents, children, st.integers(0, 6))
def test_nobody_serves_beside_the_parent(parent: Parent, child: Child, saved_entries: int) -> None:
    """PART-04: a child opens only with the whole log of a parent that is closed."""
    if parent.closed and saved_entries == parent.length:
        assert splits.open_child(child, saved_entries, parent).open
        assert not splits.parent_serves(parent)
    else:
        with pytest.raises(NotAllowed):
            splits.open_child(child, saved_entries, parent)


@given(children, st.lists(st.integers(0, 8)))
def test_messages_may_come_twice_and_in_any_order(child: Child, indices: list[int]) -> None:
    """PART-04: only the next entry is taken, so that each is applied once."""
    taken = []
    for index in indices:
        try:
            child = splits.on_copy(child, index)
        except NotAllowed:
            continue
        taken.append(index)
    assert taken == list(range(child.applied - len(taken), child.applied))


def test_a_split_begins_once() -> None:
    """PART-04: where it cuts does not change under way."""
    begun = splits.begin(Parent(3), 2)
    with pytest.raises(NotAllowed):
        splits.begin(begun, 1)
    with pytest.raises(NotAllowed):
        splits.close(Parent(3))
    assert splits.close(splits.close(begun)) == splits.close(begun)


def test_an_older_snapshot_is_refused() -> None:
    """PART-04: what a child has copied is not thrown away."""
    assert splits.on_snapshot(Child(True, 1), 3).applied == 3
    with pytest.raises(NotAllowed):
        splits.on_snapshot(Child(True, 3), 3)
    with pytest.raises(NotAllowed):
        splits.on_snapshot(Child(True, 1, open=True), 3)
