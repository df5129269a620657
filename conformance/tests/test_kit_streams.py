"""The reader of streams and the witness of time to live, against clients that answer from a script."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, Violation, streams, tables
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.outcomes import NotTestableHere
from ddbproof.conformance.kit.polling import Patience
from ddbproof.conformance.kit.streams import (
    Change,
    StreamHandle,
    changes_by_key,
    images_of,
    key_of,
    stream_arn,
)
from ddbproof.conformance.kit.tables import Names, RegionHandle
from ddbproof.conformance.kit.time_to_live import STEPS_SECONDS, ExpiringTable
from ddbproof.conformance.kit.wire import Wire

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/now"


def record(number: int, key: str, new: str | None, old: str | None = None) -> dict[str, Any]:
    """A record of that sequence number."""
    part: dict[str, Any] = {"Keys": {"pk": {"S": key}}, "SequenceNumber": f"{number:021d}"}
    for name, value in (("NewImage", new), ("OldImage", old)):
        if value is not None:
            part[name] = {"pk": {"S": key}, "v": {"S": value}}
    event = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
    return {"eventName": event, "dynamodb": part}


class Shards:
    """A client of DynamoDB Streams: each shard has pages, and an iterator is `shard/page`.

    `parents` names the parent of a shard. Each iterator in `expired` is refused once.
    """

    def __init__(self, pages: dict[str, list[list[dict[str, Any]]]], parents: dict[str, str]) -> None:
        self.pages = pages
        self.parents = parents
        self.expired: set[str] = set()
        self.asked: list[dict[str, Any]] = []

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        shards = [
            {"ShardId": shard} | ({"ParentShardId": self.parents[shard]} if shard in self.parents else {})
            for shard in self.pages
        ]
        return {"StreamDescription": {"StreamStatus": "ENABLED", "Shards": shards}}

    def get_shard_iterator(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        shard, number = arguments["ShardId"], arguments.get("SequenceNumber")
        numbers = [[images_of(one).get("SequenceNumber") for one in page] for page in self.pages[shard]]
        page = 0 if number is None else next(at for at, page in enumerate(numbers) if number in page) + 1
        return {"ShardIterator": f"{shard}/{page}"}

    def get_records(self, *, ShardIterator: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - the API's name
        if ShardIterator in self.expired:
            self.expired.discard(ShardIterator)
            details: Any = {"Error": {"Code": "ExpiredIteratorException"}}
            raise ClientError(details, "GetRecords")
        shard, page = ShardIterator.split("/")
        rest = self.pages[shard][int(page) :]
        answer: dict[str, Any] = {"Records": rest[0] if rest else []}
        if len(rest) > 1:
            answer["NextShardIterator"] = f"{shard}/{int(page) + 1}"
        return answer


class Table:
    """A client of DynamoDB: describes a table in one way, and has lost every item but the first few times."""

    def __init__(self, description: dict[str, Any] | None = None, present_count: float = 0) -> None:
        self.description = description or {}
        self.present_count = present_count

    def describe_table(self, **_: Any) -> dict[str, Any]:
        return {"Table": self.description}

    def put_item(self, **_: Any) -> None:
        """Accept it."""

    def get_item(self, **_: Any) -> dict[str, Any]:
        self.present_count -= 1
        return {} if self.present_count < 0 else {"Item": {"v": {"S": "x"}}}


class TwoClients(Wire):
    """Gives out these two."""

    def __init__(self, table: Table, shards: Shards) -> None:
        self._by_service = {"dynamodb": table, "dynamodbstreams": shards}

    def client(self, region: str, *, service: str = "dynamodb", validate: bool = True) -> Any:
        return self._by_service[service]


class Clock(EndpointClock):
    """A clock that only counts."""

    def __init__(self, *, movable: bool) -> None:
        self.movable = movable
        self.passed_seconds = 0.0

    @property
    def can_move(self) -> bool:
        return self.movable

    def now(self) -> int:
        return 1_800_000_000

    def pass_seconds(self, seconds: float, *, at_most_seconds: float = 0) -> None:
        self.passed_seconds += seconds


def handle(table: Table, shards: Shards, *, movable: bool = True) -> tables.TableHandle:
    """A table behind those clients."""
    clock = Clock(movable=movable)
    region = RegionHandle("us-east-1", TwoClients(table, shards), Names("run-"), clock, Patience())
    return region.table("t")


def stream(shards: Shards) -> StreamHandle:
    """A stream of those shards."""
    return StreamHandle(handle(Table(), shards), ARN)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that comes later comes here, so nothing is waited for."""
    monkeypatch.setattr(streams, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(streams, "DESCRIBING_SECONDS", 0.0)
    monkeypatch.setattr("ddbproof.conformance.kit.time_to_live.REAL_SECONDS", 0.0)
    monkeypatch.setattr("ddbproof.conformance.kit.time_to_live.STEP_PATIENCE_SECONDS", 0.0)


def test_a_parent_is_read_to_its_end_before_its_child() -> None:
    """Also where DescribeStream lists the child first."""
    shards = Shards(
        {"child": [[record(3, "a", "3")]], "parent": [[record(1, "a", "1")], [record(2, "a", "2")]]},
        {"child": "parent"},
    )
    found = stream(shards).reader().wait_for(lambda records: len(records) == 3)
    assert [one["dynamodb"]["NewImage"]["v"]["S"] for one in found] == ["1", "2", "3"]


def test_shards_side_by_side_are_all_read() -> None:
    """And each record's own shard is known, whatever the ranges of the shards say."""
    shards = Shards({"one": [[record(1, "a", "1")]], "two": [[record(2, "b", "2")]]}, {})
    reader = stream(shards).reader()
    assert {key_of(one) for one in reader.wait_for(lambda records: len(records) == 2)} == {"a", "b"}
    assert reader.shard_ids == {f"{1:021d}": "one", f"{2:021d}": "two"}


def test_a_child_of_a_trimmed_parent_is_read() -> None:
    """A parent that is not listed any more cannot be read first."""
    shards = Shards({"child": [[record(3, "a", "3")]]}, {"child": "gone"})
    assert len(stream(shards).reader().poll()) == 1


def test_an_expired_iterator_is_renewed_behind_the_last_record() -> None:
    """Nothing is read twice."""
    shards = Shards({"one": [[record(1, "a", "1")], [record(2, "a", "2", "1")]]}, {})
    shards.expired = {"one/1"}
    found = stream(shards).reader().wait_for(lambda records: len(records) == 2)
    assert changes_by_key(found) == {"a": [Change("INSERT", None, "1"), Change("MODIFY", "1", "2")]}
    assert shards.asked[-1]["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"


def test_a_record_without_a_number_says_nothing_of_the_claim() -> None:
    """Inconclusive, and no error of ours."""
    shards = Shards({"one": [[{"eventName": "INSERT"}]]}, {})
    with pytest.raises(Inconclusive, match="SequenceNumber"):
        stream(shards).reader().poll()


def test_a_stream_that_was_accepted_and_not_made_is_a_violation() -> None:
    """No stream test passes, or ends otherwise, because nothing was done."""
    with pytest.raises(Violation, match="LatestStreamArn"):
        stream_arn(handle(Table(), Shards({}, {})))


def test_a_stream_that_keeps_its_arn_is_a_violation() -> None:
    """Where another one is due."""
    table = handle(Table({"LatestStreamArn": ARN}), Shards({}, {}))
    assert stream_arn(table) == ARN
    with pytest.raises(Violation, match="still shows"):
        stream_arn(table, other_than=ARN)


def test_the_clock_is_moved_until_the_witness_is_deleted() -> None:
    """And no further."""
    table = handle(Table(present_count=2), Shards({}, {}))
    ExpiringTable(table).wait_for_a_deletion()
    clock = table.region.clock
    assert isinstance(clock, Clock)
    assert clock.passed_seconds == sum(STEPS_SECONDS[:3])


@pytest.mark.parametrize(
    ("movable", "judged", "outcome"),
    [(True, True, Violation), (True, False, Inconclusive), (False, True, NotTestableHere)],
)
def test_a_witness_that_stays_is_judged_only_where_time_was_moved(
    movable: bool,
    judged: bool,
    outcome: type[Exception],
) -> None:
    """Elsewhere it is lawful that it takes longer."""
    table = handle(Table(present_count=float("inf")), Shards({}, {}), movable=movable)
    with pytest.raises(outcome):
        ExpiringTable(table).wait_for_a_deletion(judged=judged)
