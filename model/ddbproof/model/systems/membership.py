"""Replacing members of a replication group of three, while writes run and messages of any age arrive.

The kernel is `kernel/membership.py`. There is one log, whose entry at an index is fixed: which leader wrote it, and
what becomes of entries that were never acknowledged, is the business of `replication`. Every entry adds one to the
number at its position, so that a lost entry shows as well as one that is applied twice; `held_at[n]` is
what the first n entries amount to. Any entry may reach any replica at any time, any number of times or never.

What a replica said stays said: `said[c][r]` is the furthest end that r stated in configuration c, and
`promised[c][r]` the end stated with its promise of c. A leader of any configuration that ever began may acknowledge from
those at any later time, and a snapshot of any age may be used. Replicas have no memory apart from their disk here,
so a crash is a replica that takes no step, for as long as it likes; one whose disk is lost comes back as another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import membership
from ddbproof.model.kernel.membership import Group, Replica, Trio
from ddbproof.model.kernel.refusal import require

NODE, NUMBER = Sort("node"), Sort("configuration")
INDEX, POSITION = Sort("index"), Sort("position")
Items = Annotated[Map[int], POSITION]
Ends = Annotated[Map[Annotated[int, INDEX]], NODE]


class State(msgspec.Struct, frozen=True):
    """The log and what it amounts to, the group, the replicas, all that was ever said, and what was acknowledged."""

    length: Annotated[int, INDEX]
    log: Annotated[Map[Annotated[int, POSITION]], INDEX]
    held_at: Annotated[Map[Items], INDEX]
    group: Group
    replicas: Annotated[Map[Replica], NODE]
    items: Annotated[Map[Items], NODE]
    said: Annotated[Map[Ends], NUMBER]
    promised: Annotated[Map[Ends], NUMBER]
    taken: Annotated[Map[bool], INDEX]
    snapshots: Annotated[Map[Items], INDEX]
    acknowledged: Annotated[int, INDEX]
    # For what is stated: how many changes were begun; the members of each configuration, what it began with, who
    # closed it, what it acknowledged.
    changes: int
    members: Annotated[Map[Trio], NUMBER]
    base: Annotated[Map[Annotated[int, INDEX]], NUMBER]
    closers: Annotated[Map[Trio], NUMBER]
    acknowledged_in: Annotated[Map[Annotated[int, INDEX]], NUMBER]


system = System("membership", "Replacing a replica", State, [membership])
system.scope_in_words = [
    "groups of three, any number of replacements, one log whose entries are fixed by their index",
    "who leads, and what becomes of entries never acknowledged, is the replication group's business",
    "that a change begins, that it is over and that the floor rises are entries of the group's decided log",
    "a disk write is atomic: an item and the position it reaches, a log entry and its end",
]
system.merged = ("membership.needed", "membership.replaced")


@system.initial
def three_replicas() -> State:
    """Replicas 1, 2 and 3, full and empty, are configuration 0."""
    nothing: FrozenMap[int] = FrozenMap(0)
    unsaid: FrozenMap[Map[int]] = FrozenMap(FrozenMap(-1))
    empty = Replica(full=True)
    three = Trio(1, 2, 3)
    return State(
        length=0,
        log=nothing,
        held_at=FrozenMap(nothing),
        group=Group(0, three),
        replicas=FrozenMap(Replica(), {1: empty, 2: empty, 3: empty}),
        items=FrozenMap(nothing),
        said=unsaid,
        promised=unsaid,
        taken=FrozenMap(False),
        snapshots=FrozenMap(nothing),
        acknowledged=0,
        changes=0,
        members=FrozenMap(three),
        base=nothing,
        closers=FrozenMap(three),
        acknowledged_in=nothing,
    )


def _one_more(items: Map[int], position: int) -> Map[int]:
    return items.put(position, items[position] + 1)


def _with(state: State, node: int, replica: Replica) -> State:
    return msgspec.structs.replace(state, replicas=state.replicas.put(node, replica))


@system.action
def write(state: State, position: Annotated[int, POSITION]) -> State:
    """The leader adds an entry to the log."""
    held = _one_more(state.held_at[state.length], position)
    return msgspec.structs.replace(
        state,
        length=state.length + 1,
        log=state.log.put(state.length, position),
        held_at=state.held_at.put(state.length + 1, held),
    )


@system.action
def receive(state: State, node: Annotated[int, NODE], index: Annotated[int, INDEX]) -> State:
    """An entry reaches a replica, a member or not."""
    require(index >= 0)
    require(index < state.length)
    return _with(state, node, membership.on_entry(state.replicas[node], index))


@system.action
def say(state: State, node: Annotated[int, NODE], number: Annotated[int, NUMBER]) -> State:
    """A replica says in a configuration how far its log goes."""
    replica = state.replicas[node]
    require(membership.may_acknowledge(replica, number))
    ends = state.said[number].put(node, replica.end)
    return msgspec.structs.replace(state, said=state.said.put(number, ends))


@system.action
def acknowledge(
    state: State,
    number: Annotated[int, NUMBER],
    one: Annotated[int, NODE],
    other: Annotated[int, NODE],
    end: Annotated[int, INDEX],
) -> State:
    """A leader, perhaps of a configuration long gone, tells clients that entries are written."""
    require(number >= 0)
    require(number <= state.group.number)
    ends = state.said[number]
    require(membership.has_quorum(state.members[number], one, other, ends[one], ends[other], end))
    require(end > state.acknowledged_in[number])
    newest = state.acknowledged
    if end > newest:
        newest = end
    return msgspec.structs.replace(
        state, acknowledged=newest, acknowledged_in=state.acknowledged_in.put(number, end)
    )


@system.action
def begin_change(state: State, leaver: Annotated[int, NODE], joiner: Annotated[int, NODE]) -> State:
    """A replacement begins."""
    group = membership.begin_change(state.group, leaver, joiner)
    return msgspec.structs.replace(state, group=group, changes=state.changes + 1)


@system.action
def promise(state: State, node: Annotated[int, NODE], number: Annotated[int, NUMBER]) -> State:
    """A replica hears of a configuration that has begun, or of the one that is to begin, and moves on to it."""
    require(
        either(number <= state.group.number, both(state.group.changing, number == state.group.number + 1))
    )
    replica = membership.on_promise(state.replicas[node], number)
    ends = state.promised[number].put(node, replica.end)
    return msgspec.structs.replace(_with(state, node, replica), promised=state.promised.put(number, ends))


@system.action
def finish_change(
    state: State,
    old_one: Annotated[int, NODE],
    old_other: Annotated[int, NODE],
    new_one: Annotated[int, NODE],
    new_other: Annotated[int, NODE],
    items_one: Annotated[int, NODE],
    items_other: Annotated[int, NODE],
) -> State:
    """The new configuration begins, by two promises of the old one, what two of its own said, and two with items."""
    group = membership.finish_change(state.group)
    promised, said = state.promised[group.number], state.said[group.number]
    require(
        membership.has_quorum(
            state.group.members, old_one, old_other, promised[old_one], promised[old_other], 0
        )
    )
    base = membership.needed(promised[old_one], promised[old_other])
    require(membership.has_quorum(group.members, new_one, new_other, said[new_one], said[new_other], base))
    require(membership.is_quorum(group.members, items_one, items_other))
    require(membership.has_items(state.replicas[items_one], group.floor))
    require(membership.has_items(state.replicas[items_other], group.floor))
    return msgspec.structs.replace(
        state,
        group=group,
        members=state.members.put(group.number, group.members),
        base=state.base.put(group.number, base),
        closers=state.closers.put(state.group.number, Trio(old_one, old_other, old_one)),
    )


@system.action
def raise_floor(
    state: State,
    one: Annotated[int, NODE],
    other: Annotated[int, NODE],
    floor: Annotated[int, INDEX],
) -> State:
    """The group decides that logs may be trimmed up to what two members have in their items."""
    require(membership.is_quorum(state.group.members, one, other))
    require(membership.has_items(state.replicas[one], floor))
    require(membership.has_items(state.replicas[other], floor))
    return msgspec.structs.replace(state, group=membership.raise_floor(state.group, floor))


@system.action
def join(state: State, node: Annotated[int, NODE], floor: Annotated[int, INDEX]) -> State:
    """A new replica begins its log at a floor of today or of the past."""
    require(floor >= 0)
    require(floor <= state.group.floor)
    return _with(state, node, membership.on_join(state.replicas[node], floor))


@system.action
def apply(state: State, node: Annotated[int, NODE], index: Annotated[int, INDEX]) -> State:
    """A full replica's items take up an entry."""
    replica = membership.on_apply(state.replicas[node], index)
    items = _one_more(state.items[node], state.log[index])
    return msgspec.structs.replace(_with(state, node, replica), items=state.items.put(node, items))


@system.action
def take_snapshot(state: State, node: Annotated[int, NODE]) -> State:
    """A full replica takes a snapshot of its items."""
    replica = state.replicas[node]
    require(replica.full)
    return msgspec.structs.replace(
        state,
        taken=state.taken.put(replica.applied, True),
        snapshots=state.snapshots.put(replica.applied, state.items[node]),
    )


@system.action
def heal(state: State, node: Annotated[int, NODE], taken_at: Annotated[int, INDEX]) -> State:
    """A replica takes over a snapshot that was taken at any time before."""
    require(state.taken[taken_at])
    replica = membership.on_snapshot(state.replicas[node], taken_at)
    items = state.items.put(node, state.snapshots[taken_at])
    return msgspec.structs.replace(_with(state, node, replica), items=items)


@system.action
def trim(state: State, node: Annotated[int, NODE], start: Annotated[int, INDEX]) -> State:
    """A replica drops the beginning of its log."""
    return _with(state, node, membership.on_trim(state.replicas[node], state.group, start))


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
        lambda n: implies(state.replicas[n].full, state.replicas[n].start <= state.replicas[n].applied)
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
