"""A leader answers what two of three have on their disks, and brings everybody to the end of its log."""

from __future__ import annotations

from typing import Any

import pytest
from replication_by_hand import GROUP, TICK, World, record_of

from ddbproof.model.kernel import lease, replication
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.entries import FloorRaised
from ddbproof.reference_impl.replication.environment import Timing

SHORT = Timing(kept_entries=10, saved_records=40)


def led(timing: Timing | None = None) -> World:
    """A group with a leader on node 1."""
    world = World(timing=timing)
    world.elect(1)
    return world


# Acknowledging.


@pytest.mark.parametrize("stalled", [{1, 2}, {1, 3}, {2, 3}])
def test_a_write_on_one_disk_is_not_acknowledged(stalled: set[int]) -> None:
    """REP-02: whichever disk that is, the leader's too."""
    world = led()
    world.stalled = stalled
    put = world.ask(1, "put", item=b"x")
    world.settle()
    assert world.outcomes(put) == []
    world.stalled = set(list(stalled)[:1])
    world.settle()
    assert world.outcomes(put) == [("ok", None)]


def test_an_acknowledgement_that_comes_three_times_counts_once() -> None:
    """REP-02: two replicas, not two messages."""
    world = led()
    world.isolated = {3}
    world.stalled = {1}
    put = world.ask(1, "put", item=b"x")
    held = world.settle(holding=(messages.Acknowledged,))
    for sent in held * 3:
        world.deliver(sent)
    assert world.outcomes(put) == []


def test_acknowledgements_of_another_epoch_or_a_stranger_count_for_nothing() -> None:
    """REP-10: a group has three members, and an epoch one log."""
    world = led()
    world.stalled = {2, 3}
    put = world.ask(1, "put", item=b"x")
    world.settle()
    epoch = world.leading(1).leader.epoch
    for sender, of in ((99, epoch), (12, epoch - 1), (13, epoch + 1)):
        answer = replication.Acknowledgement(of, 5)
        world.replica(1).receive(messages.Acknowledged(GROUP, sender, 2, answer, 0))
    assert world.outcomes(put) == []


@pytest.mark.parametrize("lost", [messages.Append, messages.Acknowledged])
def test_what_is_lost_on_the_way_is_made_up_for(lost: Any) -> None:
    """REP-08: the answer to the next heartbeat shows that something is missing."""
    world = led()
    world.isolated = {3}
    put = world.ask(1, "put", item=b"x")
    world.settle(holding=(lost,))
    assert world.outcomes(put) == []
    world.pass_time(7 * TICK, 1)
    assert world.outcomes(put) == [("ok", None)]


def test_messages_in_the_wrong_order_make_the_same_log() -> None:
    """Appends that come late, twice and backwards."""
    world = led()
    for number in range(5):
        world.ask(1, "put", b"k%d" % number, item=b"x")
    appends = world.take(messages.Append, to=2)
    for sent in [*reversed(appends), *appends, *appends]:
        world.deliver(sent)
    world.settle()
    world.pass_time(5 * TICK, 1)
    assert world.items(2) == world.items(1)
    assert record_of(world.replica(2)) == record_of(world.replica(1))


def test_a_follower_that_lost_its_last_entries_in_a_crash_gets_them_again() -> None:
    """REP-07: within the epoch in which it had them."""
    world = led()
    world.stalled = {3}
    for number in range(3):
        assert world.call(1, "put", b"k%d" % number, item=b"x") == ("ok", None)
    world.stalled = set()
    world.restart(3)
    world.pass_time(10 * TICK, 1)
    assert record_of(world.replica(3)) == record_of(world.replica(1))
    assert world.items(3) == world.items(1)


def test_an_old_answer_of_a_follower_does_no_harm() -> None:
    """It says less than the leader knows already."""
    world = led()
    (old,) = [it for it in _heartbeat(world) if it.destination == 1 and it.source == 2]
    for number in range(3):
        assert world.call(1, "put", b"k%d" % number, item=b"x") == ("ok", None)
    committed = world.leading(1).leader.committed
    world.deliver(old)
    world.settle()
    assert world.leading(1).leader.committed == committed
    assert record_of(world.replica(2)) == record_of(world.replica(1))


