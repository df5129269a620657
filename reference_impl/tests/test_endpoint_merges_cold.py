"""Neighbours that stay cold are merged again, and nothing is split and merged in turn.

No claim says so, and no figure is published: what is tested are the endpoint's own choices (decision 0014), and that they keep
the claims about heat.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from indexes_by_hand import OWNERS, Indexed
from test_endpoint_heat import EIGHT, HOT_WRITES, ITEM_UNITS, LASTING_WINDOWS, Hot, encoded
from zones_by_hand import ELECTED_SECONDS, REGION, TABLE, B

from ddbproof.reference_impl.cluster.cold import Cold
from ddbproof.reference_impl.cluster.heat import WINDOW_SECONDS, Heat

COLD_WINDOWS = 18
COLD_WRITES = 100 * WINDOW_SECONDS
"""A tenth of what a partition may serve in a window."""


class Cooling(Hot):
    """A table that never had a stream."""

    stream: ClassVar[dict[str, Any]] = {}

    def serve(self, windows: int, units: float) -> None:
        """So many windows in which all keys together are written so many units."""
        for _ in range(windows):
            for place in range(round(units / ITEM_UNITS)):
                self.write(EIGHT[place % len(EIGHT)])
            self.window_ends()

    def cool(self, windows: int, share: float = 0.0) -> None:
        """The same for a share of what neighbours have to stay below to be cold; then what that sets off."""
        self.serve(windows, COLD_WRITES * share)
        self.wait(2)

    @property
    def items(self) -> int:
        return len(self.call("Scan", TableName=TABLE, ConsistentRead=True)["Items"])


def split_by_heat(**options: Any) -> Cooling:
    zones = Cooling(**options)
    zones.heat(EIGHT)
    assert zones.reasons == ["heat", "heat"]
    return zones


def test_neighbours_that_stay_cold_are_merged_after_three_minutes_and_not_before() -> None:
    """Eighteen windows without any traffic, that of the split not counted."""
    zones = split_by_heat()
    for _ in range(COLD_WINDOWS):
        zones.serve(1, 0)
        assert zones.reasons == ["heat", "heat"]
    zones.cool(1)
    assert zones.reasons == ["merged"]
    assert zones.items == len(EIGHT)
    zones.heat(EIGHT)
    assert zones.reasons == ["heat", "heat"]


@pytest.mark.parametrize(("share", "merged"), [(0.9, True), (1.0, False)])
def test_what_two_use_together_is_less_than_a_tenth_of_what_one_may_serve(share: float, merged: bool) -> None:
    """And they are merged while they are written."""
    zones = split_by_heat()
    zones.cool(2 * COLD_WINDOWS, share)
    assert zones.reasons == (["merged"] if merged else ["heat", "heat"])


def test_reads_keep_neighbours_apart_as_well() -> None:
    """A tenth of 3,000 units a second, in one window of eighteen."""
    zones = split_by_heat()
    for _ in range(3):
        zones.cool(COLD_WINDOWS - 1)
        for _ in range(
            2 * 15
        ):  # eight items of 25 units each, and half of that for who reads eventually consistently
            zones.call("Scan", TableName=TABLE)
        zones.window_ends()
    assert zones.reasons == ["heat", "heat"]
    zones.cool(COLD_WINDOWS + 1)
    assert zones.reasons == ["merged"]


def test_a_table_never_falls_below_what_it_was_founded_with() -> None:
    """PART-05: however cold; partitions as they were founded stay two, and merges only undo splits."""
    zones = Cooling(partitions=3)
    for key in EIGHT:
        zones.write(key)
    zones.cool(3 * COLD_WINDOWS)
    assert zones.reasons == ["founding"] * 3
    for _ in range(2):
        parts = zones.groups().map
        zones.fault("split", TABLE, partition=max(range(3), key=lambda place: _count(zones, parts[place][1])))
        zones.wait(2)
    assert len(zones.reasons) == 5
    zones.cool(4 * COLD_WINDOWS)
    assert len(zones.reasons) == 3
    assert "merged" in zones.reasons
    assert zones.items == len(EIGHT)


def _count(zones: Cooling, group: int) -> int:
    return len(zones.groups().leader(group).state.fold.items)


def test_a_table_that_is_left_alone_for_long_is_merged_step_by_step() -> None:
    """Two at a time, three minutes apart for what was merged."""
    zones = Cooling()
    zones.heat(EIGHT, windows=3 * LASTING_WINDOWS, share=3.8)
    assert len(zones.reasons) == 4
    zones.clock.advance(35 * 86_400)
    zones.wait(3)
    left = len(zones.reasons)
    assert left < 4
    zones.clock.advance(35 * 86_400)
    zones.wait(3)
    assert len(zones.reasons) < left or left == 1
    zones.cool(4 * COLD_WINDOWS)
    assert zones.reasons == ["merged"]
    assert zones.items == len(EIGHT)


def test_what_was_split_for_size_is_merged_when_less_than_half_of_that_is_left() -> None:
    """PART-05: else it would be split again."""
    zones = Cooling(partition_bytes=400_000)
    for key in EIGHT:
        zones.write(key)
        zones.wait(2)
    before = len(zones.reasons)
    assert before > 1
    zones.cool(2 * COLD_WINDOWS)
    assert len(zones.reasons) == before
    names = [name for name, _ in EIGHT]
    for left, merged in ((2, False), (1, True)):
        # Two items of 100 kB are half of what one partition may have.
        for name in names[left:]:
            zones.call("DeleteItem", TableName=TABLE, Key={"pk": {"S": name}, "sk": {"N": "0"}})
        zones.cool(before * (COLD_WINDOWS + 2))
        assert zones.items == left
        assert (zones.reasons == ["merged"]) == merged


def test_streams_and_the_want_of_the_option_keep_partitions_apart() -> None:
    """ST-04: a shard has one parent; and nobody has asked for more than splits on request."""
    streamed = Hot()
    streamed.heat(EIGHT)
    plain = Cooling(heat_splits=False)
    for key in EIGHT:
        plain.write(key)
    plain.fault("split", TABLE)
    for zones, reasons in ((streamed, ["heat", "heat"]), (plain, ["asked", "asked"])):
        for _ in range(2 * COLD_WINDOWS):
            zones.window_ends()
        zones.wait(2)
        assert zones.reasons == reasons


def test_an_index_cools_down_by_itself() -> None:
    """PART-15: its partitions are its own; that its table is hot makes no difference."""
    table = Indexed(partitions=1, heat_splits=True)
    for number in range(20):
        table.put_item("one", str(number), f"owner {number}", number)
    table.fault("split", TABLE, index=OWNERS)
    table.wait(2)
    assert len(table.index_groups(OWNERS).map) == 2
    for number in range(COLD_WINDOWS + 2):
        table.put_item("one", "changes", "owner 1", number)
        table.clock.advance(WINDOW_SECONDS)
        table.index_groups(OWNERS)
    table.wait(2)
    table.index_groups(OWNERS)
    assert len(table.index_groups(OWNERS).map) == 1
    table.check_indexes()


def test_nothing_is_merged_while_a_member_is_away() -> None:
    """REP-11: first it is replaced, or comes back."""
    zones = split_by_heat()
    zones.cool(COLD_WINDOWS - 1)
    zones.fault("zone_down", B)
    zones.wait(ELECTED_SECONDS)
    zones.clock.advance(2 * WINDOW_SECONDS)
    zones.groups()
    assert zones.reasons == ["heat", "heat"]
    zones.fault("mend", REGION)
    zones.cool(2)
    assert zones.reasons == ["merged"]


# -- up and down --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hot", "cold", "splits", "merges"), [(4, 12, 1, 0), (1, 19, 0, 0), (2, 17, 0, 0), (4, 24, 6, 6)]
)
def test_traffic_that_goes_up_and_down_does_not_split_and_merge_in_turn(
    hot: int, cold: int, splits: int, merges: int
) -> None:
    """Six times so many hot and so many cold windows: what is split stays so unless it is cold for three minutes."""
    zones, seen = Cooling(), [1]
    for _ in range(6):
        for units in (*(1.2 * HOT_WRITES,) * hot, *(0,) * cold):
            zones.serve(1, units)
            seen.append(len(zones.reasons))
    zones.wait(2)
    steps = [after - before for before, after in pairwise(seen)]
    assert (steps.count(1), steps.count(-1)) == (splits, merges)
    assert zones.items == len(EIGHT)


shares = st.lists(
    st.tuples(st.sampled_from([0, 0.05, 0.5, 1.5]), st.integers(1, 25)), min_size=4, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(shares)
def test_a_merge_follows_three_cold_minutes_and_nothing_else(course: list[tuple[float, int]]) -> None:
    """Whatever the traffic: in the eighteen windows before a merge there was neither more than a tenth nor any other change."""
    heat = Heat()
    cold = Cold(heat)
    parts: list[tuple[bytes, int]] = [(b"", 1)]
    cold.keep([1], 0)
    keys = sorted(encoded(key) for key in EIGHT)
    number, changed_at, next_group = 0, {1: 0}, 2
    totals: list[int] = []
    for share, windows in course:
        for _ in range(windows):
            now = number * WINDOW_SECONDS * 1000
            writes = round(share * HOT_WRITES)
            for place in range(8):
                group = [group for low, group in parts if low <= keys[place]][-1]
                if writes:
                    heat.write(group, keys[place], writes // 8 * 1024, now)
            totals.append(writes)
            number += 1
            now = number * WINDOW_SECONDS * 1000
            for low, group in list(parts):
                cut = heat.cut(group, now)
                if cut is not None and len(parts) < 8:
                    place = parts.index((low, group))
                    parts[place : place + 1] = [(low, next_group), (cut, next_group + 1)]
                    changed_at |= {next_group: number, next_group + 1: number}
                    next_group += 2
                    heat.keep({it for _, it in parts})
                    cold.keep([it for _, it in parts], now)
                    assert min(totals[-3:]) >= HOT_WRITES, "split for less than half"
            for lower, upper in cold.neighbours(now)[:1]:
                place = [it for _, it in parts].index(lower)
                assert max(changed_at[lower], changed_at[upper]) < number - COLD_WINDOWS
                assert parts[place + 1][1] == upper
                mine = [low for low, _ in parts] + [b"\xff" * 20]
                held = [key for key in keys if mine[place] <= key < mine[place + 2]]
                assert all(total // 8 * len(held) < COLD_WRITES for total in totals[-COLD_WINDOWS:])
                parts[place : place + 2] = [(parts[place][0], next_group)]
                changed_at[next_group] = number
                next_group += 1
                heat.keep({it for _, it in parts})
                cold.keep([it for _, it in parts], now)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5_000)), max_size=200))
def test_what_is_kept_of_the_past_is_bounded_and_right(writes: list[tuple[int, int]]) -> None:
    """However long the traffic lasts; what was served in each of the last eighteen windows is known."""
    heat, number, sums = Heat(), 0, dict[int, int]()
    for pause, size_bytes in writes:
        number += pause
        heat.write(1, b"key", size_bytes, number * WINDOW_SECONDS * 1000)
        sums[number] = sums.get(number, 0) + -(-size_bytes // 1024)
        assert len(heat._traffic[1].sums) <= COLD_WINDOWS + 1
    found = heat.served(1, number - COLD_WINDOWS, number)
    assert found == [(0, sums.get(at, 0)) for at in range(number - COLD_WINDOWS, number + 1)]
