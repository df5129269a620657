"""A follower says what is on its disk, and nothing that rests on less; a restart takes nothing of it back."""

from __future__ import annotations

from replication_by_hand import (
    GROUP,
    LEASE_IS_OVER,
    TRIO,
    HandDisk,
    World,
    append,
    heartbeat,
    prepare,
    record_of,
    synchronize,
    writes,
)

from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.state import GroupState

MINE = 1


class Alone:
    """One replica, on node 1, and what it sends to node 2."""

    def __init__(self, start: int = 0) -> None:
        self.world = World(MINE, 2, founded=False)
        self.replica = self.world.nodes[MINE].host(GROUP, 11, first_affairs(TRIO), start)
        self.world.settle()
        self.world.messages.clear()

    @property
    def disk(self) -> HandDisk:
        return self.world.disk(MINE)

    def receive(self, message: messages.Message) -> None:
        self.world.nodes[MINE].receive(message)

    def complete(self) -> None:
        """All that is under way gets onto the disk."""
        while self.disk.waiting:
            self.disk.complete()

    def says(self, kind: type[messages.Message]) -> list[messages.Message]:
        return [it.message for it in self.world.take(kind)]

    def restart(self, *, kept: bool = False) -> None:
        self.world.messages.clear()
        self.replica = self.world.restart(MINE, kept=kept)


# Promises.


def test_a_promise_is_answered_when_it_is_on_the_disk_and_not_before() -> None:
    """REP-02: and it is told once, even if it is asked for twice."""
    alone = Alone()
    alone.receive(prepare(epoch=5))
    assert alone.says(messages.Promised) == []
    alone.complete()
    alone.receive(prepare(epoch=5))
    alone.complete()
    assert len(alone.says(messages.Promised)) == 1


def test_a_promise_outlives_a_restart() -> None:
    """REP-10: an epoch below it, or the same from somebody else, is refused."""
    alone = Alone()
    alone.receive(prepare(epoch=5))
    alone.complete()
    alone.restart()
    alone.world.now += LEASE_IS_OVER
    for epoch in (4, 5):
        alone.receive(prepare(epoch=epoch))
        alone.complete()
        assert alone.says(messages.Promised) == []
        (refused,) = alone.says(messages.Refused)
        assert isinstance(refused, messages.Refused)
        assert refused.epoch == 5


def test_a_promise_that_did_not_get_onto_the_disk_was_never_told() -> None:
    """REP-10: after the restart another may have the epoch."""
    alone = Alone()
    alone.receive(prepare(epoch=5))
    alone.restart()
    alone.world.now += LEASE_IS_OVER
    alone.receive(prepare(epoch=5))
    alone.complete()
    assert len(alone.says(messages.Promised)) == 1


def test_a_promise_is_not_told_of_a_log_that_has_been_replaced_since() -> None:
    """REP-07: the disk has finished the promise when the log is of a later epoch already, and shorter."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2, 3)))
    alone.complete()
    alone.receive(prepare(epoch=5))
    alone.receive(synchronize(6, 0, writes(1)))
    alone.complete()
    assert alone.says(messages.Promised) == []


def test_two_promises_on_their_way_to_the_disk_are_told_in_the_later_epoch() -> None:
    """The first candidate may be told or not; what it is told is the log as it was."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2)))
    alone.complete()
    alone.receive(prepare(epoch=5))
    alone.receive(prepare(epoch=6))
    alone.complete()
    told = alone.says(messages.Promised)
    assert {it.promise.epoch for it in told if isinstance(it, messages.Promised)} >= {6}
    assert all(it.entries == writes(1, 2) for it in told if isinstance(it, messages.Promised))


