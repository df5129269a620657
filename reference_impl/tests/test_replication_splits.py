"""A partition is split while it works: every item is in one child, none is lost, and no write is done twice."""

from __future__ import annotations

import msgspec
import pytest
from replication_by_hand import GROUP, LEASE_IS_OVER, TICK
from splits_by_hand import CUT, KEYS, children, filled, is_open, leader_of, read, split, until

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import Closed, Copied, Opened, SplitBegun
from ddbproof.reference_impl.replication.environment import Timing
from ddbproof.reference_impl.replication.partition_map import Split, after_split, decoded, encoded


def test_every_item_is_in_the_child_that_has_its_key_and_in_no_other() -> None:
    """PART-04: the key of the cut is in the upper one."""
    world = filled()
    lower, upper = split(world)
    for key in KEYS:
        assert read(world, lower, key) == (b"at " + key if key < CUT else None)
        assert read(world, upper, key) == (b"at " + key if key >= CUT else None)


def test_writes_and_deletions_during_a_split_are_in_the_children() -> None:
    """PART-04: also those behind the snapshot."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    wanted: dict[bytes, bytes | None] = {key: b"at " + key for key in KEYS}
    for number, key in enumerate(KEYS * 3):
        kind = "delete" if number % 5 == 0 else "put"
        item = None if kind == "delete" else b"%d" % number
        request = world.ask(1, kind, key, item=item)
        world.pass_time(TICK)
        if [it[0] for it in world.outcomes(request)] == ["ok"]:
            wanted[key] = item
        else:
            break
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    assert {key: read(world, lower if key < CUT else upper, key) for key in KEYS} == wanted


def test_the_parent_serves_nothing_from_when_its_log_says_so() -> None:
    """PART-04: whoever asks is told that the partition has moved, though that is not even committed."""
    world = filled()
    world.leading(1).append(SplitBegun(CUT, 201, 202))
    world.leading(1).append(Closed())
    for kind in ("read", "put"):
        request = world.ask(1, kind, KEYS[0], item=b"x")
        assert world.outcomes(request) == [("refused", None)]
        assert world.replies[request][0].moved
    world.pass_time(5 * TICK, 1)
    assert world.call(2, "read", KEYS[0], strong=False) == ("refused", None)


def test_a_child_serves_nothing_before_it_has_all() -> None:
    """PART-04: nor its followers eventually."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, _ = children(world)
    until(world, lambda: leader_of(world, lower) != 0, holding=(messages.Pulled,))
    world.pass_time(1_000, holding=(messages.Pulled,))
    for node in (1, 2, 3):
        for strong in (True, False):
            assert world.call(node, "read", KEYS[0], strong=strong, group=lower)[0] == "refused"


def test_a_close_that_is_not_committed_is_not_told_to_the_children() -> None:
    """PART-04: a later leader of the parent may know nothing of it, and go on to serve."""
    world = filled()
    world.leading(1).append(SplitBegun(CUT, 201, 202))
    world.settle()
    world.isolated = {1}
    world.leading(1).append(Closed())
    world.replica(1).receive(messages.Pull(GROUP, 50, 2, 201, 0))
    (pulled,) = [it.message for it in world.messages if isinstance(it.message, messages.Pulled)]
    assert not pulled.parent.closed
    world.elect(2)
    world.isolated = set()
    world.pass_time(1_000, 2)
    assert world.call(2, "put", KEYS[0], item=b"x")[0] == "ok"


def test_what_was_copied_twice_or_late_is_in_the_childs_log_once() -> None:
    """PART-04: a copy goes on where the last one ended."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    held = []
    for _ in range(60):
        world.pass_time(TICK)
        held += world.take(messages.Pulled)
        if is_open(world, lower) and is_open(world, upper):
            break
        world.now += TICK
        for node in (1, 2, 3):
            world.tick(node)
        for sent in world.settle(holding=(messages.Pulled,)):
            held.append(sent)
            for again in (sent, sent, *held[:3]):
                world.deliver(again)
    for child in (lower, upper):
        node = leader_of(world, child)
        log = world.replica(node, child).log
        copies = [entry for entry in log.between(log.start, len(log)) if isinstance(entry, Copied)]
        assert [entry.applied for entry in copies] == sorted({entry.applied for entry in copies})
    for key in KEYS:
        assert read(world, lower if key < CUT else upper, key) == b"at " + key


def test_what_a_child_has_copied_in_part_is_not_copied_from_an_older_answer() -> None:
    """PART-04: an answer to an earlier question goes further than the child is, and would put items back."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, _ = children(world)
    until(world, lambda: leader_of(world, lower) != 0, holding=(messages.Pulled,))
    node = leader_of(world, lower)
    world.tick(node)
    (pulled,) = [it.message for it in world.settle(holding=(messages.Pulled,)) if it.message.group == lower][
        :1
    ]
    assert isinstance(pulled, messages.Pulled)
    world.replica(node, lower).receive(pulled)
    world.settle()
    late = msgspec.structs.replace(pulled, end=pulled.end + 1)
    length = world.leading(node, lower).leader.length
    world.replica(node, lower).receive(late)
    assert world.leading(node, lower).leader.length == length


