"""Planted defects of streams (ST): records lost, doubled, out of order or false; settings and limits ignored."""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

import random
from zlib import crc32

from ddbproof.conformance.defects.base import (
    Answer,
    Call,
    Defect,
    Document,
    Endpoint,
    success,
    table_name,
)
from ddbproof.conformance.defects.replicas import KnowsReplicas
from ddbproof.conformance.defects.tables import described

_ONE_IN = 5


class ChangesRecords(Defect):
    """Base of defects that change the records of a page."""

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """The records to give instead."""
        raise NotImplementedError

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the records of GetRecords."""
        if call.operation == "GetRecords" and answer.ok:
            return answer.with_members(Records=self.changed(call, list(answer.member("Records") or ())))
        return answer


def _is_struck(record: Document) -> bool:
    """True for one in so many sequence numbers, the same ones each time, whatever an endpoint's numbers look like."""
    return crc32(record["dynamodb"]["SequenceNumber"].encode()) % _ONE_IN == 0


class StreamRecordLost(ChangesRecords):
    """Some records are missing."""

    name = "stream-record-lost"
    sentence = "A stream misses some changes"
    claims = ("ST-01",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Leave out those whose sequence number falls into one class; reading again changes nothing."""
        return [record for record in records if not _is_struck(record)]


class StreamRecordTwice(ChangesRecords):
    """Some records come twice."""

    name = "stream-record-twice"
    sentence = "A stream holds some changes twice"
    claims = ("ST-01",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Repeat those whose sequence number falls into one class."""
        return [record for record in records for _ in range(2 if _is_struck(record) else 1)]


class StreamOutOfOrder(ChangesRecords):
    """Records of a page are shuffled."""

    name = "stream-out-of-order"
    sentence = "A stream does not keep the order of an item's changes"
    claims = ("ST-01",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Shuffle, the same way each time."""
        random.Random(len(records)).shuffle(records)  # noqa: S311 (no secret)
        return records


class StreamOldImageNew(ChangesRecords):
    """The old image is the new one."""

    name = "stream-old-image-is-new"
    sentence = "OldImage shows the item as it is after the change"
    claims = ("ST-01", "ST-07")

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Where there are both, show the new one twice."""
        for record in records:
            images = record["dynamodb"]
            if "OldImage" in images and "NewImage" in images:
                images["OldImage"] = images["NewImage"]
        return records


class StreamHoldsIdleWrites(Defect):
    """A write that changes nothing adds a record."""

    name = "stream-holds-idle-writes"
    sentence = "A write that leaves an item as it was adds a stream record"
    claims = ("ST-02",)

    def request(self, call: Call) -> Call | Answer:
        """Touch an item that is put as it is, so that the put changes something."""
        item = call.parameter("Item")
        if call.operation == "PutItem" and isinstance(item, dict) and "pk" in item:
            table: Document = {"TableName": call.table}
            present = self.endpoint.call(call.region, "GetItem", {**table, "Key": {"pk": item["pk"]}})
            if present.member("Item") == item:
                self.endpoint.call(
                    call.region, "PutItem", {**table, "Item": {**item, "touched": {"BOOL": True}}}
                )
        return call


class StreamGoneWhenOff(Defect):
    """A stream that was turned off is gone at once."""

    name = "stream-gone-when-off"
    sentence = "A stream that was turned off can no longer be read"
    claims = ("ST-03",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Show no shards of a stream that is DISABLED."""
        description = answer.member("StreamDescription")
        if isinstance(description, dict) and description.get("StreamStatus") == "DISABLED":
            return answer.with_members(StreamDescription={**description, "Shards": []})
        return answer


class ShardIteratorLivesOn(Defect):
    """A shard iterator never expires."""

    name = "shard-iterator-lives-on"
    sentence = "A shard iterator can be used after 15 minutes"
    claims = ("ST-04",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer with an empty page."""
        if call.operation == "GetRecords" and answer.code == "ExpiredIteratorException":
            return success({"Records": [], "NextShardIterator": call.parameter("ShardIterator")})
        return answer


class KnowsShards(Defect):
    """Base of defects that have to know which shard a page of records comes from, and whose child that is."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._parents: dict[str, str] = {}
        self._shards: dict[str, str] = {}

    def page(self, shard: str, records: list[Document]) -> list[Document]:
        """The records to give instead of those of a shard; `self.lock` is held."""
        raise NotImplementedError

    def parent(self, shard: str) -> str | None:
        """The shard whose child it is, as far as was shown."""
        return self._parents.get(shard)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take notice of shards and iterators, and change pages."""
        if not answer.ok:
            return answer
        with self.lock:
            if call.operation == "DescribeStream":
                for shard in (answer.member("StreamDescription") or {}).get("Shards", ()):
                    if "ParentShardId" in shard:
                        self._parents[shard["ShardId"]] = shard["ParentShardId"]
            elif call.operation == "GetShardIterator":
                self._shards[str(answer.member("ShardIterator"))] = str(call.parameter("ShardId"))
            elif call.operation == "GetRecords":
                shard = self._shards.get(str(call.parameter("ShardIterator")), "")
                self._shards[str(answer.member("NextShardIterator"))] = shard
                return answer.with_members(Records=self.page(shard, list(answer.member("Records") or ())))
        return answer


class StreamChangeTwiceAcrossSplit(KnowsShards):
    """The first record of a child is preceded by the last one of its parent."""

    name = "stream-change-twice-across-split"
    sentence = "A stream repeats a change where a shard was split"
    claims = ("ST-04",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._last: dict[str, Document] = {}
        self._begun: set[str] = set()

    def page(self, shard: str, records: list[Document]) -> list[Document]:
        """Remember the last record of each shard, and repeat it once in each child."""
        repeated = self._last.get(self.parent(shard) or "")
        if records:
            self._last[shard] = records[-1]
            if repeated is not None and shard not in self._begun:
                self._begun.add(shard)
                return [repeated, *records]
        return records


class StreamChangeMissingAcrossSplit(KnowsShards):
    """The first record of a child is missing."""

    name = "stream-change-missing-across-split"
    sentence = "A stream lacks a change where a shard was split"
    claims = ("ST-04",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[str, str] = {}

    def page(self, shard: str, records: list[Document]) -> list[Document]:
        """Leave out the record that was the first of a child; reading again changes nothing."""
        if self.parent(shard) is None or not records:
            return records
        first = self._first.setdefault(shard, records[0]["dynamodb"]["SequenceNumber"])
        return [record for record in records if record["dynamodb"]["SequenceNumber"] != first]


class ClosedShardGoesOn(Defect):
    """A shard that is closed has no end."""

    name = "closed-shard-goes-on"
    sentence = "GetRecords always gives another iterator, also at the end of a shard that is closed"
    claims = ("ST-04",)

    _END = "|the-end|"

    def request(self, call: Call) -> Call | Answer:
        """Answer what was made up with nothing, and itself again."""
        iterator = call.parameter("ShardIterator")
        if isinstance(iterator, str) and iterator.endswith(self._END):
            return success({"Records": [], "NextShardIterator": iterator})
        return call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Make up an iterator where there is none."""
        if call.operation == "GetRecords" and answer.ok and answer.member("NextShardIterator") is None:
            return answer.with_members(NextShardIterator=f"{call.parameter('ShardIterator')}{self._END}")
        return answer


class StreamTurnedOnTwice(Defect):
    """Turning a stream on or off that is on or off already answers 200 and changes nothing."""

    name = "stream-turned-on-twice"
    sentence = "Turning on a stream that is on, or off one that is off, is accepted"
    claims = ("ST-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with the table as it is."""
        if (
            call.operation == "UpdateTable"
            and call.parameter("StreamSpecification") is not None
            and answer.code == "ValidationException"
        ):
            return described(self, call, call.table)
        return answer


class StreamKeepsArn(Defect):
    """A stream that is turned on again has the ARN of the first one."""

    name = "stream-keeps-arn"
    sentence = "A stream that was turned off and on again keeps its ARN"
    claims = ("ST-05",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._arns: dict[tuple[str, str], str] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Show the first ARN of each table."""
        table = answer.member("Table")
        if call.operation != "DescribeTable" or not isinstance(table, dict) or "LatestStreamArn" not in table:
            return answer
        with self.lock:
            first = self._arns.setdefault((call.region, table["TableId"]), table["LatestStreamArn"])
        return answer.with_members(Table={**table, "LatestStreamArn": first})


class GetRecordsWithoutLimit(Defect):
    """GetRecords takes no notice of any limit."""

    name = "get-records-without-limit"
    sentence = "GetRecords returns more records than Limit, 1,000 or 1 MB allow"
    claims = ("ST-06",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Add the following pages, as many as have something."""
        if call.operation != "GetRecords" or not answer.ok:
            return answer
        records = list(answer.member("Records") or ())
        page = answer
        while page.member("Records") and page.member("NextShardIterator"):
            request = {"ShardIterator": page.member("NextShardIterator")}
            page = self.endpoint.call(call.region, "GetRecords", request)
            records += page.member("Records") or ()
        return answer.with_members(Records=records, NextShardIterator=page.member("NextShardIterator"))


class StreamShowsBothImages(Defect):
    """Every stream shows both images."""

    name = "stream-view-type-ignored"
    sentence = "Stream records show both images, whatever the view type"
    claims = ("ST-07",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for both."""
        wanted = call.parameter("StreamSpecification")
        if isinstance(wanted, dict) and wanted.get("StreamEnabled"):
            both = {**wanted, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            return call.with_parameters(StreamSpecification=both)
        return call


class AfterMeansAt(Defect):
    """AFTER_SEQUENCE_NUMBER begins with the record itself."""

    name = "stream-after-means-at"
    sentence = "AFTER_SEQUENCE_NUMBER returns the record with that number again"
    claims = ("ST-08",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for AT_SEQUENCE_NUMBER."""
        if call.parameter("ShardIteratorType") == "AFTER_SEQUENCE_NUMBER":
            return call.with_parameters(ShardIteratorType="AT_SEQUENCE_NUMBER")
        return call


class LatestMeansOldest(Defect):
    """LATEST begins with the oldest record."""

    name = "stream-latest-means-oldest"
    sentence = "LATEST returns records from before"
    claims = ("ST-08",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for TRIM_HORIZON."""
        if call.parameter("ShardIteratorType") == "LATEST":
            return call.with_parameters(ShardIteratorType="TRIM_HORIZON")
        return call


class StreamForgetsSortKey(ChangesRecords):
    """Keys has the partition key only."""

    name = "stream-forgets-sort-key"
    sentence = "A stream record names an item without its sort key"
    claims = ("ST-09",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Take it away."""
        for record in records:
            record["dynamodb"]["Keys"].pop("sk", None)
        return records


class StreamKnowsOneEvent(ChangesRecords):
    """A new item is told as changed."""

    name = "stream-insert-is-modify"
    sentence = "The record of a new item is a MODIFY"
    claims = ("ST-01", "ST-09")

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Tell both as MODIFY."""
        for record in records:
            if record["eventName"] == "INSERT":
                record["eventName"] = "MODIFY"
        return records


class UnknownStreamEmpty(Defect):
    """A stream that does not exist is described as an empty one."""

    name = "unknown-stream-empty"
    sentence = "DescribeStream of an unknown stream is answered 200"
    claims = ("AP-11",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with a stream without shards."""
        if call.operation == "DescribeStream" and answer.code == "ResourceNotFoundException":
            arn = call.parameter("StreamArn")
            return success(
                {"StreamDescription": {"StreamArn": arn, "StreamStatus": "DISABLED", "Shards": []}}
            )
        return answer


class ReplicaStreamTurnedOff(Defect):
    """Turning off the stream of a replica is answered 200."""

    name = "replica-stream-turned-off"
    sentence = "The stream of a replica can be turned off"
    claims = ("ME-13",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with the table as it is."""
        wanted = call.parameter("StreamSpecification")
        if call.operation == "UpdateTable" and isinstance(wanted, dict) and not answer.ok:
            return described(self, call, call.table)
        return answer


class ReplicaWithoutStream(KnowsReplicas):
    """A new replica has no stream."""

    name = "replica-without-stream"
    sentence = "A replica in eventual mode has no stream"
    claims = ("ME-13",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave it out of the description."""
        table = answer.member("Table")
        if call.operation != "DescribeTable" or not self.on_replica(call) or not isinstance(table, dict):
            return answer
        return answer.with_members(
            Table={name: value for name, value in table.items() if "Stream" not in name}
        )


class ReplicatedChangesNotStreamed(KnowsReplicas):
    """The stream of a replica has none of the changes that came from elsewhere."""

    name = "replica-stream-empty"
    sentence = "A replicated change is not in the stream of the replica"
    claims = ("ME-13",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer with an empty page in the Region of a replica that was added."""
        arn = str(call.parameter("ShardIterator") or "").partition("|")[0]
        table = Call(call.region, "DescribeTable", {"TableName": table_name(arn)})
        if call.operation == "GetRecords" and answer.ok and self.on_replica(table):
            return answer.with_members(Records=[])
        return answer


class StreamDropped(Defect):
    """StreamSpecification is taken and forgotten."""

    name = "stream-dropped"
    sentence = "CreateTable accepts a StreamSpecification and makes no stream"
    claims = ("ST-01", "ST-02", "ST-03", "ST-05", "ST-06", "ST-07", "ST-08", "ST-09", "AP-11")

    def request(self, call: Call) -> Call | Answer:
        """Take the parameter away."""
        if call.operation == "CreateTable" and call.parameter("StreamSpecification") is not None:
            return call.with_parameters(StreamSpecification=None)
        return call


DEFECTS = (
    StreamRecordLost,
    StreamRecordTwice,
    StreamOutOfOrder,
    StreamOldImageNew,
    StreamHoldsIdleWrites,
    StreamGoneWhenOff,
    ShardIteratorLivesOn,
    StreamChangeTwiceAcrossSplit,
    StreamChangeMissingAcrossSplit,
    ClosedShardGoesOn,
    StreamTurnedOnTwice,
    StreamKeepsArn,
    GetRecordsWithoutLimit,
    StreamShowsBothImages,
    AfterMeansAt,
    LatestMeansOldest,
    StreamForgetsSortKey,
    StreamKnowsOneEvent,
    UnknownStreamEmpty,
    ReplicaStreamTurnedOff,
    ReplicaWithoutStream,
    ReplicatedChangesNotStreamed,
    StreamDropped,
)
