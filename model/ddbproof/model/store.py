"""The sequential specification of the API: what a correct store answers, one operation after the other.

Written to be obviously right and not to be fast: every table keeps every change with the second in which it was
made, and every question is answered from that list. It shares no code with the endpoint and none with the
kernels. Time stands still but for `advance`, and is in whole seconds.

Where more than one answer is right the specification says which: a replica that has not yet heard of a write made
elsewhere may show any version since its own last one (ME-01), and of two writes in one second either may win (ME-05).

What it leaves out: sort keys, indexes, transactions, capacity, expressions beyond one condition. An item is
one string under one key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAY_SECONDS = 86_400
DEFAULT_PERIOD_DAYS = 35
Value = str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The one right answer is an error with this code."""

    code: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The right answers; most questions have just one."""

    values: frozenset[object]


@dataclass(frozen=True, slots=True)
class Change:
    """What a key was set to (None: deleted), when, and in which Region."""

    second: int
    region: str
    key: str
    value: Value


@dataclass(slots=True)
class Table:
    """A table in all its Regions: every change ever made, in the order in which they were made."""

    regions: list[str]
    changes: list[Change] = field(default_factory=list)
    settled_changes: int = 0
    protected: bool = False
    recovery_floor: dict[str, int] = field(default_factory=dict)
    recovery_days: dict[str, int] = field(default_factory=dict)

    def winners(self, key: str, changes: list[Change]) -> list[Change]:
        """The changes of a key that may have won: the last of each Region, of the latest second."""
        last: dict[str, Change] = {change.region: change for change in changes if change.key == key}
        latest = max((change.second for change in last.values()), default=0)
        return [change for change in last.values() if change.second == latest]

    def may_hold(self, region: str, key: str) -> set[Value]:
        """What a Region may hold under a key now."""
        settled = self.changes[: self.settled_changes]
        fresh = [change for change in self.changes[self.settled_changes :] if change.key == key]
        possible = self.winners(key, settled)
        own = [change for change in fresh if change.region == region]
        if own:
            # Never behind its own last write: only what is as late or later can have replaced it.
            possible = [own[-1]]
        elsewhere = [change for change in fresh if change.region != region]
        floor = max((change.second for change in possible), default=0)
        may_have_come = [change for change in elsewhere if change.second >= floor]
        # Nothing is there until something has surely come.
        nothing: set[Value] = set() if possible else {None}
        return nothing | {change.value for change in (*possible, *may_have_come)}

    def written_keys(self) -> list[str]:
        """Every key that was ever written."""
        return list(dict.fromkeys(change.key for change in self.changes))


@dataclass(slots=True)
class Store:
    """All tables and backups, the time, and by how much the latest restorable instant trails it."""

    now: int
    restore_lag_seconds: int
    tables: dict[str, Table] = field(default_factory=dict)
    backups: dict[int, tuple[str, dict[str, Value]]] = field(default_factory=dict)

    # Tables.

    def create(self, name: str, region: str) -> Answered | Refused:
        """A new table in one Region; a name is taken once."""
        if name in self.tables:
            return Refused("ResourceInUseException")
        self.tables[name] = Table([region])
        return Answered(frozenset({None}))

    def delete(self, name: str) -> Answered | Refused:
        """The table is gone with its items; its backups stay (BK-09)."""
        table = self.tables.get(name)
        if table is None:
            return Refused("ResourceNotFoundException")
        if table.protected:
            return Refused("ValidationException")
        del self.tables[name]
        return Answered(frozenset({None}))

    def add_replica(self, name: str, region: str) -> None:
        """The table is in another Region as well, with all that is in it."""
        self.tables[name].regions.append(region)

    def settle(self) -> None:
        """Everything that was on its way has arrived everywhere."""
        for table in self.tables.values():
            table.settled_changes = len(table.changes)

    def is_settled(self, name: str) -> bool:
        """True if all Regions of a table hold the same."""
        table = self.tables[name]
        return len(table.regions) == 1 or table.settled_changes == len(table.changes)

    # Items.

    def put(self, name: str, region: str, key: str, value: Value) -> Answered | Refused:
        """The key holds the value from now on; None deletes it."""
        table = self.tables.get(name)
        if table is None:
            return Refused("ResourceNotFoundException")
        table.changes.append(Change(self.now, region, key, value))
        if len(table.regions) == 1:
            table.settled_changes = len(table.changes)
        return Answered(frozenset({None}))

    def put_if_absent(self, name: str, region: str, key: str, value: str) -> Answered | Refused:
        """As `put`, but only if nothing is there (CO-01). For a table that is settled."""
        if name in self.tables and self.tables[name].may_hold(region, key) != {None}:
            return Refused("ConditionalCheckFailedException")
        return self.put(name, region, key, value)

    def get(self, name: str, region: str, key: str) -> Answered | Refused:
        """What a strongly consistent read in the Region may show."""
        table = self.tables.get(name)
        if table is None:
            return Refused("ResourceNotFoundException")
        return Answered(frozenset(table.may_hold(region, key)))

    def contents(self, name: str, region: str) -> list[Mapping[str, Value]]:
        """What a whole, strongly consistent read may show: of a settled table, items by key."""
        table = self.tables[name]
        found: list[dict[str, Value]] = [{}]
        for key in table.written_keys():
            found = [
                ({**one, key: value} if value is not None else one)
                for one in found
                for value in table.may_hold(region, key)
            ]
        return list(found)

    # Backups.

    def back_up(self, number: int, name: str, region: str) -> Answered | Refused:
        """A full copy as of now (BK-01). For a table that is settled, without ties."""
        if name not in self.tables:
            return Refused("TableNotFoundException")
        (held,) = self.contents(name, region)
        self.backups[number] = (region, dict(held))
        return Answered(frozenset({None}))

    def restore_backup(self, number: int, target: str) -> Answered | Refused:
        """A new table with what the backup holds; a name is taken once (RS-01)."""
        if target in self.tables:
            return Refused("TableAlreadyExistsException")
        region, held = self.backups[number]
        self._restored(target, region, held)
        return Answered(frozenset({None}))

    # Point-in-time recovery.

    def set_recovery(self, name: str, region: str, days: int | None) -> None:
        """Recovery is on with that period, or off (None)."""
        table = self.tables[name]
        if days is None:
            table.recovery_days.pop(region, None)
            return
        if region not in table.recovery_days:
            table.recovery_floor[region] = self.now
        else:
            shorter = min(days, table.recovery_days[region])
            dropped = self.now - shorter * DAY_SECONDS
            table.recovery_floor[region] = max(table.recovery_floor[region], dropped)
        table.recovery_days[region] = days

    def window(self, name: str, region: str) -> tuple[int, int] | None:
        """First and last restorable second, or None while recovery is off (PI-07, PI-08)."""
        table = self.tables[name]
        days = table.recovery_days.get(region)
        if days is None:
            return None
        first = max(table.recovery_floor[region], self.now - days * DAY_SECONDS)
        return first, max(first, self.now - self.restore_lag_seconds)

    def restore_to(self, name: str, region: str, second: int, target: str) -> Answered | Refused:
        """A new table with what a single-Region table held at the end of that second (PI-11)."""
        if name not in self.tables:
            return Refused("TableNotFoundException")
        window = self.window(name, region)
        if window is None:
            return Refused("PointInTimeRecoveryUnavailableException")
        if not window[0] <= second <= window[1]:
            return Refused("InvalidRestoreTimeException")
        if target in self.tables:
            return Refused("TableAlreadyExistsException")
        held: dict[str, Value] = {}
        for change in self.tables[name].changes:
            if change.second <= second:
                held[change.key] = change.value
        self._restored(target, region, held)
        return Answered(frozenset({None}))

    def _restored(self, target: str, region: str, held: Mapping[str, Value]) -> None:
        changes = [Change(self.now, region, key, value) for key, value in held.items() if value is not None]
        self.tables[target] = Table([region], changes, len(changes))

    def advance(self, seconds: int) -> None:
        """Time goes on."""
        self.now += seconds
