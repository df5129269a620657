"""A chain of exports, a full one and incremental ones that adjoin it, while writes and transactions go on.

Sources: EX-02, EX-04, EX-05. The kernel is `kernel/exports.py`, over logs as `kernel/backup.py` keeps them. Any number of
partitions is read, each at its own pace, entry by entry. Somebody who puts the exports together does so item by item.

Timestamps of a transaction's two parts differ by up to a minute, in either direction. `held` is what a partition's items
were after so many entries; it exists for the sake of what is stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, both, either, forall, implies, neg
from ddbproof.model.kernel import backup, exports, instants
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._exports_state import (
    EXPORT,
    INDEX,
    ITEM,
    MINUTE_MILLISECONDS,
    PARTITION,
    TRANSACTION,
    Entry,
    Part,
    Row,
    State,
    Transaction,
)

system = System("exports", "Exports to files", State, [exports], [backup, instants])
system.fast = False
system.scope_in_words = [
    "one chain of exports; new images only; a transaction has two parts, of which the timestamps differ by a minute at most",
    "the logs are there for as long as exports read them: that is recovery's business",
]
system.merged = ("instants.higher", "instants.lower")
replace = msgspec.structs.replace


@system.initial
def nothing_written() -> State:
    """Empty partitions, and no export."""
    nothing: FrozenMap[int] = FrozenMap(0)
    nowhere = Part(False, 0, 0)
    return State(
        partitions=FrozenMap(backup.EMPTY),
        entries=FrozenMap(FrozenMap(Entry(0, 0, 0))),
        held=FrozenMap(FrozenMap(nothing)),
        readings=FrozenMap(exports.NOTHING_READ),
        starts=FrozenMap(nothing),
        cuts=FrozenMap(nothing),
        changes=FrozenMap(FrozenMap(FrozenMap(exports.UNCHANGED))),
        rows=FrozenMap(FrozenMap(Row(exports.NOTHING_LOADED, 0))),
        transactions=FrozenMap(Transaction(nowhere, nowhere)),
        asked=0,
        ends=nothing,
    )


@system.action
def write(
    state: State,
    partition: Annotated[int, PARTITION],
    item: Annotated[int, ITEM],
    value: int,
    stamp: int,
    transaction: Annotated[int, TRANSACTION],
    second: bool,
) -> State:
    """An item is written or deleted, on its own or as a part of a transaction."""
    before = state.partitions[partition]
    log, entries = backup.append(before, state.entries[partition], Entry(stamp, item, value))
    items = state.held[partition][before.length].put(item, value)
    part, record = Part(True, partition, before.length), state.transactions[transaction]
    mine, other = record.first, record.second
    if second:
        mine, other = record.second, record.first
    require(neg(mine.written))
    apart = stamp - state.entries[other.partition][other.index].instant_milliseconds
    near = both(apart <= MINUTE_MILLISECONDS, apart >= -MINUTE_MILLISECONDS)
    require(either(neg(other.written), near))
    after = Transaction(part, record.second)
    if second:
        after = Transaction(record.first, part)
    return replace(
        state,
        partitions=state.partitions.put(partition, log),
        entries=state.entries.put(partition, entries),
        held=state.held.put(partition, state.held[partition].put(log.length, items)),
        transactions=state.transactions.put(transaction, after),
    )


@system.action
def advance(state: State, partition: Annotated[int, PARTITION], watermark: int, clock: int) -> State:
    """A partition moves its watermark on."""
    log = backup.advance_watermark(state.partitions[partition], watermark, clock)
    return replace(state, partitions=state.partitions.put(partition, log))


@system.action
def ask(state: State, end: int) -> State:
    """An export is asked for: the first one in full, then one that adjoins the last."""
    if state.asked > 0:
        end = exports.adjoining(state.ends[state.asked - 1], end).until_milliseconds
    return replace(state, asked=state.asked + 1, ends=state.ends.put(state.asked, end))


@system.action
def read(state: State, partition: Annotated[int, PARTITION], index: Annotated[int, INDEX]) -> State:
    """An entry of a partition's log is read for the export that the partition is at."""
    reading, entry = state.readings[partition], state.entries[partition][index]
    export = reading.exports
    require(export < state.asked)
    require(index < state.partitions[partition].length)
    after = exports.take(reading, index, entry.instant_milliseconds, state.ends[export])
    lines = state.changes[partition][export]
    lines = lines.put(entry.item, exports.include(lines[entry.item], index))
    return replace(
        state,
        readings=state.readings.put(partition, after),
        changes=state.changes.put(partition, state.changes[partition].put(export, lines)),
    )


