"""Throw-away suites against a tiny endpoint in this process: what tests of the judge work with."""

from __future__ import annotations

import http.server
import itertools
import json
import textwrap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ddbproof.conformance.judge import Judgement, SelectedTest, judge
from ddbproof.conformance.plan import Credentials, Plan, Supervision, Target
from ddbproof.reports.schema import ResultRecord

SECRET = "a-secret-that-must-not-be-seen"
NUMBERS = itertools.count()

Answer = tuple[int, dict[str, Any] | bytes]
TWO_TESTS = """
    @claim("PI-12")
    def test_first(here):
        here.new_table()
        {first}

    @claim("PI-11")
    def test_second(here):
        here.new_table()
    """

PREAMBLE = """
import pytest
from ddbproof.conformance.kit import Inconclusive, NotTestableHere, Unsupported, Violation, claim, refused

"""


class TinyEndpoint:
    """Keeps a list of tables; `answers` overrides operations; `calls` remembers what was asked."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.calls: list[str] = []
        self.answers: dict[str, Callable[[dict[str, Any]], Answer]] = {}
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                operation = self.headers["x-amz-target"].partition(".")[2]
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.calls.append(operation)
                status, answer = endpoint.answer(operation, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None: ...

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that has gone away is no matter here."""

        self._server_class, self._handler = Server, Handler
        self._start(0)

    def _start(self, port: int) -> None:
        self._server = self._server_class(("127.0.0.1", port), self._handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def start_again(self) -> None:
        """Serve again at the same address, having forgotten everything, as a crash leaves it."""
        self.tables.clear()
        self._start(self._server.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, operation: str, body: dict[str, Any]) -> Answer:
        if operation in self.answers:
            return self.answers[operation](body)
        name = body.get("TableName")
        table = {"TableName": name, "TableStatus": "ACTIVE"}
        if operation == "ListTables":
            return 200, {"TableNames": sorted(self.tables)}
        if operation == "ListBackups":
            return 200, {"BackupSummaries": []}
        if operation == "CreateTable":
            self.tables.add(str(name))
            return 200, {"TableDescription": table}
        if operation in ("DescribeTable", "DeleteTable"):
            if name not in self.tables:
                return refusal("ResourceNotFoundException", "no such table")
            if operation == "DeleteTable":
                self.tables.discard(str(name))
                return 200, {"TableDescription": {**table, "TableStatus": "DELETING"}}
            return 200, {"Table": table}
        return refusal("UnknownOperationException", "")

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def refusal(code: str, message: str, status: int = 400) -> Answer:
    return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}


class Watching:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.tests: list[SelectedTest] = []
        self.begun: list[str] = []
        self.records: list[ResultRecord] = []
        self.findings: list[tuple[str, str]] = []

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        self.tests = list(tests)

    def started(self, test: str) -> None:
        self.begun.append(test)

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        self.records += records

    def finding(self, kind: str, text: str) -> None:
        self.findings.append((kind, text))

    def result(self, test: str = "test_it", claim: str | None = None) -> ResultRecord:
        (found,) = [
            record
            for record in self.records
            if record.test.endswith(f"::{test}") and claim in (None, record.claim)
        ]
        return found


class Bench:
    """Judges a suite given as text."""

    def __init__(self, directory: Path, endpoint: TinyEndpoint) -> None:
        self.directory = directory / "suite"
        self.directory.mkdir()
        self.endpoint = endpoint
        self.watching = Watching()

    def plan(self, supervision: Supervision | None = None, **more: Any) -> Plan:
        endpoints = {"us-east-1": self.endpoint.url}
        target = Target("tiny", endpoints, Credentials("key-id", SECRET), supervision=supervision)
        return Plan(target, 1, "run-", **more)

    def write(self, code: str) -> None:
        # pytest keeps modules by name, so every suite has a name of its own.
        path = self.directory / f"test_suite_{next(NUMBERS)}.py"
        path.write_text(PREAMBLE + textwrap.dedent(code))

    def judge(self, code: str, *, jobs: int = 1, **more: Any) -> Judgement:
        self.write(code)
        return judge(self.plan(**more), self.watching, suite_directory=self.directory, jobs=jobs)

    def result(self, code: str) -> ResultRecord:
        self.judge(code)
        return self.watching.result()
