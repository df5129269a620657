"""The steps of the system `streams`: writers, leaders, shards that split and roll over, trimming, and readers."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both
from ddbproof.model.kernel import instants, streams
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._streams_state import (
    ITEM,
    NO_RECORD,
    NO_RECORDS,
    NOT_TOLD,
    NOTHING_APPEARED,
    NOTHING_TRIMMED,
    NUMBER,
    SHARD,
    Appeared,
    Change,
    Entry,
    Given,
    Happened,
    Held,
    Record,
    Seen,
    State,
    Told,
    Where,
    branch_of,
    first_state,
    iterator_of,
    new_reader,
    parent_gone,
    received,
    with_branch,
)

system = System("streams", "Change streams", State, [streams], [instants])
system.fast = False
system.scope_in_words = [
    "the stream was turned on while the table was empty and one partition; all others come from it by splits",
    "an item's writes go to its partition's log one after the other (replication, splits); what is committed stays",
    "one clock; a shard's record and the stream record at its next position get onto the disk together",
    "that everything is derived and read in the end is not proved: the covers show that it can be",
]
system.merged = (
    "instants.higher",
    "streams.is_readable",
    "streams.is_read_out",
    "streams.starts_at",
    "streams.may_begin",
    "streams.begins_at",
    "streams.from_sequence_number",
)
replace = msgspec.structs.replace


@system.initial
def nothing_written(low: int, high: int) -> State:
    """An empty partition and its first shard."""
    return first_state(streams.open_shard(0, 0), low, high)


@system.action
def time_passes(state: State, later: int) -> State:
    """Time goes on."""
    require(later > state.now)
    return replace(state, now=later)


# The partitions' logs.


@system.action
def write(state: State, shard: Annotated[int, SHARD], item: Annotated[int, ITEM], value: int) -> State:
    """A leader writes an item, or deletes it, and nobody has confirmed that yet."""
    branch = branch_of(state, shard)
    require(not branch.shard.closed)
    require(branch.low <= item)
    require(item < branch.high)
    before = branch.held[branch.length][item]
    changes = before.changes
    if before.value != value:
        changes = changes + 1
    held = branch.held[branch.length].put(item, Held(value, changes))
    after = replace(
        branch,
        log=branch.log.put(branch.length, Entry(item, before.value, value)),
        held=branch.held.put(branch.length + 1, held),
        length=branch.length + 1,
    )
    return replace(state, branches=state.branches.put(shard, after))


@system.action
def commit(state: State, shard: Annotated[int, SHARD]) -> State:
    """The next entry of a log is committed: from now on it has happened."""
    branch = branch_of(state, shard)
    require(not branch.shard.closed)
    require(branch.committed < branch.length)
    entry = branch.log[branch.committed]
    happened = state.happened[entry.item]
    if entry.before != entry.after:
        change = Change(branch.committed, entry.before, entry.after)
        happened = Happened(happened.count + 1, happened.changes.put(happened.count, change))
    return replace(
        state,
        branches=state.branches.put(shard, replace(branch, committed=branch.committed + 1)),
        happened=state.happened.put(entry.item, happened),
    )


@system.action
def lose_leader(state: State, shard: Annotated[int, SHARD], length: Annotated[int, NUMBER]) -> State:
    """Another leads the partition, and of what was not committed some is lost."""
    branch = branch_of(state, shard)
    require(not branch.shard.closed)
    require(length >= branch.committed)
    require(length < branch.length)
    return replace(state, branches=state.branches.put(shard, replace(branch, length=length)))


# From the logs to the shards.


@system.action
def derive(
    state: State, shard: Annotated[int, SHARD], position: Annotated[int, NUMBER], committed: int
) -> State:
    """Somebody derives an entry, for the first time or again, by a figure of what is committed that may be old."""
    branch = branch_of(state, shard)
    require(committed <= branch.committed)
    entry = branch.log[position]
    taken, number = streams.derive(branch.shard, position, committed)
    records, appeared = branch.records, branch.appeared
    if streams.is_effective(entry.before, entry.after):
        nth = branch.held[position][entry.item].changes
        record = Record(True, entry.item, entry.before, entry.after, state.now, nth)
        records = records.put(number, record)
        if not appeared[position].known:
            appeared = appeared.put(position, Appeared(True, state.now, state.events))
    after = replace(branch, shard=taken, records=records, appeared=appeared)
    branches = state.branches.put(shard, after)
    return replace(state, branches=branches, events=state.events + 1)


@system.action
def roll(state: State, shard: Annotated[int, SHARD], child: Annotated[int, SHARD]) -> State:
    """A shard is rolled over; the partition's log is the new one's from there on."""
    branch = branch_of(state, shard)
    require(not state.branches[child].exists)
    closed, opened = streams.roll(branch.shard, state.now)
    old = replace(branch, shard=closed, length=branch.committed)
    new = replace(
        branch,
        shard=opened,
        has_parent=True,
        parent=shard,
        depth=branch.depth + 1,
        records=NO_RECORDS,
        appeared=NOTHING_APPEARED,
        trimmed=NOTHING_TRIMMED,
    )
    return with_branch(with_branch(state, shard, old), child, new)


@system.action
def split(state: State, shard: Annotated[int, SHARD], cut: int, committed: int) -> State:
    """A partition that is being split has taken its last write."""
    branch = branch_of(state, shard)
    require(committed <= branch.committed)
    closed = streams.close(branch.shard, branch.length, committed)
    return with_branch(state, shard, replace(branch, shard=closed, split=True, cut=cut))


@system.action
def open_child(
    state: State, shard: Annotated[int, SHARD], child: Annotated[int, SHARD], upper: bool
) -> State:
    """A child of a partition that was split opens, with what it has of its parent's log, and its first shard with it."""
    branch = branch_of(state, shard)
    require(branch.split)
    require(state.stream.on)
    require(not state.branches[child].exists)
    new = replace(
        branch,
        shard=streams.open_shard(branch.length, state.now),
        has_parent=True,
        parent=shard,
        depth=branch.depth + 1,
        split=False,
        cut=0,
        records=NO_RECORDS,
        appeared=NOTHING_APPEARED,
        trimmed=NOTHING_TRIMMED,
    )
    if upper:
        require(not branch.upper_opened)
        new = replace(
            new, low=instants.higher(branch.low, branch.cut), lower_opened=False, upper_opened=False
        )
        old = replace(branch, upper_opened=True)
    else:
        require(not branch.lower_opened)
        high = branch.high
        if branch.cut < high:
            high = branch.cut
        new = replace(new, high=high, lower_opened=False, upper_opened=False)
        old = replace(branch, lower_opened=True)
    return with_branch(with_branch(state, shard, old), child, new)


