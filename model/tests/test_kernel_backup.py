"""The cut: what is in a backup and what is not, whatever is written meanwhile."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel.backup import (
    BEGINNING,
    EMPTY,
    MOST_AHEAD_MILLISECONDS,
    MOST_UNDECIDED_MILLISECONDS,
    Cut,
    PartitionLog,
    abort_prepared,
    advance_watermark,
    append,
    backup_timestamp,
    commit_prepared,
    commit_timestamp,
    is_cut,
    may_cut,
    may_decide,
    prepare,
    system_backup_expires,
    take_cut,
)
from ddbproof.model.kernel.refusal import NotAllowed


class Entry(msgspec.Struct, frozen=True):
    instant_milliseconds: int
    transaction: int = -1


class Entries(list[Entry]):
    """A log as a list that complains when an entry is not put at its end or read before its beginning."""

    def put(self, index: int, entry: Entry) -> Entries:
        assert index == len(self)
        self.append(entry)
        return self

    def __getitem__(self, index: int) -> Entry:  # type: ignore[override] # no slices
        assert 0 <= index < len(self)
        return super().__getitem__(index)


class Table:
    """Two partitions, their backups so far, and what was acknowledged before each of them."""

    def __init__(self) -> None:
        self.heads = [EMPTY, EMPTY]
        self.logs = [Entries(), Entries()]
        self.backups: list[tuple[list[Cut], list[int]]] = []

    def write(self, number: int, now: int) -> None:
        stamp = commit_timestamp(self.heads[number], now)
        self.heads[number], _ = append(self.heads[number], self.logs[number], Entry(stamp))

    def transact(self, transaction: int, now: int) -> None:
        stamp = commit_timestamp(self.heads[1], commit_timestamp(self.heads[0], now))
        self.heads = [prepare(head, stamp) for head in self.heads]
        for number, log in enumerate(self.logs):
            self.heads[number], _ = commit_prepared(self.heads[number], log, Entry(stamp, transaction))

    def back_up(self, now: int) -> None:
        stamp = backup_timestamp(self.heads[1], backup_timestamp(self.heads[0], now))
        acknowledged = [head.length for head in self.heads]
        self.heads = [advance_watermark(head, stamp, now) for head in self.heads]
        cuts = [
            take_cut(head, log, BEGINNING, sum(it.instant_milliseconds <= stamp for it in list(log)), stamp)
            for head, log in zip(self.heads, self.logs, strict=True)
        ]
        self.backups.append((cuts, acknowledged))


steps = st.lists(st.tuples(st.sampled_from(["write", "transact", "back up"]), st.integers(0, 3)), max_size=40)


def run(chosen: list[tuple[str, int]]) -> Table:
    table, now = Table(), 0
    for number, (what, pause) in enumerate(chosen):
        now += pause // 2
        if what == "write":
            table.write(pause % 2, now)
        elif what == "transact":
            table.transact(number, now)
        else:
            table.back_up(now)
    return table


@given(steps)
def test_a_backup_is_exactly_what_carries_a_timestamp_up_to_its_own(chosen: list[tuple[str, int]]) -> None:
    """BK-03: in every partition, and for ever after: nothing written later belongs to it."""
    table = run(chosen)
    for cuts, _ in table.backups:
        for cut, log in zip(cuts, table.logs, strict=True):
            inside = [it.instant_milliseconds <= cut.instant_milliseconds for it in list(log)]
            assert inside == [True] * cut.position + [False] * (len(log) - cut.position)


@given(steps)
def test_what_was_acknowledged_before_the_request_is_in_and_nothing_else(
    chosen: list[tuple[str, int]],
) -> None:
    """BK-02: stronger than the contract: the cut is at the request itself."""
    for cuts, acknowledged in run(chosen).backups:
        assert [cut.position for cut in cuts] == acknowledged


@given(steps)
def test_all_parts_of_a_transaction_are_in_a_backup_or_none(chosen: list[tuple[str, int]]) -> None:
    """TX-06 promises less; this is our choice."""
    table = run(chosen)
    for cuts, _ in table.backups:
        first, second = (
            {it.transaction for it in log[: cut.position] if it.transaction >= 0}
            for cut, log in zip(cuts, map(list, table.logs), strict=True)
        )
        assert first == second


@given(steps)
def test_timestamps_never_decrease_along_a_log(chosen: list[tuple[str, int]]) -> None:
    """PI-11: or the state at an instant would be no prefix."""
    for log in run(chosen).logs:
        stamps = [it.instant_milliseconds for it in list(log)]
        assert stamps == sorted(stamps)


@given(st.integers(0, 50), st.integers(-1, 50), st.integers(0, 50))
def test_a_timestamp_is_now_unless_that_is_taken(latest: int, watermark: int, now: int) -> None:
    """BK-02: the earliest that is not before now, after the watermark, and not before the last entry."""
    stamp = commit_timestamp(PartitionLog(3, latest, watermark), now)
    assert stamp == max(now, watermark + 1, latest)


@given(st.lists(st.integers(0, 6), max_size=8), st.integers(0, 8), st.integers(-1, 9), st.integers(0, 7))
def test_a_cut_is_found_by_its_two_neighbours(
    stamps: list[int], first: int, position: int, instant: int
) -> None:
    """BK-02: looking at the entry before and the entry after is enough, and trimmed ones are not looked at."""
    log = Entries(map(Entry, sorted(stamps)))
    head = PartitionLog(len(log), max(stamps, default=0), 9)
    first = min(first, len(log))
    base = Cut(first, log[first - 1].instant_milliseconds if first else -1)
    right = sum(it <= instant for it in stamps)
    found = position == right >= first
    assert is_cut(head, log, base, position, instant) == found or instant < base.instant_milliseconds
    if found and instant >= base.instant_milliseconds:
        assert take_cut(head, log, base, position, instant) == Cut(position, instant)
    else:
        with pytest.raises(NotAllowed):
            take_cut(head, log, base, position, instant)


def test_there_is_no_cut_while_more_may_come_into_it() -> None:
    """BK-02: the watermark has to reach the backup's timestamp first."""
    head = advance_watermark(EMPTY, 6, 10)
    assert not may_cut(head, 7)
    with pytest.raises(NotAllowed):
        take_cut(head, Entries(), BEGINNING, 0, 7)
    assert take_cut(advance_watermark(head, 7, 10), Entries(), BEGINNING, 0, 7) == Cut(0, 7)


