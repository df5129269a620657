"""How a replica becomes the leader of its group.

Whoever hears no leader asks the others first whether they do (REP-13): an election is called only when two of three
hear none. Then it asks for promises of a new epoch. Two of three are needed; while a member is being replaced, two of
the old members and two of the new ones, since the candidate cannot know how far the change has got. Of what they
hold the newest log is taken. What a candidate learns from others of the group's members makes it begin again with that.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.replication import messages

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.entries import Member
    from ddbproof.reference_impl.replication.replica import Replica
    from ddbproof.reference_impl.replication.state import Affairs


class Election:
    """A replica's attempts to lead, one at a time."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._candidacy = 0
        self._affairs: Affairs | None = None
        self._epoch = 0
        self._agreed: set[int] = set()
        self._promised: dict[int, messages.Promised] = {}
        self._called = False
        self._highest = 0
        self._next_at = replica.environment.now_milliseconds() + self._patience()

    def tick(self) -> None:
        """Begin an attempt if no leader has been heard for long enough."""
        replica = self._replica
        now = replica.environment.now_milliseconds()
        if now < self._next_at or lease.hears_leader(replica.granted, now):
            return
        self._begin(self._affairs or replica.latest_affairs())

    def hears(self, message: messages.Heartbeat | messages.Append) -> None:
        """A leader lives, and its epoch is not behind this replica's promise."""
        replica = self._replica
        replica.leader_node = message.node
        # Counted from the end of the lease: two that waited for it would call elections at the same moment.
        self._next_at = replica.granted.until_milliseconds + self._patience()
        self._affairs, self._called = None, False

    def yields(self) -> None:
        """This replica has promised somebody else an epoch: it does not get in the way with an election of its own."""
        self._affairs, self._called = None, False
        self._next_at = self._replica.environment.now_milliseconds() + 2 * self._patience()

    def hurry(self) -> None:
        """The leader has stepped down: try as soon as chance allows."""
        self._next_at = self._replica.environment.now_milliseconds() + self._patience()

    def take_over(self, affairs: Affairs) -> None:
        """Call an election at once: this replica has led until now, and leads the group into its next configuration."""
        self._begin(affairs)
        if self._affairs is not None:
            self._call()

    def refused(self, message: messages.Refused) -> None:
        """Somebody has promised more."""
        self._highest = max(self._highest, message.epoch)

    def receive(self, message: messages.Agree | messages.Promised) -> None:
        """An answer to this attempt, or to one before."""
        if isinstance(message, messages.Promised):
            self._on_promised(message)
        elif message.candidacy == self._candidacy and not self._called and self._affairs is not None:
            self._highest = max(self._highest, message.epoch)
            self._agreed.add(message.sender)
            if self._have_enough(self._agreed):
                self._call()

    def _begin(self, affairs: Affairs) -> None:
        """Begin an attempt. A log replica cannot lead; it asks nevertheless: who is no member will be told so."""
        self._candidacy += 1
        replica = self._replica
        will_be_member = any(member.identity == replica.identity for member in affairs.next_members)
        self._affairs = affairs if will_be_member and replica.state is not None else None
        self._called = False
        self._agreed, self._promised = set(), {}
        self._next_at = replica.environment.now_milliseconds() + 2 * self._patience()
        ask = messages.Ask(
            replica.group, replica.identity, replica.environment.node, self._candidacy, replica.number
        )
        for member in _all(affairs):
            replica.environment.send(member.node, ask)

    def _call(self) -> None:
        replica, affairs = self._replica, self._affairs
        assert affairs is not None
        self._called = True
        known = max(replica.record.promised, replica.granted.promised_epoch, self._epoch, self._highest)
        self._epoch = known + 1
        prepare = messages.Prepare(
            replica.group,
            replica.identity,
            replica.environment.node,
            self._epoch,
            affairs.group.number + affairs.group.changing,
            replica.record.committed,
        )
        for member in _all(affairs):
            replica.environment.send(member.node, prepare)

    def _on_promised(self, message: messages.Promised) -> None:
        affairs = self._affairs
        if not self._called or affairs is None or message.promise.epoch != self._epoch:
            return
        if _is_newer(message.affairs, affairs):
            self._begin(message.affairs)
            return
        self._promised[message.sender] = message
        if self._have_enough(self._promised):
            self._start()

    def _start(self) -> None:
        from ddbproof.reference_impl.replication.leading import Leading

        replica, affairs = self._replica, self._affairs
        assert affairs is not None
        promises = list(self._promised.values())
        best = promises[0]
        for other in promises[1:]:
            if replication.is_newer(other.promise, best.promise):
                best = other
        held_elsewhere = best.sender != replica.identity
        if replica.state is None or (held_elsewhere and best.start > replica.record.committed):
            return  # what lies between is trimmed: somebody else has to lead, and to heal this replica
        if not held_elsewhere and replica.record.length != best.promise.length:
            return
        other = next(it for it in promises if it is not best)
        leader = replication.start(best.promise, other.promise)
        try:
            record = replication.on_synchronize(replica.record, leader.epoch, leader.length)
        except NotAllowed:
            return
        self._called = False
        replica.environment.record(
            replica.group, "start", {"epoch": leader.epoch, "by": [best.sender, other.sender]}, leader
        )
        start = max(best.start, replica.log.start)
        entries = best.entries[start - best.start :]
        if not held_elsewhere:
            start = replica.record.committed
            entries = tuple(replica.log.between(start, leader.length))
        replica.replace_log(record, start, entries)
        members = affairs.next_members if affairs.group.changing else affairs.members
        replica.leading = Leading(
            replica, leader, affairs.group.number + affairs.group.changing, members, promises
        )
        replica.leading.begin()

    def _have_enough(self, given: Collection[int]) -> bool:
        assert self._affairs is not None
        return all(
            lease.is_quorum(sum(member.identity in given for member in members))
            for members in (self._affairs.members, self._affairs.next_members)
        )

    def _patience(self) -> int:
        environment = self._replica.environment
        return environment.random.randint(1, environment.timing.patience_milliseconds)


def _all(affairs: Affairs) -> Collection[Member]:
    """The members, and the one that is to become one."""
    return {it.identity: it for it in (*affairs.members, *affairs.next_members)}.values()


def _is_newer(one: Affairs, other: Affairs) -> bool:
    """True if one knows more of the group's members than the other."""
    mine, theirs = one.group, other.group
    return (mine.number, mine.changing) > (theirs.number, theirs.changing)
