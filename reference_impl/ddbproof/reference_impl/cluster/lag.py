"""Lawful lag, and how much of it anybody saw: what `--lag legal` lets happen is counted where it is read.

Replicas of a partition fall behind their leader for up to 0.6 seconds (`groups`), changes reach other Regions up to a second
later than usual, and global secondary indexes up to a second after the write. An eventually consistent read that shows
something else than the leader has committed is counted as `eventual`; a read in a Region to which a change of that item is
under way, as `replica`; a read of an index that shows something else than the table has committed, as `index`.
"""

from __future__ import annotations

import random
from collections import Counter

LONGEST_REPLICATION_MILLISECONDS = 1_000
LONGEST_INDEX_MILLISECONDS = 1_000


class Lag:
    """The lag of one endpoint. Where it is not `legal`, nothing lags and nothing is counted."""

    def __init__(self, seed: int, *, legal: bool) -> None:
        self.legal = legal
        self.seen: Counter[str] = Counter()
        self._random = random.Random(f"lag {seed}")  # noqa: S311 - a seeded endpoint
        self._under_way: Counter[tuple[str, bytes]] = Counter()

    def replication_milliseconds(self) -> int:
        """By how much one change takes longer than usual to another Region."""
        return self._random.randrange(LONGEST_REPLICATION_MILLISECONDS) if self.legal else 0

    def index_milliseconds(self) -> int:
        """By how much a global secondary index follows a write late."""
        return self._random.randrange(LONGEST_INDEX_MILLISECONDS) if self.legal else 0

    def sent(self, table_id: str, key: bytes) -> None:
        """A change of an item is under way to a table."""
        if self.legal:
            self._under_way[table_id, key] += 1

    def arrived(self, table_id: str, key: bytes) -> None:
        """That change has arrived."""
        if self.legal:
            self._under_way[table_id, key] -= 1
            if not self._under_way[table_id, key]:
                del self._under_way[table_id, key]

    def read(self, table_id: str, key: bytes) -> None:
        """An item of a table was read."""
        if self._under_way and (table_id, key) in self._under_way:
            self.seen["replica"] += 1

    def stale(self) -> None:
        """An eventually consistent read has shown something else than what is committed."""
        self.seen["eventual"] += 1

    def index_stale(self) -> None:
        """A read of an index has shown something else than what is committed in the table."""
        self.seen["index"] += 1
