"""Query and Scan: which items they return, in which order, page by page.

Pages are followed to the last one with a bound. A page may always be shorter than its limit, so only what all
pages together hold is judged, and where a page must end. Scans have tables of their own, since shared ones
hold items of other tests. Not here: order by numbers and strings (PART-10), indexes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

PAGES_AT_MOST = 60
ITEMS = 7
ROUNDS = 8
# Five of these are more than 1 MB, by whatever count.
LARGE = "x" * 380 * 1024
LARGE_ITEMS = 5


def query(table: TableHandle, key: str, **more: Any) -> dict[str, Any]:
    """The parameters of a strongly consistent Query of one partition key; `values` adds to its values."""
    values = {":pk": {"S": key}, **more.pop("values", {})}
    return {
        "TableName": table.name,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": values,
        "ConsistentRead": True,
        **more,
    }


def pages(operation: Any, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The pages of a Query or Scan, to the one without a LastEvaluatedKey."""
    for _ in range(PAGES_AT_MOST):
        page: dict[str, Any] = operation(**request)
        yield page
        if not page.get("LastEvaluatedKey"):
            return
        request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}
    raise AssertionError(f"after {PAGES_AT_MOST} pages there is still a LastEvaluatedKey")


def sort_keys(answers: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[Any]:
    """The sort keys of all items, page after page; numbers as numbers."""
    keys = [item["sk"] for answer in answers for item in answer["Items"]]
    return [float(key["N"]) if "N" in key else next(iter(key.values())) for key in keys]


def collection(here: RegionHandle, count: int = ITEMS) -> tuple[TableHandle, str]:
    """A partition key with items whose sort keys are 0, 1, 2 and so on, and whose `v` is the same."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    for number in range(count):
        table.put(key, str(number), sk={"N": str(number)})
    return table, key


@claim("QU-01")
def test_a_key_condition_chooses_the_items(here: RegionHandle) -> None:
    """Comparisons, BETWEEN and begins_with return exactly the items they describe, of one partition key."""
    table, key, neighbour = here.shared_table(sort_type="S"), here.names.key(), here.names.key()
    for text in ("a", "ab", "abc", "ac", "b"):
        table.put(key, text, sk={"S": text})
        table.put(neighbour, text, sk={"S": text})
    for condition, expected in (
        ("sk = :x", ["ab"]),
        ("sk < :x", ["a"]),
        ("sk <= :x", ["a", "ab"]),
        ("sk > :x", ["abc", "ac", "b"]),
        ("sk >= :x", ["ab", "abc", "ac", "b"]),
        ("sk BETWEEN :x AND :y", ["ab", "abc", "ac"]),
        ("begins_with(sk, :x)", ["ab", "abc"]),
    ):
        values = {":x": {"S": "ab"}} | ({":y": {"S": "ac"}} if ":y" in condition else {})
        request = query(table, key, KeyConditionExpression=f"pk = :pk AND {condition}", values=values)
        found = list(pages(table.client.query, request))
        assert sort_keys(found) == expected, (
            f"{condition} with {values} must return the sort keys {expected}, returned {sort_keys(found)}"
        )
        keys = {item["pk"]["S"] for page in found for item in page["Items"]}
        assert keys == {key}, f"{condition} returned items of the partition keys {keys}"


@claim("QU-01")
def test_a_key_condition_compares_numbers_by_value(here: RegionHandle) -> None:
    """Bounds of a number sort key are numbers: 10 lies above 9, and -2 below -1.5."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    for number in ("-2", "-1.5", "0", "9", "10"):
        table.put(key, "x", sk={"N": number})
    for condition, value, expected in (
        ("sk > :x", "9", [10]),
        ("sk >= :x", "9", [9, 10]),
        ("sk < :x", "-1.5", [-2]),
        ("sk <= :x", "-1.5", [-2, -1.5]),
        ("sk = :x", "10.0", [10]),
    ):
        request = query(
            table, key, KeyConditionExpression=f"pk = :pk AND {condition}", values={":x": {"N": value}}
        )
        found = sort_keys(pages(table.client.query, request))
        assert found == expected, f"{condition} with {value} must return {expected}, returned {found}"


@claim("QU-02")
def test_binary_sort_keys_are_ordered_as_unsigned_bytes(here: RegionHandle) -> None:
    """0x80 and 0xFF come after 0x7F, and a shorter key before those that continue it; descending reverses."""
    table, key = here.shared_table(sort_type="B"), here.names.key()
    ordered = [b"\x00", b"\x7f", b"\x7f\x00", b"\x80", b"\xff"]
    for value in reversed(ordered):
        table.put(key, "x", sk={"B": value})
    for forward, expected in ((True, ordered), (False, ordered[::-1])):
        request = query(table, key, ScanIndexForward=forward)
        found = [bytes(value) for value in sort_keys(pages(table.client.query, request))]
        assert found == expected, (
            f"with ScanIndexForward={forward} binary sort keys came in the order {found}"
        )


@claim("QU-03")
def test_pages_of_a_query_hold_each_item_once(here: RegionHandle) -> None:
    """With any Limit, ascending and descending, the pages together are the items in order, none twice."""
    table, key = collection(here)
    ascending = list(range(ITEMS))
    for limit in (1, 3, ITEMS, ITEMS + 1):
        for forward, expected in ((True, ascending), (False, ascending[::-1])):
            request = query(table, key, Limit=limit, ScanIndexForward=forward)
            found = list(pages(table.client.query, request))
            assert sort_keys(found) == expected, (
                f"with Limit={limit} and ScanIndexForward={forward} the pages hold {sort_keys(found)}"
            )
            longest = max(len(page["Items"]) for page in found)
            assert longest <= limit, f"a page of a Query with Limit={limit} has {longest} items"


@claim("QU-03")
def test_a_query_goes_on_from_a_key_whose_item_is_gone(here: RegionHandle) -> None:
    """Paging continues behind LastEvaluatedKey also when the item with that key was deleted meanwhile."""
    table, key = collection(here)
    first = table.client.query(**query(table, key, Limit=3))
    last = first.get("LastEvaluatedKey")
    assert last, f"after 3 of {ITEMS} items there is no LastEvaluatedKey"
    table.client.delete_item(TableName=table.name, Key=last)
    request = query(table, key, ExclusiveStartKey=last)
    found = sort_keys([first]) + sort_keys(pages(table.client.query, request))
    assert found == list(range(ITEMS)), f"an item was deleted between two pages; the pages hold {found}"


@claim("QU-04")
def test_limit_counts_items_before_the_filter(here: RegionHandle) -> None:
    """A page of Limit=2 that the filter empties has a LastEvaluatedKey, and paging on finds the match."""
    table, key = collection(here)
    wanted = ITEMS - 1
    request = query(table, key, Limit=2, FilterExpression="v = :v", values={":v": {"S": str(wanted)}})
    found = list(pages(table.client.query, request))
    first = found[0]
    assert not first["Items"], f"the first 2 items do not match the filter, and {first['Items']} was returned"
    most = max(page["ScannedCount"] for page in found)
    assert most <= 2, f"a page of a Query with Limit=2 has evaluated {most} items"
    assert sort_keys(found) == [wanted], f"one item matches the filter; all pages hold {sort_keys(found)}"


@claim("QU-05")
def test_a_page_ends_at_one_megabyte(here: RegionHandle) -> None:
    """1.9 MB of items do not fit one page, filtered or not, and the pages hold each item once."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    for number in range(LARGE_ITEMS):
        table.put(key, LARGE, sk={"N": str(number)})
    for what, more, kept in (
        ("a Query", {}, list(range(LARGE_ITEMS))),
        ("a filtered Query", {"FilterExpression": "attribute_not_exists(v)"}, []),
    ):
        found = list(pages(table.client.query, query(table, key, **more)))
        read = max(page["ScannedCount"] for page in found)
        assert read < LARGE_ITEMS, f"one page of {what} has read {read} items of 380 KB"
        assert sort_keys(found) == kept, f"all pages of {what} over 1.9 MB hold {sort_keys(found)}"


@claim("QU-06")
def test_count_is_after_the_filter_and_scanned_count_before(here: RegionHandle) -> None:
    """Count and ScannedCount agree without a filter and differ with one; COUNT returns them without items."""
    table, key = collection(here)
    filtering = {"FilterExpression": "v < :v", "values": {":v": {"S": "3"}}}
    for more, count in (({}, ITEMS), (filtering, 3)):
        for select in ("ALL_ATTRIBUTES", "COUNT"):
            found = list(pages(table.client.query, query(table, key, **more, Select=select)))
            numbers = [sum(page[name] for page in found) for name in ("Count", "ScannedCount")]
            assert numbers == [count, ITEMS], (
                f"of {ITEMS} items {count} match; with Select={select} Count and ScannedCount are {numbers}"
            )
            items = sum(len(page.get("Items", [])) for page in found)
            expected = 0 if select == "COUNT" else count
            assert items == expected, f"Select={select} returned {items} items, it must return {expected}"


@claim("QU-07")
def test_a_projection_returns_what_it_names(here: RegionHandle) -> None:
    """GetItem and Query return the named attributes, map entries and list elements, and nothing else."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    content: dict[str, Any] = {
        "a": {"S": "a"},
        "m": {"M": {"x": {"S": "x"}, "y": {"S": "y"}}},
        "l": {"L": [{"S": "0"}, {"S": "1"}]},
    }
    table.put(key, "x", sk={"N": "1"}, **content)
    projection = "a, m.x, l[1], absent, m.absent"
    expected = {"a": {"S": "a"}, "m": {"M": {"x": {"S": "x"}}}, "l": {"L": [{"S": "1"}]}}
    answer = table.client.get_item(
        TableName=table.name,
        Key={"pk": {"S": key}, "sk": {"N": "1"}},
        ProjectionExpression=projection,
        ConsistentRead=True,
    )
    found = answer.get("Item")
    assert found == expected, f"GetItem with the projection {projection} must return {expected}: {found}"
    request = query(table, key, ProjectionExpression=projection)
    items = [item for page in pages(table.client.query, request) for item in page["Items"]]
    assert items == [expected], f"Query with the projection {projection} returned {items}"


