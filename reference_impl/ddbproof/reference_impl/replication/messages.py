"""What the replicas of a group say to each other. A message carries a suffix of a log, never a log.

`group` is the group, `sender` the identity of the replica that sends, `node` where it lives. Whatever arrives may be
old, repeated or out of order: each receiver decides by its own record and the kernels.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from ddbproof.model.kernel import lease, replication
from ddbproof.model.kernel.splits import Parent
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.entries import Change, Entry
from ddbproof.reference_impl.replication.state import Snapshot


class _Message(msgspec.Struct, frozen=True, gc=False):
    group: int
    sender: int
    node: int


# Elections.


class Ask(_Message, frozen=True, gc=False):
    """Do you hear a leader? `candidacy` is the number that the asker gave its attempt, `number` the configuration it has promised."""

    candidacy: int
    number: int


class Agree(_Message, frozen=True, gc=False):
    """I hear none; the highest epoch I know of."""

    candidacy: int
    epoch: int


class Prepare(_Message, frozen=True, gc=False):
    """Promise me this epoch, and the configuration `number`; I have what is committed up to `committed`."""

    epoch: int
    number: int
    committed: int


class Promised(_Message, frozen=True, gc=False):
    """I promise, in configuration `number`, and hold `entries` from `start` on, up to the length that the promise states.

    `committed` is how many entries I know to be committed, `affairs` what my log says of the group.
    """

    promise: replication.Promise
    start: int
    entries: tuple[Entry, ...]
    committed: int
    affairs: Affairs
    number: int


class Refused(_Message, frozen=True, gc=False):
    """I have promised a later epoch, or a newer configuration, than yours."""

    epoch: int
    number: int


# Leading.


class Heartbeat(_Message, frozen=True, gc=False):
    """The leader's heartbeat, with the configuration, how long its log is and what is committed."""

    beat: lease.Heartbeat
    number: int
    length: int
    committed: int


class Granted(_Message, frozen=True, gc=False):
    """The lease is granted; `record` is what I have on my disk, `start` where my log begins, `full` if I have items."""

    beat: lease.Heartbeat
    record: replication.Replica
    start: int
    full: bool
    applied: int


class SteppedDown(_Message, frozen=True, gc=False):
    """The leader of an epoch serves no more."""

    epoch: int


class Append(_Message, frozen=True, gc=False):
    """Entries of the epoch's log from `index` on, and what is committed."""

    epoch: int
    number: int
    index: int
    entries: tuple[Entry, ...]
    committed: int


class Synchronize(_Message, frozen=True, gc=False):
    """Replace your log from `start` on by these entries.

    With `affairs`, those of the group after `start` entries, it becomes the whole of the log, `digest` being that of what
    is left out; a full replica gets its items with it, from a snapshot somewhere in that log.
    """

    epoch: int
    number: int
    start: int
    entries: tuple[Entry, ...]
    committed: int
    affairs: Affairs | None = None
    snapshot: Snapshot | None = None
    digest: int = 0


class Heal(_Message, frozen=True, gc=False):
    """Take these items, and be a full replica; keep your log, which is one of this epoch."""

    epoch: int
    snapshot: Snapshot


class Acknowledged(_Message, frozen=True, gc=False):
    """So many entries of the epoch's log are on my disk; `applied` of them in my items, if I have any."""

    answer: replication.Acknowledgement
    applied: int


class Join(_Message, frozen=True, gc=False):
    """Become a replica of this group under `identity`; its log follows, from where `affairs` and `digest` are those of the group.

    An older replica of the group that is none of the `members` of configuration `number` gives way.
    """

    identity: int
    affairs: Affairs
    start: int
    digest: int
    number: int
    members: tuple[int, ...]


class Retire(_Message, frozen=True, gc=False):
    """The replica `identity` is no member of the group, nor about to become one, in configuration `number`."""

    identity: int
    number: int


# Splits and merges.

FAR, NEAR, READY = range(3)
"""How far a source is from being closed. NEAR, nothing is in the way but items that transactions hold; READY, nothing at all."""


class Found(_Message, frozen=True, gc=False):
    """Become a replica of the new group `child`, under `identity`. Sent once, on a connection."""

    child: int
    identity: int
    affairs: Affairs


class Founded(_Message, frozen=True, gc=False):
    """The replica of the new group is on my disk."""

    child: int


class Pull(_Message, frozen=True, gc=False):
    """The leader of `child` has the parent's log up to `applied`, on two disks; what comes next?

    A merged partition tells each of its sources what the `other` one has told of itself, as in `Pulled`.
    """

    child: int
    applied: int
    other: int = FAR


class Pulled(_Message, frozen=True, gc=False):
    """What comes after `start` in the parent's committed log, up to `end`; or, `anew`, all of it up to there.

    `parent` is the parent's record, as far as it is committed; `checked` is as in `entries.Copied`. `source` is the group
    of whom all this is; if it merges, `standing` tells how far it is from being closed.
    """

    start: int
    end: int
    writes: tuple[Change, ...]
    requests: tuple[int, ...]
    anew: bool
    parent: Parent
    checked: tuple[tuple[bytes, int], ...] = ()
    source: int = 0
    standing: int = FAR


class Unite(_Message, frozen=True, gc=False):
    """The partition of group `lower` has begun to merge into that of group `child`, which is committed: join it."""

    child: int
    lower: int


class United(_Message, frozen=True, gc=False):
    """I have `joined` the merge into the partition of group `child`; or else I never will. Either is committed."""

    child: int
    joined: bool


GoingOver: TypeAlias = Founded | Pull | Pulled | Unite | United
"""What leaders say to each other of splits and merges."""


# Clients.


class Operation(msgspec.Struct, frozen=True, gc=False):
    """What a client asks of an item: read, put, cas (put if the item is `expected`), delete.

    Of the partition map, an item of the metadata group: split or merge, where `item` says which partition became which.
    """

    kind: str
    key: bytes
    item: bytes | None = None
    expected: bytes | None = None
    strong: bool = True


class Request(_Message, frozen=True, gc=False):
    """A router asks; `request` is its number for this, the same when it asks again."""

    request: int
    operation: Operation


class Reply(_Message, frozen=True, gc=False):
    """An answer: ok, failed (the condition), unknown (it may happen), or refused (it did not and will not happen).

    `item` is what was read, or what stood there before. `leader` is the node of the leader, if refused for that.
    `moved` tells that the partition is not this group's any more.
    """

    request: int
    outcome: str
    item: bytes | None = None
    leader: int = -1
    moved: bool = False


Message: TypeAlias = (
    Ask
    | Agree
    | Prepare
    | Promised
    | Refused
    | Heartbeat
    | Granted
    | SteppedDown
    | Append
    | Synchronize
    | Heal
    | Acknowledged
    | Join
    | Retire
    | Found
    | Founded
    | Pull
    | Pulled
    | Unite
    | United
    | Request
    | Reply
)
