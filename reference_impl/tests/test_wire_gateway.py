"""The gateway answers every request, whatever it holds, in DynamoDB's form."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import CallerError, EndpointError, NotBuiltError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.gateway import Gateway
from ddbproof.reference_impl.wire.response import Response

AUTHORIZATION = (
    b"AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/dynamodb/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=0"
)
NOW = 1_800_000_000_000
Answer = Callable[[str, dict[str, Any], CallContext], dict[str, Any]]


class FakeBackend:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer: Answer = lambda *_: {}) -> None:
        self.answer = answer
        self.calls: list[tuple[str, dict[str, Any], CallContext]] = []

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]:
        self.calls.append((operation, parameters, context))
        return self.answer(operation, parameters, context)


def raising(error: Exception) -> FakeBackend:
    def answer(*_: Any) -> dict[str, Any]:
        raise error

    return FakeBackend(answer)


def gateway(backend: FakeBackend, clock: Clock | None = None, seed: int = 0) -> Gateway:
    return Gateway(backend, EndpointOptions(seed=seed), clock or Clock(frozen_at_milliseconds=NOW))


def post(
    target: Gateway, operation: str = "ListTables", body: bytes = b"{}", prefix: str = "DynamoDB_20120810"
) -> Response:
    headers = {b"authorization": AUTHORIZATION, b"x-amz-target": f"{prefix}.{operation}".encode()}
    return target.handle("POST", "/", headers, body)


def header(response: Response, name: bytes) -> str:
    (value,) = [value for given, value in response.headers if given == name]
    return value.decode()


def test_a_request_reaches_the_backend_with_region_and_account() -> None:
    """What the backend is told is all it needs to know."""
    backend = FakeBackend()
    post(gateway(backend), "DescribeTable", b'{"TableName": "abc", "Unknown": 1}')
    ((operation, parameters, context),) = backend.calls
    assert (operation, parameters["TableName"]) == ("DescribeTable", "abc")
    assert (context.region, context.account) == ("eu-west-1", "000000000000")


def test_answers_may_hold_encoded_json() -> None:
    """An item can be spliced into the answer as it is stored."""
    backend = FakeBackend(lambda *_: {"Item": msgspec.Raw(b'{"pk":{"S":"a"}}'), "At": 1.5})
    assert json.loads(post(gateway(backend)).body) == {"Item": {"pk": {"S": "a"}}, "At": 1.5}


@pytest.mark.parametrize("backend", [FakeBackend(), raising(CallerError("ResourceNotFoundException", "no"))])
def test_every_answer_carries_checksum_length_id_and_type(backend: FakeBackend) -> None:
    """AP-16: JSON 1.0."""
    response = post(gateway(backend))
    assert header(response, b"x-amz-crc32") == str(crc32(response.body))
    assert header(response, b"content-length") == str(len(response.body))
    assert header(response, b"content-type") == "application/x-amz-json-1.0"
    assert re.fullmatch("[0-9A-Z]{52}", header(response, b"x-amzn-requestid"))


def test_date_shows_the_clock_of_the_endpoint() -> None:
    """Instants come from the endpoint's clock, and Date is where a client reads it."""
    clock = Clock(frozen_at_milliseconds=NOW + 999)
    target = gateway(FakeBackend(), clock)
    assert parsedate_to_datetime(header(post(target), b"date")).timestamp() == NOW // 1000
    assert header(post(target), b"date").endswith(" GMT")
    clock.advance(3600)
    assert parsedate_to_datetime(header(post(target), b"date")).timestamp() == NOW // 1000 + 3600


def test_request_ids_differ_and_follow_the_seed() -> None:
    """A run is reproducible to its request ids."""

    def ids(seed: int) -> list[str]:
        target = gateway(FakeBackend(), seed=seed)
        return [header(post(target), b"x-amzn-requestid") for _ in range(20)]

    assert len(set(ids(1))) == 20
    assert ids(1) == ids(1)
    assert ids(1) != ids(2)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (
            CallerError("ResourceNotFoundException", "x"),
            400,
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        ),
        (EndpointError("x"), 500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        (EndpointError("x", status=503), 503, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        (NotBuiltError("ImportTable"), 400, "com.amazon.coral.service#UnknownOperationException"),
    ],
)
def test_service_errors_become_the_envelope(error: Exception, status: int, kind: str) -> None:
    """AP-16, AP-17: the namespace is part of the type, the status that of the error."""
    response = post(gateway(raising(error)))
    assert (response.status, json.loads(response.body)["__type"]) == (status, kind)
    assert json.loads(response.body)["message"]


