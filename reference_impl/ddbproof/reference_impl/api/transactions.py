"""Transactions: TransactWriteItems and TransactGetItems.

Claims: TX-01 (100 actions, 4 MB), TX-02 (all or nothing, one action an item), TX-03 (serializable), TX-04 (client
tokens), TX-05 (conflicts; reasons in the order of the actions), TX-07 (a read is one snapshot), RC-09 (double
the capacity). How a transaction is done all or nothing over many partitions is in `cluster.coordinator`.

A transaction is refused in three steps, and only then anything is applied: what the request alone shows is a
ValidationException (expressions, sizes, two actions on one item), an unknown table is a
ResourceNotFoundException, and what needs the schema of the table or the item to be known cancels the
transaction, with a reason for each action. So the service model documents the reasons; AWS's emulator answers
some of the last kind (operands of a wrong type, missing attributes) with a plain ValidationException.

Choices where AWS publishes nothing: 4 MB are counted as AWS's emulator does, over what a write brings (items,
keys, values) and what a read answers with; a token stands for the actions alone, so that
ReturnConsumedCapacity may differ in a repetition; a ConditionCheck costs what a write of its item would. A token
stands for a transaction once every item is found as it should be; before that, a request with it may be tried again, as
AWS's emulator allows. One request is answered at a time, so a conflict is one with a transaction that was left behind.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from ddbproof.model.kernel import transactions
from ddbproof.reference_impl.api.call import Call, usable_table
from ddbproof.reference_impl.api.capacity import (
    consumed_with_indexes,
    index_write_units,
    read_units,
    write_units,
)
from ddbproof.reference_impl.api.index_definitions import check_item, check_updated_item
from ddbproof.reference_impl.api.item_collections import metrics_of_writes
from ddbproof.reference_impl.api.items import (
    check_condition,
    checked_size,
    condition_of,
    decode_item,
    encode_item,
    updated_item,
)
from ddbproof.reference_impl.cluster.coordinator import CONFLICT_REASON, NO_REASON, Step
from ddbproof.reference_impl.cluster.ledger import token_key
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import (
    CallerError,
    TransactionConflictError,
    UnavailableError,
    ValidationError,
)
from ddbproof.reference_impl.expressions import (
    Bindings,
    CompiledCondition,
    CompiledProjection,
    CompiledUpdate,
    compile_projection,
    compile_update,
)
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.values.attribute import item_size, normalise_item
from ddbproof.reference_impl.values.keys import encode_key, validate_item_key, validate_key

MOST_ACTIONS = 100
MOST_BYTES = 4 * 1024 * 1024

_KINDS = ("ConditionCheck", "Put", "Update", "Delete")
_TRANSACTIONAL = 2
_REASONS = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "ValidationException": "ValidationError",
    "TransactionConflictException": CONFLICT_REASON,
}
_KERNEL_ACTIONS = {
    "ConditionCheck": transactions.CHECK,
    "Put": transactions.PUT,
    "Update": transactions.PUT,
    "Delete": transactions.DELETE,
}
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_ActionT = TypeVar("_ActionT")
_NONE: Mapping[str, dict[str, float]] = {}
_OutcomeT = TypeVar("_OutcomeT")


@dataclass(slots=True)
class _Action:
    """One action as far as the request alone tells; `size_bytes` is what it brings along."""

    kind: str
    parameters: dict[str, Any]
    bindings: Bindings
    size_bytes: int
    condition: CompiledCondition | None = None
    update: CompiledUpdate | None = None
    projection: CompiledProjection | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an action takes place: the table, and the key or what is wrong with it."""

    record: TableRecord
    key: bytes
    problem: ValidationError | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """What an action comes to: the item afterwards, None if there is none, and the sizes before and after.

    `seen` is the version that it was evaluated on, `index_units` what it costs in each index that it changes.
    """

    item: bytes | None
    size_bytes: int
    old_bytes: int
    seen: int
    index_units: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Look:
    """What the first look at an item found."""

    image: Image | None
    version: int


