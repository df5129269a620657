"""`register` in numpy: the same verdicts on a million operations in seconds.

The same zones and blocks, all items at once. Whatever looks wrong or odd (a delete, a value written twice, a
condition that was ignored, a zone that does not fit) only names an item here; the reference then judges that item, so every
witness comes from it, and a mistake here that calls a good item bad would come to light at once.

Every version has a number; 0 up to the number of items are the first values. The place of a version in its block is found
by pointer doubling, and the running maximum of invokes within blocks by one running maximum over ranks.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import UNSET, UnsetType

from ddbproof.model.histories import register
from ddbproof.model.histories.operations import (
    BEFORE_ALL,
    FOREVER,
    Ok,
    Operation,
    Unknown,
    Value,
    Verdict,
    Violation,
    worst,
)

Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

READ, WRITE, CAS, DELETE = range(4)
OK, FAIL, INFO = range(3)
ABSENT, NOT_TOLD = -1, -2
_KINDS = {"read": READ, "write": WRITE, "cas": CAS, "delete": DELETE}
_LARGE = 2**36
_PLAIN_TYPES = {int, type(None), UnsetType}
_OUTCOMES = {"ok": OK, "fail": FAIL, "info": INFO}


@dataclass(frozen=True, slots=True)
class Columns:
    """A history as arrays. Items and values are numbers; `initial` has one for each item."""

    key: Integers
    kind: Integers
    outcome: Integers
    value: Integers
    expected: Integers
    seen: Integers
    invoke: Integers
    returned: Integers
    initial: Integers


def columns(operations: Sequence[Operation], initial: Mapping[str, Value] | None = None) -> Columns:
    """The arrays of a history."""
    keys: dict[str, int] = {}
    key = [keys.setdefault(one.key, len(keys)) for one in operations]
    value, expected, seen, first = _numbered(
        [one.value for one in operations],
        [one.expected for one in operations],
        [one.seen for one in operations],
        [(initial or {}).get(name) for name in keys],
    )
    return Columns(
        _array(key),
        _array([_KINDS[one.kind] for one in operations]),
        _array([_OUTCOMES[one.outcome] for one in operations]),
        value,
        expected,
        seen,
        _array([one.invoke for one in operations]),
        _array([one.returned for one in operations]),
        first,
    )


def _numbered(*fields: list[Any]) -> list[Integers]:
    """Values as numbers: those from 0 on stand for themselves, as long as there is nothing else among them."""
    codes: dict[Hashable, int] = {None: ABSENT, UNSET: NOT_TOLD}
    if all(set(map(type, field)) <= _PLAIN_TYPES for field in fields):
        present = [[value for value in field if type(value) is int] for field in fields]
        if all(min(some, default=0) >= 0 and max(some, default=0) < _LARGE for some in present):
            return [
                _array(
                    [ABSENT if value is None else NOT_TOLD if value is UNSET else value for value in field]
                )
                for field in fields
            ]
    for field in fields:
        for value in field:
            if value not in codes:
                codes[value] = len(codes)
    return [_array([codes[value] for value in field]) for field in fields]


def check(
    operations: Sequence[Operation],
    initial: Mapping[str, Value] | None = None,
    otherwise: register.Judge | None = None,
) -> Verdict:
    """Ok, a violation on one of the items, or unknown: what `register.check` says."""
    first = initial or {}
    if not operations:
        return Ok(0)
    table = columns(operations, first)
    odd, wrong = suspects(table)
    verdicts: list[Verdict] = []
    for code in [*wrong, *odd]:
        positions = np.flatnonzero(table.key == code).tolist()
        start = first.get(operations[positions[0]].key)
        verdict = register.check_key(operations, positions, start)
        if isinstance(verdict, Unknown) and otherwise is not None:
            verdict = otherwise(operations, positions, start)
        if isinstance(verdict, Violation):
            return verdict
        if code in wrong:
            raise AssertionError(f"item {code} is called bad by register_fast and good by register")
        verdicts.append(verdict)
    unknown = worst(verdicts)
    return unknown if isinstance(unknown, Unknown) else Ok(len(operations))


def suspects(table: Columns) -> tuple[list[int], list[int]]:
    """Items (numbers) that only the reference can judge, and an item that is certainly bad, if there is one."""
    odd = _odd(table)
    rows = ~odd[table.key]
    versions = _versions(table, rows)
    wrong = _unlinked(versions) if isinstance(versions, _Versions) else versions
    return np.flatnonzero(odd).tolist(), wrong.tolist()


# -- versions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Versions:
    """Each value of each item: when its write ran, what it replaced, the first and last to see it."""

    item: Integers
    invoke: Integers
    returned: Integers
    previous: Integers
    first_return: Integers
    last_invoke: Integers
    live: Flags


def _odd(table: Columns) -> Flags:
    """Items with something in them that has to be looked at one by one."""
    happened = table.outcome != FAIL
    cas, told = table.kind == CAS, table.seen != NOT_TOLD
    strange = (table.kind == DELETE) & happened
    strange |= cas & told & (table.outcome == OK) & (table.seen != table.expected)
    strange |= cas & told & (table.outcome == FAIL) & (table.seen == table.expected)
    writes = np.flatnonzero(((table.kind == WRITE) | cas) & happened)
    strange[writes] |= (table.value[writes] == ABSENT) | (
        table.value[writes] == table.initial[table.key[writes]]
    )
    item, value = table.key[writes], table.value[writes]
    order = np.lexsort((value, item))
    twice = (item[order][1:] == item[order][:-1]) & (value[order][1:] == value[order][:-1])
    strange[writes[order[1:][twice]]] = True
    odd = np.zeros(len(table.initial), bool)
    odd[table.key[strange]] = True
    return odd


def _versions(table: Columns, rows: Flags) -> _Versions | Integers:
    """All versions, or an item where somebody saw one that is none."""
    changes = (table.kind == WRITE) | (table.kind == CAS)
    writes = np.flatnonzero(rows & changes & (table.outcome != FAIL))
    items = len(table.initial)
    item = np.concatenate((np.arange(items), table.key[writes]))
    number = _Numbers(item, np.concatenate((table.initial, table.value[writes])))
    ambiguous = table.outcome[writes] == INFO
    before = np.where(ambiguous, NOT_TOLD, table.seen[writes])
    before = np.where(table.kind[writes] == CAS, table.expected[writes], before)
    linked = before != NOT_TOLD
    previous = np.full(len(item), -1)
    previous[items:][linked] = number.of(table.key[writes][linked], before[linked])
    saw = np.where(table.kind == READ, table.value, table.seen)
    answered = np.where(table.kind == READ, table.outcome == OK, (table.outcome == FAIL) & (saw != NOT_TOLD))
    readers = np.flatnonzero(rows & answered)
    seen = number.of(table.key[readers], saw[readers])
    if (seen < 0).any():
        return table.key[readers][seen < 0][:1]
    live = np.concatenate((np.ones(items, bool), ~ambiguous))
    live[seen] = True
    first_return, last_invoke = np.full(len(item), FOREVER), np.full(len(item), BEFORE_ALL)
    np.minimum.at(first_return, seen, table.returned[readers])
    np.maximum.at(last_invoke, seen, table.invoke[readers])
    dangling = np.zeros(len(item), bool)
    dangling[items:] = linked & (previous[items:] < 0)
    front = np.flatnonzero(live)
    while len(front):
        if dangling[front].any():
            return item[front[dangling[front]]][:1]
        front = previous[front]
        front = np.unique(front[(front >= 0) & ~live[front]])
        live[front] = True
    start = np.full(items, BEFORE_ALL)
    invoke = np.concatenate((start, table.invoke[writes]))
    returned = np.concatenate((start, np.where(ambiguous, FOREVER, table.returned[writes])))
    return _Versions(item, invoke, returned, previous, first_return, last_invoke, live)


class _Numbers:
    """The number of the version that has a given item and value; -1 if there is none."""

    def __init__(self, item: Integers, value: Integers) -> None:
        self.width = int(value.max(initial=0)) + 3
        code = item * self.width + value + 2
        self.order = np.argsort(code, kind="stable")
        self.codes = code[self.order]

    def of(self, item: Integers, value: Integers) -> Integers:
        """Numbers of many."""
        code = np.where(value < self.width - 2, item * self.width + value + 2, -1)
        place = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        return np.where(self.codes[place] == code, self.order[place], -1)


# -- blocks and zones -------------------------------------------------------------------------------------


def _unlinked(versions: _Versions) -> Integers:
    """An item (at most one) whose blocks or zones contradict each other."""
    live = np.flatnonzero(versions.live)
    item, before = versions.item[live], versions.previous[live]
    linked = before >= 0
    count = np.bincount(before[linked], minlength=len(versions.item))
    if (count > 1).any():
        return versions.item[count > 1][:1]
    index = np.full(len(versions.item), -1)
    index[live] = np.arange(len(live))
    head = np.where(linked, index[before], np.arange(len(live)))
    place = linked.astype(np.int64)
    for _ in range(len(live).bit_length() + 1):
        place = place + place[head]
        head = head[head]
    if linked[head].any():
        return item[linked[head]][:1]
    order = np.lexsort((place, head))
    chosen, block = live[order], head[order]
    begins = np.concatenate(([True], block[1:] != block[:-1]))
    start = np.flatnonzero(begins)
    returned, first_return = versions.returned[chosen], versions.first_return[chosen]
    reached_before, reached = _running(
        np.maximum(versions.invoke[chosen], versions.last_invoke[chosen]), begins
    )
    earliest = np.maximum(reached_before, versions.invoke[chosen])
    early = (earliest > returned) | (earliest > first_return)
    if early.any():
        return versions.item[chosen[early]][:1]
    first = np.minimum.reduceat(np.minimum(returned, first_return), start)
    last = reached[np.concatenate((start[1:], [len(chosen)])) - 1]
    return _overlapping(versions.item[chosen[start]], first, last)


def _running(instants: Integers, begins: Flags) -> tuple[Integers, Integers]:
    """The largest so far in each block: before each place, and with it."""
    distinct, rank = np.unique(instants, return_inverse=True)
    block = np.cumsum(begins) - 1
    largest = np.maximum.accumulate(rank + block * len(distinct)) - block * len(distinct)
    before = np.where(begins, BEFORE_ALL, distinct[np.concatenate(([0], largest[:-1]))])
    return before, distinct[largest]


def _overlapping(item: Integers, first: Integers, last: Integers) -> Integers:
    """An item with two forward zones that overlap, or another zone inside a forward one."""
    order = np.lexsort((last, first, item))
    item, first, last = item[order], first[order], last[order]
    forward = first < last
    ahead = np.flatnonzero(forward)
    clash = (item[ahead][1:] == item[ahead][:-1]) & (first[ahead][1:] < last[ahead][:-1])
    if clash.any():
        return _first(item[ahead][1:], clash)
    back = np.flatnonzero(~forward)
    if not len(ahead) or not len(back):
        return item[:0]
    # For each other zone the last forward one of any item that starts strictly before it begins.
    items = np.concatenate((item[ahead], item[back]))
    instants = np.concatenate((first[ahead], last[back]))
    is_forward = np.concatenate((np.ones(len(ahead), np.int64), np.zeros(len(back), np.int64)))
    order = np.lexsort((is_forward, instants, items))
    latest = np.maximum.accumulate(np.where(order < len(ahead), np.arange(len(order)), -1))
    place = np.flatnonzero(order >= len(ahead))
    place = place[latest[place] >= 0]
    around, inner = ahead[order[latest[place]]], back[order[place] - len(ahead)]
    inside = (item[around] == item[inner]) & (first[inner] < last[around])
    return _first(item[inner], inside)


def _first(items: Integers, chosen: Flags) -> Integers:
    found: Integers = items[chosen][:1]
    return found


def _array(values: list[Any]) -> Integers:
    return np.array(values, dtype=np.int64)
