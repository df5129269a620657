"""`ddbproof clock`: read or move the time of a running reference endpoint."""

from __future__ import annotations

import http.client
import json
import re
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode
from ddbproof.cli.runtime import token_file

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
    now_seconds, ahead_seconds = _ask(url, _token(url, token_path), request)
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


def _token(url: str, path: Path | None) -> str:
    try:
        port = urlsplit(url).port
    except ValueError as error:
        raise CommandError(f"{url!r} is not a URL", cause=str(error)) from error
    if not url.startswith(("http://", "https://")) or port is None:
        raise CommandError(f"{url!r} is not the URL of an endpoint", hint="for example http://127.0.0.1:8000")
    path = path or token_file(port)
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"no control token for {url}",
            cause=str(error),
            hint="is `ddbproof serve` running on that port, started by you? else name --token-file",
            exit_code=ExitCode.UNREACHABLE,
        ) from error


def _ask(url: str, token: str, content: dict[str, float] | None) -> tuple[float, float]:
    """The endpoint's time and how far it is ahead, both in seconds."""
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{url.rstrip('/')}/_ddbproof/clock", data=data, headers={"x-ddbproof-token": token}
    )
    # No proxy: the token is for this machine only.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=10) as answer:
            text = answer.read(1_000_000)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(url, error.code, error.read(1_000_000)) from None
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"cannot reach {url}", cause=str(getattr(error, "reason", error)), exit_code=ExitCode.UNREACHABLE
        ) from error
    try:
        time = json.loads(text)
        return float(time["now"]), float(time["offset_seconds"])
    except (ValueError, KeyError, TypeError):
        raise _refused(url, 200, b"") from None


def _refused(url: str, status: int, text: bytes) -> CommandError:
    """What the endpoint says, if it is one of ours."""
    try:
        problem = json.loads(text)
        message, hint = str(problem["error"]), problem["hint"]
    except (ValueError, KeyError, TypeError):
        return CommandError(
            f"{url} is not a ddbproof endpoint", cause=f"it answered {status} to a question for its time"
        )
    return CommandError(message, hint=hint)
