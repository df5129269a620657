"""The tester's hand obeys only callers on this machine who hold the token."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.control.interface import PREFIX, ControlInterface
from ddbproof.reference_impl.options import EndpointOptions

TOKEN = "the token of the tests"
NOW_SECONDS = 1_800_000_000


class Control:
    """A control interface with a clock that stands still."""

    def __init__(self) -> None:
        self.clock = Clock(frozen_at_milliseconds=NOW_SECONDS * 1000)
        options = EndpointOptions(seed=7)
        self.cluster = Cluster(options, self.clock)
        self.network = self.cluster.network
        self.interface = ControlInterface(self.clock, self.cluster, options, TOKEN)

    def ask(
        self,
        method: str,
        name: str,
        content: Any = None,
        *,
        token: bytes | None = TOKEN.encode(),
        peer: str = "127.0.0.1",
        raw: bytes | None = None,
    ) -> tuple[int, dict[str, Any]]:
        body = raw if raw is not None else b"" if content is None else json.dumps(content).encode()
        headers = {} if token is None else {b"x-ddbproof-token": token}
        response = self.interface.handle(method, PREFIX + name, headers, body, peer)
        decoded: dict[str, Any] = json.loads(response.body)
        return response.status, decoded


@pytest.fixture
def control() -> Control:
    return Control()


def test_the_clock_can_be_read(control: Control) -> None:
    """now and offset are seconds."""
    assert control.ask("GET", "clock") == (200, {"now": NOW_SECONDS, "offset_seconds": 0.0})


def test_the_clock_can_be_advanced_and_set(control: Control) -> None:
    """Both answer like a reading."""
    assert control.ask("POST", "clock", {"advance_seconds": 0.5})[1]["now"] == NOW_SECONDS + 0.5
    moved = control.ask("POST", "clock", {"set": NOW_SECONDS + 360})
    assert moved == (200, {"now": NOW_SECONDS + 360, "offset_seconds": 360.0})
    assert control.clock.now_milliseconds() == (NOW_SECONDS + 360) * 1000


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"advance_seconds": 1, "set": 2},
        {"advance": 1},
        {"advance_seconds": "6m"},
        {"advance_seconds": True},
        {"advance_seconds": None},
        {"advance_seconds": -1},
        {"set": NOW_SECONDS - 1},
        {"set": 1e300},
        {"advance_seconds": 1e300},
        {"advance_seconds": 10**400},
    ],
)
def test_nonsense_does_not_move_the_clock(control: Control, content: dict[str, Any]) -> None:
    """A refusal is a sentence and a hint, and nothing has happened."""
    status, answer = control.ask("POST", "clock", content)
    assert status == 400
    assert answer["error"]
    assert set(answer) == {"error", "hint"}
    assert control.clock.now_milliseconds() == NOW_SECONDS * 1000


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b"1", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(control: Control, raw: bytes) -> None:
    """400 with a sentence."""
    assert control.ask("POST", "clock", raw=raw)[0] == 400


@pytest.mark.parametrize("token", [None, b"", b"wrong", TOKEN.encode() + b"x", TOKEN.encode()[:-1], b"\xff"])
def test_without_the_token_nothing_is_told(
    control: Control, token: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused, whatever is asked for, and logged with the peer but without the token."""
    for method, name in (("GET", "clock"), ("POST", "clock"), ("GET", "nothing")):
        status, answer = control.ask(method, name, {"advance_seconds": 1}, token=token)
        assert status == 403
        assert TOKEN not in json.dumps(answer)
    assert control.clock.offset_milliseconds == 0
    assert all("127.0.0.1" in message for message in caplog.messages)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    "peer", ["10.0.0.1", "192.168.1.5", "::ffff:10.0.0.1", "2001:db8::1", "", "localhost"]
)
def test_others_are_refused_even_with_the_token(
    control: Control, peer: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that leaked is of no use elsewhere; the log names the peer."""
    assert control.ask("GET", "clock", peer=peer)[0] == 403
    assert (peer or "unknown") in caplog.text


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_several_addresses(control: Control, peer: str) -> None:
    """All of loopback, old and new."""
    assert control.ask("GET", "clock", peer=peer)[0] == 200


def test_an_unknown_command_names_the_known_ones(control: Control) -> None:
    """So that the interface explains itself."""
    for method, name in (("PUT", "faults"), ("DELETE", "clock"), ("POST", "state"), ("GET", "")):
        status, answer = control.ask(method, name)
        assert status == 404
        assert "POST /_ddbproof/clock" in answer["hint"]


def test_the_state_tells_how_the_endpoint_was_set_up(control: Control) -> None:
    """A run is commit, seed and options."""
    status, state = control.ask("GET", "state")
    assert (status, state["seed"], state["regions"][0]) == (200, 7, "us-east-1")
    assert state["clock"]["now"] == NOW_SECONDS


def test_a_bug_in_a_command_is_logged_and_not_shown(
    control: Control, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same promise as for operations."""

    def broken() -> int:
        raise ZeroDivisionError("a secret place")

    monkeypatch.setattr(control.clock, "now_milliseconds", broken)
    status, answer = control.ask("GET", "clock")
    assert status == 500
    assert "secret" not in json.dumps(answer)
    assert any(record.levelno == logging.ERROR and record.exc_info for record in caplog.records)


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text(max_size=10), st.binary(max_size=40))
def test_any_request_with_the_token_is_answered(method: str, name: str, raw: bytes) -> None:
    """Never an internal error."""
    assert Control().ask(method, name, raw=raw)[0] in (200, 400, 404)


