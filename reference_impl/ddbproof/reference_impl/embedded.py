"""The reference endpoint inside your own process: boto3 without a socket.

    from ddbproof.reference_impl.embedded import in_process

    with in_process() as store:
        client = store.client("us-east-1")
        client.list_tables()
        store.clock.advance(3600)

botocore hands each signed request to `before-send` handlers; ours answers it through the same gateway that
stands behind HTTP, so what a test sees is what the server would say, checksum and error envelope included.
An application keeps its own clients: `store.attach(session)` before they are made, `store.attach(client)`
after. Once the context has ended, attached clients raise `ClosedEndpointError`: they never fall through to
AWS.

Threads: requests are answered one at a time behind a lock; whoever calls `store.endpoint` directly does so
without it.
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
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.context import Backend
from ddbproof.reference_impl.control.faults import Faults
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.gateway import Gateway

_ADDRESS = "http://ddbproof.invalid"
_EVENTS = ("before-send.dynamodb.*", "before-send.dynamodb-streams.*")


class ClosedEndpointError(ConfigurationError):
    """A client was used after its `in_process` context had ended."""

    def __init__(self) -> None:
        super().__init__(
            "this client belongs to an in_process() endpoint that has ended",
            hint="use the client inside the with block",
        )


class EmbeddedStore:
    """One endpoint in this process, and clients of it. Safe to use from several threads.

    `endpoint` is what answers; `clock` moves its time, `clock.advance(seconds)`; `network` cuts Regions off,
    `network.isolate(region)`, and heals them; `faults` breaks what is within a Region,
    `faults.inflict({"zone_down": "us-east-1a"})` (see `control.faults`).
    """

    def __init__(self, endpoint: Backend, cluster: Cluster) -> None:
        self.endpoint = endpoint
        self.clock = cluster.clock
        self.network = cluster.network
        self.faults = Faults(cluster)
        self._options = cluster.options
        self._gateway = Gateway(endpoint, cluster.options, cluster.clock)
        self._lock = threading.Lock()
        self._open = True

    def client(self, region: str | None = None, **arguments: Any) -> Any:
        """A boto3 DynamoDB client for a Region, by default the first; `arguments` go to `boto3.client`."""
        return self._session(region).client("dynamodb", **_defaults(arguments))

    def resource(self, region: str | None = None, **arguments: Any) -> Any:
        """A boto3 DynamoDB resource for a Region; `arguments` go to `boto3.resource`."""
        return self._session(region).resource("dynamodb", **_defaults(arguments))

    def attach(self, target: Any) -> None:
        """Send all DynamoDB requests of a boto3 or botocore client, resource or session here.

        Whatever address they were meant for. Clients take the handler over when a session makes them: of a
        session, only those made afterwards are attached.
        """
        _events_of(target).register_first(_EVENTS[0], self._answer)
        _events_of(target).register_first(_EVENTS[1], self._answer)

    def detach(self, target: Any) -> None:
        """Take an attached client or session away again: its requests go where they went before."""
        for event in _EVENTS:
            _events_of(target).unregister(event, self._answer)

    def close(self) -> None:
        """End: clients raise ClosedEndpointError from now on."""
        self._open = False

    def _session(self, region: str | None) -> Any:
        session = boto3.session.Session(
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="in-process",  # noqa: S106 - signs, but stands for nothing
            region_name=region or self._options.regions[0],
        )
        self.attach(session)
        return session

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        if not self._open:
            raise ClosedEndpointError
        parts = urlsplit(request.url)
        headers = {_raw(name).lower(): _raw(value) for name, value in request.headers.items()}
        headers.setdefault(b"host", parts.netloc.encode())
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = request.body or b""
        body = body.read() if hasattr(body, "read") else _raw(body)
        with self._lock:
            response = self._gateway.handle(request.method, target, headers, body)
        answered = {name.decode(): value.decode("latin-1") for name, value in response.headers}
        return AWSResponse(request.url, response.status, answered, _RawBody(response.body))


class _RawBody(io.BytesIO):
    """The body as botocore reads it from urllib3."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: ARG002
        while chunk := self.read(amt):
            yield chunk


def _raw(text: str | bytes | bytearray) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _defaults(arguments: dict[str, Any]) -> dict[str, Any]:
    """Our address, and no retries: nothing that fails here will do better a second later."""
    return {"endpoint_url": _ADDRESS, "config": Config(retries={"total_max_attempts": 1})} | arguments


def _events_of(target: Any) -> Any:
    """The event emitter of a client, a resource, a boto3 session or a botocore session."""
    if hasattr(target, "get_component"):
        return target.get_component("event_emitter")
    if hasattr(target, "events"):
        return target.events
    return getattr(target.meta, "client", target).meta.events


@contextlib.contextmanager
def in_process(
    options: EndpointOptions | None = None, *, clock: Clock | None = None
) -> Iterator[EmbeddedStore]:
    """An endpoint that lives as long as the context. Raises ConfigurationError for impossible options."""
    from ddbproof.reference_impl.endpoint import ReferenceEndpoint

    endpoint = ReferenceEndpoint(options, clock=clock)
    store = EmbeddedStore(endpoint, endpoint.cluster)
    try:
        yield store
    finally:
        store.close()
