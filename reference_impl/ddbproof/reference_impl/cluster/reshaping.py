"""How the partitions of a table change while they are written: which are split, and what becomes of what is over.

A partition that outgrows its bytes is split at the middle of its items, one that stays hot (`heat`) at a key of its traffic;
`model.kernel.splits` and `replication.splitting` say how. The router uses the new map as soon as the metadata group has it.
A partition that is in the map no more is let go of when those that came of it serve, and the archive has all it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbproof.reference_impl.cluster import cuts
from ddbproof.reference_impl.cluster.lines import ASKED, HEAT, SIZE
from ddbproof.reference_impl.replication.partition_map import MAP_KEY, METADATA_GROUP, decoded

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.groups import TableGroups
    from ddbproof.reference_impl.cluster.heat import Heat
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.replica import Replica


class Reshaping:
    """What `groups` does for its partitions' shape; see there for `most_bytes` and `keeps_collections_whole`.

    `under_way` is true while something changes that comes to its end within a few ticks, `may_be_under_way` also while it
    cannot be said, since those who know may be away.
    """

    def __init__(self, groups: TableGroups, *, most_bytes: int, keeps_collections_whole: bool) -> None:
        self.under_way = False
        self.may_be_under_way = False
        self._groups = groups
        self._most_bytes = most_bytes
        self._whole = keeps_collections_whole
        self._over: set[int] = set()

    # -- as time passes ---------------------------------------------------------------------------------

    def consider(self, leading: Leading) -> None:
        """Split a partition that is too large, or hot."""
        if leading.state.fold.size_bytes > self._most_bytes and leading.at_rest:
            self._split_in_the_middle(leading, SIZE)
        elif self._groups.heat is not None:
            self._split_if_hot(self._groups.heat, leading)

    def go_on(self) -> None:
        """Go on with what is under way."""
        if self.may_be_under_way:
            self._look_at_map()

    # -- splits -----------------------------------------------------------------------------------------

    def split(self, leading: Leading) -> bool:
        """Begin to split a partition at the middle of its items; False if it cannot be split now."""
        begun = self._split_in_the_middle(leading, ASKED)
        self._groups.pump()
        return begun

    def _split_in_the_middle(self, leading: Leading, reason: str) -> bool:
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

    def _begun(self) -> None:
        self.under_way = self.may_be_under_way = True
        self._groups.fleet.rouse(self._groups)

    # -- what follows -----------------------------------------------------------------------------------

    def _look_at_map(self) -> None:
        """Something is under way: use the new map as soon as there is one, and let go of what is over."""
        groups = self._groups
        leading = groups.find_leader(METADATA_GROUP)
        image = None if leading is None else leading.state.committed_image(MAP_KEY)
        if image is not None:
            table = decoded(image.item)
            if table != groups.map:
                self._over |= {group for _, group in groups.map} - {group for _, group in table}
                groups.take_map(table)
        for group in list(self._over):
            self._let_go(group)
        self._drop_orphans()
        self.under_way = bool(self._over) or any(_is_changing(replica) for replica in groups.all_replicas())
        # As long as something is broken, those who know of it may all be away.
        self.may_be_under_way = self.under_way or not groups.fleet.calm

    def _let_go(self, group: int) -> None:
        """Drop a group once its children have all that it had, and so has the archive."""
        groups = self._groups
        serving = {
            replica.group
            for replica in groups.all_replicas()
            if (affairs := replica.decided_affairs()).child_of == group
            and affairs.child is not None
            and affairs.child.open
        }
        committed = max((replica.record.committed for replica in groups.replicas(group)), default=0)
        if len(serving) == 2 and groups.is_archived(group, committed):
            self._over.discard(group)
            groups.drop(group)

    def _drop_orphans(self) -> None:
        """Drop children that were founded for a split which never began.

        A leader alone cannot know that: an entry that is not committed may stand in another replica's log, and be
        committed by whoever leads next. When all three have the leader's log, there is none.
        """
        groups = self._groups
        for replica in groups.all_replicas():
            affairs = replica.latest_affairs()
            if affairs.child is None or affairs.child.open:
                continue
            leading = groups.find_leader(affairs.child_of)
            if leading is not None and leading.at_rest and not leading.split.may_become(replica.group):
                groups.drop(replica.group)


def _is_changing(replica: Replica) -> bool:
    """True if a replica's partition is being split, or is one of a split and does not serve yet; or it founds such."""
    affairs, leading = replica.latest_affairs(), replica.leading
    founds = leading is not None and leading.split.founding
    return founds or affairs.parent is not None or not affairs.serves
