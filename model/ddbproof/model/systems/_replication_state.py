"""The records of the system `replication`: replicas with memory and disk, epochs, and what was sent."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, implies
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import FIRST_LEADER, NEW_REPLICA, Leader, Promise, Replica

REPLICA, EPOCH, INDEX, ENTRY = Sort("replica"), Sort("epoch"), Sort("index"), Sort("entry")
Entries = Annotated[Map[Annotated[int, ENTRY]], INDEX]


class Copy(msgspec.Struct, frozen=True):
    """A replica's record and log, in memory or on disk.

    Ghost: the epoch whose leader told it last how much is committed.
    """

    record: Replica
    log: Entries
    told_by: int


class Promised(msgspec.Struct, frozen=True):
    """The promise that a replica sent, if it did, with its log."""

    sent: bool
    promise: Promise
    log: Entries


class Node(msgspec.Struct, frozen=True):
    """A replica's memory and disk, its promises by epoch, and the most it has acknowledged in each epoch."""

    memory: Copy
    disk: Copy
    promises: Annotated[Map[Promised], EPOCH]
    acknowledged: Annotated[Map[Annotated[int, INDEX]], EPOCH]


class Led(msgspec.Struct, frozen=True):
    """An epoch, its leader if it has begun, and the leader's log."""

    started: bool
    leader: Leader
    log: Entries


class State(msgspec.Struct, frozen=True):
    """Three replicas and all epochs."""

    first: Node
    second: Node
    third: Node
    epochs: Annotated[Map[Led], EPOCH]


def first_state() -> State:
    """Three replicas in epoch 0, which has a leader; all logs are empty."""
    nothing: FrozenMap[int] = FrozenMap(0)
    copy = Copy(NEW_REPLICA, nothing, 0)
    node = Node(copy, copy, FrozenMap(Promised(False, Promise(0, 0, 0), nothing)), FrozenMap(0))
    not_started = Led(False, FIRST_LEADER, nothing)
    epochs = FrozenMap(not_started).put(0, Led(True, FIRST_LEADER, nothing))
    return State(node, node, node, epochs)


def node_of(state: State, replica: int) -> Node:
    """One of the three. Raises NotAllowed for another."""
    if replica == 0:
        return state.first
    if replica == 1:
        return state.second
    require(replica == 2)
    return state.third


def with_node(state: State, replica: int, node: Node) -> State:
    """The state with one of the replicas changed."""
    if replica == 0:
        return msgspec.structs.replace(state, first=node)
    if replica == 1:
        return msgspec.structs.replace(state, second=node)
    return msgspec.structs.replace(state, third=node)


def nodes(state: State) -> tuple[Node, Node, Node]:
    """All three."""
    return state.first, state.second, state.third


def pairs(state: State) -> tuple[tuple[Node, Node], ...]:
    """Every two of the three."""
    return (state.first, state.second), (state.first, state.third), (state.second, state.third)


def any_two(state: State, holds: Any) -> Any:
    """Two of the three replicas of which something holds."""
    return either(*(both(holds(one), holds(other)) for one, other in pairs(state)))


# What is said of them.


def length_of(state: State, epoch: int) -> int:
    """Entries in an epoch's log."""
    return state.epochs[epoch].leader.length


def base_of(state: State, epoch: int) -> int:
    """Entries that an epoch's leader began with."""
    return state.epochs[epoch].leader.base


def committed_of(state: State, epoch: int) -> int:
    """Entries that an epoch's leader knows on two disks: what was acknowledged to clients."""
    return state.epochs[epoch].leader.committed


def too_late(state: State, epoch: int, index: int) -> Any:
    """Two replicas will never acknowledge the entry at an index of an epoch."""
    return any_two(
        state,
        lambda node: both(node.disk.record.promised > epoch, node.acknowledged[epoch] <= index),
    )


def begun(state: State, later: int, earlier: int, index: int) -> Any:
    """Two epochs have begun, and the earlier one has an entry at the index."""
    return both(
        state.epochs[later].started,
        state.epochs[earlier].started,
        earlier >= 0,
        earlier < later,
        index >= 0,
        index < length_of(state, earlier),
    )


def carries(state: State, accepted: int, length: int, log: Any, epoch: int, index: int) -> Any:
    """A log of an epoch has what may still be committed at the index in an earlier one."""
    return implies(
        both(
            state.epochs[epoch].started,
            epoch >= 0,
            epoch < accepted,
            index >= 0,
            index < length_of(state, epoch),
        ),
        either(
            too_late(state, epoch, index),
            both(index < length, log[index] == state.epochs[epoch].log[index]),
        ),
    )
