"""What is said of the state of the system `streams`: one shard, one item or one reader at a time."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.values import both, either, equal, implies, neg, same_truth
from ddbproof.model.systems._streams_state import Branch, Change, Happened, State

DAY = 24 * 60 * 60 * 1000


# Of shards, their logs and items.


def holds(branch: Branch, item: Any) -> Any:
    """A shard is of an item's partition."""
    return both(branch.exists, branch.low <= item, item < branch.high)


def is_present(branch: Branch) -> Any:
    """There is such a shard, and it is not gone."""
    return both(branch.exists, neg(branch.shard.gone))


def is_open(branch: Branch) -> Any:
    """There is such a shard, and it is not closed."""
    return both(branch.exists, neg(branch.shard.closed))


def unopened(branch: Branch, item: Any) -> Any:
    """A partition has split, and the child that an item goes to has no shard yet."""
    lower = both(item < branch.cut, neg(branch.lower_opened))
    return both(branch.split, either(lower, both(item >= branch.cut, neg(branch.upper_opened))))


def leads(branch: Branch, item: Any) -> Any:
    """What a shard's log says of an item is the present."""
    return both(holds(branch, item), either(neg(branch.shard.closed), unopened(branch, item)))


def figures(branch: Branch) -> Any:
    """A shard's figures are in order, and only a closed partition has split."""
    shard = branch.shard
    return implies(
        branch.exists,
        both(
            shard.first >= 0,
            shard.first <= shard.horizon,
            shard.horizon <= shard.next,
            shard.next <= branch.committed,
            branch.committed <= branch.length,
            branch.depth >= 0,
            either(branch.has_parent, branch.depth == 0),
            implies(branch.split, shard.closed),
        ),
    )


def ends(branch: Branch) -> Any:
    """All that is a closed shard's is committed; of a partition that has split that is the whole log."""
    end = branch.shard.end
    whole = both(branch.committed == end, branch.length == end)
    return implies(
        both(branch.exists, branch.shard.closed),
        both(branch.shard.next <= end, end <= branch.committed, either(neg(branch.split), whole)),
    )


def has_ended(branch: Branch, number: Any) -> Any:
    """A shard is closed, and ends before a position."""
    return both(branch.exists, branch.shard.closed, branch.shard.end <= number)


def is_child(branch: Branch, number: Any, parent: Branch) -> Any:
    """A shard is one step further on the line than its parent, begins where that ends, and is of no more items."""
    return implies(
        both(branch.exists, branch.has_parent, branch.parent == number),
        both(
            parent.exists,
            parent.shard.closed,
            branch.shard.first == parent.shard.end,
            branch.depth == parent.depth + 1,
            branch.low >= parent.low,
            branch.high <= parent.high,
        ),
    )


def side_by_side(branch: Branch, other: Branch, item: Any) -> Any:
    """Two shards of an item are equally far on the line."""
    return both(holds(branch, item), holds(other, item), branch.depth == other.depth)


def precedes(earlier: Branch, later: Branch, item: Any) -> Any:
    """Of two shards of an item the one that comes earlier ends before the other begins."""
    return implies(
        both(holds(earlier, item), holds(later, item), earlier.depth < later.depth),
        both(
            earlier.shard.closed,
            earlier.shard.end <= later.shard.first,
            earlier.committed <= later.committed,
            neg(unopened(earlier, item)),
        ),
    )


def goes_before(earlier: Branch, later: Branch, item: Any) -> Any:
    """Nothing of a shard is trimmed, and it does not go, before those that come earlier are gone."""
    trimmed = later.shard.horizon > later.shard.first
    return implies(
        both(
            holds(earlier, item),
            holds(later, item),
            earlier.depth < later.depth,
            either(trimmed, later.shard.gone),
        ),
        earlier.shard.gone,
    )


def nothing_left(branch: Branch) -> Any:
    """Nothing is left of a shard that is gone."""
    shard = branch.shard
    return implies(both(branch.exists, shard.gone), both(shard.closed, shard.horizon == shard.end))


def is_of_its_items(branch: Branch, number: Any) -> Any:
    """Since its shard began a partition has had entries of its own items only."""
    return implies(
        both(branch.exists, number >= branch.shard.first, number < branch.length),
        holds(branch, branch.log[number].item),
    )


def follows(branch: Branch, number: Any, item: Any) -> Any:
    """What a partition holds of an item after an entry, and how often it has changed, follows from the entry."""
    entry, before, after = branch.log[number], branch.held[number][item], branch.held[number + 1][item]
    changed = entry.before != entry.after
    return implies(
        both(branch.exists, number >= 0, number < branch.length),
        either(
            both(entry.item != item, equal(before, after)),
            both(
                entry.item == item,
                before.value == entry.before,
                after.value == entry.after,
                either(
                    both(changed, after.changes == before.changes + 1),
                    both(neg(changed), after.changes == before.changes),
                ),
            ),
        ),
    )


def is_change(change: Change, number: Any, before: Any, after: Any) -> Any:
    """A change is this one."""
    return both(change.number == number, change.before == before, change.after == after)


