"""Trials of replication: what must stay possible, what must be caught, and the small worlds for both.

To lose an entry takes an epoch or two that come and go, some twenty steps; so most small worlds tell a story: an old
leader with an entry that two replicas never heard of, a new one, and then what each replica may still do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both
from ddbproof.model.kernel.logs import Log
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import Acknowledgement, Leader, Promise, Replica
from ddbproof.model.systems._replication_state import Node, State, nodes
from ddbproof.model.systems.replication import system

EntryT = TypeVar("EntryT")


@system.cover("REP-02", "REP-08")
def acknowledged_with_one_replica_down(state: State) -> Any:
    """A write is acknowledged, while one replica has done nothing at all."""
    return both(state.epochs[0].leader.committed == 1, _idle(state.third))


@system.cover("REP-07", "REP-08")
def another_leads_with_one_replica_down(state: State) -> Any:
    """Two replicas alone acknowledge a write, begin a new epoch with it, and acknowledge another."""
    later = state.epochs[1].leader
    return both(
        state.epochs[0].leader.committed == 1, later.base == 1, later.committed == 2, _idle(state.third)
    )


@system.cover("REP-07")
def what_was_not_acknowledged_is_replaced(state: State) -> Any:
    """An entry that one replica alone had gives way to what a later leader wrote in its place."""
    record = state.second.memory.record
    return both(
        state.second.disk.record.accepted == 0,
        state.second.disk.log[0] == 1,
        record.accepted == 1,
        record.length == 1,
        state.second.memory.log[0] == 2,
    )


@system.cover("REP-07")
def a_crash_takes_back_what_was_not_saved(state: State) -> Any:
    """A replica saved one of two entries, crashed, and has acknowledged the second after all."""
    return both(state.first.acknowledged[0] == 2, state.second.disk.record.length == 1)


@system.cover("REP-02")
def replicas_apply(state: State) -> Any:
    """A replica may apply what was acknowledged."""
    return state.first.memory.record.committed == 1


def _idle(node: Node) -> Any:
    """A replica that has stored, promised and heard nothing."""
    return both(
        node.memory.record.length == 0,
        node.memory.record.promised == 0,
        node.disk.record.length == 0,
        node.disk.record.promised == 0,
    )


@system.mutant("replication.on_two_of_three")
def one_disk_is_enough(first: int, second: int, third: int) -> int:
    """A write is acknowledged when one replica has it."""
    return max(first, second, third)


@system.mutant("replication.is_newer")
def the_longest_log_wins(one: Promise, other: Promise) -> bool:
    """A new leader takes the longer log, whatever epoch it is of."""
    return one.length > other.length


@system.mutant("replication.is_newer")
def one_promise_is_enough(one: Promise, other: Promise) -> bool:
    """A new leader takes the log of whoever answered last."""
    return False


@system.mutant("replication.on_synchronize")
def synchronizes_with_an_old_leader(replica: Replica, epoch: int, length: int) -> Replica:
    """A replica takes the log of an earlier epoch than it has promised."""
    require(epoch >= replica.accepted)
    if epoch == replica.accepted:
        require(length > replica.length)
    return Replica(replica.promised, epoch, length, replica.committed)


@system.mutant("replication.on_append")
def appends_for_an_old_leader(
    replica: Replica, log: Log[EntryT], epoch: int, index: int, entry: EntryT, committed: int
) -> tuple[Replica, Log[EntryT]]:
    """A replica that has promised a later epoch goes on appending in the one before."""
    require(epoch == replica.accepted)
    require(index == replica.length)
    return Replica(replica.promised, replica.accepted, index + 1, replica.committed), log.put(index, entry)


@system.mutant("replication.may_synchronize")
def synchronizes_from_the_beginning(leader: Leader, length: int) -> bool:
    """A replica's log may be replaced by less than the leader began with."""
    return 0 <= length <= leader.length


@system.mutant("replication.on_commit")
def applies_what_it_does_not_have(replica: Replica, epoch: int, committed: int) -> Replica:
    """A replica believes a figure that is beyond its own log."""
    require(epoch == replica.accepted)
    return Replica(replica.promised, replica.accepted, replica.length, max(replica.committed, committed))


@system.mutant("replication.on_commit")
def applies_by_another_leaders_figure(replica: Replica, epoch: int, committed: int) -> Replica:
    """A replica whose log is of an earlier epoch believes a later leader's figure."""
    require(epoch >= replica.accepted)
    reached = max(replica.committed, min(committed, replica.length))
    return Replica(replica.promised, replica.accepted, replica.length, reached)


