"""The store: every operation with its outcomes. See the package for how to read it.

Refusals are told by AWS's code. Where two reasons to refuse hold, each is right: nobody says which comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ddbproof.model.store.answers import (
    CONTRACT,
    DAY,
    DONE,
    SECOND,
    Answer,
    Promises,
    Refused,
    Shown,
    Value,
    Window,
)
from ddbproof.model.store.history import (
    NEVER,
    Change,
    History,
    Moment,
    Sight,
    seen_by_backup,
    seen_by_restore,
    seen_live,
)

if TYPE_CHECKING:
    from ddbproof.model.store.transactions import Token

LONGEST_PERIOD_DAYS = 35
SYSTEM_BACKUP_DAYS = 35

Condition = Callable[[Value], bool]
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Recovery:
    """Point-in-time recovery that is on: nothing before `since` can be restored, ever."""

    since: int
    days: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table in one Region. Tables with one history are replicas of each other.

    As the source of a new replica it may refuse to be deleted up to `kept_until` (GT-15). It has an index if it is
    `indexed`, and so has what is made of it: replicas, restored tables.
    """

    history: int
    protected: bool = False
    recovery: Recovery | None = None
    kept_until: int = -1
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of a Region's table, requested at `taken`. A SYSTEM backup `expires`."""

    history: int
    region: str
    taken: Moment
    expires: int | None = None
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """One right answer, and the store after it was given."""

    answer: Answer
    after: Store


