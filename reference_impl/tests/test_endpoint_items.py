"""Items on the reference endpoint: put, get, update, delete, Query, Scan, batches."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import NotBuiltError, ServiceError, ValidationError


class Table:
    """One table `songs` with a string partition key `pk` and, on request, a number sort key `sk`."""

    def __init__(self, *, sort_type: str | None = None) -> None:
        self.endpoint = ReferenceEndpoint(clock=Clock(frozen_at_milliseconds=1_800_000_000_000))
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}]
        definitions = [{"AttributeName": "pk", "AttributeType": "S"}]
        if sort_type:
            keys.append({"AttributeName": "sk", "KeyType": "RANGE"})
            definitions.append({"AttributeName": "sk", "AttributeType": sort_type})
        self.call(
            "CreateTable", AttributeDefinitions=definitions, KeySchema=keys, BillingMode="PAY_PER_REQUEST"
        )

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        context = CallContext("us-east-1", "000000000000")
        if not operation.startswith("Batch"):
            parameters["TableName"] = "songs"
        answer = self.endpoint.call(operation, parameters, context)
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
        return decoded

    def put(self, pk: str, **attributes: Any) -> dict[str, Any]:
        return self.call("PutItem", Item={"pk": {"S": pk}, **attributes})

    def get(self, pk: str) -> dict[str, Any] | None:
        return self.call("GetItem", Key={"pk": {"S": pk}}).get("Item")


def refused(code: str) -> Any:
    return pytest.raises(ServiceError, check=lambda error: error.code == code)


def test_what_was_put_is_read_and_replaced_and_deleted() -> None:
    """RC-03, RC-07: a strongly consistent read sees the last write."""
    table = Table()
    table.put("a", v={"N": "1.50"}, tags={"SS": ["x", "y"]})
    assert table.get("a") == {"pk": {"S": "a"}, "v": {"N": "1.5"}, "tags": {"SS": ["x", "y"]}}
    old = table.call("PutItem", Item={"pk": {"S": "a"}}, ReturnValues="ALL_OLD")["Attributes"]
    assert old["v"] == {"N": "1.5"}
    assert table.get("a") == {"pk": {"S": "a"}}
    table.call("DeleteItem", Key={"pk": {"S": "a"}})
    assert table.get("a") is None


def test_a_condition_that_is_false_changes_nothing() -> None:
    """RC-08; the old item is returned when asked for."""
    table = Table()
    table.put("a", v={"S": "one"})
    with refused("ConditionalCheckFailedException") as caught:
        table.call(
            "PutItem",
            Item={"pk": {"S": "a"}, "v": {"S": "two"}},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert b"one" in bytes(caught.value.extra["Item"])
    assert table.get("a") == {"pk": {"S": "a"}, "v": {"S": "one"}}


def test_an_update_makes_the_item_and_returns_what_is_asked() -> None:
    """UpdateItem is an upsert; UPDATED_NEW and UPDATED_OLD hold just the named attributes."""
    table = Table()
    request = {
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "ADD visits :one SET #n = :name",
        "ExpressionAttributeNames": {"#n": "name"},
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":name": {"S": "x"}},
    }
    first = table.call("UpdateItem", **request, ReturnValues="UPDATED_OLD")
    assert "Attributes" not in first
    second = table.call("UpdateItem", **request, ReturnValues="UPDATED_NEW")
    assert second["Attributes"] == {"visits": {"N": "2"}, "name": {"S": "x"}}
    assert table.call("UpdateItem", **request, ReturnValues="ALL_NEW")["Attributes"]["visits"] == {"N": "3"}


def test_an_update_without_an_expression_makes_an_item_of_its_key() -> None:
    """UpdateItem with only a key creates the item."""
    table = Table()
    table.call("UpdateItem", Key={"pk": {"S": "a"}})
    assert table.get("a") == {"pk": {"S": "a"}}


def test_the_key_cannot_be_updated() -> None:
    """An item's key is its identity."""
    with pytest.raises(ValidationError, match="Cannot update attribute pk"):
        Table().call(
            "UpdateItem",
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET pk = :b",
            ExpressionAttributeValues={":b": {"S": "b"}},
        )


def test_an_item_of_400_kilobytes_fits_and_one_byte_more_does_not() -> None:
    """PART-14: the names count."""
    table = Table()
    room = 400 * 1024 - len("pk") - len("a") - len("v")
    table.put("a", v={"S": "x" * room})
    with pytest.raises(ValidationError, match="Item size has exceeded"):
        table.put("a", v={"S": "x" * (room + 1)})
    with pytest.raises(ValidationError, match="Item size to update"):
        table.call(
            "UpdateItem",
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET w = :w",
            ExpressionAttributeValues={":w": {"S": ""}},
        )


numbers = st.integers(-(10**6), 10**6).map(str)


