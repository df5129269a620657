"""Is there an order of the operations that a sequential specification allows? Search, within a budget.

After Wing and Gong (1993) and Lowe (2017): always take some operation that nobody else's return forbids to take now, and
take back the last one when nothing fits any more; a set that has been taken before with the same state is not tried again.
Of that set we keep only the part between the first operation not taken and the last one taken, so that a long history
with few clients costs little memory; ambiguous operations, which need not be taken at all, have a set of their own.

Any sequential specification will do: a step from a state by an operation, or `IMPOSSIBLE`. Here it judges items that
`register` cannot (deletes, values that are not unique). The time is exponential in the worst case, namely with many
clients or many ambiguous operations on one item, hence the budget; at its end the answer is *unknown*, never ok.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET

from ddbproof.model.histories.operations import (
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

IMPOSSIBLE: Final = object()
DEFAULT_BUDGET = 2_000_000
_SHRINKING_BUDGET = 100_000
_MOST_SHOWN = 8

Apply = Callable[[Any, Operation], Any]
_Way: TypeAlias = "tuple[int, _Way] | None"


class Search(msgspec.Struct, frozen=True):
    """How a search ended: an order that fits, or none exists, or (`exists` None) the budget was used up."""

    exists: bool | None
    order: tuple[int, ...]
    """Of the operations given; of the longest that was found, where none takes them all."""
    stuck: int | None
    """The operation whose return did not wait, after that order."""
    steps: int


def check(
    operations: Sequence[Operation], initial: Mapping[str, Value] | None = None, budget: int = DEFAULT_BUDGET
) -> Verdict:
    """Are these operations on items linearizable? The budget is in steps of the specification, for each item."""
    first = initial or {}
    verdicts: list[Verdict] = []
    for key, positions in by_key(operations).items():
        verdicts.append(check_key(operations, positions, first.get(key), budget))
        if isinstance(verdicts[-1], Violation):
            return verdicts[-1]
    return worst(verdicts)


def check_key(
    operations: Sequence[Operation],
    positions: Sequence[int],
    initial: Value = None,
    budget: int = DEFAULT_BUDGET,
) -> Verdict:
    """The verdict on one item; `positions` are those of its operations."""
    kept = _that_matter(operations, positions, initial)
    search = linearize([operations[position] for position in kept], initial, item_step, budget)
    if search.exists:
        return Ok(len(positions))
    key = operations[positions[0]].key
    if search.exists is None:
        return Unknown(f"{told_value(key)}: no order of its {len(kept)} operations found in {budget} steps")
    return _witness(operations, _shrunk(operations, kept, initial), initial)


def item_step(state: Value, operation: Operation) -> Any:
    """The specification of one item: what it holds after the operation, if it can answer like this."""
    observed = operation.observed
    if observed is not UNSET and observed != state:
        return IMPOSSIBLE
    match operation.kind, operation.outcome:
        case "read", _:
            return state
        case "cas", "fail":
            return IMPOSSIBLE if operation.seen == operation.expected else state
        case _, "fail":
            return state
        case "cas", _:
            lied = operation.seen is not UNSET and operation.seen != operation.expected
            return IMPOSSIBLE if lied or state != operation.expected else operation.value
        case "delete", _:
            return None
    return operation.value


# -- the search -------------------------------------------------------------------------------------------


def linearize(operations: Sequence[Operation], initial: Any, step: Apply, budget: int) -> Search:
    """Look for an order; `step` is the specification. States have to be hashable.

    At every turn first what has to be taken is tried, then, at the first return that forbids to go on, what need not.
    """
    calls = _Calls(operations)
    following, before, owner, ending, place = (
        calls.following,
        calls.before,
        calls.owner,
        calls.ending,
        calls.place,
    )
    doubt, doubt_from = calls.doubt, len(owner)
    remaining, state, steps = len(operations) - len(doubt), initial, 0
    base = window = doubtful = limit = 0
    tried: set[tuple[int, int, int, Any]] = set()
    taken: list[tuple[int, int, _Way, Any, int, int, int]] = []
    # The way here, newest first, as pairs: so keeping the longest costs nothing.
    way: _Way = None
    longest: _Way = None
    length = 0
    stuck: int | None = None
    event = following[0]
    while remaining:
        chosen = event - doubt_from
        if chosen < 0:
            number = owner[event]
            if number < 0:
                limit, event = event, doubt_from
                continue
            after_this = following[event]
        elif (
            chosen < len(doubt)
            and operations[doubt[chosen]].invoke <= operations[calls.returning[limit]].returned
        ):
            number, after_this = doubt[chosen], event + 1
            if doubtful >> chosen & 1:
                event = after_this
                continue
        else:
            # Whoever returns at the limit must have been taken before. Take back the last one taken.
            if len(taken) >= length:
                length, longest, stuck = len(taken), way, calls.returning[limit]
            if not taken:
                return Search(False, _order(longest), stuck, steps)
            event, limit, way, state, base, window, doubtful = taken.pop()
            number = doubt[event - doubt_from] if event >= doubt_from else owner[event]
            if event < doubt_from:
                for one in (ending[number], event):
                    following[before[one]] = before[following[one]] = one
                remaining += 1
                event = following[event]
            else:
                event += 1
            continue
        if steps >= budget:
            return Search(None, _order(longest), stuck, steps)
        steps += 1
        after = step(state, operations[number])
        if after is IMPOSSIBLE:
            event = after_this
            continue
        first, bits, maybe = base, window, doubtful
        if chosen < 0:
            bits |= 1 << (place[number] - base)
            while bits & 1:
                bits >>= 1
                first += 1
        else:
            maybe |= 1 << chosen
        configuration = (first, bits, maybe, after)
        if configuration in tried:
            event = after_this
            continue
        tried.add(configuration)
        taken.append((event, limit, way, state, base, window, doubtful))
        way = (number, way)
        base, window, doubtful, state = first, bits, maybe, after
        if chosen < 0:
            for one in (event, ending[number]):
                following[before[one]], before[following[one]] = following[one], before[one]
            remaining -= 1
        event = following[0]
    return Search(True, _order(way), None, steps)


def _order(way: _Way) -> tuple[int, ...]:
    order = []
    while way is not None:
        order.append(way[0])
        way = way[1]
    return tuple(reversed(order))


class _Calls:
    """Calls and returns in order of time, as a list from which both of an operation can be taken out and put back.

    Event 0 is the head. `owner` is the operation of a call, and -1 for returns. Ambiguous operations are not in the list
    but in `doubt`, in the order in which they were invoked.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        events = []
        doubt = []
        for number, one in enumerate(operations):
            if one.outcome == "info":
                doubt.append((one.invoke, number))
            else:
                events += [(one.invoke, 0, number), (one.returned, 1, number)]
        events.sort()
        self.doubt = [number for _, number in sorted(doubt)]
        count = len(events)
        self.following = [*range(1, count + 2), count + 1]
        self.before = [0, *range(count + 1)]
        self.owner = [-1] * (count + 2)
        self.returning = [-1] * (count + 2)
        self.ending = [0] * len(operations)
        self.place = [0] * len(operations)
        calls = 0
        for event, (_, is_return, number) in enumerate(events, 1):
            if is_return:
                self.returning[event] = number
                self.ending[number] = event
            else:
                self.owner[event] = number
                self.place[number] = calls
                calls += 1


