"""Carrying changes from Region to Region in eventual mode: what is still owed, when it is done, what a target can take.

Sources: ME-09 (item by item), ME-10 (tried again until it succeeds), ME-11 (whatever the outage), ME-14 (quick changes may become
one), ME-16 (the target's capacity may delay it). Which of two versions survives is `versions`' business; how AWS remembers what
it owes is unpublished.

Ours: a Region remembers for each item the latest version of its own, and for each other Region the latest of these that was
confirmed there. What is owed follows from the two, so that a change that comes before the last one was confirmed takes
its place, and an outage costs no memory. A Region sends on only what was written in it.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import versions
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.versions import Version


class Latest(msgspec.Struct, frozen=True, gc=False):
    """The latest version of an item that was written in a Region, or confirmed by another; none if not `any`."""

    any: bool = False
    version: Version = Version(0, 0)


def on_write(version: Version) -> Latest:
    """An item was written here: whatever was owed of it, this is owed from now on."""
    return Latest(True, version)


def is_owed(own: Latest, confirmed: Latest) -> bool:
    """True if the other Region has not confirmed the latest version of an item: it is sent, again and again."""
    if not own.any:
        return False
    if not confirmed.any:
        return True
    return versions.supersedes(own.version, confirmed.version)


def on_confirmed(confirmed: Latest, version: Version) -> Latest:
    """Another Region confirms that a version reached it, perhaps late, and perhaps again."""
    if confirmed.any and not versions.supersedes(version, confirmed.version):
        return confirmed
    return Latest(True, version)


def survivor_is_incoming(holds: bool, held: Version, incoming: Version) -> bool:
    """True if an arriving version replaces what a Region holds of the item."""
    if not holds:
        return True
    return versions.supersedes(incoming, held)


def use(free_units: int, units: int) -> int:
    """What is left of a target's write capacity. Raises NotAllowed if it is too little: the change stays owed."""
    require(units <= free_units)
    return free_units - units
