"""Secondary indexes of the reference endpoint: which entries they have, what items have to be, and reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes_by_hand import COLOURS, LOCAL, OWNERS, Indexed, add, attribute, filled, in_order, index, refusal
from zones_by_hand import TABLE

from ddbproof.reference_impl.errors import ServiceError

OWNED = {"#o": "owner"}
DELAY_SECONDS = 10.0


@pytest.fixture
def table() -> Indexed:
    return filled()


def query(name: str, owner: str = "ann", **more: Any) -> dict[str, Any]:
    """The parameters of a query of an index by owner."""
    return {
        "IndexName": name,
        "KeyConditionExpression": "#o = :o",
        "ExpressionAttributeNames": OWNED,
        "ExpressionAttributeValues": {":o": {"S": owner}},
    } | more


def owned_by(table: Indexed, owner: str, name: str = OWNERS) -> list[str]:
    found = table.query_index(name, "#o", owner, ExpressionAttributeNames=OWNED)
    return [item["pk"] + item["sk"] for item in found]


# --- Entries -----------------------------------------------------------------------------------------


def test_entries_are_in_the_order_of_the_index_and_items_without_its_keys_have_none(table: Indexed) -> None:
    """Developer Guide, Global Secondary Indexes: sorted by the index's sort key; sparse indexes."""
    assert owned_by(table, "ann") == ["b1", "a3", "a1"]
    assert owned_by(table, "bob") == ["a2"]
    table.put_item("c", "1", "ann")  # no `n`: not in this index, but in the other one
    assert owned_by(table, "ann") == ["b1", "a3", "a1"]
    assert sorted(owned_by(table, "ann", COLOURS)) == ["a1", "a3", "b1", "c1"]
    table.check_indexes()


def test_an_entry_moves_with_its_item_and_leaves_with_it(table: Indexed) -> None:
    """A write that changes the index key deletes the entry and puts another."""
    table.put_item("a", "1", "bob", 3)
    assert owned_by(table, "ann") == ["b1", "a3"]
    assert owned_by(table, "bob") == ["a1", "a2"]
    table.call(
        "UpdateItem",
        TableName=TABLE,
        Key=table.item("a", "1"),
        UpdateExpression="REMOVE #o",
        ExpressionAttributeNames=OWNED,
    )
    assert owned_by(table, "bob") == ["a2"]
    table.delete_item("a", "2")
    assert owned_by(table, "bob") == []
    table.check_indexes()


def test_an_index_answers_with_what_it_projects(table: Indexed) -> None:
    """ALL, KEYS_ONLY and INCLUDE: never more, and the keys of table and index always."""
    assert set(table.query_index(OWNERS, "#o", "ann", ExpressionAttributeNames=OWNED)[0]) == {
        "pk",
        "sk",
        "owner",
        "n",
        "colour",
        "extra",
    }
    assert set(table.query_index(COLOURS, "#o", "ann", ExpressionAttributeNames=OWNED)[0]) == {
        "pk",
        "sk",
        "owner",
        "colour",
    }
    assert table.query_index(LOCAL, "pk", "b") == [
        {"pk": "b", "sk": "2", "n": "6"},
        {"pk": "b", "sk": "1", "n": "7"},
    ]


def test_a_transaction_and_a_batch_reach_the_index(table: Indexed) -> None:
    """TX-06: item by item, but all of them."""
    puts = [{"Put": {"TableName": TABLE, "Item": table.item("t", str(n), "eve", n)}} for n in range(3)]
    table.call("TransactWriteItems", TransactItems=puts)
    batch = [{"PutRequest": {"Item": table.item("u", str(n), "eve", 5 + n)}} for n in range(3)]
    table.call("BatchWriteItem", RequestItems={TABLE: batch})
    assert owned_by(table, "eve") == ["t0", "t1", "t2", "u0", "u1", "u2"]


