"""Planted defects that show only while something is broken (ME-10, ME-11, RC-01)."""

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


DEFECTS = (IsolatedRegionRefusesWrites, IsolatedWritesLost, AcknowledgesTooEarly)
