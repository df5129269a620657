"""The leader's lease: three replicas in three Availability Zones, heartbeats, elections and clocks that err.

Sources: REP-06, REP-08, REP-10, REP-13. The kernel is `kernel/lease.py`.

A *candidacy* is one attempt to become leader: it asks the replicas whether they hear a leader, calls an election for
an epoch of its choice when two do not, and leads when two have promised. Two candidacies may choose the same epoch;
that only one of them wins is proved, not assumed. Candidacies are numbered, for what is stated; no kernel function
sees the number.

The network is the worst there is: whatever was sent arrives any number of times, in any order, late, or never, and a late
answer to an earlier leader may reach a later one. A replica may start again at any time; a leader that dies takes no more
steps, which needs no step of its own. The adversary sets every clock when its process starts (`base`), and picks each
reading within the error around that clock. Between a leader's look at its clock and its answer to a read no time
passes here; an endpoint has to read its clock after it has read the item.

Ghosts, which no kernel function reads: true time, when a replica last heard a leader, the newest stamp a replica
granted to a candidacy, and how many reads had been served when a leader began and when it served last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import both, either, forall, implies
from ddbproof.model.kernel import instants, lease
from ddbproof.model.kernel.lease import Heartbeat
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._lease_state import (
    CANDIDACY,
    NO_CANDIDACY,
    REPLICA,
    REPLICAS,
    STAMP,
    Agreed,
    Newest,
    Replica,
    State,
    any_two,
    first_state,
    granted_at_least,
    led,
    over,
    read_clock,
    replica_of,
    terms,
    too_old,
    was_silent,
)

system = System("lease", "The leader's lease", State, [lease], [instants])
system.fast = False
system.scope_in_words = [
    "three replicas; every reading of a clock lies within the error around an even clock of its process",
    "a promised epoch is on the disk before it is answered; grants are in memory only",
    "that a new leader is elected in the end is not proved: the covers show that it can be, with one replica down",
]
system.merged = ("instants.higher", "instants.lower")
replace = msgspec.structs.replace


@system.initial
def no_leader(duration: int, clock_error: int) -> State:
    """Three new replicas, and no leader yet."""
    return first_state(duration, clock_error)


@system.action
def time_passes(state: State, later: int) -> State:
    """True time goes on."""
    require(later > state.true_time)
    return replace(state, true_time=later)


# Elections.


@system.action
def ask(state: State, candidacy: Annotated[int, CANDIDACY]) -> State:
    """Somebody has lost touch with the leader and asks the replicas whether they hear one."""
    require(not state.candidacies[candidacy].asked)
    asked = replace(NO_CANDIDACY, asked=True, asked_at=state.true_time)
    return replace(state, candidacies=state.candidacies.put(candidacy, asked))


@system.action
def agree(
    state: State, replica: Annotated[int, REPLICA], candidacy: Annotated[int, CANDIDACY], clock: int
) -> State:
    """A replica answers that it hears none. It changes nothing of its own by that."""
    before = replica_of(state, replica)
    read_clock(state, before.base, clock)
    require(state.candidacies[candidacy].asked)
    require(not lease.hears_leader(before.granted, clock))
    answer = Agreed(True, state.true_time, state.true_time - before.heard_at, before.told)
    return replace(state, agreed=state.agreed.put(replica, state.agreed[replica].put(candidacy, answer)))


def _count(sent: Callable[[int], bool], heard: tuple[bool, bool, bool]) -> int:
    """How many of the answers that were sent have reached the candidate."""
    count = 0
    for replica in range(REPLICAS):
        if heard[replica]:
            require(sent(replica))
            count += 1
    return count


@system.action
def call(
    state: State,
    candidacy: Annotated[int, CANDIDACY],
    epoch: int,
    from_first: bool,
    from_second: bool,
    from_third: bool,
) -> State:
    """Enough replicas hear no leader: an election is called, for any epoch."""
    before = state.candidacies[candidacy]
    require(before.asked)
    require(not before.called)
    require(epoch > 0)
    heard = (from_first, from_second, from_third)
    require(lease.is_quorum(_count(lambda r: state.agreed[r][candidacy].given, heard)))
    called = replace(before, called=True, epoch=epoch)
    return replace(state, candidacies=state.candidacies.put(candidacy, called))


@system.action
def promise(
    state: State, replica: Annotated[int, REPLICA], candidacy: Annotated[int, CANDIDACY], clock: int
) -> State:
    """A replica promises a candidacy its epoch."""
    before, asking = replica_of(state, replica), state.candidacies[candidacy]
    read_clock(state, before.base, clock)
    require(asking.called)
    granted = lease.promise(before.granted, asking.epoch, clock)
    return replace(
        state,
        replicas=state.replicas.put(replica, replace(before, granted=granted)),
        promised=state.promised.put(replica, state.promised[replica].put(candidacy, True)),
    )


@system.action
def start(
    state: State,
    candidacy: Annotated[int, CANDIDACY],
    from_first: bool,
    from_second: bool,
    from_third: bool,
    base: int,
    clock: int,
) -> State:
    """Enough replicas have promised: the candidate leads."""
    before = state.candidacies[candidacy]
    read_clock(state, base, clock)
    require(before.called)
    require(not before.started)
    heard = (from_first, from_second, from_third)
    require(lease.is_quorum(_count(lambda r: state.promised[r][candidacy], heard)))
    started = replace(
        before,
        started=True,
        started_at=state.true_time,
        base=base,
        leader=lease.begin(before.epoch, terms(state), clock),
        reads_before=state.reads,
    )
    return replace(state, candidacies=state.candidacies.put(candidacy, started))


# Leading.


@system.action
def send_heartbeat(state: State, candidacy: Annotated[int, CANDIDACY], clock: int) -> State:
    """A leader sends a heartbeat to all replicas."""
    before = state.candidacies[candidacy]
    require(before.started)
    read_clock(state, before.base, clock)
    stamp = lease.heartbeat(before.leader, clock).stamp_milliseconds
    sent = state.heartbeats[candidacy].put(stamp, True)
    return replace(state, heartbeats=state.heartbeats.put(candidacy, sent))


@system.action
def grant(
    state: State,
    replica: Annotated[int, REPLICA],
    candidacy: Annotated[int, CANDIDACY],
    stamp: Annotated[int, STAMP],
    clock: int,
) -> State:
    """A heartbeat reaches a replica, which grants the lease and answers."""
    before = replica_of(state, replica)
    read_clock(state, before.base, clock)
    require(state.heartbeats[candidacy][stamp])
    sent = Heartbeat(state.candidacies[candidacy].epoch, stamp)
    granted, answer = lease.grant(before.granted, sent, terms(state), clock)
    answers = state.answers[replica][candidacy].put(answer.stamp_milliseconds, True)
    newest = state.newest[replica][candidacy]
    if not newest.any or newest.stamp < stamp:
        newest = Newest(True, stamp)
    return replace(
        state,
        replicas=state.replicas.put(replica, Replica(granted, before.base, state.true_time, False)),
        answers=state.answers.put(replica, state.answers[replica].put(candidacy, answers)),
        newest=state.newest.put(replica, state.newest[replica].put(candidacy, newest)),
    )


@system.action
def acknowledge(
    state: State,
    candidacy: Annotated[int, CANDIDACY],
    meant_for: Annotated[int, CANDIDACY],
    replica: Annotated[int, REPLICA],
    stamp: Annotated[int, STAMP],
) -> State:
    """An answer reaches a leader; it may have been meant for an earlier one of the same process."""
    before = state.candidacies[candidacy]
    require(before.started)
    replica_of(state, replica)
    require(state.answers[replica][meant_for][stamp])
    answer = Heartbeat(state.candidacies[meant_for].epoch, stamp)
    leader = lease.acknowledged(before.leader, replica, answer, terms(state))
    return replace(state, candidacies=state.candidacies.put(candidacy, replace(before, leader=leader)))


@system.action
def read(state: State, candidacy: Annotated[int, CANDIDACY], clock: int) -> State:
    """A leader serves a strong read by itself."""
    before = state.candidacies[candidacy]
    require(before.started)
    read_clock(state, before.base, clock)
    require(lease.may_serve(before.leader, clock))
    reads = state.reads + 1
    return replace(
        state, reads=reads, candidacies=state.candidacies.put(candidacy, replace(before, last_read=reads))
    )


@system.action
def step_down(state: State, candidacy: Annotated[int, CANDIDACY]) -> State:
    """A leader steps down, and tells the replicas."""
    before = state.candidacies[candidacy]
    require(before.started)
    after = replace(before, leader=lease.step_down(before.leader))
    return replace(state, candidacies=state.candidacies.put(candidacy, after))


@system.action
def hear_step_down(
    state: State, replica: Annotated[int, REPLICA], candidacy: Annotated[int, CANDIDACY], clock: int
) -> State:
    """A replica hears that a leader has stepped down."""
    before, leading = replica_of(state, replica), state.candidacies[candidacy]
    read_clock(state, before.base, clock)
    require(leading.started)
    require(leading.leader.stepped_down)
    granted = lease.released(before.granted, leading.epoch, clock)
    after = replace(before, granted=granted, told=True)
    return replace(state, replicas=state.replicas.put(replica, after))


@system.action
def restart(state: State, replica: Annotated[int, REPLICA], base: int, clock: int) -> State:
    """A replica starts again, with its clock set to something else; what it granted is forgotten."""
    before = replica_of(state, replica)
    read_clock(state, base, clock)
    granted = lease.restarted(before.granted, terms(state), clock)
    after = Replica(granted, base, state.true_time, False)
    return replace(state, replicas=state.replicas.put(replica, after))


# What holds.


@system.invariant
def assume_sizes(state: State) -> Iterator[Any]:
    """Neither the clock error nor a lease is less than nothing."""
    yield both(state.clock_error >= 0, state.duration >= 0)


@system.invariant
def elections(state: State) -> Iterator[Any]:
    """A replica promises each epoch once, and only what was called; two of them make a leader."""
    yield forall(REPLICA, CANDIDACY)(lambda r, c: implies(state.agreed[r][c].given, was_silent(state, r, c)))
    yield forall(REPLICA, CANDIDACY)(
        lambda r, c: implies(
            state.promised[r][c],
            both(
                state.candidacies[c].called,
                state.candidacies[c].epoch <= state.replicas[r].granted.promised_epoch,
            ),
        )
    )
    yield forall(REPLICA, CANDIDACY, CANDIDACY)(
        lambda r, c, d: implies(
            both(
                state.promised[r][c],
                state.promised[r][d],
                state.candidacies[c].epoch == state.candidacies[d].epoch,
            ),
            c == d,
        )
    )
    yield forall(CANDIDACY)(
        lambda c: implies(
            state.candidacies[c].started,
            both(
                state.candidacies[c].called,
                state.candidacies[c].leader.epoch == state.candidacies[c].epoch,
                any_two(lambda r: state.promised[r][c]),
            ),
        )
    )


@system.invariant
def what_was_asked(state: State) -> Iterator[Any]:
    """Nothing is given, called or read of a candidacy before it asked, called and began."""
    yield forall(REPLICA, CANDIDACY)(
        lambda r, c: implies(state.agreed[r][c].given, state.candidacies[c].asked)
    )
    yield forall(CANDIDACY)(lambda c: state.candidacies[c].asked_at <= state.true_time)
    yield forall(CANDIDACY)(lambda c: implies(state.candidacies[c].called, state.candidacies[c].asked))
    yield forall(CANDIDACY)(lambda c: implies(state.candidacies[c].started, state.candidacies[c].called))
    yield forall(CANDIDACY)(
        lambda c: both(
            state.candidacies[c].last_read <= state.reads,
            either(state.candidacies[c].started, state.candidacies[c].last_read == 0),
            state.candidacies[c].reads_before >= 0,
        )
    )
    yield state.reads >= 0


@system.invariant
def what_was_sent(state: State) -> Iterator[Any]:
    """Only leaders send heartbeats; only heartbeats are answered; stamps are readings of the leader's clock."""
    yield forall(CANDIDACY, STAMP)(
        lambda c, t: implies(
            state.heartbeats[c][t],
            both(
                state.candidacies[c].started,
                t <= state.true_time + state.candidacies[c].base + state.clock_error,
            ),
        )
    )
    yield forall(REPLICA, CANDIDACY, STAMP)(
        lambda r, c, t: implies(
            state.answers[r][c][t],
            both(state.candidacies[c].started, state.newest[r][c].any, t <= state.newest[r][c].stamp),
        )
    )
    yield forall(REPLICA, CANDIDACY)(
        lambda r, c: implies(
            state.newest[r][c].any,
            both(
                state.candidacies[c].started,
                state.newest[r][c].stamp <= state.true_time + state.candidacies[c].base + state.clock_error,
                state.candidacies[c].epoch <= state.replicas[r].granted.promised_epoch,
            ),
        )
    )


