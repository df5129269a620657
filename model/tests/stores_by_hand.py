"""Stores of the specification, made and read by hand."""

from __future__ import annotations

from hypothesis import strategies as st

from ddbproof.model.store import Answer, Outcomes, Promises, Shown, Store

HOME, ABROAD = "us-east-1", "eu-west-1"
EXACT = Promises(
    clock_error=0,
    backup_band=0,
    restore_granularity=0,
    transaction_propagation=0,
    restore_lag=(300_000, 300_000),
)
DAY = 86_400_000
Items = frozenset[tuple[str, int]]
writes = st.lists(
    st.tuples(st.sampled_from("ab"), st.none() | st.integers(1, 3), st.sampled_from((0, 250, 1_000, 1_500)))
)


def only(outcomes: Outcomes) -> Store:
    """The store after what could end in one way only, and well."""
    (outcome,) = outcomes
    assert isinstance(outcome.answer, Shown)
    return outcome.after


def answers(outcomes: Outcomes) -> list[Answer]:
    return [one.answer for one in outcomes]


def new_store(promises: Promises = EXACT) -> Store:
    return only(Store(0, promises).create_table(HOME, "t"))


def replicated(promises: Promises = EXACT) -> Store:
    return only(new_store(promises).add_replica(HOME, "t", ABROAD))


def held(store: Store, name: str, region: str = HOME) -> Items:
    (answer,) = answers(store.scan(region, name))
    assert isinstance(answer, Shown)
    assert isinstance(answer.what, frozenset)
    return answer.what


def written(store: Store, key: str, value: int | None, region: str = HOME) -> Store:
    if value is None:
        return only(store.delete_item(region, "t", key))
    return only(store.put_item(region, "t", key, value))
