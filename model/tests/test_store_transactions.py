"""The specification of transactions and of secondary indexes: what may be answered, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from stores_by_hand import (
    ABROAD,
    EXACT,
    HOME,
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
    Action,
    Among,
    Promises,
    Refused,
    Shown,
    Store,
    query_index,
    tells_all,
    transact_get,
    transact_write,
)
from ddbproof.model.store.operations import Condition

# -- transactions -----------------------------------------------------------------------------------------

TEN_MINUTES = 600_000


def put(key: str, number: int, condition: Condition | None = None, table: str = "t") -> Action:
    return Action("put", table, key, number, condition)


def add(key: str) -> Action:
    return Action("add", "t", key, 1)


def is_absent(held: int | None) -> bool:
    return held is None


def is_present(held: int | None) -> bool:
    return held is not None


@dataclass(frozen=True)
class Is:
    """A condition that compares by what it says."""

    wanted: int

    def __call__(self, held: int | None) -> bool:
        return held == self.wanted


def cancelled(*reasons: str) -> Refused:
    return Refused("TransactionCanceledException", reasons)


FAILED, OKAY = "ConditionalCheckFailed", "None"
actions = st.builds(
    Action,
    st.sampled_from(("put", "add", "delete", "check")),
    st.just("t"),
    st.sampled_from("abcd"),
    st.integers(1, 3),
    st.none() | st.sampled_from((is_absent, is_present)) | st.builds(Is, st.integers(1, 3)),
)
requests = st.lists(actions, min_size=1, max_size=4, unique_by=lambda action: action.key)


@given(st.lists(requests, max_size=5))
def test_a_transaction_is_done_completely_or_not_at_all(made: list[list[Action]]) -> None:
    """TX-02, TX-09: if all conditions hold each item is as its action says, else none has changed."""
    store, plain = new_store(), dict[str, int]()
    for request in made:
        holding = [one.condition is None or one.condition(plain.get(one.key)) for one in request]
        outcomes = transact_write(store, HOME, request)
        if all(holding):
            assert answers(outcomes) == [Shown()]
            for one in (one for one in request if one.kind != "check"):
                number = one.number + (plain.get(one.key, 0) if one.kind == "add" else 0)
                plain.pop(one.key, None)
                if one.kind != "delete":
                    plain[one.key] = number
        else:
            assert all(one.after == store for one in outcomes)
            assert answers(outcomes)[0] == cancelled(*(OKAY if held else FAILED for held in holding))
        store = outcomes[0].after
        assert held(store, "t") == set(plain.items())


def test_reasons_follow_the_actions_and_may_be_told_in_part() -> None:
    """TX-05: of several conditions that do not hold at least one is named, and none that holds."""
    request = [put("a", 1, is_present), put("b", 1), put("c", 1, is_present)]
    told = answers(transact_write(new_store(), HOME, request))
    assert told == [
        cancelled(FAILED, OKAY, FAILED),
        cancelled(FAILED, OKAY, OKAY),
        cancelled(OKAY, OKAY, FAILED),
    ]


def test_two_actions_on_one_item_are_refused() -> None:
    """TX-02: in either of two ways; on items of one key in two tables they are not."""
    store = only(new_store().create_table(HOME, "u"))
    refused = transact_write(store, HOME, [put("a", 1), put("a", 2)])
    assert answers(refused) == [Refused("ValidationException"), Refused("TransactionCanceledException")]
    assert all(one.after == store for one in refused)
    done = only(transact_write(store, HOME, [put("a", 1), put("a", 2, table="u")]))
    assert held(done, "t") == {("a", 1)}
    assert held(done, "u") == {("a", 2)}  # TX-11


def test_a_transaction_on_a_table_that_is_not_there_does_nothing() -> None:
    """Nor does one that would be cancelled as well; which is told is open."""
    store = new_store()
    missing, either = put("a", 1, table="none"), cancelled(FAILED, OKAY)
    assert answers(transact_write(store, HOME, [missing])) == [Refused("ResourceNotFoundException")]
    outcomes = transact_write(store, HOME, [put("a", 1, is_present), missing], "token")
    assert answers(outcomes) == [Refused("ResourceNotFoundException"), either]
    assert all(one.after == store for one in outcomes)


def test_a_client_token_counts_for_ten_minutes() -> None:
    """TX-04: a repetition changes nothing, another request is refused; afterwards both are new."""
    request, other = [add("a")], [add("b")]
    store = only(transact_write(new_store(), HOME, request, "token")).advance(TEN_MINUTES - 1)
    again = only(transact_write(store, HOME, request, "token"))
    assert held(again, "t") == {("a", 1)}
    mismatch = transact_write(store, HOME, other, "token")
    assert answers(mismatch) == [Refused("IdempotentParameterMismatchException")]
    # The time counts from the first request, whatever came since.
    late = again.advance(2)
    assert held(only(transact_write(late, HOME, request, "token")), "t") == {("a", 2)}
    assert held(only(transact_write(late, HOME, other, "token")), "t") == {("a", 1), ("b", 1)}
    # Another Region, and no token, know nothing of it.
    assert held(only(transact_write(store, HOME, request)), "t") == {("a", 2)}


def test_as_its_time_ends_a_token_counts_or_not() -> None:
    """TX-04: within the clock's error nobody can say; and the answer does not say what was done."""
    store = only(transact_write(new_store(CONTRACT), HOME, [add("a")], "token"))
    for early, count in ((-1_001, 1), (-1_000, 2), (1_000, 2), (1_001, 1)):
        outcomes = transact_write(store.advance(TEN_MINUTES + early), HOME, [add("a")], "token")
        assert [len(outcomes), tells_all(outcomes)] == [count, count == 1]
    # Where it is seen it can be asked for.
    other = transact_write(store.advance(TEN_MINUTES), HOME, [put("a", 9)], "token")
    assert answers(other) == [Shown(), Refused("IdempotentParameterMismatchException")]
    assert tells_all(other)


