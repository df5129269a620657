"""Versions of an item in an eventually consistent global table: which one survives.

Sources: ME-02 (the latest internal timestamp wins, all replicas converge), ME-04 (a conditional apply that
requires a strictly greater timestamp). Unpublished, therefore our choice and nobody's contract: the
tie-break between equal timestamps (ME-05; here the higher Region number) and how long a tombstone lives
(ME-18; here for ever: a deletion is a version like any other).

A new version is later than whatever it overwrites, even when that came from a Region whose clock runs
ahead; otherwise a write that follows an acknowledged one in the same Region could lose against it. It does so
by a counter and not by moving the timestamp on: a timestamp is always a reading of some Region's clock that was
taken before, so however many writes a millisecond sees, a version never claims a time that has not come yet.
(With `timestamp + 1` instead, a Region that writes much gets ahead of every clock, and a write made seconds
later elsewhere is beaten by it; the proof of `systems/eventual.py` fails there.)
"""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, frozen=True, gc=False, order=False):
    """The hidden version of an item: when it was written, and in which Region (its number).

    `counter` orders versions that share a timestamp: how many in a row were written without a later one.
    """

    timestamp_milliseconds: int
    region_number: int
    counter: int = 0


def supersedes(incoming: Version, stored: Version) -> bool:
    """True when `incoming` replaces `stored`: by timestamp, then counter, then higher Region (ME-04)."""
    if incoming.timestamp_milliseconds == stored.timestamp_milliseconds:
        if incoming.counter == stored.counter:
            return incoming.region_number > stored.region_number
        return incoming.counter > stored.counter
    return incoming.timestamp_milliseconds > stored.timestamp_milliseconds


def first_version(now_milliseconds: int, region_number: int) -> Version:
    """The version of a write to a key that this Region has never seen."""
    return Version(now_milliseconds, region_number)


def next_version(stored: Version, now_milliseconds: int, region_number: int) -> Version:
    """The version of a write over `stored`: never earlier than now, always later than `stored`."""
    if now_milliseconds > stored.timestamp_milliseconds:
        return Version(now_milliseconds, region_number)
    return Version(stored.timestamp_milliseconds, region_number, stored.counter + 1)
