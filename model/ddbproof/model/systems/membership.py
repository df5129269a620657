"""Replacing members of a replication group of three, while writes run and messages of any age arrive.

The kernel is `kernel/membership.py`. There is one log, whose entry at an index is fixed: which leader wrote it, and
what becomes of entries that were never acknowledged, is the business of `replication`. Every entry adds one to the
number at its position, so that a lost entry shows as well as one that is applied twice; `held_at[n]` is
what the first n entries amount to. Any entry may reach any replica at any time, any number of times or never.

What a replica said stays said: `said[c][r]` is the furthest end that r stated in configuration c, and
`promised[c][r]` the end stated with its promise of c. A leader of any configuration that ever began may acknowledge from
those at any later time, and a snapshot of any age may be used. Replicas have no memory apart from their disk here,
so a crash is a replica that takes no step, for as long as it likes; one whose disk is lost comes back as another.

State and steps are in `_membership_steps.py`. Here is what always holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg
from ddbproof.model.kernel.membership import Replica, Trio
from ddbproof.model.systems._membership_steps import INDEX, NODE, NUMBER, POSITION, State, system


def _among(trio: Trio, node: int) -> Any:
    """That a replica is a member, said again without the kernel."""
    return either(trio.first == node, trio.second == node, trio.third == node)


def _two(first: Any, second: Any, third: Any) -> Any:
    return either(both(first, second), both(first, third), both(second, third))


def _two_members(state: State, holds: Callable[[Replica], Any]) -> Any:
    """That something is true of two of the three members of today."""
    trio = state.group.members
    return _two(*(holds(state.replicas[node]) for node in (trio.first, trio.second, trio.third)))


@system.invariant
def counted(state: State) -> Iterator[Any]:
    """What the log amounts to follows entry by entry."""
    yield both(state.length >= 0, state.group.number >= 0)
    yield both(state.group.floor >= 0, state.group.floor <= state.length)
    yield forall(INDEX, POSITION)(
        lambda i, p: implies(
            both(i >= 0, i < state.length, state.log[i] == p),
            state.held_at[i + 1][p] == state.held_at[i][p] + 1,
        )
    )
    yield forall(INDEX, POSITION)(
        lambda i, p: implies(
            both(i >= 0, i < state.length, state.log[i] != p),
            state.held_at[i + 1][p] == state.held_at[i][p],
        )
    )
    yield forall(INDEX, POSITION)(
        lambda i, p: implies(state.taken[i], state.snapshots[i][p] == state.held_at[i][p])
    )
    yield forall(INDEX)(lambda i: implies(state.taken[i], both(i >= 0, i <= state.length)))
    yield forall(POSITION)(lambda p: state.held_at[0][p] == 0)


@system.invariant
def bounds(state: State) -> Iterator[Any]:
    """A replica's log is a part of the log, and has no gap between it and its items or the floor."""
    yield forall(NODE)(
        lambda n: both(
            state.replicas[n].start >= 0,
            state.replicas[n].start <= state.replicas[n].end,
            state.replicas[n].end <= state.length,
        )
    )
    yield forall(NODE)(
        lambda n: both(state.replicas[n].applied >= 0, state.replicas[n].applied <= state.replicas[n].end)
    )
    yield forall(NODE)(
        lambda n: implies(neg(state.replicas[n].full), state.replicas[n].start <= state.group.floor)
    )


@system.invariant
def spoken(state: State) -> Iterator[Any]:
    """What was said was true, and what was promised is kept."""
    yield forall(NUMBER, NODE)(lambda c, n: state.said[c][n] <= state.replicas[n].end)
    yield forall(NUMBER, NODE)(lambda c, n: state.promised[c][n] <= state.replicas[n].end)
    yield forall(NUMBER, NODE)(
        lambda c, n: implies(state.promised[c][n] >= 0, state.replicas[n].configuration >= c)
    )
    yield forall(NUMBER, NODE)(
        lambda c, n: implies(
            both(state.promised[c + 1][n] >= 0, c >= 0), state.said[c][n] <= state.promised[c + 1][n]
        )
    )


@system.invariant
def begun(state: State) -> Iterator[Any]:
    """What configurations began with grows, and today's is held by two of today's members."""
    yield forall(NUMBER)(
        lambda c: implies(
            both(c >= 0, c <= state.group.number), state.base[c] <= state.base[state.group.number]
        )
    )
    yield state.base[0] == 0
    yield state.members[state.group.number].first == state.group.members.first
    yield state.members[state.group.number].second == state.group.members.second
    yield state.members[state.group.number].third == state.group.members.third
    base, trio = state.base[state.group.number], state.group.members
    coming = state.promised[state.group.number + 1]
    yield _two(
        *(
            both(state.replicas[node].end >= base, either(coming[node] < 0, coming[node] >= base))
            for node in (trio.first, trio.second, trio.third)
        )
    )


@system.invariant
def to_come(state: State) -> Iterator[Any]:
    """Nobody has promised a configuration that is not even on its way, and a change brings in somebody new."""
    yield forall(NODE)(lambda n: state.replicas[n].configuration <= state.group.number + 1)
    yield forall(NODE)(
        lambda n: implies(neg(state.group.changing), state.replicas[n].configuration <= state.group.number)
    )
    yield implies(
        state.group.changing,
        both(
            neg(_among(state.group.members, state.group.joiner)),
            _among(state.group.members, state.group.leaver),
        ),
    )
    yield both(state.group.leaver == state.leaver, state.group.joiner == state.joiner)


