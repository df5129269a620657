"""Faults for the fuzzer to find, planted by composition: collaborators of the reference endpoint are replaced.

Nothing in production code knows of them. Run as a program, `fuzz_faults.py FAULT serve ...` is the command `ddbproof`
with that fault, for reproducer scripts that need an endpoint behind HTTP.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from unittest.mock import patch
from weakref import WeakKeyDictionary

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.api import restores
from ddbproof.reference_impl.api import transactions as api
from ddbproof.reference_impl.cluster.coordinator import Coordinator
from ddbproof.reference_impl.cluster.global_index import GlobalIndex
from ddbproof.reference_impl.cluster.ledger import Named, token_key
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.storage.history import History
from ddbproof.reference_impl.storage.items import Fold, Image
from ddbproof.reference_impl.storage.log import Entry


def _restore_off_by_one_second() -> Any:
    """A restore to an instant gives the state a second earlier."""
    right = History.state_at

    def wrong(self: History, settings: Any, instant: int, now: int, lag: int) -> Fold:
        try:
            return right(self, settings, instant - 1000, now, lag)
        except NotAllowed:
            # A second earlier is before the window.
            return right(self, settings, instant, now, lag)

    return patch.object(History, "state_at", wrong)


def _tombstone_ignored() -> Any:
    """A write that arrives late brings a deleted item back."""
    right = PartitionedTable.receive

    def wrong(self: PartitionedTable, key: bytes, item: bytes | None, *rest: Any) -> bool:
        if item is not None:
            self.groups.serving(key).state.fold.tombstones.pop(key, None)
        return right(self, key, item, *rest)

    return patch.object(PartitionedTable, "receive", wrong)


def _applies_by_arrival() -> Any:
    """What arrives replaces what is there, however old it is."""
    right = PartitionedTable.receive

    def wrong(self: PartitionedTable, key: bytes, item: bytes | None, size: int, version: Version) -> bool:
        stored = self.groups.serving(key).state.fold.version_of(key)
        if stored is not None:
            version = Version(stored.timestamp_milliseconds, version.region_number, stored.counter + 1)
        return right(self, key, item, size, version)

    return patch.object(PartitionedTable, "receive", wrong)


def _backup_shares_items() -> Any:
    """A backup is a reference to the live table."""

    def wrong(self: History, cut: Any) -> Fold:
        return Fold(self.log.between(0, len(self)))

    return patch.object(History, "state_of", wrong)


def _drops_deletes() -> Any:
    """Deletions do not reach other Regions."""
    right = PartitionedTable.receive

    def wrong(self: PartitionedTable, key: bytes, item: bytes | None, *rest: Any) -> bool:
        return item is not None and right(self, key, item, *rest)

    return patch.object(PartitionedTable, "receive", wrong)


# -- transactions -----------------------------------------------------------------------------------------


def _transaction_half_applied() -> Any:
    """The first item of a transaction changes, the others do not."""
    right = Coordinator._tell
    told: WeakKeyDictionary[Coordinator, dict[int, Named]] = WeakKeyDictionary()

    def wrong(self: Coordinator, named: Named, number: int, record: transactions.Record) -> None:
        first = told.setdefault(self, {}).setdefault(number, named)
        right(self, named, number, record if named == first else transactions.NO_RECORD)

    return patch.object(Coordinator, "_tell", wrong)


def _only_first_condition() -> Any:
    """Of a transaction's conditions only the first action's is evaluated."""
    right = api._outcomes

    def wrong(call: Any, actions: Any, places: Any, step: Any) -> Any:
        if step is api._change:
            for action in actions[1:]:
                action.condition = None
        return right(call, actions, places, step)

    return patch.object(api, "_outcomes", wrong)


def _token_forgotten() -> Any:
    """A client token stands for nothing: what is repeated is done again."""
    numbers = count()

    def wrong(account: str, token: str) -> bytes:
        return token_key(account, f"{token} {next(numbers)}")

    return patch.object(api, "token_key", wrong)


def _token_never_lapses() -> Any:
    """A client token counts for ever."""
    return patch.object(transactions, "has_lapsed", lambda *_: False)


def _token_stands_for_any_request() -> Any:
    """Another request under a used token is answered as if it were the same."""
    right = transactions.answer

    def wrong(record: transactions.Record, content: int, now: int, error: int) -> int:
        return right(record, record.content, now, error)

    return patch.object(transactions, "answer", wrong)


def _two_moments() -> Any:
    """A transactional read shows all items but the first as they were before their last transaction."""
    right, settle = api._outcomes, PartitionedTable.settle
    before: dict[tuple[str, bytes], Image | None] = {}

    def settled(self: PartitionedTable, key: bytes, *rest: Any, **options: Any) -> None:
        before[self._table_id, key] = self.groups.serving(key).state.fold.items.get(key)
        settle(self, key, *rest, **options)

    def wrong(call: Any, actions: Any, places: Any, step: Any) -> Any:
        looks = right(call, actions, places, step)
        if step is api._read:
            for number, place in list(enumerate(places))[1:]:
                look, where = looks[number], (place.record.table_id, place.key)
                looks[number] = api._Look(before.get(where, look.image), look.version)
        return looks

    stack = contextlib.ExitStack()
    stack.enter_context(patch.object(PartitionedTable, "settle", settled))
    stack.enter_context(patch.object(api, "_outcomes", wrong))
    return stack


# -- indexes ----------------------------------------------------------------------------------------------


def _index_keeps_the_deleted() -> Any:
    """An item's entry stays in an index when the item is deleted."""
    right = GlobalIndex.note

    def wrong(self: GlobalIndex, change: Entry, old: Image | None) -> None:
        if change.item is not None:
            right(self, change, old)

    return patch.object(GlobalIndex, "note", wrong)


def _index_copies_entries() -> Any:
    """An entry whose key changes is put in its new place, and stays in the old one."""
    right = GlobalIndex._tell

    def wrong(self: GlobalIndex, key: bytes, version: Version, gone: Any, entry: Any, **options: Any) -> None:
        right(self, key, version, gone if entry is None else None, entry, **options)

    return patch.object(GlobalIndex, "_tell", wrong)


def _restore_loses_indexes() -> Any:
    """A table is restored without its indexes."""
    return patch.object(restores, "restored_indexes", lambda *_: ())


FAULTS: dict[str, Callable[[], Any]] = {
    "restore-off-by-one-second": _restore_off_by_one_second,
    "tombstone-ignored": _tombstone_ignored,
    "applies-by-arrival": _applies_by_arrival,
    "backup-shares-items": _backup_shares_items,
    "drops-deletes": _drops_deletes,
    "transaction-half-applied": _transaction_half_applied,
    "only-first-condition": _only_first_condition,
    "token-forgotten": _token_forgotten,
    "token-never-lapses": _token_never_lapses,
    "token-stands-for-any-request": _token_stands_for_any_request,
    "two-moments": _two_moments,
    "index-keeps-the-deleted": _index_keeps_the_deleted,
    "index-copies-entries": _index_copies_entries,
    "restore-loses-indexes": _restore_loses_indexes,
}


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """The reference endpoint has that fault."""
    with FAULTS[name]():
        yield


if __name__ == "__main__":
    from ddbproof.cli.app import run

    with planted(sys.argv[1]):
        raise SystemExit(run(sys.argv[2:]))