@system.mutant("replication.on_acknowledgement")
def counts_answers_to_another_leader(leader: Leader, replica: int, answer: Acknowledgement) -> Leader:
    """A leader counts what was acknowledged to the one before."""
    first, second, third = leader.first, leader.second, leader.third
    if replica == 0:
        first = max(first, answer.length)
    elif replica == 1:
        second = max(second, answer.length)
    else:
        third = max(third, answer.length)
    reached = max(leader.committed, sorted((first, second, third))[1])
    return Leader(leader.epoch, leader.base, leader.length, first, second, third, reached)


@system.mutant("replication.start")
def begins_with_nothing(one: Promise, other: Promise) -> Leader:
    """A new leader may send less than it took over."""
    require(one.epoch == other.epoch)
    return Leader(one.epoch, 0, max(one.length, other.length), 0, 0, 0, 0)


@system.mutant("replication.is_newer", harmless=True)
def newer_said_otherwise(one: Promise, other: Promise) -> bool:
    """The same, the length first."""
    if one.length > other.length and one.accepted == other.accepted:
        return True
    return other.accepted < one.accepted


# Small worlds.

_STORE = ("write", "append", "save", "acknowledge")
_ELECT = ("prepare", "save", "promise", "start")
# Bounds have a lower end, or a world is endless for a mutant that counts the other way; not at nought, or such a mutant
# is not followed to where it does harm.
_LEAST = -1


def _promised(state: State, epoch: int) -> bool:
    """A replica has promised an epoch."""
    return any(node.memory.record.promised >= epoch for node in nodes(state))


def _stored(state: State) -> bool:
    """A replica has an entry."""
    return any(node.memory.record.length > 0 for node in nodes(state))


def _failover(state: State) -> bool:
    """Replicas 0 and 1 acknowledge an entry, then epoch 1 is begun, then others follow; two entries at the most."""
    first, second = state.epochs[0].leader, state.epochs[1].leader
    return (
        _LEAST <= first.length < 2
        and _LEAST <= second.length < 3
        and (first.committed == 1 or not _promised(state, 1))
        and (second.epoch == 1 or state.first.memory.record.accepted == 0)
    )


def _late_messages(state: State) -> bool:
    """The election of epoch 1 comes first, and what the old leader has sent arrives afterwards."""
    one, two = state.epochs[0], state.epochs[1]
    return (
        _LEAST <= one.leader.length < 2
        and _LEAST <= two.leader.length < 2
        and (one.leader.length == 0 or one.log[0] == 1)
        and (two.leader.length == 0 or two.log[0] == 2)
        and (two.started or not _stored(state))
    )


def _old_promise(state: State) -> bool:
    """Replicas 0 and 2 elect leader 1 and commit an entry of it; then replica 1 alone promises epoch 2."""
    two = state.epochs[1].leader
    return (
        _LEAST <= two.length < 2
        and state.second.memory.record.promised != 1
        and state.first.memory.record.promised < 2
        and state.third.memory.record.promised < 2
        and (two.committed == 1 or state.second.memory.record.promised == 0)
    )


def _three_leaders(first_entries: int) -> Callable[[State], bool]:
    """Replica 1 alone stores what leader 0 has, so many entries; replicas 0 and 2 elect leader 1; 0 and 1 elect leader 2."""

    def within(state: State) -> bool:
        one, two = state.epochs[0], state.epochs[1]
        return (
            _LEAST <= one.leader.length < first_entries + 1
            and _LEAST <= two.leader.length < 2
            and (one.leader.length == 0 or one.log[0] == 1)
            and (two.leader.length == 0 or two.log[0] == 2)
            and (state.second.disk.record.length == first_entries or not _promised(state, 1))
            and state.second.memory.record.promised != 1
            and state.third.memory.record.promised != 2
            and (two.leader.committed == 1 or not _promised(state, 2))
        )

    return within


# Promises are looked at for epochs 0 and 1, though some steps are taken in one of them only.
_FIRST_EPOCH: dict[str, Any] = {
    "epoch": (0, 1),
    "write.epoch": (0,),
    "append.epoch": (0,),
    "acknowledge.epoch": (0,),
    "prepare.epoch": (1,),
    "start.epoch": (1,),
}

