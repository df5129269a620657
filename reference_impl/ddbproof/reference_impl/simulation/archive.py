"""The archive: each group's committed entries, in their order, exactly once. Backups and recovery read nothing else.

It takes what leaders hand over, late and repeatedly, and refuses what cannot be: entries behind a gap, another
entry in the place of one that it has, and a change of an item that is not later than the one before it. At the
end of a run it is read: what it says has to be what the replicas hold (REP-14), and the items of a partition that was
split follow from the parent's archive and what the children wrote, without what they copied (PI-24).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ddbproof.model.kernel import versions
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication.entries import Change, Closed, Copied, Entry, SplitBegun, Write
from ddbproof.reference_impl.replication.replica import Replica
from ddbproof.reference_impl.replication.replica_log import ReplicaLog
from ddbproof.reference_impl.storage.items import Fold

Item = tuple[bytes, bytes, Version]
"""A key, what stands there, and its version."""


class RefusedError(Exception):
    """What the archive does not take, and why."""


class Archive:
    """The archives of all groups."""

    def __init__(self) -> None:
        self._entries: dict[int, list[Entry]] = {}
        self._versions: dict[int, dict[bytes, Version]] = {}

    def entries(self, group: int) -> Sequence[Entry]:
        """What is archived of a group."""
        return self._entries.get(group, ())

    def take(self, group: int, index: int, entries: Sequence[Entry]) -> int:
        """Take entries from an index on; returns how many there are. Raises RefusedError, and takes nothing then."""
        archived = self._entries.setdefault(group, [])
        if index > len(archived):
            raise RefusedError(f"group {group}: entry {index}, when {len(archived)} are archived")
        for number, (one, other) in enumerate(zip(archived[index:], entries, strict=False)):
            if one != other:
                raise RefusedError(f"group {group}: another entry {index + number} than is archived")
        new = entries[len(archived) - index :]
        self._versions[group] = self._later(group, new)
        archived += new
        return len(archived)

    def _later(self, group: int, entries: Iterable[Entry]) -> dict[bytes, Version]:
        """The newest version of each item after these entries. Raises RefusedError if it is not newer than before."""
        newest = dict(self._versions.get(group, {}))
        for entry in entries:
            if isinstance(entry, Copied) and entry.anew:
                newest = {}
            for change in changes_of(entry):
                before = newest.get(change.key)
                if before is not None and not versions.supersedes(change.version, before):
                    raise RefusedError(f"group {group}: {change.key!r} is not changed later than before")
                newest[change.key] = change.version
        return newest


def changes_of(entry: Entry) -> Sequence[Change]:
    """The changes of items in an entry."""
    if isinstance(entry, Write):
        return (entry.change,)
    return entry.writes if isinstance(entry, Copied) else ()


def folded(entries: Iterable[Entry]) -> list[Item]:
    """The items of a group by its entries, those included that it has copied from its parent."""
    fold = Fold()
    for entry in entries:
        if isinstance(entry, Copied) and entry.anew:
            fold = Fold()
        for change in changes_of(entry):
            fold.apply(change)
    return _items(fold)


def rebuilt(archive: Archive, group: int, inherited: Iterable[Item] = ()) -> list[Item]:
    """The items that a group and all it was split into hold by what clients wrote, whatever was copied."""
    fold = Fold(Change(key, item, len(item), version, 0) for key, item, version in inherited)
    split: SplitBegun | None = None
    for entry in archive.entries(group):
        if isinstance(entry, Write):
            fold.apply(entry.change)
        elif isinstance(entry, SplitBegun):
            split = entry
        elif isinstance(entry, Closed) and split is not None:
            items = _items(fold)
            lower = [one for one in items if one[0] < split.cut]
            upper = items[len(lower) :]
            return [*rebuilt(archive, split.lower, lower), *rebuilt(archive, split.upper, upper)]
    return _items(fold)


def differences(
    archive: Archive, placed: Mapping[int, Sequence[Replica]], first: Sequence[int], last: Sequence[int]
) -> list[str]:
    """What the archive says otherwise than the replicas: `first` are the partitions of the beginning, `last` of the end."""
    found = []
    for group, replicas in placed.items():
        log = ReplicaLog(0, archive.entries(group))
        if not len(log) and group not in last:
            continue  # founded for a split that never began
        found += [
            f"the archive of group {group} is not what is committed by replica {replica.identity}"
            for replica in replicas
            if not _same(log, replica)
        ]
    for group in last:
        for replica in placed.get(group, ()):
            state, entries = replica.state, archive.entries(group)
            if state is None or state.applied > replica.record.committed:
                continue  # a leader that has something that is not committed
            if folded(entries[: state.applied]) != _items(state.fold):
                found.append(
                    f"the archive of group {group} folds to other items than replica {replica.identity} has"
                )
    table = [item for group in last for item in folded(archive.entries(group))]
    if sorted(map(_key, table)) != sorted(_key(item) for group in first for item in rebuilt(archive, group)):
        found.append("the table is not what its archive says, from the first partitions on")
    return found


def _same(log: ReplicaLog, replica: Replica) -> bool:
    """True if the archive's log has all that a replica knows to be committed."""
    end = replica.settled
    return len(log) >= end and log.digest(end) == replica.log.digest(end)


def _key(item: Item) -> tuple[bytes, bytes, int, int, int]:
    key, found, version = item
    return key, found, version.timestamp_milliseconds, version.counter, version.region_number


def _items(fold: Fold) -> list[Item]:
    return [(key, image.item, image.version) for key, image in fold.items.range(b"", None)]
