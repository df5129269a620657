"""Trials of change streams: what must stay possible, what must be caught, and the small worlds for both.

A change needs three steps to get into the stream and two more to be read, so the small worlds tell stories: one
shard whose leader is lost, a split, a shard that is rolled over, and so on.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.streams import EXPIRED, READS, TRIMMED, Iterator, Shard, Stream
from ddbproof.model.systems._streams_state import State
from ddbproof.model.systems.streams import system

QUARTER, FOUR_HOURS, DAY = 900_000, 14_400_000, 86_400_000

replace = msgspec.structs.replace


# What must stay possible.


@system.witness("ST-04")
def a_reader_crosses_a_split(state: State) -> Any:
    """A partition has split, and a reader has got changes of an item from the parent's shard and from the child's."""
    return both(
        state.branches[0].split,
        state.branches[1].records[1].there,
        state.reader.got[0].count == 2,
        state.reader.seen[1].at == 2,
    )


@system.witness("ST-04")
def an_iterator_expires_and_another_reads_on(state: State) -> Any:
    """An iterator has expired after 15 minutes, and with a new one the reader has got what was there."""
    return both(state.expired.told, state.given.told, state.given.at == state.expired.at)


@system.witness("ST-03", "ST-04")
def trimmed_while_it_was_being_read(state: State) -> Any:
    """A record has vanished after its day, and the reader that was on its way to it is told."""
    return both(state.trimmed.told, state.reader.seen[0].begun, state.branches[0].shard.horizon == 1)


@system.witness("ST-03")
def read_after_it_was_turned_off(state: State) -> Any:
    """A stream has been off for almost a day, and what it holds is read."""
    return both(
        neg(state.stream.on),
        state.branches[0].shard.closed,
        state.given.told,
        state.given.at == state.stream.off_milliseconds + DAY - 1,
        state.reader.got[0].count == 1,
    )


@system.cover("ST-03")
def gone_a_day_after_it_was_turned_off(state: State) -> Any:
    """A stream that was turned off long ago is no more."""
    return both(state.refused.told, state.now == DAY)


@system.cover("ST-01")
def derived_after_the_split(state: State) -> Any:
    """The parent's last entry is derived when the child has a record already, and both are read in order."""
    return both(
        state.branches[1].appeared[1].known,
        state.branches[0].appeared[0].order > state.branches[1].appeared[1].order,
        state.reader.got[0].count == 2,
    )


@system.cover("ST-01")
def derived_again_by_another(state: State) -> Any:
    """An entry was derived twice, another that nobody had acknowledged is lost, and what came instead is read."""
    return both(
        state.events > state.branches[0].shard.next,
        state.branches[0].shard.next == 2,
        state.branches[0].records[1].after == 2,
        state.reader.got[0].count == 2,
    )


@system.cover()
def nothing_for_a_write_that_changes_nothing(state: State) -> Any:
    """A write that leaves its item as it was is derived and read past, and the change after it is got."""
    return both(
        state.branches[0].shard.next == 2,
        neg(state.branches[0].records[0].there),
        state.reader.got[0].count == 1,
    )


@system.cover("ST-04")
def a_new_reader_begins_at_the_child(state: State) -> Any:
    """The parent is gone with its record; a new reader begins at the child and reads what is left."""
    return both(
        state.branches[0].shard.gone,
        state.branches[0].committed == 1,
        neg(state.reader.seen[0].begun),
        neg(state.reader.from_latest),
        state.reader.got[0].count == 1,
    )


@system.cover("ST-04")
def from_the_latest_on(state: State) -> Any:
    """A reader that began at the latest gets the change that came after, and not the one before."""
    return both(
        state.reader.from_latest,
        state.reader.got[0].count == 1,
        state.reader.got[0].first == 1,
        state.happened[0].count == 2,
    )


@system.cover("ST-04")
def rolled_over_and_read(state: State) -> Any:
    """After four hours the partition's stream goes on in another shard, and a reader follows it there."""
    return both(
        state.branches[1].has_parent,
        neg(state.branches[0].split),
        state.reader.seen[1].at == 2,
        state.reader.got[0].count == 2,
    )


# What must be caught.


