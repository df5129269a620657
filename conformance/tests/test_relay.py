"""The relay changes what its defect changes, and not a byte else."""

from __future__ import annotations

import contextlib
import json
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from ddbproof.conformance.defects import DEFECTS, defect_named, plant
from ddbproof.conformance.defects.base import Answer, Call, Defect, success, table_name
from ddbproof.conformance.defects.relay import RelayFault, relayed
from ddbproof.conformance.plan import ControlAccess, Target
from ddbproof.conformance.targets import probe
from ddbproof.conformance.targets.endpoint import EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import UnknownDefectError

DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent, in DynamoDB's dress."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[tuple[dict[str, str], bytes]]]
    connections: ClassVar[set[Any]]

    def do_POST(self) -> None:
        """Echo."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append((dict(self.headers.items()), body))
        self.connections.add(self.client_address)
        region = (self.headers.get("Authorization") or "///").split("/")[2]
        answer = json.dumps({"region": region, "sent": body.decode()}).encode()
        self.send_response_only(200)
        self.send_header("Date", DATE)
        self.send_header("x-amz-crc32", str(zlib.crc32(answer)))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[tuple[Target, type[Echo]]]:
    """An endpoint that echoes, and what it heard."""
    handler = type("Handler", (Echo,), {"heard": [], "connections": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    endpoints = {"us-east-1": url, "eu-west-1": url}
    control = ControlAccess("http://127.0.0.1:1", "token")
    yield Target("echo", endpoints, EXAMPLE_CREDENTIALS, control=control), handler
    server.shutdown()
    server.server_close()
    thread.join()


def ask(target: Target, operation: str, region: str = "us-east-1", body: bytes = b"{}") -> probe.RawAnswer:
    """One signed request through whatever the target's endpoint is."""
    return probe.ask(target.endpoints[region], region, target.credentials, operation, body, 5.0)


def test_identity_forwards_every_byte(echo: tuple[Target, type[Echo]]) -> None:
    """Body and signed headers arrive as they were sent, the answer comes back as it was given."""
    target, server = echo
    body = b'{ "TableName":"t",\n "odd": 1.0e2 }'
    with plant("identity", target) as through:
        answer = ask(through, "GetItem", "eu-west-1", body)
    ((headers, heard),) = server.heard
    assert heard == body
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
    assert headers["Host"] == through.endpoints["eu-west-1"].removeprefix("http://")
    assert answer.headers["date"] == DATE
    assert answer.headers["x-amz-crc32"] == str(zlib.crc32(answer.body))
    assert answer.document == {"region": "eu-west-1", "sent": body.decode()}


def test_control_stays_direct_and_the_defect_is_named(echo: tuple[Target, type[Echo]]) -> None:
    """The suite moves the clock itself; reports show that a defect was planted."""
    target, _ = echo
    with plant("identity", target) as through:
        assert through.control is target.control
        assert through.defect == "identity"
        assert set(through.endpoints) == set(target.endpoints)
        assert set(through.endpoints.values()) != set(target.endpoints.values())


def test_a_changed_request_is_signed_again(echo: tuple[Target, type[Echo]]) -> None:
    """Another Region and other parameters reach the endpoint as a whole, signed request."""
    target, server = echo

    class Moves(Defect):
        name, sentence, claims = "moves", "", ()

        def request(self, call: Call) -> Call:
            return Call("eu-west-1", call.operation, {"TableName": "other"})

    with relayed(target, Moves) as through:
        answer = ask(through, "GetItem", "us-east-1", b'{"TableName":"t"}')
    ((headers, heard),) = server.heard
    assert json.loads(heard) == {"TableName": "other"}
    assert "/eu-west-1/dynamodb/" in headers["Authorization"]
    assert answer.document is not None
    assert answer.document["region"] == "eu-west-1"


