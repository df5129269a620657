"""What the wire layer answers with, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status, headers in order with lower-case names, body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
