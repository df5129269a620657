"""The small world that the replicas of one table live in: their time, their messages, and what they ask.

The replicas are those of `replication`, over the proved kernels; the simulation drives the same ones. Here a request drives
them: nothing runs in the background. When a request comes, the time that has passed since the last one is gone
through in the ticks of the replicas' timers (`attend`), so heartbeats, elections, healing and splits happen as if
somebody had been looking all the while. Messages are delivered in memory; what a request sets off is carried
through before it is answered, unless something is broken.

Two clocks: the time of day is the endpoint's, and stamps what is written. The steady clock, which leases are measured
with, is the table's own. It passes with the time of day, with two exceptions. Of a long time without a request only
the end is gone through, which nobody can tell: with nothing broken the last second, else ten, in which a lease
ends, a leader is elected and a lost replica replaced. And it runs ahead a little while a request waits for messages
that are under way, of which a second at most is made up for when time passes again.

`groups` says what the replicas are for.
"""

from __future__ import annotations

import heapq
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ddbproof.reference_impl.cluster.seats import Seat
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.replication.trace import Step

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.zones import Fleet
    from ddbproof.reference_impl.replication.entries import Entry
    from ddbproof.reference_impl.replication.replica import Replica

# Disks are in memory (`seats`): there is no file to be made anew.
TIMING = Timing(kept_entries=1_000, saved_records=2**62)
_CATCH_UP_CALM_MILLISECONDS = 1_000
_CATCH_UP_MILLISECONDS = 10_000
PATIENCE_MILLISECONDS = 1_000
# These travel on connections: at most once, and not to a node that has started again.
_CONNECTIONS = (messages.Request, messages.Reply, messages.Join, messages.Found, messages.Founded)


