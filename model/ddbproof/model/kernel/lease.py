"""The leader's lease: until when a leader may serve strong reads, and when a replica may help to elect another.

Sources: REP-06 (a lease that is kept renewed; a successor waits until it has run out), REP-08 (one replica may fail),
REP-10 (at most one leader in an epoch, whatever clocks do within a margin), REP-13 (who has lost touch with the leader
asks the others before it calls an election). How AWS renews, counts and releases is unpublished; what follows is ours.

A leader sends heartbeats, stamped by its clock. A replica that gets one grants it the lease: for its duration, counted
on the replica's clock from then on, it promises no other epoch. It answers with the stamp. The leader counts from
the stamp, which was before any replica granted, and stops sooner by a margin. So no two clocks are ever compared: each
only measures how long something takes, and may be set to anything. `clock_error_milliseconds` is by how much a single
reading may lie off an even clock of that process; between two readings that makes twice as much, for the leader and
for the replica, hence the margin of four. With three, the proof fails.

Three stamps are kept, the newest that each replica has answered, and the lease is counted from the middle one: two
replicas have granted that or more. A grant is kept in memory. A replica that starts again has forgotten it, and for
a whole duration promises nothing, as if it had just granted; its promised epoch is on the disk. A leader that steps
down says so, and replicas that hear it need not wait.

Which replica stores what, and that an election finds every acknowledged write, is `replication`'s part; the replica
keeps both records side by side and promises only what both allow.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

QUORUM = 2
MARGIN_ERRORS = 4


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What all replicas agree on: how long a lease is, and how far off a reading of a clock may be."""

    duration_milliseconds: int
    clock_error_milliseconds: int


class Granted(msgspec.Struct, frozen=True, gc=False):
    """A replica's side: the highest epoch it has promised or granted to, and until when its grant runs."""

    promised_epoch: int
    until_milliseconds: int


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """What a leader sends, stamped by its clock. A replica answers with the same."""

    epoch: int
    stamp_milliseconds: int


class Leader(msgspec.Struct, frozen=True, gc=False):
    """The leader's side: the newest stamp that each replica has answered, and the end of the lease on its clock."""

    epoch: int
    first_milliseconds: int
    second_milliseconds: int
    third_milliseconds: int
    until_milliseconds: int
    stepped_down: bool = False


# The replica.


def hears_leader(granted: Granted, now_milliseconds: int) -> bool:
    """True while the grant runs: then the replica agrees to no election, however it is asked."""
    return now_milliseconds < granted.until_milliseconds


def is_quorum(replicas: int) -> bool:
    """True if so many of the three replicas are enough, to call an election as well as to win it."""
    return replicas >= QUORUM


def may_promise(granted: Granted, epoch: int, now_milliseconds: int) -> bool:
    """True if the replica may promise an epoch: a higher one, and nobody counts on its grant any more."""
    return epoch > granted.promised_epoch and not hears_leader(granted, now_milliseconds)


def promise(granted: Granted, epoch: int, now_milliseconds: int) -> Granted:
    """Promise an epoch; to be durable before it is answered. Raises NotAllowed if it may not be promised."""
    require(may_promise(granted, epoch, now_milliseconds))
    return Granted(epoch, granted.until_milliseconds)


def grant(
    granted: Granted, heartbeat: Heartbeat, terms: Terms, now_milliseconds: int
) -> tuple[Granted, Heartbeat]:
    """Grant the lease to whoever sent the heartbeat; also gives the answer to it.

    An epoch that is new here has to be durable before the answer is sent. Raises NotAllowed for an epoch below what was
    promised.
    """
    require(heartbeat.epoch >= granted.promised_epoch)
    until = now_milliseconds + terms.duration_milliseconds
    return Granted(heartbeat.epoch, until), Heartbeat(heartbeat.epoch, heartbeat.stamp_milliseconds)


def released(granted: Granted, epoch: int, now_milliseconds: int) -> Granted:
    """The leader of that epoch has stepped down: nothing keeps the replica from promising another.

    Raises NotAllowed if the replica has since promised or granted to a later epoch.
    """
    require(epoch >= granted.promised_epoch)
    return Granted(granted.promised_epoch, instants.lower(granted.until_milliseconds, now_milliseconds))


def restarted(granted: Granted, terms: Terms, now_milliseconds: int) -> Granted:
    """The replica has started again and does not know what it granted: it waits as if it had granted now."""
    return Granted(granted.promised_epoch, now_milliseconds + terms.duration_milliseconds)


# The leader.


def lease_from(
    terms: Terms, first_milliseconds: int, second_milliseconds: int, third_milliseconds: int
) -> int:
    """When a lease ends on the leader's clock, by the newest stamp that each replica has answered."""
    low = instants.lower(first_milliseconds, second_milliseconds)
    high = instants.higher(first_milliseconds, second_milliseconds)
    middle = instants.higher(low, instants.lower(high, third_milliseconds))
    return middle + terms.duration_milliseconds - MARGIN_ERRORS * terms.clock_error_milliseconds


def begin(epoch: int, terms: Terms, now_milliseconds: int) -> Leader:
    """A leader that was just elected: without a lease, as if the last answers were older than one."""
    stamp = now_milliseconds - terms.duration_milliseconds
    return Leader(epoch, stamp, stamp, stamp, lease_from(terms, stamp, stamp, stamp))


def heartbeat(leader: Leader, now_milliseconds: int) -> Heartbeat:
    """What the leader sends to all replicas, its own among them. Raises NotAllowed once it has stepped down."""
    require(not leader.stepped_down)
    return Heartbeat(leader.epoch, now_milliseconds)


def acknowledged(leader: Leader, replica: int, answer: Heartbeat, terms: Terms) -> Leader:
    """A replica (0, 1 or 2) has granted; answers may come late, twice and in any order.

    Raises NotAllowed for an answer to another epoch's leader.
    """
    require(answer.epoch == leader.epoch)
    first, second, third = leader.first_milliseconds, leader.second_milliseconds, leader.third_milliseconds
    if replica == 0:
        first = instants.higher(first, answer.stamp_milliseconds)
    elif replica == 1:
        second = instants.higher(second, answer.stamp_milliseconds)
    else:
        third = instants.higher(third, answer.stamp_milliseconds)
    until = lease_from(terms, first, second, third)
    return Leader(leader.epoch, first, second, third, until, leader.stepped_down)


def may_serve(leader: Leader, now_milliseconds: int) -> bool:
    """True while the leader may answer strong reads from what it has."""
    return not leader.stepped_down and now_milliseconds < leader.until_milliseconds


def step_down(leader: Leader) -> Leader:
    """The leader serves no more, and may tell the replicas."""
    return Leader(
        leader.epoch,
        leader.first_milliseconds,
        leader.second_milliseconds,
        leader.third_milliseconds,
        leader.until_milliseconds,
        stepped_down=True,
    )