@system.mutant("streams.may_begin")
def child_before_the_parents_end(starts: bool, parent_read_out: bool) -> bool:
    """A reader begins a child before it has read the parent to its end."""
    return True


@system.mutant("streams.derive")
def numbered_anew(shard: Shard, position: int, committed: int) -> tuple[Shard, int]:
    """An entry that is derived again gets a new sequence number."""
    require(position < committed)
    require(position <= shard.next)
    return replace(shard, next=shard.next + 1), shard.next


@system.mutant("streams.open_shard")
def begins_before_the_parents_end(first: int, now_milliseconds: int) -> Shard:
    """A child's shard begins with the last entry of its parent's, which is there as well."""
    begins = first - 1 if first > 0 else first
    return Shard(begins, begins, begins, now_milliseconds)


@system.mutant("streams.takes")
def takes_its_parents_entries_too(shard: Shard, position: int) -> bool:
    """A child makes records of what it has copied of its parent's log."""
    return not (shard.closed and position >= shard.end)


@system.mutant("streams.close")
def dropped_at_the_close(shard: Shard, length: int, committed: int) -> Shard:
    """A shard is closed behind what has been derived, and the rest is nobody's."""
    require(not shard.closed)
    require(committed >= length)
    return replace(shard, closed=True, end=shard.next)


@system.mutant("streams.trim")
def trimmed_too_early(
    shard: Shard, recorded: bool, stored_milliseconds: int, parent_gone: bool, now_milliseconds: int
) -> Shard:
    """Records are trimmed when they have been there for a quarter of an hour."""
    require(shard.horizon < shard.next)
    require(parent_gone)
    if recorded:
        require(now_milliseconds >= stored_milliseconds + QUARTER)
    return replace(shard, horizon=shard.horizon + 1)


@system.mutant("streams.trim")
def trimmed_beside_its_parent(
    shard: Shard, recorded: bool, stored_milliseconds: int, parent_gone: bool, now_milliseconds: int
) -> Shard:
    """A child's records are trimmed while the parent is still listed: no new reader gets past that."""
    require(shard.horizon < shard.next)
    if recorded:
        require(now_milliseconds >= stored_milliseconds + DAY)
    return replace(shard, horizon=shard.horizon + 1)


@system.mutant("streams.remove")
def gone_before_its_parent(shard: Shard, parent_gone: bool) -> Shard:
    """A shard is no longer listed although its parent is: readers take its child for the beginning."""
    require(shard.closed)
    require(shard.horizon >= shard.end)
    return replace(shard, gone=True)


@system.mutant("streams.remove")
def gone_with_its_records(shard: Shard, parent_gone: bool) -> Shard:
    """A shard is no longer listed as soon as it is closed."""
    require(shard.closed)
    require(parent_gone)
    return replace(shard, gone=True)


@system.mutant("streams.latest")
def latest_skips_one(shard: Shard) -> int:
    """The latest is taken to be the record that comes next."""
    return shard.next + 1


@system.mutant("streams.read")
def trimmed_and_nobody_told(shard: Shard, iterator: Iterator, now_milliseconds: int) -> tuple[int, int]:
    """Reading what was trimmed goes on at the horizon, as if nothing had been there."""
    if now_milliseconds - iterator.issued_milliseconds >= QUARTER:
        return EXPIRED, iterator.position
    return READS, max(iterator.position, shard.horizon)


@system.mutant("streams.begins_at")
def children_at_the_trim_horizon(shard: Shard, starts: bool, from_latest: bool) -> int:
    """A reader begins a child at the trim horizon, although it knows where the parent has ended."""
    if starts and from_latest:
        return shard.next
    return shard.horizon


@system.mutant("streams.derive")
def derived_before_it_is_committed(shard: Shard, position: int, committed: int) -> tuple[Shard, int]:
    """The leader makes records of entries that it has written and nobody has confirmed."""
    require(position >= shard.horizon and not (shard.closed and position >= shard.end))
    require(position <= shard.next)
    return replace(shard, next=max(shard.next, position + 1)), position


@system.mutant("streams.is_effective")
def nothing_is_a_change(before: int, after: int) -> bool:
    """Every write adds a record."""
    return True


