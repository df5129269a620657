"""A replication group: three replicas that crash, and a network that loses, repeats and reorders.

The kernel is `kernel/replication.py`. Every epoch has at most one leader, which `lease` proves; what a leader has sent
once may arrive any number of times, at any time, in any order, or never: a replica gets any entry of any epoch's log,
any first part of it from `base` on to replace its own log by, and any figure of what was committed that has
ever been true. So no message has to be kept; only promises are, because what a replica holds changes.

A replica has a memory and a disk. What it has in memory gets onto the disk whenever the disk likes, after any step or
after many, and a crash takes it back to that: partial persistence, entry by entry. Only what is on the disk
is promised or acknowledged. A leader that crashes takes no more steps, which needs no step of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, forall, implies, neg
from ddbproof.model.kernel import instants, replication
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import Acknowledgement
from ddbproof.model.systems._replication_state import (
    ENTRY,
    EPOCH,
    INDEX,
    REPLICA,
    Copy,
    Led,
    Promised,
    State,
    any_two,
    base_of,
    begun,
    carries,
    committed_of,
    first_state,
    length_of,
    node_of,
    nodes,
    pairs,
    too_late,
    with_node,
)

system = System("replication", "A replication group", State, [replication], [instants])
system.fast = False
system.scope_in_words = [
    "three replicas; a disk that has confirmed a write keeps it (replicas that lose their disks: membership)",
    "one leader in an epoch, which begins once: proved by lease",
    "record and log get onto the disk together, entry by entry or, when a log is replaced, as a whole",
    "that writes go on with one replica down is shown by covers, not proved",
]
system.merged = ("instants.higher", "instants.lower", "replication.is_newer")
replace = msgspec.structs.replace


@system.initial
def empty_logs() -> State:
    """Three replicas with nothing in them, and the leader of epoch 0."""
    return first_state()


@system.action
def write(state: State, epoch: Annotated[int, EPOCH], entry: Annotated[int, ENTRY]) -> State:
    """A client writes at the leader of an epoch, which may be an old one that does not know it."""
    led = state.epochs[epoch]
    require(led.started)
    leader, log = replication.write(led.leader, led.log, entry)
    return replace(state, epochs=state.epochs.put(epoch, Led(led.started, leader, log)))


@system.action
def append(
    state: State,
    replica: Annotated[int, REPLICA],
    epoch: Annotated[int, EPOCH],
    index: Annotated[int, INDEX],
    committed: Annotated[int, INDEX],
) -> State:
    """An entry of an epoch's log reaches a replica, and with it a figure of what is committed."""
    node, led = node_of(state, replica), state.epochs[epoch]
    require(led.started)
    require(index < led.leader.length)
    require(committed <= led.leader.committed)
    before = node.memory
    record, log = replication.on_append(before.record, before.log, epoch, index, led.log[index], committed)
    told_by = before.told_by
    if record.committed > before.record.committed:
        told_by = epoch
    return with_node(state, replica, replace(node, memory=Copy(record, log, told_by)))


@system.action
def commit(
    state: State,
    replica: Annotated[int, REPLICA],
    epoch: Annotated[int, EPOCH],
    committed: Annotated[int, INDEX],
) -> State:
    """A figure of what is committed reaches a replica."""
    node, led = node_of(state, replica), state.epochs[epoch]
    require(led.started)
    require(committed <= led.leader.committed)
    before = node.memory
    record = replication.on_commit(before.record, epoch, committed)
    told_by = before.told_by
    if record.committed > before.record.committed:
        told_by = epoch
    return with_node(state, replica, replace(node, memory=Copy(record, before.log, told_by)))


@system.action
def synchronize(
    state: State,
    replica: Annotated[int, REPLICA],
    epoch: Annotated[int, EPOCH],
    length: Annotated[int, INDEX],
) -> State:
    """The first part of an epoch's log reaches a replica and replaces its own."""
    node, led = node_of(state, replica), state.epochs[epoch]
    require(led.started)
    require(replication.may_synchronize(led.leader, length))
    record = replication.on_synchronize(node.memory.record, epoch, length)
    return with_node(state, replica, replace(node, memory=Copy(record, led.log, node.memory.told_by)))


