"""Handing a group's committed entries to its archive, in their order, each at least once, by whoever leads.

Backups and restores read the archive, never a replica. A new leader asks the archive first where it ended, and
goes on there; what two leaders hand over twice is the same, since it is committed. Logs are not trimmed beyond
what the archive has, so whoever leads next has what is missing in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading

_MOST_ENTRIES = 500


class Archiving:
    """What a leader does for the archive. `archived` entries it has, as far as is known; -1 before it was heard."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self.archived = -1
        self._asked_at: int | None = None

    def tick(self, now: int) -> None:
        """Hand over what is new, unless an answer is still awaited."""
        replica, committed = self._leading.replica, self._leading.leader.committed
        if self.archived >= committed:
            return
        if self._asked_at is not None:
            patience = replica.environment.timing.heartbeat_milliseconds
            if now - self._asked_at < patience:
                return
        start = max(self.archived, 0)
        end = start if self.archived < 0 else min(committed, start + _MOST_ENTRIES)
        self._asked_at = now
        entries = replica.log.between(start, end)
        replica.environment.archive(replica.group, start, entries, self._on_archived)

    def _on_archived(self, length: int) -> None:
        self.archived = max(self.archived, length)
        self._asked_at = None
