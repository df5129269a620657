"""What a partition holds and serves, where its replicas are, what the archive lists, and where a client goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import archive, availability, limits, placement
from ddbproof.model.kernel.archive import Manifest, Segment
from ddbproof.model.kernel.limits import Stored, Used
from ddbproof.model.kernel.placement import Zones
from ddbproof.model.kernel.refusal import NotAllowed

LIMIT = 10 * 1024**3


def test_a_collection_is_refused_at_ten_gigabytes() -> None:
    """PART-12: to the byte, with a local secondary index only, and never when it shrinks."""
    assert limits.write_answer(Stored(LIMIT - 1, LIMIT - 1), 0, 1, True) == limits.ACCEPTED
    assert limits.write_answer(Stored(LIMIT, LIMIT), 0, 1, True) == limits.COLLECTION_FULL
    assert limits.write_answer(Stored(LIMIT, LIMIT), 0, 1, False) == limits.PARTITION_FULL
    for full in (Stored(LIMIT, LIMIT), Stored(LIMIT + 5, LIMIT + 5)):
        assert limits.write_answer(full, 7, 7, True) == limits.ACCEPTED
        assert limits.write_answer(full, 7, 6, True) == limits.ACCEPTED


@given(st.integers(0, LIMIT), st.integers(0, LIMIT))
def test_a_merge_fits(one: int, other: int) -> None:
    """PART-06: or is refused."""
    if one + other <= LIMIT:
        assert limits.merge(Stored(one), other, 0).partition_bytes == one + other
    else:
        with pytest.raises(NotAllowed):
            limits.merge(Stored(one), other, 0)


def test_a_split_leaves_an_indexed_collection_whole() -> None:
    """PART-12: it may take other collections away."""
    assert limits.split(Stored(9, 4), 6, 4, True) == Stored(6, 4)
    with pytest.raises(NotAllowed):
        limits.split(Stored(9, 4), 6, 3, True)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2000), st.integers(0, 700)), max_size=12))
def test_units_of_each_second(requests: list[tuple[int, int, int]]) -> None:
    """PART-07: what is served in a second is within both limits, and nothing is refused that would be."""
    served: dict[int, tuple[int, int]] = {}
    used = Used()
    for second, reads, writes in sorted(requests, key=lambda request: request[0]):
        before = served.get(second, (0, 0))
        after = (before[0] + reads, before[1] + writes)
        try:
            used = limits.serve(used, second, reads, writes)
        except NotAllowed:
            assert after[0] > 3000 or after[1] > 1000
        else:
            served[second] = after
            assert after[0] <= 3000
            assert after[1] <= 1000


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5)), max_size=8))
def test_replacements_stay_apart(moves: list[tuple[int, int]]) -> None:
    """REP-01: three zones after any replacements."""
    zones = placement.place(1, 2, 3)
    for which, zone in moves:
        try:
            zones = placement.place_again(zones, which, zone)
        except NotAllowed:
            continue
        assert len({zones.first, zones.second, zones.third}) == 3


def test_a_replacement_in_the_zone_of_who_leaves() -> None:
    """REP-01: that is the usual one."""
    assert placement.place_again(Zones(1, 2, 3), 2, 2) == Zones(1, 2, 3)
    for two in ((1, 1, 2), (1, 2, 1), (2, 1, 1)):
        with pytest.raises(NotAllowed):
            placement.place(*two)


def test_a_log_replica_counts_and_does_not_answer() -> None:
    """REP-11: nor does one that is down."""
    assert placement.may_acknowledge(is_up=True)
    assert not placement.may_acknowledge(is_up=False)
    assert placement.may_answer(is_up=True, full=True)
    assert not placement.may_answer(is_up=True, full=False)
    assert not placement.may_answer(is_up=False, full=True)


def test_the_archive_has_no_gap_and_nothing_damaged() -> None:
    """REP-14: a segment follows on, is read back as it was sent, and is not empty."""
    manifest = archive.add(Manifest(), Segment(0, 2, 0, 7), 7)
    assert manifest == Manifest(2, 7)
    for segment, read_back in (
        (Segment(3, 4, 7, 9), 9),
        (Segment(1, 4, 7, 9), 9),
        (Segment(2, 2, 7, 7), 7),
        (Segment(2, 4, 7, 9), 8),
        (Segment(2, 4, 6, 9), 9),
    ):
        with pytest.raises(NotAllowed):
            archive.add(manifest, segment, read_back)
    assert archive.may_trim(manifest, 2)
    assert not archive.may_trim(manifest, 3)


@given(st.booleans(), st.booleans(), st.booleans())
def test_a_client_moves_or_not(home_up: bool, away_up: bool, moves: bool) -> None:
    """AV-03: home as long as it is there; elsewhere only if the client moves and the other is there."""
    to = availability.route(home_up, away_up, moves)
    assert (to == availability.HOME) == home_up
    assert (to == availability.AWAY) == (not home_up and away_up and moves)
