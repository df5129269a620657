"""Planted defects of leases, elections and what a follower does for whom."""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.model.kernel import instants, lease, replication
from ddbproof.reference_impl.replication import messages, replica
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.stored import Saved
from ddbproof.reference_impl.simulation.defects.base import Step, defect


@defect(lease, "may_serve")
def served_after_lease(_right: Step) -> Step:
    """A leader goes on serving when its lease has run out."""

    def may_serve(leader: lease.Leader, now_milliseconds: int) -> bool:
        del now_milliseconds
        return not leader.stepped_down

    return may_serve


@defect(lease, "lease_from")
def lease_of_one(right: Step) -> Step:
    """A lease is counted from the newest answer of any one replica, the leader's own included."""

    def lease_from(terms: lease.Terms, first: int, second: int, third: int) -> int:
        newest = instants.higher(first, instants.higher(second, third))
        return int(right(terms, newest, newest, newest))

    return lease_from


@defect(lease, "restarted")
def grant_forgotten_on_restart(_right: Step) -> Step:
    """A replica that starts again does not wait for the lease that it may have granted."""

    def restarted(granted: lease.Granted, terms: lease.Terms, now_milliseconds: int) -> lease.Granted:
        del terms
        return lease.Granted(granted.promised_epoch, now_milliseconds)

    return restarted


@defect(Replica, "opened")
def promise_forgotten_on_restart(right: Any) -> Any:
    """A replica that starts again knows its log, but not that it has promised a later epoch."""

    def opened(cls: type[Replica], environment: Any, disk: Any, group: int) -> Replica | None:
        made: Replica | None = right.__func__(cls, environment, disk, group)
        if made is not None:
            accepted = made.record.accepted
            made.record = msgspec.structs.replace(made.record, promised=accepted)
            made.granted = lease.Granted(accepted, made.granted.until_milliseconds)
            made.saved = Saved(made.record, accepted, made.number)
        return made

    return classmethod(opened)


@defect(replication, "is_newer")
def longest_log_wins(_right: Step) -> Step:
    """Of two promises a candidate takes the longer log, whatever its epoch."""

    def is_newer(one: replication.Promise, other: replication.Promise) -> bool:
        return one.length > other.length

    return is_newer


@defect(replica.HANDLERS, messages.Append)
def appended_after_promise(right: Step) -> Step:
    """A follower goes on appending for the leader of its log after it has promised a later epoch."""

    def on_append(self: Replica, message: messages.Append) -> None:
        record = self.record
        if message.epoch == record.accepted < record.promised:
            self.record = msgspec.structs.replace(record, promised=record.accepted)
        right(self, message)

    return on_append


@defect(Replica, "acknowledge")
def another_epochs_log_acknowledged(right: Step) -> Step:
    """A follower tells the leader how long its log is, also when that is not of the leader's epoch."""

    def acknowledge(self: Replica, epoch: int, number: int, node: int) -> None:
        saved = self.saved.record
        if saved.accepted == epoch or self.saved.number != number:
            right(self, epoch, number, node)
            return
        answer = replication.Acknowledgement(epoch, saved.length)
        applied = self.standing().applied
        self.environment.send(
            node, messages.Acknowledged(self.group, self.identity, self.environment.node, answer, applied)
        )

    return acknowledge
