"""An endpoint whose zones, nodes and time a test breaks and moves by hand, with one table and a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.control.faults import Faults
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import TransactionConflictError, UnavailableError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.codec import encode

REGION, OTHER = "us-east-1", "eu-west-1"
A, B, C = (REGION + letter for letter in "abc")
ACCOUNT = "000000000000"
START_MILLISECONDS = 1_800_000_000_000
ELECTED_SECONDS = 3.0
"""A lease, and more than an election takes."""
HEALED_SECONDS = 60.0
TABLE = "zones"


class Zones:
    """An endpoint with a table of `partitions` partitions."""

    def __init__(self, partitions: int = 4, **options: Any) -> None:
        self.clock = Clock(frozen_at_milliseconds=START_MILLISECONDS)
        self.endpoint = ReferenceEndpoint(
            EndpointOptions(partitions=partitions, regions=(REGION, OTHER), **options), clock=self.clock
        )
        self.faults = Faults(self.endpoint.cluster)
        self.create(TABLE)

    def create(self, name: str) -> None:
        self.call(
            "CreateTable",
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )

    def call(self, operation: str, /, region: str = REGION, **parameters: Any) -> dict[str, Any]:
        answer = self.endpoint.call(operation, parameters, CallContext(region, ACCOUNT))
        decoded: dict[str, Any] = json.loads(encode(answer))
        return decoded

    def tried(self, operation: str, /, **parameters: Any) -> dict[str, Any] | None:
        """The answer, or None if the endpoint could not serve the request, or a transaction holds the item."""
        try:
            return self.call(operation, **parameters)
        except (UnavailableError, TransactionConflictError):
            return None

    def put(self, key: str, value: int, **parameters: Any) -> bool:
        item = {"pk": {"S": key}, "n": {"N": str(value)}}
        return self.tried("PutItem", TableName=TABLE, Item=item, **parameters) is not None

    def read(self, key: str, *, consistent: bool = True, table: str = TABLE, region: str = REGION) -> Any:
        """The value; None where there is no item, False where no answer could be had."""
        answer = self.tried(
            "GetItem", region=region, TableName=table, Key={"pk": {"S": key}}, ConsistentRead=consistent
        )
        if answer is None:
            return False
        return int(answer["Item"]["n"]["N"]) if "Item" in answer else None

    def scan(self, table: str = TABLE) -> dict[str, int]:
        found = self.call("Scan", TableName=table, ConsistentRead=True)
        return {item["pk"]["S"]: int(item["n"]["N"]) for item in found["Items"]}

    def ranges(self, *, reverse: bool) -> Iterator[list[bytes]]:
        """The keys that a strongly consistent read of everything shows, in each of so many ticks as a split or merge takes."""
        cluster = self.endpoint.cluster
        [record] = cluster.regions[REGION].all_tables()
        for _ in range(40):
            self.clock.advance(0.03)
            cluster.catch_up()
            items = (
                cluster.regions[REGION]
                .store(record.table_id)
                .range(b"", None, reverse=reverse, consistent=True)
            )
            yield [key for key, _ in items]

    def fault(self, fault: str, where: str, **settings: Any) -> None:
        self.faults.inflict({fault: where, **settings})

    def wait(self, seconds: float) -> None:
        """Let time pass, as it does between a client's requests."""
        while seconds > 0:
            self.clock.advance(min(seconds, 1.0))
            self.endpoint.cluster.catch_up()
            self.groups()
            seconds -= 1.0

    def mend(self) -> None:
        self.fault("mend", REGION)
        self.wait(HEALED_SECONDS)

    def groups(self, region: str = REGION) -> TableGroups:
        here = self.endpoint.cluster.regions[region]
        record = here.find_table(ACCOUNT, TABLE)
        assert record is not None
        return here.groups(record.table_id)

    @property
    def settled(self) -> bool:
        """True if nothing is broken in the first Region, and every group of it has three equal replicas."""
        region = self.endpoint.cluster.regions[REGION]
        return region.fleet.calm and self.groups().settled and region.metadata.groups.settled

    def leaders(self) -> dict[int, str]:
        """The zone that leads each partition, by its group."""
        groups = self.groups()
        return {
            group: groups.fleet.nodes[replica.environment.node].zone
            for _, group in groups.map
            for replica in groups.replicas(group)
            if replica.leading is not None
        }

    def led_from(self, zone: str, keys: list[str]) -> set[str]:
        """The keys of those partitions that a zone leads."""
        from ddbproof.reference_impl.values.keys import KeySchema, encode_key

        groups, leaders = self.groups(), self.leaders()
        schema = KeySchema("pk", "S")
        return {
            key for key in keys if leaders[groups.group_of(encode_key(schema, {"pk": {"S": key}}))] == zone
        }

    def shards(self, limit: int = 100) -> list[dict[str, Any]]:
        """All shards of the table's stream, by pages of so many."""
        arn = self.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
        found: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self.call("DescribeStream", StreamArn=arn, Limit=limit, **more)["StreamDescription"]
            found += page["Shards"]
            if "LastEvaluatedShardId" not in page:
                return found
            more = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def changes(self) -> list[tuple[str, str, int | None, int | None]]:
        """The stream of the table, parents before children: sequence number, key, old and new value."""
        arn = self.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
        found = []
        for shard in self.shards():
            iterator = self.call(
                "GetShardIterator",
                StreamArn=arn,
                ShardId=shard["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
            while iterator:
                page = self.call("GetRecords", ShardIterator=iterator)
                iterator = page.get("NextShardIterator") if page["Records"] else None
                for record in page["Records"]:
                    told = record["dynamodb"]
                    old, new = (told.get(name) for name in ("OldImage", "NewImage"))
                    number = told["SequenceNumber"]
                    found.append((number, told["Keys"]["pk"]["S"], value_of(old), value_of(new)))
        return found


def value_of(image: dict[str, Any] | None) -> int | None:
    return None if image is None else int(image["n"]["N"])