@system.invariant
def grants(state: State) -> Iterator[Any]:
    """A grant outlasts the lease by more than clocks can err, and no later epoch is promised before it is over."""
    yield forall(REPLICA, CANDIDACY)(
        lambda r, c: implies(
            state.newest[r][c].any,
            either(
                state.replicas[r].granted.until_milliseconds - state.replicas[r].base
                >= granted_at_least(state, r, c) - 2 * state.clock_error,
                over(state, c),
            ),
        )
    )
    yield forall(REPLICA, CANDIDACY, CANDIDACY)(
        lambda r, c, d: implies(
            both(state.promised[r][d], state.candidacies[c].epoch < state.candidacies[d].epoch),
            either(too_old(state, r, c), over(state, c)),
        )
    )
    yield forall(CANDIDACY, CANDIDACY)(lambda c, d: implies(led(state, c, d), over(state, c)))


@system.invariant
def leases(state: State) -> Iterator[Any]:
    """A leader counts stamps that were granted, or older than a lease; two of them allow what it takes."""
    for replica, name in enumerate(("first", "second", "third")):
        yield forall(CANDIDACY)(
            lambda c, r=replica, name=f"{name}_milliseconds": implies(
                state.candidacies[c].started,
                either(
                    getattr(state.candidacies[c].leader, name) + state.duration
                    <= state.true_time + state.candidacies[c].base + state.clock_error,
                    both(
                        state.newest[r][c].any,
                        getattr(state.candidacies[c].leader, name) <= state.newest[r][c].stamp,
                    ),
                ),
            )
        )
    yield forall(CANDIDACY)(
        lambda c: implies(
            state.candidacies[c].started,
            any_two(
                lambda r: (
                    state.candidacies[c].leader.until_milliseconds
                    <= (
                        state.candidacies[c].leader.first_milliseconds,
                        state.candidacies[c].leader.second_milliseconds,
                        state.candidacies[c].leader.third_milliseconds,
                    )[r]
                    + state.duration
                    - 4 * state.clock_error
                )
            ),
        )
    )


