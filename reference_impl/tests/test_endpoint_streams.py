"""DynamoDB Streams on the reference endpoint; streams of several shards are in test_endpoint_shards."""

from __future__ import annotations

from typing import Any

import pytest

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import ServiceError
from ddbproof.reference_impl.options import EndpointOptions

VIRGINIA, IRELAND = "us-east-1", "eu-west-1"
BOTH = "NEW_AND_OLD_IMAGES"
DAY_SECONDS = 24 * 3600


class World:
    """An endpoint with a table of one partition; with `view_type` a stream of it, which has one shard."""

    def __init__(self, view_type: str | None = BOTH) -> None:
        self.clock = Clock(frozen_at_milliseconds=1_800_000_000_000)
        self.endpoint = ReferenceEndpoint(
            EndpointOptions(replication_delay_seconds=1, partitions=1), clock=self.clock
        )
        more: dict[str, Any] = {} if view_type is None else {"StreamSpecification": on(view_type)}
        self.call(
            "CreateTable",
            TableName="songs",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )

    def call(self, operation: str, region: str = VIRGINIA, **parameters: Any) -> dict[str, Any]:
        return self.endpoint.call(operation, parameters, CallContext(region, "000000000000"))

    def refusal(self, operation: str, **parameters: Any) -> str:
        with pytest.raises(ServiceError) as refused:
            self.call(operation, **parameters)
        return refused.value.code

    def set_stream(self, **specification: Any) -> None:
        self.call("UpdateTable", TableName="songs", StreamSpecification=specification)

    def put(self, value: str, key: str = "a", region: str = VIRGINIA) -> None:
        self.call("PutItem", region, TableName="songs", Item={"pk": {"S": key}, "v": {"S": value}})

    def arn(self, region: str = VIRGINIA) -> str:
        return str(self.call("DescribeTable", region, TableName="songs")["Table"]["LatestStreamArn"])

    def iterator(
        self, kind: str = "TRIM_HORIZON", *, arn: str | None = None, region: str = VIRGINIA, **more: Any
    ) -> str:
        arn = arn or self.arn(region)
        [shard] = self.call("DescribeStream", region, StreamArn=arn)["StreamDescription"]["Shards"]
        answer = self.call(
            "GetShardIterator",
            region,
            StreamArn=arn,
            ShardId=shard["ShardId"],
            ShardIteratorType=kind,
            **more,
        )
        return str(answer["ShardIterator"])

    def records(self, kind: str = "TRIM_HORIZON", **more: Any) -> list[dict[str, Any]]:
        region = more.get("region", VIRGINIA)
        answer = self.call("GetRecords", region, ShardIterator=self.iterator(kind, **more))
        found: list[dict[str, Any]] = answer["Records"]
        return found


def on(view_type: str = BOTH) -> dict[str, Any]:
    """A StreamSpecification that turns a stream on."""
    return {"StreamEnabled": True, "StreamViewType": view_type}


