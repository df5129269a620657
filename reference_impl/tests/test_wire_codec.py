"""Bodies are bounded before they are decoded, and errors have DynamoDB's envelope."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import CallerError, SerializationError
from ddbproof.reference_impl.wire.codec import DEEPEST_NESTING, decode_body, encode_error, nests_deeper

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just('"[{\\'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=30,
)


def nested(value: Any, kinds: list[bool]) -> Any:
    for in_list in kinds:
        value = [value, "[", "]"] if in_list else {"}": 1, "[": value}
    return value


DEEP_JSON = st.builds(nested, JSON, st.lists(st.booleans(), max_size=12))


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(DEEP_JSON, st.integers(0, 12))
def test_nesting_is_measured_as_the_decoded_value_has_it(value: Any, levels: int) -> None:
    """Brackets inside texts do not count, whatever the texts hold."""
    assert nests_deeper(json.dumps(value).encode(), levels) == (depth_of(value) > levels)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_serialization_exception(body: bytes) -> None:
    """Nothing but SerializationError leaves the decoder."""
    with contextlib.suppress(SerializationError):
        assert isinstance(decode_body(body), dict)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' * (DEEPEST_NESTING + 1) + b"1" + b"}" * (DEEPEST_NESTING + 1),
        b'{"a": "' + b"[" * 1000 + b'"' + b',"b":' + b"[" * 201 + b"]" * 201 + b"}",
    ],
    ids=["open lists", "deep objects", "one too deep", "deep behind a text of brackets"],
)
def test_a_nesting_bomb_is_refused(body: bytes) -> None:
    """Depth costs stack, so it is bounded before anything recurses."""
    with pytest.raises(SerializationError, match="nested more than 200"):
        decode_body(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": [' + b"{}," * 1_000_000 + b"{}]}",
        b"[" * 150 + b'"' + b'\\"' * 1_000_000,
        b'{"a":"' + b"[" * 2_000_000,
        b'"[' * 1_000_000,
    ],
    ids=["wide", "unfinished text of escapes", "unfinished text of brackets", "many texts"],
)
def test_the_bound_costs_time_linear_in_the_body(body: bytes) -> None:
    """No body makes the scan look at the same bytes again and again."""
    started = time.process_time()
    nests_deeper(body, DEEPEST_NESTING)
    assert time.process_time() - started < 5


def test_as_deep_as_allowed_is_decoded() -> None:
    """The bound itself is lawful."""
    body = b'{"a":' * DEEPEST_NESTING + b"1" + b"}" * DEEPEST_NESTING
    assert decode_body(body)["a"]["a"]


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b"{", b'{"a":\xff}', b"{}x", b'{"a":1e999}'])
def test_anything_but_an_object_is_a_serialization_exception(body: bytes) -> None:
    """AP-16: a request is one JSON object."""
    with pytest.raises(SerializationError):
        decode_body(body)


@pytest.mark.parametrize(
    ("code", "member"),
    [
        ("ResourceNotFoundException", "message"),
        ("TransactionCanceledException", "Message"),
        ("TransactionInProgressException", "Message"),
        ("IdempotentParameterMismatchException", "Message"),
    ],
)
def test_the_name_of_the_message_depends_on_the_error(code: str, member: str) -> None:
    """AP-16: three exceptions write Message with a capital."""
    envelope = json.loads(encode_error(CallerError(code, "text", extra={"Item": {"pk": {"S": "a"}}})))
    assert envelope == {
        "__type": f"com.amazonaws.dynamodb.v20120810#{code}",
        member: "text",
        "Item": {"pk": {"S": "a"}},
    }


def test_throttling_reasons_are_lower_case_on_one_error_only() -> None:
    """AP-16."""
    reasons = {"ThrottlingReasons": [{"reason": "x"}]}
    for code, name in (
        ("ThrottlingException", "throttlingReasons"),
        ("ProvisionedThroughputExceededException", "ThrottlingReasons"),
    ):
        envelope = json.loads(encode_error(CallerError(code, "text", extra=reasons)))
        assert set(envelope) == {"__type", "message", name}
