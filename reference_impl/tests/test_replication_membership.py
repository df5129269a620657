"""Members of a group are replaced while it works, and nobody counts by a change that was never decided."""

from __future__ import annotations

import msgspec
from replication_by_hand import GROUP, LEASE_IS_OVER, TICK, TRIO, World, record_of

from ddbproof.model.kernel import lease
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import ChangeBegun, ChangeFinished, Entry, Member
from ddbproof.reference_impl.replication.environment import Timing

SHORT = Timing(kept_entries=10, silence_milliseconds=2_000)


def group(node: int, world: World) -> tuple[int, bool, set[int]]:
    """The configuration, if it is being changed, and its members, by a replica's whole log."""
    affairs = world.replica(node).latest_affairs()
    return affairs.group.number, affairs.group.changing, {it.identity for it in affairs.members}


def busy(timing: Timing = SHORT) -> World:
    """Node 1 leads, its log is trimmed, node 3 is gone; node 6 lies in the same zone."""
    world = World(1, 2, 3, 6, timing=timing)
    world.elect(1)
    for number in range(40):
        world.call(1, "put", b"k%d" % (number % 9), item=b"%d" % number)
        world.pass_time(TICK)
    assert world.replica(1).log.start > 0
    world.crash(3)
    return world


def until(world: World, happened: object, *nodes: int, limit: int = 200) -> None:
    """Let time pass until something has happened."""
    assert callable(happened)
    for _ in range(limit):
        if happened():
            return
        world.pass_time(TICK, *nodes)
    raise AssertionError("it never happens")


def append_committed(world: World, leader: int, entry: Entry) -> None:
    """An entry that is on enough disks."""
    world.leading(leader).append(entry)
    world.settle()


# The ordinary case.


def test_a_silent_member_is_replaced_by_a_log_replica_that_is_healed_later() -> None:
    """REP-11, REP-12: it acknowledges before it has items."""
    world = busy()
    until(world, lambda: 6 in world.nodes and GROUP in world.nodes[6].replicas)
    until(world, lambda: any(world.leads(node) and group(node, world)[0] == 1 for node in (1, 2)))
    assert world.replica(6).state is None
    leader = 1 if world.leads(1) else 2
    other = 3 - leader
    world.isolated = {other}
    assert world.call(leader, "put", item=b"counted") == ("ok", None)
    world.isolated = set()
    until(world, lambda: world.replica(6).state is not None)
    world.pass_time(1_000)
    assert world.items(6) == world.items(leader)
    assert group(6, world) == (1, False, {11, 12, world.replica(6).identity})


def test_a_log_replica_serves_nothing_and_does_not_lead() -> None:
    """REP-11: it has no items to read, not even eventually."""
    world = busy()
    until(world, lambda: GROUP in world.nodes[6].replicas)
    assert world.call(6, "read", strong=False) == ("refused", None)
    world.crash(1)
    world.crash(2)
    world.pass_time(10_000, 6)
    assert not world.leads(6)


def test_a_member_is_not_replaced_while_another_lacks_items_that_logs_may_be_without() -> None:
    """REP-12: nobody would be left but the leader to have them."""
    world = busy()
    follower = world.replica(2)
    follower.saved = msgspec.structs.replace(follower.saved, applied=0)
    world.leading(1).followers[12].applied = 0
    world.stalled = {2}
    world.pass_time(10_000, 1, 2)
    assert GROUP not in world.nodes[6].replicas
    world.stalled = set()
    world.call(1, "put", item=b"x")
    until(world, lambda: GROUP in world.nodes[6].replicas)


def test_the_group_writes_while_a_member_is_replaced_but_for_one_election() -> None:
    """REP-12: every write is acknowledged within a second of being asked again."""
    world = busy()
    longest = waited = 0
    for number in range(150):
        leader = next((it for it in (1, 2) if world.leads(it)), 1)
        outcome = world.ask(leader, "put", b"n%d" % number, item=b"x")
        world.pass_time(TICK)
        waited = 0 if [it[0] for it in world.outcomes(outcome)] == ["ok"] else waited + TICK
        longest = max(longest, waited)
    assert group(1, world)[0] == 1
    assert longest <= 1_000


