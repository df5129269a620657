"""Trials of membership: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, either, neg
from ddbproof.model.kernel.membership import Group, Replica, Trio
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._membership_steps import State, system


@system.cover("REP-12")
def replaced_with_one_down(state: State) -> Any:
    """Replica 3 never did anything; its replacement is over and kept what had been acknowledged."""
    return both(
        state.group.number == 1, state.base[1] == 1, state.acknowledged == 1, state.replicas[3].end == 0
    )


@system.witness("REP-11")
def a_log_replica_acknowledges(state: State) -> Any:
    """An entry is acknowledged because a log replica has it, while another member does not."""
    return both(
        state.acknowledged == 1,
        state.group.number == 1,
        neg(state.replicas[4].full),
        state.replicas[2].end == 0,
    )


@system.cover("REP-12")
def healed(state: State) -> Any:
    """A replica that had nothing has items, from a snapshot and from the log after it."""
    return both(state.replicas[4].full, state.replicas[4].applied == 2, state.replicas[4].start == 1)


@system.cover()
def joined_at_the_floor(state: State) -> Any:
    """A log replica has an entry and never had the one before, which is trimmed."""
    return both(state.replicas[4].start == 1, state.replicas[4].end == 2, neg(state.replicas[4].full))


@system.cover()
def the_removed_says_the_old(state: State) -> Any:
    """The removed replica is back, says what it has in its old configuration, and an old leader heard it."""
    return both(state.group.number == 1, state.said[0][3] == 1, state.acknowledged_in[0] == 1)


@system.mutant("membership.needed")
def begins_with_too_little(promised_by_one: int, promised_by_other: int) -> int:
    """The new configuration begins with what both promises have, not with what either has."""
    if promised_by_one > promised_by_other:
        return promised_by_other
    return promised_by_one


@system.mutant("membership.has_quorum")
def joiner_counts_without_the_log(
    members: Trio, one: int, other: int, held_by_one: int, held_by_other: int, end: int
) -> bool:
    """The second of a quorum counts whatever it has of the log."""
    return (
        (one != other)
        & ((members.first == one) | (members.second == one) | (members.third == one))
        & ((members.first == other) | (members.second == other) | (members.third == other))
        & (held_by_one >= end)
    )


@system.mutant("membership.may_acknowledge")
def acknowledges_in_the_past(promised: int, number: int) -> bool:
    """A replica that promised the new configuration still acknowledges in the old one."""
    return promised >= number


@system.mutant("membership.begin_change")
def two_changes_at_once(group: Group, leaver: int, joiner: int) -> Group:
    """A second change begins while the first is under way."""
    require(
        (group.members.first == leaver) | (group.members.second == leaver) | (group.members.third == leaver)
    )
    require(
        (group.members.first != joiner) & (group.members.second != joiner) & (group.members.third != joiner)
    )
    return Group(group.number, group.members, True, leaver, joiner, group.floor)


@system.mutant("membership.on_snapshot")
def last_entry_twice(replica: Replica, taken_at: int) -> Replica:
    """The position of a snapshot is taken for its last entry's, which is applied again."""
    require(taken_at >= replica.start)
    require(taken_at > replica.applied)
    end = max(replica.end, taken_at)
    return Replica(replica.configuration, replica.start, end, True, taken_at - 1)


@system.mutant("membership.on_snapshot")
def first_entry_left_out(replica: Replica, taken_at: int) -> Replica:
    """The entry after a snapshot is thought to be in it."""
    require(taken_at >= replica.start)
    require(taken_at > replica.applied)
    require(taken_at < replica.end)
    return Replica(replica.configuration, replica.start, replica.end, True, taken_at + 1)


@system.mutant("membership.on_trim")
def trims_past_the_floor(replica: Replica, group: Group, start: int) -> Replica:
    """A log replica drops what no snapshot has."""
    require(start > replica.start)
    require(start <= replica.end)
    if replica.full:
        require(start <= replica.applied)
    return Replica(replica.configuration, start, replica.end, replica.full, replica.applied)


@system.mutant("membership.has_items")
def floor_without_items(replica: Replica, floor: int) -> bool:
    """Any full replica is taken to have everything before the floor in its items."""
    return replica.full


@system.mutant("membership.needed", harmless=True)
def the_greater_said_otherwise(promised_by_one: int, promised_by_other: int) -> int:
    """The same, the other way round."""
    if promised_by_one <= promised_by_other:
        return promised_by_other
    return promised_by_one


