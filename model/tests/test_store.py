"""The sequential specification, by its laws and by examples that one can check by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.store import Answered, Refused, Store

HOME, ABROAD = "us-east-1", "eu-west-1"
writes = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", None]), st.integers(0, 2)))


def store() -> Store:
    made = Store(now=1_000_000, restore_lag_seconds=300)
    made.create("t", HOME)
    return made


def held(of: Store, name: str) -> dict[str, str | None]:
    (found,) = of.contents(name, HOME)
    return dict(found)


@given(writes)
def test_a_table_holds_the_last_write_of_each_key(made: list[tuple[str, str | None, int]]) -> None:
    """In one Region nothing is left open."""
    one, plain = store(), dict[str, str]()
    for key, value, seconds in made:
        one.put("t", HOME, key, value)
        one.advance(seconds)
        if value is None:
            plain.pop(key, None)
        else:
            plain[key] = value
    assert held(one, "t") == plain


@given(writes, st.integers(0, 10))
def test_a_restore_to_a_second_is_the_table_of_that_second(
    made: list[tuple[str, str | None, int]], back: int
) -> None:
    """PI-11: what was written up to its end, and nothing of later."""
    one = store()
    one.set_recovery("t", HOME, 35)
    states = {one.now: held(one, "t")}
    for key, value, seconds in made:
        one.put("t", HOME, key, value)
        states[one.now] = held(one, "t")
        one.advance(seconds)
        states[one.now] = held(one, "t")
    second = max(min(states), one.now - back)
    expected = states[max(it for it in states if it <= second)]
    one.advance(400)
    assert isinstance(one.restore_to("t", HOME, second, "r"), Answered)
    assert held(one, "r") == expected


def test_the_window_follows_the_settings() -> None:
    """PI-08 to PI-10, PI-15: it begins with enabling, shrinks at once, and grows with time only."""
    one = store()
    began = one.now
    assert one.window("t", HOME) is None
    one.set_recovery("t", HOME, 2)
    assert one.window("t", HOME) == (began, began)
    one.advance(3 * 86_400)
    assert one.window("t", HOME) == (one.now - 2 * 86_400, one.now - 300)
    one.set_recovery("t", HOME, 1)
    one.set_recovery("t", HOME, 35)
    assert one.window("t", HOME) == (one.now - 86_400, one.now - 300)
    one.set_recovery("t", HOME, None)
    assert one.restore_to("t", HOME, one.now, "r") == Refused("PointInTimeRecoveryUnavailableException")


def test_a_backup_outlives_its_table_and_later_writes() -> None:
    """BK-01, BK-09."""
    one = store()
    one.put("t", HOME, "a", "x")
    one.back_up(0, "t", HOME)
    one.put("t", HOME, "a", "y")
    one.delete("t")
    one.restore_backup(0, "r")
    assert held(one, "r") == {"a": "x"}


def test_what_is_under_way_may_have_come_or_not() -> None:
    """ME-01, ME-02: abroad nothing or the write; settled, the latest of both Regions."""
    one = store()
    one.add_replica("t", ABROAD)
    one.put("t", HOME, "a", "x")
    assert one.get("t", HOME, "a") == Answered(frozenset({"x"}))
    assert one.get("t", ABROAD, "a") == Answered(frozenset({"x", None}))
    one.advance(1)
    one.put("t", ABROAD, "a", "y")
    assert one.get("t", ABROAD, "a") == Answered(frozenset({"y"}))
    assert one.get("t", HOME, "a") == Answered(frozenset({"x", "y"}))
    one.settle()
    assert one.get("t", HOME, "a") == Answered(frozenset({"y"}))


def test_of_two_writes_in_one_second_either_may_win() -> None:
    """ME-05: AWS publishes no tie-break."""
    one = store()
    one.add_replica("t", ABROAD)
    one.put("t", HOME, "a", "x")
    one.put("t", ABROAD, "a", "y")
    one.settle()
    assert one.get("t", HOME, "a") == Answered(frozenset({"x", "y"}))


def test_refusals() -> None:
    """By AWS's codes."""
    one = store()
    assert one.create("t", HOME) == Refused("ResourceInUseException")
    assert one.get("absent", HOME, "a") == Refused("ResourceNotFoundException")
    assert one.back_up(0, "absent", HOME) == Refused("TableNotFoundException")
    one.put("t", HOME, "a", "x")
    assert one.put_if_absent("t", HOME, "a", "y") == Refused("ConditionalCheckFailedException")
    one.tables["t"].protected = True
    assert one.delete("t") == Refused("ValidationException")
