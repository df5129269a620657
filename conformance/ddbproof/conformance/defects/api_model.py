"""Planted defects of what the service model says: error codes, statuses, values out of range (AP)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from ddbproof.conformance.defects.base import Answer, Call, Defect, recoded


class RecodesErrors(Defect):
    """Base of defects that give the errors of some operations another code."""

    operations: ClassVar[frozenset[str]]
    codes: ClassVar[dict[str, str]]

    def response(self, call: Call, answer: Answer) -> Answer:
        """Another code."""
        other = self.codes.get(answer.code or "")
        return recoded(answer, other) if call.operation in self.operations and other else answer


class UnknownTableChanged(RecodesErrors):
    """Changing an unknown table fails with the code of backup operations."""

    name = "unknown-table-recoded-for-changes"
    sentence = "UpdateTable and DeleteTable of an unknown table give TableNotFoundException"
    claims = ("AP-05",)
    operations = frozenset({"UpdateTable", "DeleteTable"})
    codes: ClassVar[dict[str, str]] = {"ResourceNotFoundException": "TableNotFoundException"}


class UnknownTableDescribed(RecodesErrors):
    """Describing an unknown table fails as if the request were wrong."""

    name = "unknown-table-recoded-for-descriptions"
    sentence = "DescribeTable of an unknown table gives ValidationException"
    claims = ("AP-06",)
    operations = frozenset({"DescribeTable"})
    codes: ClassVar[dict[str, str]] = {"ResourceNotFoundException": "ValidationException"}


class UnknownSourceRestored(RecodesErrors):
    """Restoring what never was fails with a code that restores do not list."""

    name = "unknown-source-recoded"
    sentence = "A restore of an unknown backup or table gives ResourceNotFoundException"
    claims = ("AP-08",)
    operations = frozenset({"RestoreTableFromBackup", "RestoreTableToPointInTime"})
    codes: ClassVar[dict[str, str]] = {
        "BackupNotFoundException": "ResourceNotFoundException",
        "TableNotFoundException": "ResourceNotFoundException",
    }


class LimitsNotChecked(Defect):
    """A Limit out of range counts as none."""

    name = "limits-not-checked"
    sentence = "ListTables and ListBackups take any Limit"
    claims = ("AP-13",)

    def request(self, call: Call) -> Call | Answer:
        """Drop it."""
        limit = call.parameter("Limit")
        listing = call.operation in ("ListTables", "ListBackups") and isinstance(limit, int)
        return call.with_parameters(Limit=None) if listing and not 1 <= limit <= 100 else call


class CallersFaultsAreForbidden(Defect):
    """Whatever the caller does wrong is answered with HTTP status 403."""

    name = "faults-of-the-caller-are-403"
    sentence = "Errors of the caller come with HTTP status 403"
    claims = ("AP-17",)

    def response(self, call: Call, answer: Answer) -> Answer:  # noqa: ARG002 (all calls alike)
        """Another status."""
        return replace(answer, status=403) if answer.status == 400 else answer


DEFECTS = (
    UnknownTableChanged,
    UnknownTableDescribed,
    UnknownSourceRestored,
    LimitsNotChecked,
    CallersFaultsAreForbidden,
)