@system.action
def finish(state: State, partition: Annotated[int, PARTITION]) -> State:
    """A partition is done with the export that it is at."""
    reading = state.readings[partition]
    require(reading.exports < state.asked)
    after = exports.finish(
        state.partitions[partition], state.entries[partition], reading, state.ends[reading.exports]
    )
    starts = state.starts[partition].put(after.exports, after.position)
    cuts = state.cuts[partition].put(reading.exports, after.position)
    return replace(
        state,
        readings=state.readings.put(partition, after),
        starts=state.starts.put(partition, starts),
        cuts=state.cuts.put(partition, cuts),
    )


@system.action
def load(
    state: State,
    partition: Annotated[int, PARTITION],
    item: Annotated[int, ITEM],
    export: Annotated[int, EXPORT],
) -> State:
    """Somebody puts an export's line of an item, if it has one, on top of what there is."""
    row, line = state.rows[partition][item], state.changes[partition][export][item]
    require(export < state.readings[partition].exports)
    loaded, value = exports.load(row.loaded, export), row.value
    if line.changed:
        value = state.entries[partition][line.index].value
    rows = state.rows[partition].put(item, Row(loaded, value))
    return replace(state, rows=state.rows.put(partition, rows))


# What holds. In a partition an export covers the entries from where it starts up to its cut.


def _is_entry(state: State, partition: int, index: int) -> Any:
    return both(index >= 0, index < state.partitions[partition].length)


def _is_done(state: State, partition: int, export: int) -> Any:
    return both(export >= 0, export < state.readings[partition].exports)


@system.invariant
def readings(state: State) -> Iterator[Any]:
    """A partition has read what it has read for one export after the other, and no further than each goes."""

    def is_within(partition: int) -> Any:
        reading = state.readings[partition]
        return both(
            reading.exports >= 0,
            reading.exports <= state.asked,
            reading.position <= state.partitions[partition].length,
            state.starts[partition][0] == 0,
        )

    def has_bounds(partition: int, export: int) -> Any:
        start, cut = state.starts[partition][export], state.cuts[partition][export]
        reading = state.readings[partition]
        return both(
            implies(
                both(export >= 0, export <= reading.exports), both(start >= 0, start <= reading.position)
            ),
            implies(_is_done(state, partition, export), both(start <= cut, cut <= reading.position)),
        )

    def come_in_order(partition: int, export: int, later: int) -> Any:
        cut, start = state.cuts[partition][export], state.starts[partition][later]
        return implies(
            both(export >= 0, export < later, later <= state.readings[partition].exports), cut <= start
        )

    def adjoin(partition: int, export: int) -> Any:
        return implies(
            _is_done(state, partition, export),
            state.starts[partition][export + 1] == state.cuts[partition][export],
        )

    def is_before_the_end(partition: int, index: int) -> Any:
        reading = state.readings[partition]
        return implies(
            both(index >= state.starts[partition][reading.exports], index < reading.position),
            both(
                reading.exports < state.asked,
                state.entries[partition][index].instant_milliseconds < state.ends[reading.exports],
            ),
        )

    def promised(partition: int, export: int) -> Any:
        return implies(
            _is_done(state, partition, export),
            state.partitions[partition].watermark_milliseconds >= state.ends[export] - 1,
        )

    yield forall(PARTITION)(is_within)
    yield forall(PARTITION, EXPORT)(has_bounds)
    yield forall(PARTITION, EXPORT, EXPORT)(come_in_order)
    yield forall(PARTITION, EXPORT)(adjoin)
    yield forall(PARTITION, INDEX)(is_before_the_end)
    yield forall(PARTITION, EXPORT)(promised)
    yield state.asked >= 0
    yield forall(EXPORT, EXPORT)(
        lambda k, m: implies(
            both(k >= 0, k < m, m < state.asked), state.ends[m] - state.ends[k] >= 15 * MINUTE_MILLISECONDS
        )
    )


