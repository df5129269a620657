"""The state machine: what can be done to an endpoint, each only when it means something.

Rules choose among what is there (tables, backups, instants at which something changed, and the seconds beside
them): arguments drawn at random would nearly always be refused, and find nothing. Every fourth call or so is one that
must be refused.

A run has a small world: three keys, three table names, two Regions. Writes in one second of one Region
happen in order; the clock stands still unless a rule moves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ddbproof.conformance.fuzz.steps import ClientFactory, Driver, Hand
from ddbproof.model.claims import EvidenceKind, evidence
from ddbproof.model.store import Answered, Refused, Store

HOME, ABROAD = "us-east-1", "eu-west-1"
KEYS = ("a", "b", "c")
NAMES = ("one", "two", "three")
ACCEPTED = Answered(frozenset({None}))


@dataclass(frozen=True, slots=True)
class World:
    """An endpoint as the machine needs it: clients, the hand on its clock, and a few of its settings.

    `hand` is None where the clock cannot be moved; then what needs time to pass is left out. Tables get names that
    begin with `prefix`.
    """

    clients: ClientFactory
    hand: Hand | None
    now: int
    restore_lag_seconds: int = 300
    settling_seconds: int = 3
    prefix: str = ""


Worlds = Callable[[], AbstractContextManager[World]]


@dataclass(slots=True)
class Seen:
    """What the runs of a machine have seen: rules taken, and distinct states of the specification."""

    rules: Counter[str] = field(default_factory=Counter)
    states: set[int] = field(default_factory=set)
    runs: int = 0
    last: Any = None


def machine(worlds: Worlds, seen: Seen) -> type[RuleBasedStateMachine]:
    """A state machine class for endpoints made by `worlds`; what happens is counted in `seen`."""
    return type("EndpointMachine", (StoreMachine,), {"worlds": staticmethod(worlds), "seen": seen})


@evidence(EvidenceKind.STATE_MACHINE, "PI-11", "PI-22", "RS-09", "BK-01", "BK-09", "ME-01", "ME-02", "RC-03")
class StoreMachine(RuleBasedStateMachine):
    """Drives an endpoint and the specification; every answer is compared."""

    worlds: Worlds
    seen: Seen

    @initialize()
    def begin(self) -> None:
        """A new endpoint with one table."""
        self._context = self.worlds()
        world = self._context.__enter__()
        self.world = world
        self.driver = Driver(world.clients, world.hand or (lambda _seconds: None), world.prefix)
        self.store = Store(world.now, world.restore_lag_seconds)
        self.arns: dict[int, str] = {}
        self.numbers = 0
        self.seen.runs += 1
        self._create("one")

    def teardown(self) -> None:
        """Let the endpoint go; what was made there is removed by whoever gave it."""
        self.seen.last = self
        if hasattr(self, "_context"):
            self._context.__exit__(None, None, None)

    # What there is.

    def _tables(self) -> list[str]:
        return [name for name in NAMES if name in self.store.tables]

    def _settled(self, *, alone: bool = False) -> list[str]:
        return [
            name
            for name in self._tables()
            if self.store.is_settled(name)
            and (not alone or len(self.store.tables[name].regions) == 1)
            and len(self.store.contents(name, HOME)) == 1
        ]

    def _free(self) -> list[str]:
        return [name for name in NAMES if name not in self.store.tables]

    def _taken(self, name: str) -> None:
        self.seen.rules[name] += 1
        shape = (
            tuple(
                (
                    name,
                    len(table.regions),
                    len(table.changes) - table.settled_changes,
                    bool(table.recovery_days),
                    tuple(min(map(str, table.may_hold(HOME, key))) for key in KEYS),
                )
                for name, table in sorted(self.store.tables.items())
            ),
            len(self.store.backups),
        )
        self.seen.states.add(hash(shape))

    def _value(self) -> str:
        self.numbers += 1
        return f"v{self.numbers}"

    def _create(self, name: str) -> None:
        self.driver.call(
            HOME,
            "create_table",
            self.store.create(name, HOME),
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        self.driver.wait_for(HOME, name)

    def _can_move(self) -> bool:
        return self.world.hand is not None

    # Rules.

    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def put(self, data: st.DataObject, key: str) -> None:
        """Write an item in a Region that has the table, or into a table that is not there."""
        name = data.draw(st.sampled_from(NAMES))
        regions = self.store.tables[name].regions if name in self.store.tables else [HOME]
        region = data.draw(st.sampled_from(regions))
        value = self._value()
        item = {"pk": {"S": key}, "v": {"S": value}}
        self.driver.call(
            region, "put_item", self.store.put(name, region, key, value), TableName=name, Item=item
        )
        self._taken("put")

    @precondition(lambda self: self._tables())
    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def delete(self, data: st.DataObject, key: str) -> None:
        """Delete an item that is surely there: of an absent one nobody says what replicates."""
        name = data.draw(st.sampled_from(self._tables()))
        region = data.draw(st.sampled_from(self.store.tables[name].regions))
        assume(None not in self.store.tables[name].may_hold(region, key))
        expected = self.store.put(name, region, key, None)
        self.driver.call(region, "delete_item", expected, TableName=name, Key={"pk": {"S": key}})
        self._taken("delete")

    @precondition(lambda self: self._settled())
    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def put_if_absent(self, data: st.DataObject, key: str) -> None:
        """Write an item only where none is."""
        name = data.draw(st.sampled_from(self._settled()))
        value = self._value()
        self.driver.call(
            HOME,
            "put_item",
            self.store.put_if_absent(name, HOME, key, value),
            TableName=name,
            Item={"pk": {"S": key}, "v": {"S": value}},
            ConditionExpression="attribute_not_exists(pk)",
        )
        self._taken("put_if_absent")

    @precondition(lambda self: self._tables())
    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def get(self, data: st.DataObject, key: str) -> None:
        """Read an item, strongly consistently, in any Region of its table."""
        name = data.draw(st.sampled_from(self._tables()))
        region = data.draw(st.sampled_from(self.store.tables[name].regions))
        self._get(name, region, key)
        self._taken("get")

    def _get(self, name: str, region: str, key: str) -> None:
        expected = self.store.get(name, region, key)
        arguments: dict[str, Any] = {"TableName": name, "Key": {"pk": {"S": key}}, "ConsistentRead": True}
        self.driver.call(region, "get_item", expected, look="item", **arguments)

    @precondition(_can_move)
    @rule(seconds=st.sampled_from((1, 1, 1, 60, 400, 3 * 86_400)))
    def time_passes(self, seconds: int) -> None:
        """Seconds, minutes or days go by."""
        self._advance(seconds)
        self._taken("time_passes")

    def _advance(self, seconds: int) -> None:
        if not self._can_move():
            return
        self.driver.advance(seconds)
        self.store.advance(seconds)
        if seconds >= self.world.settling_seconds:
            self.store.settle()

    @precondition(lambda self: self._can_move() and self._settled(alone=True))
    @rule(data=st.data())
    def add_replica(self, data: st.DataObject) -> None:
        """A table goes abroad."""
        name = data.draw(st.sampled_from(self._settled(alone=True)))
        updates = [{"Create": {"RegionName": ABROAD}}]
        self.driver.call(HOME, "update_table", ACCEPTED, TableName=name, ReplicaUpdates=updates)
        self.store.add_replica(name, ABROAD)
        self._advance(max(60, self.world.settling_seconds))
        self._taken("add_replica")

    @precondition(lambda self: any(len(table.regions) > 1 for table in self.store.tables.values()))
    @rule()
    def regions_agree(self) -> None:
        """After a while without writes every Region shows the same, and the latest."""
        self._advance(max(2, self.world.settling_seconds))
        for name in self._tables():
            for region in self.store.tables[name].regions:
                for key in KEYS:
                    self._get(name, region, key)
        self._taken("regions_agree")

    @precondition(lambda self: self._settled())
    @rule(data=st.data())
    def back_up(self, data: st.DataObject) -> None:
        """A backup of a table that is at rest; of no other is it said exactly what it holds."""
        name = data.draw(st.sampled_from(self._settled()))
        number = len(self.store.backups)
        expected = self.store.back_up(number, name, HOME)
        answer = self.driver.call(
            HOME, "create_backup", expected, TableName=name, BackupName=f"ddbproof-{number}"
        )
        self.arns[number] = answer["BackupDetails"]["BackupArn"]
        self._taken("back_up")

    @precondition(lambda self: self.store.backups)
    @rule(data=st.data())
    def restore_backup(self, data: st.DataObject) -> None:
        """Restore a backup, also of a table that is gone; onto a taken name it is refused."""
        number = data.draw(st.sampled_from(sorted(self.store.backups)))
        target = data.draw(st.sampled_from(self._free() or NAMES))
        expected = self.store.restore_backup(number, target)
        arguments = {"BackupArn": self.arns[number], "TargetTableName": target}
        self.driver.call(HOME, "restore_table_from_backup", expected, **arguments)
        self._look_into(target, expected)
        self._taken("restore_backup")

    @precondition(lambda self: self._can_move() and self._settled(alone=True))
    @rule(data=st.data(), days=st.sampled_from((None, 1, 2, 35)))
    def set_recovery(self, data: st.DataObject, days: int | None) -> None:
        """Switch recovery on or off, or change its period."""
        name = data.draw(st.sampled_from(self._settled(alone=True)))
        specification: dict[str, Any] = {"PointInTimeRecoveryEnabled": days is not None}
        if days is not None:
            specification["RecoveryPeriodInDays"] = days
        self.driver.call(
            HOME,
            "update_continuous_backups",
            ACCEPTED,
            TableName=name,
            PointInTimeRecoverySpecification=specification,
        )
        self.store.set_recovery(name, HOME, days)
        self._taken("set_recovery")

    @precondition(lambda self: self._can_move() and self._settled(alone=True))
    @rule(data=st.data(), beside=st.sampled_from((-1, 0, 0, 1)))
    def restore_to(self, data: st.DataObject, beside: int) -> None:
        """Restore to a second in which something changed, or beside it, or to an end of the window."""
        name = data.draw(st.sampled_from(self._settled(alone=True)))
        table = self.store.tables[name]
        window = self.store.window(name, HOME)
        moments = sorted({change.second for change in table.changes} | set(window or ()))
        assume(moments)
        inside = [it + beside for it in moments if window and window[0] <= it + beside <= window[1]]
        second = data.draw(st.sampled_from(inside or [moments[-1] + beside]))
        target = data.draw(st.sampled_from(self._free() or NAMES))
        expected = self.store.restore_to(name, HOME, second, target)
        # Of two reasons to refuse, nobody says which comes first.
        assume(isinstance(expected, Answered) or target not in self.store.tables)
        self.driver.call(
            HOME,
            "restore_table_to_point_in_time",
            expected,
            SourceTableName=name,
            TargetTableName=target,
            RestoreDateTime=datetime.fromtimestamp(second, UTC),
        )
        self._look_into(target, expected)
        self._taken("restore_to")

    def _look_into(self, target: str, expected: Answered | Refused) -> None:
        if isinstance(expected, Refused):
            return
        self._advance(max(1, self.world.settling_seconds))
        self.driver.wait_for(HOME, target)
        held = frozenset(frozenset(one.items()) for one in self.store.contents(target, HOME))
        self.driver.call(HOME, "scan", Answered(held), look="items", TableName=target, ConsistentRead=True)

    @precondition(lambda self: self._tables())
    @rule(data=st.data(), protected=st.booleans())
    def protect(self, data: st.DataObject, protected: bool) -> None:
        """Switch deletion protection."""
        name = data.draw(st.sampled_from(self._tables()))
        self.driver.call(HOME, "update_table", ACCEPTED, TableName=name, DeletionProtectionEnabled=protected)
        self.store.tables[name].protected = protected
        self._taken("protect")

    @rule(data=st.data())
    def delete_table(self, data: st.DataObject) -> None:
        """Delete a table of one Region, or try to delete one that is protected or not there."""
        name = data.draw(st.sampled_from(NAMES))
        assume(name not in self.store.tables or len(self.store.tables[name].regions) == 1)
        expected = self.store.delete(name)
        self.driver.call(HOME, "delete_table", expected, TableName=name)
        self._advance(max(1, self.world.settling_seconds))
        if isinstance(expected, Answered):
            self.driver.wait_for(HOME, name, gone=True)
        self._taken("delete_table")

    @precondition(lambda self: self._free())
    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        """A new table."""
        self._create(data.draw(st.sampled_from(self._free())))
        self._taken("create")
