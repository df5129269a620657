"""The judge turns what tests do into verdicts: tried on throw-away suites against a tiny endpoint in this process."""

from __future__ import annotations

import http.server
import itertools
import json
import os
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ddbproof.conformance import plugin
from ddbproof.conformance.judge import Judgement, SelectedTest, judge, list_tests
from ddbproof.conformance.kit import sweep, wire
from ddbproof.conformance.plan import Credentials, Plan, Target
from ddbproof.reports.schema import ResultRecord

SECRET = "a-secret-that-must-not-be-seen"
NUMBERS = itertools.count()

Answer = tuple[int, dict[str, Any] | bytes]
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

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

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

    def plan(self, **more: Any) -> Plan:
        target = Target("tiny", {"us-east-1": self.endpoint.url}, Credentials("key-id", SECRET))
        return Plan(target, 1, "run-", **more)

    def write(self, code: str) -> None:
        # pytest keeps modules by name, so every suite has a name of its own.
        path = self.directory / f"test_suite_{next(NUMBERS)}.py"
        path.write_text(PREAMBLE + textwrap.dedent(code))

    def judge(self, code: str, **more: Any) -> Judgement:
        self.write(code)
        return judge(self.plan(**more), self.watching, suite_directory=self.directory)

    def result(self, code: str) -> ResultRecord:
        self.judge(code)
        return self.watching.result()


@pytest.fixture
def endpoint() -> Iterator[TinyEndpoint]:
    tiny = TinyEndpoint()
    yield tiny
    tiny.stop()


@pytest.fixture
def bench(tmp_path: Path, endpoint: TinyEndpoint) -> Bench:
    return Bench(tmp_path, endpoint)


# -- verdicts -----------------------------------------------------------------------------------------


def test_a_failed_assert_is_fail_with_its_own_sentence(bench: Bench) -> None:
    """The reason is the sentence of the test, on one line, without pytest's explanation."""
    found = bench.result(
        '''
        @claim("PI-12")
        def test_it():
            """Two is one."""
            two = 2
            assert two == 1, f"two is\\n {two}"
        '''
    )
    assert (found.verdict, found.reason, found.promise) == ("fail", "two is 2", "Two is one.")


def test_fail_becomes_differs_where_the_source_binds_nobody(bench: Bench) -> None:
    """Of one failed test, a claim from a contract fails and a second-hand claim (BK-13) differs."""
    bench.judge(
        """
        @claim("PI-12", "BK-13")
        def test_it():
            assert False, "no"
        """
    )
    verdicts = [bench.watching.result(claim=claim).verdict for claim in ("PI-12", "BK-13")]
    assert verdicts == ["fail", "differs"]


@pytest.mark.parametrize(
    ("raised", "verdict", "reason"),
    [
        ('Violation("broken")', "fail", "broken"),
        ('Inconclusive("who knows")', "inconclusive", "who knows"),
        ('Unsupported("not here")', "unsupported", "not here"),
        ('NotTestableHere("no clock")', "not testable here", "no clock"),
        ('KeyError("ours")', "error", "KeyError: 'ours'"),
    ],
)
def test_outcomes_have_their_verdicts(bench: Bench, raised: str, verdict: str, reason: str) -> None:
    """What a test raises is the verdict; what is none of these is our own error."""
    found = bench.result(
        f"""
        @claim("PI-12")
        def test_it():
            raise {raised}
        """
    )
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_test_that_returns_passes(bench: Bench) -> None:
    """A pass has no reason and no exchanges, and shows what was seen."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here, seen):
            here.client.list_tables()
            seen["either"] = "this one"
        """
    )
    assert (found.verdict, found.reason, found.exchanges) == ("pass", "", [])
    assert found.seen == {"either": "this one"}


@pytest.mark.parametrize(
    "request_made",
    [
        "here.client.describe_limits()",
        'refused(here.client.describe_limits, "LimitExceededException", what="that")',
    ],
)
def test_an_operation_the_target_does_not_know_is_unsupported(bench: Bench, request_made: str) -> None:
    """UnknownOperationException is an explicit refusal, also where another error was demanded."""
    found = bench.result(
        f"""
        @claim("PI-12")
        def test_it(here):
            {request_made}
        """
    )
    assert found.verdict == "unsupported"


