"""`ddbproof clock`: read or move the time of a running reference endpoint."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ddbproof.cli.control import ask, not_ours, token_for
from ddbproof.cli.errors import CommandError, ExitCode

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)\Z")
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def clock(
    *,
    advance: str | None = None,
    set_: Annotated[str | None, Parameter(name="--set")] = None,
    url: str = "http://127.0.0.1:8000",
    token_path: Annotated[Path | None, Parameter(name="--token-file")] = None,
) -> int:
    """Show a running endpoint's time, or move it forward.

    Parameters
    ----------
    advance
        How far: 90s, 6m, 2h, 35d.
    set_
        To which instant, ISO 8601, UTC unless an offset is given: 2026-11-23T12:00:00Z.
    url
        The endpoint.
    token_path
        File with its control token; found by itself for an endpoint started by the same user.
    """
    if advance is not None and set_ is not None:
        raise CommandError("give one of --advance and --set")
    request: dict[str, float] | None = None
    if advance is not None:
        request = {"advance_seconds": _seconds(advance)}
    elif set_ is not None:
        request = {"set": _instant(set_)}
    answer = ask(url, token_for(url, token_path), "clock", request)
    try:
        now_seconds, ahead_seconds = float(answer["now"]), float(answer["offset_seconds"])
    except (ValueError, KeyError, TypeError):
        raise not_ours(url, 200) from None
    now = datetime.fromtimestamp(now_seconds, UTC)
    sys.stdout.write(f"{now:%Y-%m-%dT%H:%M:%SZ}  ({int(now_seconds)}, {ahead_seconds:.0f} seconds ahead)\n")
    return ExitCode.OK


def _seconds(text: str) -> float:
    match = _DURATION.match(text.strip())
    if match is None:
        raise CommandError(f"{text!r} is not a duration", hint="for example 90s, 6m, 2h, 35d")
    return float(match[1]) * _UNIT_SECONDS[match[2]]


def _instant(text: str) -> float:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"{text!r} is not an instant", cause=str(error), hint="for example 2026-11-23T12:00:00Z"
        ) from error
    try:
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except OverflowError as error:
        raise CommandError(f"{text!r} is too far away", cause=str(error)) from error