@system.action
def turn_off(state: State) -> State:
    """The stream is turned off."""
    return replace(state, stream=streams.turn_off(state.stream, state.now))


@system.action
def close_after_turning_off(state: State, shard: Annotated[int, SHARD], committed: int) -> State:
    """A partition's leader hears that the stream is off: the shard ends where the log does then."""
    branch = branch_of(state, shard)
    require(not state.stream.on)
    require(committed <= branch.committed)
    closed = streams.close(branch.shard, branch.length, committed)
    return with_branch(state, shard, replace(branch, shard=closed))


# What is given up.


@system.action
def trim(state: State, shard: Annotated[int, SHARD]) -> State:
    """What is at the horizon of a shard is given up."""
    branch = branch_of(state, shard)
    horizon = branch.shard.horizon
    record = branch.records[horizon]
    trimmed = streams.trim(branch.shard, record.there, record.stored, parent_gone(state, branch), state.now)
    after = replace(
        branch,
        shard=trimmed,
        records=branch.records.put(horizon, NO_RECORD),
        trimmed=branch.trimmed.put(horizon, state.events),
    )
    return replace(state, branches=state.branches.put(shard, after), events=state.events + 1)


@system.action
def remove(state: State, shard: Annotated[int, SHARD]) -> State:
    """A shard is listed no longer."""
    branch = branch_of(state, shard)
    removed = streams.remove(branch.shard, parent_gone(state, branch))
    return with_branch(state, shard, replace(branch, shard=removed))


