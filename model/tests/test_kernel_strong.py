"""Strong mode: which tables are, who serves, and what becomes of a write, a read and a Region that comes back."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import strong
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.strong import (
    NEW_REGISTER,
    SINGLE_REGION,
    Promise,
    Region,
    Register,
    Request,
    Round,
    Table,
)

REPLICA = Region(True, False, True, True, 0)
WITNESS = Region(True, True, True, True, 0)
CLIENT = Request(False, 0)
counters = st.integers(0, 10**6)
members = st.integers(0, 2)
registers = st.builds(
    Register,
    promised=st.integers(0, 9),
    accepted=st.integers(0, 9),
    number=st.integers(0, 3),
    applied=st.integers(0, 3),
    shown=st.integers(0, 3),
    last=st.sampled_from([0, 0, 4]),
)


# The table.


@given(st.integers(0, 4), st.integers(0, 3), st.booleans(), st.booleans())
def test_strong_mode_adds_two_members_to_an_empty_table(
    replicas: int, witnesses: int, empty: bool, global_already: bool
) -> None:
    """MR-02, MR-07: two replicas, or a replica and a witness, at once."""
    table = Table(2, 0, False, False, False) if global_already else SINGLE_REGION
    if empty and not global_already and (replicas, witnesses) in ((2, 0), (1, 1)):
        formed = strong.create(table, replicas, witnesses, True, empty)
        assert formed == Table(1 + replicas, witnesses, True, True, False)
        assert not strong.takes_writes_alone(formed)
        assert strong.formed(formed) == Table(1 + replicas, witnesses, True, False, False)
    else:
        with pytest.raises(NotAllowed):
            strong.create(table, replicas, witnesses, True, empty)


def test_eventual_mode_has_no_witness_and_stays_what_it_is() -> None:
    """GT-07, MR-08: a table in strong mode gains nobody, one in eventual mode no witness and no other mode."""
    eventual = strong.create(SINGLE_REGION, 1, 0, False, False)
    assert strong.create(eventual, 2, 0, False, False).replicas == 4
    assert strong.takes_writes_alone(eventual)
    formed = strong.formed(strong.create(SINGLE_REGION, 2, 0, True, True))
    for table, replicas, witnesses, mode in (
        (SINGLE_REGION, 1, 1, False),
        (eventual, 1, 0, True),
        (formed, 1, 0, True),
        (formed, 1, 0, False),
    ):
        with pytest.raises(NotAllowed):
            strong.create(table, replicas, witnesses, mode, True)


@pytest.mark.parametrize("witnesses", [0, 1])
def test_two_members_leave_at_once_and_one_replica_stays(witnesses: int) -> None:
    """MR-08: never one, never three, never the replicas without the witness."""
    formed = strong.formed(strong.create(SINGLE_REGION, 2 - witnesses, witnesses, True, True))
    allowed = []
    for replicas, gone in itertools.product(range(4), range(3)):
        try:
            leaving = strong.remove(formed, replicas, gone)
        except NotAllowed:
            continue
        assert (leaving.replicas, leaving.witnesses) == (formed.replicas, formed.witnesses)
        allowed.append((replicas, gone))
    assert allowed == [(2 - witnesses, witnesses)]
    leaving = strong.remove(formed, *allowed[0])
    last = Round(4, CLIENT, True, True, False, 1, strong.OPEN)
    assert strong.dissolved(leaving, last) == SINGLE_REGION
    for table, done in (
        (formed, last),
        (leaving, msgspec.structs.replace(last, proposed=False)),
        (leaving, msgspec.structs.replace(last, last=False)),
    ):
        with pytest.raises(NotAllowed):
            strong.dissolved(table, done)
    for table in (leaving, strong.create(SINGLE_REGION, 2, 0, True, True), SINGLE_REGION):
        with pytest.raises(NotAllowed):
            strong.remove(table, 2 - witnesses, witnesses)


# Regions.


def test_a_member_serves_when_the_table_is_formed() -> None:
    """MR-07: it joins, waits for the others, and enters once."""
    forming = strong.create(SINGLE_REGION, 2, 0, True, True)
    joined = strong.join(strong.NEW_REGION, False)
    for early in (
        lambda: strong.enter(joined, forming),
        lambda: strong.enter(joined, SINGLE_REGION),
        lambda: strong.on_request(joined, False),
        lambda: strong.on_request(joined, True),
        lambda: strong.lost_touch(joined),
        lambda: strong.found_touch(joined),
        lambda: strong.join(joined, False),
    ):
        with pytest.raises(NotAllowed):
            early()
    entered = strong.enter(joined, strong.formed(forming))
    assert strong.on_request(entered, False) == CLIENT
    with pytest.raises(NotAllowed):
        strong.enter(entered, strong.formed(forming))


def test_a_witness_is_asked_for_nothing() -> None:
    """MR-04: no write, no read of either kind; but it promises and accepts like the others."""
    for catching_up in (False, True):
        with pytest.raises(NotAllowed):
            strong.on_request(WITNESS, catching_up)
    assert not strong.serves_eventually(WITNESS)
    assert strong.serves_eventually(REPLICA)
    assert not strong.serves_eventually(strong.NEW_REGION)
    assert strong.is_quorum(2)
    assert not strong.is_quorum(1)


def test_a_region_that_comes_back_catches_up_first() -> None:
    """MR-15, MR-16: what it began is not answered, clients are refused, eventual reads go on."""
    begun = strong.on_request(REPLICA, False)
    alone = strong.lost_touch(REPLICA)
    assert not strong.may_answer(alone, begun)
    assert strong.serves_eventually(alone)
    while_alone = strong.on_request(alone, True)
    back = strong.found_touch(alone)
    with pytest.raises(NotAllowed):
        strong.on_request(back, False)
    with pytest.raises(NotAllowed):
        strong.resume(back, while_alone)
    serving = strong.resume(back, strong.on_request(back, True))
    assert strong.may_answer(serving, strong.on_request(serving, False))
    assert not strong.may_answer(serving, begun)
    with pytest.raises(NotAllowed):
        strong.found_touch(serving)


# Ballots.


@given(counters, members, counters, members)
def test_two_members_never_have_the_same_ballot(counter: int, member: int, other: int, another: int) -> None:
    """MR-09: nor has one member the same for two counters."""
    same = strong.ballot_of(counter, member) == strong.ballot_of(other, another)
    assert same == ((counter, member) == (other, another))


@given(counters, members, members)
def test_whoever_was_refused_knows_a_higher_ballot(counter: int, member: int, other: int) -> None:
    """MR-09: which is not much higher, either."""
    met = strong.ballot_of(counter, member)
    mine = strong.ballot_of(strong.counter_after(met), other)
    assert met < mine < met + 6


@given(registers, st.integers(0, 9), st.booleans())
def test_a_promise_is_for_higher_ballots(register: Register, ballot: int, last: bool) -> None:
    """MR-09, MR-08: after a last one for last ones; it tells what the member has accepted."""
    if ballot > register.promised and (last or not register.last):
        promised, answer = strong.prepare(register, ballot, last)
        assert (promised.promised, promised.last) == (ballot, register.last or ballot * last)
        assert answer == Promise(ballot, register.accepted, register.number)
        assert (promised.accepted, promised.number) == (register.accepted, register.number)
    else:
        with pytest.raises(NotAllowed):
            strong.prepare(register, ballot, last)


@given(registers, st.integers(0, 9), st.integers(0, 3))
def test_accepting_is_not_below_the_promise_and_may_come_twice(
    register: Register, ballot: int, number: int
) -> None:
    """MR-01: what was accepted is promised, too."""
    if ballot < register.promised:
        with pytest.raises(NotAllowed):
            strong.accept(register, ballot, number)
        return
    accepted = strong.accept(register, ballot, number)
    assert (accepted.promised, accepted.accepted, accepted.number) == (ballot, ballot, number)
    assert strong.accept(accepted, ballot, number) == accepted


@given(registers, st.lists(st.integers(0, 4)))
def test_word_of_decisions_may_come_in_any_order(register: Register, numbers: list[int]) -> None:
    """MR-06, MR-14: the newest counts, and records are shown one after the other up to it."""
    for number in numbers:
        register = strong.learn(register, number)
    assert register.applied >= max(numbers, default=0)
    while register.shown < register.applied:
        register = strong.show_next(register)
    with pytest.raises(NotAllowed):
        strong.show_next(register)


# A write and a read, from end to end.


def write(own: Register, other: Register, member: int, counter: int) -> tuple[Register, Register, Round]:
    """A write in a member's Region, with another member, to which all messages come."""
    own, _, begun = strong.begin(own, strong.on_request(REPLICA, False), member, counter, False)
    other, answer = strong.prepare(other, begun.ballot, False)
    own, begun = strong.propose(own, begun, answer, 2, True)
    other = strong.accept(other, begun.ballot, begun.number)
    return own, other, strong.on_accepted(begun, REPLICA, begun.ballot, 2)


