"""Two neighbours that merge while writes run, seen from the leader of the lower one and from the leader of the upper one.

The protocol is `model.kernel.merges`. The lower one's leader founds the replicas of the merged partition, on the nodes of its own
members; then its log says that the merge has begun, and it asks the upper one to join, until it is answered. Once the upper
one's log says that it has joined, or that it never will, that stays so: the lower one goes on, or withdraws. Meanwhile, and until
they are closed, both serve all they served before, and the merged partition copies from both (`copying`).

Neither is closed before the other can be, as nobody serves its items until both are: each tells the merged partition how
far it is from that, and is told of the other one. As soon as nothing is in the way but items that transactions hold, neither
lets in more of them; else two that are busy with the same transactions would wait for a moment in which neither
holds any. The lower one tells the metadata group of the merge. A leader of any of the three may be another at any time: all it
needs to go on is in the logs, or is told again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ddbproof.model.kernel import merges
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import merged_affairs
from ddbproof.reference_impl.replication.entries import Closed, MergeBegun, MergeWithdrawn
from ddbproof.reference_impl.replication.partition_map import Merge

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading


class Merging:
    """What a leader does so that its partition merges with a neighbour."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self._upper_joined = False
        self._other = messages.FAR
        self._other_heard_at = 0

    def ask(self, upper: int, border: bytes) -> bool:
        """Begin to merge with the upper neighbour, by its group; `border` is its lowest key.

        False if this partition cannot begin now, as `Splitting.ask`. What comes of it the upper one has a say in.
        """
        leading = self._leading
        if not leading.may_go_over():
            return False
        merged = partial(merged_affairs, lower=leading.replica.group, upper=upper, border=border)

        def begin(child: int) -> None:
            if leading.state.affairs.parent is None:
                leading.append(MergeBegun(child, upper, upper=False))

        leading.founding.begin([merged], begin)
        return True

    def tick(self) -> None:
        """Go on with the merge, if there is one."""
        affairs = self._leading.state.affairs
        merge, source = affairs.merge, affairs.parent
        if merge is None or source is None:
            return
        if source.closed:
            if not merge.upper:
                told = Merge(self._leading.replica.group, merge.other, merge.child)
                self._leading.map_change.tell("merge", told)
            return
        if not merge.upper and not self._upper_joined:
            self._ask_to_join(merge)
        self.close_when_near()

    # -- until both are closed ------------------------------------------------------------------------------

    def hears(self, other: int) -> None:
        """The merged partition tells how far the other source is from being closed."""
        self._other, self._other_heard_at = other, self._leading.replica.environment.now_milliseconds()

    def standing(self) -> int:
        """How far this source is from being closed (`messages.FAR` and so on)."""
        leading = self._leading
        merge, source = leading.state.affairs.merge, leading.state.affairs.parent
        if merge is None or source is None:
            return messages.FAR
        if source.closed:
            return messages.READY
        joined = merge.upper or self._upper_joined
        if not joined or not leading.copying.near():
            return messages.FAR
        return messages.NEAR if leading.state.pending else messages.READY

    @property
    def takes_no_transactions(self) -> bool:
        """True if both sources would be closed but for the items that transactions hold: no more of them are let in."""
        return self.standing() >= messages.NEAR and self._other_standing() >= messages.NEAR

    def close_when_near(self) -> None:
        """Close this source, if both can be. What a transaction holds here is settled here."""
        if self.standing() == self._other_standing() == messages.READY:
            self._leading.append(Closed())

    def _other_standing(self) -> int:
        """Of the other source, as far as that was heard of lately."""
        environment = self._leading.replica.environment
        silent = environment.now_milliseconds() - self._other_heard_at
        return self._other if silent <= environment.timing.terms.duration_milliseconds else messages.FAR

    # -- joining --------------------------------------------------------------------------------------------

    def _ask_to_join(self, merge: MergeBegun) -> None:
        """Ask the upper one, once it is committed that this one has begun."""
        replica = self._leading.replica
        environment = replica.environment
        nodes = environment.nodes_of(merge.other)
        if not nodes:
            self._withdraw(merge)  # it is gone, as those are that have gone over to others
        elif replica.decided_affairs().merge == merge:
            unite = messages.Unite(
                merge.other, replica.identity, environment.node, merge.child, replica.group
            )
            for node in nodes:
                environment.send(node, unite)

    def receive(self, message: messages.Unite | messages.United) -> None:
        """Something of a merge has come."""
        if isinstance(message, messages.Unite):
            self._on_unite(message)
        else:
            self._on_united(message)

    def _on_unite(self, message: messages.Unite) -> None:
        """Only what is committed is told to the lower one, which builds on it."""
        leading = self._leading
        if leading.leader.committed < leading.leader.base:
            return
        decided = leading.replica.decided_affairs()
        merge, source = decided.merge, decided.parent
        if merge is not None and merge.upper and merge.child == message.child:
            self._answer(message, joined=True)
        elif source is not None:
            as_lower = merge is not None and not merge.upper
            if merges.stays_away(source, as_lower, other_joined=source.closed or self._upper_joined):
                self._answer(message, joined=False)
        elif leading.may_go_over():
            leading.append(MergeBegun(message.child, message.lower, upper=True))
            leading.when_committed(
                leading.leader.length,
                lambda committed: self._answer(message, joined=True) if committed else None,
            )

    def _answer(self, message: messages.Unite, *, joined: bool) -> None:
        replica = self._leading.replica
        environment = replica.environment
        united = messages.United(message.lower, replica.identity, environment.node, message.child, joined)
        environment.send(message.node, united)

    def _on_united(self, message: messages.United) -> None:
        merge = self._leading.state.affairs.merge
        if merge is None or merge.upper or merge.child != message.child:
            return
        if message.joined:
            self._upper_joined = True
        else:
            self._withdraw(merge)

    def _withdraw(self, merge: MergeBegun) -> None:
        """Be a partition like any other again; the merged one, which will never open, is nobody's heir."""
        leading = self._leading
        source = leading.state.affairs.parent
        if leading.state.affairs.merge == merge and source is not None and not source.closed:
            leading.append(MergeWithdrawn())
