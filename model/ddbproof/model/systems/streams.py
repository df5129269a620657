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
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.systems import _streams_reader as reads
from ddbproof.model.systems import _streams_said as said
from ddbproof.model.systems._streams_state import (
    ITEM,
    NTH,
    NUMBER,
    SHARD,
    Branch,
    State,
)
from ddbproof.model.systems._streams_steps import system


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


__all__ = ["system"]