def test_a_refused_preparation_does_not_blame_the_claim(bench: Bench) -> None:
    """A table that cannot be made says nothing about what the test wanted to do with it."""
    bench.endpoint.answers["CreateTable"] = lambda _: refusal("ValidationException", "not today")
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.new_table()
        """
    )
    assert found.verdict == "inconclusive"
    assert "could not prepare" in found.reason
    assert "not today" in found.reason


def test_a_refused_request_of_the_test_itself_is_fail(bench: Bench) -> None:
    """A request that the documentation allows must be answered."""
    bench.endpoint.answers["PutItem"] = lambda _: refusal("ValidationException", "not today")
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.new_table().put("a", "b")
        """
    )
    assert found.verdict == "fail"
    assert "PutItem was answered 400 ValidationException: not today" in found.reason


def test_a_result_that_is_no_pass_shows_the_exchanges(bench: Bench) -> None:
    """Operation, request, status and answer are kept, and nothing of the credentials."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.client.list_tables(Limit=7)
            assert False, "no"
        """
    )
    (exchange,) = found.exchanges
    assert (exchange.region, exchange.operation, exchange.status) == ("us-east-1", "ListTables", 200)
    assert json.loads(exchange.request) == {"Limit": 7}
    assert SECRET not in str(found)
    assert "key-id" not in str(found)


# -- the repeat rule ----------------------------------------------------------------------------------


def test_a_failure_is_repeated_once_on_fresh_resources(bench: Bench) -> None:
    """What fails twice is fail; both attempts are kept, and each had a table of its own."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            raise Violation(f"with {here.new_table().name}")
        """
    )
    assert found.verdict == "fail"
    assert [attempt.verdict for attempt in found.attempts] == ["fail", "fail"]
    assert found.attempts[0].reason != found.attempts[1].reason


def test_a_failure_that_does_not_come_back_is_inconclusive(bench: Bench) -> None:
    """Fail then pass accuses nobody, and is not green either."""
    found = bench.result(
        """
        once = []

        @claim("PI-12")
        def test_it():
            once.append(1)
            assert len(once) > 1, "bad luck"
        """
    )
    assert found.verdict == "inconclusive"
    assert found.reason == "failed once (bad luck), then pass when repeated"
    assert [attempt.verdict for attempt in found.attempts] == ["fail", "pass"]


def test_a_consistency_violation_is_never_repeated_away(bench: Bench) -> None:
    """Seen once is seen."""
    found = bench.result(
        """
        once = []

        @claim("ME-02", consistency=True)
        def test_it():
            once.append(1)
            assert len(once) > 1, "diverged"
        """
    )
    assert (found.verdict, len(found.attempts)) == ("fail", 1)


# -- the end of a run ---------------------------------------------------------------------------------

TWO_TESTS = """
    @claim("PI-12")
    def test_first(here):
        here.new_table()
        {first}

    @claim("PI-11")
    def test_second(here):
        here.new_table()
    """


def test_everything_made_is_removed(bench: Bench) -> None:
    """Tables of the run's prefix are gone afterwards; others are left alone."""
    bench.endpoint.tables.add("somebody-elses")
    judgement = bench.judge(TWO_TESTS.format(first="assert False, 'no'"))
    assert judgement == Judgement(False, None, 2, ())
    assert bench.endpoint.tables == {"somebody-elses"}


def test_ctrl_c_ends_the_run_and_still_cleans_up(bench: Bench) -> None:
    """After KeyboardInterrupt nothing more is run, and what was made is removed."""
    judgement = bench.judge(TWO_TESTS.format(first="raise KeyboardInterrupt"))
    assert judgement.interrupted
    assert bench.watching.begun == [bench.watching.tests[0].test]
    assert bench.watching.records == []
    assert "CreateTable" in bench.endpoint.calls
    assert bench.endpoint.tables == set()


def test_a_second_ctrl_c_stops_the_cleaning_and_tells_what_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known to be left is listed, and under which names to look for more."""

    def interrupted(_: object, __: str, *, left: list[str]) -> tuple[str, ...]:
        left.append("table run-table-1 in us-east-1 is still being deleted")
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "sweep", interrupted)
    judgement = bench.judge(TWO_TESTS.format(first="raise KeyboardInterrupt"))
    assert judgement.interrupted
    assert judgement.leftovers[0].startswith("table run-table-1")
    assert "run-*" in judgement.leftovers[-1]
    assert bench.watching.findings == [("left behind", text) for text in judgement.leftovers]


def test_what_cannot_be_removed_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that refuses to delete leaves a finding, not silence."""
    monkeypatch.setattr(sweep, "until", lambda probe, *, seconds: probe())
    bench.endpoint.answers["DeleteTable"] = lambda _: refusal("ValidationException", "I keep it")
    judgement = bench.judge(TWO_TESTS.format(first="pass"))
    assert len(judgement.leftovers) == 2
    assert all("I keep it" in leftover for leftover in judgement.leftovers)


