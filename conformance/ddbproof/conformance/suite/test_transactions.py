"""Transactions: all or nothing, serializable, limited, repeatable by token, and cancelled with reasons.

A conflict of transactions that run at the same time is lawful wherever it is documented, so a cancelled
attempt never fails a target here; only what was told, read or left behind can. Where several actions of one
transaction fail, the documentation does not say whether each one's reason is told; so a test lets one fail.
What a transaction reads is judged in test_transactional_reads. Not here: TransactionConflictException, which
no client can provoke at will (TX-05), and how changes reach streams and backups (TX-06 promises nothing).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, claim, refused
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle

MOST_ACTIONS = 100
# Ten of these are below 4 MB and eleven above it, whether a megabyte is 1000 or 1024 kilobytes.
LARGE = "x" * 380 * 1024
ROUNDS = 40
EXISTS, ABSENT = "attribute_exists(pk)", "attribute_not_exists(pk)"


def put(table: TableHandle, key: str, value: str, **more: Any) -> dict[str, Any]:
    """A Put of an item with attribute `v`; as an action of a transaction."""
    return {"Put": {"TableName": table.name, "Item": {"pk": {"S": key}, "v": {"S": value}}, **more}}


def delete(table: TableHandle, key: str, **more: Any) -> dict[str, Any]:
    """A Delete."""
    return {"Delete": {"TableName": table.name, "Key": {"pk": {"S": key}}, **more}}


def check(table: TableHandle, key: str, condition: str, **more: Any) -> dict[str, Any]:
    """A ConditionCheck."""
    action = {"TableName": table.name, "Key": {"pk": {"S": key}}, "ConditionExpression": condition, **more}
    return {"ConditionCheck": action}


def update(table: TableHandle, key: str, value: str, **more: Any) -> dict[str, Any]:
    """An Update that sets `v`."""
    return {
        "Update": {
            "TableName": table.name,
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "SET v = :v",
            "ExpressionAttributeValues": {":v": {"S": value}},
            **more,
        }
    }


def get(table: TableHandle, key: str) -> dict[str, Any]:
    """A Get."""
    return {"Get": {"TableName": table.name, "Key": {"pk": {"S": key}}}}


def keys(here: RegionHandle, count: int) -> list[str]:
    """Keys that no item has."""
    return [here.names.key() for _ in range(count)]


def reasons(here: RegionHandle, *actions: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """The reasons with which the transaction is cancelled, as it must be."""
    found: list[dict[str, Any]] = []

    def send(**arguments: Any) -> None:
        try:
            here.client.transact_write_items(**arguments)
        except ClientError as error:
            found[:] = error.response.get("CancellationReasons", [])
            raise

    refused(send, "TransactionCanceledException", what=what, TransactItems=list(actions))
    return found


@claim("TX-01")
def test_a_transaction_has_at_most_100_actions(here: RegionHandle) -> None:
    """100 writes, or 100 reads, make a transaction; 101 are refused and change nothing."""
    table, names = here.shared_table(), keys(here, MOST_ACTIONS + 1)
    first = names[:MOST_ACTIONS]
    here.client.transact_write_items(TransactItems=[put(table, key, "first") for key in first])
    answer = here.client.transact_get_items(TransactItems=[get(table, key) for key in first])
    found = [response.get("Item", {}).get("v", {}).get("S") for response in answer.get("Responses", [])]
    assert found == ["first"] * MOST_ACTIONS, (
        f"of {MOST_ACTIONS} items that a transaction put, a transaction reads {found.count('first')}"
    )
    refused(
        here.client.transact_write_items,
        what=f"a transaction of {len(names)} puts",
        TransactItems=[put(table, key, "second") for key in names],
    )
    left = [table.get(key) for key in (names[0], names[-1])]
    assert left == ["first", None], f"a refused transaction was applied: its items hold {left}"
    refused(
        here.client.transact_get_items,
        what=f"a transaction of {len(names)} reads",
        TransactItems=[get(table, key) for key in names],
    )


@claim("TX-01")
def test_a_transaction_has_at_most_4_megabytes(here: RegionHandle) -> None:
    """Items of 3.9 MB together are written by one transaction; items of 4.3 MB are refused, and none is there."""
    table, names = here.shared_table(), keys(here, 11)
    here.client.transact_write_items(TransactItems=[put(table, key, LARGE) for key in names[:10]])
    assert table.get(names[9]) == LARGE, "of items of 3.9 MB together, the last one is not there"
    others = keys(here, 11)
    refused(
        here.client.transact_write_items,
        what="a transaction of 4.3 MB",
        TransactItems=[put(table, key, LARGE) for key in others],
    )
    left = [key for key in others if table.get(key) is not None]
    assert not left, f"of a refused transaction of {len(others)} puts, {len(left)} were applied"


@claim("TX-02")
def test_a_transaction_takes_effect_completely(here: RegionHandle) -> None:
    """Where all conditions hold, every put, update and delete of the transaction is done."""
    table, (new, replaced, updated, deleted) = here.shared_table(), keys(here, 4)
    for key in (replaced, updated, deleted):
        table.put(key, "before")
    here.client.transact_write_items(
        TransactItems=[
            put(table, new, "after", ConditionExpression=ABSENT),
            put(table, replaced, "after"),
            update(table, updated, "after", ConditionExpression=EXISTS),
            delete(table, deleted, ConditionExpression=EXISTS),
        ]
    )
    found = [table.get(key) for key in (new, replaced, updated, deleted)]
    assert found == ["after", "after", "after", None], (
        f"after a transaction with two puts, an update and a delete, the items hold {found}"
    )


def without_effect(here: RegionHandle, broken: dict[str, Any], what: str) -> None:
    """Asserts that a put, an update and a delete with `broken` before, between or behind them are not done."""
    table, (new, updated, deleted) = here.shared_table(), keys(here, 3)
    here.client.transact_write_items(
        TransactItems=[put(table, updated, "before"), put(table, deleted, "before")]
    )
    for position in range(4):
        actions = [put(table, new, "after"), update(table, updated, "after"), delete(table, deleted)]
        actions.insert(position, broken)
        refused(here.client.transact_write_items, what=f"a transaction with {what}", TransactItems=actions)
        found = [table.get(key) for key in (new, updated, deleted)]
        assert found == [None, "before", "before"], (
            f"a transaction was refused for {what} at place {position + 1}, and yet a part of it is done: "
            f"the items to put, update and delete hold {found}"
        )


@claim("TX-02")
def test_a_transaction_with_a_false_condition_has_no_effect(here: RegionHandle) -> None:
    """If one condition does not hold, wherever it stands, nothing of the transaction is done."""
    [absent] = keys(here, 1)
    broken = update(here.shared_table(), absent, "after", ConditionExpression=EXISTS)
    without_effect(here, broken, "a condition that does not hold")
    assert here.shared_table().get(absent) is None, "the action whose condition did not hold was done"


@claim("TX-02")
def test_a_transaction_that_makes_an_item_too_large_has_no_effect(here: RegionHandle) -> None:
    """If one update would make its item larger than 400 KB, nothing of the transaction is done."""
    table, [large] = here.shared_table(), keys(here, 1)
    table.put(large, LARGE)
    broken = {
        "Update": {
            **update(table, large, "x" * 30 * 1024)["Update"],
            "UpdateExpression": "SET w = :v",
        }
    }
    without_effect(here, broken, "an item that would become larger than 400 KB")
    assert table.get(large) == LARGE, "the item that would become too large is not as it was"


@claim("TX-02")
def test_two_actions_on_one_item_are_refused(here: RegionHandle) -> None:
    """A transaction that names one item twice is refused, whatever the two actions are, and changes nothing."""
    table, (key, other) = here.shared_table(), keys(here, 2)
    here.client.transact_write_items(TransactItems=[put(table, key, "before")])
    for what, first, second in (
        ("a put and a delete of one item", put(table, key, "after"), delete(table, key)),
        ("a check and an update of one item", check(table, key, EXISTS), update(table, key, "after")),
    ):
        refused(
            here.client.transact_write_items,
            "ValidationException",
            "TransactionCanceledException",
            what=what,
            TransactItems=[first, put(table, other, "after"), second],
        )
        left = [table.get(key), table.get(other)]
        assert left == ["before", None], f"{what} was refused, but the items of the transaction hold {left}"


@claim("TX-03", consistency=True)
def test_transactions_that_exclude_each_other_do_not_both_succeed(here: RegionHandle) -> None:
    """Of two transactions, each of which demands what the other takes away, at most one is done."""
    table, done = here.shared_table(), 0
    taken = {"ExpressionAttributeValues": {":v": {"S": "on"}}}

    def switch_off(mine: str, others: str) -> bool:
        demand = check(table, others, "v = :v", **taken)
        try:
            here.client.transact_write_items(TransactItems=[demand, update(table, mine, "off")])
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            one, other = keys(here, 2)
            table.put(one, "on")
            table.put(other, "on")
            told = list(pool.map(switch_off, (one, other), (other, one)))
            assert told != [True, True], (
                "two transactions, each of which demands what the other takes away, were both told to be done"
            )
            found = [table.get(one), table.get(other)]
            assert "on" in found, "two transactions that exclude each other have both taken effect"
            # A retry inside the client may have lost against its own first attempt: done, and told cancelled.
            unseen = [value for value, success in zip(found, told, strict=True) if success and value != "off"]
            assert not unseen, "a transaction was answered 200, and its update is not there"
            done += sum(told)
    if not done:
        raise Inconclusive(f"of {2 * ROUNDS} transactions that met in pairs, each was cancelled")


def counting(here: RegionHandle, table: TableHandle) -> tuple[dict[str, Any], str]:
    """A transaction that puts an item which must not be there and adds 1 to a counter; the counter's key."""
    lock, counter = keys(here, 2)
    add = {
        **update(table, counter, "")["Update"],
        "UpdateExpression": "ADD visits :v",
        "ExpressionAttributeValues": {":v": {"N": "1"}},
    }
    token = here.names.key()
    actions = [put(table, lock, "taken", ConditionExpression=ABSENT), {"Update": add}]
    return {"TransactItems": actions, "ClientRequestToken": token}, counter


