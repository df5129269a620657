"""Streams: what a record holds, that none is missing or twice, turning on and off, iterators and limits.

Streams are eventually consistent, so records are waited for. Order is promised per item only; a test therefore
ends each item's history with a change of that item, before which everything earlier must have come.

How shards split (ST-04) is judged where somebody can have a partition split, and then only by what a consumer gets: which
shards there are is the service's own business. Not here: the second reader of a shard (ST-06), and when records vanish
(ST-03 allows it at any time after 24 hours).
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.faults import Faults
from ddbproof.conformance.kit.streams import (
    BOTH_IMAGES,
    Change,
    History,
    Record,
    StreamHandle,
    change_of,
    changes_by_key,
    images_of,
    key_of,
    number_of,
    stream_arn,
    streamed_table,
)
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, RegionHandle, TableHandle, preparing

KEYS = ("a", "b", "c", "d")
ROUNDS = 6
IMAGES = {
    "KEYS_ONLY": set(),
    "NEW_IMAGE": {"NewImage"},
    "OLD_IMAGE": {"OldImage"},
    BOTH_IMAGES: {"NewImage", "OldImage"},
}
MANY_RECORDS = 1_100
MOST_RECORDS = 1_000
MOST_BYTES = 1024 * 1024
LARGE_VALUE_CHARACTERS = 300_000
ITERATOR_MINUTES = 15
SPLITS = 2
SPLIT_KEYS = tuple(f"item-{number}" for number in range(24))
SPLIT_SECONDS = 10.0


@claim("ST-01", consistency=True)
def test_a_stream_holds_every_change_once_and_in_order(here: RegionHandle) -> None:
    """Each effective change of an item is one record, in the order of the item's changes, with its images."""
    stream = streamed_table(here)
    history = History(stream.table)
    for number in range(ROUNDS):
        for key in KEYS:
            history.put(key, f"put {number}")
            history.update(key, f"update {number}")
            history.put_in_vain(key, f"refused {number}")
            if number % 2:
                history.delete(key)
    for key in KEYS:
        history.put(key, "end")
    wanted = sum(len(changes) for changes in history.expected.values())
    found = changes_by_key(stream.reader().wait_for(lambda records: len(records) >= wanted))
    for key, expected in history.expected.items():
        assert found.get(key, []) == expected, (
            f"the changes of item {key} were {_shown(expected)}, its stream records are "
            f"{_shown(found.get(key, []))}"
        )
    assert found.keys() <= history.expected.keys(), (
        f"there are records of items that nobody wrote: {sorted(found.keys() - history.expected.keys())}"
    )


@claim("ST-02", consistency=True)
def test_a_write_that_changes_nothing_adds_no_record(here: RegionHandle) -> None:
    """The same item put again, an update to the same value, the deletion of no item: none adds a record."""
    stream = streamed_table(here)
    history = History(stream.table)
    history.put("a", "first")
    history.put("a", "first")
    history.update("a", "first")
    stream.table.delete("nobody")
    history.put("a", "last")
    history.put("nobody", "last")
    found = changes_by_key(stream.reader().wait_for(_ends({"a": "last", "nobody": "last"})))
    for key, expected in history.expected.items():
        assert found.get(key, []) == expected, (
            f"besides writes without effect, the changes of item {key} were {_shown(expected)}; its stream "
            f"records are {_shown(found.get(key, []))}"
        )


@claim("ST-03")
def test_a_stream_that_was_turned_off_can_still_be_read(here: RegionHandle) -> None:
    """Right after a stream was turned off, what happened before can be read from it."""
    stream = streamed_table(here)
    stream.table.put("a", "1")
    with preparing():
        _set_stream(stream.table, StreamEnabled=False)
    reader = stream.reader()
    found = [change_of(record) for record in reader.wait_for(_ends({"a": "1"}))]
    assert found == [Change("INSERT", None, "1")], (
        f"one item was put and the stream was then turned off; its records are {_shown(found)}"
    )


@claim("ST-04")
def test_a_shard_iterator_expires(here: RegionHandle, clock: EndpointClock) -> None:
    """GetRecords with an iterator that is older than 15 minutes fails with ExpiredIteratorException."""
    stream = streamed_table(here)
    with preparing():
        iterator = stream.iterator(stream.describe()["Shards"][0]["ShardId"], "TRIM_HORIZON")
    clock.pass_seconds(ITERATOR_MINUTES * 60 + 60)
    refused(
        here.streams.get_records,
        "ExpiredIteratorException",
        what=f"an iterator that is {ITERATOR_MINUTES + 1} minutes old",
        ShardIterator=iterator,
    )


