"""The records of the system `exports`: partitions with their logs, what an export has read, and transactions."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import Map, Sort
from ddbproof.model.kernel.backup import PartitionLog
from ddbproof.model.kernel.exports import Change, Loaded, Reading

PARTITION, INDEX, ITEM = Sort("partition"), Sort("index"), Sort("item")
EXPORT, TRANSACTION = Sort("export"), Sort("transaction")
Items = Annotated[Map[int], ITEM]
# How far the timestamps of a transaction's parts may lie apart.
MINUTE_MILLISECONDS = 60_000
NO_TRANSACTION = -1


class Entry(msgspec.Struct, frozen=True):
    """An entry of a log: its commit timestamp, the item, and what it made of it."""

    instant_milliseconds: int
    item: int
    value: int


class Row(msgspec.Struct, frozen=True):
    """An item as somebody has put it together."""

    loaded: Loaded
    value: int


class Part(msgspec.Struct, frozen=True):
    """A part of a transaction, once it is written: where."""

    written: bool
    partition: int
    index: int


class Transaction(msgspec.Struct, frozen=True):
    """A transaction of two parts."""

    first: Part
    second: Part


class State(msgspec.Struct, frozen=True):
    """Partitions with their logs; the ends of the exports asked for; what is in them; and what was put together."""

    partitions: Annotated[Map[PartitionLog], PARTITION]
    entries: Annotated[Map[Annotated[Map[Entry], INDEX]], PARTITION]
    held: Annotated[Map[Annotated[Map[Items], INDEX]], PARTITION]
    readings: Annotated[Map[Reading], PARTITION]
    starts: Annotated[Map[Annotated[Map[int], EXPORT]], PARTITION]
    cuts: Annotated[Map[Annotated[Map[int], EXPORT]], PARTITION]
    changes: Annotated[Map[Annotated[Map[Annotated[Map[Change], ITEM]], EXPORT]], PARTITION]
    rows: Annotated[Map[Annotated[Map[Row], ITEM]], PARTITION]
    transactions: Annotated[Map[Transaction], TRANSACTION]
    asked: int
    ends: Annotated[Map[int], EXPORT]
