"""The archive: each group's committed entries, in their order, exactly once. Backups and recovery read nothing else.

It takes what leaders hand over, late and repeatedly, and refuses what cannot be: entries behind a gap, another
entry in the place of one that it has, and a change of an item that is not later than the one before it. At the
end of a run it is read: what it says has to be what the replicas hold (REP-14), and the items of a partition that was
split, or merged, follow from the archives of those that it comes of and what it wrote, without what it copied (PI-24).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ddbproof.model.kernel import versions
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication.entries import (
    Change,
    Closed,
    Copied,
    Entry,
    MergeBegun,
    MergeWithdrawn,
    SplitBegun,
    Write,
)
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
        self._copied: dict[int, dict[bytes, bool]] = {}  # which keys, and whether from the upper source

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
        self._versions[group], self._copied[group] = self._later(group, new)
        archived += new
        return len(archived)

    def _later(self, group: int, entries: Iterable[Entry]) -> tuple[dict[bytes, Version], dict[bytes, bool]]:
        """The newest version of each item after these entries, and what is copied.

        Raises RefusedError if a version is not newer than before.
        """
        newest = dict(self._versions.get(group, {}))
        copied = dict(self._copied.get(group, {}))
        for entry in entries:
            if isinstance(entry, Copied):
                for key in _dropped(copied, entry):
                    newest.pop(key, None)
            for change in changes_of(entry):
                before = newest.get(change.key)
                if before is not None and not versions.supersedes(change.version, before):
                    raise RefusedError(f"group {group}: {change.key!r} is not changed later than before")
                newest[change.key] = change.version
        return newest, copied


def changes_of(entry: Entry) -> Sequence[Change]:
    """The changes of items in an entry."""
    if isinstance(entry, Write):
        return (entry.change,)
    return entry.writes if isinstance(entry, Copied) else ()


def _dropped(copied: dict[bytes, bool], entry: Copied) -> Sequence[bytes]:
    """The keys that a copy anew replaces: of all that was `copied`, and from which source, those from its own."""
    dropped = [key for key, upper in copied.items() if entry.anew and upper == entry.upper]
    for key in dropped:
        del copied[key]
    copied.update((change.key, entry.upper) for change in entry.writes)
    return dropped


def folded(entries: Iterable[Entry]) -> list[Item]:
    """The items of a group by its entries, those included that it has copied from those that it comes of."""
    newest: dict[bytes, Change] = {}
    copied: dict[bytes, bool] = {}
    for entry in entries:
        if isinstance(entry, Copied):
            for key in _dropped(copied, entry):
                newest.pop(key, None)
        newest.update((change.key, change) for change in changes_of(entry))
    return _items(Fold(newest.values()))


class _Ended(NamedTuple):
    """A group's items by what clients wrote, and where they go: the groups, and of two where the upper one begins."""

    items: list[Item]
    heirs: tuple[int, ...] = ()
    cut: bytes = b""


def rebuilt(archive: Archive, groups: Iterable[int]) -> list[Item]:
    """The items that groups, and all that came of them, hold by what clients wrote, whatever was copied.

    A merged partition begins with what both sources had. Where one source has not ended, what the other one had is its own still.
    """
    found: list[Item] = []
    waiting: dict[int, list[Item]] = {}  # for the other source, by the merged group
    begun: list[tuple[int, list[Item]]] = [(group, []) for group in groups]
    while begun:
        ended = _ended(archive, *begun.pop())
        lower = [one for one in ended.items if one[0] < ended.cut]
        upper = ended.items[len(lower) :]
        match ended.heirs:
            case ():
                found += ended.items
            case (merged,) if merged in waiting:
                begun.append((merged, [*waiting.pop(merged), *ended.items]))
            case (merged,):
                waiting[merged] = ended.items
            case (one, other):
                begun += [(one, lower), (other, upper)]
    return sorted([*found, *(item for items in waiting.values() for item in items)], key=_key)


def _ended(archive: Archive, group: int, inherited: Iterable[Item]) -> _Ended:
    """What a group has come to, beginning with what it has inherited."""
    fold = Fold(Change(key, item, len(item), version, 0) for key, item, version in inherited)
    heirs: tuple[int, ...] = ()
    cut = b""
    for entry in archive.entries(group):
        match entry:
            case Write():
                fold.apply(entry.change)
            case SplitBegun(cut, lower, upper):
                heirs = (lower, upper)
            case MergeBegun(child):
                heirs = (child,)
            case MergeWithdrawn():
                heirs = ()
            case Closed():
                return _Ended(_items(fold), heirs, cut)
    return _Ended(_items(fold))


def differences(
    archive: Archive, placed: Mapping[int, Sequence[Replica]], first: Sequence[int], last: Sequence[int]
) -> list[str]:
    """What the archive says otherwise than the replicas: `first` are the partitions of the beginning, `last` of the end."""
    found = []
    for group, replicas in placed.items():
        log = ReplicaLog(0, archive.entries(group))
        if not len(log) and group not in last:
            continue  # founded for a split or merge that never began
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
    if sorted(table, key=_key) != rebuilt(archive, first):
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
