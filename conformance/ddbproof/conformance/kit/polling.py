"""Waiting for what may lawfully take a while: polling with a bound, never a bare sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5
_SHARE_AFTER_A_WAIT_IN_VAIN = 0.1


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


class Patience:
    """Waits in full once for what never comes, and after that only a tenth as long.

    A target that does not do a thing at all would otherwise make every test that needs it wait, and each
    failed one twice. One run has one of these; what is waited for is told apart by `topic`.
    """

    def __init__(self) -> None:
        self._in_vain: set[str] = set()

    def until(self, topic: str, probe: Callable[[], _Result], *, seconds: float) -> _Result:
        """Like the function `until`, but shorter if the last wait for `topic` was in vain."""
        share = _SHARE_AFTER_A_WAIT_IN_VAIN if topic in self._in_vain else 1.0
        answer = until(probe, seconds=seconds * share)
        if answer:
            self._in_vain.discard(topic)
        else:
            self._in_vain.add(topic)
        return answer
