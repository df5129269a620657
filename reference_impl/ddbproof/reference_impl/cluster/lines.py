"""The lines of a table's partitions, as far as its archive has come: where in them a change stands, and what became of each.

A partition's log goes on where its parent's ended (`model.kernel.streams`): the *position* of an entry is its index in the
log of its group, counted on from the position at which the parent was closed. So positions grow along every line of
descent, and never come twice in one partition. The archive goes through the logs in order, a child's after all of its
parent's; who reads it (streams, `shards`) sees the partitions of the archive, and not those of the router's map.

Why a partition was split is kept as well, for people to look at.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

SIZE, HEAT, ASKED = "size", "heat", "asked"
"""Why a partition was split: it outgrew `--partition-bytes`, it was hot (`heat`), or somebody asked for it."""


class Split(msgspec.Struct, frozen=True, gc=False):
    """The partition of group `parent` has ended at position `end`, where its two children begin."""

    parent: int
    end: int
    lower: int
    upper: int


class Lines:
    """The partitions of one table. `when_split` is told of each split, between the parent's last change and the children's first.

    `bases` are the positions of their groups' first entries, a child's once the end of its parent is known. `reasons` has,
    for each that came of a split, why its parent was split.
    """

    def __init__(self, when_split: Callable[[Split], None]) -> None:
        self.reasons: dict[int, str] = {}
        self.bases: dict[int, int] = {}
        self._open: set[int] = set()
        self._children: dict[int, tuple[int, int]] = {}
        self._asked: dict[int, str] = {}
        self._when_split = when_split

    @property
    def open(self) -> list[int]:
        """The groups of the partitions that are not closed, in order."""
        return sorted(self._open)

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
        self.reasons[lower] = self.reasons[upper] = self._asked.pop(group, ASKED)

    def close(self, group: int, index: int) -> None:
        """A partition's log says at an index that it is closed: its children begin."""
        lower, upper = self._children.pop(group)
        end = self.bases[group] + index
        self.bases[lower] = self.bases[upper] = end
        self._open.remove(group)
        self._open |= {lower, upper}
        self._when_split(Split(group, end, lower, upper))
