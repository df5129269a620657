"""Trials of availability: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both
from ddbproof.model.systems.availability import State, system


@system.witness("AV-03")
def four_nines_stay_four_nines(state: State) -> Any:
    """Each Region was up for 99.99% of the time, and of all requests the one client lost 1 in 10,000 and the other none."""
    return both(
        state.elapsed == 10_000,
        state.home_down == 1,
        state.away_down == 1,
        state.failed.staying * 100_000 > state.elapsed,
        state.failed.moving * 100_000 < state.elapsed,
    )


@system.cover("AV-03")
def both_down_at_once(state: State) -> Any:
    """Moving did not help."""
    return both(state.failed.moving == 1, state.home_down == 1)


@system.mutant("availability.route")
def never_moves(home_up: bool, away_up: bool, moves: bool) -> int:
    """A client that should move stays."""
    return 1 if home_up else 0


@system.mutant("availability.route")
def always_moves(home_up: bool, away_up: bool, moves: bool) -> int:
    """A client that should stay moves."""
    if home_up:
        return 1
    return 2 if away_up else 0


@system.mutant("availability.route")
def moves_without_looking(home_up: bool, away_up: bool, moves: bool) -> int:
    """A client moves to a Region that is down."""
    if home_up:
        return 1
    return 2 if moves else 0


@system.mutant("availability.route")
def asks_home_whatever(home_up: bool, away_up: bool, moves: bool) -> int:
    """A client that stays asks a Region that is down and takes it for an answer."""
    if home_up or not moves:
        return 1
    return 2 if away_up else 0


@system.mutant("availability.route")
def gives_up_at_once(home_up: bool, away_up: bool, moves: bool) -> int:
    """A client that moves stays away as long as the other Region is up."""
    if moves and away_up:
        return 0
    return 1 if home_up else 0


@system.mutant("availability.route", harmless=True)
def away_for_those_who_move(home_up: bool, away_up: bool, moves: bool) -> int:
    """The same, asked for failures first."""
    if not home_up:
        if not moves:
            return 0
        return 2 if away_up else 0
    return 1


system.scopes.append(
    Scope(
        values={"duration": (1, 9_998)},
        within=lambda state: state.elapsed < 4 or 9_998 <= state.elapsed < 10_000,
    )
)
