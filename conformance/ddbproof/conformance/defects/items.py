"""Planted defects of items, keys, conditions and reads (PART, RC)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import (
    Answer,
    Call,
    Defect,
    Document,
    Endpoint,
    canonical,
    failure,
    success,
)
from ddbproof.conformance.defects.shadow import WRITES, Keys, current_item, without_condition


class ConditionsIgnored(Defect):
    """Conditional writes are always applied."""

    name = "conditions-ignored"
    sentence = "A write is applied although its condition does not hold"
    claims = ("RC-08",)

    def request(self, call: Call) -> Call | Answer:
        """Take the condition away."""
        return without_condition(call) if call.operation in WRITES else call


class UpdatesLost(Defect):
    """Of two updates of one item at the same time only one is applied."""

    name = "updates-lost"
    sentence = "An update that meets another update of the same item is answered 200 and lost"
    claims = ("RC-08",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._under_way: dict[str, int] = {}

    def request(self, call: Call) -> Call | Answer:
        """Swallow an update while another one of the same item is under way."""
        if call.operation != "UpdateItem":
            return call
        where = self._where(call)
        with self.lock:
            busy = self._under_way.get(where, 0)
            self._under_way[where] = busy + 1
        if not busy:
            return call
        item = current_item(self.endpoint, call.region, call.table, call.parameter("Key"))
        return success({"Attributes": item} if call.parameter("ReturnValues") and item else {})

    def response(self, call: Call, answer: Answer) -> Answer:
        """The update is over."""
        if call.operation == "UpdateItem":
            with self.lock:
                self._under_way[self._where(call)] -= 1
        return answer

    def _where(self, call: Call) -> str:
        return canonical([call.region, call.table, call.parameter("Key")])


class StaleConsistentRead(Defect):
    """The first strongly consistent read after a write still shows what was there before."""

    name = "consistent-read-stale"
    sentence = "A strongly consistent read shows the item as it was before the last write"
    claims = ("RC-03", "RC-07")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)
        self._before: dict[str, Document | None] = {}

    def request(self, call: Call) -> Call | Answer:
        """Remember what is there before a write; serve that once."""
        if call.operation in WRITES:
            key = self._keys.of_call(call)
            before = current_item(self.endpoint, call.region, call.table, key)
            with self.lock:
                self._before[canonical([call.region, call.table, key])] = before
        elif call.operation == "GetItem" and call.parameter("ConsistentRead"):
            where = canonical([call.region, call.table, call.parameter("Key")])
            with self.lock:
                if where in self._before:
                    before = self._before.pop(where)
                    return success({"Item": before} if before else {})
        return call


class QueryOrderIgnored(Defect):
    """Query answers items in whatever order, here the wrong one."""

    name = "query-order-wrong"
    sentence = "Query does not return items in the order of their sort keys"
    claims = ("PART-10",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Put the first item last."""
        items = answer.member("Items")
        if call.operation == "Query" and items:
            return answer.with_members(Items=[*items[1:], items[0]])
        return answer


class ScanForwardIgnored(Defect):
    """ScanIndexForward=false changes nothing."""

    name = "scan-forward-ignored"
    sentence = "Query ignores ScanIndexForward"
    claims = ("PART-10",)

    def request(self, call: Call) -> Call | Answer:
        """Take the parameter away."""
        return call.with_parameters(ScanIndexForward=None) if call.operation == "Query" else call


class SchemaImposed(Defect):
    """An attribute keeps the type with which it was first written in its table."""

    name = "schema-imposed"
    sentence = "An attribute outside the key cannot have another type in another item"
    claims = ("PART-13",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._types: dict[tuple[str, str, str], str] = {}

    def request(self, call: Call) -> Call | Answer:
        """Refuse an item with an attribute of another type."""
        item = call.parameter("Item") if call.operation == "PutItem" else None
        for name, value in (item or {}).items():
            kind = next(iter(value), "")
            with self.lock:
                first = self._types.setdefault((call.region, call.table, name), kind)
            if first != kind:
                return failure("ValidationException", f"Type mismatch for attribute {name}")
        return call


class KeyTypesUnchecked(Defect):
    """A key attribute of the wrong type is taken."""

    name = "key-types-unchecked"
    sentence = "An item whose key attribute has the wrong type is accepted"
    claims = ("PART-13",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer a refused type with 200."""
        refused = call.operation == "PutItem" and answer.code == "ValidationException"
        return success({}) if refused and "type" in str(answer.member("message")).lower() else answer


class KeyLimitsLifted(Defect):
    """Keys may be as long as they like."""

    name = "key-limits-lifted"
    sentence = "A key longer than 2048 (partition key) or 1024 bytes (sort key) is accepted"
    claims = ("PART-14",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer a refused key with 200."""
        if call.operation not in WRITES or answer.code != "ValidationException":
            return answer
        sizes = [len(str(next(iter(value.values()), ""))) for value in _key_like(call).values()]
        return success({}) if any(size > 1024 for size in sizes) else answer


class ItemLimitLifted(Defect):
    """Items may be as large as they like."""

    name = "item-limit-lifted"
    sentence = "An item larger than 400 KB is accepted"
    claims = ("PART-14",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer a refused item with 200."""
        large = len(canonical(call.parameters)) > 400_000
        return success({}) if call.operation in WRITES and large and not answer.ok else answer


class KeyLimitsTightened(Defect):
    """Keys end at 255 bytes."""

    name = "key-limits-tightened"
    sentence = "A key of lawful length is refused"
    claims = ("PART-14",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)

    def request(self, call: Call) -> Call | Answer:
        """Refuse what is longer."""
        if call.operation in WRITES:
            for value in self._keys.of_call(call).values():
                if len(str(next(iter(value.values()), ""))) > 255:
                    return failure(
                        "ValidationException", "One or more parameter values were invalid: key too long"
                    )
        return call


def _key_like(call: Call) -> Document:
    """Attributes that could be keys: the key, or the short scalars of an item."""
    key = call.parameter("Key")
    item = call.parameter("Item")
    return {k: v for k, v in (key or item or {}).items() if isinstance(v, dict) and ({"S", "B"} & set(v))}


DEFECTS = (
    ConditionsIgnored,
    UpdatesLost,
    StaleConsistentRead,
    QueryOrderIgnored,
    ScanForwardIgnored,
    SchemaImposed,
    KeyTypesUnchecked,
    KeyLimitsLifted,
    KeyLimitsTightened,
    ItemLimitLifted,
)
