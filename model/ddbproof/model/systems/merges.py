"""A merge while writes run: two neighbours, one merged partition, and messages of which anything may become.

The kernel is `kernel/merges.py`; the state is in `_merges_state.py`. As in `splits`, every write adds one to the number at its
position, so that a write that is lost shows as well as one that is applied twice.

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

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, equal, forall, implies, neg, same_truth
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
    Part,
    Source,
    State,
    nothing_yet,
    one_more,
    part_of,
    source_of,
    with_part,
    with_source,
)

system = System("merges", "Merge while writes run", State, [merges], [splits])
system.scope_in_words = [
    "two neighbours and one merged partition, which is a group of its own and is that of no other merge; a source tells only what is "
    "committed, and what it has only to the partition that its log names",
    "the logs of both, and the items of an open merged partition, are kept by their replication groups, each with one leader at a time",
    "a neighbour of one of the two, in another merge, decides once, as is proved here of the upper one",
    "positions are numbers; which ranges partitions have is the partition map's business",
]
SIDES = ("lower", "upper")


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


# -- what holds -----------------------------------------------------------------------------------------


def _source(state: State, side: str) -> Source:
    return state.upper if side == "upper" else state.lower


def _part(state: State, side: str) -> Part:
    return state.upper_part if side == "upper" else state.lower_part


def _of(state: State, side: str, position: int) -> Any:
    """That a position is in the range of one of the two, said again without the kernel."""
    return position >= state.border if side == "upper" else position < state.border


def _gone(source: Source) -> Any:
    """That one is on its way elsewhere, and nothing can call it back."""
    return either(source.bound == ELSEWHERE, both(source.bound == ELSEWHERE_FIRST, source.partner == JOINED))


@system.invariant
def ways(state: State) -> Iterator[Any]:
    """A source is on its way to one partition or to none, and closed only for one that will come to be."""
    for side in SIDES:
        source = _source(state, side)
        yield either(*(source.bound == way for way in (NOWHERE, HERE, ELSEWHERE, ELSEWHERE_FIRST)))
        yield same_truth(source.parent.splitting, source.bound != NOWHERE)
        yield implies(source.parent.closed, source.parent.splitting)
        yield implies(both(source.parent.closed, source.bound == ELSEWHERE_FIRST), source.partner == JOINED)
        yield implies(source.bound == HERE, source.parent.cut == state.border)
        yield source.parent.length >= 0
    yield state.upper_part.child.upper
    yield neg(state.lower_part.child.upper)


@system.invariant
def heard(state: State) -> Iterator[Any]:
    """What was told is still true, or does no harm any more."""
    yield implies(state.heard_begun, either(state.lower.bound == HERE, _gone(state.upper)))
    yield implies(state.heard_joined, state.upper.bound == HERE)
    yield implies(state.heard_away, _gone(state.upper))
    yield implies(both(state.lower.parent.closed, state.lower.bound == HERE), state.heard_joined)


@system.invariant
def told(state: State) -> Iterator[Any]:
    """That a source is closed, and how long its log is, is told only by one that is closed for this merge."""
    for side in SIDES:
        source = _source(state, side)
        yield implies(source.told.closed, both(source.bound == HERE, equal(source.told, source.parent)))


@system.invariant
def counted(state: State) -> Iterator[Any]:
    """What a source held after each entry follows from the entry."""
    for side in SIDES:
        source = _source(state, side)
        yield forall(POSITION)(lambda p, source=source: source.held_at[0][p] == 0)
        yield forall(INDEX, POSITION)(
            lambda i, p, source=source: implies(
                both(i >= 0, i < source.parent.length, source.log[i] == p),
                source.held_at[i + 1][p] == source.held_at[i][p] + 1,
            )
        )
        yield forall(INDEX, POSITION)(
            lambda i, p, source=source: implies(
                both(i >= 0, i < source.parent.length, source.log[i] != p),
                source.held_at[i + 1][p] == source.held_at[i][p],
            )
        )
        yield forall(POSITION)(
            lambda p, source=source: source.items[p] == source.held_at[source.parent.length][p]
        )
        yield forall(POSITION)(
            lambda p, source=source: source.snapshot_items[p] == source.held_at[source.snapshot][p]
        )
        yield both(source.snapshot >= 0, source.snapshot <= source.parent.length)


@system.invariant
def copies(state: State) -> Iterator[Any]:
    """Until it opens, the merged partition has of a source what that held after as many entries."""
    for side in SIDES:
        source, part = _source(state, side), _part(state, side)
        yield both(part.saved >= 0, part.saved <= source.parent.length)
        yield both(part.child.applied >= 0, part.child.applied <= source.parent.length)
        yield forall(POSITION)(
            lambda p, source=source, part=part: implies(
                neg(part.child.open), part.items[p] == source.held_at[part.child.applied][p]
            )
        )
        yield forall(POSITION)(
            lambda p, source=source, part=part: implies(
                neg(part.child.open), part.saved_items[p] == source.held_at[part.saved][p]
            )
        )


@system.invariant
def open_parts(state: State) -> Iterator[Any]:
    """The merged partition serves only what was told to be closed, and has on its disk what it serves."""
    for side in SIDES:
        part = _part(state, side)
        yield implies(part.child.open, _source(state, side).told.closed)
        yield forall(POSITION)(
            lambda p, part=part: implies(part.child.open, part.saved_items[p] == part.items[p])
        )


@system.invariant
def promised(state: State) -> Iterator[Any]:
    """Until the merged partition serves a position, what was acknowledged there is what the source holds."""
    for side in SIDES:
        yield forall(POSITION)(
            lambda p, side=side: implies(
                both(neg(_part(state, side).child.open), _of(state, side, p)),
                state.acknowledged[p] == _source(state, side).items[p],
            )
        )


@system.safe("PART-04")
def SAFE_nothing_lost_or_doubled(state: State) -> Iterator[Any]:
    """Whoever serves a position holds there exactly what was acknowledged."""
    for side in SIDES:
        source, part = _source(state, side), _part(state, side)
        yield forall(POSITION)(
            lambda p, side=side, source=source: implies(
                both(neg(source.parent.closed), _of(state, side, p)),
                source.items[p] == state.acknowledged[p],
            )
        )
        yield forall(POSITION)(
            lambda p, side=side, part=part: implies(
                both(part.child.open, _of(state, side, p)), part.items[p] == state.acknowledged[p]
            )
        )


@system.safe("PART-04")
def SAFE_served_once(state: State) -> Iterator[Any]:
    """While one of the two serves, the merged partition does not; it serves both ranges or none."""
    for side in SIDES:
        yield either(_source(state, side).parent.closed, neg(_part(state, side).child.open))
    yield same_truth(state.lower_part.child.open, state.upper_part.child.open)


@system.safe("PART-04")
def SAFE_a_crash_loses_nothing_served(state: State) -> Iterator[Any]:
    """What the merged partition serves is on its disk."""
    for side in SIDES:
        part = _part(state, side)
        yield forall(POSITION)(
            lambda p, side=side, part=part: implies(
                both(part.child.open, _of(state, side, p)), part.saved_items[p] == state.acknowledged[p]
            )
        )


@system.safe("PART-03", "PART-04")
def SAFE_nobody_waits_for_one_who_will_not_come(state: State) -> Iterator[Any]:
    """Who is closed for the merge, or has joined it, has the other on its way too: the merge can be finished."""
    yield implies(both(state.lower.bound == HERE, state.lower.parent.closed), state.upper.bound == HERE)
    yield implies(state.upper.bound == HERE, state.lower.bound == HERE)
    yield implies(state.lower_part.child.open, both(state.lower.bound == HERE, state.upper.bound == HERE))


@system.safe("PART-03")
def SAFE_the_lower_one_can_always_go_on(state: State) -> Iterator[Any]:
    """One that was told that the other stays away is not closed, nor in a merge that can still come to be."""
    yield implies(both(state.heard_away, state.lower.bound == HERE), neg(state.lower.parent.closed))
    yield implies(state.heard_away, both(state.upper.bound != HERE, state.upper.bound != NOWHERE))
    yield neg(both(state.heard_away, state.heard_joined))