@system.action
def save(state: State, replica: Annotated[int, REPLICA]) -> State:
    """What a replica has in memory is on its disk now, and is acknowledged."""
    node = node_of(state, replica)
    answer = replication.acknowledgement(node.memory.record)
    most = instants.higher(node.acknowledged[answer.epoch], answer.length)
    return with_node(
        state,
        replica,
        replace(node, disk=node.memory, acknowledged=node.acknowledged.put(answer.epoch, most)),
    )


@system.action
def crash(state: State, replica: Annotated[int, REPLICA]) -> State:
    """A replica forgets what is not on its disk, and starts again."""
    node = node_of(state, replica)
    return with_node(state, replica, replace(node, memory=node.disk))


@system.action
def acknowledge(
    state: State,
    replica: Annotated[int, REPLICA],
    epoch: Annotated[int, EPOCH],
    meant_for: Annotated[int, EPOCH],
    length: Annotated[int, INDEX],
) -> State:
    """An acknowledgement reaches a leader; it may be an old one, and meant for the leader of another epoch."""
    node, led = node_of(state, replica), state.epochs[epoch]
    require(led.started)
    require(length >= 0)
    require(length <= node.acknowledged[meant_for])
    leader = replication.on_acknowledgement(led.leader, replica, Acknowledgement(meant_for, length))
    return replace(state, epochs=state.epochs.put(epoch, replace(led, leader=leader)))


@system.action
def prepare(state: State, replica: Annotated[int, REPLICA], epoch: Annotated[int, EPOCH]) -> State:
    """A candidate's question reaches a replica, which promises, not yet on its disk."""
    node = node_of(state, replica)
    record = replication.prepare(node.memory.record, epoch)
    return with_node(state, replica, replace(node, memory=replace(node.memory, record=record)))


@system.action
def promise(state: State, replica: Annotated[int, REPLICA]) -> State:
    """A replica answers with what is on its disk."""
    node = node_of(state, replica)
    answer = replication.promise(node.disk.record)
    sent = Promised(True, answer, node.disk.log)
    return with_node(state, replica, replace(node, promises=node.promises.put(answer.epoch, sent)))


@system.action
def start(
    state: State, epoch: Annotated[int, EPOCH], asked: Annotated[int, EPOCH], missing: Annotated[int, REPLICA]
) -> State:
    """Two promises have reached the candidate, which begins its epoch; `missing` it does not wait for.

    The second may be the answer to what was `asked` for another epoch.
    """
    led = state.epochs[epoch]
    require(neg(led.started))
    if missing == 0:
        one, other = state.second, state.third
    elif missing == 1:
        one, other = state.first, state.third
    else:
        require(missing == 2)
        one, other = state.first, state.second
    mine, theirs = one.promises[epoch], other.promises[asked]
    require(mine.sent)
    require(theirs.sent)
    leader = replication.start(mine.promise, theirs.promise)
    log = theirs.log
    if replication.is_newer(mine.promise, theirs.promise):
        log = mine.log
    return replace(state, epochs=state.epochs.put(epoch, Led(True, leader, log)))


@system.invariant
def epochs(state: State) -> Iterator[Any]:
    """Leaders lead their own epochs, from 0 on, and have no fewer entries than they began with."""
    yield state.epochs[0].started
    yield forall(EPOCH)(lambda e: implies(state.epochs[e].started, e >= 0))
    yield forall(EPOCH)(lambda e: implies(state.epochs[e].started, state.epochs[e].leader.epoch == e))
    yield forall(EPOCH)(
        lambda e: implies(
            state.epochs[e].started, both(base_of(state, e) >= 0, base_of(state, e) <= length_of(state, e))
        )
    )
    yield forall(EPOCH)(
        lambda e: implies(
            neg(state.epochs[e].started), both(length_of(state, e) == 0, committed_of(state, e) == 0)
        )
    )
    yield forall(EPOCH)(
        lambda e: both(committed_of(state, e) >= 0, committed_of(state, e) <= length_of(state, e))
    )


