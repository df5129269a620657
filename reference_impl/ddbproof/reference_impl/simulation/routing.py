"""A client's router: a map of partitions that may be old, and a guess at who leads each of them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.partition_map import (
    MAP_KEY,
    METADATA_GROUP,
    PartitionMap,
    decoded,
)


class Router:
    """Routes by a cached map, until a group says that it has moved."""

    def __init__(
        self, chance: random.Random, first_map: PartitionMap, nodes_of: Callable[[int], Sequence[int]]
    ) -> None:
        self._chance = chance
        self._nodes_of = nodes_of
        self._map: PartitionMap = list(first_map)
        self._leaders: dict[int, int] = {}

    def learn(self, item: bytes) -> None:
        """Take the map that the metadata group has."""
        self._map = decoded(item)

    def route(self, key: bytes, *, strong: bool) -> tuple[int, int]:
        """The group that has a key, and the node to ask: for a strong read or a write, whoever may lead."""
        group = self.group(key)
        nodes = self._nodes_of(group)
        leader = self._leaders.get(group)
        if strong and leader is not None and leader in nodes:
            return group, leader
        return group, self._chance.choice(nodes) if nodes else 0

    def refused(self, key: bytes, reply: messages.Reply) -> None:
        """A node does not lead, or the partition is not there any more."""
        group = self.group(key)
        self._leaders.pop(group, None)
        if not reply.moved and reply.leader >= 0 and reply.leader != reply.node:
            self._leaders[group] = reply.leader

    def forget(self, key: bytes) -> None:
        """A node has not answered."""
        self._leaders.pop(self.group(key), None)

    def group(self, key: bytes) -> int:
        """Which group has a key, by the cached map."""
        if key == MAP_KEY:
            return METADATA_GROUP
        place = bisect_right(self._map, key, key=lambda one: one[0]) - 1
        return self._map[place][1]
