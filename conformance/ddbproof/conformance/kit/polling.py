"""Waiting for what may lawfully take a while: polling with a bound, never a bare sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5


def until(probe: Callable[[], _Result], *, seconds: float) -> _Result:
    """Calls `probe` until it answers something true, or `seconds` have passed; returns its last answer.

    What a false last answer means is for the caller to say: a promise broken, or nothing to be said.
    """
    deadline = time.monotonic() + seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        answer = probe()
        if answer or time.monotonic() >= deadline:
            return answer
        time.sleep(min(pause_seconds, max(0.0, deadline - time.monotonic())))
        pause_seconds = min(pause_seconds * 1.6, _LONGEST_PAUSE_SECONDS)
