"""Founding the groups that a partition is to go over to, before its log says so: their replicas are on disks first.

They live on the nodes of the partition's own members. A message may get lost; then nothing comes of it, and after a
while the leader may found others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Member

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.affairs import Affairs
    from ddbproof.reference_impl.replication.entries import Members
    from ddbproof.reference_impl.replication.leading import Leading

_PATIENCE_HEARTBEATS = 5


class Founding:
    """The groups that a leader founds at the moment, if any."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self._missing: dict[int, set[int]] = {}
        self._then: Callable[..., None] = lambda *_: None

    @property
    def groups(self) -> Sequence[int]:
        """Those that are being founded."""
        return tuple(self._missing)

    def begin(self, kinds: Sequence[Callable[[Members], Affairs]], then: Callable[..., None]) -> None:
        """Found a group of each kind, and call `then` with their numbers once all their replicas are on disks."""
        leading, replica = self._leading, self._leading.replica
        environment = replica.environment
        self._then = then
        founded: dict[int, Affairs] = {}
        for kind in kinds:
            group = environment.new_group()
            first, second, third = (
                Member(environment.new_identity(), member.node) for member in leading.members
            )
            founded[group] = kind((first, second, third))
            self._missing[group] = {first.node, second.node, third.node}
        for group, affairs in founded.items():
            for member in affairs.members:
                found = messages.Found(
                    replica.group, replica.identity, environment.node, group, member.identity, affairs
                )
                environment.send(member.node, found)
        patience_milliseconds = _PATIENCE_HEARTBEATS * environment.timing.heartbeat_milliseconds
        environment.after(patience_milliseconds, lambda: self._give_up(founded))

    def _give_up(self, founded: Iterable[int]) -> None:
        """Forget these groups; what has been founded since then has its own time."""
        for group in founded:
            self._missing.pop(group, None)

    def receive(self, message: messages.Founded) -> None:
        """A replica is on its disk."""
        missing = self._missing.get(message.child)
        if missing is None:
            return
        missing.discard(message.node)
        if any(self._missing.values()):
            return
        groups = self.groups
        self._missing.clear()
        self._then(*groups)
