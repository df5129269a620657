"""One replica of a group: its memory, its disk, and how it follows a leader.

Every change of its record is a kernel's step; every promise and acknowledgement is sent only when what it rests on is on
the disk (`stored`). Disk writes are gathered, so several messages may be answered by one.

A *log replica* has no items (`state` is None): it stores and acknowledges, serves nothing, and cannot lead (REP-11).

How a replica leads is in `leading`, how it becomes a leader in `electing`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddbproof.model.engine.shared_log import NO_ENTRIES
from ddbproof.model.kernel import lease, membership, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.electing import Election
from ddbproof.reference_impl.replication.entries import Entry
from ddbproof.reference_impl.replication.environment import Appended, Disk, Environment, Replaced
from ddbproof.reference_impl.replication.state import GroupState, Snapshot
from ddbproof.reference_impl.replication.stored import StoredReplica


class Replica(StoredReplica):
    """A replica on a node. `receive` and `tick` are all that ever happens to it."""

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
        super().__init__(environment, disk, group, identity, affairs, start, digest)
        self.election = Election(self)
        self.leader_node = -1  # where the leader last heard lives

    # -- messages ---------------------------------------------------------------------------------------

    def receive(self, message: messages.Message) -> None:
        """A message has reached this replica, of a kind that replicas receive (`HANDLERS`)."""
        HANDLERS[type(message)](self, message)

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
        affairs, latest = self.decided_affairs(), self.latest_affairs()
        known = (*affairs.members, *affairs.next_members, *latest.members, *latest.next_members)
        if affairs.group.number >= message.number and all(it.identity != message.sender for it in known):
            retire = messages.Retire(
                self.group, self.identity, self.environment.node, message.sender, affairs.group.number
            )
            self._answer(message, retire)
            return
        if message.number > latest.group.number:
            self.election.met(message)
        if not self.hears_leader:
            self.election.asked(message)
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
        if saved.promised != message.epoch or saved.accepted != self.record.accepted:
            return  # another promise, or another log, has come since
        try:
            promise = replication.promise(saved)
        except NotAllowed:
            return
        self.environment.record(
            self.group,
            "promise",
            {"replica": self.identity, "place": self.saved.place},
            promise,
            self.log.digest(saved.length),
        )
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
                max(saved.committed, self.log.start),
                self.latest_affairs(),
                message.number,
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
        self._answer(
            message,
            messages.Granted(
                self.group,
                self.identity,
                self.environment.node,
                beat,
                self.saved.record,
                self.log.start,
                self.saved.full,
                self.saved.applied,
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
        for entry in message.entries[skipped:] if skipped else message.entries:
            index = record.length
            record, _ = replication.on_append(record, log, epoch, index, entry, message.committed)
            self.append_made(record, epoch, index, entry, message.committed)
        if record.committed < message.committed:
            self.commit(epoch, message.committed)
        else:
            self._advance()
        self.election.hears(message)
        self.save(lambda: self.acknowledge(message.epoch, message.number, message.node))

    def append_made(
        self, record: replication.Replica, epoch: int, index: int, entry: Entry, committed: int
    ) -> None:
        """Keep an append that a kernel has allowed, in memory and, before long, on the disk."""
        self.record = record
        if self.environment.recording:
            self._note("append", {"epoch": epoch, "index": index, "committed": committed}, record)
        if self.disk.mirrors:
            self._written = record.committed
        else:
            self._write(Appended(index, entry, record.committed))

    def on_synchronize(self, message: messages.Synchronize) -> None:
        """The leader's log in the place of this one, as far as they may differ."""
        if message.epoch < self.record.promised:
            self._refuse(message)
            return
        whole = message.affairs is not None or message.snapshot is not None
        if not whole and not self.log.start <= message.start <= self.settled:
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
        self.replace_log(
            record,
            message.start,
            message.entries,
            message.committed,
            message.affairs,
            message.snapshot,
            message.digest,
        )
        self.save(lambda: self.acknowledge(message.epoch, message.number, message.node))

    def replace_log(
        self,
        record: replication.Replica,
        start: int,
        entries: tuple[Entry, ...],
        committed: int = 0,
        affairs: Affairs | None = None,
        snapshot: Snapshot | None = None,
        digest: int = NO_ENTRIES,
    ) -> None:
        """Keep a synchronization that a kernel has allowed, and what is committed of it."""
        epoch = record.accepted
        self._take_back()
        self._replace(start, entries, affairs, snapshot, digest)
        self.record = record
        self._note("synchronize", {"epoch": epoch, "length": record.length}, record)
        if snapshot is not None:
            self._note("heal", {"position": snapshot.position}, record)
        if committed > record.committed:
            self.commit(epoch, committed)
        replaced = Replaced(epoch, start, entries, self.record.committed, affairs, snapshot, digest)
        self._write(replaced)

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
        self._note("heal", {"position": message.snapshot.position}, self.record)
        self._advance()
        self.renew()
        self.save(None)

    def on_refused(self, message: messages.Refused) -> None:
        """A candidate or leader is told that there is a later one."""
        self.election.refused(message)
        if self.leading is not None and message.epoch > self.leading.leader.epoch:
            self.stop_leading()

    def on_acknowledged(self, message: messages.Acknowledged) -> None:
        """A member has entries of the leader's log."""
        if self.leading is not None:
            self.leading.on_acknowledged(message)

    def on_granted(self, message: messages.Granted) -> None:
        """A member has granted the lease."""
        if self.leading is not None:
            self.leading.on_granted(message)

    def on_going_over(self, message: messages.GoingOver) -> None:
        """Something of a split or merge, of this partition or of one that it comes from."""
        if self.leading is not None:
            self.leading.receive(message)

    def on_answer_to_candidate(self, message: messages.Agree | messages.Promised) -> None:
        """A promise, or somebody who hears no leader either."""
        self.election.receive(message)

    # -- changes ----------------------------------------------------------------------------------------

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

    def stop_leading(self) -> None:
        """Lead no more; what was not committed is taken back, and whoever waits for it is told that nobody knows."""
        leading, self.leading = self.leading, None
        if leading is not None:
            leading.end()
            leading.tell_stepped_down()
            self._take_back()
            self._advance()

    # -- answers ----------------------------------------------------------------------------------------

    def acknowledge(self, epoch: int, number: int, node: int) -> None:
        """Tell the leader of an epoch, who is on that node, what is on the disk here."""
        answer = self.acknowledgement(epoch, number)
        if answer is not None:
            self.environment.send(node, answer)

    def acknowledgement(self, epoch: int, number: int) -> messages.Acknowledged | None:
        """What is on the disk here of an epoch's log, in a configuration; None if nothing may be said of that."""
        saved = self.saved
        if saved.record.accepted != epoch or saved.number != number:
            return None
        if not membership.may_acknowledge(self.number, number):
            return None
        answer = replication.acknowledgement(saved.record)
        return messages.Acknowledged(self.group, self.identity, self.environment.node, answer, saved.applied)

    def _refuse(self, message: messages.Message) -> None:
        epoch = max(self.record.promised, self.granted.promised_epoch)
        self._answer(
            message, messages.Refused(self.group, self.identity, self.environment.node, epoch, self.number)
        )

    def _answer(self, message: messages.Message, answer: messages.Message) -> None:
        self.environment.send(message.node, answer)


HANDLERS: dict[type, Callable[[Replica, Any], None]] = {
    messages.Ask: Replica.on_ask,
    messages.Agree: Replica.on_answer_to_candidate,
    messages.Prepare: Replica.on_prepare,
    messages.Promised: Replica.on_answer_to_candidate,
    messages.Refused: Replica.on_refused,
    messages.Heartbeat: Replica.on_heartbeat,
    messages.Granted: Replica.on_granted,
    messages.SteppedDown: Replica.on_stepped_down,
    messages.Append: Replica.on_append,
    messages.Synchronize: Replica.on_synchronize,
    messages.Heal: Replica.on_heal,
    messages.Acknowledged: Replica.on_acknowledged,
    messages.Founded: Replica.on_going_over,
    messages.Pull: Replica.on_going_over,
    messages.Pulled: Replica.on_going_over,
    messages.Unite: Replica.on_going_over,
    messages.United: Replica.on_going_over,
}
"""What a replica does with each message; of all others a node takes care."""
