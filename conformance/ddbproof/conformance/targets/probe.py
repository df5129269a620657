"""One signed request over a socket of our own, and what became of it.

`preflight` asks before anything is created, and wants the bare reason of a failure: an SDK would retry, and
would wrap it. So the request is made with the standard library, signed by botocore, and bounded as a whole: a
server that sends one byte now and then cannot hold it up.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ddbproof.conformance.plan import Credentials

_BODY_LIMIT_BYTES = 1 << 20
_STREAM_OPERATIONS = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back: `headers` have lower-case names, `body` at most a megabyte."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, None if it is something else."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None


def target_prefix(operation: str) -> str:
    """What stands before the operation in X-Amz-Target; both services sign as `dynamodb`."""
    return "DynamoDBStreams_20120810" if operation in _STREAM_OPERATIONS else "DynamoDB_20120810"


def signed_headers(
    url: str, region: str, credentials: Credentials, operation: str, body: bytes
) -> dict[str, str]:
    """Headers of a request to DynamoDB or DynamoDB Streams, signed for `region`; `url` gives the host."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as SigningCredentials

    request = AWSRequest(
        method="POST",
        url=url + "/",
        data=body,
        headers={
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"{target_prefix(operation)}.{operation}",
            "Accept-Encoding": "identity",
        },
    )
    pair = SigningCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token
    )
    SigV4Auth(pair, "dynamodb", region).add_auth(request)
    return {**dict(request.headers.items()), "Host": urlsplit(url).netloc, "Content-Length": str(len(body))}


def ask(
    url: str, region: str, credentials: Credentials, operation: str, body: bytes, timeout_seconds: float
) -> RawAnswer:
    """Send one request and read its answer within `timeout_seconds` (resolving the name comes on top).

    Raises OSError (with its subclasses for refusal, time-out, name and TLS) or http.client.HTTPException.
    """
    headers = signed_headers(url, region, credentials, operation, body)
    with _connection(url, timeout_seconds) as connection:
        connection.request("POST", "/", body=body, headers=headers)
        response = connection.getresponse()
        answer_headers = {name.lower(): value for name, value in response.getheaders()}
        return RawAnswer(response.status, answer_headers, response.read(_BODY_LIMIT_BYTES))


@contextlib.contextmanager
def _connection(url: str, timeout_seconds: float) -> Iterator[http.client.HTTPConnection]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    expired = threading.Event()

    def give_up() -> None:
        expired.set()
        if connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    watchdog = threading.Timer(timeout_seconds, give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield connection
    except (OSError, http.client.HTTPException) as error:
        if expired.is_set():
            raise TimeoutError(f"no whole answer within {timeout_seconds:g} s") from error
        raise
    finally:
        watchdog.cancel()
        connection.close()


def speaks_tls(url: str, timeout_seconds: float) -> bool:
    """Whether something on the URL's host and port completes a TLS handshake, with whatever certificate."""
    host, port = _host_and_port(url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=timeout_seconds) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except OSError:
        return False


def speaks_plain_http(url: str, timeout_seconds: float) -> bool:
    """Whether something on the URL's host and port answers HTTP without TLS."""
    host, port = _host_and_port(url)
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds) as plain:
            plain.sendall(b"GET / HTTP/1.0\r\nHost: " + host.encode("idna") + b"\r\n\r\n")
            return plain.recv(5).startswith(b"HTTP/")
    except (OSError, UnicodeError):
        return False


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
