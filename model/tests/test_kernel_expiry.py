"""Time to live: what is due, who decides, and what other Regions see of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import expiry
from ddbproof.model.kernel.expiry import Attribute, Change, Setting
from ddbproof.model.kernel.refusal import NotAllowed

MINUTE = 60_000
YEAR = 365 * 24 * 60 * MINUTE
EXPIRES = 1_800_000_000


def at(milliseconds: int) -> bool:
    """Whether an item is due so long after it has expired."""
    return expiry.is_due(Attribute(True, EXPIRES), EXPIRES * 1000 + milliseconds)


def test_an_item_is_due_some_time_after_it_has_expired() -> None:
    """TT-01: never before, even by a clock that is ahead."""
    assert not at(5 * MINUTE - 1)
    assert at(5 * MINUTE)
    assert at(4 * YEAR)


def test_what_is_long_past_is_no_time() -> None:
    """TT-02: not more than five years, even by a clock that is behind."""
    assert at(5 * YEAR - 5 * MINUTE)
    assert not at(5 * YEAR - 5 * MINUTE + 1)


@given(st.integers(), st.integers())
def test_only_a_number_is_a_time(seconds: int, now: int) -> None:
    """TT-02: whatever else the attribute may hold."""
    assert not expiry.is_due(Attribute(False, seconds), now)


def test_the_leader_decides_by_what_is_there_then() -> None:
    """TT-01: a write that renewed the item, or took the attribute away, has won; so has a deletion."""
    now = EXPIRES * 1000 + 10 * MINUTE
    setting = Setting(True, 0, now)
    assert expiry.propose(Attribute(True, EXPIRES), setting, now)
    assert expiry.delete(True, Attribute(True, EXPIRES), setting, now) == Change(True, True, False)
    for there, attribute in [
        (False, Attribute(True, EXPIRES)),
        (True, Attribute(True, EXPIRES + 3600)),
        (True, Attribute(False, 0)),
    ]:
        with pytest.raises(NotAllowed):
            expiry.delete(there, attribute, setting, now)


def test_deletions_end_when_it_is_turned_off() -> None:
    """TT-05: a leader acts for 25 minutes on what it has read."""
    now = EXPIRES * 1000 + 60 * MINUTE
    expired = Attribute(True, EXPIRES)
    assert expiry.propose(expired, Setting(True, 0, now - 25 * MINUTE + 1), now)
    for setting in (Setting(True, 0, now - 25 * MINUTE), Setting(False, 0, now)):
        assert not expiry.propose(expired, setting, now)
        with pytest.raises(NotAllowed):
            expiry.delete(True, expired, setting, now)


@pytest.mark.parametrize("deletes", [False, True])
def test_elsewhere_it_is_an_ordinary_change(deletes: bool) -> None:
    """TT-04: without the mark, and charged."""
    ordinary = expiry.by_client(deletes)
    assert expiry.replicated(ordinary) == ordinary == Change(deletes, False, True)
    assert expiry.replicated(Change(deletes, True, False)) == ordinary