def test_a_promise_tells_what_the_candidate_lacks_and_no_more() -> None:
    """What is committed is not sent again."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2, 3), committed=2))
    alone.complete()
    alone.receive(prepare(epoch=5, committed=1))
    alone.complete()
    (told,) = alone.says(messages.Promised)
    assert isinstance(told, messages.Promised)
    assert (told.start, told.entries, told.committed) == (1, writes(2, 3), 2)


def test_an_older_configuration_gets_no_promise() -> None:
    """REP-12: who has promised the next configuration agrees to nothing of the one before."""
    alone = Alone()
    alone.receive(prepare(epoch=5, number=1))
    alone.complete()
    alone.says(messages.Promised)
    alone.receive(prepare(epoch=6, number=0))
    alone.complete()
    assert alone.says(messages.Promised) == []
    (refused,) = alone.says(messages.Refused)
    assert isinstance(refused, messages.Refused)
    assert refused.number == 1


def test_a_promise_of_a_configuration_outlives_a_restart() -> None:
    """REP-12: entries of the old one are not acknowledged any more."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1)))
    alone.receive(prepare(epoch=5, number=1))
    alone.complete()
    alone.restart()
    assert alone.replica.number == 1
    alone.receive(synchronize(5, 0, writes(1), number=0))
    alone.complete()
    assert alone.says(messages.Acknowledged) == []


# Appending and acknowledging.


def lengths(alone: Alone) -> list[int]:
    """What has been acknowledged."""
    return [
        it.answer.length for it in alone.says(messages.Acknowledged) if isinstance(it, messages.Acknowledged)
    ]


def granted(alone: Alone) -> list[messages.Granted]:
    """The leases that were granted."""
    return [it for it in alone.says(messages.Granted) if isinstance(it, messages.Granted)]


def test_an_entry_is_acknowledged_when_it_is_on_the_disk_and_not_before() -> None:
    """REP-02: what comes while the disk is busy goes with the next write."""
    alone = Alone()
    alone.receive(synchronize(3, 0, ()))
    alone.receive(append(3, 0, writes(1)))
    alone.receive(append(3, 1, writes(2)))
    assert lengths(alone) == []
    alone.disk.complete()
    assert lengths(alone) == [0]
    alone.complete()
    assert lengths(alone)[-1] == 2


def test_an_entry_that_comes_twice_is_appended_once_and_acknowledged_again() -> None:
    """The acknowledgement may have been lost."""
    alone = Alone()
    alone.receive(synchronize(3, 0, ()))
    for _ in range(2):
        alone.receive(append(3, 0, writes(1, 2)))
        alone.complete()
        assert lengths(alone)[-1] == 2
    assert record_of(alone.replica) == (3, 3, 2, 0)


def test_entries_that_overlap_with_what_is_there_are_appended_from_where_it_ends() -> None:
    """Messages of one epoch come in any order."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1)))
    alone.receive(append(3, 2, writes(3)))
    alone.receive(append(3, 0, writes(1, 2)))
    alone.receive(append(3, 1, writes(2, 3)))
    alone.receive(append(3, 0, writes(1)))
    assert tuple(alone.replica.log.between(0, 3)) == writes(1, 2, 3)


def test_an_entry_of_an_earlier_epoch_is_refused_and_one_of_a_later_waits_for_its_log() -> None:
    """REP-10: only the log of its own epoch grows."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1)))
    alone.receive(append(2, 1, writes(8)))
    alone.receive(append(4, 1, writes(9)))
    alone.complete()
    assert len(alone.says(messages.Refused)) == 1
    assert tuple(alone.replica.log.between(0, len(alone.replica.log))) == writes(1)


def test_an_acknowledgement_is_only_for_the_leader_whose_log_is_on_the_disk() -> None:
    """REP-07: the write of an earlier epoch's entries ends when the log is of a later one."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2)))
    alone.receive(synchronize(4, 0, writes(3)))
    alone.disk.complete()
    assert all(
        it.answer.epoch == 3
        for it in alone.says(messages.Acknowledged)
        if isinstance(it, messages.Acknowledged)
    )
    alone.complete()
    assert all(
        it.answer == type(it.answer)(4, 1)
        for it in alone.says(messages.Acknowledged)
        if isinstance(it, messages.Acknowledged)
    )


def test_what_was_acknowledged_is_there_after_a_restart() -> None:
    """REP-07: and what was not on the disk is not claimed."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1)))
    alone.receive(append(3, 1, writes(2)))
    alone.complete()
    alone.receive(append(3, 2, writes(3)))
    alone.restart()
    alone.receive(heartbeat(3, 1))
    alone.complete()
    assert lengths(alone)[-1] == 2
    assert tuple(alone.replica.log.between(0, 2)) == writes(1, 2)


# Synchronizing.


