"""Two neighbours merge while they work: every item is in the merged partition, none is lost, and no write is done twice.

Each test begins with a partition that has been split; its two children merge again.
"""

from collections.abc import Callable

import pytest
from replication_by_hand import TICK, World
from replication_merges_by_hand import ASKED, COPYING, WHOLE, Two, all_of, deliver_those_of, two
from splits_by_hand import CUT, KEYS, is_open, leader_of, read, split, until

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import (
    Closed,
    Copied,
    Entry,
    MergeBegun,
    MergeWithdrawn,
    Opened,
)
from ddbproof.reference_impl.replication.environment import DEFAULT_TIMING
from ddbproof.reference_impl.replication.leading import Leading


def test_the_merged_partition_has_what_both_had() -> None:
    """PART-04: it has opened with all that either ever held, and its followers have it too."""
    merging = two()
    merged = merging.begin()
    merging.finish(merged)
    assert all_of(merging, merged) == WHOLE
    merging.world.pass_time(1_000)
    assert [merging.world.items(node, merged) for node in (1, 2, 3)] == [WHOLE] * 3
    (opened,) = [entry for entry in merging.entries(merged) if isinstance(entry, Opened)]
    parts = merging.affairs(merged).parts
    for group, record in ((merging.lower, opened.parent), (merging.upper, opened.upper)):
        assert record is not None
        assert record.closed
        assert record == merging.affairs(group).parent
        assert parts[group].applied == record.length


def test_writes_and_deletions_during_a_merge_are_in_the_merged_partition() -> None:
    """PART-04: both serve until they are closed, and what they acknowledged is there."""
    merging = two()
    merged = merging.begin(holding=COPYING)
    wanted: dict[bytes, bytes | None] = dict(WHOLE)
    for number, key in enumerate(KEYS * 2):
        kind, item = ("delete", None) if number % 5 == 0 else ("put", b"%d" % number)
        holding = COPYING if number < 20 else ()
        if merging.ask(merging.group_of(key), kind, key, item, holding=holding)[0] == "ok":
            wanted[key] = item
        else:
            assert number > 20
        merging.world.pass_time(TICK, holding=holding)
    merging.finish(merged)
    assert all_of(merging, merged) == wanted


def test_a_write_at_the_last_moment_is_in_the_merged_partition() -> None:
    """PART-04: appended right before the entry that closes its partition, and acknowledged after it."""
    merging = two()
    merged = merging.begin()
    lasts = {}
    append = Leading.append

    def last_moment(self: Leading, entry: Entry) -> None:
        group = self.replica.group
        if isinstance(entry, Closed) and group in (merging.lower, merging.upper) and group not in lasts:
            key = KEYS[3] if group == merging.lower else KEYS[12]
            self.write(0, self.change(key, b"last", 4))
            self.when_committed(self.leader.length, lambda committed: lasts.update({key: committed}))
        append(self, entry)

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(Leading, "append", last_moment)
        merging.finish(merged)
    assert lasts == {KEYS[3]: True, KEYS[12]: True}
    assert all_of(merging, merged) == WHOLE | dict.fromkeys(lasts, b"last")


def test_a_source_serves_nothing_from_when_its_log_says_so() -> None:
    """PART-04: while the other one may still serve its own."""
    merging = two()
    merging.begin(holding=COPYING)
    merging.world.pass_time(1_000, holding=COPYING)
    office = merging.leading(merging.upper)
    office.append(Closed())
    node = office.replica.environment.node
    for kind in ("read", "put"):
        request = merging.world.ask(node, kind, KEYS[12], item=b"x", group=merging.upper)
        assert merging.world.outcomes(request) == [("refused", None)]
        assert merging.world.replies[request][0].moved
    assert merging.ask(merging.lower, "put", KEYS[0], b"x")[0] == "ok"


def test_the_merged_partition_serves_nothing_before_both_are_closed_and_it_has_all() -> None:
    """PART-04: nor do its followers, eventually; neither half of it."""
    merging = two()
    merged = merging.begin(holding=COPYING)
    for upper_too in (False, True):
        until(merging.world, lambda: leader_of(merging.world, merged) != 0, holding=COPYING)
        for node in (1, 2, 3):
            for strong in (True, False):
                for key in (KEYS[0], KEYS[12]):
                    shown = merging.world.call(node, "read", key, strong=strong, group=merged)
                    assert shown[0] == "refused"
        if not upper_too:  # once more, when it has all of the lower one
            merging.leading(merging.lower).append(Closed())
            deliver_those_of(merging, merging.lower)
            assert merging.affairs(merged).parts[merging.lower].applied > 0
            assert merging.affairs(merged).parts[merging.upper].applied == 0


