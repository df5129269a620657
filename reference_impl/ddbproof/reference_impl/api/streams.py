"""Streams: StreamSpecification of a table, and ListStreams, DescribeStream, GetShardIterator, GetRecords.

Claims: ST-01 and ST-02 (the records: `cluster.shards`), ST-03 (24 hours), ST-04 (shards and iterators), ST-05 (turning
on and off), ST-06 (limits), ST-07 to ST-09 (images, keys, iterator types), ME-13 (replicas' streams), TT-03
(the mark of a deletion by time to live), AP-11. Where an iterator reads, and what becomes of it, `model.kernel.streams` says.

Choices where AWS publishes nothing: a shard for each partition of the table, which is never merged with another once there was a
stream, since a shard has one parent; ListStreams of a table that is not there is an empty list; an iterator AT_TIMESTAMP begins
at the first record that is not older; a sequence number that the shard has not had is refused, and so is a replica of a table
whose stream has another view type. An iterator of a shard that is listed no more reads what was trimmed. An iterator is
a plain token, not a signed one. Refusals of parameters have the sentences of AWS's emulator. Throttling of readers (two at a
shard) is not built.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import md5
from typing import Any

import msgspec

from ddbproof.model.kernel import streams as kernel
from ddbproof.reference_impl.api.call import Call, resource_not_found, table_name
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.shards import Change, Shard
from ddbproof.reference_impl.cluster.streams import Stream
from ddbproof.reference_impl.errors import CallerError, ValidationError
from ddbproof.reference_impl.values.attribute import Item, item_size

BOTH_IMAGES = "NEW_AND_OLD_IMAGES"
MOST_RECORDS = 1000
MOST_BYTES = 1024 * 1024
_MOST_STREAMS = 100
_MOST_SHARDS = 100
_INVALID = "One or more parameter values were invalid: "

_decode_item = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


# -- the setting of a table ---------------------------------------------------------------------------


def wanted_view_type(specification: dict[str, Any] | None) -> str | None:
    """The view type that a StreamSpecification asks for, None when it asks for no stream.

    Raises ValidationError unless a view type is given with a stream, and none without.
    """
    if specification is None:
        return None
    view_type: str | None = specification.get("StreamViewType")
    if not specification["StreamEnabled"]:
        if view_type is not None:
            raise ValidationError(
                "One or more parameter values were invalid: StreamViewType must not be specified when "
                "StreamEnabled is false"
            )
        return None
    if view_type is None:
        raise ValidationError(
            "One or more parameter values were invalid: StreamViewType must be specified when "
            "StreamEnabled is true"
        )
    return view_type


def check_change(record: TableRecord, specification: dict[str, Any] | None) -> None:
    """Raises ValidationError for a change that UpdateTable must not make (ST-05, ME-13)."""
    if specification is None:
        return
    view_type = wanted_view_type(specification)
    if view_type is not None and record.stream_view_type is not None:
        raise ValidationError(f"Table already has an enabled stream: TableName: {record.name}")
    if view_type is None and record.stream_view_type is None:
        raise ValidationError(
            f"Table already has a disabled stream, or has never had one: TableName: {record.name}"
        )
    if view_type is None and record.replicas:
        raise ValidationError(f"The stream of {record.name}, a replica of a global table, cannot be disabled")


def prepare_change(call: Call, record: TableRecord, specification: dict[str, Any] | None) -> None:
    """Before a stream is turned on, merges of its table's partitions come to their end.

    Raises UnavailableError if they have not: the request has changed nothing then, and may be sent again.
    """
    if wanted_view_type(specification) is not None:
        call.region.finish_merges(record.table_id)


def check_replica_updates(record: TableRecord, updates: list[dict[str, Any]]) -> None:
    """Raises ValidationError for a new replica of a table whose stream lacks one of the images (ME-13)."""
    if record.stream_view_type not in (None, BOTH_IMAGES) and any("Create" in update for update in updates):
        raise ValidationError(
            f"A replica needs a stream with {BOTH_IMAGES}; that of {record.name} has {record.stream_view_type}"
        )


def apply_change(call: Call, record: TableRecord, specification: dict[str, Any] | None) -> TableRecord:
    """Turn the table's stream on or off, as checked before; returns the table's new record."""
    if specification is None:
        return record
    view_type = wanted_view_type(specification)
    if view_type is not None:
        return call.region.turn_stream_on(record.table_id, view_type, call.now_milliseconds)
    changed = call.region.change_table(record.table_id, stream_view_type=None)
    call.region.turn_stream_off(record.table_id, call.now_milliseconds)
    return changed


def stream_members(record: TableRecord) -> dict[str, Any]:
    """What TableDescription says of the table's latest stream."""
    if record.stream_arn is None:
        return {}
    members: dict[str, Any] = {
        "LatestStreamArn": record.stream_arn,
        "LatestStreamLabel": record.stream_arn.rpartition("/")[2],
    }
    if record.stream_view_type is not None:
        members["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": record.stream_view_type}
    return members


