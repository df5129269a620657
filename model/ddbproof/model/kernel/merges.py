"""Merging two neighbours while writes run: how the data and the duty of both go over to one.

The lower of the two decides. It *begins*: an entry of its log says that it is on its way to the merged partition. Only
then may the upper one *join*, by an entry of its own; and that is for good. If the upper one is on its way to somewhere
else instead, and will never come back, the lower one *withdraws* and is a partition like any other. It may do
nothing else until the upper one has decided, except to serve. Once the upper one has joined, each of them is *closed*, at
any time after, as a parent that is split is. The merged partition copies from both, counted by the log of each, and
*opens* with one step, when both are closed and it has on its disk all that both ever had. So nobody gives up
its duty for a partner who may not come, nothing is given back half-way, and no position is served by two.

AWS publishes no protocol for merges, nor that there are any (decision 0014); this one is ours. What one of them has to know
of another is told by messages, which may come twice, late or never. So each thing that is told stays true:
that the lower one has begun this merge, until the upper one has decided; that the upper one has joined; that it stays away;
that one is closed, and how long its log is. A message names the merged partition, and a source tells what it has only to the one
that its log names.

`splits.Parent` is a source here (`splitting`: on its way to another partition; `cut`: where), `splits.Child` what the merged
partition has of one. `splits.on_write`, `on_snapshot` and `on_copy` are used as they are.
"""

from __future__ import annotations

from ddbproof.model.kernel import splits
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.splits import Child, Parent


def begin(lower: Parent, border: int) -> Parent:
    """The lower one is on its way, with whoever begins at the border. NotAllowed if it is on its way already."""
    return splits.begin(lower, border)


def join(upper: Parent, border: int, lower_begun: bool) -> Parent:
    """The upper one is on its way too, for good. NotAllowed before the lower one, or if it is on its way already."""
    require(lower_begun)
    return splits.begin(upper, border)


def stays_away(upper: Parent, begun_as_lower: bool, other_joined: bool) -> bool:
    """True if a partition that is not in this merge will never join it, whatever happens.

    One that is being split will not, nor one that has joined another merge. One that has itself begun a merge, as
    the lower one, may yet withdraw and come: it stays away once the other of that merge is known to have joined.
    """
    if begun_as_lower:
        return other_joined
    return upper.splitting


def withdraw(lower: Parent, upper_stays_away: bool) -> Parent:
    """The lower one is not on its way any more. NotAllowed if the upper one may yet join, or once it is closed."""
    require(upper_stays_away)
    require(lower.splitting)
    require(not lower.closed)
    return Parent(lower.length)


def close(source: Parent, upper_joined: bool) -> Parent:
    """The last thing either of them does in its log. NotAllowed before the upper one has joined."""
    require(upper_joined)
    return splits.close(source)


def may_open(saved_lower: int, lower: Parent, saved_upper: int, upper: Parent) -> bool:
    """True if the merged partition, with so many entries of each on its disk, has all there will ever be of both.

    The records are those that each of them has told this merged partition of itself.
    """
    return splits.may_open(saved_lower, lower) and splits.may_open(saved_upper, upper)


def open_merged(
    lower_part: Child, upper_part: Child, saved_lower: int, lower: Parent, saved_upper: int, upper: Parent
) -> tuple[Child, Child]:
    """The merged partition serves what both served. Raises NotAllowed before it has all of both on disk."""
    require(may_open(saved_lower, lower, saved_upper, upper))
    return Child(lower_part.upper, saved_lower, True), Child(upper_part.upper, saved_upper, True)
