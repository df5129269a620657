"""Time to live on the reference endpoint."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import ServiceError
from ddbproof.reference_impl.options import EndpointOptions

VIRGINIA, IRELAND = "us-east-1", "eu-west-1"
NOW = 1_800_000_000
YEAR_SECONDS = 365 * 24 * 3600


class World:
    """An endpoint with a table that has a stream, and time to live by the attribute `until` if it is `on`."""

    def __init__(self, *, on: bool = True) -> None:
        self.clock = Clock(frozen_at_milliseconds=NOW * 1000)
        self.endpoint = ReferenceEndpoint(
            EndpointOptions(replication_delay_seconds=1, partitions=1), clock=self.clock
        )
        self.call(
            "CreateTable",
            TableName="songs",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        if on:
            self.set_ttl(enabled=True)

    def call(self, operation: str, region: str = VIRGINIA, **parameters: Any) -> dict[str, Any]:
        return self.endpoint.call(operation, parameters, CallContext(region, "000000000000"))

    def set_ttl(self, *, enabled: bool, attribute: str = "until", region: str = VIRGINIA) -> dict[str, Any]:
        specification = {"Enabled": enabled, "AttributeName": attribute}
        return self.call("UpdateTimeToLive", region, TableName="songs", TimeToLiveSpecification=specification)

    def refusal(self, *, enabled: bool, attribute: str = "until") -> str:
        with pytest.raises(ServiceError) as refused:
            self.set_ttl(enabled=enabled, attribute=attribute)
        assert refused.value.code == "ValidationException"
        return refused.value.message

    def state(self, region: str = VIRGINIA) -> dict[str, Any]:
        answer = self.call("DescribeTimeToLive", region, TableName="songs")
        found: dict[str, Any] = answer["TimeToLiveDescription"]
        return found

    def put(self, key: str, until: dict[str, str] | None = None, region: str = VIRGINIA) -> None:
        item = {"pk": {"S": key}} | ({} if until is None else {"until": until})
        self.call("PutItem", region, TableName="songs", Item=item)

    def keys(self, region: str = VIRGINIA) -> set[str]:
        answer = self.call("Scan", region, TableName="songs", ConsistentRead=True)
        return {item["pk"]["S"] for item in json.loads(msgspec.json.encode(answer))["Items"]}

    def events(self, region: str = VIRGINIA) -> list[tuple[str, Any]]:
        arn = self.call("DescribeTable", region, TableName="songs")["Table"]["LatestStreamArn"]
        [shard] = self.call("DescribeStream", region, StreamArn=arn)["StreamDescription"]["Shards"]
        iterator = self.call(
            "GetShardIterator",
            region,
            StreamArn=arn,
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )
        records = self.call("GetRecords", region, **iterator)["Records"]
        return [(record["eventName"], record.get("userIdentity")) for record in records]


def at(second: int) -> dict[str, str]:
    """A Number attribute."""
    return {"N": str(second)}


MARK = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def test_an_expired_item_is_deleted_a_while_later() -> None:
    """It can be read until then, and its record bears the service's mark (TT-01, TT-03)."""
    world = World()
    world.put("a", at(NOW + 60))
    world.clock.advance(120)
    assert world.keys() == {"a"}
    world.clock.advance(600)
    assert world.keys() == set()
    assert world.events() == [("INSERT", None), ("REMOVE", MARK)]


def test_an_item_that_is_renewed_under_the_very_eyes_of_who_looks_is_kept() -> None:
    """The version that was found expired is deleted, and no other (TT-07)."""
    world = World()
    world.put("a", at(NOW + 60))
    right = PartitionedTable.write

    def write(self: PartitionedTable, key: bytes, item: bytes | None, *rest: int, **named: Any) -> Any:
        if named.get("expired") is not None:
            renewed = b'{"pk":{"S":"a"},"until":{"N":"%d"}}' % (NOW + YEAR_SECONDS)
            right(self, key, renewed, len(renewed))
        return right(self, key, item, *rest, **named)

    with patch.object(PartitionedTable, "write", write):
        world.clock.advance(720)
        assert world.keys() == {"a"}
    assert world.events() == [("INSERT", None), ("MODIFY", None)]


