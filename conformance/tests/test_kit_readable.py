"""An answer that is no DynamoDB answer is told in a sentence, and never looks like an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from judging import Answer, Bench, TinyEndpoint

from ddbproof.conformance.kit.readable import UnreadableAnswerError
from ddbproof.conformance.kit.wire import Wire
from ddbproof.conformance.plan import Credentials, Target


def client(endpoint: TinyEndpoint) -> tuple[Wire, Any]:
    wire = Wire(Target("tiny", {"us-east-1": endpoint.url}, Credentials("a", "b")))
    return wire, wire.client("us-east-1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\x00\xff garbage", "no JSON object"),
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (b'{"Item": []}', "Item is [], where a map belongs"),
        (b'{"Item": {"pk": "text"}}', 'Item.pk is "text", where a structure belongs'),
        (b'{"Item": {"l": {"L": [{"M": 7}]}}}', "Item.l.L[0].M is 7, where a map belongs"),
    ],
)
def test_an_answer_of_another_form_is_unreadable(endpoint: TinyEndpoint, body: bytes, words: str) -> None:
    """It says what is there and what belongs there, and the exchange is kept."""
    endpoint.answers["GetItem"] = lambda _: (200, body)
    wire, dynamodb = client(endpoint)
    with pytest.raises(UnreadableAnswerError) as caught:
        dynamodb.get_item(TableName="table", Key={"pk": {"S": "a"}})
    assert words in str(caught.value)
    assert wire.exchanges[-1].operation == "GetItem"
    assert json.loads(wire.exchanges[-1].request)["TableName"] == "table"


def test_an_answer_with_nulls_and_unknown_members_is_readable(endpoint: TinyEndpoint) -> None:
    """A null counts as absent, and nobody minds what the model does not know."""
    endpoint.answers["GetItem"] = lambda _: (200, {"Item": None, "More": 7})
    assert "Item" not in client(endpoint)[1].get_item(TableName="table", Key={"pk": {"S": "a"}})


@pytest.mark.parametrize("answer", [(200, b"[]"), (200, {"Item": []})])
def test_a_judged_answer_that_cannot_be_read_is_fail(bench: Bench, answer: Answer) -> None:
    """The promise was an answer."""
    bench.endpoint.answers["GetItem"] = lambda _: answer
    found = bench.result(
        """
        @claim("RC-03")
        def test_it(here):
            here.new_table().get("a")
        """
    )
    assert found.verdict == "fail"
    assert found.reason.startswith("the answer cannot be read as DynamoDB's")
    assert found.exchanges[-1].operation == "GetItem"