def shown(record: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """The event, and attribute v of the new and of the old image."""
    new, old = (record["dynamodb"].get(name) for name in ("NewImage", "OldImage"))
    return record["eventName"], new and new["v"]["S"], old and old["v"]["S"]


def test_every_effective_change_is_one_record_in_order() -> None:
    """Insert, modify and remove appear once, with what was before and after (ST-01)."""
    world = World()
    world.put("1")
    world.put("2")
    world.call("DeleteItem", TableName="songs", Key={"pk": {"S": "a"}})
    assert [shown(record) for record in world.records()] == [
        ("INSERT", "1", None),
        ("MODIFY", "2", "1"),
        ("REMOVE", None, "2"),
    ]


def test_a_write_that_changes_nothing_adds_no_record() -> None:
    """The same item again, in another order of its attributes, and the deletion of nothing (ST-02)."""
    world = World()
    world.put("1")
    world.call("PutItem", TableName="songs", Item={"v": {"S": "1"}, "pk": {"S": "a"}})
    world.call("DeleteItem", TableName="songs", Key={"pk": {"S": "b"}})
    assert len(world.records()) == 1


@pytest.mark.parametrize(
    ("view_type", "images"),
    [
        ("KEYS_ONLY", set()),
        ("NEW_IMAGE", {"NewImage"}),
        ("OLD_IMAGE", {"OldImage"}),
        (BOTH, {"NewImage", "OldImage"}),
    ],
)
def test_a_view_type_shows_its_images(view_type: str, images: set[str]) -> None:
    """And always the key (ST-07)."""
    world = World(view_type)
    world.put("1")
    world.put("2")
    change = world.records()[1]["dynamodb"]
    assert {name for name in ("NewImage", "OldImage") if name in change} == images
    assert change["Keys"] == {"pk": {"S": "a"}}


def test_each_iterator_begins_where_it_says() -> None:
    """At the start, at or after a record, at an instant, or at the end (ST-08)."""
    world = World()
    world.put("1")
    world.clock.advance(10)
    world.put("2")
    second = world.records()[1]["dynamodb"]["SequenceNumber"]
    assert len(world.records("AT_SEQUENCE_NUMBER", SequenceNumber=second)) == 1
    assert world.records("AFTER_SEQUENCE_NUMBER", SequenceNumber=second) == []
    assert len(world.records("AT_TIMESTAMP", Timestamp=1_800_000_005)) == 1
    latest = world.iterator("LATEST")
    world.put("3")
    [record] = world.call("GetRecords", ShardIterator=latest)["Records"]
    assert shown(record) == ("MODIFY", "3", "2")


def test_pages_follow_one_another() -> None:
    """Limit is kept, and NextShardIterator goes on behind the last record (ST-06)."""
    world = World()
    for number in range(5):
        world.put(str(number))
    found, iterator = [], world.iterator()
    for _ in range(3):
        answer = world.call("GetRecords", ShardIterator=iterator, Limit=2)
        found.append([shown(record)[1] for record in answer["Records"]])
        iterator = answer["NextShardIterator"]
    assert found == [["0", "1"], ["2", "3"], ["4"]]
    assert world.refusal("GetRecords", ShardIterator=iterator, Limit=1001) == "ValidationException"


def test_an_answer_holds_at_most_a_megabyte() -> None:
    """Old and new image of large items count (ST-06)."""
    world = World()
    for number in range(4):
        world.put(str(number) * 300_000)
    assert len(world.records()) == 2


def test_an_iterator_expires_after_15_minutes() -> None:
    """ExpiredIteratorException then (ST-04)."""
    world = World()
    iterator = world.iterator()
    world.clock.advance(15 * 60)
    assert world.refusal("GetRecords", ShardIterator=iterator) == "ExpiredIteratorException"


def test_records_are_trimmed_after_a_day() -> None:
    """An iterator at a trimmed record is refused; the horizon moves on (ST-03, ST-04)."""
    world = World()
    world.put("1")
    first = world.records()[0]["dynamodb"]["SequenceNumber"]
    world.clock.advance(DAY_SECONDS - 60)
    world.put("2")
    iterator = world.iterator()
    world.clock.advance(61)
    assert world.refusal("GetRecords", ShardIterator=iterator) == "TrimmedDataAccessException"
    with pytest.raises(ServiceError) as refused:
        world.iterator("AT_SEQUENCE_NUMBER", SequenceNumber=first)
    assert refused.value.code == "TrimmedDataAccessException"
    assert [shown(record) for record in world.records()] == [("MODIFY", "2", "1")]


def test_a_stream_that_is_turned_off_ends_and_can_be_read_for_a_day() -> None:
    """Its shard is closed; the next stream has another ARN (ST-03, ST-05)."""
    world = World()
    world.put("1")
    before = world.arn()
    world.set_stream(StreamEnabled=False)
    world.put("2")
    world.set_stream(**on("KEYS_ONLY"))
    world.put("3")
    assert world.arn() != before
    answer = world.call("GetRecords", ShardIterator=world.iterator(arn=before))
    assert [shown(record)[1] for record in answer["Records"]] == ["1"]
    assert "NextShardIterator" not in answer
    assert len(world.records()) == 1
    listed = world.call("ListStreams", TableName="songs")["Streams"]
    assert [stream["StreamArn"] for stream in listed] == [before, world.arn()]
    world.clock.advance(DAY_SECONDS)
    assert world.refusal("DescribeStream", StreamArn=before) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (BOTH, on()),
        (BOTH, on("KEYS_ONLY")),
        (None, {"StreamEnabled": False}),
        (None, {"StreamEnabled": True}),
    ],
)
def test_changes_that_are_none_are_refused(present: str | None, wanted: dict[str, Any]) -> None:
    """On when on, another view type, off when off, and no view type at all (ST-05)."""
    world = World(present)
    code = world.refusal("UpdateTable", TableName="songs", StreamSpecification=wanted)
    assert code == "ValidationException"


def test_the_stream_of_a_deleted_table_can_be_read() -> None:
    """It is DISABLED; a new table of that name has its own."""
    world = World()
    world.put("1")
    arn = world.arn()
    world.call("DeleteTable", TableName="songs")
    assert world.call("DescribeStream", StreamArn=arn)["StreamDescription"]["StreamStatus"] == "DISABLED"
    assert len(world.records(arn=arn)) == 1


def test_every_replica_has_a_stream_of_what_happens_there() -> None:
    """Replicated writes appear in it, and it cannot be turned off (ME-13)."""
    world = World(None)
    world.put("1")
    world.call("UpdateTable", TableName="songs", ReplicaUpdates=[{"Create": {"RegionName": IRELAND}}])
    world.clock.advance(2)
    world.put("2")
    world.clock.advance(2)
    world.put("3", region=IRELAND)
    world.clock.advance(2)
    for region in (VIRGINIA, IRELAND):
        assert [shown(record)[1] for record in world.records(region=region)] == ["2", "3"]
    off = {"StreamEnabled": False}
    assert world.refusal("UpdateTable", TableName="songs", StreamSpecification=off) == "ValidationException"


def test_a_table_with_another_stream_gets_no_replica() -> None:
    """The stream has to be turned off first, or on with both images (ME-13)."""
    world = World("KEYS_ONLY")
    updates = [{"Create": {"RegionName": IRELAND}}]
    assert world.refusal("UpdateTable", TableName="songs", ReplicaUpdates=updates) == "ValidationException"
    world.set_stream(StreamEnabled=False)
    world.call("UpdateTable", TableName="songs", ReplicaUpdates=updates)


def test_what_is_no_stream_or_iterator_is_refused() -> None:
    """An unknown ARN is not found, a spoiled iterator is invalid (AP-11)."""
    world = World()
    unknown = world.arn()[:-1] + "x"
    assert world.refusal("DescribeStream", StreamArn=unknown) == "ResourceNotFoundException"
    assert world.refusal("GetRecords", ShardIterator="rubbish") == "ValidationException"
