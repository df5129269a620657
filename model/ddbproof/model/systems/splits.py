"""A split while writes run: a parent, two children, and messages between them of which anything may become.

The kernel is `kernel/splits.py`. Every write adds one to the number at its position, so that a write that is lost
shows as well as one that is applied twice. `held_at[n]` is what the parent held after its first n entries; it
exists for the sake of what is stated, as `acknowledged` does, which counts at each position what clients were
told has been written.

A child has a memory and a disk; it saves when it likes, and a crash takes it back to what it saved. A snapshot of the
parent may be used by either child at any time later, and any entry of the parent's log may reach a child at any
time, any number of times or never. Clients may ask anybody at any time: routers know old maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import splits
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.splits import Child, Parent

POSITION, INDEX = Sort("position"), Sort("index")
Items = Annotated[Map[int], POSITION]


class Copy(msgspec.Struct, frozen=True):
    """A child: its record and items in memory, how many entries its disk has seen, and the items there."""

    child: Child
    items: Items
    saved: Annotated[int, INDEX]
    saved_items: Items


class State(msgspec.Struct, frozen=True):
    """The parent with its log and items, a snapshot of it, both children, and what was promised."""

    parent: Parent
    log: Annotated[Map[Annotated[int, POSITION]], INDEX]
    items: Items
    snapshot: Annotated[int, INDEX]
    snapshot_items: Items
    lower: Copy
    upper: Copy
    held_at: Annotated[Map[Items], INDEX]
    acknowledged: Items


system = System("splits", "Split while writes run", State, [splits])
system.scope_in_words = [
    "one parent and its two children; a child is the parent of the next split",
    "the parent's log and an open child's items are kept by their replication groups, each with one leader at a time",
    "positions are numbers; which ranges partitions have is the partition map's business",
]
BOTH = ("lower", "upper")


@system.initial
def nothing_written() -> State:
    """An empty partition, and no split."""
    nothing: FrozenMap[int] = FrozenMap(0)
    return State(
        Parent(0),
        FrozenMap(0),
        nothing,
        0,
        nothing,
        Copy(Child(False), nothing, 0, nothing),
        Copy(Child(True), nothing, 0, nothing),
        FrozenMap(nothing),
        nothing,
    )


def _copy(state: State, upper: bool) -> Copy:
    if upper:
        return state.upper
    return state.lower


def _with(state: State, upper: bool, copy: Copy) -> State:
    if upper:
        return msgspec.structs.replace(state, upper=copy)
    return msgspec.structs.replace(state, lower=copy)


def _one_more(items: Map[int], position: int) -> Map[int]:
    return items.put(position, items[position] + 1)


@system.action
def write_to_parent(state: State, position: Annotated[int, POSITION]) -> State:
    """A client writes at the parent."""
    items = _one_more(state.items, position)
    parent = splits.on_write(state.parent)
    return msgspec.structs.replace(
        state,
        parent=parent,
        log=state.log.put(state.parent.length, position),
        items=items,
        held_at=state.held_at.put(parent.length, items),
        acknowledged=_one_more(state.acknowledged, position),
    )


@system.action
def begin(state: State, cut: Annotated[int, POSITION]) -> State:
    """The split begins."""
    return msgspec.structs.replace(state, parent=splits.begin(state.parent, cut))


@system.action
def take_snapshot(state: State) -> State:
    """The parent takes a snapshot of itself."""
    return msgspec.structs.replace(state, snapshot=state.parent.length, snapshot_items=state.items)


@system.action
def use_snapshot(state: State, upper: bool) -> State:
    """A child takes over the snapshot."""
    require(state.parent.splitting)
    copy = _copy(state, upper)
    child = splits.on_snapshot(copy.child, state.snapshot)
    return _with(state, upper, msgspec.structs.replace(copy, child=child, items=state.snapshot_items))


@system.action
def receive(state: State, upper: bool, index: Annotated[int, INDEX]) -> State:
    """An entry of the parent's log reaches a child."""
    require(state.parent.splitting)
    require(index >= 0)
    require(index < state.parent.length)
    copy = _copy(state, upper)
    child = splits.on_copy(copy.child, index)
    items = copy.items
    if splits.is_of(child, state.parent.cut, state.log[index]):
        items = _one_more(items, state.log[index])
    return _with(state, upper, msgspec.structs.replace(copy, child=child, items=items))


@system.action
def save(state: State, upper: bool) -> State:
    """A child writes what it has seen to its disk."""
    copy = _copy(state, upper)
    require(neg(copy.child.open))
    return _with(
        state, upper, msgspec.structs.replace(copy, saved=copy.child.applied, saved_items=copy.items)
    )


@system.action
def crash(state: State, upper: bool) -> State:
    """A child forgets what is not on its disk."""
    copy = _copy(state, upper)
    applied = copy.saved
    child = Child(copy.child.upper, applied, copy.child.open)
    return _with(state, upper, msgspec.structs.replace(copy, child=child, items=copy.saved_items))


@system.action
def close(state: State) -> State:
    """The parent is closed."""
    return msgspec.structs.replace(state, parent=splits.close(state.parent))


@system.action
def open_child(state: State, upper: bool) -> State:
    """A child opens, with what it has on disk."""
    copy = _copy(state, upper)
    require(neg(copy.child.open))
    child = splits.open_child(copy.child, copy.saved, state.parent)
    return _with(state, upper, msgspec.structs.replace(copy, child=child, items=copy.saved_items))


