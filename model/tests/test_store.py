"""The sequential specification, by its laws and by examples that one can check by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores_by_hand import (
    ABROAD,
    DAY,
    HOME,
    Items,
    answers,
    held,
    new_store,
    only,
    replicated,
    writes,
    written,
)

from ddbproof.model.store import (
    CONTRACT,
    Refused,
    Shown,
    Store,
    Window,
)


@given(writes)
def test_a_table_holds_the_last_write_of_each_key(made: list[tuple[str, int | None, int]]) -> None:
    """RC-03, RC-08: in one Region nothing is left open."""
    store, plain = new_store(), dict[str, int]()
    for key, value, milliseconds in made:
        store = written(store, key, value).advance(milliseconds)
        plain.pop(key, None)
        if value is not None:
            plain[key] = value
    assert held(store, "t") == set(plain.items())


@given(writes, st.integers(0, 10))
def test_a_restore_to_a_second_is_the_table_at_that_instant(
    made: list[tuple[str, int | None, int]], second: int
) -> None:
    """PI-11: what was written up to it, and nothing of later."""
    # No write falls on a whole second: of one that does, nobody says on which side it is.
    store = only(new_store().advance(100).set_recovery(HOME, "t", 35))
    expected: Items = frozenset()
    for key, value, milliseconds in made:
        store = written(store, key, value)
        if store.now <= second * 1_000:
            expected = held(store, "t")
        store = store.advance(milliseconds)
    store = store.advance(400_000)
    if second == 0:
        # The window begins there, and its ends are nobody's contract.
        return
    assert held(only(store.restore_to(HOME, "t", second, "r")), "r") == expected


@given(writes, writes)
def test_a_backup_holds_what_was_there_and_nothing_after(
    before: list[tuple[str, int | None, int]], after: list[tuple[str, int | None, int]]
) -> None:
    """BK-01, BK-02: where an endpoint is exact to the moment."""
    store = new_store()
    for key, value, milliseconds in before:
        store = written(store, key, value).advance(milliseconds)
    there, store = held(store, "t"), only(store.create_backup(HOME, "t", "b"))
    for key, value, milliseconds in after:
        store = written(store, key, value).advance(milliseconds)
    assert held(only(store.restore_backup("b", HOME, "r")), "r") == there


@given(st.lists(st.tuples(st.sampled_from((HOME, ABROAD)), st.none() | st.integers(1, 9)), max_size=5))
def test_regions_agree_once_everything_has_arrived(made: list[tuple[str, int | None]]) -> None:
    """ME-02: what one shows of a tie, the other shows as well."""
    store = replicated()
    for number, (region, value) in enumerate(made):
        # Each number tells which write it is from; writes of one instant are ties.
        new = None if value is None else 10 * number + value
        store = store.put_item(region, "t", "k", new)[0].after if new else _deleted(store, region)
    store = store.settle()
    for here in store.get_item(HOME, "t", "k"):
        there = answers(here.after.get_item(ABROAD, "t", "k"))
        if isinstance(here.answer, Shown) and here.answer.what is not None:
            assert there == [here.answer]
        else:
            assert here.answer in there


def _deleted(store: Store, region: str) -> Store:
    return store.delete_item(region, "t", "k")[0].after


def test_a_write_under_way_may_be_seen_or_not() -> None:
    """ME-01: in the Region where it was made it is there at once, elsewhere sooner or later."""
    store = written(replicated(), "k", 1)
    assert answers(store.get_item(HOME, "t", "k")) == [Shown(1)]
    assert answers(store.get_item(ABROAD, "t", "k")) == [Shown(None), Shown(1)]
    assert answers(store.settle().get_item(ABROAD, "t", "k")) == [Shown(1)]


def test_a_later_write_elsewhere_wins() -> None:
    """ME-02: by its instant, where the clocks can be told apart."""
    store = written(replicated(), "k", 1).advance(10)
    store = store.put_item(ABROAD, "t", "k", 2)[0].after.settle()
    assert answers(store.get_item(HOME, "t", "k")) == [Shown(2)]


def test_what_clocks_cannot_tell_is_a_tie() -> None:
    """ME-05: with clocks that differ by a second, either of two writes 10 ms apart survives."""
    store = written(replicated(CONTRACT), "k", 1).advance(10)
    store = store.put_item(ABROAD, "t", "k", 2)[0].after.settle()
    assert answers(store.get_item(HOME, "t", "k")) == [Shown(1), Shown(2)]


def test_a_deletion_is_a_write_like_any_other() -> None:
    """ME-18: an earlier write that arrives after it stays beaten."""
    store = written(replicated(), "k", 1).advance(10)
    store = store.put_item(ABROAD, "t", "k", 2)[0].after.advance(10)
    store = store.delete_item(HOME, "t", "k")[0].after.settle()
    assert answers(store.get_item(ABROAD, "t", "k")) == [Shown(None)]


def test_the_window_follows_the_settings() -> None:
    """PI-08 to PI-10, PI-15: it begins with enabling, shrinks at once, and grows with time only."""
    store = only(new_store().set_recovery(HOME, "t", 35)).advance(10 * DAY)
    assert store.window(HOME, "t") == (0, 10 * DAY - 300_000, 10 * DAY - 300_000)
    store = only(store.set_recovery(HOME, "t", 2))
    assert (store.window(HOME, "t") or (0,))[0] == 8 * DAY
    store = only(store.set_recovery(HOME, "t", 35)).advance(DAY)
    assert (store.window(HOME, "t") or (0,))[0] == 8 * DAY
    store = only(only(store.set_recovery(HOME, "t", None)).set_recovery(HOME, "t", 35))
    assert (store.window(HOME, "t") or (0,))[0] == 11 * DAY


@pytest.mark.parametrize("days", [0, 36])
def test_a_period_is_1_to_35_days(days: int) -> None:
    """PI-06."""
    assert answers(new_store().set_recovery(HOME, "t", days)) == [Refused(None)]


def test_outside_the_window_nothing_is_restored() -> None:
    """PI-12, PI-13: before it, after it, and onto a name that is taken."""
    store = only(new_store().advance(5_000).set_recovery(HOME, "t", 35)).advance(400_000)
    refused = [Refused("InvalidRestoreTimeException")]
    assert answers(store.restore_to(HOME, "t", 3, "r")) == refused
    assert answers(store.restore_to(HOME, "t", 108, "r")) == refused
    assert answers(store.restore_to(HOME, "t", 50, "t")) == [Refused("TableAlreadyExistsException")]
    off = only(store.set_recovery(HOME, "t", None))
    assert answers(off.restore_to(HOME, "t", 50, "r")) == [Refused("PointInTimeRecoveryUnavailableException")]


def test_deletion_leaves_a_system_backup_of_35_days() -> None:
    """BK-16, PI-21: with recovery on, and only then; protected tables stay (CTL-03)."""
    store = written(only(new_store().set_recovery(HOME, "t", 35)), "k", 1).advance(10)
    protected = only(store.protect(HOME, "t", protected=True))
    assert answers(protected.delete_table(HOME, "t", "s")) == [Refused("ValidationException")]
    gone = only(store.delete_table(HOME, "t", "s"))
    assert answers(gone.describe_table(HOME, "t")) == [Refused("ResourceNotFoundException")]
    assert held(only(gone.restore_backup("s", HOME, "r")), "r") == {("k", 1)}
    late = gone.advance(35 * DAY + 1)
    assert answers(late.restore_backup("s", HOME, "r")) == [Refused("BackupNotFoundException")]
    assert "s" not in only(new_store().delete_table(HOME, "t", "s")).backups


def test_settings_are_each_replicas_own() -> None:
    """GT-14, PI-20."""
    store = only(only(replicated().set_recovery(HOME, "t", 35)).protect(HOME, "t", protected=True))
    assert answers(store.describe_recovery(ABROAD, "t")) == [Shown("DISABLED")]
    (shown,) = answers(store.describe_recovery(HOME, "t"))
    assert isinstance(shown, Shown)
    assert isinstance(shown.what, Window)
    assert shown.what.days == 35
    assert not store.tables[ABROAD, "t"].protected


def test_a_condition_is_judged_on_what_the_region_has() -> None:
    """ME-07, RC-08: and a refused write changes nothing."""
    store = written(replicated(), "k", 1)
    allowed = answers(store.put_item(ABROAD, "t", "k", 2, lambda held: held is None))
    assert allowed == [Shown(None), Refused("ConditionalCheckFailedException")]
    refused = store.put_item(HOME, "t", "k", 2, lambda held: held is None)
    assert [one.after for one in refused] == [store]