def test_what_a_cancelled_transactions_token_stands_for_is_open() -> None:
    """TX-04 says it of what has succeeded: it may be tried again, or be told the same."""
    request, other = [put("a", 1, is_present)], [put("a", 2)]
    store = transact_write(new_store(), HOME, request, "token")[0].after
    there = written(store, "a", 7)
    assert answers(transact_write(there, HOME, request, "token")) == [
        Shown(),
        Refused("TransactionCanceledException"),
    ]
    new, refused = transact_write(store, HOME, other, "token")
    assert (new.answer, refused.answer) == (Shown(), Refused("IdempotentParameterMismatchException"))
    # What was taken as new is what the token stands for.
    assert answers(transact_write(new.after, HOME, other, "token")) == [Shown()]
    mismatch = [Refused("IdempotentParameterMismatchException")]
    assert answers(transact_write(new.after, HOME, request, "token")) == mismatch
    # And when its time is over, nothing is left of it.
    assert answers(transact_write(there.advance(TEN_MINUTES + 1), HOME, request, "token")) == [Shown()]


def test_a_transactional_read_shows_items_in_the_order_of_the_request() -> None:
    """TX-07, TX-08: nothing where there is nothing; of a table that is not there it is refused."""
    store = only(transact_write(new_store(), HOME, [put("a", 1), put("b", 2)]))
    asked = [("t", "b"), ("t", "none"), ("t", "a")]
    assert answers(transact_get(store, HOME, asked)) == [Shown((2, None, 1))]
    refused = [Refused("ResourceNotFoundException")]
    assert answers(transact_get(store, HOME, [*asked, ("none", "a")])) == refused


def test_other_regions_get_a_transaction_in_parts() -> None:
    """ME-15: any part while it is under way, also in a read of its own; all of it once everything has arrived."""
    store = only(transact_write(replicated(), HOME, [put("a", 1), put("b", 2)]))
    both = [("t", "a"), ("t", "b")]
    assert answers(transact_get(store, HOME, both)) == [Shown((1, 2))]
    parts = [Shown((a, b)) for a in (None, 1) for b in (None, 2)]
    assert answers(transact_get(store, ABROAD, both)) == parts
    assert answers(transact_get(store.settle(), ABROAD, both)) == [Shown((1, 2))]


def test_what_cannot_be_known_of_an_addition_is_not_told() -> None:
    """The answer shows no sum, so where it is open what there was, the answer leaves two stores."""
    store = written(replicated(), "a", 5)
    assert tells_all(transact_write(store, HOME, [add("a")]))
    abroad = transact_write(store, ABROAD, [add("a")])
    assert answers(abroad) == [Shown(), Shown()]
    assert not tells_all(abroad)
    assert tells_all(transact_write(store, ABROAD, [put("a", 6)]))


