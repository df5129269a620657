"""A table's seat on a storage node: the world of its replicas there, and their disks.

Disks are in memory. What a replica writes is on the disk at once, so its own memory says what the disk holds, and nothing is
kept twice: when the node crashes, that is written down. Only while a disk is slow or full is there a difference;
then records are kept, and which of them were confirmed. A crash keeps all of them, or only the confirmed ones ('torn': the
next record is cut in the middle, and reading ends before it), or loses the disk.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Entry
from ddbproof.reference_impl.replication.environment import Checkpoint, Record, Timing
from ddbproof.reference_impl.replication.hosting import Host
from ddbproof.reference_impl.replication.node import Node
from ddbproof.reference_impl.replication.replica import Replica

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.table_world import TableWorld
    from ddbproof.reference_impl.cluster.zones import StorageNode

_ON_DISK = frozenset({"found", "prepare", "synchronize", "append", "commit", "heal", "crash"})
"""Steps that change what a replica has on its disk; the others are a leader's, or answers."""


class MemoryDisk:
    """The file of one replica; see `Disk`. `later` does something when the disk has had its time.

    `saved` is told the place of the newest step that has come onto the disk, where that was not at once.
    """

    def __init__(
        self,
        machine: StorageNode,
        later: Callable[[int, Callable[[], None]], None],
        saved: Callable[[int], None],
    ) -> None:
        self._machine = machine
        self._later = later
        self._saved = saved
        self._places: list[int] = []
        self._base: Checkpoint | None = None
        self._records: list[Record] | None = [] if machine.disk_is_faulty else None
        self.mirrors = self._records is None  # see `Disk`
        self._confirmed = 0
        self._pending: list[Callable[[], None]] = []

    def write(self, record: Record, place: int) -> None:
        """See `Disk.write`."""
        if self._records is not None:
            self._records.append(record)
            self._places.append(place)

    def synchronize(self, done: Callable[[], None]) -> None:
        """See `Disk.synchronize`. A full disk is done once it is full no more."""
        if self._records is None:
            done()
            return
        written = len(self._records)

        def confirmed() -> None:
            self._confirmed = max(self._confirmed, written)
            if 0 < written <= len(self._places):
                self._saved(self._places[written - 1])
            done()

        self._pending.append(confirmed)
        if not self._machine.disk_full:
            self._later(self._machine.disk_milliseconds, lambda: self._finish(confirmed))

    def _finish(self, confirmed: Callable[[], None]) -> None:
        """A synchronization has had its time, and so have all before it; unless the disk is full by now."""
        while confirmed in self._pending and not self._machine.disk_full:
            self._pending.pop(0)()

    def renew(self, checkpoint: Checkpoint, place: int = -1) -> None:
        """See `Disk.renew`. The new file replaces the old one at once, which is the best that can happen."""
        if self._records is not None:
            self._begin(checkpoint)
            self._saved(place)

    def read(self) -> Sequence[Record]:
        """See `Disk.read`. What is read is there for good."""
        records = self._records or []
        self._confirmed = len(records)
        return [] if self._base is None else [self._base, *records]

    def watch(self, replica: Replica) -> None:
        """The disk is faulty from now on, or no more: what comes is kept if it is."""
        if self._machine.disk_is_faulty:
            if self._records is None:
                self._begin(replica.checkpoint())
            if self._pending and not self._machine.disk_full:
                last = self._pending[-1]
                self._later(self._machine.disk_milliseconds, lambda: self._finish(last))
            return
        while self._pending:
            self._pending.pop(0)()
        if self._records is not None:
            self._saved(replica.place)  # the disk mirrors the memory again, whatever was written of it
        self._base, self._records, self._places, self.mirrors = None, None, [], True

    def crash(self, replica: Replica, *, torn: bool) -> None:
        """The replica's node is gone."""
        self._pending.clear()
        if self._records is None:
            self._begin(replica.checkpoint())
        elif torn:
            del self._records[self._confirmed :], self._places[self._confirmed :]
        if self._places:
            self._saved(self._places[-1])

    def _begin(self, base: Checkpoint) -> None:
        self._base, self._records, self._places, self._confirmed = base, [], [], 0
        self.mirrors = False


