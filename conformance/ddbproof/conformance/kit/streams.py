"""Streams as a test handles them: a table with a stream, a reader of all its shards, a history to compare with.

Streams are eventually consistent and may have several shards at any time, of which a parent has to be read
before its children (ST-04). A `Reader` follows all of them, from the beginning, for as long as a test wants;
waiting for what must come is bounded. That a stream is made at all is judged: where CreateTable takes a
StreamSpecification and no stream follows, the promise is broken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ddbproof.conformance.kit.outcomes import Inconclusive, Violation
from ddbproof.conformance.kit.polling import until
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, RegionHandle, TableHandle, preparing

ENABLING_SECONDS = 60.0
RECORDS_SECONDS = 30.0
# Long enough to notice a record that comes a second time.
QUIET_SECONDS = 0.25
BOTH_IMAGES = "NEW_AND_OLD_IMAGES"

Record = dict[str, Any]


class Change(NamedTuple):
    """What a record says of an item: the event, and its attribute v before and after."""

    event: str
    old: str | None
    new: str | None


class StreamHandle:
    """One stream of a table."""

    def __init__(self, table: TableHandle, arn: str) -> None:
        self.table = table
        self.arn = arn
        self.client = table.region.streams

    def describe(self) -> dict[str, Any]:
        """StreamDescription with the shards of all its pages."""
        description: dict[str, Any] = self.client.describe_stream(StreamArn=self.arn)["StreamDescription"]
        shards = list(description.get("Shards", []))
        last = description.get("LastEvaluatedShardId")
        while last:
            page = self.client.describe_stream(StreamArn=self.arn, ExclusiveStartShardId=last)
            shards += page["StreamDescription"].get("Shards", [])
            last = page["StreamDescription"].get("LastEvaluatedShardId")
        return {**description, "Shards": shards}

    def iterator(self, shard_id: str, kind: str, **more: Any) -> str:
        """A shard iterator of type `kind`."""
        answer = self.client.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard_id, ShardIteratorType=kind, **more
        )
        return str(answer["ShardIterator"])

    def reader(self, kind: str = "TRIM_HORIZON") -> Reader:
        """A reader from the beginning, or with LATEST from now on."""
        return Reader(self, kind)

    def reader_of_shard(self, shard_id: str, kind: str, **more: Any) -> Reader:
        """A reader of one shard alone, from an iterator of type `kind`."""
        return Reader(self, kind, {shard_id: self.iterator(shard_id, kind, **more)})

    def wait_until_enabled(self) -> None:
        """Raises Inconclusive if the stream is not ENABLED in time."""
        with preparing():
            enabled = self.table.region.patience.until(
                "a stream that is ENABLED",
                lambda: self.describe().get("StreamStatus") == "ENABLED",
                seconds=ENABLING_SECONDS,
            )
        if not enabled:
            raise Inconclusive(f"the stream was not ENABLED within {ENABLING_SECONDS:.0f} seconds")


def stream_arn(table: TableHandle, *, other_than: str | None = None) -> str:
    """LatestStreamArn of a table with a stream; raises Violation if it shows none, or still the other one."""

    def shown() -> str | None:
        arn = table.describe().get("LatestStreamArn")
        return None if arn == other_than else arn

    arn = table.region.patience.until("LatestStreamArn", shown, seconds=DESCRIBING_SECONDS)
    if arn is None:
        raise Violation(
            "a StreamSpecification that turns a stream on was accepted, and DescribeTable shows no LatestStreamArn"
            if other_than is None
            else f"the stream was turned off and on again, and DescribeTable still shows {other_than}"
        )
    return str(arn)


def streamed_table(region: RegionHandle, view_type: str = BOTH_IMAGES, **more: Any) -> StreamHandle:
    """The stream, ENABLED, of a new table that is ACTIVE; `more` goes to `new_table`.

    Raises as `new_table` does, and Violation where the table has no stream.
    """
    table = region.new_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type}, **more)
    stream = StreamHandle(table, stream_arn(table))
    stream.wait_until_enabled()
    return stream


class Reader:
    """Reads a stream on and on: `records` are all so far, in each shard's order, parents before children.

    `shard_ids` tells in which shard each was, by sequence number: ranges of shards side by side may overlap.
    """

    def __init__(self, stream: StreamHandle, kind: str, only: dict[str, str | None] | None = None) -> None:
        self._stream = stream
        self._iterators: dict[str, str | None] = dict(only or {})
        self._only = only
        self._last_numbers: dict[str, str] = {}
        self.records: list[Record] = []
        self.shard_ids: dict[str, str] = {}
        self.page_sizes: list[int] = []
        if kind == "LATEST":
            for shard in stream.describe()["Shards"]:
                self._iterators[shard["ShardId"]] = stream.iterator(shard["ShardId"], kind)

    def poll(self, **request: Any) -> list[Record]:
        """One GetRecords for each shard that can be read now; `request` goes to it. Returns all records so far."""
        if self._only is not None:
            for shard_id in self._only:
                self._read(shard_id, request)
            return self.records
        shards = self._stream.describe()["Shards"]
        present = {shard["ShardId"] for shard in shards}
        for shard in shards:
            parent = shard.get("ParentShardId")
            # A parent that is gone has been trimmed; one that is there must have been read to its end.
            if parent in present and self._iterators.get(parent, "unread") is not None:
                continue
            self._read(shard["ShardId"], request)
        return self.records

    def _read(self, shard_id: str, request: dict[str, Any]) -> None:
        if shard_id not in self._iterators:
            self._iterators[shard_id] = self._stream.iterator(shard_id, "TRIM_HORIZON")
        iterator = self._iterators[shard_id]
        if iterator is None:
            return
        try:
            answer = self._stream.client.get_records(ShardIterator=iterator, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExpiredIteratorException":
                raise
            # Time may have been moved; go on behind the last record.
            answer = self._stream.client.get_records(ShardIterator=self._renewed(shard_id), **request)
        page = answer.get("Records", [])
        if page:
            self._last_numbers[shard_id] = number_of(page[-1])
            self.shard_ids |= {number_of(record): shard_id for record in page}
        self.records += page
        self.page_sizes.append(len(page))
        self._iterators[shard_id] = answer.get("NextShardIterator")

    def _renewed(self, shard_id: str) -> str:
        last = self._last_numbers.get(shard_id)
        if last is None:
            return self._stream.iterator(shard_id, "TRIM_HORIZON")
        return self._stream.iterator(shard_id, "AFTER_SEQUENCE_NUMBER", SequenceNumber=last)

    def has_ended(self, shard_id: str) -> bool:
        """True if the shard was read until there was no further iterator."""
        return self._iterators.get(shard_id, "unread") is None

    def wait_for(
        self, enough: Callable[[list[Record]], object], *, seconds: float = RECORDS_SECONDS, **request: Any
    ) -> list[Record]:
        """All records once `enough` of them are there or the time is over, and a moment later."""
        patience = self._stream.table.region.patience
        if patience.until("records", lambda: enough(self.poll(**request)), seconds=seconds):
            until(lambda: self.poll(**request) is None, seconds=QUIET_SECONDS)
        return self.records


def number_of(record: Record) -> str:
    """The sequence number of a record; raises Inconclusive if it has none, since no reader can go on then."""
    number = images_of(record).get("SequenceNumber")
    if number is None:
        raise Inconclusive("a stream record has no SequenceNumber")
    return str(number)


def images_of(record: Record) -> dict[str, Any]:
    """The part of a record that holds keys and images; empty if there is none."""
    part: dict[str, Any] = record.get("dynamodb", {})
    return part


def key_of(record: Record) -> str:
    """The partition key of the item that a record is about."""
    return str(images_of(record).get("Keys", {}).get("pk", {}).get("S"))


def change_of(record: Record) -> Change:
    """What a record with both images says."""
    images = images_of(record)
    old, new = (images.get(name) for name in ("OldImage", "NewImage"))
    return Change(
        str(record.get("eventName")),
        None if old is None else old.get("v", {}).get("S"),
        None if new is None else new.get("v", {}).get("S"),
    )


def changes_by_key(records: list[Record]) -> dict[str, list[Change]]:
    """What records with both images say of each item, in their order."""
    found: dict[str, list[Change]] = defaultdict(list)
    for record in records:
        found[key_of(record)].append(change_of(record))
    return dict(found)


class History:
    """Writes to a table, and what its stream has to say of them: `expected`, by key.

    Every write may be repeated by the client without adding a change.
    """

    def __init__(self, table: TableHandle) -> None:
        self._table = table
        self._present: dict[str, str] = {}
        self.expected: dict[str, list[Change]] = defaultdict(list)

    def put(self, key: str, value: str) -> None:
        """Put the item, with PutItem."""
        self._table.put(key, value)
        self._changed(key, value)

    def update(self, key: str, value: str) -> None:
        """Set the item's attribute v, with UpdateItem."""
        self._table.client.update_item(
            TableName=self._table.name,
            Key={"pk": {"S": key}},
            UpdateExpression="SET v = :value",
            ExpressionAttributeValues={":value": {"S": value}},
        )
        self._changed(key, value)

    def delete(self, key: str) -> None:
        """Delete the item."""
        self._table.delete(key)
        self._changed(key, None)

    def put_in_vain(self, key: str, value: str) -> None:
        """Put the item on a condition that is false; raises Inconclusive if that is accepted."""
        try:
            self._table.client.put_item(
                TableName=self._table.name,
                Item={"pk": {"S": key}, "v": {"S": value}},
                ConditionExpression="v = :other",
                ExpressionAttributeValues={":other": {"S": "what no item holds"}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        else:
            raise Inconclusive("a write was accepted although its condition is false")

    def _changed(self, key: str, value: str | None) -> None:
        old = self._present.get(key)
        if old == value:
            return
        event = "REMOVE" if value is None else "INSERT" if old is None else "MODIFY"
        self.expected[key].append(Change(event, old, value))
        if value is None:
            del self._present[key]
        else:
            self._present[key] = value
