"""Which neighbours among the partitions of a table have grown cold together, so that one partition would do for both.

No claim says that DynamoDB merges partitions, and no figure is published (decision 0014); all here are choices. Two neighbours are
*cold* when, in each of the last eighteen whole windows of `heat`, they have together used less than a tenth of the reads and
of the writes that one partition may serve. A window in which nothing came counts as one. That is three minutes, of
partitions that were both there all the while: one that a split or a merge has made has to wait for as long again.

So nothing is split and merged in turn. What is merged uses less than a tenth, and is split for heat at a half, three windows in a
row; what was split for size has more than `--partition-bytes` together, and is merged when less than half of that is left
(`reshaping`). Nothing is counted for this but what `heat` counts anyway, and it is looked at once a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ddbproof.model.kernel import limits
from ddbproof.reference_impl.cluster.heat import REMEMBERED_WINDOWS, WINDOW_SECONDS, Heat, window_at

COLD_WINDOWS = REMEMBERED_WINDOWS
_SHARE = 10
_COLD_HALF_READS = 2 * limits.MOST_READ_UNITS_A_SECOND * WINDOW_SECONDS // _SHARE
_COLD_WRITES = limits.MOST_WRITE_UNITS_A_SECOND * WINDOW_SECONDS // _SHARE


class Cold:
    """The partitions of one table, by their groups, in the order of their keys. Instants are milliseconds."""

    def __init__(self, heat: Heat) -> None:
        self._heat = heat
        self._since: dict[int, int] = {}
        self._groups: Sequence[int] = ()
        self._looked_at = -1
        self._found: list[tuple[int, int]] = []

    def keep(self, groups: Sequence[int], now_milliseconds: int) -> None:
        """These partitions are there now, in this order; those that were not are there from now on."""
        self._groups = groups
        self._since = {group: self._since.get(group, window_at(now_milliseconds)) for group in groups}
        self._looked_at = -1

    def neighbours(self, now_milliseconds: int) -> list[tuple[int, int]]:
        """Those that are cold together: the lower one and the upper one of each pair."""
        number = window_at(now_milliseconds)
        if self._looked_at != number:
            self._looked_at = number
            served = [self._served(group, number) for group in self._groups]
            self._found = [
                (lower, upper)
                for (lower, one), (upper, other) in pairwise(zip(self._groups, served, strict=True))
                if one is not None and other is not None and _is_cold(one, other)
            ]
        return self._found

    def _served(self, group: int, number: int) -> list[tuple[int, int]] | None:
        """What a partition has served in each window that matters; None if it was not there in all of them."""
        first = number - COLD_WINDOWS
        return self._heat.served(group, first, number - 1) if self._since[group] < first else None


def _is_cold(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> bool:
    return all(
        half_reads + others_half_reads < _COLD_HALF_READS and writes + others_writes < _COLD_WRITES
        for (half_reads, writes), (others_half_reads, others_writes) in zip(one, other, strict=True)
    )
