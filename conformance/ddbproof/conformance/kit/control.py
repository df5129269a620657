"""Commands to the control interface of the reference endpoint: JSON over HTTP, with the token, past any proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from ddbproof.conformance.kit.outcomes import Inconclusive
from ddbproof.conformance.plan import ControlAccess

_TIMEOUT_SECONDS = 10.0


def command(control: ControlAccess, name: str, parameters: dict[str, Any], *, purpose: str) -> None:
    """Posts one command; raises Inconclusive if it is not carried out. `purpose` completes "could not be"."""
    _asked(control, name, json.dumps(parameters).encode(), purpose)


def question(control: ControlAccess, name: str, *, purpose: str) -> dict[str, Any]:
    """Asks something and returns the answer; raises Inconclusive if there is none."""
    try:
        answer: dict[str, Any] = json.loads(_asked(control, name, None, purpose))
    except ValueError as error:
        raise Inconclusive(f"the endpoint could not be {purpose}: {error}") from error
    return answer


def _asked(control: ControlAccess, name: str, data: bytes | None, purpose: str) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - our own control interface
        f"{control.url.rstrip('/')}/_ddbproof/{name}", data=data, headers={"x-ddbproof-token": control.token}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            body: bytes = answer.read()
            return body
    except (urllib.error.URLError, OSError) as error:
        raise Inconclusive(f"the endpoint could not be {purpose}: {error}") from error
