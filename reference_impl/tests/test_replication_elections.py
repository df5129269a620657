"""There is a leader soon after there is none, never two that count, and it holds all that was acknowledged."""

from __future__ import annotations

import msgspec
import pytest
from replication_by_hand import GROUP, LEASE_IS_OVER, TICK, Sent, World, record_of, synchronize, writes

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.environment import Timing


def test_the_first_election_gives_one_leader_with_a_lease() -> None:
    """REP-06: and everybody else knows who it is."""
    world = World()
    world.pass_time(5_000)
    (leader,) = [node for node in (1, 2, 3) if world.leads(node)]
    assert world.call(leader, "put", item=b"x") == ("ok", None)
    assert {world.replica(node).leader_node for node in (1, 2, 3)} == {leader}


def test_a_replica_that_alone_hears_no_leader_calls_no_election() -> None:
    """REP-13: the others still hear it."""
    world = World()
    world.elect(1)
    world.isolated = {3}
    world.pass_time(5_000)
    assert not world.leads(3)
    epoch = record_of(world.replica(3))[0]
    world.isolated = set()
    world.take(messages.Heartbeat, to=3)
    world.pass_time(2_000, 1, 2)
    assert world.leads(1)
    assert record_of(world.replica(3))[0] == epoch


def test_no_leader_is_elected_while_another_has_the_lease() -> None:
    """REP-06: two replicas that are asked hear the leader, which only the candidate does not."""
    world = World()
    world.elect(1)
    world.replica(3).receive(messages.SteppedDown(GROUP, 11, 1, 1))
    world.isolated = {1}
    world.pass_time(1_000, 2, 3)
    assert not world.leads(2)
    assert not world.leads(3)
    world.pass_time(4_000, 2, 3)
    assert world.leads(2) or world.leads(3)


def test_a_leader_that_is_cut_off_serves_nothing_when_the_next_one_does() -> None:
    """REP-10: it does not even know that there is another."""
    world = World()
    world.elect(1)
    assert world.call(1, "put", item=b"x") == ("ok", None)
    world.isolated = {1}
    world.elect(2)
    assert world.leads(1)
    assert world.call(2, "put", item=b"y") == ("ok", b"x")
    assert world.call(1, "read") == ("refused", None)
    assert world.call(1, "put", item=b"z") == ("refused", None)


def test_an_acknowledged_write_survives_the_loss_of_its_leader_and_disk() -> None:
    """REP-07: whichever of the two others is elected, and though it lacks the write itself."""
    for next_one in (2, 3):
        world = World()
        world.elect(1)
        world.isolated = {3}
        assert world.call(1, "put", item=b"x") == ("ok", None)
        world.isolated = set()
        world.crash(1, disk_lost=True)
        world.elect(next_one)
        assert world.call(next_one, "read") == ("ok", b"x")


def test_a_new_leader_answers_nothing_before_what_it_took_over_is_committed_in_its_epoch() -> None:
    """RC-03: another might be elected, and take that back."""
    world = World()
    world.elect(1)
    world.isolated = {3}
    world.stalled = {1}
    first = world.ask(1, "put", item=b"x")
    world.settle()
    assert world.outcomes(first) == []  # on one disk
    world.isolated = set()
    world.stalled = set()
    world.crash(1, disk_lost=True)
    world.now += LEASE_IS_OVER
    while not world.leads(2):
        world.pass_time(TICK, 2, holding=(messages.Synchronize,))
    world.pass_time(5 * TICK, 2, holding=(messages.Synchronize,))
    read, other = world.ask(2, "read"), world.ask(2, "read", b"other")
    cas = world.ask(2, "cas", item=b"y", expected=b"nothing like it")
    world.settle(holding=(messages.Synchronize,))
    assert world.outcomes(read) == world.outcomes(other) == world.outcomes(cas) == []
    world.pass_time(5 * TICK, 2)
    assert world.outcomes(read) == [("ok", b"x")]
    assert world.outcomes(cas) == [("failed", b"x")]


def test_the_newer_log_is_taken_and_not_the_longer_one() -> None:
    """REP-07: the longer one has entries of an epoch that came to nothing."""
    world = World()
    world.elect(1)
    world.isolated = {1}
    lost = [world.ask(1, "put", b"lost%d" % number, item=b"x") for number in range(3)]
    world.settle()
    world.elect(2)
    assert world.call(2, "put", item=b"kept") == ("ok", None)
    world.crash(2, disk_lost=True)
    world.isolated = set()
    world.elect(1)
    assert world.call(1, "read") == ("ok", b"kept")
    assert world.call(1, "read", b"lost0") == ("ok", None)
    assert [world.outcomes(it) for it in lost] == [[("unknown", None)]] * 3


def test_two_candidates_of_one_epoch_make_one_leader() -> None:
    """REP-10: each replica promises an epoch to one of them."""
    world = World()
    world.now += LEASE_IS_OVER
    for _ in range(100):
        world.now += TICK
        world.tick(1, 2)
        world.settle(holding=(messages.Prepare,)) and None
        if not world.messages and world.replica(1).election._called and world.replica(2).election._called:
            break
    world.settle()
    assert [world.leads(node) for node in (1, 2, 3)].count(True) <= 1
    world.pass_time(5_000)
    assert [world.leads(node) for node in (1, 2, 3)].count(True) == 1