def test_an_old_synchronization_does_not_shorten_a_log_of_its_epoch() -> None:
    """It comes late, or twice, after entries that were acknowledged."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1)))
    alone.receive(append(3, 1, writes(2)))
    alone.receive(synchronize(3, 0, writes(1)))
    alone.complete()
    assert record_of(alone.replica) == (3, 3, 2, 0)
    assert lengths(alone)[-1] == 2


def test_a_synchronization_of_an_earlier_epoch_is_refused() -> None:
    """REP-10: after a promise of a later one, too."""
    alone = Alone()
    alone.receive(prepare(epoch=5))
    alone.receive(synchronize(4, 0, writes(1)))
    alone.complete()
    assert record_of(alone.replica) == (5, 0, 0, 0)
    assert len(alone.says(messages.Refused)) == 1


def test_a_synchronization_that_begins_after_what_is_committed_here_is_not_taken() -> None:
    """What lies between might differ; the leader hears how far this replica is."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2, 3), committed=1))
    alone.receive(synchronize(4, 2, writes(4)))
    assert record_of(alone.replica)[1] == 3
    alone.receive(synchronize(4, 1, writes(4)))
    assert tuple(alone.replica.log.between(0, 2)) == writes(1, 4)


def test_items_follow_what_is_committed_and_never_what_is_replaced() -> None:
    """RC-04: entries of a log that is replaced have shown nowhere."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2), committed=1))
    assert set(alone.world.items(MINE)) == {b"k1"}
    alone.receive(synchronize(4, 1, writes(3), committed=2))
    assert set(alone.world.items(MINE)) == {b"k1", b"k3"}


def test_a_commitment_of_another_epoch_commits_nothing_here() -> None:
    """REP-07: the same place in another leader's log holds another entry."""
    alone = Alone()
    alone.receive(synchronize(3, 0, writes(1, 2)))
    alone.receive(heartbeat(4, 1, committed=2))
    alone.receive(append(4, 2, writes(3), committed=3))
    assert record_of(alone.replica)[3] == 0


# Items on the disk.


def log_replica() -> Alone:
    """A log replica whose log begins at 2 and has two entries, both committed."""
    alone = Alone(start=2)
    affairs = first_affairs(TRIO)
    alone.receive(synchronize(3, 2, writes(3, 4), committed=4, affairs=affairs))
    alone.receive(heartbeat(3, 1, committed=4))
    alone.complete()
    alone.world.messages.clear()
    return alone


def heal(position: int = 3) -> messages.Heal:
    """The items after some entries."""
    state = GroupState(first_affairs(TRIO))
    for entry in writes(*range(1, position + 1)):
        state.apply(entry, committed=True)
    return messages.Heal(GROUP, 12, 2, 3, state.snapshot())


def test_a_log_replica_says_that_it_has_items_when_they_are_on_its_disk() -> None:
    """REP-11: logs are trimmed, and members replaced, by what it says."""
    alone = log_replica()
    alone.receive(append(3, 4, writes(5), committed=4))  # the disk is busy when the items come
    alone.receive(heal())
    alone.disk.complete()
    alone.receive(heartbeat(3, 2, committed=4))
    assert [it.full for it in granted(alone)] == [False]
    assert alone.disk.waiting  # nobody has to write for the items to get there
    alone.complete()
    alone.receive(heartbeat(3, 3, committed=4))
    assert [(it.full, it.applied) for it in granted(alone)] == [(True, 4)]


def test_items_that_did_not_get_onto_the_disk_leave_a_log_replica() -> None:
    """REP-11: its log is still there, and it can be healed again."""
    alone = log_replica()
    alone.receive(heal())
    alone.restart()
    assert alone.replica.state is None
    alone.receive(heal())
    alone.complete()
    assert alone.world.items(MINE) == {b"k%d" % number: b"v%d" % number for number in (1, 2, 3, 4)}
    alone.restart()
    assert len(alone.world.items(MINE)) >= 3


def test_a_healing_of_another_epoch_or_beyond_the_log_is_not_taken() -> None:
    """Its log differs, or lacks what comes before: it has to be replaced first."""
    alone = log_replica()
    alone.receive(heal(position=5))
    assert alone.replica.state is None
    alone.receive(synchronize(4, 4, writes(6), committed=4))
    alone.receive(heal(position=3))
    assert alone.replica.state is None


