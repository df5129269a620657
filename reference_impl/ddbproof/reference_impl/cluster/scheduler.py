"""What is due when: work that happens by itself as time passes, such as replication between Regions.

Nothing runs in the background. Before each request the endpoint runs everything that has come due, in the
order of the due times, so that a run depends only on the requests and on the clock. Moving the clock ahead
thus delivers what was under way.

What meets a partition without a leader or a quorum, or an item that a transaction holds, is done again a little later, until it can
be: an action has done nothing when it raises such an error, or may be done twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from ddbproof.reference_impl.errors import TransactionConflictError, UnavailableError

AGAIN_MILLISECONDS = 500


class Scheduler:
    """A queue of actions by due time; ties run in the order in which they were added."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._sequence = count()
        self.now_milliseconds = 0
        """The instant that things have come to: that of the action which is running, if one is."""

    def at(self, due_milliseconds: int, action: Callable[[int], None]) -> None:
        """Run `action(due_milliseconds)` once time has reached `due_milliseconds`."""
        heapq.heappush(self._queue, (due_milliseconds, next(self._sequence), action))

    def run_until(self, now_milliseconds: int) -> None:
        """Run all that is due by now, including what that adds and is due by now as well."""
        while self._queue and self._queue[0][0] <= now_milliseconds:
            due_milliseconds, _, action = heapq.heappop(self._queue)
            self.now_milliseconds = due_milliseconds
            try:
                action(due_milliseconds)
            except (UnavailableError, TransactionConflictError):
                # After now, and not after it was due: of a long time that passes at once every half second would be tried.
                self.at(now_milliseconds + AGAIN_MILLISECONDS, action)
        self.now_milliseconds = now_milliseconds
