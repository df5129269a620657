"""Two neighbours merge while they are written; whoever asks, backs up, restores, indexes or deletes meanwhile cannot tell.

No claim says that DynamoDB merges partitions (decision 0014). What is tested here is that every claim about a table holds while it does.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from merges_by_hand import (
    ENDED_SECONDS,
    KEYS,
    TICK_SECONDS,
    encoded,
    filled,
    leading,
    zone_of,
)
from zones_by_hand import (
    ELECTED_SECONDS,
    HEALED_SECONDS,
    REGION,
    TABLE,
    A,
    B,
    C,
)

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.control.topology import replayed
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.copying import Copying
from ddbproof.reference_impl.replication.entries import Opened
from ddbproof.reference_impl.replication.leading import Leading
from ddbproof.reference_impl.replication.merging import Merging

_CLOSE_WHEN_NEAR = Merging.close_when_near


# -- what a merge is ----------------------------------------------------------------------------------


def test_neighbours_merge_while_they_are_written_down_to_one_partition() -> None:
    """PART-04, RC-01: every write is acknowledged, every item is in one partition, every change is told once."""
    zones, value = filled(partitions=5, record_steps=True), 1
    written, kept = KEYS[:12], dict.fromkeys(KEYS[12:], 1)
    for left in (4, 3, 2, 1):
        zones.fault("merge", TABLE, partition=left // 2)
        for _ in range(8):
            value += 1
            assert all(zones.put(key, value) for key in written)
            assert all(zones.read(key) == value for key in written)
            zones.wait(TICK_SECONDS)
        assert len(zones.groups().map) == left
        assert zones.scan() == dict.fromkeys(written, value) | kept
    assert zones.reasons == ["merged"]
    assert zones.scan() == zones.at(zones.clock.now_milliseconds())
    assert len(zones.told) == len(KEYS) + (value - 1) * len(written)
    zones.check_lines()
    zones.wait(1)
    assert zones.settled
    assert replayed(zones.endpoint.cluster)["problems"] == []


def test_what_was_merged_is_split_and_merged_again() -> None:
    """PART-05: as often as somebody likes; nothing is left of what was."""
    zones, value = filled(partitions=2), 1
    for _ in range(4):
        value += 1
        zones.merge()
        assert all(zones.put(key, value) for key in KEYS)
        zones.split()
    assert zones.scan() == dict.fromkeys(KEYS, value)
    zones.check_lines()
    groups = zones.groups()
    assert {replica.group for replica in groups.all_replicas()} == {0, *(it for _, it in groups.map)}
    assert groups.lines.open == sorted(it for _, it in groups.map)


def test_the_topology_and_the_record_show_merges() -> None:
    """The two are becoming one; it came of a merge; the fault is an event like others."""
    zones = filled(partitions=3)
    zones.fault("merge", TABLE, partition=1)
    zones.wait(TICK_SECONDS)
    assert zones.becomes == [None, "merged", "merged"]
    assert zones.reasons == ["founding"] * 3
    zones.wait(ENDED_SECONDS)
    assert (zones.becomes, zones.reasons) == ([None, None], ["founding", "merged"])
    zones.fault("split", TABLE, partition=1)
    zones.wait(TICK_SECONDS)
    assert zones.becomes == [None, "split"]
    merges = [event for event in zones.faults.events()["events"] if event["fault"] == "merge"]
    assert [event["what"] for event in merges] == [f"{TABLE}, partitions 1 and 2"]


def test_what_cannot_be_merged_now_is_refused() -> None:
    """The last one, one that is on its way already, one that has nobody who leads it; what is not there at all."""
    zones = filled()
    assert "cannot be merged with the next one now" in zones.refused("merge", partition=3)
    assert "has no partition 4" in zones.refused("merge", partition=4)
    zones.fault("split", TABLE, partition=1)
    zones.wait(TICK_SECONDS)
    assert "cannot be merged with the next one now" in zones.refused("merge", partition=0)
    assert "cannot be merged with the next one now" in zones.refused("merge", partition=1)
    zones.wait(ENDED_SECONDS)
    zones.fault("merge", TABLE, partition=0)
    zones.wait(TICK_SECONDS)
    for partition in (0, 1):
        assert "cannot be merged with the next one now" in zones.refused("merge", partition=partition)
        assert "cannot be split now" in zones.refused("split", partition=partition)
    zones.wait(ENDED_SECONDS)
    zones.fault("zone_down", A)
    zones.fault("zone_down", B)
    zones.wait(ELECTED_SECONDS)
    assert "has no leader just now" in zones.refused("merge", partition=0)


@pytest.mark.parametrize("merged_first", [True, False])
def test_a_neighbour_that_is_split_first_does_not_come(merged_first: bool) -> None:
    """PART-05: the lower one is an ordinary partition again, and what was founded for the merge is gone."""
    zones = filled(partitions=2)
    if merged_first:
        zones.fault("merge", TABLE, partition=0)
        zones.fault("split", TABLE, partition=1)
    else:
        asked = leading(zones, 0)
        border, upper = zones.groups().map[1]
        zones.fault("split", TABLE, partition=1)
        zones.wait(TICK_SECONDS)
        assert asked.merge.ask(upper, border)
    value = 1
    for _ in range(20):
        value += 1
        assert all(zones.put(key, value) for key in KEYS)
        zones.wait(TICK_SECONDS)
    groups = zones.groups()
    assert (len(groups.map), zones.becomes) == (3, [None] * 3)
    assert {replica.group for replica in groups.all_replicas()} == {0, *(it for _, it in groups.map)}
    zones.split(0)
    zones.merge(0)
    assert zones.scan() == dict.fromkeys(KEYS, value)
    zones.check_lines()


# -- who reads meanwhile ------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_a_range_is_whole_while_partitions_merge(reverse: bool) -> None:
    """RC-03: also when the map changes while a read waits for who is to answer it."""
    for seed in range(8):
        zones = filled(partitions=3, seed=seed)
        zones.fault("merge", TABLE, partition=seed % 2)
        for found in zones.ranges(reverse=reverse):
            assert len(found) == len(KEYS)
            assert found == sorted(found, reverse=reverse)


@pytest.mark.parametrize("consistent", [True, False])
def test_pages_and_segments_go_on_across_merges_and_splits(consistent: bool) -> None:
    """A LastEvaluatedKey from before leads to exactly what comes after it; segments together have everything once."""
    zones = filled(partitions=4)
    for total in (1, 3):
        found: list[str] = []
        for segment in range(total):
            start: dict[str, Any] = {"Segment": segment, "TotalSegments": total}
            while start:
                page = zones.call("Scan", TableName=TABLE, Limit=2, ConsistentRead=consistent, **start)
                found += [item["pk"]["S"] for item in page["Items"]]
                zones.fault("merge" if len(zones.groups().map) > 1 else "split", TABLE, partition=0)
                zones.wait(1)
                start = {}
                if "LastEvaluatedKey" in page:
                    start = {
                        "Segment": segment,
                        "TotalSegments": total,
                        "ExclusiveStartKey": page["LastEvaluatedKey"],
                    }
        assert sorted(found) == sorted(KEYS)


def test_a_transaction_over_both_is_done_wholly_or_not_at_all() -> None:
    """TX-01: at every moment of a merge; where nothing is broken none is refused, and none keeps the merge from ending."""
    for offset in range(10):
        zones = filled(partitions=2)
        lower, upper = zones.keys_in(0, 1) + zones.keys_in(1, 1)
        zones.fault("merge", TABLE, partition=0)
        zones.wait(0.05 * offset)
        for value in range(2, 12):
            order = (lower, upper) if value % 2 else (upper, lower)
            puts = [
                {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": str(value)}}}}
                for key in order
            ]
            zones.call("TransactWriteItems", TransactItems=puts)
            gets = [{"Get": {"TableName": TABLE, "Key": {"pk": {"S": key}}}} for key in order]
            answer = zones.call("TransactGetItems", TransactItems=gets)
            assert [it["Item"]["n"]["N"] for it in answer["Responses"]] == [str(value)] * 2
            zones.wait(0.05)
        zones.wait(ENDED_SECONDS)
        assert len(zones.groups().map) == 1
        zones.check_lines()


def test_what_a_dead_coordinator_holds_is_settled_before_its_partition_ends() -> None:
    """TX-07: the merge waits for it, and somebody finds it; it is done in neither or in both."""
    zones = filled(partitions=2)
    lower, upper = zones.keys_in(0, 1) + zones.keys_in(1, 1)
    puts = [
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": "2"}}}} for key in (upper, lower)
    ]
    held = 0
    right = TableGroups.settle

    def dies(self: TableGroups, leader: Leading, length: int) -> None:
        nonlocal held
        right(self, leader, length)
        if leader.state.pending:
            held += 1
            raise UnavailableError("the coordinator is dead")

    with patch.object(TableGroups, "settle", dies):
        assert zones.tried("TransactWriteItems", TransactItems=puts) is None
    assert held > 0
    zones.fault("merge", TABLE, partition=0)
    zones.wait(ENDED_SECONDS)
    assert len(zones.groups().map) == 1
    assert zones.read(lower) == zones.read(upper)


def lower_alone(self: Merging) -> None:
    """The upper one has not heard that it may be closed."""
    merge = self._leading.state.affairs.merge
    if merge is not None and not merge.upper:
        _CLOSE_WHEN_NEAR(self)


def test_a_merge_that_is_held_up_holds_up_nothing_else() -> None:
    """PART-05: the upper one serves, others split and merge and are found by the router."""
    zones = filled(partitions=5)
    keys = {place: zones.keys_in(place, 4) for place in range(5)}
    with patch.object(Merging, "close_when_near", lower_alone):
        zones.fault("merge", TABLE, partition=1)
        zones.wait(1)
        for key in keys[0] + keys[4]:
            zones.put(key, 2)
        zones.fault("split", TABLE, partition=0)
        zones.fault("split", TABLE, partition=4)
        zones.wait(ENDED_SECONDS)
        assert len(zones.groups().map) == 7
        assert all(zones.put(key, 3) for place in (0, 2, 3, 4) for key in keys[place])
        assert not any(zones.put(key, 3) for key in keys[1])
    zones.wait(ENDED_SECONDS)
    assert len(zones.groups().map) == 6
    assert all(zones.put(key, 4) for place in range(5) for key in keys[place])
    zones.check_lines()


@pytest.mark.parametrize("fault", ["split", "merge"])
def test_a_partition_is_let_go_of_though_one_of_its_children_is_over_before_the_other_serves(
    fault: str,
) -> None:
    """PART-05: the other one had nobody to lead it for a while; nothing is left of it, and the table comes to rest."""
    zones = filled(partitions=2)
    children: list[int] = []
    right = Copying._opened

    def waits(self: Copying, affairs: Affairs) -> Opened | None:
        return None if self._leading.replica.group == children[1] else right(self, affairs)

    founded = TableGroups.new_group

    def new_group(self: TableGroups) -> int:
        children.append(founded(self))
        return children[-1]

    with patch.object(TableGroups, "new_group", new_group), patch.object(Copying, "_opened", waits):
        zones.fault("split", TABLE, partition=1)
        zones.wait(ENDED_SECONDS)
        assert [group for _, group in zones.groups().map][1:] == children
        zones.fault(fault, TABLE, partition=1 if fault == "split" else 0)
        zones.wait(ENDED_SECONDS)
        assert children[0] not in {replica.group for replica in zones.groups().all_replicas()}
    zones.wait(ENDED_SECONDS)
    groups = zones.groups()
    assert {replica.group for replica in groups.all_replicas()} == {0, *(it for _, it in groups.map)}
    assert zones.settled
    assert all(zones.put(key, 2) for key in KEYS)
    zones.check_lines()


def test_what_the_upper_one_holds_when_the_lower_one_has_closed_is_settled() -> None:
    """TX-07: it had not heard of that when it let the transaction in; whoever finishes that has to find it."""
    zones = filled(partitions=2)
    keys = zones.keys_in(1, 2)
    puts = [{"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": "2"}}}} for key in keys]

    def dies(self: PartitionedTable, *arguments: Any, **more: Any) -> None:
        raise UnavailableError("the coordinator is dead")

    with (
        patch.object(Merging, "close_when_near", lower_alone),
        patch.object(Merging, "takes_no_transactions", False),
        patch.object(PartitionedTable, "settle", dies),
    ):
        lower, upper = leading(zones, 0), leading(zones, 1)
        zones.fault("merge", TABLE, partition=0)
        zones.wait(4 * TICK_SECONDS)
        assert lower.state.affairs.parent is not None
        assert lower.state.affairs.parent.closed
        assert all(zones.put(key, 1) for key in keys), "it serves what it has until it is closed"
        assert zones.tried("TransactWriteItems", TransactItems=puts) is None
        assert len(upper.state.pending) == 2
    zones.wait(ENDED_SECONDS)
    assert len(zones.groups().map) == 1
    assert {key: zones.read(key) for key in keys} == dict.fromkeys(keys, 2)


def test_items_are_told_of_a_decision_though_one_of_them_cannot_be() -> None:
    """TX-07: or two partitions that merge could wait for each other, one that is closed and one that holds an item."""
    zones = filled(partitions=2)
    lower, upper = zones.keys_in(0, 1) + zones.keys_in(1, 1)
    right = PartitionedTable.settle

    def away(self: PartitionedTable, key: bytes, transaction: int, *, committed: bool) -> None:
        if key == encoded(upper):
            raise UnavailableError("its partition is closed")
        right(self, key, transaction, committed=committed)

    puts = [
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": "2"}}}} for key in (upper, lower)
    ]
    with patch.object(PartitionedTable, "settle", away):
        assert zones.tried("TransactWriteItems", TransactItems=puts) is None
        assert zones.put(lower, 3)
        assert not zones.put(upper, 3)
    assert zones.put(upper, 4)
    assert [it.new for it in zones.told if it.key == upper] == [1, 2, 4]


# -- while things are broken --------------------------------------------------------------------------


@pytest.mark.parametrize("ticks", range(6))
@pytest.mark.parametrize("whose", [0, 1])
def test_a_merge_outlives_the_zones_that_led_it(whose: int, ticks: int) -> None:
    """REP-06, RC-01: at any tick of it; whoever leads next goes on with it, and what was acknowledged is there."""
    zones = filled(partitions=2, record_steps=True)
    zone = zone_of(zones, whose)
    zones.fault("merge", TABLE, partition=0)
    zones.wait(ticks * TICK_SECONDS)
    zones.fault("zone_down", zone)
    value, acknowledged = 1, dict.fromkeys(KEYS, 1)
    for _ in range(40):
        value += 1
        acknowledged |= {key: value for key in KEYS if zones.put(key, value)}
        zones.wait(TICK_SECONDS)
    zones.wait(HEALED_SECONDS)
    assert all(zones.put(key, 1_000) for key in KEYS)
    zones.mend()
    assert zones.settled
    assert (zones.becomes, zones.scan()) == ([None] * len(zones.groups().map), dict.fromkeys(KEYS, 1_000))
    zones.check_lines()
    told = {it.new for it in zones.told}
    assert set(acknowledged.values()) <= told
    assert replayed(zones.endpoint.cluster)["problems"] == []


@pytest.mark.parametrize("ticks", range(1, 6))
def test_a_merge_is_seen_to_its_end_though_all_who_knew_of_it_were_away(ticks: int) -> None:
    """All three zones were down at once."""
    zones = filled(partitions=2)
    zones.fault("merge", TABLE, partition=0)
    zones.wait(ticks * TICK_SECONDS)
    for zone in (A, B, C):
        zones.fault("zone_down", zone)
    zones.wait(2)
    zones.mend()
    assert zones.settled
    assert len(zones.groups().map) == 1
    assert all(zones.put(key, 2) for key in KEYS)
    assert zones.scan() == dict.fromkeys(KEYS, 2)
    zones.check_lines()


@pytest.mark.parametrize("ticks", range(1, 6))
def test_a_node_whose_disk_is_lost_in_the_middle_of_a_merge_is_replaced(ticks: int) -> None:
    """REP-11: by another node of its zone, for both of the two and for what they become."""
    zones = filled(partitions=2)
    group = zones.groups().map[ticks % 2][1]
    node = zones.groups().fleet.nodes[zones.groups().replicas(group)[ticks % 3].environment.node].name
    zones.fault("merge", TABLE, partition=0)
    zones.wait(ticks * TICK_SECONDS)
    zones.fault("crash", node, disk="lost")
    zones.wait(HEALED_SECONDS)
    assert all(zones.put(key, 2) for key in KEYS)
    zones.mend()
    assert zones.settled
    assert zones.scan() == dict.fromkeys(KEYS, 2)
    assert len(zones.groups().map) == 1
    zones.check_lines()


def test_leaders_that_step_down_and_messages_that_are_lost_hold_up_a_merge_and_no_more() -> None:
    """RC-01: those of the two, and of what they become."""
    for seed in range(6):
        zones = filled(partitions=3, seed=seed)
        zones.fault("messages", REGION, lost=0.2, doubled=0.2, delay_milliseconds=[0, 200])
        value, acknowledged = 1, dict.fromkeys(KEYS, 1)
        zones.refused("merge", partition=seed % 2)
        for step in range(60):
            value += 1
            key = KEYS[step % len(KEYS)]
            if zones.put(key, value):
                acknowledged[key] = value
            if step % 7 == seed:
                zones.refused("step_down", partition=step % len(zones.groups().map))
            zones.wait(TICK_SECONDS)
        zones.mend()
        assert zones.settled
        assert zones.becomes == [None] * len(zones.groups().map)
        assert zones.scan() == zones.at(zones.clock.now_milliseconds())
        assert set(acknowledged.values()) <= {it.new for it in zones.told}
        zones.check_lines()
