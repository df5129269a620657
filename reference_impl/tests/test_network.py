"""Between Regions: while one is cut off nothing arrives, and once it is healed everything does."""

from __future__ import annotations

import pytest

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.network import Network
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.errors import ConfigurationError


class World:
    """Three Regions at a clock that stands still."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.clock = Clock(frozen_at_milliseconds=1_000_000)
        self.network = Network(("a", "b", "c"), self.scheduler, self.clock)
        self.arrived: list[tuple[str, int]] = []

    def send(self, text: str, *between: str, due_milliseconds: int = 1_000_000) -> None:
        self.network.deliver(between, due_milliseconds, lambda at: self.arrived.append((text, at)))

    def run(self) -> list[tuple[str, int]]:
        self.scheduler.run_until(self.clock.now_milliseconds())
        return self.arrived


def test_what_is_due_arrives_where_nobody_is_cut_off() -> None:
    """At its time and not before."""
    world = World()
    world.send("now", "a", "b")
    world.send("later", "a", "b", due_milliseconds=1_000_001)
    assert world.run() == [("now", 1_000_000)]


@pytest.mark.parametrize("isolated", ["a", "b"])
def test_what_goes_to_or_from_an_isolated_region_waits_and_arrives(isolated: str) -> None:
    """Also what was under way already; others are not concerned."""
    world = World()
    world.send("between", "a", "b", due_milliseconds=1_000_001)
    world.network.isolate(isolated)
    world.send("beside", "c", "b" if isolated == "a" else "a")
    assert world.run() == [("beside", 1_000_000)]
    world.clock.advance(1)
    world.run()
    assert world.network.waiting_count == 1
    world.clock.advance(3599)
    world.network.heal(isolated)
    assert world.run()[1:] == [("between", 4_600_000)]


def test_what_was_due_before_has_arrived() -> None:
    """Nobody may have asked anything since: a Region that is cut off now was not cut off then."""
    world = World()
    world.send("due", "a", "b", due_milliseconds=1_000_001)
    world.clock.advance(86_400)
    world.network.isolate("a")
    assert world.arrived == [("due", 1_000_001)]


def test_what_was_due_while_a_region_was_cut_off_arrives_when_it_is_healed() -> None:
    """And not at the instant at which it was due."""
    world = World()
    world.network.isolate("a")
    world.send("due", "a", "b", due_milliseconds=1_000_001)
    world.clock.advance(60)
    world.network.heal("a")
    assert world.run() == [("due", 1_060_000)]


def test_healing_one_of_two_is_not_enough() -> None:
    """Both ends have to be reachable."""
    world = World()
    world.network.isolate("a")
    world.network.isolate("b")
    world.send("between", "a", "b")
    world.run()
    world.network.heal("a")
    assert world.run() == []
    world.network.heal("b")
    assert world.run() == [("between", 1_000_000)]


def test_an_unknown_region_is_refused() -> None:
    """By its name, and nothing changes."""
    world = World()
    with pytest.raises(ConfigurationError, match="mars"):
        world.network.isolate("mars")
    assert world.network.isolated == []
