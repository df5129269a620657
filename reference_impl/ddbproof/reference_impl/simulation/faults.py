"""Faults of a run, drawn from its seed: what fails when, and when it is mended.

Each fault is an event: it begins, lasts a while, and ends. At most one Availability Zone, or two nodes, are away at a
time most of the time; sometimes more are, since nothing may ever be answered wrongly either way. At the end of the
safety phase everything is mended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.partition_map import METADATA_GROUP, PartitionMap
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.simulation.hardships import Hardships
from ddbproof.reference_impl.simulation.merges import Merges
from ddbproof.reference_impl.simulation.world import ZONES, World

_PAUSE = 8_000_000


class Faults:
    """What befalls a world, until `heal`. `partitions` gives the partition map as the metadata group has it."""

    def __init__(self, world: World, partitions: Callable[[], PartitionMap]) -> None:
        self.world = world
        self.partitions = partitions
        self.log: list[str] = []
        self.healed = False
        self.hardships = Hardships(self)
        self._plan()
        self._merges = Merges(self)

    def heal(self) -> None:
        """Everything is mended: nodes start, the network carries everything, disks have room, clocks run on."""
        self.healed = True
        self.world.unblock()
        self.world.unstall()
        self.world.watchers.clear()
        self.world.loss = self.world.answers_lost = 0.0
        self.world.archive_away = False
        for node in self.world.nodes:
            node.disk_microseconds = self.world.options.disk_microseconds
            for disk in node.disks.values():
                disk.full = False
            if node.running is not None and any(it.stuck for it in node.disks.values()):
                node.crash()
            if node.running is None:
                node.start()

    def _plan(self) -> None:
        world = self.world
        pause = max(500_000, round(_PAUSE / world.options.faults))
        world.later(world.chance.randrange(pause // 2, pause), self._strike)

    def _strike(self) -> None:
        if self.healed:
            return
        strikes = {**self._plain(), **self.hardships.all()}
        strike = self.world.chance.choices(list(strikes), list(strikes.values()))[0]
        strike()
        self._plan()

    def _plain(self) -> dict[Callable[[], object], int]:
        """The faults that are one event, and how often each comes."""
        return {
            self._crash: 3,
            self._lose_disk: 3,
            self._zone_down: 1,
            self._zone_isolated: 1,
            self._one_way: 1,
            self._pair: 1,
            self._slow_disk: 1,
            self._full_disk: 1,
            self._clock_jump: 1,
            self._leader_crash: 4,
            self._lossy: 1,
            self.split: 4,
            self._archive_away: 1,
        }

    def note(self, text: str) -> None:
        """Write down that something happens."""
        self.log.append(f"{self.world.now / 1e6:9.3f} {text}")

    def duration(self) -> int:
        """How long something lasts."""
        return self.world.chance.choice((300_000, 1_000_000, 3_000_000, 12_000_000))

    def down(self, node: int, *, disk_lost: bool = False, microseconds: int | None = None) -> None:
        """A node crashes, and starts again after a while."""
        simulated = self.world.nodes[node]
        if simulated.running is None:
            return
        simulated.crash(disk_lost=disk_lost)
        self.world.counts["crashes"] += 1
        if disk_lost:
            self.world.counts["disks lost"] += 1

        def up() -> None:
            if simulated.running is None:
                self.note(f"node {node} up")
                simulated.start()

        self.world.later(self.duration() if microseconds is None else microseconds, up)

    def _crash(self) -> None:
        node = self.world.chance.randrange(len(self.world.nodes))
        self.note(f"node {node} crashes")
        self.down(node)

    def leading_nodes(self) -> list[int]:
        """The nodes that have a leader on them."""
        return [
            it.node
            for it in self.world.nodes
            if it.running is not None and any(one.leading for one in it.running.replicas.values())
        ]

    def _leader_crash(self) -> None:
        leaders = self.leading_nodes()
        if leaders:
            node = self.world.chance.choice(leaders)
            self.note(f"node {node}, which leads, crashes")
            self.down(node)

    def _lose_disk(self) -> None:
        """One that has any, while that may be."""
        hosts = [it for it in self.world.nodes if it.running is not None and it.disks]
        if not hosts or not self.may_lose_disk():
            return
        node = self.world.chance.choice(hosts).node
        self.note(f"node {node} loses its disks")
        self.down(node, disk_lost=True)

    def may_lose_disk(self, *, merging: bool = False) -> bool:
        """Only while nobody else is away, nor the archive, and one of a group: two lost disks may lose everything.

        Nor while a partition is going over to others; `merging`, if it merges, as long as all of them are whole.
        """
        if self.world.archive_away or any(it.running is None for it in self.world.nodes):
            return False
        for group in self.groups():
            affairs = self._whole(group)
            if affairs is None or not affairs.serves:
                return False
            if affairs.parent is not None and not (merging and affairs.merge is not None):
                return False
            if not all(self._whole(heir) for heir in affairs.heirs):
                return False
        return True

    def split(self, wanted: int | None = None) -> int | None:
        """Split a partition in the middle of its items: a certain one, or any. Returns which."""
        placed = self.world.placed()
        leaders = [
            one
            for group in self.groups()
            if group != METADATA_GROUP and wanted in (None, group)
            for one in placed.get(group, [])
            if one.leading is not None and one.state is not None and len(one.state.fold.items) > 1
        ]
        if len(self.groups()) > self.world.options.most_groups or not leaders:
            return None
        leader = self.world.chance.choice(leaders)
        assert leader.leading is not None
        assert leader.state is not None
        keys = [key for key, _ in leader.state.fold.items.range(b"", None)]
        if not leader.leading.split.ask(keys[len(keys) // 2]):
            return None
        self.note(f"group {leader.group} is to be split")
        self.world.counts["splits asked for"] += 1
        return leader.group

    def leader(self, group: int) -> Replica | None:
        """Who leads a group; of several who believe so, the one that was elected last."""
        leaders = [it for it in self.world.placed().get(group, []) if it.leading is not None]
        return max(leaders, key=lambda it: it.record.promised, default=None)

    def groups(self) -> Sequence[int]:
        """The metadata group, and those of the partition map."""
        return [METADATA_GROUP, *(group for _, group in self.partitions())]

    def _whole(self, group: int) -> Affairs | None:
        """A group's affairs, if three members in place hold all that is committed, and none is being replaced."""
        leader = self.leader(group)
        if leader is None or leader.leading is None or leader.leading.joiner is not None:
            return None
        affairs = leader.latest_affairs()
        members = {member.identity for member in affairs.members}
        whole = [
            it
            for it in self.world.placed().get(group, [])
            if it.identity in members
            and it.state is not None
            and it.saved.record.accepted == leader.record.accepted
            and it.saved.record.length >= leader.record.committed
        ]
        return affairs if len(whole) == ZONES and not affairs.group.changing else None

    def _zone_down(self) -> None:
        self.zone_down(self.world.chance.randrange(ZONES))

    def zone_down(self, zone: int) -> None:
        """All nodes of a zone crash."""
        self.note(f"Availability Zone {zone} is down")
        self.world.counts["zones down"] += 1
        for node in self.world.nodes:
            if node.zone == zone:
                self.down(node.node)

    def _zone_isolated(self) -> None:
        zone = self.world.chance.randrange(ZONES)
        inside = [it.node for it in self.world.nodes if it.zone == zone]
        self.cut(inside, f"Availability Zone {zone} is isolated")

    def _pair(self) -> None:
        node = self.world.chance.randrange(len(self.world.nodes))
        self.cut([node], f"node {node} is isolated")

    def cut(self, inside: Sequence[int], text: str) -> None:
        """Some nodes and the others do not reach each other for a while."""
        outside = [it.node for it in self.world.nodes if it.node not in inside]
        self.note(text)
        self.world.block(inside, outside)
        self.world.block(outside, inside)
        self.world.later(self.duration(), self.world.unblock)

    def _one_way(self) -> None:
        one, other = self.world.chance.sample(range(len(self.world.nodes)), 2)
        self.note(f"nothing gets from node {one} to node {other}")
        self.world.block([one], [other])
        self.world.later(self.duration(), self.world.unblock)

    def _slow_disk(self) -> None:
        node = self.world.chance.choice(self.world.nodes)
        before = self.world.options.disk_microseconds
        node.disk_microseconds = 50 * before
        self.note(f"node {node.node} has a slow disk")

        def mended() -> None:
            node.disk_microseconds = before

        self.world.later(self.duration(), mended)

    def _full_disk(self) -> None:
        node = self.world.chance.choice(self.world.nodes)
        self.note(f"node {node.node} has full disks")
        for disk in node.disks.values():
            disk.full = True

        def mended() -> None:
            for disk in node.disks.values():
                disk.full = False
            if node.running is not None and any(it.stuck for it in node.disks.values()):
                node.crash()
                node.start()

        self.world.later(self.duration(), mended)

    def _clock_jump(self) -> None:
        node = self.world.chance.choice(self.world.nodes)
        node.wall_offset += self.world.chance.randrange(-5_000, 5_000)
        self.note(f"node {node.node}: the time of day jumps")

    def _archive_away(self) -> None:
        self.note("the archive cannot be reached")
        self.world.archive_away = True

        def mended() -> None:
            self.world.archive_away = False

        self.world.later(self.duration(), mended)

    def _lossy(self) -> None:
        self.note("the network loses one message in five")
        before, self.world.loss = self.world.loss, 0.2

        def mended() -> None:
            if not self.healed:
                self.world.loss = before

        self.world.later(self.duration(), mended)
