"""The partition map, as an item of the metadata group: where each partition begins, and which group has it.

Which ranges a split or a merge makes, `model.kernel.partitions` decides. A position is the hash of the partition key, which every
encoded key begins with, and the rest of the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ddbproof.model.kernel import partitions
from ddbproof.model.kernel.partitions import Position, Range
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.values.keys import HASH_BYTES

METADATA_GROUP = 0
MAP_KEY = b"map"
_END = b"\xff" * (HASH_BYTES + 1)

PartitionMap = Sequence[tuple[bytes, int]]


class Split(msgspec.Struct, frozen=True, array_like=True):
    """The partition of group `parent` was split at `cut`."""

    parent: int
    cut: bytes
    lower: int
    upper: int


class Merge(msgspec.Struct, frozen=True, array_like=True):
    """The partitions of groups `lower` and `upper`, which are neighbours, have become that of group `merged`."""

    lower: int
    upper: int
    merged: int


_map = msgspec.msgpack.Decoder(list[tuple[bytes, int]]).decode
_split = msgspec.msgpack.Decoder(Split).decode
_merge = msgspec.msgpack.Decoder(Merge).decode


def encoded(value: PartitionMap | Split | Merge) -> bytes:
    """A map, a split or a merge, as an item."""
    return msgspec.msgpack.encode(value)


def decoded(item: bytes) -> PartitionMap:
    """The map that an item holds."""
    return _map(item)


def after_split(item: bytes, told: bytes) -> bytes:
    """The map after a split; the same if it knows of that already. Raises InvariantError for a split outside the partition."""
    before, split = _map(item), _split(told)
    after: list[tuple[bytes, int]] = []
    for low, group, extent in _ranges(before):
        if group != split.parent:
            after.append((low, group))
            continue
        try:
            lower, upper = partitions.split(extent, position(split.cut), keeps_collections_whole=False)
        except NotAllowed:
            raise InvariantError(f"partition {group} was split outside of its range") from None
        for part in (lower, upper):
            owner = partitions.owner_after_split(
                group, part.low, split.parent, position(split.cut), split.lower, split.upper
            )
            after.append((low if part is lower else split.cut, owner))
    return encoded(after)


def after_merge(item: bytes, told: bytes) -> bytes:
    """The map after a merge; the same if it knows of that already. Raises InvariantError if the two are no neighbours."""
    before, merge = _map(item), _merge(told)
    ranges = {group: extent for _, group, extent in _ranges(before)}
    if merge.lower not in ranges and merge.upper not in ranges:
        return item
    try:
        partitions.merge(ranges[merge.lower], ranges[merge.upper])
    except (KeyError, NotAllowed):
        raise InvariantError(
            f"partitions {merge.lower} and {merge.upper} merged, which are no neighbours"
        ) from None
    return encoded(
        [
            (low, partitions.owner_after_merge(group, merge.lower, merge.upper, merge.merged))
            for low, group in before
            if group != merge.upper
        ]
    )


def _ranges(table: PartitionMap) -> Iterator[tuple[bytes, int, Range]]:
    """Where each partition begins, its group, and its range."""
    ends = [low for low, _ in table[1:]] + [_END]
    for (low, group), high in zip(table, ends, strict=True):
        yield low, group, Range(position(low), position(high))


def position(key: bytes) -> Position:
    """Where a key lies; both parts are bytes, which are ordered like the kernel's integers."""
    return Position(key[:HASH_BYTES], key[HASH_BYTES:])  # type: ignore[arg-type]
