"""Planted defects of splits, of members that come and go, and of healing."""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.model.kernel import replication, splits
from ddbproof.reference_impl.replication import messages, replica
from ddbproof.reference_impl.replication.copying import Copying
from ddbproof.reference_impl.replication.entries import FloorRaised
from ddbproof.reference_impl.replication.environment import Checkpoint
from ddbproof.reference_impl.replication.leading import Leading
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.state import GroupState, Snapshot
from ddbproof.reference_impl.simulation.defects.base import Step, also, defect
from ddbproof.reference_impl.simulation.world import SimulatedNode

# Splits.


@defect(splits, "is_of")
def middle_key_dropped(_right: Step) -> Step:
    """The key at which a partition is split goes to neither child."""

    def is_of(child: splits.Child, cut: Any, position: Any) -> bool:
        return bool(position > cut if child.upper else position < cut)

    return is_of


@defect(splits, "parent_serves")
def closed_parent_serves(_right: Step) -> Step:
    """A partition that is closed for its split goes on reading and writing."""

    def parent_serves(parent: splits.Parent) -> bool:
        del parent
        return True

    return parent_serves


@defect(splits, "may_open")
def child_opens_early(_right: Step) -> Step:
    """A child opens when its parent is closed, whatever it lacks of the parent's log."""

    def may_open(saved_entries: int, parent: splits.Parent) -> bool:
        del saved_entries
        return parent.closed

    return may_open


@defect(Copying, "on_pull")
def uncommitted_copied_to_child(right: Step) -> Step:
    """A parent gives its children all that it has appended, committed or not."""

    def on_pull(self: Copying, message: messages.Pull) -> None:
        office = self._leading
        leader = office.leader
        office.leader = msgspec.structs.replace(leader, committed=leader.length)
        try:
            right(self, message)
        finally:
            office.leader = leader

    return on_pull


@defect(Copying, "on_pulled")
def requests_not_handed_over(right: Step) -> Step:
    """The children of a partition do not learn which requests it has answered."""

    def on_pulled(self: Copying, message: messages.Pulled) -> None:
        right(self, msgspec.structs.replace(message, requests=()))

    return on_pulled


# Healing.


@defect(Leading, "begin")
def healed_from_stale_copy(right: Step) -> Step:
    """A log replica is healed with a copy from the beginning of the leader's office, taken as if it were new."""

    def begin(self: Leading) -> None:
        self.stale_copy = self.replica.committed_snapshot()  # type: ignore[attr-defined]
        right(self)

    return begin


@also(healed_from_stale_copy, Leading, "_heal")
def _(right: Step) -> Step:
    def heal(self: Leading) -> bool:
        now = self.replica.committed_snapshot()
        old: Snapshot = self.stale_copy  # type: ignore[attr-defined]
        assert now is not None
        stale = msgspec.structs.replace(
            now, images=old.images, tombstones=old.tombstones, answered=old.answered
        )
        self.replica.committed_snapshot = lambda: stale  # type: ignore[method-assign]
        try:
            return bool(right(self))
        finally:
            del self.replica.committed_snapshot

    return heal


@defect(Leading, "_raise_floor")
def trimmed_too_far(_right: Step) -> Step:
    """A leader lets logs be trimmed up to what it has itself, whatever the other members have."""

    def raise_floor(self: Leading) -> None:
        kept = self.replica.environment.timing.kept_entries
        floor = self.leader.committed
        if floor >= self.state.affairs.group.floor + kept // 2:
            self.append(FloorRaised(floor))

    return raise_floor


# Members.


@defect(SimulatedNode, "crash")
def amnesia(right: Step) -> Step:
    """A node that has lost its disks comes back with the replicas it had, under their old identities, and empty."""

    def crash(self: SimulatedNode, *, disk_lost: bool = False) -> None:
        hosted = dict(self.running.replicas) if disk_lost and self.running is not None else {}
        right(self, disk_lost=disk_lost)
        for group, lost in hosted.items():
            affairs = lost.start_affairs
            empty = GroupState(affairs).snapshot()
            file = self.open_disk(group)
            file.renew(
                Checkpoint(
                    lost.identity, replication.NEW_REPLICA, 0, affairs.group.number, affairs, empty, 0, ()
                )
            )
            assert file._next is not None
            file._file, file._next = file._next, None

    return crash


@defect(Leading, "on_acknowledged")
def joiner_counts_early(right: Step) -> Step:
    """A replica that is to become a member counts in the place of the one that leaves, as if it had the whole log."""

    def answered(self: Leading, message: messages.Acknowledged | messages.Granted) -> None:
        right(self, message)
        joiner, leaver = self.joiner, getattr(self, "_leaver", None)
        if joiner is None or leaver is None or message.sender != joiner.member.identity:
            return
        before = self.leader.committed
        said = replication.Acknowledgement(self.leader.epoch, self.leader.length)
        self.leader = replication.on_acknowledgement(self.leader, self.places[leaver], said)
        if self.leader.committed > before:
            self._committed()

    return answered


also(joiner_counts_early, Leading, "on_granted")(joiner_counts_early)


@defect(replica.HANDLERS, messages.Ask)
def replaced_member_not_told(right: Step) -> Step:
    """A member that was away when it was replaced is never told so, and stays where it is."""

    def on_ask(self: Replica, message: messages.Ask) -> None:
        answer = self._answer

        def untold(asked: messages.Message, said: messages.Message) -> None:
            if not isinstance(said, messages.Retire):
                answer(asked, said)

        self._answer = untold  # type: ignore[method-assign,assignment]
        try:
            right(self, message)
        finally:
            del self._answer

    return on_ask
