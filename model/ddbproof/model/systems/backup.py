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

from ddbproof.model.engine.system import Scope, System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, forall, implies, neg, same_truth
from ddbproof.model.kernel import backup, instants
from ddbproof.model.kernel.backup import PartitionLog
from ddbproof.model.kernel.refusal import require

PARTITION, INDEX, TRANSACTION = Sort("partition"), Sort("index"), Sort("transaction")
MINUTE_MILLISECONDS = 60_000
# How far ahead of the clock a timestamp may be, said again without the kernel: a second, and one after it.
AHEAD_MILLISECONDS = 1_001
UNDECIDED_MILLISECONDS = 10_000
NO_TRANSACTION = -1


class Entry(msgspec.Struct, frozen=True):
    """An entry of a log: its timestamp, when in true time it was committed, and of which transaction it is.

    A part of a transaction is committed when the transaction is decided, however late it comes into the log.
    """

    instant_milliseconds: int
    committed_at: int
    transaction: Annotated[int, TRANSACTION]


class Partition(msgspec.Struct, frozen=True):
    """A partition: its log, the transaction prepared there, and where the backup cut the log, if it did."""

    log: PartitionLog
    prepared_for: Annotated[int, TRANSACTION]
    taken: bool
    position: Annotated[int, INDEX]


class Transaction(msgspec.Struct, frozen=True):
    """A transaction with two parts. A part is prepared, and after the decision committed, on its own."""

    begun: bool
    timestamp: int
    began_at: int
    decided_at: int
    first: Annotated[int, PARTITION]
    second: Annotated[int, PARTITION]
    first_prepared: bool
    second_prepared: bool
    decided: bool
    first_committed: bool
    second_committed: bool
    first_index: Annotated[int, INDEX]
    second_index: Annotated[int, INDEX]


class State(msgspec.Struct, frozen=True):
    """The table, its transactions, true time, and the backup: asked for or not, its instant, and when in true time."""

    partitions: Annotated[Map[Partition], PARTITION]
    entries: Annotated[Map[Annotated[Map[Entry], INDEX]], PARTITION]
    transactions: Annotated[Map[Transaction], TRANSACTION]
    true_time: int
    requested: bool
    backup_instant: int
    requested_at: int
    clock_bound: int


system = System("backup", "On-demand backup", State, [backup, instants])
system.scope_in_words = [
    "a transaction has two parts, and a partition one prepared transaction at a time",
    "how a partition's log is kept on three replicas is not part of this system",
]
system.merged = ("instants.higher", "instants.lower")
_EMPTY = Partition(backup.EMPTY, NO_TRANSACTION, False, 0)
_NONE = Transaction(False, 0, 0, 0, 0, 0, False, False, False, False, False, 0, 0)


@system.initial
def empty_table(clock_bound: int) -> State:
    """No entry anywhere, and no backup."""
    return State(
        FrozenMap(_EMPTY),
        FrozenMap(FrozenMap(Entry(0, 0, NO_TRANSACTION))),
        FrozenMap(_NONE),
        0,
        False,
        0,
        0,
        clock_bound,
    )


def _read_clock(state: State, clock: int) -> None:
    require(clock >= state.true_time)
    require(clock <= state.true_time + state.clock_bound)


def _put(state: State, partition: int, log: PartitionLog, entries: Any, prepared_for: int) -> State:
    after = msgspec.structs.replace(state.partitions[partition], log=log, prepared_for=prepared_for)
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
def write(state: State, partition: Annotated[int, PARTITION], clock: int) -> State:
    """A single item is written."""
    _read_clock(state, clock)
    before = state.partitions[partition]
    timestamp = backup.commit_timestamp(before.log, clock)
    entry = Entry(timestamp, state.true_time, NO_TRANSACTION)
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
        _NONE, begun=True, timestamp=timestamp, began_at=state.true_time, first=first, second=second
    )
    return msgspec.structs.replace(state, transactions=state.transactions.put(transaction, begun))


def _prepared(state: State, transaction: int, partition: int, **flag: bool) -> State:
    before = state.partitions[partition]
    record = state.transactions[transaction]
    after = msgspec.structs.replace(
        before, log=backup.prepare(before.log, record.timestamp), prepared_for=transaction
    )
    return msgspec.structs.replace(
        state,
        partitions=state.partitions.put(partition, after),
        transactions=state.transactions.put(transaction, msgspec.structs.replace(record, **flag)),
    )


