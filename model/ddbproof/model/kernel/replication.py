"""A replication group: one log on three replicas, a leader for each epoch, and acknowledgement by two of three.

Sources: REP-02 and REP-03 (a write is acknowledged when two of the three replicas have it on their disks), REP-05
(Multi-Paxos with a leader), REP-07 (losing one replica loses nothing acknowledged). AWS published no protocol;
this one is ours, in the manner of Viewstamped Replication: an epoch's leader takes the best log of two replicas and
makes it the log of its epoch.

A replica that promises an epoch takes nothing of an earlier one any more. Its promise tells what it holds, read from
its disk, where the promise stands too. Of two promises the leader takes the log with the later epoch, and of
the same epoch the longer one: all that can have been acknowledged is in it. A replica comes into the epoch by
*synchronizing*: its log is replaced, in one write, by the first entries of the leader's, at least as many as the
leader began with. Then it appends entry by entry. Acknowledgements count entries on the disk, too, and only of the
leader's own epoch; how far two of three have come is committed.

Epochs have one leader each: `lease` sees to that, and to when it may serve reads. A replica applies entries up to
`committed`, which rides along with the entries and may be behind. A log is a handle beside the record (`logs`).
Trimming and log replicas are not in here; see `membership` for replicas that come and go.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.logs import Log
from ddbproof.model.kernel.refusal import require

EntryT = TypeVar("EntryT")


class Replica(msgspec.Struct, frozen=True, gc=False):
    """A replica: the epoch it has promised, the epoch of its log, entries in it, and how many it may apply."""

    promised: int
    accepted: int
    length: int
    committed: int


class Promise(msgspec.Struct, frozen=True, gc=False):
    """A replica's promise of `epoch`: it holds so many entries, of the log of the epoch `accepted`."""

    epoch: int
    accepted: int
    length: int


class Acknowledgement(msgspec.Struct, frozen=True, gc=False):
    """A replica has so many entries of the epoch's log on its disk."""

    epoch: int
    length: int


class Leader(msgspec.Struct, frozen=True, gc=False):
    """An epoch's leader: entries it began with and has now, how many each replica acknowledged, and two of three."""

    epoch: int
    base: int
    length: int
    first: int
    second: int
    third: int
    committed: int


NEW_REPLICA = Replica(0, 0, 0, 0)
FIRST_LEADER = Leader(0, 0, 0, 0, 0, 0, 0)


# The replica.


def prepare(replica: Replica, epoch: int) -> Replica:
    """Promise an epoch; once that is on the disk, `promise` is the answer. NotAllowed unless it is a later one."""
    require(epoch > replica.promised)
    return Replica(epoch, replica.accepted, replica.length, replica.committed)


def promise(saved: Replica) -> Promise:
    """What a replica answers, by what is on its disk. NotAllowed if its log is of the promised epoch already."""
    require(saved.accepted < saved.promised)
    return Promise(saved.promised, saved.accepted, saved.length)


def on_synchronize(replica: Replica, epoch: int, length: int) -> Replica:
    """Replace the log by the first `length` entries of the epoch's; log and record get onto the disk together.

    Raises NotAllowed if a later epoch is promised, and if the replica has as much of this epoch's log.
    """
    require(epoch >= replica.promised)
    if epoch == replica.accepted:
        require(length > replica.length)
    return Replica(epoch, epoch, length, replica.committed)


def on_append(
    replica: Replica, log: Log[EntryT], epoch: int, index: int, entry: EntryT, committed: int
) -> tuple[Replica, Log[EntryT]]:
    """Append the entry at an index of the epoch's log; `committed` is what its leader knows to be committed.

    Raises NotAllowed if a later epoch is promised, or the replica's log is of another one or not that long.
    """
    require(epoch >= replica.promised)
    require(epoch == replica.accepted)
    require(index == replica.length)
    reached = instants.higher(replica.committed, instants.lower(committed, index + 1))
    return Replica(replica.promised, replica.accepted, index + 1, reached), log.put(index, entry)


def on_commit(replica: Replica, epoch: int, committed: int) -> Replica:
    """Learn what is committed without an entry. NotAllowed if the replica's log is of another epoch."""
    require(epoch == replica.accepted)
    reached = instants.higher(replica.committed, instants.lower(committed, replica.length))
    return Replica(replica.promised, replica.accepted, replica.length, reached)


def acknowledgement(saved: Replica) -> Acknowledgement:
    """What a replica tells the leader of its log's epoch, by what is on its disk."""
    return Acknowledgement(saved.accepted, saved.length)


# The leader.


def is_newer(one: Promise, other: Promise) -> bool:
    """True if the one's log is to be taken rather than the other's: a later epoch, then the longer one."""
    if one.accepted == other.accepted:
        return one.length > other.length
    return one.accepted > other.accepted


def start(one: Promise, other: Promise) -> Leader:
    """The leader that two promises of an epoch make, with the log of the newer one. NotAllowed for two epochs."""
    require(one.epoch == other.epoch)
    length = other.length
    if is_newer(one, other):
        length = one.length
    return Leader(one.epoch, length, length, 0, 0, 0, 0)


def write(leader: Leader, log: Log[EntryT], entry: EntryT) -> tuple[Leader, Log[EntryT]]:
    """Append a client's write to the epoch's log. It is not committed by that."""
    longer = msgspec.structs.replace(leader, length=leader.length + 1)
    return longer, log.put(leader.length, entry)


def may_synchronize(leader: Leader, length: int) -> bool:
    """True if the leader may send that many entries as a whole log: none that it began with may be missing."""
    return leader.base <= length <= leader.length


def on_acknowledgement(leader: Leader, replica: int, answer: Acknowledgement) -> Leader:
    """A replica (0, 1 or 2) has entries on its disk; answers may come late, twice and in any order.

    Raises NotAllowed for an answer to another epoch's leader.
    """
    require(answer.epoch == leader.epoch)
    first, second, third = leader.first, leader.second, leader.third
    if replica == 0:
        first = instants.higher(first, answer.length)
    elif replica == 1:
        second = instants.higher(second, answer.length)
    else:
        third = instants.higher(third, answer.length)
    reached = instants.higher(leader.committed, on_two_of_three(first, second, third))
    return Leader(leader.epoch, leader.base, leader.length, first, second, third, reached)


def on_two_of_three(first: int, second: int, third: int) -> int:
    """How many entries two of the three replicas have: the middle one of three numbers."""
    low = instants.lower(first, second)
    high = instants.higher(first, second)
    return instants.higher(low, instants.lower(high, third))