# -- operations of DynamoDB Streams -------------------------------------------------------------------


def list_streams(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """ListStreams: those that can be read, a table's or all, by ARN and page by page."""
    limit = _limit(parameters, _MOST_STREAMS, "Limit cannot be greater than the maximum allowed size: 100")
    streams = call.region.streams.all(call.account, call.now_milliseconds)
    if "TableName" in parameters:
        name = table_name(call, parameters["TableName"])
        streams = [stream for stream in streams if stream.table.name == name]
    start = parameters.get("ExclusiveStartStreamArn")
    if start is not None:
        streams = [stream for stream in streams if stream.arn > start]
    answer: dict[str, Any] = {
        "Streams": [
            {"StreamArn": stream.arn, "TableName": stream.table.name, "StreamLabel": stream.label}
            for stream in streams[:limit]
        ]
    }
    if len(streams) > limit:
        answer["LastEvaluatedStreamArn"] = streams[limit - 1].arn
    return answer


def describe_stream(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DescribeStream: the stream and its shards, all or the children of one, page by page; a parent is before its children."""
    stream = _stream(call, parameters["StreamArn"])
    limit = _limit(parameters, _MOST_SHARDS, "Limit cannot be greater than the maximum: 100")
    shards = _filtered(stream.shards, parameters.get("ShardFilter"))
    after = parameters.get("ExclusiveStartShardId")
    if after is not None:
        shards = [shard for shard in shards if shard.shard_id > after]
    description: dict[str, Any] = {
        "StreamArn": stream.arn,
        "StreamLabel": stream.label,
        "StreamStatus": "ENABLED" if stream.state.on else "DISABLED",
        "StreamViewType": stream.view_type,
        "CreationRequestDateTime": stream.created_at_milliseconds / 1000,
        "TableName": stream.table.name,
        "KeySchema": list(stream.table.key_elements),
        "Shards": [_shard_members(shard) for shard in shards[:limit]],
    }
    if len(shards) > limit:
        description["LastEvaluatedShardId"] = shards[limit - 1].shard_id
    return {"StreamDescription": description}


def _filtered(shards: list[Shard], wanted: dict[str, Any] | None) -> list[Shard]:
    """The shards that a ShardFilter asks for, which are the children of one. Raises ValidationError for one without a type."""
    if wanted is None:
        return shards
    if wanted.get("Type") != "CHILD_SHARDS":
        raise ValidationError(
            "1 validation error detected: Value 'null' at 'shardFilter.type' failed to satisfy constraint: "
            "Member must be CHILD_SHARDS"
        )
    parent = wanted.get("ShardId", "")
    return [shard for shard in shards if shard.parent_id == parent]


def _shard_members(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": str(shard.first_number)}
    if shard.last_number is not None:
        numbers["EndingSequenceNumber"] = str(shard.last_number)
    members: dict[str, Any] = {"ShardId": shard.shard_id, "SequenceNumberRange": numbers}
    if shard.parent_id is not None:
        members["ParentShardId"] = shard.parent_id
    return members


def get_shard_iterator(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetShardIterator. Raises ResourceNotFoundException, TrimmedDataAccessException."""
    stream = _stream(call, parameters["StreamArn"])
    shard = stream.shard(parameters["ShardId"])
    if shard is None:
        raise resource_not_found(f": Shard {parameters['ShardId']} in stream {stream.arn} not found")
    position = _position(shard, parameters)
    return {"ShardIterator": _iterator(stream.arn, shard.shard_id, position, call.now_milliseconds)}


def get_records(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetRecords: at most 1,000 records and 1 MB (ST-06).

    Raises ResourceNotFoundException, ExpiredIteratorException, TrimmedDataAccessException.
    """
    limit = _limit(parameters, MOST_RECORDS, "Limit should be less than or equal to 1000")
    arn, shard_id, iterator = _read_iterator(parameters["ShardIterator"])
    stream = _stream(call, arn)
    shard = _readable_shard(stream, shard_id, iterator, call.now_milliseconds)
    records: list[dict[str, Any]] = []
    position, size_bytes = iterator.position, 0
    for change in shard.changes_from(position, limit):
        record = _record(call, stream, shard, change)
        size_bytes += record["dynamodb"]["SizeBytes"]
        if records and size_bytes > MOST_BYTES:
            break
        records.append(record)
        position = change.position + 1
    else:
        if len(records) < limit:
            position = max(position, kernel.latest(shard.state))  # what follows changed nothing
    answer: dict[str, Any] = {"Records": records}
    if not kernel.is_read_out(shard.state, position):
        answer["NextShardIterator"] = _iterator(arn, shard_id, position, call.now_milliseconds)
    return answer


def _readable_shard(stream: Stream, shard_id: str, iterator: kernel.Iterator, now_milliseconds: int) -> Shard:
    """The shard that an iterator reads; raises ExpiredIteratorException, TrimmedDataAccessException."""
    shard = stream.shard(shard_id)
    state = kernel.open_shard(iterator.position + 1, 0) if shard is None else shard.state
    outcome, position = kernel.read(state, iterator, now_milliseconds)
    if outcome == kernel.EXPIRED:
        raise CallerError("ExpiredIteratorException", "The shard iterator has expired after 15 minutes")
    if shard is None:
        raise CallerError("TrimmedDataAccessException", f"All records of shard {shard_id} have been trimmed")
    if outcome == kernel.TRIMMED:
        raise _trimmed(shard, position)
    return shard


def _stream(call: Call, arn: str) -> Stream:
    if "/stream/" not in arn or not arn.startswith("arn:"):
        raise ValidationError(f"Invalid StreamArn: {arn}")
    stream = call.region.streams.find(call.account, arn, call.now_milliseconds)
    if stream is None:
        raise resource_not_found(f": Stream: {arn} not found")
    return stream


def _limit(parameters: dict[str, Any], most: int, refusal: str) -> int:
    """The request's Limit, else the most; the service model has no upper bound, the API Reference has."""
    limit: int = parameters.get("Limit", most)
    if limit > most:
        raise ValidationError(f"{_INVALID}{refusal}")
    return limit


def _position(shard: Shard, parameters: dict[str, Any]) -> int:
    """The position from which an iterator reads."""
    kind = parameters["ShardIteratorType"]
    text: str | None = parameters.get("SequenceNumber")
    if kind.endswith("SEQUENCE_NUMBER") != (text is not None):
        refusal = "Invalid SequenceNumber"
        if text is not None:
            refusal = "SequenceNumber should not be passed for this iterator type"
        raise ValidationError(f"{_INVALID}{refusal}")
    if (kind == "AT_TIMESTAMP") != ("Timestamp" in parameters):
        raise ValidationError("Timestamp is given with ShardIteratorType AT_TIMESTAMP, and only with it")
    if kind == "TRIM_HORIZON":
        return kernel.trim_horizon(shard.state)
    if kind == "LATEST":
        return kernel.latest(shard.state)
    if kind == "AT_TIMESTAMP":
        return shard.position_at(round(parameters["Timestamp"] * 1000))
    told = shard.position(int(text)) if text is not None and text.isascii() and text.isdigit() else None
    if told is None:
        raise ValidationError("Invalid SequenceNumber for the shard")
    position = kernel.from_sequence_number(told, kind == "AFTER_SEQUENCE_NUMBER")
    if position < kernel.trim_horizon(shard.state):
        raise _trimmed(shard, position)
    return position


def _trimmed(shard: Shard, position: int) -> CallerError:
    oldest = shard.number(kernel.trim_horizon(shard.state))
    return CallerError(
        "TrimmedDataAccessException",
        f"Sequence number {shard.number(position)} is older than the oldest stream record, {oldest}",
    )


def _iterator(arn: str, shard_id: str, position: int, now_milliseconds: int) -> str:
    token = base64.b64encode(f"{shard_id}/{position}/{now_milliseconds}".encode()).decode()
    return f"{arn}|2|{token}"


def _read_iterator(text: str) -> tuple[str, str, kernel.Iterator]:
    """The stream's ARN, the shard's id and the iterator itself; raises ValidationError."""
    try:
        arn, version, token = text.split("|")
        shard_id, position, issued_at_milliseconds = (
            base64.b64decode(token, validate=True).decode().split("/")
        )
        if version != "2":
            raise ValueError(version)
        return arn, shard_id, kernel.Iterator(int(position), int(issued_at_milliseconds))
    except (ValueError, binascii.Error):
        raise ValidationError("Invalid ShardIterator") from None


# -- records ------------------------------------------------------------------------------------------


def _record(call: Call, stream: Stream, shard: Shard, change: Change) -> dict[str, Any]:
    """A stream record: what the change was, with the images that the view type asks for (ST-07)."""
    entry = change.entry
    new = None if entry.item is None else _decode_item(entry.item)
    old = None if change.old is None else _decode_item(change.old.item)
    event = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
    keys = _keys(stream.table, new if new is not None else old or {})
    shown: dict[str, Any] = {"Keys": keys}
    if new is not None and stream.view_type in ("NEW_IMAGE", BOTH_IMAGES):
        shown["NewImage"] = new
    if old is not None and stream.view_type in ("OLD_IMAGE", BOTH_IMAGES):
        shown["OldImage"] = old
    number = str(shard.number(change.position))
    record: dict[str, Any] = {
        "eventID": md5(f"{stream.arn}{number}".encode(), usedforsecurity=False).hexdigest(),
        "eventName": event,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": call.region.name,
        "dynamodb": {
            "ApproximateCreationDateTime": entry.instant_milliseconds // 1000,
            **shown,
            "SequenceNumber": number,
            "SizeBytes": sum(item_size(image) for image in shown.values()),
            "StreamViewType": stream.view_type,
        },
    }
    if entry.expired:
        record["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    return record


def _keys(table: TableRecord, item: Item) -> Item:
    return {name: item[name] for element in table.key_elements if (name := element["AttributeName"]) in item}
