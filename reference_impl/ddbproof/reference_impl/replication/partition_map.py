"""The partition map, as an item of the metadata group: where each partition begins, and which group has it.

Which ranges a split makes, `model.kernel.partitions` decides. A position is the hash of the partition key, which every
encoded key begins with, and the rest of the key.
"""

from __future__ import annotations

from collections.abc import Sequence

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


_map = msgspec.msgpack.Decoder(list[tuple[bytes, int]]).decode
_split = msgspec.msgpack.Decoder(Split).decode


def encoded(value: PartitionMap | Split) -> bytes:
    """A map or a split, as an item."""
    return msgspec.msgpack.encode(value)


def decoded(item: bytes) -> PartitionMap:
    """The map that an item holds."""
    return _map(item)


def after_split(item: bytes, told: bytes) -> bytes:
    """The map after a split; the same if it knows of that already. Raises InvariantError for a split outside the partition."""
    before, split = _map(item), _split(told)
    after: list[tuple[bytes, int]] = []
    ends = [low for low, _ in before[1:]] + [_END]
    for (low, group), high in zip(before, ends, strict=True):
        if group != split.parent:
            after.append((low, group))
            continue
        try:
            extent = Range(position(low), position(high))
            lower, upper = partitions.split(extent, position(split.cut), keeps_collections_whole=False)
        except NotAllowed:
            raise InvariantError(f"partition {group} was split outside of its range") from None
        for part in (lower, upper):
            owner = partitions.owner_after_split(
                group, part.low, split.parent, position(split.cut), split.lower, split.upper
            )
            after.append((low if part is lower else split.cut, owner))
    return encoded(after)


def position(key: bytes) -> Position:
    """Where a key lies; both parts are bytes, which are ordered like the kernel's integers."""
    return Position(key[:HASH_BYTES], key[HASH_BYTES:])  # type: ignore[arg-type]
