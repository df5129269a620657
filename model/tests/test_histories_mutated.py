"""Right histories that were made wrong in the ways in which stores go wrong: most of it has to be found.

Not all can be: an old value is a right answer while the newer write is still under way. The search says so too whenever the
zones find nothing; besides, each kind of mutation has a rate that is required.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import UNSET, structs

from ddbproof.model.histories import register, register_fast, simulated, transactions, wgl
from ddbproof.model.histories.operations import Ok, Operation, Step, Transaction, Violation

SEEDS = range(40)
Mutation = Callable[[list[Operation], random.Random], list[Operation] | None]
Rewriting = Callable[[list[Transaction], random.Random], list[Transaction] | None]


def stale_read(history: list[Operation], chance: random.Random) -> list[Operation] | None:
    """A read shows an item three versions older than the one it saw."""
    before: dict[object, Any] = {one.value: one.observed for one in history if one.kind == "cas"}
    before |= {one.value: one.seen for one in history if one.kind == "write" and one.seen is not UNSET}

    def older(value: Any) -> Any:
        for _ in range(3):
            value = before.get(value, UNSET)
        return value

    places = [
        place for place, one in enumerate(history) if one.kind == "read" and older(one.value) is not UNSET
    ]
    if not places:
        return None
    place = chance.choice(places)
    return changed(history, place, structs.replace(history[place], value=older(history[place].value)))


def lost_write(history: list[Operation], chance: random.Random) -> list[Operation] | None:
    """An acknowledged write that others saw is gone for whoever saw it: they saw what was before."""
    writes = [one for one in history if one.kind == "write" and one.outcome == "ok"]
    seen = {one.observed for one in history}
    lost = [one for one in writes if one.value in seen]
    if not lost:
        return None
    gone = chance.choice(lost)

    def before(one: Operation) -> Operation:
        if one.kind == "read" and one.value == gone.value:
            return structs.replace(one, value=None if gone.seen is UNSET else gone.seen)
        return structs.replace(one, seen=gone.seen) if one.seen == gone.value else one

    return [before(one) for one in history]


def duplicated_write(history: list[Operation], chance: random.Random) -> list[Operation] | None:
    """A write takes effect once more, long after: a late read shows its value again."""
    reads = [place for place, one in enumerate(history) if one.kind == "read"]
    writes = [one for one in history if one.kind == "write" and one.outcome == "ok"]
    late = [place for place in reads if place > len(history) * 2 // 3]
    early = [one for one in writes if one.returned < history[len(history) // 3].invoke]
    if not late or not early:
        return None
    place = chance.choice(late)
    same = [one for one in early if one.key == history[place].key]
    return (
        changed(history, place, structs.replace(history[place], value=chance.choice(same).value))
        if same
        else None
    )


def swapped_order(history: list[Operation], chance: random.Random) -> list[Operation] | None:
    """Two reads, one after the other, got each other's answers."""
    reads = [place for place, one in enumerate(history) if one.kind == "read"]
    pairs = [
        (first, second)
        for first in reads
        for second in reads
        if history[first].returned < history[second].invoke and history[first].value != history[second].value
    ]
    if not pairs:
        return None
    first, second = chance.choice(pairs)
    swapped = changed(history, first, structs.replace(history[first], value=history[second].value))
    return changed(swapped, second, structs.replace(history[second], value=history[first].value))


def changed(history: list[Operation], place: int, one: Operation) -> list[Operation]:
    return [*history[:place], one, *history[place + 1 :]]


REQUIRED: dict[Mutation, float] = {
    stale_read: 0.9,
    lost_write: 0.95,
    duplicated_write: 0.95,
    swapped_order: 0.95,
}