@system.mutant("streams.is_new")
def got_twice(newest: int, number: int) -> bool:
    """A reader that gets a record again takes it for another."""
    return number >= newest


@system.mutant("streams.read")
def never_expires(shard: Shard, iterator: Iterator, now_milliseconds: int) -> tuple[int, int]:
    """An iterator is good for ever."""
    if iterator.position < shard.horizon:
        return TRIMMED, iterator.position
    return READS, iterator.position


@system.mutant("streams.is_readable")
def gone_when_it_is_turned_off(stream: Stream, now_milliseconds: int) -> bool:
    """A stream that was turned off cannot be read."""
    return stream.on


@system.mutant("streams.takes", harmless=True)
def lies_within(shard: Shard, position: int) -> bool:
    """The same, as two cases."""
    if shard.closed:
        return shard.horizon <= position and position < shard.end
    return position >= shard.horizon


# Small worlds.

_LITTLE = {
    "shard": (0, 1),
    "item": (0,),
    "value": (1, 2),
    "number": (0, 1, 2),
    "nth": (0, 1),
    "position": (0, 1),
    "committed": (0, 1, 2),
    "cut": (1,),
    "child": (1,),
    "upper": (False,),
    "after": (False,),
    "issued": (0,),
    "from_latest": (False,),
}
_ONE_SHARD = {**_LITTLE, "shard": (0,)}
_ITEMS = ({"low": 0, "high": 1},)
_WRITE = ("write", "commit", "derive")
_READ = ("begin", "get_records")
_SPLIT = ("split", "open_child")


def _one_each(state: State) -> bool:
    """A write at the parent and another at the child, which has the parent's log before its own."""
    parent, child = state.branches[0], state.branches[1]
    return parent.length < 2 and child.length < 3 and child.log[1].after != 1


def _all_derived(state: State, *shards: int) -> bool:
    """What was written at these shards is in the stream."""
    return all(
        state.branches[shard].exists and state.branches[shard].shard.next == state.branches[shard].length
        for shard in shards
    )


def _each_once(state: State) -> bool:
    """Nothing is derived twice, and not much at all."""
    shards = [state.branches[shard].shard for shard in (0, 1, 2)]
    return state.events < 6 and state.events == sum(
        shard.next + shard.horizon - 2 * shard.first for shard in shards
    )


def _read_later(state: State) -> bool:
    """Everything is derived before a day passes, and only then a reader comes."""
    return _all_derived(state, 0, 1) if state.now > 0 else not state.reader.seen[1].begun


def _read_when_listed(state: State) -> bool:
    """Shard 2 is the child of shard 1, and nothing is read before the reader has seen all of them."""
    begun = any(state.reader.seen[shard].begun for shard in (0, 1, 2))
    return state.branches[2].parent == state.branches[2].exists and (state.reader.listed[2] or not begun)


