"""The calls of a run: each operation as the specification knows it, with the boto3 call that asks for it.

What is waited for is waited for here: that a table is ACTIVE or gone, a backup AVAILABLE, a change everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ddbproof.conformance.fuzz.replay import Arn, Named, Second
from ddbproof.conformance.fuzz.run import Run
from ddbproof.model.store import (
    Action,
    Answer,
    Outcome,
    Outcomes,
    Refused,
    Shown,
    Value,
    query_index,
    tells_all,
    transact_get,
    transact_write,
)

Place = tuple[str, str]
_EXPRESSIONS = {
    "absent": "attribute_not_exists(pk)",
    "present": "attribute_exists(pk)",
    "equal": "v = :wanted",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """That a key holds `wanted`; `kind` is `equal`, `absent` or `present` (nothing or anything), or empty for no condition."""

    kind: str = ""
    wanted: Value = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The condition as an operation is given it, without its values."""
        return {"ConditionExpression": _EXPRESSIONS[self.kind]} if self.kind else {}

    @property
    def values(self) -> dict[str, Any]:
        """The values in it."""
        return {":wanted": {"N": str(self.wanted)}} if self.kind == "equal" else {}

    def __call__(self, held: Value) -> bool:
        """Whether it holds for what is there."""
        match self.kind:
            case "absent":
                return held is None
            case "present":
                return held is not None
            case "equal":
                return held == self.wanted
            case _:
                return True


