"""Relays in front of two copies of one endpoint: eventually consistent reads are answered by a copy that lags.

That is lawful (RC-02), so behind `legal-lag` nothing may fail; a suite that reads carelessly accuses an honest
endpoint there. Behind `consistent-reads-lag` reads lag although ConsistentRead asks for the latest state, which
the suite must catch.

What an item became is read from the first copy when a write is answered, and is written to the second one
`LAG_SECONDS` later. Tables are made and deleted in both. A table that only the first has, because it was
restored there, is read there, without lag. Leaves out: lag of DescribeTable, of indexes and of streams.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, table_name
from ddbproof.conformance.defects.shadow import WRITES, Keys, current_item

LAG_SECONDS = 0.2
_READS = {"GetItem", "Query", "Scan", "BatchGetItem"}
_TABLE_CALLS = {"CreateTable", "UpdateTable", "DeleteTable"}
_ABSENT = {"ResourceNotFoundException", "TableNotFoundException"}


class LegalLag(Defect):
    """Eventually consistent reads show what was there a moment ago."""

    name = "legal-lag"
    sentence = "Nothing is broken: eventually consistent reads lag by 200 ms, as they may"
    claims: ClassVar[tuple[str, ...]] = ()
    needs_copy = True

    def __init__(self, endpoint: Endpoint, copy: Endpoint) -> None:
        super().__init__(endpoint)
        self._copy = copy
        self._keys = Keys(endpoint)
        self._due: deque[tuple[float, str, str, Document, Document | None]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def lags(self, call: Call) -> bool:
        """Whether the copy may answer this read."""
        if call.operation == "BatchGetItem":
            requests = call.parameter("RequestItems")
            return isinstance(requests, dict) and not any(
                isinstance(one, dict) and one.get("ConsistentRead") for one in requests.values()
            )
        return not call.parameter("ConsistentRead")

    def request(self, call: Call) -> Call | Answer:
        """Answer a read from the copy, unless only the first has the table."""
        if call.operation not in _READS or not self.lags(call):
            return call
        answer = self._copy.call(call.region, call.operation, call.parameters or {})
        return call if answer.code in _ABSENT else answer

    def response(self, call: Call, answer: Answer) -> Answer:
        """Let the copy follow."""
        if answer.ok and call.operation in _TABLE_CALLS:
            self._copy.call(call.region, call.operation, call.parameters or {})
        elif answer.ok:
            for table, key in self._written(call):
                # Whoever reads last is also the last in the queue, so the copy ends up with the latest state.
                with self._wake:
                    item = current_item(self.endpoint, call.region, table, key)
                    due = time.monotonic() + LAG_SECONDS
                    self._due.append((due, call.region, table, key, item))
                    self._wake.notify()
        return answer

    def _written(self, call: Call) -> Iterator[tuple[str, Document]]:
        """Table and key of each item that the call may have changed."""
        if call.operation in WRITES:
            yield call.table, self._keys.of_call(call)
        elif call.operation == "BatchWriteItem":
            for name, writes in (call.parameter("RequestItems") or {}).items():
                for write in writes:
                    yield from self._of_write(call.region, name, write)
        elif call.operation == "TransactWriteItems":
            for action in call.parameter("TransactItems") or ():
                for one in action.values():
                    yield from self._of_write(call.region, one["TableName"], {"Any": one})

    def _of_write(self, region: str, name: str, write: Document) -> Iterator[tuple[str, Document]]:
        table = table_name(name)
        for request in write.values():
            key = request.get("Key") or self._keys.of_item(region, table, request.get("Item") or {})
            yield table, key

    def _follow(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._due or self._closed)
                if self._closed:
                    return
                due, region, table, key, item = self._due.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            if item is None:
                self._copy.call(region, "DeleteItem", {"TableName": table, "Key": key})
            else:
                self._copy.call(region, "PutItem", {"TableName": table, "Item": item})

    def close(self) -> None:
        """The copy follows no longer."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()


class ConsistentReadsLag(LegalLag):
    """Reads lag whatever they ask for."""

    name = "consistent-reads-lag"
    sentence = "A read with ConsistentRead=true shows what was there 200 ms ago"
    claims = ("RC-03", "RC-07")

    def lags(self, call: Call) -> bool:  # noqa: ARG002 - all do
        """Every read."""
        return True


DEFECTS = (ConsistentReadsLag,)