def visits(table: TableHandle, counter: str) -> str | None:
    """What the counter stands at."""
    answer = table.client.get_item(TableName=table.name, Key={"pk": {"S": counter}}, ConsistentRead=True)
    found: str | None = answer.get("Item", {}).get("visits", {}).get("N")
    return found


@claim("TX-04")
def test_a_repeated_client_token_has_no_second_effect(here: RegionHandle) -> None:
    """A transaction repeated with its token succeeds, although its condition no longer holds, and does nothing."""
    table = here.shared_table()
    transaction, counter = counting(here, table)
    for attempt in (1, 2, 3):
        try:
            here.client.transact_write_items(**transaction)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            raise AssertionError(
                f"a transaction was cancelled at its attempt {attempt} with one client token"
            ) from error
        found = visits(table, counter)
        assert found == "1", f"sent {attempt} times with one client token, a transaction counted to {found}"


@claim("TX-04")
def test_another_transaction_with_a_used_client_token_is_refused(here: RegionHandle) -> None:
    """Another body with a token gives IdempotentParameterMismatchException, and has no effect."""
    table, [extra] = here.shared_table(), keys(here, 1)
    transaction, _ = counting(here, table)
    here.client.transact_write_items(**transaction)
    refused(
        here.client.transact_write_items,
        "IdempotentParameterMismatchException",
        what="another transaction with the client token of a finished one",
        TransactItems=[put(table, extra, "second")],
        ClientRequestToken=transaction["ClientRequestToken"],
    )
    found = table.get(extra)
    assert found is None, "a transaction that was refused for its client token was applied"


