"""Transactions: TransactWriteItems and TransactGetItems.

Claims: TX-01 (100 actions, 4 MB), TX-02 (all or nothing, one action an item), TX-03 (one request is answered
at a time, so every transaction is serializable with everything else), TX-04 (client tokens), TX-05, TX-09
and TX-10 (reasons), TX-07 and TX-08 (reads), RC-09 (double the capacity).

A request is refused in three steps, and only then something is applied: what the request alone shows is a
ValidationException (expressions, sizes, two actions on one item), an unknown table is a
ResourceNotFoundException, and what needs the table's schema or the item to be known cancels the transaction
with a reason for each action. The last is how the model documents it and the service answers; AWS's emulator
answers some of those (operand types, missing attributes) with a plain ValidationException.

Choices where AWS publishes nothing: the 4 MB are counted as AWS's emulator does, over what a write brings
(items, keys, expression values) and what a read answers with; a token stands for the actions alone, so that
ReturnConsumedCapacity may differ in the repetition; a ConditionCheck costs what a write of its item would.
Not here: conflicts, for which transactions would have to overlap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from ddbproof.reference_impl.api.call import Call, usable_table
from ddbproof.reference_impl.api.capacity import consumed_capacity, read_units, write_units
from ddbproof.reference_impl.api.items import (
    check_condition,
    checked_size,
    condition_of,
    decode_item,
    encode_item,
    key_bytes,
    updated_item,
)
from ddbproof.reference_impl.cluster.idempotency import FinishedTransaction
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import CallerError, ValidationError
from ddbproof.reference_impl.expressions import (
    Bindings,
    CompiledCondition,
    CompiledProjection,
    CompiledUpdate,
    compile_projection,
    compile_update,
)
from ddbproof.reference_impl.values.attribute import item_size
from ddbproof.reference_impl.values.keys import encode_key, validate_item_key

MOST_ACTIONS = 100
MOST_BYTES = 4 * 1024 * 1024

_KINDS = ("ConditionCheck", "Put", "Update", "Delete")
_TRANSACTIONAL = 2
_NO_ERROR = {"Code": "None"}
_encode_sorted = msgspec.json.Encoder(order="sorted").encode

Units = Iterable[tuple[TableRecord, float]]


@dataclass(slots=True)
class _Action:
    """One action as far as the request alone tells; `size_bytes` is that of an item to be put."""

    kind: str
    parameters: dict[str, Any]
    bindings: Bindings
    condition: CompiledCondition | None = None
    update: CompiledUpdate | None = None
    projection: CompiledProjection | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an action takes place: the table, and the key or what is wrong with it."""

    record: TableRecord
    key: bytes
    problem: ValidationError | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What an action comes to; `writes` is false for a ConditionCheck, `item` is None for a deletion."""

    writes: bool
    item: bytes | None
    size_bytes: int
    old_bytes: int


def transact_write_items(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """TransactWriteItems.

    Raises TransactionCanceledException with the reason of each action, and
    IdempotentParameterMismatchException.
    """
    entries = parameters["TransactItems"]
    _check_count(entries)
    token = parameters.get("ClientRequestToken")
    # Before anything is made canonical in place.
    digest = hashlib.sha256(_encode_sorted(entries)).digest() if token else b""
    finished = call.region.client_tokens.find(call.account, token, call.now_milliseconds) if token else None
    if finished is not None:
        if finished.digest != digest:
            raise CallerError(
                "IdempotentParameterMismatchException",
                "The client token was used by another transaction less than 10 minutes ago",
            )
        return _consumed(finished.reads, parameters, "ReadCapacityUnits")
    actions = [_write_action(entry) for entry in entries]
    places = _places(call, actions)
    if sum(map(_carried_bytes, actions)) > MOST_BYTES:
        raise ValidationError("Transaction payload size cannot exceed 4MB")
    changes = _all_or_reasons(
        [lambda it=it, at=at: _planned(call, it, at) for it, at in zip(actions, places, strict=True)]
    )
    return {}
