"""On-demand backup of a table with any number of partitions, while writes and transactions go on.

Sources: BK-02 (the two-minute band), BK-03, TX-01. The kernel is `kernel/backup.py`. A transaction has two parts in two
partitions, which are prepared, then decided, then committed, one by one and with anything in between; what is said of
two parts holds for any two of more.

A clock may be ahead of true time by anything up to a bound; within it the adversary picks every reading. The
kernel lets a timestamp be a little ahead of the clock, so the bound has to leave room for that within the minute
of BK-02. One backup is looked at; another would not touch it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, both, forall, implies, neg, same_truth
from ddbproof.model.kernel import backup, instants
from ddbproof.model.kernel.backup import PartitionLog
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._backup_state import (
    INDEX,
    PARTITION,
    TRANSACTION,
    Entry,
    Part,
    Partition,
    State,
    Transaction,
    part_of,
    with_part,
)

MINUTE_MILLISECONDS = 60_000
# How far ahead of the clock a timestamp may be, said again without the kernel: a second, and one after it.
AHEAD_MILLISECONDS = 1_001
UNDECIDED_MILLISECONDS = 10_000
NO_TRANSACTION = -1


system = System("backup", "On-demand backup", State, [backup, instants])
system.scope_in_words = [
    "a transaction has two parts, and a partition one prepared transaction at a time",
    "how a partition's log is kept on three replicas is not part of this system",
]
system.merged = ("instants.higher", "instants.lower")
_EMPTY = Partition(backup.EMPTY, 0, NO_TRANSACTION, False, 0)
_NO_PART = Part(0, False, False, 0)
_NONE = Transaction(False, 0, 0, False, 0, False, _NO_PART, _NO_PART)


@system.initial
def empty_table(clock_bound: int) -> State:
    """No entry anywhere, and no backup."""
    nothing: FrozenMap[Map[Entry]] = FrozenMap(FrozenMap(Entry(0, 0, NO_TRANSACTION)))
    return State(FrozenMap(_EMPTY), nothing, FrozenMap(_NONE), 0, False, 0, 0, clock_bound)


def _read_clock(state: State, clock: int) -> None:
    require(clock >= state.true_time)
    require(clock <= state.true_time + state.clock_bound)


def _put(state: State, partition: int, log: PartitionLog, entries: Any, prepared_for: int) -> State:
    before = state.partitions[partition]
    after = msgspec.structs.replace(
        before, log=log, prepared_for=prepared_for, acknowledged=before.acknowledged + 1
    )
    return msgspec.structs.replace(
        state,
        partitions=state.partitions.put(partition, after),
        entries=state.entries.put(partition, entries),
    )


@system.action
def time_passes(state: State, later: int) -> State:
    """True time goes on."""
    require(later > state.true_time)
    return msgspec.structs.replace(state, true_time=later)


@system.action
def write(state: State, partition: Annotated[int, PARTITION], clock: int, stamp: int) -> State:
    """A single item is written: it was stamped just now, or up to ten seconds ago and was slow to get here."""
    _read_clock(state, clock)
    before = state.partitions[partition]
    require(stamp <= backup.commit_timestamp(before.log, clock))
    require(stamp >= state.true_time - UNDECIDED_MILLISECONDS)
    entry = Entry(stamp, state.true_time, NO_TRANSACTION)
    log, entries = backup.append(before.log, state.entries[partition], entry)
    return _put(state, partition, log, entries, before.prepared_for)


@system.action
def begin(
    state: State,
    transaction: Annotated[int, TRANSACTION],
    first: Annotated[int, PARTITION],
    second: Annotated[int, PARTITION],
    clock: int,
) -> State:
    """A coordinator begins a transaction over two partitions, and stamps it so that both can take it."""
    _read_clock(state, clock)
    require(transaction >= 0)
    require(first != second)
    require(not state.transactions[transaction].begun)
    asked = backup.commit_timestamp(state.partitions[first].log, clock)
    timestamp = backup.commit_timestamp(state.partitions[second].log, asked)
    begun = msgspec.structs.replace(
        _NONE,
        begun=True,
        timestamp=timestamp,
        began_at=state.true_time,
        first=Part(first, False, False, 0),
        second=Part(second, False, False, 0),
    )
    return msgspec.structs.replace(state, transactions=state.transactions.put(transaction, begun))


@system.action
def prepare(state: State, transaction: Annotated[int, TRANSACTION], second: bool) -> State:
    """A part of a transaction is prepared."""
    record = state.transactions[transaction]
    part = part_of(record, second)
    require(record.begun)
    require(not part.prepared)
    before = state.partitions[part.partition]
    after = msgspec.structs.replace(
        before, log=backup.prepare(before.log, record.timestamp), prepared_for=transaction
    )
    done = with_part(record, second, msgspec.structs.replace(part, prepared=True))
    return msgspec.structs.replace(
        state,
        partitions=state.partitions.put(part.partition, after),
        transactions=state.transactions.put(transaction, done),
    )


@system.action
def decide(state: State, transaction: Annotated[int, TRANSACTION], clock: int) -> State:
    """All parts being prepared, and not too late, the coordinator decides to commit."""
    _read_clock(state, clock)
    record = state.transactions[transaction]
    require(record.first.prepared)
    require(record.second.prepared)
    require(not record.decided)
    require(not record.aborted)
    require(backup.may_decide(record.timestamp, clock))
    decided = msgspec.structs.replace(record, decided=True, decided_at=state.true_time)
    return msgspec.structs.replace(state, transactions=state.transactions.put(transaction, decided))


@system.action
def abort(state: State, transaction: Annotated[int, TRANSACTION]) -> State:
    """The coordinator gives a transaction up, or comes too late to decide it."""
    record = state.transactions[transaction]
    require(record.begun)
    require(not record.decided)
    aborted = msgspec.structs.replace(record, aborted=True)
    return msgspec.structs.replace(state, transactions=state.transactions.put(transaction, aborted))


@system.action
def withdraw(state: State, transaction: Annotated[int, TRANSACTION], second: bool) -> State:
    """A prepared part of an aborted transaction is withdrawn; a late message may prepare it again."""
    record = state.transactions[transaction]
    part = part_of(record, second)
    require(record.aborted)
    require(part.prepared)
    before = state.partitions[part.partition]
    after = msgspec.structs.replace(
        before, log=backup.abort_prepared(before.log), prepared_for=NO_TRANSACTION
    )
    done = with_part(record, second, msgspec.structs.replace(part, prepared=False))
    return msgspec.structs.replace(
        state,
        partitions=state.partitions.put(part.partition, after),
        transactions=state.transactions.put(transaction, done),
    )


@system.action
def commit(state: State, transaction: Annotated[int, TRANSACTION], second: bool) -> State:
    """A part of a decided transaction is committed."""
    record = state.transactions[transaction]
    part = part_of(record, second)
    require(record.decided)
    require(not part.committed)
    before = state.partitions[part.partition].log
    entry = Entry(record.timestamp, record.decided_at, transaction)
    log, entries = backup.commit_prepared(before, state.entries[part.partition], entry)
    after = _put(state, part.partition, log, entries, NO_TRANSACTION)
    done = with_part(record, second, msgspec.structs.replace(part, committed=True, index=before.length))
    return msgspec.structs.replace(after, transactions=state.transactions.put(transaction, done))


@system.action
def advance(state: State, partition: Annotated[int, PARTITION], watermark: int, clock: int) -> State:
    """A partition moves its watermark on."""
    _read_clock(state, clock)
    before = state.partitions[partition]
    log = backup.advance_watermark(before.log, watermark, clock)
    after = msgspec.structs.replace(before, log=log)
    return msgspec.structs.replace(state, partitions=state.partitions.put(partition, after))


@system.action
def request(state: State, partition: Annotated[int, PARTITION], clock: int) -> State:
    """A backup is asked for; some partition has the latest timestamp, or the clock is later than all."""
    _read_clock(state, clock)
    require(not state.requested)
    return msgspec.structs.replace(
        state,
        requested=True,
        backup_instant=backup.backup_timestamp(state.partitions[partition].log, clock),
        requested_at=state.true_time,
    )


@system.action
def take(state: State, partition: Annotated[int, PARTITION], position: Annotated[int, INDEX]) -> State:
    """A partition's log is cut for the backup."""
    before = state.partitions[partition]
    require(state.requested)
    require(not before.taken)
    cut = backup.take_cut(
        before.log, state.entries[partition], backup.BEGINNING, position, state.backup_instant
    )
    after = msgspec.structs.replace(before, taken=True, position=cut.position)
    return msgspec.structs.replace(state, partitions=state.partitions.put(partition, after))


