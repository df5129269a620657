"""How the partitions of a table change while they are written: which are split or merged, and what becomes of what is over.

A partition that outgrows its bytes is split at the middle of its items, one that stays hot (`heat`) at a key of its traffic;
`model.kernel.splits` and `replication.splitting` say how. Two neighbours that stay `cold`, and have less than half of those bytes
together, are merged; `model.kernel.merges` and `replication.merging` say how. Merges only undo splits: two partitions as
the table was founded with stay two, and there are never fewer of them in all. A table that has a stream or had one keeps its
partitions, since a shard has one parent; before a stream is turned on merges come to their end (`finish_merges`).

The router uses the new map as soon as the metadata group has it. A partition that is in the map no more is let go of when
what came of it serves, and the archive has all it had.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ddbproof.reference_impl.cluster import cuts
from ddbproof.reference_impl.cluster.cold import Cold
from ddbproof.reference_impl.cluster.lines import ASKED, FOUNDING, HEAT, SIZE
from ddbproof.reference_impl.errors import UnavailableError
from ddbproof.reference_impl.replication.partition_map import (
    MAP_KEY,
    METADATA_GROUP,
    PartitionMap,
    decoded,
)

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.groups import TableGroups
    from ddbproof.reference_impl.cluster.heat import Heat
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.replica import Replica


class Reshaping:
    """What `groups` does for its partitions' shape; see there for the parameters. `founded` partitions it began with.

    `under_way` is true while something changes that comes to its end within a few ticks, `may_be_under_way` also while it
    cannot be said, since those who know may be away.
    """

    def __init__(
        self,
        groups: TableGroups,
        founded: int,
        *,
        most_bytes: int,
        keeps_collections_whole: bool,
        may_merge: Callable[[], bool],
    ) -> None:
        self.under_way = False
        self.may_be_under_way = False
        self.may_merge = may_merge
        self._groups = groups
        self._founded = founded
        self._most_bytes = most_bytes
        self._whole = keeps_collections_whole
        self._cold = None if groups.heat is None else Cold(groups.heat)
        self._routed: set[int] = set()
        self._over: dict[int, dict[int, int]] = {}  # with the heirs that serve, and how many parts each has
        self._may_be_merging = False
        self._merges_held = False

    # -- as time passes ---------------------------------------------------------------------------------

    def consider(self, leading: Leading) -> None:
        """Split a partition that is too large, or hot; not before the map has it, which could not say what became of it."""
        if leading.replica.group not in self._routed:
            return
        if leading.state.fold.size_bytes > self._most_bytes and leading.at_rest:
            self._split_in_the_middle(leading, SIZE)
        elif self._groups.heat is not None:
            self._split_if_hot(self._groups.heat, leading)

    def go_on(self) -> None:
        """Go on with what is under way; else see if there is anything to be merged."""
        if self.may_be_under_way:
            self._look_at_map()
        if self._cold is not None and not self.under_way:
            self._merge_if_cold(self._cold)

    # -- splits -----------------------------------------------------------------------------------------

    def split(self, leading: Leading) -> bool:
        """Begin to split a partition at the middle of its items; False if it cannot be split now."""
        begun = self._split_in_the_middle(leading, ASKED)
        self._groups.pump()
        return begun

    def _split_in_the_middle(self, leading: Leading, reason: str) -> bool:
        if not leading.may_go_over():
            return False
        cut = cuts.middle(leading.state.fold.items, keeps_collections_whole=self._whole)
        return cut is not None and self._split_at(leading, cut, reason)

    def _split_if_hot(self, heat: Heat, leading: Leading) -> None:
        cut = heat.cut(leading.replica.group, self._groups.now_milliseconds)
        if cut is not None and leading.at_rest:
            self._split_at(leading, cut, HEAT)

    def _split_at(self, leading: Leading, cut: bytes, reason: str) -> bool:
        if not leading.split.ask(cut):
            return False
        self._groups.lines.ask(leading.replica.group, reason)
        self._begun()
        return True

    # -- merges -----------------------------------------------------------------------------------------

    def merge(self, lower: Leading, upper: Leading) -> bool:
        """Begin to merge two neighbours; False if they cannot be merged now."""
        begun = self._merge(lower, upper)
        self._groups.pump()
        return begun

    def _merge(self, lower: Leading, upper: Leading) -> bool:
        border = next(low for low, group in self._groups.map if group == upper.replica.group)
        if self._merges_held or not self.may_merge() or not upper.may_go_over():
            return False
        if not lower.merge.ask(upper.replica.group, border):
            return False
        self._may_be_merging = True
        self._begun()
        return True

    def _merge_if_cold(self, cold: Cold) -> None:
        groups = self._groups
        if len(groups.map) <= self._founded or not self.may_merge():
            return
        for pair in cold.neighbours(groups.now_milliseconds):
            if all(groups.lines.reason(group) == FOUNDING for group in pair):
                continue
            lower, upper = (groups.find_leader(group) for group in pair)
            if lower is None or upper is None or not (lower.at_rest and upper.at_rest):
                continue
            size_bytes = lower.state.fold.size_bytes + upper.state.fold.size_bytes
            if 2 * size_bytes < self._most_bytes and self._merge(lower, upper):
                return

    def finish_merges(self) -> None:
        """Let merges come to their end. Raises UnavailableError if one has not, after as long as a request waits."""
        if not self._may_be_merging:
            return
        self._merges_held = True
        try:
            finished = self._groups.wait(self._merges_are_over)
        finally:
            self._merges_held = False
        if not finished:
            raise UnavailableError("two partitions of the table are being merged")
        self._may_be_merging = False

    def _merges_are_over(self) -> bool:
        """True if no partition is on its way to be merged, by what its leader knows, and the archive knows all that were."""
        groups, lines = self._groups, self._groups.lines
        if lines.merging:
            return False
        for _, group in groups.map:
            leading = groups.find_leader(group)
            if leading is None or leading.split.founding:
                return False
            affairs = leading.state.affairs
            is_unheard_of = len(affairs.parts) > 1 and group not in lines.bases
            if affairs.merge is not None or is_unheard_of:
                return False
        return True

    # -- what follows -----------------------------------------------------------------------------------

    def keep(self, groups: list[int]) -> None:
        """These partitions are there now, in the order of their keys."""
        self._routed = set(groups)
        if self._groups.heat is not None and self._cold is not None:
            self._groups.heat.keep(self._routed)
            self._cold.keep(groups, self._groups.now_milliseconds)

    def _begun(self) -> None:
        self.under_way = self.may_be_under_way = True
        self._groups.fleet.rouse(self._groups)

    def _look_at_map(self) -> None:
        """Something is under way: use the new map as soon as there is one, and let go of what is over."""
        groups = self._groups
        leading = groups.find_leader(METADATA_GROUP)
        image = None if leading is None else leading.state.committed_image(MAP_KEY)
        if image is not None:
            table = self._as_served(decoded(image.item))
            if table != groups.map:
                before = self._routed
                groups.take_map(table)
                self._over |= {group: {} for group in before - self._routed}
        for group in sorted(self._over):  # each before what came of it
            self._let_go(group)
        self._drop_orphans()
        self.under_way = bool(self._over) or any(_is_changing(replica) for replica in groups.all_replicas())
        # As long as something is broken, those who know of it may all be away.
        self.may_be_under_way = self.under_way or not groups.fleet.calm
        if self._may_be_merging and not self.may_be_under_way:
            self._may_be_merging = not self._merges_are_over()

    def _as_served(self, table: PartitionMap) -> PartitionMap:
        """The map, with the two that are being merged in the place of a merged partition that does not serve yet.

        The map has that one as soon as the lower of the two is closed. The upper one may hold an item for a transaction
        then, and has to be found by whoever brings that to its end; and it serves whatever it has until it is closed.
        """
        merged = {group for _, group in table} & set(self._groups.lines.merging.values())
        waiting = {group for group in merged if not self._serves(group)}
        if not waiting:
            return table
        ends = [*(low for low, _ in table[1:]), None]
        served: list[tuple[bytes, int]] = []
        for (low, group), end in zip(table, ends, strict=True):
            if group in waiting:
                served += [one for one in self._groups.map if low <= one[0] and (end is None or one[0] < end)]
            else:
                served.append((low, group))
        return served

    def _serves(self, group: int) -> bool:
        return any(replica.decided_affairs().serves for replica in self._groups.replicas(group))

    def _let_go(self, group: int) -> None:
        """Drop a group once those that came of it have all that it had, and so has the archive.

        One of two children may be split or merged, and let go of, before the other one serves: so it is noted who does.
        """
        groups, heirs = self._groups, self._over[group]
        heirs |= {
            replica.group: len(affairs.parts)
            for replica in groups.all_replicas()
            if (part := (affairs := replica.decided_affairs()).parts.get(group)) is not None and part.open
        }
        # Two of a split, or one of a merge, which has another part as well.
        all_serve = len(heirs) == 2 or 2 in heirs.values()
        if all_serve and groups.lines.has_ended(group):
            del self._over[group]
            groups.drop(group)

    def _drop_orphans(self) -> None:
        """Drop what was founded for a split or a merge that never began, or was withdrawn from."""
        for replica in self._groups.all_replicas():
            affairs = replica.latest_affairs()
            waits = affairs.child is not None and not affairs.child.open
            if waits and self._is_orphan(replica.group, affairs.child_of):
                self._groups.drop(replica.group)

    def _is_orphan(self, group: int, founder: int) -> bool:
        """True if a group, of which a replica does not know that it serves, never will: its founder has not become it.

        A leader alone cannot know that: an entry that is not committed may stand in another replica's log, and be
        committed by whoever leads next. When all three have the leader's log, there is none. A founder that was let go of
        has become others, which are in the map, or were.
        """
        leading = self._groups.find_leader(founder)
        if leading is not None:
            return leading.at_rest and not leading.split.may_become(group)
        known = self._routed | self._over.keys()
        return group not in known and founder not in known and not self._groups.nodes_of(founder)


def _is_changing(replica: Replica) -> bool:
    """True if a replica's partition is on its way to others, or comes of others and does not serve yet; or it founds such."""
    affairs, leading = replica.latest_affairs(), replica.leading
    founds = leading is not None and leading.split.founding
    return founds or affairs.parent is not None or not affairs.serves
