"""Planted defects of the wire: error codes, members and headers (AP)."""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, recoded

_BACKUP_OPERATIONS = frozenset(
    {
        "CreateBackup",
        "DeleteBackup",
        "DescribeBackup",
        "DescribeContinuousBackups",
        "UpdateContinuousBackups",
        "RestoreTableFromBackup",
        "RestoreTableToPointInTime",
    }
)


class GenericBackupErrors(Defect):
    """Backup operations answer with the data plane's error for anything that is not there."""

    name = "backup-errors-generic"
    sentence = "Backup operations answer ResourceNotFoundException for an unknown table or backup"
    claims = ("AP-07", "PI-14", "RS-11", "BK-13")

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the code."""
        codes = ("TableNotFoundException", "BackupNotFoundException")
        if call.operation in _BACKUP_OPERATIONS and answer.code in codes:
            return recoded(answer, "ResourceNotFoundException")
        return answer


class ErrorMessageMissing(Defect):
    """An error has no sentence."""

    name = "error-message-missing"
    sentence = "An error answer has no message"
    claims = ("AP-16",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the member away."""
        return answer.with_members(message=None, Message=None) if answer.code else answer


class ErrorCodeMissing(Defect):
    """The code of an error stands in a member of another name."""

    name = "error-code-misplaced"
    sentence = "An error answer has its code in error instead of __type"
    claims = ("AP-16",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Rename the member."""
        return answer.with_members(__type=None, error=answer.code) if answer.code else answer


class PlainContentType(Defect):
    """Answers call themselves plain JSON."""

    name = "content-type-plain"
    sentence = "Answers say application/json instead of application/x-amz-json-1.0"
    claims = ("AP-16",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the header."""
        return Answer(
            answer.status,
            answer.document,
            {**answer.headers, "content-type": "application/json"},
            answer.body,
        )


class ErrorsAsServerFaults(Defect):
    """The caller's faults come back with status 500."""

    name = "errors-as-server-faults"
    sentence = "A ResourceNotFoundException comes with status 500"
    claims = ("AP-16",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the status."""
        if answer.code == "ResourceNotFoundException":
            return Answer(500, answer.document, answer.headers, answer.body)
        return answer


DEFECTS = (GenericBackupErrors, ErrorMessageMissing, ErrorCodeMissing, PlainContentType, ErrorsAsServerFaults)