def _heartbeat(world: World) -> list[Any]:
    world.now += 4 * TICK
    world.tick(1)
    return world.settle(holding=(messages.Granted,))


# Reading.


def test_a_strong_read_waits_for_the_write_that_it_shows() -> None:
    """RC-04: and one of another item does not."""
    world = led()
    assert world.call(1, "put", item=b"old") == ("ok", None)
    world.stalled = {2, 3}
    world.ask(1, "put", item=b"new")
    read, other = world.ask(1, "read"), world.ask(1, "read", b"other")
    world.settle()
    assert world.outcomes(read) == []
    assert world.outcomes(other) == [("ok", None)]
    world.stalled = set()
    world.settle()
    assert world.outcomes(read) == [("ok", b"new")]


def test_a_read_that_waits_when_the_office_ends_is_refused_and_shows_nothing() -> None:
    """RC-04: what it would have shown is gone."""
    world = led()
    world.isolated = {1}
    put = world.ask(1, "put", item=b"lost")
    waiting = [world.ask(1, "read"), world.ask(1, "cas", item=b"x", expected=b"no")]
    world.elect(2)
    world.isolated = set()
    world.pass_time(1_000, 2)
    assert world.outcomes(put) == [("unknown", None)]
    assert [world.outcomes(it) for it in waiting] == [[("refused", None)]] * 2
    assert world.items(1) == {}


def test_strong_reads_end_with_the_lease_though_the_leader_knows_of_no_other() -> None:
    """REP-06: sooner than the replicas' grants do."""
    world = led()
    world.isolated = {1}
    until = world.leading(1).lease.until_milliseconds
    world.now = until - 1
    assert world.call(1, "read") == ("ok", None)
    world.now = until
    assert world.call(1, "read") == ("refused", None)
    assert all(world.replica(node).granted.until_milliseconds > until for node in (2, 3))


def test_an_answer_to_an_old_heartbeat_does_not_renew_the_lease() -> None:
    """REP-06: it counts from when the heartbeat was sent."""
    world = led()
    answers = _heartbeat(world)
    sent_at = world.now
    world.now += world.timing.terms.duration_milliseconds
    for sent in answers:
        world.deliver(sent)
    assert not lease.may_serve(world.leading(1).lease, world.now)
    assert world.leading(1).lease.until_milliseconds < sent_at + world.timing.terms.duration_milliseconds


def test_an_eventual_read_shows_what_is_committed_wherever_it_is_asked() -> None:
    """RC-04: at the leader, who has applied more, and without a lease."""
    world = led()
    assert world.call(1, "put", item=b"old") == ("ok", None)
    world.pass_time(5 * TICK, 1)
    world.stalled = {2, 3}
    world.ask(1, "put", item=b"new")
    for node in (1, 2, 3):
        assert world.call(node, "read", strong=False) == ("ok", b"old")
    world.now += 10_000
    assert world.call(1, "read", strong=False) == ("ok", b"old")


def test_a_strong_read_at_a_follower_is_refused_and_told_where_to_go() -> None:
    """RC-03: only the leader knows the newest."""
    world = led()
    request = world.ask(2, "read")
    assert world.outcomes(request) == [("refused", None)]
    assert world.replies[request][0].leader == 1


def test_a_read_sees_the_write_that_was_taken_over_from_the_leader_before() -> None:
    """RC-03: acknowledged before, read by the next lease."""
    world = led()
    assert world.call(1, "put", item=b"x") == ("ok", None)
    world.crash(1)
    world.elect(3)
    assert world.call(3, "read") == ("ok", b"x")
    assert world.call(3, "cas", item=b"y", expected=b"x") == ("ok", b"x")


# Conditions and repetitions.


def test_of_two_conditional_writes_in_flight_one_fails() -> None:
    """RC-08: the second sees the first, which nobody has acknowledged yet."""
    world = led()
    assert world.call(1, "put", item=b"a") == ("ok", None)
    first, second = (world.ask(1, "cas", item=item, expected=b"a") for item in (b"b", b"c"))
    world.settle()
    assert world.outcomes(first) == [("ok", b"a")]
    assert world.outcomes(second) == [("failed", b"b")]