@pytest.mark.parametrize("mutation", REQUIRED, ids=lambda one: one.__name__)
def test_mutated_histories_are_found(mutation: Mutation) -> None:
    """By the three checkers alike, as often as is required of this mutation."""
    mix = simulated.Mix(clients=4, writes=0.35, conditional=0.15, lost_answers=0.03)
    found = tried = 0
    for seed in SEEDS:
        history = simulated.operations(80, mix, seed)
        assert isinstance(register.check(history), Ok)
        mutant = mutation(history, random.Random(seed))
        if mutant is None:
            continue
        tried += 1
        verdicts = [check(mutant) for check in (register.check, register_fast.check, wgl.check)]
        assert len({type(one) for one in verdicts}) == 1
        found += isinstance(verdicts[0], Violation)
    assert tried >= len(SEEDS) * 0.8
    assert found / tried >= REQUIRED[mutation], f"{found} of {tried}"


def fractured_read(history: list[Transaction], chance: random.Random) -> list[Transaction] | None:
    """A read of several items shows one of them as it was before the newest write it saw of it."""
    before: dict[tuple[str, Any], Any] = {(step.key, step.value): step.seen for step in writes_of(history)}
    together = {
        (step.key, step.value): len(one.steps)
        for one in history
        for step in one.steps
        if step.kind == "write"
    }
    places = [
        (place, number)
        for place, one in enumerate(history)
        for number, step in enumerate(one.steps)
        if step.kind == "read" and len(one.steps) > 1 and together.get((step.key, step.value), 0) > 1
    ]
    if not places:
        return None
    place, number = chance.choice(places)
    return with_step(history, place, number, before)


def stale_transaction(history: list[Transaction], chance: random.Random) -> list[Transaction] | None:
    """A read of one item shows what was there before."""
    before: dict[tuple[str, Any], Any] = {(step.key, step.value): step.seen for step in writes_of(history)}
    places = [
        place
        for place, one in enumerate(history)
        if one.steps[0].kind == "read" and (one.steps[0].key, one.steps[0].value) in before
    ]
    return with_step(history, chance.choice(places), 0, before) if places else None


def lost_transaction(history: list[Transaction], chance: random.Random) -> list[Transaction] | None:
    """A transaction replaced what another, acknowledged one had already replaced."""
    before: dict[tuple[str, Any], Any] = {(step.key, step.value): step.seen for step in writes_of(history)}
    places = [
        place
        for place, one in enumerate(history)
        if one.outcome == "ok"
        and one.steps[0].kind == "write"
        and (one.steps[0].key, one.steps[0].seen) in before
    ]
    if not places:
        return None
    place = chance.choice(places)
    step = history[place].steps[0]
    step = structs.replace(step, seen=before[step.key, step.seen])
    one = structs.replace(history[place], steps=(step, *history[place].steps[1:]))
    return [*history[:place], one, *history[place + 1 :]]


def writes_of(history: Sequence[Transaction]) -> list[Step]:
    return [step for one in history for step in one.steps if step.kind == "write" and one.outcome == "ok"]


def with_step(
    history: list[Transaction], place: int, number: int, before: dict[tuple[str, Any], Any]
) -> list[Transaction] | None:
    step = history[place].steps[number]
    old = before.get((step.key, step.value), UNSET)
    if old is UNSET:
        return None
    steps = list(history[place].steps)
    steps[number] = Step(step.key, "read", old)
    return [*history[:place], structs.replace(history[place], steps=tuple(steps)), *history[place + 1 :]]


REQUIRED_OF_TRANSACTIONS: dict[Rewriting, float] = {
    fractured_read: 0.7,
    stale_transaction: 0.65,
    lost_transaction: 1.0,
}


@pytest.mark.parametrize("mutation", REQUIRED_OF_TRANSACTIONS, ids=lambda one: one.__name__)
def test_mutated_transactions_are_found(
    mutation: Rewriting,
) -> None:
    """As often as is required of this mutation."""
    mix = simulated.Mix(clients=4, keys=4, lost_answers=0.03)
    found = tried = 0
    for seed in SEEDS:
        history = simulated.transactions(80, mix, seed)
        assert isinstance(transactions.check(history).strict, Ok)
        mutant = mutation(history, random.Random(seed))
        if mutant is not None:
            tried += 1
            found += isinstance(transactions.check(mutant).strict, Violation)
    assert tried >= len(SEEDS) * 0.8
    assert found / tried >= REQUIRED_OF_TRANSACTIONS[mutation], f"{found} of {tried}"
