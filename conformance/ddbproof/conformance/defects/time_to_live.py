"""Planted defects of time to live (TT), and of what restores, backups and replicas make of its setting.

Which items are deleted, the relay changes by changing their times on the way to the endpoint: an item that must
be kept gets a time in the past, one that must go gets none.
"""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

import time
from typing import Any

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, failure, success
from ddbproof.conformance.defects.replicas import KnowsReplicas
from ddbproof.conformance.defects.restores import KnowsRestored
from ddbproof.conformance.defects.streams import ChangesRecords

ATTRIBUTE = "until"
_SECONDS_AGO = 60
_FIVE_YEARS_SECONDS = 5 * 365 * 24 * 3600
_MARK = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def past() -> Document:
    """A time in the past; the endpoint's clock is never behind this machine's."""
    return {"N": str(int(time.time()) - _SECONDS_AGO)}


class ChangesTimes(Defect):
    """Base of defects that change the time of an item that is put."""

    def changed(self, until: Any) -> Document | None:
        """The attribute to put instead of `until`, which is None where there is none."""
        raise NotImplementedError

    def request(self, call: Call) -> Call | Answer:
        """Change PutItem."""
        item = call.parameter("Item")
        if call.operation != "PutItem" or not isinstance(item, dict):
            return call
        until = item.get(ATTRIBUTE)
        changed = self.changed(until)
        if changed == until:
            return call
        rest = {name: value for name, value in item.items() if name != ATTRIBUTE}
        return call.with_parameters(Item=rest if changed is None else {**rest, ATTRIBUTE: changed})


class ExpiredItemsStay(ChangesTimes):
    """Nothing is ever deleted."""

    name = "expired-items-stay"
    sentence = "Items whose time has passed are never deleted"
    claims = ("TT-01",)

    def changed(self, until: Any) -> Document | None:
        """No time."""
        return None


class StringTimesCount(ChangesTimes):
    """A String of digits counts as a time."""

    name = "expiry-takes-strings"
    sentence = "An item whose time is a String is deleted"
    claims = ("TT-02",)

    def changed(self, until: Any) -> Document | None:
        """Make it a Number."""
        return {"N": until["S"]} if isinstance(until, dict) and "S" in until else until


class NestedTimesCount(ChangesTimes):
    """A Number inside a List counts as a time."""

    name = "expiry-takes-lists"
    sentence = "An item whose time is in a List is deleted"
    claims = ("TT-02",)

    def changed(self, until: Any) -> Document | None:
        """Take it out."""
        found: Document | None = until
        return until["L"][0] if isinstance(until, dict) and until.get("L") else found


class AncientTimesCount(ChangesTimes):
    """A time more than five years past counts."""

    name = "expiry-takes-ancient-times"
    sentence = "An item whose time is more than five years past is deleted"
    claims = ("TT-02",)

    def changed(self, until: Any) -> Document | None:
        """Make it a minute ago."""
        if isinstance(until, dict) and int(until.get("N", "9999999999")) < time.time() - _FIVE_YEARS_SECONDS:
            return past()
        found: Document | None = until
        return found


class FutureTimesCount(ChangesTimes):
    """Every time counts as past."""

    name = "expiry-too-early"
    sentence = "An item whose time is to come is deleted"
    claims = ("TT-07",)

    def changed(self, until: Any) -> Document | None:
        """Make it a minute ago."""
        return past() if isinstance(until, dict) and "N" in until else until


class PostponementForgotten(Defect):
    """The time that an item was put with counts, whatever is changed later."""

    name = "expiry-forgets-postponement"
    sentence = "An item whose time was put off is deleted at its old time"
    claims = ("TT-07",)

    def request(self, call: Call) -> Call | Answer:
        """Answer changes of the time without making them."""
        names = call.parameter("ExpressionAttributeNames") or {}
        if call.operation == "UpdateItem" and ATTRIBUTE in names.values():
            return success({})
        return call


