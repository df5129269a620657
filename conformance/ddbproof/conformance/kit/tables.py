"""Regions and tables as a test handles them: short words over plain boto3 calls.

What a test judges is written out in the test; what it only needs (a table that is ACTIVE, recovery that is
on) comes from here, and when the target refuses that, nothing is said about the claim. Reads are strongly
consistent unless the test says otherwise, so that lawful lag is never mistaken for loss.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.outcomes import (
    CONNECTION_ERRORS,
    Inconclusive,
    Unsupported,
    Violation,
    describe,
    is_refusal_of_the_feature,
    says_nothing,
)
from ddbproof.conformance.kit.polling import Patience, until
from ddbproof.conformance.kit.wire import Wire

PATIENCE_SECONDS = 45.0
# Descriptions are eventually consistent (CTL-02).
DESCRIBING_SECONDS = 5.0
REPLICATION_PATIENCE_SECONDS = 30.0
# A replica that is being made shows within a moment, in its own Region or in DescribeTable; making it may
# take minutes.
SIGN_OF_A_REPLICA_SECONDS = 15.0
MAKING_A_REPLICA_SECONDS = 150.0
TABLE_STATES = {
    "CREATING",
    "UPDATING",
    "DELETING",
    "ACTIVE",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
    "ARCHIVING",
    "ARCHIVED",
    "REPLICATION_NOT_AUTHORIZED",
}
# Together about half an hour, six times what LatestRestorableDateTime typically trails.
FIRST_LAG_STEP_SECONDS = 60.0
LONGEST_LAG_STEP_SECONDS = 960.0

PARTITION_KEY = {"AttributeName": "pk", "KeyType": "HASH"}
SORT_KEY = {"AttributeName": "sk", "KeyType": "RANGE"}


class Names:
    """Names for everything a run creates: the run's own prefix, then a word and a number."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._numbers = itertools.count(1)

    def new(self, word: str = "table") -> str:
        """A name that nothing else has."""
        return f"{self.prefix}{word}-{next(self._numbers)}"

    def key(self) -> str:
        """A key that no item of the run has, for tables that tests share."""
        return f"key-{next(self._numbers)}-{secrets.token_hex(4)}"


class RegionHandle:
    """One Region of the target, for the length of a run.

    `client` is an ordinary boto3 client, `unchecked` sends what botocore itself would refuse, and `streams` is
    the client of DynamoDB Streams.
    """

    def __init__(self, name: str, wire: Wire, names: Names, clock: EndpointClock, patience: Patience) -> None:
        self.name = name
        self.client = wire.client(name)
        self._wire = wire
        self.names = names
        self.clock = clock
        self.patience = patience
        self._shared: dict[str | None, TableHandle] = {}

    @property
    def unchecked(self) -> Any:
        """A client that leaves checking a request to the endpoint."""
        return self._wire.client(self.name, validate=False)

    @property
    def streams(self) -> Any:
        """The client of DynamoDB Streams.

        Unchecked: a target's own sequence numbers and iterators may be shorter than the model has them, and
        what botocore thinks of that must not end a test.
        """
        return self._wire.client(self.name, service="dynamodbstreams", validate=False)

    def table(self, name: str) -> TableHandle:
        """A handle for a table of that name, existing or not."""
        return TableHandle(self, name)

    def new_table(
        self, *, name: str | None = None, sort_type: str | None = None, recovery: bool = False, **more: Any
    ) -> TableHandle:
        """A new table that is ACTIVE, with partition key `pk` (a string); `more` goes to CreateTable.

        Raises Inconclusive or Unsupported if the target will not make it.
        """
        table = self.table(name or self.names.new())
        keys, types = [PARTITION_KEY], [{"AttributeName": "pk", "AttributeType": "S"}]
        if sort_type is not None:
            keys, types = [*keys, SORT_KEY], [*types, {"AttributeName": "sk", "AttributeType": sort_type}]
        request = {
            "TableName": table.name,
            "KeySchema": keys,
            "AttributeDefinitions": types,
            "BillingMode": "PAY_PER_REQUEST",
            **more,
        }
        with preparing():
            self.client.create_table(**request)
            table.wait_until_active()
        if recovery:
            table.enable_recovery()
        return table

    def shared_table(self, sort_type: str | None = None) -> TableHandle:
        """A table of that form which all tests of a run share: partition key `pk`, sort key `sk` if typed.

        For tests of items: take keys from `names.key()`, which nobody else has, and leave the table itself
        and what others wrote alone. Raises as `new_table` does.
        """
        if sort_type not in self._shared:
            self._shared[sort_type] = self.new_table(sort_type=sort_type)
        return self._shared[sort_type]

    def forget_shared_tables(self) -> None:
        """Make shared tables anew: the endpoint was restarted, and they may be gone."""
        self._shared.clear()

    def backup_details(self, arn: str) -> dict[str, Any]:
        """BackupDetails of a backup."""
        answer = self.client.describe_backup(BackupArn=arn)
        details: dict[str, Any] = _member(answer, "BackupDescription", "BackupDetails")
        return details

    def restore_from_backup(self, arn: str) -> TableHandle:
        """A new table restored from a backup, ACTIVE."""
        restored = self.table(self.names.new("restored"))
        self.client.restore_table_from_backup(BackupArn=arn, TargetTableName=restored.name)
        restored.wait_until_active()
        return restored


