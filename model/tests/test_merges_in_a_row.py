"""Many partitions in a row, each of which splits and merges as chance has it: what the system `merges` takes for given of neighbours.

There one merge is looked at, and of the merges that its two partitions may have with others it is assumed that each is decided once.
Here all of them are run by the kernel, beside each other and one after the other. What is told is kept, and heard at any
time later or never. Copying is left out: it is proved, and nobody's way depends on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from ddbproof.model.engine import campaign
from ddbproof.model.engine.mutants import planted
from ddbproof.model.kernel import merges, splits
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.splits import Child, Parent

POSITIONS = 16
SETS_OUT = 0.2
RUNS = 200
Step = Callable[[], None]
SYSTEM = campaign.load("merges")


class ServedByTwo(Exception):
    """A position is."""


class Partition:
    """A partition with the positions from `low` up to, and without, `high`; `heirs` are those it is on its way to."""

    def __init__(self, low: int, high: int, *, serves: bool) -> None:
        self.low, self.high, self.opened = low, high, serves
        self.parent = Parent(0)
        self.heirs: list[Merged] | list[Partition] = []
        self.begun_as_lower = False

    @property
    def serves(self) -> bool:
        """True if it answers for its positions."""
        return self.opened and splits.parent_serves(self.parent)

    @property
    def merge(self) -> Merged | None:
        """The merged partition that it is on its way to, if any."""
        return self.heirs[0] if self.heirs and isinstance(self.heirs[0], Merged) else None


class Merged(Partition):
    """A merged partition, and what has been told of its merge."""

    def __init__(self, lower: Partition, upper: Partition) -> None:
        super().__init__(lower.low, upper.high, serves=False)
        self.sources = lower, upper
        self.told_begun = self.told_joined = self.told_away = False


class Row:
    """All partitions there ever were, in no order, and the steps that they may take."""

    def __init__(self) -> None:
        self.all: list[Partition] = [Partition(at, at + 4, serves=True) for at in range(0, POSITIONS, 4)]

    def setting_out(self) -> list[list[Step]]:
        """What begins something: a split, a merged partition that is founded, a merge."""
        there = [one for one in self.all if one.serves]
        return [
            [partial(self.split, one) for one in there if one.high - one.low > 1],
            [
                partial(self.found, one, other)
                for one in there
                for other in self.all
                if other.low == one.high and other.opened
            ],
            [partial(self.begin, one) for one in self.all if isinstance(one, Merged) and not one.opened],
        ]

    def going_on(self) -> Iterator[Step]:
        """What brings something on its way."""
        for one in self.all:
            if isinstance(one, Merged) and not one.opened:
                yield from (
                    partial(self.tell_begun, one),
                    partial(self.tell_joined, one),
                    partial(self.tell_away, one),
                )
                yield partial(self.join, one)
                yield partial(self.withdraw, one)
                yield partial(self.open_merged, one)
            elif one.heirs and not one.parent.closed:
                yield partial(self.close, one)
            elif one.heirs and one.merge is None:
                yield partial(self.open_children, one)

    def split(self, one: Partition) -> None:
        cut = (one.low + one.high) // 2
        one.parent = splits.begin(one.parent, cut)
        one.heirs = [Partition(one.low, cut, serves=False), Partition(cut, one.high, serves=False)]

    def open_children(self, one: Partition) -> None:
        for upper, child in enumerate(one.heirs):
            splits.open_child(Child(bool(upper)), one.parent.length, one.parent)
            if not child.opened:
                child.opened = True
                self.all.append(child)

    def found(self, lower: Partition, upper: Partition) -> None:
        """The merged partition is there before the merge begins, which it may never."""
        if not any(isinstance(one, Merged) and one.sources == (lower, upper) for one in self.all):
            self.all.append(Merged(lower, upper))

    def begin(self, merged: Merged) -> None:
        lower = merged.sources[0]
        lower.parent = merges.begin(lower.parent, merged.sources[1].low)
        lower.heirs, lower.begun_as_lower = [merged], True

    def tell_begun(self, merged: Merged) -> None:
        """What is told stays told; who hears of it acts on it when it likes."""
        merged.told_begun |= merged.sources[0].merge is merged

    def tell_joined(self, merged: Merged) -> None:
        merged.told_joined |= merged.sources[1].merge is merged

    def tell_away(self, merged: Merged) -> None:
        upper = merged.sources[1]
        if upper.merge is not merged:
            elsewhere = upper.merge is not None and upper.merge.told_joined
            merged.told_away |= merges.stays_away(upper.parent, upper.begun_as_lower, elsewhere)

    def join(self, merged: Merged) -> None:
        upper = merged.sources[1]
        upper.parent = merges.join(upper.parent, upper.low, merged.told_begun)
        upper.heirs, upper.begun_as_lower = [merged], False

    def withdraw(self, merged: Merged) -> None:
        lower = merged.sources[0]
        if lower.merge is merged:
            lower.parent = merges.withdraw(lower.parent, merged.told_away)
            lower.heirs, lower.begun_as_lower = [], False

    def close(self, one: Partition) -> None:
        joined = one.merge is None or not one.begun_as_lower or one.merge.told_joined
        one.parent = merges.close(splits.on_write(one.parent), joined)

    def open_merged(self, merged: Merged) -> None:
        lower, upper = (
            one.parent if one.merge is merged else Parent(one.parent.length) for one in merged.sources
        )
        merges.open_merged(Child(False), Child(True), lower.length, lower, upper.length, upper)
        merged.opened = True

    def served(self) -> list[int]:
        """By how many each position is served."""
        return [
            sum(one.serves and one.low <= position < one.high for one in self.all)
            for position in range(POSITIONS)
        ]


def run(seed: int, steps: int = 150) -> tuple[Row, int]:
    """A run of chance, then whatever can go on does until nothing changes; the row, and how many merges opened."""
    chance, row = random.Random(seed), Row()
    for _ in range(steps):
        begin, go_on = [some for some in row.setting_out() if some], list(row.going_on())
        sets_out = begin and (not go_on or chance.random() < SETS_OUT)
        take(chance.choice(chance.choice(begin) if sets_out else go_on))
        if max(row.served()) > 1:
            raise ServedByTwo
    for _ in range(4 * len(row.all)):
        for step in list(row.going_on()):
            take(step)
    return row, sum(isinstance(one, Merged) and one.opened for one in row.all)


def take(step: Step) -> None:
    """Take a step, unless the kernel refuses it."""
    try:
        step()
    except NotAllowed:
        return


def everything_has_ended(row: Row) -> bool:
    """Each position is served, and nobody who serves is on its way to anywhere."""
    return row.served() == [1] * POSITIONS and not any(one.serves and one.heirs for one in row.all)


def test_any_number_of_merges_beside_each_other() -> None:
    """PART-04: no position is ever served by two. PART-03: in the end each is served, and nobody waits."""
    merged = 0
    for seed in range(RUNS):
        row, opened = run(seed)
        merged += opened
        assert everything_has_ended(row), f"seed {seed}"
    assert merged > RUNS / 2


@pytest.mark.parametrize(
    "mutant",
    ["joins_by_itself", "busy_is_away", "withdraws_when_it_likes", "closed_before_the_other_joins"],
)
def test_one_wrong_rule_leaves_somebody_waiting(mutant: str) -> None:
    """PART-03: among so many runs there are some in which a row never comes to rest."""
    with planted(SYSTEM, SYSTEM.mutants[mutant]):
        assert not all(everything_has_ended(run(seed)[0]) for seed in range(RUNS))


@pytest.mark.parametrize(
    "mutant",
    ["joins_wherever_it_is_bound", "opens_with_one_of_both", "opens_before_they_close", "opens_half_by_half"],
)
def test_another_has_a_position_served_by_two(mutant: str) -> None:
    """PART-04: so the runs do show it."""
    with planted(SYSTEM, SYSTEM.mutants[mutant]), pytest.raises(ServedByTwo):
        list(map(run, range(RUNS)))