@system.action
def write_to_child(state: State, upper: bool, position: Annotated[int, POSITION]) -> State:
    """A client writes at a child, which has it on its disks before it answers."""
    copy = _copy(state, upper)
    require(splits.child_serves(copy.child, state.parent.cut, position))
    items = _one_more(copy.items, position)
    written = msgspec.structs.replace(copy, items=items, saved_items=items)
    return msgspec.structs.replace(
        _with(state, upper, written), acknowledged=_one_more(state.acknowledged, position)
    )


def _mine(state: State, which: str, position: int) -> Any:
    """That a position belongs to a child, said again without the kernel."""
    return position >= state.parent.cut if which == "upper" else position < state.parent.cut


@system.invariant
def sides(state: State) -> Iterator[Any]:
    """Each child keeps to its side, and none has begun before the split."""
    yield state.upper.child.upper
    yield neg(state.lower.child.upper)
    yield implies(state.parent.closed, state.parent.splitting)
    yield state.parent.length >= 0
    for which in BOTH:
        copy = getattr(state, which)
        yield implies(
            neg(state.parent.splitting), both(copy.child.applied == 0, copy.saved == 0, neg(copy.child.open))
        )
        yield forall(POSITION)(
            lambda p, copy=copy: implies(
                neg(state.parent.splitting), both(copy.items[p] == 0, copy.saved_items[p] == 0)
            )
        )


@system.invariant
def counted(state: State) -> Iterator[Any]:
    """What the parent held after each entry follows from the entry."""
    yield forall(POSITION)(lambda p: state.held_at[0][p] == 0)
    yield forall(INDEX, POSITION)(
        lambda i, p: implies(
            both(i >= 0, i < state.parent.length, state.log[i] == p),
            state.held_at[i + 1][p] == state.held_at[i][p] + 1,
        )
    )
    yield forall(INDEX, POSITION)(
        lambda i, p: implies(
            both(i >= 0, i < state.parent.length, state.log[i] != p),
            state.held_at[i + 1][p] == state.held_at[i][p],
        )
    )
    yield forall(POSITION)(lambda p: state.items[p] == state.held_at[state.parent.length][p])
    yield forall(POSITION)(lambda p: state.snapshot_items[p] == state.held_at[state.snapshot][p])
    yield both(state.snapshot >= 0, state.snapshot <= state.parent.length)


@system.invariant
def copies(state: State) -> Iterator[Any]:
    """A child that does not serve holds, of its range, what the parent held after as many entries."""
    for which in BOTH:
        copy = getattr(state, which)
        yield both(copy.saved >= 0, copy.saved <= state.parent.length)
        yield both(copy.child.applied >= 0, copy.child.applied <= state.parent.length)
        yield forall(POSITION)(
            lambda p, which=which, copy=copy: implies(
                both(neg(copy.child.open), state.parent.splitting, _mine(state, which, p)),
                both(
                    copy.items[p] == state.held_at[copy.child.applied][p],
                    copy.saved_items[p] == state.held_at[copy.saved][p],
                ),
            )
        )


@system.invariant
def open_children(state: State) -> Iterator[Any]:
    """A child serves only when the parent is closed, and has on its disk what it serves."""
    for which in BOTH:
        copy = getattr(state, which)
        yield implies(copy.child.open, state.parent.closed)
        yield forall(POSITION)(
            lambda p, copy=copy: implies(copy.child.open, copy.saved_items[p] == copy.items[p])
        )


@system.invariant
def promised(state: State) -> Iterator[Any]:
    """Until a child serves a position, what was acknowledged there is what the parent holds."""
    for which in BOTH:
        copy = getattr(state, which)
        yield forall(POSITION)(
            lambda p, which=which, copy=copy: implies(
                both(neg(copy.child.open), state.parent.splitting, _mine(state, which, p)),
                state.acknowledged[p] == state.items[p],
            )
        )
    yield forall(POSITION)(
        lambda p: implies(neg(state.parent.splitting), state.acknowledged[p] == state.items[p])
    )


@system.safe("PART-04")
def SAFE_nothing_lost_or_doubled(state: State) -> Iterator[Any]:
    """Whoever serves a position holds there exactly what was acknowledged."""
    yield forall(POSITION)(
        lambda p: implies(neg(state.parent.closed), state.items[p] == state.acknowledged[p])
    )
    for which in BOTH:
        copy = getattr(state, which)
        yield forall(POSITION)(
            lambda p, which=which, copy=copy: implies(
                both(copy.child.open, _mine(state, which, p)), copy.items[p] == state.acknowledged[p]
            )
        )


@system.safe("PART-04")
def SAFE_served_once(state: State) -> Iterator[Any]:
    """While the parent serves no child does, and each position is one child's only."""
    yield either(state.parent.closed, both(neg(state.lower.child.open), neg(state.upper.child.open)))
    yield forall(POSITION)(
        lambda p: neg(
            both(
                state.lower.child.open,
                _mine(state, "lower", p),
                state.upper.child.open,
                _mine(state, "upper", p),
            )
        )
    )


@system.safe("PART-04")
def SAFE_a_crash_loses_nothing_served(state: State) -> Iterator[Any]:
    """What a child serves is on its disk."""
    for which in BOTH:
        copy = getattr(state, which)
        yield forall(POSITION)(
            lambda p, which=which, copy=copy: implies(
                both(copy.child.open, _mine(state, which, p)), copy.saved_items[p] == state.acknowledged[p]
            )
        )
