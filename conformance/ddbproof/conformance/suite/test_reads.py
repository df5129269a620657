"""Reads and single-item writes: strong consistency, atomic conditions, the capacity they consume.

Sizes are chosen far from the limits of a unit, because how sizes are counted is documented as approximate.
An eventually consistent read may lag, so any value passes that the item ever had; but not for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, until
from ddbproof.conformance.kit.tables import RegionHandle

ROUNDS = 30
EVENTUAL_READS = 5
CAUGHT_UP_SECONDS = 20.0
REFUSALS = ("ConditionalCheckFailedException", "TransactionCanceledException")
WRITERS = 12
# Bytes, units of 4 KB to read them, units of 1 KB to write them.
SIZES = ((2_500, 1, 3), (9_600, 3, 10))


@claim("RC-03", "RC-07", consistency=True)
def test_a_strongly_consistent_read_sees_every_write_before_it(here: RegionHandle) -> None:
    """Directly after each successful write, a read with ConsistentRead=true returns what was written."""
    table = here.new_table()
    for number in range(ROUNDS):
        table.put("counter", str(number))
        found = table.get("counter")
        assert found == str(number), f"after writing {number}, a strongly consistent read returned {found}"
    table.delete("counter")
    found = table.get("counter")
    assert found is None, f"after the delete, a strongly consistent read returned {found}"


@claim("RC-02", consistency=True)
def test_an_eventually_consistent_read_shows_a_write_after_a_while(here: RegionHandle) -> None:
    """Directly after a write it may show an earlier value, never one that was not written; soon it shows the write."""
    table = here.new_table()
    written: list[str | None] = [None]
    for number in range(ROUNDS):
        table.put("counter", str(number))
        written.append(str(number))
        for _ in range(EVENTUAL_READS):
            found = table.get("counter", consistent=False)
            assert found in written, (
                f"an eventually consistent read returned {found}, which was never written"
            )
    last = str(ROUNDS - 1)
    assert until(lambda: table.get("counter", consistent=False) == last, seconds=CAUGHT_UP_SECONDS), (
        f"{CAUGHT_UP_SECONDS:.0f} seconds after the last write an eventually consistent read does not show it"
    )


@claim("RC-04", consistency=True)
def test_what_was_refused_is_never_read(here: RegionHandle) -> None:
    """A write whose condition failed, and a transaction that was cancelled, show in no read of either kind."""
    table = here.new_table()
    table.put("kept", "yes")
    refused = {"pk": {"S": "kept"}, "v": {"S": "refused"}}
    absent = "attribute_not_exists(pk)"
    attempts: tuple[Callable[[], Any], ...] = (
        lambda: table.client.put_item(TableName=table.name, Item=refused, ConditionExpression=absent),
        lambda: table.client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table.name, "Item": refused, "ConditionExpression": absent}},
                {"Put": {"TableName": table.name, "Item": {**refused, "pk": {"S": "other"}}}},
            ]
        ),
    )
    for attempt in attempts * EVENTUAL_READS:
        try:
            attempt()
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
        else:
            raise Inconclusive("a write was accepted although its condition does not hold")
        for consistent in (False, True):
            found = table.get("kept", consistent=consistent), table.get("other", consistent=consistent)
            assert found in (("yes", None), (None, None)), (
                f"after refused writes a read with ConsistentRead={consistent} returned {found}"
            )


@claim("RC-08", consistency=True)
def test_of_concurrent_conditional_puts_exactly_one_wins(here: RegionHandle) -> None:
    """A condition is evaluated and applied in one step: of many writers that demand absence, one succeeds."""
    table = here.new_table()

    def try_to_put(number: int) -> str | None:
        try:
            table.client.put_item(
                TableName=table.name,
                Item={"pk": {"S": "lock"}, "v": {"S": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return str(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        winners = [winner for winner in pool.map(try_to_put, range(WRITERS)) if winner is not None]
    assert len(winners) <= 1, f"{len(winners)} of {WRITERS} writers were told that their condition held"
    found = table.get("lock")
    # A retry inside the client may lose against its own first attempt: then nobody was told, but one has won.
    assert found is not None, f"{WRITERS} writers demanded that the item be absent, it was, and none has won"
    assert not winners or found == winners[0], f"writer {winners[0]} won, but the item holds {found}"


@claim("RC-08", consistency=True)
def test_concurrent_counter_updates_are_not_lost(here: RegionHandle) -> None:
    """Updates of one item are applied one after another: adding 1 many times adds up."""
    table = here.new_table()

    def add_one(_: int) -> int:
        answer = table.client.update_item(
            TableName=table.name,
            Key={"pk": {"S": "counter"}},
            UpdateExpression="ADD visits :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        return int(answer["ResponseMetadata"].get("RetryAttempts", 0))

    with ThreadPoolExecutor(WRITERS) as pool:
        retries = sum(pool.map(add_one, range(ROUNDS)))
    answer: dict[str, Any] = table.client.get_item(
        TableName=table.name, Key={"pk": {"S": "counter"}}, ConsistentRead=True
    )
    visits = int(answer.get("Item", {}).get("visits", {}).get("N", "0"))
    # Where an answer got lost and the client repeated the request, an update may have been applied twice.
    assert ROUNDS <= visits <= ROUNDS + retries, (
        f"{ROUNDS} updates succeeded, but the counter stands at {visits}"
    )


def units(answer: dict[str, Any], what: str) -> float:
    """The capacity units that an answer tells; a transaction tells them for each table."""
    consumed = answer.get("ConsumedCapacity") or {}
    table = consumed[0] if isinstance(consumed, list) else consumed
    found = table.get("CapacityUnits")
    if found is None:
        raise Inconclusive(f"{what} was asked for the capacity that it consumes, and does not tell it")
    return float(found)


@claim("RC-09")
def test_requests_consume_units_by_size(here: RegionHandle) -> None:
    """Reads are counted in units of 4 KB, half as many if eventually consistent, and writes in units of 1 KB."""
    table, told = here.shared_table(), {"ReturnConsumedCapacity": "TOTAL"}
    for size_bytes, reading, writing in SIZES:
        item = {"pk": {"S": here.names.key()}, "v": {"S": "v" * size_bytes}}
        one: dict[str, Any] = {"TableName": table.name, "Key": {"pk": item["pk"]}, **told}
        put = here.client.put_item(TableName=table.name, Item=item, **told)
        consistent = here.client.get_item(**one, ConsistentRead=True)
        eventual = here.client.get_item(**one, ConsistentRead=False)
        # An eventually consistent read may lag behind the write, and then it has read nothing: the least there is.
        seen_units = reading / 2 if "Item" in eventual else 0.5
        for what, answer, expected in (
            ("PutItem", put, writing),
            ("a strongly consistent GetItem", consistent, reading),
            ("an eventually consistent GetItem", eventual, seen_units),
            ("DeleteItem", here.client.delete_item(**one), writing),
        ):
            found = units(answer, what)
            assert found == expected, f"{what} of {size_bytes} bytes consumes {expected} units, not {found}"


@claim("RC-09")
def test_transactions_consume_twice_the_units(here: RegionHandle) -> None:
    """A put or a get in a transaction consumes twice what it consumes alone."""
    table, told = here.shared_table(), {"ReturnConsumedCapacity": "TOTAL"}
    for size_bytes, reading, writing in SIZES:
        item = {"pk": {"S": here.names.key()}, "v": {"S": "v" * size_bytes}}
        put = {"Put": {"TableName": table.name, "Item": item}}
        get = {"Get": {"TableName": table.name, "Key": {"pk": item["pk"]}}}
        for what, answer, expected in (
            (
                "TransactWriteItems",
                here.client.transact_write_items(TransactItems=[put], **told),
                2 * writing,
            ),
            ("TransactGetItems", here.client.transact_get_items(TransactItems=[get], **told), 2 * reading),
        ):
            found = units(answer, what)
            assert found == expected, f"{what} of {size_bytes} bytes consumes {expected} units, not {found}"
