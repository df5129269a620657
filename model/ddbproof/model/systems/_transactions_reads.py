"""Read transactions: two looks at each item, and the position in the order of commits that success has.

A part of the system `transactions`, which see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, forall, implies, neg, same_truth
from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._transactions_state import (
    ITEM,
    READER,
    TRANSACTION,
    ItemKey,
    ReaderKey,
    Seen,
    State,
    forgotten_by_home,
    replace,
    same,
    version_is,
    writes,
)
from ddbproof.model.systems._transactions_system import system


@system.action
def look(state: State, reader: ReaderKey, item: ItemKey) -> State:
    """A read transaction looks at another of its items for the first time."""
    before, seen, found = state.readers[reader], state.seen[reader], state.items[item]
    require(neg(before.again))
    named = transactions.name_item(before.named, seen[item].place > 0)
    version = transactions.first_look(found, forgotten_by_home(state, item))
    sight = Seen(named, version, transactions.read(found), state.pasts[item].count, False)
    return replace(
        state,
        readers=state.readers.put(reader, replace(before, named=named)),
        seen=state.seen.put(reader, seen.put(item, sight)),
    )


@system.action
def begin_again(state: State, reader: ReaderKey) -> State:
    """It has all first looks, and begins the second ones."""
    before = state.readers[reader]
    require(neg(before.again))
    after = replace(before, again=True, position=state.positions)
    return replace(state, readers=state.readers.put(reader, after))


@system.action
def look_again(state: State, reader: ReaderKey, item: ItemKey) -> State:
    """It looks at an item again, and finds it unchanged or not."""
    before, seen = state.readers[reader], state.seen[reader]
    require(before.again)
    require(seen[item].place > 0)
    unchanged = transactions.is_unchanged(
        state.items[item], forgotten_by_home(state, item), seen[item].version
    )
    if unchanged:
        sight = replace(seen[item], unchanged=True)
        return replace(state, seen=state.seen.put(reader, seen.put(item, sight)))
    return replace(state, readers=state.readers.put(reader, replace(before, refused=True)))


@system.action
def hear_unchanged(state: State, reader: ReaderKey, item: ItemKey) -> State:
    """It counts the next item's answer that it is unchanged."""
    before, sight = state.readers[reader], state.seen[reader][item]
    require(sight.unchanged)
    require(sight.place == before.unchanged + 1)
    after = replace(before, unchanged=before.unchanged + 1)
    return replace(state, readers=state.readers.put(reader, after))


@system.action
def succeed(state: State, reader: ReaderKey) -> State:
    """It has all these answers: what it saw at first is its answer."""
    before = state.readers[reader]
    require(before.again)
    require(transactions.have_all(before.named, before.unchanged))
    return replace(state, readers=state.readers.put(reader, replace(before, succeeded=True)))


# What holds.


@system.invariant
def readers_look(state: State) -> Iterator[Any]:
    """What a reader saw was a version; if the partition still has the number it saw, that version stands."""
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            state.seen[r][i].place > 0,
            both(
                state.seen[r][i].number >= 0,
                state.seen[r][i].number <= state.pasts[i].count,
                same(state.seen[r][i].shown, state.pasts[i].entries[state.seen[r][i].number].shown),
                version_is(state, i, lambda v: v >= state.seen[r][i].version),
                version_is(
                    state,
                    i,
                    lambda v: implies(
                        v == state.seen[r][i].version, state.seen[r][i].number == state.pasts[i].count
                    ),
                ),
            ),
        )
    )
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            both(state.readers[r].again, state.seen[r][i].place > 0),
            state.pasts[i].entries[state.seen[r][i].number].position <= state.readers[r].position,
        )
    )
    yield forall(READER)(
        lambda r: both(
            state.readers[r].position <= state.positions, state.readers[r].unchanged <= state.readers[r].named
        )
    )
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            state.seen[r][i].unchanged, both(state.readers[r].again, state.seen[r][i].place > 0)
        )
    )
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            state.seen[r][i].unchanged,
            both(
                implies(
                    state.seen[r][i].number < state.pasts[i].count,
                    state.pasts[i].entries[state.seen[r][i].number + 1].position > state.readers[r].position,
                ),
                implies(
                    both(
                        state.items[i].held,
                        state.fates[state.items[i].pending.transaction].committed,
                    ),
                    state.fates[state.items[i].pending.transaction].position > state.readers[r].position,
                ),
            ),
        )
    )
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            both(state.seen[r][i].place > 0, state.seen[r][i].place <= state.readers[r].unchanged),
            state.seen[r][i].unchanged,
        )
    )
    yield forall(READER)(
        lambda r: implies(
            state.readers[r].succeeded,
            both(state.readers[r].again, state.readers[r].unchanged == state.readers[r].named),
        )
    )


@system.invariant
def readers_have_a_place(state: State) -> Iterator[Any]:
    """Once an item was found unchanged, the reader sees what was decided up to its position, and nothing else."""
    yield forall(TRANSACTION, ITEM)(
        lambda t, i: implies(
            both(writes(state, t, i), state.parts[t][i].committed),
            both(
                state.parts[t][i].number < state.pasts[i].count,
                state.fates[t].position <= state.pasts[i].entries[state.pasts[i].count].position,
            ),
        )
    )
    yield forall(READER, TRANSACTION, ITEM)(
        lambda r, t, i: implies(
            both(state.seen[r][i].unchanged, state.fates[t].committed, writes(state, t, i)),
            same_truth(
                state.seen[r][i].number > state.parts[t][i].number,
                state.fates[t].position <= state.readers[r].position,
            ),
        )
    )


# Promises.


@system.safe("TX-03", "TX-07")
def SAFE_a_snapshot(state: State) -> Iterator[Any]:
    """A read transaction that succeeds has a position, and of each item the last version up to there."""
    yield forall(READER, ITEM)(
        lambda r, i: implies(
            both(state.readers[r].succeeded, state.seen[r][i].place > 0),
            both(
                same(state.seen[r][i].shown, state.pasts[i].entries[state.seen[r][i].number].shown),
                state.pasts[i].entries[state.seen[r][i].number].position <= state.readers[r].position,
                implies(
                    state.seen[r][i].number < state.pasts[i].count,
                    state.pasts[i].entries[state.seen[r][i].number + 1].position > state.readers[r].position,
                ),
                implies(
                    both(
                        state.items[i].held,
                        state.fates[state.items[i].pending.transaction].committed,
                    ),
                    state.fates[state.items[i].pending.transaction].position > state.readers[r].position,
                ),
            ),
        )
    )


@system.safe("TX-07")
def SAFE_all_changes_or_none(state: State) -> Iterator[Any]:
    """Of a transaction that writes two of its items, a read transaction that succeeds sees both changes or neither."""
    yield forall(READER, TRANSACTION, ITEM, ITEM)(
        lambda r, t, i, j: implies(
            both(
                state.readers[r].succeeded,
                state.seen[r][i].place > 0,
                state.seen[r][j].place > 0,
                state.fates[t].committed,
                writes(state, t, i),
                writes(state, t, j),
                state.seen[r][i].number > state.parts[t][i].number,
            ),
            state.seen[r][j].number > state.parts[t][j].number,
        )
    )
