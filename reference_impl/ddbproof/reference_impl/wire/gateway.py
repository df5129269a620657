"""The gateway: one HTTP request in, one HTTP response out, no transport in between.

Order of checks: path, method, size, operation, signature, JSON, shapes, then the backend. Every answer
carries the request id, a CRC32 of its body and the endpoint's own time in `Date`: that header is the only
clock a client of any endpoint can read. An exception that nobody expected is logged whole and answered as a
plain InternalServerError, so that no traceback leaves the machine.

Claims: AP-16 (target prefix, JSON 1.0), AP-17 (statuses are not in the model: 500 for InternalServerError,
else 400). Choices: wrong paths and methods, on which AWS publishes nothing, answer 404 and 405 with a word
of help; an operation that the service does not have answers UnknownOperationException without a message.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from email.utils import formatdate
from zlib import crc32

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.context import Backend
from ddbproof.reference_impl.errors import CallerError, EndpointError, ServiceError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.codec import LARGEST_BODY_BYTES, decode_body, encode, encode_error
from ddbproof.reference_impl.wire.response import Response
from ddbproof.reference_impl.wire.shapes import input_checker, operation_names
from ddbproof.reference_impl.wire.signature import Callers

logger = logging.getLogger("ddbproof.reference_impl")

HEALTHY = b"healthy: ddbproof reference endpoint\n"
REQUEST_ID_LENGTH = 52
_SERVICES = {"DynamoDB_20120810": "dynamodb", "DynamoDBStreams_20120810": "dynamodbstreams"}
_JSON = b"application/x-amz-json-1.0"
_HEAD = (
    b"server: Server\r\ndate: %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
    b"x-amzn-requestid: %b\r\nx-amz-crc32: %d\r\n"
)
# Maps a random byte to one of the 32 characters of request ids.
_REQUEST_ID_CHARACTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUV" * 8


class Gateway:
    """Turns requests into calls of `backend`. Not locked: whoever has threads brings the lock."""

    def __init__(self, backend: Backend, options: EndpointOptions, clock: Clock) -> None:
        self._backend = backend
        self._callers = Callers(options)
        self._clock = clock
        self._random = random.Random(options.seed)  # noqa: S311 - request ids are no secrets
        self._operations = {
            f"{prefix}.{name}".encode(): (service, name)
            for prefix, service in _SERVICES.items()
            for name in operation_names(service)
        }
        self._date_second = -1
        self._date = b""

    def handle(self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes) -> Response:
        """Answer one request. Never raises.

        `target` is the path as sent, with its query; `headers` have lower-case names.
        """
        request_id = self._request_id()
        if method in ("GET", "HEAD") and target == "/":
            return self._response(200, HEALTHY, b"text/plain", request_id)
        try:
            answer = self._answer(method, target, headers, body)
            return self._response(200, answer, _JSON, request_id)
        except ServiceError as error:
            return self._refusal(error, request_id)
        except Exception:
            operation = headers.get(b"x-amz-target", b"")[:200]
            logger.exception("request %s (%r) failed", request_id.decode(), operation)
            return self._refusal(EndpointError(), request_id)

    def _answer(self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes) -> bytes:
        if target != "/" and target.partition("?")[0] != "/":
            raise CallerError("UnknownOperationException", "Operations are sent to the path /", status=404)
        if method != "POST":
            raise CallerError("UnknownOperationException", "Operations are sent with POST", status=405)
        if len(body) > LARGEST_BODY_BYTES:
            raise _too_large()
        known = self._operations.get(headers.get(b"x-amz-target", b""))
        if known is None:
            raise CallerError("UnknownOperationException", "")
        service, operation = known
        caller = self._callers.of(method, target, headers, body)
        parameters = decode_body(body)
        input_checker(service, operation)(parameters)
        return encode(self._backend.call(operation, parameters, caller))

    def too_large(self) -> Response:
        """The answer to a request whose body was not read to its end; it also ends the connection."""
        return self._refusal(_too_large(), self._request_id()).with_header(b"connection", b"close")

    def _refusal(self, error: ServiceError, request_id: bytes) -> Response:
        response = self._response(error.status, encode_error(error), _JSON, request_id)
        return response.with_header(b"allow", b"POST") if error.status == 405 else response

    def _request_id(self) -> bytes:
        number = self._random.getrandbits(8 * REQUEST_ID_LENGTH)
        return number.to_bytes(REQUEST_ID_LENGTH, "little").translate(_REQUEST_ID_CHARACTERS)

    def _response(self, status: int, body: bytes, content_type: bytes, request_id: bytes) -> Response:
        date = self._date_header()
        return Response(status, _HEAD % (date, content_type, len(body), request_id, crc32(body)), body)

    def _date_header(self) -> bytes:
        second = self._clock.now_milliseconds() // 1000
        if second != self._date_second:
            self._date_second = second
            self._date = formatdate(second, usegmt=True).encode()
        return self._date


def _too_large() -> CallerError:
    return CallerError(
        "RequestEntityTooLargeException",
        f"The request is larger than {LARGEST_BODY_BYTES} bytes",
        status=413,
    )