Outcomes = tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """Everything there is. Tables are found by (Region, name), backups by a label that the caller gave them.

    What client tokens stand for is found by (Region, token). Transactions and indexes are in modules of their own.
    Nothing is on its way that was made before the moment `settled`.

    No operation raises: what cannot be done is refused.
    """

    now: int
    promises: Promises = CONTRACT
    tables: Mapping[Place, Table] = field(default_factory=dict)
    histories: Mapping[int, History] = field(default_factory=dict)
    backups: Mapping[str, Backup] = field(default_factory=dict)
    tokens: Mapping[tuple[str, str], Token] = field(default_factory=dict)
    moments: int = 0
    settled: Moment = NEVER

    # -- time -----------------------------------------------------------------------------------------

    def advance(self, milliseconds: int) -> Store:
        """Time goes on."""
        return replace(self, now=self.now + milliseconds)

    def settle(self) -> Store:
        """Everything that was on its way, between Regions and to indexes, has arrived."""
        store, moment = self._moment()
        settled = {number: history.settled(moment) for number, history in self.histories.items()}
        return replace(store, histories=settled, settled=moment)

    # -- tables ---------------------------------------------------------------------------------------

    def create_table(self, region: str, name: str, *, indexed: bool = False) -> Outcomes:
        """A new, empty table, perhaps with an index; a name is taken once in a Region (CTL-06)."""
        if (region, name) in self.tables:
            return self._refused("ResourceInUseException")
        return _done(self._with_new_table(region, name, {}, indexed=indexed))

    def describe_table(self, region: str, name: str) -> Outcomes:
        """Whether it exists: then it is ACTIVE."""
        if (region, name) not in self.tables:
            return self._refused("ResourceNotFoundException")
        return (Outcome(Shown("ACTIVE"), self),)

    def protect(self, region: str, name: str, *, protected: bool) -> Outcomes:
        """Deletion protection on or off, in this Region only (CTL-03, GT-14)."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("ResourceNotFoundException")
        return _done(self._with_table(region, name, replace(table, protected=protected)))

    def delete_table(self, region: str, name: str, label: str) -> Outcomes:
        """The Region's table is gone; with recovery on it leaves the SYSTEM backup `label` (BK-16, PI-21).

        A table with replicas has to be settled: what becomes of changes under way is documented nowhere.
        """
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("ResourceNotFoundException")
        if table.protected:
            return self._refused("ValidationException")
        store = self
        if table.recovery is not None:
            store = self._with_backup(region, table, label, self.now + SYSTEM_BACKUP_DAYS * DAY)
        left = {place: other for place, other in self.tables.items() if place != (region, name)}
        deleted = _done(replace(store, tables=left))
        return deleted + self._refused("ValidationException", may=self.now <= table.kept_until)

    def add_replica(self, region: str, name: str, newcomer: str) -> Outcomes:
        """The table is in another Region too, with all that is in it (ME-08); settings are its own (GT-14)."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("ResourceNotFoundException")
        if (newcomer, name) in self.tables:
            return self._refused(None)
        store = self
        for there in self.regions(region, name):
            source = replace(self.tables[there, name], kept_until=self.now + DAY)
            store = store._with_table(there, name, source)
        return _done(store._with_table(newcomer, name, Table(table.history, indexed=table.indexed)))

    def remove_replica(self, region: str, name: str, leaver: str) -> Outcomes:
        """The replica in another Region is gone with its data (GT-17). The table has to be settled.

        Whether that leaves a SYSTEM backup is documented nowhere; nothing is said of one.
        """
        if (region, name) not in self.tables:
            return self._refused("ResourceNotFoundException")
        if leaver == region or leaver not in self.regions(region, name):
            return self._refused(None)
        table = self.tables[leaver, name]
        refused = self._refused(None, may=self.now <= table.kept_until or table.protected)
        if table.protected:
            return refused
        left = {place: other for place, other in self.tables.items() if place != (leaver, name)}
        return _done(replace(self, tables=left)) + refused

    def regions(self, region: str, name: str) -> list[str]:
        """The Regions that have a replica of the table, with its own."""
        history = self.tables[region, name].history
        return sorted(there for (there, _), table in self.tables.items() if table.history == history)

    def is_settled(self, region: str, name: str) -> bool:
        """True if nothing of a table is on its way."""
        history = self.histories[self.tables[region, name].history]
        alone = len(self.regions(region, name)) == 1
        return alone or all(change.everywhere is not None for change in history.changes)

    # -- items ----------------------------------------------------------------------------------------

    def get_item(self, region: str, name: str, key: str) -> Outcomes:
        """A strongly consistent read: the item's number, None where there is no item (RC-03, ME-07)."""
        if (region, name) not in self.tables:
            return self._refused("ResourceNotFoundException")
        return tuple(Outcome(Shown(value), after) for value, after in self.values(region, name, key))

    def scan(self, region: str, name: str) -> Outcomes:
        """All items of a Region, strongly consistently, as a frozenset of (key, number)."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("ResourceNotFoundException")
        nothing: frozenset[tuple[str, int]] = frozenset()
        found: list[tuple[frozenset[tuple[str, int]], Store]] = [(nothing, self)]
        keys = self.histories[table.history].keys()
        for key in keys:
            found = [
                (items if value is None else items | {(key, value)}, after)
                for items, store in found
                for value, after in store.values(region, name, key)
            ]
        return tuple(Outcome(Shown(items), after) for items, after in found)

    def put_item(
        self, region: str, name: str, key: str, value: int, condition: Condition | None = None
    ) -> Outcomes:
        """The key holds `value`; shows what it held. A condition is judged on what the Region has (ME-07)."""
        return self._write(region, name, key, lambda _: value, condition)

    def delete_item(self, region: str, name: str, key: str, condition: Condition | None = None) -> Outcomes:
        """The key holds nothing; shows what it held. Deleting what is not there is no change (ST-02)."""
        return self._write(region, name, key, lambda _: None, condition)

    def add_to_item(
        self, region: str, name: str, key: str, amount: int, condition: Condition | None = None
    ) -> Outcomes:
        """`amount` is added to the number, or to 0 if there is none; shows the sum (RC-08)."""
        return self._write(region, name, key, lambda old: (old or 0) + amount, condition, shows_new=True)

    # -- what transactions need of items --------------------------------------------------------------

    def values(self, region: str, name: str, key: str) -> list[tuple[Value, Store]]:
        """What a Region may show under a key, each with the store once that was shown."""
        number = self.tables[region, name].history
        history, sight = self.histories[number], seen_live(region)
        candidates = history.candidates(key, sight, self.promises.clock_error)
        values = _values_of(candidates)
        if not all(change is not None and sight(change) for change in candidates):
            # It shows what has arrived yet, and says nothing of who wins.
            return [(value, self) for value in values]
        return [(value, self._with_history(number, history.decided(candidates, value))) for value in values]

    def changed(
        self, region: str, name: str, key: str, value: Value, *, transactional: bool = False
    ) -> Store:
        """The store once an item of a Region's table has changed now, by a write or by a part of a transaction."""
        store, moment = self._moment()
        number = self.tables[region, name].history
        history = self.histories[number]
        changes = (*history.changes, Change(moment, region, key, value, transactional=transactional))
        return store._with_history(number, replace(history, changes=changes))

    # -- backups --------------------------------------------------------------------------------------

    def create_backup(self, region: str, name: str, label: str) -> Outcomes:
        """A full backup of the Region's table (BK-01), from now on known as `label`."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("TableNotFoundException")
        return _done(self._with_backup(region, table, label, None))

    def describe_backup(self, label: str) -> Outcomes:
        """Whether it exists: then it is AVAILABLE. It does whatever becomes of its table (BK-09)."""
        return self._of_backup(label, (Outcome(Shown("AVAILABLE"), self),))

    def delete_backup(self, label: str) -> Outcomes:
        """The backup is gone (BK-13)."""
        left = {other: backup for other, backup in self.backups.items() if other != label}
        return self._of_backup(label, _done(replace(self, backups=left)))

    def restore_backup(self, label: str, region: str, target: str) -> Outcomes:
        """A new table with what a backup of this Region holds (RS-09), in no global table (RS-10)."""
        backup = self.backups.get(label)
        if backup is None:
            return self._of_backup(label, ()) + self._refused_target(region, target)
        if (region, target) in self.tables:
            return self._of_backup(label, self._refused_target(region, target))
        sight = seen_by_backup(backup.region, backup.taken, self.promises)
        return self._of_backup(label, _done(self._restored(region, target, backup, sight)))

    # -- point-in-time recovery -----------------------------------------------------------------------

    def set_recovery(self, region: str, name: str, days: int | None) -> Outcomes:
        """Recovery is on with that period, or off (None); in this Region only (PI-20)."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("TableNotFoundException")
        if days is not None and not 1 <= days <= LONGEST_PERIOD_DAYS:
            return self._refused(None)
        recovery = None
        if days is not None and table.recovery is None:
            recovery = Recovery(self.now, days)  # enabling starts anew (PI-15)
        elif days is not None and table.recovery is not None:
            # What the shorter of both periods drops now is dropped for good (PI-09, PI-10).
            dropped = self.now - min(days, table.recovery.days) * DAY
            recovery = Recovery(max(table.recovery.since, dropped), days)
        return _done(self._with_table(region, name, replace(table, recovery=recovery)))

    def window(self, region: str, name: str) -> tuple[int, int, int] | None:
        """The first restorable instant, and between which two the last one lies; None while recovery is off."""
        recovery = self.tables[region, name].recovery
        if recovery is None:
            return None
        first = max(recovery.since, self.now - recovery.days * DAY)  # PI-08
        least_lag, most_lag = self.promises.restore_lag  # PI-07
        return first, max(first, self.now - most_lag), max(first, self.now - least_lag)

    def describe_recovery(self, region: str, name: str) -> Outcomes:
        """A `Window` where recovery is on, "DISABLED" where it is off."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("TableNotFoundException")
        window = self.window(region, name)
        if window is None or table.recovery is None:
            return (Outcome(Shown("DISABLED"), self),)
        first, last_at_least, last_at_most = window

        def seconds(low: int, high: int) -> tuple[int, int]:
            # Whether a shown second is rounded up or down is not said.
            error = self.promises.clock_error
            return (low - error) // SECOND, (high + error) // SECOND + 1

        shown = Window(table.recovery.days, seconds(first, first), seconds(last_at_least, last_at_most))
        return (Outcome(Shown(shown), self),)

    def restore_to(self, region: str, name: str, second: int | None, target: str) -> Outcomes:
        """A new table with what the Region's table held at a second, or at the latest one (None) (PI-11)."""
        table = self.tables.get((region, name))
        if table is None:
            return self._refused("TableNotFoundException") + self._refused_target(region, target)
        window = self.window(region, name)
        if window is None:
            unavailable = self._refused("PointInTimeRecoveryUnavailableException")
            return unavailable + self._refused_target(region, target)
        first, last_at_least, last_at_most = window
        error = self.promises.clock_error
        asked = (last_at_least, last_at_most) if second is None else (second * SECOND, second * SECOND)
        # The window is shown in whole seconds, so a second at one of its ends may be inside or not (PI-12).
        inside = second is None or first + error <= asked[0] <= last_at_least - error
        outside = not first - error - SECOND <= asked[0] <= last_at_most + error + SECOND
        outcomes = self._refused("InvalidRestoreTimeException", may=not inside)
        if (region, target) in self.tables:
            return outcomes + self._refused_target(region, target)
        if not outside:
            sight = seen_by_restore(region, *asked, first, self.promises)
            outcomes += _done(self._restored(region, target, table, sight))
        return outcomes

    # -- how it is done -------------------------------------------------------------------------------

    def _refused(self, code: str | None, *, may: bool = True) -> Outcomes:
        return (Outcome(Refused(code), self),) if may else ()

    def _refused_target(self, region: str, target: str) -> Outcomes:
        """A restore needs a free name (RS-01, PI-13)."""
        return self._refused("TableAlreadyExistsException", may=(region, target) in self.tables)

    def _moment(self) -> tuple[Store, Moment]:
        return replace(self, moments=self.moments + 1), Moment(self.moments, self.now)

    def _with_table(self, region: str, name: str, table: Table) -> Store:
        return replace(self, tables={**self.tables, (region, name): table})

    def _with_history(self, number: int, history: History) -> Store:
        return replace(self, histories={**self.histories, number: history})

    def _with_backup(self, region: str, table: Table, label: str, expires: int | None) -> Store:
        store, moment = self._moment()
        backup = Backup(table.history, region, moment, expires, table.indexed)
        return replace(store, backups={**self.backups, label: backup})

    def _with_new_table(
        self, region: str, name: str, contents: Mapping[str, list[Value]], *, indexed: bool
    ) -> Store:
        """A table that holds, under each key, one of the given values: they are rivals, made at one instant."""
        store, changes = self, []
        for key, values in contents.items():
            for rival, value in enumerate(values):
                store, moment = store._moment()
                changes.append(Change(moment, f"rival {rival}", key, value))
        store, moment = store._moment()
        number = len(self.histories)
        history = History(tuple(changes)).settled(moment)
        return store._with_history(number, history)._with_table(region, name, Table(number, indexed=indexed))

    def _restored(self, region: str, target: str, source: Table | Backup, sight: Sight) -> Store:
        """With a new table of what `sight` shows of a source, and with its index (RS-04)."""
        history = self.histories[source.history]
        contents = {
            key: _values_of(history.candidates(key, sight, self.promises.clock_error))
            for key in history.keys()  # noqa: SIM118 (a history is no dictionary)
        }
        return self._with_new_table(region, target, contents, indexed=source.indexed)

    def _write(
        self,
        region: str,
        name: str,
        key: str,
        new_value: Callable[[Value], Value],
        condition: Condition | None,
        *,
        shows_new: bool = False,
    ) -> Outcomes:
        if (region, name) not in self.tables:
            return self._refused("ResourceNotFoundException")
        outcomes: list[Outcome] = []
        for old, _ in self.values(region, name, key):
            if condition is not None and not condition(old):
                outcome = Outcome(Refused("ConditionalCheckFailedException"), self)
            else:
                new = new_value(old)
                after = self if old is None and new is None else self.changed(region, name, key, new)
                outcome = Outcome(Shown(new if shows_new else old), after)
            if outcome not in outcomes:
                outcomes.append(outcome)
        return tuple(outcomes)

    def _of_backup(self, label: str, outcomes: Outcomes) -> Outcomes:
        """The outcomes of using a backup, or the refusal if it is gone; around its expiry either (BK-16)."""
        backup, error = self.backups.get(label), self.promises.clock_error
        gone = self._refused("BackupNotFoundException")
        if backup is None or (backup.expires is not None and self.now > backup.expires + error):
            return gone
        if backup.expires is not None and self.now >= backup.expires - error:
            return outcomes + gone
        return outcomes


def _done(after: Store) -> Outcomes:
    return (Outcome(DONE, after),)


def _values_of(candidates: list[Change | None]) -> list[Value]:
    return list(dict.fromkeys(None if change is None else change.value for change in candidates))