@system.action
def prepare_first(state: State, transaction: Annotated[int, TRANSACTION]) -> State:
    """The first part is prepared."""
    record = state.transactions[transaction]
    require(record.begun)
    require(not record.first_prepared)
    return _prepared(state, transaction, record.first, first_prepared=True)


@system.action
def prepare_second(state: State, transaction: Annotated[int, TRANSACTION]) -> State:
    """The second part is prepared."""
    record = state.transactions[transaction]
    require(record.begun)
    require(not record.second_prepared)
    return _prepared(state, transaction, record.second, second_prepared=True)


@system.action
def decide(state: State, transaction: Annotated[int, TRANSACTION], clock: int) -> State:
    """All parts being prepared, and not too late, the coordinator decides to commit."""
    _read_clock(state, clock)
    record = state.transactions[transaction]
    require(record.first_prepared)
    require(record.second_prepared)
    require(not record.decided)
    require(backup.may_decide(record.timestamp, clock))
    decided = msgspec.structs.replace(record, decided=True, decided_at=state.true_time)
    return msgspec.structs.replace(state, transactions=state.transactions.put(transaction, decided))


def _committed(state: State, transaction: int, partition: int, record: Transaction) -> State:
    entry = Entry(record.timestamp, record.decided_at, transaction)
    log, entries = backup.commit_prepared(state.partitions[partition].log, state.entries[partition], entry)
    after = _put(state, partition, log, entries, NO_TRANSACTION)
    return msgspec.structs.replace(after, transactions=state.transactions.put(transaction, record))


@system.action
def commit_first(state: State, transaction: Annotated[int, TRANSACTION]) -> State:
    """The first part of a decided transaction is committed."""
    record = state.transactions[transaction]
    require(record.decided)
    require(not record.first_committed)
    index = state.partitions[record.first].log.length
    done = msgspec.structs.replace(record, first_committed=True, first_index=index)
    return _committed(state, transaction, record.first, done)


@system.action
def commit_second(state: State, transaction: Annotated[int, TRANSACTION]) -> State:
    """The second part of a decided transaction is committed."""
    record = state.transactions[transaction]
    require(record.decided)
    require(not record.second_committed)
    index = state.partitions[record.second].log.length
    done = msgspec.structs.replace(record, second_committed=True, second_index=index)
    return _committed(state, transaction, record.second, done)


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
def prepared(state: State) -> Iterator[Any]:
    """A part that is prepared and not committed holds its partition, at the transaction's timestamp."""
    for which, other in (("first", "second"), ("second", "first")):
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                both(
                    getattr(state.transactions[t], f"{which}_prepared"),
                    neg(getattr(state.transactions[t], f"{which}_committed")),
                ),
                _holds(state, getattr(state.transactions[t], which), t),
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                getattr(state.transactions[t], f"{which}_prepared"), state.transactions[t].begun
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which, other=other: implies(
                getattr(state.transactions[t], f"{which}_committed"),
                both(
                    state.transactions[t].decided,
                    getattr(state.transactions[t], f"{other}_prepared"),
                    getattr(state.transactions[t], f"{which}_prepared"),
                ),
            )
        )
        yield forall(TRANSACTION)(
            lambda t, which=which: implies(
                getattr(state.transactions[t], f"{which}_committed"),
                _is_part(
                    state,
                    getattr(state.transactions[t], which),
                    getattr(state.transactions[t], f"{which}_index"),
                    t,
                ),
            )
        )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].decided,
            both(state.transactions[t].first_prepared, state.transactions[t].second_prepared),
        )
    )
    yield forall(TRANSACTION)(
        lambda t: implies(
            state.transactions[t].begun, state.transactions[t].first != state.transactions[t].second
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


def _is_part(state: State, partition: int, index: int, transaction: int) -> Any:
    entry = state.entries[partition][index]
    return both(
        _is_entry(state, partition, index),
        entry.transaction == transaction,
        entry.instant_milliseconds == state.transactions[transaction].timestamp,
    )


@system.safe("BK-03", "RS-09")
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
def SAFE_minute_before_is_in(state: State) -> Iterator[Any]:
    """What was committed a minute before the request, or earlier, is in the backup."""
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            both(
                state.partitions[p].taken,
                _is_entry(state, p, i),
                state.entries[p][i].committed_at <= state.requested_at - MINUTE_MILLISECONDS,
            ),
            i < state.partitions[p].position,
        )
    )


