"""Jepsen's histories as ours: invocations and completions are put together, and workloads translated.

Understood are registers (`:read`, `:write`, `:cas`, also `:delete`; with `[key value]` as the value where there are several
items) and transactions (`:txn` of `:r`, `:w` and `:append`). A completion belongs to the last invocation of its process;
`:info`, or none at all, is ambiguous; `:fail` certainly did not happen. What the nemesis and others without a
number did is left out, and how many of these there were is noted.

Times are those given if every event has one and none goes back; otherwise the place in the file, which is the order that
Jepsen's own checkers use. A read of a list becomes a read of its last element, and the longest list of an item the
order of its versions; two lists of which neither begins with the other are a violation at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, cast

import msgspec
from msgspec import UNSET

from ddbproof.model.histories.edn import Keyword
from ddbproof.model.histories.operations import (
    FOREVER,
    History,
    Kind,
    Operation,
    Outcome,
    Step,
    Transaction,
    Value,
    Violation,
    told_value,
)

_KINDS: dict[str, Kind] = {
    "read": "read",
    "r": "read",
    "write": "write",
    "w": "write",
    "cas": "cas",
    "delete": "delete",
}
_LATEST = 2**61


class JepsenError(Exception):
    """What cannot be understood, and where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Event(msgspec.Struct):
    line: int
    process: int
    type: str
    function: str
    value: Any
    time: int | None


class _Call(msgspec.Struct):
    invoked: _Event
    completed: _Event | None
    invoke: int
    returned: int
    outcome: Outcome


def history(elements: Iterable[tuple[int, Any]]) -> History:
    """From events with the lines they stand in."""
    left_out: Counter[str] = Counter()
    events = []
    for line, element in elements:
        event = _event(line, element)
        if isinstance(event, str):
            left_out[event] += 1
        else:
            events.append(event)
    calls = _calls(events)
    notes = [f"{count} events of {who} were left out" for who, count in left_out.items()]
    if any(call.invoked.function == "txn" for call in calls):
        return _transactions(calls, notes)
    keyed = _keyed(calls)
    return History([_operation(call, keyed=keyed) for call in calls], notes=notes)


def _event(line: int, element: Any) -> _Event | str:
    """An event; of one that no client has, who did it."""
    if not isinstance(element, dict):
        raise JepsenError("an event has to be a map", line)
    fields = {str(name).lstrip(":"): value for name, value in element.items()}
    process = fields.get("process")
    if type(process) is not int:
        return str(process)
    type_, function = str(fields.get("type", "")).lstrip(":"), str(fields.get("f") or "txn").lstrip(":")
    if type_ not in ("invoke", "ok", "fail", "info"):
        raise JepsenError(
            f"the type of an event is invoke, ok, fail or info, not {fields.get('type')!r}", line
        )
    if function != "txn" and function not in _KINDS:
        raise JepsenError(
            f"{function!r} is no operation that can be judged: read, write, cas, delete or txn are", line
        )
    value = fields.get("value")
    if "key" in fields:
        value = [fields["key"], value]
    time = fields.get("time")
    return _Event(line, process, type_, function, value, time if type(time) is int else None)


def _calls(events: Sequence[_Event]) -> list[_Call]:
    times = [event.time for event in events]
    usable = all(time is not None and abs(time) < _LATEST for time in times)
    usable = usable and all(before <= after for before, after in pairwise(cast(list[int], times)))
    pending: dict[int, _Call] = {}
    calls = []
    for place, event in enumerate(events):
        now = cast(int, event.time) if usable else place
        if event.type == "invoke":
            if event.process in pending:
                raise JepsenError(
                    f"process {event.process} has not yet been answered, and calls again", event.line
                )
            pending[event.process] = call = _Call(event, None, now, FOREVER, "info")
            calls.append(call)
            continue
        if event.process not in pending:
            raise JepsenError(f"process {event.process} is answered, but has not called", event.line)
        call = pending.pop(event.process)
        if event.function != call.invoked.function:
            raise JepsenError(f"process {event.process} called {call.invoked.function}", event.line)
        if event.type != "info":
            call.completed, call.returned = event, now
            call.outcome = "ok" if event.type == "ok" else "fail"
    return calls


# -- registers --------------------------------------------------------------------------------------------


def _keyed(calls: Sequence[_Call]) -> bool:
    """True if every value is a pair of an item and a value."""
    found = set()
    for call in calls:
        value = call.invoked.value
        pair = isinstance(value, list) and len(value) == 2
        if call.invoked.function == "cas":
            pair = pair and isinstance(value[1], list)
        found.add(pair)
    if len(found) > 1:
        call = next(one for one in calls if not isinstance(one.invoked.value, list))
        raise JepsenError("some values are pairs of an item and a value, this one is not", call.invoked.line)
    return True in found


