"""The archive: the logs of all tables, kept for as long as a backup or a restore window may need them.

Backups and restores read the archive and never the live table (PI-24). A log enters it when the table is
made and leaves it when the table is gone and no backup refers to it.

Left out for now: trimming a log to the restore window, snapshots to fold from, and storage on disk. A
restore therefore folds from the log's first entry, and memory grows with every write until the table and
its backups are deleted.
"""

from __future__ import annotations

from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.storage.items import Fold
from ddbproof.reference_impl.storage.log import Log, MemoryLog


class Archive:
    """Logs by table id."""

    def __init__(self) -> None:
        self._logs: dict[str, Log] = {}

    def open(self, table_id: str) -> Log:
        """A new, empty log for a new table."""
        if table_id in self._logs:
            raise InvariantError(f"table id {table_id} used twice")
        log = self._logs[table_id] = MemoryLog()
        return log

    def state_after(self, table_id: str, length: int) -> Fold:
        """The table's state after the first `length` entries of its log."""
        return Fold(self._logs[table_id].prefix(length))

    def length_at(self, table_id: str, instant_milliseconds: int) -> int:
        """How much of the table's log had been applied at the instant."""
        return self._logs[table_id].length_at(instant_milliseconds)

    def release(self, table_id: str) -> None:
        """Forget a log that nothing can refer to any more."""
        self._logs.pop(table_id, None)

    def __contains__(self, table_id: str) -> bool:
        return table_id in self._logs