def test_a_target_that_goes_away_ends_the_run(bench: Bench) -> None:
    """What was not run is inconclusive, and the judgement says why."""

    def die(_: dict[str, Any]) -> Answer:
        bench.endpoint.stop()
        return 200, {}

    bench.endpoint.answers["DescribeLimits"] = die
    judgement = bench.judge(
        TWO_TESTS.format(first="here.client.describe_limits(); here.client.list_tables()")
    )
    assert judgement.unreachable is not None
    assert "stopped answering" in judgement.unreachable
    assert [record.verdict for record in bench.watching.records] == ["inconclusive", "inconclusive"]
    assert bench.watching.result("test_second").reason == f"not run: {judgement.unreachable}"
    assert len(bench.watching.begun) == 1


def test_an_endpoint_that_never_answers_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tests in a row that timed out, the rest is not run, and the run ends in bounded time."""
    monkeypatch.setattr(wire, "READ_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(plugin, "TIMEOUTS_IN_A_ROW", 1)
    released = threading.Event()

    def hang(_: dict[str, Any]) -> Answer:
        released.wait(20)
        return 200, {}

    bench.endpoint.answers["CreateTable"] = hang
    try:
        judgement = bench.judge(TWO_TESTS.format(first="pass"))
    finally:
        released.set()
    assert judgement.unreachable is not None
    assert [record.verdict for record in bench.watching.records] == ["inconclusive", "inconclusive"]
    assert bench.watching.result("test_second").reason == f"not run: {judgement.unreachable}"
    assert len(bench.watching.begun) == 1


def test_a_test_has_a_bounded_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its time a test makes no further request and says nothing; cleaning up has no such bound."""
    monkeypatch.setattr(wire, "TEST_SECONDS", -1.0)
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.client.list_tables()
        """
    )
    assert found.verdict == "inconclusive"
    assert "took longer" in found.reason
    assert "ListTables" in bench.endpoint.calls


# -- isolation and selection --------------------------------------------------------------------------


def test_nothing_of_the_users_surroundings_has_a_part(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not a conftest above the suite, not a configuration, not a variable; and pytest prints nothing."""
    (tmp_path / "conftest.py").write_text("raise RuntimeError('hostile conftest')")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing_at_all --no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    before = dict(os.environ)
    judgement = bench.judge(TWO_TESTS.format(first="assert False, 'no'"))
    assert [record.verdict for record in bench.watching.records] == ["fail", "pass"]
    assert judgement.selected_count == 2
    assert dict(os.environ) == before
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({"select": ("PI-12",)}, ["test_first"]),
        ({"select": ("PI-*",)}, ["test_first", "test_second"]),
        ({"select": ("second",)}, ["test_second"]),
        ({"areas": ("recovery",)}, ["test_first", "test_second"]),
        ({"areas": ("backups",)}, []),
        ({"areas": ("recovery",), "select": ("PI-11",)}, ["test_second"]),
        ({"select": ("NO-1",)}, []),
    ],
)
def test_a_plan_selects_by_claim_by_name_and_by_area(
    bench: Bench, selection: dict[str, tuple[str, ...]], selected: list[str]
) -> None:
    """Claim ids, patterns of them and parts of names; an empty selection touches nothing."""
    judgement = bench.judge(TWO_TESTS.format(first="pass"), **selection)
    assert [test.test.rpartition("::")[2] for test in bench.watching.tests] == selected
    assert judgement.selected_count == len(selected)
    assert bool(bench.endpoint.calls) == bool(selected)


def test_listing_makes_no_request(bench: Bench) -> None:
    """What would run can be told without a target."""
    bench.write(TWO_TESTS.format(first="pass"))
    (first, second) = list_tests(bench.plan(), suite_directory=bench.directory)
    assert (first.claims, second.claims) == (("PI-12",), ("PI-11",))
    assert bench.endpoint.calls == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def test_it(): pass", "judges no claim"),
        ("import no_such_module_at_all", "cannot be collected"),
    ],
)
def test_a_broken_suite_is_our_error_and_no_verdict(bench: Bench, code: str, words: str) -> None:
    """A test without a claim, or a file that cannot be imported, must not look like an empty selection."""
    with pytest.raises(RuntimeError, match=words):
        bench.judge(code)


def test_a_fault_of_ours_outside_of_a_test_ends_the_run_cleanly(
    bench: Bench, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, not turned into a verdict; what was made is removed; pytest prints nothing of it."""
    bench.endpoint.tables.add("run-left")

    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(bench.watching, "finished", broken)
    with pytest.raises(RuntimeError, match="no space left on device"):
        bench.judge(TWO_TESTS.format(first="pass"))
    assert bench.endpoint.tables == set()
    assert capfd.readouterr() == ("", "")
