"""What clients of one Region see: writes with conditions, strong and eventual reads, while leaders come and go.

The kernel is `kernel/reads.py`, over the records of `kernel/replication.py`. What `replication` and `lease` prove is taken
as the rules of the world here, as guards of steps that only the adversary decides on: a later leader begins with
everything committed; what a leader that is not the newest comes to commit, the newest has begun with; a replica
believes committed only what some leader has committed; and a leader that has the lease is the newest. Beyond that anything
goes. An epoch may begin with any first part of any earlier epoch's log, any number of leaders lead and take writes at
once, epochs may even begin out of order, and replicas may take any log of any epoch, any number of times, or none.

Views are built entry by entry. A replica may take over another's view at any time: that is how one is healed, and how
one comes back from a disk, which is a replica of its own here.

A client may be told 500 at any time before its answer, and it makes no difference to what was appended. A strong read
takes its value and is answered in one step, some time after it began; a refusal is evaluated when its write comes
in, and answered later. Between a leader's look at the lease and at the item no time passes here; `lease` says the same.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, neg
from ddbproof.model.kernel import instants, reads, replication
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.replication import Acknowledgement, Promise, Replica
from ddbproof.model.systems._reads_state import (
    EPOCH,
    EVENTUAL_READ,
    FAILED,
    INDEX,
    ITEM,
    NO_OPERATION,
    NOTHING,
    OPEN,
    OPERATION,
    REFUSED,
    REPLICA,
    STRONG_READ,
    SUCCEEDED,
    THROTTLED,
    WRITE,
    Asked,
    Led,
    State,
    Writing,
    first_state,
    led_by,
    open_operation,
    read_next,
    with_operation,
)

system = System("reads", "What clients of a Region see", State, [reads], [replication, instants])
system.fast = False
system.scope_in_words = [
    "rules of the world, proved by replication: a leader begins with all that was committed before, and no other commits "
    "anything else; committed is what two of three replicas have acknowledged",
    "rule of the world, proved by lease: a leader that has the lease is the newest that has begun",
    "one partition, single items; a condition is about one value of the item, an update sets it or adds to it",
    "that a read or write is answered in the end is shown by covers, not proved",
]
system.merged = ("instants.higher", "instants.lower", "replication.is_newer")
replace = msgspec.structs.replace


@system.initial
def nothing_written() -> State:
    """A first leader, and nothing else."""
    return first_state()


# Leaders and replicas.


@system.action
def begin(
    state: State,
    epoch: Annotated[int, EPOCH],
    source: Annotated[int, EPOCH],
    base: Annotated[int, INDEX],
    host: Annotated[int, REPLICA],
) -> State:
    """A replica begins to lead an epoch with a first part of an earlier epoch's log.

    The newest begins with all that is committed. One that comes when a later one has begun may lack that; but its own view
    is of its own log.
    """
    require(not state.epochs[epoch].started)
    before, table = led_by(state, source), state.nodes[host].table
    require(source < epoch)
    require(base >= 0)
    require(base <= before.leader.length)
    log, decided, applied = state.logs[source], state.decided, table.view.applied
    has_all = both(base >= decided, log[decided - 1] == state.history[decided - 1])
    has_its_view = both(base >= applied, log[applied - 1] == state.history[applied - 1])
    require(either(epoch < state.newest, has_all))
    require(either(epoch > state.newest, has_its_view))
    leader = replication.start(Promise(epoch, source, base), Promise(epoch, source, base))
    return replace(
        state,
        epochs=state.epochs.put(epoch, Led(True, leader, table, table)),
        logs=state.logs.put(epoch, log),
        newest=instants.higher(state.newest, epoch),
    )


@system.action
def take(
    state: State,
    replica: Annotated[int, REPLICA],
    epoch: Annotated[int, EPOCH],
    length: Annotated[int, INDEX],
    told_by: Annotated[int, EPOCH],
    committed: Annotated[int, INDEX],
) -> State:
    """A replica has the first part of an epoch's log, and some leader has told it how much is committed."""
    node, led, teller = state.nodes[replica], led_by(state, epoch), led_by(state, told_by)
    require(length <= led.leader.length)
    require(committed >= 0)
    require(committed <= length)
    require(committed <= teller.leader.committed)
    require(state.logs[epoch][committed - 1] == state.logs[told_by][committed - 1])
    record = Replica(epoch, epoch, length, committed)
    return replace(state, nodes=state.nodes.put(replica, replace(node, record=record)))


@system.action
def acknowledge(state: State, epoch: Annotated[int, EPOCH], replica: Annotated[int, REPLICA]) -> State:
    """One of the three replicas acknowledges what it has of an epoch's log, and its leader hears that."""
    led, record = led_by(state, epoch), state.nodes[replica].record
    require(replica >= 0)
    require(replica < 3)
    require(record.accepted == epoch)
    leader = replication.on_acknowledgement(led.leader, replica, Acknowledgement(epoch, record.length))
    log, newest = state.logs[epoch], state.epochs[state.newest].leader
    same = log[leader.committed - 1] == state.logs[state.newest][leader.committed - 1]
    require(either(epoch == state.newest, both(leader.committed <= newest.base, same)))
    history, decided = state.history, state.decided
    if leader.committed > decided:
        history, decided = log, leader.committed
    return replace(
        state,
        epochs=state.epochs.put(epoch, replace(led, leader=leader)),
        history=history,
        decided=decided,
    )


# Views.


