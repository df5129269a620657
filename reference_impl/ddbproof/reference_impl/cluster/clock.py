"""The endpoint's clock: one object that everything asks, and that the tester may move.

Time runs with the machine's clock plus an offset; the tester moves the offset forward (`advance`, `set`).
It never runs backwards, not even when the machine's clock does: version order (ME-02) and restore windows
(PI-08) rest on it. A `frozen` clock stands still except when moved, which simulations and tests use.
Unit: whole milliseconds since the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ddbproof.reference_impl.errors import ConfigurationError

LATEST_MILLISECONDS = 32_503_680_000_000  # year 3000: beyond it dates no longer print everywhere


def machine_milliseconds() -> int:
    """The machine's clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Clock:
    """A clock that never goes back.

    `source` gives milliseconds since the epoch; `frozen_at_milliseconds` makes a clock that stands still.
    """

    def __init__(
        self, source: Callable[[], int] = machine_milliseconds, *, frozen_at_milliseconds: int | None = None
    ) -> None:
        self._source = source if frozen_at_milliseconds is None else lambda: frozen_at_milliseconds
        self._offset_milliseconds = 0
        self._latest_milliseconds = 0

    def now_milliseconds(self) -> int:
        """The present instant; never less than an earlier answer."""
        now = self._source() + self._offset_milliseconds
        if now < self._latest_milliseconds:
            return self._latest_milliseconds
        self._latest_milliseconds = now
        return now

    @property
    def offset_milliseconds(self) -> int:
        """How far the tester has moved the clock ahead of its source."""
        return self._offset_milliseconds

    def advance(self, seconds: float) -> int:
        """Move forward by `seconds`; returns the new now in milliseconds.

        Raises ConfigurationError for a negative step or one past the year 3000.
        """
        step_milliseconds = round(seconds * 1000)
        if step_milliseconds < 0:
            raise ConfigurationError(
                f"the clock cannot be moved back by {-seconds} seconds",
                cause="version order and restore windows need a clock that never goes back",
                hint="start a new endpoint to begin at an earlier instant",
            )
        if self.now_milliseconds() + step_milliseconds > LATEST_MILLISECONDS:
            raise ConfigurationError("the clock cannot be moved past the year 3000")
        self._offset_milliseconds += step_milliseconds
        return self.now_milliseconds()

    def set(self, epoch_seconds: float) -> int:
        """Move forward to an instant given in epoch seconds; returns the new now in milliseconds."""
        return self.advance((round(epoch_seconds * 1000) - self.now_milliseconds()) / 1000)