# The reader.


@system.action
def list_shards(state: State, from_latest: bool) -> State:
    """A new reader, in the place of the one before, lists the shards."""
    require(streams.is_readable(state.stream, state.now))
    return replace(
        state,
        reader=new_reader(from_latest, state.events, state.present, state.open),
        trimmed=NOT_TOLD,
        ended=NOT_TOLD,
    )


@system.action
def begin(state: State, shard: Annotated[int, SHARD]) -> State:
    """The reader begins a shard."""
    branch, reader = branch_of(state, shard), state.reader
    require(not reader.seen[shard].begun)
    parent, parent_seen = state.branches[branch.parent], reader.seen[branch.parent]
    parent_listed = both(branch.has_parent, reader.listed[branch.parent])
    read_out = both(branch.has_parent, parent_seen.begun, streams.is_read_out(parent.shard, parent_seen.at))
    starting = streams.starts_at(reader.listed[shard], parent_listed)
    if reader.from_latest:
        starting = reader.listed_open[shard]
    require(streams.may_begin(starting, read_out))
    at = streams.begins_at(branch.shard, starting, reader.from_latest)
    since = at if starting else parent_seen.since
    seen = Seen(True, at, since, state.now, state.events)
    return replace(state, reader=replace(reader, seen=reader.seen.put(shard, seen)))


@system.action
def get_records(
    state: State, shard: Annotated[int, SHARD], number: Annotated[int, NUMBER], after: bool, issued: int
) -> State:
    """The reader reads a position of a shard: a record, or nothing but that it gets further."""
    branch, seen, iterator = iterator_of(state, shard, number, after, issued)
    require(streams.is_readable(state.stream, state.now))
    outcome, position = streams.read(branch.shard, iterator, state.now)
    require(outcome == streams.READS)
    require(streams.has_more(branch.shard, position))
    record, reader = branch.records[position], state.reader
    if record.there:
        got = received(reader.got[record.item], record, position, seen.since)
        reader = replace(reader, got=reader.got.put(record.item, got))
    seen = replace(seen, at=instants.higher(seen.at, position + 1))
    reader = replace(reader, seen=reader.seen.put(shard, seen))
    return replace(state, reader=reader, given=Given(True, issued, state.now, record.nth))


@system.action
def hear_expired(
    state: State, shard: Annotated[int, SHARD], number: Annotated[int, NUMBER], after: bool, issued: int
) -> State:
    """The reader uses an iterator for too long, and is told."""
    branch, _, iterator = iterator_of(state, shard, number, after, issued)
    outcome, _ = streams.read(branch.shard, iterator, state.now)
    require(outcome == streams.EXPIRED)
    return replace(state, expired=Told(True, issued, state.now))


@system.action
def hear_trimmed(
    state: State, shard: Annotated[int, SHARD], number: Annotated[int, NUMBER], after: bool, issued: int
) -> State:
    """What the reader asks for is no more, and it is told. It can do nothing but begin again."""
    branch, _, iterator = iterator_of(state, shard, number, after, issued)
    outcome, position = streams.read(branch.shard, iterator, state.now)
    require(outcome == streams.TRIMMED)
    return replace(state, trimmed=Where(True, shard, position))


@system.action
def hear_end(state: State, shard: Annotated[int, SHARD]) -> State:
    """The reader gets no other iterator for a shard: it is at the end."""
    branch, seen = branch_of(state, shard), state.reader.seen[shard]
    require(seen.begun)
    require(streams.is_read_out(branch.shard, seen.at))
    return replace(state, ended=Where(True, shard, seen.at))


@system.action
def hear_stream_gone(state: State) -> State:
    """A reader is told that there is no such stream."""
    require(not streams.is_readable(state.stream, state.now))
    return replace(state, refused=Told(True, state.stream.off_milliseconds, state.now))


# What holds. `s` and `t` are shards, `n` positions, `i` items; an item's changes are counted by `k` and `m`.
