"""Reads and single-item writes: strong consistency, atomic conditions.

Not here: what an eventually consistent read may show; its lag is lawful and any answer passes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import claim
from ddbproof.conformance.kit.tables import RegionHandle

ROUNDS = 30
WRITERS = 12


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