def test_a_closed_instant_takes_no_more_entries() -> None:
    """BK-02: neither at the watermark nor before it; the write is stamped after it."""
    head = advance_watermark(EMPTY, 7, 7)
    with pytest.raises(NotAllowed):
        append(head, Entries(), Entry(7))
    assert commit_timestamp(head, 7) == 8
    assert append(head, Entries(), Entry(8))[0].length == 1


def test_nothing_is_appended_before_the_last_entry() -> None:
    """PI-11: an equal timestamp may follow, an earlier one may not."""
    head, log = append(EMPTY, Entries(), Entry(7))
    with pytest.raises(NotAllowed):
        append(head, log, Entry(6))
    assert append(head, log, Entry(7))[0].length == 2


def test_a_watermark_never_goes_back_and_never_far_ahead() -> None:
    """BK-02: an earlier promise stands, and timestamps stay near the clock."""
    head = advance_watermark(EMPTY, 100 + MOST_AHEAD_MILLISECONDS, 100)
    assert advance_watermark(head, 50, 100) == head
    with pytest.raises(NotAllowed):
        advance_watermark(EMPTY, 101 + MOST_AHEAD_MILLISECONDS, 100)


def test_a_prepared_transaction_holds_the_watermark_and_later_writes_back() -> None:
    """TX-06: until it is decided no cut passes it; earlier writes go on, a later one waits."""
    prepared = prepare(EMPTY, 10)
    with pytest.raises(NotAllowed):
        advance_watermark(prepared, 10, 20)
    assert may_cut(advance_watermark(prepared, 9, 20), 9)
    assert append(prepared, Entries(), Entry(10))[0].prepared
    with pytest.raises(NotAllowed):
        append(prepared, Entries(), Entry(11))
    with pytest.raises(NotAllowed):
        prepare(prepared, 10)


def test_a_prepared_transaction_commits_with_its_own_timestamp_or_goes() -> None:
    """TX-06: what was promised at the preparation, and nothing else, is appended."""
    prepared = prepare(EMPTY, 10)
    with pytest.raises(NotAllowed):
        commit_prepared(prepared, Entries(), Entry(11))
    committed, _ = commit_prepared(prepared, Entries(), Entry(10))
    assert committed == PartitionLog(1, 10, -1)
    assert abort_prepared(prepared) == EMPTY
    for step in (lambda: abort_prepared(EMPTY), lambda: commit_prepared(EMPTY, Entries(), Entry(0))):
        with pytest.raises(NotAllowed):
            step()


@pytest.mark.parametrize(("latest", "watermark"), [(6, 3), (3, 5)])
def test_nothing_is_prepared_that_could_not_be_appended(latest: int, watermark: int) -> None:
    """TX-06: neither before the last entry nor at or before the watermark."""
    with pytest.raises(NotAllowed):
        prepare(PartitionLog(1, latest, watermark), 5)
    assert prepare(PartitionLog(1, latest, watermark), 6).prepared


def test_a_decision_to_commit_comes_in_time_or_not_at_all() -> None:
    """BK-02: within ten seconds, or the entry would be stamped with a time long gone."""
    assert may_decide(5, 5 + MOST_UNDECIDED_MILLISECONDS)
    assert not may_decide(5, 6 + MOST_UNDECIDED_MILLISECONDS)


def test_a_system_backup_is_kept_for_35_days() -> None:
    """BK-16: counted from the deletion."""
    assert system_backup_expires(5) == 5 + 35 * 24 * 3600 * 1000
