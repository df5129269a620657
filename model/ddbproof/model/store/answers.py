"""What is answered, and how exact an endpoint promises to be. Instants are milliseconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000
DAY = 86_400 * SECOND

Value = int | None
"""What a key holds: the number of its item, None if there is no item."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An error with this code; None where the code is documented nowhere, so that any will do.

    A transaction that is cancelled has the code of a reason for each action; None where any will do.
    """

    code: str | None
    reasons: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A success that shows this: a `Value`, a tuple of them, a frozenset of (key, number), a status, a `Window`, or nothing."""

    what: object = None


@dataclass(frozen=True, slots=True)
class Window:
    """Recovery that is on: its period, and from which second to which each end of its window may be shown."""

    days: int
    first: tuple[int, int]
    last: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Among:
    """A success that shows some of these pairs of (key, number), or all, or none."""

    pairs: frozenset[tuple[str, int]]


Answer = Refused | Shown | Among
DONE = Shown()


@dataclass(frozen=True, slots=True)
class Promises:
    """How exact an endpoint is, in milliseconds. The defaults are what DynamoDB's contract allows.

    `clock_error` is by how much the clocks of two Regions, or of the driver and the endpoint, may differ;
    `backup_band` is how far from the request a change has to be to be surely in a backup or not (BK-02);
    `restore_granularity` is how long after the asked instant a change may still be in a restore (PI-11);
    `transaction_propagation` is for how long a transaction may still be in a restore in part (RS-08): documented nowhere,
    so it is as long as a backup's band;
    `restore_lag` is by how much, at least and at most, the latest restorable instant trails now (PI-07).
    """

    clock_error: int = 1 * SECOND
    backup_band: int = 60 * SECOND
    restore_granularity: int = 1 * SECOND
    transaction_propagation: int = 60 * SECOND
    restore_lag: tuple[int, int] = (0, 300 * SECOND)


CONTRACT = Promises()
