"""Bodies: bounded JSON in, JSON out.

Claims: AP-16 (JSON 1.0; the member is `message`, for three exceptions `Message`; `throttlingReasons` is
lower-case on ThrottlingException alone). A body is bounded in size, and in nesting before it is decoded:
whatever walks a decoded value afterwards may recurse. The deepest lawful request, 32 levels of maps with two
braces each inside a transaction, stays below 80 levels.

Choice: AWS answers broken JSON with an empty SerializationException; here its message says what is wrong.
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

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

_OPENING = b"[{"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# Possessive, and with an optional end: an unfinished text is consumed once and never tried again from its
# middle, so that the scan stays linear whatever the body holds.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def decode_body(body: bytes) -> dict[str, Any]:
    """The parameters of a request; raises SerializationError for anything but a JSON object."""
    if nests_deeper(body, DEEPEST_NESTING):
        raise SerializationError(f"The request is nested more than {DEEPEST_NESTING} levels deep")
    try:
        parameters = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(f"The request body is not valid JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise SerializationError("The request body is not a JSON object")
    return parameters


def nests_deeper(body: bytes, levels: int) -> bool:
    """True when lists and objects in `body` are nested more than `levels` deep; it need not be valid JSON.

    >>> nests_deeper(b'{"a": ["[[[["]}', 2), nests_deeper(b'{"a": [[]]}', 2)
    (False, True)
    """
    if body.count(b"{") + body.count(b"[") <= levels:
        return False
    depth = 0
    for bracket in _TEXT.sub(b"", body).translate(None, _NO_BRACKETS):
        if bracket in _OPENING:
            depth += 1
            if depth > levels:
                return True
        else:
            depth -= 1
    return False


def encode_error(error: ServiceError) -> bytes:
    """The error envelope: namespaced type, message, further members."""
    extra = dict(error.extra)
    if error.code == "ThrottlingException" and "ThrottlingReasons" in extra:
        extra["throttlingReasons"] = extra.pop("ThrottlingReasons")
    member = "Message" if error.code in CAPITAL_MESSAGE else "message"
    return encode({"__type": error.qualified_code, member: error.message} | extra)
