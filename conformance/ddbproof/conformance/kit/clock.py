"""The endpoint's clock, as a client can know it, and time passing.

Instants come from the `Date` header of the endpoint's own answers, in whole seconds, never from this
machine: a skew between the two clocks must not turn into a verdict. Around an instant that a test will
restore to, nothing is written for at least two seconds on either side, because granularity and rounding of
the restore time are one second (PI-11).

Where the target's clock can be moved, waiting is moving it. Elsewhere waiting is really waiting, within a
bound; what would take longer is not testable there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ddbproof.conformance.kit.control import command
from ddbproof.conformance.kit.outcomes import Inconclusive, NotTestableHere
from ddbproof.conformance.plan import ControlAccess

GUARD_SECONDS = 2
LONGEST_REAL_WAIT_SECONDS = 20


class EndpointClock:
    """Time at the endpoint. `ask` makes any cheap request and returns its response."""

    def __init__(self, ask: Callable[[], dict[str, Any]], control: ControlAccess | None) -> None:
        self._ask = ask
        self._control = control

    @property
    def can_move(self) -> bool:
        """True when the tester may move the endpoint's time."""
        return self._control is not None

    def now(self) -> int:
        """The endpoint's time in whole epoch seconds; raises Inconclusive if it does not tell."""
        headers = self._ask()["ResponseMetadata"]["HTTPHeaders"]
        try:
            return int(parsedate_to_datetime(headers["date"]).timestamp())
        except (KeyError, ValueError, TypeError):
            raise Inconclusive("the endpoint's answers have no usable Date header") from None

    def pass_seconds(self, seconds: float, *, at_most_seconds: float = LONGEST_REAL_WAIT_SECONDS) -> None:
        """Lets time pass at the endpoint: moves its clock, or waits if that is no longer than `at_most_seconds`.

        Raises NotTestableHere where it would take longer, Inconclusive if the clock cannot be moved after all.
        """
        if self._control is not None:
            self._move(seconds)
        elif seconds <= at_most_seconds:
            time.sleep(seconds)
        else:
            raise NotTestableHere(
                f"{seconds:.0f} seconds would have to pass, and this target's clock cannot be moved"
            )

    def mark(self) -> datetime:
        """An instant with nothing written near it: two seconds are quiet before it and after it."""
        self.pass_seconds(GUARD_SECONDS + 1)
        instant = self.now()
        self.pass_seconds(GUARD_SECONDS + 1)
        return datetime.fromtimestamp(instant, UTC)

    def _move(self, seconds: float) -> None:
        assert self._control is not None
        command(self._control, "clock", {"advance_seconds": seconds}, purpose="moved in time")
