"""A log that is archived by segments, over storage that damages objects, by replicas that send what they like when they like.

Source: REP-14. The kernel is `kernel/archive.py`. Three replicas hold the log, which is what was committed; each may send any part of it, again
or too early, while others do. The object under way is written entry by entry, and any of them may be damaged. A checksum is of
all entries up to a place: `checksum_at` has them, and no damaged object has the same by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, same_truth
from ddbproof.model.kernel import archive
from ddbproof.model.kernel.archive import Manifest, Segment
from ddbproof.model.kernel.refusal import require

INDEX, ENTRY, REPLICA = Sort("index"), Sort("entry"), Sort("replica")
Entries = Annotated[Map[Annotated[int, ENTRY]], INDEX]


class Object(msgspec.Struct, frozen=True):
    """An object under way: where it begins and ends, the checksum of what is before it, and of that with what is in it."""

    start: Annotated[int, INDEX]
    end: Annotated[int, INDEX]
    before: int
    checksum: int
    entries: Entries


class State(msgspec.Struct, frozen=True):
    """The committed log, what each replica has dropped of it and has, the archive, and an object under way."""

    log: Entries
    checksum_at: Annotated[Map[int], INDEX]
    length: Annotated[int, INDEX]
    trimmed: Annotated[Map[Annotated[int, INDEX]], REPLICA]
    held: Annotated[Map[Annotated[int, INDEX]], REPLICA]
    manifest: Manifest
    archived: Entries
    under_way: Object


system = System("archive", "The archive of the log", State, [archive])
system.scope_in_words = [
    "one log, any number of replicas, segments of any length; one object is looked at, of any that are under way",
    "a checksum is the same for the same entries only",
    "storage keeps what was listed; that AWS specified its protocol in TLA+ is a statement about AWS",
]
replace = msgspec.structs.replace


@system.initial
def empty() -> State:
    """An empty log, and nothing archived."""
    nothing: FrozenMap[int] = FrozenMap(0)
    return State(nothing, nothing, 0, nothing, nothing, Manifest(), nothing, Object(0, 0, 0, 0, nothing))


@system.action
def commit(state: State, entry: Annotated[int, ENTRY], checksum: int) -> State:
    """The log grows by an entry."""
    return replace(
        state,
        log=state.log.put(state.length, entry),
        checksum_at=state.checksum_at.put(state.length + 1, checksum),
        length=state.length + 1,
    )


@system.action
def receive(state: State, replica: Annotated[int, REPLICA]) -> State:
    """A replica gets the next entry."""
    require(state.held[replica] < state.length)
    return replace(state, held=state.held.put(replica, state.held[replica] + 1))


@system.action
def begin_object(state: State, replica: Annotated[int, REPLICA], start: Annotated[int, INDEX]) -> State:
    """A replica begins to send the log from some place on, that it still has."""
    require(both(start >= state.trimmed[replica], start <= state.held[replica]))
    begun = Object(start, start, state.checksum_at[start], state.checksum_at[start], state.archived)
    return replace(state, under_way=begun)


@system.action
def put_entry(
    state: State, replica: Annotated[int, REPLICA], entry: Annotated[int, ENTRY], checksum: int
) -> State:
    """The next entry of the object is stored, as it was sent or damaged."""
    at = state.under_way.end
    require(both(at >= state.trimmed[replica], at < state.held[replica]))
    sound = both(state.under_way.checksum == state.checksum_at[at], entry == state.log[at])
    require(same_truth(checksum == state.checksum_at[at + 1], sound))
    entries = state.under_way.entries.put(at, entry)
    longer = replace(state.under_way, end=at + 1, checksum=checksum, entries=entries)
    return replace(state, under_way=longer)


@system.action
def list_object(state: State) -> State:
    """The object is listed, if it may be; what it says of itself was sent with it."""
    made = state.under_way
    segment = Segment(made.start, made.end, made.before, state.checksum_at[made.end])
    manifest = archive.add(state.manifest, segment, made.checksum)
    return replace(state, manifest=manifest, archived=made.entries)


@system.action
def trim(state: State, replica: Annotated[int, REPLICA], start: Annotated[int, INDEX]) -> State:
    """A replica drops the beginning of its log."""
    require(both(start > state.trimmed[replica], start <= state.held[replica]))
    require(archive.may_trim(state.manifest, start))
    return replace(state, trimmed=state.trimmed.put(replica, start))


@system.invariant
def bounds(state: State) -> Iterator[Any]:
    """What is archived, held or under way is a part of the log."""
    yield both(state.length >= 0, state.manifest.end >= 0, state.manifest.end <= state.length)
    yield forall(REPLICA)(
        lambda r: both(
            state.trimmed[r] >= 0,
            state.trimmed[r] <= state.held[r],
            state.held[r] <= state.length,
        )
    )
    made = state.under_way
    yield both(made.start >= 0, made.start <= made.end, made.end <= state.length)


@system.invariant
def checksums(state: State) -> Iterator[Any]:
    """The checksum of the manifest is the log's at its end; the object's is the log's where nothing was damaged."""
    yield state.manifest.checksum == state.checksum_at[state.manifest.end]
    made = state.under_way
    yield made.before == state.checksum_at[made.start]
    yield forall(INDEX)(
        lambda i: implies(
            both(made.checksum == state.checksum_at[made.end], i >= made.start, i < made.end),
            made.entries[i] == state.log[i],
        )
    )


@system.invariant
def the_object_has_what_was_before(state: State) -> Iterator[Any]:
    """If the object follows on what is listed, it comes with all of that."""
    made = state.under_way
    yield forall(INDEX)(
        lambda i: implies(
            both(made.start == state.manifest.end, i >= 0, i < made.start),
            made.entries[i] == state.log[i],
        )
    )


@system.safe("REP-14")
def SAFE_the_archive_is_the_log(state: State) -> Iterator[Any]:
    """What is listed is the committed log from its beginning to some end: no gap in it, and nothing damaged."""
    yield state.manifest.end <= state.length
    yield forall(INDEX)(
        lambda i: implies(both(i >= 0, i < state.manifest.end), state.archived[i] == state.log[i])
    )


@system.safe("REP-14")
def SAFE_dropped_only_what_is_listed(state: State) -> Iterator[Any]:
    """Each replica has every entry that it got, or the archive has it."""
    yield forall(REPLICA, INDEX)(
        lambda r, i: implies(
            both(i >= 0, i < state.held[r]),
            either(i >= state.trimmed[r], state.archived[i] == state.log[i]),
        )
    )
    yield forall(REPLICA)(lambda r: state.trimmed[r] <= state.manifest.end)
