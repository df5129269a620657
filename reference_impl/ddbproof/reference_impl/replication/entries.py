"""What stands in a replication group's log.

`Write` is a client's change of an item. `Prepared` and `Settled` are a transaction's hold on an item, and its end
(`model.kernel.transactions`). The others change the group itself: a member's replacement begins and ends
(`model.kernel.membership`), logs may be trimmed further, a partition splits (`model.kernel.splits`): the
parent begins and closes, a child copies and opens; and two partitions merge (`model.kernel.merges`): both sources begin and close,
the merged one copies and opens.
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


class Prepared(msgspec.Struct, frozen=True, gc=False, tag="p", array_like=True):
    """An item is held for a transaction, by its number; `ledger_key` is where the ledger has what was decided of it.

    `action` and `instant` are the kernel's; `item` and `size_bytes` are what a put will put.
    """

    transaction: int
    ledger_key: bytes
    key: bytes
    action: int
    instant: int
    item: bytes | None = None
    size_bytes: int = 0


class Settled(msgspec.Struct, frozen=True, gc=False, tag="d", array_like=True):
    """An item is held no more. `change` is what the transaction has come to there, if it was committed and writes.

    `checked` is the instant of a check that was committed, nought if it was none.
    """

    transaction: int
    key: bytes
    change: Change | None = None
    checked: int = 0


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


class MergeBegun(msgspec.Struct, frozen=True, gc=False, tag="m", array_like=True):
    """A source is on its way to the merged partition of group `child`, whose replicas are there already, with `other`.

    `upper` tells which of the two it is. The lower one begins, and may withdraw; the upper one joins, for good.
    """

    child: int
    other: int
    upper: bool


class MergeWithdrawn(msgspec.Struct, frozen=True, gc=False, tag="n", array_like=True):
    """The lower source is on its way to nowhere any more: the upper one will never join."""


class Closed(msgspec.Struct, frozen=True, gc=False, tag="c", array_like=True):
    """The last entry of a parent, or of a source: from here on it serves nothing."""


class Copied(msgspec.Struct, frozen=True, gc=False, tag="y", array_like=True):
    """A child has seen its parent's log up to `applied`; `writes` are the items or changes of its range in it.

    `requests` are those that the parent has answered by them. `anew` means that the writes are a whole snapshot, in
    the place of what the child had. `checked` are the instants at which transactions have checked items of its range.
    A merged partition has this from each of its sources; `upper` tells from which.
    """

    applied: int
    writes: tuple[Change, ...]
    requests: tuple[int, ...]
    anew: bool
    checked: tuple[tuple[bytes, int], ...] = ()
    upper: bool = False


class Opened(msgspec.Struct, frozen=True, gc=False, tag="o", array_like=True):
    """A child has the whole log of its parent, whose closed record this is, and serves from here on.

    A merged partition has those of both sources: `parent` is the lower one's record, `upper` the upper one's.
    """

    parent: Parent
    upper: Parent | None = None


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
    "MergeBegun",
    "MergeWithdrawn",
    "Opened",
    "Prepared",
    "Settled",
    "SplitBegun",
    "Write",
    "change_of",
]

Entry: TypeAlias = (
    Write
    | Prepared
    | Settled
    | ChangeBegun
    | ChangeFinished
    | FloorRaised
    | SplitBegun
    | MergeBegun
    | MergeWithdrawn
    | Closed
    | Copied
    | Opened
)


def change_of(entry: Entry) -> Change | None:
    """The change of an item that an entry makes, if it makes one: a client's, or a transaction's."""
    return entry.change if isinstance(entry, Write | Settled) else None
