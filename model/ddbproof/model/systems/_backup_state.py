"""The state of the backup system: the table's partitions and logs, transactions, true time, and the backup."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import Map, Sort
from ddbproof.model.kernel.backup import PartitionLog

PARTITION, INDEX, TRANSACTION = Sort("partition"), Sort("index"), Sort("transaction")


class Entry(msgspec.Struct, frozen=True):
    """An entry of a log: its timestamp, when in true time it was committed, and of which transaction it is.

    A part of a transaction is committed when the transaction is decided, however late it comes into the log.
    """

    instant_milliseconds: int
    committed_at: int
    transaction: Annotated[int, TRANSACTION]


class Partition(msgspec.Struct, frozen=True):
    """A partition: its log, the transaction prepared there, and where the backup cut the log, if it did.

    `acknowledged` counts what was answered for; no kernel function reads it.
    """

    log: PartitionLog
    acknowledged: int
    prepared_for: Annotated[int, TRANSACTION]
    taken: bool
    position: Annotated[int, INDEX]


class Part(msgspec.Struct, frozen=True):
    """A transaction's part in one partition; committed, it is the entry at `index` of that log."""

    partition: Annotated[int, PARTITION]
    prepared: bool
    committed: bool
    index: Annotated[int, INDEX]


class Transaction(msgspec.Struct, frozen=True):
    """A transaction with two parts. A part is prepared, and after the decision committed or withdrawn, on its own."""

    begun: bool
    timestamp: int
    began_at: int
    decided: bool
    decided_at: int
    aborted: bool
    first: Part
    second: Part


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


def part_of(record: Transaction, second: bool) -> Part:
    """One of its two parts."""
    if second:
        return record.second
    return record.first


def with_part(record: Transaction, second: bool, part: Part) -> Transaction:
    """The transaction with one of its parts changed."""
    if second:
        return msgspec.structs.replace(record, second=part)
    return msgspec.structs.replace(record, first=part)
