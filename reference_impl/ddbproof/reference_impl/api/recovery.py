"""Point-in-time recovery settings: DescribeContinuousBackups, UpdateContinuousBackups.

Claims: PI-02 (off by default), PI-03 (ContinuousBackupsStatus is always ENABLED), PI-04, PI-06 to PI-10
(period and window), PI-15 (disable and enable starts again), PI-20 (per replica). The window is computed by
`model.kernel.recovery`. Its ends are shown in whole seconds, the granularity of a restore (PI-11).
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.kernel import recovery as kernel
from ddbproof.reference_impl.api.call import Call, backed_up_table
from ddbproof.reference_impl.cluster.records import TableRecord


def restore_lag_milliseconds(call: Call) -> int:
    """How far the latest restorable instant trails now (PI-07)."""
    return round(call.cluster.options.restore_lag_seconds * 1000)


def describe_continuous_backups(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DescribeContinuousBackups. Raises TableNotFoundException."""
    return _description(call, backed_up_table(call, parameters["TableName"]))


def update_continuous_backups(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """UpdateContinuousBackups. Raises TableNotFoundException. A period that is not given means 35 days."""
    record = backed_up_table(call, parameters["TableName"])
    specification = parameters["PointInTimeRecoverySpecification"]
    period_days = specification.get("RecoveryPeriodInDays", kernel.LONGEST_PERIOD_DAYS)
    now = call.now_milliseconds
    if specification["PointInTimeRecoveryEnabled"]:
        recovery = kernel.turn_on(record.recovery, now, period_days)
    else:
        recovery = kernel.disable(record.recovery)
    if recovery != record.recovery:
        record = call.region.change_table(record.table_id, recovery=recovery)
    return _description(call, record)


def _description(call: Call, record: TableRecord) -> dict[str, Any]:
    point_in_time: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if record.recovery.enabled:
        now = call.now_milliseconds
        latest = kernel.latest_restorable(record.recovery, now, restore_lag_milliseconds(call))
        point_in_time = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": record.recovery.period_days,
            "EarliestRestorableDateTime": kernel.earliest_restorable(record.recovery, now) // 1000,
            "LatestRestorableDateTime": latest // 1000,
        }
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": point_in_time,
        }
    }
