"""Trials of the leader's lease: what must stay possible, what must be caught, and the small worlds for both.

An election takes six steps and a lease five, so the small worlds tell stories: `_in_order` lets candidacies follow each
other, and the readings of each kind of step are the worst ones: the leader's clock is fast when it stamps and slow when
it reads, a replica's is slow when it grants and fast when it promises. The prover has all the others.
"""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.lease import Granted, Heartbeat, Leader, Terms
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._lease_state import State
from ddbproof.model.systems.lease import system


@system.cover("REP-06")
def a_lease_is_renewed(state: State) -> Any:
    """A leader reads by a lease that no heartbeat from its beginning could have given it."""
    leading = state.candidacies[0]
    began = leading.started_at + leading.base + state.clock_error
    return both(
        leading.last_read > 1,
        leading.leader.until_milliseconds > began + state.duration - 4 * state.clock_error,
    )


@system.cover("REP-08")
def another_leads_with_one_replica_down(state: State) -> Any:
    """The leader is gone, one replica never does anything, and the others have a new leader that serves reads."""
    idle = state.replicas[2]
    return both(
        state.candidacies[0].last_read > 0,
        state.candidacies[1].last_read > state.candidacies[0].last_read,
        neg(state.candidacies[0].leader.stepped_down),
        idle.granted.promised_epoch == 0,
        neg(state.agreed[2][0].given),
        neg(state.agreed[2][1].given),
    )


@system.cover("REP-06")
def stepping_down_saves_the_wait(state: State) -> Any:
    """A leader has stepped down, and another serves reads before the first one's lease would have run out."""
    old, new = state.candidacies[0], state.candidacies[1]
    return both(
        old.last_read > 0,
        new.last_read > old.last_read,
        old.leader.until_milliseconds > state.true_time + old.base + state.clock_error,
    )


@system.cover("REP-13")
def one_replica_alone_calls_no_election(state: State) -> Any:
    """One replica has lost touch with the leader, the others have not, and the leader goes on."""
    return both(
        state.agreed[2][1].given,
        neg(state.candidacies[1].called),
        state.newest[0][0].any,
        state.newest[1][0].any,
        state.candidacies[0].last_read > 0,
    )


@system.mutant("lease.lease_from")
def margin_of_two(
    terms: Terms, first_milliseconds: int, second_milliseconds: int, third_milliseconds: int
) -> int:
    """The margin is twice the clock error: one clock's part of it."""
    middle = sorted((first_milliseconds, second_milliseconds, third_milliseconds))[1]
    return middle + terms.duration_milliseconds - 2 * terms.clock_error_milliseconds


@system.mutant("lease.lease_from")
def margin_of_three(
    terms: Terms, first_milliseconds: int, second_milliseconds: int, third_milliseconds: int
) -> int:
    """The margin is three times the clock error: four readings are compared, and each may be off."""
    middle = sorted((first_milliseconds, second_milliseconds, third_milliseconds))[1]
    return middle + terms.duration_milliseconds - 3 * terms.clock_error_milliseconds


@system.mutant("lease.lease_from")
def the_newest_answer_counts(
    terms: Terms, first_milliseconds: int, second_milliseconds: int, third_milliseconds: int
) -> int:
    """The lease is counted from what one replica granted."""
    newest = max(first_milliseconds, second_milliseconds, third_milliseconds)
    return newest + terms.duration_milliseconds - 4 * terms.clock_error_milliseconds


@system.mutant("lease.may_promise")
def lease_ignored(granted: Granted, epoch: int, now_milliseconds: int) -> bool:
    """A replica promises a higher epoch although its grant still runs."""
    return epoch > granted.promised_epoch


@system.mutant("lease.grant")
def answered_with_its_own_clock(
    granted: Granted, heartbeat: Heartbeat, terms: Terms, now_milliseconds: int
) -> tuple[Granted, Heartbeat]:
    """The lease is counted from when a replica got the heartbeat, and by its clock."""
    require(heartbeat.epoch >= granted.promised_epoch)
    until = now_milliseconds + terms.duration_milliseconds
    return Granted(heartbeat.epoch, until), Heartbeat(heartbeat.epoch, now_milliseconds)


@system.mutant("lease.restarted")
def grant_forgotten(granted: Granted, terms: Terms, now_milliseconds: int) -> Granted:
    """A replica that starts again promises at once."""
    return Granted(granted.promised_epoch, now_milliseconds)


@system.mutant("lease.may_serve")
def serves_after_stepping_down(leader: Leader, now_milliseconds: int) -> bool:
    """A leader that has stepped down serves on while its lease lasts."""
    return now_milliseconds < leader.until_milliseconds


@system.mutant("lease.is_quorum")
def one_is_enough(replicas: int) -> bool:
    """One replica's word is enough."""
    return replicas >= 1


