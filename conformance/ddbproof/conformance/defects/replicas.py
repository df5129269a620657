"""Planted defects of global tables in eventual mode (GT, ME).

What a replica lacks is kept from its readers: the relay notes through which Region each item was written and
hides items, or shows old ones, in the others. For an endpoint's user that is the same as a lost replication.
"""

# ruff: noqa: ARG002 (a hook gets the call and the answer, whether it looks at both or not)
from __future__ import annotations

from typing import Any

from ddbproof.conformance.defects.base import (
    Answer,
    Call,
    Defect,
    Document,
    Endpoint,
    canonical,
    success,
)
from ddbproof.conformance.defects.shadow import READS, WRITES, Keys, contents, current_item, replace_contents
from ddbproof.conformance.defects.tables import described


def replica_changes(call: Call, kind: str) -> list[str]:
    """Regions of the `Create` or `Delete` members of ReplicaUpdates."""
    if call.operation != "UpdateTable":
        return []
    updates = call.parameter("ReplicaUpdates") or ()
    return [
        str(update[kind].get("RegionName"))
        for update in updates
        if isinstance(update, dict) and kind in update
    ]


class ChangesReads(Defect):
    """Base of defects that change what readers of one Region see of single items.

    `seen` gets each item that a read finds (None where GetItem found nothing) and gives the item to show.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.keys = Keys(endpoint)

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """The item to show, None to show nothing."""
        raise NotImplementedError

    def added(self, call: Call) -> list[tuple[Document, Document]]:
        """Keys and items that a Scan through `call.region` shall show though the endpoint has them not."""
        return []

    def written(self, call: Call, key: Document) -> None:
        """A write through `call.region` was answered 200."""

    def response(self, call: Call, answer: Answer) -> Answer:
        """Pass reads through `seen` and report writes to `written`."""
        if not answer.ok:
            return answer
        if call.operation in WRITES:
            self.written(call, self.keys.of_call(call))
        elif call.operation == "BatchWriteItem":
            self._batch_written(call)
        elif call.operation == "GetItem":
            found = answer.member("Item")
            shown = self.seen(call, self.keys.of_call(call), found)
            if shown is not found:
                return answer.with_members(Item=shown)
        elif call.operation in READS and answer.member("Items") is not None:
            return self._changed_list(call, answer)
        return answer

    def _batch_written(self, call: Call) -> None:
        for table, requests in (call.parameter("RequestItems") or {}).items():
            for request in requests:
                operation = "PutItem" if "PutRequest" in request else "DeleteItem"
                inner = next(iter(request.values()))
                single = Call(call.region, operation, {"TableName": table, **inner})
                self.written(single, self.keys.of_call(single))

    def _changed_list(self, call: Call, answer: Answer) -> Answer:
        shown: list[Document] = []
        found: set[str] = set()
        for item in answer.member("Items"):
            key = self.keys.of_item(call.region, call.table, item)
            found.add(canonical(key))
            changed = self.seen(call, key, item)
            if changed is not None:
                shown.append(changed)
        if call.operation == "Scan" and not answer.member("LastEvaluatedKey"):
            shown += [item for key, item in self.added(call) if canonical(key) not in found]
        return answer.with_members(Items=shown, Count=len(shown))

    @staticmethod
    def item_of(call: Call, key: Document) -> str:
        """What tells an item from others, the same in each Region."""
        return canonical([call.table, key])


class KnowsReplicas(Defect):
    """Base of defects that have to know which tables are replicas that were added to another."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._replicas: set[tuple[str, str]] = set()

    def request(self, call: Call) -> Call | Answer:
        """Note which Regions become replicas."""
        with self.lock:
            self._replicas |= {(region, call.table) for region in replica_changes(call, "Create")}
        return call

    def on_replica(self, call: Call) -> bool:
        """Whether the call goes to such a replica."""
        with self.lock:
            return (call.region, call.table) in self._replicas


class WritesStayHome(ChangesReads):
    """What is written in one Region never shows in another."""

    name = "replica-receives-nothing"
    sentence = "A write in one Region never appears in the other replicas"
    claims = ("ME-01", "ME-02", "GT-04")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._origin: dict[str, str] = {}

    def written(self, call: Call, key: Document) -> None:
        """Note the Region."""
        with self.lock:
            self._origin[self.item_of(call, key)] = call.region

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """Only what came through this Region, or through none."""
        with self.lock:
            origin = self._origin.get(self.item_of(call, key), call.region)
        return item if origin == call.region else None


