"""Is a history of single items linearizable? The reference: zones, in pure Python.

After Gibbons and Korach (Testing Shared Memories, 1997). Every write has a value of its own, so each read names the write
it saw, and each value is in the register during one unbroken stretch. A cas names the value before its own, and so does a
write that was answered with the old item: values linked in this way follow each other at once and form a *block*, whose
inner order is known. That extension is ours; a block is to zones what a single value was.

Inside a block: going through the operations in order, none may return before one that comes earlier is invoked. Between
blocks: the *first return* and the *last invoke* of a block bound what it needs. When block A has an operation that
returns before one of B is invoked, A comes before B; no two blocks may each come before the other. That is checked by
sorting: forward zones (first return < last invoke) must be disjoint, and no other zone may lie inside one of them.

An ambiguous write that nobody saw is as good as never made (exact, as no other write has its value); one that was seen
happened. Items with deletes, with values written twice, or with their first value written again are *unknown* here:
see wgl.py. Cost: n log n. `register_fast` gives the same verdicts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from ddbproof.model.histories.operations import (
    BEFORE_ALL,
    FOREVER,
    Ok,
    Operation,
    Unknown,
    Value,
    Verdict,
    Violation,
    by_key,
    told_value,
    worst,
)

Judge: TypeAlias = Callable[[Sequence[Operation], Sequence[int], Value], Verdict]

_NOBODY = -1
_MOST_LINKS = 6


@dataclass(slots=True)
class _Version:
    """A value: who wrote it, over what, and of those who saw it, who returned first and who was invoked last."""

    writer: int
    invoke: int
    returned: int
    previous: Value | UnsetType = UNSET
    ambiguous: bool = False
    first: int = _NOBODY
    first_return: int = FOREVER
    last: int = _NOBODY
    last_invoke: int = BEFORE_ALL


@dataclass(slots=True)
class _Zone:
    """A block: its values in order, the operation that returns first and the one that is invoked last."""

    start: int
    end: int
    first: int
    last: int
    values: list[Value]


@dataclass(slots=True)
class _Key:
    """What is known of one item."""

    operations: Sequence[Operation]
    initial: Value
    versions: dict[Value, _Version] = field(default_factory=dict)
    given_up: dict[Value, int] = field(default_factory=dict)
    following: dict[Value, Value] = field(default_factory=dict)


def check(
    operations: Sequence[Operation],
    initial: Mapping[str, Value] | None = None,
    otherwise: Judge | None = None,
) -> Verdict:
    """Ok, a violation on one of the items, or unknown as the zones cannot judge one; `otherwise` judges those."""
    first = initial or {}
    verdicts = []
    for key, positions in by_key(operations).items():
        verdict = check_key(operations, positions, first.get(key))
        if isinstance(verdict, Unknown) and otherwise is not None:
            verdict = otherwise(operations, positions, first.get(key))
        verdicts.append(verdict)
        if isinstance(verdicts[-1], Violation):
            return verdicts[-1]
    return worst(verdicts)


def check_key(operations: Sequence[Operation], positions: Sequence[int], initial: Value = None) -> Verdict:
    """The verdict on one item; `positions` are those of its operations."""
    item = _Key(operations, initial)
    item.versions[initial] = _Version(_NOBODY, BEFORE_ALL, BEFORE_ALL)
    problem = _note_writes(item, positions) or _note_observations(item, positions)
    if problem is not None:
        return problem
    live = _live(item)
    if isinstance(live, Violation):
        return live
    zones: list[_Zone] = []
    placed = 0
    for value in live:
        if item.versions[value].previous is UNSET:
            zone = _block(item, value)
            if isinstance(zone, Violation):
                return zone
            zones.append(zone)
            placed += len(zone.values)
    if placed < len(live):
        return _replacement_cycle(item, live, zones)
    return _disjoint(item, zones) or Ok(len(positions))


# -- values and who saw them ------------------------------------------------------------------------------


def _note_writes(item: _Key, positions: Sequence[int]) -> Violation | Unknown | None:
    versions = item.versions
    for position in positions:
        operation = item.operations[position]
        if operation.kind == "read":
            continue
        if operation.outcome == "fail":
            if operation.kind != "delete":
                item.given_up.setdefault(operation.value, position)
            continue
        value = operation.value
        if operation.kind == "delete" or value is None:
            return Unknown(
                f"{told_value(operation.key)} is deleted (op {position}): that leaves no value of its own"
            )
        if value in versions:
            before = versions[value].writer
            twice = "was there at first" if before == _NOBODY else f"is also written by op {before}"
            return Unknown(
                f"{told_value(value)}, which op {position} writes to {told_value(operation.key)}, {twice}"
            )
        ambiguous = operation.outcome == "info"
        previous = operation.expected if operation.kind == "cas" else UNSET if ambiguous else operation.seen
        returned = FOREVER if ambiguous else operation.returned
        versions[value] = _Version(position, operation.invoke, returned, previous, ambiguous)
    return None


def _note_observations(item: _Key, positions: Sequence[int]) -> Violation | None:
    versions = item.versions
    for position in positions:
        operation = item.operations[position]
        if operation.kind != "read":
            if operation.kind == "cas" and operation.seen is not UNSET:
                wrong = _wrong_condition(position, operation)
                if wrong is not None:
                    return wrong
            if operation.outcome != "fail" or operation.seen is UNSET:
                continue
        value = operation.observed
        if value is UNSET:
            continue
        version = versions.get(value)
        if version is None:
            return _phantom(item, position, value)
        if operation.returned < version.first_return:
            version.first, version.first_return = position, operation.returned
        if operation.invoke > version.last_invoke:
            version.last, version.last_invoke = position, operation.invoke
    return None


def _live(item: _Key) -> list[Value] | Violation:
    """Values that were in the register: written for certain, seen, or replaced by one that was."""
    versions = item.versions
    live = {
        value: None
        for value, version in versions.items()
        if not version.ambiguous or version.first != _NOBODY or version.last != _NOBODY
    }
    waiting = list(live)
    while waiting:
        value = waiting.pop()
        version = versions[value]
        before = version.previous
        if before is UNSET:
            continue
        if before not in versions:
            return _phantom(item, version.writer, before)
        if before in item.following:
            return _lost_update(item, before, value)
        item.following[before] = value
        if before not in live:
            live[before] = None
            waiting.append(before)
    return list(live)


# -- blocks and zones -------------------------------------------------------------------------------------


def _block(item: _Key, head: Value) -> _Zone | Violation:
    """The block that begins with this value; none of its operations may return too early for its place."""
    zone = _Zone(FOREVER, BEFORE_ALL, _NOBODY, _NOBODY, [])
    value: Value | UnsetType = head
    while value is not UNSET:
        version = item.versions[value]
        zone.values.append(value)
        if version.invoke > zone.end:
            zone.end, zone.last = version.invoke, version.writer
        if zone.end > version.returned:
            return _out_of_order(item, zone, version.writer, value)
        if version.returned < zone.start:
            zone.start, zone.first = version.returned, version.writer
        if zone.end > version.first_return:
            return _out_of_order(item, zone, version.first, value)
        if version.first_return < zone.start:
            zone.start, zone.first = version.first_return, version.first
        if version.last_invoke > zone.end:
            zone.end, zone.last = version.last_invoke, version.last
        value = item.following.get(value, UNSET)
    return zone


def _disjoint(item: _Key, zones: list[_Zone]) -> Violation | None:
    """No two blocks each come before the other."""
    forward = sorted(
        (zone for zone in zones if zone.start < zone.end), key=lambda zone: (zone.start, zone.end)
    )
    for earlier, later in pairwise(forward):
        if later.start < earlier.end:
            return _interleaved(item, earlier, later)
    starts = [zone.start for zone in forward]
    for zone in zones:
        if zone.start >= zone.end:
            around = bisect_left(starts, zone.end) - 1
            if around >= 0 and zone.start < forward[around].end:
                return _interleaved(item, forward[around], zone)
    return None


# -- witnesses --------------------------------------------------------------------------------------------


def _named(item: _Key, position: int) -> str:
    return f"op {position} = {item.operations[position].told()}"


def _violation(item: _Key, anomaly: str, positions: Sequence[int], *then: str) -> Violation:
    shown = tuple(dict.fromkeys(position for position in positions if position != _NOBODY))
    key = item.operations[shown[0]].key
    return Violation(anomaly, shown, tuple(_named(item, position) for position in shown), then, key)


def _wrong_condition(position: int, operation: Operation) -> Violation | None:
    let = (f"op {position} = {operation.told()}",)
    if operation.outcome == "ok" and operation.seen != operation.expected:
        then = (f"it took effect though it found {told_value(operation.seen)}",)
        return Violation("condition ignored", (position,), let, then, operation.key)
    if operation.outcome == "fail" and operation.seen == operation.expected:
        then = ("it was refused though it found what it expected",)
        return Violation("refused without reason", (position,), let, then, operation.key)
    return None


def _phantom(item: _Key, position: int, value: Value) -> Violation:
    culprit = item.given_up.get(value)
    if culprit is None or culprit == position:
        then = f"op {position} found {told_value(value)}, which nobody wrote to this item"
        return _violation(item, "phantom read", [position], then)
    then = (
        f"op {position} found {told_value(value)}, but op {culprit}, the only one to write it, did not happen"
    )
    return _violation(item, "aborted read", [culprit, position], then)


def _lost_update(item: _Key, before: Value, value: Value) -> Violation:
    rival, writer = item.versions[item.following[before]].writer, item.versions[value].writer
    source = item.versions[before].writer
    then = (
        f"{told_value(before)} was replaced once, but op {rival} and op {writer} both found and replaced it"
    )
    return _violation(item, "lost update", [source, rival, writer], then)


def _replacement_cycle(item: _Key, live: list[Value], zones: list[_Zone]) -> Violation:
    placed = {value for zone in zones for value in zone.values}
    start = next(value for value in live if value not in placed)
    cycle = [start]
    while (value := item.following[cycle[-1]]) != start:
        cycle.append(value)
    writers = [item.versions[value].writer for value in cycle]
    listed = " -> ".join(
        told_value(value) for value in [*cycle[:6], *(["..."] if len(cycle) > 6 else []), start]
    )
    then = f"each value was replaced by the next and none was there at first: {listed}"
    return _violation(item, "replacement cycle", writers[:4], then)


def _out_of_order(item: _Key, zone: _Zone, early: int, value: Value) -> Violation:
    """`early`, which saw or wrote `value`, returned before `zone.last`, which comes before it, was invoked."""
    late = zone.last
    if item.versions[value].writer == late:
        reason, anomaly = f"op {early} found what op {late} wrote", "read from the future"
    else:
        sighting = _is_sighting(item, late)
        held = item.operations[late].observed if sighting else item.operations[late].value
        chain = [told_value(one) for one in dropwhile(lambda one: one != held, zone.values)]
        if len(chain) > _MOST_LINKS:
            chain[2:-2] = ["..."]
        reason = f"the values replaced each other in this order: {' -> '.join(chain)}"
        anomaly = "stale read" if sighting else "replaced out of order"
    return _violation(
        item,
        anomaly,
        [early, late],
        f"op {late} comes before op {early}, as {reason}",
        f"but op {early} had returned ({item.operations[early].returned}) before op {late} was invoked "
        f"({item.operations[late].invoke})",
    )


def _interleaved(item: _Key, outer: _Zone, inner: _Zone) -> Violation:
    """Each block has an operation that returned before one of the other was invoked."""
    stale = _is_sighting(item, outer.last) or _is_sighting(item, inner.last)
    return _violation(
        item,
        "stale read" if stale else "interleaved values",
        [outer.first, outer.last, inner.first, inner.last],
        f"{_stretch(outer)} was in the item without a break, and so was {_stretch(inner)}",
        f"{_stretch(outer)} came first, as {_before(item, outer.first, inner.last)}",
        f"but {_stretch(inner)} came first, as {_before(item, inner.first, outer.last)}",
    )


def _is_sighting(item: _Key, position: int) -> bool:
    """True for what only tells the item: a read, or a write that was refused."""
    operation = item.operations[position]
    return operation.kind == "read" or operation.outcome == "fail"


def _stretch(zone: _Zone) -> str:
    values = [told_value(value) for value in zone.values]
    return values[0] if len(values) == 1 else f"{values[0]}..{values[-1]} (linked by replacements)"


def _before(item: _Key, early: int, late: int) -> str:
    if early == _NOBODY:
        return "it was there at the beginning"
    return (
        f"op {early} returned ({item.operations[early].returned}) before op {late} was invoked "
        f"({item.operations[late].invoke})"
    )
