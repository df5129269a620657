"""The reference endpoint inside your own process: boto3 without a socket.

    from ddbproof.reference_impl.embedded import in_process

    with in_process() as store:
        client = store.client("us-east-1")
        client.list_tables()
        store.clock.advance(3600)

botocore hands each signed request to `before-send` handlers; ours answers it through the same gateway that
stands behind HTTP, so what a test sees is what the server would say, checksum and error envelope included.
After the context has ended, its clients raise `ClosedEndpointError`: they never fall through to AWS.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.gateway import Gateway

_ADDRESS = "http://ddbproof.invalid"


class ClosedEndpointError(ConfigurationError):
    """A client was used after its `in_process` context had ended."""

    def __init__(self) -> None:
        super().__init__(
            "this client belongs to an in_process() endpoint that has ended",
            hint="use the client inside the with block",
        )


class _RawBody(io.BytesIO):
    """The body as botocore reads it from urllib3."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: ARG002
        while chunk := self.read(amt):
            yield chunk


class EmbeddedStore:
    """One endpoint in this process, and clients of it. Safe to use from several threads."""

    def __init__(self, endpoint: ReferenceEndpoint) -> None:
        self.endpoint = endpoint
        self._gateway = Gateway(endpoint, endpoint.options, endpoint.clock)
        self._lock = threading.Lock()
        self._open = True

    @property
    def clock(self) -> Clock:
        """The endpoint's clock: `clock.advance(seconds)` moves time."""
        return self.endpoint.clock

    def client(self, region: str = "us-east-1", **arguments: Any) -> Any:
        """A boto3 DynamoDB client for a Region; `arguments` go to `boto3.client`."""
        session = boto3.session.Session(
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="in-process",  # noqa: S106 - signs, but is never checked
            region_name=region,
        )
        self.attach(session)
        arguments.setdefault("config", Config(retries={"total_max_attempts": 1}))
        return session.client("dynamodb", endpoint_url=_ADDRESS, **arguments)

    def attach(self, client_or_session: Any) -> None:
        """Send all DynamoDB requests of an existing boto3 client or session here, whatever their address."""
        events = getattr(client_or_session, "events", None) or client_or_session.meta.events
        events.register_first("before-send.dynamodb.*", self._answer)

    def close(self) -> None:
        """End: clients raise ClosedEndpointError from now on."""
        self._open = False

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        if not self._open:
            raise ClosedEndpointError
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        elif hasattr(body, "read"):
            body = body.read()
        headers = {
            name.lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        parts = urlsplit(request.url)
        headers.setdefault("host", parts.netloc)
        with self._lock:
            response = self._gateway.handle(request.method, parts.path or "/", headers, bytes(body))
        return AWSResponse(request.url, response.status, dict(response.headers), _RawBody(response.body))


@contextlib.contextmanager
def in_process(
    options: EndpointOptions | None = None, *, clock: Clock | None = None
) -> Iterator[EmbeddedStore]:
    """An endpoint that lives as long as the context. Raises ConfigurationError for impossible options."""
    store = EmbeddedStore(ReferenceEndpoint(options, clock=clock))
    try:
        yield store
    finally:
        store.close()
