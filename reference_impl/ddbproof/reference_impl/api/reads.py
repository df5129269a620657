"""Many items: Query and Scan.

Claims: PART-10 (an item collection is returned in the order of its sort key), RC-02 and RC-03 (consistency
of reads), RC-05 (what can be read strongly: `read_sources`). A page ends after `Limit` evaluated items or 1 MB of them,
whichever comes first; the key of the last evaluated item is where the next page begins, whether the filter
let that item through or not; in an index it has the keys of both. Segments of a parallel scan are equal ranges of the hash
space. The older parameters (KeyConditions, QueryFilter, ScanFilter, AttributesToGet) are not built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from ddbproof.reference_impl.api.call import Call, refuse_unbuilt, usable_table
from ddbproof.reference_impl.api.capacity import consumed_capacity, consumed_with_indexes, read_units
from ddbproof.reference_impl.api.items import decode_item
from ddbproof.reference_impl.api.read_sources import ReadSource, source_of
from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import (
    Bindings,
    CompiledCondition,
    CompiledProjection,
    compile_condition,
    compile_key_condition,
    compile_projection,
)
from ddbproof.reference_impl.values.attribute import normalise_item
from ddbproof.reference_impl.values.keys import HASH_BYTES

PAGE_BYTES = 1024 * 1024

_LEGACY = ("KeyConditions", "QueryFilter", "ScanFilter", "AttributesToGet", "ConditionalOperator")


def query(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Query: the items of one partition key, by a range of sort keys, in order."""
    refuse_unbuilt("Query", parameters, _LEGACY)
    text = parameters.get("KeyConditionExpression")
    if text is None:
        raise ValidationError(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    condition = compile_key_condition(text)
    reading = _Reading.of(parameters, condition)
    source = source_of(call, usable_table(call, parameters["TableName"]), parameters)
    reading.refuse_key_filter(source)
    bounds = condition.bind(source.schema, reading.bindings)
    reverse = not parameters.get("ScanIndexForward", True)
    return _page(call, parameters, source, reading, bounds.start, bounds.end, reverse=reverse)


def scan(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """Scan: all items, or those of one segment, in the order of the hashes of their keys."""
    refuse_unbuilt("Scan", parameters, _LEGACY)
    start, end = _segment(parameters)
    reading = _Reading.of(parameters)
    source = source_of(call, usable_table(call, parameters["TableName"]), parameters)
    return _page(call, parameters, source, reading, start, end, reverse=False)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What happens to each item that is read."""

    bindings: Bindings
    filter: CompiledCondition | None
    projection: CompiledProjection | None
    select: str | None

    @classmethod
    def of(cls, parameters: dict[str, Any], *others: Any) -> _Reading:
        bindings = Bindings(
            parameters.get("ExpressionAttributeNames"), parameters.get("ExpressionAttributeValues")
        )
        filter_text = parameters.get("FilterExpression")
        filter_ = None if filter_text is None else compile_condition(filter_text, kind="FilterExpression")
        projection_text = parameters.get("ProjectionExpression")
        projection = None if projection_text is None else compile_projection(projection_text)
        bindings.check(filter_, projection, *others)
        select = parameters.get("Select")
        if select == "ALL_PROJECTED_ATTRIBUTES" and "IndexName" not in parameters:
            raise ValidationError(
                "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"
            )
        if select == "SPECIFIC_ATTRIBUTES" and projection is None:
            raise ValidationError(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get "
                "SPECIFIC_ATTRIBUTES"
            )
        if projection is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
            raise ValidationError(f"Cannot specify the ProjectionExpression when choosing to get {select}")
        return cls(bindings, filter_, projection, select)

    def refuse_key_filter(self, source: ReadSource) -> None:
        if self.filter is None:
            return
        for name in source.schema.attributes:
            if name in self.filter.attributes(self.bindings):
                raise ValidationError(
                    "Filter Expression can only contain non-primary key attributes: "
                    f"Primary key attribute: {name}"
                )

    def fetches(self, source: ReadSource) -> bool:
        """True if it takes whole items, where an index has parts of them. Raises ValidationError where it may not."""
        if source.projected is None:
            return False
        named = set() if self.projection is None else self.projection.attributes(self.bindings)
        fetches = source.fetches(self.select, named)
        if self.filter is not None and not fetches:
            source.check_filter(self.filter.attributes(self.bindings))
        return fetches


def _page(
    call: Call,
    parameters: dict[str, Any],
    source: ReadSource,
    reading: _Reading,
    start: bytes,
    end: bytes | None,
    *,
    reverse: bool,
) -> dict[str, Any]:
    consistent = parameters.get("ConsistentRead", False)
    fetches = reading.fetches(source)
    start, end = _continue(parameters, source, start, end, reverse=reverse)
    limit = parameters.get("Limit")
    evaluated, size_bytes, count, items = 0, 0, 0, []
    fetched_units = 0.0
    last = None
    found: Any
    for _, found in source.range(call, start, end, reverse=reverse, consistent=consistent):
        evaluated += 1
        size_bytes += found.size_bytes
        if fetches:
            found = found.whole  # noqa: PLW2901 - the item instead of the entry
            fetched_units += read_units(found.size_bytes, consistent=consistent)
        if reading.filter is None and reading.projection is None:
            count += 1
            items.append(msgspec.Raw(found.item))
        else:
            item = decode_item(found)
            if reading.filter is None or reading.filter.evaluate(item, reading.bindings):
                count += 1
                if reading.projection is not None:
                    item = reading.projection.apply(item, reading.bindings)
                items.append(item)  # type: ignore[arg-type]
        if evaluated == limit or size_bytes >= PAGE_BYTES:
            last = decode_item(found)
            break
    answer: dict[str, Any] = {"Count": count, "ScannedCount": evaluated}
    if reading.select != "COUNT":
        answer["Items"] = items
    if last is not None:
        answer["LastEvaluatedKey"] = {name: last[name] for name in source.key_attributes}
    units = read_units(size_bytes, consistent=consistent)
    if source.index is None:
        return answer | consumed_capacity(source.record, parameters, units)
    return answer | consumed_with_indexes(
        source.record, parameters, fetched_units, {source.index.name: units}
    )


def _continue(
    parameters: dict[str, Any], source: ReadSource, start: bytes, end: bytes | None, *, reverse: bool
) -> tuple[bytes, bytes | None]:
    """The range that is left after ExclusiveStartKey."""
    given = parameters.get("ExclusiveStartKey")
    if given is None:
        return start, end
    normalise_item(given)
    try:
        key = source.position(given)
    except ValidationError as error:
        raise ValidationError(f"The provided starting key is invalid: {error.message}") from error
    if key < start or (end is not None and key >= end):
        raise ValidationError(
            "The provided starting key is outside query boundaries based on provided conditions"
        )
    return (start, key) if reverse else (key + b"\x00", end)


def _segment(parameters: dict[str, Any]) -> tuple[bytes, bytes | None]:
    segment, total = parameters.get("Segment"), parameters.get("TotalSegments")
    if segment is None and total is None:
        return b"", None
    if segment is None:
        raise ValidationError(
            "The Segment parameter is required but was not present in the request when parameter "
            "TotalSegments is present"
        )
    if total is None:
        raise ValidationError(
            "The TotalSegments parameter is required but was not present in the request when Segment "
            "parameter is present"
        )
    if segment >= total:
        raise ValidationError(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    space = 1 << (8 * HASH_BYTES)
    start = (space * segment // total).to_bytes(HASH_BYTES, "big")
    end = None if segment + 1 == total else (space * (segment + 1) // total).to_bytes(HASH_BYTES, "big")
    return start, end
