"""Time to live: deleting items whose time has passed, by the endpoint's clock.

Claims: TT-01 (an expired item is deleted some time after it expires, and can be read until then), TT-02 (only
Numbers, and none more than five years past), TT-03 (the deletion is marked as the service's own), TT-04 (it
replicates, and is not marked elsewhere), TT-07 (an item whose time was put off in time is kept).

Each write of an item with a time is followed by one look at that item, due five minutes after its time; turning time to
live on plans a look at every item there is. What may be deleted, `model.kernel.expiry` decides: a look proposes the
item as it reads it, and it is deleted if it is the same version still in the step in which that is done. A later write
has planned a look of its own.

Choices where AWS publishes nothing: those of the kernel, and a fraction of a second counts as the second itself. A
look reads the setting anew, so deletions stop at once when time to live is turned off (TT-05 lets them go on for
half an hour). In a global table one Region deletes, the first of the endpoint's list that has a replica; the others
look again every hour, in case it leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from ddbproof.model.kernel import expiry as kernel
from ddbproof.reference_impl.cluster.clock import LATEST_MILLISECONDS
from ddbproof.reference_impl.cluster.records import TableRecord, TimeToLive
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry

_LOOK_AGAIN_MILLISECONDS = 3600 * 1000

_decode = msgspec.json.Decoder().decode
Members = Callable[[Region, TableRecord], list[tuple[Region, TableRecord]]]


class Expiry:
    """Plans and makes the deletions of every Region. `members` gives the other replicas of a table."""

    def __init__(self, scheduler: Scheduler, members: Members) -> None:
        self._scheduler = scheduler
        self._members = members

    def watch(self, region: Region) -> None:
        """See to it that every write in the Region is noticed."""

        def note(table_id: str, _group: int, _position: int, entry: Entry, _old: Image | None) -> None:
            record = region.table_by_id(table_id)
            setting = None if record is None else record.time_to_live
            if entry.item is not None and setting is not None and setting.enabled:
                self._plan(region, table_id, entry.key, entry.item, setting, entry.instant_milliseconds)

        region.watchers.append(note)

    def turned_on(self, region: Region, table_id: str, now_milliseconds: int) -> None:
        """Plan a look at every item of a table whose time to live was just turned on."""
        record = region.table_by_id(table_id)
        if record is None or record.time_to_live is None:
            return
        for key, image in region.store(table_id).range(b"", None, reverse=False, consistent=True):
            self._plan(region, table_id, key, image.item, record.time_to_live, now_milliseconds)

    def _plan(
        self,
        region: Region,
        table_id: str,
        key: bytes,
        item: bytes,
        setting: TimeToLive,
        now_milliseconds: int,
    ) -> None:
        attribute = expiry_attribute(item, setting.attribute_name)
        expires_at = attribute.seconds * 1000
        due_milliseconds = max(expires_at, now_milliseconds) + kernel.DELAY_MILLISECONDS
        if due_milliseconds <= LATEST_MILLISECONDS and kernel.is_due(attribute, due_milliseconds):
            self._scheduler.at(due_milliseconds, lambda at: self._look(region, table_id, key, at))

    def _look(self, region: Region, table_id: str, key: bytes, at_milliseconds: int) -> None:
        """Delete the item if its time has passed."""
        record = region.table_by_id(table_id)
        setting = None if record is None else record.time_to_live
        if record is None or setting is None or not setting.enabled:
            return
        store = region.store(table_id)
        image = store.read(key, consistent=True)
        if image is None:
            return
        attribute = expiry_attribute(image.item, setting.attribute_name)
        known = kernel.Setting(setting.enabled, 0, at_milliseconds)
        if not kernel.propose(attribute, known, at_milliseconds):
            return
        if any(other.number < region.number for other, _ in self._members(region, record)):
            self._scheduler.at(
                at_milliseconds + _LOOK_AGAIN_MILLISECONDS, lambda at: self._look(region, table_id, key, at)
            )
            return
        kernel.delete(True, attribute, known, at_milliseconds)
        store.write(key, None, 0, expired=image)


def expiry_attribute(item: bytes, attribute_name: str) -> kernel.Attribute:
    """What a stored item says of its end, as the kernel sees it; no Number if it is one that no clock will show.

    >>> expiry_attribute(b'{"pk":{"S":"a"},"until":{"N":"1800000000.5"}}', "until")
    Attribute(is_number=True, seconds=1800000000)
    >>> expiry_attribute(b'{"pk":{"S":"a"},"until":{"S":"1800000000"}}', "until").is_number
    False
    """
    text = _decode(item).get(attribute_name, {}).get("N")
    seconds = Decimal(text or 0)
    if text is None or not 0 <= seconds * 1000 <= LATEST_MILLISECONDS:
        return kernel.Attribute(is_number=False, seconds=0)
    return kernel.Attribute(is_number=True, seconds=int(seconds))