def test_an_expired_item_leaves_the_index(table: Indexed) -> None:
    """TT-01: a deletion by time to live is a deletion."""
    until = table.clock.now_milliseconds() // 1000 + 60
    specification = {"Enabled": True, "AttributeName": "until"}
    table.call("UpdateTimeToLive", TableName=TABLE, TimeToLiveSpecification=specification)
    item = table.item("e", "1", "eve", 1) | {"until": {"N": str(until)}}
    table.call("PutItem", TableName=TABLE, Item=item)
    assert owned_by(table, "eve") == ["e1"]
    table.clock.advance(3600)
    assert owned_by(table, "eve") == []


# --- What items have to be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"n": {"S": "7"}}, "Type mismatch for Index Key n Expected: N Actual: S IndexName: "),
        ({"owner": {"NULL": True}}, "Type mismatch for Index Key owner Expected: S Actual: NULL"),
        (
            {"owner": {"S": ""}},
            "The AttributeValue for a key attribute cannot contain an empty string value.",
        ),
    ],
)
def test_an_attribute_that_cannot_be_a_key_of_an_index_is_refused(
    table: Indexed, attributes: dict[str, Any], sentence: str
) -> None:
    """PART-13: by each way of writing, and nothing is written."""
    item = table.item("w", "1") | attributes
    assert sentence in refusal(table, "PutItem", Item=item)
    [(name, value)] = attributes.items()
    assert sentence in refusal(
        table,
        "UpdateItem",
        Key=table.item("w", "1"),
        UpdateExpression="SET #a = :a",
        ExpressionAttributeNames={"#a": name},
        ExpressionAttributeValues={":a": value},
    )
    with pytest.raises(ServiceError, match="ValidationError"):
        table.call("TransactWriteItems", TransactItems=[{"Put": {"TableName": TABLE, "Item": item}}])
    with pytest.raises(ServiceError) as refused:
        table.call("BatchWriteItem", RequestItems={TABLE: [{"PutRequest": {"Item": item}}]})
    assert sentence in refused.value.message
    assert "Item" not in table.call("GetItem", TableName=TABLE, Key=table.item("w", "1"))


def test_what_is_wrong_in_an_item_that_is_older_than_the_index_hinders_no_update_of_the_rest(
    table: Indexed,
) -> None:
    """Developer Guide, Managing Global Secondary Indexes: such an item is left out of the index."""
    table.put_item("v", "1", "ann", 1, shade="dark")
    table.call("PutItem", TableName=TABLE, Item=table.item("v", "2", "ann", 2) | {"shade": {"N": "1"}})
    add(table, index("by-shade", "shade", projection="KEYS_ONLY"), attribute("shade", "S"))
    assert table.scan_index("by-shade") == [{"pk": "v", "sk": "1", "shade": "dark"}]
    table.call(
        "UpdateItem",
        TableName=TABLE,
        Key=table.item("v", "2"),
        UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
    )
    assert "shade" in refusal(
        table,
        "UpdateItem",
        Key=table.item("v", "2"),
        UpdateExpression="SET shade = :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
    )


# --- Reads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("name", [OWNERS, COLOURS, LOCAL])
def test_pages_show_every_entry_once_and_in_order(
    table: Indexed, name: str, limit: int, *, forward: bool
) -> None:
    """LastEvaluatedKey has the keys of index and table; the next page begins behind it."""
    more = {"ScanIndexForward": forward, "Limit": limit}
    if name == LOCAL:
        whole = table.query_index(LOCAL, "pk", "a", ScanIndexForward=forward)
        assert table.query_index(LOCAL, "pk", "a", **more) == whole
    else:
        # Three entries of one partition key, without a sort key in the second index.
        whole = table.query_index(name, "#o", "ann", ExpressionAttributeNames=OWNED, ScanIndexForward=forward)
        assert table.query_index(name, "#o", "ann", ExpressionAttributeNames=OWNED, **more) == whole
    assert len(whole) == 3
    assert in_order(table.all("Scan", IndexName=name, Limit=limit)) == table.scan_index(name)