class Seat(Host):
    """One table's replicas on one node, and what they need of the world (`Environment`)."""

    def __init__(self, world: TableWorld, machine: StorageNode, timing: Timing, seed: int) -> None:
        super().__init__(world)
        self._world = world
        self._machine = machine
        self.node = machine.number
        self.recording = world.steps is not None
        self.timing = timing
        self.random = random.Random(seed)  # noqa: S311 - who waits how long is no secret
        self.disks: dict[int, MemoryDisk] = {}
        self.running: Node | None = None
        if machine.up:
            self.start()

    # -- Environment ------------------------------------------------------------------------------------

    def now_milliseconds(self) -> int:
        """See `Environment`."""
        return self._world.steady_milliseconds

    def wall_milliseconds(self) -> int:
        """See `Environment`."""
        return self._world.now_milliseconds + self._machine.wall_offset_milliseconds

    def send(self, node: int, message: messages.Message) -> None:
        """See `Environment`."""
        world = self._world
        if world.fleet.smooth and not world.lag:
            world.queue.append((node, message))
        else:
            world.send(self.node, node, message)

    def after(self, milliseconds: int, action: Callable[[], None]) -> None:
        """See `Environment`."""
        self._world.later(milliseconds, self._unless_crashed(action))

    def record(self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int = 0) -> int:
        """See `Environment`."""
        if not self.recording:
            return -1
        disk = self.disks.get(group)
        saved = action in _ON_DISK and (disk is None or disk.mirrors)
        return self._world.record(group, action, arguments, made, log, saved=saved)

    def archive(self, group: int, index: int, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        """See `Environment`. The archive is always there."""
        done(self._world.archive(group, index, entries))

    def served(self, group: int, epoch: int) -> None:
        """See `Environment`. Nobody looks on here; the simulation does."""

    def spare_node(self, instead_of: int, taken: Sequence[int]) -> int | None:
        """See `Environment`."""
        return self._world.fleet.spare(instead_of, taken)

    # -- disks ------------------------------------------------------------------------------------------

    def _open_disk(self, group: int) -> MemoryDisk:
        if group not in self.disks:
            self.disks[group] = MemoryDisk(
                self._machine,
                lambda milliseconds, action: self._world.later(milliseconds, self._unless_crashed(action)),
                self._world.saved,
            )
        return self.disks[group]

    def drop_disk(self, group: int) -> None:
        """Delete the file of a group's replica."""
        self.disks.pop(group, None)

    def disk_changed(self) -> None:
        """The node's disks have become faulty, or are as they were."""
        if self.running is not None:
            for group, replica in self.running.replicas.items():
                self.disks[group].watch(replica)

    def drop(self, group: int) -> None:
        """A group is no more."""
        self.drop_disk(group)
        if self.running is not None:
            self.running.replicas.pop(group, None)

    # -- up and down ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, with what the disks hold."""
        self.incarnation += 1
        self.running = Node(self, self._open_disk, self.drop_disk)
        self.running.open(list(self.disks))
        if self._world.steps is not None:
            self._complete_crashes(self._world.steps, self.running.replicas)
        self.disk_changed()

    def crash(self, *, disk: str) -> None:
        """The node is gone; see `zones.Hosted` for its disk."""
        self.incarnation += 1
        if self.running is not None:
            for group, replica in self.running.replicas.items():
                self._crashes[group] = self.record(group, "crash", {"replica": replica.identity}, None)
                self.disks[group].crash(replica, torn=disk == "torn")
        self.running = None
        if disk == "lost":
            self.disks.clear()

    def host(self, group: int, identity: int, affairs: Any) -> None:
        """A replica of a new group begins here, if the node is up."""
        if self.running is not None:
            self.running.host(group, identity, affairs)
            self.disk_changed()
