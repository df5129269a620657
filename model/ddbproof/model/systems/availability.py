"""Two Regions that are up and down as they like, and two clients, of which one moves.

Source: AV-03. The kernel is `kernel/availability.py`. Time passes in pieces of any length, in each of which both Regions are up or down;
requests come evenly. That replicas fail independently is an assumption about the world: what it would mean for the time in which both
are down is arithmetic outside of here. Proved is what time counts for which client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import implies, neg
from ddbproof.model.kernel import availability
from ddbproof.model.kernel.refusal import require

NOBODY, HOME, AWAY = range(3)


class Failed(msgspec.Struct, frozen=True):
    """How long each client got no answer, and whether it was ever sent to a Region that was down."""

    staying: int
    moving: int
    misled: bool


class State(msgspec.Struct, frozen=True):
    """How long Regions were down, and what became of the clients."""

    elapsed: int
    home_down: int
    away_down: int
    both_down: int
    failed: Failed


system = System("availability", "What replicas are worth to a client", State, [availability])
system.scope_in_words = [
    "two Regions and two clients; requests come evenly, and a client knows at once who is up",
    "that Regions fail independently is not proved of anything: it is what the percentages assume",
]
replace = msgspec.structs.replace


@system.initial
def begun() -> State:
    """Nothing has happened."""
    return State(0, 0, 0, 0, Failed(0, 0, False))


def _lost(to: int, duration: int) -> int:
    if to == NOBODY:
        return duration
    return 0


def _misled(to: int, home_up: bool, away_up: bool) -> Any:
    if to == HOME:
        return neg(home_up)
    if to == AWAY:
        return neg(away_up)
    return False


def _counted(duration: int, counts: bool) -> int:
    if counts:
        return duration
    return 0


@system.action
def pass_time(state: State, duration: int, home_up: bool, away_up: bool) -> State:
    """Time passes, with each Region up or down."""
    require(duration > 0)
    staying = availability.route(home_up, away_up, False)
    moving = availability.route(home_up, away_up, True)
    failed = state.failed
    misled = failed.misled | _misled(staying, home_up, away_up) | _misled(moving, home_up, away_up)
    both_down = neg(home_up | away_up)
    return State(
        state.elapsed + duration,
        state.home_down + _counted(duration, neg(home_up)),
        state.away_down + _counted(duration, neg(away_up)),
        state.both_down + _counted(duration, both_down),
        Failed(failed.staying + _lost(staying, duration), failed.moving + _lost(moving, duration), misled),
    )


@system.safe("AV-03")
def SAFE_a_client_that_stays_has_its_regions_availability(state: State) -> Iterator[Any]:
    """A client that stays fails exactly as long as its Region is down, however many replicas there are."""
    yield state.failed.staying == state.home_down
    yield neg(state.failed.misled)


@system.safe("AV-03")
def SAFE_a_client_that_moves_fails_only_if_both_do(state: State) -> Iterator[Any]:
    """A client that moves fails exactly as long as both are down, which is never longer than either is."""
    yield state.failed.moving == state.both_down
    yield state.failed.moving <= state.home_down
    yield state.failed.moving <= state.away_down
    yield implies(state.both_down == 0, state.failed.moving == 0)
