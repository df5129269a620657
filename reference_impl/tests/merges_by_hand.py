"""An endpoint with one table that never had a stream, whose partitions a test merges by hand (`zones_by_hand`).

Without a stream the table's own history tells what has happened: every change that was committed, with the partition and the
position in its log, as whoever follows a table is told of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from zones_by_hand import ACCOUNT, REGION, TABLE, Zones, value_of

from ddbproof.reference_impl.control.topology import partitions
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.replication.leading import Leading
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.storage.log import Entry
from ddbproof.reference_impl.values.keys import KeySchema, encode_key

KEYS = [f"k{number}" for number in range(24)]
TICK_SECONDS = 0.1
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
ENDED_SECONDS = 5.0
"""More than a merge takes where nothing is broken."""
RESTORABLE_SECONDS = 600.0
"""More than the latest restorable time trails the present."""


class Told(msgspec.Struct, frozen=True):
    """A change of an item that was committed: when, in which partition's log and where, and from which value to which."""

    at_milliseconds: int
    group: int
    position: int
    key: str
    old: int | None
    new: int | None


class Streamless(Zones):
    """A table of `partitions` partitions that never had a stream."""

    def create(self, name: str) -> None:
        self.call("CreateTable", TableName=name, BillingMode="PAY_PER_REQUEST", **self.schema())

    def schema(self) -> dict[str, Any]:
        """Keys and indexes of the table, as CreateTable takes them."""
        return {
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        }


class Merged(Streamless):
    """Such a table, which can be restored to any second."""

    def __init__(self, partitions: int = 4, **options: Any) -> None:
        self.told: list[Told] = []
        super().__init__(partitions, **options)

    def create(self, name: str) -> None:
        self.endpoint.cluster.regions[REGION].watchers.append(self._take)
        super().create(name)
        self.call(
            "UpdateContinuousBackups",
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def _take(self, table_id: str, group: int, position: int, entry: Entry, old: Image | None) -> None:
        record = self.endpoint.cluster.regions[REGION].find_table(ACCOUNT, TABLE)
        before, after = (
            None if item is None else msgspec.json.decode(item)
            for item in (None if old is None else old.item, entry.item)
        )
        item = before or after
        if record is not None and record.table_id == table_id and item is not None:
            names = (element["AttributeName"] for element in record.key_elements)
            key = "/".join(str(*item[name].values()) for name in names)
            self.told.append(
                Told(entry.instant_milliseconds, group, position, key, value_of(before), value_of(after))
            )

    # -- merging ----------------------------------------------------------------------------------------

    def merge(self, partition: int = 0, **more: Any) -> None:
        """Merge a partition with the next one, and see it to its end."""
        before = len(self.groups().map)
        self.fault("merge", TABLE, partition=partition, **more)
        self.wait(ENDED_SECONDS)
        assert len(self.groups().map) == before - 1

    def split(self, partition: int = 0) -> None:
        before = len(self.groups().map)
        self.fault("split", TABLE, partition=partition)
        self.wait(ENDED_SECONDS)
        assert len(self.groups().map) == before + 1

    def refused(self, fault: str, **more: Any) -> str:
        """What the tester's hand is told; nothing if it does what it is asked."""
        try:
            self.fault(fault, TABLE, **more)
        except ConfigurationError as error:
            return error.message
        return ""

    @property
    def reasons(self) -> list[str]:
        """Why each partition is there, in the order of the keys."""
        return [partition["came_of"] for partition in partitions(self.groups())]

    @property
    def becomes(self) -> list[str | None]:
        """What each partition is becoming."""
        return [partition["becomes"] for partition in partitions(self.groups())]

    def partition_of(self, key: str) -> int:
        """The place of the partition that a key lies in."""
        return [group for _, group in self.groups().map].index(self.groups().group_of(encoded(key)))

    def keys_in(self, partition: int, count: int) -> list[str]:
        """So many keys that lie in a partition, as the map is now."""
        names = (f"k{number}" for number in range(100_000))
        found: list[str] = []
        while len(found) < count:
            name = next(names)
            if self.partition_of(name) == partition:
                found.append(name)
        return found

    # -- what came of it --------------------------------------------------------------------------------

    def changes(self) -> list[tuple[str, str, int | None, int | None]]:
        """As those of a stream would be, in the order in which they were committed."""
        return [(f"{it.group} {it.position}", it.key, it.old, it.new) for it in self.told if it.old != it.new]

    def at(self, milliseconds: int) -> dict[str, int]:
        """What the table held at an instant."""
        items: dict[str, int] = {}
        for it in self.told:
            if it.at_milliseconds <= milliseconds:
                if it.new is None:
                    items.pop(it.key, None)
                else:
                    items[it.key] = it.new
        return items

    def restored(self, second: float, name: str = "as-it-was") -> dict[str, int]:
        """What a restore to an instant has, in seconds since the epoch."""
        self.call(
            "RestoreTableToPointInTime", SourceTableName=TABLE, TargetTableName=name, RestoreDateTime=second
        )
        found = self.scan(name)
        self.call("DeleteTable", TableName=name)
        return found

    def check_lines(self) -> None:
        """Each change begins where the one before it of its item ended; positions grow along every line of descent."""
        check_lines(self.told)


def check_lines(told: Iterable[Told]) -> None:
    """See `Merged.check_lines`. Raises AssertionError."""
    last: dict[str, Told] = {}
    places: set[tuple[int, int]] = set()
    for it in told:
        before = last.get(it.key)
        assert it.old == (None if before is None else before.new), f"{it} follows {before}"
        assert before is None or before.position < it.position, f"{it} follows {before}"
        assert (it.group, it.position) not in places, f"{it} is where another is"
        last[it.key] = it
        places.add((it.group, it.position))


def encoded(key: str) -> bytes:
    return encode_key(KeySchema("pk", "S"), {"pk": {"S": key}})


def filled(partitions: int = 4, **options: Any) -> Merged:
    """An item for every key, and all replicas know of all."""
    zones = Merged(partitions, **options)
    assert all(zones.put(key, 1) for key in KEYS)
    zones.wait(1)
    return zones


def leading(zones: Merged, partition: int) -> Leading:
    return zones.groups().leader(zones.groups().map[partition][1])


def zone_of(zones: Merged, partition: int) -> str:
    return zones.leaders()[zones.groups().map[partition][1]]