class preparing:  # noqa: N801 - read as a word in `with preparing():`
    """Whatever is refused inside says nothing about the claim: it becomes Inconclusive or Unsupported.

    The one thing passed on as it is: that the endpoint does not answer at all, which ends the run.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ClientError):
            if is_refusal_of_the_feature(error):
                raise Unsupported(describe(error)) from error
            if says_nothing(error):
                raise Inconclusive(describe(error)) from error
            raise Inconclusive(f"could not prepare: {describe(error)}") from error
        if isinstance(error, ResponseParserError):
            raise Inconclusive(f"could not prepare, an answer is unreadable: {error}") from error


UNANSWERED = object()
"""What `try_get` gives where no answer could be had."""


def _tried(request: Callable[[], object]) -> object:
    """What a request gives; UNANSWERED if the endpoint is not there, or answers that it cannot serve."""
    try:
        return request()
    except CONNECTION_ERRORS:
        return UNANSWERED
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            return UNANSWERED
        raise


class TableHandle:
    """One table in one Region."""

    def __init__(self, region: RegionHandle, name: str) -> None:
        self.region = region
        self.name = name
        self.client = region.client

    # -- items ----------------------------------------------------------------------------------------

    def put(self, key: str, value: str, **more: Any) -> None:
        """Put an item with partition key `key` and attribute `v` = `value`."""
        self.client.put_item(TableName=self.name, Item={"pk": {"S": key}, "v": {"S": value}, **more})

    def try_put(self, key: str, value: str) -> bool:
        """As `put`, to an endpoint that may be down: whether it was answered 200. Other refusals are raised."""
        return _tried(lambda: self.put(key, value)) is not UNANSWERED

    def try_get(self, key: str) -> object:
        """As `get`, strongly consistent, of an endpoint that may be down: UNANSWERED then. Other refusals are raised."""
        return _tried(lambda: self.get(key))

    def delete(self, key: str) -> None:
        """Delete the item with partition key `key`."""
        self.client.delete_item(TableName=self.name, Key={"pk": {"S": key}})

    def get(self, key: str, *, consistent: bool = True) -> str | None:
        """The attribute `v` of the item, or None when there is no item."""
        answer = self.client.get_item(TableName=self.name, Key={"pk": {"S": key}}, ConsistentRead=consistent)
        item = answer.get("Item")
        return None if item is None else str(item.get("v", {}).get("S"))

    def contents(self) -> dict[str, str]:
        """All items as {pk: v}, read strongly consistently, page by page."""
        found: dict[str, str] = {}
        request: dict[str, Any] = {"TableName": self.name, "ConsistentRead": True}
        while True:
            page = self.client.scan(**request)
            found |= {item["pk"]["S"]: item.get("v", {}).get("S", "") for item in page["Items"]}
            if not page.get("LastEvaluatedKey"):
                return found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    # -- the table ------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """TableDescription."""
        description: dict[str, Any] = _member(self.client.describe_table(TableName=self.name), "Table")
        return description

    def status(self) -> str | None:
        """TableStatus, or None when there is no such table."""
        try:
            return str(self.describe().get("TableStatus"))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise

    def wait_until_active(self) -> None:
        """Raises Inconclusive when the table is not ACTIVE in time, or in a state that does not exist."""

        def settled() -> str | None:
            status = self.status()
            return status if status == "ACTIVE" or status not in {*TABLE_STATES, None} else None

        status = self.region.patience.until("ACTIVE", settled, seconds=PATIENCE_SECONDS)
        if status is None:
            raise Inconclusive(f"{self.name} was not ACTIVE within {PATIENCE_SECONDS:.0f} seconds")
        if status != "ACTIVE":
            raise Inconclusive(f"{self.name} is in the state {status}, which does not exist")

    def wait_until_gone(self) -> bool:
        """True once the table no longer exists."""
        return until(lambda: self.status() is None, seconds=PATIENCE_SECONDS)

    # -- backups --------------------------------------------------------------------------------------

    def back_up(self, name: str = "ddbproof") -> str:
        """A new backup that is AVAILABLE; its ARN. Retries while backups are not yet kept (BK-12)."""
        answer = self._retried(lambda: self.client.create_backup(TableName=self.name, BackupName=name))
        arn: str = _member(answer, "BackupDetails", "BackupArn")
        available = until(
            lambda: self.region.backup_details(arn)["BackupStatus"] == "AVAILABLE", seconds=PATIENCE_SECONDS
        )
        if not available:
            raise Inconclusive(f"the backup was not AVAILABLE within {PATIENCE_SECONDS:.0f} seconds")
        return arn

    # -- point-in-time recovery -----------------------------------------------------------------------

    def enable_recovery(self, **settings: Any) -> None:
        """Switch point-in-time recovery on; raises Inconclusive or Unsupported if that is refused."""
        with preparing():
            self._retried(lambda: self.update_recovery(PointInTimeRecoveryEnabled=True, **settings))

    def update_recovery(self, **specification: Any) -> dict[str, Any]:
        """UpdateContinuousBackups; its ContinuousBackupsDescription."""
        answer = self.client.update_continuous_backups(
            TableName=self.name, PointInTimeRecoverySpecification=specification
        )
        description: dict[str, Any] = _member(answer, "ContinuousBackupsDescription")
        return description

    def continuous_backups(self) -> dict[str, Any]:
        """ContinuousBackupsDescription."""
        answer = self.client.describe_continuous_backups(TableName=self.name)
        description: dict[str, Any] = _member(answer, "ContinuousBackupsDescription")
        return description

    def recovery(self) -> dict[str, Any]:
        """PointInTimeRecoveryDescription; empty if the target gives none."""
        description: dict[str, Any] = self.continuous_backups().get("PointInTimeRecoveryDescription", {})
        return description

    def window(self) -> tuple[datetime, datetime]:
        """Earliest and latest restorable instants; raises Inconclusive if the target does not tell them."""
        description = self.recovery()
        try:
            return (
                description["EarliestRestorableDateTime"].astimezone(UTC),
                description["LatestRestorableDateTime"].astimezone(UTC),
            )
        except KeyError as error:
            raise Inconclusive(f"DescribeContinuousBackups gives no {error.args[0]}") from None

    def make_restorable(self, instant: datetime) -> bool:
        """Let time pass until `instant` lies in the window; False where time cannot be moved that far."""
        clock = self.region.clock
        step_seconds = FIRST_LAG_STEP_SECONDS
        while self.window()[1] < instant:
            if not clock.can_move or step_seconds > LONGEST_LAG_STEP_SECONDS:
                return False
            clock.pass_seconds(step_seconds)
            step_seconds *= 2
        return True

    def restore_to(self, instant: datetime) -> TableHandle:
        """A new table restored to `instant`, ACTIVE.

        Asks for the window first and judges by the answer: a refusal because the instant is younger than
        the latest restorable one is lawful and raises Inconclusive.
        """
        restorable = self.make_restorable(instant)
        restored = self.region.table(self.region.names.new("restored"))
        try:
            self.client.restore_table_to_point_in_time(
                SourceTableName=self.name, TargetTableName=restored.name, RestoreDateTime=instant
            )
        except ClientError as error:
            if not restorable and error.response["Error"]["Code"] == "InvalidRestoreTimeException":
                raise Inconclusive(
                    f"{instant:%H:%M:%S} is later than LatestRestorableDateTime, refusing it is lawful; "
                    "the target's clock cannot be moved"
                ) from error
            raise
        restored.wait_until_active()
        return restored

    def _retried(self, call: Any) -> Any:
        """Calls again while ContinuousBackupsUnavailableException says that backups are not kept yet."""
        last: list[ClientError] = []

        def attempt() -> Any:
            try:
                return call()
            except ClientError as error:
                if error.response["Error"]["Code"] != "ContinuousBackupsUnavailableException":
                    raise
                last[:] = [error]
                return None

        answer = until(attempt, seconds=PATIENCE_SECONDS)
        if answer is None:
            raise last[0]
        return answer

    # -- global tables --------------------------------------------------------------------------------

    def add_replica(self, region: RegionHandle, *, judged: bool = False) -> TableHandle:
        """Add a replica in another Region and wait until both sides say ACTIVE; the replica's handle.

        Raises Unsupported or Inconclusive if replicas are refused. A request that was accepted and made no
        replica is a Violation where just that is judged (`judged`), otherwise Inconclusive: the claim of
        the test is then not to blame.
        """
        with preparing():
            self.client.update_table(
                TableName=self.name, ReplicaUpdates=[{"Create": {"RegionName": region.name}}]
            )
        replica = region.table(self.name)

        def begun() -> bool:
            return (
                replica.status() is not None
                or region.name in self.replica_states()
                or self.status() == "UPDATING"
            )

        for _ in range(3):
            if not self.region.patience.until("a replica", begun, seconds=SIGN_OF_A_REPLICA_SECONDS):
                problem = (
                    f"UpdateTable with a replica in {region.name} was answered 200, but no replica was made: "
                    f"no table appeared in {region.name}, and DescribeTable shows none"
                )
                raise Violation(problem) if judged else Inconclusive(f"could not prepare: {problem}")
            # A sign that vanishes again (UPDATING, say) starts the wait for one afresh.
            until(lambda: replica.status() == "ACTIVE" or not begun(), seconds=MAKING_A_REPLICA_SECONDS)
            if replica.status() == "ACTIVE":
                self.wait_until_active()
                return replica
            if begun():
                break
        raise Inconclusive(f"the replica in {region.name} was not ACTIVE in time")

    def replica_states(self) -> dict[str, str]:
        """The replicas that DescribeTable lists: ReplicaStatus by Region."""
        return {
            str(replica.get("RegionName")): str(replica.get("ReplicaStatus"))
            for replica in self.describe().get("Replicas", [])
        }


def _member(answer: dict[str, Any], *path: str) -> Any:
    """A member of an answer; Inconclusive if it is not there, because no claim is about that."""
    found: Any = answer
    for name in path:
        if not isinstance(found, dict) or name not in found:
            raise Inconclusive(f"the answer has no {'.'.join(path)}")
        found = found[name]
    return found
