"""A world under virtual time: nodes in three Availability Zones, their clocks and disks, and the network between.

Everything that happens is an event with a time, and everything random comes from one seed, so a run is what its seed
and options say. A node that crashes loses its memory and what its disks had not confirmed, and what it meant to do
later; messages to it are lost. Times are integers of microseconds; nodes see milliseconds, of clocks of their own.

The network loses, doubles, delays and reorders what replicas send each other. Requests of clients, and invitations, travel on
connections: they come at most once, not later than somebody waits for them, and not to a node that has started again.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Entry
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.replication.hosting import Host
from ddbproof.reference_impl.replication.node import Node
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.trace import Step
from ddbproof.reference_impl.simulation.archive import Archive, RefusedError
from ddbproof.reference_impl.simulation.disk import SimulatedDisk
from ddbproof.reference_impl.simulation.options import Options

ZONES = 3
CLIENTS = 1000
_CONNECTIONS = (messages.Request, messages.Reply, messages.Join, messages.Found, messages.Founded)


class SimulatedNode(Host):
    """A node's world (`Environment`), its node while it is up, and its disks, which outlive that."""

    def __init__(self, world: World, node: int) -> None:
        super().__init__(world)
        self.world = world
        self.node = node
        self.recording = True
        self.zone = node % ZONES
        self.timing: Timing = world.options.timing
        self.random = random.Random(world.chance.getrandbits(64))  # noqa: S311 - a seeded simulation
        self.clock_base = world.chance.randrange(10_000_000_000)
        self.wall_offset = 0
        self.running: Node | None = None
        self.disks: dict[int, SimulatedDisk] = {}
        self.disk_microseconds = world.options.disk_microseconds

    def now_milliseconds(self) -> int:
        """See `Environment`. Off by up to the error that leases allow for."""
        error = self.timing.terms.clock_error_milliseconds
        steady = (self.world.now + self.clock_base) // 1000
        return steady + self.random.randint(-error + 1, error - 1)

    def wall_milliseconds(self) -> int:
        """See `Environment`."""
        return self.world.now // 1000 + self.wall_offset

    def send(self, node: int, message: messages.Message) -> None:
        """See `Environment`."""
        self.world.network(self.node, node, message)

    def after(self, milliseconds: int, action: Callable[[], None]) -> None:
        """See `Environment`."""
        self.world.later(1000 * milliseconds, self._unless_crashed(action))

    def record(self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int = 0) -> int:
        """See `Environment`."""
        for told in list(self.world.watchers):
            told(self.node, action)
        return self.world.record(group, action, arguments, made, log)

    def archive(self, group: int, index: int, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        """See `Environment`. The archive is a party of its own, behind the same network."""
        world, told = self.world, self._unless_crashed

        def arrive() -> None:
            archived = world.archive_entries(group, index, entries)
            if archived is not None:
                world.later(self._archive_time(), told(lambda: done(archived)))

        world.later(self._archive_time(), arrive)

    def served(self, group: int, epoch: int) -> None:
        """See `Environment`."""
        self.world.served(group, epoch)

    def spare_node(self, instead_of: int, taken: Sequence[int]) -> int | None:
        """See `Environment`. Placement knows which nodes are up, and chance decides between them."""
        return self.world.spare_node(instead_of, taken)

    def open_disk(self, group: int) -> SimulatedDisk:
        """The file of a group's replica on this node."""
        if group not in self.disks:
            self.disks[group] = SimulatedDisk(
                self.random,
                lambda action: self.world.later(self._disk_time(), self._unless_crashed(action)),
                self.world.saved,
            )
        return self.disks[group]

    def drop_disk(self, group: int) -> None:
        """Delete the file of a group's replica."""
        self.disks.pop(group, None)

    def start(self) -> None:
        """Start the node, with what its disks hold."""
        self.incarnation += 1
        self.running = Node(self, self.open_disk, self.drop_disk)
        self.running.start(list(self.disks))
        self._complete_crashes(self.world.trace, self.running.replicas)

    def crash(self, *, disk_lost: bool = False) -> None:
        """The node is gone; its disks too, perhaps."""
        self.incarnation += 1
        if self.running is not None:
            for group, replica in self.running.replicas.items():
                arguments = {"replica": replica.identity}
                self._crashes[group] = self.world.record(group, "crash", arguments, None)
        self.running = None
        if disk_lost:
            self.disks.clear()
        for disk in self.disks.values():
            disk.crash()

    def _archive_time(self) -> int:
        options = self.world.options
        return self.random.randint(options.fastest_microseconds, 10 * options.slowest_microseconds)

    def _disk_time(self) -> int:
        return self.random.randint(self.disk_microseconds // 2, 2 * self.disk_microseconds)


class World:
    """Nodes, network and time of one run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.chance = random.Random(options.seed)  # noqa: S311 - a seeded simulation
        self.now = 0
        self.delivered = 0
        self.counts: Counter[str] = Counter()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._identities = 0
        self._groups = -1
        self.blocked: set[tuple[int, int]] = set()
        self.loss = options.loss
        self.answers_lost = 0.0
        self.stalled: set[int] = set()
        self._held: list[Callable[[], None]] = []
        self.watchers: list[Callable[[int, str], None]] = []
        self.clients: dict[int, Callable[[messages.Message], None]] = {}
        self.trace: list[Step] = []
        self.archive = Archive()
        self.archive_away = False
        self.serving: dict[int, int] = {}
        self.problems: list[str] = []
        self.nodes = [SimulatedNode(self, number) for number in range(ZONES * options.nodes_a_zone)]

    def new_group(self) -> int:
        """A number that no group has had."""
        self._groups += 1
        return self._groups

    def nodes_of(self, group: int) -> list[int]:
        """The nodes that have a replica of a group, on their disks at least."""
        return [it.node for it in self.nodes if group in it.disks]

    def placed(self) -> dict[int, list[Replica]]:
        """The replicas of each group, wherever they run."""
        found: dict[int, list[Replica]] = {}
        for node in self.nodes:
            if node.running is not None:
                for group, replica in node.running.replicas.items():
                    found.setdefault(group, []).append(replica)
        return found

    # -- time -------------------------------------------------------------------------------------------

    def later(self, microseconds: int, action: Callable[[], None]) -> None:
        """Do something after a while."""
        self._sequence += 1
        heapq.heappush(self._queue, (self.now + microseconds, self._sequence, action))

    def run(self, until: int, enough: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to an instant, or until there is enough."""
        queue = self._queue
        while queue and queue[0][0] <= until and not enough():
            self.now, _, action = heapq.heappop(queue)
            action()
        if not enough():
            self.now = max(self.now, until)

    # -- the network --------------------------------------------------------------------------------------

    def network(self, source: int, destination: int, message: messages.Message) -> None:
        """Carry a message, or lose it."""
        if source == destination:
            self.later(1, lambda: self._deliver(source, destination, message))
            return
        options, chance = self.options, self.chance
        on_connection = isinstance(message, _CONNECTIONS)
        connected_to = self.nodes[destination].incarnation if on_connection and destination < CLIENTS else -1
        if chance.random() < (self.loss / 4 if on_connection else self.loss):
            self.counts["messages lost"] += 1
            return
        copies = 1
        if not on_connection and chance.random() < options.duplication:
            copies = 2
        for _ in range(copies):
            delay = chance.randint(options.fastest_microseconds, options.slowest_microseconds)
            if chance.random() < options.stragglers:
                delay += chance.randrange(
                    options.client_patience_microseconds // 2
                    if on_connection
                    else options.straggling_microseconds
                )
            self.later(delay, lambda: self._deliver(source, destination, message, connected_to))

    def _deliver(
        self, source: int, destination: int, message: messages.Message, connected_to: int = -1
    ) -> None:
        if (source, destination) in self.blocked:
            self.counts["messages blocked"] += 1
            return
        if source in self.stalled and destination < CLIENTS and source != destination:
            self._held.append(lambda: self._deliver(source, destination, message, connected_to))
            return
        if self.answers_lost and destination >= CLIENTS and self.chance.random() < self.answers_lost:
            self.counts["answers lost"] += 1
            return
        self.delivered += 1
        if destination >= CLIENTS:
            self.clients[destination](message)
            return
        node = self.nodes[destination]
        if connected_to not in (-1, node.incarnation):
            return
        running = node.running
        if running is not None:
            running.receive(message)

    def block(self, sources: Sequence[int], destinations: Sequence[int]) -> None:
        """Nothing gets from the ones to the others any more."""
        self.blocked |= {(one, other) for one in sources for other in destinations if one != other}

    def unblock(self) -> None:
        """Everybody reaches everybody."""
        self.blocked.clear()

    def stall(self, source: int) -> None:
        """What a node sends to other nodes gets stuck, in its order, until `unstall`."""
        self.stalled.add(source)

    def unstall(self) -> None:
        """All that is stuck arrives now."""
        self.stalled.clear()
        held, self._held = self._held, []
        for arrive in held:
            self.later(1, arrive)

    # -- what nodes ask ---------------------------------------------------------------------------------

    def new_identity(self) -> int:
        """A number that no replica has had."""
        self._identities += 1
        return self._identities

    def spare_node(self, instead_of: int, taken: Sequence[int]) -> int | None:
        """A node of the same zone that is up; see `Environment`."""
        zone = self.nodes[instead_of].zone
        free = [
            it.node
            for it in self.nodes
            if it.zone == zone and it.running is not None and it.node not in taken
        ]
        if not free and self.nodes[instead_of].running is not None:
            free = [instead_of]
        return self.chance.choice(free) if free else None

    def record(self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int = 0) -> int:
        """Note a step; the place of it."""
        if action == "start":
            self.serving[group] = max(self.serving.get(group, 0), arguments["epoch"])
        self.trace.append(Step(group, action, arguments, made, log))
        return len(self.trace) - 1

    def saved(self, place: int) -> None:
        """A disk has what a step made."""
        step = self.trace[place]
        if not step.saved:
            step.saved = len(self.trace)

    def archive_entries(self, group: int, index: int, entries: Sequence[Entry]) -> int | None:
        """Entries reach the archive; returns how many it has then, or None if it is not there."""
        if self.archive_away:
            return None
        try:
            return self.archive.take(group, index, entries)
        except RefusedError as refused:
            self.problems.append(f"the archive refuses: {refused}")
            return None

    def served(self, group: int, epoch: int) -> None:
        """A strong read by the lease of an epoch: never once a later epoch has a leader."""
        newest = self.serving.get(group, 0)
        if epoch < newest:
            self.problems.append(
                f"group {group} served a strong read in epoch {epoch} when epoch {newest} had a leader"
            )
