"""The rules: which steps there are, each only when it means something.

Arguments are drawn from what is enabled: tables, backups and instants that exist, and a few that are just beside
them and have to be refused. Arguments drawn at random would nearly always be refused, and find nothing.

The world of a run is small: two keys, three names of tables, two or three Regions. Every number that is put is
new, so that a value tells which change it came from. The rules say *what* is done; what may be answered is the
specification's business alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ddbproof.conformance.fuzz.calls import Calls, Condition, Place
from ddbproof.conformance.fuzz.tally import Tally
from ddbproof.conformance.fuzz.world import Feature, Worlds
from ddbproof.model.claims import EvidenceKind, evidence
from ddbproof.model.store import Action, Shown, Store
from ddbproof.model.store.transactions import TOKEN_MILLISECONDS, Kind

KEYS = ("a", "b")
NAMES = ("one", "two", "three")
MOST_TABLES = 4
DAY_SECONDS = 86_400.0
WAITS = (0.25, 0.5, 1.0, 1.0, 2.0, 75.0, 400.0, DAY_SECONDS, 3 * DAY_SECONDS, 36 * DAY_SECONDS)
MOMENTS = (0.0, 0.25, 0.5, 1.0)
WRITES: tuple[Kind, ...] = ("put", "put", "add", "delete")
ACTIONS: tuple[Kind, ...] = (*WRITES, "check")
CONDITIONS = ("", "", "", "", "absent", "equal")
CHECKS = ("absent", "present", "equal")
SIZES = (2, 1, 2, 3, 4)
# How far before or after the end of a token's time a transaction is sent again: a clock that runs may run on meanwhile.
MARGIN_MILLISECONDS = 5_000
# What a transaction names besides its items: nothing, one of them a second time, one of a table that is not there.
BESIDE = ("",) * 8 + ("twice", "missing")
INSTANTS = ("change", "change", "change", "end", "latest")
USES = ("put", "scan", "delete_table", "back_up", "set_recovery", "restore_to")


@evidence(EvidenceKind.STATE_MACHINE, "RC-03", "RC-08", "CTL-03", "BK-01", "BK-02", "BK-09", "BK-13", "BK-16")
@evidence(EvidenceKind.STATE_MACHINE, "ME-01", "ME-02", "ME-07", "ME-08", "ME-11", "GT-02", "GT-03", "GT-04")
@evidence(EvidenceKind.STATE_MACHINE, "GT-14", "GT-17", "GT-21", "RS-01", "RS-09", "RS-10", "RS-11", "PI-05")
@evidence(EvidenceKind.STATE_MACHINE, "PI-08", "PI-09", "PI-10", "PI-11", "PI-12", "PI-13", "PI-14", "PI-15")
@evidence(EvidenceKind.STATE_MACHINE, "PI-20", "PI-21", "PI-22", "TX-02", "TX-04", "TX-05", "TX-07", "TX-08")
@evidence(EvidenceKind.STATE_MACHINE, "TX-09", "TX-11", "ME-15", "IX-01", "IX-02", "BK-07")
class StoreMachine(RuleBasedStateMachine):
    """Drives an endpoint and the specification side by side. `machine` makes a class of it for some worlds."""

    worlds: Worlds
    tally: Tally

    # -- the beginning and the end --------------------------------------------------------------------

    @initialize(replicated=st.booleans(), recoverable=st.booleans(), indexed=st.booleans())
    def begin(self, replicated: bool, recoverable: bool, indexed: bool) -> None:
        """An empty world with one table, perhaps in two Regions, perhaps with recovery on, perhaps with an index."""
        self.stack = ExitStack()
        self.calls = Calls(self.stack.enter_context(self.worlds()), self.tally)
        self.tally.runs += 1
        self.numbers = 0
        self.backups: dict[str, str] = {}
        self.transactions: dict[str, tuple[str, tuple[Action, ...]]] = {}
        self.regions = self.calls.world.regions
        first = (self.regions[0], NAMES[0])
        self.calls.create_table(first, indexed=indexed and self._has(Feature.INDEXES))
        if recoverable and self._has(Feature.RECOVERY):
            self.calls.set_recovery(first, 35)
        if replicated and self._has(Feature.REPLICAS) and len(self.regions) > 1:
            self.calls.add_replica(first, self.regions[1])

    def teardown(self) -> None:
        """Leave the world."""
        if hasattr(self, "stack"):
            self.stack.close()

    @invariant()
    def is_counted(self) -> None:
        """Every state that is reached is counted."""
        if hasattr(self, "calls"):
            self.tally.reached(self.store, self.calls.cut_off)

    # -- what there is --------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """What the specification says now."""
        return self.calls.store

    def _has(self, feature: Feature) -> bool:
        return feature in self.calls.world.features

    def _time_moves(self) -> bool:
        return self.calls.world.advance is not None

    def _places(self) -> list[Place]:
        return sorted(self.store.tables)

    def _shared(self) -> list[Place]:
        """One place of each table that is in several Regions."""
        found = {self.store.tables[place].history: place for place in reversed(self._places())}
        return sorted(place for place in found.values() if len(self.store.regions(*place)) > 1)

    def _quiet(self) -> list[Place]:
        """Tables of which nothing is on its way."""
        return [
            place
            for place in self._places()
            if len(self.store.regions(*place)) == 1
            or (self.store.is_settled(*place) and not self.calls.cut_off)
        ]

    def _target(self, data: st.DataObject, region: str) -> str:
        """A name for a restored table: a free one if there is one, else one that is taken."""
        free = [name for name in NAMES if (region, name) not in self.store.tables]
        return data.draw(st.sampled_from(free or NAMES))

    def _number(self) -> int:
        # Far apart: what was put and then added to still tells where it came from.
        self.numbers += 1
        return 100 * self.numbers

    # -- tables ---------------------------------------------------------------------------------------

    @rule(data=st.data(), kind=st.sampled_from(("create", "protect", "delete", "delete")))
    def change_tables(self, data: st.DataObject, kind: str) -> None:
        """A new table, or one that is there already; protection switched over; a table deleted, or protected."""
        places = self._places()
        if kind == "create" or not places:
            everywhere = [(region, name) for name in NAMES for region in self.regions]
            full = len(places) >= MOST_TABLES
            place = data.draw(st.sampled_from(places if full else everywhere))
            self.calls.create_table(place, indexed=self._has(Feature.INDEXES) and data.draw(st.booleans()))
        elif kind == "protect":
            if not self._has(Feature.PROTECTION):
                return
            place = data.draw(st.sampled_from(places))
            self.calls.protect(place, protected=not self.store.tables[place].protected)
        elif quiet := self._quiet():
            self._delete_table(data.draw(st.sampled_from(quiet)))

    def _delete_table(self, place: Place) -> None:
        label = f"system-{self._number()}"
        if self.calls.delete_table(place, label):
            self.backups[label] = place[0]

    @rule(data=st.data(), use=st.sampled_from(USES))
    def use_what_is_not_there(self, data: st.DataObject, use: str) -> None:
        """Use a table that was never made, or is gone."""
        region = data.draw(st.sampled_from(self.regions))
        missing = [name for name in NAMES if (region, name) not in self.store.tables]
        if not missing:
            return
        place = (region, data.draw(st.sampled_from(missing)))
        if use == "put":
            self.calls.put(place, KEYS[0], self._number())
        elif use == "scan":
            self.calls.scan(place)
        elif use == "delete_table":
            self.calls.delete_table(place, "none")
        elif use == "back_up" and self._has(Feature.BACKUPS):
            self.calls.back_up(place, "none")
        elif use == "set_recovery" and self._has(Feature.RECOVERY):
            self.calls.set_recovery(place, 35)
        elif use == "restore_to" and self._has(Feature.RECOVERY):
            self.calls.restore_to(place, None, self._target(data, region))

    # -- items ----------------------------------------------------------------------------------------

    @precondition(lambda self: self._places())
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """Put an item, add to one, or delete one, perhaps under a condition."""
        self._write(data, data.draw(st.sampled_from(self._places())), data.draw(st.sampled_from(KEYS)))

    @precondition(lambda self: self._shared())
    @rule(data=st.data(), key=st.sampled_from(KEYS), count=st.integers(2, 4))
    def race(self, data: st.DataObject, key: str, count: int) -> None:
        """Change one item in several Regions, before they hear of each other."""
        region, name = data.draw(st.sampled_from(self._shared()))
        for _ in range(count):
            there = data.draw(st.sampled_from(self.store.regions(region, name)))
            self._write(data, (there, name), key)
            moment = data.draw(st.sampled_from(MOMENTS))
            if moment and self._time_moves():
                self.calls.advance(moment)

    def _write(self, data: st.DataObject, place: Place, key: str) -> None:
        kind = data.draw(st.sampled_from(WRITES))
        condition = self._condition(data, place, key)
        if kind == "put":
            self.calls.put(place, key, self._number(), condition)
        elif kind == "add":
            self.calls.add(place, key, condition)
        else:
            self.calls.delete(place, key, condition)

    @precondition(lambda self: self._places())
    @rule(data=st.data(), key=st.sampled_from((*KEYS, None)))
    def read(self, data: st.DataObject, key: str | None) -> None:
        """Read an item, or the whole table."""
        place = data.draw(st.sampled_from(self._places()))
        if key is None:
            self.calls.scan(place)
        else:
            self.calls.get(place, key)

    @precondition(lambda self: self._indexed())
    @rule(data=st.data(), patient=st.booleans())
    def read_index(self, data: st.DataObject, patient: bool) -> None:
        """Look for all items in an index, perhaps once everything has arrived."""
        place = data.draw(st.sampled_from(self._indexed()))
        if patient:
            self.calls.settle()
        for key in KEYS:
            self.calls.query_index(place, key)

    def _indexed(self) -> list[Place]:
        return [place for place in self._places() if self.store.tables[place].indexed]

    def _condition(
        self, data: st.DataObject, place: Place, key: str, kinds: Sequence[str] = CONDITIONS
    ) -> Condition:
        """A condition, mostly none; one on a number asks for one that may be there, or for one that cannot."""
        kind = data.draw(st.sampled_from(kinds))
        if kind != "equal":
            return Condition(kind)
        numbers = [one for one in self._held(place, key) if isinstance(one, int)]
        return Condition(kind, data.draw(st.sampled_from([*numbers, -1])))

    def _held(self, place: Place, key: str) -> list[object]:
        """What an item may be; nothing where there is no table."""
        return [one.answer.what for one in self.store.get_item(*place, key) if isinstance(one.answer, Shown)]

    # -- transactions ---------------------------------------------------------------------------------

    @precondition(lambda self: self._has(Feature.TRANSACTIONS) and self._places())
    @rule(data=st.data(), use=st.sampled_from(("no token", "new token", "used token", "used token")))
    def transact(self, data: st.DataObject, use: str) -> None:
        """Change and check items of some tables of a Region together, perhaps where it has to be refused."""
        region = data.draw(st.sampled_from(sorted({region for region, _ in self._places()})))
        used = sorted(one for one, (there, _) in self.transactions.items() if there == region)
        token = "" if use == "no token" else f"token-{self._number()}"
        if use == "used token" and used:
            token = data.draw(st.sampled_from(used))
        self._transact(data, "transact", region, self._actions(data, region), token)

    @precondition(lambda self: self.transactions)
    @rule(
        data=st.data(),
        when=st.sampled_from(("now", "in time", "late")),
        same=st.sampled_from((True, True, True, False)),
    )
    def repeat_transaction(self, data: st.DataObject, when: str, same: bool) -> None:
        """Send a transaction, or another, with a used token: soon, just before its ten minutes end, or after them."""
        token = data.draw(st.sampled_from(sorted(self.transactions)))
        region, actions = self.transactions[token]
        if when != "now" and self._time_moves():
            ends = self.store.tokens[region, token].ended + TOKEN_MILLISECONDS - self.store.now
            wait = ends + (MARGIN_MILLISECONDS if when == "late" else -MARGIN_MILLISECONDS)
            if wait > 0:
                self.calls.advance(wait / 1_000)
        if not same:
            actions = self._actions(data, region)
        self._transact(data, "repeat_transaction", region, actions, token)

    def _transact(
        self, data: st.DataObject, name: str, region: str, actions: tuple[Action, ...], token: str
    ) -> None:
        """Ask for a transaction, and mostly look at its items, together."""
        self.calls.transact(name, region, actions, token)
        known = self.store.tokens.get((region, token))
        if known is not None and actions in known.requests:
            self.transactions[token] = (region, actions)
        if data.draw(st.sampled_from((True, True, False))):
            self.calls.get_together(region, sorted({(action.table, action.key) for action in actions}))

    def _actions(self, data: st.DataObject, region: str) -> tuple[Action, ...]:
        """What a transaction of a Region does: something with one to four items, perhaps something impossible."""
        names = [name for there, name in self._places() if there == region]
        everything = [(name, key) for name in names for key in KEYS]
        missing = [name for name in NAMES if name not in names]
        chosen: list[Place] = []
        if everything:
            size = min(data.draw(st.sampled_from(SIZES)), len(everything))
            some = st.lists(st.sampled_from(everything), min_size=size, max_size=size, unique=True)
            chosen = data.draw(some)
        beside = data.draw(st.sampled_from(BESIDE))
        if not chosen or (beside == "missing" and missing):
            chosen.append((data.draw(st.sampled_from(missing)), KEYS[0]))
        elif beside == "twice":
            chosen.append(chosen[0])
        return tuple(self._action(data, (region, name), key) for name, key in chosen)

    def _action(self, data: st.DataObject, place: Place, key: str) -> Action:
        # What an addition or a deletion comes to, a transaction does not tell, so it has to be known before.
        known = len(self._held(place, key)) < 2
        kind = data.draw(st.sampled_from(ACTIONS if known else ("put", "check")))
        condition = self._condition(data, place, key, CHECKS if kind == "check" else CONDITIONS)
        number = self._number() if kind == "put" else 1 if kind == "add" else 0
        return Action(kind, place[1], key, number, condition)

    # -- time and Regions -----------------------------------------------------------------------------

    @precondition(lambda self: self._time_moves())
    @rule(seconds=st.sampled_from(WAITS))
    def time_passes(self, seconds: float) -> None:
        """A moment, minutes, or days."""
        self.calls.advance(seconds)

    @precondition(lambda self: self._has(Feature.REPLICAS) and len(self.regions) > 1)
    @precondition(lambda self: self._quiet() and not self.calls.cut_off)
    @rule(data=st.data(), remove=st.sampled_from((False, False, True)))
    def change_replicas(self, data: st.DataObject, remove: bool) -> None:
        """A table goes to another Region, or leaves one; where one of its name is already it must not go."""
        place = data.draw(st.sampled_from(self._quiet()))
        others = [region for region in self.regions if region != place[0]]
        change = self.calls.remove_replica if remove else self.calls.add_replica
        change(place, data.draw(st.sampled_from(others)))

    @precondition(lambda self: self._shared())
    @rule()
    def regions_agree(self) -> None:
        """When everything has arrived all Regions show the same, and the latest."""
        self.calls.settle()
        for place in self._shared():
            self.calls.agree(place, KEYS)

    @precondition(lambda self: self.calls.world.network and self._shared())
    @rule(data=st.data())
    def cut_off(self, data: st.DataObject) -> None:
        """A Region is cut off, or healed."""
        region = data.draw(st.sampled_from(self.regions))
        if region in self.calls.cut_off:
            self.calls.heal(region)
        else:
            self.calls.isolate(region)

    # -- backups --------------------------------------------------------------------------------------

    @precondition(lambda self: self._has(Feature.BACKUPS) and self._places())
    @rule(data=st.data())
    def back_up(self, data: st.DataObject) -> None:
        """Back a table up."""
        place, label = data.draw(st.sampled_from(self._places())), f"backup-{self._number()}"
        if self.calls.back_up(place, label):
            self.backups[label] = place[0]

    @precondition(lambda self: self.backups)
    @rule(data=st.data(), delete=st.booleans())
    def look_at_backup(self, data: st.DataObject, delete: bool) -> None:
        """Look whether a backup is still there, or delete it, perhaps once more."""
        label, region = self._backup(data)
        if delete:
            self.calls.delete_backup(label, region)
        else:
            self.calls.describe_backup(label, region)

    @precondition(lambda self: self.backups)
    @rule(data=st.data())
    def restore_backup(self, data: st.DataObject) -> None:
        """Restore a backup, perhaps of a table that is gone, perhaps one that is deleted."""
        label, region = self._backup(data)
        target = self._target(data, region)
        if self.calls.restore_backup(label, region, target):
            self._perhaps_delete(data, (region, target))

    def _backup(self, data: st.DataObject) -> tuple[str, str]:
        """A backup that was made once, and its Region."""
        return data.draw(st.sampled_from(sorted(self.backups.items())))

    # -- point-in-time recovery -----------------------------------------------------------------------

    @precondition(lambda self: self._has(Feature.RECOVERY) and self._places())
    @rule(data=st.data(), days=st.sampled_from((35, 1, 2, None, 36)))
    def set_recovery(self, data: st.DataObject, days: int | None) -> None:
        """Switch recovery on or off, or change its period, perhaps to one that there is not."""
        self.calls.set_recovery(data.draw(st.sampled_from(self._places())), days)

    @precondition(lambda self: self._has(Feature.RECOVERY) and self._time_moves() and self._places())
    @rule(data=st.data())
    def describe_recovery(self, data: st.DataObject) -> None:
        """Look at a restore window."""
        self.calls.describe_recovery(data.draw(st.sampled_from(self._places())))

    @precondition(lambda self: self._time_moves() and self._recoverable())
    @rule(data=st.data(), patient=st.sampled_from((True, True, False)), kind=st.sampled_from(INSTANTS))
    def restore_to(self, data: st.DataObject, patient: bool, kind: str) -> None:
        """Restore to a second in or after which something changed, to an end of the window or just outside."""
        place = data.draw(st.sampled_from(self._recoverable()))
        if patient:
            # What was changed up to now becomes restorable.
            self.calls.advance(self.store.promises.restore_lag[1] / 1000 + 1)
        second, target = self._second(data, place, kind), self._target(data, place[0])
        if self.calls.restore_to(place, second, target):
            self._perhaps_delete(data, (place[0], target))

    def _perhaps_delete(self, data: st.DataObject, restored: Place) -> None:
        """Mostly a restored table has served its purpose, and would only take a name."""
        if data.draw(st.sampled_from((True, True, False))):
            self._delete_table(restored)

    def _recoverable(self) -> list[Place]:
        return [place for place in self._places() if self.store.window(*place) is not None]

    def _second(self, data: st.DataObject, place: Place, kind: str) -> int | None:
        window = self.store.window(*place)
        assert window is not None
        first, last = window[0] // 1000, window[2] // 1000
        if kind == "latest":
            return None
        changes = self.store.histories[self.store.tables[place].history].changes
        beside = {change.made.at // 1000 + more for change in changes for more in (0, 1)}
        inside = sorted(second for second in beside if first <= second <= last)
        if kind == "change" and inside:
            return data.draw(st.sampled_from(inside))
        return data.draw(
            st.sampled_from(sorted({end + more for end in (first, last) for more in (-3, 0, 3)}))
        )


def machine(worlds: Worlds, tally: Tally) -> Any:
    """A machine class for endpoints that `worlds` opens; what happens is counted in `tally`."""
    return type("EndpointMachine", (StoreMachine,), {"worlds": staticmethod(worlds), "tally": tally})
