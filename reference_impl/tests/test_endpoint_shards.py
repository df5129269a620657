"""Shards of a stream follow the partitions of its table: they split with them, and a consumer that reads parents first misses nothing."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shards_by_hand import ACTIONS, Action, Consumer, carry_out
from zones_by_hand import REGION, TABLE, Zones

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.errors import ServiceError

KEYS = [f"k{number:02}" for number in range(12)]
DAY_SECONDS = 86_400.0


class Streamed(Zones):
    """A table with a stream, an item for every key."""

    def __init__(self, partitions: int = 1, **options: Any) -> None:
        super().__init__(partitions, **options)
        self.arn = self.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
        assert all(self.put(key, 1) for key in KEYS)

    def split(self, partition: int = 0) -> None:
        before = len(self.groups().map)
        self.fault("split", TABLE, partition=partition)
        self.wait(2)
        assert len(self.groups().map) == before + 1

    def iterator(self, shard: dict[str, Any], kind: str = "TRIM_HORIZON", **more: Any) -> str:
        answer = self.call(
            "GetShardIterator",
            StreamArn=self.arn,
            ShardId=shard["ShardId"],
            ShardIteratorType=kind,
            **more,
        )
        return str(answer["ShardIterator"])

    def page(self, iterator: str, **more: Any) -> dict[str, Any]:
        return self.call("GetRecords", ShardIterator=iterator, **more)

    def records(self, shard: dict[str, Any], kind: str = "TRIM_HORIZON", **more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.page(self.iterator(shard, kind, **more))["Records"]
        return found

    def refusal(self, operation: str, **parameters: Any) -> str | None:
        """The code of the error; None if there was none."""
        try:
            self.call(operation, **parameters)
        except ServiceError as error:
            return error.code
        return None


def number(record: dict[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def keys_of(records: list[dict[str, Any]]) -> list[str]:
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]


def ends(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" in shard["SequenceNumberRange"]


# -- shards and partitions ----------------------------------------------------------------------------


def test_a_stream_has_an_open_shard_for_each_partition() -> None:
    """ST-04: none has a parent, and every change is in one of them."""
    zones = Streamed(partitions=8)
    shards = zones.shards()
    assert len({shard["ShardId"] for shard in shards}) == 8
    assert not any(ends(shard) or "ParentShardId" in shard for shard in shards)
    found = [zones.records(shard) for shard in shards]
    assert sum(bool(records) for records in found) > 1
    assert sorted(key for records in found for key in keys_of(records)) == KEYS
    numbers = [number(record) for records in found for record in records]
    assert len(set(numbers)) == len(numbers)


def test_a_split_closes_a_shard_and_opens_two() -> None:
    """ST-01, ST-04: records stay where they were, later changes are the children's, and numbers grow along every line."""
    zones = Streamed()
    [before] = zones.shards()
    earlier = zones.records(before)
    zones.split()
    assert all(zones.put(key, 2) for key in KEYS)
    parent, *children = zones.shards()
    assert parent["ShardId"] == before["ShardId"]
    assert ends(parent)
    assert zones.records(parent) == earlier
    assert [child["ParentShardId"] for child in children] == [parent["ShardId"]] * 2
    assert not any(ends(child) for child in children)
    found = [keys_of(zones.records(child)) for child in children]
    assert all(found)
    assert sorted(found[0] + found[1]) == KEYS
    last = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    for child in children:
        first = int(child["SequenceNumberRange"]["StartingSequenceNumber"])
        assert int(number(earlier[-1])) <= last < first <= int(number(zones.records(child)[0]))


def test_a_closed_shard_is_read_to_its_end_and_no_further() -> None:
    """ST-04: there is no iterator behind its last record; those of open shards go on."""
    zones = Streamed()
    zones.split()
    parent, *children = zones.shards()
    first = zones.page(zones.iterator(parent), Limit=5)
    rest = zones.page(first["NextShardIterator"])
    assert sorted(keys_of(first["Records"] + rest["Records"])) == KEYS
    assert "NextShardIterator" not in rest
    latest = zones.page(zones.iterator(parent, "LATEST"))
    assert latest == {"Records": []}
    assert all("NextShardIterator" in zones.page(zones.iterator(child)) for child in children)


