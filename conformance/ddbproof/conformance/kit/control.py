"""Commands to the control interface of the reference endpoint: JSON over HTTP, with the token, past any proxy."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from ddbproof.conformance.kit.outcomes import Inconclusive
from ddbproof.conformance.plan import ControlAccess

_TIMEOUT_SECONDS = 10.0


def command(control: ControlAccess, name: str, parameters: dict[str, Any], *, purpose: str) -> dict[str, Any]:
    """Posts one command and returns the answer; raises Inconclusive if it is not carried out.

    `purpose` completes "could not be".
    """
    return _asked(control, name, json.dumps(parameters).encode(), purpose)


def question(control: ControlAccess, name: str, *, purpose: str) -> dict[str, Any]:
    """Asks something and returns the answer; raises Inconclusive if there is none."""
    return _asked(control, name, None, purpose)


def _asked(control: ControlAccess, name: str, data: bytes | None, purpose: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own control interface
        f"{control.url.rstrip('/')}/_ddbproof/{name}", data=data, headers={"x-ddbproof-token": control.token}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
            decoded: dict[str, Any] = json.loads(answer.read())
            return decoded
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Inconclusive(f"the endpoint could not be {purpose}: {error}") from error