class ExpiryUnmarked(ChangesRecords):
    """The record of an expired item looks like any other."""

    name = "expiry-unmarked"
    sentence = "The stream record of an expired item has no userIdentity"
    claims = ("TT-03",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Take the mark away."""
        return [
            {name: value for name, value in record.items() if name != "userIdentity"} for record in records
        ]


class EveryDeletionMarked(ChangesRecords):
    """Every deletion bears the mark."""

    name = "expiry-marks-every-deletion"
    sentence = "The stream record of an ordinary deletion bears the mark of time to live"
    claims = ("TT-03",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Mark them all."""
        return [
            {**record, "userIdentity": _MARK} if record.get("eventName") == "REMOVE" else record
            for record in records
        ]


class ExpiredItemsHidden(ChangesRecords):
    """The deletion of an expired item is not in the stream."""

    name = "expiry-not-in-stream"
    sentence = "An expired item vanishes without a stream record"
    claims = ("TT-03",)

    def changed(self, call: Call, records: list[Document]) -> list[Document]:
        """Leave it out."""
        return [record for record in records if "userIdentity" not in record]


class SettingChangedTwice(Defect):
    """UpdateTimeToLive is accepted at any time."""

    name = "time-to-live-changed-twice"
    sentence = "A second change of time to live within the hour is accepted"
    claims = ("TT-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with the setting."""
        if call.operation == "UpdateTimeToLive" and answer.code == "ValidationException":
            return success({"TimeToLiveSpecification": call.parameter("TimeToLiveSpecification")})
        return answer


class SettingNeverChangedAgain(Defect):
    """What was turned on stays on."""

    name = "time-to-live-fixed"
    sentence = "Time to live cannot be turned off, not even after hours"
    claims = ("TT-05",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse to turn it off."""
        wanted = call.parameter("TimeToLiveSpecification")
        if call.operation == "UpdateTimeToLive" and isinstance(wanted, dict) and not wanted.get("Enabled"):
            return failure("ValidationException", "Time to live has been modified multiple times")
        return call


class SettingDropped(Defect):
    """UpdateTimeToLive is answered and does nothing."""

    name = "time-to-live-dropped"
    sentence = "Time to live is accepted and not turned on"
    claims = ("TT-01", "TT-06", "GT-11")

    def request(self, call: Call) -> Call | Answer:
        """Answer it."""
        if call.operation == "UpdateTimeToLive":
            return success({"TimeToLiveSpecification": call.parameter("TimeToLiveSpecification")})
        return call


class SettingWithoutAttribute(Defect):
    """The attribute is not described."""

    name = "time-to-live-without-attribute"
    sentence = "DescribeTimeToLive does not name the attribute"
    claims = ("TT-06",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave it out."""
        description = answer.member("TimeToLiveDescription")
        if call.operation == "DescribeTimeToLive" and isinstance(description, dict):
            return answer.with_members(
                TimeToLiveDescription={"TimeToLiveStatus": description.get("TimeToLiveStatus")}
            )
        return answer


class RestoreCarriesTimeToLive(KnowsRestored):
    """A restored table has time to live on."""

    name = "restore-carries-time-to-live"
    sentence = "A restored table has the time to live of its source"
    claims = ("RS-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe restored tables so."""
        if self.on_restored(call, answer) and call.operation == "DescribeTimeToLive":
            return answer.with_members(
                TimeToLiveDescription={"TimeToLiveStatus": "ENABLED", "AttributeName": ATTRIBUTE}
            )
        return answer


class RestoreCarriesStream(KnowsRestored):
    """A restored table has a stream."""

    name = "restore-carries-stream"
    sentence = "A restored table has the stream of its source"
    claims = ("RS-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe restored tables so."""
        table = answer.member("Table")
        if self.on_restored(call, answer) and call.operation == "DescribeTable" and isinstance(table, dict):
            stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
            return answer.with_members(Table={**table, "StreamSpecification": stream})
        return answer


class BackupForgetsFeatures(Defect):
    """A backup notes neither stream nor time to live."""

    name = "backup-forgets-stream-and-expiry"
    sentence = "A backup does not note the stream and the time to live of its table"
    claims = ("BK-07",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave the details empty."""
        description = answer.member("BackupDescription")
        if call.operation == "DescribeBackup" and isinstance(description, dict):
            return answer.with_members(BackupDescription={**description, "SourceTableFeatureDetails": {}})
        return answer


class SettingStaysHome(KnowsReplicas):
    """Time to live of one replica is not that of another."""

    name = "time-to-live-stays-home"
    sentence = "Time to live that was turned on in one Region is off in another"
    claims = ("GT-11",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe it as off on replicas that were added."""
        if call.operation == "DescribeTimeToLive" and self.on_replica(call) and answer.ok:
            return answer.with_members(TimeToLiveDescription={"TimeToLiveStatus": "DISABLED"})
        return answer


DEFECTS = (
    ExpiredItemsStay,
    StringTimesCount,
    NestedTimesCount,
    AncientTimesCount,
    FutureTimesCount,
    PostponementForgotten,
    ExpiryUnmarked,
    EveryDeletionMarked,
    ExpiredItemsHidden,
    SettingChangedTwice,
    SettingNeverChangedAgain,
    SettingDropped,
    SettingWithoutAttribute,
    RestoreCarriesTimeToLive,
    RestoreCarriesStream,
    BackupForgetsFeatures,
    SettingStaysHome,
)
