"""The records of the system `streams`: shards with the logs behind them, what happened, and what a reader has got."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, neg
from ddbproof.model.kernel import streams
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.streams import Shard, Stream

SHARD, NUMBER, ITEM, NTH = Sort("shard"), Sort("number"), Sort("item"), Sort("nth")
NOTHING_YET = -1


class Entry(msgspec.Struct, frozen=True):
    """An entry of a partition's log: a write of an item, with its images before and after. 0 is no item."""

    item: int
    before: int
    after: int


class Held(msgspec.Struct, frozen=True):
    """What a partition holds of an item, and how often that has changed."""

    value: int
    changes: int


class Record(msgspec.Struct, frozen=True):
    """A stream record as it is kept. Ghost: which of its item's changes it should be, counted from 0."""

    there: bool
    item: int
    before: int
    after: int
    stored: int
    nth: int


class Branch(msgspec.Struct, frozen=True):
    """A shard, and the log of the partition behind it, which holds the items from `low` up to `high`.

    The log begins with what the partition has from the parent. Behind a closed shard it is as it was then.
    `appeared` and `trimmed` (as the how-manieth event) are ghosts.
    """

    exists: bool
    shard: Shard
    has_parent: bool
    parent: int
    depth: int
    low: int
    high: int
    split: bool
    cut: int
    lower_opened: bool
    upper_opened: bool
    length: int
    committed: int
    log: Annotated[Map[Entry], NUMBER]
    held: Annotated[Map[Annotated[Map[Held], ITEM]], NUMBER]
    records: Annotated[Map[Record], NUMBER]
    appeared: Annotated[Map[Appeared], NUMBER]
    trimmed: Annotated[Map[int], NUMBER]


class Change(msgspec.Struct, frozen=True):
    """An effective change of an item: at which position, and the item's states before and after."""

    number: int
    before: int
    after: int


class Happened(msgspec.Struct, frozen=True):
    """An item's effective changes that were committed, in order."""

    count: int
    changes: Annotated[Map[Change], NTH]


class Appeared(msgspec.Struct, frozen=True):
    """That an entry's record was in a shard for the first time: when, and as the how-manieth of all."""

    known: bool
    at: int
    order: int


class Seen(msgspec.Struct, frozen=True):
    """How far a reader has been in a shard. Ghosts: where on the line it began, and when it began the shard."""

    begun: bool
    at: int
    since: int
    begun_at: int
    begun_order: int


class Got(msgspec.Struct, frozen=True):
    """What a reader has got of an item, as it got it. Ghosts: which change was the first, and where its line began."""

    count: int
    changes: Annotated[Map[Change], NTH]
    first: int
    since: int


class Reader(msgspec.Struct, frozen=True):
    """A reader: the shards that it has listed, and what it has seen and got. Ghost: after how many events it listed."""

    from_latest: bool
    listed_order: int
    listed: Annotated[Map[bool], SHARD]
    listed_open: Annotated[Map[bool], SHARD]
    seen: Annotated[Map[Seen], SHARD]
    got: Annotated[Map[Got], ITEM]


class Told(msgspec.Struct, frozen=True):
    """An answer that was given: to an iterator of when, and when."""

    told: bool
    issued: int
    at: int


class Given(msgspec.Struct, frozen=True):
    """Records that were given: for an iterator of when, and when. Ghost: the how-manieth change that was."""

    told: bool
    issued: int
    at: int
    nth: Annotated[int, NTH]


class Where(msgspec.Struct, frozen=True):
    """Where the reader was told something: that what it asks for is trimmed, or that it is at the end."""

    told: bool
    shard: int
    position: int


class State(msgspec.Struct, frozen=True):
    """A stream, what happened to the items of its table, and a reader.

    `present` and `open` say of which shards that is true, so that a reader can list all of them at once. `events` counts
    derivations and trimmed records.
    """

    stream: Stream
    branches: Annotated[Map[Branch], SHARD]
    present: Annotated[Map[bool], SHARD]
    open: Annotated[Map[bool], SHARD]
    happened: Annotated[Map[Happened], ITEM]
    events: int
    reader: Reader
    given: Given
    expired: Told
    trimmed: Where
    ended: Where
    refused: Told
    now: int