@claim("ST-04", consistency=True)
def test_a_consumer_follows_shards_that_split(here: RegionHandle, faults: Faults) -> None:
    """Partitions split while items are written: who reads parents before children gets each change once, in order."""
    faults.need_splits()
    stream = streamed_table(here)
    history, reader = History(stream.table), stream.reader()
    _write_round(history, "first")
    for number in range(SPLITS):
        reader.poll()
        known = len(_children(stream))
        faults.split(here.name, stream.table.name)
        _write_round(history, f"while {number}")
        _wait_for_children(stream, known)
        _write_round(history, f"after {number}")
    wanted = sum(len(changes) for changes in history.expected.values())
    found = changes_by_key(reader.wait_for(lambda records: len(records) >= wanted))
    for key, expected in history.expected.items():
        assert found.get(key, []) == expected, (
            f"while shards were split the changes of item {key} were {_shown(expected)}; read parents before "
            f"children, its stream records are {_shown(found.get(key, []))}"
        )
    for parent in {shard["ParentShardId"] for shard in _children(stream)}:
        assert reader.has_ended(parent), f"shard {parent} has children, and was not read to an end"


@claim("ST-05")
def test_a_stream_that_is_on_cannot_be_turned_on(here: RegionHandle) -> None:
    """With the same view type or another one, turning it on fails with ValidationException."""
    stream = streamed_table(here, "NEW_IMAGE")
    for view_type in ("NEW_IMAGE", "KEYS_ONLY"):
        refused(
            here.client.update_table,
            "ValidationException",
            what=f"turning on a stream with {view_type} where one with NEW_IMAGE is on",
            TableName=stream.table.name,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view_type},
        )
        stream.table.wait_until_active()


@claim("ST-05")
def test_a_stream_that_is_off_cannot_be_turned_off(here: RegionHandle) -> None:
    """On a table without a stream, StreamEnabled=false fails with ValidationException."""
    table = here.new_table()
    refused(
        here.client.update_table,
        "ValidationException",
        what="turning off the stream of a table that has none",
        TableName=table.name,
        StreamSpecification={"StreamEnabled": False},
    )


@claim("ST-05")
def test_a_stream_turned_off_and_on_is_a_new_one(here: RegionHandle) -> None:
    """It has another ARN, the new view type, and only the changes since then."""
    first = streamed_table(here, "KEYS_ONLY")
    table = first.table
    table.put("before", "1")
    _set_stream(table, StreamEnabled=False)
    _set_stream(table, StreamEnabled=True, StreamViewType=BOTH_IMAGES)
    second = StreamHandle(table, stream_arn(table, other_than=first.arn))
    second.wait_until_enabled()
    view_type = second.describe().get("StreamViewType")
    assert view_type == BOTH_IMAGES, f"the stream was turned on with {BOTH_IMAGES} and has {view_type}"
    table.put("after", "2")
    found = changes_by_key(second.reader().wait_for(_ends({"after": "2"})))
    assert found == {"after": [Change("INSERT", None, "2")]}, (
        f"after the stream was turned on again one item was put; the new stream holds {found}"
    )


@claim("ST-06")
def test_get_records_keeps_to_its_limit(here: RegionHandle) -> None:
    """No answer has more records than Limit, and the next iterator goes on without a gap."""
    stream = streamed_table(here)
    history = History(stream.table)
    for number in range(7):
        history.put("a", str(number))
    reader = stream.reader()
    found = changes_by_key(reader.wait_for(_ends({"a": "6"}), Limit=2))
    assert max(reader.page_sizes) <= 2, f"GetRecords with Limit=2 returned {max(reader.page_sizes)} records"
    assert found == history.expected, (
        f"read two at a time, the {len(history.expected['a'])} changes of item a are {_shown(found.get('a', []))}"
    )


