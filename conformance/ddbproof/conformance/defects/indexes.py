"""Planted defects of secondary indexes: entries that are lost, stale, mixed up or too many (IX, RC-05, RS-04)."""

from __future__ import annotations

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, canonical
from ddbproof.conformance.defects.shadow import Keys, contents

_MANY = {"Query", "Scan"}


def reads_index(call: Call) -> bool:
    """Whether the call reads an index."""
    return call.operation in _MANY and bool(call.parameter("IndexName"))


class ReadsIndexes(Defect):
    """Base of defects that change what a read of an index answers."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.keys = Keys(endpoint)

    def name_of(self, call: Call, item: Document) -> tuple[str, str, str]:
        """What tells an item of a table from all others."""
        return call.region, call.table, canonical(self.keys.of_item(call.region, call.table, item))

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change the entries, and count them anew."""
        if not reads_index(call) or not answer.ok:
            return answer
        changed = self.changed(call, list(answer.member("Items") or []))
        return answer.with_members(Items=changed, Count=len(changed))

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """The entries to answer with."""
        raise NotImplementedError


class StrongReadAccepted(Defect):
    """ConsistentRead on a global index is accepted and not heeded."""

    name = "index-read-strongly"
    sentence = (
        "A read of a global secondary index with ConsistentRead=true is answered, with what the index has"
    )
    claims = ("RC-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Ask again without it."""
        if reads_index(call) and call.parameter("ConsistentRead") and answer.code == "ValidationException":
            again = call.with_parameters(ConsistentRead=None).parameters or {}
            return self.endpoint.call(call.region, call.operation, again)
        return answer


class LocalIndexLags(ReadsIndexes):
    """A strongly consistent read of a local index lacks the item that was written last."""

    name = "local-index-lags"
    sentence = "A strongly consistent read of a local secondary index does not show the last write"
    claims = ("RC-05",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._newest: tuple[str, str, str] | None = None

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember it."""
        if call.operation == "PutItem" and answer.ok:
            newest = self.name_of(call, call.parameter("Item"))
            with self.lock:
                self._newest = newest
        return super().response(call, answer)

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """Hide it."""
        if not call.parameter("ConsistentRead"):
            return entries
        with self.lock:
            newest = self._newest
        return [entry for entry in entries if self.name_of(call, entry) != newest]


class IndexLosesWrites(ReadsIndexes):
    """A write in three never gets into the indexes."""

    name = "index-loses-writes"
    sentence = "Every third item that is put does not show in an index, however long one waits"
    claims = ("IX-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._count = 0
        self._lost: dict[tuple[str, str, str], str] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Count, and remember."""
        if call.operation == "PutItem" and answer.ok:
            item = call.parameter("Item")
            name = self.name_of(call, item)
            with self.lock:
                self._count += 1
                if self._count % 3 == 0:
                    self._lost[name] = canonical(item.get("n"))
        return super().response(call, answer)

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """Hide what is lost."""
        with self.lock:
            return [
                entry
                for entry in entries
                if self._lost.get(self.name_of(call, entry)) != canonical(entry.get("n"))
            ]


class IndexMixesVersions(ReadsIndexes):
    """An entry has the key of the last version of its item, and the rest of the one before."""

    name = "index-mixes-versions"
    sentence = "An entry of an index has attributes of two versions of its item"
    claims = ("IX-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._versions: dict[tuple[str, str, str], list[Document]] = {}

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember the versions."""
        if call.operation == "PutItem" and answer.ok:
            item = call.parameter("Item")
            name = self.name_of(call, item)
            with self.lock:
                self._versions.setdefault(name, []).append(item)
        return super().response(call, answer)

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """Mix them."""
        mixed = []
        for entry in entries:
            with self.lock:
                before = self._versions.get(self.name_of(call, entry), [])[-2:-1]
            mixed.append({**entry, "v": before[0]["v"]} if before and "v" in before[0] else entry)
        return mixed


class IndexKeepsEntries(ReadsIndexes):
    """An entry stays where it was when its item gets another key, loses it, or is deleted."""

    name = "index-keeps-entries"
    sentence = "Entries of an index stay when their item moves or goes"
    claims = ("IX-02",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._ever: dict[str, dict[str, Document]] = {}

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """Everything that this question was ever answered with."""
        asked = canonical([call.region, call.parameters])
        with self.lock:
            ever = self._ever.setdefault(asked, {})
            ever.update({canonical(entry): entry for entry in entries})
            return list(ever.values())


class IndexesProjectAll(Defect):
    """Every global index is made with all attributes."""

    name = "indexes-project-all"
    sentence = "The projection of a global secondary index is taken for ALL"
    claims = ("IX-03",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for that."""
        indexes = call.parameter("GlobalSecondaryIndexes")
        if call.operation != "CreateTable" or not indexes:
            return call
        everything = {"Projection": {"ProjectionType": "ALL"}}
        return call.with_parameters(GlobalSecondaryIndexes=[{**index, **everything} for index in indexes])


class LocalIndexFetchesNothing(Defect):
    """A local index answers with what it projects, whatever is asked of it."""

    name = "local-index-fetches-nothing"
    sentence = "Select=ALL_ATTRIBUTES on a local secondary index gives only what is projected"
    claims = ("IX-06",)

    def request(self, call: Call) -> Call | Answer:
        """Take the wish away; what is read strongly is local."""
        if reads_index(call) and call.parameter("ConsistentRead"):
            return call.with_parameters(Select=None)
        return call


class IndexKeysUnique(ReadsIndexes):
    """Of several items with one index key only the first is found."""

    name = "index-keys-unique"
    sentence = "An index has one entry for each of its keys, whatever its table has"
    claims = ("IX-04",)

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:  # noqa: ARG002
        """The first of each number."""
        first: dict[str, Document] = {}
        for entry in entries:
            first.setdefault(canonical(entry.get("n")), entry)
        return list(first.values())


class IndexPagesSkipEquals(Defect):
    """A page of an index begins behind all entries that have the key at which the last one ended."""

    name = "index-pages-skip-equals"
    sentence = "The pages of an index leave out entries that share the key at which a page ends"
    claims = ("IX-04",)

    def request(self, call: Call) -> Call | Answer:
        """Begin behind the last sort key, or before the first, that a table can have with this index key."""
        start = call.parameter("ExclusiveStartKey")
        if not reads_index(call) or not start or "sk" not in start:
            return call
        forward = call.parameter("ScanIndexForward") is not False
        return call.with_parameters(ExclusiveStartKey={**start, "sk": {"S": "~" * 9 if forward else " "}})


class IndexNotFilled(ReadsIndexes):
    """An index that is added to a table has only what is written later."""

    name = "index-not-filled"
    sentence = "An index that is added to a table does not get the items that are there"
    claims = ("IX-05",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._older: set[tuple[str, str, str]] = set()

    def request(self, call: Call) -> Call | Answer:
        """Note what is there."""
        if call.operation == "UpdateTable" and call.parameter("GlobalSecondaryIndexUpdates"):
            there = contents(self.endpoint, call.region, call.table)
            older = {self.name_of(call, item) for item in there}
            with self.lock:
                self._older |= older
        return call

    def changed(self, call: Call, entries: list[Document]) -> list[Document]:
        """Hide it."""
        with self.lock:
            older = self._older
        return [entry for entry in entries if self.name_of(call, entry) not in older]


class RestoreForgetsIndexes(Defect):
    """A restored table has no indexes."""

    name = "restore-forgets-indexes"
    sentence = "A table restored from a backup has none of the indexes that the backup holds"
    claims = ("RS-04", "BK-07")

    def request(self, call: Call) -> Call | Answer:
        """Leave all of them out."""
        if call.operation != "RestoreTableFromBackup":
            return call
        return call.with_parameters(GlobalSecondaryIndexOverride=[], LocalSecondaryIndexOverride=[])


class RestoreKeepsAllIndexes(Defect):
    """A restore heeds no override of indexes."""

    name = "restore-keeps-all-indexes"
    sentence = "GlobalSecondaryIndexOverride of a restore changes nothing"
    claims = ("RS-04",)

    def request(self, call: Call) -> Call | Answer:
        """Take it away."""
        if call.operation != "RestoreTableFromBackup":
            return call
        return call.with_parameters(GlobalSecondaryIndexOverride=None)


DEFECTS: tuple[type[Defect], ...] = (
    StrongReadAccepted,
    LocalIndexLags,
    IndexLosesWrites,
    IndexMixesVersions,
    IndexKeepsEntries,
    IndexesProjectAll,
    LocalIndexFetchesNothing,
    IndexKeysUnique,
    IndexPagesSkipEquals,
    IndexNotFilled,
    RestoreForgetsIndexes,
    RestoreKeepsAllIndexes,
)
