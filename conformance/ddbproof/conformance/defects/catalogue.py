"""Every planted defect by its name, and the relays that break nothing.

The suite is tested by them: each claim that it judges has a defect here that it must catch, and behind the
harmless relays nothing may fail.
"""

from __future__ import annotations

import contextlib
from difflib import get_close_matches

from ddbproof.conformance.defects import (
    api_model,
    backup_details,
    backups,
    conditions,
    data_plane,
    eventual_reads,
    faults,
    harmless,
    indexes,
    items,
    lag,
    queries,
    recovery,
    replicas,
    restore_settings,
    restores,
    settings,
    streams,
    tables,
    time_to_live,
    transactions,
    updates,
    wire,
)
from ddbproof.conformance.defects.base import Defect
from ddbproof.conformance.defects.relay import relayed
from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets.errors import UnknownDefectError

DEFECTS: dict[str, type[Defect]] = {
    defect.name: defect
    for area in (
        restores,
        recovery,
        backups,
        replicas,
        items,
        data_plane,
        updates,
        conditions,
        queries,
        indexes,
        tables,
        transactions,
        wire,
        settings,
        api_model,
        backup_details,
        restore_settings,
        eventual_reads,
        faults,
        streams,
        time_to_live,
        lag,
    )
    for defect in area.DEFECTS
}
HARMLESS: dict[str, type[Defect]] = {relay.name: relay for relay in (*harmless.DEFECTS, lag.LegalLag)}


def defect_named(name: str) -> type[Defect]:
    """The defect or harmless relay of that name; UnknownDefectError with the nearest name if there is none."""
    known = DEFECTS | HARMLESS
    try:
        return known[name]
    except KeyError:
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        raise UnknownDefectError(
            f"There is no planted defect {name!r}",
            hint=f"Did you mean {near[0]}?" if near else "ddbproof conform --list-defects shows them",
        ) from None


def plant(name: str, target: Target, copy: Target | None = None) -> contextlib.AbstractContextManager[Target]:
    """The target behind a relay that commits the defect `name`; its control interface stays direct.

    `copy` is a second endpoint of the same kind, for a defect that needs one.
    """
    return relayed(target, defect_named(name), copy)
