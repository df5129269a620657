"""A group's own affairs, as its log has decided them: its members, how far logs may be trimmed, splits and merges.

A partition that is on its way to others, by a split (`model.kernel.splits`) or by a merge (`model.kernel.merges`), has a
`parent`: its *heirs* are the groups that it goes over to, two of a split and one of a merge. A partition that comes of others
has a `child` for what it has of its parent; one that is merged has it for the lower of its two sources, and an
`upper_part` for the upper one. Where those meet, or where a partition is cut, stands in `cut`: a key, which is bytes, and
the kernels' records have integers.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import membership, merges, splits
from ddbproof.model.kernel.membership import Group, Trio
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication.entries import (
    ChangeBegun,
    ChangeFinished,
    Closed,
    Copied,
    Entry,
    FloorRaised,
    Member,
    Members,
    MergeBegun,
    MergeWithdrawn,
    Opened,
    Prepared,
    Settled,
    SplitBegun,
    Write,
)


class Affairs(msgspec.Struct, frozen=True, gc=False):
    """The group's affairs: configuration, and split or merge, as one that goes over to others or comes of them.

    `group` is the kernel's record, of identities; `members` says where they live, `joiner` who comes in while a
    change is under way. `merge` is the entry by which a source is on its way to a merged partition. `child_of` and `upper_of`
    are the groups that a child, or a merged partition, comes of.
    """

    group: Group
    members: Members
    joiner: Member | None = None
    parent: Parent | None = None
    cut: bytes = b""
    lower: int = 0
    upper: int = 0
    child: Child | None = None
    child_of: int = 0
    merge: MergeBegun | None = None
    upper_part: Child | None = None
    upper_of: int = 0

    @property
    def next_members(self) -> Members:
        """The members once the change under way is over; the present ones if there is none."""
        joiner = self.joiner
        if joiner is None:
            return self.members
        first, second, third = (
            joiner if member.identity == self.group.leaver else member for member in self.members
        )
        return first, second, third

    @property
    def serves(self) -> bool:
        """True if reads and writes are this group's duty. A merged partition opens with both of its parts at once."""
        if self.child is not None and not self.child.open:
            return False
        return self.parent is None or splits.parent_serves(self.parent)

    @property
    def heirs(self) -> tuple[int, ...]:
        """The groups that this partition is on its way to; none if it is on its way to nowhere."""
        if self.parent is None:
            return ()
        return (self.lower, self.upper) if self.merge is None else (self.merge.child,)

    @property
    def parts(self) -> dict[int, Child]:
        """What this partition has of each that it comes of, by their groups."""
        if self.child is None:
            return {}
        if self.upper_part is None:
            return {self.child_of: self.child}
        return {self.child_of: self.child, self.upper_of: self.upper_part}

    def goes_to(self, heir: int, key: bytes) -> bool:
        """True if a key of this partition belongs to one of its heirs."""
        return self.merge is not None or splits.is_of(Child(heir == self.upper), self.cut, key)  # type: ignore[arg-type] # positions are ordered bytes


def first_affairs(members: Members, child: Child | None = None, child_of: int = 0) -> Affairs:
    """The affairs of a new group, perhaps a child of another that is being split."""
    return Affairs(_group(members), members, child=child, child_of=child_of)


def merged_affairs(members: Members, lower: int, upper: int, border: bytes) -> Affairs:
    """The affairs of a new group that two neighbours are to merge into; `border` is the upper one's lowest key."""
    return Affairs(
        _group(members),
        members,
        cut=border,
        child=Child(upper=False),
        child_of=lower,
        upper_part=Child(upper=True),
        upper_of=upper,
    )


def _group(members: Members) -> Group:
    first, second, third = (member.identity for member in members)
    return Group(0, Trio(first, second, third))


def decided(affairs: Affairs, index: int, entry: Entry) -> Affairs:
    """The group's affairs after the entry at an index of its log."""
    change = msgspec.structs.replace
    match entry:
        case Write() | Prepared() | Settled():
            return affairs
        case ChangeBegun(leaver, joiner):
            group = membership.begin_change(affairs.group, leaver, joiner.identity)
            return change(affairs, group=group, joiner=joiner)
        case ChangeFinished():
            group = membership.finish_change(affairs.group)
            return change(affairs, group=group, members=affairs.next_members, joiner=None)
        case FloorRaised(floor):
            return change(affairs, group=membership.raise_floor(affairs.group, floor))
        case SplitBegun(cut, lower, upper):
            parent = splits.begin(Parent(0), 0)
            return change(affairs, parent=parent, cut=cut, lower=lower, upper=upper)
        case MergeBegun():
            return change(affairs, parent=_on_its_way(affairs.parent or Parent(0), entry), merge=entry)
        case MergeWithdrawn() if affairs.parent is not None:
            merges.withdraw(affairs.parent, upper_stays_away=True)  # which its leader was told
            return change(affairs, parent=None, merge=None)
        case Closed() if affairs.parent is not None:
            return change(affairs, parent=_closed(affairs, index, affairs.parent))
        case Copied() if affairs.child is not None:
            if entry.upper and affairs.upper_part is not None:
                return change(affairs, upper_part=_copied(affairs.upper_part, entry))
            return change(affairs, child=_copied(affairs.child, entry))
        case Opened(parent, upper) if affairs.child is not None:
            return _opened(affairs, affairs.child, parent, upper)
    raise InvariantError(f"the log of a group that is in no such state holds {entry}")


def _on_its_way(parent: Parent, entry: MergeBegun) -> Parent:
    """What the other one has said stands behind the entry: the lower one has begun when the upper one joins."""
    return merges.join(parent, 0, lower_begun=True) if entry.upper else merges.begin(parent, 0)


def _closed(affairs: Affairs, index: int, parent: Parent) -> Parent:
    open_until_now = Parent(index, parent.splitting, parent.cut)
    if affairs.merge is None:
        return splits.close(open_until_now)
    return merges.close(open_until_now, upper_joined=True)  # the lower one's leader was told that it has


def _copied(child: Child, entry: Copied) -> Child:
    if entry.anew:
        return splits.on_snapshot(child, entry.applied)
    for index in range(child.applied, entry.applied):
        child = splits.on_copy(child, index)
    return child


def _opened(affairs: Affairs, child: Child, parent: Parent, upper: Parent | None) -> Affairs:
    upper_part = affairs.upper_part
    if upper_part is None or upper is None:
        opened = splits.open_child(child, child.applied, parent)
        return msgspec.structs.replace(affairs, child=opened)
    opened, upper_opened = merges.open_merged(
        child, upper_part, child.applied, parent, upper_part.applied, upper
    )
    return msgspec.structs.replace(affairs, child=opened, upper_part=upper_opened)
