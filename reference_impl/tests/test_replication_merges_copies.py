"""What goes over when two neighbours merge: items, answered requests, versions, what transactions hold, and their place in the map."""

from __future__ import annotations

import pytest
from replication_by_hand import GROUP, LEASE_IS_OVER, TICK, TRIO, World, write
from replication_merges_by_hand import COPYING, WHOLE, Two, all_of, deliver_those_of, two
from splits_by_hand import CUT, KEYS, is_open, leader_of, read, until

from ddbproof.model.kernel import transactions, versions
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication import copying, messages, transacting
from ddbproof.reference_impl.replication.affairs import first_affairs, merged_affairs
from ddbproof.reference_impl.replication.entries import (
    Change,
    Copied,
    Opened,
    Prepared,
)
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.replication.partition_map import (
    Merge,
    Split,
    after_merge,
    after_split,
    decoded,
    encoded,
)
from ddbproof.reference_impl.replication.state import GroupState

# What goes over.


def test_a_snapshot_of_one_leaves_what_came_from_the_other() -> None:
    """PART-04: it stands in the place of what was copied from the same one, with deletions."""
    merging = two(Timing(kept_entries=4))
    merged = merging.begin(holding=COPYING)
    until(merging.world, lambda: merging.affairs(merging.upper).merge is not None, holding=COPYING)
    until(merging.world, lambda: leader_of(merging.world, merged) != 0, holding=COPYING)
    for source in (merging.lower, merging.upper):
        deliver_those_of(merging, source, 1)
    before = {group: part.applied for group, part in merging.affairs(merged).parts.items()}
    assert all(before.values())
    wanted: dict[bytes, bytes | None] = dict(WHOLE)
    for number in range(40):
        key = KEYS[number % 20]
        assert merging.ask(merging.group_of(key), "put", key, b"%d" % number, holding=COPYING)[0] == "ok"
        wanted[key] = b"%d" % number
        merging.world.pass_time(TICK, holding=COPYING)
    for key in (KEYS[3], KEYS[12]):
        assert merging.ask(merging.group_of(key), "delete", key, holding=COPYING)[0] == "ok"
        wanted[key] = None
    for group, applied in before.items():
        assert merging.leading(group).replica.log.start > applied
    merging.finish(merged)
    assert sum(isinstance(entry, Copied) and entry.anew for entry in merging.world.archives[merged]) == 4
    assert all_of(merging, merged) == wanted


def test_a_request_that_either_has_answered_is_not_done_again() -> None:
    """RC-08: the client did not hear of it, and its map is old."""
    merging = two()
    puts = {
        key: merging.world.ask(leader_of(merging.world, group), "put", key, item=b"once", group=group)
        for key, group in ((KEYS[0], merging.lower), (KEYS[12], merging.upper))
    }
    merging.world.settle()
    merged = merging.begin()
    merging.finish(merged)
    leader = leader_of(merging.world, merged)
    for key, put in puts.items():
        assert merging.ask(merged, "put", key, b"by another") == ("ok", b"once")
        again = merging.world.call(leader, "put", key, item=b"once", request=put, group=merged)
        assert again[0] == "repeated"
        assert read(merging.world, merged, key) == b"by another"


def test_what_is_written_next_is_later_than_what_came_over() -> None:
    """ME-04: of an item, of one that was deleted, and of one that a transaction has checked."""
    merging = two()
    ahead = 60_000
    office = merging.leading(merging.upper)
    for key, item in ((KEYS[12], b"ahead"), (KEYS[13], None)):
        office.write(0, Change(key, item, 5, Version(merging.world.now + ahead, 0, 3), merging.world.now))
    checked = transacting.instant_at(merging.world.now + ahead)
    version = transactions.first_look(transacting.item_of(office.state, KEYS[14]), transacting.NEVER_FORGOT)
    prepared = Prepared(1, b"ledger", KEYS[14], transactions.CHECK, checked)
    assert transacting.prepare(office, prepared, version) == transactions.ACCEPTED
    transacting.settle(office, KEYS[14], 1, 0, committed=True)
    stored = {key: office.state.fold.version_of(key) for key in KEYS[12:14]}
    merging.world.settle()
    merged = merging.begin()
    merging.finish(merged)
    office = merging.leading(merged)
    for key, before in stored.items():
        assert before is not None
        assert office.state.fold.version_of(key) == before
        assert versions.supersedes(office.change(key, b"next", 4).version, before)
    assert transacting.instant_of(office.change(KEYS[14], b"next", 4).version) > checked


