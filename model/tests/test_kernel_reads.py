"""What clients of a Region see, function by function: views, conditions, and when an answer may be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.engine.values import FrozenMap
from ddbproof.model.kernel import reads
from ddbproof.model.kernel.reads import NO_ENTRIES, Received, View
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.replication import Leader, Replica

numbers = st.integers(0, 6)
EMPTY: FrozenMap[str] = FrozenMap("")


class Put:
    """Set an item to a text, if it is what is expected."""

    def __init__(self, text: str, expected: str | None = None) -> None:
        self.text = text
        self.expected = expected

    def holds(self, item: str) -> bool:
        """Whether the item is as expected."""
        return self.expected is None or item == self.expected

    def entry(self, item: str) -> str:
        """The item as it will be, and as it was."""
        return f"{item}>{self.text}"


def leader(base: int, length: int, committed: int) -> Leader:
    """A leader that began with so many entries, has so many, and has committed so many."""
    return Leader(3, base, length, committed, committed, 0, committed)


def test_a_write_is_answered_when_it_is_committed() -> None:
    """RC-01: not when the leader has it."""
    received, after, log = reads.on_write(leader(0, 2, 2), EMPTY, View(2), "a", Put("b"), False, False)
    assert received == Received(throttled=False, refused=False, awaits=3)
    assert (after.length, log[2]) == (3, "a>b")
    assert not reads.may_answer(after, received)
    assert reads.may_answer(leader(0, 3, 3), received)


def test_a_condition_is_evaluated_on_what_was_appended_last() -> None:
    """RC-08: so of two writes that exclude each other the second is refused while the first is not yet committed."""
    first, after, log = reads.on_write(leader(0, 0, 0), EMPTY, NO_ENTRIES, "", Put("a", ""), False, True)
    with pytest.raises(NotAllowed):
        reads.on_write(after, log, NO_ENTRIES, "", Put("b", ""), False, True)
    newest = reads.catch_up(after, NO_ENTRIES, 0)
    second, after_both, _ = reads.on_write(after, log, newest, "a", Put("b", ""), False, True)
    assert not first.refused
    assert second.refused
    assert after_both == after


def test_a_refusal_waits_for_what_it_rests_on() -> None:
    """RC-04: the write because of which a condition does not hold may never succeed."""
    refused, _, _ = reads.on_write(leader(0, 3, 1), EMPTY, View(3), "a", Put("b", "c"), False, True)
    assert refused == Received(throttled=False, refused=True, awaits=3)
    assert not reads.may_answer(leader(0, 3, 2), refused)
    assert reads.may_answer(leader(0, 3, 3), refused)


def test_a_refusal_takes_the_lease() -> None:
    """RC-03: it reads the item, which another leader may have changed; an appended write finds out when it is committed."""
    with pytest.raises(NotAllowed):
        reads.on_write(leader(0, 1, 1), EMPTY, View(1), "a", Put("b", "c"), False, False)
    assert not reads.on_write(leader(0, 1, 1), EMPTY, View(1), "c", Put("b", "c"), False, False)[0].refused


@given(numbers, numbers, st.booleans(), st.sampled_from(["a", "b"]))
def test_what_is_throttled_changes_nothing(length: int, applied: int, leased: bool, item: str) -> None:
    """CA-08: and is answered at once, whatever else is the matter."""
    before = leader(0, length, 0)
    received, after, log = reads.on_write(before, EMPTY, View(applied), item, Put("c", "a"), True, leased)
    assert received.throttled
    assert (after, log) == (before, EMPTY)
    assert reads.may_answer(after, received)


@given(numbers, numbers, numbers, st.booleans())
def test_a_strong_read_needs_all_that_was_committed(
    base: int, committed: int, applied: int, leased: bool
) -> None:
    """RC-03: by this leader and by those before it, which is in what it began with; and the lease, REP-05."""
    may = reads.may_read(leader(base, 6, committed), View(applied), leased)
    assert may == (leased and committed >= base and applied >= committed)


@given(st.lists(numbers), numbers, numbers)
def test_views_have_each_entry_once(indices: list[int], length: int, known: int) -> None:
    """RC-04, RC-08: in order, and nothing beyond what is known to be committed; what was appended, in the newest."""
    committed = min(length, known)
    replica, led = Replica(3, 3, length, committed), leader(0, length, committed)
    followed = settled = newest = NO_ENTRIES
    taken = []
    for index in indices:
        try:
            followed = reads.follow(replica, followed, index)
            taken.append(index)
        except NotAllowed:
            assert index != followed.applied or index >= committed
        try:
            settled = reads.settle(led, settled, index)
        except NotAllowed:
            assert index != settled.applied or index >= committed
        try:
            newest = reads.catch_up(led, newest, index)
        except NotAllowed:
            assert index != newest.applied or index >= length
    assert taken == list(range(followed.applied))
    assert settled == followed
    assert followed.applied <= committed
    assert newest.applied <= length
