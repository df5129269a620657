"""Trials of reads: what must stay possible, what must be caught, and the small worlds for both.

Each small world tells a story: one leader and writes in flight; a leader that goes on after it has been replaced; a new one
with entries whose fate it does not know; replicas that are behind. The system lets replicas and epochs do more than
`replication` does. A witness must not rest on that: the worlds that have one let replicas take up only the log of the
newest leader, with what that leader has committed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.systems._reads_state import (
    EVENTUAL_READ,
    FAILED,
    OPEN,
    REFUSED,
    STRONG_READ,
    SUCCEEDED,
    THROTTLED,
    WRITE,
    Asked,
    State,
)
from ddbproof.model.systems.reads import system
from ddbproof.model.trials import _reads_mutants

EntryT = TypeVar("EntryT")
ItemT = TypeVar("ItemT")


def _answered(state: State, number: int, kind: int, answer: int, place: int) -> Any:
    """An operation of a kind was answered so, and stands in that place."""
    operation = state.operations[number]
    return both(operation.kind == kind, operation.answer == answer, operation.place == place)


def _over_before(state: State, earlier: int, later: int) -> Any:
    """The one operation had been answered when the other began."""
    return state.operations[earlier].answered_after < later


# What can happen.


@system.witness("RC-02")
def an_eventual_read_misses_a_write_and_shows_it_later(state: State) -> Any:
    """A read that begins after a write has succeeded lacks it, and the next one has it."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _over_before(state, 1, 2),
        _answered(state, 2, EVENTUAL_READ, SUCCEEDED, 0),
        _over_before(state, 2, 3),
        _answered(state, 3, EVENTUAL_READ, SUCCEEDED, 1),
        state.operations[2].item == state.operations[1].item,
        state.operations[3].item == state.operations[1].item,
        state.operations[2].value == 0,
        state.operations[3].value == 1,
    )


@system.witness("RC-06")
def eventual_reads_go_backwards(state: State) -> Any:
    """A read shows a write, and a later one, by another replica, the item as it was before."""
    return both(
        _answered(state, 2, EVENTUAL_READ, SUCCEEDED, 1),
        _over_before(state, 2, 3),
        _answered(state, 3, EVENTUAL_READ, SUCCEEDED, 0),
        state.operations[2].item == state.operations[3].item,
        state.operations[2].value == 1,
        state.operations[3].value == 0,
    )


@system.witness("RC-07")
def a_client_does_not_see_its_own_write(state: State) -> Any:
    """A client whose write has succeeded reads with the default, and does not find it."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _over_before(state, 1, 2),
        _answered(state, 2, EVENTUAL_READ, SUCCEEDED, 0),
        state.operations[1].client == state.operations[2].client,
        state.operations[1].item == state.operations[2].item,
        state.operations[1].value != state.operations[2].value,
    )


@system.witness("REP-04")
def a_replica_lacks_what_succeeded(state: State) -> Any:
    """A write has succeeded that one of the three replicas has not got."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        state.epochs[0].leader.first == 1,
        state.epochs[0].leader.second == 1,
        state.epochs[0].leader.third == 0,
        state.nodes[2].record.length == 0,
    )


@system.witness("REP-15")
def what_failed_took_effect(state: State) -> Any:
    """A write that was answered 500 is in the history, and a strong read has shown it."""
    return both(
        _answered(state, 1, WRITE, FAILED, 1),
        state.decided == 1,
        state.history[0] == 1,
        _answered(state, 2, STRONG_READ, SUCCEEDED, 1),
        state.operations[2].value == 1,
    )


@system.witness("REP-15")
def what_failed_never_takes_effect(state: State) -> Any:
    """A write that was answered 500 was lost with its leader: the place in the history is another's."""
    return both(
        _answered(state, 1, WRITE, FAILED, 1),
        state.decided == 1,
        state.history[0] == 2,
        _answered(state, 2, WRITE, SUCCEEDED, 1),
    )


# What must stay possible.