def _operation(call: _Call, *, keyed: bool) -> Operation:
    kind = _KINDS[call.invoked.function]
    source = call.completed if kind == "read" and call.outcome == "ok" and call.completed else call.invoked
    key, value = "register", source.value
    if keyed:
        if not isinstance(value, list) or len(value) != 2:
            raise JepsenError("the value has to be a pair of an item and a value", source.line)
        key, value = _name(value[0]), value[1]
    one = Operation(call.invoked.process, key, kind, call.invoke, None, call.returned, call.outcome)
    if kind == "delete":
        return one
    if kind != "cas":
        return msgspec.structs.replace(one, value=_plain(value))
    if not isinstance(value, list) or len(value) != 2:
        raise JepsenError("the value of a cas has to be a pair of values, old and new", source.line)
    return msgspec.structs.replace(one, expected=_plain(value[0]), value=_plain(value[1]))


def _name(value: Any) -> str:
    return value if type(value) is str else f":{value}" if isinstance(value, Keyword) else str(_plain(value))


def _plain(value: Any) -> Value:
    """Whatever a register holds as a number, a string or nothing."""
    if value is None or type(value) in (int, str):
        return cast(Value, value)
    return f":{value}" if isinstance(value, Keyword) else repr(value)


# -- transactions -----------------------------------------------------------------------------------------


def _transactions(calls: Sequence[_Call], notes: list[str]) -> History:
    micro = [_micro_operations(call) for call in calls]
    lists = any(name == "append" for steps in micro for name, _, _ in steps)
    made = []
    shown: dict[str, tuple[int, list[Value]]] = {}
    conflict: Violation | None = None
    for number, (call, steps) in enumerate(zip(calls, micro, strict=True)):
        translated = []
        for name, key, value in steps:
            if name != "r":
                translated.append(Step(key, "write", _plain(value), UNSET))
                if lists:
                    shown.setdefault(key, (number, []))
                continue
            if lists and call.outcome == "ok":
                elements = _elements(value, call)
                conflict = conflict or _noted(shown, key, number, elements)
                translated.append(Step(key, "read", elements[-1] if elements else None))
            else:
                translated.append(Step(key, "read", None if lists else _plain(value)))
        process, returned = call.invoked.process, call.returned
        made.append(Transaction(process, tuple(translated), call.invoke, returned, call.outcome))
    if conflict is not None:
        let = tuple(f"T{number} = {made[number].told()}" for number in conflict.operations)
        conflict = msgspec.structs.replace(conflict, let=let)
    orders = {key: order for key, (_, order) in shown.items()}
    return History(transactions=made, orders=orders, conflict=conflict, notes=notes)


def _micro_operations(call: _Call) -> list[tuple[str, str, Any]]:
    source = call.completed if call.outcome == "ok" and call.completed else call.invoked
    if not isinstance(source.value, list):
        raise JepsenError("the value of a transaction has to be a vector of its steps", source.line)
    steps = []
    for step in source.value:
        if not isinstance(step, list) or len(step) != 3:
            raise JepsenError("a step has to be [function item value]", source.line)
        name = str(step[0]).lstrip(":")
        name = {"read": "r", "write": "w"}.get(name, name)
        if name not in ("r", "w", "append"):
            raise JepsenError(f"a step is r, w or append, not {step[0]!r}", source.line)
        steps.append((name, _name(step[1]), step[2]))
    return steps


def _elements(value: Any, call: _Call) -> list[Value]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JepsenError("where there are appends, a read has to be of a vector", call.invoked.line)
    return [_plain(one) for one in value]


def _noted(
    shown: dict[str, tuple[int, list[Value]]], key: str, number: int, elements: list[Value]
) -> Violation | None:
    """Keep the longest list of an item; say so if two contradict each other, or one itself."""
    if len(set(elements)) < len(elements):
        twice = f"T{number} shows an element of {told_value(key)} twice: {elements[-8:]}"
        return Violation("duplicate elements", (number,), (), (twice,), key)
    other, longest = shown.get(key, (number, []))
    short, long = sorted((longest, elements), key=len)
    if long[: len(short)] != short:
        then = (
            f"T{other} shows that {told_value(key)} once was {longest[-8:]}",
            f"and T{number} that it once was {elements[-8:]}, and neither begins with the other",
        )
        return Violation("incompatible order", (other, number), (), then, key)
    if len(elements) > len(longest) or key not in shown:
        shown[key] = (number, elements)
    return None
