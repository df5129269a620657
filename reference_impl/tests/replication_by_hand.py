"""A world for tests of `replication` in which everything happens by hand: messages, disk writes, time, crashes.

Messages wait in a list until they are delivered, dropped or delivered twice; a disk's `synchronize` is done when the
test says so; time stands still until it is told to pass. `settle` lets everything happen that can. Nodes 1, 2, 3
lie in three Availability Zones, node n + 3 in the same one as node n. Clients are at `CLIENT`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ddbproof.model.kernel import replication
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Change, Entry, Member, Write
from ddbproof.reference_impl.replication.environment import Checkpoint, Record, Timing
from ddbproof.reference_impl.replication.leading import Leading
from ddbproof.reference_impl.replication.messages import Message, Operation
from ddbproof.reference_impl.replication.node import Node
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.state import GroupState

GROUP = 7
CLIENT = 1_000
LEASE_IS_OVER = 2_000
TICK = 100
TRIO = (Member(11, 1), Member(12, 2), Member(13, 3))


class Sent(NamedTuple):
    """A message on its way."""

    source: int
    destination: int
    message: Message


class _File:
    def __init__(self) -> None:
        self.records: list[Record] = []
        self.synchronized = 0


class HandDisk:
    """A disk that is done when the test says so."""

    mirrors = False

    def __init__(self) -> None:
        self.file = _File()
        self.next: _File | None = None
        self.waiting: list[tuple[_File, int, Callable[[], None]]] = []

    def write(self, record: Record, place: int) -> None:
        (self.next or self.file).records.append(record)

    def synchronize(self, done: Callable[[], None]) -> None:
        file = self.next or self.file
        self.waiting.append((file, len(file.records), done))

    def renew(self, checkpoint: Checkpoint, place: int = -1) -> None:
        self.next = _File()
        self.write(checkpoint, place)

    def read(self) -> Sequence[Record]:
        return list(self.file.records)

    def complete(self) -> None:
        """The oldest synchronization that is under way is done."""
        file, length, done = self.waiting.pop(0)
        if file is self.next:
            self.file, self.next = file, None
        file.synchronized = max(file.synchronized, length)
        done()

    def crash(self, *, kept: bool = False) -> None:
        """Lose what was not synchronized, or, with `kept`, nothing of it."""
        self.waiting.clear()
        if kept:
            self.file = self.next or self.file
            self.file.synchronized = len(self.file.records)
        del self.file.records[self.file.synchronized :]
        self.next = None


class HandEnvironment:
    """One node's world."""

    def __init__(self, world: World, node: int, timing: Timing) -> None:
        self.world = world
        self.node = node
        self.recording = True
        self.timing = timing
        self.random = random.Random(node)
        self.clock_offset = 0

    def now_milliseconds(self) -> int:
        return self.world.now + self.clock_offset

    def wall_milliseconds(self) -> int:
        return self.world.now

    def send(self, node: int, message: Message) -> None:
        self.world.messages.append(Sent(self.node, node, message))

    def after(self, milliseconds: int, action: Callable[[], None]) -> None:
        running = self.world.nodes.get(self.node)
        if getattr(action, "__name__", "") != "_tick":  # the test ticks
            self.world.timers.append((self.world.now + milliseconds, self.node, running, action))

    def record(self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int = 0) -> int:
        self.world.steps.append((group, action, arguments, made))
        return len(self.world.steps) - 1

    def archive(self, group: int, index: int, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        archive = self.world.archives.setdefault(group, [])
        archive += entries[len(archive) - index :]
        done(len(archive))

    def served(self, group: int, epoch: int) -> None:
        self.world.served.append((group, epoch))

    def new_identity(self) -> int:
        self.world.numbers += 1
        return self.world.numbers

    def new_group(self) -> int:
        self.world.numbers += 1
        return self.world.numbers

    def nodes_of(self, group: int) -> Sequence[int]:
        return [node for node, disks in self.world.disks.items() if group in disks]

    def spare_node(self, instead_of: int, taken: Sequence[int]) -> int | None:
        free = [it for it in self.world.nodes if it % 3 == instead_of % 3 and it not in taken]
        return free[0] if free else None


class World:
    """Nodes, what is on its way between them, and the time."""

    def __init__(self, *nodes: int, timing: Timing | None = None, founded: bool = True) -> None:
        self.now = 1_000_000
        self.timing = timing or Timing()
        self.messages: list[Sent] = []
        self.timers: list[tuple[int, int, Node | None, Callable[[], None]]] = []
        self.steps: list[tuple[int, str, dict[str, Any], Any]] = []
        self.archives: dict[int, list[Entry]] = {}
        self.served: list[tuple[int, int]] = []
        self.replies: dict[int, list[messages.Reply]] = {}
        self.disks: dict[int, dict[int, HandDisk]] = {}
        self.nodes: dict[int, Node] = {}
        self.isolated: set[int] = set()
        self.stalled: set[int] = set()
        self.numbers = 100
        self.requests = 0
        for node in nodes or (1, 2, 3):
            self.disks[node] = {}
            self.start(node)
        if founded:
            for member in TRIO:
                self.nodes[member.node].host(GROUP, member.identity, first_affairs(TRIO))
            self.settle()

    # -- nodes ------------------------------------------------------------------------------------------

    def start(self, node: int) -> Node:
        """Start a node with what its disks hold."""
        disks = self.disks[node]

        def open_disk(group: int) -> HandDisk:
            return disks.setdefault(group, HandDisk())

        def drop_disk(group: int) -> None:
            disks.pop(group, None)

        running = Node(HandEnvironment(self, node, self.timing), open_disk, drop_disk)
        self.nodes[node] = running
        running.start(list(disks))
        return running

    def crash(self, node: int, *, disk_lost: bool = False, kept: bool = False) -> None:
        """A node is gone, perhaps with its disks."""
        del self.nodes[node]
        if disk_lost:
            self.disks[node].clear()
        for disk in self.disks[node].values():
            disk.crash(kept=kept)

    def restart(self, node: int, *, kept: bool = False) -> Replica:
        """A node crashes and starts again."""
        self.crash(node, kept=kept)
        self.start(node)
        return self.replica(node)

    def replica(self, node: int, group: int = GROUP) -> Replica:
        """The replica on a node."""
        return self.nodes[node].replicas[group]

    def state(self, node: int, group: int = GROUP) -> GroupState:
        """The state of a full replica."""
        state = self.replica(node, group).state
        assert state is not None
        return state

    def leading(self, node: int, group: int = GROUP) -> Leading:
        """The office of a leader."""
        leading = self.replica(node, group).leading
        assert leading is not None
        return leading

    def disk(self, node: int, group: int = GROUP) -> HandDisk:
        """The disk of a replica."""
        return self.disks[node][group]

    def leads(self, node: int, group: int = GROUP) -> bool:
        """True if the replica on a node holds an office."""
        running = self.nodes.get(node)
        return (
            running is not None and group in running.replicas and running.replicas[group].leading is not None
        )

    # -- messages and disks -------------------------------------------------------------------------------

    def deliver(self, sent: Sent) -> None:
        """Let a message arrive."""
        if sent.destination == CLIENT:
            assert isinstance(sent.message, messages.Reply)
            self.replies.setdefault(sent.message.request, []).append(sent.message)
        elif sent.destination in self.nodes:
            self.nodes[sent.destination].receive(sent.message)

    def take(self, kind: type[Message], to: int | None = None, source: int | None = None) -> list[Sent]:
        """Messages of a kind that are on their way; they are not any more."""
        taken = [
            it
            for it in self.messages
            if isinstance(it.message, kind) and to in (None, it.destination) and source in (None, it.source)
        ]
        self.messages = [it for it in self.messages if it not in taken]
        return taken

    def _passes(self, sent: Sent) -> bool:
        ends = (sent.source, sent.destination)
        return CLIENT in ends or sent.source == sent.destination or self.isolated.isdisjoint(ends)

    def settle(self, holding: tuple[type[Message], ...] = ()) -> list[Sent]:
        """Deliver every message and finish every disk write, until nothing is left; those of some kinds are held back."""
        held: list[Sent] = []
        for _ in range(20_000):
            if self.messages:
                sent = self.messages.pop(0)
                if isinstance(sent.message, holding):
                    held.append(sent)
                elif self._passes(sent):
                    self.deliver(sent)
                continue
            disks = [
                it
                for node in self.nodes
                if node not in self.stalled
                for it in self.disks[node].values()
                if it.waiting
            ]
            if not disks:
                return held
            disks[0].complete()
        raise AssertionError("it never settles")

    # -- time -------------------------------------------------------------------------------------------

    def tick(self, *nodes: int) -> None:
        """Some nodes notice what time it is."""
        for node in nodes:
            for replica in list(self.nodes[node].replicas.values()):
                replica.tick()

    def pass_time(self, milliseconds: int, *nodes: int, holding: tuple[type[Message], ...] = ()) -> None:
        """Let time pass; all nodes tick, or some."""
        for _ in range(milliseconds // TICK):
            self.now += TICK
            due = [it for it in self.timers if it[0] <= self.now]
            self.timers = [it for it in self.timers if it[0] > self.now]
            for _, node, running, action in due:
                if self.nodes.get(node) is running:
                    action()
            self.tick(*(it for it in nodes or tuple(self.nodes) if it in self.nodes))
            self.settle(holding)

    def elect(self, node: int, group: int = GROUP) -> Leading:
        """Let a replica become the leader, once the last lease is over, and have the lease."""
        self.now += LEASE_IS_OVER
        for _ in range(40):
            self.pass_time(TICK, node)
            if self.leads(node, group):
                self.pass_time(4 * TICK, node)
                return self.leading(node, group)
        raise AssertionError(f"node {node} is not elected")

    # -- clients ------------------------------------------------------------------------------------------

    def ask(
        self,
        node: int,
        kind: str,
        key: bytes = b"k",
        item: bytes | None = None,
        expected: bytes | None = None,
        *,
        strong: bool = True,
        request: int | None = None,
        group: int = GROUP,
    ) -> int:
        """Send a client's request, which arrives at once. Returns its number."""
        if request is None:
            self.requests += 1
            request = self.requests
        operation = Operation(kind, key, item, expected, strong)
        self.nodes[node].receive(messages.Request(group, 0, CLIENT, request, operation))
        return request

    def outcomes(self, request: int) -> list[tuple[str, bytes | None]]:
        """What has been answered to a request so far."""
        for sent in self.take(messages.Reply, CLIENT):
            self.deliver(sent)
        return [(it.outcome, it.item) for it in self.replies.get(request, [])]

    def call(self, node: int, kind: str, key: bytes = b"k", **how: Any) -> tuple[str, bytes | None]:
        """A request and its answer, when everything has settled."""
        answered = len(self.outcomes(how.get("request", -1)))
        request = self.ask(node, kind, key, **how)
        self.settle()
        (outcome,) = self.outcomes(request)[answered:]
        return outcome

    def items(self, node: int, group: int = GROUP) -> dict[bytes, bytes]:
        """The items of a full replica."""
        return {key: image.item for key, image in self.state(node, group).fold.items.range(b"", None)}


def write(number: int, key: bytes = b"k", item: bytes | None = b"v") -> Write:
    """A write, by the client's number for it."""
    return Write(number, Change(key, item, len(item or b""), Version(number, 0), number))


def writes(*numbers: int) -> tuple[Write, ...]:
    """Writes of as many items."""
    return tuple(write(number, b"k%d" % number, b"v%d" % number) for number in numbers)


def prepare(
    epoch: int, number: int = 0, committed: int = 0, node: int = 2, sender: int = 12
) -> messages.Prepare:
    """A candidate's request to a replica for its promise."""
    return messages.Prepare(GROUP, sender, node, epoch, number, committed)


def synchronize(
    epoch: int, start: int, entries: Sequence[Entry], committed: int = 0, number: int = 0, **whole: Any
) -> messages.Synchronize:
    """What the leader of an epoch, on node 2, sends to bring a replica into it."""
    return messages.Synchronize(GROUP, 12, 2, epoch, number, start, tuple(entries), committed, **whole)


def append(
    epoch: int, index: int, entries: Sequence[Entry], committed: int = 0, number: int = 0
) -> messages.Append:
    """What the leader of an epoch, on node 2, sends of its log."""
    return messages.Append(GROUP, 12, 2, epoch, number, index, tuple(entries), committed)


def heartbeat(
    epoch: int, stamp: int, committed: int = 0, number: int = 0, length: int = 0
) -> messages.Heartbeat:
    """The heartbeat of the leader of an epoch, on node 2."""
    from ddbproof.model.kernel import lease

    return messages.Heartbeat(GROUP, 12, 2, lease.Heartbeat(epoch, stamp), number, length, committed)


def record_of(replica: Replica) -> tuple[int, int, int, int]:
    """A replica's record: promised, accepted, length, committed."""
    record: replication.Replica = replica.record
    return record.promised, record.accepted, record.length, record.committed
