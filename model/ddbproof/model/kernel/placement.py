"""Where the replicas of a partition are: three Availability Zones, one replica in each; and which of them answers reads.

Sources: REP-01 and PART-02 (data is kept in three zones without anybody's doing), REP-03 (the quorum is in different zones), REP-11 (a log
replica has a say in writes and answers no reads). How AWS chooses machines is unpublished. Ours: a replacement is placed where none of
those is that stay, so that whichever zone is lost, two members are left. A fourth zone may stand in for one.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require


class Zones(msgspec.Struct, frozen=True, gc=False):
    """In which zone each of the three members is."""

    first: int
    second: int
    third: int


def place(first: int, second: int, third: int) -> Zones:
    """A new partition's replicas. Raises NotAllowed unless they are in three zones."""
    require(first != second)
    require(first != third)
    require(second != third)
    return Zones(first, second, third)


def place_again(zones: Zones, which: int, zone: int) -> Zones:
    """The member number `which`, of 1 to 3, is replaced by one in a zone. Raises NotAllowed where another member is."""
    if which == 1:
        return place(zone, zones.second, zones.third)
    if which == 2:
        return place(zones.first, zone, zones.third)
    return place(zones.first, zones.second, zone)


def may_acknowledge(is_up: bool) -> bool:
    """True if a member's word counts for a write: with items or without."""
    return is_up


def may_answer(is_up: bool, full: bool) -> bool:
    """True if a member may answer a read: only one that has items."""
    return is_up & full
