"""The gateway: one HTTP request in, one HTTP response out, no transport in between.

Order of checks: method, size, operation, signature, JSON, shapes, then the backend. Every answer carries
the request id, a CRC32 of its body and the endpoint's own time in `Date`: that header is the only clock a
client of any endpoint can read. An exception nobody expected is logged whole and answered as a plain
InternalServerError, so that no traceback leaves the machine.
"""

from __future__ import annotations

import logging
import random
from base64 import b32encode
from collections.abc import Mapping
from email.utils import formatdate
from zlib import crc32

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import Backend, CallContext
from ddbproof.reference_impl.errors import CallerError, EndpointError, ServiceError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES, decode_body, encode, encode_error
from ddbproof.reference_impl.wire.response import Response
from ddbproof.reference_impl.wire.shapes import input_checker, is_operation
from ddbproof.reference_impl.wire.signature import authenticate

logger = logging.getLogger("ddbproof.reference_impl")

_SERVICES = {"DynamoDB_20120810": "dynamodb", "DynamoDBStreams_20120810": "dynamodbstreams"}
_JSON = "application/x-amz-json-1.0"
HEALTHY = b"healthy: ddbproof reference endpoint\n"


class Gateway:
    """Turns requests into calls of `backend`. Not locked: whoever has threads brings the lock."""

    def __init__(self, backend: Backend, options: EndpointOptions, clock: Clock) -> None:
        self._backend = backend
        self._options = options
        self._clock = clock
        self._random = random.Random(options.seed)  # noqa: S311 - request ids are no secrets

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one request; `headers` have lower-case names. Never raises."""
        if method in ("GET", "HEAD") and path == "/":
            return self._response(200, HEALTHY, "text/plain", self._request_id())
        request_id = self._request_id()
        try:
            if method != "POST":
                raise CallerError("UnknownOperationException", "", status=404)
            answer = self._answer(path, headers, body, request_id)
            return self._response(200, answer, _JSON, request_id)
        except ServiceError as error:
            return self._response(error.status, encode_error(error), _JSON, request_id)
        except Exception:
            logger.exception("request %s (%s) failed", request_id, headers.get("x-amz-target"))
            return self._response(500, encode_error(EndpointError()), _JSON, request_id)

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes, request_id: str) -> bytes:
        if len(body) > LARGEST_BODY_BYTES:
            raise CallerError(
                "RequestEntityTooLargeException",
                f"Request is larger than {LARGEST_BODY_BYTES} bytes",
                status=413,
            )
        prefix, _, operation = headers.get("x-amz-target", "").partition(".")
        service = _SERVICES.get(prefix)
        if service is None or not is_operation(service, operation):
            raise CallerError("UnknownOperationException", "")
        caller = authenticate(self._options, "POST", path, headers, body)
        parameters = decode_body(body)
        input_checker(service, operation)(parameters)
        context = CallContext(caller.region, caller.account, request_id)
        return encode(self._backend.call(operation, parameters, context))

    def too_large(self) -> Response:
        """The answer to a request whose body was not read to its end."""
        error = CallerError(
            "RequestEntityTooLargeException", f"Request is larger than {LARGEST_BODY_BYTES} bytes", status=413
        )
        return self._response(413, encode_error(error), _JSON, self._request_id())

    def _request_id(self) -> str:
        return b32encode(self._random.getrandbits(256).to_bytes(32, "big")).decode()[:52]

    def _response(self, status: int, body: bytes, content_type: str, request_id: str) -> Response:
        return Response(
            status,
            [
                ("Server", "Server"),
                ("Date", formatdate(self._clock.now_milliseconds() // 1000, usegmt=True)),
                ("Content-Type", content_type),
                ("Content-Length", str(len(body))),
                ("x-amzn-RequestId", request_id),
                ("x-amz-crc32", str(crc32(body))),
            ],
            body,
        )
