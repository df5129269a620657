"""How the metadata group hears what became of a partition: it is told until it has answered.

That it hears of it twice does no harm (`partition_map`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.partition_map import MAP_KEY, METADATA_GROUP, Merge, Split, encoded

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading


class MapChange:
    """What the leader of a closed partition has to tell."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self._answered = False

    def tell(self, kind: str, change: Split | Merge) -> None:
        """Tell it, once more, as soon as it is committed that the partition is closed."""
        leading, environment = self._leading, self._leading.replica.environment
        parent = leading.state.affairs.parent
        if self._answered or parent is None or leading.leader.committed <= parent.length:
            return
        operation = messages.Operation(kind, MAP_KEY, encoded(change))
        request = messages.Request(METADATA_GROUP, 0, environment.node, leading.replica.group, operation)
        for node in environment.nodes_of(METADATA_GROUP):
            environment.send(node, request)

    def answered(self) -> None:
        """The metadata group has answered."""
        self._answered = True