def test_what_both_remember_is_remembered_and_each_request_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """RC-08: none of the one's requests pushes out what the other one has answered last."""
    from ddbproof.reference_impl.replication import state as module

    monkeypatch.setattr(module, "REMEMBERED", 3)
    state = GroupState(merged_affairs(TRIO, 1, 2, b"m"))
    for upper, requests in ((False, (1, 2, 3)), (True, (2, 4, 5))):
        state.apply(Copied(3, (), requests, anew=True, upper=upper), committed=True)
    assert state.answered == {1, 2, 3, 4, 5}
    state.apply(Copied(4, (), (6, 4), anew=True, upper=True), committed=True)
    state.apply(Copied(9, (), (7, 8, 9, 10, 11), anew=False, upper=True), committed=True)
    assert state.answered == {1, 2, 3, 6, 7, 8, 9, 10, 11}
    assert (state.snapshot().answered, state.snapshot().answered_upper) == ((1, 2, 3), (6, 7, 8, 9, 10, 11))


def test_children_that_merge_again_remember_what_both_have_answered_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RC-08: each has copied what its parent remembered, and answered as many itself; whoever takes the last entry back, too."""
    from ddbproof.reference_impl.replication import state as module

    monkeypatch.setattr(module, "REMEMBERED", 3)
    merged = GroupState(merged_affairs(TRIO, 1, 2, b"m"))
    for upper, latest in ((False, (4, 5, 6)), (True, (7, 8, 9))):
        source = GroupState(first_affairs(TRIO, Child(upper=upper), 9))
        source.apply(Copied(9, (), (1, 2, 3), anew=True), committed=True)
        source.apply(Copied(12, (), latest, anew=False), committed=True)
        copy = Copied(3, (), source.snapshot().answered, anew=True, upper=upper)
        merged.apply(copy, committed=True)
    assert merged.answered == set(range(1, 10))
    before = merged.snapshot()
    opened = Opened(Parent(3, splitting=True, closed=True), Parent(3, splitting=True, closed=True))
    merged.apply(opened, committed=False)
    assert merged._frozen().answered == tuple(range(1, 10))
    merged.take_back(2)
    assert merged.snapshot() == before
    healed = GroupState(before.affairs)
    healed.restore(before)
    for state in (merged, healed):
        state.apply(opened, committed=True)
        state.apply(write(10, b"k1"), committed=True)
        assert (state.snapshot().answered, state.answered) == (tuple(range(2, 11)), set(range(2, 11)))


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("anew", [False, True])
def test_a_copy_from_either_that_is_taken_back_leaves_no_trace(upper: bool, anew: bool) -> None:
    """PART-04: and what came from the other one is there before, after and in between."""

    def change(key: bytes, at: int, item: bytes | None = b"x") -> Change:
        return Change(key, item, 1, Version(at, 0), at)

    state = GroupState(merged_affairs(TRIO, 1, 2, b"m"))
    copies = [
        Copied(2, (change(b"a", 1), change(b"b", 1, None)), (1,), anew=True, checked=((b"c", 5),)),
        Copied(
            3, (change(b"m", 1), change(b"z", 1, None)), (2,), anew=True, checked=((b"x", 5),), upper=True
        ),
    ]
    for copy in copies:
        state.apply(copy, committed=True)
    before, size = state._frozen(), state.fold.size_bytes
    key = b"n" if upper else b"d"
    state.apply(Copied(7, (change(key, 2),), (3,), anew=anew, upper=upper), committed=False)
    there = state._frozen()
    other = [one for one in before.images if (one[0] >= b"m") != upper]
    assert [one for one in there.images if (one[0] >= b"m") != upper] == other
    assert [one for one in there.tombstones if (one[0] >= b"m") != upper] == [
        one for one in before.tombstones if (one[0] >= b"m") != upper
    ]
    assert [one for one in there.checked if (one[0] >= b"m") != upper] == [
        one for one in before.checked if (one[0] >= b"m") != upper
    ]
    assert (len(there.images), len(there.tombstones), len(there.checked)) == (
        (2, 1, 1) if anew else (3, 2, 2)
    )
    assert state.fold.size_bytes == len(there.images)
    state.take_back(2)
    assert (state._frozen(), state.fold.size_bytes) == (before, size)


# Transactions.


def hold(merging: Two, group: int, key: bytes, number: int) -> int:
    """Ask for an item to be held for a transaction, perhaps again; returns the verdict."""
    office = merging.leading(group)
    stored = office.state.fold.version_of(key)
    assert stored is not None
    version = transacting.number_of(stored)
    instant = transacting.instant_at(merging.world.now + 1)
    verdict = transacting.prepare(
        office, Prepared(number, b"ledger", key, transactions.PUT, instant, b"put", 3), version
    )
    merging.world.settle(holding=COPYING)
    return verdict


def release(merging: Two, group: int, key: bytes, number: int, *, committed: bool) -> None:
    """The transaction is decided."""
    transacting.settle(merging.leading(group), key, number, 0, committed=committed)
    merging.world.settle()


@pytest.mark.parametrize("held", [KEYS[0], KEYS[12]])
def test_neither_is_closed_while_one_holds_an_item(held: bytes) -> None:
    """TX-02: what a transaction holds is settled where it is held; nothing waits for it but the merge."""
    merging = two()
    assert hold(merging, merging.group_of(held), held, 1) == transactions.ACCEPTED
    merged = merging.begin()
    merging.world.pass_time(3_000)
    for key in (KEYS[1], KEYS[13]):
        assert merging.ask(merging.group_of(key), "put", key, b"new")[0] == "ok"
    release(merging, merging.group_of(held), held, 1, committed=True)
    merging.finish(merged)
    assert all_of(merging, merged) == WHOLE | {held: b"put", KEYS[1]: b"new", KEYS[13]: b"new"}


@pytest.mark.parametrize("held", [KEYS[0], KEYS[12]])
def test_one_that_only_waits_for_a_transaction_takes_no_other(held: bytes) -> None:
    """TX-06: the other is cancelled rather than that the merge never ends; one that is held already is accepted again."""
    merging = two()
    waiting = merging.group_of(held)
    assert hold(merging, waiting, held, 1) == transactions.ACCEPTED
    merged = merging.begin()
    merging.world.pass_time(3_000)
    assert merging.leading(waiting).merge.takes_no_transactions
    other = KEYS[3] if held < CUT else KEYS[15]
    assert hold(merging, waiting, other, 2) == transactions.CONFLICT
    assert hold(merging, waiting, held, 1) == transactions.ACCEPTED
    release(merging, waiting, held, 1, committed=False)
    merging.finish(merged)
    assert hold(merging, merged, other, 2) == transactions.ACCEPTED


def test_transactions_over_both_do_not_keep_them_from_merging() -> None:
    """TX-06: each begins before the one before has ended, and holds an item of either, in either order."""
    merging = two()
    merged = merging.begin()
    under_way: list[tuple[int, bytes]] = []
    for number in range(1, 100):
        keys = (KEYS[number % 7], KEYS[7 + number % 13])
        for key in keys if number % 2 else keys[::-1]:
            if is_open(merging.world, merged):
                break
            group = merging.group_of(key)
            if merging.affairs(group).serves and hold(merging, group, key, number) == transactions.ACCEPTED:
                under_way.append((number, key))
        merging.world.pass_time(TICK)
        for older, key in [one for one in under_way if one[0] < number]:
            assert merging.affairs(merging.group_of(key)).serves
            release(merging, merging.group_of(key), key, older, committed=True)
            under_way.remove((older, key))
        if is_open(merging.world, merged):
            assert number > 1
            return
    raise AssertionError("they never merge")


# The map.


def test_a_merge_that_is_told_twice_changes_the_map_once() -> None:
    """PART-04: also when the merged partition has been split since."""
    before = encoded([(b"", 1), (b"\x20\x00k", 2), (b"\x80\x00", 3)])
    told = encoded(Merge(1, 2, 4))
    once = after_merge(before, told)
    assert [tuple(it) for it in decoded(once)] == [(b"", 4), (b"\x80\x00", 3)]
    assert after_merge(once, told) == once
    again = after_split(once, encoded(Split(4, b"\x40\x00k", 5, 6)))
    assert after_merge(again, told) == again


@pytest.mark.parametrize("told", [Merge(1, 3, 4), Merge(2, 1, 4), Merge(1, 9, 4)])
def test_what_are_no_neighbours_are_not_merged_in_the_map(told: Merge) -> None:
    """PART-04: the metadata group stops rather than lose a range."""
    before = encoded([(b"", 1), (b"\x20\x00k", 2), (b"\x80\x00", 3)])
    with pytest.raises(InvariantError):
        after_merge(before, encoded(told))


def test_the_lower_one_tells_the_metadata_group_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """PART-04: and not before it is closed."""
    merging = two()
    told: list[object] = []
    right = World.deliver
    monkeypatch.setattr(copying, "_NEAR", 20)

    def deliver(self: World, sent: object) -> None:
        message = sent.message  # type: ignore[attr-defined]
        if isinstance(message, messages.Request) and message.operation.kind == "merge":
            assert not merging.affairs(merging.lower).serves
            told.append(message.operation.item)
            return
        right(self, sent)  # type: ignore[arg-type]

    monkeypatch.setattr(World, "deliver", deliver)
    for node in merging.world.disks.values():
        node.setdefault(0, node[GROUP])
    merged = merging.begin()
    merging.finish(merged)
    merging.world.pass_time(2 * LEASE_IS_OVER)
    assert len(told) > 3
    assert set(told) == {encoded(Merge(merging.lower, merging.upper, merged))}
    merging.leading(merging.lower).map_change.answered()
    told.clear()
    merging.world.pass_time(1_000)
    assert not told
