"""What a replica is and has on its disk, whatever role it plays.

Its record, log, items and grants are in memory. Steps that have to outlive a crash are written to the disk as
they happen; `save` does something once they are there. Writes are gathered: while one is under way the next ones wait,
and go together. After many records the file is made anew, from a snapshot. A replica that starts again is what
its file says, and waits for leases that it may have granted.

`replica` is what happens to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ddbproof.model.engine.shared_log import NO_ENTRIES
from ddbproof.model.kernel import lease, membership, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.replication.affairs import Affairs, decided
from ddbproof.reference_impl.replication.entries import Prepared, Settled, Write
from ddbproof.reference_impl.replication.environment import (
    Appended,
    Checkpoint,
    Disk,
    Environment,
    Replaced,
    Stored,
)
from ddbproof.reference_impl.replication.replica_log import ReplicaLog
from ddbproof.reference_impl.replication.state import GroupState

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.entries import Entry
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.state import Snapshot

_NEVER = -(2**60)
_NOTHING_GRANTED = lease.Granted(0, _NEVER)


class Saved(msgspec.Struct, frozen=True, gc=False):
    """What is on the disk of the things that are promised and acknowledged; `place` is that of the newest step in it.

    `full` tells if items are there, `applied` how many entries the disk knows to be committed, if so: so far a restart gets.
    """

    record: replication.Replica
    lease_epoch: int
    number: int
    place: int = -1
    full: bool = False
    applied: int = 0


class StoredReplica:
    """A replica's memory and disk; see `replica.Replica`."""

    def __init__(
        self,
        environment: Environment,
        disk: Disk,
        group: int,
        identity: int,
        affairs: Affairs,
        start: int = 0,
        digest: int = NO_ENTRIES,
    ) -> None:
        self.environment = environment
        self.disk = disk
        self.group = group
        self.identity = identity
        self.record = replication.Replica(0, 0, start, start) if start else replication.NEW_REPLICA
        self.granted = _NOTHING_GRANTED
        self.number = affairs.group.number
        self.log = ReplicaLog(start, digest=digest, digested=environment.recording)
        self.start_affairs = affairs
        self.state: GroupState | None = GroupState(affairs) if start == 0 else None
        self.leading: Leading | None = None
        self.saved = Saved(self.record, 0, self.number)
        self._saving: Saved | None = None
        self._then: list[Callable[[], None]] = []
        self._records = 0
        self.place = -1  # of the newest step that changed the record
        self._written = 0  # so many entries are committed by what was written

    @classmethod
    def opened(cls, environment: Environment, disk: Disk, group: int) -> Self | None:
        """The replica that a disk holds, if it holds one; grants are waited for as if they had just been made."""
        records = disk.read()
        if not records or not isinstance(records[0], Checkpoint):
            return None
        base = records[0]
        replica = cls(environment, disk, group, base.identity, base.affairs, base.start, base.digest)
        replica._load(base)
        for record in records[1:]:
            replica._redo(record)
        granted = lease.Granted(replica.granted.promised_epoch, _NEVER)
        replica.granted = lease.restarted(granted, environment.timing.terms, environment.now_milliseconds())
        replica._written = replica.record.committed
        replica.saved = replica._as_written()
        replica._advance()
        return replica

    def found(self) -> None:
        """A new replica begins, with what it was made from."""
        members = [member.identity for member in self.start_affairs.members]
        self._note("found", {"start": self.log.start, "members": members}, self.record)
        self.renew()

    # -- what it is -------------------------------------------------------------------------------------

    @property
    def hears_leader(self) -> bool:
        """True while a lease that this replica granted runs."""
        return lease.hears_leader(self.granted, self.environment.now_milliseconds())

    @property
    def settled(self) -> int:
        """So many entries are committed: as far as it was told, and all that its log may be without."""
        return max(self.record.committed, self.log.start)

    def standing(self) -> membership.Replica:
        """The replica as its membership sees it."""
        state = self.state
        return membership.Replica(
            self.number,
            self.log.start,
            self.record.length,
            state is not None,
            0 if state is None else min(state.applied, self.record.committed),
        )

    def latest_affairs(self) -> Affairs:
        """The group's affairs by the whole log, committed or not."""
        return self._affairs_at(len(self.log))

    def decided_affairs(self) -> Affairs:
        """The group's affairs by what is known to be committed."""
        return self._affairs_at(self.settled)

    def _affairs_at(self, end: int) -> Affairs:
        state = self.state
        if state is not None and self.log.start <= state.applied <= end:
            affairs, position = state.affairs, state.applied
        else:
            affairs, position = self.start_affairs, self.log.start
        for index in range(position, end):
            entry = self.log[index]
            if not _concerns_items(entry):
                affairs = decided(affairs, index, entry)
        return affairs

    # -- items and log --------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Apply what is committed."""
        state, committed = self.state, self.record.committed
        if state is None:
            return
        if self.leading is None:
            while state.applied < committed:
                state.apply(self.log[state.applied], committed=True)
        else:
            state.commit(committed)
        floor = state.affairs.group.floor
        if floor > self.log.start and (self.leading is None or state.applied <= committed):
            self.trim(floor)  # a leader, only when the floor itself is committed

    def committed_snapshot(self) -> Snapshot | None:
        """The items after all that is committed; None for a log replica.

        What a leader has applied beyond that is taken back for it, and applied again.
        """
        state = self.state
        if state is None:
            return None
        applied = state.applied
        state.take_back(self.record.committed)
        snapshot = state.snapshot()
        while state.applied < applied:
            state.apply(self.log[state.applied], committed=False)
        return snapshot

    def trim(self, floor: int) -> None:
        """Drop the log before the floor, but for what this replica's own items lack; the file follows at its next renewal."""
        state = self.state
        assert state is not None
        standing = self.standing()
        start = min(floor, standing.applied, standing.end)
        try:
            start = membership.on_trim(standing, state.affairs.group, start).start
        except NotAllowed:
            return
        for index in range(self.log.start, start):
            if not _concerns_items(self.log[index]):
                self.start_affairs = decided(self.start_affairs, index, self.log[index])
        self.log.trim(start)

    def _take_back(self) -> None:
        if self.state is not None:
            self.state.take_back(self.record.committed)

    def _replace(
        self,
        start: int,
        entries: tuple[Entry, ...],
        affairs: Affairs | None,
        snapshot: Snapshot | None,
        digest: int,
    ) -> None:
        if snapshot is not None:
            self.state = GroupState(snapshot.affairs)
            self.state.restore(snapshot)
        if affairs is not None:
            self.log = ReplicaLog(start, digest=digest, digested=self.environment.recording)
            self.start_affairs = affairs
        self.log.replace_from(start, entries)

    # -- steps ----------------------------------------------------------------------------------------------

    def _became(self, record: replication.Replica, action: str, arguments: dict[str, int]) -> None:
        self.record = record
        self._note(action, arguments, record)
        self._store()

    def _store(self) -> None:
        record = self.record
        self._write(Stored(record.promised, self.granted.promised_epoch, self.number, record.committed))

    def _write(self, record: Stored | Appended | Replaced) -> None:
        self._written = self.record.committed
        if not self.disk.mirrors:
            self.disk.write(record, self.place)
            self._records += 1

    def _note(self, action: str, arguments: dict[str, Any], record: replication.Replica) -> None:
        if not self.environment.recording:
            return
        arguments = {"replica": self.identity, **arguments}
        log = self.log.digest(record.length)
        self.place = self.environment.record(self.group, action, arguments, record, log)

    # -- the disk ---------------------------------------------------------------------------------------

    def save(self, then: Callable[[], None] | None) -> None:
        """Do something once all that was written so far is on the disk."""
        if self._saving is not None:
            self._then.append(then or (lambda: None))
            return
        if self.disk.mirrors:
            self.saved = self._as_written()
            if then is not None:
                then()
            return
        if then is not None:
            self._then.append(then)
        self._synchronize()

    def _synchronize(self) -> None:
        self._saving = self._as_written()
        then, self._then = self._then, []
        self.disk.synchronize(lambda: self._on_disk(then))

    def _as_written(self) -> Saved:
        full = self.state is not None
        applied = self._written if full else 0
        return Saved(self.record, self.granted.promised_epoch, self.number, self.place, full, applied)

    def _on_disk(self, then: list[Callable[[], None]]) -> None:
        assert self._saving is not None
        self.saved, self._saving = self._saving, None
        for action in then:
            action()
        if self._then and self._saving is None:
            self._synchronize()

    def renew(self) -> None:
        """Write all of it into a new file, which takes the old one's place when it is on the disk."""
        self._records, self._written = 0, self.record.committed
        self.disk.renew(self.checkpoint(), self.place)
        self.save(None)

    def checkpoint(self) -> Checkpoint:
        """All of it, as one record."""
        return Checkpoint(
            self.identity,
            self.record,
            self.granted.promised_epoch,
            self.number,
            self.start_affairs,
            self.committed_snapshot(),
            self.log.start,
            tuple(self.log.between(self.log.start, len(self.log))),
            self.log.digest(self.log.start),
        )

    def _load(self, base: Checkpoint) -> None:
        self.record, self.number = base.record, base.number
        self.granted = lease.Granted(base.lease_epoch, _NEVER)
        self.log = ReplicaLog(base.start, base.entries, base.digest, digested=self.environment.recording)
        self.state = None
        if base.snapshot is not None:
            self.state = GroupState(base.snapshot.affairs)
            self.state.restore(base.snapshot)

    def _redo(self, record: Stored | Appended | Replaced | Checkpoint) -> None:
        """Take over a record of the file; what it says was allowed when it was written."""
        now = self.record
        if isinstance(record, Appended):
            self.log.replace_from(record.index, [record.entry])
            self.record = replication.Replica(now.promised, now.accepted, record.index + 1, record.committed)
        elif isinstance(record, Replaced):
            self._replace(record.start, record.entries, record.affairs, record.snapshot, record.digest)
            length = record.start + len(record.entries)
            self.record = replication.Replica(record.epoch, record.epoch, length, record.committed)
        elif isinstance(record, Stored):
            self.number = record.number
            self.granted = lease.Granted(record.lease_epoch, _NEVER)
            self.record = replication.Replica(record.promised, now.accepted, now.length, record.committed)


def _concerns_items(entry: Entry) -> bool:
    return type(entry) is Write or isinstance(entry, Prepared | Settled)
