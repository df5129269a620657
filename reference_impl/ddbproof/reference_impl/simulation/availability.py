"""What clients notice when Availability Zones fail: every request counted, none of them tried again.

Probes write and read at a steady rate, all partitions alike, while a zone goes down and comes back; or two. An answer that
is refused, or does not come in time, is an error. The router learns from refusals, as any router does, but an error
stays an error. The history of what was answered is judged as in every run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from ddbproof.model.histories import checking
from ddbproof.model.histories.operations import FOREVER, History, Ok, Operation
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Member
from ddbproof.reference_impl.simulation.clients import key_of
from ddbproof.reference_impl.simulation.options import Options
from ddbproof.reference_impl.simulation.world import CLIENTS, ZONES, World

_EVERY_MICROSECONDS = 2_000
_PATIENCE_MICROSECONDS = 250_000
_SETTLE_MICROSECONDS = 10_000_000
_WARM_MICROSECONDS = 1_000_000  # in which routers learn who leads; not measured
KINDS = ("write", "strong read", "eventual read")


class Scenario(msgspec.Struct, frozen=True):
    """Zones that are down from one instant to another, in seconds from the beginning of what is measured."""

    name: str
    zones: tuple[int, ...]
    down_seconds: float = 3.0
    up_seconds: float = 10.0
    end_seconds: float = 15.0
    partitions: int = 9
    seed: int = 1


class Sample(msgspec.Struct, frozen=True, gc=False):
    """A request: when it was sent (seconds), what it was, if it was answered, if a failed zone led its partition."""

    second: float
    kind: str
    answered: bool
    led_there: bool


class Measured(msgspec.Struct, frozen=True):
    """All requests of a scenario, and what the checker says of the answers (nothing if they were right)."""

    scenario: Scenario
    samples: tuple[Sample, ...]
    wrong: str


class _Probes:
    """Requests at a steady rate, each given up after a while and never repeated.

    A router that asks a follower is told who leads, and asks there within the same request, once.
    """

    def __init__(self, world: World, groups: Sequence[int], scenario: Scenario) -> None:
        self.world = world
        self.groups = groups
        self.scenario = scenario
        self.chance = random.Random(scenario.seed)  # noqa: S311 - a seeded simulation
        self.leaders: dict[int, int] = {}
        self.led_there: set[int] = set()
        self.samples: list[Sample] = []
        self.operations: list[Operation] = []
        self.waiting: dict[int, tuple[int, int, str, int]] = {}
        self.operation: dict[int, messages.Operation] = {}
        self.requests = 0
        self.began = world.now + _WARM_MICROSECONDS
        world.clients[CLIENTS] = self.receive
        self.send()

    def send(self) -> None:
        """One more request, and the next one a little later."""
        world, chance = self.world, self.chance
        self.requests += 1
        request, place = self.requests, chance.randrange(len(self.groups))
        group, kind = self.groups[place], chance.choice(KINDS)
        key = key_of(f"p{place}")
        operation = messages.Operation(
            "put" if kind == "write" else "read", key, b"%d" % request, strong=kind != "eventual read"
        )
        # Routers know soon which nodes are gone; what is asked here is what the others can do.
        nodes = [node for node in world.nodes_of(group) if world.nodes[node].running is not None]
        node = self.leaders.get(group) if kind != "eventual read" else None
        if node is None:
            node = chance.choice(nodes)
        self.waiting[request] = (world.now, place, kind, node)
        self.operation[request] = operation
        world.network(CLIENTS, node, messages.Request(group, 0, CLIENTS, request, operation))
        world.later(_PATIENCE_MICROSECONDS, lambda: self.end(request, None))
        world.later(_EVERY_MICROSECONDS, self.send)

    def receive(self, message: messages.Message) -> None:
        """An answer."""
        if not isinstance(message, messages.Reply):
            return
        request, leader = message.request, message.leader
        if message.outcome == "refused" and leader not in (-1, message.node) and request in self.operation:
            if request in self.waiting:
                sent, place, kind, _ = self.waiting[request]
                self.waiting[request] = (sent, place, kind, leader)
                operation = self.operation.pop(request)
                again = messages.Request(message.group, 0, CLIENTS, request, operation)
                self.world.network(CLIENTS, leader, again)
            return
        self.end(request, message)

    def end(self, request: int, reply: messages.Reply | None) -> None:
        """A request is over."""
        if request not in self.waiting:
            return
        sent, place, kind, node = self.waiting.pop(request)
        self.operation.pop(request, None)
        group, world = self.groups[place], self.world
        answered = reply is not None and reply.outcome == "ok"
        if answered and kind != "eventual read":
            self.leaders[group] = node
        elif not answered:
            hint = reply.leader if reply is not None and reply.leader != node else -1
            self.leaders.pop(group, None)
            if hint >= 0:
                self.leaders[group] = hint
        second = (sent - self.began) / 1e6
        self.samples.append(Sample(second, kind, answered, group in self.led_there))
        item = None if reply is None or reply.item is None else int(reply.item)
        if kind == "write":
            outcome = "ok" if answered else "fail" if reply and reply.outcome == "refused" else "info"
            returned = FOREVER if outcome == "info" else world.now
            self.operations.append(
                Operation(request, f"p{place}", "write", sent, request, returned, outcome)  # type: ignore[arg-type]
            )
        elif kind == "strong read" and answered:
            self.operations.append(Operation(request, f"p{place}", "read", sent, item, world.now))


def measure(scenario: Scenario) -> Measured:
    """Go through a scenario."""
    world = World(
        Options(
            seed=scenario.seed,
            nodes_a_zone=1,
            loss=0.0,
            duplication=0.0,
            stragglers=0.0,
            faults=0.0,
        )
    )
    for node in world.nodes:
        node.start()
    groups = [_founded(world) for _ in range(scenario.partitions)]
    world.run(_SETTLE_MICROSECONDS)
    probes = _Probes(world, groups, scenario)

    def down() -> None:
        failing = [it for it in world.nodes if it.zone in scenario.zones and it.running is not None]
        probes.led_there = {
            replica.group
            for it in failing
            if it.running is not None
            for replica in it.running.replicas.values()
            if replica.leading is not None
        }
        for it in failing:
            it.crash()

    def up() -> None:
        for it in world.nodes:
            if it.running is None:
                it.start()

    world.later(_WARM_MICROSECONDS + round(scenario.down_seconds * 1e6), down)
    world.later(_WARM_MICROSECONDS + round(scenario.up_seconds * 1e6), up)
    world.run(probes.began + round(scenario.end_seconds * 1e6))
    verdict = checking.judge(History(sorted(probes.operations, key=lambda one: one.invoke))).verdict
    wrong = "" if isinstance(verdict, Ok) and not world.problems else f"{verdict} {world.problems}"
    samples = sorted(probes.samples, key=lambda one: one.second)
    return Measured(scenario, tuple(it for it in samples if it.second >= 0), wrong)


def _founded(world: World) -> int:
    group = world.new_group()
    first, second, third = (Member(world.new_identity(), zone) for zone in range(ZONES))
    affairs = first_affairs((first, second, third))
    for member in (first, second, third):
        node = world.nodes[member.node].running
        assert node is not None
        node.host(group, member.identity, affairs)
    return group
