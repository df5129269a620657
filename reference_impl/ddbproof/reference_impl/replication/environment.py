"""What a replica needs of the world. Everything comes through here, so that a run depends on nothing else.

The simulation gives every node an environment of its own, with a clock that errs, a disk that loses what was not
synchronized, and a network that does what it likes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from ddbproof.model.kernel import replication
from ddbproof.model.kernel.lease import Terms
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.entries import Entry
from ddbproof.reference_impl.replication.messages import Message
from ddbproof.reference_impl.replication.state import Snapshot


class Timing(msgspec.Struct, frozen=True):
    """How long things take. `terms` are the lease's; all times are in milliseconds."""

    terms: Terms = Terms(duration_milliseconds=1_500, clock_error_milliseconds=10)
    heartbeat_milliseconds: int = 300
    tick_milliseconds: int = 100
    patience_milliseconds: int = 400
    """A replica that hears no leader waits up to so long before it asks the others; chance decides."""
    silence_milliseconds: int = 6_000
    """A member that a leader has not heard for so long is replaced."""
    kept_entries: int = 200
    """So many entries a log keeps, for followers that were away."""
    saved_records: int = 600
    """After so many records the disk's file is made anew, from a snapshot."""


DEFAULT_TIMING = Timing()


# What stands on a replica's disk, one record after the other.


class Stored(msgspec.Struct, frozen=True, gc=False, tag="r", array_like=True):
    """What was promised: epochs of replication and lease, the configuration, and what is known to be committed."""

    promised: int
    lease_epoch: int
    number: int
    committed: int


class Appended(msgspec.Struct, frozen=True, gc=False, tag="a", array_like=True):
    """An entry was appended at an index; `committed` is what was known to be committed then."""

    index: int
    entry: Entry
    committed: int


class Replaced(msgspec.Struct, frozen=True, gc=False, tag="x", array_like=True):
    """The log became one of an epoch: from `start` on it has these entries, and with `affairs` none before.

    A snapshot replaces the items, too. `digest` is of all entries before `start`.
    """

    epoch: int
    start: int
    entries: tuple[Entry, ...]
    committed: int
    affairs: Affairs | None = None
    snapshot: Snapshot | None = None
    digest: int = 0


class Checkpoint(msgspec.Struct, frozen=True, gc=False, tag="k", array_like=True):
    """All of it, as the first record of a new file. `affairs` and `digest` are those at the log's start.

    A log replica has no snapshot.
    """

    identity: int
    record: replication.Replica
    lease_epoch: int
    number: int
    affairs: Affairs
    snapshot: Snapshot | None
    start: int
    entries: tuple[Entry, ...]
    digest: int = 0


Record = Stored | Appended | Replaced | Checkpoint


class Disk(Protocol):
    """A replica's file. What was written is there for good once a `synchronize` that came after it is done.

    While it `mirrors`, the disk holds whatever the replica has in its memory: nothing need be written.
    """

    @property
    def mirrors(self) -> bool:
        """True while that is so."""

    def write(self, record: Record, place: int) -> None:
        """Append a record. `place` is that of the newest step that it holds (`Environment.record`)."""

    def synchronize(self, done: Callable[[], None]) -> None:
        """Call `done` when everything written so far is on the disk; never, if the node crashes before."""

    def renew(self, checkpoint: Checkpoint, place: int = -1) -> None:
        """Begin a new file. The old one is there until the next `synchronize` is done. `place` is as in `write`."""

    def read(self) -> Sequence[Record]:
        """What is on the disk, oldest first, from the checkpoint on; nothing of a record that is torn.

        What is read is there for good: it is acknowledged without being written again.
        """


class Environment(Protocol):
    """One storage node's world. While `recording` is false nobody wants to know of steps, nor of logs' digests."""

    node: int
    recording: bool
    timing: Timing
    random: random.Random

    def now_milliseconds(self) -> int:
        """What the node's steady clock shows, which runs evenly; leases are measured with it."""

    def wall_milliseconds(self) -> int:
        """What the node takes the time of day to be; it may jump. Changes are stamped with it."""

    def send(self, node: int, message: Message) -> None:
        """Send a message to a node, this one included; it may get lost."""

    def after(self, milliseconds: int, action: Callable[[], None]) -> None:
        """Do something later, unless the node crashes first."""

    def record(self, group: int, action: str, arguments: dict[str, Any], made: Any, log: int = 0) -> int:
        """Note a step that changes what a replica must not lose; returns its place in the record of the run.

        `made` is the kernel's record that it made, `log` the digest of the log that belongs to it.
        """

    def archive(self, group: int, index: int, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        """Hand committed entries of a group, from an index on, to its archive; those that it has already change nothing.

        `done` is told how many it has then, or never called: the archive may be away. An archive takes no entries
        behind a gap.
        """

    def served(self, group: int, epoch: int) -> None:
        """The leader of an epoch answers a strong read by its lease."""

    def new_identity(self) -> int:
        """A number that no replica has had."""

    def new_group(self) -> int:
        """A number that no group has had."""

    def nodes_of(self, group: int) -> Sequence[int]:
        """Where the replicas of a group are, as far as placement knows."""

    def spare_node(self, instead_of: int, taken: Sequence[int]) -> int | None:
        """A node of the same Availability Zone as another, which has no replica of the group; None if there is none."""
