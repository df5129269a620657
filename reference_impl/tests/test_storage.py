"""The log is the only truth: items, backups and restores are folds over it, whatever of it was forgotten."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.backup import BEGINNING, Cut
from ddbproof.model.kernel.instants import MILLISECONDS_A_DAY as DAY
from ddbproof.model.kernel.recovery import OFF, Recovery, enable, is_restorable, turn_on
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.versions import Version, first_version, next_version
from ddbproof.reference_impl.cluster.feed import Feed
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.storage.history import TIDY_EVERY, History
from ddbproof.reference_impl.storage.items import Fold
from ddbproof.reference_impl.storage.log import Entry, MemoryLog

keys = st.sampled_from([b"a", b"b", b"c"])
writes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=3), st.integers(0, 3)), max_size=30)


class Fed:
    """A history that is fed with writes of one Region, as a table's partitions feed it."""

    def __init__(self, history: History, tidy: Callable[[int], None] = lambda _: None) -> None:
        self.now = 0
        self.feed = Feed(history, 0, lambda: self.now, tidy=tidy)

    @property
    def fold(self) -> Fold:
        return self.feed.fold

    def write(self, key: bytes, item: bytes | None, size_bytes: int, now: int) -> None:
        self.now = now
        stored = self.fold.version_of(key)
        if item is not None or self.fold.items.get(key) is not None:
            version = first_version(now, 0) if stored is None else next_version(stored, now, 0)
            self.feed.take(Entry(key, item, 0 if item is None else size_bytes, version, now), 1, 0)


def contents(fold: Fold) -> dict[bytes, bytes]:
    return {key: image.item for key, image in fold.items.range(b"", None)}


def written(
    steps: list[tuple[bytes, bytes | None, int]],
) -> tuple[Fed, History, list[dict[bytes, bytes]]]:
    """A table after the writes, its history, and the contents after each entry of its log."""
    history = History()
    table = Fed(history)
    states: list[dict[bytes, bytes]] = [{}]
    now = 0
    for key, item, pause in steps:
        now += pause
        length = len(history)
        table.write(key, item, len(item or b""), now)
        if len(history) > length:
            states.append(contents(table.fold))
    return table, history, states


@given(writes)
def test_the_live_table_is_the_fold_of_its_log(steps: list[tuple[bytes, bytes | None, int]]) -> None:
    """Folding the whole log again gives the same items, sizes and tombstones."""
    table, history, _ = written(steps)
    again = history.state_of(history.cut_now(100))
    assert list(again.items.range(b"", None)) == list(table.fold.items.range(b"", None))
    assert again.tombstones == table.fold.tombstones
    assert again.size_bytes == table.fold.size_bytes == sum(len(it) for it in contents(again).values())


@given(writes)
def test_every_prefix_of_the_log_is_a_state_the_table_was_in(
    steps: list[tuple[bytes, bytes | None, int]],
) -> None:
    """RS-09: a restore can only show a state that existed."""
    _, history, states = written(steps)
    for length, state in enumerate(states):
        assert contents(history.state_of(Cut(length, 0))) == state


@given(writes, st.integers(0, 100))
def test_the_state_at_an_instant_has_everything_until_then_and_nothing_later(
    steps: list[tuple[bytes, bytes | None, int]], instant: int
) -> None:
    """PI-11: the prefix chosen for an instant ends exactly there."""
    _, history, states = written(steps)
    length = sum(entry.instant_milliseconds <= instant for entry in history.log.between(0, len(history)))
    assert contents(history.state_at(enable(0, 1), instant, 100, 0)) == states[length]


# What is forgotten.

busy = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "write", "back up", "drop a backup", "recovery", "pass", "tidy"]),
        keys,
        st.integers(0, 40),
    ),
    min_size=5,
    max_size=60,
)


class Tidied:
    """A table whose history is tidied, beside every state it was ever in."""

    def __init__(self, settings: Recovery = OFF) -> None:
        self.history = History()
        self.table = Fed(self.history)
        self.now = 10 * DAY
        self.settings = settings
        self.backups: dict[Cut, dict[bytes, bytes]] = {}
        self.states: list[tuple[int, dict[bytes, bytes]]] = []

    def step(self, what: str, key: bytes, number: int) -> None:
        if what == "write":
            self.table.write(key, str(number).encode() if number % 4 else None, 1, self.now)
        elif what == "back up":
            self.backups[self.history.cut_now(self.now)] = contents(self.table.fold)
        elif what == "drop a backup" and self.backups:
            del self.backups[min(self.backups, key=lambda cut: cut.instant_milliseconds)]
        elif what == "recovery":
            self.settings = turn_on(self.settings, self.now, 1 + number % 5) if number else OFF
        elif what == "pass":
            self.states.append((self.now, contents(self.table.fold)))
            self.now += number * DAY // 10 + 2_000
        elif what == "tidy":
            self.tidy()

    def tidy(self) -> None:
        self.history.tidy(self.settings, self.backups.keys(), self.now)


