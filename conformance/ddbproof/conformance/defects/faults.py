"""Planted defects that show only while something is broken (ME-10, ME-11, RC-01, REP-07 to REP-09)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, Endpoint, failure, success
from ddbproof.conformance.defects.shadow import WRITES, Keys


class IsolatedRegionRefusesWrites(Defect):
    """A Region that is cut off takes no writes."""

    name = "isolated-region-refuses-writes"
    sentence = "A Region that cannot reach the others refuses writes"
    claims = ("ME-10",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse writes where the Region is cut off."""
        if call.operation in WRITES and call.region in self.endpoint.isolated():
            return failure("ResourceInUseException", "this Region cannot reach the others")
        return call


class IsolatedWritesLost(Defect):
    """What was written in a Region while it was cut off is gone when it is back."""

    name = "isolated-writes-lost"
    sentence = "Writes made in a Region while it was cut off are dropped when it is back"
    claims = ("ME-11",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)
        self._written: list[tuple[str, str, dict[str, object]]] = []

    def request(self, call: Call) -> Call | Answer:
        """Remember what is put during an isolation; take it away before the first read after it."""
        isolated = self.endpoint.isolated()
        if call.operation == "PutItem" and call.region in isolated:
            key = self._keys.of_item(call.region, call.table, call.parameter("Item"))
            with self.lock:
                self._written.append((call.region, call.table, key))
        elif not isolated and self._written:
            with self.lock:
                written, self._written = self._written, []
            for region, table, key in written:
                self.endpoint.call(region, "DeleteItem", {"TableName": table, "Key": key})
        return call


class AcknowledgesTooEarly(Defect):
    """Now and then a write is acknowledged and never made."""

    name = "acknowledges-too-early"
    sentence = "A write is answered 200 before it is durable, and one in nine is lost"
    claims = ("RC-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._count = 0

    def request(self, call: Call) -> Call | Answer:
        """Swallow every ninth PutItem."""
        if call.operation != "PutItem":
            return call
        with self.lock:
            self._count += 1
            return call if self._count % 9 else success({})


class WritesLostWithAZone(Defect):
    """What is written while a zone is down is acknowledged by the others, and held by none of them."""

    name = "writes-lost-with-a-zone"
    sentence = "A write is answered 200 while a zone is down, and never made"
    claims = ("REP-07",)

    def request(self, call: Call) -> Call | Answer:
        """Swallow puts while one zone is down."""
        if call.operation == "PutItem" and len(self.endpoint.zones_down(call.region)) == 1:
            return success({})
        return call


class OneZoneIsNeeded(Defect):
    """Without its first zone a Region takes no writes."""

    name = "one-zone-is-needed"
    sentence = "Writes are refused for as long as the first zone is down"
    claims = ("REP-08",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse puts while the first zone is down."""
        down = self.endpoint.zones_down(call.region)
        if call.operation == "PutItem" and any(zone.endswith("a") for zone in down):
            return failure("InternalServerError", "no leader", status=500)
        return call


class OneZoneIsEnough(Defect):
    """The last zone goes on alone."""

    name = "one-zone-is-enough"
    sentence = "With two zones down writes are answered 200 by the third"
    claims = ("REP-09",)

    def request(self, call: Call) -> Call | Answer:
        """Acknowledge puts that nobody can take."""
        if call.operation == "PutItem" and len(self.endpoint.zones_down(call.region)) == 2:
            return success({})
        return call


DEFECTS = (
    IsolatedRegionRefusesWrites,
    IsolatedWritesLost,
    AcknowledgesTooEarly,
    WritesLostWithAZone,
    OneZoneIsNeeded,
    OneZoneIsEnough,
)
