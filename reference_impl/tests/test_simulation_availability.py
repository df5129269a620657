"""What clients notice when Availability Zones fail; no request is repeated."""

from __future__ import annotations

from functools import cache

from ddbproof.reference_impl.replication.environment import DEFAULT_TIMING
from ddbproof.reference_impl.simulation.availability import Measured, Sample, Scenario, measure

DOWN, UP = 1.0, 8.0
TERMS = DEFAULT_TIMING.terms
# A lease, the patience after it, a tick, and what a router waits for a node that is gone.
ONE_ELECTION = (
    TERMS.duration_milliseconds
    + 2 * DEFAULT_TIMING.patience_milliseconds
    + DEFAULT_TIMING.tick_milliseconds
    + 250
) / 1000


@cache
def measured(*zones: int) -> Measured:
    return measure(Scenario("test", zones, DOWN, UP, 9.0, partitions=6))


def of_kind(kind: str, *zones: int) -> list[Sample]:
    return [it for it in measured(*zones).samples if it.kind == kind]


def test_one_zone_down_costs_nothing_where_the_leader_is_elsewhere() -> None:
    """REP-07, REP-08: writes and strong reads go on without a single error, and so do eventual reads everywhere."""
    assert any(it.led_there for it in measured(0).samples)
    for kind in ("write", "strong read"):
        samples = [it for it in of_kind(kind, 0) if not it.led_there]
        assert len(samples) > 100
        assert all(it.answered for it in samples)
    assert all(it.answered for it in of_kind("eventual read", 0))


def test_one_zone_down_costs_a_lease_and_an_election_where_it_led() -> None:
    """REP-06, REP-08: nothing is served before the old lease is over, and everything is soon after."""
    errors = [it.second for it in measured(0).samples if not it.answered]
    assert errors
    assert min(errors) >= DOWN - 0.25
    assert max(errors) < DOWN + ONE_ELECTION


def test_two_zones_down_refuse_writes_and_strong_reads_and_never_answer_wrongly() -> None:
    """REP-09: once the leases are over nothing is acknowledged; what can still be read is read."""
    over = DOWN + TERMS.duration_milliseconds / 1000
    for kind in ("write", "strong read"):
        samples = [it for it in of_kind(kind, 0, 1) if over < it.second < UP]
        assert len(samples) > 100
        assert not any(it.answered for it in samples)
    assert all(it.answered for it in of_kind("eventual read", 0, 1))
    assert measured(0, 1).wrong == ""
    assert measured(0).wrong == ""