def test_whoever_was_replaced_gives_way_when_it_comes_back() -> None:
    """REP-12: it asks, and is told."""
    world = busy()
    until(world, lambda: group(1, world)[:2] == (1, False))
    world.pass_time(1_000)
    world.start(3)
    world.pass_time(5_000)
    assert GROUP not in world.nodes[3].replicas


# Who counts.


def test_nobody_acknowledges_in_the_old_configuration_after_promising_the_new_one() -> None:
    """REP-12: an old leader that lives commits nothing by it any more."""
    world = World()
    world.elect(1)
    world.replica(2).granted = lease.Granted(world.replica(2).granted.promised_epoch, 0)
    world.replica(2).receive(messages.Prepare(GROUP, 13, 3, 9, 1, 0))
    world.stalled = {3}
    put = world.ask(1, "put", item=b"x")
    world.settle()
    assert ("ok", None) not in world.outcomes(put)


def test_a_change_that_was_never_decided_does_not_stop_the_group() -> None:
    """REP-08: the member that comes in is asked for only when the change is decided, and only if it is there."""
    world = World()
    world.elect(1)
    world.isolated = {1}
    world.leading(1).append(ChangeBegun(13, Member(99, 6)))
    world.settle()
    world.crash(2)
    world.isolated = set()
    world.restart(1)
    world.elect(1)
    assert world.call(1, "put", item=b"x") == ("ok", None)
    world.pass_time(5_000, 1)
    assert world.call(1, "read") == ("ok", b"x")


def test_a_change_that_is_not_decided_asks_nobody_for_the_next_configuration() -> None:
    """REP-12: the number would stay taken when the change comes to nothing."""
    world = World()
    world.elect(1)
    world.isolated = {1}
    world.leading(1).append(ChangeBegun(13, Member(99, 6)))
    world.settle()
    world.restart(1)
    world.isolated = {2}
    world.elect(1)
    assert world.replica(3).number == 0
    assert world.leading(1).number == 0


def test_nobody_counts_members_by_a_change_that_another_one_took_the_place_of() -> None:
    """REP-10: two changes were begun, one was decided; both would be number 1."""
    world = World(1, 2, 3, 4, 6)
    world.elect(1)
    affairs = world.replica(1).latest_affairs()
    world.nodes[6].host(GROUP, 99, affairs)
    world.nodes[4].host(GROUP, 98, affairs)
    world.isolated = {1}
    world.leading(1).append(ChangeBegun(13, Member(99, 6)))
    world.settle()
    world.isolated = {1, 6}
    world.elect(2)
    world.leading(2).append(ChangeBegun(11, Member(98, 4)))
    until(world, lambda: world.leads(2) and world.leading(2).number == 1)
    world.crash(2)
    world.crash(4)
    assert world.replica(3).latest_affairs().group.changing
    world.isolated = set()
    world.restart(1)
    world.pass_time(10_000, 1, 3)
    for node in (1, 3):
        assert not world.leads(node)  # 98, 12 and 13 are the members, and only 13 is there
    world.start(4)
    world.pass_time(10_000)
    (leader,) = [node for node in (3, 4) if world.leads(node)]
    assert {it.identity for it in world.leading(leader).members} == {98, 12, 13}


def test_a_member_that_knows_nothing_of_its_configuration_learns_of_it_from_another() -> None:
    """REP-08: it was away while the change was decided, and who led is gone for good."""
    world = World(1, 2, 3, 4)
    world.elect(2)
    world.nodes[4].host(GROUP, 98, world.replica(2).latest_affairs())
    world.isolated = {3}
    world.leading(2).append(ChangeBegun(11, Member(98, 4)))
    until(world, lambda: world.leads(2) and group(2, world)[:2] == (1, False), 2)
    world.settle()
    assert group(4, world)[0] == 1
    assert group(3, world)[0] == 0
    world.crash(2, disk_lost=True)
    world.crash(1, disk_lost=True)
    world.isolated = set()
    world.replica(4).state = None  # it is a log replica, and has not been healed
    world.pass_time(15_000)
    assert world.leads(3)
    assert {it.identity for it in world.leading(3).members} == {98, 12, 13}
    assert world.call(3, "put", item=b"x") == ("ok", None)


