"""The control interface: paths under /_ddbproof/, for callers on this machine that hold the token.

    GET  /_ddbproof/clock                                   the endpoint's time
    POST /_ddbproof/clock  {"advance_seconds": 360}         move it forward
    POST /_ddbproof/clock  {"set": 1800000000}              move it forward to an instant
    GET  /_ddbproof/state                                   Regions, seed, options

Whoever calls from elsewhere, or without the token in `x-ddbproof-token`, is refused and logged. Faults will
come as further commands in the same table.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.response import Response

PREFIX = "/_ddbproof/"
TOKEN_HEADER = "x-ddbproof-token"  # noqa: S105 - the name of a header
logger = logging.getLogger("ddbproof.reference_impl.control")

Command = Callable[[dict[str, Any]], dict[str, Any]]


class ControlInterface:
    """Answers control requests for one endpoint. `token` is the secret that callers show."""

    def __init__(self, clock: Clock, options: EndpointOptions, token: str) -> None:
        self._clock = clock
        self._options = options
        self._token = token.encode()
        self._commands: dict[tuple[str, str], Command] = {
            ("GET", "clock"): lambda _: self._time(),
            ("POST", "clock"): self._move_clock,
            ("GET", "state"): lambda _: self._state(),
        }

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes, peer: str) -> Response:
        """Answer one control request. Never raises for anything a caller can send."""
        given = headers.get(TOKEN_HEADER, "").encode("latin-1", "replace")
        if not _is_loopback(peer) or not hmac.compare_digest(given, self._token):
            logger.warning("control request refused: %s %s from %s", method, path, peer or "unknown")
            return _answer(
                403,
                {
                    "error": "the control interface is for callers on this machine with the token",
                    "hint": f"send the token of this endpoint in the header {TOKEN_HEADER}",
                },
            )
        command = self._commands.get((method, path.removeprefix(PREFIX)))
        if command is None:
            known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in self._commands)
            return _answer(404, {"error": f"there is no {method} {path}", "hint": f"there are: {known}"})
        try:
            parameters = msgspec.json.decode(body) if body else {}
            if not isinstance(parameters, dict):
                raise ConfigurationError("the body must be a JSON object")
            return _answer(200, command(parameters))
        except ConfigurationError as error:
            return _answer(400, {"error": error.message, "hint": error.hint})
        except (msgspec.DecodeError, RecursionError) as error:
            return _answer(400, {"error": f"the body is not JSON: {error}", "hint": None})

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
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigurationError(f"{name} must be a number of seconds", hint=hint)
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
            "clock": self._time(),
        }


def _is_loopback(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _answer(status: int, content: dict[str, Any]) -> Response:
    body = msgspec.json.encode(content)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Response(status, headers, body)
