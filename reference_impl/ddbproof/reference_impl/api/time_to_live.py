"""Time to live: UpdateTimeToLive and DescribeTimeToLive.

Claims: TT-05 (one change an hour), TT-06 (what is described), GT-11 (replicas share the setting). The
deletions are in `cluster.expiry`.

Choices: a change that would change nothing, or names another attribute than the one in use, is refused with
ValidationException also after the hour, as DynamoDB Local does; a replica's change counts for all replicas.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api.call import Call, existing_table
from ddbproof.reference_impl.cluster.records import TableRecord, TimeToLive
from ddbproof.reference_impl.errors import CallerError, ValidationError

BETWEEN_CHANGES_MILLISECONDS = 3600 * 1000


def update_time_to_live(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """UpdateTimeToLive. Raises ResourceNotFoundException, ResourceInUseException, ValidationException."""
    record = existing_table(call, parameters["TableName"])
    if record.status(call.now_milliseconds) in ("CREATING", "DELETING"):
        raise CallerError("ResourceInUseException", f"Table is being created or deleted: {record.name}")
    wanted = parameters["TimeToLiveSpecification"]
    _check_change(call, record.time_to_live, wanted)
    now = call.now_milliseconds
    setting = TimeToLive(
        wanted["AttributeName"], wanted["Enabled"], now, now + call.cluster.create_delay_milliseconds
    )
    for region, member in [(call.region, record), *call.cluster.members(call.region, record)]:
        region.change_table(member.table_id, time_to_live=setting)
        if setting.enabled:
            call.cluster.expiry.turned_on(region, member.table_id, now)
    return {"TimeToLiveSpecification": {"Enabled": setting.enabled, "AttributeName": setting.attribute_name}}


def describe_time_to_live(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """DescribeTimeToLive. Raises ResourceNotFoundException."""
    record = existing_table(call, parameters["TableName"])
    return {"TimeToLiveDescription": time_to_live_description(record, call.now_milliseconds)}


def time_to_live_description(record: TableRecord, now_milliseconds: int) -> dict[str, Any]:
    """TimeToLiveDescription: the status, and the attribute while there is one (TT-06)."""
    setting = record.time_to_live
    if setting is None:
        return {"TimeToLiveStatus": "DISABLED"}
    settled = now_milliseconds >= setting.settled_at_milliseconds
    if setting.enabled:
        status = "ENABLED" if settled else "ENABLING"
    elif settled:
        return {"TimeToLiveStatus": "DISABLED"}
    else:
        status = "DISABLING"
    return {"TimeToLiveStatus": status, "AttributeName": setting.attribute_name}


def _check_change(call: Call, present: TimeToLive | None, wanted: dict[str, Any]) -> None:
    enabled = present is not None and present.enabled
    if enabled and present is not None and present.attribute_name != wanted["AttributeName"]:
        raise ValidationError(
            f"TimeToLive is active on a different AttributeName: current AttributeName is "
            f"{present.attribute_name}"
        )
    if enabled == wanted["Enabled"]:
        raise ValidationError(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    if present is None:
        return
    if call.now_milliseconds < present.changed_at_milliseconds + BETWEEN_CHANGES_MILLISECONDS:
        raise ValidationError("Time to live has been modified multiple times within a fixed interval")