def test_neither_is_closed_before_the_other_one_can_be() -> None:
    """PART-04: so that there is no long time in which nobody serves the items of one."""
    merging = two()
    merging.begin(holding=COPYING)
    for source in (merging.lower, merging.upper):
        deliver_those_of(merging, source)
        others = {merging.lower, merging.upper} - {source}
        if source == merging.lower:
            assert all(merging.affairs(other).serves for other in (source, *others))
    merging.world.pass_time(1_000)
    assert not merging.affairs(merging.lower).serves
    assert not merging.affairs(merging.upper).serves


# Joining, and staying away.


def test_the_upper_one_is_not_asked_before_it_is_committed_that_the_lower_one_has_begun() -> None:
    """PART-04: a later leader of the lower one may know nothing of it, and the upper one would wait for ever."""
    merging = two()
    office = merging.leading(merging.lower)
    node = office.replica.environment.node
    merging.world.isolated = {node}
    office.append(MergeBegun(900, merging.upper, upper=False))
    office.merge.tick()
    assert not [it for it in merging.world.messages if isinstance(it.message, messages.Unite)]
    merging.world.isolated = set()
    merging.world.settle()
    office.merge.tick()
    assert [it for it in merging.world.messages if isinstance(it.message, messages.Unite)]


def test_the_upper_one_answers_when_it_is_committed_that_it_has_joined() -> None:
    """PART-04: the lower one closes on that."""
    merging = two()
    merged = merging.begin(holding=ASKED)
    office = merging.leading(merging.upper)
    node = office.replica.environment.node
    merging.world.isolated = {node}
    office.receive(messages.Unite(merging.upper, 1, 9, merged, merging.lower))
    assert isinstance(merging.entries(merging.upper)[-1], MergeBegun)
    merging.world.pass_time(TICK, node, holding=ASKED)
    assert not merging.world.take(messages.United, 9)
    merging.world.isolated = set()
    merging.world.now += TICK
    merging.world.tick(node)
    until(
        merging.world,
        lambda: office.leader.committed == office.leader.length,
        holding=(*ASKED, messages.United),
    )
    office.receive(messages.Unite(merging.upper, 1, 9, merged, merging.lower))
    (united,) = [it.message for it in merging.world.take(messages.United, 9)]
    assert united == messages.United(merging.lower, office.replica.identity, node, merged, joined=True)


def test_the_lower_one_goes_on_for_itself_when_the_upper_one_is_being_split() -> None:
    """PART-04: it serves all the time, may begin another merge, and the merged partition never opens."""
    merging = two()
    merged = merging.begin(holding=ASKED)
    assert merging.leading(merging.upper).split.ask(KEYS[12])
    merging.world.settle(holding=ASKED)
    until(merging.world, lambda: merging.affairs(merging.lower).merge is None)
    merging.world.pass_time(3_000)
    assert isinstance(next(iter(reversed(merging.entries(merging.lower)))), MergeWithdrawn)
    assert not is_open(merging.world, merged)
    assert not merging.leading(merging.lower).split.may_become(merged)
    assert merging.ask(merging.lower, "put", KEYS[0], b"new") == ("ok", b"at " + KEYS[0])
    neighbour, last = merging.affairs(merging.upper).heirs
    until(merging.world, lambda: is_open(merging.world, neighbour))
    again = Two(merging.world, merging.lower, neighbour)
    second = again.begin()
    again.finish(second)
    for key in KEYS:
        found = read(merging.world, second if key < KEYS[12] else last, key)
        assert found == (b"new" if key == KEYS[0] else b"at " + key)


def test_what_is_founded_next_is_given_as_much_patience() -> None:
    """PART-04: after a merge that the lower one has withdrawn from, also while that one's founding could have gone on."""
    merging = two()
    merging.begin(holding=ASKED)
    assert merging.leading(merging.upper).split.ask(KEYS[12])
    merging.world.settle(holding=ASKED)
    until(merging.world, lambda: merging.affairs(merging.lower).merge is None)
    merging.world.pass_time(2 * DEFAULT_TIMING.heartbeat_milliseconds)
    founded = messages.Founded
    assert merging.leading(merging.lower).split.ask(KEYS[3])
    late = merging.world.settle(holding=(founded,))
    merging.world.pass_time(4 * DEFAULT_TIMING.heartbeat_milliseconds)
    for sent in late:
        merging.world.deliver(sent)
    assert merging.affairs(merging.lower).heirs == tuple(
        sorted({it.message.child for it in late if isinstance(it.message, founded)})
    )