@system.safe("BK-02")
def SAFE_minute_after_is_not_in(state: State) -> Iterator[Any]:
    """Nothing that was committed a minute after the request, or later, is in the backup."""
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            both(
                state.partitions[p].taken,
                _is_entry(state, p, i),
                state.entries[p][i].committed_at >= state.requested_at + MINUTE_MILLISECONDS,
            ),
            i >= state.partitions[p].position,
        )
    )


@system.safe()
def SAFE_transaction_is_whole(state: State) -> Iterator[Any]:
    """If one part of a transaction is in the backup, the other is, or its partition cannot be cut before it is."""
    for which, other in (("first", "second"), ("second", "first")):
        yield forall(TRANSACTION)(
            lambda t, which=which, other=other: implies(
                both(
                    _backed_up(state, t, which),
                    state.partitions[getattr(state.transactions[t], other)].taken,
                ),
                _backed_up(state, t, other),
            )
        )


def _backed_up(state: State, transaction: int, which: str) -> Any:
    record = state.transactions[transaction]
    partition = state.partitions[getattr(record, which)]
    return both(
        getattr(record, f"{which}_committed"),
        partition.taken,
        getattr(record, f"{which}_index") < partition.position,
    )


@system.cover("BK-02")
def backed_up_while_writes_go_on(state: State) -> Any:
    """A partition is cut with an entry in the backup, and another came after the cut."""
    partition = state.partitions[0]
    return both(partition.taken, partition.position > 0, partition.log.length > partition.position)


@system.cover()
def transaction_in_the_backup(state: State) -> Any:
    """Both parts of a transaction are in the backup."""
    return both(_backed_up(state, 0, "first"), _backed_up(state, 0, "second"))


@system.cover()
def transaction_after_the_backup(state: State) -> Any:
    """Both partitions are cut, and a transaction committed in them afterwards is not in the backup."""
    record = state.transactions[0]
    return both(
        record.first_committed,
        record.second_committed,
        state.partitions[record.first].taken,
        state.partitions[record.second].taken,
        neg(_backed_up(state, 0, "first")),
    )


@system.mutant("backup.may_cut")
def watermark_ignored(partition: PartitionLog, backup_milliseconds: int) -> bool:
    """A log is cut although more with an earlier timestamp can still come into it."""
    return True


@system.mutant("backup.advance_watermark")
def prepared_transaction_overtaken(
    partition: PartitionLog, instant_milliseconds: int, now_milliseconds: int
) -> PartitionLog:
    """The watermark passes a transaction that is prepared and not decided."""
    require(instant_milliseconds <= now_milliseconds)
    return msgspec.structs.replace(
        partition,
        watermark_milliseconds=instants.higher(partition.watermark_milliseconds, instant_milliseconds),
    )


@system.mutant("backup.may_decide")
def decided_however_late(prepared_milliseconds: int, now_milliseconds: int) -> bool:
    """A transaction can be decided long after it got its timestamp."""
    return True


@system.mutant("backup.is_cut")
def everything_is_cut(
    partition: PartitionLog, log: Any, base: Any, position: int, backup_milliseconds: int
) -> bool:
    """The backup takes all there is, whatever its timestamp."""
    return position == partition.length


@system.mutant("backup.in_backup", harmless=True)
def in_backup_said_otherwise(entry_milliseconds: int, backup_milliseconds: int) -> bool:
    """The same, asked the other way round."""
    return not entry_milliseconds > backup_milliseconds


_CLOCKS = (0, 60_000, 120_000)
_WITHIN = {
    "partition": (0, 1),
    "first": (0,),
    "second": (1,),
    "index": (0, 1, 2),
    "transaction": (0,),
    "later": _CLOCKS[1:],
    "clock": _CLOCKS,
    "watermark": _CLOCKS,
}


def _small(state: State) -> bool:
    lengths = sum(state.partitions[partition].log.length for partition in (0, 1))
    return lengths < 3


system.scopes.append(
    Scope(
        values=_WITHIN,
        parameters=({"clock_bound": 0},),
        within=_small,
        actions=("time_passes", "write", "advance", "request", "take"),
        most_states=40_000,
    )
)
system.scopes.append(
    Scope(
        values={**_WITHIN, "later": (60_000, 61_000), "clock": (0, 60_000, 61_000), "watermark": (0, 60_000)},
        parameters=({"clock_bound": 0},),
        within=_small,
        actions=tuple(name for name in system.actions if name != "write"),
        most_states=40_000,
    )
)