@claim("TX-04")
def test_a_client_token_counts_for_ten_minutes(here: RegionHandle, clock: EndpointClock) -> None:
    """Nine minutes after a transaction its token still counts, and after eleven it begins a new transaction."""
    table = here.shared_table()
    transaction, counter = counting(here, table)
    transaction["TransactItems"] = transaction["TransactItems"][1:]
    for minutes, passing, wanted in ((0, 0, "1"), (9, 540, "1"), (11, 120, "2")):
        clock.pass_seconds(passing)
        here.client.transact_write_items(**transaction)
        found = visits(table, counter)
        assert found == wanted, (
            f"a transaction that adds 1, repeated {minutes} minutes later with its client token, leaves the "
            f"counter at {found}, not {wanted}"
        )


@claim("TX-05")
def test_the_reasons_of_a_cancelled_transaction_follow_its_actions(
    here: RegionHandle, seen: dict[str, str]
) -> None:
    """There is a reason for each action in the order of the actions: ConditionalCheckFailed, else None."""
    table = here.shared_table()

    def codes(*failing: int) -> list[str | None]:
        actions = [
            put(table, key, "after", ConditionExpression=EXISTS if number in failing else ABSENT)
            for number, key in enumerate(keys(here, 4))
        ]
        found = reasons(here, *actions, what="a transaction with a condition that does not hold")
        return [reason.get("Code") for reason in found]

    for position in (0, 2, 3):
        wanted = ["ConditionalCheckFailed" if number == position else "None" for number in range(4)]
        found = codes(position)
        assert found == wanted, (
            f"of 4 actions the one at place {position + 1} has a condition that does not hold; "
            f"the codes of the reasons are {found}"
        )
    told = codes(1, 3).count("ConditionalCheckFailed")
    seen["reasons told where two actions fail"] = "one" if told == 1 else "both"


