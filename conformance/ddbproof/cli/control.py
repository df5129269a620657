"""Asking the control interface of a served endpoint: finding its token, sending a command, reading the answer."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ddbproof.cli.errors import CommandError, ExitCode
from ddbproof.cli.runtime import token_file

_LONGEST_ANSWER_BYTES = 100_000_000


def token_for(url: str, path: Path | None) -> str:
    """The control token of the endpoint at a URL; from the file at `path`, or from where `serve` keeps it.

    Raises CommandError if the URL is none, or there is no token.
    """
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


def ask(url: str, token: str, name: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
    """Get what the control interface says under a name, or post a command there; returns the answer.

    Raises CommandError with what the endpoint says, or if it is none of ours, or not there.
    """
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{url.rstrip('/')}/_ddbproof/{name}", data=data, headers={"x-ddbproof-token": token}
    )
    # No proxy: the token is for this machine only.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=60) as answer:
            text = answer.read(_LONGEST_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(url, error.code, error.read(1_000_000)) from None
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(
            f"cannot reach {url}", cause=str(getattr(error, "reason", error)), exit_code=ExitCode.UNREACHABLE
        ) from error
    try:
        decoded = json.loads(text)
    except ValueError:
        raise not_ours(url, 200) from None
    if not isinstance(decoded, dict):
        raise not_ours(url, 200)
    return decoded


def not_ours(url: str, status: int) -> CommandError:
    """What answers there is something else."""
    return CommandError(
        f"{url} is not a ddbproof endpoint",
        cause=f"it answered {status} to a question for its control interface",
    )


def _refused(url: str, status: int, text: bytes) -> CommandError:
    """What the endpoint says, if it is one of ours."""
    try:
        problem = json.loads(text)
        message, hint = str(problem["error"]), problem["hint"]
    except (ValueError, KeyError, TypeError):
        return not_ours(url, status)
    return CommandError(message, hint=hint)