@pytest.mark.parametrize(
    "until",
    [None, {"S": str(NOW)}, at(NOW - 5 * YEAR_SECONDS), {"N": "1E+40"}, {"N": "-1"}, at(NOW + YEAR_SECONDS)],
)
def test_an_item_without_a_time_that_counts_is_kept(until: dict[str, str] | None) -> None:
    """No time, no Number, more than five years past, or to come (TT-02)."""
    world = World()
    world.put("a", until)
    world.clock.advance(30 * 24 * 3600)
    assert world.keys() == {"a"}


def test_items_from_before_count_once_it_is_turned_on() -> None:
    """Turning it on looks at what there is."""
    world = World(on=False)
    world.put("a", at(NOW - 60))
    world.clock.advance(3600)
    assert world.keys() == {"a"}
    world.set_ttl(enabled=True)
    world.clock.advance(600)
    assert world.keys() == set()


def test_a_time_that_was_put_off_is_heeded() -> None:
    """The look planned for the old time finds the new one (TT-07)."""
    world = World()
    world.put("a", at(NOW + 60))
    world.put("a", at(NOW + 7200))
    world.clock.advance(3600)
    assert world.keys() == {"a"}
    world.clock.advance(3600 + 300)
    assert world.keys() == set()


def test_turned_off_it_deletes_nothing() -> None:
    """Not even what had expired before."""
    world = World()
    world.clock.advance(3600)
    world.put("a", at(NOW))
    world.set_ttl(enabled=False)
    world.clock.advance(3600)
    assert world.keys() == {"a"}


def test_it_is_changed_once_an_hour() -> None:
    """And never to what it is already (TT-05)."""
    world = World()
    assert "multiple times" in world.refusal(enabled=False)
    world.clock.advance(3600)
    assert "already enabled" in world.refusal(enabled=True)
    assert "different AttributeName" in world.refusal(enabled=True, attribute="other")
    world.set_ttl(enabled=False)
    world.clock.advance(3600)
    assert "already disabled" in world.refusal(enabled=False)


def test_its_description_names_the_attribute_while_it_is_on() -> None:
    """DISABLED has none (TT-06)."""
    world = World(on=False)
    assert world.state() == {"TimeToLiveStatus": "DISABLED"}
    answer = world.set_ttl(enabled=True)
    assert answer == {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "until"}}
    assert world.state() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    world.clock.advance(3600)
    world.set_ttl(enabled=False)
    assert world.state() == {"TimeToLiveStatus": "DISABLED"}


def test_in_a_global_table_one_region_deletes() -> None:
    """The deletion replicates and is marked in the Region that made it only (TT-04, GT-11)."""
    world = World(on=False)
    world.call("UpdateTable", TableName="songs", ReplicaUpdates=[{"Create": {"RegionName": IRELAND}}])
    world.clock.advance(2)
    world.set_ttl(enabled=True, region=IRELAND)
    assert world.state(VIRGINIA) == world.state(IRELAND)
    world.put("a", at(NOW + 60), region=IRELAND)
    world.clock.advance(600)
    assert world.keys(VIRGINIA) == world.keys(IRELAND) == set()
    assert world.events(VIRGINIA) == [("INSERT", None), ("REMOVE", MARK)]
    assert world.events(IRELAND) == [("INSERT", None), ("REMOVE", None)]


def test_a_restored_table_has_it_off() -> None:
    """The setting is not restored (RS-05)."""
    world = World()
    backup = world.call("CreateBackup", TableName="songs", BackupName="backup")["BackupDetails"]["BackupArn"]
    world.call("RestoreTableFromBackup", BackupArn=backup, TargetTableName="restored")
    answer = world.call("DescribeTimeToLive", TableName="restored")
    assert answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