@system.invariant
def replicas(state: State) -> Iterator[Any]:
    """What a replica holds is the first part of its epoch's log, in memory as on disk; the disk is behind."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            record = copy.record
            led = state.epochs[record.accepted]
            yield both(record.accepted >= 0, record.accepted <= record.promised)
            yield both(led.started, led.leader.base <= record.length, record.length <= led.leader.length)
            yield forall(INDEX)(
                lambda i, copy=copy, led=led: implies(
                    both(i >= 0, i < copy.record.length), copy.log[i] == led.log[i]
                )
            )
        memory, disk = node.memory.record, node.disk.record
        yield both(memory.promised >= disk.promised, memory.accepted >= disk.accepted)
        yield implies(memory.accepted == disk.accepted, memory.length >= disk.length)
        yield either(
            both(memory.accepted == disk.accepted, memory.length == disk.length),
            memory.accepted >= disk.promised,
        )


@system.invariant
def acknowledgements(state: State) -> Iterator[Any]:
    """A replica has acknowledged in its disk's epoch what is on the disk, and in later ones nothing."""
    for node in nodes(state):
        yield forall(EPOCH)(
            lambda e, node=node: both(node.acknowledged[e] >= 0, node.acknowledged[e] <= length_of(state, e))
        )
        yield forall(EPOCH)(
            lambda e, node=node: implies(e > node.disk.record.accepted, node.acknowledged[e] == 0)
        )
        yield node.acknowledged[node.disk.record.accepted] == node.disk.record.length
        yield node.acknowledged[node.memory.record.accepted] <= node.memory.record.length


@system.invariant
def promises(state: State) -> Iterator[Any]:
    """A promise told all that the replica has acknowledged in earlier epochs, and ever will."""
    for node in nodes(state):
        yield forall(EPOCH)(
            lambda e, node=node: implies(
                node.promises[e].sent,
                both(
                    e <= node.disk.record.promised,
                    node.promises[e].promise.epoch == e,
                    node.promises[e].promise.accepted < e,
                    node.promises[e].promise.accepted >= 0,
                ),
            )
        )
        yield forall(EPOCH)(
            lambda e, node=node: implies(
                node.promises[e].sent,
                both(
                    state.epochs[node.promises[e].promise.accepted].started,
                    base_of(state, node.promises[e].promise.accepted) <= node.promises[e].promise.length,
                    node.promises[e].promise.length <= length_of(state, node.promises[e].promise.accepted),
                    node.acknowledged[node.promises[e].promise.accepted] == node.promises[e].promise.length,
                ),
            )
        )
        yield forall(EPOCH, INDEX)(
            lambda e, i, node=node: implies(
                both(node.promises[e].sent, i >= 0, i < node.promises[e].promise.length),
                node.promises[e].log[i] == state.epochs[node.promises[e].promise.accepted].log[i],
            )
        )
        yield forall(EPOCH, EPOCH)(
            lambda e, f, node=node: implies(
                both(node.promises[e].sent, f > node.promises[e].promise.accepted, f < e),
                node.acknowledged[f] == 0,
            )
        )


@system.invariant
def begun_by_two(state: State) -> Iterator[Any]:
    """Two replicas have promised every epoch that has begun."""
    yield forall(EPOCH)(
        lambda e: implies(
            state.epochs[e].started, any_two(state, lambda node: node.disk.record.promised >= e)
        )
    )


@system.invariant
def choosable(state: State) -> Iterator[Any]:
    """What may still be committed in an epoch, every later epoch began with."""
    yield forall(EPOCH, EPOCH, INDEX)(
        lambda g, e, i: implies(
            begun(state, g, e, i),
            either(
                too_late(state, e, i),
                both(i < base_of(state, g), state.epochs[g].log[i] == state.epochs[e].log[i]),
            ),
        )
    )


@system.invariant
def followed(state: State) -> Iterator[Any]:
    """Two replicas have promised the epoch of any log that is held or was promised."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            yield any_two(state, lambda it, copy=copy: it.disk.record.promised >= copy.record.accepted)
        yield forall(EPOCH)(
            lambda e, node=node: implies(
                node.promises[e].sent,
                any_two(
                    state, lambda it, told=node.promises[e]: it.disk.record.promised >= told.promise.accepted
                ),
            )
        )


@system.invariant
def carried(state: State) -> Iterator[Any]:
    """What may still be committed in an epoch is in every replica's log of a later one, and in every promise of it."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            yield forall(EPOCH, INDEX)(
                lambda e, i, copy=copy: carries(
                    state, copy.record.accepted, copy.record.length, copy.log, e, i
                )
            )
        yield forall(EPOCH, EPOCH, INDEX)(
            lambda g, e, i, node=node: implies(
                node.promises[g].sent,
                carries(
                    state,
                    node.promises[g].promise.accepted,
                    node.promises[g].promise.length,
                    node.promises[g].log,
                    e,
                    i,
                ),
            )
        )


