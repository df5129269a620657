"""A client's router: a map of partitions that may be old, and a guess at who leads each of them."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence

from ddbproof.reference_impl.replication import messages

Map = Sequence[tuple[bytes, int]]
"""Where each partition begins, and its group; the first begins with the empty key."""


class Router:
    """Routes by a cached map, which is fetched anew when a group says that it has moved."""

    def __init__(
        self, chance: random.Random, fetch: Callable[[], Map], nodes_of: Callable[[int], Sequence[int]]
    ) -> None:
        self._chance = chance
        self._fetch = fetch
        self._nodes_of = nodes_of
        self._map = fetch()
        self._leaders: dict[int, int] = {}

    def route(self, key: bytes, *, strong: bool) -> tuple[int, int]:
        """The group that has a key, and the node to ask: for a strong read or a write, whoever may lead."""
        group = self._group(key)
        nodes = self._nodes_of(group)
        leader = self._leaders.get(group)
        if strong and leader is not None and leader in nodes:
            return group, leader
        return group, self._chance.choice(nodes) if nodes else 0

    def refused(self, key: bytes, reply: messages.Reply) -> None:
        """A node does not lead, or the partition is not there any more."""
        group = self._group(key)
        self._leaders.pop(group, None)
        if reply.moved:
            self._map = self._fetch()
        elif reply.leader >= 0 and reply.leader != reply.node:
            self._leaders[group] = reply.leader

    def forget(self, key: bytes) -> None:
        """A node has not answered."""
        self._leaders.pop(self._group(key), None)

    def _group(self, key: bytes) -> int:
        place = bisect_right(self._map, key, key=lambda one: one[0]) - 1
        return self._map[place][1]
