"""Secondary indexes of the reference endpoint: definitions, how they come and go, and where else they show."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from indexes_by_hand import (
    COLOURS,
    LOCAL,
    OWNERS,
    Indexed,
    add,
    attribute,
    filled,
    index,
    keys,
    refusal,
)
from zones_by_hand import ACCOUNT, OTHER, REGION, TABLE

from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.errors import ConfigurationError, UnavailableError
from ddbproof.reference_impl.values.keys import collection_of

DELAY_SECONDS = 10.0


@pytest.fixture
def table() -> Indexed:
    return filled()


# --- Definitions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "indexes", "sentence"),
    [
        ("GlobalSecondaryIndexes", [], "List of GlobalSecondaryIndexes is empty"),
        ("GlobalSecondaryIndexes", [index("one", "other")], "Some index key attributes are not defined"),
        ("GlobalSecondaryIndexes", [index("one", "sk"), index("one", "sk")], "Duplicate index name: one"),
        (
            "GlobalSecondaryIndexes",
            [index(f"index-{number}", "sk") for number in range(21)],
            "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            "GlobalSecondaryIndexes",
            [
                index(f"index-{n}", "sk", projection="INCLUDE", others=tuple(f"a{i}" for i in range(17)))
                for n in range(6)
            ],
            "NonKeyAttributes of all indexes exceeds per-table limit of 100",
        ),
        ("GlobalSecondaryIndexes", [index("one", "sk", projection="INCLUDE")], "NonKeyAttributes is not"),
        ("GlobalSecondaryIndexes", [index("one", "sk", others=("a",))], "NonKeyAttributes is specified"),
        (
            "LocalSecondaryIndexes",
            [index(f"index-{number}", "pk", "sk") for number in range(6)],
            "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        ("LocalSecondaryIndexes", [index("one", "sk", "pk")], "does not have the same leading hash key"),
        ("LocalSecondaryIndexes", [index("one", "pk")], "does not have a range key for index: one"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(
    table: Indexed, member: str, indexes: list[dict[str, Any]], sentence: str
) -> None:
    """PART-17 and API Reference, CreateTable."""
    answer = refusal(
        table,
        "CreateTable",
        TableName="refused",
        KeySchema=keys("pk", "sk"),
        AttributeDefinitions=[attribute("pk", "S"), attribute("sk", "S")],
        BillingMode="PAY_PER_REQUEST",
        **{member: indexes},
    )
    assert sentence in answer
    assert "refused" not in table.call("ListTables")["TableNames"]


def test_a_description_counts_entries_and_bytes(table: Indexed) -> None:
    """API Reference: GlobalSecondaryIndexDescription, LocalSecondaryIndexDescription."""
    assert table.describe(COLOURS) == {
        "IndexName": COLOURS,
        "KeySchema": keys("owner"),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["colour"]},
        "IndexStatus": "ACTIVE",
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": 0,
            "WriteCapacityUnits": 0,
        },
        # pk + a, sk + 1, owner + ann, colour + red
        "IndexSizeBytes": 4 * (3 + 3 + 8 + 9),
        "ItemCount": 4,
        "IndexArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}/index/{COLOURS}",
    }
    local = table.describe(LOCAL)
    assert local is not None
    assert (local["ItemCount"], "IndexStatus" in local) == (5, False)
    table.delete_item("a", "1")
    assert [it["ItemCount"] for name in (COLOURS, LOCAL) if (it := table.describe(name))] == [3, 4]


# --- Indexes that come and go ------------------------------------------------------------------------


def test_an_added_index_is_filled_before_it_can_be_read_and_takes_part_in_writes_meanwhile() -> None:
    """Developer Guide, Managing Global Secondary Indexes: CREATING, Backfilling, ACTIVE."""
    table = filled(create_delay_seconds=DELAY_SECONDS)
    for pk, sk in (("a", "1"), ("a", "2"), ("a", "3")):
        table.put_item(pk, sk, "ann", 1, shade="dark")
    add(table, index("added", "shade", projection="KEYS_ONLY"), attribute("shade", "S"))
    states, table_states = [], []
    for number in range(4):
        described = table.describe("added")
        assert described is not None
        states.append((described["IndexStatus"], described.get("Backfilling")))
        table.put_item("a", "1", "ann", 2, shade=f"darker {number}")
        if number == 0:
            table.delete_item("a", "2")
        table_states.append(table.call("DescribeTable", TableName=TABLE)["Table"]["TableStatus"])
        if described["IndexStatus"] != "ACTIVE":
            assert "Cannot read from backfilling" in refusal(table, "Scan", IndexName="added")
        if number == 1:
            assert "ResourceInUseException" in refusal(table, "DeleteTable")
            assert "LimitExceededException" in refusal(
                table, "UpdateTable", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": OWNERS}}]
            )
        table.clock.advance(DELAY_SECONDS / 2)
    assert states == [("CREATING", False), ("CREATING", True), ("ACTIVE", None), ("ACTIVE", None)]
    assert table_states == ["UPDATING", "ACTIVE", "ACTIVE", "ACTIVE"]
    assert table.scan_index("added") == [
        {"pk": "a", "sk": "1", "shade": "darker 3"},
        {"pk": "a", "sk": "3", "shade": "dark"},
    ]


def test_an_index_can_be_given_up_while_it_is_filled() -> None:
    """Not before (ResourceInUseException), and then nothing of it is left."""
    table = filled(create_delay_seconds=DELAY_SECONDS)
    add(table, index("added", "colour"), attribute("colour", "S"))
    deletion: dict[str, Any] = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "added"}}]}
    assert "ResourceInUseException" in refusal(table, "UpdateTable", **deletion)
    table.clock.advance(DELAY_SECONDS / 2)
    table.call("UpdateTable", TableName=TABLE, **deletion)
    table.clock.advance(DELAY_SECONDS)
    assert table.describe("added") is None
    described = table.call("DescribeTable", TableName=TABLE)["Table"]
    assert "colour" not in {it["AttributeName"] for it in described["AttributeDefinitions"]}


def test_one_index_is_added_or_removed_at_a_time_and_one_that_is_removed_is_gone() -> None:
    """Its definition goes with it, and a new one of its name begins empty and is filled."""
    table = filled(create_delay_seconds=DELAY_SECONDS)
    deletes = [{"Delete": {"IndexName": name}} for name in (OWNERS, COLOURS)]
    assert refusal(table, "UpdateTable", GlobalSecondaryIndexUpdates=deletes).startswith(
        "LimitExceededException: Subscriber limit exceeded: Only 1 online index can be created or deleted"
    )
    groups = table.index_of(OWNERS).groups
    table.call("UpdateTable", TableName=TABLE, GlobalSecondaryIndexUpdates=deletes[:1])
    described = table.describe(OWNERS)
    assert described is not None
    assert described["IndexStatus"] == "DELETING"
    assert "does not have the specified index" in refusal(table, "Scan", IndexName=OWNERS)
    table.clock.advance(DELAY_SECONDS)
    assert table.describe(OWNERS) is None
    assert id(groups) not in table.endpoint.cluster.regions[REGION].fleet._hosted
    table.put_item("a", "9", "ann", 99)
    add(table, index(OWNERS, "owner", "n"), attribute("owner", "S"), attribute("n", "N"))
    table.clock.advance(DELAY_SECONDS)
    table.check_indexes()
    assert "ResourceNotFoundException" in refusal(
        table, "UpdateTable", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-nobody"}}]
    )
    assert "already exists" in refusal(
        table, "UpdateTable", GlobalSecondaryIndexUpdates=[{"Create": index(LOCAL, "owner")}]
    )


def test_throughput_of_an_index_is_set_with_its_table() -> None:
    """API Reference, UpdateTable: a PROVISIONED table's indexes have throughput of their own."""
    table = filled()
    update: dict[str, Any] = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5, 5)}
    assert "must be specified for index" in refusal(table, "UpdateTable", **update)
    updates = [
        {"Update": {"IndexName": name, "ProvisionedThroughput": units(number, 2)}}
        for number, name in enumerate((OWNERS, COLOURS), 1)
    ]
    table.call("UpdateTable", TableName=TABLE, **update, GlobalSecondaryIndexUpdates=updates)
    described = table.describe(COLOURS)
    assert described is not None
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    assert "equals the current value" in refusal(
        table, "UpdateTable", GlobalSecondaryIndexUpdates=updates[:1]
    )


