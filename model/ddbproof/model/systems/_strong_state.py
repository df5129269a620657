"""The records of the system `strong`: three members, ballots and reads, what was sent, and what is said of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, neg
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.strong import (
    NEW_REGION,
    NEW_REGISTER,
    SINGLE_REGION,
    Promise,
    Region,
    Register,
    Request,
    Round,
    Table,
)

MEMBER, ROUND, READ, VERSION = Sort("member"), Sort("round"), Sort("read"), Sort("version")
MEMBERS = range(3)
PAIRS = ((0, 1), (0, 2), (1, 2))
NOBODY = -1
OPEN, DONE, CONFLICT, UNKNOWN = 0, 1, 2, 3
History = Annotated[Map[int], VERSION]
Rounds = Annotated[Map[bool], ROUND]


class Seen(msgspec.Struct, frozen=True):
    """The last eventually consistent read at a member: the version it gave, and if that lacked a write of this Region."""

    any: bool
    number: int
    lacking: bool
    while_cut_off: bool


class Member(msgspec.Struct, frozen=True):
    """A member, what it holds of the item, and if it is cut off from the others.

    Ghosts: how many requests of clients it has answered, also by when it was cut off and suspended; the highest version
    it has acknowledged a write of.
    """

    region: Region
    register: Register
    cut_off: bool
    answered: int
    answered_when_cut: int
    answered_when_suspended: int
    acknowledged: int
    seen: Seen


class Ballot(msgspec.Struct, frozen=True):
    """A round at the Region that began it. A write is named by the number of its round.

    Ghosts: its counter, the history that it proposes (version -> the round of its write), and how often it was answered.
    """

    begun: bool
    member: int
    counter: int
    record: Round
    history: History
    answers: int


class Promised(msgspec.Struct, frozen=True):
    """A member's promise, if it is given, and whose value it told of."""

    given: bool
    answer: Promise
    round: int


class Read(msgspec.Struct, frozen=True):
    """A strong read that tries without a ballot, where, if it was answered, and from which round."""

    begun: bool
    member: int
    request: Request
    answered: bool
    round: int


class Told(msgspec.Struct, frozen=True):
    """The ballot that a member told a read, if it did, and whose that is."""

    given: bool
    accepted: int
    round: int


class State(msgspec.Struct, frozen=True):
    """The table, its members, every round and read, and everything that was sent.

    The rest are ghosts. `mode` is what the table was created in last, `removed` how many members it was asked to lose when
    that was granted. `accepted` says which rounds' values each member has
    ever accepted, `holds` which last, and `applies` which it has applied. `known` are the rounds that somebody knows to be
    decided; `before` and `read_before` those that were known when a round or read began, `had` and `had_read` what each
    member had accepted by then, and `owes` what was known when a Region lost or found touch.
    """

    table: Table
    items_before: int
    witness: int
    stays: int
    dissolved: bool
    members: Annotated[Map[Member], MEMBER]
    rounds: Annotated[Map[Ballot], ROUND]
    reads: Annotated[Map[Read], READ]
    promises: Annotated[Map[Annotated[Map[Promised], ROUND]], MEMBER]
    told: Annotated[Map[Annotated[Map[Told], READ]], MEMBER]
    mode: bool
    removed: int
    accepted: Annotated[Map[Rounds], MEMBER]
    holds: Annotated[Map[int], MEMBER]
    applies: Annotated[Map[Annotated[int, ROUND]], MEMBER]
    streams: Annotated[Map[History], MEMBER]
    known: Rounds
    before: Annotated[Map[Rounds], ROUND]
    had: Annotated[Map[Annotated[Map[Rounds], ROUND]], MEMBER]
    read_before: Annotated[Map[Rounds], READ]
    had_read: Annotated[Map[Annotated[Map[Rounds], READ]], MEMBER]
    owes: Annotated[Map[Rounds], MEMBER]


_NO_REQUEST = Request(False, 0)
_NO_ROUND = Ballot(False, 0, 0, Round(0, _NO_REQUEST, False, False, False, 0, OPEN), FrozenMap(0), 0)
_NOTHING = Ballot(True, 0, 0, Round(0, _NO_REQUEST, False, True, False, 0, UNKNOWN), FrozenMap(0), 0)
_NEW_MEMBER = Member(NEW_REGION, NEW_REGISTER, False, 0, 0, 0, 0, Seen(False, 0, False, False))


