"""Recorded runs are taken again by the proved actions, and forged ones are not."""

from __future__ import annotations

import msgspec
import pytest

from ddbproof.model.engine import campaign
from ddbproof.model.engine.replay import Event, replay
from ddbproof.model.engine.runtime import Faults
from ddbproof.model.engine.values import EngineError
from ddbproof.model.kernel import versions
from ddbproof.model.runs.eventual import MADE, Run

PARAMETERS = {"clock_bound": 1}
SYSTEM = campaign.load("eventual")


def recorded(seed: int, events: int = 2_000) -> Run:
    run = Run(seed)
    run.go(events)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_run_is_replayed_to_its_end(seed: int) -> None:
    """Whatever is lost, doubled, reordered or crashes, every step is one that the system allows, and makes the same."""
    run = recorded(seed)
    found = replay(SYSTEM, PARAMETERS, run.events, MADE)
    assert found.mismatch is None
    assert found.events == len(run.events)
    assert [found.state.replicas[node.region] for node in run.nodes] == run.replicas


@pytest.mark.parametrize("seed", range(5))
def test_regions_agree_when_everything_has_arrived(seed: int) -> None:
    """ME-02: after the last write, and with messages sent again, all Regions hold the same."""
    run = recorded(seed)
    run.settle(2_000)
    assert len({(it.write, it.version) for it in run.replicas}) == 1


def test_faults_happen_in_these_runs() -> None:
    """Deliveries that change nothing, deliveries that come twice, and Regions that disagree on the way."""
    run = recorded(1, 5_000)
    delivered = [
        (event.arguments["region"], event.arguments["number"])
        for event in run.events
        if event.action == "deliver"
    ]
    assert len(delivered) > len(set(delivered)) > 100
    reliable = Run(1, faults=Faults(loss=0, duplication=0, longest_delay=1))
    reliable.go(500)
    assert reliable.events != run.events[:500]


def forged(run: Run, action: str, **change: object) -> tuple[int, list[Event]]:
    """The events with one of them changed, somewhere in the middle."""
    places = [place for place, event in enumerate(run.events) if event.action == action]
    place = places[len(places) // 2]
    changed = msgspec.structs.replace(run.events[place], **change)
    return place, [*run.events[:place], changed, *run.events[place + 1 :]]


def test_a_wrong_value_is_named() -> None:
    """A digest of something else: the very step is named."""
    place, events = forged(recorded(2), "deliver", digest="0" * 16)
    mismatch = replay(SYSTEM, PARAMETERS, events, MADE).mismatch
    assert mismatch is not None
    assert (mismatch.place, mismatch.action) == (place, "deliver")
    assert "something else" in mismatch.problem


def test_a_delivery_of_what_was_never_written_is_named() -> None:
    """An early acknowledgement, so to speak: the step is not allowed."""
    place, events = forged(recorded(3), "deliver", arguments={"region": 1, "number": 10_000})
    mismatch = replay(SYSTEM, PARAMETERS, events, MADE).mismatch
    assert mismatch is not None
    assert (mismatch.place, mismatch.problem) == (place, "this step is not allowed here")


def test_a_dropped_deletion_is_noticed() -> None:
    """A write that is left out of the record: what follows does not fit any more."""
    run = recorded(4)
    place = next(
        place
        for place, event in enumerate(run.events)
        if event.action == "write" and event.arguments["deletes"]
    )
    found = replay(SYSTEM, PARAMETERS, [*run.events[:place], *run.events[place + 1 :]], MADE)
    assert found.mismatch is not None
    assert found.mismatch.place >= place


def test_a_wrong_kernel_in_the_running_system_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that apply by arrival order record what the proved action does not make."""
    with monkeypatch.context() as planted:
        planted.setattr(versions, "supersedes", lambda _incoming, _stored: True)
        run = recorded(5)
    mismatch = replay(SYSTEM, PARAMETERS, run.events, MADE).mismatch
    assert mismatch is not None
    assert mismatch.action == "deliver"


def test_an_unknown_action_is_an_error_of_the_caller() -> None:
    """And no verdict on the run."""
    with pytest.raises(EngineError, match="no action"):
        replay(SYSTEM, PARAMETERS, [Event("fly", {}, "")], MADE)
