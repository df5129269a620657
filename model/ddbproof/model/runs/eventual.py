"""Regions of a global table in eventual mode, one item, over a network that loses, doubles and reorders.

A node keeps its replica and an outbox on its disk. A write is one durable step for both, or a crash between the two
would lose it for the other Regions; the outbox is sent again until every Region has confirmed. A crash forgets
what is not on the disk, which here is only how far the other Regions have got.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ddbproof.model.engine.replay import Event, Made, digest
from ddbproof.model.engine.runtime import Faults, Network
from ddbproof.model.kernel import versions
from ddbproof.model.kernel.versions import Version
from ddbproof.model.systems.eventual import Replica

_WRITE_SHARE = 0.02
_CRASH_SHARE = 0.001
_DOWN_TICKS = 20
_RESEND_TICKS = 60

# What the digest of an event covers: the replica that the step made.
MADE: Mapping[str, Made] = {
    "write": lambda state, region, **_: state.replicas[region],
    "deliver": lambda state, region, **_: state.replicas[region],
}


class _Update(msgspec.Struct, frozen=True):
    """A write on its way to another Region, from the Region that has to hear that it arrived."""

    sender: int
    number: int
    version: Version


class _Confirmed(msgspec.Struct, frozen=True):
    """That a Region has a write."""

    region: int
    number: int


class Run:
    """A run from a seed: `events` is what the Regions recorded, in the order of one clock."""

    def __init__(self, seed: int, regions: int = 3, faults: Faults | None = None) -> None:
        self.events: list[Event] = []
        self.network = Network(seed, faults or Faults())
        self.numbers = 0
        self.nodes = [_Node(self, number) for number in range(1, regions + 1)]

    def go(self, events: int) -> None:
        """Run until so many events are recorded."""
        while len(self.events) < events:
            self.step(writing=True)

    def settle(self, ticks: int) -> None:
        """Run on without new writes or crashes, so that everything arrives."""
        for _ in range(ticks):
            self.step(writing=False)

    def step(self, *, writing: bool) -> None:
        """One tick: time passes for the world, and each node may write, crash or send again."""
        self.network.tick()
        self.record("time_passes", {"later": self.network.now}, None)
        for node in self.nodes:
            node.tick(writing=writing)

    def record(self, action: str, arguments: dict[str, Any], made: Any) -> None:
        """Record a durable step."""
        self.events.append(Event(action, arguments, "" if made is None else digest(made)))

    @property
    def replicas(self) -> list[Replica]:
        """What each Region holds."""
        return [node.replica for node in self.nodes]


class _Node:
    """A Region."""

    def __init__(self, run: Run, region: int) -> None:
        self.run = run
        self.region = region
        # On the disk:
        self.replica = Replica(False, Version(0, 0), 0)
        self.outbox: dict[int, Version] = {}
        # In memory:
        self.confirmed: dict[int, set[int]] = {}
        self.up_again_at = 0
        run.network.join(region, self.receive)

    def tick(self, *, writing: bool) -> None:
        """Write, crash, start again, or send again."""
        random, now = self.run.network.random, self.run.network.now
        if now < self.up_again_at:
            return
        if now == self.up_again_at:
            self.run.network.join(self.region, self.receive)
        if writing and random.random() < _CRASH_SHARE:
            self.run.network.leave(self.region)
            self.confirmed, self.up_again_at = {}, now + _DOWN_TICKS
            return
        if writing and random.random() < _WRITE_SHARE:
            self.write(now + random.randint(0, 1), deletes=random.random() < 0.3)
        if now % _RESEND_TICKS == 0:
            for number in list(self.outbox):
                self.send(number)

    def write(self, clock: int, *, deletes: bool) -> None:
        """A client writes or deletes."""
        if self.replica.holds:
            version = versions.next_version(self.replica.version, clock, self.region)
        else:
            version = versions.first_version(clock, self.region)
        number, self.run.numbers = self.run.numbers, self.run.numbers + 1
        self.replica, self.outbox[number] = Replica(True, version, number), version
        arguments = {"region": self.region, "clock": clock, "deletes": deletes}
        self.run.record("write", arguments, self.replica)
        self.send(number)

    def send(self, number: int) -> None:
        """Send a write to every Region that has not confirmed it."""
        for node in self.run.nodes:
            if node is not self and node.region not in self.confirmed.get(number, set()):
                self.run.network.send(node.region, _Update(self.region, number, self.outbox[number]))

    def receive(self, message: _Update | _Confirmed) -> None:
        """Apply a write if it is later, and confirm it either way; or note a confirmation."""
        if isinstance(message, _Confirmed):
            confirmed = self.confirmed.setdefault(message.number, set())
            confirmed.add(message.region)
            if len(confirmed) == len(self.run.nodes) - 1:
                self.outbox.pop(message.number, None)
            return
        if not self.replica.holds or versions.supersedes(message.version, self.replica.version):
            self.replica = Replica(True, message.version, message.number)
        self.run.record("deliver", {"region": self.region, "number": message.number}, self.replica)
        self.run.network.send(message.sender, _Confirmed(self.region, message.number))