def units(reading: int, writing: int) -> dict[str, int]:
    return {"ReadCapacityUnits": reading, "WriteCapacityUnits": writing}


# --- Other Regions, backups, restores ----------------------------------------------------------------


def test_every_replica_of_a_global_table_has_the_same_indexes_and_fills_its_own() -> None:
    """GT-11: those that the table has when the replica is made, and those that come and go later, in any Region."""
    table = filled()
    table.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
    table.wait(2)
    table.check_indexes(region=OTHER)
    add(table, index("added", "colour", projection="KEYS_ONLY"), attribute("colour", "S"), region=OTHER)
    table.put_item("z", "1", "zoe", 1, colour="green")
    table.wait(2)
    for region in (REGION, OTHER):
        assert len(table.scan_index("added", region=region)) == 6
        table.check_indexes(region=region)
    table.call(
        "UpdateTable", TableName=TABLE, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "added"}}]
    )
    table.wait(1)
    assert table.describe("added", region=OTHER) is None


def test_an_index_is_in_all_regions_of_a_global_table_or_in_none() -> None:
    """GT-11: where one of them cannot make it, the others do not keep it, nor the table's definition of its keys."""
    table = filled()
    table.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
    table.wait(2)
    right = TableGroups._found

    def found(self: TableGroups, partitions: int) -> None:
        if self.fleet.zones[0].startswith(OTHER):
            raise UnavailableError("no leader")
        right(self, partitions)

    definition = index("added", "colour", projection="KEYS_ONLY")
    with patch.object(TableGroups, "_found", found), pytest.raises(UnavailableError):
        add(table, definition, attribute("colour", "S"))
    table.wait(1)
    for region in (REGION, OTHER):
        assert table.describe("added", region=region) is None
        described = table.call("DescribeTable", region, TableName=TABLE)["Table"]
        assert {it["AttributeName"] for it in described["AttributeDefinitions"]} == {"pk", "sk", "owner", "n"}
    add(table, definition, attribute("colour", "S"))
    table.wait(1)
    assert len(table.scan_index("added", region=OTHER)) == 5