system.scopes.extend(
    [
        # Entries arrive, are saved or lost in a crash, acknowledged, and applied.
        Scope(
            values={
                "replica": (0, 1),
                "epoch": (0,),
                "meant_for": (0,),
                "entry": (1,),
                "index": (0, 1),
                "length": (1, 2),
                "committed": (0, 1, 2),
                "append.replica": (0, 1, 2),
                "commit.replica": (0, 2),
            },
            within=lambda state: _LEAST <= state.epochs[0].leader.length < 3,
            actions=(*_STORE, "commit", "crash"),
        ),
        # A write is acknowledged, and two replicas go on with a new leader; the third is down.
        Scope(
            values={
                "replica": (0, 1),
                "epoch": (0, 1),
                "prepare.epoch": (1,),
                "start.epoch": (1,),
                "synchronize.epoch": (1,),
                "asked": (1,),
                "meant_for": (0, 1),
                "entry": (1,),
                "index": (0, 1),
                "length": (1, 2),
                "committed": (0,),
                "missing": (2,),
            },
            within=_failover,
            actions=(*_STORE, *_ELECT, "synchronize"),
        ),
        # The new leader comes from two of which one had heard nothing; the one that had the entry follows it.
        Scope(
            values={
                **_FIRST_EPOCH,
                "replica": (0, 1, 2),
                "append.replica": (0, 1),
                "prepare.replica": (0, 2),
                "promise.replica": (0, 2),
                "synchronize.epoch": (1,),
                "synchronize.replica": (1, 2),
                "asked": (1,),
                "meant_for": (0,),
                "entry": (1,),
                "index": (0,),
                "length": (0, 1),
                "committed": (0,),
                "missing": (1,),
            },
            within=_failover,
            actions=(*_STORE, *_ELECT, "synchronize"),
        ),
        # The old leader goes on, and an old candidate asks again; the new leader writes as well.
        Scope(
            values={
                **_FIRST_EPOCH,
                "write.epoch": (0, 1),
                "append.epoch": (0, 1),
                "replica": (0, 1, 2),
                "prepare.replica": (1, 2),
                "prepare.epoch": (0, 1),
                "synchronize.epoch": (0,),
                "asked": (1,),
                "meant_for": (0,),
                "entry": (1, 2),
                "index": (0,),
                "length": (1,),
                "committed": (0,),
                "missing": (0,),
            },
            within=_late_messages,
            actions=(*_STORE, *_ELECT, "synchronize"),
        ),
        # Two leaders come after it, and find three replicas that differ.
        Scope(
            values={
                "replica": (0, 1, 2),
                "epoch": (0, 1),
                "append.replica": (1,),
                "append.epoch": (0,),
                "prepare.epoch": (1, 2),
                "synchronize.epoch": (1,),
                "acknowledge.epoch": (1,),
                "commit.epoch": (1,),
                "start.epoch": (1, 2),
                "asked": (1, 2),
                "meant_for": (0, 1),
                "entry": (1, 2),
                "index": (0,),
                "length": (1,),
                "committed": (0, 1),
                "missing": (1, 2),
            },
            within=_three_leaders(1),
            actions=(*_STORE, *_ELECT, "synchronize", "commit"),
        ),
        # What replica 1 has of leader 0 is longer than what leader 1 has committed.
        Scope(
            values={
                "replica": (0, 1, 2),
                "epoch": (0, 1, 2),
                "write.epoch": (0, 1),
                "append.replica": (1,),
                "append.epoch": (0,),
                "prepare.epoch": (1, 2),
                "prepare.replica": (0, 1, 2),
                "synchronize.epoch": (1,),
                "synchronize.replica": (0, 2),
                "acknowledge.epoch": (1,),
                "acknowledge.replica": (0, 2),
                "start.epoch": (1, 2),
                "asked": (1, 2),
                "meant_for": (1,),
                "entry": (1, 2),
                "index": (0, 1),
                "length": (1,),
                "committed": (0,),
                "missing": (1, 2),
            },
            within=_three_leaders(2),
            actions=(*_STORE, *_ELECT, "synchronize"),
        ),
        # What replicas 0 and 2 tell the new leader reaches the old one, whose entry they never had.
        Scope(
            values={
                "replica": (0, 2),
                "epoch": (0, 1),
                "prepare.epoch": (1,),
                "start.epoch": (1,),
                "synchronize.epoch": (1,),
                "acknowledge.epoch": (0,),
                "asked": (1,),
                "meant_for": (0, 1),
                "entry": (1, 2),
                "index": (0,),
                "length": (1,),
                "missing": (1,),
            },
            within=_late_messages,
            actions=("write", "save", "acknowledge", *_ELECT, "synchronize"),
        ),
        # A promise that was given for an earlier epoch is counted for a later one.
        Scope(
            values={
                "replica": (0, 2),
                "epoch": (0, 1, 2),
                "write.epoch": (1,),
                "prepare.replica": (0, 1, 2),
                "save.replica": (0, 1, 2),
                "promise.replica": (0, 1, 2),
                "prepare.epoch": (1, 2),
                "synchronize.epoch": (1,),
                "acknowledge.epoch": (1,),
                "start.epoch": (1, 2),
                "asked": (1, 2),
                "meant_for": (1,),
                "entry": (1,),
                "index": (0,),
                "length": (1,),
                "committed": (0,),
                "missing": (0, 1),
            },
            within=_old_promise,
            actions=(*_STORE, *_ELECT, "synchronize"),
        ),
    ]
)
