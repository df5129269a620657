"""Planted defects of what is stored, acknowledged, committed and remembered by a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ddbproof.model.kernel import instants, replication
from ddbproof.reference_impl.replication import environment
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.replica_log import ReplicaLog
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.simulation import disk
from ddbproof.reference_impl.simulation.defects.base import Step, defect
from ddbproof.reference_impl.simulation.disk import SimulatedDisk

# Acknowledging.


@defect(replication, "on_two_of_three")
def acknowledged_at_one(_right: Step) -> Step:
    """An entry counts as committed when a single replica has it on its disk."""

    def on_two_of_three(first: int, second: int, third: int) -> int:
        return instants.higher(first, instants.higher(second, third))

    return on_two_of_three


@defect(SimulatedDisk, "synchronize")
def acknowledged_before_fsync(right: Step) -> Step:
    """A disk says at once that all is on it, and writes it afterwards."""

    def synchronize(self: SimulatedDisk, done: Callable[[], None]) -> None:
        right(self, lambda: None)
        done()

    return synchronize


# What a crash leaves on a disk.


@defect(disk, "_whole")
def bad_record_skipped(right: Step) -> Step:
    """A record that is not whole is passed over, and what stands behind it is read."""

    def whole(records: list[bytes]) -> list[environment.Record]:
        return [found for record in records for found in right([record])]

    return whole


@defect(disk, "_whole")
def torn_record_accepted(_right: Step) -> Step:
    """The checksum of a record is not looked at, only its length."""

    def whole(records: list[bytes]) -> list[environment.Record]:
        found = []
        for framed in records:
            if len(framed) <= disk._HEADER_BYTES or len(framed) - 8 != int.from_bytes(framed[:4], "big"):
                break
            found.append(disk._decode(framed[disk._HEADER_BYTES :]))
        return found

    return whole


@defect(SimulatedDisk, "read")
def torn_tail_left(_right: Step) -> Step:
    """Reading stops at a torn record and leaves it there, so that what is written later stands behind it."""

    def read(self: SimulatedDisk) -> list[environment.Record]:
        file = self._file
        file.synchronized = len(file.records)
        return disk._whole(file.records)

    return read


@defect(Replica, "opened")
def whole_log_committed_on_restart(right: Any) -> Any:
    """A replica that starts again takes all that is in its log as committed."""

    def opened(cls: type[Replica], world: Any, file: Any, group: int) -> Replica | None:
        made: Replica | None = right.__func__(cls, world, file, group)
        if made is not None:
            made.record = msgspec.structs.replace(made.record, committed=made.record.length)
            made._advance()
        return made

    return classmethod(opened)


# Logs that differ.


@defect(replication, "on_commit")
def committed_in_another_epochs_log(_right: Step) -> Step:
    """A follower takes what a leader says is committed for its own log, also when that is of another epoch."""

    def on_commit(replica: replication.Replica, epoch: int, committed: int) -> replication.Replica:
        del epoch
        reached = instants.higher(replica.committed, instants.lower(committed, replica.length))
        return msgspec.structs.replace(replica, committed=reached)

    return on_commit


@defect(ReplicaLog, "replace_from")
def own_tail_kept(right: Step) -> Step:
    """A log that a new leader replaces keeps the entries that it has, and takes only those that it lacks."""

    def replace_from(self: ReplicaLog, start: int, entries: list[Any]) -> None:
        kept = len(self) - start
        if self.start <= start and 0 < kept <= len(entries):
            entries = [*self.between(start, len(self)), *entries[kept:]]
        right(self, start, entries)

    return replace_from


@defect(Replica, "_take_back")
def lost_entries_kept_in_items(_right: Step) -> Step:
    """A leader that loses its office leaves in its items what was never committed."""

    def take_back(self: Replica) -> None:
        if self.state is not None:
            self.state._undo.clear()

    return take_back


# Requests.


@defect(GroupState, "_remember")
def answered_requests_forgotten(right: Step) -> Step:
    """Nobody remembers which requests have been answered: one that is sent again is done again."""

    def remember(self: GroupState, request: int) -> int | None:
        forgotten: int | None = right(self, request)
        self.answered.discard(request)
        return forgotten

    return remember
