"""Clients go where they are told, whatever the user's environment says, and remember a little."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ddbproof.conformance.kit import Inconclusive, wire
from ddbproof.conformance.kit.wire import REMEMBERED_CHARACTERS, REMEMBERED_EXCHANGES, Wire
from ddbproof.conformance.plan import Credentials, Target


class Listener:
    """An endpoint that answers every request alike and keeps the headers."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.table_names = ["t"]
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                listener.headers.append({name.lower(): value for name, value in self.headers.items()})
                data = json.dumps({"TableNames": listener.table_names}).encode()
                self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, args=(0.02,))
    thread.start()
    yield listener
    listener.server.shutdown()
    thread.join()
    listener.server.server_close()


def wire_to(listener: Listener) -> Wire:
    """A wire with two Regions at one address."""
    endpoints = dict.fromkeys(("us-east-1", "eu-west-1"), listener.url)
    return Wire(Target("here", endpoints, Credentials("AKIDPLAN", "the-secret", "the-token")))


def test_the_environment_has_no_part(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """No profile, no other address, no proxy, no other key: requests carry the plan's key and Region."""
    for name, value in {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "another",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "ap-south-1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    wire_to(listener).client("eu-west-1").list_tables()
    (headers,) = listener.headers
    assert "Credential=AKIDPLAN/" in headers["authorization"]
    assert "/eu-west-1/dynamodb/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "the-token"


def test_a_client_is_made_once(listener: Listener) -> None:
    """For each Region and kind of validation."""
    lines = wire_to(listener)
    assert lines.client("us-east-1") is lines.client("us-east-1")
    assert lines.client("us-east-1") is not lines.client("eu-west-1")
    assert lines.client("us-east-1") is not lines.client("us-east-1", validate=False)


def test_only_the_unchecked_client_sends_what_botocore_refuses(listener: Listener) -> None:
    """So that the endpoint, and not the client, is asked about limits."""
    lines = wire_to(listener)
    with pytest.raises(Exception, match="Limit"):
        lines.client("us-east-1").list_tables(Limit=0)
    assert listener.headers == []
    lines.client("us-east-1", validate=False).list_tables(Limit=0)
    assert len(listener.headers) == 1


def test_a_server_error_is_tried_again_a_little(listener: Listener) -> None:
    """As an application would; then it is an answer like any other."""
    listener.statuses = [500, 200]
    wire_to(listener).client("us-east-1").list_tables()
    assert len(listener.headers) == 2


def test_the_memory_of_exchanges_is_bounded(listener: Listener) -> None:
    """In number and in size, and it holds no credentials."""
    listener.table_names = ["x" * 10 * REMEMBERED_CHARACTERS]
    lines = wire_to(listener)
    lines.begin_test()
    for limit in range(REMEMBERED_EXCHANGES + 3):
        lines.client("us-east-1").list_tables(Limit=limit + 2)
    assert len(lines.exchanges) == REMEMBERED_EXCHANGES
    (exchange, *_) = lines.exchanges
    assert (exchange.region, exchange.operation, exchange.request) == (
        "us-east-1",
        "ListTables",
        '{"Limit": 5}',
    )
    assert len(exchange.response) < 2 * REMEMBERED_CHARACTERS
    assert "the-secret" not in str(lines.exchanges)
    assert "AKIDPLAN" not in str(lines.exchanges)
    lines.begin_test()
    assert not lines.exchanges


def test_of_looks_that_show_the_same_the_last_is_kept(listener: Listener) -> None:
    """Polling does not push out what came before; a write between two looks keeps both apart."""
    lines = wire_to(listener)
    client = lines.client("us-east-1")
    client.put_item(TableName="t", Item={"pk": {"S": "a"}})
    for _ in range(REMEMBERED_EXCHANGES + 3):
        client.list_tables()
        client.list_backups()
    client.put_item(TableName="t", Item={"pk": {"S": "a"}})
    client.list_tables()
    operations = [exchange.operation for exchange in lines.exchanges]
    assert operations == ["PutItem", "ListTables", "ListBackups", "PutItem", "ListTables"]


def test_past_its_time_a_test_asks_nothing_more(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cleaning up afterwards is not bounded so."""
    monkeypatch.setattr(wire, "TEST_SECONDS", -1.0)
    lines = wire_to(listener)
    lines.begin_test()
    with pytest.raises(Inconclusive, match="took longer"):
        lines.client("us-east-1").list_tables()
    assert listener.headers == []
    lines.end_test()
    lines.client("us-east-1").list_tables()
    assert len(listener.headers) == 1
