"""How hot each partition of a table is, as its router sees it, and which is to be split for it.

Claims: PART-07 (3,000 read and 1,000 write units a second), PART-08 (lasting heavy traffic), PART-09, PART-11, PART-16. Where
a partition is cut, `cuts` says.

Traffic is counted in windows of ten seconds of the endpoint's time, afresh in each. A partition is *hot* in a window in which it has
used half of what it may serve, of reads or of writes. One that was hot in three windows in a row is to be split, where
that helps. Nothing is refused: what goes beyond the limit is served (there is no throttling here). Of the eighteen windows before
the present one the sums are kept; they tell which partitions are `cold`.

The traffic of a window is summed up by key, in at most 512 places. When there are more, neighbours are put together from the left on,
as long as they have no more than a thirty-second of the heat; 65 are left at most, and an item that is hotter than that
keeps a place of its own. Heat adds reads and writes up by the share of the limit that they use: half a read unit
is one, a write unit six.

Choices, as AWS publishes no figures: the window, the half, the three. What a request reads and writes counts as the router sees it: an
item that a transaction writes twice, when it is held and when that is over, and what a condition looks at as a read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from ddbproof.model.kernel import limits
from ddbproof.reference_impl.cluster.cuts import relieving
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.values.keys import HASH_BYTES

WINDOW_SECONDS = 10
LASTING_WINDOWS = 3
REMEMBERED_WINDOWS = 18
_WINDOW_MILLISECONDS = WINDOW_SECONDS * 1000
_HOT_HALF_READS = limits.MOST_READ_UNITS_A_SECOND * WINDOW_SECONDS  # half of the limit, in half units
_HOT_WRITES = limits.MOST_WRITE_UNITS_A_SECOND * WINDOW_SECONDS // 2
_HEAT_OF_A_WRITE = 2 * limits.MOST_READ_UNITS_A_SECOND // limits.MOST_WRITE_UNITS_A_SECOND
_MOST_PLACES = 512
_SHARES = 32
_READ_UNIT_BYTES = 4096
_WRITE_UNIT_BYTES = 1024


class Window(msgspec.Struct):
    """What a partition served in one window, the `number`-th since the epoch; `heat` by the key where it was first seen."""

    number: int
    half_reads: int = 0
    writes: int = 0
    heat: dict[bytes, int] = msgspec.field(default_factory=dict)

    @property
    def is_hot(self) -> bool:
        """True if half of what a partition may serve was used."""
        return self.half_reads >= _HOT_HALF_READS or self.writes >= _HOT_WRITES


class Traffic:
    """The traffic of one partition: the present window, and those right before it, as many as matter.

    `sums` are half read units and write units of earlier windows, by their numbers.
    """

    __slots__ = ("cut", "last", "past", "sums", "window")

    def __init__(self, number: int) -> None:
        self.window = Window(number)
        self.past: list[Window] = []
        self.sums: dict[int, tuple[int, int]] = {}
        self.last: Window | None = None
        self.cut: bytes | None = None

    def turn(self, number: int, *, keeps_collections_whole: bool) -> Window:
        """Another window has begun, perhaps after some without traffic."""
        ended = self.last = self.window
        ended.heat = summed_up(ended.heat)
        self.sums = {at: sums for at, sums in self.sums.items() if at >= number - REMEMBERED_WINDOWS}
        self.sums[ended.number] = ended.half_reads, ended.writes
        follows = bool(self.past) and self.past[-1].number == ended.number - 1
        self.past = [*self.past, ended][-LASTING_WINDOWS:] if follows else [ended]
        if number != ended.number + 1:
            self.past = []
        self.window, self.cut = Window(number), None
        if len(self.past) == LASTING_WINDOWS and all(window.is_hot for window in self.past):
            summaries = [window.heat for window in self.past]
            self.cut = relieving(summaries, keeps_collections_whole=keeps_collections_whole)
        return self.window


class Heat:
    """The traffic of all partitions of a table, by the groups that have them. Instants are milliseconds."""

    def __init__(self, *, keeps_collections_whole: bool = False) -> None:
        self._whole = keeps_collections_whole
        self._traffic: dict[int, Traffic] = {}

    # -- counting ---------------------------------------------------------------------------------------

    def read(
        self, group: int, key: bytes, size_bytes: int, now_milliseconds: int, *, consistent: bool
    ) -> None:
        """An item of so many bytes was read, or none (0 bytes)."""
        units = -(-size_bytes // _READ_UNIT_BYTES) or 1
        half_reads = 2 * units if consistent else units
        window = self._window(group, now_milliseconds)
        window.half_reads += half_reads
        self._add(window, key, half_reads)

    def write(self, group: int, key: bytes, size_bytes: int, now_milliseconds: int) -> None:
        """An item was written; `size_bytes` are those of the larger of it and what was there before."""
        writes = -(-size_bytes // _WRITE_UNIT_BYTES) or 1
        window = self._window(group, now_milliseconds)
        window.writes += writes
        self._add(window, key, writes * _HEAT_OF_A_WRITE)

    def range(
        self, group: int, found: Iterator[tuple[bytes, Image]], now_milliseconds: int, *, consistent: bool
    ) -> Iterator[tuple[bytes, Image]]:
        """Items of one partition, as they are read by Query or Scan, which pays for the sum of their sizes."""
        size_bytes, key = 0, b""
        try:
            for key, image in found:
                size_bytes += image.size_bytes
                if size_bytes >= _READ_UNIT_BYTES:
                    whole = size_bytes - size_bytes % _READ_UNIT_BYTES
                    self.read(group, key, whole, now_milliseconds, consistent=consistent)
                    size_bytes -= whole
                yield key, image
        finally:  # a page may end anywhere
            if size_bytes:
                self.read(group, key, size_bytes, now_milliseconds, consistent=consistent)

    def _window(self, group: int, now_milliseconds: int) -> Window:
        number = window_at(now_milliseconds)
        traffic = self._traffic.get(group)
        if traffic is None:
            traffic = self._traffic[group] = Traffic(number)
        if traffic.window.number != number:
            return traffic.turn(number, keeps_collections_whole=self._whole)
        return traffic.window

    def _add(self, window: Window, key: bytes, heat: int) -> None:
        place, seen = key[:HASH_BYTES] if self._whole else key, window.heat
        seen[place] = seen.get(place, 0) + heat
        if len(seen) > _MOST_PLACES:
            window.heat = summed_up(seen)

    # -- what follows -----------------------------------------------------------------------------------

    def cut(self, group: int, now_milliseconds: int) -> bytes | None:
        """Where a partition is to be split now; None if it is not hot for long enough, or no cut would help."""
        if group not in self._traffic:
            return None
        self._window(group, now_milliseconds)
        return self._traffic[group].cut

    def served(self, group: int, first: int, last: int) -> list[tuple[int, int]]:
        """The half read units and write units that a partition has used in each of the windows from `first` to `last`.

        Those since `REMEMBERED_WINDOWS` before the present one are known.
        """
        traffic = self._traffic.get(group)
        if traffic is None:
            return [(0, 0)] * (last - first + 1)
        window = traffic.window
        sums = {**traffic.sums, window.number: (window.half_reads, window.writes)}
        return [sums.get(number, (0, 0)) for number in range(first, last + 1)]

    def keep(self, groups: Collection[int]) -> None:
        """Forget all other partitions."""
        self._traffic = {group: it for group, it in self._traffic.items() if group in groups}

    def units(self, group: int, now_milliseconds: int) -> dict[str, float]:
        """Read and write units that a partition has used in the last whole window and since, for people to read."""
        traffic = self._traffic.get(group)
        number = window_at(now_milliseconds)
        windows = [] if traffic is None else [it for it in (traffic.last, traffic.window) if it is not None]
        recent = [window for window in windows if window.number >= number - 1]
        return {
            "read_units": sum(window.half_reads for window in recent) / 2,
            "write_units": float(sum(window.writes for window in recent)),
            "seconds": (now_milliseconds % _WINDOW_MILLISECONDS + _WINDOW_MILLISECONDS) / 1000,
        }


def window_at(milliseconds: int) -> int:
    """The number of the window that an instant lies in."""
    return milliseconds // _WINDOW_MILLISECONDS


def summed_up(heat: dict[bytes, int]) -> dict[bytes, int]:
    """The same heat in at most 65 places, each with the key that was first; see above."""
    most = sum(heat.values()) / _SHARES
    summed: dict[bytes, int] = {}
    place, held = b"", 0
    for key in sorted(heat):
        if summed and held + heat[key] <= most:
            held += heat[key]
        else:
            place, held = key, heat[key]
        summed[place] = held
    return summed
