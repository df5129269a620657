"""An endpoint with one table that has global and local indexes, whose zones a test breaks by hand (`zones_by_hand`)."""

from __future__ import annotations

from typing import Any

import pytest
from zones_by_hand import ACCOUNT, REGION, TABLE, Zones

from ddbproof.reference_impl.cluster.global_index import GlobalIndex
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.errors import ServiceError

OWNERS = "by-owner"
"""Partition key `owner`, sort key `n`; everything is projected."""
COLOURS = "by-colour"
"""Partition key `owner`; `colour` is projected besides the keys."""
LOCAL = "local"
"""Sort key `n`; only keys are projected."""


def attribute(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": kind}


def keys(*names: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
    ]


def index(name: str, *key: str, projection: str = "ALL", others: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": keys(*key),
        "Projection": {
            "ProjectionType": projection,
            **({"NonKeyAttributes": list(others)} if others else {}),
        },
    }


class Indexed(Zones):
    """Items have keys `pk` and `sk`, and perhaps `owner`, `n` and `colour`."""

    def create(self, name: str) -> None:
        self.call(
            "CreateTable",
            TableName=name,
            KeySchema=keys("pk", "sk"),
            AttributeDefinitions=[
                attribute("pk", "S"),
                attribute("sk", "S"),
                attribute("owner", "S"),
                attribute("n", "N"),
            ],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[
                index(OWNERS, "owner", "n"),
                index(COLOURS, "owner", projection="INCLUDE", others=("colour",)),
            ],
            LocalSecondaryIndexes=[index(LOCAL, "pk", "n", projection="KEYS_ONLY")],
        )

    @staticmethod
    def item(pk: str, sk: str, owner: str | None = None, n: int | None = None, **more: str) -> dict[str, Any]:
        item: dict[str, Any] = {"pk": {"S": pk}, "sk": {"S": sk}}
        if owner is not None:
            item["owner"] = {"S": owner}
        if n is not None:
            item["n"] = {"N": str(n)}
        return item | {name: {"S": value} for name, value in more.items()}

    def put_item(self, *parts: Any, **more: Any) -> bool:
        """True if it was acknowledged."""
        return self.tried("PutItem", TableName=TABLE, Item=self.item(*parts, **more)) is not None

    def delete_item(self, pk: str, sk: str) -> bool:
        return self.tried("DeleteItem", TableName=TABLE, Key=self.item(pk, sk)) is not None

    def all(
        self, operation: str, /, table: str = TABLE, region: str = REGION, **parameters: Any
    ) -> list[dict[str, Any]]:
        """The items of all pages, without their types. Raises UnavailableError."""
        found: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            page = self.call(operation, region, TableName=table, **parameters, **start)
            found += [{name: next(iter(it.values())) for name, it in item.items()} for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def query_index(self, name: str, key: str, value: str, **parameters: Any) -> list[dict[str, Any]]:
        return self.all(
            "Query",
            IndexName=name,
            KeyConditionExpression=f"{key} = :value",
            ExpressionAttributeValues={":value": {"S": value}},
            **parameters,
        )

    def scan_index(self, name: str, **where: Any) -> list[dict[str, Any]]:
        return in_order(self.all("Scan", IndexName=name, **where))

    def scan_table(self, **where: Any) -> list[dict[str, Any]]:
        return in_order(self.all("Scan", ConsistentRead=True, **where))

    def index_of(self, name: str, region: str = REGION, table: str = TABLE) -> GlobalIndex:
        here = self.endpoint.cluster.regions[region]
        record = here.find_table(ACCOUNT, table)
        assert record is not None
        return here.indexes(record.table_id).stored[name]

    def index_groups(self, name: str) -> TableGroups:
        groups = self.index_of(name).groups
        groups.attend(self.clock.now_milliseconds())
        return groups

    @property
    def settled(self) -> bool:
        """Also the groups of the indexes."""
        here = self.endpoint.cluster.regions[REGION]
        record = here.find_table(ACCOUNT, TABLE)
        assert record is not None
        return super().settled and all(
            self.index_groups(name).settled for name in here.indexes(record.table_id).stored
        )

    def describe(self, name: str, table: str = TABLE, region: str = REGION) -> dict[str, Any] | None:
        """The description of an index; None if there is none of that name."""
        described = self.call("DescribeTable", region, TableName=table)["Table"]
        indexes = described.get("GlobalSecondaryIndexes", []) + described.get("LocalSecondaryIndexes", [])
        return next((it for it in indexes if it["IndexName"] == name), None)

    def check_indexes(self, **where: Any) -> None:
        """Every index is what its table makes of it."""
        items = self.scan_table(**where)
        owned = [item for item in items if "owner" in item]
        assert self.scan_index(OWNERS, **where) == [item for item in owned if "n" in item]
        names = ("pk", "sk", "owner", "colour")
        assert self.scan_index(COLOURS, **where) == [
            {name: item[name] for name in item if name in names} for item in owned
        ]
        local = [{name: item[name] for name in ("pk", "sk", "n")} for item in items if "n" in item]
        assert in_order(self.all("Scan", IndexName=LOCAL, ConsistentRead=True, **where)) == local


def in_order(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: (item["pk"], item["sk"]))


def filled(**options: Any) -> Indexed:
    made = Indexed(**options)
    made.clock.advance(options.get("create_delay_seconds", 0))
    for number, (pk, sk, owner) in enumerate(
        [("a", "1", "ann"), ("a", "2", "bob"), ("a", "3", "ann"), ("b", "1", "ann"), ("b", "2", None)]
    ):
        made.put_item(pk, sk, owner, 10 - number, colour="red", extra="x")
    return made


def refusal(table: Indexed, operation: str, /, **parameters: Any) -> str:
    """Code and sentence of the refusal."""
    with pytest.raises(ServiceError) as refused:
        table.call(operation, **{"TableName": TABLE} | parameters)
    return f"{refused.value.code}: {refused.value.message}"


def add(table: Indexed, definition: dict[str, Any], *definitions: dict[str, str], **where: Any) -> None:
    table.call(
        "UpdateTable",
        **where,
        TableName=TABLE,
        AttributeDefinitions=list(definitions),
        GlobalSecondaryIndexUpdates=[{"Create": definition}],
    )
