"""A global secondary index: a table of its own, fed with what is committed in the table that it belongs to.

It has partitions, replicas in three Availability Zones and leaders like every table (PART-15: "separately partitioned"), on
the same nodes; so whatever breaks them breaks the index, and not always where it breaks the table. It is never part of a
write: the table's leader hands over what two of three replicas have, and only then the index is told (`note`), item
by item. A transaction is no exception: its items come into the index one by one (TX-06).

Each change of an item deletes the entry that the item had and puts the one that it has, both with the version of
the change, and an index partition takes a version only if it is newer than what it has under that key. So a change told twice does
nothing the second time, and one that was told half is told again whole. The changes of an item wait in one queue, in the
order in which they were committed. One that finds no leader or no second replica stays at its head, and is tried
again until it is done: the table's write was acknowledged without it, and it is never lost.

By default an index is told before the write is answered, for tools that cannot bear what DynamoDB may do; with
lawful lag (`Lag`), up to a second later. Reads are eventually consistent, always (RC-05).

An index that is added to a table takes part in every write from then on, and is filled with the items that are there
(`backfill`); which of the two comes first makes no difference, since versions decide.

Left out: throttling of a table whose index is too slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.cluster.index_entries import IndexEntry, Projection
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.cluster.table_world import PATIENCE_MILLISECONDS
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.storage.items import Fold, Image
from ddbproof.reference_impl.storage.log import Entry

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.groups import TableGroups
    from ddbproof.reference_impl.cluster.lag import Lag
    from ddbproof.reference_impl.cluster.records import IndexRecord
    from ddbproof.reference_impl.values.keys import KeySchema

AGAIN_MILLISECONDS = 500
"""How long a change waits that could not be done, before it is tried again."""

Later = Callable[[int, Callable[[int], None]], None]
MakeGroups = Callable[[Callable[[Entry, int, int], None]], "TableGroups"]


class IndexRow(NamedTuple):
    """What a read of an index finds: the projected item (canonical JSON), its size in bytes.

    `whole` is the item itself, where the index is local and has it at hand.
    """

    item: bytes
    size_bytes: int
    whole: Image | None = None


class Committed:
    """See `feed.Followed`: the entries of an index that two of three replicas have."""

    def __init__(self) -> None:
        self.fold = Fold()

    def take(self, change: Entry, _group: int, _position: int) -> None:
        """A change is committed."""
        self.fold.apply(change)


class Step(NamedTuple):
    """What one change of an item does to the index: `gone` is the key of an entry that it deletes, `entry` the one it puts."""

    due_milliseconds: int
    version: Version
    gone: bytes | None
    entry: IndexEntry | None
    backfill: bool

    def operations(self) -> Iterator[tuple[bytes, bytes | None, int]]:
        """Key, item and size of each."""
        if self.gone is not None:
            yield self.gone, None, 0
        if self.entry is not None:
            yield self.entry.key, self.entry.item, self.entry.size_bytes


class GlobalIndex:
    """One global secondary index in one Region.

    `make_groups` makes its replication groups, which hand what they commit to the function they are given; it may raise
    UnavailableError. `now` gives the present instant, and `later` calls a function at another.
    """

    def __init__(
        self,
        record: IndexRecord,
        table_schema: KeySchema,
        make_groups: MakeGroups,
        region_number: int,
        lag: Lag,
        now: Callable[[], int],
        later: Later,
    ) -> None:
        self.projection = Projection(record, table_schema)
        self._committed = Committed()
        self.groups = make_groups(self._committed.take)
        self._store = PartitionedTable(
            record.name, self.groups, self._committed, region_number, lag, stale=lambda: None
        )
        self._lag = lag
        self._now = now
        self._later = later
        self._waiting: dict[bytes, deque[Step]] = {}
        self._stuck: dict[bytes, None] = {}
        self._will_try_again = False
        self._to_backfill = 0
        self._backfill_awaited = record.backfill_at_milliseconds is not None
        self._is_gone = False

    # -- what is committed in the table -----------------------------------------------------------------

    def note(self, change: Entry, old: Image | None) -> None:
        """A change of an item is committed; `old` is the image that it replaced."""
        before = None if old is None else self.projection.entry_of(change.key, old.item)
        after = None if change.item is None else self.projection.entry_of(change.key, change.item)
        if before == after:
            return  # nothing that the index shows has changed
        gone = None if before is None or (after is not None and before.key == after.key) else before.key
        self._tell(change.key, change.version, gone, after)

    def backfill(self, items: Iterable[tuple[bytes, bytes | None, int, Version]]) -> None:
        """Fill a new index with what its table has (see `TableStore.versions`)."""
        self._backfill_awaited = False
        if self._is_gone:
            return
        for key, item, _, version in items:
            entry = None if item is None else self.projection.entry_of(key, item)
            if entry is not None:
                self._to_backfill += 1
                self._tell(key, version, None, entry, backfill=True)

    @property
    def is_filled(self) -> bool:
        """True once everything is in it that its table had when it was added."""
        return not self._backfill_awaited and self._to_backfill == 0

    @property
    def waiting_count(self) -> int:
        """How many changes of items are not in the index yet."""
        return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """The index is gone: what waits for it waits no more."""
        self._is_gone = True
        self._waiting.clear()
        self._stuck.clear()

    # -- feeding ----------------------------------------------------------------------------------------

    def _tell(
        self,
        key: bytes,
        version: Version,
        gone: bytes | None,
        entry: IndexEntry | None,
        *,
        backfill: bool = False,
    ) -> None:
        now = self._now()
        steps = self._waiting.setdefault(key, deque())
        due = now + self._lag.index_milliseconds()
        if steps:
            due = max(due, steps[-1].due_milliseconds)
        steps.append(Step(due, version, gone, entry, backfill))
        if self._lag.legal:
            self._later(due, lambda _: self._go_on_with(key))
        else:
            self._go_on_with(key)

    def _go_on_with(self, key: bytes) -> None:
        if key not in self._stuck:
            self._feed(key)

    def _feed(self, key: bytes) -> bool:
        """Do what is due of an item's changes, in order; False if one could not be done."""
        steps = self._waiting.get(key)
        while steps and steps[0].due_milliseconds <= self._now():
            try:
                self._do(steps[0])
            except UnavailableError:
                self._stuck[key] = None
                self._try_again_later()
                return False
            self._to_backfill -= steps.popleft().backfill
        if not steps:
            self._waiting.pop(key, None)
        return True

    def _do(self, step: Step) -> None:
        """Nobody waits for this: while something is broken, what does not succeed at once is tried again later."""
        groups = self.groups
        groups.attend(self._now())
        groups.patience_milliseconds = PATIENCE_MILLISECONDS if groups.fleet.calm else 0
        try:
            for key, item, size_bytes in step.operations():
                self._store.receive(key, item, size_bytes, step.version)
        finally:
            groups.patience_milliseconds = PATIENCE_MILLISECONDS

    def _try_again_later(self) -> None:
        if not self._will_try_again:
            self._will_try_again = True
            self._later(self._now() + AGAIN_MILLISECONDS, lambda _: self._try_again())

    def _try_again(self) -> None:
        """What is stuck still is tried after the present, which may be long after this was due: `Scheduler` sees to it."""
        self.go_on()
        if self._stuck and not self._is_gone:
            raise UnavailableError("an index cannot take what is committed")
        self._will_try_again = False

    def go_on(self) -> None:
        """Do what is stuck, as far as it can be done now. Of a partition that cannot be written one change is tried."""
        closed: set[int] = set()
        for key in list(self._stuck):
            if self._is_gone:
                return
            groups = {self.groups.group_of(it) for it, _, _ in self._waiting[key][0].operations()}
            if not closed & groups:
                del self._stuck[key]
                if not self._feed(key):
                    closed |= groups
        if self._stuck:
            self._try_again_later()

    # -- reads ------------------------------------------------------------------------------------------

    def range(
        self, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool = False
    ) -> Iterator[tuple[bytes, IndexRow]]:
        """Entries with start <= key < end in key order, or against it; never `consistent` (RC-05). Raises UnavailableError."""
        assert not consistent
        self.groups.attend(self._now())
        if self._stuck and not self._lag.legal:
            self.go_on()
        found = self._store.range(start, end, reverse=reverse, consistent=False)
        if self._lag.legal:
            shown = list(found)
            if dict(shown) != self._as_it_will_be(start, end):
                self._lag.index_stale()
            found = iter(shown)
        return ((key, IndexRow(image.item, image.size_bytes)) for key, image in found)

    def _as_it_will_be(self, start: bytes, end: bytes | None) -> dict[bytes, Image]:
        """What the range holds when all that is committed in the table has come."""
        expected = dict(self._committed.fold.items.range(start, end))
        for steps in self._waiting.values():
            for step in steps:
                for key, item, size_bytes in step.operations():
                    if item is None:
                        expected.pop(key, None)
                    elif start <= key and (end is None or key < end):
                        expected[key] = Image(item, size_bytes, step.version)
        return expected

    @property
    def item_count(self) -> int:
        """Entries."""
        return len(self._committed.fold.items)

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of the entries."""
        return self._committed.fold.size_bytes
