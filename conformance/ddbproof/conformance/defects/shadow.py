"""What several defects need: keys of tables, whole contents, and replacing the contents of a restored table."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, canonical, table_name

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
READS = frozenset({"GetItem", "Query", "Scan"})
RESTORES = frozenset({"RestoreTableFromBackup", "RestoreTableToPointInTime"})
# Operations after which a restored table must already hold what the defect puts there.
_LOOKS = WRITES | READS | {"DescribeTable", "BatchGetItem", "BatchWriteItem", "TransactGetItems"}
_PAGES_AT_MOST = 200


class Keys:
    """Key attribute names of tables, asked once for each table."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def names(self, region: str, table: str) -> tuple[str, ...]:
        """Names of the key attributes; empty if the table is unknown."""
        with self._lock:
            known = self._names.get((region, table))
        if known is not None:
            return known
        answer = self._endpoint.call(region, "DescribeTable", {"TableName": table})
        description = answer.member("Table") or {}
        names = tuple(element["AttributeName"] for element in description.get("KeySchema", ()))
        if names:
            with self._lock:
                self._names[(region, table)] = names
        return names

    def of_item(self, region: str, table: str, item: Document) -> Document:
        """The key attributes of an item."""
        return {name: item[name] for name in self.names(region, table) if name in item}

    def of_call(self, call: Call) -> Document:
        """The key that a single-item call means."""
        if call.operation == "PutItem":
            item = call.parameter("Item")
            return self.of_item(call.region, call.table, item) if isinstance(item, dict) else {}
        key = call.parameter("Key")
        return key if isinstance(key, dict) else {}


def current_item(endpoint: Endpoint, region: str, table: str, key: Document) -> Document | None:
    """The item as a strongly consistent read sees it."""
    answer = endpoint.call(region, "GetItem", {"TableName": table, "Key": key, "ConsistentRead": True})
    item = answer.member("Item")
    return item if isinstance(item, dict) else None


def contents(endpoint: Endpoint, region: str, table: str) -> list[Document]:
    """Every item of a table, read strongly consistently."""
    items: list[Document] = []
    parameters: Document = {"TableName": table, "ConsistentRead": True}
    for _ in range(_PAGES_AT_MOST):
        answer = endpoint.call(region, "Scan", parameters)
        items += answer.member("Items") or []
        last = answer.member("LastEvaluatedKey")
        if not last:
            break
        parameters = {**parameters, "ExclusiveStartKey": last}
    return items


def replace_contents(endpoint: Endpoint, region: str, table: str, items: Sequence[Document]) -> None:
    """Make `items` the contents of the table."""
    keys = Keys(endpoint)
    wanted = {canonical(keys.of_item(region, table, item)) for item in items}
    for item in contents(endpoint, region, table):
        key = keys.of_item(region, table, item)
        if canonical(key) not in wanted:
            endpoint.call(region, "DeleteItem", {"TableName": table, "Key": key})
    for item in items:
        endpoint.call(region, "PutItem", {"TableName": table, "Item": item})


Filling = Callable[[str, str], None]


class FillsRestoredTable(Defect):
    """Base of defects that put other items into a restored table than belong there.

    `filling` says how, at the moment of the restore; None leaves the restore alone. What it gives is called
    with Region and table as soon as the table is ACTIVE and before anybody looks into it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._pending: dict[tuple[str, str], Filling] = {}
        self._filling = threading.Lock()

    def filling(self, call: Call) -> Filling | None:
        """How to change the table that `call` restores."""
        raise NotImplementedError

    def holding(self, items: Sequence[Document]) -> Filling:
        """A filling that makes `items` the contents."""

        def fill(region: str, table: str) -> None:
            replace_contents(self.endpoint, region, table, items)

        return fill

    def request(self, call: Call) -> Call | Answer:
        """Fill a restored table before the first call that could look into it."""
        if call.operation in _LOOKS:
            self._fill(call.region, call.table)
        return call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take down how a restored table will be filled."""
        if call.operation in RESTORES and answer.ok:
            filling = self.filling(call)
            if filling is not None:
                with self.lock:
                    self._pending[(call.region, str(call.parameter("TargetTableName")))] = filling
        return answer

    def _fill(self, region: str, table: str) -> None:
        with self.lock:
            waiting = (region, table) in self._pending
        if not waiting:
            return
        with self._filling:
            answer = self.endpoint.call(region, "DescribeTable", {"TableName": table})
            if (answer.member("Table") or {}).get("TableStatus") != "ACTIVE":
                return
            with self.lock:
                filling = self._pending.pop((region, table), None)
            if filling is not None:
                filling(region, table)


def source_of_restore(endpoint: Endpoint, call: Call) -> str:
    """The name of the table that a restore comes from; empty if it cannot be found out."""
    for name in ("SourceTableName", "SourceTableArn"):
        if call.parameter(name):
            return table_name(str(call.parameter(name)))
    arn = call.parameter("BackupArn")
    if not arn:
        return ""
    answer = endpoint.call(call.region, "DescribeBackup", {"BackupArn": arn})
    details = (answer.member("BackupDescription") or {}).get("SourceTableDetails") or {}
    return str(details.get("TableName") or table_name(str(arn)))


def without_condition(call: Call) -> Call:
    """The write without its condition, and without the placeholders that only the condition used."""
    parameters = dict(call.parameters or {})
    for name in ("ConditionExpression", "Expected", "ConditionalOperator"):
        parameters.pop(name, None)
    used = set(re.findall(r"[#:]\w+", str(parameters.get("UpdateExpression", ""))))
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        kept = {key: value for key, value in (parameters.get(name) or {}).items() if key in used}
        parameters.pop(name, None)
        if kept:
            parameters[name] = kept
    return Call(call.region, call.operation, parameters)
