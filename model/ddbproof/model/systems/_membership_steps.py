"""What can happen to a group of three while its members are replaced: state and steps of `membership`.

Any entry may reach any replica at any time, any number of times or never; what was said stays said.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either
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
    # For what is stated: how many changes were begun, and who was to go and to come in the last; the members of each
    # configuration, what it began with, who closed it, what it acknowledged; which entries reached which replica.
    changes: int
    leaver: Annotated[int, NODE]
    joiner: Annotated[int, NODE]
    members: Annotated[Map[Trio], NUMBER]
    base: Annotated[Map[Annotated[int, INDEX]], NUMBER]
    closers: Annotated[Map[Trio], NUMBER]
    acknowledged_in: Annotated[Map[Annotated[int, INDEX]], NUMBER]
    reached: Annotated[Map[Annotated[Map[bool], INDEX]], NODE]


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
        leaver=0,
        joiner=0,
        members=FrozenMap(three),
        base=nothing,
        closers=FrozenMap(three),
        acknowledged_in=nothing,
        reached=FrozenMap(FrozenMap(False)),
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
    appended = _with(state, node, membership.on_entry(state.replicas[node], index))
    reached = state.reached.put(node, state.reached[node].put(index, True))
    return msgspec.structs.replace(appended, reached=reached)


@system.action
def say(state: State, node: Annotated[int, NODE], number: Annotated[int, NUMBER]) -> State:
    """A replica says in a configuration how far its log goes."""
    replica = state.replicas[node]
    require(membership.may_acknowledge(replica.configuration, number))
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
    return msgspec.structs.replace(
        state, group=group, changes=state.changes + 1, leaver=leaver, joiner=joiner
    )


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
