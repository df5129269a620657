"""Planted defects of eventually consistent reads: lawful lag that never ends, and what never was (RC-02, RC-04)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, canonical
from ddbproof.conformance.defects.shadow import Keys

_REFUSED = "ConditionalCheckFailedException"


def _is_eventual(call: Call) -> bool:
    return call.operation == "GetItem" and not call.parameter("ConsistentRead")


class EventualReadsStay(Defect):
    """A replica that no leader reaches any more goes on answering."""

    name = "eventual-reads-stay"
    sentence = "Eventually consistent reads of an item show for ever what the first of them showed"
    claims = ("RC-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[tuple[str, str, str], Answer] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """The first answer again."""
        if not _is_eventual(call) or not answer.ok:
            return answer
        with self.lock:
            return self._first.setdefault((call.region, call.table, canonical(call.parameter("Key"))), answer)


class ShowsRefusedWrites(Defect):
    """A write is put into a cache before its condition is evaluated, and reads look there first."""

    name = "shows-refused-writes"
    sentence = "An item whose condition failed is shown by eventually consistent reads"
    claims = ("RC-04",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)
        self._refused: dict[tuple[str, str, str], Document] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember what was refused, and show it."""
        if call.operation == "PutItem" and answer.code == _REFUSED:
            item = call.parameter("Item")
            key = canonical(self._keys.of_item(call.region, call.table, item))
            with self.lock:
                self._refused[call.region, call.table, key] = item
        elif _is_eventual(call) and answer.ok:
            with self.lock:
                item = self._refused.get((call.region, call.table, canonical(call.parameter("Key"))))
            if item is not None:
                return answer.with_members(Item=item)
        return answer


DEFECTS = (EventualReadsStay, ShowsRefusedWrites)