class TableWorld(ABC):
    """The world of one table's replicas on the nodes of `fleet`. Everything random in it comes from `seed`.

    A request waits for `patience_milliseconds` of steady time at most.
    `lag` says which node's messages of a group wait until when: (node, steady milliseconds). `steps` are the durable steps
    of all replicas, if they are recorded.
    """

    def __init__(self, fleet: Fleet, seed: str, now_milliseconds: int, *, recording: bool = False) -> None:
        self.fleet = fleet
        self.now_milliseconds = now_milliseconds
        self.steady_milliseconds = 0
        self.random = random.Random(seed)  # noqa: S311 - a seeded endpoint
        self.queue: deque[tuple[int, messages.Message]] = deque()
        self.lag: dict[int, tuple[int, int]] = {}
        self.patience_milliseconds = PATIENCE_MILLISECONDS
        self.steps: list[Step] | None = [] if recording else None
        self._attended_milliseconds = now_milliseconds
        self._ahead_milliseconds = 0
        self._next_tick = TIMING.tick_milliseconds
        self._under_way: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._identities = 0
        self._groups = -1
        self.seats = [Seat(self, node, TIMING, self.random.getrandbits(64)) for node in fleet.nodes]

    # -- what it is for ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def settled(self) -> bool:
        """See `zones.Hosted`."""

    @property
    @abstractmethod
    def _is_impatient(self) -> bool:
        """True if waiting a little helps, though no message is under way."""

    @abstractmethod
    def _ticked(self) -> None:
        """All replicas have ticked, and what that set off is done."""

    @abstractmethod
    def archive(self, group: int, index: int, entries: Sequence[Entry]) -> int:
        """Take committed entries of a group; returns how many of it are archived then."""

    # -- time -------------------------------------------------------------------------------------------

    def attend(self, now_milliseconds: int) -> None:
        """Go on to an instant: whatever was due has happened."""
        gap = now_milliseconds - self._attended_milliseconds
        self.now_milliseconds = now_milliseconds
        if gap < TIMING.tick_milliseconds and not self._under_way:
            return
        self._attended_milliseconds = now_milliseconds
        restless = self.fleet.is_restless(self)
        gap = min(gap, _CATCH_UP_MILLISECONDS if restless else _CATCH_UP_CALM_MILLISECONDS)
        ahead = min(self._ahead_milliseconds, gap)
        self._ahead_milliseconds -= ahead
        self._pass(self.steady_milliseconds + gap - ahead)

    def _pass(self, until_milliseconds: int) -> None:
        """Let steady time pass."""
        while True:
            due = self._under_way[0][0] if self._under_way else until_milliseconds + 1
            at = min(due, self._next_tick)
            if at > until_milliseconds:
                break
            self.steady_milliseconds = max(at, self.steady_milliseconds)
            if due <= self._next_tick:
                heapq.heappop(self._under_way)[2]()
                self.pump()
            else:
                self._next_tick += TIMING.tick_milliseconds
                self._tick()
        self.steady_milliseconds = max(until_milliseconds, self.steady_milliseconds)

    def _tick(self) -> None:
        """Leaders first, each to its end: who hears a leader calls no election, and two never do at once."""
        replicas = self.all_replicas()
        self.random.shuffle(replicas)  # nobody becomes a leader for where it stands
        for replica in sorted(replicas, key=lambda it: it.leading is None):
            replica.tick()
            self.pump()
        self._ticked()

    def later(self, milliseconds: int, action: Callable[[], None]) -> None:
        """Do something after a while of steady time."""
        self._sequence += 1
        heapq.heappush(self._under_way, (self.steady_milliseconds + milliseconds, self._sequence, action))

    def wait(self, done: Callable[[], bool]) -> bool:
        """Let happen what a request has set off, for a while if it is under way; returns `done()`."""
        self.pump()
        limit = self.steady_milliseconds + self.patience_milliseconds
        while not done():
            if self.fleet.messages.lost or self._is_impatient:
                until = self._next_tick  # what was lost is sent again
            elif self._under_way:
                until = self._under_way[0][0]
            else:
                return False
            if until > limit:
                return False
            ahead = self._ahead_milliseconds + max(until - self.steady_milliseconds, 0)
            # What many requests have waited for in vain is no reason to stand still for as long afterwards.
            self._ahead_milliseconds = min(ahead, PATIENCE_MILLISECONDS)
            self._pass(until)
        return True

    # -- messages ---------------------------------------------------------------------------------------

    def send(self, source: int, destination: int, message: messages.Message) -> None:
        """Carry a message where not all of them arrive at once, or lose it."""
        fleet = self.fleet
        if source == destination:
            self.queue.append((destination, message))
            return
        on_connection = isinstance(message, _CONNECTIONS)
        if self.random.random() < fleet.messages.lost:
            return
        copies = 1 if on_connection or self.random.random() >= fleet.messages.doubled else 2
        incarnation = self.seats[destination].incarnation if on_connection else -1
        for _ in range(copies):
            delay = self.random.randint(*fleet.messages.delay_milliseconds)
            slow, until = self.lag.get(message.group, (-1, 0))
            if slow == destination:
                delay = max(delay, until - self.steady_milliseconds)

            def arrive() -> None:
                if fleet.reaches(source, destination) and incarnation in (
                    -1,
                    self.seats[destination].incarnation,
                ):
                    self.queue.append((destination, message))

            if delay > 0:
                self.later(delay, arrive)
            else:
                arrive()

    def pump(self) -> None:
        """Deliver messages, and those that they set off, until there are no more."""
        queue, seats = self.queue, self.seats
        while queue:
            destination, message = queue.popleft()
            running = seats[destination].running
            if running is not None:
                running.receive(message)

    # -- what happens to nodes --------------------------------------------------------------------------

    def crash(self, node: int, *, disk: str) -> None:
        """See `zones.Hosted`."""
        self.seats[node].crash(disk=disk)

    def start(self, node: int) -> None:
        """See `zones.Hosted`."""
        self.seats[node].start()

    def disk_changed(self, node: int) -> None:
        """See `zones.Hosted`."""
        self.seats[node].disk_changed()
        self.pump()

    # -- the record -------------------------------------------------------------------------------------

    def record(
        self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int, *, saved: bool
    ) -> int:
        """Note a step of a replica, if steps are recorded; see `Environment.record`. `saved` if it is on the disk at once."""
        if self.steps is None:
            return -1
        place = len(self.steps)
        self.steps.append(Step(group, action, arguments, made, log, place + 1 if saved else 0))
        return place

    def saved(self, place: int) -> None:
        """A disk has what the step at a place of the record made."""
        if self.steps is not None and place >= 0 and not self.steps[place].saved:
            self.steps[place].saved = len(self.steps)

    # -- what nodes ask, and others -----------------------------------------------------------------------

    def all_replicas(self) -> list[Replica]:
        """All replicas on nodes that are up."""
        return [
            replica
            for seat in self.seats
            if seat.running is not None
            for replica in list(seat.running.replicas.values())
        ]

    def replicas(self, group: int) -> list[Replica]:
        """The replicas of a group on nodes that are up."""
        return [replica for replica in self.all_replicas() if replica.group == group]

    def new_identity(self) -> int:
        """A number that no replica of this table has had."""
        self._identities += 1
        return self._identities

    def new_group(self) -> int:
        """A number that no group of this table has had."""
        self._groups += 1
        return self._groups

    def nodes_of(self, group: int) -> Sequence[int]:
        """The nodes that have a replica of a group, on their disks at least."""
        return [seat.node for seat in self.seats if group in seat.disks]
