"""Planted defects of on-demand backups (BK)."""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

import re
from collections import Counter

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, table_name
from ddbproof.conformance.defects.shadow import (
    Filling,
    FillsRestoredTable,
    contents,
    replace_contents,
    source_of_restore,
)

_FROM_BACKUP = "RestoreTableFromBackup"


class BackupHoldsLiveItems(FillsRestoredTable):
    """A backup remembers its table, not its items."""

    name = "backup-returns-live-items"
    sentence = "A restore from a backup returns the items of now"
    claims = ("BK-02", "RS-09")

    def filling(self, call: Call) -> Filling | None:
        """The source's items of now."""
        if call.operation != _FROM_BACKUP:
            return None
        source = source_of_restore(self.endpoint, call)
        return self.holding(contents(self.endpoint, call.region, source))


class BackupLosesItem(FillsRestoredTable):
    """One item is missing from what a backup restores."""

    name = "backup-loses-item"
    sentence = "A restore from a backup misses an item that was committed long before"
    claims = ("BK-02", "RS-09")

    def filling(self, call: Call) -> Filling | None:
        """All but the first item."""
        if call.operation != _FROM_BACKUP:
            return None

        def fill(region: str, table: str) -> None:
            there = contents(self.endpoint, region, table)
            replace_contents(self.endpoint, region, table, there[1:])

        return fill