def _is_entry(state: State, partition: int, index: int) -> Any:
    return both(index >= 0, index < state.partitions[partition].log.length)


def _soon_enough(instant: int, true_time: int, state: State) -> Any:
    return instant <= true_time + state.clock_bound + AHEAD_MILLISECONDS


@system.invariant
def assume_clocks(state: State) -> Iterator[Any]:
    """Clocks are ahead by no more than 45 seconds."""
    yield both(state.clock_bound >= 0, state.clock_bound <= 45_000)


@system.invariant
def logs(state: State) -> Iterator[Any]:
    """Timestamps never decrease along a log, and the last one is remembered."""
    yield forall(PARTITION)(lambda p: state.partitions[p].log.length >= 0)
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            _is_entry(state, p, i),
            state.entries[p][i].instant_milliseconds <= state.partitions[p].log.latest_milliseconds,
        )
    )
    yield forall(PARTITION, INDEX, INDEX)(
        lambda p, i, k: implies(
            both(_is_entry(state, p, i), _is_entry(state, p, k), i < k),
            state.entries[p][i].instant_milliseconds <= state.entries[p][k].instant_milliseconds,
        )
    )


@system.invariant
def times(state: State) -> Iterator[Any]:
    """Nothing carries a timestamp further ahead than clocks and the kernel allow, or one before its time."""
    yield state.true_time >= 0
    yield forall(PARTITION)(
        lambda p: both(
            _soon_enough(state.partitions[p].log.latest_milliseconds, state.true_time, state),
            state.partitions[p].log.watermark_milliseconds
            <= state.true_time + state.clock_bound + AHEAD_MILLISECONDS - 1,
        )
    )
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            _is_entry(state, p, i),
            both(
                state.entries[p][i].committed_at <= state.true_time,
                state.entries[p][i].committed_at
                <= state.entries[p][i].instant_milliseconds + UNDECIDED_MILLISECONDS,
                _soon_enough(
                    state.entries[p][i].instant_milliseconds, state.entries[p][i].committed_at, state
                ),
            ),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].begun,
            both(
                t >= 0,
                state.transactions[t].began_at <= state.true_time,
                state.transactions[t].timestamp >= state.transactions[t].began_at,
                _soon_enough(state.transactions[t].timestamp, state.transactions[t].began_at, state),
            ),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].decided,
            both(
                state.transactions[t].decided_at <= state.true_time,
                state.transactions[t].decided_at >= state.transactions[t].began_at,
                state.transactions[t].decided_at <= state.transactions[t].timestamp + UNDECIDED_MILLISECONDS,
            ),
        )
    )
    yield implies(
        state.requested,
        both(
            state.requested_at <= state.true_time,
            state.backup_instant >= state.requested_at,
            _soon_enough(state.backup_instant, state.requested_at, state),
        ),
    )


