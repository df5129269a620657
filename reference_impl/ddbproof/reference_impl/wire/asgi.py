"""The ASGI application: reads a bounded body, lets the gateway or the control interface answer, writes.

Requests are answered one after another on the event loop's thread: that is what makes each of them atomic.
Too large a body is read on, unkept, up to a second bound, because a client that is still sending would see
a broken connection instead of the answer; one that announces more, or waits to be asked, is answered at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ddbproof.reference_impl.control.interface import PREFIX, ControlInterface
from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES
from ddbproof.reference_impl.wire.gateway import Gateway
from ddbproof.reference_impl.wire.response import Response

LARGEST_DRAINED_BYTES = 4 * LARGEST_BODY_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class _ClientGoneError(Exception):
    """The client closed the connection before its request was complete: nobody is there to be answered."""


def application(gateway: Gateway, control: ControlInterface) -> Application:
    """The ASGI application for one endpoint; handles `http` and `lifespan`, closes anything else."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _http(gateway, control, scope, receive, send)
        elif scope["type"] == "lifespan":
            await _lifespan(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1003})

    return app


async def _http(
    gateway: Gateway, control: ControlInterface, scope: Message, receive: Receive, send: Send
) -> None:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    try:
        body = await _read(receive, headers)
    except _ClientGoneError:
        return
    method, path, query = scope["method"], scope["path"], scope["query_string"]
    if body is None:
        response = gateway.too_large()
    elif path.startswith(PREFIX):
        peer = scope["client"][0] if scope.get("client") else ""
        response = control.handle(method, path, headers, body, peer)
    else:
        target = f"{path}?{query.decode('latin-1')}" if query else path
        response = gateway.handle(method, target, headers, body)
    await _write(send, response, with_body=method != "HEAD")


async def _read(receive: Receive, headers: Mapping[bytes, bytes]) -> bytes | None:
    """The whole body, or None if it is too large. Raises _ClientGoneError."""
    announced = headers.get(b"content-length", b"0")
    announced_bytes = int(announced) if announced.isdigit() and len(announced) < 20 else 0
    waits = b"expect" in headers
    if announced_bytes > (LARGEST_BODY_BYTES if waits else LARGEST_DRAINED_BYTES):
        return None
    chunks: list[bytes] = []
    size_bytes = 0
    while size_bytes <= LARGEST_DRAINED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientGoneError
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        if not more and not chunks and not size_bytes:
            return chunk if len(chunk) <= LARGEST_BODY_BYTES else None
        size_bytes += len(chunk)
        if size_bytes > LARGEST_BODY_BYTES:
            chunks.clear()
        else:
            chunks.append(chunk)
        if not more:
            return b"".join(chunks) if size_bytes <= LARGEST_BODY_BYTES else None
    return None


async def _write(send: Send, response: Response, *, with_body: bool) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
