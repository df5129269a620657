"""One replica of a group: its memory, its disk, and how it follows a leader.

Every change of its record is a kernel's step; every promise and acknowledgement is sent only when what it rests on is on
the disk. Disk writes are gathered: while one is under way the next ones wait, and go together. Several
messages may thus be answered by one.

A *log replica* has no items (`state` is None): it stores and acknowledges, serves nothing, and cannot lead (REP-11).

How a replica leads is in `leading`, how it becomes a leader in `electing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ddbproof.model.kernel import lease, membership, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.electing import Election
from ddbproof.reference_impl.replication.entries import Write
from ddbproof.reference_impl.replication.environment import (
    Appended,
    Checkpoint,
    Disk,
    Environment,
    Replaced,
    Stored,
)
from ddbproof.reference_impl.replication.replica_log import ReplicaLog
from ddbproof.reference_impl.replication.state import Affairs, GroupState, decided

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.entries import Entry
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.state import Snapshot

_NEVER = -(2**60)
_NOTHING_GRANTED = lease.Granted(0, _NEVER)


class Saved:
    """What is on the disk of the things that are promised and acknowledged."""

    __slots__ = ("lease_epoch", "number", "record")

    def __init__(self, record: replication.Replica, lease_epoch: int, number: int) -> None:
        self.record = record
        self.lease_epoch = lease_epoch
        self.number = number


class Replica:
    """A replica on a node. `receive` and `tick` are all that ever happens to it."""

    def __init__(
        self,
        environment: Environment,
        disk: Disk,
        group: int,
        identity: int,
        affairs: Affairs,
        start: int = 0,
    ) -> None:
        self.environment = environment
        self.disk = disk
        self.group = group
        self.identity = identity
        self.record = replication.Replica(0, 0, start, start) if start else replication.NEW_REPLICA
        self.granted = _NOTHING_GRANTED
        self.number = affairs.group.number
        self.log = ReplicaLog(start)
        self.start_affairs = affairs
        self.state: GroupState | None = GroupState(affairs) if start == 0 else None
        self.leading: Leading | None = None
        self.election = Election(self)
        self.leader_node = -1  # where the leader last heard lives
        self.saved = Saved(self.record, 0, self.number)
        self._saving: Saved | None = None
        self._then: list[Callable[[], None]] = []
        self._records = 0
        self._trim_to = 0

    @classmethod
    def opened(cls, environment: Environment, disk: Disk, group: int) -> Replica | None:
        """The replica that a disk holds, if it holds one; grants are waited for as if they had just been made."""
        records = disk.read()
        if not records or not isinstance(records[0], Checkpoint):
            return None
        base = records[0]
        replica = cls(environment, disk, group, base.identity, base.affairs, base.start)
        replica._load(base)
        for record in records[1:]:
            replica._redo(record)
        granted = lease.Granted(replica.granted.promised_epoch, _NEVER)
        replica.granted = lease.restarted(granted, environment.timing.terms, environment.now_milliseconds())
        replica.saved = Saved(replica.record, granted.promised_epoch, replica.number)
        replica._advance()
        return replica

    # -- what it is -------------------------------------------------------------------------------------

    @property
    def hears_leader(self) -> bool:
        """True while a lease that this replica granted runs."""
        return lease.hears_leader(self.granted, self.environment.now_milliseconds())

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
        state = self.state
        if state is not None and state.applied >= self.log.start:
            affairs, position = state.affairs, state.applied
        else:
            affairs, position = self.start_affairs, self.log.start
        for index in range(position, len(self.log)):
            entry = self.log[index]
            if not _is_write(entry):
                affairs = decided(affairs, index, entry)
        return affairs

    # -- messages ---------------------------------------------------------------------------------------

    def receive(self, message: messages.Message) -> None:
        """A message has reached this replica."""
        _HANDLERS[type(message)](self, message)

    def tick(self) -> None:
        """Some time has passed."""
        if self.leading is not None:
            self.leading.tick()
        else:
            self.election.tick()
        if self._records > self.environment.timing.saved_records and self._saving is None:
            self.renew()

    def on_ask(self, message: messages.Ask) -> None:
        """Somebody asks whether a leader is heard here. Who was a member once, and is no more, is told so."""
        affairs = self.latest_affairs()
        identities = {member.identity for member in (*affairs.members, *affairs.next_members)}
        if affairs.group.number >= message.number and message.sender not in identities:
            retire = messages.Retire(self.group, self.identity, self.environment.node, message.sender)
            self._answer(message, retire)
            return
        if not self.hears_leader:
            epoch = max(self.record.promised, self.granted.promised_epoch)
            self._answer(
                message,
                messages.Agree(self.group, self.identity, self.environment.node, message.candidacy, epoch),
            )

    def on_prepare(self, message: messages.Prepare) -> None:
        """A candidate asks for a promise; it is given once it is on the disk."""
        now, epoch = self.environment.now_milliseconds(), message.epoch
        try:
            number = self.number
            if message.number != number:
                number = membership.on_promise(self.standing(), message.number).configuration
            granted = lease.promise(self.granted, epoch, now)
            record = replication.prepare(self.record, epoch)
        except NotAllowed:
            self._refuse(message)
            return
        self.stop_leading()
        self.granted, self.number = granted, number
        if message.sender != self.identity:
            self.election.yields()
        self._became(record, "prepare", {"epoch": epoch})
        self.save(lambda: self._promise(message))

    def _promise(self, message: messages.Prepare) -> None:
        saved = self.saved.record
        if saved.promised != message.epoch:
            return
        try:
            promise = replication.promise(saved)
        except NotAllowed:
            return
        self._note("promise", {}, promise)
        start = max(message.committed, self.log.start)
        self._answer(
            message,
            messages.Promised(
                self.group,
                self.identity,
                self.environment.node,
                promise,
                start,
                tuple(self.log.between(start, saved.length)),
                saved.committed,
                self.latest_affairs(),
            ),
        )

    def on_heartbeat(self, message: messages.Heartbeat) -> None:
        """The leader lives: grant it the lease, and tell it how far this replica has come."""
        now, before = self.environment.now_milliseconds(), self.granted
        try:
            granted, beat = lease.grant(before, message.beat, self.environment.timing.terms, now)
            if message.number > self.number:
                self.number = membership.on_promise(self.standing(), message.number).configuration
        except NotAllowed:
            self._refuse(message)
            return
        self.granted = granted
        if self.leading is not None and self.leading.leader.epoch < beat.epoch:
            self.stop_leading()
        self.election.hears(message)
        self.commit(message.beat.epoch, message.committed)
        if granted.promised_epoch > before.promised_epoch or self.number > self.saved.number:
            self._store()
            self.save(lambda: self._grant(message, beat))
        else:
            self._grant(message, beat)

    def _grant(self, message: messages.Heartbeat, beat: lease.Heartbeat) -> None:
        if self.granted.promised_epoch != beat.epoch or self.saved.lease_epoch < beat.epoch:
            return
        if message.committed < self.saved.record.length:
            self.acknowledge(beat.epoch, message.number, message.node)  # that one may have been lost
        standing = self.standing()
        self._answer(
            message,
            messages.Granted(
                self.group,
                self.identity,
                self.environment.node,
                beat,
                self.saved.record,
                self.log.start,
                standing.full,
                standing.applied,
            ),
        )

    def on_stepped_down(self, message: messages.SteppedDown) -> None:
        """The leader serves no more: nothing has to be waited for."""
        try:
            self.granted = lease.released(self.granted, message.epoch, self.environment.now_milliseconds())
        except NotAllowed:
            return
        self.election.hurry()

    def on_append(self, message: messages.Append) -> None:
        """Entries of the leader's log."""
        if message.epoch < self.record.promised:
            self._refuse(message)
            return
        record, log, epoch = self.record, self.log, message.epoch
        skipped = record.length - message.index
        if epoch != record.accepted or skipped < 0:
            return  # the leader learns of it from the answer to its next heartbeat
        for entry in message.entries[skipped:]:
            index = record.length
            record, _ = replication.on_append(record, log, epoch, index, entry, message.committed)
            self.append_made(record, epoch, index, entry, message.committed)
        self.commit(epoch, message.committed)
        self.election.hears(message)
        self.save(lambda: self.acknowledge(message.epoch, message.number, message.node))

    def append_made(
        self, record: replication.Replica, epoch: int, index: int, entry: Entry, committed: int
    ) -> None:
        """Keep an append that a kernel has allowed, in memory and, before long, on the disk."""
        self.record = record
        place = self._note("append", {"epoch": epoch, "index": index, "committed": committed}, record)
        self.disk.write(Appended(index, entry), place)
        self._records += 1

    def on_synchronize(self, message: messages.Synchronize) -> None:
        """The leader's log in the place of this one, as far as they may differ."""
        if message.epoch < self.record.promised:
            self._refuse(message)
            return
        whole = message.affairs is not None or message.snapshot is not None
        if not whole and not self.log.start <= message.start <= self.record.committed:
            return
        if message.snapshot is None and message.affairs is not None and self.state is not None:
            return
        length = message.start + len(message.entries)
        try:
            record = replication.on_synchronize(self.record, message.epoch, length)
        except NotAllowed:
            self.save(lambda: self.acknowledge(message.epoch, message.number, message.node))
            return
        self.stop_leading()
        self.replace_log(record, message.start, message.entries, message.affairs, message.snapshot)
        self.commit(message.epoch, message.committed)
        self.save(lambda: self.acknowledge(message.epoch, message.number, message.node))

    def replace_log(
        self,
        record: replication.Replica,
        start: int,
        entries: tuple[Entry, ...],
        affairs: Affairs | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Keep a synchronization that a kernel has allowed."""
        self._take_back()
        self._replace(start, entries, affairs, snapshot)
        self.record = record
        place = self._note("synchronize", {"epoch": record.accepted, "length": record.length}, record)
        self.disk.write(Replaced(record.accepted, start, entries, affairs, snapshot), place)
        self._records += 1

    def _replace(
        self, start: int, entries: tuple[Entry, ...], affairs: Affairs | None, snapshot: Snapshot | None
    ) -> None:
        if snapshot is not None:
            self.state = GroupState(snapshot.affairs)
            self.state.restore(snapshot)
            affairs = snapshot.affairs
        if affairs is not None:
            self.log, self.start_affairs = ReplicaLog(start), affairs
        self.log.replace_from(start, entries)

    def on_heal(self, message: messages.Heal) -> None:
        """Items for a log replica."""
        try:
            standing = membership.on_snapshot(self.standing(), message.snapshot.position)
        except NotAllowed:
            return
        if self.record.accepted != message.epoch or standing.end != self.record.length:
            return  # a log that differs, or ends before the snapshot, is replaced with it: on_synchronize
        self.commit(message.epoch, message.snapshot.position)
        self.state = GroupState(message.snapshot.affairs)
        self.state.restore(message.snapshot)
        self._advance()
        self.renew()
        self.save(None)

    def on_refused(self, message: messages.Refused) -> None:
        """A candidate or leader is told that there is a later one."""
        self.election.refused(message)
        if self.leading is not None and message.epoch > self.leading.leader.epoch:
            self.stop_leading()

    def on_answer_to_leader(self, message: messages.Acknowledged | messages.Granted) -> None:
        """An acknowledgement, or a lease granted."""
        if self.leading is not None:
            self.leading.receive(message)

    def on_split(self, message: messages.Founded | messages.Pull | messages.Pulled) -> None:
        """Something of a split, of this partition or of the one that it comes from."""
        if self.leading is not None:
            self.leading.split.receive(message)

    def on_answer_to_candidate(self, message: messages.Agree | messages.Promised) -> None:
        """A promise, or somebody who hears no leader either."""
        self.election.receive(message)

    # -- changes ----------------------------------------------------------------------------------------

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
        if floor > self.log.start and state.applied == committed:
            self.trim(floor)

    def commit(self, epoch: int, committed: int) -> None:
        """Learn what is committed, if this replica's log is of that epoch."""
        try:
            record = replication.on_commit(self.record, epoch, committed)
        except NotAllowed:
            return
        if record.committed > self.record.committed:
            self.record = record
            self._note("commit", {"epoch": epoch, "committed": committed}, record)
        self._advance()

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
            if not _is_write(self.log[index]):
                self.start_affairs = decided(self.start_affairs, index, self.log[index])
        self.log.trim(start)

    def _take_back(self) -> None:
        if self.state is not None:
            self.state.take_back(self.record.committed)

    def stop_leading(self) -> None:
        """Lead no more; what was not committed is taken back, and whoever waits for it is told that nobody knows."""
        leading, self.leading = self.leading, None
        if leading is not None:
            leading.end()
            leading.tell_stepped_down()
            self._take_back()
            self._advance()

    def _became(self, record: replication.Replica, action: str, arguments: dict[str, int]) -> None:
        self.record = record
        self._store(self._note(action, arguments, record))

    def _store(self, place: int = -1) -> None:
        record = self.record
        self.disk.write(
            Stored(record.promised, self.granted.promised_epoch, self.number, record.committed), place
        )
        self._records += 1

    def _note(self, action: str, arguments: dict[str, int], made: object) -> int:
        return self.environment.record(self.group, action, {"replica": self.identity, **arguments}, made)

    # -- the disk ---------------------------------------------------------------------------------------

    def save(self, then: Callable[[], None] | None) -> None:
        """Do something once all that was written so far is on the disk."""
        if then is not None:
            self._then.append(then)
        if self._saving is None:
            self._synchronize()

    def _synchronize(self) -> None:
        self._saving = Saved(self.record, self.granted.promised_epoch, self.number)
        then, self._then = self._then, []
        self.disk.synchronize(lambda: self._on_disk(then))

    def _on_disk(self, then: list[Callable[[], None]]) -> None:
        assert self._saving is not None
        self.saved, self._saving = self._saving, None
        for action in then:
            action()
        if self._then and self._saving is None:
            self._synchronize()

    def renew(self) -> None:
        """Write all of it into a new file, which takes the old one's place when it is on the disk."""
        self._records = 0
        self.disk.renew(
            Checkpoint(
                self.identity,
                self.record,
                self.granted.promised_epoch,
                self.number,
                self.start_affairs,
                self.committed_snapshot(),
                self.log.start,
                tuple(self.log.between(self.log.start, len(self.log))),
            )
        )
        self.save(None)

    def _load(self, base: Checkpoint) -> None:
        self.record, self.number = base.record, base.number
        self.granted = lease.Granted(base.lease_epoch, _NEVER)
        self.log = ReplicaLog(base.start, base.entries)
        self.state = None
        if base.snapshot is not None:
            self.state = GroupState(base.snapshot.affairs)
            self.state.restore(base.snapshot)

    def _redo(self, record: Stored | Appended | Replaced | Checkpoint) -> None:
        """Take over a record of the file; what it says was allowed when it was written."""
        now = self.record
        if isinstance(record, Appended):
            self.log.replace_from(record.index, [record.entry])
            self.record = replication.Replica(now.promised, now.accepted, record.index + 1, now.committed)
        elif isinstance(record, Replaced):
            self._replace(record.start, record.entries, record.affairs, record.snapshot)
            length = record.start + len(record.entries)
            committed = now.committed if record.snapshot is None else record.snapshot.position
            committed = max(now.committed, committed)
            self.record = replication.Replica(record.epoch, record.epoch, length, committed)
        elif isinstance(record, Stored):
            self.number = record.number
            self.granted = lease.Granted(record.lease_epoch, _NEVER)
            self.record = replication.Replica(record.promised, now.accepted, now.length, record.committed)

    # -- answers ----------------------------------------------------------------------------------------

    def acknowledge(self, epoch: int, number: int, node: int) -> None:
        """Tell the leader of an epoch, who is on that node, what is on the disk here."""
        if self.saved.record.accepted != epoch or self.saved.number != number:
            return
        standing = self.standing()
        if membership.may_acknowledge(standing, number):
            answer = replication.acknowledgement(self.saved.record)
            self.environment.send(
                node,
                messages.Acknowledged(
                    self.group, self.identity, self.environment.node, answer, standing.applied
                ),
            )

    def _refuse(self, message: messages.Message) -> None:
        epoch = max(self.record.promised, self.granted.promised_epoch)
        self._answer(
            message, messages.Refused(self.group, self.identity, self.environment.node, epoch, self.number)
        )

    def _answer(self, message: messages.Message, answer: messages.Message) -> None:
        self.environment.send(message.node, answer)


def _is_write(entry: Entry) -> bool:
    return type(entry) is Write


_HANDLERS: dict[type, Callable[[Replica, Any], None]] = {
    messages.Ask: Replica.on_ask,
    messages.Agree: Replica.on_answer_to_candidate,
    messages.Prepare: Replica.on_prepare,
    messages.Promised: Replica.on_answer_to_candidate,
    messages.Refused: Replica.on_refused,
    messages.Heartbeat: Replica.on_heartbeat,
    messages.Granted: Replica.on_answer_to_leader,
    messages.SteppedDown: Replica.on_stepped_down,
    messages.Append: Replica.on_append,
    messages.Synchronize: Replica.on_synchronize,
    messages.Heal: Replica.on_heal,
    messages.Acknowledged: Replica.on_answer_to_leader,
    messages.Founded: Replica.on_split,
    messages.Pull: Replica.on_split,
    messages.Pulled: Replica.on_split,
}