@claim("QU-08")
def test_a_filter_saves_no_capacity(here: RegionHandle) -> None:
    """A Query consumes units by the items it reads, as many with a filter, a projection or Select=COUNT."""
    table, key = here.shared_table(sort_type="N"), here.names.key()
    for number in range(4):
        table.put(key, "x" * 5800, sk={"N": str(number)})

    def consumed(**more: Any) -> float:
        answer = table.client.query(**query(table, key, ReturnConsumedCapacity="TOTAL", **more))
        units = answer.get("ConsumedCapacity", {}).get("CapacityUnits")
        if units is None:
            raise Inconclusive("Query does not tell its ConsumedCapacity")
        return float(units)

    whole = consumed()
    assert whole == 6, f"a strongly consistent Query of 23 KB consumes 6 units of 4 KB, not {whole}"
    for what, more in (
        ("a filter that nothing passes", {"FilterExpression": "attribute_not_exists(v)"}),
        ("a projection of the key", {"ProjectionExpression": "sk"}),
        ("Select=COUNT", {"Select": "COUNT"}),
    ):
        found = consumed(**more)
        assert found == whole, f"with {what} a Query of 23 KB consumes {found} units, without {whole}"


def table_of(here: RegionHandle, count: int) -> tuple[TableHandle, list[str]]:
    """A table of one's own with that many items, and their keys in order."""
    table = here.new_table()
    keys = [f"item-{number:02}" for number in range(count)]
    for key in keys:
        table.put(key, key)
    return table, keys