@system.cover("RC-08")
def one_of_two_in_flight_is_refused(state: State) -> Any:
    """Two writes that each want the item to be absent come in before either is committed; one succeeds."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _answered(state, 2, WRITE, REFUSED, 1),
        state.operations[1].answered_after == 2,
        state.operations[1].asked.conditional,
        state.operations[2].asked.conditional,
    )


@system.cover("RC-08")
def two_in_flight_add_up(state: State) -> Any:
    """Two writes that add one come in before either is committed, and both count."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _answered(state, 2, WRITE, SUCCEEDED, 2),
        state.operations[1].answered_after == 2,
        state.operations[2].value == 2,
    )


@system.cover("REP-08", "RC-03")
def reads_and_writes_with_one_replica_down(state: State) -> Any:
    """One replica has nothing, and a write succeeds and is read."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _answered(state, 2, STRONG_READ, SUCCEEDED, 1),
        _over_before(state, 1, 2),
        state.nodes[2].record.length == 0,
    )


@system.cover("REP-08", "RC-03")
def the_next_leader_shows_what_succeeded(state: State) -> Any:
    """A write succeeds, its leader is replaced, and the next one answers a strong read, with one replica down."""
    return both(
        _answered(state, 1, WRITE, SUCCEEDED, 1),
        _answered(state, 2, STRONG_READ, SUCCEEDED, 1),
        state.operations[1].epoch == 0,
        state.operations[2].epoch == 1,
        state.nodes[2].record.length == 0,
    )


@system.cover()
def the_next_leader_takes_writes_before_it_is_through(state: State) -> Any:
    """A new leader has gone through all it began with and takes a write, while it does not know what is committed."""
    return both(
        state.operations[2].kind == WRITE,
        state.operations[2].epoch == 1,
        state.operations[2].place == 2,
        state.epochs[1].leader.committed == 0,
    )


@system.cover("REP-15")
def a_replaced_leaders_write_takes_effect(state: State) -> Any:
    """A write that came to a leader after it was replaced takes effect, by way of the leader after the next."""
    return both(
        state.operations[1].epoch == 0,
        state.operations[1].under == 1,
        state.decided == 1,
        state.history[0] == 1,
    )


@system.cover("REP-12")
def a_replica_is_healed_meanwhile(state: State) -> Any:
    """A write succeeds and is read while one of three replicas gets another's view, and its log is still empty."""
    return both(
        _answered(state, 2, STRONG_READ, SUCCEEDED, 1),
        state.nodes[2].table.view.applied == 1,
        state.nodes[2].record.length == 0,
    )


@system.cover("CA-08")
def what_was_throttled_succeeds_the_next_time(state: State) -> Any:
    """A client whose write was throttled sends it again."""
    return both(
        _answered(state, 1, WRITE, THROTTLED, 0),
        _over_before(state, 1, 2),
        _answered(state, 2, WRITE, SUCCEEDED, 1),
        state.decided == 1,
    )


@system.cover()
def a_refusal_waits(state: State) -> Any:
    """A condition has failed because of a write that may yet be lost; nobody has been told."""
    return both(
        state.operations[2].received.refused,
        state.operations[2].answer == OPEN,
        state.operations[2].place == 1,
        state.decided == 0,
        neg(state.operations[1].received.refused),
    )


# Wrong kernels.


# Small worlds.

_PUT, _PUT_NEW, _ADD = Asked(False, 0, False, 1), Asked(True, 0, False, 2), Asked(False, 0, True, 1)
_IF_ONE = Asked(True, 1, False, 3)
_LEAD = ("receive", "catch_up", "take", "acknowledge", "answer_write")
_READ = ("ask", "settle", "read_strongly")
_PLAIN: dict[str, Any] = {
    "client": (1,),
    "epoch": (0,),
    "item": (0,),
    "asked": (_PUT,),
    "throttled": (False,),
    "leased": (True,),
    "strong": (True,),
    "replica": (0, 1),
    "index": (0, 1),
    "length": (1,),
    "told_by": (0,),
    "take.committed": (0,),
    "committed": (0,),
    "operation": (1, 2, 3),
}


def _few(operations: int) -> Callable[[State], bool]:
    """So many operations run their course; the beginning of one more is looked at."""
    return lambda state: state.begun <= operations


def _behind(state: State) -> bool:
    """A write, and when it has succeeded two reads, one after the other."""
    first, second = state.operations[1], state.operations[2]
    if state.begun < 2:
        return state.begun == 0 or first.kind == WRITE
    return first.answer == SUCCEEDED and (state.begun == 2 or (state.begun == 3 and second.answer != OPEN))


