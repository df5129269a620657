"""What clients of one Region see of a replication group: when a write or a strong read may be answered, and with what.

Sources: RC-01 (200 means stored), RC-02 and RC-06 (any replica answers an eventually consistent read, and may be behind),
RC-03 (strongly consistent reads), RC-04 (no read shows what did not succeed), RC-08 (a condition and its write are
one step), REP-05 (one leader), REP-15 (a 500 says nothing), CA-08 (what is throttled has no effect). `replication`
says what is committed, `lease` whether a leader holds the lease. How AWS answers is unpublished; what follows is ours.

A *view* is the items as they are after so many entries of a log. A replica has one, of what it knows to be
committed, and answers eventually consistent reads from it. A leader has two: the *settled* one, of what is committed, and
the *newest* one, of everything appended. Strong reads come from the settled view; conditions are evaluated on
the newest, or two that exclude each other could both pass while they wait to be committed.

Four things are easy to get wrong. A new leader does not know how much of its log is committed: it answers no strong
read before it has committed all that it began with, nor evaluates a condition before it has gone through all of
that. A committed write is answered at once, so a strong read waits until the settled view has it. A condition that
fails has read the item, perhaps as a write left it that is not committed and never will be: so that answer, too,
waits until everything it rests on is committed. And it is a strong read, so it takes the lease, which a write that is
appended does not: that is answered only once it is committed.

Throttling comes before everything else. A client that hears nothing, or a 500, knows nothing: there is no function
for that here, because whatever was appended goes its way.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from ddbproof.model.kernel import replication
from ddbproof.model.kernel.logs import Log
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import Leader, Replica

ItemT = TypeVar("ItemT")
ItemContra = TypeVar("ItemContra", contravariant=True)
EntryT = TypeVar("EntryT")
EntryCo = TypeVar("EntryCo", covariant=True)


class Request(Protocol[ItemContra, EntryCo]):
    """A write as the client asked for it."""

    def holds(self, item: ItemContra, /) -> bool:
        """Whether its condition holds on an item; true of a write without one."""
        ...

    def entry(self, item: ItemContra, /) -> EntryCo:
        """The log entry that makes of an item what the client asked for."""
        ...


class View(msgspec.Struct, frozen=True, gc=False):
    """Items as they are after the first `applied` entries of a log."""

    applied: int


class Received(msgspec.Struct, frozen=True, gc=False):
    """What became of a write when it came in, and how many entries must be committed before that is answered.

    Neither throttled nor refused, because its condition did not hold, it was appended.
    """

    throttled: bool
    refused: bool
    awaits: int


NO_ENTRIES = View(0)


# Views.


def apply(view: View, index: int, available: int) -> View:
    """A view with one more entry. NotAllowed unless it is the next one, and one of those that are available."""
    require(index == view.applied)
    require(index < available)
    return View(index + 1)


def follow(replica: Replica, view: View, index: int) -> View:
    """A replica's view with the entry at an index of its log. Raises NotAllowed unless it is known to be committed."""
    return apply(view, index, replica.committed)


def settle(leader: Leader, settled: View, index: int) -> View:
    """A leader's settled view with an entry of its log. Raises NotAllowed unless that is committed."""
    return apply(settled, index, leader.committed)


def catch_up(leader: Leader, newest: View, index: int) -> View:
    """A leader's newest view with an entry of its log, committed or not."""
    return apply(newest, index, leader.length)


# What clients ask.


def on_write(
    leader: Leader,
    log: Log[EntryT],
    newest: View,
    item: ItemT,
    request: Request[ItemT, EntryT],
    throttled: bool,
    leased: bool,
) -> tuple[Received, Leader, Log[EntryT]]:
    """A write reaches the leader; `item` is what the newest view has in its place.

    Raises NotAllowed if entries are not in the newest view yet, and for a condition that fails without the lease.
    """
    if throttled:
        return Received(True, False, 0), leader, log
    require(newest.applied == leader.length)
    if not request.holds(item):
        require(leased)
        return Received(False, True, leader.length), leader, log
    longer, written = replication.write(leader, log, request.entry(item))
    return Received(False, False, longer.length), longer, written


def may_answer(leader: Leader, received: Received) -> bool:
    """True if the leader may tell the client what became of a write."""
    return leader.committed >= received.awaits


def may_read(leader: Leader, settled: View, leased: bool) -> bool:
    """True if the settled view may answer a strongly consistent read now."""
    return leased and leader.base <= leader.committed <= settled.applied
