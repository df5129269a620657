"""What a group's log amounts to: items, and which requests have been answered.

A follower applies what is committed. A leader applies what it has appended, since a condition has to see the newest
entry; whatever it may yet lose can be taken back, entry by entry, down to what is committed. Requests are remembered so
that a message that comes twice is one request: the newest `REMEMBERED` of them, in the order of the log, so that
all replicas forget the same.

The group's own affairs are applied as well: members, floor, split.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from ddbproof.model.kernel import membership, splits
from ddbproof.model.kernel.membership import Group, Trio
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication.entries import (
    Change,
    ChangeBegun,
    ChangeFinished,
    Closed,
    Copied,
    Entry,
    FloorRaised,
    Member,
    Members,
    Opened,
    Prepared,
    Settled,
    SplitBegun,
    Write,
)
from ddbproof.reference_impl.storage.items import Fold, Image

REMEMBERED = 4096
ValueT = TypeVar("ValueT")


class Affairs(msgspec.Struct, frozen=True, gc=False):
    """The group's affairs, as its log has decided them: configuration, and split, as parent or as child.

    `group` is the kernel's record, of identities; `members` says where they live, `joiner` who comes in while a
    change is under way.
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
        """True if reads and writes are this group's duty."""
        if self.child is not None and not self.child.open:
            return False
        return self.parent is None or splits.parent_serves(self.parent)


def first_affairs(members: Members, child: Child | None = None, child_of: int = 0) -> Affairs:
    """The affairs of a new group, perhaps a child of another that is being split."""
    first, second, third = (member.identity for member in members)
    return Affairs(Group(0, Trio(first, second, third)), members, child=child, child_of=child_of)


class Snapshot(msgspec.Struct, frozen=True):
    """The state after the first `position` entries, which are committed."""

    position: int
    affairs: Affairs
    images: tuple[tuple[bytes, bytes, int, Version], ...]
    tombstones: tuple[tuple[bytes, Version], ...]
    answered: tuple[int, ...]
    pending: tuple[Prepared, ...] = ()
    checked: tuple[tuple[bytes, int], ...] = ()

    def changes(self) -> tuple[Change, ...]:
        """The items and deletions as changes, each as it was made last."""
        return (
            *(
                Change(key, item, size_bytes, version, version.timestamp_milliseconds)
                for key, item, size_bytes, version in self.images
            ),
            *(
                Change(key, None, 0, version, version.timestamp_milliseconds)
                for key, version in self.tombstones
            ),
        )


class _Undo(NamedTuple):
    """How to take an entry back that is not committed.

    A write of an item: its key, the image and the tombstone that it replaced, its request and the one forgotten for it. Any
    other entry has a `restore`; one that changes an item, key and image as well.
    """

    place: int
    key: bytes | None
    old: Image | None = None
    buried: Version | None = None
    request: int = 0
    forgotten: int | None = None
    restore: Callable[[], None] | None = None


