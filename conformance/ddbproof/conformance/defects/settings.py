"""Planted defects of tables as such: names, keys, listings, capacity, warm throughput (CTL, CA)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, failure, success
from ddbproof.conformance.defects.shadow import contents

_LONGEST_NAME = 255


def accepted(call: Call) -> Answer:
    """A CreateTable or UpdateTable that is answered as if it had been done."""
    return success({"TableDescription": {"TableName": call.table, "TableStatus": "CREATING"}})


class DescribeFailsAtFirst(Defect):
    """The first description of a new table is refused with an error that clients do not wait for."""

    name = "describe-fails-at-first"
    sentence = "Right after CreateTable, DescribeTable is refused with ValidationException"
    claims = ("CTL-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._new: set[tuple[str, str]] = set()

    def request(self, call: Call) -> Call | Answer:
        """Refuse once."""
        where = (call.region, call.table)
        with self.lock:
            if call.operation == "CreateTable":
                self._new.add(where)
            elif call.operation == "DescribeTable" and where in self._new:
                self._new.discard(where)
                return failure("ValidationException", "The table is not known yet")
        return call


class OldItemsComeBack(Defect):
    """A table made under the name of a deleted one has its items."""

    name = "old-items-come-back"
    sentence = "A table made under the name of a deleted one holds the items of that one"
    claims = ("CTL-06",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._ghosts: dict[tuple[str, str], list[Document]] = {}

    def request(self, call: Call) -> Call | Answer:
        """Keep what a deleted table held, and put it back before the table is looked into."""
        where = (call.region, call.table)
        if call.operation == "DeleteTable":
            ghosts = contents(self.endpoint, *where)
            with self.lock:
                self._ghosts[where] = ghosts
        elif call.operation == "Scan":
            with self.lock:
                ghosts = self._ghosts.pop(where, [])
            for item in ghosts:
                self.endpoint.call(call.region, "PutItem", {"TableName": call.table, "Item": item})
        return call


class TableListEndsEarly(Defect):
    """ListTables never says that there is another page."""

    name = "table-list-ends-early"
    sentence = "A page of ListTables that is not the last has no LastEvaluatedTableName"
    claims = ("CTL-07",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the name away."""
        if call.operation != "ListTables" or not answer.ok:
            return answer
        return answer.with_members(LastEvaluatedTableName=None)


class LongNamesAccepted(Defect):
    """A table may have a name of any length."""

    name = "long-table-names-accepted"
    sentence = "A table name of 256 characters is accepted"
    claims = ("CTL-08",)

    def request(self, call: Call) -> Call | Answer:
        """Say yes."""
        too_long = call.operation == "CreateTable" and len(call.table) > _LONGEST_NAME
        return accepted(call) if too_long else call


class TwoPartitionKeysAccepted(Defect):
    """A key schema may have two partition keys."""

    name = "two-partition-keys-accepted"
    sentence = "A table with two partition keys is accepted"
    claims = ("CTL-09",)

    def request(self, call: Call) -> Call | Answer:
        """Say yes."""
        kinds = [element.get("KeyType") for element in call.parameter("KeySchema") or ()]
        return accepted(call) if kinds == ["HASH", "HASH"] else call


class WritesByArnLost(Defect):
    """An item put to a table named by its ARN is nowhere."""

    name = "writes-by-arn-lost"
    sentence = "PutItem to a table named by its ARN is answered 200 and does nothing"
    claims = ("CTL-10",)

    def request(self, call: Call) -> Call | Answer:
        """Swallow it."""
        by_arn = str(call.parameter("TableName")).startswith("arn:")
        return success({}) if call.operation == "PutItem" and by_arn else call


class CapacityUnchanged(Defect):
    """UpdateTable does not change capacity."""

    name = "capacity-unchanged"
    sentence = "UpdateTable with another capacity is answered 200 and changes nothing"
    claims = ("CTL-11",)

    def request(self, call: Call) -> Call | Answer:
        """Swallow it."""
        changes = call.operation == "UpdateTable" and call.parameter("ProvisionedThroughput")
        return accepted(call) if changes else call


class OnDemandTakesUnits(Defect):
    """An on-demand table may be made with a capacity."""

    name = "on-demand-takes-units"
    sentence = "CreateTable takes ProvisionedThroughput for an on-demand table"
    claims = ("CTL-12",)

    def request(self, call: Call) -> Call | Answer:
        """Drop the units."""
        if call.operation == "CreateTable" and call.parameter("BillingMode") == "PAY_PER_REQUEST":
            return call.with_parameters(ProvisionedThroughput=None)
        return call


class ItemCountInvented(Defect):
    """ItemCount is a number of its own."""

    name = "item-count-invented"
    sentence = "DescribeTable shows more items than there ever were"
    claims = ("CTL-13",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Five more."""
        table = answer.member("Table")
        if call.operation != "DescribeTable" or not isinstance(table, dict):
            return answer
        return answer.with_members(Table={**table, "ItemCount": int(table.get("ItemCount", 0)) + 5})


class WarmThroughputLowered(Defect):
    """Warm throughput may be lowered."""

    name = "warm-throughput-lowered"
    sentence = "UpdateTable with less warm throughput than there is, is accepted"
    claims = ("CA-05",)

    def request(self, call: Call) -> Call | Answer:
        """Say yes."""
        lowers = call.operation == "UpdateTable" and call.parameter("WarmThroughput")
        return accepted(call) if lowers else call


DEFECTS = (
    DescribeFailsAtFirst,
    OldItemsComeBack,
    TableListEndsEarly,
    LongNamesAccepted,
    TwoPartitionKeysAccepted,
    WritesByArnLost,
    CapacityUnchanged,
    OnDemandTakesUnits,
    ItemCountInvented,
    WarmThroughputLowered,
)
