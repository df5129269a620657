"""The archive: the histories of all tables, kept for as long as a backup or a restore may need them.

Backups and restores read the archive and never the live table (PI-24). A history enters it when the table is
made and leaves it when the table is gone and no backup refers to it.

Left out for now: storage on disk.
"""

from __future__ import annotations

from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.storage.history import History


class Archive:
    """Histories by table id."""

    def __init__(self) -> None:
        self._histories: dict[str, History] = {}

    def open(self, table_id: str) -> History:
        """A new, empty history for a new table."""
        if table_id in self._histories:
            raise InvariantError(f"table id {table_id} used twice")
        history = self._histories[table_id] = History()
        return history

    def __getitem__(self, table_id: str) -> History:
        """The history of a table that exists, or of which there is a backup."""
        return self._histories[table_id]

    def release(self, table_id: str) -> None:
        """Forget a history that nothing can refer to any more."""
        self._histories.pop(table_id, None)

    def __contains__(self, table_id: str) -> bool:
        return table_id in self._histories
