"""Planted defects of merges: of who joins and withdraws, when a source closes and when the merged partition opens."""

from __future__ import annotations

from collections import deque

import msgspec

from ddbproof.model.kernel import splits
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.copying import Copying
from ddbproof.reference_impl.replication.entries import Closed, Copied, Opened
from ddbproof.reference_impl.replication.merging import Merging
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.simulation.defects.base import Step, defect
from ddbproof.reference_impl.storage.items import Fold

# Opening.


@defect(Copying, "_opened")
def merged_opens_with_one(right: Step) -> Step:
    """A merged partition opens when it has all of the lower source, whatever it lacks of the upper one."""

    def opened(self: Copying, affairs: Affairs) -> Opened | None:
        parent, child, upper_part = self._closed.get(affairs.child_of), affairs.child, affairs.upper_part
        if parent is None or child is None or upper_part is None:
            found: Opened | None = right(self, affairs)
            return found
        if not splits.may_open(child.applied, parent):
            return None
        return Opened(parent, splits.Parent(upper_part.applied, True, 0, True))

    return opened


@defect(GroupState, "_drop_copied")
def snapshot_wipes_the_other_source(_right: Step) -> Step:
    """A snapshot of one source takes the place of all that the merged partition has, from whichever source."""

    def drop_copied(self: GroupState, entry: Copied) -> None:
        del entry
        self.fold = Fold()
        self.answered, self._answered_order = set(), deque()
        self.checked = {}

    return drop_copied


@defect(Copying, "on_pulled")
def requests_of_the_upper_source_forgotten(right: Step) -> Step:
    """A merged partition does not learn which requests its upper source has answered."""

    def on_pulled(self: Copying, message: messages.Pulled) -> None:
        if message.source == self._leading.state.affairs.upper_of:
            message = msgspec.structs.replace(message, requests=())
        right(self, message)

    return on_pulled


# Closing.


@defect(Merging, "close_when_near")
def lower_source_closes_alone(right: Step) -> Step:
    """The lower source is closed as soon as the merged partition is near, though the upper one may never join."""

    def close_when_near(self: Merging) -> None:
        leading, merge = self._leading, self._leading.state.affairs.merge
        if merge is not None and not merge.upper and leading.copying.near():
            leading.append(Closed())
        else:
            right(self)

    return close_when_near


# Joining and withdrawing.


@defect(Merging, "_on_unite")
def joined_uncommitted(right: Step) -> Step:
    """The upper source says that it has joined when it has appended that, which may yet be lost."""

    def on_unite(self: Merging, message: messages.Unite) -> None:
        right(self, message)
        merge = self._leading.state.affairs.merge
        if merge is not None and merge.upper and merge.child == message.child:
            self._answer(message, joined=True)

    return on_unite


@defect(Merging, "tick")
def withdrawn_unanswered(right: Step) -> Step:
    """The lower source withdraws when the upper one has not answered at once, which may join all the same."""

    def tick(self: Merging) -> None:
        right(self)
        affairs = self._leading.state.affairs
        merge = affairs.merge
        if merge is not None and not merge.upper and not self._upper_joined:
            self.asked = getattr(self, "asked", 0) + 1  # type: ignore[attr-defined]
            if self.asked > 20:  # type: ignore[attr-defined]
                self._withdraw(merge)

    return tick