@claim("ST-06")
def test_get_records_returns_at_most_a_thousand(here: RegionHandle) -> None:
    """With 1,100 changes to read and no Limit, no answer has more than 1,000 records."""
    stream = streamed_table(here, "KEYS_ONLY")
    for start in range(0, MANY_RECORDS, 25):
        _put_batch(stream.table, [f"key-{number:04d}" for number in range(start, start + 25)])
    reader = stream.reader()
    found = {key_of(record) for record in reader.wait_for(lambda records: len(records) >= MANY_RECORDS)}
    assert max(reader.page_sizes) <= MOST_RECORDS, (
        f"one answer of GetRecords had {max(reader.page_sizes)} records"
    )
    assert len(found) == MANY_RECORDS, (
        f"{MANY_RECORDS} items were put, and {len(found)} of them have a record"
    )


@claim("ST-06")
def test_get_records_returns_at_most_a_megabyte(here: RegionHandle) -> None:
    """With four changes of 300,000 bytes each, no answer has all of them."""
    stream = streamed_table(here, "NEW_IMAGE")
    values = [letter * LARGE_VALUE_CHARACTERS for letter in "wxyz"]
    for value in values:
        stream.table.put("a", value)
    reader = stream.reader()
    found = [change_of(record).new for record in reader.wait_for(_ends({"a": values[-1]}))]
    largest = max(reader.page_sizes) * LARGE_VALUE_CHARACTERS
    assert largest <= MOST_BYTES, f"one answer of GetRecords had records of {largest} bytes"
    assert found == values, f"four changes were made, and {len(found)} records came"


@claim("ST-07")
def test_a_view_type_shows_its_images_and_no_others(here: RegionHandle) -> None:
    """KEYS_ONLY shows no image, NEW_IMAGE and OLD_IMAGE one, NEW_AND_OLD_IMAGES both, of a changed item."""
    for view_type, images in IMAGES.items():
        stream = streamed_table(here, view_type)
        stream.table.put("a", "before")
        stream.table.put("a", "after")
        records = stream.reader().wait_for(lambda records: len(records) >= 2)
        changed = [images_of(record) for record in records if record.get("eventName") == "MODIFY"]
        assert len(changed) == 1, (
            f"with {view_type}, one change of an item gave {len(changed)} MODIFY records"
        )
        shown = {name for name in ("NewImage", "OldImage") if name in changed[0]}
        assert shown == images, f"with {view_type} a record shows {sorted(shown)}, not {sorted(images)}"
        for name, value in (("OldImage", "before"), ("NewImage", "after")):
            wanted = {"pk": {"S": "a"}, "v": {"S": value}}
            assert changed[0].get(name, wanted) == wanted, f"{name} is {changed[0][name]}, not {wanted}"


@claim("ST-08")
def test_an_iterator_begins_at_or_after_a_sequence_number(here: RegionHandle) -> None:
    """AT_SEQUENCE_NUMBER begins with that record, AFTER_SEQUENCE_NUMBER with the next one."""
    stream = streamed_table(here)
    for value in ("1", "2", "3"):
        stream.table.put("a", value)
    reader = stream.reader()
    records = reader.wait_for(_ends({"a": "3"}))
    assert len(records) == 3, f"three changes were made, and {len(records)} records came"
    shard_ids = {reader.shard_ids[number_of(record)] for record in records}
    if len(shard_ids) > 1:
        raise Inconclusive("the item's records lie in several shards")
    [shard_id], number = shard_ids, number_of(records[1])
    for kind, wanted in (("AT_SEQUENCE_NUMBER", ["2", "3"]), ("AFTER_SEQUENCE_NUMBER", ["3"])):
        from_there = stream.reader_of_shard(shard_id, kind, SequenceNumber=number)
        found = [change_of(record).new for record in from_there.wait_for(_ends({"a": "3"}))]
        assert found == wanted, (
            f"{kind} of the second of three records gave the changes {found}, not {wanted}"
        )


@claim("ST-08")
def test_the_latest_iterator_begins_after_what_is_there(here: RegionHandle) -> None:
    """LATEST returns the changes made after it was asked for, and none that had been read before."""
    stream = streamed_table(here)
    stream.table.put("before", "1")
    assert _ends({"before": "1"})(stream.reader().wait_for(_ends({"before": "1"}))), (
        "one item was put, and no record of it came"
    )
    reader = stream.reader("LATEST")
    stream.table.put("after", "2")
    found = [key_of(record) for record in reader.wait_for(_ends({"after": "2"}))]
    assert found == ["after"], f"from LATEST on one item was put; the records are of the items {found}"


