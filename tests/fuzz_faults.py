"""Faults for the fuzzer to find, planted by composition: collaborators of the reference endpoint are replaced.

Nothing in production code knows of them. Run as a program, `fuzz_faults.py FAULT serve ...` is the command `ddbproof`
with that fault, for reproducer scripts that need an endpoint behind HTTP.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.storage.history import History
from ddbproof.reference_impl.storage.items import Fold


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


FAULTS: dict[str, Callable[[], Any]] = {
    "restore-off-by-one-second": _restore_off_by_one_second,
    "tombstone-ignored": _tombstone_ignored,
    "applies-by-arrival": _applies_by_arrival,
    "backup-shares-items": _backup_shares_items,
    "drops-deletes": _drops_deletes,
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
