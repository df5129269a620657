"""Relays that break nothing: whatever they do is lawful, so behind them the suite may accuse nobody."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, failure

_RESTORE = "RestoreTableToPointInTime"


class Identity(Defect):
    """Does nothing."""

    name = "identity"
    sentence = "Nothing is broken: the relay only stands in between"
    claims = ()


class WindowEndsExcluded(Defect):
    """An instant that is exactly an end of the restore window is refused.

    The documentation says that an instant between the two can be restored, and not whether they belong to it.
    """

    name = "window-ends-excluded"
    sentence = "Nothing is broken: the two ends of the restore window do not belong to it"
    claims = ()

    def request(self, call: Call) -> Call | Answer:
        """Refuse the very ends."""
        instant, source = call.parameter("RestoreDateTime"), call.parameter("SourceTableName")
        if call.operation != _RESTORE or instant is None or not source:
            return call
        answer = self.endpoint.call(call.region, "DescribeContinuousBackups", {"TableName": source})
        state = answer.member("ContinuousBackupsDescription") or {}
        recovery = state.get("PointInTimeRecoveryDescription") or {}
        ends = (recovery.get("EarliestRestorableDateTime"), recovery.get("LatestRestorableDateTime"))
        if any(end is not None and int(end) == int(instant) for end in ends):
            return failure("InvalidRestoreTimeException", "The instant is not inside the restore window")
        return call


DEFECTS = (Identity, WindowEndsExcluded)
