"""Small worlds of strong mode; what must stay possible is in `_strong_covers.py`, what must be caught in `_strong_mutants.py`.

A write takes five steps and a table's forming eight, so each small world tells a story of a few requests. Most begin
with a table that is formed; rounds follow each other by number, and each has its Region and its counter.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.systems._strong_state import (
    CONFLICT,
    NOBODY,
    State,
    succeeded,
    written,
)
from ddbproof.model.systems.strong import system
from ddbproof.model.trials import _strong_covers, _strong_mutants

# Small worlds.

_ROUND = ("begin", "promise", "propose", "accept", "finish", "refuse")
_WRITE = ("begin", "promise", "propose", "accept", "finish")
_READ = ("ask", "tell", "answer")
_TOUCH = ("lose_touch", "find_touch", "resume_by_read", "resume_by_round")
_TWICE = range(-1, 3)  # suspended once, and found touch again; a wrong kernel may count down
_FORMED = ({"witness": NOBODY, "formed": True},)
_WITH_A_WITNESS = ({"witness": 2, "formed": True},)
_FROM_ONE_REGION = ({"witness": NOBODY, "formed": False},)
_ONE_WRITE: dict[str, Any] = {
    "member": (0, 1, 2),
    "other": (0, 1, 2),
    "round": (0, 1),
    "begin.number": (1,),
    "begin.member": (0,),
    "asked": (1,),
    "meant_for": (1,),
    "counter": (1,),
    "read": (),
    "version": (1,),
    "catching_up": (False,),
    "last": (False,),
}
_TWO_ROUNDS: dict[str, Any] = {
    **_ONE_WRITE,
    "round": (0, 1, 2),
    "begin.number": (1, 2),
    "begin.member": (0, 1),
    "asked": (1, 2),
    "meant_for": (1, 2),
    "version": (1, 2),
}
_AWAY: dict[str, Any] = {
    **_ONE_WRITE,
    "read": (1,),
    "promise.member": (1,),
    "accept.member": (1, 2),
    "other": (1,),
    "ask.member": (2,),
    "tell.member": (1,),
    "changes": (True,),
    **{
        f"{action}.member": (2,)
        for action in ("cut_off", "heal", "lose_touch", "find_touch", "read_eventually")
    },
}


def _begun(state: State, *plan: tuple[int, int]) -> bool:
    """Rounds begin in order, each in its Region and with its counter."""
    return all(
        not state.rounds[number].begun
        or (
            state.rounds[number].member == member
            and state.rounds[number].counter == counter
            and state.rounds[number - 1].begun
        )
        for number, (member, counter) in enumerate(plan, 1)
    )


def _retried(state: State) -> bool:
    """The second round fails with a conflict before the third begins, in the same Region."""
    return _begun(state, (0, 1), (1, 0), (1, 1)) and (
        not state.rounds[3].begun
        or (
            state.rounds[2].record.outcome == CONFLICT
            and succeeded(state, 1)
            and state.rounds[1].record.changes
        )
    )


def _left_behind(state: State) -> bool:
    """A Region writes twice on its own, then one writes with the third, and then comes a round that sees both."""
    first, second, third = state.rounds[1], state.rounds[2], state.rounds[3]
    return (
        _begun(state, (0, 1), (0, 2), (1, 2), (1, 3))
        and (not second.begun or (first.record.proposed and first.record.changes))
        and (not third.begun or (second.record.proposed and second.record.number == 2))
        and (not state.rounds[4].begun or succeeded(state, 3))
        and not any(state.accepted[m][n] for m in (1, 2) for n in (1, 2))
        and not state.promises[2][1].given
        and not state.promises[2][2].given
        and not state.promises[0][3].given
        and not state.accepted[0][3]
    )


def _one_after_the_other(state: State) -> bool:
    """Two writes, the second when the first is acknowledged; records and reads come when both are."""
    return _begun(state, (0, 1), (0, 2)) and (
        not state.rounds[2].begun or (succeeded(state, 1) and state.rounds[1].record.changes)
    )


def _away(state: State) -> bool:
    """Region 2 is cut off, finds it out, and reads when the write is acknowledged and it is back."""
    away = state.members[2]
    return (
        _begun(state, (0, 1))
        and away.region.suspensions in _TWICE
        and (away.cut_off or away.region.suspensions == 0 or succeeded(state, 1))
        and (not state.rounds[1].begun or away.region.suspensions > 0)
        and (not state.reads[1].begun or (succeeded(state, 1) and not away.cut_off))
    )


def _back_by_a_ballot(state: State) -> bool:
    """Region 2 loses touch, finds it when the others have written, catches up by a round, then reads for a client."""
    away, second = state.members[2], state.rounds[2]
    return (
        _begun(state, (0, 1), (2, 1))
        and not state.rounds[1].record.request.catching_up
        and away.region.suspensions in _TWICE
        and (not state.rounds[1].begun or away.region.suspensions > 0)
        and (away.region.suspensions < 2 or written(state, 1, 1))
        and (not second.begun or (away.region.suspensions == 2 and second.record.request.catching_up))
        and (not state.reads[1].begun or away.region.serving)
        and (not state.reads[1].begun or state.reads[1].member == 2)
    )


def _leaving(state: State) -> bool:
    """Round 1 is a write before the table is dissolved, round 2 the last one, and round 3 comes late."""
    first, second, third = state.rounds[1], state.rounds[2], state.rounds[3]
    return bool(
        _begun(state, (0, 1), (2, 1), (1, 2))
        and not first.record.last
        and (not second.begun or second.record.last)
        and not third.record.last
        and (not state.table.dissolving or written(state, 1, 1))
        and (not third.begun or state.promises[0][2].given or state.promises[1][2].given)
        and not state.accepted[2][1]
        and not state.promises[2][1].given
    )


system.scopes.extend(
    [
        # The same Region begins twice, and may lose touch.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (0,),
                "counter": (1,),
                "member": (0, 1),
                "other": (0, 1),
                "meant_for": (0, 1, 2),
                "version": (-1, 1, 2),
                "lose_touch.member": (0,),
            },
            parameters=_FORMED,
            within=lambda state: (
                _begun(state, (0, 1), (0, 1)) and state.members[0].region.suspensions in _TWICE
            ),
            actions=(*_ROUND, "give_up", "lose_touch"),
        ),
        # A conflict, and another attempt.
        Scope(
            values={
                **_TWO_ROUNDS,
                "round": (0, 1, 2, 3),
                "begin.number": (1, 2, 3),
                "asked": (1, 3),
                "meant_for": (1, 3),
                "counter": (0, 1),
                "member": (0, 1),
                "other": (0, 1),
            },
            parameters=_FORMED,
            within=_retried,
            actions=_ROUND,
        ),
        # The witness counts, and is asked for nothing.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (0, 1, 2),
                "promise.member": (1, 2),
                "accept.member": (2,),
                "other": (2,),
                "cut_off.member": (0,),
                "read_eventually.member": (2,),
            },
            parameters=_WITH_A_WITNESS,
            within=lambda state: (
                _begun(state, (0, 1), (1, 1))
                and (state.members[0].cut_off if state.rounds[2].begun else True)
                and (succeeded(state, 1) or not state.members[0].cut_off)
            ),
            actions=("begin", "promise", "propose", "accept", "finish", "cut_off", "read_eventually"),
        ),
        # It goes on with eventually consistent reads.
        Scope(
            values={**_AWAY, "learn.member": (2,)},
            parameters=_FORMED,
            within=lambda state: _begun(state, (0, 1)),
            actions=(*_WRITE, "learn", "cut_off", "read_eventually"),
        ),
        # A table is formed: what is asked for, who joins and enters when, and a first round.
        Scope(
            values={
                **_ONE_WRITE,
                "replicas": (0, 1, 2, 3),
                "witnesses": (0, 1, 2),
                "witness": (NOBODY, 1),
                "in_strong_mode": (False, True),
                "stays": (0, 1, 2),
                "catching_up": (False, True),
                "lose_touch.member": (0,),
                "find_touch.member": (0,),
                "read_eventually.member": (2,),
            },
            parameters=_FROM_ONE_REGION,
            within=lambda state: (
                state.items_before < 2
                and state.members[0].region.suspensions in _TWICE
                and state.table.replicas + state.table.witnesses < 5
                and not state.table.dissolving
                and not state.rounds[1].begun
            ),
            actions=(
                *("write_alone", "create", "join", "form", "enter", "begin", "remove"),
                *("lose_touch", "find_touch", "read_eventually"),
            ),
        ),
        # A table in eventual mode, of which some would like to make another.
        Scope(
            values={
                **_ONE_WRITE,
                "replicas": (0, 1, 2),
                "witnesses": (0, 1),
                "witness": (NOBODY, 1),
            },
            parameters=_FROM_ONE_REGION,
            within=lambda state: (
                state.items_before < 2 and state.table.replicas < 6 and not state.table.strong
            ),
            actions=("write_alone", "create"),
        ),
        # It catches up by a ballot, and is asked again.
        Scope(
            values={
                **_AWAY,
                "round": (0, 1, 2),
                "begin.number": (1, 2),
                "begin.member": (0, 2),
                "asked": (1, 2),
                "meant_for": (1, 2),
                "promise.member": (1,),
                "accept.member": (1,),
                "other": (1,),
                "catching_up": (False, True),
                "ask.catching_up": (False,),
                "changes": (False, True),
            },
            parameters=_FORMED,
            within=_back_by_a_ballot,
            actions=(*_WRITE, *_READ, *_TOUCH),
        ),
        # A higher version under a lower ballot, which nobody else has.
        Scope(
            values={
                **_TWO_ROUNDS,
                "round": (0, 1, 2, 3, 4),
                "begin.number": (1, 2, 3, 4),
                "asked": (1, 2, 3, 4),
                "meant_for": (3, 4),
                "counter": (1, 2, 3),
                "changes": (True,),
                "version": (1, 2, 3),
                "finish.number": (3, 4),
            },
            parameters=_FORMED,
            within=_left_behind,
            actions=("begin", "promise", "propose", "accept", "finish"),
        ),
        # It catches up with two writes, and hears of the first one again.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (0,),
                "member": (0, 1),
                "promise.member": (1,),
                "accept.member": (1,),
                "learn.member": (0,),
                "ask.member": (0,),
                "tell.member": (1,),
                "lose_touch.member": (0,),
                "find_touch.member": (0,),
                "other": (1,),
                "read": (1,),
                "counter": (1, 2),
                "changes": (True,),
                "ask.catching_up": (True,),
            },
            parameters=_FORMED,
            within=lambda state: (
                _one_after_the_other(state)
                and state.members[0].region.suspensions in _TWICE
                and (succeeded(state, 2) or state.members[0].region.suspensions == 0)
            ),
            actions=(*_WRITE, *_READ, *_TOUCH, "learn"),
        ),
        # Somebody has another Region stay, when the table is being dissolved.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (0, 2),
                "member": (0, 2),
                "other": (0, 2),
                "last": (False, True),
                "replicas": (1, 2),
                "witnesses": (0, 1),
                "stays": (1, 2),
            },
            parameters=(*_FORMED, *_WITH_A_WITNESS),
            within=lambda state: (
                _begun(state, (0, 1), (2, 1))
                and not state.rounds[1].record.last
                and (state.rounds[2].record.last or not state.rounds[2].begun)
                and (not state.table.dissolving or written(state, 1, 1))
            ),
            actions=(*_WRITE, "remove", "dissolve"),
        ),
        # The first last ballot comes to nothing.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (2,),
                "promise.member": (1,),
                "other": (1,),
                "counter": (1, 2),
                "last": (True,),
                "replicas": (2,),
                "witnesses": (0,),
                "stays": (2,),
            },
            parameters=_FORMED,
            within=lambda state: _begun(state, (2, 1), (2, 2)),
            actions=("begin", "promise", "propose", "give_up", "remove", "dissolve"),
        ),
        # A table is dissolved. Region 2 stays, Region 0 has written and Region 1 still tries.
        Scope(
            values={
                **_TWO_ROUNDS,
                "round": (0, 1, 2, 3),
                "begin.number": (1, 2, 3),
                "begin.member": (0, 1, 2),
                "asked": (1, 2, 3),
                "meant_for": (1, 2, 3),
                "counter": (1, 2),
                "last": (False, True),
                "changes": (False, True),
                "replicas": (2,),
                "witnesses": (0,),
                "stays": (2,),
            },
            parameters=_FORMED,
            within=_leaving,
            actions=(*_WRITE, "remove", "dissolve"),
        ),
        # Region 2 is cut off, misses a write, comes back and catches up by a read.
        Scope(
            values={**_AWAY, "catching_up": (True,), "begin.catching_up": (False,)},
            parameters=_FORMED,
            within=_away,
            actions=(*_WRITE, *_READ, *_TOUCH, "cut_off", "heal", "read_eventually"),
        ),
        # Two writes one after the other, applied, shown and read eventually.
        Scope(
            values={
                **_TWO_ROUNDS,
                "begin.member": (0,),
                "member": (0, 1),
                "other": (1,),
                "counter": (1, 2),
                "changes": (True,),
                "show.number": (1, 2),
            },
            parameters=_FORMED,
            within=_one_after_the_other,
            actions=("begin", "promise", "propose", "accept", "finish", "learn", "show", "read_eventually"),
        ),
        # It only believes that it is alone, and reads before and after.
        Scope(
            values={
                **_AWAY,
                "catching_up": (False, True),
                "begin.catching_up": (False,),
                "enter.member": (2,),
            },
            parameters=_FORMED,
            within=lambda state: _begun(state, (0, 1)) and state.members[2].region.suspensions in _TWICE,
            actions=(*_WRITE, *_READ, *_TOUCH, "enter"),
        ),
        # Two writers, in two Regions, and all that may come between them.
        Scope(
            values=_TWO_ROUNDS,
            parameters=_FORMED,
            within=lambda state: _begun(state, (0, 1), (1, 1)),
            actions=_ROUND,
        ),
        # A write, and a strong read at any time in any Region.
        Scope(
            values={**_ONE_WRITE, "read": (1,)},
            parameters=_FORMED,
            within=lambda state: _begun(state, (0, 1)),
            actions=(*_ROUND, *_READ),
        ),
    ]
)

__all__ = ["_strong_covers", "_strong_mutants", "system"]
