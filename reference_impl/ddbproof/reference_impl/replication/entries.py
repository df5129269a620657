"""What stands in a replication group's log.

`Write` is a client's change of an item. The others change the group itself: a member's replacement begins and ends
(`model.kernel.membership`), logs may be trimmed further, and a partition splits (`model.kernel.splits`): the
parent begins and closes, a child copies and opens.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ddbproof.model.kernel.splits import Parent
from ddbproof.reference_impl.storage.log import Entry as Change


class Member(msgspec.Struct, frozen=True, gc=False):
    """A replica of a group: a number that no other replica ever has, and the storage node that it lives on."""

    identity: int
    node: int


Members: TypeAlias = tuple[Member, Member, Member]
"""One for each Availability Zone, in the order of the zones."""


class Write(msgspec.Struct, frozen=True, gc=False, tag="w", array_like=True):
    """A client's change of an item. `request` is the client's number for it, so that a repetition is known as one.

    Nought stands for a client that never asks again.
    """

    request: int
    change: Change


class ChangeBegun(msgspec.Struct, frozen=True, gc=False, tag="b", array_like=True):
    """A member, by its identity, is to be replaced by another, in the same Availability Zone."""

    leaver: int
    joiner: Member


class ChangeFinished(msgspec.Struct, frozen=True, gc=False, tag="f", array_like=True):
    """The configuration with the new member has begun: two of its members have all that came before."""


class FloorRaised(msgspec.Struct, frozen=True, gc=False, tag="t", array_like=True):
    """Logs may be trimmed up to an index."""

    floor: int


class SplitBegun(msgspec.Struct, frozen=True, gc=False, tag="s", array_like=True):
    """The partition is to be split at a position, into two groups whose replicas are there already."""

    cut: bytes
    lower: int
    upper: int


class Closed(msgspec.Struct, frozen=True, gc=False, tag="c", array_like=True):
    """The parent's last entry: from here on it serves nothing."""


class Copied(msgspec.Struct, frozen=True, gc=False, tag="y", array_like=True):
    """A child has seen its parent's log up to `applied`; `writes` are the items or changes of its range in it.

    `requests` are those that the parent has answered by them. `anew` means that the writes are a whole snapshot, in
    the place of what the child had.
    """

    applied: int
    writes: tuple[Change, ...]
    requests: tuple[int, ...]
    anew: bool


class Opened(msgspec.Struct, frozen=True, gc=False, tag="o", array_like=True):
    """A child has the whole log of its parent, whose closed record this is, and serves from here on."""

    parent: Parent


__all__ = [
    "Change",
    "ChangeBegun",
    "ChangeFinished",
    "Closed",
    "Copied",
    "Entry",
    "FloorRaised",
    "Member",
    "Members",
    "Opened",
    "SplitBegun",
    "Write",
]

Entry: TypeAlias = Write | ChangeBegun | ChangeFinished | FloorRaised | SplitBegun | Closed | Copied | Opened
