"""Planted defects of what is told of a backup, and of tables while they are backed up (BK, AP-18)."""

from __future__ import annotations

from ddbproof.conformance.defects.backups import ChangesBackupDetails
from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, failure, success

_THIRTY_FIVE_DAYS_SECONDS = 35 * 86_400


class BackupStopsWrites(Defect):
    """A table that is being backed up takes no writes."""

    name = "backup-stops-writes"
    sentence = "The first writes after CreateBackup are refused with ResourceInUseException"
    claims = ("BK-06",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._refusing: dict[tuple[str, str], int] = {}

    def request(self, call: Call) -> Call | Answer:
        """Refuse three writes."""
        where = (call.region, call.table)
        with self.lock:
            if call.operation == "CreateBackup":
                self._refusing[where] = 3
            elif call.operation == "PutItem" and self._refusing.get(where, 0) > 0:
                self._refusing[where] -= 1
                return failure("ResourceInUseException", "The table is being backed up")
        return call


class BackupNotesCapacityOfNow(Defect):
    """A backup's details tell the capacity that the table has now."""

    name = "backup-notes-capacity-of-now"
    sentence = "A backup's description shows the capacity of its table today"
    claims = ("BK-07",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Ask the table."""
        description = answer.member("BackupDescription")
        if call.operation != "DescribeBackup" or not isinstance(description, dict):
            return answer
        source = description.get("SourceTableDetails") or {}
        table = self.endpoint.call(call.region, "DescribeTable", {"TableName": source.get("TableName", "")})
        units = (table.member("Table") or {}).get("ProvisionedThroughput") or {}
        noted = {name: units[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits") if name in units}
        changed = {**source, "ProvisionedThroughput": {**source.get("ProvisionedThroughput", {}), **noted}}
        return answer.with_members(BackupDescription={**description, "SourceTableDetails": changed})


class BackupsGoWithTheirTable(Defect):
    """A table that is deleted right after CreateBackup takes its backup with it."""

    name = "backup-lost-under-way"
    sentence = "Deleting a table right after CreateBackup deletes the backup as well"
    claims = ("BK-08",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Delete them."""
        if call.operation == "DeleteTable" and answer.ok:
            listed = self.endpoint.call(call.region, "ListBackups", {"TableName": call.table})
            for summary in listed.member("BackupSummaries") or ():
                self.endpoint.call(call.region, "DeleteBackup", {"BackupArn": summary["BackupArn"]})
        return answer


class BackupExpires(ChangesBackupDetails):
    """A backup by hand says that it expires."""

    name = "backup-expires"
    sentence = "The description of a USER backup has a BackupExpiryDateTime"
    claims = ("BK-10",)

    def changed(self, call: Call, details: Document) -> Document:  # noqa: ARG002
        """In 35 days."""
        created = float(details.get("BackupCreationDateTime", 0))
        return {**details, "BackupExpiryDateTime": created + _THIRTY_FIVE_DAYS_SECONDS}


class DeletedTablesBackedUp(Defect):
    """A table that is gone can be backed up."""

    name = "deleted-tables-backed-up"
    sentence = "CreateBackup of a deleted table is answered 200"
    claims = ("BK-11",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say yes."""
        if call.operation != "CreateBackup" or answer.code != "TableNotFoundException":
            return answer
        arn = f"arn:aws:dynamodb:{call.region}:000000000000:table/{call.table}/backup/01489173575360-b308cd7d"
        return success({"BackupDetails": {"BackupArn": arn, "BackupStatus": "CREATING"}})


class BackupsNeverBegin(Defect):
    """Backups of a table are never kept."""

    name = "backups-never-begin"
    sentence = "CreateBackup is answered ContinuousBackupsUnavailableException for ever"
    claims = ("BK-12",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse."""
        if call.operation == "CreateBackup":
            return failure("ContinuousBackupsUnavailableException", "Backups are not enabled yet")
        return call


class BackupsOfOneNameAreOne(Defect):
    """A second backup of the same name is the first one."""

    name = "backups-of-one-name-are-one"
    sentence = "CreateBackup with a name that a backup has already answers with that backup"
    claims = ("BK-22",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._made: dict[tuple[str, str, str], Document] = {}

    def request(self, call: Call) -> Call | Answer:
        """Answer with the first."""
        with self.lock:
            known = self._made.get(self._which(call)) if call.operation == "CreateBackup" else None
        return success(known) if known is not None else call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember it."""
        if call.operation == "CreateBackup" and answer.ok and answer.document is not None:
            with self.lock:
                self._made.setdefault(self._which(call), answer.document)
        return answer

    @staticmethod
    def _which(call: Call) -> tuple[str, str, str]:
        return call.region, call.table, str(call.parameter("BackupName"))


class DeletionTellsNothing(Defect):
    """DeleteBackup does not say what it deletes."""

    name = "deletion-of-backup-tells-nothing"
    sentence = "The answer to DeleteBackup has no BackupDescription"
    claims = ("BK-23",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take it away."""
        return (
            answer.with_members(BackupDescription=None)
            if call.operation == "DeleteBackup" and answer.ok
            else answer
        )


class ListedBackupStaysCreating(Defect):
    """In the list of backups none is ever finished."""

    name = "listed-backup-stays-creating"
    sentence = "ListBackups shows a finished backup as CREATING"
    claims = ("AP-18",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the status."""
        if call.operation != "ListBackups" or not answer.ok:
            return answer
        summaries = answer.member("BackupSummaries") or []
        return answer.with_members(BackupSummaries=[{**one, "BackupStatus": "CREATING"} for one in summaries])


DEFECTS = (
    BackupStopsWrites,
    BackupNotesCapacityOfNow,
    BackupsGoWithTheirTable,
    BackupExpires,
    DeletedTablesBackedUp,
    BackupsNeverBegin,
    BackupsOfOneNameAreOne,
    DeletionTellsNothing,
    ListedBackupStaysCreating,
)
