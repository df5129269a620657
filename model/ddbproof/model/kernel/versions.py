"""Versions of an item in an eventually consistent global table: which one survives.

Sources: ME-02 (the latest internal timestamp wins, all replicas converge), ME-04 (a conditional apply that
requires a strictly greater timestamp). Unpublished, therefore our choice and nobody's contract: the
tie-break between equal timestamps (ME-05; here the higher Region number) and how long a tombstone lives
(ME-18; here for ever: a deletion is a version like any other).

A new version is later than whatever it overwrites, even when that came from a Region whose clock runs
ahead; otherwise a write that follows an acknowledged one in the same Region could lose against it.
"""

from __future__ import annotations

import msgspec


class Version(msgspec.Struct, frozen=True, gc=False, order=False):
    """The hidden version of an item: when (milliseconds) and in which Region (its number) it was written."""

    timestamp_milliseconds: int
    region_number: int


def supersedes(incoming: Version, stored: Version) -> bool:
    """True when `incoming` replaces `stored`: strictly later, or as late and of a higher Region (ME-04)."""
    if incoming.timestamp_milliseconds == stored.timestamp_milliseconds:
        return incoming.region_number > stored.region_number
    return incoming.timestamp_milliseconds > stored.timestamp_milliseconds


def first_version(now_milliseconds: int, region_number: int) -> Version:
    """The version of a write to a key that this Region has never seen."""
    return Version(now_milliseconds, region_number)


def next_version(stored: Version, now_milliseconds: int, region_number: int) -> Version:
    """The version of a write over `stored`: never earlier than now, always later than `stored`."""
    if now_milliseconds > stored.timestamp_milliseconds:
        return Version(now_milliseconds, region_number)
    return Version(stored.timestamp_milliseconds + 1, region_number)