_ONE = {"position": (0,), "leaver": (3,), "joiner": (4,)}
_OLD_TWO = {"finish_change.old_one": (1,), "finish_change.old_other": (2,)}
_ITEMS = {"finish_change.items_one": (1,), "finish_change.items_other": (2,)}

system.scopes.extend(
    [
        # Replica 3 is gone for good, and 4 comes in.
        Scope(
            values={
                **_ONE,
                **_OLD_TWO,
                **_ITEMS,
                "configuration": (0, 1),
                "index": (0, 1),
                "node": (1, 2, 4),
                "say.node": (1, 2, 4),
                "acknowledge.one": (1,),
                "acknowledge.other": (2, 4),
                "acknowledge.end": (1,),
                "new_one": (1,),
                "new_other": (2, 4),
                "trim.node": (4,),
                "start": (1,),
                "join.node": (4,),
                "floor": (0,),
            },
            actions=(
                "join",
                "write",
                "receive",
                "say",
                "acknowledge",
                "begin_change",
                "promise",
                "finish_change",
                "trim",
            ),
            within=lambda state: state.length < 2,
            most_states=60_000,
        ),
        # Replica 3 comes back, and hears of nothing but its old configuration.
        Scope(
            values={
                **_ONE,
                **_OLD_TWO,
                **_ITEMS,
                "configuration": (0, 1),
                "acknowledge.number": (0,),
                "index": (0, 1),
                "node": (1, 2, 3),
                "promise.node": (1, 2),
                "acknowledge.one": (1, 2),
                "acknowledge.other": (3,),
                "acknowledge.end": (1,),
                "new_one": (1,),
                "new_other": (2,),
            },
            actions=("write", "receive", "say", "acknowledge", "begin_change", "promise", "finish_change"),
            within=lambda state: state.length < 2,
            most_states=60_000,
        ),
        # Snapshots, the floor, and a replica that heals.
        Scope(
            values={
                **_ONE,
                "configuration": (0,),
                "index": (0, 1, 2),
                "node": (1, 2, 4),
                "take_snapshot.node": (1,),
                "heal.node": (1, 4),
                "trim.node": (1, 4),
                "join.node": (1, 2, 4),
                "raise_floor.one": (1,),
                "raise_floor.other": (2,),
            },
            actions=("write", "receive", "apply", "take_snapshot", "heal", "join", "raise_floor", "trim"),
            within=lambda state: state.length < 3,
            most_states=60_000,
        ),
        # Anybody is to leave and anybody to come in, members or not.
        Scope(
            values={
                "node": (1, 2, 3, 4),
                "position": (0,),
                "configuration": (1,),
                "index": (0,),
                "leaver": (1, 3, 5),
                "joiner": (1, 4),
                "old_one": (1, 2),
                "old_other": (2, 3),
                "new_one": (1, 2),
                "new_other": (2, 3, 4),
                "items_one": (1, 2),
                "items_other": (2, 3),
            },
            actions=("begin_change", "promise", "say", "finish_change"),
            within=lambda state: state.changes < 2,
        ),
        # Whose word counts.
        Scope(
            values={
                "node": (1, 2, 4),
                "position": (0,),
                "configuration": (0,),
                "index": (0,),
                "end": (1,),
            },
            actions=("write", "receive", "say", "acknowledge"),
            within=lambda state: state.length < 2,
        ),
        # A floor, and a replica that joined there; then somebody leaves who has what is before it.
        Scope(
            values={
                "node": (1, 2, 3, 4),
                "position": (0,),
                "configuration": (0, 1),
                "index": (0, 1),
                "receive.node": (1, 2),
                "apply.node": (1, 2),
                "say.node": (1, 2, 4),
                "join.node": (4,),
                "promise.node": (2, 3, 4),
                "leaver": (1,),
                "joiner": (4,),
                "acknowledge.one": (1,),
                "acknowledge.other": (2,),
                "raise_floor.one": (1,),
                "raise_floor.other": (2,),
                "join.floor": (1,),
                "old_one": (2,),
                "old_other": (3,),
                "new_one": (2,),
                "new_other": (4,),
                "items_one": (2,),
                "items_other": (3, 4),
            },
            actions=(
                "write",
                "receive",
                "apply",
                "say",
                "acknowledge",
                "raise_floor",
                "join",
                "begin_change",
                "promise",
                "finish_change",
            ),
            within=lambda state: both(
                state.length < 2,
                either(
                    neg(state.group.changing), both(state.acknowledged == 1, state.replicas[4].start == 1)
                ),
            ),
        ),
    ]
)
