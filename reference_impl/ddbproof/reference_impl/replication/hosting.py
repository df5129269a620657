"""What the worlds of the simulation and of the endpoint have in common: a node that is up, down, and up again.

A node that crashes forgets what it meant to do later; messages and timers of its earlier life come to nothing. Numbers and places are
the world's to give (`Placement`). The record of a run notes a crash when it happens, and what the replica is by then when it
starts again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.replica import Replica
    from ddbproof.reference_impl.replication.trace import Step


class Placement(Protocol):
    """Gives out numbers, and knows where groups are; see `Environment`."""

    def new_identity(self) -> int:
        """A number that no replica has had."""

    def new_group(self) -> int:
        """A number that no group has had."""

    def nodes_of(self, group: int) -> Sequence[int]:
        """The nodes that have a replica of a group, on their disks at least."""


class Host:
    """The part of an `Environment` that every node has. `incarnation` counts its lives and deaths."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self.incarnation = 0
        self._crashes: dict[int, int] = {}  # the place of each group's crash in the record

    def new_identity(self) -> int:
        """See `Environment`."""
        return self._placement.new_identity()

    def new_group(self) -> int:
        """See `Environment`."""
        return self._placement.new_group()

    def nodes_of(self, group: int) -> Sequence[int]:
        """See `Environment`. Placement knows of all nodes, those that are down as well."""
        return self._placement.nodes_of(group)

    def _complete_crashes(self, trace: Sequence[Step], replicas: Mapping[int, Replica]) -> None:
        """Note in the record of each crash what its replica has started again as."""
        for group, replica in replicas.items():
            if group in self._crashes:
                crash = trace[self._crashes[group]]
                crash.made, crash.log = replica.record, replica.log.digest(replica.record.length)
        self._crashes.clear()

    def _unless_crashed(self, action: Callable[[], None]) -> Callable[[], None]:
        incarnation = self.incarnation

        def unless() -> None:
            if self.incarnation == incarnation:
                action()

        return unless