def new_reader(from_latest: bool, order: int, listed: Map[bool], listed_open: Map[bool]) -> Reader:
    """A reader that has only listed the shards."""
    no_changes: FrozenMap[Change] = FrozenMap(Change(0, 0, 0))
    return Reader(
        from_latest,
        order,
        listed,
        listed_open,
        FrozenMap(Seen(False, 0, 0, 0, 0)),
        FrozenMap(Got(0, no_changes, 0, 0)),
    )


NOT_TOLD = Where(False, 0, 0)
_NEVER = Told(False, 0, 0)
NO_RECORD = Record(False, 0, 0, 0, 0, 0)
NO_RECORDS: FrozenMap[Record] = FrozenMap(NO_RECORD)
NOTHING_APPEARED: FrozenMap[Appeared] = FrozenMap(Appeared(False, 0, 0))
NOTHING_TRIMMED: FrozenMap[int] = FrozenMap(0)


def first_state(shard: Shard, low: int, high: int) -> State:
    """An empty table of one partition, whose stream has just been turned on."""
    branch = Branch(
        exists=False,
        shard=shard,
        has_parent=False,
        parent=0,
        depth=0,
        low=low,
        high=high,
        split=False,
        cut=0,
        lower_opened=False,
        upper_opened=False,
        length=0,
        committed=0,
        log=FrozenMap(Entry(0, 0, 0)),
        held=FrozenMap(FrozenMap(Held(0, 0))),
        records=NO_RECORDS,
        appeared=NOTHING_APPEARED,
        trimmed=NOTHING_TRIMMED,
    )
    only_first = FrozenMap(False).put(0, True)
    return State(
        stream=Stream(),
        branches=FrozenMap(branch).put(0, msgspec.structs.replace(branch, exists=True)),
        present=only_first,
        open=only_first,
        happened=FrozenMap(Happened(0, FrozenMap(Change(0, 0, 0)))),
        events=0,
        reader=new_reader(False, 0, only_first, only_first),
        given=Given(False, 0, 0, 0),
        expired=_NEVER,
        trimmed=NOT_TOLD,
        ended=NOT_TOLD,
        refused=_NEVER,
        now=0,
    )


def branch_of(state: State, shard: int) -> Branch:
    """A shard. Raises NotAllowed if there is none of that number."""
    branch = state.branches[shard]
    require(branch.exists)
    return branch


def parent_gone(state: State, branch: Branch) -> bool:
    """True if a shard has no parent any more."""
    if branch.has_parent:
        return state.branches[branch.parent].shard.gone
    return True


def with_branch(state: State, number: int, branch: Branch) -> State:
    """The state with a shard as it is now; what can be listed follows."""
    return msgspec.structs.replace(
        state,
        branches=state.branches.put(number, branch),
        present=state.present.put(number, neg(branch.shard.gone)),
        open=state.open.put(number, neg(branch.shard.closed)),
    )


def iterator_of(
    state: State, shard: int, number: int, after: bool, issued: int
) -> tuple[Branch, Seen, streams.Iterator]:
    """An iterator at a number where the reader is or has been, or after one that it has read. NotAllowed for another."""
    branch, seen = branch_of(state, shard), state.reader.seen[shard]
    require(seen.begun)
    require(issued <= state.now)
    require(number >= seen.since)
    require(number >= branch.shard.first)
    require(either(number < seen.at, both(neg(after), number == seen.at)))
    return branch, seen, streams.Iterator(streams.from_sequence_number(number, after), issued)


def received(got: Got, record: Record, number: int, since: int) -> Got:
    """What the reader has got of an item when it gets a record of it."""
    newest, first = NOTHING_YET, record.nth
    if got.count > 0:
        newest, first, since = got.changes[got.count - 1].number, got.first, got.since
    if not streams.is_new(newest, number):
        return got
    change = Change(number, record.before, record.after)
    return Got(got.count + 1, got.changes.put(got.count, change), first, since)
