"""A connection that answers the usual request at once, without the detour over ASGI.

The gateway never waits, so a POST to `/` whose body is announced and small enough can be answered in the moment its last byte is
here: no task, no messages. Half of what a small request cost was that detour (docs/measurements.md). Everything
else (other paths and methods, bodies in chunks, `Expect`, HTTP/1.0, requests that arrive behind one which is not
answered yet) goes the way that uvicorn prepares.

This is uvicorn's own protocol class with a shortcut in it; its version is pinned, and the tests send the same requests
both ways.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES

if TYPE_CHECKING:
    from ddbproof.reference_impl.wire.gateway import Gateway
    from ddbproof.reference_impl.wire.response import Response

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class DirectConnection(HttpToolsProtocol):
    """One connection; see above. `gateway` answers."""

    gateway: ClassVar[Gateway]
    _body: list[bytes] | None = None

    def on_message_begin(self) -> None:
        """A request begins; what only ASGI needs is prepared when it turns out to be needed."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Decide which way the request goes."""
        if self._is_usual():
            self._body = []
            return
        self._body = None
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """All of the request is here."""
        if self._body is None:
            super().on_message_complete()
            return
        chunks, self._body = self._body, None
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self.transport.write(wire_form(self.gateway.handle("POST", "/", dict(self.headers), body)))
        self.on_response_complete()

    def _is_usual(self) -> bool:
        parser = self.parser
        if self.url != b"/" or self.expect_100_continue or parser.get_method() != b"POST":
            return False
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive() or parser.should_upgrade():
            return False
        if self.flow.write_paused or (self.cycle is not None and not self.cycle.response_complete):
            return False
        announced = b""
        for name, value in self.headers:
            if name == b"content-length":
                announced = value
            elif name == b"transfer-encoding":
                return False
        return announced.isdigit() and len(announced) < 10 and int(announced) <= LARGEST_BODY_BYTES


def connection_class(gateway: Gateway) -> type[DirectConnection]:
    """The class of connections that a gateway answers."""
    return type("Connection", (DirectConnection,), {"gateway": gateway})


def wire_form(response: Response) -> bytes:
    """An answer as it goes over the wire."""
    headers = b"".join([b"%b: %b\r\n" % header for header in response.headers])
    return b"%b%b\r\n%b" % (_STATUS_LINES[response.status], headers, response.body)
