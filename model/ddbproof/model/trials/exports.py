"""Trials of exports: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import exports
from ddbproof.model.kernel.backup import PartitionLog, Stamped
from ddbproof.model.kernel.exports import Change, Loaded, Reading, Window
from ddbproof.model.kernel.logs import Readable
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._exports_state import State
from ddbproof.model.systems.exports import system


def _done(state: State, exported: int) -> Any:
    """Both partitions are done with so many exports."""
    return both(state.readings[0].exports == exported, state.readings[1].exports == exported)


@system.witness("EX-04")
def a_transaction_is_torn(state: State) -> Any:
    """One part of a transaction is in the full export, and the other is not: it comes with the next."""
    record = state.transactions[0]
    return both(
        record.first.written,
        record.second.written,
        record.first.partition == 0,
        record.second.partition == 1,
        _done(state, 2),
        state.cuts[0][0] == 1,
        state.cuts[1][0] == 0,
        state.cuts[1][1] == 1,
    )


@system.cover("EX-05")
def put_together(state: State) -> Any:
    """An item is what an incremental export made of it, where the full one had another value."""
    row = state.rows[0][0]
    return both(row.loaded.exports == 2, row.value == 2, state.held[0][state.cuts[0][0]][0] == 1)


@system.cover("EX-05")
def unchanged_is_left_out(state: State) -> Any:
    """An item that did not change is in the full export alone, and put together all the same."""
    row = state.rows[0][0]
    return both(row.loaded.exports == 2, row.value == 1, neg(state.changes[0][1][0].changed))


@system.cover("EX-05")
def writes_go_on(state: State) -> Any:
    """A write that comes while the full export is read is in the next."""
    return both(
        state.readings[0].exports == 1,
        state.cuts[0][0] == 1,
        state.partitions[0].length == 2,
        state.readings[0].position == 2,
    )


@system.mutant("exports.finish")
def finished_before_late_writes(
    partition: PartitionLog, log: Readable[Stamped], reading: Reading, until_milliseconds: int
) -> Reading:
    """A partition is done when there is nothing left to read, although an earlier timestamp may still come."""
    if reading.position < partition.length:
        require(log[reading.position].instant_milliseconds >= until_milliseconds)
    return Reading(reading.exports + 1, reading.position)


@system.mutant("exports.finish")
def finished_half_read(
    partition: PartitionLog, log: Readable[Stamped], reading: Reading, until_milliseconds: int
) -> Reading:
    """A partition is done when its watermark is past the end, whatever has been read."""
    require(partition.watermark_milliseconds >= until_milliseconds - 1)
    return Reading(reading.exports + 1, reading.position)


@system.mutant("exports.take")
def end_included(reading: Reading, index: int, instant_milliseconds: int, until_milliseconds: int) -> Reading:
    """An entry at the very end of a window is taken into it."""
    require(index == reading.position)
    require(instant_milliseconds <= until_milliseconds)
    return Reading(reading.exports, index + 1)


@system.mutant("exports.take")
def an_entry_left_out(
    reading: Reading, index: int, instant_milliseconds: int, until_milliseconds: int
) -> Reading:
    """An entry that is read before the one in front of it takes its place."""
    require(index >= reading.position)
    require(instant_milliseconds < until_milliseconds)
    return Reading(reading.exports, index + 1)


@system.mutant("exports.include")
def the_first_image_stays(change: Change, index: int) -> Change:
    """An item that changed twice is shown as the first change left it."""
    if change.changed:
        return change
    return Change(True, index)


@system.mutant("exports.adjoining")
def windows_as_short_as_you_like(until_milliseconds: int, next_milliseconds: int) -> Window:
    """A window may be shorter than clocks differ, so that it takes three to complete a transaction."""
    require(next_milliseconds > until_milliseconds)
    return Window(until_milliseconds, next_milliseconds)


@system.mutant("exports.load")
def an_export_left_out(loaded: Loaded, export: int) -> Loaded:
    """Exports are put together in order, but some may be missing."""
    require(export >= loaded.exports)
    return Loaded(export + 1)


@system.mutant("exports.take", harmless=True)
def the_same_with_other_words(
    reading: Reading, index: int, instant_milliseconds: int, until_milliseconds: int
) -> Reading:
    """The same, in the other order."""
    require(until_milliseconds > instant_milliseconds)
    require(reading.position == index)
    return exports.Reading(reading.exports, reading.position + 1)


_QUARTER = 15 * 60_000


def _small(entries: int, asked: int) -> Callable[[State], bool]:
    """So many entries and exports, and one more that is looked at; what a wrong kernel counts downwards ends, too."""

    def within(state: State) -> bool:
        length = state.partitions[0].length + state.partitions[1].length
        done = min(state.readings[0].exports, state.readings[1].exports)
        return length <= entries and state.asked <= asked and done >= 0

    return within


_ONE: dict[str, Any] = {
    "partition": (0,),
    "item": (0,),
    "value": (1, 2),
    "stamp": (0, _QUARTER),
    "transaction": (0,),
    "write.transaction": (0, 1),
    "second": (False,),
    "watermark": (2 * _QUARTER,),
    "clock": (2 * _QUARTER,),
    "end": (_QUARTER, 2 * _QUARTER),
    "index": (0, 1),
    "export": (0, 1),
}

system.scopes.extend(
    [
        # One item, written twice, in one partition and two exports.
        Scope(
            values={**_ONE, "watermark": (_QUARTER, 2 * _QUARTER)},
            within=_small(2, 2),
        ),
        # Two items, of which one is written.
        Scope(
            values={**_ONE, "item": (0, 1), "value": (1,)},
            within=_small(2, 2),
        ),
        # A write in the last millisecond.
        Scope(
            values={
                **_ONE,
                "value": (1,),
                "stamp": (_QUARTER - 1,),
                "watermark": (_QUARTER - 2, _QUARTER - 1),
                "end": (_QUARTER,),
            },
            within=_small(1, 1),
            actions=("write", "ask", "advance", "read", "finish"),
        ),
        # A transaction with its parts in two partitions, a minute apart.
        Scope(
            values={
                **_ONE,
                "partition": (0, 1),
                "write.transaction": (0,),
                "value": (1,),
                "stamp": (0, 60_000),
                "second": (False, True),
                "end": (30_000, 60_000, 90_000, 30_000 + _QUARTER),
                "index": (0,),
                "export": (0, 1, 2),
            },
            within=_small(2, 3),
            actions=("write", "ask", "advance", "read", "finish"),
        ),
    ]
)