def test_the_lower_one_goes_on_for_itself_when_the_upper_one_is_gone() -> None:
    """PART-04: its replicas are let go of once others have all that it had."""
    merging = two()
    merging.begin(holding=ASKED)
    for node in merging.world.nodes.values():
        del node.replicas[merging.upper]
        merging.world.disks[node.environment.node].pop(merging.upper)
    merging.world.pass_time(3 * TICK, holding=ASKED)
    assert merging.affairs(merging.lower).merge is None
    assert merging.ask(merging.lower, "put", KEYS[0], b"new")[0] == "ok"


def test_one_that_is_not_answered_serves_and_waits() -> None:
    """PART-04: it cannot know that the upper one has not joined; an answer that is late counts like any other."""
    merging = two()
    merged = merging.begin(holding=(messages.United,))
    merging.world.pass_time(20_000, holding=(messages.United,))
    assert merging.affairs(merging.upper).merge is not None
    assert merging.affairs(merging.lower).merge is not None
    assert merging.ask(merging.lower, "put", KEYS[0], b"new", holding=(messages.United,))[0] == "ok"
    merging.finish(merged)
    assert all_of(merging, merged) == WHOLE | {KEYS[0]: b"new"}


def three() -> tuple[Two, int]:
    """Two neighbours, and a third one above them."""
    first = two()
    assert first.leading(first.upper).split.ask(KEYS[12])
    first.world.settle()
    middle, last = first.affairs(first.upper).heirs
    until(first.world, lambda: is_open(first.world, middle) and is_open(first.world, last))
    return Two(first.world, first.lower, middle), last


def test_one_that_may_yet_come_back_from_another_merge_says_nothing() -> None:
    """PART-04: had it said that it stays away, the lower one would be gone when it joins after all."""
    merging, last = three()
    merging.world.settle()
    assert merging.leading(merging.upper).merge.ask(last, KEYS[12])
    merging.world.settle(holding=ASKED)
    merged = merging.begin(holding=ASKED)
    office = merging.leading(merging.upper)
    merging.world.settle(holding=ASKED)
    office.receive(messages.Unite(merging.upper, 1, 9, merged, merging.lower))
    merging.world.settle(holding=(*ASKED, messages.United))
    assert not merging.world.take(messages.United, 9)
    assert merging.leading(last).split.ask(KEYS[15])  # so the middle one withdraws
    merging.world.settle(holding=ASKED)
    merging.finish(merged)
    for key in KEYS[:12]:
        assert read(merging.world, merged, key) == b"at " + key


def test_one_that_is_joined_in_another_merge_stays_away() -> None:
    """PART-04: it will be part of that one; the lower one withdraws, and may merge with what comes of it."""
    merging, last = three()
    merging.world.settle()
    assert merging.leading(merging.upper).merge.ask(last, KEYS[12])
    merging.world.settle()
    (above,) = merging.affairs(merging.upper).heirs
    until(merging.world, lambda: merging.affairs(last).merge is not None, holding=COPYING)
    assert merging.leading(merging.lower).merge.ask(merging.upper, CUT)
    until(merging.world, lambda: is_open(merging.world, above))
    until(merging.world, lambda: merging.affairs(merging.lower).merge is None)
    assert MergeWithdrawn() in merging.entries(merging.lower)
    again = Two(merging.world, merging.lower, above)
    merged = again.begin()
    again.finish(merged)
    assert all_of(again, merged) == WHOLE


def test_only_one_thing_is_under_way() -> None:
    """PART-04: neither source is split or merged otherwise, nor the merged partition before it is open."""
    merging = two()
    assert merging.leading(merging.lower).merge.ask(merging.upper, CUT)
    assert not merging.leading(merging.lower).merge.ask(merging.upper, CUT)
    assert not merging.leading(merging.lower).split.ask(KEYS[3])
    merging.world.settle(holding=COPYING)
    (merged,) = merging.affairs(merging.lower).heirs
    until(merging.world, lambda: merging.affairs(merging.upper).merge is not None, holding=COPYING)
    for group, cut in ((merging.lower, KEYS[3]), (merging.upper, KEYS[12]), (merged, KEYS[3])):
        until(merging.world, lambda group=group: leader_of(merging.world, group) != 0, holding=COPYING)  # type: ignore[misc]
        assert not merging.leading(group).split.ask(cut)
        assert not merging.leading(group).merge.ask(900, cut)


# Leaders that are lost.

Phase = Callable[[Two, int], bool]
PHASES: dict[str, Phase] = {
    "begun": lambda merging, _: merging.affairs(merging.lower).merge is not None,
    "joined": lambda merging, _: merging.affairs(merging.upper).merge is not None,
    "copied": lambda merging, merged: any(isinstance(it, Copied) for it in merging.entries(merged)),
    "closed": lambda merging, _: (
        not merging.affairs(merging.lower).serves or not merging.affairs(merging.upper).serves
    ),
    "whole": lambda merging, merged: (
        sum(isinstance(it, Closed) for group in merging[1:] for it in merging.entries(group)) == 2
        and leader_of(merging.world, merged) != 0
    ),
}


