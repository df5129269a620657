"""What the steps of a recorded replication group make, for replay by the system `replication`.

A running group records each step with the kernel's record that it made and the digest of the log that belongs to it:
a replica's, a leader's, or what a promise told. Replicas are 0, 1 and 2, entries are numbers (`engine.shared_log`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ddbproof.model.engine.replay import Event, Made, Replayed, replay
from ddbproof.model.kernel.replication import Leader, Promise, Replica
from ddbproof.model.systems._replication_state import INDEX, State, node_of
from ddbproof.model.systems.replication import system

Step = tuple[Replica | Leader | Promise, int]


def replica_made(state: State, replica: int, **_: Any) -> Step:
    """The replica's record in memory, and the digest of its log."""
    memory = node_of(state, replica).memory
    return memory.record, _digest(memory.log, memory.record.length)


def leader_made(state: State, epoch: int, **_: Any) -> Step:
    """The epoch's leader, and the digest of its log."""
    led = state.epochs[epoch]
    return led.leader, _digest(led.log, led.leader.length)


def promise_made(state: State, replica: int, **_: Any) -> Step:
    """The promise that the replica's disk holds, and the digest of the log that it tells of."""
    node = node_of(state, replica)
    sent = node.promises[node.disk.record.promised]
    return sent.promise, _digest(sent.log, sent.promise.length)


MADE: Mapping[str, Made] = {
    "write": leader_made,
    "append": replica_made,
    "commit": replica_made,
    "synchronize": replica_made,
    "crash": replica_made,
    "prepare": replica_made,
    "promise": promise_made,
    "start": leader_made,
    "acknowledge": leader_made,
}
"""What the digest of an event covers. `save` makes nothing that is not there."""


def replay_group(events: Iterable[Event]) -> Replayed:
    """Take the recorded steps of a group of three again, from its beginning."""
    return replay(system, {}, events, MADE, logs=(INDEX,))


def _digest(log: Any, length: int) -> int:
    found: int = log.digest(length)
    return found
