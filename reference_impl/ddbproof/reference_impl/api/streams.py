"""Streams: StreamSpecification of a table, and ListStreams, DescribeStream, GetShardIterator, GetRecords.

Claims: ST-01 and ST-02 (the records: `cluster.streams`), ST-03 (24 hours), ST-04 (iterators), ST-05 (turning
on and off), ST-06 (limits), ST-07 to ST-09 (images, keys, iterator types), ME-13 (replicas' streams), TT-03
(the mark of a deletion by time to live), AP-11.

Choices where AWS publishes nothing: one shard per stream; ListStreams of a table that is not there is an empty
list; an iterator AT_TIMESTAMP begins at the first record that is not older; a sequence number that the shard
has not reached is refused, and so is a replica of a table whose stream has another view type. An iterator is
a plain token, not a signed one. Throttling of readers (two at a shard) is not built.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import md5
from typing import Any

import msgspec

from ddbproof.reference_impl.api.call import Call, resource_not_found, table_name
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.streams import Change, Stream
from ddbproof.reference_impl.errors import CallerError, ValidationError
from ddbproof.reference_impl.values.attribute import Item, item_size

ITERATOR_MILLISECONDS = 15 * 60 * 1000
BOTH_IMAGES = "NEW_AND_OLD_IMAGES"
MOST_RECORDS = 1000
MOST_BYTES = 1024 * 1024
_MOST_STREAMS = 100

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
        return call.cluster.turn_stream_on(call.region, record.table_id, view_type, call.now_milliseconds)
    call.region.streams.turn_off(record.table_id, call.now_milliseconds)
    return call.region.change_table(record.table_id, stream_view_type=None)


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
    limit = _limit(parameters, _MOST_STREAMS)
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
    """DescribeStream: the stream and its only shard, which has no children."""
    stream = _stream(call, parameters["StreamArn"])
    _limit(parameters, _MOST_STREAMS)
    numbers = {"StartingSequenceNumber": str(stream.start_number)}
    if stream.closed_at_milliseconds is not None:
        numbers["EndingSequenceNumber"] = str(max(stream.start_number, stream.next_number - 1))
    shards = [{"ShardId": stream.shard_id, "SequenceNumberRange": numbers}]
    after = parameters.get("ExclusiveStartShardId")
    if parameters.get("ShardFilter") or (after is not None and after >= stream.shard_id):
        shards = []
    return {
        "StreamDescription": {
            "StreamArn": stream.arn,
            "StreamLabel": stream.label,
            "StreamStatus": "ENABLED" if stream.closed_at_milliseconds is None else "DISABLED",
            "StreamViewType": stream.view_type,
            "CreationRequestDateTime": stream.created_at_milliseconds / 1000,
            "TableName": stream.table.name,
            "KeySchema": list(stream.table.key_elements),
            "Shards": shards,
        }
    }


def get_shard_iterator(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetShardIterator. Raises ResourceNotFoundException, TrimmedDataAccessException."""
    stream = _stream(call, parameters["StreamArn"])
    if parameters["ShardId"] != stream.shard_id:
        raise resource_not_found(f": Shard {parameters['ShardId']} in stream {stream.arn} not found")
    number = _position(stream, parameters)
    return {"ShardIterator": _iterator(stream.arn, number, call.now_milliseconds)}


def get_records(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """GetRecords: at most 1,000 records and 1 MB (ST-06).

    Raises ResourceNotFoundException, ExpiredIteratorException, TrimmedDataAccessException.
    """
    limit = _limit(parameters, MOST_RECORDS)
    arn, number, issued_at_milliseconds = _read_iterator(parameters["ShardIterator"])
    stream = _stream(call, arn)
    if call.now_milliseconds - issued_at_milliseconds >= ITERATOR_MILLISECONDS:
        raise CallerError("ExpiredIteratorException", "The shard iterator has expired after 15 minutes")
    _refuse_trimmed(stream, number)
    records: list[dict[str, Any]] = []
    size_bytes = 0
    for change in stream.changes_from(number, limit):
        record = _record(call, stream, change)
        size_bytes += record["dynamodb"]["SizeBytes"]
        if records and size_bytes > MOST_BYTES:
            break
        records.append(record)
        number = change.sequence_number + 1
    answer: dict[str, Any] = {"Records": records}
    if stream.closed_at_milliseconds is None or number < stream.next_number:
        answer["NextShardIterator"] = _iterator(arn, number, call.now_milliseconds)
    return answer


def _stream(call: Call, arn: str) -> Stream:
    if "/stream/" not in arn or not arn.startswith("arn:"):
        raise ValidationError(f"Invalid StreamArn: {arn}")
    stream = call.region.streams.find(call.account, arn, call.now_milliseconds)
    if stream is None:
        raise resource_not_found(f": Stream: {arn} not found")
    return stream


def _limit(parameters: dict[str, Any], most: int) -> int:
    """The request's Limit, else the most; the service model has no upper bound, the API Reference has."""
    limit: int = parameters.get("Limit", most)
    if limit > most:
        raise ValidationError(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {most}"
        )
    return limit


def _position(stream: Stream, parameters: dict[str, Any]) -> int:
    """The sequence number from which an iterator reads."""
    kind = parameters["ShardIteratorType"]
    text: str | None = parameters.get("SequenceNumber")
    if kind.endswith("SEQUENCE_NUMBER") != (text is not None):
        needed = "requires" if text is None else "does not take"
        raise ValidationError(f"ShardIteratorType {kind} {needed} a SequenceNumber")
    if (kind == "AT_TIMESTAMP") != ("Timestamp" in parameters):
        raise ValidationError("Timestamp is given with ShardIteratorType AT_TIMESTAMP, and only with it")
    if kind == "TRIM_HORIZON":
        return stream.horizon_number
    if kind == "LATEST":
        return stream.next_number
    if kind == "AT_TIMESTAMP":
        return stream.number_at(round(parameters["Timestamp"] * 1000))
    if (
        text is None
        or not text.isascii()
        or not text.isdigit()
        or int(text) >= max(stream.next_number, stream.start_number + 1)
    ):
        raise ValidationError(f"Invalid SequenceNumber: {text} is not one of shard {stream.shard_id}")
    number: int = int(text) + (kind == "AFTER_SEQUENCE_NUMBER")
    _refuse_trimmed(stream, number)
    return number


def _refuse_trimmed(stream: Stream, number: int) -> None:
    if number < stream.horizon_number:
        raise CallerError(
            "TrimmedDataAccessException",
            f"Sequence number {number} is older than the oldest stream record, {stream.horizon_number}",
        )


def _iterator(arn: str, number: int, now_milliseconds: int) -> str:
    token = base64.b64encode(f"{number}/{now_milliseconds}".encode()).decode()
    return f"{arn}|1|{token}"


def _read_iterator(text: str) -> tuple[str, int, int]:
    """The stream's ARN, the position and the instant of issue of an iterator; raises ValidationError."""
    try:
        arn, version, token = text.split("|")
        number, issued_at_milliseconds = base64.b64decode(token, validate=True).decode().split("/")
        if version != "1":
            raise ValueError(version)
        return arn, int(number), int(issued_at_milliseconds)
    except (ValueError, binascii.Error):
        raise ValidationError("Invalid ShardIterator") from None


# -- records ------------------------------------------------------------------------------------------


def _record(call: Call, stream: Stream, change: Change) -> dict[str, Any]:
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
    number = str(change.sequence_number)
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
