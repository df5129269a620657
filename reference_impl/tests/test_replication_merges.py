"""Two neighbours merge while they work: every item is in the merged partition, none is lost, and no write is done twice.

Each test begins with a partition that has been split; its two children merge again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from replication_by_hand import GROUP, LEASE_IS_OVER, TICK, TRIO, World, write
from splits_by_hand import CUT, KEYS, filled, is_open, leader_of, read, split, until

from ddbproof.model.kernel import transactions, versions
from ddbproof.model.kernel.splits import Child, Parent
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.replication import copying, messages, transacting
from ddbproof.reference_impl.replication.affairs import Affairs, first_affairs, merged_affairs
from ddbproof.reference_impl.replication.entries import (
    Change,
    Closed,
    Copied,
    Entry,
    MergeBegun,
    MergeWithdrawn,
    Opened,
    Prepared,
)
from ddbproof.reference_impl.replication.environment import DEFAULT_TIMING, Timing
from ddbproof.reference_impl.replication.leading import Leading
from ddbproof.reference_impl.replication.partition_map import (
    Merge,
    Split,
    after_merge,
    after_split,
    decoded,
    encoded,
)
from ddbproof.reference_impl.replication.state import GroupState

Held = tuple[type[messages.Message], ...]
ASKED: Held = (messages.Unite,)
COPYING: Held = (messages.Pulled,)


class Two(NamedTuple):
    """A world with two neighbours, by their groups."""

    world: World
    lower: int
    upper: int

    def leading(self, group: int) -> Leading:
        """The office of whoever leads a group."""
        until(self.world, lambda: leader_of(self.world, group) != 0)
        return self.world.leading(leader_of(self.world, group), group)

    def affairs(self, group: int) -> Affairs:
        """The affairs of a group, by its leader."""
        return self.leading(group).state.affairs

    def begin(self, *, holding: Held = ()) -> int:
        """Begin to merge; returns the merged group."""
        assert self.leading(self.lower).merge.ask(self.upper, CUT)
        self.world.settle(holding)
        (merged,) = self.affairs(self.lower).heirs
        return merged

    def finish(self, merged: int) -> None:
        """Wait until the merged partition serves."""
        until(self.world, lambda: is_open(self.world, merged))

    def group_of(self, key: bytes) -> int:
        """The source that has a key."""
        return self.lower if key < CUT else self.upper

    def ask(
        self, group: int, kind: str, key: bytes, item: bytes | None = None, *, holding: Held = ()
    ) -> tuple[str, bytes | None]:
        """A request to whoever leads a group, and its answer."""
        leader = self.leading(group).replica.environment.node
        request = self.world.ask(leader, kind, key, item, group=group)
        self.world.settle(holding)
        (outcome,) = self.world.outcomes(request)
        return outcome

    def entries(self, group: int) -> Sequence[Entry]:
        """The log of a group's leader."""
        log = self.leading(group).replica.log
        return log.between(log.start, len(log))


def two(timing: Timing | None = None) -> Two:
    """Two neighbours with items, each with a leader."""
    world = filled(timing)
    return Two(world, *split(world))


def all_of(merging: Two, merged: int) -> dict[bytes, bytes | None]:
    """What strong reads of the merged partition show."""
    return {key: read(merging.world, merged, key) for key in KEYS}


WHOLE = {key: b"at " + key for key in KEYS}


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


def deliver_those_of(merging: Two, source: int, ticks: int = 20) -> None:
    """Let the merged partition copy from one source only."""
    for _ in range(ticks):
        merging.world.now += TICK
        merging.world.tick(*merging.world.nodes)
        for sent in merging.world.settle(holding=COPYING):
            assert isinstance(sent.message, messages.Pulled)
            if sent.message.source == source:
                merging.world.deliver(sent)
    merging.world.settle(holding=COPYING)


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
