"""What a replica does as the leader of its group.

A change is evaluated on the newest appended item, appended, sent to the other members, and answered when two of three have
it on their disks. Whatever an answer shows, also of a condition that failed, waits until that is committed; a
strong read asks for the lease when it reads. What the leader took over has to be committed, in its own epoch, before
anything is answered. When it loses its office, writes under way are answered with 'unknown'; anything else was not done.

A member that is not heard for long is replaced (REP-11, REP-12): another node of its zone joins with the recent log,
the log says that the change has begun, the leader lays down its office and is elected into the new configuration,
and the log says that it is over. Then the new member gets its items.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, replication, versions
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import (
    Change,
    ChangeBegun,
    ChangeFinished,
    Entry,
    FloorRaised,
    Member,
    Members,
    Write,
)
from ddbproof.reference_impl.replication.partition_map import after_split
from ddbproof.reference_impl.replication.splitting import Splitting

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.replica import Replica
    from ddbproof.reference_impl.replication.state import GroupState

Answer = Callable[[messages.Reply], None]
_NEAR = 50


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


class Leading:
    """An office, from an election to its end."""

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
        self._promises = {promised.sender: promised for promised in promises}
        self._waiting: deque[tuple[int, Callable[[bool], None]]] = deque()
        self._newest: dict[bytes, int] = {}
        self._beat_at = now
        self._handing_over = False
        self.split = Splitting(self)

    # -- the beginning and the end ------------------------------------------------------------------------

    def begin(self) -> None:
        """Bring the others into the epoch."""
        replica, state = self.replica, self.state
        while state.applied < len(replica.log):
            entry = replica.log[state.applied]
            if isinstance(entry, Write):
                self._newest[entry.change.key] = state.applied + 1
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

    # -- clients ------------------------------------------------------------------------------------------

    def serve(self, request: messages.Request, answer: Answer) -> None:
        """Answer a client's request, now or later."""
        replica, state = self.replica, self.state
        now = replica.environment.now_milliseconds()
        operation = request.operation
        if not operation.strong and state.affairs.serves:
            image = state.committed_image(operation.key)  # needs no lease: any replica may answer it
            answer(self._reply(request, "ok", None if image is None else image.item))
            return
        if not lease.may_serve(self.lease, now):
            answer(self._reply(request, "refused"))
            return
        if not state.affairs.serves:
            answer(self._reply(request, "refused", moved=True))
            return
        image = state.fold.items.get(operation.key)
        item = None if image is None else image.item
        shown = max(self.leader.base, self._newest.get(operation.key, 0))
        if operation.kind == "split":
            self._split_in_map(request, answer, item)
        elif operation.kind == "read":
            replica.environment.served(replica.group, self.leader.epoch)
            self._when(shown, request, answer, "ok", item, lost="refused")
        elif request.request in state.answered:
            self._when(self.leader.length, request, answer, "repeated", None, lost="unknown")
        elif operation.kind == "cas" and item != operation.expected:
            self._when(shown, request, answer, "failed", item, lost="refused")
        else:
            self._change(request, answer, item, None if operation.kind == "delete" else operation.item)

    def _split_in_map(self, request: messages.Request, answer: Answer, item: bytes | None) -> None:
        """A split told twice changes the map once."""
        told = request.operation.item
        if item is None or told is None:
            answer(self._reply(request, "refused"))
            return
        changed = after_split(item, told)
        if changed == item:
            self._when(self.leader.length, request, answer, "ok", item, lost="unknown")
        else:
            self._change(request, answer, item, changed)

    def _change(
        self, request: messages.Request, answer: Answer, before: bytes | None, item: bytes | None
    ) -> None:
        key = request.operation.key
        stored, wall = self.state.fold.version_of(key), self.replica.environment.wall_milliseconds()
        version = (
            versions.first_version(wall, 0) if stored is None else versions.next_version(stored, wall, 0)
        )
        change = Change(key, item, 0 if item is None else len(item), version, wall)
        self.append(Write(request.request, change))
        self._newest[key] = self.leader.length
        self._when(self.leader.length, request, answer, "ok", before, lost="unknown")

    def _when(
        self,
        length: int,
        request: messages.Request,
        answer: Answer,
        outcome: str,
        item: bytes | None,
        *,
        lost: str,
    ) -> None:
        def then(committed: bool) -> None:
            answer(self._reply(request, outcome, item) if committed else self._reply(request, lost))

        self.when_committed(length, then)

    def when_committed(self, length: int, then: Callable[[bool], None]) -> None:
        """Call `then(True)` when so many entries are committed, or `then(False)` when the office ends before."""
        if self.leader.committed >= length:
            then(True)
        else:
            self._waiting.append((length, then))

    def _reply(
        self, request: messages.Request, outcome: str, item: bytes | None = None, *, moved: bool = False
    ) -> messages.Reply:
        replica = self.replica
        return messages.Reply(
            replica.group,
            replica.identity,
            replica.environment.node,
            request.request,
            outcome,
            item,
            replica.leader_node,
            moved,
        )

    # -- the log ------------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Append an entry, and send it to the others."""
        replica, log = self.replica, self.replica.log
        index, epoch = self.leader.length, self.leader.epoch
        self.leader, _ = replication.write(self.leader, log, entry)
        replica.environment.record(replica.group, "write", {"epoch": epoch, "index": index}, entry)
        record, _ = replication.on_append(replica.record, log, epoch, index, entry, self.leader.committed)
        replica.append_made(record, epoch, index, entry, self.leader.committed)
        self.state.apply(entry, committed=False)
        for follower in self._others():
            if follower.synchronized and follower.sent == index:
                self._send(follower, index)
        replica.save(self._acknowledge_own)

    def receive(self, message: messages.Acknowledged | messages.Granted) -> None:
        """An answer of a member, or of the replica that is to become one."""
        follower = self.followers.get(message.sender)
        if follower is None:
            if self.joiner is None or message.sender != self.joiner.member.identity:
                return
            follower = self.joiner
        follower.heard_at = self.replica.environment.now_milliseconds()
        follower.applied = max(follower.applied, message.applied)
        if isinstance(message, messages.Granted):
            self._on_granted(follower, message)
        else:
            self._on_acknowledged(follower, message.answer)

    def _on_granted(self, follower: Follower, message: messages.Granted) -> None:
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
        elif record.length < self.leader.length and record.length <= follower.reached:
            self._send(follower, record.length)  # nothing has come since the last answer: it was lost
        follower.reached = record.length

    def _on_acknowledged(self, follower: Follower, answer: replication.Acknowledgement) -> None:
        if answer.epoch != self.leader.epoch:
            return
        place = self.places.get(follower.member.identity)
        follower.reached = max(follower.reached, answer.length)
        follower.synchronized = True
        if place is not None:
            before = self.leader.committed
            self.leader = replication.on_acknowledgement(self.leader, place, answer)
            if self.leader.committed > before:
                self._committed()
        if follower.sent < self.leader.length:
            self._send(follower, max(follower.sent, answer.length))

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
        replica = self.replica
        if replica.leading is self:
            replica.acknowledge(self.leader.epoch, self.number, replica.environment.node)

    def _send(self, follower: Follower, index: int) -> None:
        replica = self.replica
        if index < replica.log.start:
            self._synchronize(follower, index)
            return
        entries = tuple(replica.log.between(index, self.leader.length))
        follower.sent = self.leader.length
        replica.environment.send(
            follower.member.node,
            messages.Append(
                replica.group,
                replica.identity,
                replica.environment.node,
                self.leader.epoch,
                self.number,
                index,
                entries,
                self.leader.committed,
            ),
        )

    def _synchronize(
        self, follower: Follower, committed: int, *, start: int | None = None, full: bool = True
    ) -> None:
        """Send a follower the log from what it knows to be committed; all there is, if that is trimmed."""
        replica, log = self.replica, self.replica.log
        affairs, snapshot = None, None
        since = max(committed, start or 0)
        if since < log.start or (not full and committed <= log.start):
            since = log.start
            if full:
                snapshot = replica.committed_snapshot()
                assert snapshot is not None  # who leads has items
                since = snapshot.position
            else:
                affairs = replica.start_affairs
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
            ),
        )

    def _others(self) -> list[Follower]:
        mine = self.replica.identity
        others = [it for it in self.followers.values() if it.member.identity != mine]
        return others if self.joiner is None else [*others, self.joiner]

    # -- as time passes -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Renew the lease, and look after the group."""
        now = self.replica.environment.now_milliseconds()
        if now - self._beat_at >= self.replica.environment.timing.heartbeat_milliseconds:
            self._beat()
            if self.leader.committed >= self.leader.base:
                self._look_after(now)
        if self.leader.committed >= self.leader.base:
            self.split.tick()

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
        for follower in self._others():
            environment.send(follower.member.node, message)

    def _look_after(self, now: int) -> None:
        """Go on with a member's replacement, heal, trim; one thing at a time."""
        affairs = self.state.affairs
        if not lease.may_serve(self.lease, now) or self._handing_over:
            return
        if affairs.group.changing:
            if self.number > affairs.group.number:
                self._finish_change()
            else:
                self._hand_over()
        elif self.joiner is not None:
            self._begin_change(now)
        elif not self._heal():
            self._raise_floor()
            self._replace_silent(now)

    def _replace_silent(self, now: int) -> None:
        timing = self.replica.environment.timing
        for follower in self._others():
            others = [it for it in self.followers.values() if it is not follower]
            floor = self.state.affairs.group.floor
            if now - follower.heard_at > timing.silence_milliseconds and all(
                it.full and it.applied >= floor for it in others
            ):
                node = self.replica.environment.spare_node(
                    follower.member.node, [it.member.node for it in self.followers.values()]
                )
                if node is None:
                    return
                joiner = Member(self.replica.environment.new_identity(), node)
                self.joiner = Follower(joiner, now)
                self._leaver = follower.member.identity
                self._invite(joiner)
                return

    def _invite(self, joiner: Member) -> None:
        replica = self.replica
        replica.environment.send(
            joiner.node,
            messages.Join(
                replica.group,
                replica.identity,
                replica.environment.node,
                joiner.identity,
                replica.start_affairs,
                replica.log.start,
                self.number,
                tuple(self.places),
            ),
        )

    def _begin_change(self, now: int) -> None:
        joiner = self.joiner
        assert joiner is not None
        if now - joiner.heard_at > self.replica.environment.timing.silence_milliseconds:
            self.joiner = None
        elif joiner.reached < 0:
            self._invite(joiner.member)
        elif joiner.synchronized and joiner.reached >= self.leader.length - _NEAR:
            self.append(ChangeBegun(self._leaver, joiner.member))

    def _hand_over(self) -> None:
        """The change is decided: lay down the office, and be elected into the next configuration."""
        self._handing_over = True
        self.when_committed(self.leader.length, self._resign)

    def _resign(self, committed: bool) -> None:
        replica = self.replica
        if not committed or replica.leading is not self:
            return
        self.tell_stepped_down()
        replica.environment.after(replica.environment.timing.tick_milliseconds, self._stand_again)

    def tell_stepped_down(self) -> None:
        """Serve no more, and tell all members, so that nobody waits for the lease to run out."""
        replica, affairs = self.replica, self.state.affairs
        self.lease = lease.step_down(self.lease)
        message = messages.SteppedDown(
            replica.group, replica.identity, replica.environment.node, self.leader.epoch
        )
        for node in {it.node for it in (*affairs.members, *affairs.next_members)}:
            replica.environment.send(node, message)

    def _stand_again(self) -> None:
        replica = self.replica
        if replica.leading is self:
            replica.stop_leading()
            replica.election.take_over(replica.latest_affairs())

    def _finish_change(self) -> None:
        leaver = self.state.affairs.group.leaver
        node = next(it.node for it in self.state.affairs.members if it.identity == leaver)
        self.append(ChangeFinished())
        replica = self.replica
        retire = messages.Retire(replica.group, replica.identity, replica.environment.node, leaver)

        def tell(committed: bool) -> None:
            if committed:
                replica.environment.send(node, retire)

        self.when_committed(self.leader.length, tell)

    def _heal(self) -> bool:
        """Send a log replica its items. True if there is one."""
        replica = self.replica
        for follower in self.followers.values():
            if follower.synchronized and not follower.full:
                snapshot = replica.committed_snapshot()
                assert snapshot is not None  # who leads has items
                replica.environment.send(
                    follower.member.node,
                    messages.Heal(
                        replica.group, replica.identity, replica.environment.node, self.leader.epoch, snapshot
                    ),
                )
                return True
        return False

    def _raise_floor(self) -> None:
        """Let logs be trimmed to what two members have in their items, and all who are heard need no more."""
        kept = self.replica.environment.timing.kept_entries
        applied = sorted(it.applied for it in self.followers.values() if it.full)
        if len(applied) < 2:
            return
        floor = min(applied[-2], self.leader.committed - kept)
        if floor >= self.state.affairs.group.floor + kept // 2:
            self.append(FloorRaised(floor))