@system.invariant
def transactions(state: State) -> Iterator[Any]:
    """A transaction's parts are entries, no more than a minute apart."""

    def are_entries(transaction: int) -> Any:
        record = state.transactions[transaction]
        return both(
            *(
                implies(part.written, _is_entry(state, part.partition, part.index))
                for part in (record.first, record.second)
            )
        )

    def are_near(transaction: int) -> Any:
        first, second = state.transactions[transaction].first, state.transactions[transaction].second
        apart = (
            state.entries[first.partition][first.index].instant_milliseconds
            - state.entries[second.partition][second.index].instant_milliseconds
        )
        return implies(
            both(first.written, second.written),
            both(apart <= MINUTE_MILLISECONDS, apart >= -MINUTE_MILLISECONDS),
        )

    def is_where_it_belongs(part: Part, export: int) -> Any:
        stamp = state.entries[part.partition][part.index].instant_milliseconds
        cut = state.cuts[part.partition][export]
        return implies(
            both(part.written, _is_done(state, part.partition, export)),
            either(
                both(part.index < cut, stamp < state.ends[export]),
                both(part.index >= cut, stamp >= state.ends[export]),
            ),
        )

    yield forall(TRANSACTION, EXPORT)(lambda t, k: is_where_it_belongs(state.transactions[t].first, k))
    yield forall(TRANSACTION, EXPORT)(lambda t, k: is_where_it_belongs(state.transactions[t].second, k))
    yield forall(TRANSACTION)(are_entries)
    yield forall(TRANSACTION)(are_near)


@system.invariant
def logs(state: State) -> Iterator[Any]:
    """Timestamps do not decrease along a log; what was held after an entry follows from it."""

    def in_order(partition: int, index: int, later: int) -> Any:
        log = state.entries[partition]
        return implies(
            both(_is_entry(state, partition, index), _is_entry(state, partition, later), index < later),
            log[index].instant_milliseconds <= log[later].instant_milliseconds,
        )

    def follows(partition: int, index: int, item: int) -> Any:
        entry, held = state.entries[partition][index], state.held[partition]
        return implies(
            _is_entry(state, partition, index),
            either(
                both(entry.item == item, held[index + 1][item] == entry.value),
                both(entry.item != item, held[index + 1][item] == held[index][item]),
            ),
        )

    yield forall(PARTITION)(lambda p: state.partitions[p].length >= 0)
    yield forall(PARTITION, ITEM)(lambda p, x: state.held[p][0][x] == 0)
    yield forall(PARTITION, INDEX)(
        lambda p, i: implies(
            _is_entry(state, p, i),
            state.entries[p][i].instant_milliseconds <= state.partitions[p].latest_milliseconds,
        )
    )
    yield forall(PARTITION, INDEX, INDEX)(in_order)
    yield forall(PARTITION, INDEX, ITEM)(follows)


def _says(state: State, partition: int, export: int, item: int, end: int) -> Any:
    """An export's line of an item has what is held at an entry; without one nothing has changed since it began."""
    line, held = state.changes[partition][export][item], state.held[partition]
    began = state.starts[partition][export]
    return either(
        both(
            line.changed,
            _is_entry(state, partition, line.index),
            line.index >= began,
            line.index < end,
            state.entries[partition][line.index].item == item,
            state.entries[partition][line.index].value == held[end][item],
        ),
        both(neg(line.changed), held[end][item] == held[began][item]),
    )


@system.invariant
def lines(state: State) -> Iterator[Any]:
    """What has been read for an export is in it, and nothing else; a row is what so many exports make of it."""

    def none_yet(partition: int, export: int, item: int) -> Any:
        return implies(
            export > state.readings[partition].exports, neg(state.changes[partition][export][item].changed)
        )

    def is_read(partition: int, item: int) -> Any:
        reading = state.readings[partition]
        return _says(state, partition, reading.exports, item, reading.position)

    def was_read(partition: int, export: int, item: int) -> Any:
        return implies(
            _is_done(state, partition, export),
            _says(state, partition, export, item, state.cuts[partition][export]),
        )

    def is_loaded(partition: int, item: int) -> Any:
        loaded = state.rows[partition][item].loaded.exports
        return both(loaded >= 0, loaded <= state.readings[partition].exports)

    def has_a_line(partition: int, export: int, index: int, end: int) -> Any:
        line = state.changes[partition][export][state.entries[partition][index].item]
        return implies(
            both(index >= state.starts[partition][export], index < end),
            both(line.changed, line.index >= index),
        )

    yield forall(PARTITION, INDEX)(
        lambda p, i: has_a_line(p, state.readings[p].exports, i, state.readings[p].position)
    )
    yield forall(PARTITION, EXPORT, INDEX)(
        lambda p, k, i: implies(_is_done(state, p, k), has_a_line(p, k, i, state.cuts[p][k]))
    )
    yield forall(PARTITION, EXPORT, ITEM)(none_yet)
    yield forall(PARTITION, ITEM)(is_read)
    yield forall(PARTITION, EXPORT, ITEM)(was_read)
    yield forall(PARTITION, ITEM)(is_loaded)


