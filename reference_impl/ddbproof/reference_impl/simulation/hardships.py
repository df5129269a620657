"""Faults that are several events: what it takes for the rarer mistakes to show.

Most nodes restart at once; a node crashes right after a certain step; messages get stuck and all arrive later, just when
somebody has promised another epoch; a leader is cut off, and when it is back, its successor crashes; a member is
replaced while the group goes from one trouble to the next. All of it may happen to a real cluster. A node that crashes here
keeps its disks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ddbproof.reference_impl.replication.partition_map import METADATA_GROUP

if TYPE_CHECKING:
    from ddbproof.reference_impl.simulation.faults import Faults

_STEPS = ("prepare", "promise", "start", "append", "commit", "synchronize", "write")
_A_MOMENT = 5_000
_A_WHILE = 500_000
_ONE_LEASE = 1_500_000


class Hardships:
    """The compound faults of a world; `faults` does the single ones."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._world = faults.world
        self._chance = faults.world.chance

    def all(self) -> dict[Callable[[], object], int]:
        """The faults, and how often each comes beside the plain ones."""
        return {
            self._power_fails: 1,
            self._crash_after_step: 2,
            self._messages_stuck: 2,
            self._halves: 1,
            self._successor_crashes: 2,
            self._followers_restart: 1,
            self._answers_lost: 1,
            self._replaced_in_trouble: 1,
            self._split_in_trouble: 1,
        }

    def _later(self, microseconds: int, action: Callable[[], None]) -> None:
        """Go on with a fault, unless everything has been mended."""

        def unless_healed() -> None:
            if not self._faults.healed:
                action()

        self._world.later(microseconds, unless_healed)

    def _soon(self) -> int:
        return self._chance.choice((30_000, 100_000, 300_000, 1_000_000, 3_000_000))

    def _power_fails(self) -> None:
        """All nodes crash in one moment, perhaps when their disks have been slow for a while."""
        if self._chance.random() < 0.5:
            for node in self._world.nodes:
                node.disk_microseconds = 50 * self._world.options.disk_microseconds

        def crash() -> None:
            self._faults.note("all nodes crash")
            for node in self._world.nodes:
                node.disk_microseconds = self._world.options.disk_microseconds
                self._faults.down(node.node, microseconds=self._soon())

        self._later(_A_WHILE, crash)

    def _crash_after_step(self) -> None:
        """The node that makes the next step of some kind crashes a moment after it."""
        wanted = self._chance.choice(_STEPS)
        self._faults.note(f"whoever makes the next step '{wanted}' is to crash")

        def told(node: int, action: str) -> None:
            if action == wanted:
                self._world.watchers.remove(told)
                self._later(self._chance.randrange(_A_MOMENT), lambda: crash(node))

        def crash(node: int) -> None:
            self._faults.note(f"node {node} crashes after a step '{wanted}'")
            self._faults.down(node, microseconds=self._soon())

        self._world.watchers.append(told)

    def _messages_stuck(self) -> None:
        """What a leader sends gets stuck until somebody promises another epoch, or for a while."""
        leaders = self._faults.leading_nodes()
        if leaders:
            self._stall(self._chance.choice(leaders))

    def stall_leader(self, group: int) -> None:
        """What the leader of a group sends gets stuck."""
        leader = self._faults.leader(group)
        if leader is not None:
            self._stall(leader.environment.node)

    def _stall(self, node: int) -> None:
        if self._world.stalled:
            return
        self._faults.note(f"what node {node} sends to others gets stuck")
        self._world.stall(node)
        promises = self._chance.randrange(3)

        def told(_node: int, action: str) -> None:
            nonlocal promises
            if action == "promise":
                promises -= 1
                if promises < 0:
                    self._world.watchers.remove(told)
                    self._world.unstall()

        self._world.watchers.append(told)

        def over() -> None:
            if told in self._world.watchers:
                self._world.watchers.remove(told)
                self._world.unstall()

        self._later(self._chance.randrange(_ONE_LEASE, 3 * _ONE_LEASE), over)

    def _halves(self) -> None:
        """The nodes fall into two halves, whatever their zones."""
        half = self._chance.sample(range(len(self._world.nodes)), len(self._world.nodes) // 2)
        self._faults.cut(half, f"nodes {sorted(half)} do not reach the others")

    def _successor_crashes(self) -> None:
        """A leader is cut off for longer than its lease; when it is back, whoever leads in its place crashes at once."""
        self.succeed(self._group())

    def succeed(self, group: int) -> None:
        """The leader of a group is cut off until it has a successor, which crashes then."""
        leader = self._faults.leader(group)
        if leader is None:
            return
        old = leader.environment.node
        outside = self._others(old)
        self._faults.note(f"node {old}, which leads group {group}, is isolated until it has a successor")
        self._world.block([old], outside)
        self._world.block(outside, [old])

        def back() -> None:
            self._world.unblock()
            for replica in self._world.placed().get(group, []):
                if replica.leading is not None and replica.environment.node != old:
                    self._faults.note(f"node {replica.environment.node}, the successor, crashes")
                    self._faults.down(replica.environment.node, microseconds=self._soon())

        self._later(self._chance.randrange(_ONE_LEASE, 3 * _ONE_LEASE), back)

    def _followers_restart(self) -> None:
        """A leader is cut off from all other nodes, which restart."""
        leaders = self._faults.leading_nodes()
        if not leaders:
            return
        node = self._chance.choice(leaders)
        others = self._others(node)
        self._faults.note(f"node {node}, which leads, is isolated, and the others restart")
        self._world.block([node], others)
        self._world.block(others, [node])
        for other in others:
            self._faults.down(other, microseconds=self._chance.randrange(10_000, 200_000))
        self._later(self._faults.duration(), self._world.unblock)

    def _answers_lost(self) -> None:
        """Half of the answers to clients are lost."""
        self._faults.note("half of the answers to clients are lost")
        self._world.answers_lost = 0.5

        def over() -> None:
            self._world.answers_lost = 0.0

        self._later(self._faults.duration(), over)

    def _replaced_in_trouble(self) -> None:
        """A follower is away until it is being replaced; then the leader loses the other one, and crashes; and so on."""
        group = self._group()
        leader = self._faults.leader(group)
        if leader is None or leader.leading is None:
            return
        nodes = [it.node for it in leader.leading.members if it.node != leader.environment.node]
        if len(nodes) < 2:
            return
        silent, other = self._chance.sample(nodes, 2)
        self._faults.note(f"node {silent} is away until it is to be replaced in group {group}")
        silence = 1000 * self._world.options.timing.silence_milliseconds
        away = silence + self._chance.randrange(_ONE_LEASE)
        self._faults.down(silent, microseconds=away + self._chance.randrange(_ONE_LEASE))
        first = self._chance.random() < 0.5
        self._later(away, lambda: self._in_trouble(group, silent, other, leader_lives=first))

    def _in_trouble(self, group: int, silent: int, other: int, *, leader_lives: bool) -> None:
        """The old member and one that stays are on one side of a cut; or the leader is alone, and crashes."""
        leader = self._faults.leader(group)
        if leader is None:
            return
        node = leader.environment.node
        if leader_lives:
            self._faults.cut(
                [silent, other], f"nodes {silent} and {other} do not reach the rest of group {group}"
            )
            return
        self._faults.note(f"nothing gets from node {node} to node {other}, and soon node {node} crashes")
        self._world.block([node], [other])

        def crash() -> None:
            self._faults.down(node, microseconds=2 * _ONE_LEASE)
            self._world.unblock()

        self._later(self._chance.randrange(_ONE_LEASE), crash)

    def _split_in_trouble(self) -> None:
        """A partition is to be split, and before that is over its leader gets stuck, or loses its office."""
        group = self._faults.split()
        if group is None:
            return

        def trouble() -> None:
            if self._chance.random() < 0.5:
                self.stall_leader(group)
            else:
                self.succeed(group)

        self._later(self._chance.randrange(100_000, _ONE_LEASE), trouble)

    def _group(self) -> int:
        groups: Sequence[int] = [it for it in self._faults.groups() if it != METADATA_GROUP]
        return self._chance.choice(groups) if groups else METADATA_GROUP

    def _others(self, node: int) -> list[int]:
        return [it.node for it in self._world.nodes if it.node != node]