system.scopes.extend(
    [
        # The stream is turned off.
        Scope(
            values={**_ONE_SHARD, "value": (1,), "later": (DAY - 1, DAY), "issued": (DAY - 1,)},
            parameters=_ITEMS,
            within=lambda state: state.branches[0].length < 2 and state.events < 2,
            actions=(
                *_WRITE,
                "turn_off",
                "close_after_turning_off",
                "time_passes",
                "hear_stream_gone",
                *_READ,
            ),
        ),
        # A shard is rolled over, and closed again by whoever has not heard of it.
        Scope(
            values={
                **_LITTLE,
                "shard": (0, 1, 2),
                "child": (1, 2),
                "write.shard": (0,),
                "value": (1,),
                "later": (FOUR_HOURS - 1, FOUR_HOURS),
            },
            parameters=_ITEMS,
            within=lambda state: state.branches[0].length < 2 and state.events < 3,
            actions=(*_WRITE, "time_passes", "roll", "split"),
        ),
        # A day passes while the first of two records is read.
        Scope(
            values={**_ONE_SHARD, "later": (DAY - 1, DAY), "issued": (DAY,)},
            parameters=_ITEMS,
            within=lambda state: (
                state.branches[0].length < 3
                and state.branches[0].log[0].after != 2
                and _each_once(state)
                and (state.now == 0 or _all_derived(state, 0))
            ),
            actions=(*_WRITE, "time_passes", "trim", *_READ, "hear_trimmed"),
        ),
        # A parent that never had a record goes, and then the child's first record.
        Scope(
            values={
                **_LITTLE,
                "write.shard": (1,),
                "write.value": (1,),
                "commit.shard": (1,),
                "derive.shard": (1,),
                "later": (DAY,),
                "issued": (DAY,),
            },
            parameters=_ITEMS,
            within=lambda state: (
                state.branches[1].length < 2
                and _each_once(state)
                and (state.now == 0 or _all_derived(state, 1))
            ),
            actions=(*_WRITE, *_SPLIT, "time_passes", "trim", "remove", "list_shards", "begin"),
        ),
        # Three records, and a reader that goes on after one of them.
        Scope(
            values={
                **_ONE_SHARD,
                "number": (0, 1, 2, 3),
                "nth": (0, 1, 2),
                "position": (0, 1, 2),
                "committed": (3,),
                "after": (False, True),
            },
            parameters=_ITEMS,
            within=lambda state: (
                state.branches[0].length < 4
                and state.branches[0].log[0].after != 2
                and _each_once(state)
                and (_all_derived(state, 0) or not state.reader.seen[0].begun)
            ),
            actions=(*_WRITE, *_READ),
        ),
        # A reader at the latest.
        Scope(
            values={**_ONE_SHARD, "from_latest": (True,)},
            parameters=_ITEMS,
            within=lambda state: state.branches[0].length < 3 and state.events < 3,
            actions=(*_WRITE, "list_shards", *_READ),
        ),
        # A quarter of an hour passes while a record is read.
        Scope(
            values={**_ONE_SHARD, "later": (QUARTER - 1, QUARTER), "issued": (0, QUARTER)},
            parameters=_ITEMS,
            within=lambda state: state.branches[0].length < 2 and state.events < 3,
            actions=(*_WRITE, "time_passes", *_READ, "hear_expired"),
        ),
        # A split under writes of one item, which goes to the lower child.
        Scope(
            values=_LITTLE,
            parameters=_ITEMS,
            within=lambda state: _one_each(state) and state.events < 3,
            actions=(*_WRITE, *_SPLIT, *_READ, "hear_end"),
        ),
        # One shard, whose leader is lost, and a reader that reads again what it has read.
        Scope(
            values={**_ONE_SHARD, "value": (0, 1, 2), "length": (0, 1), "after": (False, True)},
            parameters=_ITEMS,
            within=lambda state: state.branches[0].length < 3 and state.events < 4,
            actions=(*_WRITE, "lose_leader", *_READ),
        ),
        # A shard is rolled over.
        Scope(
            values={**_LITTLE, "later": (FOUR_HOURS,), "issued": (FOUR_HOURS,)},
            parameters=_ITEMS,
            within=lambda state: (
                state.branches[0].length < 3
                and state.branches[0].log[0].after != 2
                and state.branches[1].length < 3
                and _each_once(state)
            ),
            actions=(*_WRITE, "time_passes", "roll", *_READ),
        ),
        # The parent goes with its record, and a new reader begins at the child.
        Scope(
            values={
                **_LITTLE,
                "begin.shard": (1,),
                "get_records.shard": (1,),
                "later": (DAY,),
                "issued": (DAY,),
            },
            parameters=_ITEMS,
            within=lambda state: _one_each(state) and _each_once(state) and _read_later(state),
            actions=(*_WRITE, *_SPLIT, "time_passes", "trim", "remove", "list_shards", *_READ),
        ),
        # Two splits, and the shard between them is empty.
        Scope(
            values={
                **_LITTLE,
                "shard": (0, 1, 2),
                "child": (1, 2),
                "write.shard": (0, 2),
                "commit.shard": (0, 2),
                "derive.shard": (0, 2),
                "split.shard": (0, 1),
            },
            parameters=_ITEMS,
            within=lambda state: (
                state.branches[0].log[0].after != 2
                and state.branches[0].length < 2
                and state.branches[2].log[1].after != 1
                and state.branches[2].length < 3
                and _each_once(state)
                and _read_when_listed(state)
            ),
            actions=(*_WRITE, *_SPLIT, "remove", "list_shards", *_READ),
        ),
    ]
)