def _inherited(state: State) -> bool:
    """A write at the first leader succeeds; then another leads, and the first is heard of no more."""
    first = state.operations[1]
    if state.newest == 0:
        return state.begun < 2
    return first.answer == SUCCEEDED and state.begun < 3


def _lost(state: State) -> bool:
    """A write at the first leader fails, and is told to nobody; then another leads."""
    first = state.operations[1]
    if state.newest == 0:
        return state.begun < 2
    return first.answer == FAILED and state.begun < 3 and state.epochs[0].leader.committed == 0


def _replaced(state: State) -> bool:
    """The next leader begins before anything is written."""
    return state.begun < 3 and (state.newest > 0 or state.begun == 0)


def _replaced_twice(state: State) -> bool:
    """A write comes to a leader that has been replaced, and a third leader begins with it."""
    return state.begun < 2 and (state.newest > 0 or state.begun == 0)


system.scopes.extend(
    [
        # One leader, and writes in flight.
        Scope(
            values={**_PLAIN, "asked": (_PUT_NEW, _ADD), "length": (1, 2)},
            within=_few(2),
            actions=_LEAD,
        ),
        # Writes are throttled, or fail and take effect.
        Scope(
            values={**_PLAIN, "throttled": (False, True)},
            within=_few(2),
            actions=(*_LEAD, *_READ, "fail"),
        ),
        # Replicas that have more than they know to be committed.
        Scope(
            values={**_PLAIN, "strong": (False,), "take.committed": (0, 1)},
            within=_few(2),
            actions=("receive", "take", "acknowledge", "ask", "follow", "read_eventually", "fail"),
        ),
        # A leader is replaced by one that lacks what failed, or has it.
        Scope(
            values={
                **_PLAIN,
                "epoch": (0, 1),
                "begin.epoch": (1,),
                "acknowledge.epoch": (1,),
                "source": (0,),
                "base": (0, 1),
                "host": (0,),
                "take.epoch": (1,),
            },
            within=_lost,
            actions=(*_LEAD, *_READ, "begin", "fail"),
        ),
        # A leader goes on after it was replaced.
        Scope(
            values={
                **_PLAIN,
                "epoch": (0, 1),
                "begin.epoch": (1,),
                "take.epoch": (1,),
                "acknowledge.epoch": (1,),
                "source": (0,),
                "base": (0,),
                "host": (0,),
                "leased": (False, True),
                "asked": (_PUT, _IF_ONE),
            },
            within=_replaced,
            actions=(*_LEAD, *_READ, "begin"),
        ),
        # What it is asked comes into the history by way of a third leader.
        Scope(
            values={
                **_PLAIN,
                "epoch": (0, 2),
                "receive.epoch": (0,),
                "take.epoch": (2,),
                "acknowledge.epoch": (2,),
                "begin.epoch": (1, 2),
                "source": (0, 1),
                "base": (0, 1),
                "host": (0,),
                "leased": (False,),
            },
            within=_replaced_twice,
            actions=(*_LEAD, "begin", "fail"),
        ),
        # A leader is replaced by one whose view lacks what succeeded, and goes on.
        Scope(
            values={
                **_PLAIN,
                "epoch": (0, 1),
                "begin.epoch": (1,),
                "ask.item": (0,),
                "source": (0,),
                "base": (1,),
                "host": (0,),
                "length": (1, 2),
                "asked": (_ADD,),
            },
            within=_inherited,
            actions=(*_LEAD, *_READ, "begin"),
        ),
        # One leader, and reads of one of two items.
        Scope(
            values={**_PLAIN, "item": (0, 1), "take.length": (2,), "ask.item": (0,)},
            within=_few(3),
            actions=(*_LEAD, *_READ),
        ),
        # Replicas that are behind.
        Scope(
            values={
                **_PLAIN,
                "replica": (0, 1, 2),
                "acknowledge.replica": (0, 1),
                "follow.replica": (0,),
                "install.replica": (2,),
                "source": (0,),
                "strong": (False, True),
                "take.committed": (0, 1),
            },
            within=_behind,
            actions=(*_LEAD, *_READ, "follow", "install", "read_eventually"),
        ),
    ]
)

__all__ = ["_reads_mutants", "system"]