def _that_matter(operations: Sequence[Operation], positions: Iterable[int], initial: Value) -> list[int]:
    """Without failures that say nothing, unanswered reads, and ambiguous writes of what nobody ever found."""
    chosen = [operations[position] for position in positions]
    found = {one.observed for one in chosen} | {initial}
    found |= {one.expected for one in chosen if one.kind == "cas" and one.outcome == "info"}
    kept = []
    for position, operation in zip(positions, chosen, strict=True):
        if operation.outcome == "ok":
            matters = True
        elif operation.outcome == "fail":
            matters = operation.observed is not UNSET
        else:
            matters = operation.kind != "read" and _written(operation) in found
        if matters:
            kept.append(position)
    return kept


# -- witnesses --------------------------------------------------------------------------------------------


def _written(operation: Operation) -> Value:
    return None if operation.kind == "delete" else operation.value


def _changes(operation: Operation) -> bool:
    return operation.kind != "read" and operation.outcome != "fail"


def _shrunk(operations: Sequence[Operation], kept: list[int], initial: Value) -> list[int]:
    """Fewer operations for which there is no order either, so that the violation is theirs alone.

    Only what a history without violation could lose without getting one is left out: a read, or all that writes or
    finds certain values.
    """
    budget = _SHRINKING_BUDGET
    size = max(1, len(kept) // 2)
    while size:
        position = 0
        while position < len(kept):
            fewer = _without(operations, kept, position, size)
            if len(fewer) < len(kept):
                search = linearize([operations[one] for one in fewer], initial, item_step, max(budget, 0))
                budget -= search.steps + len(fewer)
                if budget <= 0:
                    return kept
                if search.exists is False:
                    kept = fewer
                    continue
            position += size
        size //= 2
    return kept


def _without(operations: Sequence[Operation], kept: list[int], start: int, size: int) -> list[int]:
    """Without some neighbours, and without all that finds or rewrites what they wrote."""
    leaving = set(kept[start : start + size])
    values = {_written(operations[one]) for one in leaving if _changes(operations[one])}
    while True:
        for one in kept:
            operation = operations[one]
            finds = operation.observed in values or (operation.kind == "cas" and operation.expected in values)
            if finds or (_changes(operation) and _written(operation) in values):
                leaving.add(one)
        more = {_written(operations[one]) for one in leaving if _changes(operations[one])} - values
        if not more:
            return [one for one in kept if one not in leaving]
        values |= more


def _witness(operations: Sequence[Operation], kept: list[int], initial: Value) -> Violation:
    chosen = [operations[position] for position in kept]
    search = linearize(chosen, initial, item_step, _SHRINKING_BUDGET)
    state: Any = initial
    for number in search.order:
        state = item_step(state, chosen[number])
    order = [kept[number] for number in search.order]
    stuck = None if search.stuck is None else kept[search.stuck]
    important = [*([] if stuck is None else [stuck]), *reversed(order), *kept]
    shown = sorted(dict.fromkeys(important[: len(important) if len(kept) <= _MOST_SHOWN else _MOST_SHOWN]))
    let = [f"op {position} = {operations[position].told()}" for position in shown]
    if len(shown) < len(kept):
        let.append(f"and {len(kept) - len(shown)} more operations on the item")
    tail = ", ".join(f"op {position}" for position in order[-_MOST_SHOWN:]) or "nothing"
    return Violation(
        "not linearizable",
        tuple(shown),
        tuple(let),
        (
            f"the longest order that fits ends with {tail}, after which the item holds {told_value(state)}",
            f"op {stuck} cannot wait any longer, and neither it nor what may come before it fits there",
            "no other order gets further",
        ),
        chosen[0].key,
    )
