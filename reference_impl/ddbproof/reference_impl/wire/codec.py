"""Bodies: bounded JSON in, JSON with a checksum out.

Claims: AP-16 (JSON 1.0; the member is `message`, for three exceptions `Message`). A body is limited to
16 MB and to a nesting that no lawful request reaches, before it is decoded: depth costs stack.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ddbproof.reference_impl.errors import SerializationError, ServiceError

LARGEST_BODY_BYTES = 16 * 1024 * 1024
DEEPEST_NESTING = 200
CAPITAL_MESSAGE = frozenset(
    {"TransactionCanceledException", "TransactionInProgressException", "IdempotentParameterMismatchException"}
)

_decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def decode_body(body: bytes) -> dict[str, Any]:
    """The parameters of a request; raises SerializationError for anything but a JSON object."""
    if body.count(b"[") + body.count(b"{") > DEEPEST_NESTING and _nesting(body) > DEEPEST_NESTING:
        raise SerializationError(f"The request is nested more than {DEEPEST_NESTING} levels deep")
    try:
        parameters = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(f"The request body is not valid JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise SerializationError("The request body is not a JSON object")
    return parameters


def _nesting(body: bytes) -> int:
    depth = deepest = 0
    for match in _STRUCTURE.finditer(body):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"}", b"]"):
            depth -= 1
    return deepest


def encode_error(error: ServiceError) -> bytes:
    """The error envelope."""
    member = "Message" if error.code in CAPITAL_MESSAGE else "message"
    return encode({"__type": error.qualified_code, member: error.message, **error.extra})
