"""How a replica becomes the leader of its group.

Whoever hears no leader asks the others first whether they do (REP-13): an election is called only when two of three
hear none. Then it asks for promises of a new epoch, its own among them, which keeps it from asking for the same epoch
again after a restart. Two of three are needed, and of what they hold the newest log is taken. What a candidate
learns from others of the group's members makes it begin again with that.

An election is for a numbered configuration. The next one is asked for only when its change is known to be committed, or
somebody has promised it already: until then the change may come to nothing, and the number would stand for two
different ones. Then two of the old members and two of the new ones are needed. Who the members are, the newest log that
was promised says, and no other: it is the one that holds the change that was decided.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, replication
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Member

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.affairs import Affairs
    from ddbproof.reference_impl.replication.entries import Members
    from ddbproof.reference_impl.replication.replica import Replica


class Election:
    """A replica's attempts to lead, one at a time."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._candidacy = 0
        self._affairs: Affairs | None = None
        self._newest: Affairs | None = None
        self._known: dict[int, Member] = {}
        self._epoch = 0
        self._agreed: set[int] = set()
        self._promised: dict[int, messages.Promised] = {}
        self._called = False
        self._highest = 0
        self._number = 0
        self._highest_number = 0
        self._wait = self._patience()
        self._next_at = replica.environment.now_milliseconds() + self._wait

    def tick(self) -> None:
        """Begin an attempt if no leader has been heard for long enough."""
        replica = self._replica
        now = replica.environment.now_milliseconds()
        if now < self._next_at or lease.hears_leader(replica.granted, now):
            return
        latest = replica.latest_affairs()
        newest = self._newest
        self._begin(newest if newest is not None and _is_newer(newest, latest) else latest)

    def hears(self, message: messages.Heartbeat | messages.Append) -> None:
        """A leader lives, and its epoch is not behind this replica's promise."""
        replica = self._replica
        replica.leader_node = message.node
        # Counted from the end of the lease: two that waited for it would call elections at the same moment.
        self._next_at = replica.granted.until_milliseconds + self._wait
        if self._newest is not None or self._known:
            self._wait = self._patience()
            self._affairs, self._newest, self._called = None, None, False
            self._known.clear()

    def yields(self) -> None:
        """This replica has promised somebody else an epoch: it does not get in the way with an election of its own."""
        self._affairs, self._called = None, False
        self._next_at = self._replica.environment.now_milliseconds() + 2 * self._patience()

    def asked(self, message: messages.Ask) -> None:
        """Somebody else tries as well, and has been agreed with: of two who try at once the lower identity goes first."""
        trying = self._affairs is not None and not self._called
        if trying and message.sender < self._replica.identity:
            self.yields()

    def hurry(self) -> None:
        """The leader has stepped down: try as soon as chance allows."""
        self._next_at = self._replica.environment.now_milliseconds() + self._patience()

    def met(self, message: messages.Ask) -> None:
        """Somebody is in a configuration that this replica knows nothing of: it may know who else is."""
        self._highest_number = max(self._highest_number, message.number)
        self._known[message.sender] = Member(message.sender, message.node)

    def take_over(self, affairs: Affairs) -> None:
        """Call an election at once: this replica has led until now, and leads the group into its next configuration."""
        self._begin(affairs)
        if self._affairs is not None:
            self._call()

    def refused(self, message: messages.Refused) -> None:
        """Somebody has promised more."""
        self._highest = max(self._highest, message.epoch)
        self._highest_number = max(self._highest_number, message.number)

    def receive(self, message: messages.Agree | messages.Promised) -> None:
        """An answer to this attempt, or to one before."""
        if isinstance(message, messages.Promised):
            self._on_promised(message)
        elif message.candidacy == self._candidacy and not self._called and self._affairs is not None:
            self._highest = max(self._highest, message.epoch)
            self._agreed.add(message.sender)
            quorums = _quorums(self._affairs, self._configuration(self._affairs))
            if lease.is_quorum(len(self._agreed)) and _have_enough(self._agreed, quorums):
                self._call()

    def _begin(self, affairs: Affairs) -> None:
        """Begin an attempt. A log replica cannot lead; it asks nevertheless: who is no member will be told so."""
        self._candidacy += 1
        replica = self._replica
        number = self._configuration(affairs)
        members = (_quorums(affairs, number) or (affairs.next_members,))[-1]
        is_member = any(member.identity == replica.identity for member in members)
        self._affairs = affairs if is_member and replica.state is not None else None
        self._newest = affairs
        self._known.update((it.identity, it) for it in _all(affairs))
        self._called = False
        self._agreed, self._promised = set(), {}
        # Asking costs nothing, and whoever still hears the leader may hear it no more a moment later.
        self._next_at = replica.environment.now_milliseconds() + self._patience()
        ask = messages.Ask(
            replica.group, replica.identity, replica.environment.node, self._candidacy, replica.number
        )
        for member in self._known.values():
            replica.environment.send(member.node, ask)

    def _call(self) -> None:
        replica, affairs = self._replica, self._affairs
        assert affairs is not None
        self._called = True
        self._next_at = replica.environment.now_milliseconds() + 2 * self._patience()
        known = max(replica.record.promised, replica.granted.promised_epoch, self._epoch, self._highest)
        self._epoch = known + 1
        self._number = self._configuration(affairs)
        prepare = messages.Prepare(
            replica.group,
            replica.identity,
            replica.environment.node,
            self._epoch,
            self._number,
            replica.settled,
        )
        for member in self._known.values():
            replica.environment.send(member.node, prepare)

    def _on_promised(self, message: messages.Promised) -> None:
        affairs = self._affairs
        if not self._called or affairs is None:
            return
        if message.promise.epoch != self._epoch or message.number != self._number:
            return
        if _is_newer(message.affairs, affairs):
            self._begin(message.affairs)
            return
        if any(member.identity not in self._known for member in _all(message.affairs)):
            self._known.update((it.identity, it) for it in _all(message.affairs))
            self._begin(affairs)
            return
        self._promised[message.sender] = message
        best = message
        for other in self._promised.values():
            if replication.is_newer(other.promise, best.promise):
                best = other
        quorums = _quorums(best.affairs, self._number)
        if quorums and self._replica.identity in self._promised and _have_enough(self._promised, quorums):
            self._start(best, quorums[-1])

    def _start(self, best: messages.Promised, members: Members) -> None:
        from ddbproof.reference_impl.replication.leading import Leading

        replica, promises = self._replica, list(self._promised.values())
        if all(member.identity != replica.identity for member in members):
            return
        held_elsewhere = best.sender != replica.identity
        if replica.state is None or (held_elsewhere and best.start > replica.settled):
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
        start = max(best.start, replica.log.start)
        entries = best.entries[start - best.start :]
        if not held_elsewhere:
            start = replica.settled
            entries = tuple(replica.log.between(start, leader.length))
        replica.environment.record(
            replica.group,
            "start",
            {
                "replica": replica.identity,
                "epoch": leader.epoch,
                "asked": other.promise.epoch,
                "by": [best.sender, other.sender],
            },
            leader,
            replica.log.digest_with(start, entries),
        )
        replica.replace_log(record, start, entries)
        replica.leading = Leading(replica, leader, self._number, members, promises)
        replica.leading.begin()

    def _configuration(self, affairs: Affairs) -> int:
        """The number to be elected under: the newest that is known to be decided, or that somebody has promised."""
        replica = self._replica
        decided = replica.decided_affairs().group
        return max(
            affairs.group.number, decided.number + decided.changing, replica.number, self._highest_number
        )

    def _patience(self) -> int:
        environment = self._replica.environment
        return environment.random.randint(1, environment.timing.patience_milliseconds)


def _all(affairs: Affairs) -> Collection[Member]:
    """The members, and the one that is to become one."""
    return {it.identity: it for it in (*affairs.members, *affairs.next_members)}.values()


def _quorums(affairs: Affairs, number: int) -> Sequence[Members]:
    """Of whom two each have to promise a configuration, its own members last; of nobody, if they are not known here."""
    group = affairs.group
    if group.number == number:
        return (affairs.members,)
    if group.changing and group.number + 1 == number:
        return affairs.members, affairs.next_members
    return ()


def _have_enough(given: Collection[int], quorums: Sequence[Members]) -> bool:
    """True if there are two of each three."""
    return all(lease.is_quorum(sum(it.identity in given for it in members)) for members in quorums)


def _is_newer(one: Affairs, other: Affairs) -> bool:
    """True if one knows more of the group's members than the other."""
    mine, theirs = one.group, other.group
    return (mine.number, mine.changing) > (theirs.number, theirs.changing)
