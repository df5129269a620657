"""The records of the system `lease`: replicas, candidacies, and what was sent between them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, neg
from ddbproof.model.kernel.lease import Granted, Leader, Terms
from ddbproof.model.kernel.refusal import require

REPLICA, CANDIDACY, STAMP = Sort("replica"), Sort("candidacy"), Sort("stamp")
REPLICAS = 3
PAIRS = ((0, 1), (0, 2), (1, 2))


class Replica(msgspec.Struct, frozen=True):
    """A replica: its side of the lease, and how its clock is set.

    Ghosts: when it last granted or started, and whether it has since been told that the leader stepped down.
    """

    granted: Granted
    base: int
    heard_at: int
    told: bool


class Candidacy(msgspec.Struct, frozen=True):
    """An attempt to lead, from its first question to its last read. `base` is how its process's clock is set."""

    asked: bool
    asked_at: int
    called: bool
    epoch: int
    started: bool
    started_at: int
    base: int
    leader: Leader
    reads_before: int
    last_read: int


class Agreed(msgspec.Struct, frozen=True):
    """A replica's answer that it hears no leader. Ghosts: when, for how long it had not, and whether it was told."""

    given: bool
    at: int
    silent_for: int
    told: bool


class Newest(msgspec.Struct, frozen=True):
    """The newest stamp that a replica granted to a candidacy, if any."""

    any: bool
    stamp: int


class State(msgspec.Struct, frozen=True):
    """Replicas and candidacies, and between them everything that was ever sent."""

    replicas: Annotated[Map[Replica], REPLICA]
    candidacies: Annotated[Map[Candidacy], CANDIDACY]
    agreed: Annotated[Map[Annotated[Map[Agreed], CANDIDACY]], REPLICA]
    promised: Annotated[Map[Annotated[Map[bool], CANDIDACY]], REPLICA]
    heartbeats: Annotated[Map[Annotated[Map[bool], STAMP]], CANDIDACY]
    answers: Annotated[Map[Annotated[Map[Annotated[Map[bool], STAMP]], CANDIDACY]], REPLICA]
    newest: Annotated[Map[Annotated[Map[Newest], CANDIDACY]], REPLICA]
    reads: int
    true_time: int
    duration: int
    clock_error: int


_NOT_LEADING = Leader(0, 0, 0, 0, 0)
NO_CANDIDACY = Candidacy(False, 0, False, 0, False, 0, 0, _NOT_LEADING, 0, 0)


def first_state(duration: int, clock_error: int) -> State:
    """Three new replicas, which have heard nobody, and nothing sent."""
    none = FrozenMap(False)
    return State(
        replicas=FrozenMap(Replica(Granted(0, 0), 0, 0, True)),
        candidacies=FrozenMap(NO_CANDIDACY),
        agreed=FrozenMap(FrozenMap(Agreed(False, 0, 0, False))),
        promised=FrozenMap(none),
        heartbeats=FrozenMap(none),
        answers=FrozenMap(FrozenMap(none)),
        newest=FrozenMap(FrozenMap(Newest(False, 0))),
        reads=0,
        true_time=0,
        duration=duration,
        clock_error=clock_error,
    )


def terms(state: State) -> Terms:
    """What the replicas agree on."""
    return Terms(state.duration, state.clock_error)


def read_clock(state: State, base: int, clock: int) -> None:
    """A reading that a clock may give now. Raises NotAllowed for another."""
    require(clock >= state.true_time + base - state.clock_error)
    require(clock <= state.true_time + base + state.clock_error)


def replica_of(state: State, replica: int) -> Replica:
    """One of the three. Raises NotAllowed for another."""
    require(replica >= 0)
    require(replica < REPLICAS)
    return state.replicas[replica]


def any_two(holds: Any) -> Any:
    """Two of the three replicas of which something holds."""
    return either(*(both(holds(one), holds(other)) for one, other in PAIRS))


def led(state: State, earlier: int, later: int) -> Any:
    """Two candidacies that led, the one in an earlier epoch than the other."""
    one, other = state.candidacies[earlier], state.candidacies[later]
    return both(one.started, other.started, one.epoch < other.epoch)


# What holds. Said of true time: a stamp less its clock's base is when it was read, give or take the error.


def granted_at_least(state: State, replica: int, candidacy: int) -> Any:
    """The end of a lease from the newest stamp that a replica granted, if no clock erred."""
    return state.newest[replica][candidacy].stamp - state.candidacies[candidacy].base + state.duration


def too_old(state: State, replica: int, candidacy: int) -> Any:
    """What a replica granted to a candidacy is too old for the leader to serve by."""
    ended = granted_at_least(state, replica, candidacy) - 3 * state.clock_error
    return either(neg(state.newest[replica][candidacy].any), state.true_time >= ended)


def over(state: State, candidacy: int) -> Any:
    """A leader has no lease and gets none any more: it stepped down, or two replicas are done with it."""
    ended = state.candidacies[candidacy]
    return either(
        ended.leader.stepped_down,
        any_two(
            lambda r: both(
                state.replicas[r].granted.promised_epoch > ended.epoch, too_old(state, r, candidacy)
            )
        ),
    )


def was_silent(state: State, replica: int, candidacy: int) -> Any:
    """A replica agreed, after it was asked, and had not heard a leader for a lease, or heard that it stepped down."""
    answer, asking = state.agreed[replica][candidacy], state.candidacies[candidacy]
    long_enough = answer.silent_for >= state.duration - 2 * state.clock_error
    return both(answer.given, answer.at >= asking.asked_at, either(answer.told, long_enough))