def test_a_backup_lists_its_indexes_and_a_restore_brings_them_or_a_part(table: Indexed) -> None:
    """BK-07, RS-04, RS-09: the restored indexes are those of the restored items."""
    table.call("CreateBackup", TableName=TABLE, BackupName="one")
    arn = table.call("ListBackups")["BackupSummaries"][0]["BackupArn"]
    table.delete_item("a", "1")
    details = table.call("DescribeBackup", BackupArn=arn)["BackupDescription"]["SourceTableFeatureDetails"]
    assert [it["IndexName"] for it in details["GlobalSecondaryIndexes"]] == [OWNERS, COLOURS]
    assert [it["IndexName"] for it in details["LocalSecondaryIndexes"]] == [LOCAL]
    table.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="whole")
    table.check_indexes(table="whole")
    assert len(table.scan_index(OWNERS, table="whole")) == 4
    part: dict[str, Any] = {
        "GlobalSecondaryIndexOverride": [index(OWNERS, "owner", "n")],
        "LocalSecondaryIndexOverride": [],
    }
    table.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="part", **part)
    described = table.call("DescribeTable", TableName="part")["Table"]
    assert [it["IndexName"] for it in described["GlobalSecondaryIndexes"]] == [OWNERS]
    assert "LocalSecondaryIndexes" not in described
    assert len(table.scan_index(OWNERS, table="part")) == 4
    for new in (index("new", "owner"), index(OWNERS, "owner"), index(LOCAL, "pk", "n")):
        override: dict[str, Any] = {"GlobalSecondaryIndexOverride": [new]}
        assert "ValidationException" in refusal(
            table, "RestoreTableFromBackup", BackupArn=arn, TargetTableName="refused", **override
        )


def test_a_restore_to_an_instant_brings_the_indexes_of_that_instant(table: Indexed) -> None:
    """PI-11, RS-04: with an index left out, its attributes are no longer defined."""
    specification = {"PointInTimeRecoveryEnabled": True}
    table.call("UpdateContinuousBackups", TableName=TABLE, PointInTimeRecoverySpecification=specification)
    table.clock.advance(2)
    then = table.clock.now_milliseconds() // 1000
    table.clock.advance(2)
    table.put_item("late", "1", "ann", 1)
    table.clock.advance(600)
    table.call(
        "RestoreTableToPointInTime",
        SourceTableName=TABLE,
        TargetTableName="then",
        RestoreDateTime=then,
        GlobalSecondaryIndexOverride=[],
    )
    described = table.call("DescribeTable", TableName="then")["Table"]
    assert "GlobalSecondaryIndexes" not in described
    assert {it["AttributeName"] for it in described["AttributeDefinitions"]} == {"pk", "sk", "n"}
    assert len(table.all("Scan", "then", IndexName=LOCAL)) == 5


# --- Partitions --------------------------------------------------------------------------------------


def test_a_partition_of_a_table_with_a_local_index_is_split_between_collections() -> None:
    """PART-11: wherever its middle lies; one collection is never cut, and others go on to be found."""
    table = Indexed(partitions=1)
    for pk in "abcdef":
        for number in range(1 + 9 * (pk == "a")):
            table.put_item(pk, str(number), "ann", number)
    for _ in range(4):
        for partition in range(4):
            try:
                table.fault("split", TABLE, partition=partition)
            except ConfigurationError:
                continue  # there is no such partition, or nothing to split
            table.wait(2)
    lows = [low for low, _ in table.groups().map]
    assert len(lows) > 2
    assert all(collection_of(low) == low for low in lows)
    table.check_indexes()