def test_a_starting_key_has_the_keys_of_index_and_table_and_lies_where_the_query_reads(
    table: Indexed,
) -> None:
    """API Reference, Query: ExclusiveStartKey."""
    right = {"owner": {"S": "ann"}, "n": {"N": "8"}, "pk": {"S": "a"}, "sk": {"S": "3"}}
    found = table.call("Query", TableName=TABLE, **query(OWNERS), ExclusiveStartKey=dict(right))
    assert [item["sk"]["S"] for item in found["Items"]] == ["1"]
    for wrong in (
        {name: right[name] for name in ("owner", "n")},
        {name: right[name] for name in ("pk", "sk")},
        right | {"colour": {"S": "red"}},
        right | {"n": {"S": "8"}},
        right | {"pk": {"N": "1"}},
    ):
        answer = refusal(table, "Query", **query(OWNERS), ExclusiveStartKey=wrong)
        assert answer.startswith("ValidationException: The provided starting key is invalid")
    elsewhere = right | {"owner": {"S": "bob"}}
    assert "outside query boundaries" in refusal(table, "Query", **query(OWNERS), ExclusiveStartKey=elsewhere)


def test_a_global_index_is_never_read_strongly_and_a_local_one_is_if_asked(table: Indexed) -> None:
    """RC-05."""
    sentence = "ValidationException: Consistent reads are not supported on global secondary indexes"
    assert refusal(table, "Query", **query(OWNERS), ConsistentRead=True) == sentence
    assert refusal(table, "Scan", IndexName=OWNERS, ConsistentRead=True) == sentence
    assert len(table.query_index(LOCAL, "pk", "a", ConsistentRead=True)) == 3


def test_what_a_global_index_does_not_project_cannot_be_asked_of_it(table: Indexed) -> None:
    """API Reference, Query: Select. The sentences are those of AWS's emulator."""
    assert refusal(table, "Query", **query(COLOURS), Select="ALL_ATTRIBUTES") == (
        "ValidationException: One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not "
        f"supported for global secondary index {COLOURS} because its projection type is not ALL"
    )
    assert "does not project [extra]" in refusal(
        table, "Query", **query(COLOURS), ProjectionExpression="extra, colour"
    )
    assert "does not project one or more filter attributes: [extra]" in refusal(
        table,
        "Query",
        **query(COLOURS, ExpressionAttributeValues={":o": {"S": "ann"}, ":x": {"S": "x"}}),
        FilterExpression="extra = :x",
    )
    whole = table.query_index(OWNERS, "#o", "ann", ExpressionAttributeNames=OWNED, Select="ALL_ATTRIBUTES")
    assert whole == table.query_index(OWNERS, "#o", "ann", ExpressionAttributeNames=OWNED)
    assert "does not have the specified index" in refusal(table, "Query", **query("by-nobody"))


def test_a_local_index_fetches_what_it_does_not_project_at_a_price(table: Indexed) -> None:
    """Developer Guide, Local Secondary Indexes: a read of the table for each item."""
    asked: dict[str, Any] = {
        "TableName": TABLE,
        "IndexName": LOCAL,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": "a"}},
        "ReturnConsumedCapacity": "INDEXES",
    }
    plain = table.call("Query", **asked)["ConsumedCapacity"]
    assert plain["Table"]["CapacityUnits"] == 0
    assert plain["LocalSecondaryIndexes"] == {LOCAL: {"CapacityUnits": 0.5}}
    whole = table.call("Query", **asked, Select="ALL_ATTRIBUTES")
    assert all("colour" in item for item in whole["Items"])
    assert whole["ConsumedCapacity"]["Table"]["CapacityUnits"] == 1.5
    assert whole["ConsumedCapacity"]["CapacityUnits"] == 2.0
    named = table.call("Query", **asked, ProjectionExpression="colour")
    assert named["Items"] == [{"colour": {"S": "red"}}] * 3


