"""A partition's split while writes run, seen from the leader of the parent and from the leaders of the children.

The protocol is `model.kernel.splits`. First the replicas of both children are founded, on the nodes of the parent's members.
Then the parent's log says that the split has begun, and the children copy: a snapshot, or the entries behind it, only
what is committed; what a child has copied stands in its own log. When both are near, the parent's log says
that it is closed: it serves nothing any more. A child that has, on two disks, all that the parent ever had opens.
Last, the metadata group's map is changed. A leader of any of the three may be another at any time: all
it needs to go on is in the logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbproof.model.kernel import splits
from ddbproof.model.kernel.splits import Child
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import (
    Closed,
    Copied,
    Member,
    Opened,
    SplitBegun,
    Write,
    change_of,
)
from ddbproof.reference_impl.replication.partition_map import MAP_KEY, METADATA_GROUP, Split, encoded
from ddbproof.reference_impl.replication.state import Affairs, first_affairs, is_of

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading

_NEAR = 20
_MOST_ENTRIES = 500


class Splitting:
    """What a leader does for splits: its own partition's, or the one that its partition comes from."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading
        self._founding: dict[int, set[int]] = {}
        self._cut = b""
        self._reached: dict[int, int] = {}
        self._map_changed = False

    @property
    def founding(self) -> bool:
        """True while the replicas of two children are being founded."""
        return bool(self._founding)

    def may_become(self, child: int) -> bool:
        """True if a group is, or may yet become, one of the two that this partition is split into."""
        affairs = self._leading.state.affairs
        if affairs.parent is None:
            return child in self._founding
        return child in (affairs.lower, affairs.upper)

    def ask(self, cut: bytes) -> bool:
        """Begin a split at a key. False if this partition is being split already, or is one of a split under way."""
        leading, affairs = self._leading, self._leading.state.affairs
        if affairs.parent is not None or not affairs.serves or affairs.group.changing or self._founding:
            return False
        replica = leading.replica
        environment = replica.environment
        self._cut = cut
        for upper in (False, True):
            child = environment.new_group()
            first, second, third = (
                Member(environment.new_identity(), member.node) for member in leading.members
            )
            founded = first_affairs((first, second, third), Child(upper), replica.group)
            self._founding[child] = {first.node, second.node, third.node}
            for member in founded.members:
                environment.send(
                    member.node,
                    messages.Found(
                        replica.group,
                        replica.identity,
                        environment.node,
                        child,
                        member.identity,
                        founded,
                    ),
                )
        environment.after(5 * environment.timing.heartbeat_milliseconds, self._founding.clear)
        return True

    def receive(self, message: messages.Founded | messages.Pull | messages.Pulled) -> None:
        """Something of a split has come."""
        if isinstance(message, messages.Founded):
            self._on_founded(message)
        elif isinstance(message, messages.Pull):
            self._on_pull(message)
        else:
            self._on_pulled(message)

    def tick(self) -> None:
        """Go on with whatever split there is."""
        affairs = self._leading.state.affairs
        if affairs.child is not None and not affairs.child.open:
            self._pull(affairs)
        if affairs.parent is not None:
            if not affairs.parent.closed:
                self._close_when_near(affairs)
            else:
                self._change_map(affairs)

    # -- the parent -----------------------------------------------------------------------------------------

    def _on_founded(self, message: messages.Founded) -> None:
        missing = self._founding.get(message.child)
        if missing is None:
            return
        missing.discard(message.node)
        if any(self._founding.values()):
            return
        lower, upper = self._founding
        self._founding.clear()
        if self._leading.state.affairs.parent is None:
            self._leading.append(SplitBegun(self._cut, lower, upper))

    def _on_pull(self, message: messages.Pull) -> None:
        leading, replica = self._leading, self._leading.replica
        affairs, committed = leading.state.affairs, leading.leader.committed
        if affairs.parent is None or message.child not in (affairs.lower, affairs.upper):
            return
        self._reached[message.child] = max(self._reached.get(message.child, 0), message.applied)
        if not affairs.parent.closed:
            # Asked now and not at the next tick: until then there may be more new writes than a child may lack.
            self._close_when_near(affairs)
            affairs = leading.state.affairs
        parent = affairs.parent
        assert parent is not None
        if parent.closed and parent.length >= committed:
            parent = splits.Parent(committed, parent.splitting, parent.cut)  # not yet committed
        child = Child(message.child == affairs.upper)
        start = message.applied
        end = min(committed, parent.length if parent.closed else committed, start + _MOST_ENTRIES)
        anew = start < replica.log.start or start == 0
        if anew:
            snapshot = replica.committed_snapshot()
            assert snapshot is not None  # who leads has items
            changes, requests = snapshot.changes(), snapshot.answered
            end = min(snapshot.position, parent.length) if parent.closed else snapshot.position
        else:
            entries = replica.log.between(start, max(start, end))
            changes = tuple(change for entry in entries if (change := change_of(entry)) is not None)
            requests = tuple(entry.request for entry in entries if isinstance(entry, Write))
        replica.environment.send(
            message.node,
            messages.Pulled(
                message.child,
                replica.identity,
                replica.environment.node,
                start,
                end,
                tuple(change for change in changes if is_of(child, affairs.cut, change.key)),
                requests,
                anew,
                parent,
                tuple(it for it in leading.state.checked.items() if is_of(child, affairs.cut, it[0])),
            ),
        )

    def _close_when_near(self, affairs: Affairs) -> None:
        leading = self._leading
        if leading.state.pending:
            return  # what a transaction holds here is settled here
        near = leading.leader.committed - _NEAR
        if all(self._reached.get(child, 0) >= max(near, 1) for child in (affairs.lower, affairs.upper)):
            leading.append(Closed())

    def _change_map(self, affairs: Affairs) -> None:
        """Tell the metadata group, until it has answered; that it hears of it twice does no harm."""
        assert affairs.parent is not None
        leading, environment = self._leading, self._leading.replica.environment
        if leading.leader.committed <= affairs.parent.length or self._map_changed:
            return
        split = Split(leading.replica.group, affairs.cut, affairs.lower, affairs.upper)
        operation = messages.Operation("split", MAP_KEY, encoded(split))
        for node in environment.nodes_of(METADATA_GROUP):
            environment.send(
                node, messages.Request(METADATA_GROUP, 0, environment.node, leading.replica.group, operation)
            )

    def map_changed(self) -> None:
        """The metadata group has answered."""
        self._map_changed = True

    # -- a child --------------------------------------------------------------------------------------------

    def _pull(self, affairs: Affairs) -> None:
        replica, committed = self._leading.replica, self._leading.leader.committed
        if affairs.child is None or self._leading.state.applied > committed:
            return  # what was copied last is not on two disks yet
        environment = replica.environment
        for node in environment.nodes_of(affairs.child_of):
            environment.send(
                node,
                messages.Pull(
                    affairs.child_of,
                    replica.identity,
                    environment.node,
                    replica.group,
                    affairs.child.applied,
                ),
            )

    def _on_pulled(self, message: messages.Pulled) -> None:
        leading, child = self._leading, self._leading.state.affairs.child
        if child is None or child.open or leading.state.applied > leading.leader.committed:
            return
        if splits.may_open(child.applied, message.parent):
            leading.append(Opened(message.parent))
        elif message.end > child.applied and message.start == child.applied:
            leading.append(
                Copied(message.end, message.writes, message.requests, message.anew, message.checked)
            )
            leading.when_committed(leading.leader.length, self._pull_more)

    def _pull_more(self, committed: bool) -> None:
        """Each round has less to copy than the one before, if it begins when that has ended."""
        affairs = self._leading.state.affairs
        if committed and affairs.child is not None and not affairs.child.open:
            self._pull(affairs)
