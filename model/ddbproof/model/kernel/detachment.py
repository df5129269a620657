"""What time does to a replica that cannot replicate: notices, detachment, or the end of access.

Sources: GT-16 (a disabled Region), GT-19 (the replication role is denied), GT-20 (the key is lost), GT-22 (disassociation
protection), MA-07 (replication between accounts is broken). AWS says how long each takes and not how it is done. Here nothing runs
when the time is up: how a replica stands follows from when it broke and from now, and whatever is asked is asked with now.

Ours, where AWS is silent: protection that is taken off when the time is up detaches at once; it cannot be put on again
after that, and a replica that was detached is not repaired but added again. In strong mode a disabled Region is left to
`strong`: it is a Region that is away.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

NOTHING, REGION_DISABLED, ROLE_DENIED, KEY_LOST, ACCOUNTS_APART = range(5)
REPLICATING, BROKEN, DETACHED, INACCESSIBLE = range(4)
MILLISECONDS_AN_HOUR = 3_600_000
FIRST_NOTICE_HOURS = 3
DETACHED_AFTER_HOURS = 20
INACCESSIBLE_AFTER_HOURS = 7 * 24


class Link(msgspec.Struct, frozen=True, gc=False):
    """How a replica is tied to the others: its mode, what broke it and when, and if it is protected against detaching."""

    strong: bool = False
    cause: int = NOTHING
    broke_milliseconds: int = 0
    protected: bool = True


def new_link(strong: bool) -> Link:
    """The link of a new replica: protected in eventual mode (GT-22)."""
    return Link(strong, NOTHING, 0, not strong)


def broken_for(link: Link, hours: int, now_milliseconds: int) -> bool:
    """True if the replica is broken, and has been for so many hours."""
    if link.cause == NOTHING:
        return False
    return now_milliseconds >= link.broke_milliseconds + hours * MILLISECONDS_AN_HOUR


def is_held(link: Link) -> bool:
    """True if protection holds the detaching back: it does not where the whole Region is disabled."""
    return link.protected & (link.cause != REGION_DISABLED)


def standing(link: Link, now_milliseconds: int) -> int:
    """How the replica stands now: REPLICATING, BROKEN, DETACHED or, in strong mode, INACCESSIBLE for ever."""
    if link.cause == NOTHING:
        return REPLICATING
    if link.strong:
        if broken_for(link, INACCESSIBLE_AFTER_HOURS, now_milliseconds):
            return INACCESSIBLE
        return BROKEN
    if is_held(link):
        return BROKEN
    if broken_for(link, DETACHED_AFTER_HOURS, now_milliseconds):
        return DETACHED
    return BROKEN


def break_down(link: Link, cause: int, now_milliseconds: int) -> Link:
    """Replication stops. Raises NotAllowed for one that is broken already, and for causes that a mode does not have."""
    require(link.cause == NOTHING)
    if link.strong:
        require((cause == ROLE_DENIED) | (cause == KEY_LOST))
    return Link(link.strong, cause, now_milliseconds, link.protected)


def repair(link: Link, now_milliseconds: int) -> Link:
    """What broke it is gone. Raises NotAllowed if it is too late."""
    require(standing(link, now_milliseconds) == BROKEN)
    return Link(link.strong, NOTHING, 0, link.protected)


def protect(link: Link, protected: bool, other_changes: bool, now_milliseconds: int) -> Link:
    """DisassociationProtectionEnabled. Raises NotAllowed in a request with other changes, and for what is no replica any more."""
    require(not other_changes)
    require(not link.strong)
    require(standing(link, now_milliseconds) != DETACHED)
    return Link(link.strong, link.cause, link.broke_milliseconds, protected)


def takes_requests(link: Link, now_milliseconds: int) -> bool:
    """True if the table takes writes and strong reads: never without its key, and in strong mode only while it replicates."""
    if link.strong:
        return standing(link, now_milliseconds) == REPLICATING
    return (link.cause != KEY_LOST) & (link.cause != REGION_DISABLED)


def notices(link: Link, now_milliseconds: int) -> int:
    """How many notices of a broken replication between accounts have gone out (MA-07)."""
    if link.cause != ACCOUNTS_APART:
        return 0
    if broken_for(link, DETACHED_AFTER_HOURS, now_milliseconds):
        return 2
    if broken_for(link, FIRST_NOTICE_HOURS, now_milliseconds):
        return 1
    return 0