def test_writes_in_two_regions_make_one_history() -> None:
    """MR-01, MR-05: the second builds on the first, though it comes with the member that has not seen it."""
    first, second, done = write(NEW_REGISTER, NEW_REGISTER, 0, 1)
    assert (done.outcome, done.number, first.number, second.number) == (strong.DONE, 1, 1, 1)
    third, second, done = write(NEW_REGISTER, second, 2, 2)
    assert (done.outcome, done.number, third.number, second.number) == (strong.DONE, 2, 2, 2)
    assert strong.is_decided(third, REPLICA, CLIENT, second.accepted, 2)
    assert not strong.is_decided(third, REPLICA, CLIENT, first.accepted, 2)
    assert not strong.is_decided(third, REPLICA, CLIENT, second.accepted, 1)
    assert not strong.is_decided(third, strong.lost_touch(REPLICA), CLIENT, second.accepted, 2)


def test_what_is_refused_before_it_was_sent_is_a_conflict() -> None:
    """MR-09, REP-15: afterwards nobody knows; and a round has one outcome."""
    own, promise, begun = strong.begin(NEW_REGISTER, CLIENT, 0, 1, False)
    with pytest.raises(NotAllowed):
        strong.on_refusal(begun, begun.ballot)
    conflict = strong.on_refusal(begun, begun.ballot + 1)
    assert conflict.outcome == strong.CONFLICT
    with pytest.raises(NotAllowed):
        strong.propose(own, conflict, promise, 2, True)
    own, sent = strong.propose(own, begun, promise, 2, True)
    unknown = strong.on_refusal(sent, begun.ballot + 1)
    assert unknown.outcome == strong.UNKNOWN == strong.give_up(begun).outcome
    for over in (conflict, unknown):
        with pytest.raises(NotAllowed):
            strong.on_refusal(over, begun.ballot + 1)
        with pytest.raises(NotAllowed):
            strong.give_up(over)
        with pytest.raises(NotAllowed):
            strong.on_accepted(over, REPLICA, begun.ballot, 2)


