"""Planted defects of the table control plane (CTL)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, success


def described(defect: Defect, call: Call, table: str, state: str | None = None) -> Answer:
    """An answer 200 that describes a table, as control operations give it."""
    answer = defect.endpoint.call(call.region, "DescribeTable", {"TableName": table})
    description: Document = dict(answer.member("Table") or {"TableName": table})
    if state is not None:
        description["TableStatus"] = state
    return success({"TableDescription": description})


class ExistingTableCreated(Defect):
    """CreateTable of a name that is taken answers 200 and leaves the table as it is."""

    name = "create-existing-accepted"
    sentence = "CreateTable of an existing name is accepted"
    claims = ("CTL-01",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with the description of the table that is there."""
        if call.operation == "CreateTable" and answer.code == "ResourceInUseException":
            return described(self, call, call.table)
        return answer


class UnknownTableDeleted(Defect):
    """DeleteTable of a table that is not there answers 200."""

    name = "delete-unknown-accepted"
    sentence = "DeleteTable of an unknown table is accepted"
    claims = ("CTL-01",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal as if a table had been deleted."""
        if call.operation == "DeleteTable" and answer.code == "ResourceNotFoundException":
            return success({"TableDescription": {"TableName": call.table, "TableStatus": "DELETING"}})
        return answer


class DeletionNotAnnounced(Defect):
    """DeleteTable answers that the table is ACTIVE."""

    name = "deletion-not-announced"
    sentence = "DeleteTable answers with another state than DELETING"
    claims = ("CTL-01",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the state."""
        description = answer.member("TableDescription")
        if call.operation == "DeleteTable" and isinstance(description, dict):
            return answer.with_members(TableDescription={**description, "TableStatus": "ACTIVE"})
        return answer


class DeletionProtectionIgnored(Defect):
    """A protected table is deleted all the same."""

    name = "deletion-protection-ignored"
    sentence = "DeleteTable deletes a table whose deletion protection is on"
    claims = ("CTL-03",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Switch the protection off and delete."""
        if call.operation != "DeleteTable" or answer.ok:
            return answer
        table: Document = {"TableName": call.table}
        state = self.endpoint.call(call.region, "DescribeTable", table).member("Table") or {}
        if not state.get("DeletionProtectionEnabled"):
            return answer
        self.endpoint.call(call.region, "UpdateTable", {**table, "DeletionProtectionEnabled": False})
        return self.endpoint.call(call.region, "DeleteTable", table)


class DeletionProtectionByDefault(Defect):
    """Every table says that it is protected."""

    name = "deletion-protection-by-default"
    sentence = "Deletion protection is on although nobody asked for it"
    claims = ("CTL-03",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say so in descriptions."""
        for member in ("Table", "TableDescription"):
            description = answer.member(member)
            if isinstance(description, dict) and call.operation != "DeleteTable":
                return answer.with_members(**{member: {**description, "DeletionProtectionEnabled": True}})
        return answer


class DeletionProtectionDropped(Defect):
    """DeletionProtectionEnabled is taken and forgotten."""

    name = "deletion-protection-dropped"
    sentence = "Deletion protection is accepted and not stored"
    claims = ("CTL-03",)

    def request(self, call: Call) -> Call | Answer:
        """Take the parameter away; an update of nothing else is answered here."""
        if call.parameter("DeletionProtectionEnabled") is None:
            return call
        rest = call.with_parameters(DeletionProtectionEnabled=None)
        if call.operation == "UpdateTable" and set(rest.parameters or {}) == {"TableName"}:
            return described(self, call, call.table)
        return rest


DEFECTS = (
    ExistingTableCreated,
    UnknownTableDeleted,
    DeletionNotAnnounced,
    DeletionProtectionIgnored,
    DeletionProtectionByDefault,
    DeletionProtectionDropped,
)
