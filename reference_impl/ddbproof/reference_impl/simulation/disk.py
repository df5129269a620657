"""A simulated disk: what was not synchronized may be gone after a crash, whole or in part, file by file.

A record is written with its length and a checksum before it. A crash keeps, drops or tears what was written since
the last `synchronize`: of a torn record some bytes are there, and perhaps whole records behind it. Reading stops at the
first record that is not whole; anything after it was never confirmed to anybody. A new file counts once its first record is whole.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence

import msgspec

from ddbproof.reference_impl.replication.environment import Checkpoint, Record

_HEADER_BYTES = 8
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class _File:
    """Records as bytes, each with the place of its step in the run; the first `synchronized` are on the disk."""

    __slots__ = ("places", "records", "synchronized")

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.places: list[int] = []
        self.synchronized = 0


class SimulatedDisk:
    """A replica's files: one, and while it is being made anew, two.

    `later` does something after the time that the disk takes; `saved` is told the place of the last step that a
    synchronization, or a crash that kept something, has put on the disk.
    """

    def __init__(
        self,
        chance: random.Random,
        later: Callable[[Callable[[], None]], None],
        saved: Callable[[int], None],
    ) -> None:
        self._chance = chance
        self._later = later
        self._saved = saved
        self._file = _File()
        self._next: _File | None = None
        self.mirrors = False
        self.full = False
        self.stuck = False
        """A synchronization met a full disk, and will never be done; the node has to start again."""
        self.torn = 0

    def write(self, record: Record, place: int) -> None:
        """See `Disk.write`."""
        file = self._next or self._file
        file.records.append(_framed(record))
        file.places.append(place)

    def synchronize(self, done: Callable[[], None]) -> None:
        """See `Disk.synchronize`. A full disk is never done."""
        if self.full:
            self.stuck = True
            return
        file, length = self._next or self._file, len((self._next or self._file).records)

        def finish() -> None:
            if self.full:
                self.stuck = True
                return
            if file is self._next:
                self._file, self._next = file, None
            file.synchronized = max(file.synchronized, length)
            self._tell(file, length)
            done()

        self._later(finish)

    def renew(self, checkpoint: Checkpoint, place: int = -1) -> None:
        """See `Disk.renew`."""
        self._next = _File()
        self.write(checkpoint, place)

    def crash(self) -> None:
        """The node is gone; what becomes of the bytes that were not synchronized, chance decides."""
        for file in (self._file, self._next):
            if file is not None:
                self._lose(file)
        if self._next is not None:
            if _whole(self._next.records[:1]):
                self._file = self._next
            self._next = None
        self.stuck = False
        self._tell(self._file, len(_whole(self._file.records)))

    def read(self) -> Sequence[Record]:
        """See `Disk.read`."""
        whole = _whole(self._file.records)
        if len(whole) < len(self._file.records):
            self.torn += 1
            del self._file.records[len(whole) :]
            del self._file.places[len(whole) :]
        self._file.synchronized = len(whole)
        return whole

    def _lose(self, file: _File) -> None:
        kept = self._chance.randint(file.synchronized, len(file.records))
        match self._chance.randrange(4):
            case 0:
                kept = file.synchronized
            case 1:
                kept = len(file.records)
        torn, behind = file.records[kept : kept + 1], file.records[kept + 1 :]
        del file.records[kept:]
        del file.places[kept:]
        if torn and self._chance.random() < 0.5:
            there = torn[0][: self._chance.randrange(1, len(torn[0]))]
            if self._chance.random() < 0.5:
                # The file has its new length, and nothing but noughts where bytes are missing.
                there = there.ljust(len(torn[0]), b"\0")
            if there == torn[0]:
                there = there[:-1]
            if self._chance.random() < 0.5:
                behind = []
            for record in (there, *behind):
                file.records.append(record)
                file.places.append(-1)

    def _tell(self, file: _File, length: int) -> None:
        place = max(file.places[:length], default=-1)
        if place >= 0:
            self._saved(place)


def _framed(record: Record) -> bytes:
    payload = _encode(record)
    return len(payload).to_bytes(4, "big") + zlib.crc32(payload).to_bytes(4, "big") + payload


def _whole(records: Sequence[bytes]) -> list[Record]:
    found = []
    for framed in records:
        length = int.from_bytes(framed[:4], "big")
        payload = framed[_HEADER_BYTES:]
        # A few bytes of a header alone would pass for an empty record, whose checksum is nought.
        if (
            len(framed) <= _HEADER_BYTES
            or len(payload) != length
            or zlib.crc32(payload) != int.from_bytes(framed[4:8], "big")
        ):
            break
        found.append(_decode(payload))
    return found