@system.invariant
def closed(state: State) -> Iterator[Any]:
    """Two members of each configuration of the past have promised the next, and tell of no more than it began with."""
    for one in ("first", "second"):
        yield forall(NUMBER)(
            lambda c, one=one: implies(
                both(c >= 0, c < state.group.number),
                both(
                    _among(state.members[c], getattr(state.closers[c], one)),
                    state.promised[c + 1][getattr(state.closers[c], one)] >= 0,
                    state.promised[c + 1][getattr(state.closers[c], one)] <= state.base[c + 1],
                ),
            )
        )
    yield forall(NUMBER)(
        lambda c: implies(
            both(c >= 0, c < state.group.number), state.closers[c].first != state.closers[c].second
        )
    )


@system.invariant
def acknowledged_by_two(state: State) -> Iterator[Any]:
    """What was acknowledged today was said by two of today's members; no more was acknowledged before than began."""
    yield implies(
        state.acknowledged > state.base[state.group.number],
        state.acknowledged <= state.acknowledged_in[state.group.number],
    )
    yield forall(NUMBER)(
        lambda c: implies(
            both(c >= 0, c <= state.group.number, state.acknowledged_in[c] > 0),
            _two(
                *(
                    state.said[c][node] >= state.acknowledged_in[c]
                    for node in (state.members[c].first, state.members[c].second, state.members[c].third)
                )
            ),
        )
    )
    yield forall(NUMBER)(lambda c: implies(c > state.group.number, state.acknowledged_in[c] == 0))
    yield state.acknowledged >= 0


@system.safe("REP-03")
def SAFE_acknowledged_on_two(state: State) -> Iterator[Any]:
    """Two of the three members of today have each acknowledged entry, in the log or in their items."""
    yield _two_members(state, lambda replica: replica.end >= state.acknowledged)
    yield forall(INDEX)(
        lambda i: implies(
            both(i >= 0, i < state.acknowledged),
            _two_members(
                state,
                lambda replica: either(
                    both(replica.full, i < replica.applied), both(i >= replica.start, i < replica.end)
                ),
            ),
        )
    )


@system.safe()
def SAFE_every_quorum_knows(state: State) -> Iterator[Any]:
    """Whichever two members of today act, one of them has each acknowledged entry."""
    yield forall(NODE, NODE)(
        lambda n, m: implies(
            both(n != m, _among(state.group.members, n), _among(state.group.members, m)),
            either(state.replicas[n].end >= state.acknowledged, state.replicas[m].end >= state.acknowledged),
        )
    )


@system.safe()
def SAFE_trimmed_only_what_two_have(state: State) -> Iterator[Any]:
    """Two of the three members of today have items that hold everything before the floor."""
    yield _two_members(state, lambda replica: both(replica.full, replica.applied >= state.group.floor))


@system.safe()
def SAFE_items_are_the_log(state: State) -> Iterator[Any]:
    """A full replica's items are what the log amounts to at their position: no entry left out, none twice."""
    yield forall(NODE, POSITION)(
        lambda n, p: implies(
            state.replicas[n].full, state.items[n][p] == state.held_at[state.replicas[n].applied][p]
        )
    )


@system.safe()
def SAFE_the_past_is_closed(state: State) -> Iterator[Any]:
    """What leaders of a past configuration acknowledge, however late, is what the next one began with."""
    yield forall(NUMBER)(
        lambda c: implies(both(c >= 0, c < state.group.number), state.acknowledged_in[c] <= state.base[c + 1])
    )


@system.safe()
def SAFE_the_removed_have_no_say(state: State) -> Iterator[Any]:
    """Who has not moved on to a configuration has neither promised nor said anything there."""
    yield forall(NUMBER, NODE)(
        lambda c, n: implies(
            c > state.replicas[n].configuration, both(state.promised[c][n] < 0, state.said[c][n] < 0)
        )
    )


@system.safe()
def SAFE_one_at_a_time(state: State) -> Iterator[Any]:
    """One change is under way at most. A configuration has three members, of which two were members before."""
    trio = state.group.members
    yield implies(state.group.changing, state.changes == state.group.number + 1)
    yield implies(neg(state.group.changing), state.changes == state.group.number)
    yield both(trio.first != trio.second, trio.first != trio.third, trio.second != trio.third)
    yield forall(NUMBER)(
        lambda c: implies(
            both(c >= 0, c < state.group.number),
            _two(
                state.members[c].first == state.members[c + 1].first,
                state.members[c].second == state.members[c + 1].second,
                state.members[c].third == state.members[c + 1].third,
            ),
        )
    )


@system.safe()
def SAFE_who_was_to_leave_left(state: State) -> Iterator[Any]:
    """When a change is over, the member that was to leave has left, the replica that was to come is one, and all others stayed."""
    last = state.group.number
    over = both(last > 0, neg(state.group.changing))
    yield implies(
        over,
        both(
            _among(state.members[last - 1], state.leaver),
            neg(_among(state.members[last], state.leaver)),
            _among(state.members[last], state.joiner),
        ),
    )
    yield forall(NODE)(
        lambda n: implies(
            both(over, _among(state.members[last - 1], n), n != state.leaver),
            _among(state.members[last], n),
        )
    )


@system.safe()
def SAFE_no_gap(state: State) -> Iterator[Any]:
    """All of a replica's log reached it, entry by entry, and a full one's items go at least as far as the log begins."""
    yield forall(NODE, INDEX)(
        lambda n, i: implies(
            both(i >= state.replicas[n].start, i < state.replicas[n].end), state.reached[n][i]
        )
    )
    yield forall(NODE)(
        lambda n: implies(state.replicas[n].full, state.replicas[n].start <= state.replicas[n].applied)
    )
