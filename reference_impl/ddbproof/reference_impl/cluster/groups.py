"""The replication groups of one table: partitions, each with a replica in three Availability Zones and a leader.

A group of its own keeps the table's partition map. Strong reads and writes are a leader's, with a lease, who may
answer once what it shows is committed. What is committed goes to the archive (`feed`) in the order of the
groups' logs, a child's after all of its parent's or parents'.

How time passes for them, and how messages get from one to another, is in `table_world`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ddbproof.model.kernel import lease, limits
from ddbproof.reference_impl.cluster.heat import Heat
from ddbproof.reference_impl.cluster.lines import Lines, Split
from ddbproof.reference_impl.cluster.reshaping import Reshaping
from ddbproof.reference_impl.cluster.table_world import TableWorld
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import (
    Change,
    Closed,
    Entry,
    Member,
    MergeBegun,
    MergeWithdrawn,
    Opened,
    Settled,
    SplitBegun,
    Write,
)
from ddbproof.reference_impl.replication.partition_map import (
    MAP_KEY,
    METADATA_GROUP,
    PartitionMap,
    encoded,
)

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.zones import Fleet, StorageNode
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.replica import Replica

_ELECTION_MILLISECONDS = 5_000
_LONGEST_LAG_MILLISECONDS = 600
_LAG_BEGINS = 0.02

Take = Callable[[Change, int, int], None]


class TableGroups(TableWorld):
    """The groups of a table with `partitions` partitions, on the nodes of `fleet`.

    A partition with items of more than `most_bytes` is split, while it is written, so that each half has as many of them;
    with `heat_splits`, one that is hot as well (`heat`, None without), and neighbours that are cold are merged, where
    `may_merge` allows it when they begin. With `keeps_collections_whole`, as a local secondary
    index demands, items of one partition key are never parted (PART-11).
    `feed` is given every committed change once, those of an item in their order, with the group that has committed it and
    its position (`lines`); `when_split` is told, between the last change of a partition and the first of its children.
    With `lagging`, followers fall behind by chance, as they may; else nobody can tell them from their leader. Raises
    UnavailableError if too little of the Region is there to elect leaders.
    """

    def __init__(
        self,
        fleet: Fleet,
        feed: Take,
        seed: str,
        now_milliseconds: int,
        partitions: int,
        *,
        when_split: Callable[[Split], None] = lambda _: None,
        may_merge: Callable[[], bool] = lambda: True,
        most_bytes: int = limits.MOST_BYTES,
        heat_splits: bool = False,
        keeps_collections_whole: bool = False,
        lagging: bool = False,
        recording: bool = False,
    ) -> None:
        super().__init__(fleet, seed, now_milliseconds, recording=recording)
        # CPython reaches no more than 30 attributes of an instance quickly; what splits need is in `lines` and `reshaping`.
        self.lagging = lagging
        self.lines = Lines(when_split)
        self.heat = Heat(keeps_collections_whole=keeps_collections_whole) if heat_splits else None
        self.reshaping = Reshaping(
            self,
            partitions,
            most_bytes=most_bytes,
            keeps_collections_whole=keeps_collections_whole,
            may_merge=may_merge,
        )
        self._feed = feed
        self._archived: dict[int, int] = {}
        self._leaders: dict[int, Leading] = {}
        self.map: PartitionMap = ()
        self.lows: list[bytes] = []
        fleet.host(self)
        try:
            self._found(partitions)
        except UnavailableError:
            fleet.dismiss(self)
            raise

    def _found(self, partitions: int) -> None:
        self._new_group()
        table: list[tuple[bytes, int]] = []
        for number in range(partitions):
            low = b"" if number == 0 else (65536 * number // partitions).to_bytes(2, "big")
            table.append((low, self._new_group()))
        limit = self.steady_milliseconds + _ELECTION_MILLISECONDS
        groups = range(self._groups + 1)
        while self.steady_milliseconds < limit and any(self.find_leader(it) is None for it in groups):
            self._pass(self._next_tick)
        keeper = self.leader(METADATA_GROUP)
        self.write(keeper, keeper.change(MAP_KEY, encoded(table), 0))
        self.take_map(table)
        for group in groups:
            self.leader(group)
            if group != METADATA_GROUP:
                self.lines.found(group)
        self._ahead_milliseconds = 0

    def _new_group(self) -> int:
        group = self.new_group()
        chosen: list[StorageNode] = []
        for zone in self.fleet.zones:
            there = [node for node in self.fleet.nodes if node.zone == zone]
            chosen.append(self.random.choice([node for node in there if node.up] or there))
        first, second, third = (Member(self.new_identity(), node.number) for node in chosen)
        affairs = first_affairs((first, second, third))
        for member in affairs.members:
            self.seats[member.node].host(group, member.identity, affairs)
        return group

    # -- time -------------------------------------------------------------------------------------------

    @property
    def _is_impatient(self) -> bool:
        return self.reshaping.under_way  # it comes to its end within a few ticks

    def _ticked(self) -> None:
        for replica in self.all_replicas():
            leading = replica.leading
            if leading is not None:
                self._hand_over(leading)
                self.reshaping.consider(leading)
        self.reshaping.go_on()

    @property
    def settled(self) -> bool:
        """See `zones.Hosted`: all is committed, and each group has three equal replicas, whatever its leader knows."""
        if self._under_way or self.reshaping.may_be_under_way:
            return False
        return all(self._is_whole(group) for group in (METADATA_GROUP, *(it for _, it in self.map)))

    def _is_whole(self, group: int) -> bool:
        leading = self.find_leader(group)
        if leading is None or not leading.at_rest:
            return False
        equal = [
            replica
            for replica in self.replicas(group)
            if replica.identity in leading.followers
            and replica.state is not None
            and replica.record.accepted == leading.leader.epoch
            and replica.record.length == leading.leader.length
        ]
        return len(equal) == len(leading.followers)

    # -- messages ---------------------------------------------------------------------------------------

    def _fall_behind(self, leading: Leading) -> None:
        """Perhaps one of the followers hears of nothing for a while."""
        group = leading.replica.group
        if group in self.lag:
            if self.lag[group][1] > self.steady_milliseconds:
                return
            del self.lag[group]
        if self.random.random() < _LAG_BEGINS:
            others = [it.node for it in leading.members if it.node != leading.replica.environment.node]
            until = self.steady_milliseconds + self.random.randint(1, _LONGEST_LAG_MILLISECONDS)
            self.lag[group] = self.random.choice(others), until

    # -- leaders ----------------------------------------------------------------------------------------

    def leader(self, group: int) -> Leading:
        """The leader that may answer for a group now. Raises UnavailableError if there is none."""
        leading = self.find_leader(group)
        if leading is None:
            self.wait(lambda: self.find_leader(group) is not None)
            leading = self.find_leader(group)
        if leading is None:
            raise UnavailableError("no leader with a lease can be reached")
        return leading

    def find_leader(self, group: int) -> Leading | None:
        leading = self._leaders.get(group)
        if leading is not None and self._may_serve(leading):
            return leading
        for replica in self.members(group):
            leading = replica.leading
            if leading is not None and self._may_serve(leading):
                self._leaders[group] = leading
                return leading
        return None

    def _may_serve(self, leading: Leading) -> bool:
        replica = leading.replica
        return (
            replica.leading is leading
            and (self.fleet.calm or self.fleet.router_reaches(replica.environment.node))
            and lease.may_serve(leading.lease, self.steady_milliseconds)
            and leading.leader.committed >= leading.leader.base
        )

    def members(self, group: int) -> list[Replica]:
        """The replicas of a group that the routers reach."""
        found = []
        for seat in self.seats:
            if seat.running is not None and self.fleet.router_reaches(seat.node):
                replica = seat.running.replicas.get(group)
                if replica is not None:
                    found.append(replica)
        return found

    # -- writes -----------------------------------------------------------------------------------------

    def write(self, leading: Leading, change: Change) -> None:
        """Write at a leader. Raises UnavailableError when it is not known whether that will be done."""
        if self.lagging:
            self._fall_behind(leading)
        leading.write(0, change)
        self.settle(leading, leading.leader.length)

    def settle(self, leading: Leading, length: int) -> None:
        """See to it that so much of a leader's log is committed. Raises UnavailableError if it is not."""
        self.pump()
        if leading.leader.committed < length:
            outcome: list[bool] = []
            leading.when_committed(length, outcome.append)
            if not self.wait(lambda: bool(outcome)) or not outcome[0]:
                self.fleet.rouse(self)
                raise UnavailableError("too few replicas have answered")
        self._hand_over(leading)

    def is_ready(self, key: bytes) -> bool:
        """True if a write of a key would be acknowledged at once, whatever else is broken.

        The leader, and a follower that has its whole log and has promised nobody else, have disks that need no time, and
        their messages arrive at once: nothing can come between.
        """
        leading = self.find_leader(self.group_of(key))
        if leading is None or not leading.state.affairs.serves or self.fleet.messages.any:
            return False
        if leading.shown(key) > leading.leader.committed or not leading.replica.disk.mirrors:
            return False
        followers = self.replicas(leading.replica.group)
        return any(self._acknowledges_at_once(leading, follower) for follower in followers)

    def _acknowledges_at_once(self, leading: Leading, follower: Replica) -> bool:
        home, node = leading.replica.environment.node, follower.environment.node
        record, saved, leader = follower.record, follower.saved, leading.leader
        return (
            node != home
            and follower.identity in leading.followers
            and record.accepted == record.promised == leader.epoch
            and saved.record.length == record.length == leader.length
            and follower.number == saved.number == leading.number
            and follower.disk.mirrors
            and self.fleet.reaches(home, node)
            and self.fleet.reaches(node, home)
            and self.lag.get(follower.group, (-1, 0))[0] != node
        )

    # -- the archive ------------------------------------------------------------------------------------

    def archive(self, group: int, index: int, entries: Sequence[Entry]) -> int:
        """Take committed entries of a group; returns how many of it are archived then."""
        archived, bases = self._archived, self.lines.bases
        done = archived.get(group, 0)
        for entry in entries[done - index :]:
            if type(entry) is Write:
                if group != METADATA_GROUP:
                    self._feed(entry.change, group, bases[group] + done)
            elif type(entry) is Settled:
                if entry.change is not None:
                    self._feed(entry.change, group, bases[group] + done)
            elif not self._archive_affair(group, done, entry):
                break
            done += 1
            archived[group] = done
        return done

    def _archive_affair(self, group: int, index: int, entry: Entry) -> bool:
        """Take an entry that is no client's; False if it cannot be taken yet."""
        if type(entry) is Opened:
            # Everything up to the entry that has closed the parent, or both that were merged.
            closed = [record for record in (entry.parent, entry.upper) if record is not None]
            for parent, record in zip(self._parents_of(group), closed, strict=True):
                if not self._is_archived(parent, record.length + 1):
                    return False
        elif type(entry) is SplitBegun:
            self.lines.begin_split(group, entry.lower, entry.upper)
        elif type(entry) is MergeBegun:
            self.lines.begin_merge(group, entry.child)
        elif type(entry) is MergeWithdrawn:
            self.lines.withdraw(group)
        elif type(entry) is Closed:
            self.lines.close(group, index)
        return True

    def positions(self) -> dict[int, int]:
        """Where the archive stands in the log of each partition, by its group."""
        return {group: self.lines.bases[group] + self._archived.get(group, 0) for group in self.lines.open}

    def _is_archived(self, group: int, length: int) -> bool:
        leading = self.find_leader(group)
        if leading is not None:
            self._hand_over(leading)
        return self._archived.get(group, 0) >= length

    def _parents_of(self, group: int) -> list[int]:
        return next(list(it.latest_affairs().parts) for it in self.replicas(group))

    def _hand_over(self, leading: Leading) -> None:
        """Hand over to the archive what is committed, at once: a backup is made of what is there."""
        archiving = leading.archiving
        before = -2
        while before < archiving.archived < leading.leader.committed:
            before = archiving.archived
            archiving.tick(self.steady_milliseconds)

    # -- partitions -------------------------------------------------------------------------------------

    def group_of(self, key: bytes) -> int:
        """The group of the partition that a key lies in, by the map that the router has."""
        return self.map[bisect_right(self.lows, key) - 1][1]

    def serving(self, key: bytes) -> Leading:
        """The leader that may answer for a key now. Raises UnavailableError if there is none."""
        leading = self.leader(self.group_of(key))
        if not leading.state.affairs.serves:
            self.wait(lambda: self.leader(self.group_of(key)).state.affairs.serves)
            leading = self.leader(self.group_of(key))
            if not leading.state.affairs.serves:
                raise UnavailableError("the partition is being split or merged")
        return leading

    def taking(self, key: bytes) -> Leading:
        """The leader that may take a write of a key now. Raises UnavailableError if there is none.

        All that it has is in the archive, so that a write is when it is acknowledged: of a child the archive takes nothing
        before it has all of the parent, or of both that were merged, and those may have nobody who leads them to their end.
        """
        leading = self.serving(key)
        if leading.archiving.archived == leading.leader.length:
            return leading
        self.settle(leading, leading.leader.length)
        if leading.archiving.archived < leading.leader.length:
            raise UnavailableError("the archive has not all of what the partition came of")
        return self.serving(key)

    def split(self, key: bytes) -> bool:
        """Begin to split the partition that a key lies in at the middle of its items; False if it cannot be split now."""
        return self.reshaping.split(self.serving(key))

    def merge(self, key: bytes) -> bool:
        """Begin to merge the partition that a key lies in with the next one; False if they cannot be merged now.

        Raises UnavailableError if one of them has nobody who leads it.
        """
        lower = self.serving(key)
        place = bisect_right(self.lows, key)
        return place < len(self.lows) and self.reshaping.merge(lower, self.serving(self.lows[place]))

    def take_map(self, table: PartitionMap) -> None:
        """Route by another map from now on."""
        self.map = table
        self.lows = [low for low, _ in table]
        self.reshaping.keep([group for _, group in table])

    def drop(self, group: int) -> None:
        """A group is no more."""
        for seat in self.seats:
            seat.drop(group)

    # -- what happens to nodes --------------------------------------------------------------------------

    def crash(self, node: int, *, disk: str) -> None:
        """See `zones.Hosted`."""
        self._leaders.clear()  # whoever led there is nobody any more
        super().crash(node, disk=disk)

    def step_down(self, key: bytes) -> None:
        """The leader of a key's partition lays down its office; the followers elect another."""
        self.leader(self.group_of(key)).replica.stop_leading()
        self.fleet.rouse(self)
        self.pump()