def is_one(happened: Happened, nth: Any) -> Any:
    """An item has been changed so often, and once more."""
    return both(nth >= 0, nth < happened.count)


def comes_earlier(happened: Happened, nth: Any, later: Any) -> Any:
    """Positions grow with an item's changes, from 0."""
    return implies(
        both(nth >= 0, nth < later, later < happened.count),
        happened.changes[nth].number < happened.changes[later].number,
    )


def begins_where_the_last_ended(happened: Happened, nth: Any, following: Any) -> Any:
    """A change finds its item as the change before left it."""
    return implies(
        both(nth >= 0, following == nth + 1, following < happened.count),
        happened.changes[following].before == happened.changes[nth].after,
    )


def is_logged(branch: Branch, number: Any, item: Any, happened: Happened, nth: Any) -> Any:
    """The committed part of a log and what happened to an item say the same of an entry and a change."""
    entry, change = branch.log[number], happened.changes[nth]
    of_the_entry = both(
        entry.item == item, entry.before != entry.after, branch.held[number][item].changes == nth
    )
    of_the_change = both(is_one(happened, nth), change.number == number)
    return implies(
        both(holds(branch, item), number >= 0, number < branch.committed),
        both(
            same_truth(of_the_entry, of_the_change),
            implies(of_the_entry, is_change(change, number, entry.before, entry.after)),
        ),
    )


def is_up_to_date(branch: Branch, item: Any, happened: Happened) -> Any:
    """What a log that says the present of an item has committed is all that has happened to it."""
    now = branch.held[branch.committed][item]
    last = happened.changes[happened.count - 1].after
    return implies(
        leads(branch, item),
        both(
            now.changes == happened.count,
            either(both(happened.count == 0, now.value == 0), both(happened.count > 0, now.value == last)),
        ),
    )


def is_committed(branch: Branch, item: Any, happened: Happened, nth: Any) -> Any:
    """A change of an item lies in the committed part of a log that says the present of it."""
    number = happened.changes[nth].number
    return implies(
        both(leads(branch, item), is_one(happened, nth)), both(number >= 0, number < branch.committed)
    )


# Of records.


def is_as_logged(branch: Branch, number: Any) -> Any:
    """A record is of a change that stands in the log."""
    entry, record = branch.log[number], branch.records[number]
    return implies(
        both(branch.exists, record.there),
        both(
            number >= branch.shard.horizon,
            number < branch.shard.next,
            entry.before != entry.after,
            record.item == entry.item,
            record.before == entry.before,
            record.after == entry.after,
        ),
    )


def is_counted(branch: Branch, number: Any, item: Any) -> Any:
    """A record of an item is of as manieth a change as the log says."""
    record = branch.records[number]
    return implies(
        both(branch.exists, record.there, record.item == item),
        record.nth == branch.held[number][item].changes,
    )


def is_recorded(branch: Branch, number: Any) -> Any:
    """A change between horizon and next has a record, and each before next has appeared."""
    entry = branch.log[number]
    return implies(
        both(
            branch.exists,
            number >= branch.shard.first,
            number < branch.shard.next,
            entry.before != entry.after,
        ),
        both(
            branch.appeared[number].known,
            either(number < branch.shard.horizon, branch.records[number].there),
        ),
    )


def has_appeared(state: State, branch: Branch, number: Any) -> Any:
    """What has appeared was derived, and is kept since then or later, unless it is a day old."""
    appeared = branch.appeared[number]
    kept = both(number >= branch.shard.horizon, appeared.at <= branch.records[number].stored)
    return implies(
        both(branch.exists, appeared.known),
        both(
            number >= branch.shard.first,
            number < branch.shard.next,
            branch.log[number].before != branch.log[number].after,
            appeared.at <= state.now,
            appeared.order < state.events,
            either(appeared.at + DAY <= state.now, kept),
        ),
    )


def is_acknowledged(branch: Branch, number: Any, happened: Happened, item: Any, nth: Any) -> Any:
    """A record of an item is of the change that it should be."""
    record, change = branch.records[number], happened.changes[nth]
    return implies(
        both(branch.exists, record.there, record.item == item, record.nth == nth),
        both(
            is_one(happened, nth),
            is_change(change, number, record.before, record.after),
            record.before != record.after,
        ),
    )


def is_there_twice(branch: Branch, other: Branch, number: Any) -> Any:
    """Two shards have a record of the same item with the same number."""
    one, another = branch.records[number], other.records[number]
    return both(branch.exists, other.exists, one.there, another.there, one.item == another.item)


def is_there_for_a_day(state: State, branch: Branch, number: Any) -> Any:
    """What has appeared less than 24 hours ago is there, and can be found and read."""
    appeared = branch.appeared[number]
    return implies(
        both(branch.exists, appeared.known, state.now < appeared.at + 24 * 60 * 60 * 1000),
        both(
            branch.records[number].there,
            branch.shard.horizon <= number,
            neg(branch.shard.gone),
        ),
    )
