"""A leader's office: the epoch's log, the members that follow, the lease, and whoever waits for an entry.

What is appended is sent to the others at once. Whatever has not come is found out by the answers to heartbeats and
sent again; a follower whose log differs gets the leader's in its place, one that lacks what is trimmed gets the items
as well. `leading` is what the leader does for clients and for its group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import (
    Entry,
    Member,
    Members,
    change_of,
)

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.replica import Replica
    from ddbproof.reference_impl.replication.state import GroupState


class Follower:
    """What a leader knows of a member: how far its disk and items have come, and when it was heard."""

    __slots__ = ("applied", "full", "heard_at", "member", "reached", "sent", "synchronized")

    def __init__(self, member: Member, now_milliseconds: int) -> None:
        self.member = member
        self.heard_at = now_milliseconds
        self.reached = -1
        self.sent = 0
        self.synchronized = False
        self.full = False
        self.applied = 0


class Office:
    """An office, from an election to its end; see `leading.Leading`."""

    def __init__(
        self,
        replica: Replica,
        leader: replication.Leader,
        number: int,
        members: Members,
        promises: Sequence[messages.Promised],
    ) -> None:
        self.replica = replica
        self.leader = leader
        self.number = number
        self.members = members
        environment = replica.environment
        now = environment.now_milliseconds()
        self.lease = lease.begin(leader.epoch, environment.timing.terms, now)
        self.followers = {member.identity: Follower(member, now) for member in members}
        self.places = {member.identity: place for place, member in enumerate(members)}
        self.joiner: Follower | None = None
        self._others = [it for it in self.followers.values() if it.member.identity != replica.identity]
        self._promises = {promised.sender: promised for promised in promises}
        self._waiting: deque[tuple[int, Callable[[bool], None]]] = deque()
        self._newest: dict[bytes, int] = {}
        self._beat_at = now
        self._handing_over = False

    # -- the beginning and the end ------------------------------------------------------------------------

    def begin(self) -> None:
        """Bring the others into the epoch."""
        replica, state = self.replica, self.state
        while state.applied < len(replica.log):
            entry = replica.log[state.applied]
            change = change_of(entry)
            if change is not None:
                self._newest[change.key] = state.applied + 1
            state.apply(entry, committed=state.applied < replica.record.committed)
        replica.save(self._acknowledge_own)
        for identity, promised in self._promises.items():
            if identity != replica.identity and identity in self.followers:
                self._synchronize(self.followers[identity], promised.committed)
        self._beat()

    def end(self) -> None:
        """The office is lost: tell whoever waits."""
        for _, then in self._waiting:
            then(False)
        self._waiting.clear()

    @property
    def state(self) -> GroupState:
        """The items, as far as they are appended."""
        state = self.replica.state
        if state is None:
            raise InvariantError("a log replica leads")
        return state

    @property
    def at_rest(self) -> bool:
        """True if all of the log is committed, and every member has it, and its items."""
        length = self.leader.length
        return (
            self.leader.committed == length
            and self.joiner is None
            and not self.state.affairs.group.changing
            and all(it.full and it.synchronized and it.reached == length for it in self.followers.values())
        )

    def when_committed(self, length: int, then: Callable[[bool], None]) -> None:
        """Call `then(True)` when so many entries are committed, or `then(False)` when the office ends before."""
        if self.leader.committed >= length:
            then(True)
        else:
            self._waiting.append((length, then))

    # -- the log ------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Append an entry, and send it to the others."""
        replica, log = self.replica, self.replica.log
        index, epoch = self.leader.length, self.leader.epoch
        self.leader, _ = replication.write(self.leader, log, entry)
        if replica.environment.recording:
            arguments = {"replica": replica.identity, "epoch": epoch, "index": index, "entry": entry}
            replica.environment.record(
                replica.group, "write", arguments, self.leader, log.digest(self.leader.length)
            )
        record, _ = replication.on_append(replica.record, log, epoch, index, entry, self.leader.committed)
        replica.append_made(record, epoch, index, entry, self.leader.committed)
        self.state.apply(entry, committed=False)
        message = self._append_message(index, (entry,))
        for follower in self._others:
            if follower.synchronized and follower.sent == index:
                follower.sent = index + 1
                replica.environment.send(follower.member.node, message)
        replica.save(self._acknowledge_own)

    def _let_join(self, joiner: Follower | None) -> None:
        """Somebody is to become a member, and gets the log like the others; or nobody is any more."""
        others = [it for it in self._others if it is not self.joiner]
        self.joiner = joiner
        self._others = others if joiner is None else [*others, joiner]

    def _heard(self, identity: int, applied: int) -> Follower | None:
        """A member has answered, or the replica that is to become one; None for anybody else."""
        follower = self.followers.get(identity)
        if follower is None:
            follower = self.joiner
            if follower is None or identity != follower.member.identity:
                return None
        follower.heard_at = self.replica.environment.now_milliseconds()
        if applied > follower.applied:
            follower.applied = applied
        return follower

    def on_granted(self, message: messages.Granted) -> None:
        """The lease is granted by a member; what it has on its disk it says as well."""
        follower = self._heard(message.sender, message.applied)
        if follower is None:
            return
        place = self.places.get(message.sender)
        terms = self.replica.environment.timing.terms
        if place is not None:
            try:
                self.lease = lease.acknowledged(self.lease, place, message.beat, terms)
            except NotAllowed:
                return
        follower.full = message.full
        if follower.member.identity == self.replica.identity:
            return
        record = message.record
        if record.accepted != self.leader.epoch:
            self._synchronize(follower, record.committed, start=message.start, full=message.full)
        else:
            follower.synchronized = True  # even if the acknowledgement that said so was lost
            if record.length < self.leader.length and record.length <= follower.reached:
                self._send(follower, record.length)  # nothing has come since the last answer: it was lost
        follower.reached = record.length

    def on_acknowledged(self, message: messages.Acknowledged) -> None:
        """A member has entries on its disk."""
        follower, answer = self._heard(message.sender, message.applied), message.answer
        leader = self.leader
        if follower is None or answer.epoch != leader.epoch:
            return
        if answer.length > follower.reached:
            follower.reached = answer.length
        follower.synchronized = True
        place = self.places.get(message.sender)
        if place is not None:
            self.leader = replication.on_acknowledgement(leader, place, answer)
            if self.replica.environment.recording:
                self._note_acknowledged(follower, answer)
            if self.leader.committed > leader.committed:
                self._committed()
        if follower.sent < self.leader.length and message.sender != self.replica.identity:
            self._send(follower, max(follower.sent, answer.length))

    def _note_acknowledged(self, follower: Follower, answer: replication.Acknowledgement) -> None:
        replica, leader = self.replica, self.leader
        arguments = {
            "replica": follower.member.identity,
            "epoch": leader.epoch,
            "meant_for": answer.epoch,
            "length": answer.length,
        }
        log = replica.log.digest(leader.length)
        replica.environment.record(replica.group, "acknowledge", arguments, leader, log)

    def _committed(self) -> None:
        replica, committed = self.replica, self.leader.committed
        replica.commit(self.leader.epoch, committed)
        waiting = self._waiting
        if waiting and waiting[0][0] <= committed:
            ready = [one for one in waiting if one[0] <= committed]
            self._waiting = deque(one for one in waiting if one[0] > committed)
            for _, then in ready:
                then(True)
        if len(self._newest) > 2 * replica.environment.timing.kept_entries:
            self._newest = {key: at for key, at in self._newest.items() if at > committed}

    def _acknowledge_own(self) -> None:
        """What is on this replica's own disk counts like the others'; no message is needed to know it."""
        replica = self.replica
        answer = replica.acknowledgement(self.leader.epoch, self.number)
        if replica.leading is self and answer is not None:
            self.on_acknowledged(answer)

    def _send(self, follower: Follower, index: int) -> None:
        replica = self.replica
        if index < replica.log.start:
            self._synchronize(follower, index)
            return
        entries = tuple(replica.log.between(index, self.leader.length))
        follower.sent = self.leader.length
        replica.environment.send(follower.member.node, self._append_message(index, entries))

    def _append_message(self, index: int, entries: tuple[Entry, ...]) -> messages.Append:
        replica, leader = self.replica, self.leader
        return messages.Append(
            replica.group,
            replica.identity,
            replica.environment.node,
            leader.epoch,
            self.number,
            index,
            entries,
            leader.committed,
        )

    def _synchronize(
        self, follower: Follower, committed: int, *, start: int | None = None, full: bool = True
    ) -> None:
        """Send a follower the log from what it knows to be committed; all there is, if that is trimmed."""
        replica, log = self.replica, self.replica.log
        affairs, snapshot = None, None
        since = max(committed, start or 0)
        if since < log.start or (not full and committed <= log.start):
            since, affairs = log.start, replica.start_affairs
            snapshot = replica.committed_snapshot() if full else None
        follower.sent = self.leader.length
        replica.environment.send(
            follower.member.node,
            messages.Synchronize(
                replica.group,
                replica.identity,
                replica.environment.node,
                self.leader.epoch,
                self.number,
                since,
                tuple(log.between(since, self.leader.length)),
                self.leader.committed,
                affairs,
                snapshot,
                log.digest(since),
            ),
        )

    # -- as time passes -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Renew the lease, and look after the group.

        A leader that gets no lease, but whose heartbeats are heard, keeps the others from electing one that does: it
        lays down its office after a lease's time.
        """
        now = self.replica.environment.now_milliseconds()
        if now - self.lease.until_milliseconds > self.replica.environment.timing.terms.duration_milliseconds:
            self.replica.stop_leading()
            return
        if now - self._beat_at >= self.replica.environment.timing.heartbeat_milliseconds:
            self._beat()
            if self.leader.committed >= self.leader.base:
                self._look_after(now)
        if self.leader.committed >= self.leader.base:
            self._go_on(now)

    def _beat(self) -> None:
        replica, environment = self.replica, self.replica.environment
        self._beat_at = environment.now_milliseconds()
        try:
            beat = lease.heartbeat(self.lease, self._beat_at)
        except NotAllowed:
            return
        message = messages.Heartbeat(
            replica.group,
            replica.identity,
            environment.node,
            beat,
            self.number,
            self.leader.length,
            self.leader.committed,
        )
        environment.send(environment.node, message)
        for follower in self._others:
            environment.send(follower.member.node, message)

    def _look_after(self, now: int) -> None:
        """Look after the members, after each heartbeat; `Leading` says how."""

    def _go_on(self, now: int) -> None:
        """Go on with what takes many steps, at each tick; `Leading` says with what."""

    def tell_stepped_down(self) -> None:
        """Serve no more, and tell all members, so that nobody waits for the lease to run out."""
        replica, affairs = self.replica, self.state.affairs
        self.lease = lease.step_down(self.lease)
        message = messages.SteppedDown(
            replica.group, replica.identity, replica.environment.node, self.leader.epoch
        )
        for node in {it.node for it in (*affairs.members, *affairs.next_members)}:
            replica.environment.send(node, message)
