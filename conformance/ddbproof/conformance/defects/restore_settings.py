"""Planted defects of restored tables' settings, of restores between Regions, and of Regions' own promises
(RS, PI-18, PI-19, PI-23, GT-07, ME-03, ME-07)."""

from __future__ import annotations

from dataclasses import replace

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, canonical, success
from ddbproof.conformance.defects.restores import KnowsRestored
from ddbproof.conformance.defects.shadow import WRITES, without_condition

_FROM_BACKUP = "RestoreTableFromBackup"
_TO_INSTANT = "RestoreTableToPointInTime"


class OverridesIgnored(Defect):
    """A restore takes no other capacity than the source's."""

    name = "restore-overrides-ignored"
    sentence = "BillingModeOverride and ProvisionedThroughputOverride of a restore are ignored"
    claims = ("RS-04",)

    def request(self, call: Call) -> Call | Answer:
        """Drop them."""
        if call.operation not in (_FROM_BACKUP, _TO_INSTANT):
            return call
        return call.with_parameters(BillingModeOverride=None, ProvisionedThroughputOverride=None)


class RestoredCapacityInvented(KnowsRestored):
    """A restored table shows a capacity that its source never had."""

    name = "restored-capacity-invented"
    sentence = "A restored table has 1 read and 1 write unit, whatever its source had"
    claims = ("RS-06", "PI-23")

    def response(self, call: Call, answer: Answer) -> Answer:
        """One and one."""
        table = answer.member("Table")
        restored = self.on_restored(call, answer)
        if call.operation != "DescribeTable" or not restored or not isinstance(table, dict):
            return answer
        units = {
            **(table.get("ProvisionedThroughput") or {}),
            "ReadCapacityUnits": 1,
            "WriteCapacityUnits": 1,
        }
        return answer.with_members(Table={**table, "ProvisionedThroughput": units})


class RestoredItemsLackSets(KnowsRestored):
    """Items of a restored table have lost their sets."""

    name = "restored-items-lack-sets"
    sentence = "Items of a restored table lack their attributes that were sets"
    claims = ("RS-12",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take them away."""
        restored = self.on_restored(call, answer)
        item = answer.member("Item")
        if call.operation != "GetItem" or not restored or not isinstance(item, dict):
            return answer
        kept = {name: value for name, value in item.items() if not {"SS", "NS", "BS"} & set(value)}
        return answer.with_members(Item=kept)


def region_of(arn: object) -> str:
    """The Region in an ARN; empty if it is none."""
    parts = str(arn or "").split(":")
    return parts[3] if len(parts) > 3 else ""


class RestoresStayInTheirRegion(Defect):
    """A restore from another Region makes its table there."""

    name = "restore-stays-in-its-region"
    sentence = "A restore requested in another Region makes its table in the source's Region"
    claims = ("PI-18", "PI-19")

    def request(self, call: Call) -> Call | Answer:
        """Send it there."""
        if call.operation not in (_FROM_BACKUP, _TO_INSTANT):
            return call
        region = region_of(call.parameter("SourceTableArn") or call.parameter("BackupArn"))
        if region not in self.endpoint.regions or region == call.region:
            return call
        return replace(call, region=region)


class StrongModeLater(Defect):
    """A global table in eventual mode may be made strong later."""

    name = "strong-mode-later"
    sentence = (
        "UpdateTable with MultiRegionConsistency STRONG is accepted for a global table in eventual mode"
    )
    claims = ("GT-07",)

    def request(self, call: Call) -> Call | Answer:
        """Say yes."""
        if call.operation == "UpdateTable" and call.parameter("MultiRegionConsistency"):
            return success({"TableDescription": {"TableName": call.table, "TableStatus": "UPDATING"}})
        return call


class ReplicaShowsFirstValue(Defect):
    """A replica shows for ever what it showed first."""

    name = "replica-shows-first-value"
    sentence = "Once an item has been read in another Region, later changes do not show there"
    claims = ("ME-03",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[tuple[str, str, str], Document] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember the first, and show it."""
        item = answer.member("Item")
        away = call.region != self.endpoint.regions[0]
        if call.operation != "GetItem" or not away or not isinstance(item, dict):
            return answer
        with self.lock:
            first = self._first.setdefault((call.region, call.table, canonical(call.parameter("Key"))), item)
        return answer.with_members(Item=first)


class ConditionsIgnoredElsewhere(Defect):
    """Only the first Region evaluates conditions."""

    name = "conditions-ignored-elsewhere"
    sentence = "In other Regions than the first a write is applied although its condition does not hold"
    claims = ("ME-07",)

    def request(self, call: Call) -> Call | Answer:
        """Take the condition away."""
        away = call.region != self.endpoint.regions[0]
        return without_condition(call) if call.operation in WRITES and away else call


DEFECTS = (
    OverridesIgnored,
    RestoredCapacityInvented,
    RestoredItemsLackSets,
    RestoresStayInTheirRegion,
    StrongModeLater,
    ReplicaShowsFirstValue,
    ConditionsIgnoredElsewhere,
)
