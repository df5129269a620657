"""Splitting a partition while writes run: how its data and its duty go over to two children.

The parent goes on to serve while each child copies its log, from a snapshot or from the beginning. Then the parent is
*closed*: an entry of its own log says so, after which it takes no write and answers no read. A child *opens* when what
it has on disk reaches that entry, and not before. So there is a moment in which nobody serves, and none in
which two do.

AWS publishes no protocol for splits (the 2022 paper says that they happen and that partitions stay available); this
one is ours. Positions are numbers in the order of (hash, sort key); `partitions` says which ranges there are.
A child keeps entries of its own range only. What was copied is counted by the parent's log, so that a
message that comes twice, late or never does no harm.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require


class Parent(msgspec.Struct, frozen=True, gc=False):
    """A partition as its split sees it: entries in its log, whether it is being split and where, whether it is closed."""

    length: int
    splitting: bool = False
    cut: int = 0
    closed: bool = False


class Child(msgspec.Struct, frozen=True, gc=False):
    """One of the two: which side of the cut it has, how many entries of the parent's log it has seen, if it serves."""

    upper: bool
    applied: int = 0
    open: bool = False


def begin(parent: Parent, cut: int) -> Parent:
    """Begin to split at a position, which goes to the upper child. NotAllowed if a split is under way."""
    require(not parent.splitting)
    return Parent(parent.length, True, cut, parent.closed)


def parent_serves(parent: Parent) -> bool:
    """True while reads and writes are the parent's duty."""
    return not parent.closed


def on_write(parent: Parent) -> Parent:
    """The parent's log grows by an entry. Raises NotAllowed once it is closed."""
    require(parent_serves(parent))
    return Parent(parent.length + 1, parent.splitting, parent.cut, parent.closed)


def close(parent: Parent) -> Parent:
    """The last thing a parent that is being split does: its log, as long as it is now, is all it will ever hold."""
    require(parent.splitting)
    return Parent(parent.length, parent.splitting, parent.cut, True)


def is_of(child: Child, cut: int, position: int) -> bool:
    """True if a position belongs to a child."""
    if child.upper:
        return position >= cut
    return position < cut


def on_snapshot(child: Child, taken_at: int) -> Child:
    """A child takes over a snapshot of the parent with its first `taken_at` entries, instead of what it has.

    Raises NotAllowed if it has more already, or serves.
    """
    require(not child.open)
    require(taken_at > child.applied)
    return Child(child.upper, taken_at, child.open)


def on_copy(child: Child, index: int) -> Child:
    """A child has seen the parent's entry at an index. Raises NotAllowed unless it is the next one."""
    require(not child.open)
    require(index == child.applied)
    return Child(child.upper, child.applied + 1, child.open)


def may_open(saved_entries: int, parent: Parent) -> bool:
    """True if a child with so many of the parent's entries on its disk has all there will ever be."""
    return parent.closed and saved_entries == parent.length


def open_child(child: Child, saved_entries: int, parent: Parent) -> Child:
    """The child serves from now on. Raises NotAllowed before it has everything on disk."""
    require(may_open(saved_entries, parent))
    return Child(child.upper, saved_entries, True)


def child_serves(child: Child, cut: int, position: int) -> bool:
    """True if reads and writes at a position are this child's duty."""
    return child.open and is_of(child, cut, position)