@system.invariant
def held(state: State) -> Iterator[Any]:
    """What a replica has acknowledged and may still be committed it holds, in memory as on disk."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            yield forall(EPOCH, INDEX)(
                lambda e, i, node=node, copy=copy: implies(
                    both(e >= 0, i >= 0, i < node.acknowledged[e]),
                    either(
                        too_late(state, e, i),
                        both(i < copy.record.length, copy.log[i] == state.epochs[e].log[i]),
                    ),
                )
            )


@system.invariant
def counted(state: State) -> Iterator[Any]:
    """A leader counts what was acknowledged, and what is committed two replicas have acknowledged."""
    for node, name in zip(nodes(state), ("first", "second", "third"), strict=True):
        yield forall(EPOCH)(
            lambda e, node=node, name=name: implies(
                state.epochs[e].started,
                both(
                    getattr(state.epochs[e].leader, name) >= 0,
                    getattr(state.epochs[e].leader, name) <= node.acknowledged[e],
                ),
            )
        )
    yield forall(EPOCH, INDEX)(
        lambda e, i: implies(
            both(i >= 0, i < committed_of(state, e)), any_two(state, lambda node: node.acknowledged[e] > i)
        )
    )


@system.invariant
def told(state: State) -> Iterator[Any]:
    """What a replica may apply, the leader who told it has committed."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            record = copy.record
            yield both(copy.told_by >= 0, copy.told_by <= record.accepted, state.epochs[copy.told_by].started)
            yield both(record.committed >= 0, record.committed <= committed_of(state, copy.told_by))
            yield record.committed <= record.length


@system.safe("REP-07", "REP-09")
def SAFE_later_leaders_know_it(state: State) -> Iterator[Any]:
    """Whatever was acknowledged in an epoch, the leader of every later epoch began with."""
    yield forall(EPOCH, EPOCH, INDEX)(
        lambda g, e, i: implies(
            both(state.epochs[g].started, e >= 0, e < g, i >= 0, i < committed_of(state, e)),
            i < base_of(state, g),
        )
    )
    yield forall(EPOCH, EPOCH, INDEX)(
        lambda g, e, i: implies(
            both(state.epochs[g].started, e >= 0, e < g, i >= 0, i < committed_of(state, e)),
            state.epochs[g].log[i] == state.epochs[e].log[i],
        )
    )


@system.safe("REP-02", "REP-03", "REP-07", "GT-06")
def SAFE_any_two_disks_hold_it(state: State) -> Iterator[Any]:
    """Every acknowledged entry is on a disk of any two replicas, so whichever one is lost."""
    for one, other in pairs(state):
        yield forall(EPOCH, INDEX)(
            lambda e, i, one=one, other=other: implies(
                both(i >= 0, i < committed_of(state, e)),
                either(
                    *(
                        both(i < node.disk.record.length, node.disk.log[i] == state.epochs[e].log[i])
                        for node in (one, other)
                    )
                ),
            )
        )


@system.safe("REP-07")
def SAFE_one_history(state: State) -> Iterator[Any]:
    """What two epochs acknowledged at the same place of the log is the same entry."""
    yield forall(EPOCH, EPOCH, INDEX)(
        lambda e, f, i: implies(
            both(i >= 0, i < committed_of(state, e), i < committed_of(state, f)),
            state.epochs[e].log[i] == state.epochs[f].log[i],
        )
    )


@system.safe("REP-02")
def SAFE_only_what_is_acknowledged_is_applied(state: State) -> Iterator[Any]:
    """What a replica may apply was acknowledged, by the leader who told it, and is that entry."""
    for node in nodes(state):
        for copy in (node.memory, node.disk):
            yield forall(INDEX)(
                lambda i, copy=copy: implies(
                    both(i >= 0, i < copy.record.committed),
                    both(
                        i < committed_of(state, copy.told_by),
                        copy.log[i] == state.epochs[copy.told_by].log[i],
                    ),
                )
            )