def test_a_write_costs_in_every_index_that_it_changes(table: Indexed) -> None:
    """Developer Guide: an entry that moves is a deletion and a put; one that stays as it is costs nothing."""

    def cost(*parts: Any, **more: Any) -> tuple[float, dict[str, float]]:
        answer = table.call(
            "PutItem",
            TableName=TABLE,
            Item=table.item(*parts, **more),
            ReturnConsumedCapacity="INDEXES",
        )["ConsumedCapacity"]
        units = answer.get("GlobalSecondaryIndexes", {}) | answer.get("LocalSecondaryIndexes", {})
        return answer["CapacityUnits"], {name: it["CapacityUnits"] for name, it in units.items()}

    assert cost("n", "1") == (1.0, {})
    assert cost("n", "1", "ann", 1) == (4.0, {OWNERS: 1.0, COLOURS: 1.0, LOCAL: 1.0})
    assert cost("n", "1", "ann", 1, extra="y") == (2.0, {OWNERS: 1.0})
    assert cost("n", "1", "bob", 1, extra="y") == (5.0, {OWNERS: 2.0, COLOURS: 2.0})
    put = {"Put": {"TableName": TABLE, "Item": table.item("n", "2", "ann", 1)}}
    answer = table.call("TransactWriteItems", TransactItems=[put], ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"][0]["WriteCapacityUnits"] == 8.0
    assert answer["ConsumedCapacity"][0]["GlobalSecondaryIndexes"][OWNERS]["WriteCapacityUnits"] == 2.0


def test_a_write_tells_the_size_of_its_collection_if_asked(table: Indexed) -> None:
    """API Reference, ItemCollectionMetrics: for tables with local indexes, by each way of writing."""
    asked: dict[str, Any] = {"ReturnItemCollectionMetrics": "SIZE"}
    told = {"ItemCollectionKey": {"pk": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}
    item, key = table.item("a", "9", "ann", 9), table.item("a", "9")
    single = {"TableName": TABLE, **asked}
    assert table.call("PutItem", **single, Item=dict(item))["ItemCollectionMetrics"] == told
    text: dict[str, Any] = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "8"}}}
    assert table.call("UpdateItem", **single, Key=dict(key), **text)["ItemCollectionMetrics"] == told
    assert table.call("DeleteItem", **single, Key=dict(key))["ItemCollectionMetrics"] == told
    many = {TABLE: [{"PutRequest": {"Item": dict(item)}}, {"DeleteRequest": {"Key": table.item("a", "1")}}]}
    answer = table.call("BatchWriteItem", **asked, RequestItems=many)
    assert answer["ItemCollectionMetrics"] == {TABLE: [told]}
    put = {"Put": {"TableName": TABLE, "Item": dict(item)}}
    answer = table.call("TransactWriteItems", **asked, TransactItems=[put])
    assert answer["ItemCollectionMetrics"] == {TABLE: [told]}
    assert "ItemCollectionMetrics" not in table.call("PutItem", TableName=TABLE, Item=dict(item))


def test_a_parallel_scan_shows_every_entry_once(table: Indexed) -> None:
    """The segments of a scan are those of the index, not of the table."""
    for name in (OWNERS, LOCAL):
        found = [
            item
            for segment in range(5)
            for item in table.all("Scan", IndexName=name, Segment=segment, TotalSegments=5)
        ]
        assert in_order(found) == table.scan_index(name)


@given(
    items=st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.text(st.sampled_from("\x00\x01x\xff"), min_size=1, max_size=3)),
        st.integers(-3, 3),
        max_size=12,
    ),
    bounds=st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
    forward=st.booleans(),
    limit=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_a_local_index_is_its_collection_in_another_order(
    items: dict[tuple[str, str], int], bounds: tuple[int, int], limit: int, *, forward: bool
) -> None:
    """Any keys, any range of them, any pages: the items of the collection by number, then by key."""
    table = Indexed(partitions=1)
    for (pk, sk), number in items.items():
        table.put_item(pk, sk, None, number)
    low, high = sorted(bounds)
    found = table.all(
        "Query",
        IndexName=LOCAL,
        KeyConditionExpression="pk = :pk AND n BETWEEN :low AND :high",
        ExpressionAttributeValues={":pk": {"S": "a"}, ":low": {"N": str(low)}, ":high": {"N": str(high)}},
        ScanIndexForward=forward,
        Limit=limit,
        ConsistentRead=True,
    )
    expected = sorted(
        (number, sk.encode()) for (pk, sk), number in items.items() if pk == "a" and low <= number <= high
    )
    assert [(int(it["n"]), it["sk"].encode()) for it in found] == (expected if forward else expected[::-1])