@settings(deadline=None, max_examples=30)
@given(st.sets(numbers, min_size=1, max_size=12), st.integers(1, 5), st.booleans())
def test_paging_through_a_collection_gives_every_item_once_in_order(
    sort_keys: set[str], limit: int, forward: bool
) -> None:
    """PART-10: ascending by number, or descending; pages neither skip nor repeat."""
    table = Table(sort_type="N")
    for sort_key in sort_keys:
        table.put("a", sk={"N": sort_key})
    table.put("b", sk={"N": "0"})
    seen: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = table.call(
            "Query",
            KeyConditionExpression="pk = :a",
            ExpressionAttributeValues={":a": {"S": "a"}},
            Limit=limit,
            ScanIndexForward=forward,
            **start,
        )
        seen += [item["sk"]["N"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert seen == sorted(sort_keys, key=int, reverse=not forward)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.text(min_size=1, max_size=5), max_size=20), st.integers(1, 7))
def test_the_segments_of_a_scan_are_disjoint_and_complete(keys: set[str], total: int) -> None:
    """A parallel scan sees every item exactly once."""
    table = Table()
    for key in keys:
        table.put(key)
    seen = [
        item["pk"]["S"]
        for segment in range(total)
        for item in table.call("Scan", Segment=segment, TotalSegments=total)["Items"]
    ]
    assert sorted(seen) == sorted(keys)


def test_a_page_ends_at_one_megabyte() -> None:
    """Query and Scan evaluate about 1 MB a page, filter or not."""
    table = Table()
    for number in range(6):
        table.put(str(number), v={"S": "x" * 300_000})
    page = table.call("Scan", FilterExpression="attribute_not_exists(v)")
    assert page["ScannedCount"] == 4
    assert page["Items"] == []
    assert "LastEvaluatedKey" in page


def test_a_filter_may_not_name_a_key_of_the_query() -> None:
    """Key attributes belong into the key condition."""
    with pytest.raises(ValidationError, match="Primary key attribute: pk"):
        Table().call(
            "Query",
            KeyConditionExpression="pk = :a",
            FilterExpression="pk = :a",
            ExpressionAttributeValues={":a": {"S": "a"}},
        )


def test_a_read_costs_what_the_documentation_says() -> None:
    """RC-09: 4 KB a unit when strongly consistent, half of it otherwise; a write 1 KB a unit."""
    table = Table()
    put = table.call(
        "PutItem", Item={"pk": {"S": "a"}, "v": {"S": "x" * 5000}}, ReturnConsumedCapacity="TOTAL"
    )
    assert put["ConsumedCapacity"]["CapacityUnits"] == 5
    for consistent, units in [(True, 2), (False, 1)]:
        read = table.call(
            "GetItem", Key={"pk": {"S": "a"}}, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL"
        )
        assert read["ConsumedCapacity"]["CapacityUnits"] == units


def test_a_batch_is_checked_whole_before_anything_is_written() -> None:
    """A bad last request leaves nothing of the first ones behind."""
    table = Table()
    good = {"PutRequest": {"Item": {"pk": {"S": "a"}}}}
    with pytest.raises(ValidationError, match="Missing the key pk"):
        table.call(
            "BatchWriteItem", RequestItems={"songs": [good, {"PutRequest": {"Item": {"x": {"S": "b"}}}}]}
        )
    assert table.get("a") is None
    with pytest.raises(ValidationError, match="duplicates"):
        table.call("BatchWriteItem", RequestItems={"songs": [good, good]})
    table.call("BatchWriteItem", RequestItems={"songs": [good]})
    found = table.call(
        "BatchGetItem", RequestItems={"songs": {"Keys": [{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]}}
    )
    assert found["Responses"] == {"songs": [{"pk": {"S": "a"}}]}


def test_older_parameters_are_refused_by_name() -> None:
    """Ignoring a condition that the caller gave would be a pretended success."""
    with pytest.raises(NotBuiltError, match="PutItem with Expected"):
        Table().call("PutItem", Item={"pk": {"S": "a"}}, Expected={"pk": {"Exists": False}})


def test_a_table_in_the_making_has_no_items() -> None:
    """CTL-01: data operations need ACTIVE or UPDATING."""
    with refused("ResourceNotFoundException"):
        ReferenceEndpoint().call(
            "GetItem", {"TableName": "nope", "Key": {}}, CallContext("us-east-1", "000000000000")
        )


@pytest.mark.parametrize("member", ["AttributeDefinitions", "KeySchema"])
def test_a_table_without_a_key_is_refused(member: str) -> None:
    """The service model does not require the key's members; the endpoint does."""
    request = {
        "TableName": "songs",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    del request[member]
    with refused("ValidationException"):
        ReferenceEndpoint().call("CreateTable", request, CallContext("us-east-1", "000000000000"))