def first_state(witness: int, formed: bool) -> State:
    """A table in one Region; or in strong mode, just formed and entered by all, where a small world may begin.

    Round 0 stands for the item that is not there: version 0, which all members have.
    """
    none: FrozenMap[bool] = FrozenMap(False)
    nobody: Map[Map[bool]] = FrozenMap(none)
    members: Map[Member] = FrozenMap(_NEW_MEMBER)
    table, mode = SINGLE_REGION, False
    if formed:
        mode = True
        table = Table(3, 0, True, False, False)
        if is_member(witness):
            table = Table(2, 1, True, False, False)
        else:
            witness = NOBODY
        for member in MEMBERS:
            region = Region(True, witness == member, True, True, 0)
            members = members.put(member, msgspec.structs.replace(_NEW_MEMBER, region=region))
    else:
        witness = NOBODY
    nothing: FrozenMap[int] = FrozenMap(0)
    return State(
        table=table,
        items_before=0,
        witness=witness,
        stays=NOBODY,
        dissolved=False,
        members=members,
        rounds=FrozenMap(_NO_ROUND).put(0, _NOTHING),
        reads=FrozenMap(Read(False, 0, _NO_REQUEST, False, 0)),
        promises=FrozenMap(FrozenMap(Promised(False, Promise(0, 0, 0), 0))),
        told=FrozenMap(FrozenMap(Told(False, 0, 0))),
        mode=mode,
        removed=0,
        accepted=FrozenMap(none.put(0, True)),
        holds=nothing,
        applies=nothing,
        streams=FrozenMap(nothing),
        known=none.put(0, True),
        before=nobody,
        had=FrozenMap(nobody),
        read_before=nobody,
        had_read=FrozenMap(nobody),
        owes=nobody,
    )


def is_member(number: int) -> bool:
    """True for 0, 1 and 2."""
    return number >= 0 and number <= 2


def member_of(state: State, member: int) -> Member:
    """One of the three, which has joined. Raises NotAllowed for another."""
    require(is_member(member))
    found = state.members[member]
    require(found.region.joined)
    return found


def linked(state: State, one: int, other: int) -> None:
    """What one has sent may reach the other now. Raises NotAllowed if one of them is cut off."""
    require(either(one == other, neg(either(state.members[one].cut_off, state.members[other].cut_off))))


def counted(member: int, other: int) -> int:
    """How many members that are: the one, and the other."""
    if member == other:
        return 1
    return 2


def with_member(state: State, number: int, member: Member) -> State:
    """The state with one of the members changed."""
    return msgspec.structs.replace(state, members=state.members.put(number, member))


def with_round(state: State, number: int, ballot: Ballot) -> State:
    """The state with one of the rounds changed."""
    return msgspec.structs.replace(state, rounds=state.rounds.put(number, ballot))


def answered(before: Ballot, record: Round) -> Ballot:
    """A round that is answered: as done, as a conflict, or that nobody knows."""
    return msgspec.structs.replace(before, record=record, answers=before.answers + 1)


# What is said of them.


def any_two(holds: Any) -> Any:
    """Two of the three members of which something holds."""
    return either(*(both(holds(one), holds(other)) for one, other in PAIRS))


def ballot(state: State, number: int) -> int:
    """A round's ballot."""
    return state.rounds[number].record.ballot


def version(state: State, number: int) -> int:
    """The number of the version that a round proposes."""
    return state.rounds[number].record.number


def proposed(state: State, number: int) -> Any:
    """A round has sent out a value."""
    return state.rounds[number].record.proposed


def succeeded(state: State, number: int) -> Any:
    """A round's request was answered as done."""
    return state.rounds[number].record.outcome == DONE


def decided(state: State, number: int) -> Any:
    """Two members have accepted what a round proposed."""
    return both(proposed(state, number), any_two(lambda m: state.accepted[m][number]))


def too_late(state: State, number: int) -> Any:
    """Two members have not accepted what a round proposed and never will."""
    return any_two(
        lambda m: both(
            state.members[m].register.promised > ballot(state, number), neg(state.accepted[m][number])
        )
    )


def same(state: State, one: int, other: int, at: int) -> Any:
    """Two rounds' values have the same version `at`."""
    return state.rounds[one].history[at] == state.rounds[other].history[at]


def has(state: State, number: int, at: int) -> Any:
    """A round's value has a version `at`."""
    return both(at >= 1, at <= version(state, number))


def newer(state: State, one: int, other: int) -> Any:
    """Both rounds have sent out a value, the other under a higher ballot."""
    return both(proposed(state, one), proposed(state, other), ballot(state, one) < ballot(state, other))


def leaves_by(state: State, member: int, latest: int) -> Any:
    """A member has promised a last ballot, the first one no higher than that."""
    last = state.members[member].register.last
    return both(last > 0, last <= latest)


def written(state: State, number: int, at: int) -> Any:
    """A round was acknowledged as the write that made a version."""
    return both(succeeded(state, number), state.rounds[number].record.changes, version(state, number) == at)
