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
    request = urllib.request.Request(  # noqa: S310 - our own control interface
        f"{control.url.rstrip('/')}/_ddbproof/{name}",
        data=json.dumps(parameters).encode(),
        headers={"x-ddbproof-token": control.token},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS):
            pass
    except (urllib.error.URLError, OSError) as error:
        raise Inconclusive(f"the endpoint could not be {purpose}: {error}") from error
