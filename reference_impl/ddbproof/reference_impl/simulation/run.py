"""One simulated run: a safety phase under faults, then everything is mended, and it has to converge and go on.

    safety     clients work while faults happen; whatever is answered must be right
    healing    faults end; every group has to get a leader, whole members, and equal replicas, within bounds
    the end    every key is read; then answers, replicas (`checks`), the record of the run (`replay`) and the archive
               are judged

A run is (commit, seed, options); nothing else comes into it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Member
from ddbproof.reference_impl.replication.partition_map import MAP_KEY, METADATA_GROUP, decoded, encoded
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.simulation.archive import differences
from ddbproof.reference_impl.simulation.checks import judge
from ddbproof.reference_impl.simulation.clients import Client, Ledger
from ddbproof.reference_impl.simulation.events import counted
from ddbproof.reference_impl.simulation.faults import Faults
from ddbproof.reference_impl.simulation.options import Options
from ddbproof.reference_impl.simulation.replay import problems, replay_all
from ddbproof.reference_impl.simulation.routing import Router
from ddbproof.reference_impl.simulation.world import ZONES, World

_SAFETY_LIMIT = 600_000_000
_HEALING_LIMIT = 60_000_000
_READING_LIMIT = 60_000_000


class Outcome(msgspec.Struct):
    """What came of a run. `violations` break a promise; `stuck` says what did not converge or go on."""

    seed: int
    violations: list[str]
    stuck: list[str]
    counts: dict[str, int]
    messages: int
    operations: int
    virtual_seconds: float
    faults: list[str]

    @property
    def failed(self) -> bool:
        """True if anything is wrong."""
        return bool(self.violations or self.stuck)


class Run:
    """A run, to be gone through once."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.world = World(options)
        self.ledger = Ledger()
        self.map: list[tuple[bytes, int]] = []
        for node in self.world.nodes:
            node.start()
        self.new_group()
        for number in range(options.partitions):
            low = b"" if number == 0 else (65536 * number // options.partitions).to_bytes(2, "big")
            self.map.append((low, self.new_group()))
        self.first_groups = [group for _, group in self.map]
        self._write_map()
        self.clients = [
            Client(self.world, number, self._router(), self.ledger, self._wanted)
            for number in range(options.clients)
        ]
        self.faults = Faults(self.world, self.partitions)

    def new_group(self) -> int:
        """A group of three new replicas, one in each zone."""
        world = self.world
        group = world.new_group()
        chosen = [world.chance.choice([it for it in world.nodes if it.zone == zone]) for zone in range(ZONES)]
        first, second, third = (Member(world.new_identity(), it.node) for it in chosen)
        affairs = first_affairs((first, second, third))
        for member, node in zip((first, second, third), chosen, strict=True):
            assert node.running is not None
            node.running.host(group, member.identity, affairs)
        return group

    def _write_map(self) -> None:
        """The first thing that the metadata group stores is the partition map."""
        founder = Client(self.world, 999, self._router(), self.ledger, lambda: False)
        stored: list[bool] = []
        while not any(stored):
            founder.write_map(encoded(self.map), stored.append)
            self.world.run(_READING_LIMIT, lambda: not founder.busy)

    def partitions(self) -> list[tuple[bytes, int]]:
        """The partition map as the metadata group's leader has it."""
        placed = self.world.placed().get(METADATA_GROUP, [])
        states = [it.state for it in placed if it.state is not None]
        images = [it.fold.items.get(MAP_KEY) for it in states if it.applied == max(s.applied for s in states)]
        if images and images[0] is not None:
            self.map = list(decoded(images[0].item))
        return self.map

    def go(self) -> Outcome:
        """Go through it."""
        world, stuck = self.world, []
        world.run(_SAFETY_LIMIT, lambda: self.ledger.begun >= self.options.operations)
        self.faults.heal()
        world.counts.update(counted(world.trace))
        if not self._converge():
            stuck.append(f"not converged {_HEALING_LIMIT / 1e6:.0f} s after everything was mended")
        elif not self._read_all():
            stuck.append("an item could not be read after everything was mended")
        elif not self._all_archived():
            stuck.append("something committed is not archived after everything was mended")
        violations = [*world.problems, *self._judged(), *([] if stuck else self._archive_differs())]
        return Outcome(
            self.options.seed,
            violations,
            stuck,
            dict(world.counts),
            world.delivered,
            len(self.ledger.operations) + len(self.ledger.eventual),
            world.now / 1e6,
            self.faults.log,
        )

    def _judged(self) -> list[str]:
        """What is wrong with the answers, and with the steps by which they came about."""
        replayed = replay_all(self.world.trace)
        self.world.counts["steps replayed"] = sum(one.steps for one in replayed)
        self.world.counts["steps not replayed"] = sum(one.left_out for one in replayed)
        return [*judge(self.world, self.ledger, self.map), *problems(replayed)]

    def _archive_differs(self) -> list[str]:
        world = self.world
        (_, *last) = self.faults.groups()
        return differences(world.archive, world.placed(), self.first_groups, last)

    def _all_archived(self) -> bool:
        """Let time pass until all that was committed is archived. False if that takes too long."""

        def archived() -> bool:
            live, placed = self.faults.groups(), self.world.placed()
            lengths = {group: len(self.world.archive.entries(group)) for group in placed}
            return all(
                lengths[group] >= max(it.record.committed for it in placed[group])
                for group in placed
                if lengths[group] or group in live or any(_has_served(it) for it in placed[group])
            )

        limit = self.world.now + _HEALING_LIMIT
        while self.world.now < limit and not archived():
            self.world.run(self.world.now + 100_000)
        return archived()

    def _wanted(self) -> bool:
        return self.ledger.begun < self.options.operations and not self.faults.healed

    def _router(self) -> Router:
        world = self.world
        chance = random.Random(world.chance.getrandbits(64))  # noqa: S311 - a seeded simulation
        return Router(chance, self.map, world.nodes_of)

    def _converge(self) -> bool:
        limit = self.world.now + _HEALING_LIMIT
        while self.world.now < limit:
            self.world.run(self.world.now + 500_000)
            if self._converged():
                return True
        return False

    def _converged(self) -> bool:
        if self._busy():
            return False
        placed = self.world.placed()
        return all(self._group_converged(placed.get(group, [])) for group in self.faults.groups())

    def _busy(self) -> bool:
        return any(client.busy for client in self.clients)

    def _group_converged(self, replicas: Sequence[Replica]) -> bool:
        leaders = [it for it in replicas if it.leading is not None]
        if len(leaders) != 1:
            return False
        (leader,) = leaders
        affairs = leader.latest_affairs()
        members = {member.identity for member in affairs.members}
        mine = [it for it in replicas if it.identity in members]
        return (
            affairs.parent is None
            and affairs.serves
            and not affairs.group.changing
            and len(replicas) == len(mine) == ZONES
            and len({(it.record.committed, it.record.length, it.standing().applied) for it in mine}) == 1
            and all(it.standing().full for it in mine)
            and leader.record.committed == leader.record.length
        )

    def _read_all(self) -> bool:
        """Read every key once, strongly. True if all were answered."""
        left = [f"k{number}" for number in range(self.options.keys)]
        answered: list[bool] = []
        client = Client(self.world, 998, self._router(), self.ledger, lambda: False)

        def next_one(had_answer: bool = True) -> None:
            answered.append(had_answer)
            if left:
                client.read(left.pop(), next_one)

        next_one()
        limit = self.world.now + _READING_LIMIT
        wanted = self.options.keys + 1
        self.world.run(limit, lambda: len(answered) == wanted)
        return len(answered) == wanted and all(answered)


def _has_served(replica: Replica) -> bool:
    """True unless the replica was founded for a split or merge that has not come to its end, perhaps never begun."""
    child = replica.decided_affairs().child
    return child is None or child.open
