"""Global tables in eventual mode on the reference endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import NotBuiltError, ServiceError, ValidationError
from ddbproof.reference_impl.options import EndpointOptions

VIRGINIA, IRELAND, TOKYO = "us-east-1", "eu-west-1", "ap-northeast-1"
REGIONS = (VIRGINIA, IRELAND, TOKYO)
DELAY = 1.0
Call = Callable[..., dict[str, Any]]


class World:
    """An endpoint with a table in Virginia; `also` are the Regions it is replicated to."""

    def __init__(self, *also: str) -> None:
        self.clock = Clock(frozen_at_milliseconds=1_800_000_000_000)
        self.endpoint = ReferenceEndpoint(EndpointOptions(replication_delay_seconds=DELAY), clock=self.clock)
        self.create()
        for region in also:
            self.add(region)
            self.settle()

    def call(self, operation: str, region: str = VIRGINIA, **parameters: Any) -> dict[str, Any]:
        return self.endpoint.call(operation, parameters, CallContext(region, "000000000000"))

    def create(self, region: str = VIRGINIA) -> None:
        self.call(
            "CreateTable",
            region,
            TableName="songs",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def add(self, region: str, **more: Any) -> dict[str, Any]:
        update = {"Create": {"RegionName": region}}
        return self.call("UpdateTable", TableName="songs", ReplicaUpdates=[update], **more)

    def remove(self, region: str) -> None:
        self.call("UpdateTable", TableName="songs", ReplicaUpdates=[{"Delete": {"RegionName": region}}])

    def put(self, value: str, region: str = VIRGINIA, key: str = "a") -> None:
        self.call("PutItem", region, TableName="songs", Item={"pk": {"S": key}, "v": {"S": value}})

    def delete(self, region: str = VIRGINIA) -> None:
        self.call("DeleteItem", region, TableName="songs", Key={"pk": {"S": "a"}})

    def value(self, region: str, key: str = "a") -> str | None:
        answer = self.call(
            "GetItem",
            region,
            TableName="songs",
            Key={"pk": {"S": key}},
            ConsistentRead=True,
            ProjectionExpression="v",
        )
        return answer["Item"]["v"]["S"] if "Item" in answer else None

    def values(self) -> set[str | None]:
        return {self.value(region) for region in REGIONS}

    def settle(self) -> None:
        self.clock.advance(3 * DELAY)


def test_a_write_reaches_the_other_replicas_after_the_delay_and_not_before() -> None:
    """ME-01: asynchronous; GT-04: every replica accepts writes."""
    world = World(IRELAND, TOKYO)
    world.put("one", IRELAND)
    assert (world.value(IRELAND), world.value(VIRGINIA), world.value(TOKYO)) == ("one", None, None)
    world.clock.advance(DELAY)
    assert world.values() == {"one"}


def test_what_was_there_before_is_filled_in() -> None:
    """ME-08, GT-21: a table with data becomes a global table with the same data everywhere."""
    world = World()
    world.put("old")
    world.add(IRELAND)
    with pytest.raises(ServiceError, check=lambda error: error.code == "ResourceNotFoundException"):
        world.value(IRELAND)
    world.put("during", key="b")
    world.settle()
    assert world.value(IRELAND) == "old"
    assert world.value(IRELAND, "b") == "during"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(REGIONS), st.none() | st.integers(0, 9), st.integers(0, 1500)), max_size=12
    )
)
def test_replicas_converge_whatever_is_written_where_and_when(
    steps: list[tuple[str, int | None, int]],
) -> None:
    """ME-02, ME-18: after everything is delivered, all Regions agree, deletions included."""
    world = World(IRELAND, TOKYO)
    for region, value, pause in steps:
        if value is None:
            world.delete(region)
        else:
            world.put(str(value), region)
        world.clock.advance(pause / 1000)
    world.settle()
    assert len(world.values()) == 1


def test_the_later_of_two_concurrent_writes_survives() -> None:
    """ME-02: last writer wins, in both Regions."""
    world = World(IRELAND)
    world.put("first", IRELAND)
    world.clock.advance(0.5)
    world.put("second", VIRGINIA)
    world.settle()
    assert (world.value(VIRGINIA), world.value(IRELAND)) == ("second", "second")


def test_a_deletion_that_is_later_beats_a_write_that_arrives_after_it() -> None:
    """ME-18: the tombstone is a version."""
    world = World(IRELAND)
    world.put("base")
    world.settle()
    world.put("concurrent", IRELAND)
    world.clock.advance(0.5)
    world.delete(VIRGINIA)
    world.settle()
    assert (world.value(VIRGINIA), world.value(IRELAND)) == (None, None)


def test_a_region_without_a_replica_sees_nothing() -> None:
    """GT-03: membership is by group; a table of the same name elsewhere is another table."""
    world = World(IRELAND)
    world.create(TOKYO)
    world.put("one")
    world.settle()
    assert world.value(TOKYO) is None


def test_a_table_of_that_name_blocks_a_replica() -> None:
    """GT-10."""
    world = World()
    world.create(IRELAND)
    with pytest.raises(ValidationError, match="already existed as tables"):
        world.add(IRELAND)


def test_settings_are_synchronised_or_not_as_documented() -> None:
    """GT-11: billing mode is; GT-14, PI-20: deletion protection and recovery are not."""
    world = World(IRELAND)
    world.call(
        "UpdateTable",
        TableName="songs",
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 7},
        DeletionProtectionEnabled=True,
    )
    world.call(
        "UpdateContinuousBackups",
        TableName="songs",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    replica = world.call("DescribeTable", IRELAND, TableName="songs")["Table"]
    assert replica["ProvisionedThroughput"]["WriteCapacityUnits"] == 7
    assert replica["DeletionProtectionEnabled"] is False
    backups = world.call("DescribeContinuousBackups", IRELAND, TableName="songs")
    status = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert status == {"PointInTimeRecoveryStatus": "DISABLED"}


def test_removing_a_replica_deletes_its_data_and_leaves_the_rest() -> None:
    """GT-17; what it had sent is still delivered."""
    world = World(IRELAND, TOKYO)
    world.put("last words", TOKYO)
    world.remove(TOKYO)
    world.settle()
    assert (world.value(VIRGINIA), world.value(IRELAND)) == ("last words", "last words")
    with pytest.raises(ServiceError, check=lambda error: error.code == "ResourceNotFoundException"):
        world.value(TOKYO)
    replicas = world.call("DescribeTable", TableName="songs")["Table"]["Replicas"]
    assert [replica["RegionName"] for replica in replicas] == [IRELAND]


def test_a_third_replica_is_filled_from_all_members_and_hears_them_all() -> None:
    """GT-02: no replica holds only part of the data."""
    world = World(IRELAND)
    world.put("in flight", IRELAND)
    world.add(TOKYO)
    world.put("meanwhile", IRELAND, key="b")
    world.settle()
    assert world.values() == {"in flight"}
    assert world.value(TOKYO, "b") == "meanwhile"


def test_strong_mode_is_refused_not_pretended() -> None:
    """MR-02 is not built: saying so is the answer."""
    with pytest.raises(NotBuiltError, match="STRONG"):
        World().add(IRELAND, MultiRegionConsistency="STRONG")
