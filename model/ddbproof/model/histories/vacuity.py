"""How much a history is worth as evidence: a store that nobody asked much has not shown much.

A write that no read, condition or old item ever showed could have been lost. Where no two operations on an item overlap, no
order was in question. And what was not answered can hardly contradict anything. None of this changes a verdict; a run whose
evidence is thin should be planned anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from ddbproof.model.histories.operations import History, Outcome

_THIN_SEEN, _THIN_OVERLAP, _THICK_AMBIGUITY = 0.2, 0.05, 0.3
_TOO_FEW = 10


class Evidence(msgspec.Struct, frozen=True):
    """Figures of a history. Shares are from 0 to 1; None where there is nothing to divide by."""

    operations: int
    items: int
    reads: int
    """Reads that were answered."""
    writes: int
    """Writes that were acknowledged, those with a condition among them."""
    writes_seen: float | None
    """Share of these that somebody saw later."""
    sightings: float | None
    """How often each of these was seen, on average."""
    overlapping: float | None
    """Share of answered operations with another on the same item at the same time."""
    ambiguous: float | None
    """Share of operations of which nobody knows whether they happened."""
    conditions_held: float | None
    """Share of conditional writes that were answered and took effect."""

    @property
    def thin(self) -> tuple[str, ...]:
        """Why this is little evidence, in words; nothing if it is not."""
        found = []
        if self.operations < _TOO_FEW:
            found.append(f"only {_many(self.operations, 'operation')}")
        if self.writes_seen is not None and self.writes_seen < _THIN_SEEN:
            found.append(f"only {self.writes_seen:.0%} of the writes were ever seen")
        if self.overlapping is not None and self.overlapping < _THIN_OVERLAP:
            found.append(f"only {self.overlapping:.0%} of the operations overlap with another on their item")
        if self.ambiguous is not None and self.ambiguous > _THICK_AMBIGUITY:
            found.append(f"{self.ambiguous:.0%} of the operations had no answer")
        if not self.reads:
            found.append("nothing was read")
        return tuple(found)

    def told(self) -> str:
        """One line."""
        seen = "none" if self.writes_seen is None else f"{self.writes_seen:.0%}"
        return (
            f"{_many(self.operations, 'operation')} on {_many(self.items, 'item')}: {_many(self.reads, 'read')}; "
            f"{_many(self.writes, 'write')}, {seen} of them seen; {self.overlapping or 0:.0%} overlap, "
            f"{self.ambiguous or 0:.0%} ambiguous"
        )


# What an operation has to do with an item: item, invoke, return, outcome, is it a read, has it a condition, what it
# found there, what it wrote. A tuple, as there are millions.
_Touch = tuple[str, int, int, Outcome, bool, bool, object, object]


def evidence(history: History) -> Evidence:
    """The figures of a history."""
    seen: Counter[tuple[str, object]] = Counter()
    wrote: set[tuple[str, object]] = set()
    intervals: dict[str, list[tuple[int, int]]] = {}
    touches = ambiguous = reads = writes = conditional = held = 0
    for key, invoke, returned, outcome, is_read, has_condition, found, written in _touches(history):
        touches += 1
        if found is not UNSET:
            seen[key, found] += 1
        mine = intervals.setdefault(key, [])
        if outcome == "info":
            ambiguous += 1
            continue
        mine.append((invoke, returned))
        conditional += has_condition
        if outcome == "ok":
            if is_read:
                reads += 1
            else:
                writes += 1
                held += has_condition
                wrote.add((key, written))
    answered = sum(len(some) for some in intervals.values())
    return Evidence(
        operations=len(history.operations) + len(history.transactions),
        items=len(intervals),
        reads=reads,
        writes=writes,
        writes_seen=_share(sum(one in seen for one in wrote), len(wrote)),
        sightings=_share(sum(seen[one] for one in wrote), len(wrote)),
        overlapping=_share(sum(_overlapping(some) for some in intervals.values()), answered),
        ambiguous=_share(ambiguous, touches),
        conditions_held=_share(held, conditional),
    )


def _touches(history: History) -> Iterator[_Touch]:
    for one in history.operations:
        kind, outcome = one.kind, one.outcome
        if kind == "read":
            found = one.value if outcome == "ok" else UNSET
        else:
            found = one.observed
            if found is UNSET and outcome == "ok":
                found = one.seen
        yield one.key, one.invoke, one.returned, outcome, kind == "read", kind == "cas", found, one.value
    for many in history.transactions:
        answered = many.outcome == "ok"
        for step in many.steps:
            is_read = step.kind == "read"
            shown = (step.value if is_read else step.seen) if answered else UNSET
            yield step.key, many.invoke, many.returned, many.outcome, is_read, False, shown, step.value


def _overlapping(intervals: list[tuple[int, int]]) -> int:
    """How many of them share an instant with another."""
    intervals.sort()
    count, latest = 0, None
    for place, (invoke, returned) in enumerate(intervals):
        after = place + 1 < len(intervals) and intervals[place + 1][0] <= returned
        count += after or (latest is not None and latest >= invoke)
        latest = returned if latest is None else max(latest, returned)
    return count


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