# --- Writing -----------------------------------------------------------------------------------------


def transact_write_items(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """TransactWriteItems.

    Raises TransactionCanceledException with a reason for each action, and
    IdempotentParameterMismatchException for a token that stands for another transaction.
    """
    entries = parameters["TransactItems"]
    _check_count(entries)
    token = parameters.get("ClientRequestToken")
    key = token_key(call.account, token) if token else None
    # Taken before anything is made canonical in place.
    content = int.from_bytes(hashlib.sha256(_encode_sorted(entries)).digest()[:8], "big")
    if key is not None:
        repeated = _repeated(call, key, content, parameters)
        if repeated is not None:
            return repeated
    actions = [_write_action(entry) for entry in entries]
    if sum(action.size_bytes for action in actions) > MOST_BYTES:
        raise ValidationError("Transaction payload size cannot exceed 4MB")
    places = _places(call, actions)
    changes = _outcomes(call, actions, places, _change)
    tables = [place.record for place in places]
    reads = _units(tables, [read_units(change.size_bytes, consistent=True) for change in changes])
    steps = [
        Step(
            place.record.table_id,
            place.key,
            _KERNEL_ACTIONS[action.kind],
            change.item,
            change.size_bytes,
            change.seen,
        )
        for action, place, change in zip(actions, places, changes, strict=True)
    ]
    units = tuple((record.table_id, one) for record, one in reads)
    cancelled = call.region.transactions.run(key, content, steps, units)
    if cancelled:
        raise _cancelled([_reason(code) for code in cancelled])
    writes = _units(tables, [write_units(change.old_bytes, change.size_bytes) for change in changes])
    written = [
        (
            action.parameters["TableName"],
            place.record,
            action.parameters.get("Item") or action.parameters["Key"],
        )
        for action, place in zip(actions, places, strict=True)
        if action.kind != "ConditionCheck"
    ]
    return {
        **_consumed(writes, parameters, "WriteCapacityUnits", _index_units(tables, changes)),
        **metrics_of_writes(call, parameters, written),
    }


def _repeated(call: Call, key: bytes, content: int, parameters: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a request whose token stands for a transaction; None if the request is to begin one."""
    ledger = call.region.transactions.ledger
    answer, found = ledger.answer(key, content)
    if answer == transactions.IN_PROGRESS and found is not None:
        with contextlib.suppress(UnavailableError):
            call.region.transactions.finish(key, found.record.transaction)
        answer, found = ledger.answer(key, content)
    if found is None:
        return None
    if answer == transactions.MISMATCH:
        raise CallerError(
            "IdempotentParameterMismatchException",
            "The client token stands for another transaction that finished less than 10 minutes ago",
        )
    if answer == transactions.IN_PROGRESS:
        raise CallerError(
            "TransactionInProgressException",
            "The transaction with the given request token is already in progress",
        )
    if answer == transactions.FAILED:
        raise _cancelled([_reason(code) for code in found.reasons])
    records = [(call.region.table_by_id(table_id), units) for table_id, units in found.read_units]
    reads = [(record, units) for record, units in records if record is not None]
    return _consumed(reads, parameters, "ReadCapacityUnits")


def _write_action(entry: dict[str, Any]) -> _Action:
    """The action, with everything checked that needs neither table nor item."""
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) > 1:
        raise ValidationError("TransactItems can only contain one of Check, Put, Update or Delete")
    if not kinds:
        raise ValidationError(
            "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"
        )
    [kind] = kinds
    parameters = entry[kind]
    update = compile_update(parameters["UpdateExpression"]) if kind == "Update" else None
    bindings, condition = condition_of(parameters, update)
    if kind == "Put":
        size_bytes = checked_size(parameters["Item"])
    else:
        size_bytes = normalise_item(parameters["Key"]) + item_size(bindings.values)
    return _Action(kind, parameters, bindings, size_bytes, condition=condition, update=update)


def _change(call: Call, action: _Action, place: _Place) -> _Change:
    """What the action would do now; nothing is written."""
    parameters = action.parameters
    seen = call.region.store(place.record.table_id).look(place.key)
    image = check_condition(call, place.record, place.key, action.condition, action.bindings, parameters)
    old_bytes = 0 if image is None else image.size_bytes
    record = place.record
    item: bytes | None
    match action.kind:
        case "Put":
            check_item(record, parameters["Item"])
            item, size_bytes = encode_item(parameters["Item"]), action.size_bytes
        case "Update":
            old = None if image is None else decode_item(image)
            new, size_bytes, _ = updated_item(
                record.key_schema, parameters["Key"], old, action.update, action.bindings
            )
            check_updated_item(record, old, new)
            item = encode_item(new)
        case "Delete":
            item, size_bytes = None, 0
        case _:
            return _Change(None if image is None else image.item, old_bytes, old_bytes, seen)
    if not record.indexes:
        return _Change(item, size_bytes, old_bytes, seen)
    return _Change(item, size_bytes, old_bytes, seen, index_write_units(call, record, place.key, image, item))


# --- Reading -----------------------------------------------------------------------------------------


def transact_get_items(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """TransactGetItems: the items as they are together, in the order of the request.

    What is not there has an empty entry. Raises TransactionCanceledException for keys that do not fit.
    """
    entries = parameters["TransactItems"]
    _check_count(entries)
    actions = [_read_action(entry["Get"]) for entry in entries]
    places = _places(call, actions)
    looks = _outcomes(call, actions, places, _read)
    _outcomes(call, looks, places, _look_again)
    images = [look.image for look in looks]
    responses: list[dict[str, Any]] = []
    answer_bytes = 0
    for action, image in zip(actions, images, strict=True):
        if image is None:
            responses.append({})
        elif action.projection is None:
            answer_bytes += image.size_bytes
            responses.append({"Item": msgspec.Raw(image.item)})
        else:
            item = action.projection.apply(decode_item(image), action.bindings)
            answer_bytes += item_size(item)
            responses.append({"Item": item})
    if answer_bytes > MOST_BYTES:
        raise ValidationError("The items of a transaction cannot be larger than 4 MB together")
    sizes = [0 if image is None else image.size_bytes for image in images]
    reads = _units([place.record for place in places], [read_units(size, consistent=True) for size in sizes])
    return {"Responses": responses, **_consumed(reads, parameters, "ReadCapacityUnits")}


def _read_action(parameters: dict[str, Any]) -> _Action:
    text = parameters.get("ProjectionExpression")
    projection = None if text is None else compile_projection(text)
    bindings = Bindings(parameters.get("ExpressionAttributeNames"), None)
    bindings.check(projection)
    return _Action("Get", parameters, bindings, normalise_item(parameters["Key"]), projection=projection)


def _read(call: Call, action: _Action, place: _Place) -> _Look:  # noqa: ARG001 - one shape for all steps
    store = call.region.store(place.record.table_id)
    version = store.look(place.key)
    return _Look(store.read(place.key, consistent=True), version)


def _look_again(call: Call, look: _Look, place: _Place) -> None:
    """Every item still as the first look found it: so all of them were there at one moment in between (TX-07)."""
    if not call.region.store(place.record.table_id).is_unchanged(place.key, look.version):
        raise TransactionConflictError


# --- Both --------------------------------------------------------------------------------------------


def _check_count(entries: list[Any]) -> None:
    # The service model says so too; whoever calls past the wire has not been told.
    if not 1 <= len(entries) <= MOST_ACTIONS:
        raise ValidationError(f"A transaction has 1 to {MOST_ACTIONS} actions")


def _places(call: Call, actions: Sequence[_Action]) -> list[_Place]:
    """Where each action takes place; raises for unknown tables, and for two actions on one item."""
    records = [usable_table(call, action.parameters["TableName"]) for action in actions]
    places = [_place(record, action) for record, action in zip(records, actions, strict=True)]
    keys = [(place.record.table_id, place.key) for place in places if place.problem is None]
    if len(set(keys)) != len(keys):
        raise ValidationError("Transaction request cannot include multiple operations on one item")
    return places


def _place(record: TableRecord, action: _Action) -> _Place:
    schema, parameters = record.key_schema, action.parameters
    attributes = parameters["Item"] if action.kind == "Put" else parameters["Key"]
    try:
        (validate_item_key if action.kind == "Put" else validate_key)(schema, attributes)
    except ValidationError as problem:
        return _Place(record, b"", problem)
    return _Place(record, encode_key(schema, attributes))


def _outcomes(
    call: Call,
    actions: Sequence[_ActionT],
    places: Sequence[_Place],
    step: Callable[[Call, _ActionT, _Place], _OutcomeT],
) -> list[_OutcomeT]:
    """What `step` says of each action; raises TransactionCanceledException if any of them fails."""
    outcomes: list[_OutcomeT] = []
    reasons: list[dict[str, Any]] = []
    for action, place in zip(actions, places, strict=True):
        try:
            if place.problem is not None:
                raise place.problem
            outcomes.append(step(call, action, place))
            reasons.append({"Code": "None"})
        except CallerError as error:
            reasons.append({**error.extra, "Code": _REASONS[error.code], "Message": error.message})
    if len(outcomes) < len(actions):
        raise _cancelled(reasons)
    return outcomes


def _cancelled(reasons: list[dict[str, Any]]) -> CallerError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    return CallerError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
        extra={"CancellationReasons": reasons},
    )


def _reason(code: str) -> dict[str, Any]:
    """A reason as the coordinator gives it."""
    return (
        {"Code": code} if code == NO_REASON else {"Code": code, "Message": TransactionConflictError().message}
    )


def _units(tables: Sequence[TableRecord], units: Sequence[float]) -> tuple[tuple[TableRecord, float], ...]:
    """Capacity by table, in the order of first mention: each item is prepared and committed, so it costs twice."""
    totals: dict[str, tuple[TableRecord, float]] = {}
    for record, one in zip(tables, units, strict=True):
        _, total = totals.get(record.table_id, (record, 0.0))
        totals[record.table_id] = (record, total + _TRANSACTIONAL * one)
    return tuple(totals.values())


def _index_units(tables: Sequence[TableRecord], changes: Sequence[_Change]) -> dict[str, dict[str, float]]:
    """The same in the indexes, by table id and name of the index."""
    totals: dict[str, dict[str, float]] = {}
    for record, change in zip(tables, changes, strict=True):
        of_table = totals.setdefault(record.table_id, {})
        for name, units in change.index_units.items():
            of_table[name] = of_table.get(name, 0.0) + _TRANSACTIONAL * units
    return totals


def _consumed(
    totals: Iterable[tuple[TableRecord, float]],
    parameters: dict[str, Any],
    member: str,
    index_units: Mapping[str, dict[str, float]] = _NONE,
) -> dict[str, Any]:
    """The ConsumedCapacity member of the answer, if it was asked for; `member` says which units they are."""
    if parameters.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return {}
    consumed = []
    for record, units in totals:
        of_indexes = index_units.get(record.table_id, {})
        one = consumed_with_indexes(record, parameters, units, of_indexes)["ConsumedCapacity"]
        parts = [one.get("LocalSecondaryIndexes", {}), one.get("GlobalSecondaryIndexes", {})]
        for counted in (one, one.get("Table"), *(it for part in parts for it in part.values())):
            if counted is not None:
                counted[member] = counted["CapacityUnits"]
        consumed.append(one)
    return {"ConsumedCapacity": consumed}
