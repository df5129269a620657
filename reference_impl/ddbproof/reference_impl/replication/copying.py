"""How a partition's log gets to the groups that it goes over to: a snapshot, or the entries behind it, only what is committed.

An heir asks for what comes next, and writes it into its own log, which counts how far it has come: so whoever leads
it goes on there, and an answer that is late or comes twice is known as one. One that comes of two partitions copies
from both, and after each piece from the other one first, so that neither has to wait while the other is written. It opens once
it has, on two disks, all that those ever had.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ddbproof.model.kernel import merges, splits
from ddbproof.model.kernel.splits import Parent
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Copied, Opened, Write, change_of

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.affairs import Affairs
    from ddbproof.reference_impl.replication.leading import Leading

_NEAR = 20
_MOST_ENTRIES = 500


class Copying:
    """What a leader does so that others copy from its partition, and what it copies itself."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self._reached: dict[int, int] = {}  # by heir
        self._closed: dict[int, Parent] = {}  # by the group that is copied from, as it has told
        self._standing: dict[int, int] = {}  # likewise

    def tick(self) -> None:
        """Copy on."""
        affairs = self._leading.state.affairs
        if affairs.child is not None and not affairs.child.open:
            self._pull(affairs.parts)

    # -- one that is copied from ----------------------------------------------------------------------------

    def near(self) -> bool:
        """True if all heirs lack only little of the log, by what they have said in this office."""
        least = max(self._leading.leader.committed - _NEAR, 1)
        return all(self._reached.get(heir, 0) >= least for heir in self._leading.state.affairs.heirs)

    def on_pull(self, message: messages.Pull) -> None:
        """An heir asks for what comes next."""
        leading = self._leading
        affairs, committed = leading.state.affairs, leading.leader.committed
        if affairs.parent is None or message.child not in affairs.heirs:
            return
        self._reached[message.child] = max(self._reached.get(message.child, 0), message.applied)
        if affairs.merge is not None:
            leading.merge.hears(message.other)
        if not affairs.parent.closed:
            # Asked now and not at the next tick: until then there may be more new writes than an heir may lack.
            leading.close_when_near()
            affairs = leading.state.affairs
        parent = affairs.parent
        assert parent is not None
        if parent.closed and parent.length >= committed:
            parent = Parent(committed, parent.splitting, parent.cut)  # not yet committed
        leading.replica.environment.send(message.node, self._next(message, affairs, parent))

    def _next(self, message: messages.Pull, affairs: Affairs, parent: Parent) -> messages.Pulled:
        leading, replica = self._leading, self._leading.replica
        committed, heir = leading.leader.committed, message.child
        start = message.applied
        end = min(committed, parent.length if parent.closed else committed, start + _MOST_ENTRIES)
        anew = start < replica.log.start or start == 0
        if anew:
            snapshot = replica.committed_snapshot()
            assert snapshot is not None  # who leads has items
            changes, requests = snapshot.changes(), snapshot.answered + snapshot.answered_upper
            end = min(snapshot.position, parent.length) if parent.closed else snapshot.position
        else:
            entries = replica.log.between(start, max(start, end))
            changes = tuple(change for entry in entries if (change := change_of(entry)) is not None)
            requests = tuple(entry.request for entry in entries if isinstance(entry, Write))
        return messages.Pulled(
            heir,
            replica.identity,
            replica.environment.node,
            start,
            end,
            tuple(change for change in changes if affairs.goes_to(heir, change.key)),
            requests,
            anew,
            parent,
            tuple(it for it in leading.state.checked.items() if affairs.goes_to(heir, it[0])),
            replica.group,
            leading.merge.standing(),
        )

    # -- one that copies ------------------------------------------------------------------------------------

    def _pull(self, sources: Iterable[int]) -> None:
        replica, committed = self._leading.replica, self._leading.leader.committed
        if self._leading.state.applied > committed:
            return  # what was copied last is not on two disks yet
        environment, parts = replica.environment, self._leading.state.affairs.parts
        for source in sources:
            pull = messages.Pull(
                source,
                replica.identity,
                environment.node,
                replica.group,
                parts[source].applied,
                min(
                    (self._standing.get(it, messages.FAR) for it in parts if it != source),
                    default=messages.FAR,
                ),
            )
            for node in environment.nodes_of(source):
                environment.send(node, pull)

    def on_pulled(self, message: messages.Pulled) -> None:
        """What comes next has come, unless it came before."""
        leading, affairs = self._leading, self._leading.state.affairs
        part = affairs.parts.get(message.source)
        if part is None or part.open:
            return
        if message.parent.closed:
            self._closed[message.source] = message.parent
        self._standing[message.source] = message.standing
        if leading.state.applied > leading.leader.committed:
            return
        opened = self._opened(affairs)
        if opened is not None:
            leading.append(opened)
        elif message.end > part.applied and message.start == part.applied:
            upper = affairs.upper_part is not None and part.upper
            leading.append(
                Copied(message.end, message.writes, message.requests, message.anew, message.checked, upper)
            )
            leading.when_committed(
                leading.leader.length, lambda committed: self._pull_more(message.source, committed=committed)
            )

    def _opened(self, affairs: Affairs) -> Opened | None:
        """The entry that opens this partition, if it has all that there will ever be."""
        child, upper_part = affairs.child, affairs.upper_part
        parent = self._closed.get(affairs.child_of)
        if child is None or parent is None:
            return None
        if upper_part is None:
            return Opened(parent) if splits.may_open(child.applied, parent) else None
        upper = self._closed.get(affairs.upper_of)
        if upper is None or not merges.may_open(child.applied, parent, upper_part.applied, upper):
            return None
        return Opened(parent, upper)

    def _pull_more(self, source: int, *, committed: bool) -> None:
        """Each round has less to copy than the one before, if it begins when that has ended."""
        affairs = self._leading.state.affairs
        if committed and affairs.child is not None and not affairs.child.open:
            self._pull([it for it in affairs.parts if it != source] or [source])
