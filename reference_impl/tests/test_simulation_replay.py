"""Simulated runs are taken again by the proved system `replication`, and forged ones are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
import pytest

from ddbproof.model.kernel.replication import Replica
from ddbproof.reference_impl.replication.entries import Write
from ddbproof.reference_impl.replication.trace import Step
from ddbproof.reference_impl.simulation.disk import SimulatedDisk
from ddbproof.reference_impl.simulation.options import drawn
from ddbproof.reference_impl.simulation.replay import Replayed, problems, replay_all
from ddbproof.reference_impl.simulation.run import Run

change = msgspec.structs.replace


@cache
def recorded(seed: int, operations: int = 300) -> Sequence[Step]:
    """The record of a run; tests copy what they change."""
    run = Run(drawn(seed, operations))
    run.go()
    return run.world.trace


def found_wrong(trace: Sequence[Step]) -> Replayed:
    """The only group of which something is wrong."""
    (wrong,) = [one for one in replay_all(trace) if one.problem]
    return wrong


def forged(trace: Sequence[Step], place: int, **members: Any) -> list[Step]:
    """The record with one step changed."""
    changed = list(trace)
    changed[place] = change(trace[place], **members)
    return changed


def inserted(trace: Sequence[Step], place: int, step: Step) -> list[Step]:
    """The record with a further step, and all that points behind it moved on."""
    moved = []
    for one in trace:
        arguments = one.arguments
        if one.action == "promise" and arguments["place"] >= place:
            arguments = {**arguments, "place": arguments["place"] + 1}
        moved.append(change(one, arguments=arguments, saved=one.saved + (one.saved > place)))
    return [*moved[:place], step, *moved[place:]]


def with_step(action: str) -> tuple[Sequence[Step], int]:
    """A record that has such a step in group 1 before its members change, and the place of the last one."""
    for seed in range(20):
        places = replayed_places(recorded(seed), action)
        if places:
            return recorded(seed), places[-1]
    raise AssertionError(f"no run has a step {action}")


def replayed_places(trace: Sequence[Step], action: str) -> list[int]:
    """Where there are such steps, of the first group that clients write to, before its members change."""
    (one,) = [one for one in replay_all(trace) if one.group == 1]
    mine = [place for place, step in enumerate(trace) if step.group == 1][: one.steps]
    return [place for place in mine if trace[place].action == action]


@pytest.mark.parametrize("seed", range(20))
def test_a_run_is_replayed_whole(seed: int) -> None:
    """Whatever is lost, late or torn, every step is one that the system allows, and makes the same record and log."""
    trace = recorded(seed)
    replayed = replay_all(trace)
    assert problems(replayed) == []
    assert sum(one.steps + one.left_out for one in replayed) == len(trace)
    assert sum(one.steps for one in replayed) > len(trace) // 2


def test_every_kind_of_step_is_replayed() -> None:
    """Elections, crashes and synchronizations among them."""
    seen = set()
    for seed in range(20):
        for one in replay_all(recorded(seed)):
            mine = [step for step in recorded(seed) if step.group == one.group]
            seen |= {step.action for step in mine[: one.steps]}
    assert seen >= {
        *("write", "append", "commit", "synchronize", "crash"),
        *("prepare", "promise", "start", "acknowledge"),
    }


def acknowledgement(trace: Sequence[Step]) -> tuple[int, list[int]]:
    """An acknowledgement of a follower, and the steps that were on its disk by then and say as much."""
    place = replayed_places(trace, "acknowledge")[20]
    answer = trace[place].arguments
    rests_on = [
        number
        for number, step in enumerate(trace)
        if step.saved
        and step.arguments["replica"] == answer["replica"]
        and isinstance(step.made, Replica)
        and step.made.accepted == answer["meant_for"]
        and step.made.length >= answer["length"]
    ]
    return place, rests_on


def test_an_acknowledgement_of_what_no_disk_ever_had_is_refused() -> None:
    """It is not the save that is missing that is named, but the answer that rests on it."""
    trace = recorded(3)
    place, rests_on = acknowledgement(trace)
    changed = list(trace)
    for number in rests_on:
        changed[number] = change(trace[number], saved=0)
    wrong = found_wrong(changed)
    assert wrong.place == place
    assert wrong.problem.startswith("acknowledge of replica")


def test_an_acknowledgement_before_the_disk_has_it_is_refused() -> None:
    """The disk has it in the end, but only after the answer has reached the leader."""
    trace = recorded(3)
    place, rests_on = acknowledgement(trace)
    changed = list(trace)
    for number in rests_on:
        changed[number] = change(trace[number], saved=max(trace[number].saved, place + 1))
    wrong = found_wrong(changed)
    assert wrong.place == place
    assert "when its disk had confirmed" in wrong.problem


def test_an_append_that_skips_an_entry_is_refused() -> None:
    """A follower that lacks an entry takes the next one all the same."""
    trace = recorded(3)
    place = replayed_places(trace, "append")[30]
    arguments, made = trace[place].arguments, trace[place].made
    arguments = {**arguments, "index": arguments["index"] + 1}
    wrong = found_wrong(forged(trace, place, arguments=arguments, made=change(made, length=made.length + 1)))
    assert wrong.place == place
    assert "not allowed" in wrong.problem


def test_an_append_that_is_left_out_is_noticed() -> None:
    """What the replica says next does not follow."""
    trace = recorded(3)
    place = replayed_places(trace, "append")[30]
    wrong = found_wrong(forged(trace, place, action="heal", saved=0))
    assert place < wrong.place < place + 50


def test_a_promise_that_a_crash_makes_forgotten_is_refused() -> None:
    """A replica that has promised starts again as if it had not."""
    trace, place = with_step("promise")
    promise = trace[place]
    made = Replica(promise.made.accepted, promise.made.accepted, promise.made.length, 0)
    crash = Step(1, "crash", {"replica": promise.arguments["replica"]}, made, promise.log)
    wrong = found_wrong(inserted(trace, place + 1, crash))
    assert wrong.place == place + 1
    assert "crash" in wrong.problem


def test_an_append_of_an_epoch_that_is_over_is_refused() -> None:
    """A replica that has promised takes one more entry of the old leader."""
    trace, place = with_step("promise")
    promise, replica = trace[place].made, trace[place].arguments["replica"]
    arguments = {"replica": replica, "epoch": promise.accepted, "index": promise.length, "committed": 0}
    made = Replica(promise.epoch, promise.accepted, promise.length + 1, 0)
    wrong = found_wrong(inserted(trace, place + 1, Step(1, "append", arguments, made)))
    assert wrong.place == place + 1
    assert "not allowed" in wrong.problem


@pytest.mark.parametrize("action", ["write", "append", "synchronize", "start", "promise", "prepare"])
def test_a_wrong_digest_is_named(action: str) -> None:
    """A log with other entries than the record says."""
    trace, place = with_step(action)
    wrong = found_wrong(forged(trace, place, log=trace[place].log ^ 1))
    assert wrong.place == place
    assert "a log with other entries" in wrong.problem


@pytest.mark.parametrize("action", ["append", "commit", "acknowledge", "crash"])
def test_a_wrong_record_is_named(action: str) -> None:
    """A kernel's record that the proved step does not make."""
    trace, place = with_step(action)
    made = trace[place].made
    wrong = found_wrong(forged(trace, place, made=change(made, committed=made.committed + 1)))
    assert wrong.place == place
    assert "the proved step" in wrong.problem


def test_a_forged_entry_is_named() -> None:
    """The leader's own log says otherwise."""
    trace = recorded(3)
    place = replayed_places(trace, "write")[7]
    entry = trace[place].arguments["entry"]
    assert isinstance(entry, Write)
    arguments = {**trace[place].arguments, "entry": change(entry, request=entry.request + 1)}
    assert found_wrong(forged(trace, place, arguments=arguments)).place == place


def test_a_disk_that_confirms_before_it_has_written_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong code runs; the answer is named that rested on nothing."""
    right = SimulatedDisk.synchronize

    def synchronize(self: SimulatedDisk, done: Callable[[], None]) -> None:
        right(self, lambda: None)
        done()

    monkeypatch.setattr(SimulatedDisk, "synchronize", synchronize)
    run = Run(drawn(3, 50))
    run.go()
    found = problems(replay_all(run.world.trace))
    assert found
    assert all("acknowledge" in one or "promise" in one for one in found)


def test_a_group_that_nobody_founded_is_refused() -> None:
    """A record that begins in the middle is none."""
    trace = [step for step in recorded(3) if step.group == 1 and step.action != "found"]
    assert found_wrong(trace).problem == "nobody founded the group"
