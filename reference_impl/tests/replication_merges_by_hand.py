"""Two neighbours that a test lets merge by hand: a partition that has been split, and its two children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from replication_by_hand import TICK, World
from splits_by_hand import CUT, KEYS, filled, is_open, leader_of, read, split, until

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.entries import (
    Entry,
)
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.replication.leading import Leading

Held = tuple[type[messages.Message], ...]
ASKED: Held = (messages.Unite,)
COPYING: Held = (messages.Pulled,)


class Two(NamedTuple):
    """A world with two neighbours, by their groups."""

    world: World
    lower: int
    upper: int

    def leading(self, group: int) -> Leading:
        """The office of whoever leads a group."""
        until(self.world, lambda: leader_of(self.world, group) != 0)
        return self.world.leading(leader_of(self.world, group), group)

    def affairs(self, group: int) -> Affairs:
        """The affairs of a group, by its leader."""
        return self.leading(group).state.affairs

    def begin(self, *, holding: Held = ()) -> int:
        """Begin to merge; returns the merged group."""
        assert self.leading(self.lower).merge.ask(self.upper, CUT)
        self.world.settle(holding)
        (merged,) = self.affairs(self.lower).heirs
        return merged

    def finish(self, merged: int) -> None:
        """Wait until the merged partition serves."""
        until(self.world, lambda: is_open(self.world, merged))

    def group_of(self, key: bytes) -> int:
        """The source that has a key."""
        return self.lower if key < CUT else self.upper

    def ask(
        self, group: int, kind: str, key: bytes, item: bytes | None = None, *, holding: Held = ()
    ) -> tuple[str, bytes | None]:
        """A request to whoever leads a group, and its answer."""
        leader = self.leading(group).replica.environment.node
        request = self.world.ask(leader, kind, key, item, group=group)
        self.world.settle(holding)
        (outcome,) = self.world.outcomes(request)
        return outcome

    def entries(self, group: int) -> Sequence[Entry]:
        """The log of a group's leader."""
        log = self.leading(group).replica.log
        return log.between(log.start, len(log))


def two(timing: Timing | None = None) -> Two:
    """Two neighbours with items, each with a leader."""
    world = filled(timing)
    return Two(world, *split(world))


def all_of(merging: Two, merged: int) -> dict[bytes, bytes | None]:
    """What strong reads of the merged partition show."""
    return {key: read(merging.world, merged, key) for key in KEYS}


WHOLE = {key: b"at " + key for key in KEYS}


def deliver_those_of(merging: Two, source: int, ticks: int = 20) -> None:
    """Let the merged partition copy from one source only."""
    for _ in range(ticks):
        merging.world.now += TICK
        merging.world.tick(*merging.world.nodes)
        for sent in merging.world.settle(holding=COPYING):
            assert isinstance(sent.message, messages.Pulled)
            if sent.message.source == source:
                merging.world.deliver(sent)
    merging.world.settle(holding=COPYING)
