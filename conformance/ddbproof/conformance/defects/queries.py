"""Planted defects of Query, Scan and projections (QU), and of the capacity that requests consume (RC-09)."""

from __future__ import annotations

import base64

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
from ddbproof.conformance.defects.expressions import pruned
from ddbproof.conformance.defects.shadow import Keys, current_item

_MANY = frozenset({"Query", "Scan"})
_PAGES_AT_MOST = 200


class UpperBoundExcluded(Defect):
    """A key condition leaves out the sort key that it names as its upper bound."""

    name = "upper-bound-excluded"
    sentence = "A key condition with <= leaves out the item at its bound"
    claims = ("QU-01",)

    def request(self, call: Call) -> Call | Answer:
        """Less than, and nothing more."""
        condition = call.parameter("KeyConditionExpression")
        if call.operation != "Query" or not isinstance(condition, str):
            return call
        return call.with_parameters(KeyConditionExpression=condition.replace("<=", "<"))


class BytesAreSigned(Defect):
    """Binary sort keys are ordered with 0x80 below 0x00."""

    name = "bytes-are-signed"
    sentence = "Binary sort keys are ordered by signed bytes"
    claims = ("QU-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Order them anew."""
        items, names = answer.member("Items"), self._keys.names(call.region, call.table)
        if call.operation != "Query" or not items or len(names) != 2 or "B" not in items[0].get(names[1], {}):
            return answer

        def order(item: Document) -> bytes:
            value = base64.b64decode(item[names[1]]["B"])
            return bytes((byte + 128) % 256 for byte in value)

        backwards = call.parameter("ScanIndexForward") is False
        return answer.with_members(Items=sorted(items, key=order, reverse=backwards))


class PagesOverlap(Defect):
    """A page begins with the item at which the one before ended."""

    name = "pages-overlap"
    sentence = "A page of a Query repeats the last item of the page before"
    claims = ("QU-03",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Put the item in front."""
        start = call.parameter("ExclusiveStartKey")
        if call.operation != "Query" or not start or not answer.ok:
            return answer
        item = current_item(self.endpoint, call.region, call.table, start)
        return answer.with_members(Items=[*([item] if item else []), *(answer.member("Items") or [])])


class PageNeedsItsItem(Defect):
    """A page is empty, and the last, if the item at which the one before ended is gone."""

    name = "page-needs-its-item"
    sentence = "A Query ends at a LastEvaluatedKey whose item was deleted meanwhile"
    claims = ("QU-03",)

    def request(self, call: Call) -> Call | Answer:
        """Find nothing behind a missing item."""
        start = call.parameter("ExclusiveStartKey")
        if call.operation != "Query" or not start:
            return call
        item = current_item(self.endpoint, call.region, call.table, start)
        return call if item else success({"Items": [], "Count": 0, "ScannedCount": 0})


def whole(endpoint: Endpoint, call: Call, answer: Answer) -> Answer:
    """The answer of a Query or Scan with all pages that follow it."""
    items, count, read = (
        [*(answer.member("Items") or [])],
        answer.member("Count"),
        answer.member("ScannedCount"),
    )
    page = answer
    for _ in range(_PAGES_AT_MOST):
        last = page.member("LastEvaluatedKey")
        if not last:
            break
        page = endpoint.call(
            call.region, call.operation, {**(call.parameters or {}), "ExclusiveStartKey": last}
        )
        items += page.member("Items") or []
        count, read = count + page.member("Count"), read + page.member("ScannedCount")
    return answer.with_members(Items=items, Count=count, ScannedCount=read, LastEvaluatedKey=None)


class LimitCountsMatches(Defect):
    """Limit bounds the items that pass the filter."""

    name = "limit-counts-matches"
    sentence = "A Query with a Limit reads on until as many items have passed its filter"
    claims = ("QU-04",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Read all pages."""
        limited = call.parameter("Limit") and call.parameter("FilterExpression")
        return (
            whole(self.endpoint, call, answer)
            if call.operation == "Query" and limited and answer.ok
            else answer
        )


class PagesWithoutEnd(Defect):
    """A page holds everything, however much it is."""

    name = "pages-without-end"
    sentence = "A page of a Query does not end at 1 MB"
    claims = ("QU-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Read all pages."""
        unlimited = call.operation == "Query" and not call.parameter("Limit") and answer.ok
        return whole(self.endpoint, call, answer) if unlimited else answer


class ScannedMeansMatched(Defect):
    """ScannedCount is the number of items returned."""

    name = "scanned-means-matched"
    sentence = "ScannedCount counts only the items that passed the filter"
    claims = ("QU-06",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Tell Count twice."""
        many = call.operation in _MANY and answer.ok
        return answer.with_members(ScannedCount=answer.member("Count")) if many else answer


class ProjectionIgnored(Defect):
    """Reads return whole items."""

    name = "projection-ignored"
    sentence = "A ProjectionExpression changes nothing"
    claims = ("QU-07",)

    def request(self, call: Call) -> Call | Answer:
        """Take it away."""
        projected = call.operation in {*_MANY, "GetItem"} and call.parameter("ProjectionExpression")
        return pruned(call.with_parameters(ProjectionExpression=None)) if projected else call


class FilterSavesCapacity(Defect):
    """Only what passes the filter is paid for."""

    name = "filter-saves-capacity"
    sentence = "A Query with a filter consumes capacity only for the items that pass it"
    claims = ("QU-08",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Scale the units."""
        consumed, read = answer.member("ConsumedCapacity"), answer.member("ScannedCount")
        if call.operation != "Query" or not consumed or not read:
            return answer
        units = consumed.get("CapacityUnits", 0) * answer.member("Count") / read
        return answer.with_members(ConsumedCapacity={**consumed, "CapacityUnits": units})


class ScanLosesItems(Defect):
    """The last item of a page that is not the last one is lost."""

    name = "scan-loses-items"
    sentence = "A Scan of several pages leaves items out"
    claims = ("QU-09",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take it out."""
        if call.operation != "Scan" or not answer.member("LastEvaluatedKey"):
            return answer
        return answer.with_members(Items=(answer.member("Items") or [])[:-1])


class SegmentsIgnored(Defect):
    """Every segment is the whole table."""

    name = "segments-ignored"
    sentence = "Each segment of a parallel scan holds the whole table"
    claims = ("QU-10",)

    def request(self, call: Call) -> Call | Answer:
        """Scan all of it."""
        return call.with_parameters(Segment=None, TotalSegments=None) if call.operation == "Scan" else call


class NewestItemHidden(Defect):
    """The first Query and Scan after a put do not show the new item."""

    name = "newest-item-hidden"
    sentence = "A strongly consistent Query or Scan lacks the item that was written last"
    claims = ("QU-11",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)
        self._newest: dict[tuple[str, str], Document] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember what was put; hide it once."""
        where = (call.region, call.table)
        if call.operation == "PutItem" and answer.ok:
            key = self._keys.of_call(call)
            with self.lock:
                self._newest[where] = key
        elif call.operation in _MANY and answer.ok:
            with self.lock:
                hidden = self._newest.pop(where, None)
            if hidden:
                return answer.with_members(
                    Items=[
                        item
                        for item in answer.member("Items") or []
                        if canonical({name: item.get(name) for name in hidden}) != canonical(hidden)
                    ]
                )
        return answer


class NothingFoundRefused(Defect):
    """A Query that no item matches is an error."""

    name = "nothing-found-refused"
    sentence = "A Query that no item matches is refused"
    claims = ("QU-12",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Refuse it."""
        empty = call.operation == "Query" and answer.ok and answer.member("ScannedCount") == 0
        return failure("ResourceNotFoundException", "Requested resource not found") if empty else answer


class CapacityFlat(Defect):
    """Every request consumes one unit."""

    name = "capacity-flat"
    sentence = "The capacity consumed does not depend on sizes or on the kind of request"
    claims = ("RC-09",)

    def response(self, call: Call, answer: Answer) -> Answer:  # noqa: ARG002 (all operations alike)
        """Tell one unit."""
        consumed = answer.member("ConsumedCapacity")
        if isinstance(consumed, dict):
            return answer.with_members(ConsumedCapacity={**consumed, "CapacityUnits": 1.0})
        if isinstance(consumed, list):
            return answer.with_members(ConsumedCapacity=[{**one, "CapacityUnits": 1.0} for one in consumed])
        return answer


DEFECTS: tuple[type[Defect], ...] = (
    UpperBoundExcluded,
    BytesAreSigned,
    PagesOverlap,
    PageNeedsItsItem,
    LimitCountsMatches,
    PagesWithoutEnd,
    ScannedMeansMatched,
    ProjectionIgnored,
    FilterSavesCapacity,
    ScanLosesItems,
    SegmentsIgnored,
    NewestItemHidden,
    NothingFoundRefused,
    CapacityFlat,
)