def test_a_healing_that_comes_again_later_does_not_put_items_back() -> None:
    """RC-04: they go forward only."""
    alone = log_replica()
    alone.receive(heal())
    alone.receive(append(3, 4, writes(5), committed=5))
    before = alone.world.items(MINE)
    alone.receive(heal())
    assert alone.world.items(MINE) == before


def test_a_replica_never_says_more_of_its_items_than_a_restart_gives() -> None:
    """REP-07: the log is trimmed up to there everywhere, and the replica has to know that it is committed."""
    alone = Alone()
    alone.receive(synchronize(3, 0, ()))
    alone.receive(heartbeat(3, 1))
    alone.complete()
    said = 0
    for number in range(1, 30):
        alone.receive(append(3, number - 1, writes(number), committed=number - 1))
        if number % 3 == 0:
            alone.complete()
        alone.receive(heartbeat(3, number, committed=number))
        said = max([said, *(it.applied for it in granted(alone))])
    assert said >= 20
    alone.restart()
    state = alone.replica.state
    assert state is not None
    assert state.applied >= said


def test_a_restarted_log_replica_whose_log_was_begun_anew_takes_the_leaders_log() -> None:
    """REP-12: what it was told is committed came after the log, and did not get onto the disk."""
    alone = Alone(start=2)
    affairs = first_affairs(TRIO)
    alone.receive(synchronize(3, 6, writes(7, 8), committed=0, affairs=affairs))
    alone.complete()
    alone.restart()
    alone.receive(synchronize(4, 6, writes(7, 9), committed=7))
    alone.complete()
    assert lengths(alone)[-1] == 8


# Leases.


def test_a_replica_that_has_granted_a_lease_promises_nothing_until_it_is_over() -> None:
    """REP-06: counted on its own clock."""
    alone = Alone()
    alone.receive(heartbeat(3, 1))
    alone.complete()
    alone.receive(prepare(epoch=4))
    assert len(alone.says(messages.Refused)) == 1
    alone.world.now += LEASE_IS_OVER
    alone.receive(prepare(epoch=5))
    alone.complete()
    assert len(alone.says(messages.Promised)) == 1


def test_a_restarted_replica_waits_as_if_it_had_just_granted() -> None:
    """REP-06: it does not know what it granted."""
    alone = Alone()
    alone.receive(heartbeat(3, 1))
    alone.complete()
    alone.restart()
    alone.receive(prepare(epoch=4))
    alone.world.now += alone.world.timing.terms.duration_milliseconds - 1
    alone.receive(prepare(epoch=5))
    alone.complete()
    assert alone.says(messages.Promised) == []
    alone.world.now += 1
    alone.receive(prepare(epoch=6))
    alone.complete()
    assert len(alone.says(messages.Promised)) == 1


def test_a_lease_in_a_new_epoch_is_told_when_the_epoch_is_on_the_disk() -> None:
    """REP-10: after a restart it would agree to an epoch between."""
    alone = Alone()
    alone.receive(heartbeat(3, 1))
    assert granted(alone) == []
    alone.complete()
    assert len(granted(alone)) == 1
    alone.restart()
    alone.world.now += LEASE_IS_OVER
    alone.receive(prepare(epoch=3))
    alone.complete()
    assert alone.says(messages.Promised) == []


def test_a_second_heartbeat_of_a_new_epoch_is_not_answered_sooner_than_the_first() -> None:
    """REP-10: the epoch is still on its way to the disk."""
    alone = Alone()
    alone.receive(heartbeat(3, 1))
    alone.receive(heartbeat(3, 2))
    assert granted(alone) == []
    alone.complete()
    assert [it.beat.stamp_milliseconds for it in granted(alone)] == [1]


def test_a_lease_that_was_released_by_an_earlier_leader_still_holds() -> None:
    """REP-06: the word of a leader that stepped down comes late."""
    alone = Alone()
    alone.receive(heartbeat(5, 1))
    alone.complete()
    alone.receive(messages.SteppedDown(GROUP, 13, 3, 4))
    alone.receive(prepare(epoch=6))
    alone.complete()
    assert alone.says(messages.Promised) == []
    alone.receive(messages.SteppedDown(GROUP, 12, 2, 5))
    alone.receive(prepare(epoch=7))
    alone.complete()
    assert len(alone.says(messages.Promised)) == 1
