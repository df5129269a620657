"""Zones, nodes, disks and messages fail under the endpoint; what was acknowledged is there, and nothing else is answered."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from zones_by_hand import (
    ELECTED_SECONDS,
    HEALED_SECONDS,
    OTHER,
    REGION,
    START_MILLISECONDS,
    TABLE,
    A,
    B,
    C,
    Zones,
)

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.control.topology import replayed
from ddbproof.reference_impl.errors import ServiceError, UnavailableError
from ddbproof.reference_impl.replication.map_change import MapChange

KEYS = [f"k{number}" for number in range(24)]


@pytest.fixture
def zones() -> Zones:
    return filled()


def filled() -> Zones:
    """Eight partitions, an item for every key, and all replicas know of all."""
    made = Zones(partitions=8)
    assert all(made.put(key, 1) for key in KEYS)
    made.wait(1)
    return made


def test_leaders_are_spread_over_the_zones() -> None:
    """REP-01: a zone that fails does not take all leaders with it."""
    assert set(Zones(partitions=16).leaders().values()) == {A, B, C}


@pytest.mark.parametrize("zone", [A, B, C])
def test_one_zone_down_is_noticed_only_where_it_led_and_only_until_another_leads(zone: str) -> None:
    """REP-07, REP-08: everybody else goes on; after a lease and an election these do as well."""
    zones = Zones(partitions=8)
    led = zones.led_from(zone, KEYS)
    assert 0 < len(led) < len(KEYS)
    zones.fault("zone_down", zone)
    assert {key for key in KEYS if not zones.put(key, 2)} == led
    assert {key for key in KEYS if zones.read(key) is False} == led
    assert not any(zones.read(key, consistent=False) is False for key in KEYS)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.put(key, 3) for key in KEYS)
    assert all(zones.read(key) == 3 for key in KEYS)


def test_two_zones_down_refuse_writes_and_strong_reads_and_lose_nothing(zones: Zones) -> None:
    """REP-09: no acknowledgement by one replica; eventually consistent reads go on."""
    zones.fault("zone_down", A)
    zones.fault("zone_down", B)
    zones.wait(ELECTED_SECONDS)
    assert not any(zones.put(key, 2) for key in KEYS)
    assert all(zones.read(key) is False for key in KEYS)
    assert all(zones.read(key, consistent=False) == 1 for key in KEYS)
    zones.fault("zone_up", A)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.read(key) in (1, 2) for key in KEYS)
    assert all(zones.put(key, 3) for key in KEYS)


def test_a_zone_that_comes_back_learns_what_it_missed(zones: Zones) -> None:
    """REP-03: the next zone may fail at once."""
    zones.fault("zone_down", A)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.put(key, 2) for key in KEYS)
    zones.fault("zone_up", A)
    zones.wait(ELECTED_SECONDS)
    zones.fault("zone_down", B)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.read(key) == 2 for key in KEYS)


def test_an_isolated_leader_answers_nothing_once_another_may_lead(zones: Zones) -> None:
    """REP-06: it cannot know of later writes; when it is reached again it knows them."""
    led = zones.led_from(A, KEYS)
    zones.fault("isolate_zone", A)
    assert all((zones.read(key) is False) == (key in led) for key in KEYS)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.put(key, 2) for key in KEYS)
    zones.fault("heal_zone", A)
    assert all(zones.read(key) == 2 for key in KEYS)


def test_a_leader_that_is_heard_but_hears_nobody_gives_way(zones: Zones) -> None:
    """REP-13: links that work one way only."""
    for zone in (B, C):
        zones.fault("cut_link", zone, to=A)
    zones.wait(2 * ELECTED_SECONDS)
    assert all(zones.put(key, 2) for key in KEYS)
    assert A not in zones.leaders().values()


def test_a_node_that_lost_its_disks_is_replaced_and_healed(zones: Zones) -> None:
    """REP-11, REP-12: two more nodes may then lose theirs, one after the other."""
    for zone in (A, B, C):
        for number in (1, 2):
            zones.fault("crash", f"{zone}-{number}", disk="lost")
            zones.wait(HEALED_SECONDS)
            zones.fault("start", f"{zone}-{number}")
            zones.wait(HEALED_SECONDS)
    assert all(zones.read(key) == 1 for key in KEYS)
    assert all(zones.put(key, 2) for key in KEYS)


def test_a_torn_write_was_never_acknowledged(zones: Zones) -> None:
    """REP-03: two disks are slow, so nothing is acknowledged by them before it is on one of them."""
    for zone in (B, C):
        for number in (1, 2):
            zones.fault("slow_disk", f"{zone}-{number}", milliseconds=400)
    acknowledged = {key: 2 if zones.put(key, 2) else 1 for key in KEYS}
    assert 2 in acknowledged.values()
    for zone in (B, C):
        for number in (1, 2):
            zones.fault("crash", f"{zone}-{number}", disk="torn")
    zones.mend()
    assert all(zones.read(key) in (acknowledged[key], 2) for key in KEYS)


def test_full_disks_hold_writes_up_only_when_two_zones_have_them(zones: Zones) -> None:
    """REP-03: one disk in three is not needed; two are waited for, and go on where they stopped."""
    for number in (1, 2):
        zones.fault("fill_disk", f"{A}-{number}")
    zones.wait(ELECTED_SECONDS)
    led = zones.led_from(A, KEYS)
    assert all(zones.put(key, 2) for key in KEYS if key not in led)
    for number in (1, 2):
        zones.fault("fill_disk", f"{B}-{number}")
    assert not any(zones.put(key, 3) for key in KEYS)
    zones.mend()
    assert all(zones.read(key) in (1, 2, 3) for key in KEYS)
    assert all(zones.put(key, 4) for key in KEYS)


def test_lost_doubled_and_late_messages_cost_time_and_nothing_else(zones: Zones) -> None:
    """REP-03: what is acknowledged is read, and the stream has each change once, in order."""
    zones.fault("messages", REGION, lost=0.2, doubled=0.2, delay_milliseconds=[0, 30])
    written = {key: [1] for key in KEYS}
    for value in range(2, 6):
        for key in KEYS:
            if zones.put(key, value):
                written[key] = [value]
            else:
                written[key].append(value)
        zones.wait(1)
    assert sum(len(values) == 1 for values in written.values()) > len(KEYS) // 2
    zones.mend()
    now = {key: zones.read(key) for key in KEYS}
    assert all(now[key] in written[key] for key in KEYS)
    assert follows(zones) == now


def follows(zones: Zones) -> dict[str, int]:
    """What the stream amounts to; each change has to begin where the one before it ended."""
    state: dict[str, int] = {}
    for _, key, old, new in zones.changes():
        assert state.get(key) == old
        if new is None:
            del state[key]
        else:
            state[key] = new
    return state


def test_requests_that_waited_in_vain_do_not_hold_up_the_next_election(zones: Zones) -> None:
    """REP-08: a leader is followed by another within seconds, however many have asked for the one before."""
    zones.fault("messages", REGION, lost=0.8)
    refused = 0
    for value in range(60):
        zones.clock.advance(0.1)
        refused += not zones.put(KEYS[value % len(KEYS)], value)
    assert refused > 30
    zones.fault("mend", REGION)
    zones.fault("zone_down", A)
    zones.wait(2 * ELECTED_SECONDS)
    assert all(zones.put(key, 100) for key in KEYS)


def test_a_partition_splits_while_it_is_written() -> None:
    """PART-05: every write is acknowledged, and every item is in one partition afterwards."""
    zones, value = Zones(partitions=1), 1
    assert all(zones.put(key, value) for key in KEYS)
    for _ in range(3):
        before = len(zones.groups().map)
        zones.fault("split", TABLE, partition=0)
        for _ in range(20):
            value += 1
            assert all(zones.put(key, value) for key in KEYS)
            zones.wait(0.1)
        assert len(zones.groups().map) == before + 1
    assert zones.scan() == follows(zones) == dict.fromkeys(KEYS, value)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_range_is_whole_while_its_partition_splits(reverse: bool) -> None:
    """RC-03: also when the map changes while a read waits for who is to answer it."""
    for seed in range(8):
        zones = Zones(partitions=1, seed=seed)
        assert all(zones.put(key, 1) for key in KEYS)
        zones.fault("split", TABLE)
        for found in zones.ranges(reverse=reverse):
            assert len(found) == len(KEYS)
            assert found == sorted(found, reverse=reverse)


def test_a_partition_that_grows_too_large_is_split() -> None:
    """PART-05, PART-06: over and over, while it is written; nobody is refused meanwhile."""
    zones = Zones(partitions=1, partition_bytes=1_000)
    keys = [f"item-{number:04}" for number in range(400)]
    for number, key in enumerate(keys):
        assert zones.put(key, number)
        if number % 10 == 0:
            zones.wait(0.2)
    zones.wait(10)
    groups = zones.groups()
    assert len(groups.map) >= 5
    assert all(groups.leader(group).state.fold.size_bytes <= 1_000 for _, group in groups.map)
    assert zones.scan() == follows(zones) == {key: number for number, key in enumerate(keys)}
    assert len({low for low, _ in groups.map}) == len(groups.map)


def test_no_partition_is_split_before_the_map_has_it() -> None:
    """PART-05: or the map would hear of what became of a partition that it does not know, and forget it."""
    for seed in range(6):
        zones = Zones(partitions=1, seed=seed)
        assert all(zones.put(f"item-{number:03}", 1) for number in range(300))
        zones.groups().reshaping._most_bytes = 500
        # Whoever is closed cannot reach the map for a while.
        with patch.object(MapChange, "tell", lambda *_: None):
            zones.wait(5)
            assert len(zones.groups().map) == 1
        zones.wait(30)
        assert all(zones.put(f"item-{number:03}", 2) for number in range(300))
        assert len(zones.groups().map) > 4
        assert zones.settled


def test_one_item_is_never_split() -> None:
    """PART-06: however large it is."""
    zones = Zones(partitions=1, partition_bytes=1_000)
    zones.call("PutItem", TableName=TABLE, Item={"pk": {"S": "k"}, "n": {"N": "1"}, "v": {"S": "x" * 5_000}})
    zones.wait(5)
    assert len(zones.groups().map) == 1


def test_a_split_outlives_the_zone_that_led_it() -> None:
    """PART-05: whoever leads next goes on with it."""
    zones = Zones(partitions=1)
    assert all(zones.put(key, 1) for key in KEYS)
    (zone,) = zones.leaders().values()
    zones.fault("split", TABLE)
    zones.fault("zone_down", zone)
    zones.wait(HEALED_SECONDS)
    assert all(zones.put(key, 2) for key in KEYS)
    zones.mend()
    assert zones.scan() == follows(zones) == dict.fromkeys(KEYS, 2)


def test_a_partition_with_one_item_cannot_be_split() -> None:
    """A clear refusal."""
    zones = Zones(partitions=1)
    assert zones.put("k", 1)
    with pytest.raises(Exception, match="cannot be split now"):
        zones.fault("split", TABLE)


def test_a_leader_that_steps_down_is_followed_by_another(zones: Zones) -> None:
    """REP-06: nobody waits for the lease."""
    zones.fault("step_down", TABLE, partition=0)
    zones.wait(1)
    assert all(zones.put(key, 2) for key in KEYS)


def test_a_leader_that_crashed_and_started_again_leads_no_more(zones: Zones) -> None:
    """REP-06: what it had in memory is gone, its office with it, however quickly it is back."""
    for zone in (A, B, C):
        for number in (1, 2):
            zones.fault("crash", f"{zone}-{number}")
            zones.fault("start", f"{zone}-{number}")
    assert not any(zones.put(key, 2) for key in KEYS)
    zones.wait(ELECTED_SECONDS)
    assert all(zones.read(key) == 1 for key in KEYS)


def test_a_transaction_does_all_or_nothing_when_a_partition_cannot_commit(zones: Zones) -> None:
    """TX-01: it is refused before it begins."""
    zones.fault("zone_down", A)
    puts = [{"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": "2"}}}} for key in KEYS]
    assert zones.tried("TransactWriteItems", TransactItems=puts) is None
    zones.wait(ELECTED_SECONDS)
    assert all(zones.read(key) == 1 for key in KEYS)
    assert zones.tried("TransactWriteItems", TransactItems=puts) is not None
    assert all(zones.read(key) == 2 for key in KEYS)


def test_a_batch_hands_back_what_it_could_not_do(zones: Zones) -> None:
    """The caller may send it again; what is not handed back is done."""
    led = zones.led_from(A, KEYS)
    zones.fault("zone_down", A)
    puts = [{"PutRequest": {"Item": {"pk": {"S": key}, "n": {"N": "2"}}}} for key in KEYS]
    answer = zones.call("BatchWriteItem", RequestItems={TABLE: puts})
    back = {it["PutRequest"]["Item"]["pk"]["S"] for it in answer["UnprocessedItems"][TABLE]}
    assert back == led
    wanted = {TABLE: {"Keys": [{"pk": {"S": key}} for key in KEYS], "ConsistentRead": True}}
    read = zones.call("BatchGetItem", RequestItems=wanted)
    assert {key["pk"]["S"] for key in read["UnprocessedKeys"][TABLE]["Keys"]} == led
    assert {it["pk"]["S"]: it["n"]["N"] for it in read["Responses"][TABLE]} == {
        key: "2" for key in KEYS if key not in led
    }


def test_tables_and_backups_can_be_made_with_one_zone_down_and_not_with_two(zones: Zones) -> None:
    """REP-07: metadata has three replicas as well; what is refused has not happened, and names stay free."""
    table = {"TableName": TABLE}
    zones.fault("zone_down", C)
    zones.wait(ELECTED_SECONDS)
    zones.create("one-down")
    zones.call("CreateBackup", **table, BackupName="one-down")
    zones.fault("zone_down", A)
    with pytest.raises(ServiceError, match="Internal server error") as refused:
        zones.create("two-down")
    assert (refused.value.code, refused.value.status) == ("InternalServerError", 500)
    zones.wait(ELECTED_SECONDS)
    assert zones.tried("CreateBackup", **table, BackupName="two-down") is None
    assert zones.tried("DeleteTable", TableName="one-down") is None
    assert zones.call("DescribeTable", TableName="one-down")["Table"]["TableStatus"] == "ACTIVE"
    zones.mend()
    zones.create("two-down")
    assert len(zones.call("ListBackups", **table)["BackupSummaries"]) == 1
    zones.call("DeleteTable", TableName="one-down")
    assert zones.call("ListTables")["TableNames"] == ["two-down", TABLE]


def test_a_table_that_could_not_be_made_leaves_nothing_behind(zones: Zones) -> None:
    """Where nothing can be acknowledged: nobody looks after groups that never led."""
    fleet = zones.groups().fleet
    for zone in (A, B):
        for number in (1, 2):
            zones.fault("fill_disk", f"{zone}-{number}")
    before = set(fleet.restless)
    with pytest.raises(UnavailableError):
        TableGroups(fleet, lambda *_: None, "never made", START_MILLISECONDS, 4)
    zones.fault("jump_clock", f"{C}-1", milliseconds=1)  # all that is hosted is roused by a fault
    assert set(fleet.restless) == before


def test_a_table_that_is_being_deleted_goes_when_its_zones_are_back() -> None:
    """CTL-01: what is due while nothing can be decided is done later, and only once."""
    zones = Zones(create_delay_seconds=5)
    zones.wait(10)
    zones.call("DeleteTable", TableName=TABLE)
    for zone in (A, B):
        zones.fault("zone_down", zone)
    zones.clock.advance(30)
    assert zones.call("DescribeTable", TableName=TABLE)["Table"]["TableStatus"] == "DELETING"
    zones.fault("mend", REGION)
    for _ in range(20):
        zones.clock.advance(1)
        zones.endpoint.cluster.catch_up()
    assert zones.call("ListTables")["TableNames"] == []


def test_backups_and_restores_read_the_archive_whatever_is_down(zones: Zones) -> None:
    """PI-24: and hold what was acknowledged, also by partitions that were split."""
    zones.fault("split", TABLE, partition=0)
    zones.wait(5)
    assert all(zones.put(key, 2) for key in KEYS)
    arn = zones.call("CreateBackup", TableName=TABLE, BackupName="backup")["BackupDetails"]["BackupArn"]
    assert all(zones.put(key, 3) for key in KEYS)
    zones.fault("zone_down", A)
    zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="restored")
    assert zones.scan("restored") == dict.fromkeys(KEYS, 2)


def test_a_restore_gives_the_right_second_though_a_node_has_the_wrong_time(zones: Zones) -> None:
    """PI-11: commit timestamps are not the leader's alone."""
    zones.call(
        "UpdateContinuousBackups",
        TableName=TABLE,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    for node in (f"{zone}-{number}" for zone in (A, B) for number in (1, 2)):
        zones.fault("jump_clock", node, milliseconds=-3_600_000)
    for value in range(2, 6):
        zones.wait(10)
        assert all(zones.put(key, value) for key in KEYS)
    zones.wait(600)
    for value in range(2, 6):
        name = f"restored-{value}"
        zones.call(
            "RestoreTableToPointInTime",
            SourceTableName=TABLE,
            TargetTableName=name,
            RestoreDateTime=START_MILLISECONDS / 1000 + 10 * (value - 1) + 5,
        )
        assert zones.scan(name) == dict.fromkeys(KEYS, value)


def test_changes_of_other_regions_wait_for_zones_and_arrive(zones: Zones) -> None:
    """ME-10: a Region without a quorum takes nothing and misses nothing."""
    zones.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
    zones.wait(5)
    for zone in ("a", "b"):
        zones.fault("zone_down", OTHER + zone)
    assert all(zones.put(key, 2) for key in KEYS)
    for _ in range(20):  # while leaders there have a lease, they append what they cannot have acknowledged
        zones.wait(0.25)
    assert all(zones.read(key, consistent=False, region=OTHER) == 1 for key in KEYS)
    zones.fault("mend", OTHER)
    zones.wait(10)
    assert all(zones.read(key, region=OTHER) == 2 for key in KEYS)


def test_time_that_nobody_looked_at_costs_little_and_changes_nothing(zones: Zones) -> None:
    """35 days at once."""
    epochs = zones.leaders()
    zones.clock.advance(35 * 86_400)
    assert all(zones.read(key) == 1 for key in KEYS)
    assert zones.leaders() == epochs


def test_an_unanswered_write_may_be_done_later_and_is_done_once() -> None:
    """RC-01: an error says nothing; the stream tells at most one change."""
    zones = Zones(partitions=1)
    assert zones.put("k", 1)
    (zone,) = zones.leaders().values()
    others = [it for it in (A, B, C) if it != zone]
    for other in others:
        zones.fault("zone_down", other)
    assert not zones.put("k", 2)
    assert zones.read("k") is False
    zones.mend()
    assert zones.read("k") == 2
    assert [change[2:] for change in zones.changes()] == [(None, 1), (1, 2)]


def test_lawful_lag_shows_old_values_to_eventual_reads_alone() -> None:
    """RC-03, RC-02: and not for long."""
    zones = Zones(lag="legal")
    stale = 0
    for value in range(1, 60):
        for key in KEYS[:6]:
            assert zones.put(key, value)
            assert zones.read(key) == value
            seen = zones.read(key, consistent=False)
            stale += seen != value
        zones.wait(0.05)
    assert stale > 20
    zones.wait(5)
    assert all(zones.read(key, consistent=False) == 59 for key in KEYS[:6])


def test_recorded_steps_are_those_of_the_proved_system() -> None:
    """What the endpoint did under faults, taken again by the system `replication`."""
    zones = Zones(record_steps=True)
    for value, (fault, where) in enumerate(
        [("zone_down", A), ("zone_up", A), ("zone_down", B), ("mend", REGION)]
    ):
        for key in KEYS:
            zones.put(key, value)
        zones.fault(fault, where)
        zones.wait(ELECTED_SECONDS)
    found = replayed(zones.endpoint.cluster)
    assert found["problems"] == []
    assert found["steps"] > 500