PLAIN: dict[str, Any] = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}
INDEXED: dict[str, Any] = {
    **PLAIN,
    "AttributeDefinitions": [*PLAIN["AttributeDefinitions"], {"AttributeName": "v", "AttributeType": "N"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-number",
            "KeySchema": [*PLAIN["KeySchema"], {"AttributeName": "v", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
}
UNCONDITIONAL = Condition()


_ACTIONS = {"put": "Put", "add": "Update", "delete": "Delete", "check": "ConditionCheck"}


class Calls(Run):
    """A run with its vocabulary. Every method raises Disagreement where the endpoint's answer is not allowed."""

    def _wait(self, outcomes: Outcomes, operation: str, region: str, **details: Any) -> None:
        self.ask("wait", outcomes, operation, region, waits=True, **details)

    def settle(self) -> None:
        """Let everything arrive, and see that it has where time cannot be moved."""
        super().settle()
        if self.world.advance is None:
            for place, keys in self._shared():
                self.agree(place, keys)

    def _shared(self) -> list[tuple[Place, list[str]]]:
        """A place of each table that is in several Regions, and the keys that were ever written there."""
        found = {table.history: place for place, table in self.store.tables.items()}
        return [
            (place, self.store.histories[number].keys())
            for number, place in found.items()
            if len(self.store.regions(*place)) > 1
        ]

    # -- tables ---------------------------------------------------------------------------------------

    def create_table(self, place: Place, *, indexed: bool = False) -> None:
        """A new table, perhaps with an index."""
        answer = self.ask(
            "create_table",
            self.store.create_table(*place, indexed=indexed),
            "create_table",
            place[0],
            arguments={"TableName": Named(place[1]), **(INDEXED if indexed else PLAIN)},
        )
        if isinstance(answer, Shown):
            self.wait_for_table(place)

    def wait_for_table(self, place: Place) -> None:
        """Until it is ACTIVE, or gone."""
        outcomes = self.store.describe_table(*place)
        arguments = {"TableName": Named(place[1])}
        self._wait(outcomes, "describe_table", place[0], arguments=arguments, look="table status")

    def protect(self, place: Place, *, protected: bool) -> None:
        """Deletion protection on or off."""
        answer = self.ask(
            "protect",
            self.store.protect(*place, protected=protected),
            "update_table",
            place[0],
            arguments={"TableName": Named(place[1]), "DeletionProtectionEnabled": protected},
        )
        if isinstance(answer, Shown):
            self.wait_for_table(place)

    def delete_table(self, place: Place, label: str) -> bool:
        """Delete a table; True if that has left the SYSTEM backup `label`."""
        table = self.store.tables.get(place)
        arguments: dict[str, Any] = {"TableName": Named(place[1])}
        outcomes = self.store.delete_table(*place, label)
        answer = self.ask("delete_table", outcomes, "delete_table", place[0], arguments=arguments)
        if isinstance(answer, Refused):
            return False
        self.wait_for_table(place)
        if table is None or table.recovery is None:
            return False
        one = (Outcome(Shown(1), self.store),)
        arguments = {**arguments, "BackupType": "SYSTEM"}  # the step before keeps its own
        self._wait(one, "find_backup", place[0], arguments=arguments, look="backups", label=label)
        return True

    # -- items ----------------------------------------------------------------------------------------

    def put(self, place: Place, key: str, value: int, condition: Condition = UNCONDITIONAL) -> None:
        """Put a number under a key."""
        arguments = {
            "TableName": Named(place[1]),
            "Item": {"pk": {"S": key}, "v": {"N": str(value)}},
            "ReturnValues": "ALL_OLD",
            **condition.arguments,
        }
        if condition.values:
            arguments["ExpressionAttributeValues"] = condition.values
        outcomes = self.store.put_item(*place, key, value, condition)
        self.ask("put", outcomes, "put_item", place[0], arguments=arguments, look="attributes")

    def add(self, place: Place, key: str, condition: Condition = UNCONDITIONAL) -> None:
        """Add 1 to the number under a key."""
        arguments = {
            "TableName": Named(place[1]),
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "ADD v :amount",
            "ExpressionAttributeValues": {":amount": {"N": "1"}, **condition.values},
            "ReturnValues": "ALL_NEW",
            **condition.arguments,
        }
        outcomes = self.store.add_to_item(*place, key, 1, condition)
        self.ask("add", outcomes, "update_item", place[0], arguments=arguments, look="attributes")

    def delete(self, place: Place, key: str, condition: Condition = UNCONDITIONAL) -> None:
        """Delete what is under a key."""
        arguments = {
            "TableName": Named(place[1]),
            "Key": {"pk": {"S": key}},
            "ReturnValues": "ALL_OLD",
            **condition.arguments,
        }
        if condition.values:
            arguments["ExpressionAttributeValues"] = condition.values
        outcomes = self.store.delete_item(*place, key, condition)
        self.ask("delete", outcomes, "delete_item", place[0], arguments=arguments, look="attributes")

    def get(self, place: Place, key: str) -> None:
        """Read an item, strongly consistently."""
        arguments = {"TableName": Named(place[1]), "Key": {"pk": {"S": key}}, "ConsistentRead": True}
        outcomes = self.store.get_item(*place, key)
        self.ask("get", outcomes, "get_item", place[0], arguments=arguments, look="item")

    def scan(self, place: Place) -> None:
        """Read a whole table, strongly consistently."""
        arguments = {"TableName": Named(place[1]), "ConsistentRead": True}
        self.ask("scan", self.store.scan(*place), "scan", place[0], arguments=arguments, look="items")

    def query_index(self, place: Place, key: str) -> None:
        """Read an item's entry in the index, again for a while until it is there where time cannot be moved."""
        self.ask(
            "query_index",
            query_index(self.store, *place, key),
            "query",
            place[0],
            arguments={
                "TableName": Named(place[1]),
                "IndexName": "by-number",
                "KeyConditionExpression": "pk = :key",
                "ExpressionAttributeValues": {":key": {"S": key}},
            },
            look="items",
            waits=True,
        )

    # -- transactions ---------------------------------------------------------------------------------

    def transact(self, rule: str, region: str, actions: Sequence[Action], token: str = "") -> None:
        """All actions or none, with a client token if it has a name; counted under `rule`.

        Not asked for where the answer would leave open what was done.
        """
        outcomes = transact_write(self.store, region, actions, token)
        if not tells_all(outcomes):
            return
        arguments: dict[str, Any] = {"TransactItems": [_asked(action) for action in actions]}
        if token:
            arguments["ClientRequestToken"] = Named(token)
        self.ask(rule, outcomes, "transact_write_items", region, arguments=arguments)

    def get_together(self, region: str, items: Sequence[tuple[str, str]]) -> None:
        """Read items at one moment; they are pairs of table and key."""
        gets = [{"Get": {"TableName": Named(table), "Key": {"pk": {"S": key}}}} for table, key in items]
        self.ask(
            "get_together",
            transact_get(self.store, region, items),
            "transact_get_items",
            region,
            arguments={"TransactItems": gets},
            look="together",
        )

    # -- Regions --------------------------------------------------------------------------------------

    def add_replica(self, place: Place, newcomer: str) -> None:
        """A table goes to another Region."""
        region, name = place
        answer = self.ask(
            "add_replica",
            self.store.add_replica(region, name, newcomer),
            "update_table",
            region,
            arguments={"TableName": Named(name), "ReplicaUpdates": [{"Create": {"RegionName": newcomer}}]},
        )
        if isinstance(answer, Shown):
            self.settle()
            self.wait_for_table((newcomer, name))
            self.wait_for_table(place)

    def remove_replica(self, place: Place, leaver: str) -> None:
        """A table that is settled is removed from another Region."""
        region, name = place
        answer = self.ask(
            "remove_replica",
            self.store.remove_replica(region, name, leaver),
            "update_table",
            region,
            arguments={"TableName": Named(name), "ReplicaUpdates": [{"Delete": {"RegionName": leaver}}]},
        )
        if isinstance(answer, Shown):
            self.wait_for_table((leaver, name))
            self.wait_for_table(place)

    def agree(self, place: Place, keys: Sequence[str]) -> None:
        """All Regions of a settled table show the same under each key."""
        region, name = place
        for key in keys:
            self.ask(
                "regions_agree",
                self.store.get_item(region, name, key),
                "agree",
                " ".join(self.store.regions(region, name)),
                arguments={"TableName": Named(name), "Key": {"pk": {"S": key}}, "ConsistentRead": True},
                look="item",
                waits=True,
            )

    # -- backups --------------------------------------------------------------------------------------

    def back_up(self, place: Place, label: str) -> bool:
        """A backup; True if it was made."""
        region, name = place
        outcomes = self.store.create_backup(region, name, label)
        arguments = {"TableName": Named(name), "BackupName": label}
        answer = self.ask("back_up", outcomes, "create_backup", region, arguments=arguments, label=label)
        if isinstance(answer, Refused):
            return False
        self._wait(
            self.store.describe_backup(label),
            "describe_backup",
            region,
            arguments={"BackupArn": Arn(label)},
            look="backup status",
        )
        return True

    def describe_backup(self, label: str, region: str) -> None:
        """Whether a backup is there."""
        outcomes, arguments = self.store.describe_backup(label), {"BackupArn": Arn(label)}
        name = "describe_backup"
        self.ask(name, outcomes, name, region, arguments=arguments, look="backup status")

    def delete_backup(self, label: str, region: str) -> None:
        """Delete a backup."""
        outcomes, arguments = self.store.delete_backup(label), {"BackupArn": Arn(label)}
        self.ask("delete_backup", outcomes, "delete_backup", region, arguments=arguments)

    def restore_backup(self, label: str, region: str, target: str) -> bool:
        """A new table from a backup; what is in it is looked at. True if it was made."""
        answer = self.ask(
            "restore_backup",
            self.store.restore_backup(label, region, target),
            "restore_table_from_backup",
            region,
            arguments={"BackupArn": Arn(label), "TargetTableName": Named(target)},
        )
        if isinstance(answer, Refused):
            return False
        self.wait_for_table((region, target))
        self._look_into((region, target))
        return True

    def _look_into(self, restored: Place) -> None:
        """What is in a restored table, and that its index is there."""
        self.scan(restored)
        table = self.store.tables[restored]
        if table.indexed:
            for key in self.store.histories[table.history].keys()[:1]:
                self.query_index(restored, key)

    # -- point-in-time recovery -----------------------------------------------------------------------

    def set_recovery(self, place: Place, days: int | None) -> None:
        """Recovery on with that period, or off."""
        specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": days is not None}
        if days is not None:
            specification["RecoveryPeriodInDays"] = days
        self.ask(
            "set_recovery",
            self.store.set_recovery(*place, days),
            "update_continuous_backups",
            place[0],
            arguments={"TableName": Named(place[1]), "PointInTimeRecoverySpecification": specification},
        )

    def describe_recovery(self, place: Place) -> Answer:
        """The restore window."""
        return self.ask(
            "describe_recovery",
            self.store.describe_recovery(*place),
            "describe_continuous_backups",
            place[0],
            arguments={"TableName": Named(place[1])},
            look="window",
        )

    def restore_to(self, place: Place, second: int | None, target: str) -> bool:
        """A new table as the other was at a second, or at the latest one. Looks into it; True if it was made."""
        region, name = place
        instant = {"UseLatestRestorableTime": True} if second is None else {"RestoreDateTime": Second(second)}
        answer = self.ask(
            "restore_to",
            self.store.restore_to(region, name, second, target),
            "restore_table_to_point_in_time",
            region,
            arguments={"SourceTableName": Named(name), "TargetTableName": Named(target), **instant},
        )
        if isinstance(answer, Refused):
            return False
        self.wait_for_table((region, target))
        self._look_into((region, target))
        return True


def _asked(action: Action) -> dict[str, Any]:
    """An action as TransactWriteItems is given it."""
    condition = action.condition if isinstance(action.condition, Condition) else UNCONDITIONAL
    arguments = {"TableName": Named(action.table), **condition.arguments}
    values, key = condition.values, {"pk": {"S": action.key}}
    kind, number = action.kind, {"N": str(action.number)}
    if kind == "put":
        arguments["Item"] = {**key, "v": number}
    else:
        arguments["Key"] = key
    if kind == "add":
        arguments["UpdateExpression"] = "ADD v :amount"
        values = {**values, ":amount": number}
    if values:
        arguments["ExpressionAttributeValues"] = values
    return {_ACTIONS[kind]: arguments}
