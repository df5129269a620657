"""Who reads the archive of a table whose partitions merge, or takes part in it later, cannot tell: backups, streams, Regions, expiry.

See `test_endpoint_merges`.
"""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest
from merges_by_hand import (
    ENDED_SECONDS,
    KEYS,
    RESTORABLE_SECONDS,
    STREAM,
    TICK_SECONDS,
    Merged,
    encoded,
    filled,
)
from zones_by_hand import (
    ELECTED_SECONDS,
    OTHER,
    REGION,
    START_MILLISECONDS,
    TABLE,
)

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.errors import CallerError, ConfigurationError

# -- the archive --------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 1])
def test_what_was_merged_waits_for_the_last_change_of_both(late: int) -> None:
    """BK-02: until the archive has it, nothing of the merged partition is acknowledged, as no backup could have it."""
    zones = filled(partitions=2)
    waited_for = zones.groups().map[late][1]
    right = TableGroups._archive_affair

    def not_yet(self: TableGroups, group: int, index: int, entry: Any) -> bool:
        """That one's leader is away, as it were, before it has handed over its end."""
        ends = group == waited_for and type(entry).__name__ == "Closed"
        return not ends and right(self, group, index, entry)

    with patch.object(TableGroups, "_archive_affair", not_yet):
        zones.fault("merge", TABLE, partition=0)
        zones.wait(ENDED_SECONDS)
        assert len(zones.groups().map) == 1
        assert not any(zones.put(key, 2) for key in KEYS)
        assert all(zones.read(key) == 1 for key in KEYS)
    assert all(zones.put(key, 3) for key in KEYS)
    arn = zones.call("CreateBackup", TableName=TABLE, BackupName="b")["BackupDetails"]["BackupArn"]
    zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="restored")
    assert zones.scan("restored") == dict.fromkeys(KEYS, 3)
    zones.check_lines()


def test_positions_go_on_behind_the_end_of_the_longer_one() -> None:
    """ST-01: whichever of the two that is, so that none comes twice in an item's line."""
    for longer in (0, 1):
        zones = filled(partitions=2)
        for value in range(2, 40):
            assert all(zones.put(key, value) for key in zones.keys_in(longer, 3))
        ends = zones.groups().positions()
        zones.merge()
        [merged] = zones.groups().lines.open
        assert zones.groups().lines.bases[merged] >= max(ends.values())
        assert all(zones.put(key, 100) for key in KEYS)
        zones.check_lines()


@pytest.mark.parametrize("lag", ["none", "legal"])
def test_backups_and_restores_see_the_right_items_before_in_and_after_a_merge(lag: str) -> None:
    """BK-02, PI-11: one write a second for a while, a merge and a split in the middle of it, and a restore to each second."""
    zones = filled(partitions=3, lag=lag)
    asked, written, backups = {10: "merge", 14: "split", 18: "merge"}, [], []
    for step in range(24):
        zones.wait(0.5)
        if step in asked:
            zones.fault(asked[step], TABLE, partition=0)
        assert zones.put(KEYS[step % 6], 100 + step)
        written.append(zones.scan())
        if step in (9, 10, 11, 23):
            answer = zones.call("CreateBackup", TableName=TABLE, BackupName=f"b{step}")
            backups.append((answer["BackupDetails"]["BackupArn"], written[-1]))
        zones.wait(0.5)
    end = zones.clock.now_milliseconds() / 1000
    zones.wait(ENDED_SECONDS)
    assert zones.reasons == ["merged", "asked"] or len(zones.groups().map) == 2
    zones.clock.advance(RESTORABLE_SECONDS)
    zones.wait(1)
    for place, items in enumerate(written):
        assert zones.restored(int(end - 24 + place + 1)) == items
    for number, (arn, items) in enumerate(backups):
        zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName=f"from-{number}")
        assert zones.scan(f"from-{number}") == items


