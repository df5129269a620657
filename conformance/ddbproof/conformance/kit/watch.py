"""What happened to a target that we launched: crashed, killed, started again.

The process that launched the target watches over it and writes down what happens (`plan.Supervision`); any
process of a run reads that here. A target that we did not launch has nothing to read: it never crashed as far
as we know, and cannot be killed.
"""

from __future__ import annotations

import json
import time
from typing import Any

from ddbproof.conformance.kit.outcomes import Inconclusive
from ddbproof.conformance.kit.polling import until
from ddbproof.conformance.plan import Supervision

NOTICE_SECONDS = 3.0
RESTART_SECONDS = 60.0
_TAIL_CHARACTERS = 200


class Watch:
    """Reads the events of one target."""

    def __init__(self, supervision: Supervision | None) -> None:
        self._supervision = supervision

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything written down so far, oldest first."""
        if self._supervision is None:
            return []
        try:
            lines = (
                (self._supervision.directory / "events.jsonl").read_text("utf-8").splitlines(keepends=True)
            )
        except OSError:
            return []
        # A line without its end is still being written.
        return [json.loads(line) for line in lines if line.endswith("\n")]

    @property
    def crashes(self) -> list[str]:
        """One sentence for each time the target ended by itself."""
        return [_sentence(event) for event in self.events if event["event"] == "crashed"]

    def gone_for_good(self) -> str | None:
        """Why the target will not come back, if so."""
        return next((str(event["reason"]) for event in self.events if event["event"] == "given up"), None)

    def wait_until_back(self, crashes_before: int) -> bool:
        """After a broken connection: whether the target crashed, and by now answers again.

        Whoever watches over it may need a moment to notice.
        """
        if self._supervision is None:
            return False
        noticed = until(lambda: len(self.crashes) > crashes_before, seconds=NOTICE_SECONDS)
        return noticed and self._is_back()

    def kill(self) -> None:
        """End the target as a power cut would; returns when it answers again.

        Raises Inconclusive if it does not come back. Only for targets with supervision.
        """
        assert self._supervision is not None
        before = len(self.events)
        (self._supervision.directory / "kill").touch()
        killed = until(
            lambda: any(event["event"] == "killed" for event in self.events[before:]), seconds=NOTICE_SECONDS
        )
        if not killed or not self._is_back():
            raise Inconclusive("the endpoint was killed and did not start again")

    def _is_back(self) -> bool:
        deadline = time.monotonic() + RESTART_SECONDS
        while self.events[-1]["event"] != "started":
            if self.gone_for_good() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _sentence(event: dict[str, Any]) -> str:
    tail = " ".join(str(event.get("tail", "")).split())[-_TAIL_CHARACTERS:]
    return f"exit code {event.get('exit')}" + (f", it last printed: {tail}" if tail else "")