@pytest.mark.parametrize(
    "operation", ["NoSuchThing", "", "listtables", "ListTables\n", "DynamoDB_20120810.ListTables"]
)
def test_an_operation_that_does_not_exist_is_refused_without_a_message(operation: str) -> None:
    """The service answers an unknown operation so."""
    backend = FakeBackend()
    response = post(gateway(backend), operation)
    assert (response.status, json.loads(response.body)) == (
        400,
        {"__type": "com.amazon.coral.service#UnknownOperationException", "message": ""},
    )
    assert not backend.calls


def test_operations_of_streams_have_their_own_prefix() -> None:
    """DynamoDB Streams shares the endpoint."""
    backend = FakeBackend()
    assert post(gateway(backend), "ListStreams", prefix="DynamoDBStreams_20120810").status == 200
    assert post(gateway(backend), "ListStreams").status == 400
    assert [operation for operation, *_ in backend.calls] == ["ListStreams"]


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("ListTables", b"{", "SerializationException"),
        ("ListTables", b"[1]", "SerializationException"),
        ("ListTables", b'{"Limit": "1"}', "SerializationException"),
        ("ListTables", b'{"Limit": 0}', "ValidationException"),
        ("DescribeTable", b"{}", "ValidationException"),
    ],
)
def test_what_the_model_forbids_never_reaches_the_backend(operation: str, body: bytes, code: str) -> None:
    """AP-15."""
    backend = FakeBackend()
    response = post(gateway(backend), operation, body)
    assert (response.status, json.loads(response.body)["__type"].partition("#")[2]) == (400, code)
    assert not backend.calls


def test_a_body_above_16_megabytes_is_too_large() -> None:
    """The limit is the body's; right below it JSON decides."""
    assert post(gateway(FakeBackend()), body=b" " * (16 * 1024 * 1024 + 1)).status == 413
    assert post(gateway(FakeBackend()), body=b"{}" + b" " * (16 * 1024 * 1024 - 2)).status == 200


def test_an_unexpected_exception_is_logged_and_kept_to_ourselves(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is InternalServerError; the traceback is for the log."""
    response = post(gateway(raising(ZeroDivisionError("a secret place"))))
    assert response.status == 500
    assert b"secret" not in response.body
    assert b"ZeroDivision" not in response.body
    assert json.loads(response.body)["__type"].endswith("#InternalServerError")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info


def test_an_answer_that_cannot_be_encoded_is_our_error(caplog: pytest.LogCaptureFixture) -> None:
    """Half an answer is never sent."""
    assert post(gateway(FakeBackend(lambda *_: {"a": object()}))).status == 500
    assert caplog.records


def test_health_is_answered_without_a_signature() -> None:
    """GET / says that somebody is there."""
    response = gateway(FakeBackend()).handle("GET", "/", {}, b"")
    assert (response.status, response.body) == (200, b"healthy: ddbproof reference endpoint\n")


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "/", 405),
        ("DELETE", "/", 405),
        ("GET", "/?a=b", 405),
        ("POST", "/tables", 404),
        ("GET", "/x", 404),
    ],
)
def test_wrong_methods_and_paths_are_refused(method: str, target: str, status: int) -> None:
    """Operations are sent with POST to the root."""
    headers = {b"authorization": AUTHORIZATION, b"x-amz-target": b"DynamoDB_20120810.ListTables"}
    response = gateway(FakeBackend()).handle(method, target, headers, b"{}")
    assert response.status == status
    assert "Operations are sent" in json.loads(response.body)["message"]


TARGETS = st.binary(max_size=20) | st.sampled_from(
    [b"DynamoDB_20120810.PutItem", b"DynamoDB_20120810.Scan", b"DynamoDB_20120810.RestoreTableToPointInTime"]
)
AUTHORIZATIONS = st.none() | st.binary(max_size=60) | st.just(AUTHORIZATION)
BODIES = st.binary(max_size=60) | st.dictionaries(
    st.sampled_from(["TableName", "Item", "Limit", "RestoreDateTime", "SourceTableName", "TargetTableName"]),
    st.none()
    | st.text(max_size=4)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.just({})
    | st.lists(st.none()),
).map(lambda parameters: json.dumps(parameters).encode())


@settings(max_examples=300)
@given(
    TARGETS,
    AUTHORIZATIONS,
    BODIES,
    st.sampled_from(["POST", "GET", "BREW"]),
    st.sampled_from(["/", "", "/é?%"]),
)
def test_no_bytes_make_an_internal_error(
    target: bytes, authorization: bytes | None, body: bytes, method: str, path: str
) -> None:
    """Whatever comes over the wire is answered, and is not our fault."""
    headers = {b"x-amz-target": target}
    if authorization is not None:
        headers[b"authorization"] = authorization
    for backend in (FakeBackend(), ReferenceEndpoint(clock=Clock(frozen_at_milliseconds=NOW))):
        options = EndpointOptions()
        response = Gateway(backend, options, Clock(frozen_at_milliseconds=NOW)).handle(
            method, path, headers, body
        )
        assert response.status in (200, 400, 404, 405)
