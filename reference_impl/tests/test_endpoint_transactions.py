"""Transactions on the reference endpoint."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import ServiceError, ValidationError

SONGS, SINGERS = "songs", "singers"
EXISTS, ABSENT = "attribute_exists(pk)", "attribute_not_exists(pk)"
Document = dict[str, Any]


class World:
    """An endpoint with two tables that have a string partition key `pk`."""

    def __init__(self) -> None:
        self.clock = Clock(frozen_at_milliseconds=1_800_000_000_000)
        self.endpoint = ReferenceEndpoint(clock=self.clock)
        for table in (SONGS, SINGERS):
            self.call(
                "CreateTable",
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def call(self, operation: str, region: str = "us-east-1", **parameters: Any) -> Document:
        # What is sent is never changed for the sender: each call has a copy of its own.
        copy = msgspec.json.decode(msgspec.json.encode(parameters))
        answer = self.endpoint.call(operation, copy, CallContext(region, "000000000000"))
        decoded: Document = msgspec.json.decode(msgspec.json.encode(answer))
        return decoded

    def write(self, *actions: Document, **more: Any) -> Document:
        return self.call("TransactWriteItems", TransactItems=list(actions), **more)

    def read(self, *keys: str, table: str = SONGS, **more: Any) -> list[Document | None]:
        gets = [{"Get": {"TableName": table, "Key": {"pk": {"S": key}}}} for key in keys]
        answer = self.call("TransactGetItems", TransactItems=gets, **more)
        return [response.get("Item") for response in answer["Responses"]]

    def contents(self, table: str = SONGS) -> dict[str, Document]:
        return {item["pk"]["S"]: item for item in self.call("Scan", TableName=table)["Items"]}

    def cancelled(self, *actions: Document) -> list[Document]:
        """The reasons for which the transaction is cancelled."""
        with refused("TransactionCanceledException") as caught:
            self.write(*actions)
        reasons: list[Document] = msgspec.json.decode(msgspec.json.encode(caught.value.extra))[
            "CancellationReasons"
        ]
        return reasons


def put(key: str, table: str = SONGS, condition: str | None = None, **attributes: Any) -> Document:
    action: Document = {"TableName": table, "Item": {"pk": {"S": key}, **attributes}}
    return {"Put": action | ({"ConditionExpression": condition} if condition else {})}


def add(key: str, number: str = "1", table: str = SONGS) -> Document:
    return {
        "Update": {
            "TableName": table,
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": number}},
        }
    }


def delete(key: str, **more: Any) -> Document:
    return {"Delete": {"TableName": SONGS, "Key": {"pk": {"S": key}}, **more}}


def check(key: str, condition: str, **more: Any) -> Document:
    return {
        "ConditionCheck": {
            "TableName": SONGS,
            "Key": {"pk": {"S": key}},
            "ConditionExpression": condition,
            **more,
        }
    }


def refused(code: str) -> Any:
    return pytest.raises(ServiceError, check=lambda error: error.code == code)


def test_all_kinds_of_actions_are_applied_together() -> None:
    """TX-02, TX-11: also in two tables."""
    world = World()
    world.write(put("old"), put("checked"))
    world.write(put("new"), add("counter"), delete("old"), check("checked", EXISTS), put("x", SINGERS))
    assert set(world.contents()) == {"new", "counter", "checked"}
    assert set(world.contents(SINGERS)) == {"x"}


ACTIONS = [
    put("a", condition=ABSENT, v={"S": "put"}),
    put("b", condition=EXISTS, v={"S": "put"}),
    add("c"),
    delete("d", ConditionExpression=EXISTS),
    check("e", EXISTS),
    put("f", SINGERS),
]


@settings(deadline=None, max_examples=60)
@given(st.permutations(ACTIONS), st.integers(1, len(ACTIONS)), st.sets(st.sampled_from("abcdef")))
def test_a_transaction_is_applied_whole_or_not_at_all(
    actions: list[Document], count: int, present: set[str]
) -> None:
    """TX-02: whatever is there, a cancelled transaction leaves everything as it was."""
    world = World()
    for key in sorted(present):
        world.call("PutItem", TableName=SONGS, Item={"pk": {"S": key}, "n": {"N": "1"}})
    before = world.contents(), world.contents(SINGERS)
    chosen = actions[:count]
    fails = {"a": "a" in present, "b": "b" not in present, "d": "d" not in present, "e": "e" not in present}
    expected = ["ConditionalCheckFailed" if fails.get(key_of(action)) else "None" for action in chosen]
    if set(expected) == {"None"}:
        world.write(*chosen)
        keys = {key_of(action) for action in chosen}
        after = set(world.contents())
        assert after == (present | keys - {"d", "e", "f"}) - (keys & {"d"})
        assert ("f" in world.contents(SINGERS)) == ("f" in keys)
    else:
        assert [reason["Code"] for reason in world.cancelled(*chosen)] == expected
        assert (world.contents(), world.contents(SINGERS)) == before


def key_of(action: Document) -> str:
    [parameters] = action.values()
    key: str = (parameters.get("Key") or parameters["Item"])["pk"]["S"]
    return key


def test_the_item_is_in_the_reason_of_who_asked_for_it() -> None:
    """TX-10: and there is none where there is no item."""
    world = World()
    world.write(put("a", v={"S": "here"}))
    old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    asked, not_asked, nothing_there = world.cancelled(
        check("a", ABSENT, **old), delete("b", ConditionExpression=EXISTS), check("c", EXISTS, **old)
    )
    assert asked["Item"] == {"pk": {"S": "a"}, "v": {"S": "here"}}
    assert "Item" not in not_asked
    assert "Item" not in nothing_there


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("SET v = v + :n", "incorrect data type"),
        ("SET v = nothing + :n", "does not exist in the item"),
        ("SET nothing.v = :n", "document path"),
        ("SET pk = :n", "part of the key"),
    ],
)
def test_an_update_that_does_not_fit_its_item_cancels_everything(expression: str, sentence: str) -> None:
    """The service model lists these messages with the code ValidationError."""
    world = World()
    world.write(put("a", v={"S": "text"}))
    update = {**add("a")["Update"], "UpdateExpression": expression}
    fine, broken = world.cancelled(put("b"), {"Update": update})
    assert fine == {"Code": "None"}
    assert (broken["Code"], sentence in broken["Message"]) == ("ValidationError", True)
    assert set(world.contents()) == {"a"}


def test_an_item_that_grows_too_large_cancels_everything() -> None:
    """PART-14 within TX-02."""
    world = World()
    world.write(put("a", v={"S": "x" * (400 * 1024 - 4)}))
    fine, broken = world.cancelled(put("b"), add("a"))
    assert (fine["Code"], broken["Code"]) == ("None", "ValidationError")
    assert set(world.contents()) == {"a"}


def test_two_actions_on_one_item_are_refused_however_the_table_is_named() -> None:
    """TX-02: a table's ARN names the same table; even a false condition does not come first."""
    world = World()
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/songs"
    for second in (delete("a"), put("a", arn), check("a", EXISTS)):
        with pytest.raises(ValidationError, match="multiple operations on one item"):
            world.write(check("b", EXISTS), put("a"), second)
    world.write(put("a"), put("a", SINGERS))
    with pytest.raises(ValidationError, match="multiple operations on one item"):
        world.read("a", "a")


