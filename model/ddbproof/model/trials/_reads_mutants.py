"""Wrong kernels of the system `reads`, each to be killed by a trace, and another right one."""

from __future__ import annotations

from typing import TypeVar

from ddbproof.model.kernel import replication
from ddbproof.model.kernel.logs import Log
from ddbproof.model.kernel.reads import Received, Request, View
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import Leader, Replica
from ddbproof.model.systems.reads import system

EntryT = TypeVar("EntryT")
ItemT = TypeVar("ItemT")


@system.mutant("reads.on_write")
def evaluated_on_what_is_committed(
    leader: Leader,
    log: Log[EntryT],
    newest: View,
    item: ItemT,
    request: Request[ItemT, EntryT],
    throttled: bool,
    leased: bool,
) -> tuple[Received, Leader, Log[EntryT]]:
    """A condition is evaluated as soon as the view has what is committed."""
    if throttled:
        return Received(True, False, 0), leader, log
    require(newest.applied >= leader.committed)
    if not request.holds(item):
        require(leased)
        return Received(False, True, newest.applied), leader, log
    longer, written = replication.write(leader, log, request.entry(item))
    return Received(False, False, longer.length), longer, written


@system.mutant("reads.on_write")
def refused_without_the_lease(
    leader: Leader,
    log: Log[EntryT],
    newest: View,
    item: ItemT,
    request: Request[ItemT, EntryT],
    throttled: bool,
    leased: bool,
) -> tuple[Received, Leader, Log[EntryT]]:
    """A leader that may have been replaced says that a condition does not hold."""
    if throttled:
        return Received(True, False, 0), leader, log
    require(newest.applied == leader.length)
    if not request.holds(item):
        return Received(False, True, leader.length), leader, log
    longer, written = replication.write(leader, log, request.entry(item))
    return Received(False, False, longer.length), longer, written


@system.mutant("reads.on_write")
def throttled_after_it_was_appended(
    leader: Leader,
    log: Log[EntryT],
    newest: View,
    item: ItemT,
    request: Request[ItemT, EntryT],
    throttled: bool,
    leased: bool,
) -> tuple[Received, Leader, Log[EntryT]]:
    """Capacity is counted last, when the write is in the log."""
    require(newest.applied == leader.length)
    if not request.holds(item):
        require(leased)
        return Received(False, True, leader.length), leader, log
    longer, written = replication.write(leader, log, request.entry(item))
    if throttled:
        return Received(True, False, 0), longer, written
    return Received(False, False, longer.length), longer, written


@system.mutant("reads.on_write")
def refused_after_it_was_appended(
    leader: Leader,
    log: Log[EntryT],
    newest: View,
    item: ItemT,
    request: Request[ItemT, EntryT],
    throttled: bool,
    leased: bool,
) -> tuple[Received, Leader, Log[EntryT]]:
    """The condition is looked at when the write is in the log."""
    if throttled:
        return Received(True, False, 0), leader, log
    require(newest.applied == leader.length)
    longer, written = replication.write(leader, log, request.entry(item))
    if not request.holds(item):
        require(leased)
        return Received(False, True, leader.length), longer, written
    return Received(False, False, longer.length), longer, written


@system.mutant("reads.may_answer")
def answered_when_appended(leader: Leader, received: Received) -> bool:
    """A write is answered 200 when the leader has it."""
    return received.awaits <= leader.length


@system.mutant("reads.may_answer")
def refused_at_once(leader: Leader, received: Received) -> bool:
    """That a condition does not hold is said without waiting for the write because of which it does not."""
    return received.refused or leader.committed >= received.awaits


@system.mutant("reads.may_read")
def read_at_a_follower(leader: Leader, settled: View, leased: bool) -> bool:
    """A replica that was the leader, and does not know that it is not, answers strong reads."""
    return leader.base <= leader.committed <= settled.applied


@system.mutant("reads.may_read")
def read_before_it_is_through(leader: Leader, settled: View, leased: bool) -> bool:
    """A new leader answers strong reads before it has committed what it began with."""
    return leased and leader.committed <= settled.applied


@system.mutant("reads.may_read")
def read_before_it_is_settled(leader: Leader, settled: View, leased: bool) -> bool:
    """A leader answers strong reads from a view that lacks what it has committed."""
    return leased and leader.base <= leader.committed


@system.mutant("reads.settle")
def settled_before_it_is_committed(leader: Leader, settled: View, index: int) -> View:
    """Strong reads show what the leader has, committed or not."""
    require(index == settled.applied)
    require(index < leader.length)
    return View(index + 1)


@system.mutant("reads.follow")
def shown_before_it_is_committed(replica: Replica, view: View, index: int) -> View:
    """A replica shows what it has, committed or not."""
    require(index == view.applied)
    require(index < replica.length)
    return View(index + 1)


@system.mutant("reads.apply")
def applied_out_of_order(view: View, index: int, available: int) -> View:
    """An entry that comes early is applied, and what lies between is taken for applied."""
    require(index >= view.applied)
    require(index < available)
    return View(index + 1)


@system.mutant("reads.may_read", harmless=True)
def the_same_asked_one_by_one(leader: Leader, settled: View, leased: bool) -> bool:
    """The same, one after the other."""
    if not leased or leader.committed < leader.base:
        return False
    return not settled.applied < leader.committed
