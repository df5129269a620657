"""A change stream: partitions that split, leaders that change, records that are trimmed, and a reader.

The kernel is `kernel/streams.py`. A write is in its partition's log first, and committed later or never: when a leader
is lost, what was not committed may be. Any process that leads a partition, or believes that it does, derives
records from the log as far as it knows it to be committed, now or at any time later, again and again.

The reader may get an iterator for any place where it has been, at any time, and use it at any later time, as often as it
likes. So answers may get lost, and a checkpoint may be taken back to any earlier one, with no step of its own.
What it keeps is what it has got of each item. A new reader lists the shards and begins from nothing, at the
trim horizon or at the latest.

`happened` is what was acknowledged, item by item. It is a ghost, as is when a change appeared in the stream first, and
where and when the reader began.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.kernel import instants, streams
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems import _streams_reader as reads
from ddbproof.model.systems import _streams_said as said
from ddbproof.model.systems._streams_state import (
    ITEM,
    NO_RECORD,
    NO_RECORDS,
    NOT_TOLD,
    NOTHING_APPEARED,
    NOTHING_TRIMMED,
    NTH,
    NUMBER,
    SHARD,
    Appeared,
    Branch,
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


@system.invariant
def shards(state: State) -> Iterator[Any]:
    """A shard's figures are in order; a closed one's log ends with it; children begin where parents end."""
    yield forall(SHARD)(lambda s: said.figures(state.branches[s]))
    yield forall(SHARD)(lambda s: said.ends(state.branches[s]))
    yield implies(state.ended.told, said.has_ended(state.branches[state.ended.shard], state.ended.position))
    yield forall(SHARD, SHARD)(lambda s, t: said.is_child(state.branches[s], t, state.branches[t]))
    yield forall(SHARD)(lambda s: same_truth(state.present[s], said.is_present(state.branches[s])))
    yield forall(SHARD)(lambda s: same_truth(state.open[s], said.is_open(state.branches[s])))


@system.invariant
def lines(state: State) -> Iterator[Any]:
    """The shards that an item's changes go to follow each other: each but the last is closed before the next begins."""
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: implies(said.side_by_side(state.branches[s], state.branches[t], i), s == t)
    )
    yield forall(SHARD, SHARD, ITEM)(lambda s, t, i: said.precedes(state.branches[s], state.branches[t], i))
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: said.goes_before(state.branches[s], state.branches[t], i)
    )
    yield forall(SHARD)(lambda s: said.nothing_left(state.branches[s]))


@system.invariant
def logs(state: State) -> Iterator[Any]:
    """What a partition holds follows from its entries; since its shard began, they are of its items."""
    yield forall(SHARD, NUMBER, ITEM)(lambda s, n, i: said.follows(state.branches[s], n, i))
    yield forall(SHARD, NUMBER)(lambda s, n: said.is_of_its_items(state.branches[s], n))


@system.invariant
def history(state: State) -> Iterator[Any]:
    """What has happened to an item is what the committed parts of its logs say."""
    yield forall(ITEM)(lambda i: state.happened[i].count >= 0)
    yield forall(ITEM, NTH, NTH)(lambda i, k, m: said.comes_earlier(state.happened[i], k, m))
    yield forall(SHARD, NUMBER, ITEM, NTH)(
        lambda s, n, i, k: said.is_logged(state.branches[s], n, i, state.happened[i], k)
    )
    yield forall(SHARD, ITEM)(lambda s, i: said.is_up_to_date(state.branches[s], i, state.happened[i]))
    yield forall(SHARD, ITEM, NTH)(
        lambda s, i, k: said.is_committed(state.branches[s], i, state.happened[i], k)
    )


@system.invariant
def records(state: State) -> Iterator[Any]:
    """Between horizon and next there is a record of each change, as it stands in the log, and nowhere else."""
    yield forall(SHARD, NUMBER)(lambda s, n: said.is_as_logged(state.branches[s], n))
    yield forall(SHARD, NUMBER, ITEM)(lambda s, n, i: said.is_counted(state.branches[s], n, i))
    yield forall(SHARD, NUMBER)(lambda s, n: said.is_recorded(state.branches[s], n))
    yield forall(SHARD, NUMBER)(lambda s, n: said.has_appeared(state, state.branches[s], n))


