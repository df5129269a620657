"""What becomes of global indexes when zones and nodes fail, and with lawful lag: nothing is lost, no write waits for them."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from indexes_by_hand import COLOURS, LOCAL, OWNERS, Indexed
from zones_by_hand import ELECTED_SECONDS, HEALED_SECONDS, REGION, TABLE, A, B, C

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.cluster.global_index import GlobalIndex, Step
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.index_entries import IndexEntry
from ddbproof.reference_impl.control.topology import replayed, topology

OWNED = {"#o": "owner"}


def quorum_lost_in_the_index_only(**options: Any) -> tuple[Indexed, list[str]]:
    """A table, and two nodes without which an index has no quorum though the table, in all partitions, has."""
    for seed in range(200):
        table = Indexed(partitions=1, seed=seed, **options)
        ours, theirs = nodes_of(table.groups()), nodes_of(table.index_groups(OWNERS))
        apart = [node for node in theirs if node not in ours]
        if len(apart) >= 2:
            names = table.groups().fleet.nodes
            return table, [names[node].name for node in apart[:2]]
    raise AssertionError("no such seed")


def nodes_of(groups: TableGroups) -> set[int]:
    return {replica.environment.node for _, group in groups.map for replica in groups.replicas(group)}


def test_an_index_has_partitions_of_its_own_in_three_zones() -> None:
    """PART-15: separately partitioned; REP-01 holds for it as for tables."""
    table = Indexed(partitions=4)
    for number in range(20):
        table.put_item("same", str(number), f"owner {number}", number)
    shown = topology(table.endpoint.cluster)[REGION]
    assert set(shown) == {TABLE, f"{TABLE}/{OWNERS}", f"{TABLE}/{COLOURS}"}
    for partition in shown[f"{TABLE}/{OWNERS}"]:
        zones = {replica["node"].rpartition("-")[0] for replica in partition["replicas"]}
        assert len(zones) == 3
    filled = [
        sum(replica["entries"] > 2 for replica in one["replicas"]) for one in shown[f"{TABLE}/{OWNERS}"]
    ]
    assert sum(map(bool, filled)) > 1, "one collection of the table is in several partitions of its index"


def test_what_an_index_cannot_take_is_not_tried_every_half_second_of_a_day_that_passes_at_once() -> None:
    """PART-15: else nobody is answered for as long as that takes. It is tried after the day, and arrives once it can."""
    table, nodes = quorum_lost_in_the_index_only()
    table.put_item("a", "1", "ann", 1)
    table.wait(1)
    for node in nodes:
        table.fault("crash", node)
    assert table.put_item("a", "1", "bob", 2)
    tried, right = 0, GlobalIndex.go_on

    def counted(self: GlobalIndex) -> None:
        nonlocal tried
        tried += 1
        right(self)

    with patch.object(GlobalIndex, "go_on", counted):
        table.clock.advance(3_600)
        table.endpoint.cluster.catch_up()
        assert 0 < tried < 10
        table.wait(5)
        assert tried > 5
    table.mend()
    found = table.query_index(OWNERS, "#o", "bob", ExpressionAttributeNames=OWNED)
    assert [item["n"] for item in found] == ["2"]
    table.check_indexes()


def test_a_write_is_acknowledged_while_its_index_cannot_take_it_and_arrives_later() -> None:
    """PART-15: fed asynchronously. Several changes of one item wait in their order; none is lost."""
    table, nodes = quorum_lost_in_the_index_only()
    table.put_item("a", "1", "ann", 1)
    table.wait(1)  # all replicas know of it
    for node in nodes:
        table.fault("crash", node)
    table.wait(ELECTED_SECONDS)
    for number, owner in enumerate(["bob", "ann", None, "bob"], 2):
        assert table.put_item("a", "1", owner, number)
        assert table.put_item("b", str(number), owner, number)
    assert table.delete_item("b", "2")
    assert table.index_of(OWNERS).waiting_count > 0
    found = table.query_index(OWNERS, "#o", "ann", ExpressionAttributeNames=OWNED)
    assert found == [{"pk": "a", "sk": "1", "owner": "ann", "n": "1"}], "it shows what it had"
    table.mend()
    assert table.index_of(OWNERS).waiting_count == 0
    table.check_indexes()


def test_what_a_leader_alone_has_is_in_no_index_and_when_it_is_lost_it_never_is() -> None:
    """RC-02 holds for indexes as well: what was never committed is never shown."""
    table = Indexed(partitions=1)
    table.put_item("a", "1", "ann", 1)
    table.wait(1)
    [home] = table.leaders().values()
    for zone in {A, B, C} - {home}:
        table.fault("cut_link", home, to=zone)
        table.fault("cut_link", zone, to=home)
    assert not table.put_item("a", "1", "bob", 2)
    assert not table.put_item("a", "2", "bob", 3)
    shown = [table.scan_index(OWNERS)]
    table.wait(ELECTED_SECONDS)
    shown.append(table.scan_index(OWNERS))
    table.mend()
    shown.append(table.scan_index(OWNERS))
    assert [[it["n"] for it in found] for found in shown] == [["1"]] * 3
    table.check_indexes()


def test_an_index_that_was_added_is_active_only_when_it_could_be_filled() -> None:
    """The table is writable all the while."""
    table, nodes = quorum_lost_in_the_index_only()
    table.put_item("a", "1", "ann", 1)
    deleted = {"Delete": {"IndexName": OWNERS}}
    definition = table.describe(OWNERS)
    assert definition is not None
    table.call("UpdateTable", TableName=TABLE, GlobalSecondaryIndexUpdates=[deleted])
    table.wait(1)
    created = {name: definition[name] for name in ("IndexName", "KeySchema", "Projection")}
    definitions = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in (("owner", "S"), ("n", "N"))
    ]
    table.call(
        "UpdateTable",
        TableName=TABLE,
        AttributeDefinitions=definitions,
        GlobalSecondaryIndexUpdates=[{"Create": created}],
    )
    # The answer is given, the backfill is due with the next request; it has the seed and so the nodes of the first.
    for node in nodes:
        table.faults._cluster.regions[REGION].fleet._crash(
            next(it for it in table.groups().fleet.nodes if it.name == node), "kept"
        )
    table.clock.advance(1)
    described = table.describe(OWNERS)
    assert described is not None
    assert described["IndexStatus"] == "CREATING"
    assert table.put_item("a", "2", "ann", 2)
    table.mend()
    described = table.describe(OWNERS)
    assert described is not None
    assert described["IndexStatus"] == "ACTIVE"
    table.check_indexes()


def test_two_zones_down_stop_table_and_index_and_both_go_on() -> None:
    """REP-09: reads of the index are eventually consistent and go on."""
    table = Indexed(partitions=2)
    table.put_item("a", "1", "ann", 1)
    table.fault("zone_down", A)
    table.fault("zone_down", B)
    table.wait(ELECTED_SECONDS)
    assert not table.put_item("a", "1", "ann", 2)
    assert [it["n"] for it in table.scan_index(OWNERS)] == ["1"]
    table.mend()
    assert table.put_item("a", "1", "bob", 3)
    table.check_indexes()


def test_a_frozen_clock_does_not_keep_a_healed_index_behind() -> None:
    """Without lag a read of the index first lets it go on, so that a test need not know how long it waits."""
    table, nodes = quorum_lost_in_the_index_only()
    for node in nodes:
        table.fault("crash", node)
    table.wait(ELECTED_SECONDS)
    table.put_item("a", "1", "ann", 1)
    table.fault("mend", REGION)
    table.clock.advance(ELECTED_SECONDS)
    assert [it["n"] for it in table.scan_index(OWNERS)] == ["1"]


@given(
    writes=st.lists(
        st.tuples(st.sampled_from("12"), st.sampled_from(["ann", "bob", None, "deleted"])),
        min_size=1,
        max_size=8,
    ),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_changes_come_to_the_same_in_whatever_order_and_however_often_they_are_told(
    writes: list[tuple[str, str | None]], chance: random.Random
) -> None:
    """PART-15: each deletes the entry before it and puts its own, and of two versions the newer stays."""
    table = Indexed(partitions=1)
    told: list[Step] = []
    right = table.index_of(OWNERS)

    def keep(key: bytes, version: Version, gone: bytes | None, entry: IndexEntry | None) -> None:
        told.append(Step(0, version, gone, entry, backfill=False))

    with patch.object(right, "_tell", keep):
        for number, (sk, owner) in enumerate(writes):
            if owner == "deleted":
                table.delete_item("a", sk)
            else:
                table.put_item("a", sk, owner, number % 3)
    told += chance.choices(told, k=3) if told else []
    chance.shuffle(told)
    for step in told:
        right._do(step)
    table.check_indexes()


def test_an_index_is_split_while_it_is_fed() -> None:
    """Its partitions are split on request, and when their entries outgrow them, whatever becomes of the table's."""
    table = Indexed(partitions=1, partition_bytes=1_500, record_steps=True)
    for number in range(60):
        table.put_item("same", str(number), f"owner {number % 7}", number, colour="x" * 50)
        table.wait(0.2)
    table.wait(HEALED_SECONDS)
    assert len(table.index_groups(OWNERS).map) > 2
    assert len(table.groups().map) == 1, "one collection with a local index stays whole (PART-11)"
    table.fault("split", TABLE, index=OWNERS, partition=1)
    table.wait(2)
    table.check_indexes()
    assert replayed(table.endpoint.cluster)["problems"] == []


def test_a_lagging_index_shows_older_versions_only_and_in_the_end_the_last() -> None:
    """Lag is counted as what it is; an entry may be missing or old, but never made up."""
    table = Indexed(partitions=2, lag="legal")
    written: set[tuple[str, str]] = set()
    behind = 0
    for number in range(1, 60):
        owner = f"owner {number % 3}"
        written.add((owner, str(number)))
        table.put_item("a", "1", owner, number)
        found = table.scan_index(OWNERS)
        assert {(it["owner"], it["n"]) for it in found} <= written
        behind += found != table.scan_table()
        table.clock.advance(0.05)
    assert behind > 10
    assert table.endpoint.cluster.lag.seen["index"] >= behind
    table.wait(3)
    table.check_indexes()


def test_a_local_index_is_never_behind_its_table() -> None:
    """RC-05: a strongly consistent read of it shows the write before it, also with lawful lag."""
    table = Indexed(partitions=2, lag="legal")
    for number in range(30):
        table.put_item("a", str(number % 4), "ann", number)
        found = table.query_index(LOCAL, "pk", "a", ConsistentRead=True)
        assert found[-1]["n"] == str(number)
