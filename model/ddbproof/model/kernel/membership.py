"""Replacing a replica in a replication group of three, and healing the one that comes in.

A replica that is gone is replaced by a *log replica*: it has the recent log and no items, so it is ready in seconds, and
what it acknowledges counts. Later a snapshot and the log behind it make it a full replica. DynamoDB's 2022 paper
has log replicas and healing; it gives no protocol for the change of members. This one is ours.

Members make up numbered *configurations*, of which each differs from the one before in one member. A change is
decided by the old configuration: two of its members *promise* the new number, say how far their log goes, and never
acknowledge under an older number again. The new configuration begins when two of its own members have
promised it and hold all that those two promises tell of. So what an old leader may still hear, from whomever it
hears it, is nothing that the new configuration does not begin with. In between nothing is acknowledged; a joiner that
copied the log before makes that short.

The *floor* is how far logs may be trimmed: two members of the configuration have items that hold everything before
it, and a configuration begins only if two of its own do.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require


class Replica(msgspec.Struct, frozen=True, gc=False):
    """What one replica has on disk: the newest configuration it promised, its log's bounds, and its items' position.

    `full` is false for a log replica, which has no items. A full one's items are the first `applied` entries.
    """

    configuration: int = 0
    start: int = 0
    end: int = 0
    full: bool = False
    applied: int = 0


class Trio(msgspec.Struct, frozen=True, gc=False):
    """The three members of a configuration."""

    first: int
    second: int
    third: int


class Group(msgspec.Struct, frozen=True, gc=False):
    """A configuration that has begun, the change that is under way in it, if any, and how far logs may be trimmed."""

    number: int
    members: Trio
    changing: bool = False
    leaver: int = 0
    joiner: int = 0
    floor: int = 0


def is_member(members: Trio, replica: int) -> bool:
    """True if a replica is one of three."""
    return (members.first == replica) | (members.second == replica) | (members.third == replica)


def is_quorum(members: Trio, one: int, other: int) -> bool:
    """True if these are two of three."""
    return (one != other) & is_member(members, one) & is_member(members, other)


def replaced(members: Trio, leaver: int, joiner: int) -> Trio:
    """The three with one of them replaced."""
    if members.first == leaver:
        return Trio(joiner, members.second, members.third)
    if members.second == leaver:
        return Trio(members.first, joiner, members.third)
    return Trio(members.first, members.second, joiner)


def begin_change(group: Group, leaver: int, joiner: int) -> Group:
    """Begin to replace a member. Raises NotAllowed while another change is under way."""
    require(not group.changing)
    require(is_member(group.members, leaver))
    require(not is_member(group.members, joiner))
    return Group(group.number, group.members, True, leaver, joiner, group.floor)


def on_promise(replica: Replica, number: int) -> Replica:
    """A replica moves on to a configuration. Raises NotAllowed unless that is newer than all it promised."""
    require(number > replica.configuration)
    return Replica(number, replica.start, replica.end, replica.full, replica.applied)


def may_acknowledge(promised: int, number: int) -> bool:
    """True if a replica that has promised a configuration may say in one how far its log goes."""
    return promised == number


def has_quorum(members: Trio, one: int, other: int, held_by_one: int, held_by_other: int, end: int) -> bool:
    """True if two members have said that they hold the log up to an end."""
    return is_quorum(members, one, other) & (held_by_one >= end) & (held_by_other >= end)


def needed(promised_by_one: int, promised_by_other: int) -> int:
    """How much of the log a new configuration needs, by two promises of the old one."""
    if promised_by_one > promised_by_other:
        return promised_by_one
    return promised_by_other


def has_items(replica: Replica, floor: int) -> bool:
    """True if a replica's items hold everything before the floor."""
    return replica.full & (replica.applied >= floor)


def finish_change(group: Group) -> Group:
    """The next configuration begins. Raises NotAllowed if no change is under way."""
    require(group.changing)
    members = replaced(group.members, group.leaver, group.joiner)
    return Group(group.number + 1, members, False, group.leaver, group.joiner, group.floor)


def raise_floor(group: Group, floor: int) -> Group:
    """Logs may be trimmed further. The caller has seen that two members' items reach that far."""
    require(floor > group.floor)
    return Group(group.number, group.members, group.changing, group.leaver, group.joiner, floor)


def on_join(replica: Replica, floor: int) -> Replica:
    """A new replica begins its log at a floor. Raises NotAllowed if it has anything already."""
    require(not replica.full)
    require(replica.end == 0)
    return Replica(replica.configuration, floor, floor, False, 0)


def on_entry(replica: Replica, index: int) -> Replica:
    """An entry is appended to a replica's log. Raises NotAllowed unless it is the next one."""
    require(index == replica.end)
    return Replica(replica.configuration, replica.start, index + 1, replica.full, replica.applied)


def on_apply(replica: Replica, index: int) -> Replica:
    """A full replica's items take up an entry of its log. Raises NotAllowed unless it is the next one."""
    require(replica.full)
    require(index == replica.applied)
    require(index < replica.end)
    return Replica(replica.configuration, replica.start, replica.end, replica.full, index + 1)


def on_snapshot(replica: Replica, taken_at: int) -> Replica:
    """A replica takes over a snapshot of the first `taken_at` entries and is full. Its log goes on from there.

    Raises NotAllowed if its log begins behind the snapshot, or its items are as new.
    """
    require(taken_at >= replica.start)
    require(taken_at > replica.applied)
    if taken_at > replica.end:
        return Replica(replica.configuration, taken_at, taken_at, True, taken_at)
    return Replica(replica.configuration, replica.start, replica.end, True, taken_at)


def on_trim(replica: Replica, group: Group, start: int) -> Replica:
    """A replica drops its log before an entry, which is at the floor or before and, if it is full, in its items."""
    require(start > replica.start)
    require(start <= group.floor)
    require(start <= replica.end)
    if replica.full:
        require(start <= replica.applied)
    return Replica(replica.configuration, start, replica.end, replica.full, replica.applied)
