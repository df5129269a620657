"""The shortcut and the way over ASGI give the same bytes for the same requests, however these arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.control.interface import ControlInterface
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.asgi import application
from ddbproof.reference_impl.wire.connection import DirectConnection, connection_class
from ddbproof.reference_impl.wire.gateway import Gateway

SIGNED = (
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n"
)


def request(
    operation: str,
    body: bytes,
    *,
    path: str = "/",
    method: str = "POST",
    version: str = "1.1",
    more: str = "",
) -> bytes:
    head = (
        f"{method} {path} HTTP/{version}\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\n{SIGNED}{more}"
    )
    length = "" if "chunked" in more else f"Content-Length: {len(body)}\r\n"
    return (head + length + "\r\n").encode() + body


LIST = request("ListTables", b"{}")
USUAL = [
    LIST,
    request("ListTables", b'{"Limit": 0}'),
    request("ListTables", b"no JSON"),
    request("NoSuchOperation", b"{}"),
    request("GetItem", b'{"TableName": "nothing", "Key": {"pk": {"S": "x"}}}'),
    request("PutItem", b'{"TableName": "nothing", "Item": {"pk": {"S": "' + b"x" * 5000 + b'"}}}'),
]
UNUSUAL = [
    request("ListTables", b"{}", path="/elsewhere"),
    request("ListTables", b"", path="/", method="GET"),
    request("ListTables", b"{}", method="PUT"),
    request("ListTables", b"2\r\n{}\r\n0\r\n\r\n", more="Transfer-Encoding: chunked\r\n"),
    request("ListTables", b"{}", more="Expect: 100-continue\r\n"),
    request("", b"", path="/_ddbproof/clock", method="GET"),
]


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def conversation(
    pieces: Sequence[bytes], *, direct: bool, keep_alive_seconds: int = 65
) -> tuple[bytes, bool]:
    """What comes back on one connection, with the shortcut or without; and if it is closed."""

    async def talk() -> tuple[bytes, bool]:
        endpoint = ReferenceEndpoint(EndpointOptions(), clock=Clock(frozen_at_milliseconds=1_800_000_000_000))
        gateway = Gateway(endpoint, endpoint.options, endpoint.clock)
        control = ControlInterface(endpoint.clock, endpoint.cluster, endpoint.options, "t" * 20)
        config = uvicorn.Config(
            application(gateway, control),
            interface="asgi3",
            lifespan="off",
            ws="none",
            date_header=False,
            server_header=False,
            log_level="critical",
            timeout_keep_alive=keep_alive_seconds,
        )
        kind = connection_class(gateway) if direct else DirectConnection.__mro__[1]
        connection = kind(config=config, server_state=ServerState(), app_state={})
        transport = Transport()
        connection.connection_made(transport)
        for piece in pieces:
            if not transport.closed:
                connection.data_received(piece)
                for _ in range(10):
                    await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
        closed = transport.closed
        connection.connection_lost(None)
        return transport.written, closed

    return asyncio.run(talk())


@pytest.mark.parametrize(
    "one", [*USUAL, *UNUSUAL, request("ListTables", b"{}", version="1.0")], ids=range(13)
)
def test_each_request_is_answered_alike_both_ways(one: bytes) -> None:
    """Status, headers in their order, body, and whether the connection stays."""
    answered = conversation([one], direct=True)
    assert answered[0].startswith(b"HTTP/1.1 ")
    assert answered == conversation([one], direct=False)


@given(
    st.lists(st.sampled_from(USUAL + UNUSUAL), min_size=1, max_size=6),
    st.lists(st.integers(1, 6000), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_requests_behind_each_other_are_answered_in_their_order(
    requests: list[bytes], cuts: list[int]
) -> None:
    """Whatever pieces they arrive in."""
    stream, pieces = b"".join(requests), []
    for cut in cuts:
        pieces.append(stream[:cut])
        stream = stream[cut:]
    pieces.append(stream)
    assert conversation(pieces, direct=True) == conversation(pieces, direct=False)


def test_a_body_that_ends_early_is_not_answered() -> None:
    """Nobody is there to be answered."""
    written, _ = conversation([LIST[:-1]], direct=True)
    assert written == b""


@pytest.mark.parametrize("pieces", [[], [LIST], [request("ListTables", b"{}", method="PUT")]], ids=range(3))
def test_an_idle_connection_is_closed(pieces: list[bytes]) -> None:
    """With a keep-alive time of nought seconds, as soon as nothing is awaited, whichever way was gone."""
    assert conversation(pieces, direct=True, keep_alive_seconds=0)[1]


@pytest.mark.parametrize("end", [10, 200, -1], ids=["in the line", "in the headers", "in the body"])
def test_a_connection_with_a_request_under_way_is_not_idle(end: int) -> None:
    """However long the rest of it takes."""
    assert conversation([LIST[:end]], direct=True, keep_alive_seconds=0) == (b"", False)
