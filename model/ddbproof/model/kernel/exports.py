"""Exports of a table to files: a full one, and incremental ones that adjoin it.

Sources: EX-02 (an incremental export covers 15 minutes to 24 hours, with its start and without its end), EX-04 (not
consistent across transactions; what one cut apart the next completes, without duplicates; clocks differ by up to a minute),
EX-05 (a full export and all that adjoin it give the table as it was at the last bound). How AWS exports is
unpublished. Ours reads the archived logs, partition by partition, in the order of their entries, as backups do.

A full export of an instant has what carries a commit timestamp before it, so that the first incremental one may begin
there. Each partition is read on from where the export before left off, so nothing is between two exports and nothing in
both. A partition is done with an export when no entry before its end can come any more, which its watermark promises
(`backup`), and the next entry, if there is one, is not before the end.

An incremental export has one line for each item that changed: its image after the last change. `Change` says which entry
that is. A window is never shorter than clocks may differ, so that of a transaction cut apart by a bound the
rest is in the next export, and not in a later one. Whether the parts carry the same timestamp is not asked for here.
Old images, which an export may show beside the new ones, are those of the export before.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.backup import PartitionLog, Stamped
from ddbproof.model.kernel.logs import Readable
from ddbproof.model.kernel.refusal import require

SHORTEST_MILLISECONDS = 15 * 60_000
LONGEST_MILLISECONDS = 24 * 3_600_000


class Window(msgspec.Struct, frozen=True, gc=False):
    """What an incremental export covers: timestamps from the one on, up to and without the other."""

    from_milliseconds: int
    until_milliseconds: int


class Reading(msgspec.Struct, frozen=True, gc=False):
    """How far a partition's log was read: how many exports of the chain are done there, and entries read."""

    exports: int
    position: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """An item in an incremental export: whether it changed, and the entry that made it what it is at the end."""

    changed: bool
    index: int


class Loaded(msgspec.Struct, frozen=True, gc=False):
    """How many exports of the chain somebody has put together, the full one included."""

    exports: int


NOTHING_READ = Reading(0, 0)
UNCHANGED = Change(False, 0)
NOTHING_LOADED = Loaded(0)


def adjoining(until_milliseconds: int, next_milliseconds: int) -> Window:
    """The window from where an export ended to another instant. NotAllowed if it is too short or too long."""
    require(next_milliseconds - until_milliseconds >= SHORTEST_MILLISECONDS)
    require(next_milliseconds - until_milliseconds <= LONGEST_MILLISECONDS)
    return Window(until_milliseconds, next_milliseconds)


def take(reading: Reading, index: int, instant_milliseconds: int, until_milliseconds: int) -> Reading:
    """Read an entry with a timestamp for an export that ends then. NotAllowed unless it is the next, and belongs to it."""
    require(index == reading.position)
    require(instant_milliseconds < until_milliseconds)
    return Reading(reading.exports, index + 1)


def include(change: Change, index: int) -> Change:
    """An item of which an entry was read, which is what counts from then on. Raises NotAllowed for an earlier entry."""
    if change.changed:
        require(index > change.index)
    return Change(True, index)


def finish(
    partition: PartitionLog, log: Readable[Stamped], reading: Reading, until_milliseconds: int
) -> Reading:
    """A partition is done with an export that ends then.

    Raises NotAllowed while an entry before the end can come, or is there and has not been read.
    """
    require(partition.watermark_milliseconds >= until_milliseconds - 1)
    if reading.position < partition.length:
        require(log[reading.position].instant_milliseconds >= until_milliseconds)
    return Reading(reading.exports + 1, reading.position)


def load(loaded: Loaded, export: int) -> Loaded:
    """Put an export on top of the others. NotAllowed unless it is the next one."""
    require(export == loaded.exports)
    return Loaded(export + 1)
