"""What a group's log amounts to: items, and which requests have been answered.

A follower applies what is committed. A leader applies what it has appended, since a condition has to see the newest
entry; whatever it may yet lose can be taken back, entry by entry, down to what is committed. Requests are remembered so
that a message that comes twice is one request: the newest `REMEMBERED` of them, in the order of the log, so that
all replicas forget the same. Who comes of another has up to twice as many, as it has copied what that one remembers; who was
merged has as many of each of the two.

The group's own affairs are applied as well (`affairs`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import msgspec

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication.affairs import Affairs, decided
from ddbproof.reference_impl.replication.entries import (
    Change,
    Copied,
    Entry,
    Opened,
    Prepared,
    Settled,
    Write,
)
from ddbproof.reference_impl.storage.items import Fold, Image

REMEMBERED = 4096
ValueT = TypeVar("ValueT")


class Snapshot(msgspec.Struct, frozen=True):
    """The state after the first `position` entries, which are committed."""

    position: int
    affairs: Affairs
    images: tuple[tuple[bytes, bytes, int, Version], ...]
    tombstones: tuple[tuple[bytes, Version], ...]
    answered: tuple[int, ...]
    pending: tuple[Prepared, ...] = ()
    checked: tuple[tuple[bytes, int], ...] = ()
    answered_upper: tuple[int, ...] = ()

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
        "_upper_order",
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
        self._upper_order: deque[int] = (
            deque()
        )  # of what is copied from the upper of two sources, until it is open
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
            is_copy = type(entry) is Copied or (type(entry) is Opened and self._upper_order)
            snapshot = self._frozen() if is_copy and not committed else None
            self.affairs = decided(before, self.applied, entry)
            if type(entry) is Copied:
                self._copy(entry)
            elif is_copy:
                self._answered_order += self._upper_order
                self._upper_order.clear()
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
            tuple(self._upper_order),
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
        self._upper_order = deque(snapshot.answered_upper)
        self.answered = {*snapshot.answered, *snapshot.answered_upper}
        self.pending = {prepared.key: prepared for prepared in snapshot.pending}
        self.checked = dict(snapshot.checked)

    def _restore_affairs(self, affairs: Affairs, snapshot: Snapshot | None) -> None:
        self.affairs = affairs
        if snapshot is not None:
            self._restore_items(snapshot)

    def _copy(self, entry: Copied) -> None:
        if entry.anew:
            self._drop_copied(entry)
        self.checked.update(entry.checked)
        for change in entry.writes:
            self.fold.apply(change)
        # Each source by itself: what one has answered may not push out what the other has answered last.
        order = self._upper_order if entry.upper else self._answered_order
        for request in entry.requests:
            if request and request not in self.answered:
                self.answered.add(request)
                order.append(request)
        while len(order) > 2 * REMEMBERED:
            self.answered.discard(order.popleft())

    def _drop_copied(self, entry: Copied) -> None:
        """Forget what was copied from the partition that all is copied from anew, and nothing that came from another.

        Of the requests none is forgotten where there is another: what one source has answered concerns no item of the other.
        """
        affairs = self.affairs
        if affairs.upper_part is None:
            self.fold = Fold()
            self.answered, self._answered_order = set(), deque()
            self.checked = {}
            return
        start, end = (affairs.cut, None) if entry.upper else (b"", affairs.cut)
        for key, image in list(self.fold.items.range(start, end)):
            self.fold.items.delete(key)
            self.fold.size_bytes -= image.size_bytes
        for keys in (self.fold.tombstones, self.checked):
            for key in [key for key in keys if (key >= affairs.cut) == entry.upper]:
                del keys[key]

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