class DeletesStayHome(ChangesReads):
    """A delete in one Region leaves the item in the others."""

    name = "replica-drops-deletes"
    sentence = "A delete in one Region never reaches the other replicas"
    claims = ("ME-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._kept: dict[str, tuple[str, Document]] = {}

    def request(self, call: Call) -> Call | Answer:
        """Keep what is about to be deleted."""
        if call.operation == "DeleteItem":
            key = self.keys.of_call(call)
            item = current_item(self.endpoint, call.region, call.table, key)
            if item is not None:
                with self.lock:
                    self._kept[self.item_of(call, key)] = (call.region, item)
        return call

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """The kept item, in other Regions."""
        with self.lock:
            origin, kept = self._kept.get(self.item_of(call, key), (call.region, None))
        return kept if item is None and origin != call.region else item


class ReplicasDiverge(ChangesReads):
    """Each replica keeps what was last written through it."""

    name = "replicas-diverge"
    sentence = "After writes to one item in two Regions each replica keeps its own"
    claims = ("ME-02", "ME-18")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._own: dict[tuple[str, str], dict[str, tuple[Document, Document | None]]] = {}

    def written(self, call: Call, key: Document) -> None:
        """Keep the item as this Region wrote it."""
        item: Any = call.parameter("Item")
        if call.operation == "UpdateItem":
            item = current_item(self.endpoint, call.region, call.table, key)
        with self.lock:
            self._own.setdefault((call.region, call.table), {})[canonical(key)] = (key, item)

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """This Region's own."""
        with self.lock:
            return self._own.get((call.region, call.table), {}).get(canonical(key), (key, item))[1]

    def added(self, call: Call) -> list[tuple[Document, Document]]:
        """This Region's own, though another Region deleted it."""
        with self.lock:
            own = self._own.get((call.region, call.table), {}).values()
            return [(key, item) for key, item in own if item is not None]


class FirstWriterWins(ChangesReads):
    """An item keeps what was first written."""

    name = "first-writer-wins"
    sentence = "The earlier of two writes in different Regions wins"
    claims = ("ME-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._first: dict[str, tuple[str, Document]] = {}
        self._contested: set[str] = set()

    def written(self, call: Call, key: Document) -> None:
        """Keep the first item; another Region's write makes it contested."""
        item = current_item(self.endpoint, call.region, call.table, key)
        where = self.item_of(call, key)
        with self.lock:
            region, _ = self._first.setdefault(where, (call.region, item or {}))
            if region != call.region:
                self._contested.add(where)

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """The first, if it is contested."""
        where = self.item_of(call, key)
        with self.lock:
            return self._first[where][1] if where in self._contested else item


class ReplicaPartial(KnowsReplicas, ChangesReads):
    """A replica lacks a part of the items, and of each item."""

    name = "replica-partial"
    sentence = "A replica holds items without their attributes outside the key"
    claims = ("GT-02", "ME-01")

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """The key only."""
        return key if item is not None and self.on_replica(call) else item


class NoBackfill(ChangesReads):
    """A new replica starts empty."""

    name = "replica-not-backfilled"
    sentence = "A new replica does not receive the items that were there before it"
    claims = ("GT-21", "ME-08")

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._old: dict[tuple[str, str], set[str]] = {}

    def request(self, call: Call) -> Call | Answer:
        """Note what is there before the replica is."""
        for region in replica_changes(call, "Create"):
            there = contents(self.endpoint, call.region, call.table)
            keys = [self.keys.of_item(call.region, call.table, item) for item in there]
            with self.lock:
                self._old[(region, call.table)] = {self.item_of(call, key) for key in keys}
        return call

    def written(self, call: Call, key: Document) -> None:
        """A later write is replicated."""
        with self.lock:
            for old in self._old.values():
                old.discard(self.item_of(call, key))

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """Nothing of old."""
        with self.lock:
            return None if self.item_of(call, key) in self._old.get((call.region, call.table), ()) else item


class ReplicaUpdatesDropped(Defect):
    """ReplicaUpdates are answered 200 and forgotten, as several emulators do."""

    name = "replica-updates-dropped"
    sentence = "UpdateTable with ReplicaUpdates answers 200 and makes no replica"
    claims = ("ME-01", "ME-08", "GT-02", "GT-04", "GT-08", "GT-21")

    def request(self, call: Call) -> Call | Answer:
        """Answer with the table as it is."""
        if call.operation == "UpdateTable" and call.parameter("ReplicaUpdates"):
            return described(self, call, call.table)
        return call


class ReplicasNotDescribed(Defect):
    """DescribeTable says nothing of replicas."""

    name = "replicas-not-described"
    sentence = "DescribeTable shows neither Replicas nor GlobalTableVersion"
    claims = ("GT-08", "GT-01", "AP-12")

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the members away."""
        for member in ("Table", "TableDescription"):
            table = answer.member(member)
            if isinstance(table, dict):
                rest = {k: v for k, v in table.items() if k not in ("Replicas", "GlobalTableVersion")}
                return answer.with_members(**{member: rest})
        return answer


class ReplicaOverExistingTable(Defect):
    """A same-named table in the new replica's Region is taken as the replica."""

    name = "replica-over-existing-accepted"
    sentence = "A replica is accepted in a Region that has a table of the same name"
    claims = ("GT-10",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with the table as it is."""
        for region in replica_changes(call, "Create"):
            there = self.endpoint.call(region, "DescribeTable", {"TableName": call.table})
            if not answer.ok and there.ok:
                return described(self, call, call.table)
        return answer


class ReplicaWritesDropped(KnowsReplicas):
    """Writes through a replica other than the first are answered 200 and dropped."""

    name = "replica-writes-dropped"
    sentence = "A write through a replica is answered 200 and dropped"
    claims = ("GT-04", "ME-02")

    def request(self, call: Call) -> Call | Answer:
        """Drop it."""
        passed = super().request(call)
        return success({}) if call.operation in WRITES and self.on_replica(call) else passed


class ProtectionOnAllReplicas(Defect):
    """Deletion protection of one replica is carried to the others."""

    name = "protection-on-all-replicas"
    sentence = "Deletion protection set on one replica shows on the others"
    claims = ("GT-14",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._protected: dict[str, bool] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Say so in every Region."""
        wanted = call.parameter("DeletionProtectionEnabled")
        with self.lock:
            if call.operation == "UpdateTable" and isinstance(wanted, bool) and answer.ok:
                self._protected[call.table] = wanted
            protected = self._protected.get(call.table)
        table = answer.member("Table")
        if call.operation == "DescribeTable" and isinstance(table, dict) and protected is not None:
            return answer.with_members(Table={**table, "DeletionProtectionEnabled": protected})
        return answer


class OneNamespace(Defect):
    """All Regions are one."""

    name = "one-namespace-for-all-regions"
    sentence = "A table is visible in every Region, replica or not"
    claims = ("GT-03",)

    def request(self, call: Call) -> Call | Answer:
        """Lead every call to the first Region."""
        return Call(self.endpoint.regions[0], call.operation, call.parameters)


class SameNameReplicates(ChangesReads):
    """Tables of the same name are one global table without having been joined."""

    name = "same-name-replicates"
    sentence = "Items of a table appear in the same-named, unrelated table of another Region"
    claims = ("GT-03",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._written: dict[str, dict[str, tuple[Document, Document]]] = {}

    def written(self, call: Call, key: Document) -> None:
        """Remember the item."""
        item = call.parameter("Item")
        if isinstance(item, dict):
            with self.lock:
                self._written.setdefault(call.table, {})[canonical(key)] = (key, item)

    def seen(self, call: Call, key: Document, item: Document | None) -> Document | None:
        """Whatever a table of that name was given."""
        with self.lock:
            return item or self._written.get(call.table, {}).get(canonical(key), (key, None))[1]

    def added(self, call: Call) -> list[tuple[Document, Document]]:
        """Whatever tables of that name were given."""
        with self.lock:
            return list(self._written.get(call.table, {}).values())


class ReplicaModeByDefault(KnowsReplicas):
    """A new replica has the capacity mode that is the default, not its source's."""

    name = "replica-billing-mode-default"
    sentence = "A replica does not take over the capacity mode of its source"
    claims = ("GT-11",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Describe them as PROVISIONED."""
        table = answer.member("Table")
        if call.operation != "DescribeTable" or not self.on_replica(call) or not isinstance(table, dict):
            return answer
        return answer.with_members(Table={**table, "BillingModeSummary": {"BillingMode": "PROVISIONED"}})


class RemovedReplicaStays(Defect):
    """A replica that is removed keeps its table and its items."""

    name = "removed-replica-stays"
    sentence = "Removing a replica leaves its table in that Region"
    claims = ("GT-17",)

    def request(self, call: Call) -> Call | Answer:
        """Answer the removal without doing it."""
        return described(self, call, call.table) if replica_changes(call, "Delete") else call


class RemovingReplicaEmptiesSource(Defect):
    """Removing a replica deletes the items everywhere."""

    name = "removing-replica-empties-source"
    sentence = "Removing a replica deletes the items of the replicas that remain"
    claims = ("GT-17",)

    def request(self, call: Call) -> Call | Answer:
        """Delete the items first."""
        if replica_changes(call, "Delete"):
            replace_contents(self.endpoint, call.region, call.table, [])
        return call


DEFECTS = (
    WritesStayHome,
    DeletesStayHome,
    ReplicasDiverge,
    FirstWriterWins,
    ReplicaPartial,
    NoBackfill,
    ReplicaUpdatesDropped,
    ReplicasNotDescribed,
    ReplicaOverExistingTable,
    ReplicaWritesDropped,
    ProtectionOnAllReplicas,
    OneNamespace,
    SameNameReplicates,
    ReplicaModeByDefault,
    RemovedReplicaStays,
    RemovingReplicaEmptiesSource,
)
