"""Trials of on-demand backup: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import instants
from ddbproof.model.kernel.backup import PartitionLog
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._backup_state import State
from ddbproof.model.systems.backup import backed_up, system


@system.cover("BK-02")
def backed_up_while_writes_go_on(state: State) -> Any:
    """A partition is cut with an entry in the backup, and another came after the cut."""
    partition = state.partitions[0]
    return both(partition.taken, partition.position > 0, partition.log.length > partition.position)


@system.cover()
def transaction_in_the_backup(state: State) -> Any:
    """Both parts of a transaction are in the backup."""
    return both(backed_up(state, state.transactions[0].first), backed_up(state, state.transactions[0].second))


@system.cover()
def transaction_after_the_backup(state: State) -> Any:
    """Both partitions are cut, and a transaction committed in them afterwards is not in the backup."""
    record = state.transactions[0]
    return both(
        record.first.committed,
        record.second.committed,
        state.partitions[record.first.partition].taken,
        state.partitions[record.second.partition].taken,
        neg(backed_up(state, record.first)),
    )


@system.cover()
def room_after_an_abort(state: State) -> Any:
    """What a prepared transaction kept out of a log came in once the transaction was withdrawn."""
    record, log = state.transactions[0], state.partitions[0].log
    return both(
        record.aborted, record.timestamp > 0, neg(log.prepared), log.latest_milliseconds > record.timestamp
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


system.slow = {
    ("commit", "parts"),
    ("commit", "SAFE_transaction_is_whole"),
    ("take", "SAFE_transaction_is_whole"),
    ("take", "SAFE_cut_is_by_time"),
    ("commit", "times"),
    ("commit", "logs"),
}

_CLOCKS = (0, 60_000, 120_000)
_WITHIN = {
    "partition": (0, 1),
    "begin.first": (0,),
    "begin.second": (1,),
    "index": (0, 1, 2),
    "transaction": (0,),
    "later": _CLOCKS[1:],
    "clock": _CLOCKS,
    "watermark": _CLOCKS,
    "stamp": _CLOCKS,
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
# A slow write beside quick ones, and writes beside a transaction.
_SECONDS = (0, 1_000, 2_000)
_SLOW = {**_WITHIN, "partition": (0,), "later": _SECONDS[1:], "clock": _SECONDS, "stamp": _SECONDS}
system.scopes.append(
    Scope(
        values={**_SLOW, "watermark": _SECONDS},
        parameters=({"clock_bound": 0},),
        within=_small,
        actions=("time_passes", "write", "advance", "request", "take"),
        most_states=20_000,
    )
)
system.scopes.append(
    Scope(
        values={**_SLOW, "watermark": (0,)},
        parameters=({"clock_bound": 0},),
        within=_small,
        actions=("time_passes", "write", "begin", "prepare", "decide", "commit", "abort", "withdraw"),
        most_states=20_000,
    )
)
