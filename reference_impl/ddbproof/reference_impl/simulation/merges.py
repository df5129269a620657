"""Merges of a run, and what befalls them: drawn from a random stream of their own.

In two runs of three, again and again two neighbours are to merge, with preference those that a split has just made; where there is only one
partition, it is split, so that partitions split, merge and split again. Sometimes the upper one is to split, or to merge with
its own upper neighbour, at the same moment, and may stay away. Half of the time something happens before the
merge is over, to any of the three groups: a leader crashes, perhaps while all disks are slow, is stuck, or loses its office to
one that crashes; a zone is down;
a node loses its disks, if everything that is committed is on those of others; a member is away for so long that it is
replaced.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.affairs import Affairs
    from ddbproof.reference_impl.simulation.faults import Faults

_PAUSE = 6_000_000
_LONGEST_MERGE = 2_000_000
_SIBLINGS_FIRST = 0.7
_TROUBLE = 0.5
_CONTENDED = 0.25


class Merges:
    """The merges of a world; `faults` does what befalls them."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._world = faults.world
        self._chance = random.Random(f"merges {faults.world.options.seed}")  # noqa: S311 - a seeded simulation
        if self._world.options.merges:
            self._plan()

    def _plan(self) -> None:
        options = self._world.options
        pause = max(500_000, round(_PAUSE / (options.faults * options.merges)))
        self._world.later(self._chance.randrange(pause // 2, pause), self._strike)

    def _strike(self) -> None:
        if self._faults.healed:
            return
        pair = self._pair()
        if pair is None:
            self._faults.split()
        else:
            if self._chance.random() < _CONTENDED:
                self._contend(pair[1])
            if self._merge(*pair) and self._chance.random() < _TROUBLE:
                self._world.later(self._chance.randrange(_LONGEST_MERGE), lambda: self._trouble(*pair[:2]))
        self._plan()

    def _pair(self) -> tuple[int, int, bytes] | None:
        """Two neighbours and where they meet."""
        pairs = self._pairs()
        siblings = [pair for pair in pairs if self._are_siblings(*pair[:2])]
        if siblings and self._chance.random() < _SIBLINGS_FIRST:
            return self._chance.choice(siblings)
        return self._chance.choice(pairs) if pairs else None

    def _pairs(self) -> list[tuple[int, int, bytes]]:
        table = self._faults.partitions()
        return [(lower, upper, border) for (_, lower), (border, upper) in pairwise(table)]

    def _contend(self, upper: int) -> None:
        """The upper one is to split, or to merge with the one above, if there is any."""
        above = [pair for pair in self._pairs() if pair[0] == upper]
        if above and self._chance.random() < 0.5:
            self._merge(*above[0])
        else:
            self._faults.split(upper)

    def _are_siblings(self, lower: int, upper: int) -> bool:
        one, other = self._affairs(lower), self._affairs(upper)
        return one is not None and other is not None and one.child_of == other.child_of > 0

    def _affairs(self, group: int) -> Affairs | None:
        leader = self._faults.leader(group)
        return None if leader is None else leader.latest_affairs()

    def _merge(self, lower: int, upper: int, border: bytes) -> bool:
        leader = self._faults.leader(lower)
        if leader is None or leader.leading is None or not leader.leading.merge.ask(upper, border):
            return False
        self._faults.note(f"groups {lower} and {upper} are to merge")
        self._world.counts["merges asked for"] += 1
        return True

    # -- what befalls them ----------------------------------------------------------------------------------

    def _trouble(self, lower: int, upper: int) -> None:
        if self._faults.healed:
            return
        affairs = self._affairs(lower)
        heirs = () if affairs is None else affairs.heirs
        group = self._chance.choice((lower, upper, *heirs))
        happens: Callable[[int], None] = self._chance.choice(
            (
                self._crash,
                self._crash_with_slow_disks,
                self._faults.hardships.stall_leader,
                self._faults.hardships.succeed,
                self._zone_down,
                self._lose_disk,
                self._silence,
            )
        )
        happens(group)

    def _node(self, group: int) -> int | None:
        leader = self._faults.leader(group)
        return None if leader is None else leader.environment.node

    def _crash(self, group: int) -> None:
        node = self._node(group)
        if node is not None:
            self._faults.note(f"node {node}, which leads group {group} in the middle of a merge, crashes")
            self._faults.down(node)

    def _crash_with_slow_disks(self, group: int) -> None:
        """So that much of what its successor takes over is not committed yet."""
        self._faults.note("all disks are slow")
        self._slow_down(50)

        def crash() -> None:
            if not self._faults.healed:
                self._crash(group)

        self._world.later(self._chance.randrange(_LONGEST_MERGE), crash)
        self._world.later(3 * _LONGEST_MERGE, lambda: self._slow_down(1))

    def _slow_down(self, times: int) -> None:
        for node in self._world.nodes:
            node.disk_microseconds = times * self._world.options.disk_microseconds

    def _zone_down(self, group: int) -> None:
        node = self._node(group)
        if node is not None:
            self._faults.zone_down(self._world.nodes[node].zone)

    def _lose_disk(self, group: int) -> None:
        node = self._node(group)
        if node is not None and self._faults.may_lose_disk(merging=True):
            self._faults.note(f"node {node} loses its disks in the middle of a merge")
            self._faults.down(node, disk_lost=True)

    def _silence(self, group: int) -> None:
        """A follower is away until it is replaced."""
        affairs, leading = self._affairs(group), self._node(group)
        if affairs is None:
            return
        node = self._chance.choice([it.node for it in affairs.members if it.node != leading])
        silence = 1000 * self._world.options.timing.silence_milliseconds
        self._faults.note(f"node {node} is away until it is to be replaced in group {group}")
        self._faults.down(node, microseconds=silence + self._chance.randrange(silence // 4))