@system.invariant
def listing(state: State) -> Iterator[Any]:
    """Of the shards of an item a reader starts at one at most, and from the trim horizon at the oldest left."""
    yield state.reader.listed_order <= state.events
    yield forall(SHARD)(
        lambda s: implies(
            either(state.reader.listed[s], state.reader.listed_open[s]), state.branches[s].exists
        )
    )
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: implies(both(reads.starts(state, s, i), reads.starts(state, t, i)), s == t)
    )
    yield forall(SHARD, SHARD, ITEM)(lambda s, t, i: reads.starts_behind(state, state.branches[s], t, i))


@system.invariant
def still_there(state: State) -> Iterator[Any]:
    """Behind a shard at which a reader started or that it has begun, nothing had been trimmed when it listed."""
    yield forall(SHARD, SHARD, NUMBER, ITEM)(
        lambda s, t, n, i: implies(
            either(reads.starts(state, s, i), reads.came_to(state, s, i)),
            reads.was_behind(state.reader, state.branches[s], state.branches[t], n, i),
        )
    )


@system.invariant
def reading(state: State) -> Iterator[Any]:
    """A reader is nowhere ahead of the stream, and goes on from where it started on the line."""
    yield forall(SHARD)(lambda s: reads.is_not_ahead(state, state.reader.seen[s], state.branches[s]))
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: implies(
            both(reads.came_to(state, s, i), reads.starts(state, t, i)), state.reader.seen[t].begun
        )
    )
    yield forall(SHARD, ITEM)(
        lambda s, i: implies(
            both(reads.came_to(state, s, i), reads.starts(state, s, i)),
            state.reader.seen[s].since >= state.branches[s].shard.first,
        )
    )
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: implies(
            both(reads.came_to(state, s, i), reads.came_to(state, t, i)),
            state.reader.seen[s].since == state.reader.seen[t].since,
        )
    )
    yield forall(SHARD, SHARD, ITEM)(
        lambda s, t, i: implies(reads.came_to(state, t, i), reads.was_read_before(state, s, t, i))
    )
    yield forall(SHARD, SHARD, NUMBER, ITEM)(
        lambda s, t, n, i: implies(
            both(neg(state.reader.from_latest), reads.came_to(state, s, i)),
            reads.is_trimmed(state.reader.seen[s], state.branches[t], n, i),
        )
    )


@system.invariant
def receiving(state: State) -> Iterator[Any]:
    """What a reader has got is from where it started, and not from before that."""
    yield forall(ITEM)(lambda i: reads.is_first(state.reader.got[i], state.happened[i]))
    yield forall(ITEM)(lambda i: reads.is_newest(state.reader.got[i], state.happened[i]))
    yield forall(SHARD, ITEM)(
        lambda s, i: implies(
            both(state.reader.got[i].count > 0, reads.starts(state, s, i)), state.reader.seen[s].begun
        )
    )
    yield forall(SHARD, ITEM)(
        lambda s, i: implies(
            both(state.reader.got[i].count > 0, reads.came_to(state, s, i)),
            state.reader.got[i].since == state.reader.seen[s].since,
        )
    )
    yield forall(SHARD, ITEM)(lambda s, i: reads.was_read_there(state, s, i))
    yield forall(SHARD, ITEM)(
        lambda s, i: implies(reads.came_to(state, s, i), reads.is_still_to_come(state, s, i))
    )


# What is promised.


@system.safe("ST-01")
def SAFE_a_record_is_a_change(state: State) -> Iterator[Any]:
    """A record is of a change that was acknowledged, with the item's states before and after it, which differ."""
    yield forall(SHARD, NUMBER, ITEM, NTH)(
        lambda s, n, i, k: said.is_acknowledged(state.branches[s], n, state.happened[i], i, k)
    )
    yield forall(ITEM, NTH, NTH)(lambda i, k, m: said.begins_where_the_last_ended(state.happened[i], k, m))