class GroupState:
    """The state after the first `applied` entries.

    `pending` are the items that transactions hold, `checked` the instants at which they have checked items.
    """

    __slots__ = (
        "_answered_order",
        "_restored",
        "_undo",
        "affairs",
        "answered",
        "applied",
        "checked",
        "fold",
        "pending",
    )

    def __init__(self, affairs: Affairs) -> None:
        self.affairs = affairs
        self.applied = 0
        self.fold = Fold()
        self.answered: set[int] = set()
        self.pending: dict[bytes, Prepared] = {}
        self.checked: dict[bytes, int] = {}
        self._answered_order: deque[int] = deque()
        self._undo: deque[_Undo] = deque()
        self._restored = 0

    def apply(self, entry: Entry, *, committed: bool) -> Image | None:
        """Apply the next entry; unless it is committed, it may be taken back. Returns the image it replaced."""
        old: Image | None = None
        if type(entry) is Write:
            change, request, fold = entry.change, entry.request, self.fold
            if committed:
                old = fold.apply(change)
                if request:
                    self._remember(request)
            else:
                key = change.key
                buried = fold.tombstones.get(key) if fold.tombstones else None
                old = fold.apply(change)
                forgotten = self._remember(request) if request else None
                self._undo.append(_Undo(self.applied, key, old, buried, request, forgotten))
        elif type(entry) is Prepared or type(entry) is Settled:
            old = self._apply_transaction(entry, committed=committed)
        else:
            before = self.affairs
            snapshot = None if committed or type(entry) is not Copied else self._frozen()
            self.affairs = decided(before, self.applied, entry)
            if type(entry) is Copied:
                self._copy(entry)
            if not committed:
                self._undo.append(
                    _Undo(self.applied, None, restore=lambda: self._restore_affairs(before, snapshot))
                )
        self.applied += 1
        return old

    def _apply_transaction(self, entry: Prepared | Settled, *, committed: bool) -> Image | None:
        key, fold = entry.key, self.fold
        held, checked = self.pending.pop(key, None), self.checked.get(key)
        if isinstance(entry, Prepared):
            self.pending[key] = entry
            change = None
        else:
            change = entry.change
            if entry.checked:
                self.checked[key] = entry.checked
        buried = fold.tombstones.get(key)
        old = None if change is None else fold.apply(change)
        if not committed:

            def restore() -> None:
                if change is not None:
                    fold.revert(key, old, buried)
                _put_back(self.pending, key, held)
                _put_back(self.checked, key, checked)

            changed = None if change is None else key
            self._undo.append(_Undo(self.applied, changed, old, restore=restore))
        return old

    def commit(self, committed: int) -> None:
        """What came before is there to stay."""
        undo = self._undo
        while undo and undo[0].place < committed:
            undo.popleft()

    def take_back(self, committed: int) -> None:
        """Take back everything from an index on, which was never committed; but not what came in a snapshot.

        A snapshot holds what is committed. The replica that it was given to may learn of that later.
        """
        while self._undo and self._undo[-1].place >= committed:
            self._take_one_back(self._undo.pop())
            self.applied -= 1
        if self.applied > max(committed, self._restored):
            raise InvariantError(
                f"{self.applied} entries applied, {committed} committed, nothing to take back"
            )

    def _take_one_back(self, undo: _Undo) -> None:
        if undo.restore is not None:
            undo.restore()
        elif undo.key is not None:
            self.fold.revert(undo.key, undo.old, undo.buried)
            if undo.request:
                self._forget(undo.request, undo.forgotten)

    def committed_image(self, key: bytes) -> Image | None:
        """The item as it was before everything that is not committed."""
        for undo in self._undo:
            if undo.key == key:
                return undo.old
        return self.fold.items.get(key)

    def committed_range(
        self, start: bytes, end: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, Image]]:
        """The items with start <= key < end as they were before everything that is not committed."""
        changed: dict[bytes, Image | None] = {}
        for undo in self._undo:
            if undo.key is not None and undo.key >= start and (end is None or undo.key < end):
                changed.setdefault(undo.key, undo.old)
        items = self.fold.items.range(start, end, reverse=reverse)
        if not changed:
            return items
        found = [(key, image) for key, image in items if key not in changed]
        found += [(key, image) for key, image in changed.items() if image is not None]
        return iter(sorted(found, key=lambda pair: pair[0], reverse=reverse))

    def snapshot(self) -> Snapshot:
        """The state as it is. Raises InvariantError while something in it may yet be taken back."""
        if self._undo:
            raise InvariantError("a snapshot of what is not committed")
        return self._frozen()

    def _frozen(self) -> Snapshot:
        return Snapshot(
            self.applied,
            self.affairs,
            tuple(
                (key, image.item, image.size_bytes, image.version)
                for key, image in self.fold.items.range(b"", None)
            ),
            tuple(self.fold.tombstones.items()),
            tuple(self._answered_order),
            tuple(self.pending.values()),
            tuple(self.checked.items()),
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Become what the snapshot says, whatever was there before."""
        self.applied = self._restored = snapshot.position
        self.affairs = snapshot.affairs
        self._restore_items(snapshot)
        self._undo.clear()

    def _restore_items(self, snapshot: Snapshot) -> None:
        self.fold = Fold()
        for key, item, size_bytes, version in snapshot.images:
            self.fold.items.put(key, Image(item, size_bytes, version))
            self.fold.size_bytes += size_bytes
        self.fold.tombstones.update(snapshot.tombstones)
        self._answered_order = deque(snapshot.answered)
        self.answered = set(snapshot.answered)
        self.pending = {prepared.key: prepared for prepared in snapshot.pending}
        self.checked = dict(snapshot.checked)

    def _restore_affairs(self, affairs: Affairs, snapshot: Snapshot | None) -> None:
        self.affairs = affairs
        if snapshot is not None:
            self._restore_items(snapshot)

    def _copy(self, entry: Copied) -> None:
        if entry.anew:
            self.fold = Fold()
            self.answered, self._answered_order = set(), deque()
            self.checked = {}
        self.checked.update(entry.checked)
        for change in entry.writes:
            self.fold.apply(change)
        for request in entry.requests:
            if request:
                self._remember(request)

    def _remember(self, request: int) -> int | None:
        """Note a request as answered; returns the one that is forgotten for it, if any."""
        self.answered.add(request)
        self._answered_order.append(request)
        if len(self._answered_order) <= REMEMBERED:
            return None
        forgotten = self._answered_order.popleft()
        self.answered.discard(forgotten)
        return forgotten

    def _forget(self, request: int, forgotten: int | None) -> None:
        self._answered_order.pop()
        self.answered.discard(request)
        if forgotten is not None:
            self._answered_order.appendleft(forgotten)
            self.answered.add(forgotten)


def _put_back(where: dict[bytes, ValueT], key: bytes, value: ValueT | None) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value


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
            # Where it is cut stands in `cut`: a key, which is bytes, and the kernel's record has integers.
            parent = splits.begin(Parent(0), 0)
            return change(affairs, parent=parent, cut=cut, lower=lower, upper=upper)
        case Closed() if affairs.parent is not None:
            open_until_now = Parent(index, affairs.parent.splitting, affairs.parent.cut)
            return change(affairs, parent=splits.close(open_until_now))
        case Copied() if affairs.child is not None:
            return change(affairs, child=_copied(affairs.child, entry))
        case Opened(parent) if affairs.child is not None:
            return change(affairs, child=splits.open_child(affairs.child, affairs.child.applied, parent))
    raise InvariantError(f"the log of a group that is in no such state holds {entry}")


def _copied(child: Child, entry: Copied) -> Child:
    if entry.anew:
        return splits.on_snapshot(child, entry.applied)
    for index in range(child.applied, entry.applied):
        child = splits.on_copy(child, index)
    return child


def is_of(child: Child, cut: bytes, key: bytes) -> bool:
    """True if a key belongs to that child of a partition that is cut there."""
    return splits.is_of(child, cut, key)  # type: ignore[arg-type] # positions are ordered bytes
