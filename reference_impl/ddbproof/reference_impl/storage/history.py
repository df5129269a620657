"""The history of one table: its log, what backups and restores are made of, and what may be forgotten.

Every decision here is the kernel's: `model.kernel.backup` stamps entries and checks cuts,
`model.kernel.recovery` says what must be kept and which snapshot and entries make a state. This module finds
candidates (a position by bisection, a snapshot by search) and moves the data. Restores read the history and
never the live table (PI-24).

A snapshot is a log made shorter: of each key the last entry before the cut, deletions included. The anchor is the
snapshot that every restore to an instant can start from. It is not taken anew from time to time but moved on:
the oldest entries of the log are put into it. A backup is a position in the log; when the anchor is about to
pass it, a copy of the anchor is kept there until the backup is deleted, which takes a moment for a large table.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

import msgspec

from ddbproof.model.kernel import backup, recovery
from ddbproof.model.kernel.backup import Cut, PartitionLog
from ddbproof.model.kernel.recovery import Plan, Recovery
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.storage.items import Fold
from ddbproof.reference_impl.storage.log import Entry, MemoryLog

TIDY_EVERY = 256
_TIDY_MOST = 2 * TIDY_EVERY


class Snapshot(msgspec.Struct, frozen=True):
    """The last entry of each key before a cut. Only the anchor's are ever changed, by `tidy`."""

    cut: Cut
    entries: dict[bytes, Entry]


class History:
    """The log of one table with its snapshots. Now is always the clock's, in milliseconds."""

    __slots__ = ("_anchor", "_log", "_partition", "_snapshots")

    def __init__(self) -> None:
        self._log = MemoryLog()
        self._partition: PartitionLog = backup.EMPTY
        self._anchor = Snapshot(backup.BEGINNING, {})
        self._snapshots: dict[int, Snapshot] = {}

    def __len__(self) -> int:
        """How many entries were ever appended."""
        return self._partition.length

    @property
    def log(self) -> MemoryLog:
        """The entries that are left, to read."""
        return self._log

    # -- the log --------------------------------------------------------------------------------------

    def commit_timestamp(self, now_milliseconds: int) -> int:
        """The instant that an entry appended now has to carry."""
        return backup.commit_timestamp(self._partition, now_milliseconds)

    def append(self, entry: Entry) -> int:
        """Append a stamped entry; returns its index. Raises NotAllowed for a stamp that cannot be any more."""
        index = self._partition.length
        self._partition, _ = backup.append(self._partition, self._log, entry)
        return index

    # -- cuts -----------------------------------------------------------------------------------------

    def cut_now(self, now_milliseconds: int) -> Cut:
        """A cut with everything that was ever appended, for a backup; what comes later is not in it.

        Raises NotAllowed if timestamps are too far ahead of the clock, after a thousand cuts in a millisecond.
        """
        return self._cut(backup.backup_timestamp(self._partition, now_milliseconds), now_milliseconds)

    def state_of(self, cut: Cut) -> Fold:
        """The state at a backup's cut."""
        snapshot = self._nearest(cut.position)
        return self._made(snapshot, recovery.plan(snapshot.cut, self._log.trimmed, cut))

    def state_at(
        self, settings: Recovery, instant_milliseconds: int, now_milliseconds: int, lag_milliseconds: int
    ) -> Fold:
        """The state at an instant. Raises NotAllowed for one that cannot legally be restored."""
        cut = self._cut(instant_milliseconds, now_milliseconds)
        snapshot = self._nearest(cut.position)
        made = recovery.restore_plan(
            settings, now_milliseconds, lag_milliseconds, snapshot.cut, self._log.trimmed, cut
        )
        return self._made(snapshot, made)

    def _cut(self, instant_milliseconds: int, now_milliseconds: int) -> Cut:
        self._partition = backup.advance_watermark(self._partition, instant_milliseconds, now_milliseconds)
        return self._closed_cut(instant_milliseconds)

    def _closed_cut(self, instant_milliseconds: int) -> Cut:
        """The cut at an instant to which nothing can be added any more."""
        position = self._log.length_at(instant_milliseconds)
        return backup.take_cut(self._partition, self._log, self._anchor.cut, position, instant_milliseconds)

    def _nearest(self, position: int) -> Snapshot:
        """The latest snapshot from which a state can be made. Raises InvariantError if there is none."""
        usable = [
            snapshot
            for snapshot in (self._anchor, *self._snapshots.values())
            if recovery.reaches(snapshot.cut, self._log.trimmed, position)
        ]
        if not usable:
            raise InvariantError(f"nothing is left to make the state at {position} from")
        return max(usable, key=lambda snapshot: snapshot.cut.position)

    def _made(self, snapshot: Snapshot, plan: Plan) -> Fold:
        later = self._log.between(plan.from_position, plan.to_position)
        return Fold(chain(snapshot.entries.values(), later))

    # -- forgetting -----------------------------------------------------------------------------------

    def tidy(self, settings: Recovery, backups: Collection[Cut], now_milliseconds: int) -> None:
        """Move the anchor on and forget what neither a restore nor a backup can need; a bounded amount of work."""
        self._drop_snapshots(backups)
        # The present millisecond stays open: closing it would put the next write ahead of the clock.
        oldest = min(recovery.oldest_needed(settings, now_milliseconds), now_milliseconds - 1)
        if oldest <= self._anchor.cut.instant_milliseconds:
            return
        start = self._anchor.cut.position
        if self._log.length_at(oldest) - start > _TIDY_MOST:
            oldest = self._log[start + _TIDY_MOST - 1].instant_milliseconds
        self._partition = backup.advance_watermark(self._partition, oldest, now_milliseconds)
        target = self._closed_cut(oldest)
        passed = {
            cut.position: cut
            for cut in backups
            if not recovery.reaches(target, target.position, cut.position)
            and cut.position not in self._snapshots
        }
        for _, cut in sorted(passed.items()):
            self._move_anchor(settings, cut, now_milliseconds)
            self._snapshots[cut.position] = Snapshot(cut, self._anchor.entries.copy())
        self._move_anchor(settings, target, now_milliseconds)

    def _move_anchor(self, settings: Recovery, cut: Cut, now_milliseconds: int) -> None:
        entries = self._anchor.entries
        moved = recovery.move_anchor(settings, self._anchor.cut, cut, now_milliseconds)
        for entry in self._log.between(self._anchor.cut.position, moved.position):
            entries[entry.key] = entry
        self._anchor = Snapshot(moved, entries)
        if recovery.may_trim(moved, moved.position):
            self._log.trim(moved.position)

    def _drop_snapshots(self, backups: Collection[Cut]) -> None:
        needed = {cut.position for cut in backups}
        self._snapshots = {
            position: snapshot
            for position, snapshot in self._snapshots.items()
            if position in needed or not recovery.may_drop_snapshot(self._anchor.cut, snapshot.cut)
        }
