"""A partition's split while writes run, seen from the leader of the parent and from the leaders of the children.

The protocol is `model.kernel.splits`. First the replicas of both children are founded, on the nodes of the parent's members.
Then the parent's log says that the split has begun, and the children copy (`copying`); what a child has copied stands in its
own log. When both are near, the parent's log says that it is closed: it serves nothing any more. A child that has, on
two disks, all that the parent ever had opens. Last, the metadata group's map is changed. A leader of any of the three
may be another at any time: all it needs to go on is in the logs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ddbproof.model.kernel.splits import Child
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Closed, SplitBegun
from ddbproof.reference_impl.replication.partition_map import Split

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading


class Splitting:
    """What a leader does so that its partition is split."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading

    @property
    def founding(self) -> bool:
        """True while the replicas of two children, or of a merged partition, are being founded."""
        return bool(self._leading.founding.groups)

    def may_become(self, child: int) -> bool:
        """True if a group is, or may yet become, one that this partition goes over to, by a split or a merge."""
        affairs = self._leading.state.affairs
        if affairs.parent is None:
            return child in self._leading.founding.groups
        return child in affairs.heirs

    def ask(self, cut: bytes) -> bool:
        """Begin a split at a key. False if this partition is on its way to others already, or of one that is and not yet open."""
        leading = self._leading
        if not leading.may_go_over():
            return False
        group = leading.replica.group
        children = [partial(first_affairs, child=Child(upper), child_of=group) for upper in (False, True)]

        def begin(lower: int, upper: int) -> None:
            if leading.state.affairs.parent is None:
                leading.append(SplitBegun(cut, lower, upper))

        leading.founding.begin(children, begin)
        return True

    def tick(self) -> None:
        """Go on with the split, if there is one."""
        affairs = self._leading.state.affairs
        if affairs.parent is None or affairs.merge is not None:
            return
        if not affairs.parent.closed:
            self.close_when_near()
        else:
            self._leading.map_change.tell(
                "split", Split(self._leading.replica.group, affairs.cut, affairs.lower, affairs.upper)
            )

    def close_when_near(self) -> None:
        """Close the parent, if both children have almost all of it. What a transaction holds here is settled here."""
        leading = self._leading
        if not leading.state.pending and leading.copying.near():
            leading.append(Closed())