@system.invariant
def cuts(state: State) -> Iterator[Any]:
    """A partition that was cut was asked to, and its watermark is not before the backup's instant."""
    yield forall(PARTITION)(
        lambda p: implies(
            state.partitions[p].taken,
            both(
                state.requested,
                state.partitions[p].position >= 0,
                state.partitions[p].position <= state.partitions[p].log.length,
                state.partitions[p].log.watermark_milliseconds >= state.backup_instant,
            ),
        )
    )


@system.invariant
def parts(state: State) -> Iterator[Any]:
    """A part that is prepared and not committed holds its partition; one that is committed is in the log."""
    for which, other in (("first", "second"), ("second", "first")):
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                both(
                    getattr(state.transactions[t], which).prepared,
                    neg(getattr(state.transactions[t], which).committed),
                ),
                _holds(state, getattr(state.transactions[t], which).partition, t),
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                getattr(state.transactions[t], which).prepared, state.transactions[t].begun
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which, other=other: implies(
                getattr(state.transactions[t], which).committed,
                both(
                    state.transactions[t].decided,
                    getattr(state.transactions[t], other).prepared,
                    getattr(state.transactions[t], which).prepared,
                ),
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                getattr(state.transactions[t], which).committed,
                _is_part(state, getattr(state.transactions[t], which), t),
            )
        )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].decided,
            both(state.transactions[t].first.prepared, state.transactions[t].second.prepared),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].begun,
            state.transactions[t].first.partition != state.transactions[t].second.partition,
        )
    )


