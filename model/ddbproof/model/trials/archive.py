"""Trials of the archive: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both
from ddbproof.model.kernel import archive
from ddbproof.model.kernel.archive import Manifest, Segment
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.archive import State, system


@system.cover("REP-14")
def archived_and_dropped(state: State) -> Any:
    """Two segments are listed, and a replica has dropped the first of them."""
    return both(state.manifest.end == 2, state.under_way.start == 1, state.trimmed[1] == 1)


@system.cover("REP-14")
def sent_again_after_damage(state: State) -> Any:
    """All of the log is listed although an object with the same bounds was damaged, and all three replicas have it."""
    return both(
        state.manifest.end == 1,
        state.length == 1,
        state.under_way.end == 1,
        state.under_way.checksum != state.checksum_at[1],
        state.held[1] == 1,
        state.held[2] == 1,
    )


@system.mutant("archive.may_add")
def gaps_are_listed(manifest: Manifest, segment: Segment, read_back: int) -> bool:
    """A segment is listed that begins behind what is there."""
    return (
        (segment.start >= manifest.end)
        & (segment.end > segment.start)
        & (read_back == segment.checksum_after)
    )


@system.mutant("archive.may_add")
def listed_unread(manifest: Manifest, segment: Segment, read_back: int) -> bool:
    """An object is listed without being read back."""
    return (segment.start == manifest.end) & (segment.end > segment.start)


@system.mutant("archive.add")
def listed_further_than_it_goes(manifest: Manifest, segment: Segment, read_back: int) -> Manifest:
    """The manifest counts an entry too many."""
    require(archive.may_add(manifest, segment, read_back))
    return Manifest(segment.end + 1, segment.checksum_after)


@system.mutant("archive.may_trim")
def dropped_before_it_is_listed(manifest: Manifest, start: int) -> bool:
    """A replica drops what is about to be listed."""
    return start <= manifest.end + 1


@system.mutant("archive.add")
def the_newest_segment_is_all(manifest: Manifest, segment: Segment, read_back: int) -> Manifest:
    """Whatever comes is listed, the damaged and the old as well."""
    require(segment.end > segment.start)
    return Manifest(segment.end, segment.checksum_after)


@system.mutant("archive.may_add", harmless=True)
def said_step_by_step(manifest: Manifest, segment: Segment, read_back: int) -> bool:
    """The same, one question after another."""
    if segment.start != manifest.end or segment.checksum_before != manifest.checksum:
        return False
    return (segment.end > segment.start) & (read_back == segment.checksum_after)


system.scopes.append(
    Scope(
        values={
            "index": (0, 1, 2),
            "entry": (1, 2),
            "replica": (1, 2),
            "commit.entry": (1,),
            "commit.checksum": (0, 11),
            "checksum": (11, 12),
        },
        within=lambda state: state.length <= 2,
    )
)
