"""Time to live: when an item may be deleted because its time has passed, and what the deletion looks like elsewhere.

Sources: TT-01 (deleted some time after it has expired, readable until then), TT-02 (only a Number, of epoch seconds, not
more than five years past), TT-03 and TT-04 (the deletion is free and marked as the service's in its own Region, and an
ordinary replicated one in others), TT-05 (deletions may go on for about half an hour after it was turned off).

Whoever looks for expired items may see old copies of them, so what it finds is only a proposal. The partition's leader
decides, in the step in which it deletes: the item as it is then has to be expired, by the attribute that is
then in use. A write that renews the item, and comes first, wins. Reads take no notice of any of this.

Choices where AWS publishes nothing. Clocks err, and no item is to go before its time: an item is due five minutes after
it has expired, and no longer due five minutes before it will have been for five years. A leader acts on a setting that
it has read less than 25 minutes ago. With clocks that are off by two and a half minutes at most, that keeps what
TT-01, TT-02 and TT-05 say by true time. A fraction of a second counts as the second; the caller cuts it off.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

DELAY_MILLISECONDS = 5 * 60 * 1000
OLDEST_MILLISECONDS = 5 * 365 * 24 * 3600 * 1000
SETTING_MILLISECONDS = 25 * 60 * 1000


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """The attribute of an item that should say when it expires: whether it is a Number, and its whole seconds."""

    is_number: bool
    seconds: int


class Setting(msgspec.Struct, frozen=True, gc=False):
    """What a leader knows of the table's setting: whether it is on, the attribute's number, and since when it knows."""

    on: bool
    attribute: int
    read_milliseconds: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """What a stream and the bill say of a change: if it deletes, if the service made it, and if it used write units."""

    deletes: bool
    by_service: bool
    charged: bool


def is_due(attribute: Attribute, now_milliseconds: int) -> bool:
    """True if an item with this attribute may be deleted."""
    expires = attribute.seconds * 1000
    return (
        attribute.is_number
        and now_milliseconds >= expires + DELAY_MILLISECONDS
        and now_milliseconds + DELAY_MILLISECONDS <= expires + OLDEST_MILLISECONDS
    )


def is_in_use(setting: Setting, now_milliseconds: int) -> bool:
    """True if a leader may still act on what it knows of the setting."""
    return setting.on and now_milliseconds < setting.read_milliseconds + SETTING_MILLISECONDS


def propose(attribute: Attribute, setting: Setting, now_milliseconds: int) -> bool:
    """True if an item that was seen with this attribute is worth proposing."""
    return is_in_use(setting, now_milliseconds) and is_due(attribute, now_milliseconds)


def delete(there: bool, attribute: Attribute, setting: Setting, now_milliseconds: int) -> Change:
    """Delete what was proposed: `there` and `attribute` are of the item as it is in this very step.

    Raises NotAllowed if it is gone, was renewed, or time to live is not in use any more.
    """
    require(there)
    require(is_in_use(setting, now_milliseconds))
    require(is_due(attribute, now_milliseconds))
    return Change(deletes=True, by_service=True, charged=False)


def by_client(deletes: bool) -> Change:
    """A write of a client's, or a deletion."""
    return Change(deletes, by_service=False, charged=True)


def replicated(change: Change) -> Change:
    """The same change in another Region: whoever made it, there it is an ordinary replicated write."""
    return Change(change.deletes, by_service=False, charged=True)
