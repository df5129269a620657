"""Any order of writes, faults and splits: an index never shows what was not written, and in the end what its table has.

Of each item the machine knows everything that was ever written, and nothing that an index shows may be anything else
(an entry with the owner of one version and the number of another, for example). Every number is written once. A local
index, read strongly, shows at any time what its table shows. At the end everything is mended; then each index, those
that were added meanwhile included, has to be equal to the projection of the table, in another Region and in a
restored table as well.
"""

from __future__ import annotations

from typing import Any

from faults_by_rule import FaultRules, settings_of
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from indexes_by_hand import COLOURS, LOCAL, OWNERS, Indexed, index
from zones_by_hand import OTHER, REGION, TABLE

from ddbproof.reference_impl.control.topology import replayed
from ddbproof.reference_impl.errors import CallerError, ConfigurationError, UnavailableError

KEYS = [(pk, sk) for pk in ("a", "b") for sk in ("1", "2", "3")]
OWNER_NAMES = ["ann", "bob", None]
ADDED = "added"
keys = st.sampled_from(KEYS)
owners = st.sampled_from(OWNER_NAMES)
Key = tuple[str, str]


class IndexMachine(FaultRules):
    """See above."""

    zones: Indexed

    def __init__(self) -> None:
        super().__init__()
        self.value = 0
        self.ever: dict[tuple[str, str, str], str | None] = {}
        """The owner of each version, by key and number."""

    @initialize(partitions=st.integers(1, 3), seed=st.integers(0, 5), lag=st.sampled_from(["none", "legal"]))
    def begin(self, partitions: int, seed: int, lag: str) -> None:
        self.zones = Indexed(
            partitions=partitions, seed=seed, lag=lag, record_steps=True, create_delay_seconds=0.2
        )
        self.zones.wait(1)
        self.zones.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
        self.zones.wait(5)

    # -- writes -----------------------------------------------------------------------------------------

    def version(self, key: Key, owner: str | None) -> dict[str, Any]:
        """A version of an item that nobody has written."""
        self.value += 1
        self.ever[*key, str(self.value)] = owner
        return self.zones.item(*key, owner, self.value, colour="red" if self.value % 2 else "blue")

    @rule(key=keys, owner=owners)
    def put(self, key: Key, owner: str | None) -> None:
        self.zones.tried("PutItem", TableName=TABLE, Item=self.version(key, owner))

    @rule(key=keys, owner=owners)
    def put_elsewhere(self, key: Key, owner: str | None) -> None:
        """In the other Region, whose zones nobody breaks."""
        self.zones.call("PutItem", OTHER, TableName=TABLE, Item=self.version(key, owner))

    @rule(key=keys, owner=owners)
    def update(self, key: Key, owner: str | None) -> None:
        """The item moves in the index, or leaves it."""
        item = self.version(key, owner)
        values = {":n": item["n"], ":c": item["colour"]}
        text = "SET n = :n, colour = :c"
        if owner is None:
            text += " REMOVE #o"
        else:
            text, values[":o"] = text + ", #o = :o", item["owner"]
        self.zones.tried(
            "UpdateItem",
            TableName=TABLE,
            Key=self.zones.item(*key),
            UpdateExpression=text,
            ExpressionAttributeNames={"#o": "owner"},
            ExpressionAttributeValues=values,
        )

    @rule(key=keys)
    def delete(self, key: Key) -> None:
        self.zones.delete_item(*key)

    @rule(one=keys, other=keys, owner=owners)
    def transact(self, one: Key, other: Key, owner: str | None) -> None:
        if one != other:
            puts = [{"Put": {"TableName": TABLE, "Item": self.version(key, owner)}} for key in (one, other)]
            try:
                self.zones.tried("TransactWriteItems", TransactItems=puts)
            except CallerError:
                return  # cancelled

    # -- reads ------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from([OWNERS, COLOURS]), owner=st.sampled_from(["ann", "bob"]))
    def query(self, name: str, owner: str) -> None:
        try:
            found = self.zones.query_index(name, "#o", owner, ExpressionAttributeNames={"#o": "owner"})
        except UnavailableError:
            return
        for item in found:
            self.check_written(item)
        if name == OWNERS:
            numbers = [int(item["n"]) for item in found]
            assert numbers == sorted(numbers)

    def check_written(self, item: dict[str, Any]) -> None:
        if "n" in item:
            assert self.ever.get((item["pk"], item["sk"], item["n"]), ...) == item["owner"], item
        else:
            known = {
                owner for (pk, sk, _), owner in self.ever.items() if (pk, sk) == (item["pk"], item["sk"])
            }
            assert item["owner"] in known, item

    @rule(pk=st.sampled_from(["a", "b"]))
    def query_locally(self, pk: str) -> None:
        try:
            condition: dict[str, Any] = {
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": {":pk": {"S": pk}},
                "ConsistentRead": True,
            }
            items = self.zones.all("Query", **condition)
            found = self.zones.all("Query", IndexName=LOCAL, Select="ALL_ATTRIBUTES", **condition)
        except UnavailableError:
            return
        assert found == sorted(items, key=lambda item: int(item["n"]))

    # -- indexes ----------------------------------------------------------------------------------------

    @rule(add=st.booleans())
    def change_indexes(self, add: bool) -> None:
        update = (
            {"Create": index(ADDED, "owner", projection="KEYS_ONLY")}
            if add
            else {"Delete": {"IndexName": ADDED}}
        )
        try:
            self.zones.tried("UpdateTable", TableName=TABLE, GlobalSecondaryIndexUpdates=[update])
        except CallerError:
            return  # there is one already, or none, or the last one is not made yet

    # -- time and faults --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 9.0]))
    def wait(self, seconds: float) -> None:
        self.zones.clock.advance(seconds)

    @rule(
        fault=st.sampled_from(["split", "step_down"]),
        partition=st.integers(0, 3),
        name=st.sampled_from([None, OWNERS, COLOURS]),
    )
    def command(self, fault: str, partition: int, name: str | None) -> None:
        try:
            self.zones.fault(fault, TABLE, partition=partition, **({"index": name} if name else {}))
        except ConfigurationError:
            return  # no such partition, no leader, or nothing to split

    # -- the end ----------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "zones"):
            return
        zones = self.zones
        zones.mend()
        for region in (REGION, OTHER):
            zones.check_indexes(region=region)
            added = zones.describe(ADDED, region=region)
            assert (added is None) == (zones.describe(ADDED) is None)
            if added is not None:
                assert added["IndexStatus"] == "ACTIVE"
                names = ("pk", "sk", "owner")
                expected = [
                    {name: item[name] for name in item if name in names}
                    for item in zones.scan_table(region=region)
                    if "owner" in item
                ]
                assert zones.scan_index(ADDED, region=region) == expected
                assert added["ItemCount"] == len(expected)
        assert zones.scan_table(region=REGION) == zones.scan_table(region=OTHER)
        arn = zones.call("CreateBackup", TableName=TABLE, BackupName="last")["BackupDetails"]["BackupArn"]
        zones.wait(1)
        zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="restored")
        zones.wait(4)
        zones.check_indexes(table="restored")
        assert zones.scan_table(table="restored") == zones.scan_table()
        assert replayed(zones.endpoint.cluster)["problems"] == []


IndexMachine.TestCase.settings = settings_of(40)
TestIndexes = IndexMachine.TestCase
