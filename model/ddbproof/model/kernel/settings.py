"""Settings of a global table's replicas: which are shared, which may be overridden, which stay in their Region.

Sources: GT-11 (always synchronised), GT-12 (synchronised, and a replica may override), GT-13 (a later change replaces
overrides), GT-14 (never synchronised), PI-20 (recovery is one of those), MA-05 (across accounts more stay local, and only
read scaling may be overridden). How AWS carries settings over, and which of two changes made at once wins, is unpublished.
Ours: like items, each setting carries the stamp of its last change, a number and a Region; a Region takes what has the
higher stamp, and by taking it gives up its override. An override has no stamp, since it is not sent.

What MA-05 does not name across accounts is as within one; the on-demand read maximum is then one of what is shared.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

SYNCHRONISED, OVERRIDABLE, LOCAL = range(3)
(
    CAPACITY_MODE,
    WRITE_CAPACITY,
    KEY_ATTRIBUTES,
    INDEXES,
    TIME_TO_LIVE,
    WARM_THROUGHPUT,
    MOST_ON_DEMAND_WRITES,
    ENCRYPTION,
    STREAM,
    READ_SCALING,
    READ_CAPACITY,
    MOST_ON_DEMAND_READS,
    TABLE_CLASS,
    DELETION_PROTECTION,
    RECOVERY,
    TAGS,
    INSIGHTS,
    KINESIS_DESTINATION,
    RESOURCE_POLICY,
) = range(19)


class Setting(msgspec.Struct, frozen=True, gc=False):
    """One setting of one replica: the stamp and value of the last shared change, and the replica's own value, if it has one."""

    number: int = 0
    region_number: int = 0
    shared: int = 0
    has_own: bool = False
    own: int = 0


def kind_of(setting: int, strong: bool, across_accounts: bool) -> int:
    """Whether a setting is SYNCHRONISED, OVERRIDABLE or LOCAL in a global table of that mode."""
    if setting == STREAM:
        return LOCAL if strong else SYNCHRONISED
    if setting == ENCRYPTION:
        return LOCAL if across_accounts else SYNCHRONISED
    if setting < STREAM:
        return SYNCHRONISED
    if setting == READ_SCALING:
        return OVERRIDABLE
    if setting == TABLE_CLASS:
        return LOCAL if across_accounts else OVERRIDABLE
    if setting < TABLE_CLASS:
        return SYNCHRONISED if across_accounts else OVERRIDABLE
    return LOCAL


def in_force(setting: Setting) -> int:
    """The value that counts at the replica."""
    if setting.has_own:
        return setting.own
    return setting.shared


def change_own(setting: Setting, kind: int, value: int) -> Setting:
    """A value for this replica only: an override, or a local setting. Raises NotAllowed for what is always synchronised."""
    require(kind != SYNCHRONISED)
    return Setting(setting.number, setting.region_number, setting.shared, True, value)


def change_shared(setting: Setting, kind: int, region_number: int, value: int) -> Setting:
    """A value for all replicas, to be sent to the others. Raises NotAllowed for a local setting."""
    require(kind != LOCAL)
    return Setting(setting.number + 1, region_number, value)


def is_newer(incoming: Setting, present: Setting) -> bool:
    """True if an incoming change comes after the last one known."""
    if incoming.number == present.number:
        return incoming.region_number > present.region_number
    return incoming.number > present.number


def on_change(present: Setting, incoming: Setting) -> Setting:
    """A change made elsewhere arrives, perhaps again: if it is newer it counts, and the replica's own value is gone."""
    if is_newer(incoming, present):
        return Setting(incoming.number, incoming.region_number, incoming.shared)
    return present


def copied(source: Setting) -> Setting:
    """The setting of a new replica: what is shared, and nothing that is its source's own."""
    return Setting(source.number, source.region_number, source.shared)
