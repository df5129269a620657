"""Transactional reads: one snapshot, in the order of the request.

A read that is cancelled because a transaction is under way on one of its items is lawful; what it shows when
it succeeds is judged. Not here: what Query, Scan and BatchGetItem may show of a transaction (TX-03 lets them
see parts of it).
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

WRITES = 60
READERS = 3
SORT_KEY = {"sk": {"S": "s"}}


def get(table: TableHandle, key: str, *, also: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Get of the item with partition key `key`; `also` is the rest of its key."""
    return {"Get": {"TableName": table.name, "Key": {"pk": {"S": key}, **(also or {})}, **more}}


def items(answer: dict[str, Any]) -> list[dict[str, Any] | None]:
    """The items in the answer of a transactional read, None for an entry without one."""
    return [(response or {}).get("Item") or None for response in answer.get("Responses", [])]


@claim("TX-07", consistency=True)
def test_a_transactional_read_never_shows_a_part_of_a_transaction(here: RegionHandle) -> None:
    """Two items that only transactions change, always to the same value, are always read with the same value."""
    table, one, other = here.shared_table(), here.names.key(), here.names.key()

    def write(value: str) -> bool:
        puts = [{"pk": {"S": key}, "v": {"S": value}} for key in (one, other)]
        try:
            here.client.transact_write_items(
                TransactItems=[{"Put": {"TableName": table.name, "Item": item}} for item in puts]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return False
        return True

    def read() -> list[str | None]:
        try:
            answer = here.client.transact_get_items(TransactItems=[get(table, one), get(table, other)])
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return []
        return [(item or {}).get("v", {}).get("S") for item in items(answer)] or [None]

    def read_while(writer: Future[list[str]]) -> list[list[str | None]]:
        found = [read()]
        while not writer.done():
            found.append(read())
        return found

    assert write("first"), "a transaction that nothing competes with was cancelled"
    with ThreadPoolExecutor(1 + READERS) as pool:
        writer = pool.submit(lambda: ["first", *filter(write, map(str, range(WRITES)))])
        readers = [pool.submit(read_while, writer) for _ in range(READERS)]
        last = writer.result()[-1]
        found = [values for reader in readers for values in reader.result() if values]
    torn = [values for values in found if len(values) != 2 or values[0] != values[1]]
    assert not torn, (
        f"{len(torn)} of {len(found)} transactional reads show a part of a transaction: {torn[0]}"
    )
    final = read()
    assert final == [last, last], f"the last transaction wrote {last}, and a transactional read shows {final}"
    if len(found) < READERS:
        raise Inconclusive(f"all but {len(found)} transactional reads were cancelled")


@claim("TX-08")
def test_a_transactional_read_answers_in_the_order_of_its_request(here: RegionHandle) -> None:
    """There is one entry for each item in the order asked for, and one without an item for what is not there."""
    table, sorted_table = here.shared_table(), here.shared_table("S")
    one, other, absent = (here.names.key() for _ in range(3))
    table.put(one, "one")
    item = {"pk": {"S": other}, **SORT_KEY, "v": {"S": "other"}}
    here.client.put_item(TableName=sorted_table.name, Item=item)
    asked = [get(table, one), get(table, absent), get(sorted_table, other, also=SORT_KEY)]
    wanted = [{"pk": {"S": one}, "v": {"S": "one"}}, None, item]
    for actions, expected in ((asked, wanted), (asked[::-1], wanted[::-1])):
        found = items(here.client.transact_get_items(TransactItems=actions))
        assert found == expected, f"a transactional read of {expected} is answered with {found}"


@claim("TX-08")
def test_a_transactional_read_gives_projected_attributes_only(here: RegionHandle) -> None:
    """Each item comes with the attributes that its own ProjectionExpression names, and no others."""
    table, one, other = here.shared_table(), here.names.key(), here.names.key()
    table.put(one, "one", w={"S": "not asked for"})
    table.put(other, "other", w={"S": "asked for"})
    found = items(
        here.client.transact_get_items(
            TransactItems=[
                get(table, one, ProjectionExpression="v"),
                get(table, other, ProjectionExpression="#w", ExpressionAttributeNames={"#w": "w"}),
            ]
        )
    )
    wanted = [{"v": {"S": "one"}}, {"w": {"S": "asked for"}}]
    assert found == wanted, f"a transactional read that asks for {wanted} is answered with {found}"