def test_a_restore_may_hold_a_part_of_a_transaction_that_propagated() -> None:
    """RS-08: for a minute, as nobody says how long; where an endpoint is exact it holds all of it."""
    request = [put("a", 1), put("b", 2)]
    for promises, count in ((CONTRACT, 4), (EXACT, 1)):
        store = only(Store(250, promises).create_table(HOME, "t"))
        store = only(store.set_recovery(HOME, "t", 35)).advance(20_000)
        store = only(transact_write(store, HOME, request)).advance(500_000)
        for second, held_by in ((40, count), (120, 1)):
            restored = only(store.restore_to(HOME, "t", second, f"r{second}"))
            assert len(answers(restored.scan(HOME, f"r{second}"))) == held_by


def test_a_backup_may_hold_a_part_of_a_recent_transaction() -> None:
    """BK-03, TX-06: within its band; once the band is past it holds all of it (BK-02)."""
    store = only(transact_write(new_store(CONTRACT), HOME, [put("a", 1), put("b", 2)]))
    for waited, count in ((0, 4), (70_000, 1)):
        backed_up = only(store.advance(waited).create_backup(HOME, "t", "b"))
        assert len(answers(only(backed_up.restore_backup("b", HOME, "r")).scan(HOME, "r"))) == count


# -- indexes ----------------------------------------------------------------------------------------------


def indexed(promises: Promises = EXACT) -> Store:
    return only(Store(0, promises).create_table(HOME, "t", indexed=True))


def among(*numbers: int) -> Among:
    return Among(frozenset(("k", number) for number in numbers))


def entry(*numbers: int) -> Shown:
    return Shown(frozenset(("k", number) for number in numbers))


@given(writes, writes)
def test_an_index_holds_what_the_table_holds_once_all_has_settled(
    before: list[tuple[str, int | None, int]], after: list[tuple[str, int | None, int]]
) -> None:
    """IX-01, IX-02: and never what no item was since."""
    store = indexed()
    for key, value, _ in before:
        store = written(store, key, value)
    store = store.settle()
    there = held(store, "t")
    for key in "ab":
        expected = frozenset(one for one in there if one[0] == key)
        assert answers(query_index(store, HOME, "t", key)) == [Shown(expected)]
    for key, value, _ in after:
        store = written(store, key, value)
    been = there | {(key, value) for key, value, _ in after if value is not None}
    for key in "ab":
        (answer,) = answers(query_index(store, HOME, "t", key))
        since = {one for one in been if one[0] == key}
        assert answer in (Among(frozenset(since)), Shown(frozenset(since)))


def test_an_index_may_show_any_state_since_all_had_settled() -> None:
    """IX-01: what came before is no more to be seen, nor is what came and went."""
    store = written(indexed(), "k", 1)
    assert answers(query_index(store, HOME, "t", "k")) == [among(1)]
    store = written(written(store, "k", 2).settle(), "k", 3)
    assert answers(query_index(store, HOME, "t", "k")) == [among(2, 3)]
    store = written(store, "k", None)
    assert answers(query_index(store, HOME, "t", "k")) == [among(2, 3)]
    assert answers(query_index(store.settle(), HOME, "t", "k")) == [entry()]


def test_an_index_goes_along_with_its_table() -> None:
    """BK-07, ME-08: to other Regions and into restored tables, which have it filled once all has settled."""
    store = written(indexed(), "k", 1)
    store = only(only(store.add_replica(HOME, "t", ABROAD)).create_backup(HOME, "t", "b"))
    store = store.delete_table(HOME, "t", "none")[0].after
    store = only(store.restore_backup("b", HOME, "r"))
    assert answers(query_index(store, HOME, "r", "k")) == [among(1)]
    store = store.settle()
    assert answers(query_index(store, HOME, "r", "k")) == [entry(1)]
    assert answers(query_index(store, ABROAD, "t", "k")) == [entry(1)]


def test_a_tie_that_an_index_has_shown_is_decided() -> None:
    """ME-02: its table shows the same."""
    store = only(indexed(CONTRACT).add_replica(HOME, "t", ABROAD))
    store = store.put_item(HOME, "t", "k", 1)[0].after
    store = store.put_item(ABROAD, "t", "k", 2)[0].after.settle()
    shown = query_index(store, HOME, "t", "k")
    assert answers(shown) == [entry(1), entry(2)]
    assert answers(shown[0].after.get_item(ABROAD, "t", "k")) == [Shown(1)]


def test_an_index_that_is_not_there_shows_nothing() -> None:
    """Nor one of a table that is not there."""
    assert answers(query_index(new_store(), HOME, "t", "k")) == [Refused("ValidationException")]
    assert answers(query_index(new_store(), HOME, "none", "k")) == [Refused("ResourceNotFoundException")]
