"""Planted defects of point-in-time recovery's settings and window (PI)."""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

import email.utils
from typing import Any

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint

_DESCRIBE = "DescribeContinuousBackups"
_UPDATE = "UpdateContinuousBackups"
_EARLIEST = "EarliestRestorableDateTime"
_LATEST = "LatestRestorableDateTime"


class ChangesDescription(Defect):
    """Base of defects that change what is said of a table's point-in-time recovery."""

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """The description to give instead; `recovery` may be changed in place and returned."""
        raise NotImplementedError

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the description in answers of both operations that give it."""
        state = answer.member("ContinuousBackupsDescription")
        if call.operation not in (_DESCRIBE, _UPDATE) or not isinstance(state, dict):
            return answer
        recovery = self.changed(call, answer, dict(state.get("PointInTimeRecoveryDescription") or {}))
        return answer.with_members(
            ContinuousBackupsDescription={**state, "PointInTimeRecoveryDescription": recovery}
        )


def enabled(recovery: Document) -> bool:
    """Whether a description says that point-in-time recovery is on."""
    return recovery.get("PointInTimeRecoveryStatus") == "ENABLED"


def wanted_state(call: Call) -> Any:
    """What an UpdateContinuousBackups asks for: True, False, or None for another call."""
    specification = call.parameter("PointInTimeRecoverySpecification")
    if call.operation != _UPDATE or not isinstance(specification, dict):
        return None
    return specification.get("PointInTimeRecoveryEnabled")


def answered_at(answer: Answer) -> float:
    """The endpoint's clock, from the Date header."""
    return email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()