def test_a_transaction_has_1_to_100_actions() -> None:
    """TX-01: for writes and for reads."""
    world = World()
    keys = [str(number) for number in range(101)]
    world.write(*map(put, keys[:100]))
    assert len(world.contents()) == 100
    assert None not in world.read(*keys[:100])
    for wrong in ([], keys):
        with pytest.raises(ValidationError):
            world.write(*map(put, wrong))
        with pytest.raises(ValidationError):
            world.read(*wrong)


def test_a_transaction_has_4_megabytes_at_most() -> None:
    """TX-01: ten items of 400,000 bytes are fewer than 4 MB, eleven are more."""
    world = World()
    large = [put(str(number), v={"S": "x" * 400_000}) for number in range(11)]
    world.write(*large[:10])
    with pytest.raises(ValidationError, match="4MB"):
        world.write(*large)
    world.write(large[10])
    assert len(world.read(*map(str, range(10)))) == 10
    with pytest.raises(ValidationError, match="4 MB"):
        world.read(*map(str, range(11)))


@pytest.mark.parametrize("action", [{}, {**put("a"), **delete("b")}])
def test_an_action_is_of_exactly_one_kind(action: Document) -> None:
    """None or two are refused."""
    with pytest.raises(ValidationError):
        World().write(action)


def test_a_key_that_does_not_fit_the_schema_is_a_reason() -> None:
    """What only the table's schema shows cancels the transaction, for reads as for writes."""
    world = World()
    wrong = {"Put": {"TableName": SONGS, "Item": {"pk": {"N": "1"}}}}
    assert [reason["Code"] for reason in world.cancelled(put("a"), wrong)] == ["None", "ValidationError"]
    with refused("TransactionCanceledException"):
        world.call(
            "TransactGetItems", TransactItems=[{"Get": {"TableName": SONGS, "Key": {"x": {"S": "a"}}}}]
        )


def test_an_unknown_table_is_refused_before_any_condition_is_looked_at() -> None:
    """AP-04."""
    with refused("ResourceNotFoundException"):
        World().write(check("a", EXISTS), put("a", "nowhere"))