@system.safe("EX-05")
def SAFE_together_they_are_the_table(state: State) -> Iterator[Any]:
    """The full export with all that adjoin it, up to any one, has each item as it was at the end of that one."""

    def is_as_it_was(partition: int, item: int) -> Any:
        row = state.rows[partition][item]
        end = state.starts[partition][row.loaded.exports]
        return row.value == state.held[partition][end][item]

    def ends_there(partition: int, export: int, index: int) -> Any:
        before = state.entries[partition][index].instant_milliseconds < state.ends[export]
        return implies(
            both(_is_done(state, partition, export), _is_entry(state, partition, index)),
            either(
                both(before, index < state.cuts[partition][export]),
                both(neg(before), index >= state.cuts[partition][export]),
            ),
        )

    yield forall(PARTITION, ITEM)(is_as_it_was)
    yield forall(PARTITION, EXPORT, INDEX)(ends_there)


@system.safe("EX-05")
def SAFE_the_newest_image_of_what_changed(state: State) -> Iterator[Any]:
    """An incremental export has every item that changed within its bounds, as it was at its end, and no other."""

    def has_it(partition: int, export: int, index: int) -> Any:
        entry = state.entries[partition][index]
        line = state.changes[partition][export][entry.item]
        return implies(
            both(
                _is_done(state, partition, export),
                export >= 1,
                _is_entry(state, partition, index),
                entry.instant_milliseconds >= state.ends[export - 1],
                entry.instant_milliseconds < state.ends[export],
            ),
            both(line.changed, line.index >= index),
        )

    def is_within(partition: int, export: int, item: int) -> Any:
        line = state.changes[partition][export][item]
        entry = state.entries[partition][line.index]
        return implies(
            both(_is_done(state, partition, export), line.changed),
            both(
                entry.item == item,
                entry.instant_milliseconds < state.ends[export],
                either(export < 1, entry.instant_milliseconds >= state.ends[export - 1]),
            ),
        )

    yield forall(PARTITION, EXPORT, INDEX)(has_it)
    yield forall(PARTITION, EXPORT, ITEM)(is_within)


def _in_export(state: State, part: Part, export: int) -> Any:
    """A part of a transaction is in an export that the part's partition is done with."""
    return both(
        part.written,
        _is_done(state, part.partition, export),
        part.index >= state.starts[part.partition][export],
        part.index < state.cuts[part.partition][export],
    )


@system.safe("EX-04")
def SAFE_the_next_export_completes_it(state: State) -> Iterator[Any]:
    """If a part of a transaction is in an export, the other is there by the next at the latest; no part is in two."""

    def is_near(transaction: int, export: int, other: int) -> Any:
        record = state.transactions[transaction]
        return implies(
            both(_in_export(state, record.first, export), _in_export(state, record.second, other)),
            both(other <= export + 1, export <= other + 1),
        )

    def is_complete(one: Part, other: Part, export: int, following: int) -> Any:
        return implies(
            both(
                one.written,
                other.written,
                following > export,
                _is_done(state, one.partition, export),
                _is_done(state, other.partition, following),
                one.index < state.cuts[one.partition][export],
            ),
            other.index < state.cuts[other.partition][following],
        )

    def is_in_one(transaction: int, export: int, other: int) -> Any:
        record = state.transactions[transaction]
        return both(
            *(
                implies(
                    both(_in_export(state, part, export), _in_export(state, part, other)), export == other
                )
                for part in (record.first, record.second)
            )
        )

    yield forall(TRANSACTION, EXPORT, EXPORT)(
        lambda t, k, m: is_complete(state.transactions[t].first, state.transactions[t].second, k, m)
    )
    yield forall(TRANSACTION, EXPORT, EXPORT)(
        lambda t, k, m: is_complete(state.transactions[t].second, state.transactions[t].first, k, m)
    )
    yield forall(TRANSACTION, EXPORT, EXPORT)(is_near)
    yield forall(TRANSACTION, EXPORT, EXPORT)(is_in_one)
