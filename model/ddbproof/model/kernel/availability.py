"""Which Region a client of a global table asks: its own, or another when its own does not answer.

Sources: AV-03 (several independent replicas help only a client that moves), GT-05 (no endpoint does that for it). This is what a client
library does, and what the project's own clients do; how a client finds out that a Region is down is left to it.
"""

from __future__ import annotations

NOBODY, HOME, AWAY = range(3)


def route(home_up: bool, away_up: bool, moves: bool) -> int:
    """Where a request goes, of a client that stays at its Region or moves."""
    if home_up:
        return HOME
    if moves and away_up:
        return AWAY
    return NOBODY
