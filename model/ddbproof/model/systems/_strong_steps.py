"""Strong mode: an item on three members, one of which may be a witness; and the table that they form.

The kernel is `kernel/strong.py`. Requests are numbered, for what is stated: a *round* is one ballot, of a write, or
of a read or a catching-up that finishes what it finds; a *read* is one that tries without. No kernel function sees the
number. That no two rounds have the same ballot is proved, not assumed. Whether a write's condition holds, the
adversary says (`changes`).

The network is the worst there is: whatever was sent arrives any number of times, in any order, late or never; an answer
to an earlier request may reach a later one. On top of that a member may be *cut off*: nothing reaches it or
comes from it until that ends. When a Region notices, and whether it is right, is up to the adversary, too. A Region that
gives up or dies answers nothing more, which `give_up` does, or no step at all; what its register holds is durable.

The history of a version is a ghost: which writes came before it, in order. A member's part of it is what it accepted last;
no kernel function reads it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, neg
from ddbproof.model.kernel import instants, strong
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.strong import Request
from ddbproof.model.systems._strong_state import (
    MEMBER,
    MEMBERS,
    NOBODY,
    READ,
    ROUND,
    VERSION,
    Ballot,
    Promised,
    Read,
    Seen,
    State,
    Told,
    answered,
    ballot,
    counted,
    first_state,
    is_member,
    linked,
    member_of,
    succeeded,
    version,
    with_member,
    with_round,
)

system = System("strong", "Strong mode of global tables", State, [strong], [instants])
system.fast = False
system.scope_in_words = [
    "one item; items do not depend on each other, and a Region serves again when it has caught up with every one",
    "what a member has promised and accepted survives: each Region keeps it in a replication group (replication)",
    "a Region begins one ballot at a time for an item, and queues its other writes to it",
    "the versions that a member has missed come with the one it accepts; items and conditions are not looked into",
    "a witness shows in DescribeTable only, streams are off at first, eventual mode itself: the endpoint's and eventual's",
    "one forming and one dissolving; that one of two Regions that refuse each other gets through is not proved",
]
system.merged = (
    "instants.higher",
    "strong.takes_answer",
    "strong.latest",
    "strong.is_quorum",
    "strong.may_promise",
    "strong.first_last",
    "strong.may_request",
)
replace = msgspec.structs.replace


@system.initial
def nothing_written(witness: int, formed: bool) -> State:
    """A table in one Region, or one in strong mode with nothing in it and perhaps a witness."""
    return first_state(witness, formed)


# The table.


@system.action
def write_alone(state: State, more: bool) -> State:
    """While the table is in one Region, its number of items changes."""
    require(strong.takes_writes_alone(state.table))
    items = state.items_before - 1
    if more:
        items = state.items_before + 1
    require(items >= 0)
    return replace(state, items_before=items)


@system.action
def create(state: State, replicas: int, witnesses: int, in_strong_mode: bool, witness: int) -> State:
    """Somebody asks for more members, in any mode, of any number and kind."""
    require(replicas >= 0)
    require(witnesses >= 0)
    require(neg(state.dissolved))
    table = strong.create(state.table, replicas, witnesses, in_strong_mode, state.items_before == 0)
    if witnesses == 0:
        require(witness == NOBODY)
    else:
        require(either(witness == 1, witness == 2))
    mode = state.mode
    if state.table.replicas == 1:
        mode = in_strong_mode
    return replace(state, table=table, witness=witness, mode=mode)


@system.action
def join(state: State, member: Annotated[int, MEMBER]) -> State:
    """A member of a table that is being formed is there, with nothing in it."""
    require(state.table.forming)
    before = state.members[member]
    region = strong.join(before.region, state.witness == member)
    return with_member(state, member, replace(before, region=region))


@system.action
def form(state: State) -> State:
    """All three are there."""
    for member in MEMBERS:
        require(state.members[member].region.joined)
    return replace(state, table=strong.formed(state.table))


@system.action
def enter(state: State, member: Annotated[int, MEMBER]) -> State:
    """A member hears that the table is formed, and serves."""
    before = member_of(state, member)
    return with_member(state, member, replace(before, region=strong.enter(before.region, state.table)))


@system.action
def remove(state: State, replicas: int, witnesses: int, stays: Annotated[int, MEMBER]) -> State:
    """Somebody asks for members to be removed, of any number and kind; if two go, `stays` is the third."""
    require(replicas >= 0)
    require(witnesses >= 0)
    table = strong.remove(state.table, replicas, witnesses)
    member_of(state, stays)
    if either(state.witness == NOBODY, state.witness == stays):
        require(witnesses == 0)
    return replace(state, table=table, stays=stays, removed=replicas + witnesses)


@system.action
def dissolve(state: State, number: Annotated[int, ROUND]) -> State:
    """The Region that stays has sent out the value of a last ballot, and is alone from now on."""
    require(state.rounds[number].begun)
    table = strong.dissolved(state.table, state.rounds[number].record)
    return replace(state, table=table, dissolved=True)


# Losing touch, and catching up.


@system.action
def cut_off(state: State, member: Annotated[int, MEMBER]) -> State:
    """Nothing reaches a member any more, or comes from it."""
    before = member_of(state, member)
    require(not before.cut_off)
    return with_member(state, member, replace(before, cut_off=True, answered_when_cut=before.answered))


@system.action
def heal(state: State, member: Annotated[int, MEMBER]) -> State:
    """A member is reached again."""
    before = member_of(state, member)
    require(before.cut_off)
    return with_member(state, member, replace(before, cut_off=False))


@system.action
def lose_touch(state: State, member: Annotated[int, MEMBER]) -> State:
    """A Region finds that it reaches no other, rightly or not."""
    before = member_of(state, member)
    after = replace(
        before,
        region=strong.lost_touch(before.region),
        answered_when_suspended=before.answered,
    )
    return replace(with_member(state, member, after), owes=state.owes.put(member, state.known))


@system.action
def find_touch(state: State, member: Annotated[int, MEMBER]) -> State:
    """A Region finds that it reaches another again."""
    before = member_of(state, member)
    region = strong.found_touch(before.region)
    found = with_member(state, member, replace(before, region=region))
    return replace(found, owes=state.owes.put(member, state.known))


def _learn(state: State, member: int, number: int) -> State:
    """A member applies what a round has proposed."""
    before = state.members[member]
    register = strong.learn(before.register, version(state, number))
    applied = state.applies[member]
    if register.applied > before.register.applied:
        applied = number
    learned = with_member(state, member, replace(before, register=register))
    return replace(learned, applies=state.applies.put(member, applied))


def _resume(state: State, member: int, number: int, request: Request) -> State:
    """A Region applies what it has read by a request, and serves again."""
    learned = _learn(state, member, number)
    before = learned.members[member]
    region = strong.resume(before.region, request)
    return with_member(learned, member, replace(before, region=region))


@system.action
def resume_by_round(state: State, number: Annotated[int, ROUND]) -> State:
    """A Region has caught up by a ballot."""
    require(succeeded(state, number))
    done = state.rounds[number]
    return _resume(state, done.member, number, done.record.request)


@system.action
def resume_by_read(state: State, read: Annotated[int, READ], number: Annotated[int, ROUND]) -> State:
    """A Region has caught up by a read that needed no ballot."""
    done = state.reads[read]
    require(done.answered)
    require(number == done.round)
    return _resume(state, done.member, number, done.request)


# Rounds.


@system.action
def begin(
    state: State,
    number: Annotated[int, ROUND],
    member: Annotated[int, MEMBER],
    counter: int,
    catching_up: bool,
    last: bool,
) -> State:
    """A Region begins a ballot, with any counter, and promises it."""
    before = member_of(state, member)
    require(not state.rounds[number].begun)
    require(either(neg(last), both(state.table.dissolving, member == state.stays)))
    request = strong.on_request(before.region, catching_up)
    register, promise, record = strong.begin(before.register, request, member, counter, last)
    had = state.had
    for each in MEMBERS:
        had = had.put(each, had[each].put(number, state.accepted[each]))
    promised = Promised(True, promise, state.holds[member])
    begun = Ballot(True, member, counter, record, state.rounds[number].history, 0)
    return replace(
        state,
        members=state.members.put(member, replace(before, register=register)),
        promises=state.promises.put(member, state.promises[member].put(number, promised)),
        rounds=state.rounds.put(number, begun),
        before=state.before.put(number, state.known),
        had=had,
    )


@system.action
def promise(state: State, member: Annotated[int, MEMBER], number: Annotated[int, ROUND]) -> State:
    """A member is asked to promise a ballot, and does."""
    before, asking = member_of(state, member), state.rounds[number]
    require(asking.begun)
    linked(state, member, asking.member)
    register, answer = strong.prepare(before.register, asking.record.ballot, asking.record.last)
    promised = Promised(True, answer, state.holds[member])
    return replace(
        state,
        members=state.members.put(member, replace(before, register=register)),
        promises=state.promises.put(member, state.promises[member].put(number, promised)),
    )


@system.action
def propose(
    state: State,
    number: Annotated[int, ROUND],
    other: Annotated[int, MEMBER],
    asked: Annotated[int, ROUND],
    base: Annotated[int, ROUND],
    at: Annotated[int, VERSION],
    changes: bool,
) -> State:
    """Another member's promise reaches a Region, which accepts a value and sends it out.

    What was promised may have been asked for another ballot; `other` may be the Region itself, if nobody else answered.
    `base` is the round whose value it takes, `at` the version of what it sends out.
    """
    before = state.rounds[number]
    require(before.begun)
    own, promised = member_of(state, before.member), state.promises[other][asked]
    member_of(state, other)
    linked(state, before.member, other)
    require(promised.given)
    if changes:  # only a client's request changes anything
        require(not before.record.request.catching_up)
    members = counted(before.member, other)
    register, record = strong.propose(own.register, before.record, promised.answer, members, changes)
    taken = strong.takes_answer(own.register, promised.answer)
    require(either(neg(taken), base == promised.round))
    require(either(taken, base == state.holds[before.member]))
    require(at == record.number)
    history = state.rounds[base].history
    if changes:
        history = history.put(at, number)
    return replace(
        with_round(state, number, replace(before, record=record, history=history)),
        members=state.members.put(before.member, replace(own, register=register)),
        holds=state.holds.put(before.member, number),
        accepted=state.accepted.put(before.member, state.accepted[before.member].put(number, True)),
    )


@system.action
def accept(state: State, member: Annotated[int, MEMBER], number: Annotated[int, ROUND]) -> State:
    """What a Region has sent out reaches a member, which accepts it."""
    before, sent = member_of(state, member), state.rounds[number]
    require(sent.record.proposed)
    linked(state, member, sent.member)
    register = strong.accept(before.register, sent.record.ballot, sent.record.number)
    return replace(
        with_member(state, member, replace(before, register=register)),
        holds=state.holds.put(member, number),
        accepted=state.accepted.put(member, state.accepted[member].put(number, True)),
    )


@system.action
def finish(
    state: State,
    number: Annotated[int, ROUND],
    other: Annotated[int, MEMBER],
    meant_for: Annotated[int, ROUND],
) -> State:
    """A Region hears that another member has accepted, and answers: the write is done, or the read is."""
    before = state.rounds[number]
    member = member_of(state, before.member)
    member_of(state, other)
    linked(state, before.member, other)
    require(state.accepted[other][meant_for])
    record = strong.on_accepted(
        before.record, member.region, ballot(state, meant_for), counted(before.member, other)
    )
    if not record.request.catching_up:
        acknowledged = member.acknowledged
        if record.changes:
            acknowledged = instants.higher(acknowledged, record.number)
        member = replace(member, answered=member.answered + 1, acknowledged=acknowledged)
    after = with_member(with_round(state, number, answered(before, record)), before.member, member)
    return replace(after, known=state.known.put(number, True))


@system.action
def refuse(state: State, number: Annotated[int, ROUND], other: Annotated[int, MEMBER]) -> State:
    """A Region hears of a higher ballot, from another member or its own."""
    before = state.rounds[number]
    require(before.begun)
    linked(state, before.member, other)
    record = strong.on_refusal(before.record, member_of(state, other).register.promised)
    return with_round(state, number, answered(before, record))


@system.action
def give_up(state: State, number: Annotated[int, ROUND]) -> State:
    """A Region waits no longer."""
    before = state.rounds[number]
    require(before.begun)
    return with_round(state, number, answered(before, strong.give_up(before.record)))


# Reads without a ballot, eventual reads, streams.


@system.action
def ask(state: State, read: Annotated[int, READ], member: Annotated[int, MEMBER], catching_up: bool) -> State:
    """A strong read begins."""
    require(not state.reads[read].begun)
    request = strong.on_request(member_of(state, member).region, catching_up)
    had = state.had_read
    for each in MEMBERS:
        had = had.put(each, had[each].put(read, state.accepted[each]))
    return replace(
        state,
        reads=state.reads.put(read, Read(True, member, request, False, 0)),
        read_before=state.read_before.put(read, state.known),
        had_read=had,
    )


@system.action
def tell(state: State, member: Annotated[int, MEMBER], read: Annotated[int, READ]) -> State:
    """A member tells a read what it has accepted, once: to ask it again is another read."""
    asking = state.reads[read]
    require(asking.begun)
    linked(state, member, asking.member)
    told = member_of(state, member)
    require(not state.told[member][read].given)
    answer = Told(True, told.register.accepted, state.holds[member])
    return replace(state, told=state.told.put(member, state.told[member].put(read, answer)))


@system.action
def answer(
    state: State,
    read: Annotated[int, READ],
    other: Annotated[int, MEMBER],
    number: Annotated[int, ROUND],
    told_of: Annotated[int, ROUND],
) -> State:
    """A Region hears which round's ballot another member has, and answers a read from the value of its own, `number`."""
    before, told = state.reads[read], state.told[other][read]
    require(before.begun)
    require(not before.answered)
    require(told.given)
    member = member_of(state, before.member)
    member_of(state, other)
    linked(state, before.member, other)
    members = counted(before.member, other)
    require(strong.is_decided(member.register, member.region, before.request, told.accepted, members))
    require(number == state.holds[before.member])
    require(told_of == told.round)
    if not before.request.catching_up:
        member = replace(member, answered=member.answered + 1)
    return replace(
        with_member(state, before.member, member),
        reads=state.reads.put(read, replace(before, answered=True, round=number)),
        known=state.known.put(number, True),
    )


@system.action
def learn(state: State, member: Annotated[int, MEMBER], number: Annotated[int, ROUND]) -> State:
    """A member hears that a round is decided, and applies it."""
    member_of(state, member)
    require(succeeded(state, number))
    linked(state, member, state.rounds[number].member)
    return _learn(state, member, number)


@system.action
def show(
    state: State,
    member: Annotated[int, MEMBER],
    number: Annotated[int, ROUND],
    at: Annotated[int, VERSION],
) -> State:
    """A member puts the next record into its stream: version `at`, of the round that it has applied."""
    before = member_of(state, member)
    register = strong.show_next(before.register)
    require(at == register.shown)
    require(number == state.applies[member])
    shown = state.streams[member].put(at, state.rounds[number].history[at])
    return replace(
        with_member(state, member, replace(before, register=register)),
        streams=state.streams.put(member, shown),
    )


@system.action
def read_eventually(state: State, member: Annotated[int, MEMBER]) -> State:
    """A client reads what a Region has applied."""
    require(is_member(member))
    before = state.members[member]
    require(strong.serves_eventually(before.region))
    number = before.register.applied
    seen = Seen(True, number, number < before.acknowledged, before.cut_off)
    return with_member(state, member, replace(before, seen=seen))
