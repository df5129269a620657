"""The changes of a table in all its Regions: which of them win, and who can see them.

A viewer (a Region now, a backup, a restore) has some changes surely and some perhaps; that is its `Sight`. It
shows, under each key, a change that it has and that none of those which it surely has beats. That is all there is
to it; the rest of this module says when one change beats another, and what each viewer sees.

Of two changes the later one wins (ME-02). In one Region later is plain (RC-08), and so it is if the earlier one had
arrived before the later one was made. Otherwise the clocks decide, as far as they can be trusted. What is left
is a tie: one of the two wins, but the same one everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ddbproof.model.store.answers import SECOND, Promises, Value


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the run: `number` orders all moments, `at` is the instant."""

    number: int
    at: int


NEVER = Moment(-1, 0)


@dataclass(frozen=True, slots=True)
class Change:
    """`key` was set to `value` (None: deleted) in `region`. Since `everywhere` all Regions surely have it.

    A change that is `transactional` is a part of a transaction.
    """

    made: Moment
    region: str
    key: str
    value: Value
    everywhere: Moment | None = None
    transactional: bool = False

    def known_in(self, region: str) -> Moment | None:
        """Since when a Region surely has the change."""
        return self.made if self.region == region else self.everywhere


Sight = Callable[[Change], bool | None]
"""Whether a viewer has a change: surely (True), surely not (False), or perhaps (None)."""


@dataclass(frozen=True, slots=True)
class History:
    """All changes of a table, oldest first. `ties` has the ones that were seen decided, as (loser, winner)."""

    changes: tuple[Change, ...] = ()
    ties: frozenset[tuple[int, int]] = frozenset()

    def beats(self, winner: Change, loser: Change, clock_error: int) -> bool:
        """True if the one surely replaces the other wherever both are known."""
        if winner.region == loser.region:
            return winner.made.number > loser.made.number
        if loser.everywhere is not None and loser.everywhere.number < winner.made.number:
            return True
        if winner.made.at > loser.made.at + clock_error:
            return True
        return (loser.made.number, winner.made.number) in self.ties

    def candidates(self, key: str, sight: Sight, clock_error: int) -> list[Change | None]:
        """The changes of which a viewer shows one under a key; None stands for never written."""
        of_key = [change for change in self.changes if change.key == key]
        surely = [change for change in of_key if sight(change) is True]

        def unbeaten(change: Change) -> bool:
            return not any(self.beats(other, change, clock_error) for other in surely)

        certain = [change for change in surely if unbeaten(change)]
        perhaps = [change for change in of_key if sight(change) is None and unbeaten(change)]
        return [*certain, *perhaps] if certain else [None, *perhaps]

    def decided(self, rivals: Iterable[Change | None], value: Value) -> History:
        """The history once `value` was shown where all of `rivals` are surely known."""
        known = [rival for rival in rivals if rival is not None]
        winners = [rival for rival in known if rival.value == value]
        if len(winners) != 1:
            # Rivals of equal value do not tell which of them it was.
            return self
        (winner,) = winners
        pairs = {(rival.made.number, winner.made.number) for rival in known if rival is not winner}
        return replace(self, ties=self.ties | pairs)

    def settled(self, moment: Moment) -> History:
        """The history once everything has arrived everywhere."""
        arrived = tuple(
            change if change.everywhere is not None else replace(change, everywhere=moment)
            for change in self.changes
        )
        return replace(self, changes=arrived)

    def keys(self) -> list[str]:
        """Every key that was ever written."""
        return sorted({change.key for change in self.changes})


def seen_live(region: str) -> Sight:
    """What a Region has now: what was made there or has arrived everywhere, perhaps what is on its way."""

    def sight(change: Change) -> bool | None:
        return True if change.known_in(region) is not None else None

    return sight


def seen_by_index(region: str, settled: Moment) -> Sight:
    """What an index of a Region's table has: what was there when all had `settled`, perhaps what has come since (IX-01)."""

    def sight(change: Change) -> bool | None:
        known = change.known_in(region)
        return True if known is not None and known.number <= settled.number else None

    return sight


def seen_by_backup(region: str, taken: Moment, promises: Promises) -> Sight:
    """What a backup has: what was there when it was taken, give or take what changed within the band (BK-02)."""
    reach = promises.backup_band + promises.clock_error if promises.backup_band else 0

    def sight(change: Change) -> bool | None:
        known = change.known_in(region)
        if known is not None and known.number < taken.number and known.at <= taken.at - reach:
            return True
        if change.made.number < taken.number:
            return None
        return None if reach and change.made.at <= taken.at + reach else False

    return sight


def seen_by_restore(region: str, earliest: int, latest: int, window_first: int, promises: Promises) -> Sight:
    """What a restore has to an instant that lies between `earliest` and `latest` (PI-11).

    The second in which the window starts stands for the start itself, which may be later in that second. A
    transaction may have propagated in part (RS-08).
    """
    start = min(window_first, earliest + SECOND)
    until = max(latest + promises.restore_granularity, start) + promises.clock_error

    def sight(change: Change) -> bool | None:
        known = change.known_in(region)
        on_its_way = promises.transaction_propagation if change.transactional else 0
        if known is not None and known.at < earliest - promises.clock_error - on_its_way:
            return True
        return None if change.made.at <= until else False

    return sight
