"""An HTTP relay on loopback that stands in front of an endpoint and commits one planted defect.

One relay serves every Region: the Region is in the credential scope of each request. A request that the defect
leaves alone is forwarded byte for byte, signature included; one that it changes is signed again. The checksum
header of an answer is computed again when its body was changed. Connections are kept alive on both sides.

Not relayed: the control interface of the reference endpoint, which the suite reaches directly. Leaves out:
streaming; bodies are small.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document
from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets.probe import signed_headers

_SCOPE_REGION = re.compile(r"Credential=[^,\s]*/\d{8}/([^/,\s]+)/")
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"}
)
_TIMEOUT_SECONDS = 60.0


class Upstream:
    """The endpoint behind the relay: forwards bytes, and makes signed calls for defects."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._local = threading.local()
        self.last_date: str | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """The Regions it serves."""
        return self._target.regions

    def call(self, region: str, operation: str, parameters: Document) -> Answer:
        """One signed call; no defect sees it."""
        body = json.dumps(parameters).encode()
        url = self._url(region)
        headers = signed_headers(url, region, self._target.credentials, operation, body)
        return self.forward(region, "POST", "/", headers, body)

    def isolated(self) -> tuple[str, ...]:
        """The Regions that are cut off now, as the control interface of the reference endpoint says."""
        return tuple(self._faults().get("isolated", ()))

    def zones_down(self, region: str) -> tuple[str, ...]:
        """See `Endpoint.zones_down`; as the control interface says."""
        here = self._faults().get("regions", {}).get(region, {"zones": (), "nodes": {}})
        return tuple(
            zone
            for zone in here["zones"]
            if not any(node["up"] for name, node in here["nodes"].items() if name.startswith(zone))
        )

    def _faults(self) -> dict[str, Any]:
        """What is broken, as far as the endpoint can be asked."""
        control = self._target.control
        if control is None:
            return {}
        connection, _ = self._connection(control.url)
        connection.request("GET", "/_ddbproof/state", headers={"x-ddbproof-token": control.token})
        with connection.getresponse() as response:
            faults: dict[str, Any] = json.loads(response.read())["faults"]
            return faults

    def forward(self, region: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request as it is. Raises OSError or HTTPException if the endpoint does not answer."""
        for attempt in (1, 2):
            connection, fresh = self._connection(self._url(region))
            try:
                connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                response = connection.getresponse()
                raw = response.read()
                received = {name.lower(): value for name, value in response.getheaders()}
                self.last_date = received.get("date", self.last_date)
                return Answer(response.status, _as_document(raw), received, raw)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # A kept connection may have been closed by the endpoint between two requests; only then is it
                # certain that the request was not taken.
                stale = isinstance(error, ConnectionError | http.client.RemoteDisconnected)
                if fresh or attempt == 2 or not stale:
                    raise
        raise AssertionError("not reached")

    def _url(self, region: str) -> str:
        endpoints = self._target.endpoints
        return endpoints.get(region) or next(iter(endpoints.values()))

    def _connection(self, url: str) -> tuple[http.client.HTTPConnection, bool]:
        """This thread's connection to the URL, and whether it is not connected yet."""
        connections: dict[str, http.client.HTTPConnection] = self._local.__dict__.setdefault(
            "connections", {}
        )
        connection = connections.get(url)
        if connection is None:
            parts = urlsplit(url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
            connections[url] = connection
        return connection, connection.sock is None

    def forget_connections(self) -> None:
        """Close what this thread has open."""
        for connection in self._local.__dict__.pop("connections", {}).values():
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection of the suite; a thread of its own."""

    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_SECONDS
    upstream: ClassVar[Upstream]
    defect: ClassVar[Defect]
    faults: ClassVar[list[BaseException]]

    def setup(self) -> None:
        """Small answers must not wait for a full packet."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def finish(self) -> None:
        """Close the thread's connections with it."""
        self.upstream.forget_connections()
        with contextlib.suppress(OSError):
            super().finish()

    def do_POST(self) -> None:
        """Every operation of DynamoDB."""
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = self._answer(body)
        except (OSError, http.client.HTTPException) as error:
            answer = _failed(f"The endpoint did not answer: {error}")
        except Exception as error:
            # A fault of a defect must not look like a defect that was caught.
            self.faults.append(error)
            answer = _failed(f"The planted defect failed: {type(error).__name__}: {error}")
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def do_GET(self) -> None:
        """Health checks and the like."""
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing: the suite records every exchange itself."""

    def _answer(self, body: bytes) -> Answer:
        scope = _SCOPE_REGION.search(self.headers.get("Authorization") or "")
        region = scope[1] if scope else self.upstream.regions[0]
        operation = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        came = Call(region, operation, _as_document(body))
        if came.parameters is None:
            return self._forward_untouched(region, body)
        wanted = self.defect.request(came)
        if isinstance(wanted, Answer):
            received = wanted
        elif wanted == came:
            received = self._forward_untouched(region, body)
        else:
            received = self.upstream.call(wanted.region, wanted.operation, wanted.parameters or {})
        given = self.defect.response(came, received)
        if given is received and received.body:
            return received
        return _made(self._with_date(given))

    def _with_date(self, answer: Answer) -> Answer:
        """The endpoint's clock belongs to every answer, made-up ones too."""
        if "date" in answer.headers or self.upstream.last_date is None:
            return answer
        return replace(answer, headers={**answer.headers, "date": self.upstream.last_date})

    def _forward_untouched(self, region: str, body: bytes) -> Answer:
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        headers["Content-Length"] = str(len(body))
        return self.upstream.forward(region, self.command, self.path, headers, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own affair."""


def _as_document(body: bytes) -> Document | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _made(answer: Answer) -> Answer:
    """The answer with a body, length and checksum that agree with its document."""
    if answer.document is None:
        return answer
    body = json.dumps(answer.document).encode()
    headers = {"content-type": "application/x-amz-json-1.0", **answer.headers}
    headers["x-amz-crc32"] = str(zlib.crc32(body))
    return replace(answer, body=body, headers=headers)


def _failed(message: str) -> Answer:
    return _made(Answer(502, {"__type": "RelayError", "message": message}))


class RelayFault(Exception):
    """A planted defect raised an exception of its own: what the suite saw says nothing."""


@contextlib.contextmanager
def relayed(
    target: Target, make_defect: Callable[..., Defect], copy: Target | None = None
) -> Iterator[Target]:
    """The target reached through a relay that commits the defect; the relay is gone afterwards.

    `copy` is another endpoint of the same kind, for a defect that needs one.
    """
    upstream = Upstream(target)
    faults: list[BaseException] = []
    defect = make_defect(upstream) if copy is None else make_defect(upstream, Upstream(copy))
    members = {"upstream": upstream, "defect": defect, "faults": faults}
    handler = type("Handler", (_Handler,), members)
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        yield replace(target, endpoints=dict.fromkeys(target.endpoints, url), defect=defect.name)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        defect.close()
    if faults:
        raise RelayFault(f"The defect {defect.name!r} failed {len(faults)} times") from faults[0]