def scanned(table: TableHandle, **more: Any) -> list[str]:
    """The keys of all pages of a strongly consistent Scan, sorted."""
    request = {"TableName": table.name, "ConsistentRead": True, **more}
    return sorted(item["pk"]["S"] for page in pages(table.client.scan, request) for item in page["Items"])


@claim("QU-09")
def test_pages_of_a_scan_hold_each_item_once(here: RegionHandle) -> None:
    """Whatever the Limit, the pages of a Scan hold every item of the table once, and with a filter the matches."""
    table, keys = table_of(here, 20)
    for limit in (3, 20, 21):
        found = scanned(table, Limit=limit)
        assert found == keys, f"with Limit={limit} the pages of a Scan hold {found}, the table holds {keys}"
    found = scanned(
        table, Limit=3, FilterExpression="v < :v", ExpressionAttributeValues={":v": {"S": keys[4]}}
    )
    assert found == keys[:4], f"a Scan filtered to {keys[:4]} returned {found}"


@claim("QU-10")
def test_segments_of_a_parallel_scan_are_the_table(here: RegionHandle) -> None:
    """Four segments, each read page by page, together hold every item of the table once."""
    table, keys = table_of(here, 24)
    for total in (1, 4):
        segments = [scanned(table, Segment=number, TotalSegments=total, Limit=5) for number in range(total)]
        found = sorted(key for segment in segments for key in segment)
        assert found == keys, f"{total} segments together hold {found}, the table holds {keys}"


@claim("QU-11", consistency=True)
def test_consistent_queries_and_scans_see_every_write_before_them(here: RegionHandle) -> None:
    """Directly after each write or delete, Query and Scan with ConsistentRead=true show it."""
    table = here.new_table(sort_type="N")
    key, expected = here.names.key(), []
    for number in range(ROUNDS):
        table.put(key, "x", sk={"N": str(number)})
        expected.append(number)
        if number % 3 == 2:
            gone = {"N": str(expected.pop(0))}
            table.client.delete_item(TableName=table.name, Key={"pk": {"S": key}, "sk": gone})
        for what, operation, request in (
            ("Query", table.client.query, query(table, key)),
            ("Scan", table.client.scan, {"TableName": table.name, "ConsistentRead": True}),
        ):
            found = sorted(sort_keys(pages(operation, request)))
            assert found == expected, f"a strongly consistent {what} shows {found}, written is {expected}"


@claim("QU-12")
def test_a_query_without_matches_is_empty(here: RegionHandle) -> None:
    """A partition key without items, and a range without any, give Count 0, no items and no error."""
    table, key = collection(here, count=2)
    nothing = {"KeyConditionExpression": "pk = :pk AND sk > :x", "values": {":x": {"N": "5"}}}
    for what, request in (
        ("a partition key without items", query(table, here.names.key())),
        ("a range of sort keys without items", query(table, key, **nothing)),
    ):
        for page in pages(table.client.query, request):
            found = (page.get("Count"), page.get("Items"))
            assert found == (0, []), f"Query of {what} returned Count and Items {found}"