@given(st.integers(1, 5), busy)
def test_backups_and_legal_restores_outlive_whatever_is_forgotten(
    days: int, steps: list[tuple[str, bytes, int]]
) -> None:
    """BK-09, PI-24: each backup is as it was, and each instant of the window too."""
    tidied = Tidied(enable(10 * DAY, days))
    for step in steps:
        tidied.step(*step)
    tidied.tidy()
    for cut, state in tidied.backups.items():
        assert contents(tidied.history.state_of(cut)) == state
    for instant, state in tidied.states:
        # A cut in the same millisecond puts later writes of that millisecond after it.
        late = instant + 1_000
        if late < tidied.now and is_restorable(tidied.settings, late, tidied.now, 0):
            assert contents(tidied.history.state_at(tidied.settings, late, tidied.now, 0)) == state


def test_a_log_that_nobody_needs_is_forgotten() -> None:
    """Without recovery and backups what is left does not grow with what was written."""
    history = History()
    table = Fed(history, lambda now: history.tidy(OFF, (), now))
    for number in range(20 * TIDY_EVERY):
        table.write(b"k%d" % (number % 7), b"x", 1, number)
    assert len(history) == 20 * TIDY_EVERY
    assert len(history) - history.log.trimmed <= 2 * TIDY_EVERY
    assert contents(history.state_of(history.cut_now(10**6))) == contents(table.fold)


@pytest.mark.parametrize(
    ("settings", "trimmed"), [(OFF, 9), (enable(0, 35), 0), (enable(0, 5), 5), (enable(4 * DAY, 35), 4)]
)
def test_what_recovery_may_ask_for_is_kept(settings: Recovery, trimmed: int) -> None:
    """PI-08: one entry at the end of each of nine days; those before the window are folded, no other."""
    history = History()
    table = Fed(history)
    for day in range(1, 10):
        table.write(b"k", str(day).encode(), 1, day * DAY - 1)
    history.tidy(settings, (), 10 * DAY)
    assert history.log.trimmed == trimmed


def test_a_deleted_backup_frees_its_snapshot() -> None:
    """BK-13: what only the backup needed goes with it."""
    tidied = Tidied()
    for step in ["write", "back up", "pass", "write", "pass", "tidy"]:
        tidied.step(step, b"a", 1)
    assert len(tidied.history._snapshots) == 1
    tidied.step("drop a backup", b"a", 1)
    tidied.tidy()
    assert tidied.history._snapshots == {}


def test_what_was_forgotten_cannot_be_restored() -> None:
    """PI-08: an instant before the anchor is refused, rather than answered with another state."""
    tidied = Tidied()
    for step in ["write", "pass", "write", "pass", "tidy"]:
        tidied.step(step, b"a", 5)
    with pytest.raises(NotAllowed):
        tidied.history.state_at(enable(0, 35), 10 * DAY, tidied.now, 0)
    with pytest.raises(InvariantError, match="nothing is left"):
        tidied.history.state_of(BEGINNING)


# The log itself.


def entry(version: int, item: bytes | None = b"x", instant: int = 0) -> Entry:
    return Entry(b"k", item, 1, Version(version, 0), instant)


def test_a_stale_writer_cannot_append() -> None:
    """An entry goes to the end of the log or nowhere."""
    log = MemoryLog()
    log.put(0, entry(1))
    with pytest.raises(InvariantError, match="append at 0 to a log of length 1"):
        log.put(0, entry(2))
    assert len(log) == 1


@given(st.lists(st.integers(0, 9), max_size=20), st.lists(st.integers(0, 22), max_size=4), st.integers(0, 9))
def test_an_entry_keeps_its_index_when_older_ones_go(
    instants: list[int], trims: list[int], instant: int
) -> None:
    """Trimming changes what can be read, and nothing else."""
    log, entries = MemoryLog(), [entry(number, instant=at) for number, at in enumerate(sorted(instants))]
    for index, one in enumerate(entries):
        log.put(index, one)
    for position in trims:
        log.trim(min(position, len(entries)))
    gone = min(max(trims, default=0), len(entries))
    assert (len(log), log.trimmed) == (len(entries), gone)
    assert list(log.between(gone, len(log))) == entries[gone:]
    assert log.length_at(instant) == max(gone, sum(at <= instant for at in instants))
    for missing in {gone - 1, len(entries)} - {-1}:
        with pytest.raises(InvariantError, match=f"entry {missing} of a log"):
            log[missing]


def test_instants_never_run_backwards_along_a_log() -> None:
    """Otherwise the state at an instant would not be a prefix."""
    history = History()
    history.append(entry(1, instant=5))
    with pytest.raises(NotAllowed):
        history.append(entry(2, instant=4))