class EnabledByDefault(Defect):
    """A new table has point-in-time recovery on."""

    name = "recovery-on-by-default"
    sentence = "Point-in-time recovery is on for a new table"
    claims = ("PI-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._seen: set[tuple[str, str]] = set()

    def request(self, call: Call) -> Call | Answer:
        """Enable it before anybody looks."""
        if call.operation in (_DESCRIBE, _UPDATE):
            with self.lock:
                new = (call.region, call.table) not in self._seen
                self._seen.add((call.region, call.table))
            if new:
                on = {"PointInTimeRecoveryEnabled": True}
                self.endpoint.call(
                    call.region, _UPDATE, {"TableName": call.table, "PointInTimeRecoverySpecification": on}
                )
        return call


class ContinuousBackupsOff(Defect):
    """Continuous backups follow point-in-time recovery."""

    name = "continuous-backups-off"
    sentence = "ContinuousBackupsStatus is DISABLED while point-in-time recovery is off"
    claims = ("PI-03",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the status."""
        state = answer.member("ContinuousBackupsDescription")
        if call.operation not in (_DESCRIBE, _UPDATE) or not isinstance(state, dict):
            return answer
        if enabled(state.get("PointInTimeRecoveryDescription") or {}):
            return answer
        return answer.with_members(
            ContinuousBackupsDescription={**state, "ContinuousBackupsStatus": "DISABLED"}
        )


class PeriodUnchecked(Defect):
    """Any period is taken."""

    name = "period-unchecked"
    sentence = "A recovery period outside 1 to 35 days is accepted"
    claims = ("PI-06",)

    def request(self, call: Call) -> Call | Answer:
        """Clamp it."""
        specification = call.parameter("PointInTimeRecoverySpecification")
        if call.operation != _UPDATE or not isinstance(specification, dict):
            return call
        days = specification.get("RecoveryPeriodInDays")
        if not isinstance(days, int):
            return call
        clamped = {**specification, "RecoveryPeriodInDays": min(max(days, 1), 35)}
        return call.with_parameters(PointInTimeRecoverySpecification=clamped)


class PeriodIgnored(Defect):
    """The period asked for is forgotten."""

    name = "period-ignored"
    sentence = "RecoveryPeriodInDays is accepted and not stored"
    claims = ("PI-06", "PI-09")

    def request(self, call: Call) -> Call | Answer:
        """Take it away where it is lawful."""
        specification = call.parameter("PointInTimeRecoverySpecification")
        if call.operation != _UPDATE or not isinstance(specification, dict):
            return call
        days = specification.get("RecoveryPeriodInDays")
        if not isinstance(days, int) or not 1 <= days <= 35:
            return call
        rest = {name: value for name, value in specification.items() if name != "RecoveryPeriodInDays"}
        return call.with_parameters(PointInTimeRecoverySpecification=rest)


class LatestIsFrozen(ChangesDescription):
    """The latest restorable time stays where it was first."""

    name = "latest-frozen"
    sentence = "LatestRestorableDateTime does not move on with time"
    claims = ("PI-07",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[tuple[str, str], float] = {}

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """Give the first one again."""
        if _LATEST in recovery:
            with self.lock:
                recovery[_LATEST] = self._first.setdefault((call.region, call.table), recovery[_LATEST])
        return recovery


class LatestInFuture(ChangesDescription):
    """The latest restorable time lies ahead."""

    name = "latest-in-future"
    sentence = "LatestRestorableDateTime is later than now"
    claims = ("PI-07",)

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """An hour from now."""
        if _LATEST in recovery:
            recovery[_LATEST] = answered_at(answer) + 3600
        return recovery


class WindowBeforeEnablement(ChangesDescription):
    """The window pretends to reach back the whole period at once."""

    name = "window-before-enablement"
    sentence = "EarliestRestorableDateTime lies before point-in-time recovery was enabled"
    claims = ("PI-08",)

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """The period ago."""
        if _EARLIEST in recovery:
            days = recovery.get("RecoveryPeriodInDays", 35)
            recovery[_EARLIEST] = min(recovery[_EARLIEST], answered_at(answer) - days * 86_400)
        return recovery


class EarliestStays(ChangesDescription):
    """Base: once given, the earliest restorable time never moves forward while recovery stays on."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[tuple[str, str], float] = {}

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """Give the first one again."""
        where = (call.region, call.table)
        with self.lock:
            if not enabled(recovery):
                self._first.pop(where, None)
            elif _EARLIEST in recovery:
                recovery[_EARLIEST] = self._first.setdefault(where, recovery[_EARLIEST])
        return recovery


class WindowNeverRolls(EarliestStays):
    """The window only grows."""

    name = "window-never-rolls"
    sentence = "EarliestRestorableDateTime does not follow time beyond the period"
    claims = ("PI-08",)


class ShrinkingKeepsWindow(EarliestStays):
    """A shorter period is stored and has no effect."""

    name = "shrinking-keeps-window"
    sentence = "A shorter recovery period does not move EarliestRestorableDateTime forward"
    claims = ("PI-09",)


class GrowingMovesEarliestBack(EarliestStays):
    """A longer period brings back what a shorter one had discarded."""

    name = "growing-brings-back-window"
    sentence = "A longer recovery period moves EarliestRestorableDateTime back"
    claims = ("PI-10",)

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """The period ago, but not before recovery was enabled."""
        first = super().changed(call, answer, dict(recovery)).get(_EARLIEST)
        if first is not None:
            period_seconds = recovery.get("RecoveryPeriodInDays", 35) * 86_400
            recovery[_EARLIEST] = max(first, answered_at(answer) - period_seconds)
        return recovery


class DisablingKeepsWindow(Defect):
    """Disabling only hides the window; enabling shows it again with all of its past."""

    name = "disabling-keeps-window"
    sentence = "Disabling and enabling point-in-time recovery keeps the old window"
    claims = ("PI-15",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._hidden: set[tuple[str, str]] = set()

    def request(self, call: Call) -> Call | Answer:
        """Answer a disabling without forwarding it."""
        where = (call.region, call.table)
        wanted = wanted_state(call)
        with self.lock:
            if wanted is True:
                self._hidden.discard(where)
            elif wanted is False:
                self._hidden.add(where)
        if wanted is False:
            return self.endpoint.call(call.region, _DESCRIBE, {"TableName": call.table})
        return call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say DISABLED in between."""
        state = answer.member("ContinuousBackupsDescription")
        with self.lock:
            hidden = (call.region, call.table) in self._hidden
        if not hidden or not isinstance(state, dict):
            return answer
        off = {"PointInTimeRecoveryStatus": "DISABLED"}
        return answer.with_members(
            ContinuousBackupsDescription={**state, "PointInTimeRecoveryDescription": off}
        )


class RecoveryOnAllReplicas(Defect):
    """The setting of one replica is carried to the others."""

    name = "recovery-on-all-replicas"
    sentence = "Enabling point-in-time recovery on one replica enables it on the others"
    claims = ("PI-20", "GT-14")

    def response(self, call: Call, answer: Answer) -> Answer:
        """Repeat the call in the other Regions."""
        if wanted_state(call) is not None and answer.ok:
            for region in self.endpoint.regions:
                if region != call.region:
                    self.endpoint.call(region, _UPDATE, {**(call.parameters or {}), "TableName": call.table})
        return answer


class UpdateAnswersNothing(ChangesDescription):
    """The answer to an update describes the state before it."""

    name = "recovery-update-answers-old-state"
    sentence = "UpdateContinuousBackups does not return the new description"
    claims = ("PI-04",)

    def changed(self, call: Call, answer: Answer, recovery: Document) -> Document:
        """Say the contrary of what was asked."""
        wanted = wanted_state(call)
        if wanted is not None:
            return {"PointInTimeRecoveryStatus": "DISABLED" if wanted else "ENABLED"}
        return recovery


DEFECTS = (
    EnabledByDefault,
    ContinuousBackupsOff,
    UpdateAnswersNothing,
    PeriodUnchecked,
    PeriodIgnored,
    LatestIsFrozen,
    LatestInFuture,
    WindowBeforeEnablement,
    WindowNeverRolls,
    ShrinkingKeepsWindow,
    GrowingMovesEarliestBack,
    DisablingKeepsWindow,
    RecoveryOnAllReplicas,
)
