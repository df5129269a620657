"""The archive has each group's committed entries once, in order, and the table can be made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import msgspec
import pytest

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication.entries import (
    Change,
    Closed,
    Copied,
    Entry,
    FloorRaised,
    MergeBegun,
    MergeWithdrawn,
    SplitBegun,
    Write,
)
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.simulation.archive import Archive, RefusedError, differences, folded, rebuilt
from ddbproof.reference_impl.simulation.options import drawn
from ddbproof.reference_impl.simulation.run import Run
from ddbproof.reference_impl.simulation.world import SimulatedNode

Done = Callable[[int], None]


def write(key: str, item: str | None, at: int) -> Write:
    """A change of an item, `at` some time."""
    stored = None if item is None else item.encode()
    return Write(at, Change(key.encode(), stored, len(item or ""), Version(at, 0), at))


THREE = [write("a", "1", 1), write("b", "2", 2), write("a", "3", 3)]


def test_entries_are_taken_once_however_often_they_are_handed_over() -> None:
    """Two leaders, of which one does not know how far the other came."""
    archive = Archive()
    assert archive.take(1, 0, THREE[:2]) == 2
    assert archive.take(1, 1, THREE[1:]) == 3
    assert archive.take(1, 0, THREE[:1]) == 3
    assert archive.entries(1) == THREE


@pytest.mark.parametrize(
    ("index", "entries", "why"),
    [
        (4, [write("c", "4", 4)], "entry 4, when 3 are archived"),
        (1, [write("b", "9", 2)], "another entry 1 than is archived"),
        (3, [THREE[2]], "b'a' is not changed later than before"),
        (3, [write("c", "4", 4), write("c", "4", 4)], "b'c' is not changed later than before"),
    ],
    ids=["gap", "another", "doubled", "doubled at once"],
)
def test_what_cannot_be_is_refused(index: int, entries: list[Entry], why: str) -> None:
    """And nothing of it is taken."""
    archive = Archive()
    archive.take(1, 0, THREE)
    with pytest.raises(RefusedError, match=why):
        archive.take(1, index, entries)
    assert archive.entries(1) == THREE


def test_groups_have_archives_of_their_own() -> None:
    """An index of one says nothing of another."""
    archive = Archive()
    archive.take(1, 0, THREE)
    with pytest.raises(RefusedError, match="group 2: entry 3, when 0 are archived"):
        archive.take(2, 3, THREE)


def test_a_fold_has_what_a_child_has_copied() -> None:
    """A copy anew stands in the place of what was copied before."""
    entries: list[Entry] = [
        Copied(1, (write("a", "1", 1).change,), (1,), anew=True),
        Copied(2, (write("b", "2", 2).change,), (2,), anew=True),
        Copied(3, (write("c", "3", 3).change,), (3,), anew=False),
        FloorRaised(2),
        write("b", None, 4),
    ]
    assert [key for key, _, _ in folded(entries)] == [b"c"]


def test_a_fold_has_what_a_merged_partition_has_copied_from_both() -> None:
    """A copy anew from one of them leaves what was copied from the other."""
    entries: list[Entry] = [
        Copied(1, (write("a", "1", 1).change, write("b", "1", 1).change), (1,), anew=True),
        Copied(1, (write("x", "1", 1).change,), (1,), anew=True, upper=True),
        Copied(2, (write("a", "2", 2).change,), (2,), anew=True),
        Copied(2, (write("y", "2", 2).change,), (3,), anew=False, upper=True),
        write("x", "4", 4),
    ]
    found = [(b"a", b"2"), (b"x", b"4"), (b"y", b"2")]
    assert [(key, item) for key, item, _ in folded(entries)] == found
    archive = Archive()
    assert archive.take(3, 0, entries) == len(entries)
    with pytest.raises(RefusedError, match="b'a' is not changed later than before"):
        archive.take(3, len(entries), [write("a", "9", 1)])


def archived_merge(*, upper_ends: bool = True) -> Archive:
    """Of partition 1, which was split into 2 and 3, which merged into 4; 3 was to merge with 9 before, and has not."""
    archive = Archive()
    archive.take(1, 0, [write("a", "1", 1), write("x", "1", 1), SplitBegun(b"m", 2, 3), Closed()])
    archive.take(2, 0, [write("b", "2", 2), MergeBegun(4, 3, upper=False), write("a", None, 3), Closed()])
    ends: list[Entry] = [Closed()] if upper_ends else []
    withdrawn: list[Entry] = [MergeBegun(8, 9, upper=False), MergeWithdrawn()]
    archive.take(3, 0, [*withdrawn, MergeBegun(4, 2, upper=True), write("x", "3", 3), *ends])
    copies = [Copied(3, (write("b", "2", 2).change,), (2,), anew=True)]
    archive.take(4, 0, [*copies, write("y", "4", 4), write("b", "5", 5)])
    return archive


def test_a_table_that_was_merged_follows_from_what_clients_wrote() -> None:
    """A merged partition begins with what both sources had, in whichever order they are looked at."""
    wanted = [(b"b", b"5"), (b"x", b"3"), (b"y", b"4")]
    assert [(key, item) for key, item, _ in rebuilt(archived_merge(), [1])] == wanted
    assert [(key, item) for key, item, _ in rebuilt(archived_merge(), [3, 2])] == wanted


def test_what_a_source_had_is_its_own_until_the_other_one_has_ended() -> None:
    """The merged partition has not begun then."""
    wanted = [(b"b", b"2"), (b"x", b"3")]
    assert [(key, item) for key, item, _ in rebuilt(archived_merge(upper_ends=False), [1])] == wanted


@cache
def gone_through(seed: int) -> Run:
    """A run that is done."""
    run = Run(drawn(seed, 600))
    assert not run.go().failed
    return run


def with_a_split() -> Run:
    """A run in which a partition was split."""
    return next(run for run in map(gone_through, range(20)) if len(run.map) > len(run.first_groups))


def with_a_merge() -> Run:
    """A run in which two partitions have merged, and the merged one is there in the end."""
    return next(
        run
        for run in map(gone_through, range(20))
        if any(
            isinstance(entry, Copied) and entry.upper
            for _, group in run.map
            for entry in run.world.archive.entries(group)
        )
    )


def told(run: Run) -> list[str]:
    """What the archive says otherwise than the replicas."""
    return differences(
        run.world.archive, run.world.placed(), run.first_groups, [group for _, group in run.map]
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_archive_is_the_table(seed: int) -> None:
    """REP-14, PI-24: what all groups have archived folds to the items that their replicas hold."""
    run = gone_through(seed)
    assert told(run) == []
    assert any(folded(run.world.archive.entries(group)) for _, group in run.map)


def test_a_table_that_was_split_follows_from_what_clients_wrote() -> None:
    """The parent's archive and the children's writes are enough; what was copied is the same."""
    run = with_a_split()
    archive, live = run.world.archive, [group for _, group in run.map]
    copied = [item for group in live for item in folded(archive.entries(group))]
    assert sorted(copied) == sorted(rebuilt(archive, run.first_groups))
    assert any(
        isinstance(entry, SplitBegun) for group in run.first_groups for entry in archive.entries(group)
    )


@pytest.mark.parametrize("found", [with_a_split, with_a_merge])
def test_an_archive_that_lacks_something_is_noticed(found: Callable[[], Run]) -> None:
    """Of the parent, of a child, of what came of a merge, at the end or in the middle."""
    run = found()
    for group in {*run.first_groups, *(group for _, group in run.map)}:
        entries = run.world.archive._entries[group]
        places = [place for place, entry in enumerate(entries) if isinstance(entry, Write)]
        for place in places[-1:] + places[:1]:
            lost = entries.pop(place)
            assert told(run), (group, place)
            entries.insert(place, lost)
    assert told(run) == []


def planted(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[int, Sequence[Entry]], tuple[int, Sequence[Entry]]]
) -> list[str]:
    """The violations of a run in which entries are handed over wrongly: `wrong` gives index and entries."""
    right = SimulatedNode.archive

    def archive(self: SimulatedNode, group: int, index: int, entries: Sequence[Entry], done: Done) -> None:
        place, handed_over = wrong(index, entries)
        right(self, group, place, handed_over, done)

    monkeypatch.setattr(SimulatedNode, "archive", archive)
    return Run(drawn(1, 100)).go().violations


def test_a_gap_in_what_is_handed_over_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that leaves out an entry."""
    found = planted(monkeypatch, lambda index, entries: (index + (len(entries) > 1), entries[-1:]))
    assert "the archive refuses" in found[0]


def test_a_doubled_entry_in_what_is_handed_over_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that hands over its last entry twice."""
    found = planted(monkeypatch, lambda index, entries: (index, [*entries, *entries[-1:]]))
    assert "the archive refuses" in found[0]


def test_logs_keep_what_the_archive_lacks() -> None:
    """As long as the archive is away nothing is trimmed, and when it is back it gets everything."""
    options = drawn(1, 600)
    timing = Timing(kept_entries=10)
    run = Run(msgspec.structs.replace(options, timing=timing, faults=0.01, writes=0.7))
    world = run.world
    starts: list[int] = []
    world.archive_away = True

    def look() -> None:
        starts.extend(it.log.start for replicas in world.placed().values() for it in replicas)
        if not run.faults.healed:
            world.later(200_000, look)

    look()
    assert not run.go().failed
    assert set(starts) == {0}
    assert all(
        len(world.archive.entries(group)) >= max(it.record.committed for it in replicas)
        for group, replicas in world.placed().items()
    )