@claim("TX-09")
def test_a_condition_check_cancels_and_changes_nothing(here: RegionHandle) -> None:
    """A check that holds leaves its item as it is, also where there is none; one that does not, cancels."""
    table, (here_item, absent, new) = here.shared_table(), keys(here, 3)
    table.put(here_item, "before")
    checks = [check(table, here_item, EXISTS), check(table, absent, ABSENT)]
    here.client.transact_write_items(TransactItems=[*checks, put(table, new, "first")])
    found = [table.get(key) for key in (here_item, absent, new)]
    assert found == ["before", None, "first"], (
        "after a transaction with a check of an item, a check that another is absent and a put, "
        f"the three items hold {found}"
    )
    for broken in (check(table, here_item, ABSENT), check(table, absent, EXISTS)):
        what = "a transaction with a condition check that does not hold"
        codes = [reason.get("Code") for reason in reasons(here, put(table, new, "second"), broken, what=what)]
        assert "ConditionalCheckFailed" in codes, f"{what} is cancelled with reasons of the codes {codes}"
        found = [table.get(key) for key in (here_item, absent, new)]
        assert found == ["before", None, "first"], f"a cancelled transaction was applied: {found}"


@claim("TX-10")
def test_a_reason_shows_the_item_that_was_asked_for(here: RegionHandle) -> None:
    """ALL_OLD puts the item as it is into the reason, for each kind of action."""
    table, (key, new) = here.shared_table(), keys(here, 2)
    table.put(key, "as it is")
    wanted = {"pk": {"S": key}, "v": {"S": "as it is"}}
    asking = {"ConditionExpression": ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    for kind, action in (
        ("ConditionCheck", check(table, key, ABSENT, ReturnValuesOnConditionCheckFailure="ALL_OLD")),
        ("Put", put(table, key, "after", **asking)),
        ("Update", update(table, key, "after", **asking)),
        ("Delete", delete(table, key, **asking)),
    ):
        found = reasons(here, put(table, new, "after"), action, what=f"a {kind} whose condition is false")
        items = [reason.get("Item") for reason in found]
        assert wanted in items, (
            f"the {kind} asked for the item, which is {wanted}, if its condition fails; the reasons show {items}"
        )


@claim("TX-11")
def test_a_transaction_spans_tables(here: RegionHandle) -> None:
    """Writes to two tables are done together; a condition that fails in one keeps the other as it was."""
    table, sorted_table = here.shared_table(), here.shared_table("S")

    def write(key: str, value: str, condition: str) -> list[dict[str, Any]]:
        item = {"pk": {"S": key}, "sk": {"S": "s"}, "v": {"S": value}}
        action = {"TableName": sorted_table.name, "Item": item, "ConditionExpression": condition}
        return [put(table, key, value), {"Put": action}]

    def found(key: str) -> list[str | None]:
        answer = here.client.get_item(
            TableName=sorted_table.name, Key={"pk": {"S": key}, "sk": {"S": "s"}}, ConsistentRead=True
        )
        return [table.get(key), answer.get("Item", {}).get("v", {}).get("S")]

    [key] = keys(here, 1)
    here.client.transact_write_items(TransactItems=write(key, "first", ABSENT))
    assert found(key) == ["first", "first"], f"a transaction put two items in two tables: {found(key)}"
    for actions in (write(key, "second", ABSENT), write(key, "second", ABSENT)[::-1]):
        reasons(here, *actions, what="a transaction whose condition fails in one of two tables")
        assert found(key) == ["first", "first"], (
            f"a transaction was cancelled for a condition in one of its tables, and the items hold {found(key)}"
        )


@claim("AP-04")
def test_a_transaction_on_an_unknown_table_says_so(here: RegionHandle) -> None:
    """TransactWriteItems and TransactGetItems give ResourceNotFoundException, and nothing is written."""
    table, unknown = here.shared_table(), here.table(here.names.new("absent"))
    known, other = keys(here, 2)
    here.client.transact_write_items(TransactItems=[put(table, known, "first")])
    for call, actions in (
        (here.client.transact_write_items, [put(table, other, "second"), put(unknown, known, "second")]),
        (here.client.transact_get_items, [get(table, known), get(unknown, known)]),
    ):
        refused(
            call,
            "ResourceNotFoundException",
            what="a transaction on a table that does not exist",
            TransactItems=actions,
        )
    left = table.get(other)
    assert left is None, "of a transaction on a table that does not exist, the part on another table was done"