@system.action
def catch_up(state: State, epoch: Annotated[int, EPOCH], index: Annotated[int, INDEX]) -> State:
    """An entry comes into a leader's newest view."""
    led = led_by(state, epoch)
    view = reads.catch_up(led.leader, led.newest.view, index)
    table = read_next(state, led.newest, view, state.logs[epoch], index)
    return replace(state, epochs=state.epochs.put(epoch, replace(led, newest=table)))


@system.action
def settle(state: State, epoch: Annotated[int, EPOCH], index: Annotated[int, INDEX]) -> State:
    """An entry comes into a leader's settled view."""
    led = led_by(state, epoch)
    view = reads.settle(led.leader, led.settled.view, index)
    table = read_next(state, led.settled, view, state.logs[epoch], index)
    return replace(state, epochs=state.epochs.put(epoch, replace(led, settled=table)))


@system.action
def follow(state: State, replica: Annotated[int, REPLICA], index: Annotated[int, INDEX]) -> State:
    """An entry comes into a replica's view."""
    node = state.nodes[replica]
    view = reads.follow(node.record, node.table.view, index)
    table = read_next(state, node.table, view, state.logs[node.record.accepted], index)
    return replace(state, nodes=state.nodes.put(replica, replace(node, table=table)))


@system.action
def install(state: State, replica: Annotated[int, REPLICA], source: Annotated[int, REPLICA]) -> State:
    """A replica takes over another's view, or one that was saved on a disk."""
    node = replace(state.nodes[replica], table=state.nodes[source].table)
    return replace(state, nodes=state.nodes.put(replica, node))


# Clients.


def _may_be_leased(state: State, epoch: int, leased: bool) -> Any:
    """Only the newest leader has the lease, if any has."""
    return either(neg(leased), epoch == state.newest)


@system.action
def receive(
    state: State,
    client: int,
    epoch: Annotated[int, EPOCH],
    item: Annotated[int, ITEM],
    asked: Asked,
    throttled: bool,
    leased: bool,
) -> State:
    """A client's write reaches a leader, which may be an old one that does not know it."""
    led, number = led_by(state, epoch), state.begun + 1
    require(_may_be_leased(state, epoch, leased))
    before, newest = state.logs[epoch], led.newest.items[item]
    writing = Writing(asked, number)
    received, leader, log = reads.on_write(
        led.leader, before, led.newest.view, newest, writing, throttled, leased
    )
    value = newest
    if not (received.throttled or received.refused):
        value = writing.outcome(newest)
    operation = replace(
        NO_OPERATION,
        kind=WRITE,
        client=client,
        item=item,
        asked=asked,
        epoch=epoch,
        received=received,
        place=received.awaits,
        value=value,
        floor=state.seen,
        under=state.newest,
    )
    return replace(
        state,
        epochs=state.epochs.put(epoch, replace(led, leader=leader)),
        logs=state.logs.put(epoch, log),
        operations=state.operations.put(number, operation),
        begun=number,
        after=state.after.put(number, state.after[before[led.leader.length - 1]].put(item, value)),
        path=state.path.put(number, log),
    )


@system.action
def answer_write(state: State, operation: Annotated[int, OPERATION]) -> State:
    """The leader tells a client what became of its write."""
    found = open_operation(state, operation, WRITE)
    require(reads.may_answer(state.epochs[found.epoch].leader, found.received))
    answer, seen = SUCCEEDED, instants.higher(state.seen, found.place)
    if found.received.throttled:
        answer, seen = THROTTLED, state.seen
    elif found.received.refused:
        answer = REFUSED
    told = replace(found, answer=answer, answered_after=state.begun)
    return with_operation(state, operation, told, seen)


@system.action
def fail(state: State, operation: Annotated[int, OPERATION]) -> State:
    """A client is told 500, or hears nothing for too long."""
    found = state.operations[operation]
    require(found.kind != NOTHING)
    require(found.answer == OPEN)
    return with_operation(
        state, operation, replace(found, answer=FAILED, answered_after=state.begun), state.seen
    )


@system.action
def ask(state: State, client: int, item: Annotated[int, ITEM], strong: bool) -> State:
    """A client begins to read an item."""
    number, kind = state.begun + 1, EVENTUAL_READ
    if strong:
        kind = STRONG_READ
    operation = replace(
        NO_OPERATION, kind=kind, client=client, item=item, floor=state.seen, under=state.newest
    )
    return replace(state, operations=state.operations.put(number, operation), begun=number)


@system.action
def read_strongly(
    state: State, operation: Annotated[int, OPERATION], epoch: Annotated[int, EPOCH], leased: bool
) -> State:
    """A leader answers a strongly consistent read."""
    found, led = open_operation(state, operation, STRONG_READ), led_by(state, epoch)
    require(_may_be_leased(state, epoch, leased))
    require(reads.may_read(led.leader, led.settled.view, leased))
    told = replace(
        found,
        epoch=epoch,
        place=led.settled.view.applied,
        value=led.settled.items[found.item],
        answer=SUCCEEDED,
        answered_after=state.begun,
    )
    return with_operation(state, operation, told, instants.higher(state.seen, told.place))


@system.action
def read_eventually(
    state: State, operation: Annotated[int, OPERATION], replica: Annotated[int, REPLICA]
) -> State:
    """A replica answers an eventually consistent read."""
    found, table = open_operation(state, operation, EVENTUAL_READ), state.nodes[replica].table
    told = replace(
        found,
        place=table.view.applied,
        value=table.items[found.item],
        answer=SUCCEEDED,
        answered_after=state.begun,
    )
    return with_operation(state, operation, told, state.seen)
