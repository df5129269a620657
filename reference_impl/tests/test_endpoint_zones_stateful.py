"""Any order of requests and faults: what was acknowledged is read, and nothing is read that was not written.

Of each item the machine knows what it may be: the value last acknowledged or read strongly, and those of later writes that
were not answered. Such a write may be done at any time, also after a strong read that did not show it, but not after a write
that was acknowledged later: its place in the log is taken. At the end everything is mended; then the table, its
stream, a backup and a restore have to agree, and the recorded steps have to be those of the proved system. By then
the stream has told in which order each item had its values, so it can be said of every transaction that it was done
wholly or not at all, of every transactional read that what it showed was there together, and of every write with a condition that
it replaced what its condition held of.
"""

from __future__ import annotations

import contextlib
from typing import Any

from faults_by_rule import FaultRules, nodes, settings_of
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from zones_by_hand import OTHER, TABLE, Zones

from ddbproof.reference_impl.control.topology import replayed
from ddbproof.reference_impl.errors import CallerError, ConfigurationError, UnavailableError

KEYS = [f"k{number}" for number in range(6)]
keys = st.sampled_from(KEYS)


class ZonesMachine(FaultRules):
    """See above."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 0
        self.last: dict[str, int | None] = dict.fromkeys(KEYS)
        self.pending: dict[str, set[int | None]] = {key: set() for key in KEYS}
        self.ever: dict[str, set[int | None]] = {key: {None} for key in KEYS}
        self.order: dict[str, list[int | None]] = {key: [] for key in KEYS}
        self.told: set[str] = set()
        self.replacing: dict[int, int] = {}
        self.transactions: dict[int, tuple[str, str]] = {}
        self.cancelled: set[int] = set()
        self.together: list[dict[str, int]] = []

    @initialize(partitions=st.integers(1, 3), seed=st.integers(0, 5), lag=st.sampled_from(["none", "legal"]))
    def begin(self, partitions: int, seed: int, lag: str) -> None:
        self.zones = self.opened(partitions=partitions, seed=seed, record_steps=True, lag=lag)

    def opened(self, **options: Any) -> Zones:
        """The endpoint, whose table has a replica in another Region."""
        zones = Zones(**options)
        zones.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
        zones.wait(5)
        return zones

    # -- requests ---------------------------------------------------------------------------------------

    @rule(key=keys)
    def put(self, key: str) -> None:
        self.value += 1
        self.ever[key].add(self.value)
        self.done(key, self.value, answered=self.zones.put(key, self.value))

    @rule(key=keys)
    def put_if(self, key: str) -> None:
        """A condition is evaluated on an item that was read strongly a moment before."""
        known = self.zones.read(key)
        if known is False or known is None:
            return
        self.saw(key, known)
        self.value += 1
        try:
            answered = self.zones.put(
                key,
                self.value,
                ConditionExpression="n = :n",
                ExpressionAttributeValues={":n": {"N": str(known)}},
            )
        except CallerError:
            assert self.pending[key], "a condition failed that held a moment before"
            return
        self.ever[key].add(self.value)
        self.replacing[self.value] = known
        self.done(key, self.value, answered=answered)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        answer = self.zones.tried("DeleteItem", TableName=TABLE, Key={"pk": {"S": key}})
        self.done(key, None, answered=answer is not None)

    @rule(one=keys, other=keys)
    def transact(self, one: str, other: str) -> None:
        if one == other:
            return
        self.value += 1
        self.transactions[self.value] = one, other
        puts = [
            {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": str(self.value)}}}}
            for key in (one, other)
        ]
        try:
            answered = self.zones.tried("TransactWriteItems", TransactItems=puts) is not None
        except CallerError:  # cancelled
            self.cancelled.add(self.value)
            return
        for key in (one, other):
            self.ever[key].add(self.value)
            self.done(key, self.value, answered=answered)

    @rule(one=keys, other=keys)
    def read_together(self, one: str, other: str) -> None:
        if one == other:
            return
        gets = [{"Get": {"TableName": TABLE, "Key": {"pk": {"S": key}}}} for key in (one, other)]
        answer = None
        with contextlib.suppress(CallerError):  # a transaction is in the way
            answer = self.zones.tried("TransactGetItems", TransactItems=gets)
        if answer is None:
            return
        items = [response.get("Item") for response in answer["Responses"]]
        found = {
            key: int(item["n"]["N"])
            for key, item in zip((one, other), items, strict=True)
            if item is not None
        }
        for key in (one, other):
            self.saw(key, found.get(key))
        self.together.append(found)

    @rule(key=keys)
    def read(self, key: str) -> None:
        found = self.zones.read(key)
        if found is not False:
            self.saw(key, found)

    @rule(key=keys)
    def read_eventually(self, key: str) -> None:
        found = self.zones.read(key, consistent=False)
        assert found is False or found in self.ever[key]

    def done(self, key: str, value: int | None, *, answered: bool) -> None:
        if answered:
            self.last[key] = value
            self.pending[key].clear()
        else:
            self.pending[key].add(value)

    def saw(self, key: str, value: int | None) -> None:
        pending = self.pending[key]
        assert value == self.last[key] or value in pending, (
            f"{key} is {value}, not {self.last[key]} or {pending}"
        )
        if value != self.last[key]:
            # One item has one order: those before it are done, or never will be.
            self.last[key] = value
            pending.discard(value)

    # -- time and faults --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 9.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        self.listen()  # what is a day old is gone
        self.zones.clock.advance(seconds)

    @rule(node=nodes, milliseconds=st.integers(-10_000, 10_000))
    def jump_clock(self, node: str, milliseconds: int) -> None:
        self.zones.fault("jump_clock", node, milliseconds=milliseconds)

    @rule(fault=st.sampled_from(["split", "step_down"]), partition=st.integers(0, 3))
    def command(self, fault: str, partition: int) -> None:
        try:
            self.zones.fault(fault, TABLE, partition=partition)
        except ConfigurationError:
            return  # no such partition, no leader, or nothing to split

    # -- the end ----------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "zones"):
            return
        zones = self.zones
        zones.mend()
        assert zones.settled, "not settled a minute after everything was mended"
        now: dict[str, Any] = {}
        for key in KEYS:
            now[key] = zones.read(key)
            assert now[key] is not False
            self.saw(key, now[key])
        there = {key: value for key, value in now.items() if value is not None}
        assert zones.scan() == there
        arn = zones.call("CreateBackup", TableName=TABLE, BackupName="last")["BackupDetails"]["BackupArn"]
        zones.call("RestoreTableFromBackup", BackupArn=arn, TargetTableName="restored")
        assert zones.scan("restored") == there
        self.others_agree(now)
        self.stream_follows(now)
        self.listen()
        self.transactions_are_whole()
        assert replayed(zones.endpoint.cluster)["problems"] == []

    def others_agree(self, now: dict[str, Any]) -> None:
        """What else there is of the table is as the table."""
        assert {key: self.zones.read(key, region=OTHER) for key in KEYS} == now

    def stream_follows(self, now: dict[str, Any]) -> None:
        """Each change begins where the one before it of its item ended; what is older than a day is trimmed."""
        last: dict[str, int | None] = {}
        for _, key, old, new in self.zones.changes():
            assert last.setdefault(key, old) == old
            last[key] = new
        assert all(now[key] == value for key, value in last.items())

    def listen(self) -> None:
        """Note what the stream says of the order of each item's values."""
        try:
            changes = self.zones.changes()
        except UnavailableError:
            return
        for number, key, old, new in changes:
            if number not in self.told:
                if new in self.replacing:
                    assert old == self.replacing[new], f"{new} replaces {old}, not {self.replacing[new]}"
                self.told.add(number)
                self.order[key].append(new)

    def transactions_are_whole(self) -> None:
        """TX-02, TX-07: all or nothing, and seen so."""
        for value, (one, other) in self.transactions.items():
            assert (value in self.order[one]) == (value in self.order[other]), f"half of {value} was done"
            assert value not in self.cancelled or value not in self.order[one], f"{value} was cancelled"
        for found in self.together:
            for value, items in self.transactions.items():
                seen = {self.had(key, found[key], value) for key in items if key in found}
                assert len(seen) < 2 or value not in self.order[items[0]], f"{found} shows half of {value}"

    def had(self, key: str, shown: int, value: int) -> bool:
        """True if an item that shows a value has had another, or shows that."""
        order = self.order[key]
        return value in order[: order.index(shown) + 1]


ZonesMachine.TestCase.settings = settings_of(60)
TestZones = ZonesMachine.TestCase
