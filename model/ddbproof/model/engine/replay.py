"""Replaying recorded runs: what a running system did, taken again by the actions that are proved.

Wherever a running system changes what it must not lose, it records an event: which action, with which arguments, and
a digest of what the action made. Replay takes the same actions on the system's own state and compares the
digests. It is linear in the number of events, since every event carries all its arguments, and the first that does
not fit is named: a step that is not allowed, or one that made something else.

The digest of an event covers what its system declares as *made* by the action (a replica, a route), not the
whole state; what was not made by any event can therefore not be compared, only used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from ddbproof.model.engine.shapes import MapShape, RecordShape, Shape
from ddbproof.model.engine.shared_log import SharedLog
from ddbproof.model.engine.system import State, System
from ddbproof.model.engine.values import EngineError, FrozenMap, Sort
from ddbproof.model.kernel.refusal import NotAllowed

_DIGEST_BYTES = 8
Made = Callable[..., Any]


class Event(msgspec.Struct, frozen=True):
    """A step as it was recorded; `digest` is of what the step made."""

    action: str
    arguments: dict[str, Any]
    digest: str


class Mismatch(msgspec.Struct, frozen=True):
    """The first event that does not fit: its place (from 0), its action, and what is wrong with it."""

    place: int
    action: str
    problem: str


class Replayed(msgspec.Struct, frozen=True):
    """How many events fit, and the first that did not, if any."""

    events: int
    mismatch: Mismatch | None
    state: State


def digest(value: Any) -> str:
    """A short hash of a record, the same in every process."""
    return hashlib.blake2b(msgspec.msgpack.encode(value), digest_size=_DIGEST_BYTES).hexdigest()


def replay(
    system: System,
    parameters: Mapping[str, Any],
    events: Iterable[Event],
    made: Mapping[str, Made],
    logs: Collection[Sort] = (),
) -> Replayed:
    """Take the events' steps one after the other, until one does not fit.

    `made` says for each action what its digest covers: `made[action](state after it, **arguments)`; an action
    that is not there is taken without a comparison. Maps from the sorts in `logs` are logs, which may be held in
    several places at once (`SharedLog`). Raises EngineError for an action that the system lacks.
    """
    state = thawed(system.shape, system.start(**parameters), logs)
    place = -1
    for place, event in enumerate(events):
        if event.action not in system.actions:
            raise EngineError(f"system {system.name} has no action {event.action}")
        try:
            state = system.actions[event.action].function(state, **event.arguments)
        except NotAllowed:
            return Replayed(place, Mismatch(place, event.action, "this step is not allowed here"), state)
        if event.action in made:
            expected = digest(made[event.action](state, **event.arguments))
            if expected != event.digest:
                problem = "this step makes something else than was recorded"
                return Replayed(place, Mismatch(place, event.action, problem), state)
    return Replayed(place + 1, None, state)


class LinearMap:
    """A total map that is changed in place: only the newest version of it is used, as in a run.

    `put` costs the same however large the map is, which a map that is copied cannot offer.
    """

    __slots__ = ("_default", "_entries")

    def __init__(self, default: Callable[[], Any], entries: dict[int, Any]) -> None:
        self._default = default
        self._entries = entries

    def __getitem__(self, key: int, /) -> Any:
        if key not in self._entries:
            return self._default()
        return self._entries[key]

    def put(self, key: int, value: Any, /) -> LinearMap:
        """This map, changed at the key."""
        self._entries[key] = value
        return self


def thawed(shape: Shape, value: Any, logs: Collection[Sort] = ()) -> Any:
    """A concrete value with every map in it as one that is changed in place, or as a log that is shared."""
    if isinstance(shape, RecordShape):
        return shape.record(
            **{name: thawed(inner, getattr(value, name), logs) for name, inner in shape.fields}
        )
    if isinstance(shape, MapShape) and isinstance(value, FrozenMap):
        if shape.key in logs:
            log = SharedLog()
            for index, entry in value.items():
                log = log.put(index, entry)
            return log
        inner, default = shape.value, value.default
        return LinearMap(
            lambda: thawed(inner, default, logs),
            {key: thawed(inner, entry, logs) for key, entry in value.items()},
        )
    return value