@pytest.mark.parametrize("when", ["begun", "closed"])
def test_a_split_goes_on_under_the_parents_next_leader(when: str) -> None:
    """PART-04: all that it needs is in the logs."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    if when == "closed":
        until(world, lambda: not world.state(1).affairs.serves)
        world.settle()
    world.crash(1)
    world.pass_time(6_000)
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    for key in KEYS:
        assert read(world, lower if key < CUT else upper, key) == b"at " + key


def test_a_split_goes_on_under_a_childs_next_leader() -> None:
    """PART-04: what was copied stands in the child's log."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    until(world, lambda: leader_of(world, lower) != 0, holding=(messages.Pulled,))
    first = leader_of(world, lower)
    world.pass_time(3 * TICK)
    world.replica(first, lower).stop_leading()
    if first == 1:
        world.settle()
    world.restart(first)
    world.pass_time(6_000)
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    for key in KEYS:
        assert read(world, lower if key < CUT else upper, key) == b"at " + key


def test_a_child_that_is_behind_what_the_parent_has_trimmed_copies_all_anew() -> None:
    """PART-04: a snapshot in the place of what it had."""
    world = filled(Timing(kept_entries=4))
    assert world.leading(1).split.ask(CUT)
    world.settle()
    lower, upper = children(world)
    held = (messages.Pulled,)
    until(world, lambda: leader_of(world, lower) != 0 and leader_of(world, upper) != 0, holding=held)
    node = leader_of(world, lower)
    world.tick(node)
    for sent in world.settle(holding=held):
        if sent.message.group == lower:
            world.deliver(sent)
    world.settle()
    child = world.state(node, lower).affairs.child
    assert child is not None
    assert child.applied > 0
    for number in range(30):
        assert world.ask(1, "put", KEYS[number % 20], item=b"%d" % number)
        world.pass_time(TICK, holding=(messages.Pulled,))
    assert world.call(1, "delete", KEYS[3])[0] == "ok"
    assert world.replica(1).log.start > child.applied
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    assert read(world, lower, KEYS[3]) is None
    assert read(world, lower, KEYS[4]) == b"24"
    assert read(world, upper, KEYS[15]) == b"15"


def test_a_request_that_the_parent_has_answered_is_not_done_again_by_a_child() -> None:
    """RC-08: the client did not hear of it, and its map is old."""
    world = filled()
    put = world.ask(1, "put", KEYS[0], item=b"once")
    world.settle()
    lower, _ = split(world)
    leader = leader_of(world, lower)
    assert world.call(leader, "put", KEYS[0], item=b"by another", group=lower) == ("ok", b"once")
    assert world.call(leader, "put", KEYS[0], item=b"once", request=put, group=lower)[0] == "repeated"
    assert read(world, lower, KEYS[0]) == b"by another"


def test_an_open_child_has_opened_with_all_that_its_parent_ever_held() -> None:
    """PART-04: no more and no less."""
    world = filled()
    for child in split(world):
        node = leader_of(world, child)
        affairs = world.state(node, child).affairs
        log = world.replica(node, child).log
        (opened,) = [entry for entry in log.between(log.start, len(log)) if isinstance(entry, Opened)]
        parent = world.state(1).affairs.parent
        assert parent is not None
        assert parent.closed
        assert affairs.child is not None
        assert affairs.child.applied == opened.parent.length == parent.length


def test_a_child_is_not_founded_again_where_it_is() -> None:
    """PART-04: the message that founds it comes twice, and it has copied since."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    founding = world.take(messages.Found)
    for sent in founding:
        world.deliver(sent)
    world.settle()
    lower, upper = children(world)
    until(world, lambda: is_open(world, lower) and is_open(world, upper))
    assert world.call(leader_of(world, lower), "put", KEYS[0], item=b"new", group=lower)[0] == "ok"
    before = {key: read(world, lower if key < CUT else upper, key) for key in KEYS}
    assert before[KEYS[0]] == b"new"
    for sent in founding:
        world.deliver(sent)
    world.settle()
    world.now += LEASE_IS_OVER
    world.pass_time(5_000)
    assert {key: read(world, lower if key < CUT else upper, key) for key in KEYS} == before


def test_only_one_split_is_under_way() -> None:
    """PART-04: and neither of a partition that has been split, nor of a child that is not open."""
    world = filled()
    assert world.leading(1).split.ask(CUT)
    assert not world.leading(1).split.ask(KEYS[3])
    world.settle()
    lower, _ = children(world)
    assert not world.leading(1).split.ask(KEYS[3])
    until(world, lambda: leader_of(world, lower) != 0, holding=(messages.Pulled,))
    assert not world.leading(leader_of(world, lower), lower).split.ask(KEYS[3])


def test_a_split_that_is_told_twice_changes_the_map_once() -> None:
    """PART-04: also when a child has been split since."""
    before = encoded([(b"", 1), (b"\x80\x00", 2)])
    told = encoded(Split(1, b"\x20\x00k", 3, 4))
    once = after_split(before, told)
    assert [tuple(it) for it in decoded(once)] == [(b"", 3), (b"\x20\x00k", 4), (b"\x80\x00", 2)]
    assert after_split(once, told) == once
    again = after_split(once, encoded(Split(4, b"\x40\x00k", 5, 6)))
    assert after_split(again, told) == again
