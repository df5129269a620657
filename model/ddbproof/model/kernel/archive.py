"""The archive of a log: segments in object storage, the manifest that lists them, and what may be trimmed because of it.

Source: REP-14, of the paper of 2022: the log of all replicas is archived, with checksums and manifests, and gaps are refused. How
AWS does that is unpublished. Ours: a segment says where it begins and ends and what the chained checksum of the log is at both; an object is
listed only if what was read back of it has that checksum, and only right behind what is listed. Restores (PI-24) read what is listed.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require


class Manifest(msgspec.Struct, frozen=True, gc=False):
    """What the archive holds: the log up to an end, and the checksum of all of it, each entry chained to those before."""

    end: int = 0
    checksum: int = 0


class Segment(msgspec.Struct, frozen=True, gc=False):
    """What a replica says of a segment that it sends: its bounds, and the log's checksum at both."""

    start: int
    end: int
    checksum_before: int
    checksum_after: int


def may_add(manifest: Manifest, segment: Segment, read_back: int) -> bool:
    """True if a segment follows on what is listed, and what was read back of the object is what was sent."""
    return (
        (segment.start == manifest.end)
        & (segment.checksum_before == manifest.checksum)
        & (segment.end > segment.start)
        & (read_back == segment.checksum_after)
    )


def add(manifest: Manifest, segment: Segment, read_back: int) -> Manifest:
    """The segment is listed. Raises NotAllowed for a gap, an overlap, or an object that was damaged."""
    require(may_add(manifest, segment, read_back))
    return Manifest(segment.end, segment.checksum_after)


def may_trim(manifest: Manifest, start: int) -> bool:
    """True if a replica may drop its log before an entry: all before it is listed."""
    return start <= manifest.end
