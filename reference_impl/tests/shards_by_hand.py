"""A consumer of a stream, which reads parents before children, and runs of writes, splits and faults for it to follow.

Every value is written once, so the changes of an item are a chain: each begins where the one before it ended. A change that is
missing, comes twice or out of order breaks it.
"""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

from zones_by_hand import REGION, TABLE, Zones, value_of

from ddbproof.reference_impl.errors import ConfigurationError

KEYS = [f"k{number}" for number in range(8)]
ZONE_NAMES = [REGION + letter for letter in "abc"]
ACTIONS = (
    *("put", "put", "put", "transact", "delete", "split", "split", "wait", "read", "list"),
    *("zone_down", "zone_up", "crash", "step_down", "disturb"),
)

Action = tuple[str, int]


class Consumer:
    """Follows a table's stream from the trim horizon, a page at a time, in an order that `chance` picks.

    `state` is what the changes so far amount to, `news` every value that was seen to be written. Raises AssertionError
    when a change does not follow the one before it of its item.
    """

    def __init__(self, zones: Zones, seed: int = 0) -> None:
        self._zones = zones
        self._chance = random.Random(seed)
        self._shards: dict[str, dict[str, Any]] = {}
        self._begun: dict[str, str | None] = {}
        self.state: dict[str, int] = {}
        self.news: list[int] = []
        self.read_shards: list[str] = []

    def list_shards(self) -> None:
        """Look which shards there are. One whose parent was never listed is read from the trim horizon."""
        self._shards |= {shard["ShardId"]: shard for shard in self._zones.shards(limit=3)}

    def step(self) -> bool:
        """Read one page of a shard that may be read now; False if there was none with anything new."""
        readable = [
            shard_id
            for shard_id, shard in self._shards.items()
            if self._begun.get(shard_id, "") is not None and self._is_read_out(shard.get("ParentShardId"))
        ]
        self._chance.shuffle(readable)
        return any(self._read(shard_id) for shard_id in readable)

    def _is_read_out(self, shard_id: str | None) -> bool:
        return shard_id not in self._shards or self._begun.get(shard_id, "") is None

    def _read(self, shard_id: str) -> bool:
        """True if there was something to read, or the shard has ended."""
        iterator = self._begun.get(shard_id) or self._iterator(shard_id)
        page = self._zones.call("GetRecords", ShardIterator=iterator, Limit=self._chance.randint(1, 4))
        self._begun[shard_id] = page.get("NextShardIterator")
        for record in page["Records"]:
            self._take(record["dynamodb"])
        if self._begun[shard_id] is None:
            self.read_shards.append(shard_id)
        return bool(page["Records"]) or self._begun[shard_id] is None

    def _iterator(self, shard_id: str) -> str:
        shard = self._shards[shard_id]
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if shard.get("ParentShardId") in self._shards:
            first = shard["SequenceNumberRange"]["StartingSequenceNumber"]
            where = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": first}
        arn = self._zones.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
        answer = self._zones.call("GetShardIterator", StreamArn=arn, ShardId=shard_id, **where)
        return str(answer["ShardIterator"])

    def _take(self, change: dict[str, Any]) -> None:
        key, old, new = (
            change["Keys"]["pk"]["S"],
            value_of(change.get("OldImage")),
            value_of(change.get("NewImage")),
        )
        assert self.state.get(key) == old, f"{key} was {self.state.get(key)}, and changes from {old} to {new}"
        if new is None:
            del self.state[key]
        else:
            self.state[key] = new
            self.news.append(new)

    def read_to_the_end(self) -> None:
        """Read all there is."""
        while True:
            self.list_shards()
            if not self.step():
                return


def carry_out(actions: list[Action], *, partitions: int, seed: int) -> None:
    """One run. Raises AssertionError if the stream does not hold every change once, per item in order."""
    zones = Zones(partitions=partitions, seed=seed)
    down: set[str] = set()
    early = Consumer(zones, seed)
    acknowledged: list[int] = []
    for number, (action, argument) in enumerate(actions):
        key = KEYS[argument % len(KEYS)]
        match action:
            case "put":
                if zones.put(key, number):
                    acknowledged.append(number)
            case "transact":
                values = {key: number, KEYS[(argument + 1) % len(KEYS)]: number + len(actions)}
                puts = [
                    {"Put": {"TableName": TABLE, "Item": {"pk": {"S": of}, "n": {"N": str(value)}}}}
                    for of, value in values.items()
                ]
                if zones.tried("TransactWriteItems", TransactItems=puts) is not None:
                    acknowledged += values.values()
            case "delete":
                zones.tried("DeleteItem", TableName=TABLE, Key={"pk": {"S": key}})
            case "split" | "step_down":
                with suppress(ConfigurationError):  # not now
                    zones.fault(action, TABLE, partition=argument % len(zones.groups().map))
            case "zone_down":
                if not down or argument > 20:  # two at once are rare: then nothing is written at all
                    down.add(ZONE_NAMES[argument % 3])
                    zones.fault(action, ZONE_NAMES[argument % 3])
            case "zone_up":
                for zone in sorted(down):
                    zones.fault(action, zone)
                down.clear()
            case "crash":
                node = f"{ZONE_NAMES[argument % 3]}-{1 + argument // 3 % 2}"
                zones.fault("crash", node, disk="kept")
                zones.fault("start", node)
            case "disturb":
                lost, most = ((0, 0), (0.2, 30), (0, 300))[argument % 3]
                zones.fault("messages", REGION, lost=lost, doubled=lost, delay_milliseconds=[0, most])
            case "wait":
                zones.wait((0.1, 0.3, 1.0, 4.0)[argument % 4])
            case "read":
                early.step()
            case "list":
                early.list_shards()
    zones.mend()
    late = Consumer(zones, seed + 1)
    for consumer in (early, late):
        consumer.read_to_the_end()
        assert consumer.state == zones.scan()
        assert len(set(consumer.news)) == len(consumer.news)
        assert set(acknowledged) <= set(consumer.news)
    assert sorted(early.news) == sorted(late.news)


def by_chance(seed: int, count: int = 120) -> None:
    """A run that a seed determines."""
    chance = random.Random(seed)
    actions = [(chance.choice(ACTIONS), chance.randrange(24)) for _ in range(count)]
    carry_out(actions, partitions=chance.randint(1, 3), seed=seed)
