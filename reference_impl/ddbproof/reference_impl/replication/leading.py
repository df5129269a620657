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

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, replication, versions
from ddbproof.reference_impl.replication import messages, transacting
from ddbproof.reference_impl.replication.archiving import Archiving
from ddbproof.reference_impl.replication.copying import Copying
from ddbproof.reference_impl.replication.entries import (
    Change,
    ChangeBegun,
    ChangeFinished,
    FloorRaised,
    Member,
    Members,
    Settled,
    Write,
)
from ddbproof.reference_impl.replication.founding import Founding
from ddbproof.reference_impl.replication.map_change import MapChange
from ddbproof.reference_impl.replication.merging import Merging
from ddbproof.reference_impl.replication.office import Follower, Office
from ddbproof.reference_impl.replication.partition_map import after_merge, after_split
from ddbproof.reference_impl.replication.splitting import Splitting

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.replica import Replica

Answer = Callable[[messages.Reply], None]
_NEAR = 50
_MAP_CHANGES = {"split": after_split, "merge": after_merge}


class Leading(Office):
    """A leader.

    `split` and `merge` are what it does for those, with `founding`, `copying` and `map_change`; `archiving` what it
    does for the archive.
    """

    def __init__(
        self,
        replica: Replica,
        leader: replication.Leader,
        number: int,
        members: Members,
        promises: Sequence[messages.Promised],
    ) -> None:
        super().__init__(replica, leader, number, members, promises)
        self.split = Splitting(self)
        self.merge = Merging(self)
        self.founding = Founding(self)
        self.copying = Copying(self)
        self.map_change = MapChange(self)
        self.archiving = Archiving(self)

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
        shown = self.shown(operation.key)
        if operation.kind in _MAP_CHANGES:
            self._change_map(request, answer, item)
        elif operation.kind == "read":
            replica.environment.served(replica.group, self.leader.epoch)
            self._when(shown, request, answer, "ok", item, lost="refused")
        elif request.request in state.answered:
            self._when(self.leader.length, request, answer, "repeated", None, lost="unknown")
        elif operation.kind == "cas" and item != operation.expected:
            self._when(shown, request, answer, "failed", item, lost="refused")
        else:
            self._change(request, answer, item, None if operation.kind == "delete" else operation.item)

    def _change_map(self, request: messages.Request, answer: Answer, item: bytes | None) -> None:
        """A split or merge told twice changes the map once."""
        told = request.operation.item
        if item is None or told is None:
            answer(self._reply(request, "refused"))
            return
        changed = _MAP_CHANGES[request.operation.kind](item, told)
        if changed == item:
            self._when(self.leader.length, request, answer, "ok", item, lost="unknown")
        else:
            self._change(request, answer, item, changed)

    def _change(
        self, request: messages.Request, answer: Answer, before: bytes | None, item: bytes | None
    ) -> None:
        change = self.change(request.operation.key, item, 0 if item is None else len(item))
        self.write(request.request, change)
        self._when(self.leader.length, request, answer, "ok", before, lost="unknown")

    # -- changes of items -----------------------------------------------------------------------------------

    def change(
        self,
        key: bytes,
        item: bytes | None,
        size_bytes: int,
        region_number: int = 0,
        *,
        expired: bool = False,
    ) -> Change:
        """The next change of an item, later than the newest one that there is. `item` is None for a deletion.

        Raises NotAllowed while a transaction holds the item.
        """
        state, wall = self.state, self.replica.environment.wall_milliseconds()
        stored = state.fold.version_of(key)
        if key in state.pending or key in state.checked:
            version = transacting.version_after_checks(state, key, wall, region_number)
        elif stored is None:
            version = versions.first_version(wall, region_number)
        else:
            version = versions.next_version(stored, wall, region_number)
        return Change(key, item, size_bytes, version, wall, expired)

    def write(self, request: int, change: Change) -> None:
        """Append a change of an item; it is done once all of the log is committed (`when_committed`)."""
        self.append(Write(request, change))
        self._newest[change.key] = self.leader.length

    def settle(self, settled: Settled) -> None:
        """Append the end of a transaction's hold on an item."""
        self.append(settled)
        if settled.change is not None:
            self._newest[settled.key] = self.leader.length

    def shown(self, key: bytes) -> int:
        """So much of the log an answer about an item shows: to be committed before it is given."""
        return max(self.leader.base, self._newest.get(key, 0))

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

    def _go_on(self, now: int) -> None:
        """See `Office`."""
        self.copying.tick()
        self.split.tick()
        self.merge.tick()
        self.archiving.tick(now)

    # -- splits and merges ----------------------------------------------------------------------------------

    def may_go_over(self) -> bool:
        """True if a split or merge of this partition may begin: it serves, and nothing else is under way."""
        affairs = self.state.affairs
        under_way = affairs.parent is not None or affairs.group.changing or self.founding.groups
        return affairs.serves and not under_way

    def close_when_near(self) -> None:
        """Close this partition, which is on its way to others, if that can be."""
        if self.state.affairs.merge is None:
            self.split.close_when_near()
        else:
            self.merge.close_when_near()

    def receive(self, message: messages.GoingOver) -> None:
        """Something of a split or merge has come."""
        if isinstance(message, messages.Founded):
            self.founding.receive(message)
        elif isinstance(message, messages.Pull):
            self.copying.on_pull(message)
        elif isinstance(message, messages.Pulled):
            self.copying.on_pulled(message)
        else:
            self.merge.receive(message)

    # -- members --------------------------------------------------------------------------------------------

    def _look_after(self, now: int) -> None:
        """Go on with a member's replacement, heal, trim; one thing at a time."""
        affairs = self.state.affairs
        if not lease.may_serve(self.lease, now) or self._handing_over:
            return
        if affairs.group.changing:
            if self.number > affairs.group.number:
                self._finish_change()
            else:
                self._hand_over(now)
        elif self.joiner is not None:
            self._begin_change(now)
        elif not self._heal():
            self._raise_floor()
            self._replace_silent(now)

    def _replace_silent(self, now: int) -> None:
        timing = self.replica.environment.timing
        for follower in self._others:
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
                self._let_join(Follower(joiner, now))
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
                replica.log.digest(replica.log.start),
                self.number,
                tuple(self.places),
            ),
        )

    def _begin_change(self, now: int) -> None:
        joiner = self.joiner
        assert joiner is not None
        if now - joiner.heard_at > self.replica.environment.timing.silence_milliseconds:
            self._let_join(None)
        elif joiner.reached < 0:
            self._invite(joiner.member)
        elif joiner.synchronized and joiner.reached >= self.leader.length - _NEAR:
            self.append(ChangeBegun(self._leaver, joiner.member))

    def _hand_over(self, now: int) -> None:
        """The change is decided: lay down the office, and be elected into the next configuration, if two of it are there."""
        affairs = self.state.affairs
        if self.joiner is None and affairs.joiner is not None:
            self._let_join(Follower(affairs.joiner, now))
        there = {
            it.member for it in (*self._others, self.followers[self.replica.identity]) if self._follows(it)
        }
        if not lease.is_quorum(sum(member in there for member in affairs.next_members)):
            return
        self._handing_over = True
        self.when_committed(self.leader.length, self._resign)

    def _follows(self, follower: Follower) -> bool:
        """True if a member has lately been heard, and is in the epoch."""
        silent = self.replica.environment.now_milliseconds() - follower.heard_at
        return follower.synchronized and silent <= self.replica.environment.timing.terms.duration_milliseconds

    def _resign(self, committed: bool) -> None:
        replica = self.replica
        if not committed or replica.leading is not self:
            return
        self.tell_stepped_down()
        replica.environment.after(replica.environment.timing.tick_milliseconds, self._stand_again)

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
        retire = messages.Retire(
            replica.group, replica.identity, replica.environment.node, leaver, self.number
        )

        def tell(committed: bool) -> None:
            if committed:
                replica.environment.send(node, retire)

        self.when_committed(self.leader.length, tell)

    def _heal(self) -> bool:
        """Send a log replica its items. True if there is one that is heard."""
        replica, environment = self.replica, self.replica.environment
        since = environment.now_milliseconds() - environment.timing.silence_milliseconds
        for follower in self.followers.values():
            if follower.heard_at >= since and follower.synchronized and not follower.full:
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
        """Let logs be trimmed to what two members have in their items and the archive has, but for some entries."""
        kept = self.replica.environment.timing.kept_entries
        applied = sorted(it.applied for it in self.followers.values() if it.full)
        if len(applied) < 2:
            return
        floor = min(applied[-2], self.archiving.archived, self.leader.committed - kept)
        if floor >= self.state.affairs.group.floor + kept // 2:
            self.append(FloorRaised(floor))
