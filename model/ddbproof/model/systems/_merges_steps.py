"""What can happen while two neighbours merge: the steps of `merges`.

The merged partition has a memory and a disk for each of the two; it saves when it likes, and a crash takes it back to
what it saved. A snapshot of a source may be used at any time later, and any entry of its log may reach the merged partition at
any time, any number of times or never, before the merge has begun or after it was withdrawn.

Each of the two may instead set out for somewhere else at any time before it is on its way here: it is split, or joins another merge
(`leave`), or begins one with a neighbour of its own (`begin_another`), which that neighbour may come to or not; then
it withdraws from that one. What becomes of it elsewhere is another run of this system, or one of `splits`. What is told of that
is a truth value that is set while it is true, and used at any time after. Clients may ask anybody at any time: routers know
old maps.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import neg
from ddbproof.model.kernel import merges, splits
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.splits import Child
from ddbproof.model.systems._merges_state import (
    AWAY,
    ELSEWHERE,
    ELSEWHERE_FIRST,
    HERE,
    INDEX,
    JOINED,
    NOWHERE,
    POSITION,
    UNDECIDED,
    State,
    nothing_yet,
    one_more,
    part_of,
    source_of,
    with_part,
    with_source,
)

system = System("merges", "Merge while writes run", State, [merges], [splits])
system.fast = False
system.scope_in_words = [
    "two neighbours and one merged partition, a group of its own that comes of no other merge; the merged partition is a source of the "
    "next",
    "a source tells only what is committed, and what it has only to the partition that its log names",
    "the logs of both, and the items of an open merged partition, are kept by their replication groups, each with one leader at a time",
    "a neighbour of one of the two, in another merge, decides once, as is proved here of the upper one",
    "positions are numbers; which ranges partitions have is the partition map's business",
]


@system.initial
def nothing_written(border: Annotated[int, POSITION]) -> State:
    """Two empty partitions that meet at the border, and no merge."""
    return nothing_yet(border)


# -- who is on its way where ----------------------------------------------------------------------------


@system.action
def begin(state: State) -> State:
    """The lower one begins the merge."""
    lower = msgspec.structs.replace(
        state.lower, parent=merges.begin(state.lower.parent, state.border), bound=HERE
    )
    return msgspec.structs.replace(state, lower=lower)


@system.action
def tell_begun(state: State) -> State:
    """The upper one is told so."""
    require(state.lower.bound == HERE)
    return msgspec.structs.replace(state, heard_begun=True)


@system.action
def join(state: State) -> State:
    """The upper one joins, because of what it was told at any time before."""
    upper = msgspec.structs.replace(
        state.upper, parent=merges.join(state.upper.parent, state.border, state.heard_begun), bound=HERE
    )
    return msgspec.structs.replace(state, upper=upper)


@system.action
def tell_joined(state: State) -> State:
    """The lower one is told that the upper one has joined."""
    require(state.upper.bound == HERE)
    return msgspec.structs.replace(state, heard_joined=True)


@system.action
def leave(state: State, upper: bool, cut: Annotated[int, POSITION]) -> State:
    """One of the two is to be split, or joins another merge."""
    source = source_of(state, upper)
    return with_source(
        state,
        upper,
        msgspec.structs.replace(source, parent=splits.begin(source.parent, cut), bound=ELSEWHERE),
    )


@system.action
def begin_another(state: State, upper: bool, cut: Annotated[int, POSITION]) -> State:
    """One of the two begins another merge, as the lower one."""
    source = source_of(state, upper)
    parent = merges.begin(source.parent, cut)
    return with_source(
        state,
        upper,
        msgspec.structs.replace(source, parent=parent, bound=ELSEWHERE_FIRST, partner=UNDECIDED),
    )


@system.action
def another_decides(state: State, upper: bool, joins: bool) -> State:
    """The neighbour in that other merge joins, or will never."""
    source = source_of(state, upper)
    require(source.bound == ELSEWHERE_FIRST)
    require(source.partner == UNDECIDED)
    return with_source(state, upper, msgspec.structs.replace(source, partner=JOINED if joins else AWAY))


@system.action
def withdraw_from_another(state: State, upper: bool) -> State:
    """One of the two gives up that other merge, and may come here again."""
    source = source_of(state, upper)
    require(source.bound == ELSEWHERE_FIRST)
    parent = merges.withdraw(source.parent, source.partner == AWAY)
    return with_source(state, upper, msgspec.structs.replace(source, parent=parent, bound=NOWHERE))


@system.action
def tell_away(state: State) -> State:
    """The lower one is told that the upper one stays away."""
    upper = state.upper
    require(upper.bound != HERE)
    require(
        merges.stays_away(upper.parent, upper.bound == ELSEWHERE_FIRST, upper.partner == JOINED),
    )
    return msgspec.structs.replace(state, heard_away=True)


@system.action
def withdraw(state: State) -> State:
    """The lower one gives up this merge, because of what it was told at any time before."""
    require(state.lower.bound == HERE)
    parent = merges.withdraw(state.lower.parent, state.heard_away)
    return msgspec.structs.replace(
        state, lower=msgspec.structs.replace(state.lower, parent=parent, bound=NOWHERE)
    )


@system.action
def close(state: State, upper: bool) -> State:
    """One of the two is closed, for this merge or for another, or after a split."""
    source = source_of(state, upper)
    if source.bound == ELSEWHERE_FIRST:
        parent = merges.close(source.parent, source.partner == JOINED)
    elif upper or source.bound != HERE:
        parent = merges.close(source.parent, True)
    else:
        parent = merges.close(source.parent, state.heard_joined)
    return with_source(state, upper, msgspec.structs.replace(source, parent=parent))


# -- items ----------------------------------------------------------------------------------------------


@system.action
def write_to_source(state: State, upper: bool, position: Annotated[int, POSITION]) -> State:
    """A client writes at one of the two, in its range."""
    require((position >= state.border) == upper)
    source = source_of(state, upper)
    items = one_more(source.items, position)
    parent = splits.on_write(source.parent)
    written = msgspec.structs.replace(
        source,
        parent=parent,
        log=source.log.put(source.parent.length, position),
        items=items,
        held_at=source.held_at.put(parent.length, items),
    )
    return msgspec.structs.replace(
        with_source(state, upper, written), acknowledged=one_more(state.acknowledged, position)
    )


@system.action
def take_snapshot(state: State, upper: bool) -> State:
    """One of the two takes a snapshot of itself."""
    source = source_of(state, upper)
    return with_source(
        state,
        upper,
        msgspec.structs.replace(source, snapshot=source.parent.length, snapshot_items=source.items),
    )


@system.action
def use_snapshot(state: State, upper: bool) -> State:
    """The merged partition takes it over, in the place of what it has of that one."""
    source, part = source_of(state, upper), part_of(state, upper)
    child = splits.on_snapshot(part.child, source.snapshot)
    return with_part(state, upper, msgspec.structs.replace(part, child=child, items=source.snapshot_items))


@system.action
def receive(state: State, upper: bool, index: Annotated[int, INDEX]) -> State:
    """An entry of the log of one of the two reaches the merged partition."""
    source, part = source_of(state, upper), part_of(state, upper)
    require(index >= 0)
    require(index < source.parent.length)
    child = splits.on_copy(part.child, index)
    items = one_more(part.items, source.log[index])
    return with_part(state, upper, msgspec.structs.replace(part, child=child, items=items))


@system.action
def save(state: State, upper: bool) -> State:
    """The merged partition writes to its disk what it has of one of the two."""
    part = part_of(state, upper)
    require(neg(part.child.open))
    return with_part(
        state, upper, msgspec.structs.replace(part, saved=part.child.applied, saved_items=part.items)
    )


@system.action
def crash(state: State, upper: bool) -> State:
    """The merged partition forgets what is not on its disk."""
    part = part_of(state, upper)
    child = Child(part.child.upper, part.saved, part.child.open)
    return with_part(state, upper, msgspec.structs.replace(part, child=child, items=part.saved_items))


@system.action
def tell_itself(state: State, upper: bool) -> State:
    """One of the two, on its way here, tells the merged partition of itself."""
    source = source_of(state, upper)
    require(source.bound == HERE)
    return with_source(state, upper, msgspec.structs.replace(source, told=source.parent))


@system.action
def open_merged(state: State) -> State:
    """The merged partition opens, with what it has on disk and was told at any time before."""
    lower, upper = state.lower_part, state.upper_part
    require(neg(lower.child.open))
    require(neg(upper.child.open))
    opened_lower, opened_upper = merges.open_merged(
        lower.child, upper.child, lower.saved, state.lower.told, upper.saved, state.upper.told
    )
    return msgspec.structs.replace(
        state,
        lower_part=msgspec.structs.replace(lower, child=opened_lower, items=lower.saved_items),
        upper_part=msgspec.structs.replace(upper, child=opened_upper, items=upper.saved_items),
    )


@system.action
def write_to_merged(state: State, upper: bool, position: Annotated[int, POSITION]) -> State:
    """A client writes at the merged partition, which has it on its disks before it answers."""
    part = part_of(state, upper)
    require(splits.child_serves(part.child, source_of(state, upper).told.cut, position))
    items = one_more(part.items, position)
    written = msgspec.structs.replace(part, items=items, saved_items=items)
    return msgspec.structs.replace(
        with_part(state, upper, written), acknowledged=one_more(state.acknowledged, position)
    )