def test_a_changed_answer_has_its_own_checksum(echo: tuple[Target, type[Echo]]) -> None:
    """Length and x-amz-crc32 agree with the new body; the Date stays the endpoint's."""
    target, _ = echo

    class Changes(Defect):
        name, sentence, claims = "changes", "", ()

        def response(self, call: Call, answer: Answer) -> Answer:
            return answer.with_members(sent=None, more="x" * 500)

    with relayed(target, Changes) as through:
        answer = ask(through, "GetItem")
    assert answer.document == {"region": "us-east-1", "more": "x" * 500}
    assert answer.headers["x-amz-crc32"] == str(zlib.crc32(answer.body))
    assert answer.headers["date"] == DATE


def test_an_answer_may_be_made_up_and_calls_of_its_own_made(echo: tuple[Target, type[Echo]]) -> None:
    """A defect may answer without forwarding, and ask the endpoint itself; no defect sees that call."""
    target, server = echo

    class Asks(Defect):
        name, sentence, claims = "asks", "", ()

        def request(self, call: Call) -> Answer:
            own = self.endpoint.call("eu-west-1", "ListTables", {})
            return success({"own": own.member("region")})

    with relayed(target, Asks) as through:
        assert ask(through, "GetItem").document == {"own": "eu-west-1"}
    assert len(server.heard) == 1


def test_what_is_no_json_passes_untouched(echo: tuple[Target, type[Echo]]) -> None:
    """Malformed bodies reach the endpoint as they are: judging them is its business."""
    target, server = echo
    for name in ("identity", "conditions-ignored", "one-namespace-for-all-regions"):
        with plant(name, target) as through:
            ask(through, "PutItem", body=b'{"broken')
    assert [body for _, body in server.heard] == [b'{"broken'] * 3


def test_a_fault_of_a_defect_is_not_taken_for_a_catch(echo: tuple[Target, type[Echo]]) -> None:
    """An exception in a defect's own code ends the planting with an error."""
    target, _ = echo

    class Breaks(Defect):
        name, sentence, claims = "breaks", "", ()

        def request(self, call: Call) -> Call:
            raise ValueError("my own fault")

    with pytest.raises(RelayFault), relayed(target, Breaks) as through:
        assert ask(through, "GetItem").status == 502


def test_a_dead_endpoint_is_a_bad_gateway() -> None:
    """The relay answers for an endpoint that does not."""
    target = Target("dead", {"us-east-1": "http://127.0.0.1:9"}, EXAMPLE_CREDENTIALS)
    with plant("identity", target) as through:
        assert ask(through, "GetItem").status == 502


def test_connections_are_kept(echo: tuple[Target, type[Echo]]) -> None:
    """Many requests of one client use one connection to the endpoint."""
    import http.client

    target, server = echo
    with plant("identity", target) as through:
        url = through.endpoints["us-east-1"]
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        with contextlib.closing(connection):
            for _ in range(5):
                headers = probe.signed_headers(url, "us-east-1", target.credentials, "GetItem", b"{}")
                connection.request("POST", "/", b"{}", headers)
                assert connection.getresponse().read()
    assert len(server.heard) == 5
    assert len(server.connections) == 1


def test_every_defect_is_described() -> None:
    """Each has a name of its own, a sentence, and claims it breaks."""
    assert len(DEFECTS) >= 25
    for name, defect in DEFECTS.items():
        assert defect.name == name == name.lower()
        assert defect.sentence
        assert not defect.sentence.endswith(".")
        assert defect.claims
        assert defect.__doc__


def test_an_unknown_defect_has_a_nearest_name() -> None:
    """--defect of a name that does not exist."""
    with pytest.raises(UnknownDefectError) as raised:
        defect_named("conditions-ignore")
    assert raised.value.hint == "Did you mean conditions-ignored?"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("t", "t"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/t", "t"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/t/backup/01-a", "t"),
    ],
)
def test_tables_are_known_by_name_and_arn(text: str, name: str) -> None:
    """An ARN may stand wherever a name may."""
    assert table_name(text) == name
