"""Planted defects of restores: the wrong instant, the wrong table, the wrong contents (PI, RS)."""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

import email.utils
import threading
from collections import defaultdict
from typing import ClassVar

from ddbproof.conformance.defects.base import Answer, Call, Defect, Endpoint, failure, success
from ddbproof.conformance.defects.shadow import (
    RESTORES,
    WRITES,
    Filling,
    FillsRestoredTable,
    contents,
    source_of_restore,
)
from ddbproof.conformance.defects.tables import described

_TO_INSTANT = "RestoreTableToPointInTime"


def window(endpoint: Endpoint, region: str, table: str) -> tuple[float, float] | None:
    """Earliest and latest restorable second of a table, None if it has none."""
    answer = endpoint.call(region, "DescribeContinuousBackups", {"TableName": table})
    state = (answer.member("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription") or {}
    try:
        return float(state["EarliestRestorableDateTime"]), float(state["LatestRestorableDateTime"])
    except (KeyError, TypeError, ValueError):
        return None


class InstantIgnored(FillsRestoredTable):
    """A restore to an instant gives what is in the table now, as several emulators do."""

    name = "restore-ignores-instant"
    sentence = "A restore to an instant returns the items of now"
    claims = ("PI-11", "PI-22", "RS-09")

    def filling(self, call: Call) -> Filling | None:
        """The source's items of now."""
        if call.operation != _TO_INSTANT:
            return None
        source = source_of_restore(self.endpoint, call)
        return self.holding(contents(self.endpoint, call.region, source))


class WritesByTime:
    """Writes of one item, by table, each with the endpoint's own second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: dict[str, list[tuple[float, Call]]] = defaultdict(list)

    def note(self, call: Call, answer: Answer) -> None:
        """Take a call down if it was a write that succeeded."""
        if call.operation in WRITES and answer.ok:
            second = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
            with self._lock:
                self._writes[call.table].append((second, call))

    def of(self, table: str) -> list[tuple[float, Call]]:
        """The writes of a table in the order of their seconds."""
        with self._lock:
            return sorted(self._writes[table], key=lambda write: write[0])


class RestoreMissesLastWrite(Defect):
    """The last write before the instant is missing."""

    name = "restore-misses-last-write"
    sentence = "A restore to an instant misses the last write before it"
    claims = ("PI-11", "PI-22", "RS-09")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._writes = WritesByTime()

    def request(self, call: Call) -> Call | Answer:
        """Move the instant to the second before that write, but never out of the window."""
        instant = call.parameter("RestoreDateTime")
        if call.operation != _TO_INSTANT or not isinstance(instant, int | float):
            return call
        source = source_of_restore(self.endpoint, call)
        seconds = [second for second, _ in self._writes.of(source) if second <= instant]
        limits = window(self.endpoint, call.region, source)
        if not seconds or limits is None or not limits[0] <= seconds[-1] - 1 <= limits[1]:
            return call
        return call.with_parameters(RestoreDateTime=seconds[-1] - 1)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Note writes."""
        self._writes.note(call, answer)
        return answer


class RestoreTakesNextWrite(FillsRestoredTable):
    """The first write after the instant is there too."""

    name = "restore-takes-next-write"
    sentence = "A restore to an instant contains the next write after it"
    claims = ("PI-11", "PI-22", "RS-09")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._writes = WritesByTime()

    def filling(self, call: Call) -> Filling | None:
        """The same write once more."""
        instant = call.parameter("RestoreDateTime")
        if call.operation != _TO_INSTANT or not isinstance(instant, int | float):
            return None
        writes = self._writes.of(source_of_restore(self.endpoint, call))
        following = next((write for second, write in writes if second > instant), None)
        if following is None:
            return None

        def fill(region: str, table: str) -> None:
            again = following.with_parameters(TableName=table)
            self.endpoint.call(region, again.operation, again.parameters or {})

        return fill

    def response(self, call: Call, answer: Answer) -> Answer:
        """Note writes."""
        self._writes.note(call, answer)
        return super().response(call, answer)


class WindowNotChecked(Defect):
    """An instant outside the window is moved into it instead of refused."""

    name = "window-unchecked"
    sentence = "A restore to an instant outside the window is accepted"
    claims = ("PI-12",)

    def request(self, call: Call) -> Call | Answer:
        """Clamp the instant."""
        instant = call.parameter("RestoreDateTime")
        if call.operation != _TO_INSTANT or not isinstance(instant, int | float):
            return call
        limits = window(self.endpoint, call.region, source_of_restore(self.endpoint, call))
        if limits is None:
            return call
        return call.with_parameters(RestoreDateTime=min(max(instant, limits[0]), limits[1]))


class ExistingTargetAccepted(Defect):
    """A restore onto an existing table answers 200 and does nothing."""

    name = "restore-onto-existing-accepted"
    sentence = "A restore onto an existing table is accepted"
    claims = ("RS-01", "PI-13")

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe the table that is there."""
        if call.operation in RESTORES and answer.code in (
            "TableAlreadyExistsException",
            "TableInUseException",
        ):
            return described(self, call, str(call.parameter("TargetTableName")))
        return answer


class RestoredWithoutRecovery(Defect):
    """With recovery off a restore to an instant gives the items of now."""

    name = "restore-with-recovery-off"
    sentence = "A restore to an instant is accepted although point-in-time recovery is off"
    claims = ("PI-14",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Make a backup now and restore that."""
        if call.operation != _TO_INSTANT or answer.code != "PointInTimeRecoveryUnavailableException":
            return answer
        source = source_of_restore(self.endpoint, call)
        made = self.endpoint.call(call.region, "CreateBackup", {"TableName": source, "BackupName": "hidden"})
        arn = (made.member("BackupDetails") or {}).get("BackupArn")
        target = call.parameter("TargetTableName")
        restored = self.endpoint.call(
            call.region, "RestoreTableFromBackup", {"BackupArn": arn, "TargetTableName": target}
        )
        self.endpoint.call(call.region, "DeleteBackup", {"BackupArn": arn})
        return restored


class UnknownSourceRestored(Defect):
    """A restore of an unknown table answers 200 and does nothing."""

    name = "restore-of-unknown-accepted"
    sentence = "A restore to an instant of an unknown table is accepted"
    claims = ("PI-14",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe a table that is not there."""
        if call.operation == _TO_INSTANT and answer.code == "TableNotFoundException":
            name = call.parameter("TargetTableName")
            return success({"TableDescription": {"TableName": name, "TableStatus": "CREATING"}})
        return answer


class LatestIsEarliest(Defect):
    """UseLatestRestorableTime restores the oldest point."""

    name = "latest-restores-earliest"
    sentence = "UseLatestRestorableTime restores the earliest point instead of the latest"
    claims = ("PI-16",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for the earliest instant."""
        if call.operation != _TO_INSTANT or not call.parameter("UseLatestRestorableTime"):
            return call
        limits = window(self.endpoint, call.region, source_of_restore(self.endpoint, call))
        if limits is None:
            return call
        return call.with_parameters(UseLatestRestorableTime=None, RestoreDateTime=limits[0])


class RestoreIntoSource(Defect):
    """The restored table is another name of its source: what one side writes, the other shows."""

    name = "restored-table-shares-items"
    sentence = "Writes to a restored table appear in its source, and the other way round"
    claims = ("RS-10",)
    _data: ClassVar[frozenset[str]] = WRITES | {"GetItem", "Query", "Scan"}

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._source: dict[tuple[str, str], str] = {}

    def request(self, call: Call) -> Call | Answer:
        """Lead the call to the source."""
        with self.lock:
            source = self._source.get((call.region, call.table))
        if source is None:
            return call
        if call.operation in ("DeleteTable", "CreateTable"):
            with self.lock:
                self._source.pop((call.region, call.table), None)
            return call
        return call.with_parameters(TableName=source) if call.operation in self._data else call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember where a restored table came from."""
        if call.operation in RESTORES and answer.ok:
            source = source_of_restore(self.endpoint, call)
            with self.lock:
                self._source[(call.region, str(call.parameter("TargetTableName")))] = source
        return answer


class KnowsRestored(Defect):
    """Base of defects that have to know which tables came from a restore."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._restored: set[tuple[str, str]] = set()

    def on_restored(self, call: Call, answer: Answer) -> bool:
        """Note a restore, and tell whether the call goes to a table that came from one."""
        with self.lock:
            if call.operation in RESTORES and answer.ok:
                self._restored.add((call.region, str(call.parameter("TargetTableName"))))
            return (call.region, call.table) in self._restored


class RestoredTableInGroup(KnowsRestored):
    """The restored table says that it has replicas."""

    name = "restored-table-in-group"
    sentence = "A restored table is described as a member of a global table"
    claims = ("RS-10",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Add a replica in the last Region."""
        table = answer.member("Table")
        restored = self.on_restored(call, answer)
        if call.operation != "DescribeTable" or not restored or not isinstance(table, dict):
            return answer
        replica = {"RegionName": self.endpoint.regions[-1], "ReplicaStatus": "ACTIVE"}
        return answer.with_members(Table={**table, "Replicas": [replica], "GlobalTableVersion": "2019.11.21"})


class RestoreSummaryMissing(Defect):
    """A restored table does not know where it came from."""

    name = "restore-summary-missing"
    sentence = "DescribeTable of a restored table has no RestoreSummary"
    claims = ("RS-02",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the member away; the answer to the restore had it."""
        table = answer.member("Table")
        if not isinstance(table, dict):
            return answer
        return answer.with_members(Table={k: v for k, v in table.items() if k != "RestoreSummary"})


class RestoreNeverEnds(Defect):
    """A restored table says for ever that it is being restored."""

    name = "restore-never-ends"
    sentence = "RestoreInProgress stays true"
    claims = ("RS-02",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say so."""
        table = answer.member("Table")
        if isinstance(table, dict) and isinstance(table.get("RestoreSummary"), dict):
            summary = {**table["RestoreSummary"], "RestoreInProgress": True}
            return answer.with_members(Table={**table, "RestoreSummary": summary})
        return answer


class RestoreCarriesSettings(KnowsRestored):
    """The restored table has point-in-time recovery on, as its source has."""

    name = "restore-carries-settings"
    sentence = "A restored table has point-in-time recovery and deletion protection on"
    claims = ("RS-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say so in descriptions of restored tables."""
        restored = self.on_restored(call, answer)
        if not restored or not answer.ok:
            return answer
        if call.operation == "DescribeTable":
            return answer.with_members(Table={**answer.member("Table"), "DeletionProtectionEnabled": True})
        if call.operation == "DescribeContinuousBackups":
            state = answer.member("ContinuousBackupsDescription")
            on = {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35}
            return answer.with_members(
                ContinuousBackupsDescription={**state, "PointInTimeRecoveryDescription": on}
            )
        return answer


class DeletedBackupRestorable(Defect):
    """A deleted backup is gone from descriptions and lists, and can still be restored."""

    name = "deleted-backup-restorable"
    sentence = "A deleted backup can still be restored"
    claims = ("RS-11",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._hidden: set[str] = set()

    def request(self, call: Call) -> Call | Answer:
        """Hide the backup instead of deleting it."""
        arn = str(call.parameter("BackupArn") or "")
        with self.lock:
            hidden = arn in self._hidden
        if call.operation in ("DescribeBackup", "DeleteBackup") and hidden:
            return failure("BackupNotFoundException", "Backup not found")
        if call.operation != "DeleteBackup":
            return call
        answer = self.endpoint.call(call.region, "DescribeBackup", {"BackupArn": arn})
        if answer.ok:
            with self.lock:
                self._hidden.add(arn)
        return answer

    def response(self, call: Call, answer: Answer) -> Answer:
        """Keep it out of lists."""
        if call.operation == "ListBackups" and answer.ok:
            with self.lock:
                shown = [
                    one for one in answer.member("BackupSummaries") if one["BackupArn"] not in self._hidden
                ]
            return answer.with_members(BackupSummaries=shown)
        return answer


DEFECTS = (
    InstantIgnored,
    RestoreMissesLastWrite,
    RestoreTakesNextWrite,
    WindowNotChecked,
    ExistingTargetAccepted,
    RestoredWithoutRecovery,
    UnknownSourceRestored,
    LatestIsEarliest,
    RestoreIntoSource,
    RestoredTableInGroup,
    RestoreSummaryMissing,
    RestoreNeverEnds,
    RestoreCarriesSettings,
    DeletedBackupRestorable,
)
