"""A run's record, taken again by the proved system `replication`: group by group, step by step.

A group's steps are replayed from its beginning until its members change, of which that system knows nothing: until
the entry that begins a change, or the first step of a replica that was not there at first.

The system knows one disk, which has what is in memory whenever it likes. The record says of each step whether a
disk ever had it; then the system's `save` is taken right after it, as early as it can have been. Two kinds of
answers rest on what a disk had *confirmed* by then, which is less: an acknowledgement that reaches a leader must be of
what was confirmed before, and a promise tells of the disk at the last confirmed step, so it is taken there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ddbproof.model.engine.replay import Event, Mismatch, digest
from ddbproof.model.kernel.replication import Replica
from ddbproof.model.runs.replication import MADE, replay_group
from ddbproof.reference_impl.replication.entries import ChangeBegun
from ddbproof.reference_impl.replication.replica_log import entry_number
from ddbproof.reference_impl.replication.trace import Step

Placed = tuple[int, Step]
"""A step, and its place in the record of the run."""


class Replayed(msgspec.Struct, frozen=True):
    """How many steps of a group were replayed, how many left out, and what is wrong, if anything is.

    `place` is that of the step that is wrong, in the record of the run.
    """

    group: int
    steps: int
    left_out: int
    problem: str = ""
    place: int = -1


def replay_all(trace: Sequence[Step]) -> list[Replayed]:
    """Replay every group of a run."""
    groups: dict[int, list[Placed]] = {}
    for place, step in enumerate(trace):
        groups.setdefault(step.group, []).append((place, step))
    return [replay_one(group, steps) for group, steps in groups.items()]


def problems(replayed: Sequence[Replayed]) -> list[str]:
    """What is wrong, in words."""
    return [
        f"group {one.group}, step {one.place} of the record: {one.problem}" for one in replayed if one.problem
    ]


def replay_one(group: int, placed: Sequence[Placed]) -> Replayed:
    """Replay one group."""
    whole = _whole_members(placed)
    if whole is None:
        return Replayed(group, 0, len(placed), "nobody founded the group", placed[0][0])
    members, kept = whole
    steps = placed[:kept]
    left_out = len(placed) - kept
    early = _answered_early(steps)
    translation = _Translation(members, steps)
    found = replay_group(translation.events())
    if found.mismatch is not None:
        place = translation.places[found.mismatch.place]
        if early is None or place <= early[0]:
            told = _told(found.mismatch, dict(steps)[place], found.state, translation.arguments)
            return Replayed(group, kept, left_out, told, place)
    if early is not None:
        return Replayed(group, kept, left_out, early[1], early[0])
    return Replayed(group, kept, left_out)


def _whole_members(placed: Sequence[Placed]) -> tuple[list[int], int] | None:
    """The group's first members, and how many steps there are before these change. None if nobody founded it."""
    members: list[int] | None = None
    for number, (_, step) in enumerate(placed):
        arguments = step.arguments
        if members is None:
            if step.action != "found":
                return None
            members = arguments["members"]
        if arguments["replica"] not in members or isinstance(arguments.get("entry"), ChangeBegun):
            return members, number
    return None if members is None else (members, len(placed))


def _answered_early(steps: Sequence[Placed]) -> tuple[int, str] | None:
    """The first acknowledgement that reached a leader before the disk had confirmed what it says."""
    confirmations = sorted(
        (step.saved, step.arguments["replica"], step.made.accepted, step.made.length)
        for _, step in steps
        if step.saved and isinstance(step.made, Replica)
    )
    confirmed: dict[tuple[int, int], int] = {}
    done = 0
    for place, step in steps:
        if step.action != "acknowledge":
            continue
        while done < len(confirmations) and confirmations[done][0] <= place:
            _, replica, epoch, length = confirmations[done]
            confirmed[replica, epoch] = max(confirmed.get((replica, epoch), 0), length)
            done += 1
        replica, epoch = step.arguments["replica"], step.arguments["meant_for"]
        length = confirmed.get((replica, epoch), 0)
        if step.arguments["length"] > length:
            return place, (
                f"acknowledge: replica {replica} said it had {step.arguments['length']} entries of epoch {epoch}, "
                f"when its disk had confirmed {length}"
            )
    return None


class _Translation:
    """Steps as events of the system. `places` and `arguments` are those of the events given so far."""

    def __init__(self, members: Sequence[int], steps: Sequence[Placed]) -> None:
        self._number = {identity: number for number, identity in enumerate(members)}
        self._steps = steps
        self._resting = _resting(steps)
        self.places: list[int] = []
        self.arguments: dict[str, Any] = {}

    def events(self) -> Iterator[Event]:
        """The events, in an order in which the system can take them."""
        resting = self._resting
        for place, step in self._steps:
            if step.action != "promise" and (step.action != "crash" or step.made is not None):
                yield from self._event(place, step)
            if step.saved:
                yield self._told(place, "save", {"replica": self._number[step.arguments["replica"]]})
            for promised, promise in resting.get(place, ()):
                replica = {"replica": self._number[promise.arguments["replica"]]}
                yield self._told(promised, "promise", replica, promise)

    def _event(self, place: int, step: Step) -> Iterator[Event]:
        arguments, number = step.arguments, self._number
        match step.action:
            case "write":
                told = {"epoch": arguments["epoch"], "entry": entry_number(arguments["entry"])}
            case "start":
                (missing,) = set(number) - set(arguments["by"])
                told = {
                    "epoch": arguments["epoch"],
                    "asked": arguments["asked"],
                    "missing": number[missing],
                }
            case "found" | "heal":
                return
            case _:
                told = {**arguments, "replica": number[arguments["replica"]]}
        yield self._told(place, step.action, told, step)

    def _told(self, place: int, action: str, arguments: dict[str, Any], step: Step | None = None) -> Event:
        self.places.append(place)
        self.arguments = arguments
        return Event(action, arguments, "" if step is None else digest((step.made, step.log)))


def _resting(steps: Sequence[Placed]) -> dict[int, list[Placed]]:
    """The promises, each by the place after which it is taken: of the last step that its disk had confirmed."""
    saved: dict[int, list[int]] = {}
    found: dict[int, list[Placed]] = {}
    for place, step in steps:
        if step.saved:
            saved.setdefault(step.arguments["replica"], []).append(place)
        if step.action == "promise":
            rests_on, told = step.arguments["place"], place
            for one in reversed(saved.get(step.arguments["replica"], [])):
                if one <= rests_on:
                    told = one
                    break
            found.setdefault(told, []).append((place, step))
    return found


def _told(mismatch: Mismatch, step: Step, state: Any, arguments: dict[str, Any]) -> str:
    who = f"replica {step.arguments['replica']}"
    if "allowed" in mismatch.problem:
        return f"{mismatch.action} of {who}: {mismatch.problem}: {arguments}"
    proved, log = MADE[mismatch.action](state, **arguments)
    differs = (
        f"{step.made}, and the proved step {proved}" if proved != step.made else "a log with other entries"
    )
    if log != step.log and proved != step.made:
        differs += ", with other entries in its log"
    return f"{mismatch.action} of {who} made {differs}"
