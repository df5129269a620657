"""What happened in a run is counted from its record; and what replay has shown to be wrong stays repaired."""

from __future__ import annotations

import msgspec
from replication_by_hand import GROUP, TRIO, World, synchronize, writes

from ddbproof.model.kernel.replication import Leader, Replica
from ddbproof.reference_impl.replication.affairs import first_affairs
from ddbproof.reference_impl.replication.entries import Entry, MergeBegun, MergeWithdrawn, Opened, SplitBegun
from ddbproof.reference_impl.replication.state import GroupState
from ddbproof.reference_impl.replication.trace import Step
from ddbproof.reference_impl.simulation.campaign import EVENTS
from ddbproof.reference_impl.simulation.events import counted
from ddbproof.reference_impl.simulation.options import drawn
from ddbproof.reference_impl.simulation.run import Run


def started(epoch: int, leader: int, base: int = 3) -> Step:
    """A leader is elected."""
    return Step(1, "start", {"replica": leader, "epoch": epoch}, Leader(epoch, base, base, 0, 0, 0, 0))


def acknowledged(epoch: int, committed: int, group: int = 1) -> Step:
    """It hears that so much is committed."""
    made = Leader(epoch, 3, 9, 9, committed, 0, committed)
    return Step(group, "acknowledge", {"replica": 11, "epoch": epoch}, made)


def test_a_failover_is_a_leader_in_office_after_another() -> None:
    """Not one that was elected and never got into office, and not the same again."""
    first = [started(1, 11), acknowledged(1, 3)]
    assert counted(first)["failovers"] == 0
    assert counted([*first, started(2, 12)])["failovers"] == 0
    assert counted([*first, started(2, 12), acknowledged(2, 0)])["failovers"] == 0
    assert counted([*first, started(2, 11), acknowledged(2, 3)])["failovers"] == 0
    assert counted([*first, started(2, 12), acknowledged(2, 3), acknowledged(2, 4)])["failovers"] == 1


def test_a_split_is_finished_when_both_children_have_opened() -> None:
    """And that is committed."""
    begun = Step(1, "write", {"epoch": 1, "index": 5, "entry": SplitBegun(b"c", 2, 3)}, None)

    def opened(group: int, committed: int) -> list[Step]:
        start = Step(group, "start", {"replica": 21, "epoch": 1}, Leader(1, 0, 0, 0, 0, 0, 0))
        arguments = {"epoch": 1, "index": 4, "entry": Opened(parent=None)}  # type: ignore[arg-type] # not read
        return [start, Step(group, "write", arguments, None), acknowledged(1, committed, group)]

    assert counted([begun, *opened(2, 5)])["splits finished"] == 0
    assert counted([begun, *opened(2, 5), *opened(3, 4)])["splits finished"] == 0
    assert counted([begun, *opened(2, 5), *opened(3, 5)])["splits finished"] == 1


def test_a_merge_is_finished_when_the_merged_partition_has_opened() -> None:
    """And that is committed; one that was withdrawn is counted as such."""

    def written(entry: Entry, group: int, index: int = 4) -> Step:
        return Step(group, "write", {"epoch": 1, "index": index, "entry": entry}, None)

    begun = [
        written(MergeBegun(3, 2, upper=False), 1),
        written(MergeBegun(3, 1, upper=True), 2),
        written(MergeBegun(5, 4, upper=False), 6),
        written(MergeWithdrawn(), 6),
    ]
    start = Step(3, "start", {"replica": 21, "epoch": 1}, Leader(1, 0, 0, 0, 0, 0, 0))
    opened = [start, written(Opened(parent=None), 3)]  # type: ignore[arg-type] # not read
    for committed, finished in ((4, 0), (5, 1)):
        counts = counted([*begun, *opened, acknowledged(1, committed, 3)])
        assert counts["merges finished"] == finished
        assert counts["merges withdrawn"] == 1


def test_the_campaigns_events_are_counted() -> None:
    """All of them come about somewhere."""
    met: set[str] = set()
    for seed in range(60):
        outcome = Run(drawn(seed, 400)).go()
        met |= {name for name in EVENTS if outcome.counts.get(name)}
        if met == set(EVENTS):
            return
    raise AssertionError(f"only {met}")


def test_merges_end_either_way_whatever_befalls_them() -> None:
    """Some are finished and some withdrawn, and in the middle of them leaders crash, disks are lost, members replaced."""
    wanted = {
        "finished",
        "withdrawn",
        "which leads group",
        "loses its disks in the middle",
        "to be replaced in group",
    }
    met: set[str] = set()
    for seed in range(100):
        run = Run(msgspec.structs.replace(drawn(seed, 300), merges=2.0))
        outcome = run.go()
        assert not outcome.failed
        met |= {it for it in ("finished", "withdrawn") if outcome.counts.get(f"merges {it}")}
        met |= {it for it in wanted if any(it in note for note in outcome.faults)}
        if met == wanted:
            return
    raise AssertionError(f"only {met}")


def test_a_run_without_merges_has_none() -> None:
    """Their events are drawn from a random stream of their own, which nothing else depends on."""
    outcome = Run(msgspec.structs.replace(drawn(1, 300), merges=0.0)).go()
    assert not any(outcome.counts.get(f"merges {it}") for it in ("asked for", "finished", "withdrawn"))


def test_a_restarted_replica_knows_as_committed_what_it_did_when_it_wrote_last() -> None:
    """Record and log are one on the disk, as they are in the proved system."""
    world = World()
    world.elect(1)
    for number in range(4):
        world.call(1, "put", item=b"%d" % number)
    before = world.replica(2).saved.record
    assert before.committed > 1
    assert world.restart(2).record == before


def test_a_snapshot_may_hold_more_than_its_replica_was_told_is_committed() -> None:
    """A leader that has just begun sends one; the next leader's log is taken all the same, and nothing taken back."""
    world = World()
    state = GroupState(first_affairs(TRIO))
    entries = writes(*range(9))
    for entry in entries[:6]:
        state.apply(entry, committed=True)
    snapshot = state.snapshot()
    world.nodes[1].receive(
        synchronize(2, 5, entries[5:8], affairs=first_affairs(TRIO), snapshot=snapshot, digest=77)
    )
    world.settle()
    replica = world.replica(1)
    assert (replica.record, replica.settled) == (Replica(2, 2, 8, 0), 5)
    assert world.state(1).applied == 6
    assert world.restart(1).record == replica.record
    world.nodes[1].receive(synchronize(3, 5, entries[5:7], 7))
    assert world.replica(1).record == Replica(3, 3, 7, 7)
    assert len(world.items(1)) == 7
    assert GROUP in world.nodes[1].replicas