@claim("ST-09")
def test_a_record_names_its_event_and_the_table_key(here: RegionHandle) -> None:
    """Keys holds the partition key and the sort key and nothing else; events are INSERT, MODIFY, REMOVE."""
    stream = streamed_table(here, "KEYS_ONLY", sort_type="N")
    table, key = stream.table, {"pk": {"S": "a"}, "sk": {"N": "7"}}
    for value in ("1", "2"):
        table.client.put_item(TableName=table.name, Item={**key, "v": {"S": value}})
    table.client.delete_item(TableName=table.name, Key=key)
    records = stream.reader().wait_for(lambda records: len(records) >= 3)
    events = [record.get("eventName") for record in records]
    assert events == ["INSERT", "MODIFY", "REMOVE"], (
        f"put, change and deletion of an item are told as {events}"
    )
    for record in records:
        shown = images_of(record).get("Keys")
        assert shown == key, f"the record of item {key} names it {shown}"


@claim("ME-13")
def test_every_replica_has_a_stream_that_stays_on(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """With both images, on each side; turning it off is refused, and a write of the other side appears in it."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    for side in (table, replica):
        where = f"the replica in {side.region.name}"
        found = until(lambda at=side: _specification(at), seconds=DESCRIBING_SECONDS)  # type: ignore[misc]
        wanted = {"StreamEnabled": True, "StreamViewType": BOTH_IMAGES}
        assert found == wanted, f"{where} shows {found or 'no stream'}, not {wanted}"
        # Which code refuses it is published nowhere.
        refused(
            side.client.update_table,
            what=f"turning off the stream of {where}",
            TableName=side.name,
            StreamSpecification={"StreamEnabled": False},
        )
    reader = StreamHandle(replica, stream_arn(replica)).reader()
    table.put("a", "1")
    keys = {key_of(record) for record in reader.wait_for(_ends({"a": "1"}))}
    assert keys == {"a"}, (
        f"one item was put in {here.name}; the stream of {elsewhere.name} has records of the items {keys}"
    )


@claim("AP-11")
def test_an_unknown_stream_is_not_found(here: RegionHandle) -> None:
    """DescribeStream and GetShardIterator of a stream that does not exist: ResourceNotFoundException."""
    stream = streamed_table(here)
    unknown = stream.arn.rpartition("/")[0] + "/2001-01-01T00:00:00.000"
    with preparing():
        shard_id = stream.describe()["Shards"][0]["ShardId"]
    refused(
        here.streams.describe_stream,
        "ResourceNotFoundException",
        what="DescribeStream of a stream that does not exist",
        StreamArn=unknown,
    )
    refused(
        here.streams.get_shard_iterator,
        "ResourceNotFoundException",
        what="GetShardIterator of a stream that does not exist",
        StreamArn=unknown,
        ShardId=shard_id,
        ShardIteratorType="TRIM_HORIZON",
    )


def _write_round(history: History, value: str) -> None:
    for key in SPLIT_KEYS:
        history.put(key, value)


def _children(stream: StreamHandle) -> list[dict[str, Any]]:
    """The shards that name a parent."""
    return [shard for shard in stream.describe()["Shards"] if shard.get("ParentShardId")]


def _wait_for_children(stream: StreamHandle, known: int) -> None:
    """Wait until there are more children than were known; raises Inconclusive if there are not."""
    found = stream.table.region.patience.until(
        "children of a shard", lambda: len(_children(stream)) > known, seconds=SPLIT_SECONDS
    )
    if not found:
        raise Inconclusive("a partition was split, and no shard of the stream was, which is lawful")


def _set_stream(table: TableHandle, **specification: Any) -> None:
    table.client.update_table(TableName=table.name, StreamSpecification=specification)
    table.wait_until_active()


def _specification(table: TableHandle) -> dict[str, Any]:
    specification: dict[str, Any] = table.describe().get("StreamSpecification", {})
    return specification


def _put_batch(table: TableHandle, keys: list[str]) -> None:
    waiting: dict[str, Any] = {table.name: [{"PutRequest": {"Item": {"pk": {"S": key}}}} for key in keys]}
    while waiting:
        waiting = table.client.batch_write_item(RequestItems=waiting).get("UnprocessedItems", {})


def _ends(last: dict[str, str]) -> Any:
    """Whether records with new images have come to the last value of each item."""

    def reached(records: list[Record]) -> bool:
        return last.items() <= {key_of(record): change_of(record).new for record in records}.items()

    return reached


def _shown(changes: list[Change]) -> str:
    return ", ".join(f"{event} {old}>{new}" for event, old, new in changes) or "none"
