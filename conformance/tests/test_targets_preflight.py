"""The preflight tells apart every way in which an endpoint may not answer, against servers that do just that."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets import hosts, probe
from ddbproof.conformance.targets.endpoint import EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import (
    RefusedTargetError,
    RejectedCredentialsError,
    TargetError,
    UnreachableError,
)
from ddbproof.conformance.targets.preflight import preflight


def target_at(url: str) -> Target:
    """A target of one Region."""
    return Target(name="here", endpoints={"us-east-1": url}, credentials=EXAMPLE_CREDENTIALS)


@contextlib.contextmanager
def answering(
    raw: bytes | None, context: ssl.SSLContext | None = None, pause_seconds: float = 0.0
) -> Iterator[int]:
    """A server that reads a request and sends `raw`, or never anything for None; its port.

    With `pause_seconds` it sends one byte at a time.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(accepted,), daemon=True).start()

    def answer(accepted: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.enter_context(accepted)
            accepted.settimeout(5)
            if context is not None:
                accepted = stack.enter_context(context.wrap_socket(accepted, server_side=True))
            accepted.recv(65536)
            if raw is None:
                done.wait(20)
            elif pause_seconds:
                for byte in raw:
                    accepted.sendall(bytes([byte]))
                    done.wait(pause_seconds)
            else:
                accepted.sendall(raw)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def http(status: int, body: bytes, content_type: str = "application/x-amz-json-1.0", more: str = "") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status} Reason\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return (head + more + "Connection: close\r\n\r\n").encode() + body


def refused(status: int, code: str, message: str = "Because") -> bytes:
    """DynamoDB's error envelope."""
    return http(
        status, json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message}).encode()
    )


def caught(url: str, timeout_seconds: float = 5.0) -> TargetError:
    """What the preflight says of a URL."""
    with pytest.raises(TargetError) as raised:
        preflight(target_at(url), timeout_seconds=timeout_seconds)
    error = raised.value
    assert "\n" not in error.message
    assert "\n" not in (error.cause or "")
    return error


def test_an_endpoint_that_answers_is_let_through() -> None:
    """ListTables with table names is all it takes; the version is the Server header."""
    with answering(http(200, b'{"TableNames":[]}', more="Server: Mine/1.2\r\n")) as port:
        assert preflight(target_at(f"http://127.0.0.1:{port}")) == "Mine/1.2"


def test_a_closed_port() -> None:
    """Nothing listens."""
    with socket.socket() as bound:  # bound, never listening: the port stays closed and ours
        bound.bind(("127.0.0.1", 0))
        error = caught(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert isinstance(error, UnreachableError)
    assert error.exit_code == 3
    assert "Nothing listens" in error.message
    assert error.hint


def test_an_unknown_host() -> None:
    """The name does not resolve (.invalid never does)."""
    error = caught("http://ddbproof.invalid:8000")
    assert "unknown" in error.message
    assert error.exit_code == 3


def test_a_server_that_hangs() -> None:
    """Silence is bounded."""
    with answering(None) as port:
        error = caught(f"http://127.0.0.1:{port}", timeout_seconds=0.3)
    assert "did not answer within 0.3 s" in error.message


def test_a_server_that_drips_is_bounded_as_a_whole() -> None:
    """Each byte in time does not make the answer come in time."""
    with answering(http(200, b'{"TableNames":[]}'), pause_seconds=0.1) as port:
        error = caught(f"http://127.0.0.1:{port}", timeout_seconds=0.5)
    assert "did not answer within 0.5 s" in error.message


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (http(200, b"<html><body>It works</body></html>", "text/html"), "not DynamoDB"),
        (http(404, b"<h1>Not found</h1>", "text/html"), "not DynamoDB"),
        (http(200, b"{}"), "not DynamoDB"),
        (http(200, b"[1]"), "not DynamoDB"),
        (http(200, b"[" * 100_000), "not DynamoDB"),
        (http(200, b'{"TableNames":"no list"}'), "not DynamoDB"),
        (http(200, b"\x1b[31mred"), "not DynamoDB"),
        (http(302, b"", more="Location: https://dynamodb.us-east-1.amazonaws.com\r\n"), "redirects"),
        (http(500, b"<h1>oops</h1>", "text/html"), "answers 500"),
        (refused(500, "InternalServerError"), "answers 500"),
        (refused(400, "UnknownOperationException"), "refuses ListTables"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not HTTP"),
        (b"", "cannot be reached"),
    ],
)
def test_what_is_not_dynamodb_is_unreachable(raw: bytes, part: str) -> None:
    """Whatever else answers is named by what it says, in one printable line."""
    with answering(raw) as port:
        error = caught(f"http://127.0.0.1:{port}")
    assert part in error.message
    assert error.exit_code == 3
    assert "\x1b" not in (error.cause or "")


