"""Replicas: the ReplicaUpdates of UpdateTable, eventual mode, version 2019.11.21.

Claims: ME-08 (added to a table that may hold data), GT-01 (one replica a Region), GT-10 (no table of that
name may exist there), GT-07 (the mode is fixed), GT-11 and GT-14 (which settings are synchronised), GT-17
(removing a replica removes its data). The codes of these refusals are unpublished (AP-12);
ValidationException is what is seen on AWS.
Not built: overrides, encryption keys per replica, strong mode, witnesses.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import NotBuiltError, ValidationError

_SYNCHRONISED_SETTINGS = (
    "billing_mode",
    "read_capacity_units",
    "write_capacity_units",
    "billing_changed_at_milliseconds",
    "table_class",
    "indexes",
)


def check_mode(record: TableRecord, parameters: dict[str, Any]) -> None:
    """Raises ValidationError for a MultiRegionConsistency where none can be chosen (GT-07).

    The mode is chosen with the first replica and never changed. STRONG is not built.
    """
    mode = parameters.get("MultiRegionConsistency")
    if mode is None:
        return
    creates = any(update.get("Create") for update in parameters.get("ReplicaUpdates") or ())
    if not creates:
        raise ValidationError("MultiRegionConsistency can be given only together with replicas to create")
    if record.replicas and mode != "EVENTUAL":
        raise ValidationError(f"The consistency mode of the global table {record.name} cannot be changed")
    if mode != "EVENTUAL":
        raise NotBuiltError(f"UpdateTable with MultiRegionConsistency {mode}")


def check_updates(call: Call, record: TableRecord, updates: list[dict[str, Any]]) -> None:
    """Raises for the first update that cannot be done, before any of them is."""
    for update in updates:
        kinds = [kind for kind in ("Create", "Update", "Delete") if update.get(kind)]
        if len(kinds) != 1:
            raise ValidationError("A replica update must have exactly one of Create, Update or Delete")
        kind = kinds[0]
        action = update[kind]
        region_name = action["RegionName"]
        others = sorted(set(action) - {"RegionName"})
        if kind == "Update" or others:
            raise NotBuiltError(f"ReplicaUpdates {kind} with {', '.join(others) or 'overrides'}")
        if kind == "Create":
            _check_create(call, record, region_name)
        elif all(replica.region != region_name for replica in record.replicas):
            raise ValidationError(
                f"Replica not found: table {record.name} has no replica in Region {region_name}"
            )


def _check_create(call: Call, record: TableRecord, region_name: str) -> None:
    destination = call.cluster.regions.get(region_name)
    if destination is None:
        known = ", ".join(call.cluster.regions)
        raise ValidationError(f"Region {region_name} is not served by this endpoint, which has {known}")
    if region_name == call.region.name or any(it.region == region_name for it in record.replicas):
        raise ValidationError(f"Table {record.name} already has a replica in Region {region_name}")
    if destination.find_table(call.account, record.name) is not None:
        raise ValidationError(
            f"Failed to create a the new replica of table with name: '{record.name}' because one or more "
            "replicas already existed as tables."
        )


def apply_updates(call: Call, record: TableRecord, updates: list[dict[str, Any]]) -> TableRecord:
    """Do the updates, which `check_updates` has let through; returns the table's new record."""
    for update in updates:
        if update.get("Create"):
            destination = call.cluster.regions[update["Create"]["RegionName"]]
            call.cluster.add_replica(call.region, record, destination, call.now_milliseconds)
        else:
            _remove(call, record, update["Delete"]["RegionName"])
        changed = call.region.table_by_id(record.table_id)
        assert changed is not None
        record = changed
    return record


def _remove(call: Call, record: TableRecord, region_name: str) -> None:
    """Removing a replica deletes its table and data (GT-17); deletion protection there refuses (CTL-03)."""
    for region, member in call.cluster.members(call.region, record):
        if region.name == region_name:
            if member.deletion_protection:
                raise ValidationError(
                    f"The replica in Region {region_name} cannot be deleted as it is currently protected "
                    "against deletion. Disable deletion protection first."
                )
            call.cluster.delete_table(region, member, call.now_milliseconds)


def synchronise_settings(call: Call, record: TableRecord, changes: dict[str, Any]) -> None:
    """Carry the synchronised settings over to the other replicas (GT-11); the others stay local (GT-14)."""
    carried = {name: value for name, value in changes.items() if name in _SYNCHRONISED_SETTINGS}
    if carried:
        for region, member in call.cluster.members(call.region, record):
            region.change_table(member.table_id, **carried)