def test_a_shard_that_never_had_a_record_is_closed_as_well() -> None:
    """ST-04: it is listed, can be read, and ends."""
    zones = Streamed()
    zones.call("UpdateTable", TableName=TABLE, StreamSpecification={"StreamEnabled": False})
    zones.call(
        "UpdateTable",
        TableName=TABLE,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    zones.arn = zones.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
    zones.split()
    parent, *children = zones.shards()
    assert ends(parent)
    assert len(children) == 2
    assert zones.page(zones.iterator(parent)) == {"Records": []}


def test_a_stream_turned_on_after_a_split_begins_with_the_partitions_that_are_there() -> None:
    """ST-05: the old stream keeps its shards, all closed; the new one has two, without parents."""
    zones = Streamed()
    zones.split()
    zones.call("UpdateTable", TableName=TABLE, StreamSpecification={"StreamEnabled": False})
    assert [ends(shard) for shard in zones.shards()] == [True] * 3
    zones.call(
        "UpdateTable",
        TableName=TABLE,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    assert [(ends(shard), shard.get("ParentShardId")) for shard in zones.shards()] == [(False, None)] * 2


# -- iterators ----------------------------------------------------------------------------------------


def test_each_iterator_begins_in_its_own_shard() -> None:
    """ST-08: at the start, at or after a record, at the end; a number of another shard is refused."""
    zones = Streamed(partitions=2)
    one, other = zones.shards()
    records, others = zones.records(one), zones.records(other)
    assert len(records) > 2
    assert others
    at = {"SequenceNumber": number(records[1])}
    assert zones.records(one, "AT_SEQUENCE_NUMBER", **at) == records[1:]
    assert zones.records(one, "AFTER_SEQUENCE_NUMBER", **at) == records[2:]
    first = one["SequenceNumberRange"]["StartingSequenceNumber"]
    assert zones.records(one, "AT_SEQUENCE_NUMBER", SequenceNumber=first) == records
    latest = zones.iterator(one, "LATEST")
    assert all(zones.put(key, 2) for key in KEYS)
    assert sorted(keys_of(zones.page(latest)["Records"])) == sorted(keys_of(records))
    for wrong in (number(others[0]), "7" * 21, "x" * 21):
        code = zones.refusal(
            "GetShardIterator",
            StreamArn=zones.arn,
            ShardId=one["ShardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=wrong,
        )
        assert code == "ValidationException"


def test_shards_are_listed_page_by_page_and_parents_before_children() -> None:
    """Limit and ExclusiveStartShardId are kept; a ShardFilter gives the children of one."""
    zones = Streamed(partitions=3)
    zones.split(0)
    zones.split(2)
    whole = zones.shards()
    assert len(whole) == 7
    for limit in (1, 2, 6, 7):
        assert zones.shards(limit) == whole
    places = {shard["ShardId"]: place for place, shard in enumerate(whole)}
    assert all(
        places[shard["ParentShardId"]] < places[shard["ShardId"]]
        for shard in whole
        if "ParentShardId" in shard
    )
    parent = next(shard["ParentShardId"] for shard in whole if "ParentShardId" in shard)
    answer = zones.call(
        "DescribeStream", StreamArn=zones.arn, ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent}
    )
    assert answer["StreamDescription"]["Shards"] == [
        shard for shard in whole if shard.get("ParentShardId") == parent
    ]
    refused: list[dict[str, Any]] = [
        {"Limit": 101},
        {"ShardFilter": {}},
        {"ShardFilter": {"ShardId": parent}},
    ]
    for request in refused:
        assert zones.refusal("DescribeStream", StreamArn=zones.arn, **request) == "ValidationException"


# -- 24 hours -----------------------------------------------------------------------------------------


def test_a_parent_and_its_records_go_after_a_day_and_children_stay() -> None:
    """ST-03, ST-04: children name their parent still, and their records are kept for a day of their own."""
    zones = Streamed()
    zones.clock.advance(3600)
    zones.split()
    parent, *children = zones.shards()
    zones.clock.advance(DAY_SECONDS - 7200)
    assert all(zones.put(key, 2) for key in KEYS)
    last = zones.iterator(parent, "AT_SEQUENCE_NUMBER", SequenceNumber=number(zones.records(parent)[-1]))
    zones.clock.advance(600)
    assert zones.page(last)["Records"]
    zones.clock.advance(3100)
    assert zones.records(parent) == []  # older than a day, the records; the shard is not
    assert len(zones.shards()) == 3
    waiting = zones.iterator(parent)
    zones.clock.advance(3600)
    assert [shard["ShardId"] for shard in zones.shards()] == [child["ShardId"] for child in children]
    assert [shard["ParentShardId"] for shard in zones.shards()] == [parent["ShardId"]] * 2
    assert sorted(key for child in children for key in keys_of(zones.records(child))) == KEYS
    assert zones.refusal("GetRecords", ShardIterator=waiting) == "ExpiredIteratorException"
    assert (
        zones.refusal(
            "GetShardIterator",
            StreamArn=zones.arn,
            ShardId=parent["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )
        == "ResourceNotFoundException"
    )


def test_who_reads_a_shard_too_late_is_told() -> None:
    """ST-04: of a record that is trimmed, and of a shard that is gone with all of its records."""
    zones = Streamed()
    zones.split()
    parent = zones.shards()[0]
    zones.clock.advance(DAY_SECONDS - 60)
    trimmed = zones.iterator(parent)
    at_the_end = zones.iterator(parent, "LATEST")
    zones.clock.advance(120)
    for iterator in (trimmed, at_the_end):
        assert zones.refusal("GetRecords", ShardIterator=iterator) == "TrimmedDataAccessException"


def test_a_reader_is_told_when_a_child_was_trimmed_while_it_read_the_parent() -> None:
    """ST-04: it begins a child at its first number, and not at the trim horizon, where it would skip the rest in silence."""
    zones = Streamed()
    zones.split()
    assert all(zones.put(key, 2) for key in KEYS)
    _, child, _ = zones.shards()
    zones.clock.advance(DAY_SECONDS + 60)
    assert zones.records(child) == []
    assert (
        zones.refusal(
            "GetShardIterator",
            StreamArn=zones.arn,
            ShardId=child["ShardId"],
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=child["SequenceNumberRange"]["StartingSequenceNumber"],
        )
        == "TrimmedDataAccessException"
    )


# -- late archives ------------------------------------------------------------------------------------


def test_a_child_waits_for_its_parents_last_change() -> None:
    """ST-01, BK-02: the parent's go into the parent's shard, however late; until then nothing of a child is acknowledged."""
    zones = Streamed()
    right = TableGroups._archive_affair
    off: dict[str, Any] = {"TableName": TABLE, "StreamSpecification": {"StreamEnabled": False}}

    def not_yet(self: TableGroups, group: int, index: int, entry: Any) -> bool:
        """The parent's leader is away, as it were, before it has handed over its end."""
        return type(entry).__name__ != "Closed" and right(self, group, index, entry)

    with patch.object(TableGroups, "_archive_affair", not_yet):
        zones.fault("split", TABLE)
        zones.wait(2)
        assert not any(zones.put(key, 2) for key in KEYS)
        assert all(zones.read(key) == 1 for key in KEYS)
        [parent] = zones.shards()
        assert len(zones.groups().map) == 2
        assert not ends(parent)
        assert len(zones.records(parent)) == len(KEYS)
    assert all(zones.put(key, 3) for key in KEYS)
    zones.call("UpdateTable", **off)
    parent, *children = zones.shards()
    assert len(zones.records(parent)) == len(KEYS)
    assert sorted(key for child in children for key in keys_of(zones.records(child))) == KEYS


def test_a_split_is_seen_to_its_end_though_all_who_knew_of_it_were_away() -> None:
    """PART-05: once all three zones were down."""
    zones = Streamed()
    zones.fault("split", TABLE)
    zones.wait(0.2)
    for letter in "abc":
        zones.fault("zone_down", REGION + letter)
    zones.wait(2)
    zones.mend()
    assert all(zones.put(key, 2) for key in KEYS)
    assert zones.scan() == dict.fromkeys(KEYS, 2)
    consumer = Consumer(zones)
    consumer.read_to_the_end()
    assert consumer.state == zones.scan()


# -- the law ------------------------------------------------------------------------------------------

actions: st.SearchStrategy[Action] = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 23))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(actions, min_size=10, max_size=80), st.integers(1, 4), st.integers(0, 1_000))
def test_a_consumer_that_reads_parents_first_sees_each_change_once_and_in_order(
    actions: list[Action], partitions: int, seed: int
) -> None:
    """ST-01, ST-04: whatever is written, split and broken, and wherever the consumer is meanwhile."""
    carry_out(actions, partitions=partitions, seed=seed)