@system.safe("ST-01")
def SAFE_each_change_is_there_once(state: State) -> Iterator[Any]:
    """No two shards have a record of the same change, whoever derives it again and whatever splits."""
    yield forall(SHARD, SHARD, NUMBER)(
        lambda s, t, n: implies(said.is_there_twice(state.branches[s], state.branches[t], n), s == t)
    )


@system.safe("ST-03")
def SAFE_kept_for_a_day(state: State) -> Iterator[Any]:
    """A change that has been in the stream for less than 24 hours is there, and can be read."""
    yield forall(SHARD, NUMBER)(lambda s, n: said.is_there_for_a_day(state, state.branches[s], n))


@system.safe("ST-03")
def SAFE_readable_for_a_day_after_it_was_turned_off(state: State) -> Iterator[Any]:
    """Nobody is told that the stream is no more while it is on, or within 24 hours after it was turned off."""
    yield implies(state.refused.told, neg(state.stream.on))
    yield implies(state.refused.told, state.refused.at >= state.refused.issued + 24 * 60 * 60 * 1000)


@system.safe("ST-01", "ST-04")
def SAFE_a_reader_gets_all_changes_once_and_in_order(state: State) -> Iterator[Any]:
    """What a reader got of an item is a stretch of its changes; nothing is left out up to where it has read."""
    yield forall(ITEM, NTH, NTH)(
        lambda i, k, m: reads.is_in_order(state.reader.got[i], state.happened[i], k, m)
    )
    yield forall(SHARD, ITEM, NTH)(
        lambda s, i, k: implies(
            reads.came_to(state, s, i),
            reads.was_received(state.reader.seen[s], state.reader.got[i], state.happened[i], k),
        )
    )


@system.safe("ST-03", "ST-04")
def SAFE_a_reader_begins_early_enough(state: State) -> Iterator[Any]:
    """At the trim horizon a reader misses only what was a day old; at the latest only what was in the shard."""
    yield forall(SHARD, SHARD, NUMBER, ITEM)(
        lambda s, t, n, i: implies(
            both(
                neg(state.reader.from_latest), reads.came_to(state, s, i), state.branches[t].log[n].item == i
            ),
            reads.was_a_day_old(state.reader.seen[s], state.branches[t], n),
        )
    )
    yield forall(SHARD, NUMBER)(
        lambda s, n: implies(
            both(state.reader.from_latest, state.reader.listed_open[s]),
            reads.was_there_before(state.reader.seen[s], state.branches[s], n),
        )
    )


@system.safe("ST-04")
def SAFE_only_who_is_too_late_is_told_of_trimming(state: State) -> Iterator[Any]:
    """Who is told of trimming asked for what is no more; and all that a reader should read was there when it listed."""
    yield implies(
        state.trimmed.told, _is_no_more(state.branches[state.trimmed.shard], state.trimmed.position)
    )
    yield forall(SHARD, NUMBER, ITEM)(
        lambda s, n, i: implies(reads.came_to(state, s, i), reads.was_trimmed_since(state, s, n))
    )


def _is_no_more(branch: Branch, number: Any) -> Any:
    return both(branch.exists, number < branch.shard.horizon)


@system.safe("ST-04")
def SAFE_the_end_is_the_end(state: State) -> Iterator[Any]:
    """After a reader was told that it is at a shard's end, no change appears there behind it."""
    yield forall(SHARD, NUMBER)(
        lambda s, n: implies(
            both(state.ended.told, state.ended.shard == s, state.branches[s].appeared[n].known),
            n < state.ended.position,
        )
    )


@system.safe("ST-04")
def SAFE_an_iterator_lives_for_15_minutes(state: State) -> Iterator[Any]:
    """It is good for less than 15 minutes, and said to have expired only after them."""
    yield implies(state.given.told, state.given.at < state.given.issued + 15 * 60 * 1000)
    yield implies(state.expired.told, state.expired.at >= state.expired.issued + 15 * 60 * 1000)