@pytest.mark.parametrize(
    "raw",
    [
        refused(400, "UnrecognizedClientException", "The security token included in the request is invalid."),
        refused(400, "InvalidSignatureException", "Signature expired"),
        refused(403, "AnythingException"),
        refused(400, "MissingAuthenticationTokenException"),
        http(403, b"<html>no</html>", "text/html"),
    ],
)
def test_refused_credentials_are_the_callers_to_mend(raw: bytes) -> None:
    """Exit code 2: the endpoint is there, the key pair is not right."""
    with answering(raw) as port:
        error = caught(f"http://127.0.0.1:{port}")
    assert isinstance(error, RejectedCredentialsError)
    assert error.exit_code == 2
    assert error.hint


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key, made now."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    directory = tmp_path_factory.mktemp("certificate")
    key, certificate, both = (directory / name for name in ("key.pem", "certificate.pem", "both.pem"))
    command = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    both.write_text(key.read_text() + certificate.read_text())
    return both


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    """TLS for a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_http_to_a_tls_port(server_context: ssl.SSLContext) -> None:
    """The hint is the same URL with https."""
    with answering(http(200, b'{"TableNames":[]}'), server_context) as port:
        error = caught(f"http://127.0.0.1:{port}")
    assert "speaks TLS only" in error.message
    assert error.hint == f"https://127.0.0.1:{port}"


@pytest.mark.parametrize("raw", [http(400, b"<html>Bad request</html>", "text/html"), None])
def test_https_to_a_plain_port(raw: bytes | None) -> None:
    """The hint is the same URL with http, where the port says anything at all."""
    with answering(raw) as port:
        error = caught(f"https://127.0.0.1:{port}", timeout_seconds=0.5)
    assert error.exit_code == 3
    if raw is not None:
        assert "does not speak TLS" in error.message
        assert error.hint == f"http://127.0.0.1:{port}"


def test_a_certificate_that_nobody_vouches_for(server_context: ssl.SSLContext) -> None:
    """The cause is the verifier's own word, the hint says where to put the authority."""
    with answering(http(200, b'{"TableNames":[]}'), server_context) as port:
        error = caught(f"https://localhost:{port}")
    assert "not trusted" in error.message
    assert "SSL_CERT_FILE" in str(error.hint)


def test_aws_behind_a_public_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address tells nothing; how AWS answers tells it."""
    headers = {"server": "Server", "x-amzn-requestid": "A" * 52}
    answer = probe.RawAnswer(
        400, headers, b'{"__type":"com.amazon.coral.service#UnrecognizedClientException"}'
    )
    monkeypatch.setattr(probe, "ask", lambda *_: answer)
    assert hosts.as_address("3.3.3.3") is not None
    with pytest.raises(RefusedTargetError):
        preflight(target_at("http://3.3.3.3"))
    with pytest.raises(RejectedCredentialsError):  # the same answer on a private network is somebody else's
        preflight(target_at("http://10.0.0.1"))