def test_lawful_lag_shows_nothing_that_was_never_there() -> None:
    """RC-02: eventually consistent reads during merges are old or new, and new before long."""
    zones = filled(partitions=4, lag="legal")
    value = 1
    for partitions in (3, 2, 1):
        zones.fault("merge", TABLE, partition=0)
        for _ in range(30):
            value += 1
            assert all(zones.put(key, value) for key in KEYS[:6])
            assert all(zones.read(key) == value for key in KEYS[:6])
            assert all(zones.read(key, consistent=False) in range(1, value + 1) for key in KEYS[:6])
            zones.wait(0.05)
        zones.wait(ENDED_SECONDS)
        assert len(zones.groups().map) == partitions
    assert all(zones.read(key, consistent=False) == value for key in KEYS[:6])


# -- streams and other Regions ------------------------------------------------------------------------


def test_a_table_that_has_or_had_a_stream_keeps_its_partitions() -> None:
    """ST-04: a shard has one parent."""
    zones = filled()
    zones.merge()
    zones.call("UpdateTable", TableName=TABLE, StreamSpecification=STREAM)
    assert "has a stream, had one" in zones.refused("merge", partition=0)
    zones.call("UpdateTable", TableName=TABLE, StreamSpecification={"StreamEnabled": False})
    zones.clock.advance(3 * 86_400)
    assert "has a stream, had one" in zones.refused("merge", partition=0)
    zones.split(0)
    assert len(zones.groups().map) == 4


@pytest.mark.parametrize("ticks", range(6))
def test_a_stream_that_is_turned_on_in_the_middle_waits_for_the_end(ticks: int) -> None:
    """ST-01, ST-04: then it has every change from then on, in shards without parents."""
    zones = filled()
    zones.fault("merge", TABLE, partition=1)
    zones.wait(ticks * TICK_SECONDS)
    zones.call("UpdateTable", TableName=TABLE, StreamSpecification=STREAM)
    assert len(zones.groups().map) == 3
    assert all(zones.put(key, 2) for key in KEYS)
    shards = zones.shards()
    assert len(shards) == 3
    assert not any("ParentShardId" in shard for shard in shards)
    assert sorted(it[1:] for it in super(Merged, zones).changes()) == sorted((key, 1, 2) for key in KEYS)
    zones.split(0)
    assert all(zones.put(key, 3) for key in KEYS)
    assert len(super(Merged, zones).changes()) == 2 * len(KEYS)


def stuck_in_a_merge() -> Merged:
    """The upper one of two partitions has no quorum in the middle of a merge; metadata can be changed all the same."""
    for seed in range(100):
        zones = filled(partitions=2, seed=seed)
        upper = zones.groups().map[1][1]
        nodes = [it.environment.node for it in zones.groups().replicas(upper)][:2]
        metadata = zones.endpoint.cluster.regions[REGION].metadata.groups
        if {it.environment.node for it in metadata.all_replicas()} & set(nodes):
            continue
        zones.fault("merge", TABLE, partition=0)
        zones.wait(TICK_SECONDS)
        for node in nodes:
            zones.fault("crash", zones.groups().fleet.nodes[node].name)
        zones.wait(ELECTED_SECONDS)
        return zones
    raise AssertionError("no such seed")


def test_a_stream_is_refused_while_a_merge_cannot_end_and_nothing_is_changed() -> None:
    """ST-05: InternalServerError, and the request may be sent again; other changes go on."""
    zones = stuck_in_a_merge()
    asked: dict[str, Any] = {"TableName": TABLE, "StreamSpecification": STREAM}
    replica: dict[str, Any] = {"TableName": TABLE, "ReplicaUpdates": [{"Create": {"RegionName": OTHER}}]}
    before = zones.call("DescribeTable", TableName=TABLE)["Table"]
    assert zones.tried("UpdateTable", **asked, TableClass="STANDARD_INFREQUENT_ACCESS") is None
    assert zones.tried("UpdateTable", **replica) is None
    assert zones.call("DescribeTable", TableName=TABLE)["Table"] == before
    assert zones.call("ListStreams", TableName=TABLE)["Streams"] == []
    assert zones.call("ListTables", OTHER)["TableNames"] == []
    zones.call("UpdateTable", TableName=TABLE, TableClass="STANDARD_INFREQUENT_ACCESS")
    zones.mend()
    zones.call("UpdateTable", **asked)
    assert len(zones.shards()) == len(zones.groups().map) == 1
    zones.call("UpdateTable", **replica)