@system.mutant("lease.released")
def released_by_an_old_leader(granted: Granted, epoch: int, now_milliseconds: int) -> Granted:
    """That an earlier leader stepped down ends the grant to the present one."""
    return Granted(granted.promised_epoch, min(granted.until_milliseconds, now_milliseconds))


@system.mutant("lease.grant", harmless=True)
def never_grants_for_less(
    granted: Granted, heartbeat: Heartbeat, terms: Terms, now_milliseconds: int
) -> tuple[Granted, Heartbeat]:
    """A grant is never cut short by a later one for which the clock happened to be slower."""
    require(heartbeat.epoch >= granted.promised_epoch)
    until = now_milliseconds + terms.duration_milliseconds
    if until < granted.until_milliseconds:
        until = granted.until_milliseconds
    return Granted(heartbeat.epoch, until), heartbeat


# Small worlds. A lease of 5 with an error of 1 leaves a leader 1 to serve in; an election is possible after 3.


def _in_order(state: State) -> bool:
    """A candidacy asks when the one before it has read or stepped down; epochs rise with candidacies."""
    return all(
        not state.candidacies[later].asked
        or state.candidacies[later - 1].last_read > 0
        or state.candidacies[later - 1].leader.stepped_down
        for later in (1, 2)
    ) and all(state.candidacies[it].epoch in (0, it + 1) for it in range(3))


_ELECT = ("ask", "agree", "call", "promise", "start")
_LEAD = ("send_heartbeat", "grant", "acknowledge", "read")
_TWO_REPLICAS = {
    "replica": (0, 1),
    "from_first": (True,),
    "from_second": (True,),
    "from_third": (False,),
    "epoch": (1, 2, 3),
    "base": (0,),
}
_CLOCKS_ERR = {
    "send_heartbeat.clock": (1, 4),
    "grant.clock": (-1, 2),
    "agree.clock": (1, 4),
    "promise.clock": (1, 4),
    "start.clock": (0, 3),
    "read.clock": (-1, 2),
    "restart.clock": (-1, 2),
    "stamp": (1, 4),
    "later": (3,),
}
_ERRING = ({"duration": 5, "clock_error": 1},)
_NO_TIME = {"clock": (0,), "stamp": (0,), "later": (1,)}
_EXACT = ({"duration": 1, "clock_error": 0},)


def _story(
    candidacies: int, values: dict[str, Any], parameters: Any, actions: tuple[str, ...], reads: int
) -> Scope:
    """A small world in which so many candidacies follow each other, with so many reads."""
    return Scope(
        values={**_TWO_REPLICAS, **values, "candidacy": tuple(range(candidacies))},
        parameters=parameters,
        within=lambda state: _in_order(state) and state.reads < reads,
        actions=actions,
    )


system.scopes.extend(
    [
        # Two candidates call the same epoch, and every choice of two replicas answers.
        Scope(
            values={
                **_NO_TIME,
                "replica": (0, 1, 2),
                "candidacy": (0, 1),
                "epoch": (1,),
                "base": (0,),
                "stamp": (),
            },
            parameters=_EXACT,
            within=lambda state: not state.candidacies[1].asked or state.candidacies[0].called,
            actions=_ELECT,
        ),
        # Leaders step down, and step-downs are heard late.
        _story(3, _NO_TIME, _EXACT, (*_ELECT, *_LEAD, "step_down", "hear_step_down"), 2),
        # One replica does not hear the leader.
        _story(2, {**_NO_TIME, "agree.replica": (0, 1, 2)}, _EXACT, (*_ELECT, *_LEAD), 2),
        # Only the first replica hears the leader, and the two others elect another.
        Scope(
            values={
                **_NO_TIME,
                "replica": (0, 1, 2),
                "grant.replica": (0,),
                "candidacy": (0, 1),
                "from_first": (True, False),
                "from_second": (True,),
                "from_third": (True, False),
                "epoch": (1, 2),
                "base": (0,),
            },
            parameters=_EXACT,
            within=lambda state: (
                _in_order(state)
                and state.reads < 2
                and not (state.agreed[2][0].given or state.promised[2][0])
                and not (state.agreed[0][1].given or state.promised[0][1])
            ),
            actions=(*_ELECT, *_LEAD),
        ),
        # Replicas start again.
        _story(2, _NO_TIME, _EXACT, (*_ELECT, *_LEAD, "restart"), 2),
        # The leader's clock is set to less than the replicas'.
        _story(
            2,
            {
                **_CLOCKS_ERR,
                "send_heartbeat.clock": (-2,),
                "start.base": (-3,),
                "start.clock": (-3, 0),
                "read.clock": (-1,),
                "stamp": (-2, -1),
            },
            _ERRING,
            ("time_passes", *_ELECT, *_LEAD),
            2,
        ),
        # A leader renews its lease; then it runs out, and another is elected, while the third replica is down.
        _story(2, _CLOCKS_ERR, _ERRING, ("time_passes", *_ELECT, *_LEAD), 3),
    ]
)
