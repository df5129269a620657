"""The ASGI application reads a bounded body and hands it on; the transport is played by the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.control.interface import ControlInterface
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.asgi import LARGEST_DRAINED_BYTES, application
from ddbproof.reference_impl.wire.gateway import Gateway

MEGABYTE = b" " * 1024 * 1024
SIGNED = [
    (
        b"authorization",
        b"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    ),
    (b"x-amz-target", b"DynamoDB_20120810.ListTables"),
]


class Echo:
    """Answers with what it was given."""

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]:
        return {"operation": operation, "parameters": parameters}


class Exchange:
    """One request through the application: what was sent back, and how many messages were read."""

    def __init__(self, messages: Iterable[dict[str, Any]], **scope: Any) -> None:
        clock = Clock(frozen_at_milliseconds=1_800_000_000_000)
        options = EndpointOptions()
        cluster = Cluster(options, clock)
        app = application(
            Gateway(Echo(), options, clock), ControlInterface(clock, cluster, options, "t" * 20)
        )
        self.sent: list[dict[str, Any]] = []
        self.read = 0
        waiting = iter(messages)

        async def receive() -> dict[str, Any]:
            self.read += 1
            return next(waiting)

        async def send(message: Any) -> None:
            self.sent.append(message)

        request = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": SIGNED,
            "client": ("127.0.0.1", 1),
        }

        async def answer() -> None:
            await app(request | scope, receive, send)

        asyncio.run(answer())

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def chunk(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    "pieces", [[b'{"Limit": 5}'], [b'{"Lim', b'it": 5', b"}"], [b"", b'{"Limit": 5}', b""]]
)
def test_a_body_is_put_together(pieces: list[bytes]) -> None:
    """However the transport cuts it."""
    messages = [chunk(piece, more=True) for piece in pieces[:-1]] + [chunk(pieces[-1])]
    assert json.loads(Exchange(messages).body)["parameters"] == {"Limit": 5}


@pytest.mark.parametrize("megabytes", [17, 40])
def test_a_large_body_is_read_to_its_end_and_then_refused(megabytes: int) -> None:
    """A client that is still sending would not see an answer."""
    messages = [chunk(MEGABYTE, more=True) for _ in range(megabytes)] + [chunk(b"")]
    exchange = Exchange(messages)
    assert (exchange.status, exchange.read) == (413, megabytes + 1)
    assert (b"connection", b"close") in exchange.sent[0]["headers"]


def test_an_endless_body_is_cut_off() -> None:
    """There is a second bound, after which the connection is given up."""

    def endless() -> Iterable[dict[str, Any]]:
        while True:
            yield chunk(MEGABYTE, more=True)

    exchange = Exchange(endless())
    assert exchange.status == 413
    assert exchange.read <= LARGEST_DRAINED_BYTES // len(MEGABYTE) + 1


@pytest.mark.parametrize(
    "headers",
    [[(b"content-length", b"99999999999")], [(b"content-length", b"20000000"), (b"expect", b"100-continue")]],
)
def test_a_body_announced_as_too_large_is_not_read(headers: list[tuple[bytes, bytes]]) -> None:
    """Refused before anything is sent."""
    exchange = Exchange([], headers=headers)
    assert (exchange.status, exchange.read) == (413, 0)


@pytest.mark.parametrize("announced", [b"", b"-1", b"abc", b"\xb2", b"9" * 5000])
def test_a_nonsensical_length_is_not_believed(announced: bytes) -> None:
    """The bytes that arrive count."""
    assert Exchange([chunk(b"{}")], headers=[*SIGNED, (b"content-length", announced)]).status == 200


def test_a_client_that_goes_away_is_not_answered() -> None:
    """Half a request is no request."""
    assert not Exchange([chunk(b'{"Limit"', more=True), {"type": "http.disconnect"}]).sent


def test_a_head_request_gets_no_body() -> None:
    """HTTP says so."""
    exchange = Exchange([chunk(b"")], method="HEAD")
    assert (exchange.status, exchange.body) == (200, b"")


def test_control_paths_reach_the_control_interface_with_the_peer() -> None:
    """Anybody else than this machine is refused there."""
    headers = [(b"x-ddbproof-token", b"t" * 20)]
    assert Exchange([chunk(b"")], method="GET", path="/_ddbproof/clock", headers=headers).status == 200
    for client in (("10.0.0.1", 1), None):
        exchange = Exchange(
            [chunk(b"")], method="GET", path="/_ddbproof/clock", headers=headers, client=client
        )
        assert exchange.status == 403


def test_a_query_reaches_the_gateway() -> None:
    """So that presigned URLs are refused with the right word."""
    exchange = Exchange([chunk(b"{}")], query_string=b"X-Amz-Credential=a", headers=SIGNED[1:])
    assert "query string" in json.loads(exchange.body)["message"]


def test_other_protocols_are_closed_and_lifespan_is_answered() -> None:
    """Servers other than ours may ask for more than HTTP."""
    assert Exchange([{"type": "websocket.connect"}], type="websocket").sent[0]["type"] == "websocket.close"
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert [message["type"] for message in Exchange(messages, type="lifespan").sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