@pytest.mark.parametrize("who", ["lower", "upper", "merged"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("disk", ["kept", "torn"])
def test_a_merge_goes_on_under_the_next_leader(phase: str, who: str, disk: str) -> None:
    """PART-04: of any of the three, in every phase; all that it needs is in the logs, or is told again."""
    merging = two()
    merged = merging.begin()
    for _ in range(2_000):
        if leader_of(merging.world, merged) and PHASES[phase](merging, merged):
            break
        one_step(merging.world)
    else:
        raise AssertionError("it never comes that far")
    group = {"lower": merging.lower, "upper": merging.upper, "merged": merged}[who]
    node = leader_of(merging.world, group)
    merging.world.crash(node, kept=disk == "kept")
    merging.world.pass_time(3_000)
    merging.world.start(node)
    merging.finish(merged)
    assert all_of(merging, merged) == WHOLE
    assert merging.ask(merged, "put", KEYS[0], b"new") == ("ok", b"at " + KEYS[0])


def one_step(world: World) -> None:
    """Let one message arrive, or one disk write end; time passes when there is none."""
    if world.messages:
        world.deliver(world.messages.pop(0))
        return
    waiting = [it for node in world.nodes for it in world.disks[node].values() if it.waiting]
    if waiting:
        waiting[0].complete()
    else:
        world.now += TICK
        world.tick(*world.nodes)


def test_a_merge_goes_on_when_a_member_of_each_is_replaced() -> None:
    """PART-04, REP-11: by another node of its zone, while the partitions merge."""
    world = World(1, 2, 3, 4, 5, 6)
    world.elect(1)
    for key in KEYS:
        assert world.call(1, "put", key, item=b"at " + key) == ("ok", None)
    merging = Two(world, *split(world))
    merged = merging.begin(holding=COPYING)
    until(world, lambda: merging.affairs(merging.upper).merge is not None, holding=COPYING)
    lost = next(node for node in (1, 2, 3) if node not in {leader_of(world, it) for it in merging[1:]})
    world.crash(lost, disk_lost=True)
    del world.disks[lost]

    def replaced(group: int) -> bool:
        return lost not in {it.node for it in merging.affairs(group).members}

    until(world, lambda: all(replaced(group) for group in (merging.lower, merging.upper)), holding=COPYING)
    merging.finish(merged)
    until(world, lambda: replaced(merged))
    assert all_of(merging, merged) == WHOLE


# Messages.


@pytest.mark.parametrize(
    "kind", [messages.Unite, messages.United, messages.Pull, messages.Pulled], ids=lambda kind: kind.__name__
)
def test_messages_that_are_lost_doubled_and_late_change_nothing(kind: type[messages.Message]) -> None:
    """PART-04: each is asked for again, and what comes twice or late is known as such."""
    merging = two()
    merged = merging.begin(holding=(kind,))
    late = []
    for number in range(200):
        merging.world.now += TICK
        merging.world.tick(*merging.world.nodes)
        for sent in merging.world.settle(holding=(kind,)):
            late.append(sent)
            if number % 3:
                merging.world.deliver(sent)
                merging.world.deliver(sent)
                merging.world.deliver(late[0])
                merging.world.deliver(late[len(late) // 2])
        if is_open(merging.world, merged):
            break
    assert all_of(merging, merged) == WHOLE
    assert merging.ask(merged, "put", KEYS[0], b"new")[0] == "ok"
    for sent in late:
        merging.world.deliver(sent)
    merging.world.settle()
    merging.world.pass_time(1_000)
    assert all_of(merging, merged) == WHOLE | {KEYS[0]: b"new"}
    for group in merging[1:]:
        assert [type(it) for it in merging.entries(group)].count(MergeBegun) == 1
        assert [type(it) for it in merging.entries(group)].count(Closed) == 1
    assert [type(it) for it in merging.entries(merged)].count(Opened) == 1


def test_the_one_is_copied_while_the_other_is_written_without_end() -> None:
    """PART-04: what comes of two copies from both in turn."""
    merging = two()
    merged = merging.begin(holding=COPYING)
    for number in range(30):
        office = merging.leading(merging.lower)
        for _ in range(30):
            office.write(0, office.change(KEYS[number % 7], b"%d" % number, 2))
        merging.world.pass_time(TICK)
        if merging.affairs(merged).parts[merging.upper].applied:
            return
    raise AssertionError("nothing is copied of the upper one")