def test_a_member_stays_until_it_is_decided_that_it_goes() -> None:
    """REP-08: what ends the change may be lost with the leader that wrote it, and then the old members are asked again."""
    world = World(1, 2, 3, 6)
    world.elect(1)
    world.nodes[6].host(GROUP, 99, world.replica(1).latest_affairs())
    world.isolated = {3}
    world.leading(1).append(ChangeBegun(13, Member(99, 6)))
    until(world, lambda: world.leads(1) and world.leading(1).number == 1, 1)
    world.isolated = {2, 6}
    if not any(isinstance(entry, ChangeFinished) for entry in _log(world, 1)):
        world.leading(1).append(ChangeFinished())
    world.now += LEASE_IS_OVER
    world.pass_time(3_000, 3)
    assert GROUP in world.nodes[3].replicas


def _log(world: World, node: int) -> list[Entry]:
    log = world.replica(node).log
    return log.between(log.start, len(log))


# Invitations.


def join(members: tuple[int, ...], number: int, identity: int = 99) -> messages.Join:
    """An invitation by a leader on node 1."""
    affairs = first_affairs(TRIO)
    return messages.Join(
        group=GROUP,
        sender=11,
        node=1,
        identity=identity,
        affairs=affairs,
        start=0,
        digest=0,
        number=number,
        members=members,
    )


def test_an_invitation_that_comes_again_does_not_begin_anew() -> None:
    """REP-11: it has acknowledged since."""
    world = World(1, 2, 3, 6)
    world.nodes[6].receive(join((11, 12, 13), 0))
    before = world.replica(6)
    world.nodes[6].receive(join((11, 12, 13), 0))
    assert world.replica(6) is before


def test_an_old_leaders_invitation_does_not_take_the_place_of_a_member() -> None:
    """REP-07: neither of one that it knows, nor of one of a newer configuration."""
    world = World(1, 2, 3, 6)
    world.nodes[2].receive(join((11, 12, 13), 5))
    assert world.replica(2).identity == 12
    world.nodes[6].receive(join((11, 12, 13), 0, identity=98))
    world.replica(6).number = 1
    world.nodes[6].receive(join((11, 12, 13), 0))
    assert world.replica(6).identity == 98


def test_an_invitation_takes_the_place_of_one_that_came_to_nothing() -> None:
    """REP-12: its leader never got to a change."""
    world = World(1, 2, 3, 6)
    world.nodes[6].receive(join((11, 12, 13), 0, identity=98))
    world.nodes[6].receive(join((11, 12, 13), 0, identity=99))
    assert world.replica(6).identity == 99


def test_who_is_told_to_go_is_named() -> None:
    """REP-07: the one that came after it on the same node stays."""
    world = World()
    world.nodes[3].receive(messages.Retire(GROUP, 11, 1, 99, 0))
    assert GROUP in world.nodes[3].replicas
    world.nodes[3].receive(messages.Retire(GROUP, 11, 1, 13, 0))
    assert GROUP not in world.nodes[3].replicas


def test_nobody_goes_who_has_promised_a_newer_configuration_than_the_one_that_has_no_place_for_it() -> None:
    """REP-11: it was invited, and told to go by somebody who did not know, before it became a member."""
    world = World(1, 2, 3, 6)
    world.nodes[6].receive(join((11, 12, 13), 0, identity=98))
    world.replica(6).number = 1
    world.nodes[6].receive(messages.Retire(GROUP, 11, 1, 98, 0))
    assert GROUP in world.nodes[6].replicas


def test_a_change_is_not_begun_before_the_one_who_joins_has_the_log() -> None:
    """REP-11: until then it costs nothing to give it up."""
    world = busy()
    world.pass_time(8_000, 1, 2, holding=(messages.Acknowledged, messages.Synchronize))
    assert group(1, world)[:2] == (0, False)
    assert record_of(world.replica(1))[0] >= 1