def test_a_repeated_token_changes_nothing_for_ten_minutes() -> None:
    """TX-04: the window begins when the first one finished, and a repetition does not prolong it."""
    world = World()
    for minutes, count in [(0, "1"), (9, "1"), (0.99, "1"), (0.01, "2"), (9.99, "2")]:
        world.clock.advance(minutes * 60)
        world.write(add("a"), ClientRequestToken="token")
        assert world.contents()["a"]["n"] == {"N": count}


def test_a_token_stands_for_one_transaction_in_one_region() -> None:
    """TX-04: another body is refused; the order of members and the report of capacity are no other body."""
    world = World()
    world.write(add("a"), ClientRequestToken="token")
    with refused("IdempotentParameterMismatchException"):
        world.write(add("a", "2"), ClientRequestToken="token")
    action = add("a")["Update"]
    backwards = {"Update": dict(reversed(action.items()))}
    world.write(backwards, ClientRequestToken="token", ReturnConsumedCapacity="TOTAL")
    assert world.contents()["a"]["n"] == {"N": "1"}
    with refused("ResourceNotFoundException"):
        world.call("TransactWriteItems", "eu-west-1", TransactItems=[add("a")], ClientRequestToken="token")


def test_a_cancelled_transaction_can_be_tried_again_with_its_token() -> None:
    """Only success is remembered."""
    world = World()
    actions = [put("a"), check("b", EXISTS)]
    with refused("TransactionCanceledException"):
        world.write(*actions, ClientRequestToken="token")
    world.write(put("b"))
    world.write(*actions, ClientRequestToken="token")
    assert set(world.contents()) == {"a", "b"}


def test_records_of_transactions_are_dropped_after_their_ten_minutes() -> None:
    """The ledger does not grow with every transaction there ever was, and forgets none too early."""
    world = World()
    ledger = world.endpoint.cluster.regions["us-east-1"].transactions.ledger

    def records() -> int:
        return len(ledger.groups.serving(b"").state.fold.items)

    for number in range(8):
        world.write(put(str(number)), **({"ClientRequestToken": f"token {number}"} if number % 2 else {}))
    assert records() == 8
    world.clock.advance(599)
    world.write(put("later"))
    assert records() == 9
    world.clock.advance(1)
    for number in range(3):
        world.write(put(f"after {number}"))
    assert records() == 4


def test_items_are_read_in_the_order_of_the_request_with_gaps() -> None:
    """TX-08: and a projection that finds nothing gives an empty item, not a missing one."""
    world = World()
    world.write(put("a", v={"S": "one"}), put("b", SINGERS, v={"S": "two"}))
    gets = [
        {"TableName": SINGERS, "Key": {"pk": {"S": "b"}}, "ProjectionExpression": "v"},
        {"TableName": SONGS, "Key": {"pk": {"S": "nothing"}}},
        {"TableName": SINGERS, "Key": {"pk": {"S": "a"}}, "ProjectionExpression": "v"},
        {
            "TableName": SONGS,
            "Key": {"pk": {"S": "a"}},
            "ProjectionExpression": "#x",
            "ExpressionAttributeNames": {"#x": "x"},
        },
    ]
    answer = world.call("TransactGetItems", TransactItems=[{"Get": get} for get in gets])
    assert answer == {"Responses": [{"Item": {"v": {"S": "two"}}}, {}, {}, {"Item": {}}]}


def test_a_transaction_costs_double() -> None:
    """RC-09: by table in the order of first mention; a repetition costs the reading of its items."""
    world = World()
    actions = [put("a", SINGERS, v={"S": "x" * 5000}), add("b"), put("c", SINGERS)]
    expected = {"WriteCapacityUnits": [12.0, 2.0], "ReadCapacityUnits": [6.0, 2.0]}
    for member, units in expected.items():
        answer = world.write(*actions, ClientRequestToken="token", ReturnConsumedCapacity="INDEXES")
        assert [one["TableName"] for one in answer["ConsumedCapacity"]] == [SINGERS, SONGS]
        for one, wanted in zip(answer["ConsumedCapacity"], units, strict=True):
            assert one[member] == one["CapacityUnits"] == one["Table"][member] == wanted
    read = world.call(
        "TransactGetItems",
        TransactItems=[{"Get": {"TableName": SINGERS, "Key": {"pk": {"S": "a"}}}}],
        ReturnConsumedCapacity="TOTAL",
    )
    assert read["ConsumedCapacity"] == [
        {"TableName": SINGERS, "CapacityUnits": 4.0, "ReadCapacityUnits": 4.0}
    ]
    assert world.write(put("a")) == {}
