"""The lines of a table's partitions, as far as its archive has come: where in them a change stands, and what became of each.

A partition's log goes on where its parent's ended (`model.kernel.streams`): the *position* of an entry is its index in the
log of its group, counted on from the position at which the parent was closed. One that came of two others by a merge begins
where the one of them ended that came further. So positions grow along every line of descent, and never come twice in
one partition. The archive goes through the logs in order, a child's after all of its parent's, and of both if there are two;
who reads it (streams, `shards`) sees the partitions of the archive, and not those of the router's map.

Why a partition is there is kept as well, for people to look at.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

SIZE, HEAT, ASKED = "size", "heat", "asked"
"""Why a partition was split: it outgrew `--partition-bytes`, it was hot (`heat`), or somebody asked for it."""
MERGED, FOUNDING = "merged", "founding"
"""It was put together of two neighbours, or is as the table was founded."""


class Split(msgspec.Struct, frozen=True, gc=False):
    """The partition of group `parent` has ended at position `end`, where its two children begin."""

    parent: int
    end: int
    lower: int
    upper: int


class Lines:
    """The partitions of one table. `when_split` is told of each split, between the parent's last change and the children's first.

    `bases` are the positions of their groups' first entries, a child's once the end of its parent is known, or of both its
    parents. `merging` are the merges that the archive has come upon and not got to the end of: by the group of each source,
    that of the merged partition.
    """

    def __init__(self, when_split: Callable[[Split], None]) -> None:
        self.bases: dict[int, int] = {}
        self.merging: dict[int, int] = {}
        self._reasons: dict[int, str] = {}
        self._open: set[int] = set()
        self._children: dict[int, tuple[int, int]] = {}
        self._asked: dict[int, str] = {}
        self._ends: dict[int, list[int]] = {}
        self._when_split = when_split

    @property
    def open(self) -> list[int]:
        """The groups of the partitions that are not closed, in order."""
        return sorted(self._open)

    def has_ended(self, group: int) -> bool:
        """True if the archive has all of a partition that was closed."""
        return group in self.bases and group not in self._open

    def reason(self, group: int) -> str:
        """Why a partition is there."""
        return self._reasons.get(group, FOUNDING)

    def found(self, group: int) -> None:
        """A partition is there from the beginning."""
        self.bases[group] = 0
        self._open.add(group)

    def ask(self, group: int, reason: str) -> None:
        """A partition's leader was asked to split it."""
        self._asked[group] = reason

    def begin_split(self, group: int, lower: int, upper: int) -> None:
        """A partition's log says that it is being split into two others."""
        self._children[group] = lower, upper
        self._reasons[lower] = self._reasons[upper] = self._asked.pop(group, ASKED)

    def begin_merge(self, group: int, merged: int) -> None:
        """A partition's log says that it is on its way to a merged one."""
        self.merging[group] = merged
        self._reasons[merged] = MERGED

    def withdraw(self, group: int) -> None:
        """A partition's log says that it is on its way no more."""
        del self.merging[group]

    def close(self, group: int, index: int) -> None:
        """A partition's log says at an index that it is closed: its children begin, or what it is merged into once both are."""
        end = self.bases[group] + index
        self._open.remove(group)
        if group in self._children:
            lower, upper = self._children.pop(group)
            self.bases[lower] = self.bases[upper] = end
            self._open |= {lower, upper}
            self._when_split(Split(group, end, lower, upper))
            return
        merged = self.merging[group]
        ends = self._ends.setdefault(merged, [])
        ends.append(end)
        if len(ends) == 2:
            self.bases[merged] = max(self._ends.pop(merged))
            self._open.add(merged)
            self.merging = {one: into for one, into in self.merging.items() if into != merged}
