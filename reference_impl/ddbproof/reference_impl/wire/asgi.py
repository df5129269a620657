"""The ASGI application: reads a bounded body, lets the gateway or the control interface answer, writes.

Requests are answered one after another on the event loop's thread: that is what makes each of them atomic.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ddbproof.reference_impl.control.interface import PREFIX, ControlInterface
from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES
from ddbproof.reference_impl.wire.gateway import Gateway
from ddbproof.reference_impl.wire.response import Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def application(gateway: Gateway, control: ControlInterface) -> Application:
    """The ASGI application for one endpoint."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        if body is None:
            response = gateway.too_large()
        elif scope["path"].startswith(PREFIX):
            peer = scope["client"][0] if scope.get("client") else ""
            response = control.handle(scope["method"], scope["path"], headers, body, peer)
        else:
            response = gateway.handle(scope["method"], scope["path"], headers, body)
        await _send(send, response, with_body=scope["method"] != "HEAD")

    return app


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is too large or the client went away."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= LARGEST_BODY_BYTES:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= LARGEST_BODY_BYTES else None


async def _send(send: Send, response: Response, *, with_body: bool) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})
