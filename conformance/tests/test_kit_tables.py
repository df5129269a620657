"""Handles of Regions and tables, and the sweep, against clients that answer from a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ddbproof.conformance.kit import Inconclusive, Unsupported, Violation, tables
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.polling import Patience
from ddbproof.conformance.kit.sweep import sweep
from ddbproof.conformance.kit.tables import Names, RegionHandle
from ddbproof.conformance.kit.wire import Wire

START = datetime(2026, 1, 1, tzinfo=UTC)


def error(code: str, message: str = "") -> ClientError:
    """The exception that botocore makes of an error answer."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "Operation")


class Client:
    """Answers each operation as told; without a word of it, there is no such table."""

    def __init__(self, **answers: Callable[..., Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            if name in self.answers:
                return self.answers[name](**arguments)
            raise error("ResourceNotFoundException")

        return call


class Clock(EndpointClock):
    """A clock that only counts."""

    def __init__(self, *, movable: bool) -> None:
        self.movable = movable
        self.passed_seconds = 0.0

    @property
    def can_move(self) -> bool:
        return self.movable

    def pass_seconds(self, seconds: float, *, at_most_seconds: float = 0) -> None:
        self.passed_seconds += seconds


class OneClient(Wire):
    """Gives the same client to everybody."""

    def __init__(self, client: Client) -> None:
        self._only = client

    def client(self, region: str, *, service: str = "dynamodb", validate: bool = True) -> Any:
        return self._only


def region(
    client: Client, name: str = "us-east-1", *, movable: bool = True, clock: Clock | None = None
) -> RegionHandle:
    """A Region behind that client."""
    clock = clock or Clock(movable=movable)
    return RegionHandle(name, OneClient(client), Names("run-"), clock, Patience())


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that comes later comes here, so nothing is waited for."""
    for name in (
        "PATIENCE_SECONDS",
        "SIGN_OF_A_REPLICA_SECONDS",
        "MAKING_A_REPLICA_SECONDS",
    ):
        monkeypatch.setattr(tables, name, 0.0)


def active(**_: Any) -> dict[str, Any]:
    return {"Table": {"TableStatus": "ACTIVE"}}


def accepted(**_: Any) -> dict[str, Any]:
    return {}


def test_a_new_table_has_the_runs_prefix_and_is_active() -> None:
    """Each has a name of its own."""
    client = Client(create_table=accepted, describe_table=active)
    here = region(client)
    names = {here.new_table().name, here.new_table(sort_type="N").name}
    assert len(names) == 2
    assert all(name.startswith("run-") for name in names)
    assert all(
        request["BillingMode"] == "PAY_PER_REQUEST" for name, request in client.calls if "create" in name
    )


def raises(problem: Exception) -> Callable[..., Any]:
    """An operation that is answered with that error."""

    def call(**_: Any) -> Any:
        raise problem

    return call


def test_a_shared_table_is_made_once_and_keys_are_never_shared() -> None:
    """Until the endpoint was restarted, which may have lost it."""
    client = Client(create_table=accepted, describe_table=active)
    here = region(client)
    first = here.shared_table()
    assert here.shared_table() is first
    assert here.shared_table("N").name != first.name
    assert here.names.key() != here.names.key()
    here.forget_shared_tables()
    assert here.shared_table().name != first.name


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        (Client(create_table=raises(error("ValidationException"))), Inconclusive),
        (Client(create_table=raises(error("ValidationException", "not implemented"))), Unsupported),
        (Client(create_table=accepted), Inconclusive),
        (
            Client(create_table=accepted, describe_table=lambda **_: {"Table": {"TableStatus": "READY"}}),
            Inconclusive,
        ),
        (Client(create_table=accepted, describe_table=accepted), Inconclusive),
    ],
    ids=["refused", "not offered", "never there", "in no known state", "not described"],
)
def test_a_table_that_cannot_be_had_blames_no_claim(client: Client, outcome: type[Exception]) -> None:
    """A test that only needs a table says nothing without one."""
    with pytest.raises(outcome):
        region(client).new_table()


def test_contents_are_read_consistently_page_by_page() -> None:
    """Every page is asked for, and none twice."""
    pages = {
        None: {"Items": [{"pk": {"S": "a"}, "v": {"S": "1"}}], "LastEvaluatedKey": {"pk": {"S": "a"}}},
        "a": {"Items": [{"pk": {"S": "b"}, "v": {"S": "2"}}]},
    }

    def scan(**request: Any) -> Any:
        assert request["ConsistentRead"] is True
        return pages[request.get("ExclusiveStartKey", {}).get("pk", {}).get("S")]

    assert region(Client(scan=scan)).table("t").contents() == {"a": "1", "b": "2"}


# -- restores -----------------------------------------------------------------------------------------


def recovering(clock: Clock, lag_seconds: float, restore: Callable[..., Any]) -> Client:
    """A table with recovery on since START; the latest restorable instant trails the clock."""

    def describe(**_: Any) -> Any:
        latest = max(START, START + timedelta(seconds=clock.passed_seconds - lag_seconds))
        window = {"EarliestRestorableDateTime": START, "LatestRestorableDateTime": latest}
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": window}}

    return Client(
        describe_continuous_backups=describe,
        restore_table_to_point_in_time=restore,
        describe_table=active,
    )


def test_a_restore_waits_until_its_instant_is_in_the_window() -> None:
    """Where the clock can be moved, it is moved until LatestRestorableDateTime has passed the instant."""
    clock = Clock(movable=True)
    client = recovering(clock, 300, accepted)
    here = region(client, clock=clock)
    here.table("source").restore_to(START + timedelta(seconds=10))
    assert clock.passed_seconds >= 310


def test_a_lawful_refusal_of_a_young_instant_is_inconclusive() -> None:
    """The instant is later than the endpoint's own LatestRestorableDateTime and time cannot be moved."""
    clock = Clock(movable=False)
    client = recovering(clock, 300, raises(error("InvalidRestoreTimeException")))
    here = region(client, clock=clock)
    with pytest.raises(Inconclusive, match="lawful"):
        here.table("source").restore_to(START + timedelta(seconds=10))


def test_a_refusal_of_an_instant_in_the_window_is_not_excused() -> None:
    """The endpoint said that it could."""
    clock = Clock(movable=True)
    client = recovering(clock, 0, raises(error("InvalidRestoreTimeException")))
    here = region(client, clock=clock)
    with pytest.raises(ClientError):
        here.table("source").restore_to(START + timedelta(seconds=10))


def test_backups_are_retried_while_none_are_kept_yet() -> None:
    """BK-12: a brand-new table may answer ContinuousBackupsUnavailableException for a while."""
    answers: list[Exception | None] = [error("ContinuousBackupsUnavailableException"), None]

    def create(**_: Any) -> Any:
        problem = answers.pop(0)
        if problem is not None:
            raise problem
        return {"BackupDetails": {"BackupArn": "arn"}}

    available = {"BackupDescription": {"BackupDetails": {"BackupStatus": "AVAILABLE"}}}
    table = region(Client(create_backup=create, describe_backup=lambda **_: available)).table("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "PATIENCE_SECONDS", 5.0)
        assert table.back_up() == "arn"
    assert answers == []


# -- replicas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("judged", "outcome"), [(True, Violation), (False, Inconclusive)])
def test_a_replica_that_was_promised_and_never_came(judged: bool, outcome: type[Exception]) -> None:
    """It is a violation where just that is judged, and no ground to stand on for any other claim."""
    table = region(Client(update_table=accepted, describe_table=active)).table("t")
    with pytest.raises(outcome, match="no replica was made"):
        table.add_replica(region(Client(), "eu-west-1"), judged=judged)


def test_a_replica_that_is_still_being_made_accuses_nobody() -> None:
    """On AWS it takes minutes; DescribeTable shows that it is under way."""

    def describe(**_: Any) -> Any:
        replicas = [{"RegionName": "eu-west-1", "ReplicaStatus": "CREATING"}]
        return {"Table": {"TableStatus": "ACTIVE", "Replicas": replicas}}

    table = region(Client(update_table=accepted, describe_table=describe)).table("t")
    with pytest.raises(Inconclusive, match="in time"):
        table.add_replica(region(Client(), "eu-west-1"), judged=True)


def test_a_refused_replica_is_not_judged() -> None:
    """An endpoint without global tables says so in many ways."""
    for message, outcome in (("replicas are not supported", Unsupported), ("no", Inconclusive)):
        table = region(Client(update_table=raises(error("ValidationException", message)))).table("t")
        with pytest.raises(outcome):
            table.add_replica(region(Client(), "eu-west-1"), judged=True)


# -- the sweep ----------------------------------------------------------------------------------------


class Store(Client):
    """Tables and backups that can be listed and deleted."""

    def __init__(self, names: dict[str, bool], backups: dict[str, str]) -> None:
        super().__init__()
        self.names = names
        self.backups = backups

    def get_paginator(self, _: str) -> Any:
        store = self

        class Paginator:
            def paginate(self) -> list[dict[str, list[str]]]:
                return [{"TableNames": [name]} for name in store.names]

        return Paginator()

    def describe_table(self, **request: Any) -> Any:
        return {"Table": {"DeletionProtectionEnabled": self.names[request["TableName"]]}}

    def update_table(self, **request: Any) -> None:
        self.names[request["TableName"]] = request["DeletionProtectionEnabled"]

    def delete_table(self, **request: Any) -> None:
        if self.names[request["TableName"]]:
            raise error("ValidationException", "protected")
        del self.names[request["TableName"]]

    def list_backups(self, **_: Any) -> Any:
        return {
            "BackupSummaries": [
                {"BackupArn": arn, "TableName": arn.partition("/")[0], "BackupType": kind}
                for arn, kind in self.backups.items()
            ]
        }

    def delete_backup(self, **request: Any) -> None:
        if self.backups[request["BackupArn"]] == "SYSTEM":
            raise error("ValidationException", "not deletable")
        del self.backups[request["BackupArn"]]


def test_the_sweep_removes_what_the_run_made_and_nothing_else() -> None:
    """Protected tables too, in every Region, backups of tables that are gone as well."""
    stores = [
        Store({"run-a": True, "mine": False}, {"run-gone/1": "USER", "mine/1": "USER"}),
        Store({"run-a": False}, {}),
    ]
    assert sweep([("us-east-1", stores[0]), ("eu-west-1", stores[1])], "run-", seconds=5) == ()
    assert stores[0].names == {"mine": False}
    assert stores[0].backups == {"mine/1": "USER"}
    assert stores[1].names == {}


def test_the_sweep_tells_of_a_system_backup_and_does_not_wait_for_it() -> None:
    """It goes by itself after 35 days (BK-10)."""
    store = Store({}, {"run-a/1": "SYSTEM"})
    (leftover,) = sweep([("us-east-1", store)], "run-", seconds=600)
    assert "SYSTEM backup run-a/1" in leftover


def test_the_sweep_tells_what_it_could_not_remove() -> None:
    """And what it knew before it was interrupted."""
    store = Store({"run-a": False}, {})
    store.delete_table = raises(error("ValidationException", "I keep it"))  # type: ignore[method-assign]
    left: list[str] = []
    (leftover,) = sweep([("us-east-1", store)], "run-", seconds=0, left=left)
    assert "run-a in us-east-1" in leftover
    assert left == [leftover]
