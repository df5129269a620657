"""Indexes while partitions merge: those of a global index merge like a table's, and a local one follows its table's."""

from __future__ import annotations

import random
from typing import Any

import pytest
from indexes_by_hand import LOCAL, OWNERS, Indexed, attribute, index
from merges_by_hand import ENDED_SECONDS
from zones_by_hand import ELECTED_SECONDS, REGION, TABLE, A, B, C

from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.values.keys import HASH_BYTES

OWNER_NAMES = [f"owner {number}" for number in range(6)]


def filled(**options: Any) -> Indexed:
    table = Indexed(**options)
    table.clock.advance(options.get("create_delay_seconds", 0))
    for number in range(40):
        assert table.put_item(f"p{number % 8}", str(number), OWNER_NAMES[number % 6], number, colour="red")
    table.wait(1)
    return table


def merge(table: Indexed, name: str | None = None, partition: int = 0) -> None:
    table.fault("merge", TABLE, partition=partition, **({} if name is None else {"index": name}))


def write_on(table: Indexed, chance: random.Random, number: int) -> None:
    """Change an item's place in the indexes, take it out of them, or delete it; whatever can be done now is acknowledged."""
    pk, sk = f"p{number % 8}", str(number % 40)
    if chance.random() < 0.2:
        table.delete_item(pk, sk)
    else:
        owner = chance.choice([*OWNER_NAMES, None])
        table.put_item(pk, sk, owner, chance.choice([number, None]), colour=f"colour {number}")


@pytest.mark.parametrize("lag", ["none", "legal"])
def test_a_global_index_merges_while_its_table_is_written_and_merges_too(lag: str) -> None:
    """PART-15: both down to one partition, in turn and at once; the index is what its table makes of it."""
    table, chance = filled(partitions=4, lag=lag), random.Random(1)
    number = 0
    for _ in range(3):
        merge(table, OWNERS)
        merge(table)
        for _ in range(30):
            number += 1
            write_on(table, chance, number)
            table.wait(0.1)
        table.wait(ENDED_SECONDS)
        table.check_indexes()
    assert len(table.groups().map) == len(table.index_groups(OWNERS).map) == 1
    table.fault("split", TABLE, index=OWNERS)
    table.wait(ENDED_SECONDS)
    assert len(table.index_groups(OWNERS).map) == 2
    table.check_indexes()


@pytest.mark.parametrize("zone", [A, B, C])
def test_a_global_index_that_merges_loses_nothing_when_a_zone_fails(zone: str) -> None:
    """PART-15: what it could not take waits, in the order of each item's changes, for what its partitions become."""
    for ticks in range(5):
        table, chance = filled(partitions=3, seed=ticks), random.Random(ticks)
        merge(table, OWNERS, ticks % 2)
        table.wait(0.1 * ticks)
        table.fault("zone_down", zone)
        for number in range(40):
            write_on(table, chance, number)
            table.wait(0.1)
        table.mend()
        assert table.settled
        assert table.index_of(OWNERS).waiting_count == 0
        table.check_indexes()


def test_an_index_that_is_added_in_the_middle_of_a_merge_gets_everything() -> None:
    """IX-04: whatever its table's partitions do meanwhile."""
    for ticks in range(5):
        table = filled(partitions=2, create_delay_seconds=1)
        merge(table)
        table.wait(0.1 * ticks)
        table.call(
            "UpdateTable",
            TableName=TABLE,
            AttributeDefinitions=[attribute("colour", "S")],
            GlobalSecondaryIndexUpdates=[{"Create": index("new", "colour")}],
        )
        table.wait(ELECTED_SECONDS)
        assert len(table.groups().map) == 1
        assert table.scan_index("new") == table.scan_table()


def test_an_index_of_a_table_with_a_stream_merges_and_the_table_does_not() -> None:
    """ST-04: an index has no shards."""
    table = filled(partitions=3)
    table.call(
        "UpdateTable",
        TableName=TABLE,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    with pytest.raises(ConfigurationError, match="has a stream, had one"):
        merge(table)
    merge(table, OWNERS)
    table.wait(ENDED_SECONDS)
    assert (len(table.groups().map), len(table.index_groups(OWNERS).map)) == (3, 2)
    table.check_indexes()


def test_a_local_index_shows_whole_collections_through_merges_and_splits() -> None:
    """PART-11, IX-02: where partitions met is no cut, and the next one is between collections again."""
    table = filled(partitions=3)
    for fault in ("merge", "split", "merge", "merge", "split"):
        table.fault(fault, TABLE, partition=0)
        for step in range(20):
            table.wait(0.1)
            pk = f"p{step % 8}"
            found = table.all(
                "Query",
                IndexName=LOCAL,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
            )
            assert [int(item["n"]) for item in found] == list(range(step % 8, 40, 8))
        table.wait(ENDED_SECONDS)
        assert all(len(low) in (0, 2, HASH_BYTES) for low, _ in table.groups().map)
    assert len(table.groups().map) == 2
    table.check_indexes()
    assert table.endpoint.cluster.regions[REGION].fleet.calm
