"""Time as a test knows it: the endpoint's own, moved where it can be, waited for where that is short."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ddbproof.conformance.kit import Inconclusive, NotTestableHere, until
from ddbproof.conformance.kit.clock import GUARD_SECONDS, EndpointClock
from ddbproof.conformance.kit.polling import Patience
from ddbproof.conformance.plan import ControlAccess


def answer(date: str | None) -> dict[str, Any]:
    """A boto3 answer with that Date header."""
    return {"ResponseMetadata": {"HTTPHeaders": {} if date is None else {"date": date}}}


def test_the_endpoints_time_is_its_date_header() -> None:
    """Not this machine's time: a skew must not become a verdict."""
    clock = EndpointClock(lambda: answer("Sat, 01 Jan 2000 00:00:07 GMT"), None)
    assert clock.now() == 946_684_807


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_an_endpoint_that_does_not_tell_the_time_is_inconclusive(date: str | None) -> None:
    """Without its time no instant can be named."""
    with pytest.raises(Inconclusive):
        EndpointClock(lambda: answer(date), None).now()


def test_what_takes_too_long_is_not_testable_with_a_fixed_clock() -> None:
    """The reason says how long it would take."""
    clock = EndpointClock(lambda: answer(None), None)
    assert not clock.can_move
    with pytest.raises(NotTestableHere, match="3600 seconds"):
        clock.pass_seconds(3600)


class Control:
    """The control interface of an endpoint that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.25
        self.tokens: list[str | None] = []
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                control.tokens.append(self.headers["x-ddbproof-token"])
                control.now += body["advance_seconds"]
                self.send_response(200 if self.path == "/_ddbproof/clock" else 404)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)

    def ask(self) -> dict[str, Any]:
        moment = datetime.fromtimestamp(int(self.now), UTC)
        return answer(moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    thread = threading.Thread(target=control.server.serve_forever, args=(0.02,))
    thread.start()
    yield control
    control.server.shutdown()
    thread.join()
    control.server.server_close()


def test_a_movable_clock_is_moved_and_not_waited_for(control: Control) -> None:
    """A day passes at once, by the token, past any proxy."""
    clock = EndpointClock(
        control.ask, ControlAccess(f"http://127.0.0.1:{control.server.server_port}/", "the-token")
    )
    before = clock.now()
    clock.pass_seconds(86_400)
    assert clock.now() - before == 86_400
    assert control.tokens == ["the-token"]


def test_a_mark_is_a_whole_second_with_quiet_seconds_around_it(control: Control) -> None:
    """At least the guard lies between the mark and whatever was done before or is done after."""
    clock = EndpointClock(
        control.ask, ControlAccess(f"http://127.0.0.1:{control.server.server_port}", "the-token")
    )
    before = control.now
    instant = clock.mark()
    assert instant.tzinfo is UTC
    assert instant.microsecond == 0
    assert instant.timestamp() - before >= GUARD_SECONDS
    assert control.now - instant.timestamp() >= GUARD_SECONDS


def test_a_clock_that_cannot_be_moved_after_all_is_inconclusive() -> None:
    """Nobody listens there."""
    clock = EndpointClock(lambda: answer(None), ControlAccess("http://127.0.0.1:9", "the-token"))
    with pytest.raises(Inconclusive, match="could not be moved"):
        clock.pass_seconds(1)


def test_polling_ends_with_the_first_true_answer() -> None:
    """And not a call later."""
    answers = iter([0, 0, 3, 4])
    assert until(lambda: next(answers), seconds=30) == 3


def test_polling_is_bounded_and_asks_at_least_once() -> None:
    """The last false answer comes back; what it means is for the caller to say."""
    asked: list[int] = []
    assert until(lambda: asked.append(1), seconds=0) is None
    assert asked == [1]


def test_patience_is_shorter_after_a_wait_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for the same topic, and only until it has come once."""
    bounds: list[float] = []

    def recorded(probe: Any, *, seconds: float) -> Any:
        bounds.append(seconds)
        return probe()

    monkeypatch.setattr("ddbproof.conformance.kit.polling.until", recorded)
    patience = Patience()
    for topic, comes in (("a", False), ("a", False), ("b", True), ("a", True), ("a", True)):
        patience.until(topic, lambda comes=comes: comes, seconds=10)  # type: ignore[misc]
    assert bounds == [10, 1, 10, 1, 10]
