"""Partitions of a `replication_by_hand` world that go over to others: filled, split, and waited for."""

from __future__ import annotations

from collections.abc import Callable

from replication_by_hand import TICK, World

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.environment import Timing

KEYS = [b"k%02d" % number for number in range(20)]
CUT = KEYS[7]


def filled(timing: Timing | None = None) -> World:
    """A group with items, led by node 1."""
    world = World(timing=timing)
    world.elect(1)
    for key in KEYS:
        assert world.call(1, "put", key, item=b"at " + key) == ("ok", None)
    return world


def children(world: World) -> tuple[int, int]:
    """The lower and the upper child."""
    affairs = world.state(1).affairs
    return affairs.lower, affairs.upper


def leader_of(world: World, group: int) -> int:
    """The node that leads a group; 0 if none does."""
    return next((node for node in world.nodes if world.leads(node, group)), 0)


def until(
    world: World, happened: Callable[[], bool], *nodes: int, holding: tuple[type[messages.Message], ...] = ()
) -> None:
    """Let time pass until something has happened."""
    for _ in range(300):
        if happened():
            return
        world.pass_time(TICK, *nodes, holding=holding)
    raise AssertionError("it never happens")


def is_open(world: World, group: int) -> bool:
    """True if a child serves."""
    node = leader_of(world, group)
    return node != 0 and world.state(node, group).affairs.serves


def split(world: World) -> tuple[int, int]:
    """Split at the cut, until both children serve."""
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    return lower, upper


def read(world: World, group: int, key: bytes) -> bytes | None:
    """A strong read at whoever leads a group."""
    until(world, lambda: leader_of(world, group) != 0)
    outcome, item = world.call(leader_of(world, group), "read", key, group=group)
    assert outcome == "ok"
    return item