class BackupIsIncremental(FillsRestoredTable):
    """A later backup holds only what the one before it did not."""

    name = "backup-is-incremental"
    sentence = "A second backup restores only what changed since the first one"
    claims = ("BK-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._last: dict[tuple[str, str], list[Document]] = {}
        self._changed: dict[str, list[Document]] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember what a backup adds to the one before it."""
        details = answer.member("BackupDetails")
        if call.operation == "CreateBackup" and isinstance(details, dict):
            name = table_name(str(call.parameter("TableName")))
            there = contents(self.endpoint, call.region, name)
            with self.lock:
                before = self._last.get((call.region, name))
                self._last[call.region, name] = there
                if before is not None:
                    changed = [item for item in there if item not in before]
                    self._changed[str(details.get("BackupArn"))] = changed
        return super().response(call, answer)

    def filling(self, call: Call) -> Filling | None:
        """The changes only."""
        if call.operation != _FROM_BACKUP:
            return None
        with self.lock:
            changed = self._changed.get(str(call.parameter("BackupArn")))
        return None if changed is None else self.holding(changed)


class ChangesBackupDetails(Defect):
    """Base of defects that change what is said of a backup, wherever its details are given."""

    def changed(self, call: Call, details: Document) -> Document:
        """The details to give instead."""
        raise NotImplementedError

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change BackupDetails of CreateBackup, and those inside BackupDescription."""
        details = answer.member("BackupDetails")
        if isinstance(details, dict):
            return answer.with_members(BackupDetails=self.changed(call, details))
        description = answer.member("BackupDescription")
        if isinstance(description, dict) and "BackupDetails" in description:
            changed = {**description, "BackupDetails": self.changed(call, description["BackupDetails"])}
            return answer.with_members(BackupDescription=changed)
        return answer


class BackupNameLost(ChangesBackupDetails):
    """A backup has another name than was asked for."""

    name = "backup-name-lost"
    sentence = "A backup does not carry the name that was asked for"
    claims = ("BK-14",)

    def changed(self, call: Call, details: Document) -> Document:
        """Give all the same name."""
        return {**details, "BackupName": "backup"}


class BackupFallsBack(ChangesBackupDetails):
    """A backup that was AVAILABLE is CREATING again."""

    name = "backup-state-falls-back"
    sentence = "A backup that was AVAILABLE is described as CREATING later"
    claims = ("BK-05",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._told: Counter[str] = Counter()

    def changed(self, call: Call, details: Document) -> Document:
        """AVAILABLE is told twice."""
        arn = str(details.get("BackupArn"))
        with self.lock:
            fallen_back = self._told[arn] >= 2
            self._told[arn] += (
                call.operation == "DescribeBackup" and details.get("BackupStatus") == "AVAILABLE"
            )
        return {**details, "BackupStatus": "CREATING"} if fallen_back else details


class BackupDeletedWithTable(Defect):
    """The table's backups go with it."""

    name = "backup-deleted-with-table"
    sentence = "Deleting a table deletes its backups"
    claims = ("BK-09",)

    def request(self, call: Call) -> Call | Answer:
        """Delete the backups first."""
        if call.operation == "DeleteTable":
            listed = self.endpoint.call(call.region, "ListBackups", {"TableName": call.table})
            for summary in listed.member("BackupSummaries") or ():
                if summary.get("BackupType") == "USER":
                    self.endpoint.call(call.region, "DeleteBackup", {"BackupArn": summary["BackupArn"]})
        return call


class DeletedBackupDescribed(Defect):
    """DeleteBackup answers DELETED and keeps the backup."""

    name = "deleted-backup-described"
    sentence = "A deleted backup can still be described"
    claims = ("BK-13",)

    def request(self, call: Call) -> Call | Answer:
        """Describe instead of deleting."""
        if call.operation != "DeleteBackup":
            return call
        arn = call.parameter("BackupArn")
        answer = self.endpoint.call(call.region, "DescribeBackup", {"BackupArn": arn})
        description = answer.member("BackupDescription")
        if not isinstance(description, dict):
            return answer
        details = {**description.get("BackupDetails", {}), "BackupStatus": "DELETED"}
        return answer.with_members(BackupDescription={**description, "BackupDetails": details})


class BackupTimeDiffers(ChangesBackupDetails):
    """The creation time of a backup is not the one in its ARN."""

    name = "backup-time-not-in-arn"
    sentence = "The milliseconds in a backup's ARN are not those of BackupCreationDateTime"
    claims = ("BK-22",)

    def changed(self, call: Call, details: Document) -> Document:
        """Seven seconds later."""
        return {**details, "BackupCreationDateTime": details.get("BackupCreationDateTime", 0) + 7}


class BackupArnMalformed(Defect):
    """The identifier in a backup's ARN has another form."""

    name = "backup-arn-malformed"
    sentence = "A backup's ARN does not end in milliseconds and eight hexadecimal digits"
    claims = ("BK-22",)

    def request(self, call: Call) -> Call | Answer:
        """Put the true identifier back."""
        for name in ("BackupArn", "ExclusiveStartBackupArn"):
            arn = call.parameter(name)
            if isinstance(arn, str):
                call = call.with_parameters(**{name: re.sub(r"/backup/id_(\d+)_", r"/backup/\1-", arn)})
        return call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Write every identifier otherwise."""
        import json

        if answer.document is None:
            return answer
        text = re.sub(r"/backup/(\d+)-", r"/backup/id_\1_", json.dumps(answer.document))
        return answer.with_document(json.loads(text))


class BackupNameUnchecked(Defect):
    """Any name is taken for a backup."""

    name = "backup-name-unchecked"
    sentence = "A backup name outside its pattern or its length is accepted"
    claims = ("BK-14",)

    def request(self, call: Call) -> Call | Answer:
        """Mend the name."""
        name = call.parameter("BackupName")
        if call.operation != "CreateBackup" or not isinstance(name, str):
            return call
        mended = re.sub(r"[^a-zA-Z0-9_.-]", "_", name).ljust(3, "_")[:255]
        return call.with_parameters(BackupName=mended)


class BackupLimitIgnored(Defect):
    """ListBackups gives everything on one page."""

    name = "list-backups-ignores-limit"
    sentence = "ListBackups ignores Limit"
    claims = ("BK-15",)

    def request(self, call: Call) -> Call | Answer:
        """Take the parameter away."""
        return call.with_parameters(Limit=None) if call.operation == "ListBackups" else call


class BackupPagesRepeat(Defect):
    """Each page of ListBackups is the first one."""

    name = "list-backups-repeats-page"
    sentence = "ListBackups ignores ExclusiveStartBackupArn"
    claims = ("BK-15",)

    def request(self, call: Call) -> Call | Answer:
        """Take the parameter away."""
        return call.with_parameters(ExclusiveStartBackupArn=None) if call.operation == "ListBackups" else call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Do not go on for ever."""
        if call.operation == "ListBackups" and call.parameter("ExclusiveStartBackupArn"):
            return answer.with_members(LastEvaluatedBackupArn=None)
        return answer


class BackupUpperBoundInclusive(Defect):
    """The upper time bound of ListBackups includes its instant."""

    name = "list-backups-upper-inclusive"
    sentence = "ListBackups includes a backup made exactly at TimeRangeUpperBound"
    claims = ("BK-15",)

    def request(self, call: Call) -> Call | Answer:
        """Move the bound a second on."""
        bound = call.parameter("TimeRangeUpperBound")
        if call.operation == "ListBackups" and isinstance(bound, int | float):
            return call.with_parameters(TimeRangeUpperBound=bound + 1)
        return call


class BackupLowerBoundLate(Defect):
    """The lower time bound of ListBackups begins too late."""

    name = "list-backups-lower-late"
    sentence = "ListBackups leaves out backups made within three seconds of TimeRangeLowerBound"
    claims = ("BK-15",)

    def request(self, call: Call) -> Call | Answer:
        """Move the bound three seconds on."""
        bound = call.parameter("TimeRangeLowerBound")
        if call.operation == "ListBackups" and isinstance(bound, int | float):
            return call.with_parameters(TimeRangeLowerBound=bound + 3)
        return call


class NoSystemBackup(Defect):
    """Deleting a table with point-in-time recovery leaves no backup to be seen."""

    name = "no-system-backup"
    sentence = "Deleting a table that has point-in-time recovery on makes no SYSTEM backup"
    claims = ("BK-16", "PI-21")

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave SYSTEM backups out of lists."""
        summaries = answer.member("BackupSummaries")
        if call.operation != "ListBackups" or not isinstance(summaries, list):
            return answer
        return answer.with_members(
            BackupSummaries=[one for one in summaries if one.get("BackupType") != "SYSTEM"]
        )


class SystemBackupEmpty(FillsRestoredTable):
    """The SYSTEM backup holds nothing."""

    name = "system-backup-empty"
    sentence = "A table restored from the SYSTEM backup is empty"
    claims = ("PI-21",)

    def filling(self, call: Call) -> Filling | None:
        """No item."""
        if call.operation != _FROM_BACKUP:
            return None
        described = self.endpoint.call(
            call.region, "DescribeBackup", {"BackupArn": call.parameter("BackupArn")}
        )
        details = (described.member("BackupDescription") or {}).get("BackupDetails") or {}
        return self.holding([]) if details.get("BackupType") == "SYSTEM" else None


class BackupOfUnknownTable(Defect):
    """CreateBackup of an unknown table answers 200."""

    name = "backup-of-unknown-accepted"
    sentence = "CreateBackup of an unknown table is accepted"
    claims = ("AP-07",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Make details up."""
        if call.operation != "CreateBackup" or answer.code != "TableNotFoundException":
            return answer
        name = table_name(str(call.parameter("TableName")))
        arn = f"arn:aws:dynamodb:{call.region}:000000000000:table/{name}/backup/01700000000000-00000000"
        details = {
            "BackupArn": arn,
            "BackupName": call.parameter("BackupName"),
            "BackupStatus": "CREATING",
            "BackupType": "USER",
            "BackupCreationDateTime": 1_700_000_000.0,
        }
        return Answer(200, {"BackupDetails": details})


DEFECTS = (
    BackupHoldsLiveItems,
    BackupLosesItem,
    BackupIsIncremental,
    BackupNameLost,
    BackupFallsBack,
    BackupDeletedWithTable,
    DeletedBackupDescribed,
    BackupTimeDiffers,
    BackupArnMalformed,
    BackupNameUnchecked,
    BackupLimitIgnored,
    BackupPagesRepeat,
    BackupUpperBoundInclusive,
    BackupLowerBoundLate,
    NoSystemBackup,
    SystemBackupEmpty,
    BackupOfUnknownTable,
)