def test_a_candidate_leads_only_by_its_own_promise_too() -> None:
    """REP-10: by those of the others alone it would ask for the same epoch again after a restart, and be believed."""
    world = World()
    world.stalled = {1}
    world.now += LEASE_IS_OVER
    world.pass_time(4_000, 1)
    assert not world.leads(1)
    asked = record_of(world.replica(2))[0]
    assert asked > 0
    world.stalled = set()
    world.restart(1)
    world.elect(1)
    assert world.leading(1).leader.epoch > asked


def test_promises_to_a_candidate_before_its_restart_do_not_count_for_another_configuration() -> None:
    """REP-12: the epoch may be the same, what was promised is not."""
    world = World()
    world.now += LEASE_IS_OVER
    held: list[messages.Promised] = []
    while not held:
        world.now += TICK
        world.tick(1)
        held += [
            it.message
            for it in world.settle(holding=(messages.Promised,))
            if isinstance(it.message, messages.Promised)
        ]
    for promised in held:
        world.replica(1).receive(msgspec.structs.replace(promised, number=1))
    assert not world.leads(1)


def test_a_promise_that_comes_after_the_candidate_gave_up_changes_nothing() -> None:
    """REP-10: it is for an epoch that nobody asks for any more."""
    world = World()
    world.now += LEASE_IS_OVER
    held: list[Sent] = []
    while len(held) < 3:
        world.now += TICK
        world.tick(1)
        held += world.settle(holding=(messages.Promised,))
    world.elect(2)
    for sent in held:
        world.deliver(sent)
    world.settle()
    assert not world.leads(1)
    assert world.leads(2)


def test_a_candidate_that_lacks_what_others_have_trimmed_leaves_the_office_to_one_of_them() -> None:
    """REP-08: it gets the items from whoever is elected."""
    world = World(timing=Timing(kept_entries=10))
    world.elect(1)
    world.isolated = {3}
    for number in range(60):
        world.call(1, "put", b"k%d" % number, item=b"x")
        world.pass_time(TICK, 1)
    assert world.replica(2).log.start > 0
    world.crash(1)
    world.isolated = set()
    world.now += LEASE_IS_OVER
    world.pass_time(6_000)
    assert world.leads(2)
    assert world.items(3) == world.items(2)


def test_a_restarted_leader_does_not_know_that_it_led() -> None:
    """REP-06: it waits as any other, and the group goes on."""
    world = World()
    world.elect(1)
    assert world.call(1, "put", item=b"x") == ("ok", None)
    world.restart(1)
    assert not world.leads(1)
    assert world.call(1, "read") == ("refused", None)
    world.pass_time(5_000)
    (leader,) = [node for node in (1, 2, 3) if world.leads(node)]
    assert world.call(leader, "read") == ("ok", b"x")


def test_three_that_have_all_started_again_go_on_where_they_were() -> None:
    """REP-07: what was acknowledged is on two disks."""
    world = World()
    world.elect(1)
    assert world.call(1, "put", item=b"x") == ("ok", None)
    for node in (1, 2, 3):
        world.restart(node)
    world.pass_time(6_000)
    (leader,) = [node for node in (1, 2, 3) if world.leads(node)]
    assert world.call(leader, "read") == ("ok", b"x")


def test_with_two_of_three_down_nothing_is_answered_wrongly() -> None:
    """REP-09: reads are refused when the lease is over, and a write is not acknowledged."""
    world = World()
    world.elect(1)
    assert world.call(1, "put", item=b"x") == ("ok", None)
    world.crash(2)
    world.crash(3)
    late = world.ask(1, "put", item=b"y")
    world.settle()
    assert world.outcomes(late) == []
    world.pass_time(LEASE_IS_OVER)
    assert world.call(1, "read") == ("refused", None)
    world.start(2)
    world.start(3)
    world.pass_time(6_000)
    leader = next(node for node in (1, 2, 3) if world.leads(node))
    assert world.call(leader, "read")[0] == "ok"


@pytest.mark.parametrize("offset", [-400_000, 400_000])
def test_clocks_that_are_set_to_anything_change_nothing(offset: int) -> None:
    """REP-10: no two clocks are compared."""
    world = World()
    world.nodes[1].environment.clock_offset = offset  # type: ignore[attr-defined]
    world.elect(2)
    assert world.call(2, "put", item=b"x") == ("ok", None)
    world.pass_time(3_000, 1, 2, 3)
    assert world.leads(2)


def test_a_leader_hears_of_a_later_epoch_and_gives_up() -> None:
    """REP-10: whoever waits is told that nobody knows."""
    world = World()
    world.elect(1)
    world.isolated = {2, 3}
    waiting = world.ask(1, "put", item=b"x")
    world.settle()
    world.isolated = set()
    epoch = world.leading(1).leader.epoch
    world.replica(1).receive(messages.Refused(GROUP, 12, 2, epoch, 0))
    assert world.leads(1)
    world.replica(1).receive(messages.Refused(GROUP, 12, 2, epoch + 1, 0))
    assert not world.leads(1)
    assert world.outcomes(waiting) == [("unknown", None)]
    assert world.items(1) == {}


def test_a_replica_of_a_later_epochs_log_does_not_serve_an_earlier_leader() -> None:
    """REP-10: neither with its disk nor with its word."""
    world = World()
    world.elect(1)
    world.replica(2).receive(synchronize(9, 0, writes(1)))
    world.isolated = {3}
    waiting = world.ask(1, "put", item=b"x")
    world.settle()
    assert world.outcomes(waiting) in ([], [("unknown", None)])
