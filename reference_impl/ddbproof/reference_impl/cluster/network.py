"""What lies between Regions: which of them are cut off, and what waits until they are not.

Every change that crosses a Region's border is delivered through here. While the Region it comes from or the
one it goes to is isolated it is kept, and when the last of them is healed it is sent again (ME-10, ME-11):
nothing is lost, however long that takes. Clients reach an isolated Region as before.

Left out, for the replicated cluster: loss, duplication, reordering and delay of single messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.errors import ConfigurationError

Delivery = Callable[[int], None]


class Network:
    """The network between the Regions of one endpoint."""

    def __init__(self, regions: Sequence[str], scheduler: Scheduler, clock: Clock) -> None:
        self._regions = tuple(regions)
        self._scheduler = scheduler
        self._clock = clock
        self._isolated: set[str] = set()
        self._waiting: list[tuple[tuple[str, ...], Delivery]] = []

    @property
    def isolated(self) -> list[str]:
        """The Regions that are cut off, in order of their names."""
        return sorted(self._isolated)

    @property
    def waiting_count(self) -> int:
        """How many deliveries are kept until a Region is healed."""
        return len(self._waiting)

    def isolate(self, region: str) -> None:
        """Cut a Region off from all others. Raises ConfigurationError for one that does not exist."""
        self._catch_up()
        self._isolated.add(self._known(region))

    def heal(self, region: str) -> None:
        """Let a Region reach the others again; what waited for it is sent. ConfigurationError as above."""
        now_milliseconds = self._catch_up()
        self._isolated.discard(self._known(region))
        waiting, self._waiting = self._waiting, []
        for between, delivery in waiting:
            self.deliver(between, now_milliseconds, delivery)

    def deliver(self, between: tuple[str, ...], due_milliseconds: int, delivery: Delivery) -> None:
        """Call `delivery(instant)` when it is due and no Region of `between` is cut off."""

        def arrive(at_milliseconds: int) -> None:
            if self._isolated.isdisjoint(between):
                delivery(at_milliseconds)
            else:
                self._waiting.append((between, delivery))

        self._scheduler.at(due_milliseconds, arrive)

    def _catch_up(self) -> int:
        """Deliver what is due, or keep it: a change of the network is none of its past. Returns the instant."""
        now_milliseconds = self._clock.now_milliseconds()
        self._scheduler.run_until(now_milliseconds)
        return now_milliseconds

    def _known(self, region: str) -> str:
        if region not in self._regions:
            raise ConfigurationError(
                f"there is no Region {region!r} here", hint=f"there are: {', '.join(self._regions)}"
            )
        return region