def test_a_table_becomes_global_after_and_in_the_middle_of_a_merge() -> None:
    """ME-08, ME-13: the replica gets everything, and both follow each other; a replica keeps its partitions."""
    for ticks in range(6):
        zones = filled(partitions=3)
        zones.merge(0)
        zones.fault("merge", TABLE, partition=0)
        zones.wait(ticks * TICK_SECONDS)
        zones.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
        zones.wait(2)
        assert len(zones.groups().map) == 1
        assert all(zones.put(key, 2) for key in KEYS[:12])
        zones.call("PutItem", OTHER, TableName=TABLE, Item={"pk": {"S": KEYS[20]}, "n": {"N": "3"}})
        zones.wait(2)
        expected = dict.fromkeys(KEYS, 1) | dict.fromkeys(KEYS[:12], 2) | {KEYS[20]: 3}
        for region in (REGION, OTHER):
            assert {key: zones.read(key, region=region) for key in KEYS} == expected
            assert "replica of a global table" in zones.refused("merge", partition=0, region=region)


# -- the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticks", range(6))
def test_a_table_is_deleted_in_the_middle_of_a_merge(ticks: int) -> None:
    """CTL-01: and another of its name has nothing of it; backups of it are there."""
    zones = filled(partitions=2)
    arn = zones.call("CreateBackup", TableName=TABLE, BackupName="b")["BackupDetails"]["BackupArn"]
    fleet, groups = zones.groups().fleet, zones.groups()
    zones.fault("merge", TABLE, partition=0)
    zones.wait(ticks * TICK_SECONDS)
    zones.call("DeleteTable", TableName=TABLE)
    zones.clock.advance(1)
    zones.endpoint.cluster.catch_up()
    assert groups not in fleet.restless.values()
    assert zones.call("ListTables")["TableNames"] == []
    zones.create(TABLE)
    assert zones.scan() == {}
    zones.merge()
    zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="restored")
    assert zones.scan("restored") == dict.fromkeys(KEYS, 1)


def test_items_expire_across_a_merge() -> None:
    """TT-01: once, and none that was renewed."""
    zones = filled(partitions=2)
    zones.call(
        "UpdateTimeToLive",
        TableName=TABLE,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
    )
    now = START_MILLISECONDS // 1000
    for number, key in enumerate(KEYS):
        item = {"pk": {"S": key}, "n": {"N": "2"}, "until": {"N": str(now + 60 + 20 * number)}}
        zones.call("PutItem", TableName=TABLE, Item=item)
    zones.wait(400)
    zones.fault("merge", TABLE, partition=0)
    zones.wait(100)
    assert len(zones.groups().map) == 1
    assert zones.put(KEYS[-1], 3)
    assert 0 < len(zones.scan()) < len(KEYS)
    zones.wait(1_000)
    assert zones.scan() == {KEYS[-1]: 3}
    gone = [it.key for it in zones.told if it.new is None]
    assert sorted(gone) == sorted(KEYS[:-1])
    zones.check_lines()


def test_a_condition_holds_across_a_merge() -> None:
    """RC-01: a counter that every write adds one to, under a condition, while partitions merge and split."""
    zones = Merged(partitions=2)
    key = "counter"
    assert zones.put(key, 0)
    for value in range(1, 80):
        if value % 20 == 5:
            zones.refused("merge", partition=0)
        elif value % 20 == 15:
            zones.refused("split", partition=0)
        assert zones.put(
            key,
            value,
            ConditionExpression="n = :n",
            ExpressionAttributeValues={":n": {"N": str(value - 1)}},
        )
        with pytest.raises(CallerError):
            zones.put(key, -1, ConditionExpression="attribute_not_exists(pk)")
        zones.wait(0.05)
    zones.check_lines()
    assert encoded(key)
    assert json.dumps([it.new for it in zones.told]) == json.dumps(list(range(80)))


def test_impossible_merges_name_what_is_wrong() -> None:
    """A table, an index or a Region that is not there."""
    zones = filled()
    for settings in ({"index": "none"}, {"region": "mars"}, {"partition": -1}, {"disk": "lost"}):
        with pytest.raises(ConfigurationError):
            zones.fault("merge", TABLE, **settings)
