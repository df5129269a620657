"""The control interface: paths under /_ddbproof/, for callers on this machine that hold the token.

    GET  /_ddbproof/clock                                   the endpoint's time
    POST /_ddbproof/clock  {"advance_seconds": 360}         move it forward
    POST /_ddbproof/clock  {"set": 1800000000}              move it forward to an instant
    POST /_ddbproof/faults {"isolate": "eu-west-1"}         inflict a fault, or mend one: all are in `faults`
    GET  /_ddbproof/faults                                  every fault so far
    GET  /_ddbproof/state                                   Regions, seed, options, what is broken
    GET  /_ddbproof/topology                                partitions, replicas, leaders
    GET  /_ddbproof/replay                                  recorded steps, taken again by the proved system

Whoever calls from elsewhere, or without the token in `x-ddbproof-token`, is refused and logged. The address
is the one of the connection itself: forwarding headers are not believed. Refusals of a command are JSON,
`{"error": sentence, "hint": sentence or null}`.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.control.faults import Faults
from ddbproof.reference_impl.control.topology import replayed, topology
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.response import Response

PREFIX = "/_ddbproof/"
TOKEN_HEADER = b"x-ddbproof-token"
MOST_SECONDS = 1e12  # keeps arithmetic finite; the clock itself has the narrower bound

logger = logging.getLogger("ddbproof.reference_impl.control")

Command = Callable[[dict[str, Any]], dict[str, Any]]


class ControlInterface:
    """Answers control requests for one endpoint. `token` is the secret that callers show."""

    def __init__(self, clock: Clock, cluster: Cluster, options: EndpointOptions, token: str) -> None:
        self._clock = clock
        self._faults = Faults(cluster)
        self._options = options
        self._token = token.encode()
        self._commands: dict[tuple[str, str], Command] = {
            ("GET", "clock"): lambda _: self._time(),
            ("POST", "clock"): self._move_clock,
            ("POST", "faults"): self._faults.inflict,
            ("GET", "faults"): lambda _: self._faults.events(),
            ("GET", "state"): lambda _: {**self._state(), "stale_reads": dict(cluster.lag.seen)},
            ("GET", "topology"): lambda _: topology(cluster),
            ("GET", "replay"): lambda _: replayed(cluster),
        }

    def handle(
        self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes, peer: str
    ) -> Response:
        """Answer one control request; never raises.

        `headers` have lower-case names; `peer` is the IP address at the other end of the connection.
        """
        if not is_loopback(peer) or not hmac.compare_digest(headers.get(TOKEN_HEADER, b""), self._token):
            logger.warning("control request refused: %s %r from %s", method, path[:200], peer or "unknown")
            return _refusal(
                403,
                "the control interface is for callers on this machine with the token",
                f"send the token of this endpoint in the header {TOKEN_HEADER.decode()}",
            )
        command = self._commands.get((method, path.removeprefix(PREFIX)))
        if command is None:
            known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in self._commands)
            return _refusal(404, f"there is no {method} {path[:200]}", f"there are: {known}")
        try:
            return _answer(200, command(_parameters(body)))
        except ConfigurationError as error:
            return _refusal(400, error.message, error.hint or error.cause)
        except Exception:
            logger.exception("control request %s %s failed", method, path)
            return _refusal(500, "internal error; the endpoint's log has more", None)

    def _time(self) -> dict[str, Any]:
        return {
            "now": self._clock.now_milliseconds() / 1000,
            "offset_seconds": self._clock.offset_milliseconds / 1000,
        }

    def _move_clock(self, parameters: dict[str, Any]) -> dict[str, Any]:
        hint = 'give {"advance_seconds": 360} or {"set": epoch seconds}'
        if set(parameters) not in ({"advance_seconds"}, {"set"}):
            raise ConfigurationError("exactly one of advance_seconds and set must be given", hint=hint)
        ((name, value),) = parameters.items()
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > MOST_SECONDS:
            raise ConfigurationError(f"{name} must be a reasonable number of seconds", hint=hint)
        if name == "set":
            self._clock.set(value)
        else:
            self._clock.advance(value)
        return self._time()

    def _state(self) -> dict[str, Any]:
        return {
            "regions": list(self._options.regions),
            "seed": self._options.seed,
            "replication_delay_seconds": self._options.replication_delay_seconds,
            "create_delay_seconds": self._options.create_delay_seconds,
            "restore_lag_seconds": self._options.restore_lag_seconds,
            "partitions": self._options.partitions,
            "lag": self._options.lag,
            "clock": self._time(),
            "faults": self._faults.state(),
        }


def is_loopback(address: str) -> bool:
    """True for an IP address that only this machine can have.

    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("10.0.0.1"), is_loopback("")
    (True, True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        parameters = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"the body is not JSON: {error}") from None
    if not isinstance(parameters, dict):
        raise ConfigurationError("the body must be a JSON object")
    return parameters


def _answer(status: int, content: dict[str, Any]) -> Response:
    body = msgspec.json.encode(content)
    head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    return Response(status, head, body)


def _refusal(status: int, sentence: str, hint: str | None) -> Response:
    return _answer(status, {"error": sentence, "hint": hint})
