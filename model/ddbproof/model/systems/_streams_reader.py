"""What is said of a reader in the system `streams`, and of where it has begun."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.values import both, either, equal, implies, neg
from ddbproof.model.systems._streams_said import holds, is_one
from ddbproof.model.systems._streams_state import Branch, Got, Happened, Reader, Seen, State


def starts(state: State, shard: Any, item: Any) -> Any:
    """The reader starts at a shard of the item, by its listing."""
    reader, branch = state.reader, state.branches[shard]
    orphan = either(neg(branch.has_parent), neg(reader.listed[branch.parent]))
    return both(
        holds(branch, item),
        either(
            both(reader.from_latest, reader.listed_open[shard]),
            both(neg(reader.from_latest), reader.listed[shard], orphan),
        ),
    )


def came_to(state: State, shard: Any, item: Any) -> Any:
    """The reader has begun a shard of the item."""
    return both(state.reader.seen[shard].begun, holds(state.branches[shard], item))


def starts_behind(state: State, earlier: Branch, shard: Any, item: Any) -> Any:
    """Where a reader starts from the trim horizon, what came before on the line is gone."""
    return implies(
        both(
            holds(earlier, item),
            earlier.depth < state.branches[shard].depth,
            neg(state.reader.from_latest),
            starts(state, shard, item),
        ),
        earlier.shard.gone,
    )


def was_behind(reader: Reader, branch: Branch, later: Branch, number: Any, item: Any) -> Any:
    """What was trimmed of a shard that comes later on the line was trimmed after the listing."""
    trimmed = both(number >= later.shard.first, number < later.shard.horizon)
    return implies(
        both(holds(later, item), branch.depth < later.depth, trimmed),
        later.trimmed[number] >= reader.listed_order,
    )


def was_trimmed_since(state: State, shard: Any, number: Any) -> Any:
    """What was trimmed of a shard, from where the reader began on, was trimmed after the listing."""
    branch, seen = state.branches[shard], state.reader.seen[shard]
    return implies(
        both(number >= branch.shard.first, number >= seen.since, number < branch.shard.horizon),
        branch.trimmed[number] >= state.reader.listed_order,
    )


def is_not_ahead(state: State, seen: Seen, branch: Branch) -> Any:
    """A reader is not ahead of the stream, nor behind where it began."""
    return implies(
        seen.begun,
        both(
            branch.exists,
            seen.at >= branch.shard.first,
            seen.at <= branch.shard.next,
            seen.at >= seen.since,
            seen.begun_at <= state.now,
            seen.begun_order <= state.events,
        ),
    )


def is_trimmed(seen: Seen, branch: Branch, number: Any, item: Any) -> Any:
    """What lies before where a reader began on the line is no more."""
    before = both(number < seen.since, number >= branch.shard.first, number < branch.committed)
    own = either(neg(branch.shard.closed), number < branch.shard.end)
    return implies(both(holds(branch, item), before, own), number < branch.shard.horizon)


def is_in_order(got: Got, happened: Happened, place: Any, nth: Any) -> Any:
    """What was got at a place is what happened next after what was got before it."""
    return implies(
        both(place >= 0, place < got.count, nth == got.first + place),
        both(nth < happened.count, equal(got.changes[place], happened.changes[nth])),
    )


def is_read_out(branch: Branch, seen: Seen) -> Any:
    """A reader has read a shard to its end."""
    return both(seen.begun, branch.shard.closed, seen.at >= branch.shard.end)


def was_read_before(state: State, earlier: Any, shard: Any, item: Any) -> Any:
    """A shard that comes before one that a reader has begun was read to its end, or ends before the reader started."""
    branch, seen = state.branches[earlier], state.reader.seen[earlier]
    return implies(
        both(holds(branch, item), branch.depth < state.branches[shard].depth),
        either(is_read_out(branch, seen), branch.shard.end <= state.reader.seen[shard].since),
    )


def was_read_there(state: State, shard: Any, item: Any) -> Any:
    """If the last that was got lies in a shard it was read there; if it lies behind, the shard has been read before."""
    branch, seen, got = state.branches[shard], state.reader.seen[shard], state.reader.got[item]
    newest = got.changes[got.count - 1].number
    before = either(is_read_out(branch, seen), branch.shard.end <= got.since)
    return implies(
        both(got.count > 0, holds(branch, item)),
        either(
            newest < branch.shard.first,
            both(seen.begun, newest < seen.at),
            both(branch.shard.closed, branch.shard.end <= newest, before),
        ),
    )


def is_first(got: Got, happened: Happened) -> Any:
    """The first that was got is from where the reader started, or later."""
    later = happened.changes[got.first].number >= got.since
    return both(got.count >= 0, got.first >= 0, either(got.count == 0, later))


def is_newest(got: Got, happened: Happened) -> Any:
    """The last that was got has the number of as manieth a change as were got."""
    return implies(
        got.count > 0,
        got.changes[got.count - 1].number == happened.changes[got.first + got.count - 1].number,
    )


def is_still_to_come(state: State, shard: Any, item: Any) -> Any:
    """The change after the last that was got is none of where the reader has been."""
    got, happened = state.reader.got[item], state.happened[item]
    following = got.first + got.count
    return implies(
        both(got.count > 0, following < happened.count),
        happened.changes[following].number >= state.reader.seen[shard].at,
    )


def was_received(seen: Seen, got: Got, happened: Happened, nth: Any) -> Any:
    """Of the changes between where a reader began on the line and where it is, it has got this one."""
    number = happened.changes[nth].number
    return implies(
        both(is_one(happened, nth), number >= seen.since, number < seen.at),
        both(got.first <= nth, nth < got.first + got.count),
    )


def was_a_day_old(seen: Seen, branch: Branch, number: Any) -> Any:
    """A change from before where the reader began had been in the stream for a day."""
    appeared = branch.appeared[number]
    return implies(
        both(seen.begun, branch.exists, appeared.known, number < seen.since),
        appeared.at + 24 * 60 * 60 * 1000 <= seen.begun_at,
    )


def was_there_before(seen: Seen, branch: Branch, number: Any) -> Any:
    """A change from before where the reader began had appeared when it did."""
    appeared = branch.appeared[number]
    return implies(
        both(seen.begun, branch.exists, appeared.known, number < seen.since),
        appeared.order < seen.begun_order,
    )