def _holds(state: State, partition: int, transaction: int) -> Any:
    held = state.partitions[partition]
    return both(
        held.log.prepared,
        held.prepared_for == transaction,
        held.log.prepared_milliseconds == state.transactions[transaction].timestamp,
        held.log.prepared_milliseconds > held.log.watermark_milliseconds,
    )


def _is_part(state: State, part: Part, transaction: int) -> Any:
    entry = state.entries[part.partition][part.index]
    return both(
        _is_entry(state, part.partition, part.index),
        entry.transaction == transaction,
        entry.instant_milliseconds == state.transactions[transaction].timestamp,
    )


@system.safe()
def SAFE_acknowledged_stays_in_the_log(state: State) -> Iterator[Any]:
    """A log has as many entries as were acknowledged."""
    yield forall(PARTITION)(lambda p: state.partitions[p].log.length == state.partitions[p].acknowledged)


@system.safe("BK-03", "BK-04", "RS-09")
def SAFE_cut_is_by_time(state: State) -> Iterator[Any]:
    """What a partition has in the backup is what carries a timestamp up to its instant, for ever after."""
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            both(state.partitions[p].taken, _is_entry(state, p, i)),
            same_truth(
                i < state.partitions[p].position,
                state.entries[p][i].instant_milliseconds <= state.backup_instant,
            ),
        )
    )


@system.safe("BK-02")
def SAFE_two_minute_band(state: State) -> Iterator[Any]:
    """What was committed a minute before the request is in the backup, what was a minute after it is not."""
    for early in (True, False):
        yield forall(PARTITION, INDEX)(
            lambda p, i, early=early: implies(
                both(
                    state.partitions[p].taken,
                    _is_entry(state, p, i),
                    _a_minute_off(state, state.entries[p][i], early),
                ),
                same_truth(i < state.partitions[p].position, early),
            )
        )


def _a_minute_off(state: State, entry: Entry, early: bool) -> Any:
    if early:
        return entry.committed_at <= state.requested_at - MINUTE_MILLISECONDS
    return entry.committed_at >= state.requested_at + MINUTE_MILLISECONDS


@system.safe()
def SAFE_prepared_part_can_be_committed(state: State) -> Iterator[Any]:
    """While a part is prepared nothing gets into the log that would keep its entry out."""
    yield forall(PARTITION)(
        lambda p: implies(
            state.partitions[p].log.prepared,
            both(
                state.partitions[p].log.prepared_milliseconds >= state.partitions[p].log.latest_milliseconds,
                state.partitions[p].log.prepared_milliseconds
                > state.partitions[p].log.watermark_milliseconds,
            ),
        )
    )


@system.safe()
def SAFE_an_aborted_transaction_leaves_nothing(state: State) -> Iterator[Any]:
    """No part of it is in a log."""
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].aborted,
            both(
                neg(state.transactions[t].decided),
                neg(state.transactions[t].first.committed),
                neg(state.transactions[t].second.committed),
            ),
        )
    )


@system.safe()
def SAFE_transaction_is_whole(state: State) -> Iterator[Any]:
    """If one part of a transaction is in the backup and the other's partition is cut, the other is in it too."""
    for which, other in (("first", "second"), ("second", "first")):
        yield forall(TRANSACTION)(
            lambda t, which=which, other=other: implies(
                both(
                    backed_up(state, getattr(state.transactions[t], which)),
                    state.partitions[getattr(state.transactions[t], other).partition].taken,
                ),
                backed_up(state, getattr(state.transactions[t], other)),
            )
        )


def backed_up(state: State, part: Part) -> Any:
    """That a part was committed and is in what the backup took of its partition."""
    partition = state.partitions[part.partition]
    return both(part.committed, partition.taken, part.index < partition.position)
