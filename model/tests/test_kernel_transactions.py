"""Transactions: what an item accepts, who decides, what a token counts for, and when two looks are one snapshot."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.transactions import (
    ACCEPTED,
    BEGUN,
    CANCELLED,
    CHECK,
    COMMITTED,
    CONDITION_FALSE,
    CONFLICT,
    DELETE,
    FAILED,
    IN_PROGRESS,
    MISMATCH,
    NEVER_FORGOT,
    NO_RECORD,
    NOTHING,
    PUT,
    RUNNING,
    SUCCEEDED,
    UNKNOWN_ITEM,
    Asked,
    Forgotten,
    Item,
    Record,
    Shown,
)

TEN_MINUTES = 600_000
small = st.integers(0, 9)
asked = st.builds(Asked, st.integers(1, 3), small, st.sampled_from([CHECK, PUT, DELETE]), small)
items = st.builds(Item, st.booleans(), st.booleans(), small, small, small, st.booleans(), asked)
forgotten = st.builds(Forgotten, small, small)
records = st.builds(
    Record,
    st.sampled_from([RUNNING, COMMITTED, CANCELLED]),
    st.integers(1, 3),
    small,
    small,
    st.booleans(),
    small,
)
THERE = Item(True, True, 7, 4, 100, False, NOTHING)
PUT_AT_200 = Asked(1, 200, PUT, 8)
CHECK_AT_200 = Asked(1, 200, CHECK, 0)


def held(what: Asked, item: Item = THERE) -> Item:
    return transactions.prepare(item, NEVER_FORGOT, what, True)


# An item.


@given(items, forgotten, st.sampled_from([PUT, DELETE]), small, st.integers(-5, 15))
def test_a_single_write_is_later_than_all_before_it(
    item: Item, forgotten: Forgotten, action: int, value: int, now_milliseconds: int
) -> None:
    """TX-03: whatever the clock says; TX-05: and it is refused while a transaction is pending."""
    if item.held:
        with pytest.raises(NotAllowed):
            transactions.write(item, forgotten, action, value, now_milliseconds)
        return
    after = transactions.write(item, forgotten, action, value, now_milliseconds)
    before_milliseconds = item.latest_milliseconds if item.kept else forgotten.latest_milliseconds
    assert after.latest_milliseconds == max(now_milliseconds, before_milliseconds + 1)
    assert after.version == (item.version if item.kept else forgotten.version) + 1
    assert after.exists == (action == PUT)


def test_a_check_is_no_write_of_a_single_item() -> None:
    """There is no such request."""
    with pytest.raises(NotAllowed):
        transactions.write(THERE, NEVER_FORGOT, CHECK, 0, 200)


@pytest.mark.parametrize(
    ("item", "what", "condition_holds", "expected"),
    [
        (THERE, PUT_AT_200, True, ACCEPTED),
        (THERE, PUT_AT_200, False, CONDITION_FALSE),
        (THERE, msgspec.structs.replace(PUT_AT_200, instant_milliseconds=100), True, CONFLICT),
        (THERE, msgspec.structs.replace(PUT_AT_200, instant_milliseconds=99), False, CONFLICT),
        (held(Asked(2, 150, CHECK, 0)), PUT_AT_200, True, CONFLICT),
        (held(PUT_AT_200), PUT_AT_200, False, ACCEPTED),
        (UNKNOWN_ITEM, PUT_AT_200, True, ACCEPTED),
    ],
)
def test_what_an_item_accepts(item: Item, what: Asked, condition_holds: bool, expected: int) -> None:
    """TX-05: nothing waits; what was accepted is accepted if it comes again."""
    assert transactions.verdict(item, NEVER_FORGOT, what, condition_holds) == expected
    if expected == ACCEPTED:
        assert transactions.prepare(item, NEVER_FORGOT, what, condition_holds).pending == what
    else:
        with pytest.raises(NotAllowed):
            transactions.prepare(item, NEVER_FORGOT, what, condition_holds)


def test_an_item_that_was_forgotten_is_as_late_as_it_may_have_been() -> None:
    """TX-03: a transaction from before an item was deleted is refused."""
    assert transactions.verdict(UNKNOWN_ITEM, Forgotten(3, 200), PUT_AT_200, True) == CONFLICT
    assert transactions.verdict(UNKNOWN_ITEM, Forgotten(3, 199), PUT_AT_200, True) == ACCEPTED


@given(items, asked)
def test_reads_see_nothing_that_is_pending(item: Item, what: Asked) -> None:
    """TX-03: they are answered at once, by the version that stands."""
    pending = msgspec.structs.replace(item, held=True, pending=what)
    assert transactions.read(pending) == Shown(item.exists, item.value)


def test_a_put_a_delete_and_a_check_that_are_committed() -> None:
    """TX-02, TX-09: a check leaves the version and moves the timestamp on."""
    put = transactions.commit(held(PUT_AT_200), NEVER_FORGOT, 1)
    assert put == Item(True, True, 8, 5, 200, False, NOTHING)
    deleted = transactions.commit(held(Asked(1, 200, DELETE, 0)), NEVER_FORGOT, 1)
    assert deleted == Item(True, False, 0, 5, 200, False, NOTHING)
    checked = transactions.commit(held(CHECK_AT_200), NEVER_FORGOT, 1)
    assert checked == Item(True, True, 7, 4, 200, False, NOTHING)
    absent = transactions.commit(held(CHECK_AT_200, UNKNOWN_ITEM), Forgotten(3, 9), 1)
    assert absent == Item(True, False, 0, 3, 200, False, NOTHING)


@given(items, forgotten, st.integers(1, 3))
def test_decisions_may_come_twice(item: Item, forgotten: Forgotten, transaction: int) -> None:
    """TX-02: the second time nothing happens, nor does it if another transaction is pending, or none."""

    def committed(one: Item) -> Item:
        return transactions.commit(one, forgotten, transaction)

    def cancelled(one: Item) -> Item:
        return transactions.cancel(one, transaction)

    for told in (committed, cancelled):
        once = told(item)
        assert told(once) == once
        if not item.held or item.pending.transaction != transaction:
            assert once == item


@given(items, st.integers(1, 3))
def test_what_is_cancelled_leaves_no_trace(item: Item, transaction: int) -> None:
    """TX-02: not in the version, nor in its timestamp."""
    after = transactions.cancel(item, transaction)
    assert transactions.read(after) == transactions.read(item)
    assert (after.version, after.latest_milliseconds) == (item.version, item.latest_milliseconds)
    assert not transactions.is_pending(after, transaction)


@given(items, forgotten)
def test_what_is_forgotten_stays_in_the_maximum(item: Item, before: Forgotten) -> None:
    """TX-03, TX-07: versions and timestamps never fall, of this item or of another that the partition had forgotten."""
    if item.exists or item.held:
        with pytest.raises(NotAllowed):
            transactions.forget(item, before)
        return
    after, forgotten = transactions.forget(item, before)
    assert after == UNKNOWN_ITEM
    assert forgotten == Forgotten(
        max(before.version, item.version if item.kept else 0),
        max(before.latest_milliseconds, item.latest_milliseconds if item.kept else 0),
    )


@given(forgotten, forgotten)
def test_items_that_move_take_the_maximum_along(here: Forgotten, there: Forgotten) -> None:
    """TX-03: a split or a merge lets nothing be written into the past."""
    assert transactions.moved(here, there) == Forgotten(
        max(here.version, there.version), max(here.latest_milliseconds, there.latest_milliseconds)
    )


# Read transactions.


@given(items, forgotten, st.integers(0, 12))
def test_two_looks_agree_if_nothing_happened(item: Item, forgotten: Forgotten, version: int) -> None:
    """TX-07: neither look takes an item on which something is pending."""
    if item.held:
        with pytest.raises(NotAllowed):
            transactions.first_look(item, forgotten)
        assert not transactions.is_unchanged(item, forgotten, version)
        return
    seen = transactions.first_look(item, forgotten)
    assert transactions.is_unchanged(item, forgotten, version) == (version == seen)


def test_an_item_that_came_and_went_has_changed() -> None:
    """TX-07: although there is nothing before and after, and the partition keeps nothing of it."""
    version = transactions.first_look(UNKNOWN_ITEM, NEVER_FORGOT)
    made = transactions.write(UNKNOWN_ITEM, NEVER_FORGOT, PUT, 1, 10)
    deleted = transactions.write(made, NEVER_FORGOT, DELETE, 0, 20)
    item, forgotten = transactions.forget(deleted, NEVER_FORGOT)
    assert item == UNKNOWN_ITEM
    assert not transactions.is_unchanged(item, forgotten, version)


# Coordinators and the ledger.


def test_an_item_is_named_once() -> None:
    """TX-02: two actions on one item are refused."""
    assert transactions.name_item(1, is_named=False) == 2
    with pytest.raises(NotAllowed):
        transactions.name_item(1, is_named=True)


@given(st.lists(st.sampled_from([COMMITTED, CANCELLED]), min_size=1))
def test_the_first_decision_counts(attempts: list[int]) -> None:
    """TX-02: of however many coordinators."""
    record = transactions.begin(1, 5, 200)
    assert transactions.decision(record, 1) == RUNNING
    for attempt in attempts:
        try:
            if attempt == COMMITTED:
                record = transactions.decide_to_commit(record, 1, named=2, accepted=2)
            else:
                record = transactions.decide_to_cancel(record, 1)
        except NotAllowed:
            continue
    assert transactions.decision(record, 1) == attempts[0]


def test_a_commit_needs_all_answers() -> None:
    """TX-02: one that is missing may be a refusal."""
    with pytest.raises(NotAllowed):
        transactions.decide_to_commit(transactions.begin(1, 5, 200), 1, named=2, accepted=1)


@given(records)
def test_what_has_no_record_was_cancelled(record: Record) -> None:
    """TX-02: or it would not be pending anywhere. A record of another with the same token does not count."""
    assert transactions.decision(NO_RECORD, 1) == CANCELLED
    assert transactions.decision(record, record.transaction + 1) == CANCELLED
    assert transactions.decision(record, record.transaction) == record.state
    for one in (record, NO_RECORD):
        with pytest.raises(NotAllowed):
            transactions.decide_to_commit(one, record.transaction + 1, 2, 2)
        with pytest.raises(NotAllowed):
            transactions.decide_to_cancel(one, record.transaction + 1)


def test_a_transaction_is_finished_when_all_items_know() -> None:
    """TX-02: so that whoever was told of success reads what was written."""
    running = transactions.begin(1, 5, 200)
    committed = transactions.decide_to_commit(running, 1, named=2, accepted=2)
    assert transactions.finish(committed, 1, named=2, told=2, now_milliseconds=300) == Record(
        COMMITTED, 1, 5, 200, True, 300
    )
    for record, told in ((running, 2), (committed, 1)):
        with pytest.raises(NotAllowed):
            transactions.finish(record, 1, named=2, told=told, now_milliseconds=300)


def test_a_transaction_is_finished_once() -> None:
    """TX-04: another coordinator that is late does not make the ten minutes begin anew."""
    finished = Record(COMMITTED, 1, 5, 200, True, 300)
    with pytest.raises(NotAllowed):
        transactions.finish(finished, 1, named=2, told=2, now_milliseconds=400)


@pytest.mark.parametrize(
    ("record", "content", "expected"),
    [
        (NO_RECORD, 5, BEGUN),
        (Record(RUNNING, 1, 5, 200, False, 0), 5, IN_PROGRESS),
        (Record(COMMITTED, 1, 5, 200, False, 0), 5, IN_PROGRESS),
        (Record(RUNNING, 1, 5, 200, False, 0), 6, MISMATCH),
        (Record(COMMITTED, 1, 5, 200, True, 300), 5, SUCCEEDED),
        (Record(COMMITTED, 1, 5, 200, True, 300), 6, MISMATCH),
        (Record(CANCELLED, 1, 5, 200, True, 300), 5, FAILED),
    ],
)
def test_what_a_token_answers(record: Record, content: int, expected: int) -> None:
    """TX-04: the same body gets what became of the first, another is a mismatch."""
    assert transactions.answer(record, content, 300, 0) == expected


def test_a_token_counts_for_ten_minutes() -> None:
    """TX-04: from the end of its transaction, and by the worst of two readings of a clock."""
    record = Record(COMMITTED, 1, 5, 200, True, 300)
    for error_milliseconds in (0, 25):
        until = 300 + TEN_MINUTES + 2 * error_milliseconds
        assert transactions.answer(record, 5, until - 1, error_milliseconds) == SUCCEEDED
        assert transactions.answer(record, 6, until, error_milliseconds) == BEGUN
        assert transactions.drop(record, until, error_milliseconds) == NO_RECORD
        with pytest.raises(NotAllowed):
            transactions.drop(record, until - 1, error_milliseconds)


def test_a_record_stays_until_its_transaction_is_finished() -> None:
    """TX-04: however long that takes."""
    for state in (RUNNING, COMMITTED, CANCELLED):
        with pytest.raises(NotAllowed):
            transactions.drop(Record(state, 1, 5, 200, False, 0), 10 * TEN_MINUTES, 0)
