"""A connection that answers the usual request at once, without the detour over ASGI.

The gateway never waits, so a POST to `/` whose body is announced and small enough can be answered in the moment its last byte is
here: no task, no messages. Half of what a small request cost was that detour (decision 0010). Everything
else (other paths and methods, bodies in chunks, `Expect`, HTTP/1.0, requests that arrive behind one which is not
answered yet) goes the way that uvicorn prepares.

This is uvicorn's own protocol class with a shortcut in it; its version is pinned, and the tests send the same requests
both ways. Two things it does otherwise. The parser puts headers into a dictionary itself. And one timer a connection
looks from time to time whether anything has come since, where uvicorn sets one anew for each request; a connection
that is idle is closed after the keep-alive time, at the latest after twice as long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES

if TYPE_CHECKING:
    from ddbproof.reference_impl.wire.gateway import Gateway


class DirectConnection(HttpToolsProtocol):
    """One connection; see above. `gateway` answers."""

    gateway: ClassVar[Gateway]

    def __init__(self, *args: Any, **keywords: Any) -> None:
        self._given: dict[bytes, bytes] = {}
        # The parser looks its callbacks up once, when it is made. Of headers that are spelled alike the last counts.
        self.on_header = self._given.__setitem__  # type: ignore[method-assign, assignment]
        super().__init__(*args, **keywords)
        self._fields: dict[bytes, bytes] = {}
        self._body: list[bytes] | None = None
        self._in_request = False
        self._pieces = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    # -- requests ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        self._pieces += 1
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins; what only ASGI needs is prepared when it turns out to be needed."""
        self._in_request = True
        self.url = b""
        self._given.clear()

    def on_headers_complete(self) -> None:
        """Decide which way the request goes."""
        fields = self._fields = {name.lower(): value for name, value in self._given.items()}
        if self._is_usual(fields):
            self._body = []
            return
        self._body = None
        url = self.url
        super().on_message_begin()
        self.url = url
        self.headers += fields.items()
        self.expect_100_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """All of the request is here."""
        self._in_request = False
        chunks = self._body
        if chunks is None:
            super().on_message_complete()
            return
        self._body = None
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.server_state.total_requests += 1
        self.transport.write(self.gateway.handle("POST", "/", self._fields, body).on_the_wire)

    def _is_usual(self, fields: dict[bytes, bytes]) -> bool:
        parser, cycle = self.parser, self.cycle
        if self.url != b"/" or parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return False
        if b"transfer-encoding" in fields or b"expect" in fields:
            return False
        if not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if self.flow.write_paused or (cycle is not None and not cycle.response_complete):
            return False
        announced = fields.get(b"content-length", b"")
        return announced.isdigit() and len(announced) < 10 and int(announced) <= LARGEST_BODY_BYTES

    # -- the connection's life --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._look_again(self._pieces)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        super().connection_lost(exc)

    def _look_again(self, pieces: int) -> None:
        self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle, pieces)

    def _close_if_idle(self, pieces: int) -> None:
        """Close the connection if nothing has come since there were so many pieces, and nothing is awaited."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if pieces != self._pieces or self._in_request or answering:
            self._look_again(self._pieces)
        else:
            self.timeout_keep_alive_handler()


def connection_class(gateway: Gateway) -> type[DirectConnection]:
    """The class of connections that a gateway answers."""
    return type("Connection", (DirectConnection,), {"gateway": gateway})
