"""Every planted defect by its name, and `identity`, which breaks nothing.

The suite is tested by them: each claim that it judges has a defect here that it must catch, and behind the
identity relay nothing may fail.
"""

from __future__ import annotations

import contextlib
from difflib import get_close_matches

from ddbproof.conformance.defects import (
    backups,
    faults,
    items,
    recovery,
    replicas,
    restores,
    tables,
    wire,
)
from ddbproof.conformance.defects.base import Defect
from ddbproof.conformance.defects.relay import relayed
from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets.errors import UnknownDefectError


class Identity(Defect):
    """Does nothing."""

    name = "identity"
    sentence = "Nothing is broken: the relay only stands in between"
    claims = ()


DEFECTS: dict[str, type[Defect]] = {
    defect.name: defect
    for area in (
        restores,
        recovery,
        backups,
        replicas,
        items,
        tables,
        wire,
        faults,
    )
    for defect in area.DEFECTS
}


def defect_named(name: str) -> type[Defect]:
    """The defect of that name; UnknownDefectError with the nearest name if there is none."""
    if name == Identity.name:
        return Identity
    try:
        return DEFECTS[name]
    except KeyError:
        near = get_close_matches(name, DEFECTS, n=1, cutoff=0.4)
        raise UnknownDefectError(
            f"There is no planted defect {name!r}",
            hint=f"Did you mean {near[0]}?" if near else "ddbproof conform --list-defects shows them",
        ) from None


def plant(name: str, target: Target) -> contextlib.AbstractContextManager[Target]:
    """The target behind a relay that commits the defect `name`; its control interface stays direct."""
    return relayed(target, defect_named(name))