@system.invariant
def silence(state: State) -> Iterator[Any]:
    """A replica that was told nothing waits for a whole duration since it heard the leader."""
    yield forall(REPLICA)(
        lambda r: either(
            state.replicas[r].told,
            state.replicas[r].granted.until_milliseconds - state.replicas[r].base
            >= state.replicas[r].heard_at + state.duration - state.clock_error,
        )
    )
    yield forall(REPLICA)(lambda r: state.replicas[r].heard_at <= state.true_time)


@system.safe("REP-10")
def SAFE_one_leader_in_an_epoch(state: State) -> Iterator[Any]:
    """In an epoch at most one candidate leads."""
    yield forall(CANDIDACY, CANDIDACY)(
        lambda c, d: implies(
            both(
                state.candidacies[c].started,
                state.candidacies[d].started,
                state.candidacies[c].epoch == state.candidacies[d].epoch,
            ),
            c == d,
        )
    )


@system.safe("REP-06", "REP-10")
def SAFE_the_old_leader_has_served_its_last(state: State) -> Iterator[Any]:
    """When a leader begins, those of earlier epochs have served their last strong read."""
    yield forall(CANDIDACY, CANDIDACY)(
        lambda c, d: implies(
            led(state, c, d), state.candidacies[c].last_read <= state.candidacies[d].reads_before
        )
    )


@system.safe("REP-13")
def SAFE_no_election_while_two_hear_a_leader(state: State) -> Iterator[Any]:
    """An election is called only after two of three, when asked, had not heard a leader for a lease."""
    yield forall(CANDIDACY)(
        lambda c: implies(state.candidacies[c].called, any_two(lambda r: was_silent(state, r, c)))
    )


@system.safe()
def SAFE_a_grant_runs_out(state: State) -> Iterator[Any]:
    """A replica refuses to promise for no longer than a lease, by a clock that errs, since it heard the leader."""
    yield forall(REPLICA)(
        lambda r: (
            state.replicas[r].granted.until_milliseconds - state.replicas[r].base
            <= state.replicas[r].heard_at + state.duration + state.clock_error
        )
    )
