"""The log is the only truth: items, backups and restores are folds over it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.cluster.table_store import SingleLogTable
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.storage.archive import Archive
from ddbproof.reference_impl.storage.items import Fold
from ddbproof.reference_impl.storage.log import Entry, MemoryLog

keys = st.sampled_from([b"a", b"b", b"c"])
writes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=3), st.integers(0, 3)), max_size=30)


def contents(fold: Fold) -> dict[bytes, bytes]:
    return {key: image.item for key, image in fold.items.range(b"", None)}


def written(
    steps: list[tuple[bytes, bytes | None, int]],
) -> tuple[SingleLogTable, Archive, list[dict[bytes, bytes]]]:
    """A table after the writes, its archive, and the contents after each entry of its log."""
    archive = Archive()
    table = SingleLogTable(archive.open("t"), 0, lambda _: None)
    history: list[dict[bytes, bytes]] = [{}]
    now = 0
    for key, item, pause in steps:
        now += pause
        length = table.log_length
        table.write(key, item, len(item or b""), now)
        if table.log_length > length:
            history.append(contents(table.fold))
    return table, archive, history


@given(writes)
def test_the_live_table_is_the_fold_of_its_log(steps: list[tuple[bytes, bytes | None, int]]) -> None:
    """Folding the whole log again gives the same items, sizes and tombstones."""
    table, archive, _ = written(steps)
    again = archive.state_after("t", table.log_length)
    assert list(again.items.range(b"", None)) == list(table.fold.items.range(b"", None))
    assert again.tombstones == table.fold.tombstones
    assert again.size_bytes == table.fold.size_bytes == sum(len(it) for it in contents(again).values())


@given(writes)
def test_every_prefix_of_the_log_is_a_state_the_table_was_in(
    steps: list[tuple[bytes, bytes | None, int]],
) -> None:
    """RS-09: a restore can only show a state that existed."""
    _, archive, history = written(steps)
    for length, state in enumerate(history):
        assert contents(archive.state_after("t", length)) == state


@given(writes, st.integers(0, 100))
def test_the_state_at_an_instant_has_everything_until_then_and_nothing_later(
    steps: list[tuple[bytes, bytes | None, int]], instant: int
) -> None:
    """PI-11: the prefix chosen for an instant ends exactly there."""
    table, archive, _ = written(steps)
    length = archive.length_at("t", instant)
    entries = list(archive._logs["t"].prefix(table.log_length))
    assert all(entry.instant_milliseconds <= instant for entry in entries[:length])
    assert all(entry.instant_milliseconds > instant for entry in entries[length:])


def entry(version: int, item: bytes | None = b"x", instant: int = 0) -> Entry:
    return Entry(b"k", item, 1, Version(version, 0), instant)


def test_a_stale_writer_cannot_append() -> None:
    """An entry goes to the end of the log or nowhere."""
    log = MemoryLog()
    log.append(0, entry(1))
    with pytest.raises(InvariantError, match="append at 0 to a log of length 1"):
        log.append(0, entry(2))
    assert len(log) == 1


def test_instants_never_run_backwards_along_a_log() -> None:
    """Otherwise the state at an instant would not be a prefix."""
    log = MemoryLog()
    log.append(0, entry(1, instant=5))
    with pytest.raises(InvariantError, match="instants"):
        log.append(1, entry(2, instant=4))


def test_an_older_write_that_arrives_after_a_deletion_does_not_bring_the_item_back() -> None:
    """ME-18: the tombstone's version decides, not the order of arrival."""
    table = SingleLogTable(MemoryLog(), 0, lambda _: None)
    assert table.receive(b"k", b"old", 3, Version(1, 0), 10)
    assert table.receive(b"k", None, 0, Version(5, 0), 11)
    assert not table.receive(b"k", b"late", 4, Version(3, 1), 12)
    assert table.read(b"k", consistent=True) is None