def test_a_round_goes_on_with_its_own_answers_only() -> None:
    """MR-01: of two members, to its ballot, while its Region has not been suspended."""
    own, promise, begun = strong.begin(NEW_REGISTER, CLIENT, 0, 1, False)
    preempted, _ = strong.prepare(own, 4, False)
    for register, answer, count in (
        (own, promise, 1),
        (own, Promise(6, 0, 0), 2),
        (preempted, promise, 2),
    ):
        with pytest.raises(NotAllowed):
            strong.propose(register, begun, answer, count, True)
    with pytest.raises(NotAllowed):
        strong.on_accepted(begun, REPLICA, begun.ballot, 2)
    own, sent = strong.propose(own, begun, promise, 2, False)
    with pytest.raises(NotAllowed):
        strong.propose(own, sent, promise, 2, True)
    for region, ballot, count in (
        (REPLICA, begun.ballot, 1),
        (REPLICA, begun.ballot + 3, 2),
        (strong.lost_touch(REPLICA), begun.ballot, 2),
    ):
        with pytest.raises(NotAllowed):
            strong.on_accepted(sent, region, ballot, count)


def test_of_two_values_the_one_with_the_higher_ballot_is_taken() -> None:
    """MR-05: whoever has it, and whichever version it is."""
    for own_accepted, other_accepted in ((3, 4), (4, 3)):
        register = Register(9, own_accepted, own_accepted * 10, 0, 0, 0)
        begun = Round(9, CLIENT, False, False, False, 0, strong.OPEN)
        answer = Promise(9, other_accepted, other_accepted * 10)
        for changes in (False, True):
            _, sent = strong.propose(register, begun, answer, 2, changes)
            assert sent.number == 40 + changes


@pytest.mark.parametrize("seed", range(20))
def test_whatever_becomes_of_messages_no_acknowledged_write_is_lost(seed: int) -> None:
    """MR-17, MR-09: three members, random rounds that stop anywhere; who reads next finds them all, in order."""
    choice = random.Random(seed)
    held: list[tuple[Register, tuple[int, ...]]] = [(NEW_REGISTER, ()) for _ in range(3)]
    acknowledged: list[tuple[int, ...]] = []
    for write_number in range(1, 60):
        member = choice.randrange(3)
        other = choice.choice([m for m in range(3) if m != member])
        ballot = choice.choice([strong.counter_after(held[m][0].promised) for m in (member, other)])
        try:
            own, _, begun = strong.begin(held[member][0], CLIENT, member, ballot, False)
            held[member] = own, held[member][1]
            promised, answer = strong.prepare(held[other][0], begun.ballot, False)
        except NotAllowed:
            continue
        base = held[other][1] if strong.takes_answer(own, answer) else held[member][1]
        held[other] = promised, held[other][1]
        own, begun = strong.propose(own, begun, answer, 2, True)
        history = (*base, write_number)
        assert begun.number == len(history)
        held[member] = own, history
        for receiver in choice.sample(range(3), choice.randrange(4)):
            try:
                held[receiver] = strong.accept(held[receiver][0], begun.ballot, begun.number), history
            except NotAllowed:
                continue
            if receiver != member:
                acknowledged.append(history)
    assert acknowledged
    longest = max(acknowledged, key=len)
    assert all(one == longest[: len(one)] for one in acknowledged)
    for one, other in itertools.combinations(range(3), 2):
        newest = max((held[one], held[other]), key=lambda it: it[0].accepted)
        assert newest[1][: len(longest)] == longest
