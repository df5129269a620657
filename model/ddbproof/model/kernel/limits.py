"""What one partition may hold and serve: 10 GB, 3,000 read and 1,000 write units a second.

Sources: PART-06 (10 GB), PART-07 (units a second), PART-12 (with a local secondary index a collection stays within 10 GB, as it
is never cut). That a partition which is full takes no larger item until it has been split is ours: AWS splits before that shows. So
is the second, which is one of the clock; bursts are another matter (`capacity`).

A collection counts with its index copies. A split and a merge say only how many bytes go where; which items those are, `splits` and
`partitions` say.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

MOST_BYTES = 10 * 1024**3
MOST_READ_UNITS_A_SECOND = 3_000
MOST_WRITE_UNITS_A_SECOND = 1_000
ACCEPTED, COLLECTION_FULL, PARTITION_FULL = range(3)


class Stored(msgspec.Struct, frozen=True, gc=False):
    """The bytes in a partition, and how many of them belong to one item collection."""

    partition_bytes: int = 0
    collection_bytes: int = 0


class Used(msgspec.Struct, frozen=True, gc=False):
    """What a partition has served in the present second."""

    second: int = 0
    read_units: int = 0
    write_units: int = 0


def write_answer(stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool) -> int:
    """What a write to the collection meets that makes an item of `before_bytes` one of `after_bytes`."""
    growth = after_bytes - before_bytes
    if growth <= 0:
        return ACCEPTED
    if has_local_index and stored.collection_bytes + growth > MOST_BYTES:
        return COLLECTION_FULL
    if stored.partition_bytes + growth > MOST_BYTES:
        return PARTITION_FULL
    return ACCEPTED


def write(stored: Stored, before_bytes: int, after_bytes: int, has_local_index: bool) -> Stored:
    """The write is made. Raises NotAllowed unless `write_answer` accepts it."""
    require(write_answer(stored, before_bytes, after_bytes, has_local_index) == ACCEPTED)
    growth = after_bytes - before_bytes
    return Stored(stored.partition_bytes + growth, stored.collection_bytes + growth)


def split(stored: Stored, partition_bytes: int, collection_bytes: int, has_local_index: bool) -> Stored:
    """The partition is cut, and so much of it and of the collection is here afterwards.

    Raises NotAllowed for a cut through a collection with a local secondary index.
    """
    if has_local_index:
        require(collection_bytes == stored.collection_bytes)
    return Stored(partition_bytes, collection_bytes)


def merge(stored: Stored, other_bytes: int, collection_bytes: int) -> Stored:
    """Another partition's bytes come in, some of them of the collection. Raises NotAllowed for more than one can hold."""
    require(stored.partition_bytes + other_bytes <= MOST_BYTES)
    return Stored(stored.partition_bytes + other_bytes, stored.collection_bytes + collection_bytes)


def serve(used: Used, second: int, read_units: int, write_units: int) -> Used:
    """The partition serves a request. Raises NotAllowed for more than it can serve in that second."""
    reads, writes = read_units, write_units
    if used.second == second:
        reads, writes = used.read_units + read_units, used.write_units + write_units
    require(reads <= MOST_READ_UNITS_A_SECOND)
    require(writes <= MOST_WRITE_UNITS_A_SECOND)
    return Used(second, reads, writes)