def test_a_request_that_comes_again_while_it_waits_has_one_effect() -> None:
    """RC-08: and is answered when that is committed, not before."""
    world = led()
    world.stalled = {2, 3}
    put = world.ask(1, "put", item=b"x")
    assert world.ask(1, "put", item=b"x", request=put) == put
    world.settle()
    assert world.outcomes(put) == []
    world.stalled = set()
    world.settle()
    assert world.outcomes(put) == [("ok", None), ("repeated", None)]
    assert world.leading(1).leader.length == 1


def test_a_request_that_comes_again_at_the_next_leader_has_one_effect() -> None:
    """RC-08: a write by somebody else came between; it stays."""
    world = led()
    put = world.ask(1, "put", item=b"x")
    world.settle()
    world.crash(1)
    world.elect(2)
    assert world.call(2, "put", item=b"y") == ("ok", b"x")
    assert world.call(2, "put", item=b"x", request=put)[0] == "repeated"
    assert world.call(2, "read") == ("ok", b"y")


def test_a_request_whose_write_was_lost_with_its_leader_is_done_when_it_comes_again() -> None:
    """RC-08: its first attempt never took effect."""
    world = led()
    world.isolated = {1}
    put = world.ask(1, "put", item=b"x")
    world.settle()
    world.elect(2)
    world.isolated = set()
    world.pass_time(1_000, 2)
    assert world.outcomes(put) == [("unknown", None)]
    world.elect(1)
    assert world.call(1, "read") == ("ok", None)
    world.ask(1, "put", item=b"x", request=put)
    world.settle()
    assert world.outcomes(put)[-1] == ("ok", None)


# Logs that are trimmed.


def test_a_follower_behind_what_is_trimmed_gets_the_items() -> None:
    """REP-12: and has the same as everybody else."""
    world = led(SHORT)
    world.isolated = {3}
    for number in range(60):
        world.call(1, "put", b"k%d" % (number % 7), item=b"%d" % number)
        world.pass_time(TICK, 1)
    assert world.replica(1).log.start > record_of(world.replica(3))[2]
    world.isolated = set()
    world.pass_time(2_000, 1)
    assert world.items(3) == world.items(1)
    world.restart(3)
    world.pass_time(2_000, 1)
    assert world.items(3) == world.items(1)


def test_a_leader_does_not_trim_by_a_floor_that_is_not_committed() -> None:
    """REP-12: whoever joins would begin where the group has not decided that logs may begin."""
    world = led()
    for number in range(5):
        world.call(1, "put", b"k%d" % number, item=b"x")
    world.isolated = {1}
    world.leading(1).append(FloorRaised(3))
    world.replica(1).commit(world.leading(1).leader.epoch, 5)
    assert world.replica(1).log.start == 0
    world.isolated = set()
    world.pass_time(1_000, 1)
    assert world.replica(1).log.start == 3


def test_a_file_that_is_made_anew_while_a_leader_has_open_writes_holds_both() -> None:
    """REP-07: items as far as they are committed, and all of the log."""
    world = led()
    assert world.call(1, "put", item=b"old") == ("ok", None)
    world.isolated = {1}
    world.ask(1, "put", item=b"new")
    world.replica(1).renew()
    world.settle()
    assert world.items(1) == {b"k": b"new"}
    world.restart(1)
    assert world.items(1) == {b"k": b"old"}
    assert record_of(world.replica(1))[2] == 2


@pytest.mark.parametrize("kept", [True, False])
def test_a_crash_while_the_file_is_made_anew_loses_nothing(kept: bool) -> None:
    """REP-07: the old one is there until the new one is."""
    world = led()
    for number in range(5):
        world.call(1, "put", b"k%d" % number, item=b"x")
    world.pass_time(5 * TICK, 1)
    world.replica(2).renew()
    replica = world.restart(2, kept=kept)
    assert record_of(replica)[2] == 5
    assert tuple(replica.log.between(0, 5)) == tuple(world.replica(1).log.between(0, 5))