def test_a_region_can_be_cut_off_and_healed(control: Control) -> None:
    """Both answer with what is broken; the state shows it too."""
    status, broken = control.ask("POST", "faults", {"isolate": "eu-west-1"})
    assert (status, broken["isolated"], broken["waiting_changes"]) == (200, ["eu-west-1"], 0)
    assert control.ask("GET", "state")[1]["faults"] == broken
    assert control.ask("POST", "faults", {"heal": "eu-west-1"})[1]["isolated"] == []


FAULTS: list[dict[str, Any]] = [
    {"zone_down": "us-east-1a"},
    {"zone_up": "us-east-1a"},
    {"isolate_zone": "eu-west-1b"},
    {"heal_zone": "eu-west-1b"},
    {"cut_link": "us-east-1a", "to": "us-east-1b"},
    {"crash": "us-east-1a-1"},
    {"crash": "us-east-1a-2", "disk": "lost"},
    {"start": "us-east-1a-1"},
    {"fill_disk": "us-east-1b-1"},
    {"slow_disk": "us-east-1c-1", "milliseconds": 50},
    {"mend_disk": "us-east-1c-1"},
    {"jump_clock": "us-east-1c-1", "milliseconds": -5000},
    {"messages": "us-east-1", "lost": 0.1, "doubled": 0.5, "delay_milliseconds": [0, 50]},
    {"mend": "us-east-1"},
]


@pytest.mark.parametrize("content", FAULTS, ids=lambda content: "-".join(map(str, content)))
def test_every_fault_is_an_event_in_the_record(control: Control, content: dict[str, Any]) -> None:
    """What was done, where and when."""
    assert control.ask("POST", "faults", content)[0] == 200
    status, record = control.ask("GET", "faults")
    (event,) = record["events"]
    assert (status, event["at"]) == (200, NOW_SECONDS)
    assert event["fault"] == next(iter(content))
    assert event["region"] in next(iter(content.values()))


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"isolate": "mars-1"},
        {"isolate": 7},
        {"isolate": "eu-west-1", "heal": "eu-west-1"},
        {"x": 1},
        {"zone_down": "us-east-1d"},
        {"zone_down": "us-east-1"},
        {"zone_down": "us-east-1a", "disk": "lost"},
        {"crash": "us-east-1a-9"},
        {"crash": "us-east-1a-1", "disk": "eaten"},
        {"crash": "us-east-1a-1", "disk": 1},
        {"cut_link": "us-east-1a"},
        {"cut_link": "us-east-1a", "to": "us-east-1x"},
        {"slow_disk": "us-east-1a-1"},
        {"slow_disk": "us-east-1a-1", "milliseconds": 10**9},
        {"slow_disk": "us-east-1a-1", "milliseconds": True},
        {"messages": "us-east-1", "lost": 2},
        {"messages": "us-east-1", "delay_milliseconds": [5, 1]},
        {"messages": "us-east-1", "delay_milliseconds": 5},
        {"messages": "mars-1", "lost": 1},
        {"split": "no-such-table"},
        {"split": "no-such-table", "region": "mars-1"},
        {"mend": "everything"},
    ],
    ids=str,
)
def test_a_fault_that_does_not_exist_is_refused_with_a_hint(control: Control, content: Any) -> None:
    """Nothing is broken by mistake, and nothing is noted."""
    before = control.ask("GET", "state")[1]["faults"]
    status, answer = control.ask("POST", "faults", content)
    assert status == 400
    assert answer["hint"]
    assert control.ask("GET", "state")[1]["faults"] == before
    assert control.ask("GET", "faults")[1]["events"] == []


def test_the_topology_of_an_endpoint_without_tables_is_empty(control: Control) -> None:
    """By Region."""
    assert control.ask("GET", "topology")[1]["us-east-1"] == {}


def test_nothing_is_replayed_that_was_not_recorded(control: Control) -> None:
    """The refusal says how to record."""
    status, answer = control.ask("GET", "replay")
    assert (status, "--record-steps" in answer["hint"]) == (400, True)
