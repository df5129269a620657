"""What the wire layer answers with, whatever carries it."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Response(msgspec.Struct, frozen=True, gc=False):
    """An HTTP response: status, head, body. The head has a line for each header, as on the wire, names in lower case."""

    status: int
    head: bytes
    body: bytes

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers in their order."""
        names_and_values = [line.partition(b": ") for line in self.head.split(b"\r\n") if line]
        return [(name, value) for name, _, value in names_and_values]

    @property
    def on_the_wire(self) -> bytes:
        """All of it, as HTTP/1.1 sends it."""
        return b"%b%b\r\n%b" % (_STATUS_LINES[self.status], self.head, self.body)

    def with_header(self, name: bytes, value: bytes) -> Response:
        """The same with one more header."""
        return Response(self.status, b"%b%b: %b\r\n" % (self.head, name, value), self.body)
