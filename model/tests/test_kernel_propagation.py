"""What a Region owes the others, and when it is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import propagation
from ddbproof.model.kernel.propagation import Latest
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.versions import Version

rising = st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True).map(sorted)


@given(rising, st.randoms(use_true_random=False))
def test_an_item_is_owed_until_its_last_version_is_confirmed(times: list[int], random: object) -> None:
    """ME-10, ME-14: in whatever order confirmations come, and whether those before the last one come or not."""
    versions = [Version(time, 1) for time in times]
    own, confirmed = Latest(), Latest()
    assert not propagation.is_owed(own, confirmed)
    for version in versions:
        own = propagation.on_write(version)
    order = list(versions)
    random.shuffle(order)  # type: ignore[attr-defined]
    for version in order:
        owed = propagation.is_owed(own, confirmed)
        assert owed == (not confirmed.any or confirmed.version != versions[-1])
        confirmed = propagation.on_confirmed(confirmed, version)
    assert not propagation.is_owed(own, confirmed)


def test_a_late_confirmation_of_an_old_version_changes_nothing() -> None:
    """ME-10: what is owed is owed, and what is done is done."""
    confirmed = Latest(True, Version(5, 1))
    assert propagation.on_confirmed(confirmed, Version(4, 1)) == confirmed


def test_the_first_version_is_always_taken() -> None:
    """ME-09: and any other by its order."""
    assert propagation.survivor_is_incoming(False, Version(9, 9), Version(1, 1))
    assert not propagation.survivor_is_incoming(True, Version(9, 9), Version(1, 1))


def test_a_target_without_units_takes_nothing() -> None:
    """ME-16: the change stays owed."""
    assert propagation.use(3, 3) == 0
    with pytest.raises(NotAllowed):
        propagation.use(2, 3)
