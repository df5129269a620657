"""Strong mode: an item on three members, one of which may be a witness; and the table that they form.

The kernel is `kernel/strong.py`, the records are in `_strong_state.py`, the steps and what they leave to the adversary in
`_strong_steps.py`, what else holds in `_strong_induction.py`. Here are the promises. A round is *known* when its Region has
heard that another member accepted it, or when a strong read has found it at two; writes are acknowledged, and conditions
and strong reads answered, from known rounds only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.systems._strong_induction import system
from ddbproof.model.systems._strong_state import (
    CONFLICT,
    MEMBERS,
    PAIRS,
    READ,
    ROUND,
    VERSION,
    State,
    ballot,
    has,
    newer,
    proposed,
    same,
    succeeded,
    version,
)

__all__ = ["system"]

# Promises about an item.


@system.safe("MR-01")
def SAFE_two_Regions_have_it(state: State) -> Iterator[Any]:
    """A request is done only when its own Region and another member have accepted what it answers, durably."""
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(succeeded(state, x), state.rounds[x].member == m, x != 0),
                both(
                    state.accepted[m][x],
                    either(*(state.accepted[o][x] for o in MEMBERS if o != m)),
                ),
            )
        )


@system.safe("MR-17")
def SAFE_two_members_keep_it(state: State) -> Iterator[Any]:
    """What is known two members have accepted, and both still hold it and all before it: losing one loses nothing."""
    yield forall(ROUND)(
        lambda x: implies(
            state.known[x], either(*(both(state.accepted[a][x], state.accepted[b][x]) for a, b in PAIRS))
        )
    )
    for m in MEMBERS:
        yield forall(ROUND, ROUND, VERSION)(
            lambda x, y, i, m=m: implies(
                both(state.known[x], state.accepted[m][x], state.holds[m] == y, has(state, x, i)),
                both(i <= version(state, y), same(state, x, y, i)),
            )
        )


@system.safe("MR-17", "MR-05")
def SAFE_one_history(state: State) -> Iterator[Any]:
    """Everything sent out under a higher ballot contains what is known, so that there is one history."""
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(state.known[x], newer(state, x, y), has(state, x, i)),
            both(i <= version(state, y), same(state, x, y, i)),
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(state.known[x], state.known[y], has(state, x, i), has(state, y, i)), same(state, x, y, i)
        )
    )


@system.safe("MR-05")
def SAFE_the_latest_version(state: State) -> Iterator[Any]:
    """Writes, conditions and strong reads work on no less than all that was known when they began."""
    yield forall(ROUND, ROUND)(
        lambda x, y: implies(
            both(succeeded(state, x), state.before[x][y]), version(state, y) <= version(state, x)
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(
                succeeded(state, x),
                state.rounds[x].record.changes,
                state.before[x][y],
                version(state, x) == i,
            ),
            version(state, y) < i,
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(succeeded(state, x), state.before[x][y], has(state, y, i)), same(state, x, y, i)
        )
    )
    yield forall(READ, ROUND, ROUND)(
        lambda q, y, z: implies(
            both(state.reads[q].answered, state.reads[q].round == z, state.read_before[q][y]),
            both(state.known[z], version(state, y) <= version(state, z)),
        )
    )
    yield forall(READ, ROUND, ROUND, VERSION)(
        lambda q, y, z, i: implies(
            both(
                state.reads[q].answered,
                state.reads[q].round == z,
                state.read_before[q][y],
                has(state, y, i),
            ),
            same(state, y, z, i),
        )
    )


@system.safe("MR-09")
def SAFE_one_write_makes_a_version(state: State) -> Iterator[Any]:
    """Of two writes that would make the same version, at most one is acknowledged."""
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(
                succeeded(state, x),
                succeeded(state, y),
                state.rounds[x].record.changes,
                state.rounds[y].record.changes,
                version(state, x) == i,
                version(state, y) == i,
            ),
            x == y,
        )
    )


@system.safe("MR-09")
def SAFE_a_conflict_has_no_effect(state: State) -> Iterator[Any]:
    """A write that was answered with a conflict is in no value that was ever sent out, so no member holds it."""
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(state.rounds[x].record.outcome == CONFLICT, proposed(state, y), has(state, y, i)),
            state.rounds[y].history[i] != x,
        )
    )
    for m in MEMBERS:
        yield forall(ROUND)(lambda y, m=m: implies(state.holds[m] == y, proposed(state, y)))


@system.safe("MR-09")
def SAFE_a_conflict_has_a_cause(state: State) -> Iterator[Any]:
    """A write is answered with a conflict only when a member has promised another round, with a higher ballot."""
    yield forall(ROUND)(
        lambda x: implies(
            state.rounds[x].record.outcome == CONFLICT,
            either(*(state.members[m].register.promised > ballot(state, x) for m in MEMBERS)),
        )
    )


@system.safe()
def SAFE_one_answer(state: State) -> Iterator[Any]:
    """A request is answered once: who has heard of an error or a conflict does not hear that it was done, nor the reverse."""
    yield forall(ROUND)(lambda x: state.rounds[x].answers <= 1)


@system.safe("MR-14")
def SAFE_streams_agree(state: State) -> Iterator[Any]:
    """The item's records come in the same order at every member: that of its versions, each the write that made it."""
    for a, b in PAIRS:
        yield forall(VERSION)(
            lambda i, a=a, b=b: implies(
                both(i >= 1, i <= state.members[a].register.shown, i <= state.members[b].register.shown),
                state.streams[a][i] == state.streams[b][i],
            )
        )
    for m in MEMBERS:
        yield forall(ROUND, VERSION)(
            lambda x, i, m=m: implies(
                both(state.known[x], has(state, x, i), i <= state.members[m].register.shown),
                state.streams[m][i] == state.rounds[x].history[i],
            )
        )
        yield forall(ROUND, VERSION)(
            lambda w, i, m=m: implies(
                both(i >= 1, i <= state.members[m].register.shown, state.streams[m][i] == w),
                both(proposed(state, w), state.rounds[w].record.changes, version(state, w) == i),
            )
        )


# Promises about Regions.


@system.safe("MR-15")
def SAFE_nothing_strong_while_cut_off(state: State) -> Iterator[Any]:
    """A Region on its own answers no write and no strong read."""
    for m in MEMBERS:
        member = state.members[m]
        yield implies(member.cut_off, member.answered == member.answered_when_cut)


@system.safe("MR-16")
def SAFE_nothing_strong_before_caught_up(state: State) -> Iterator[Any]:
    """A Region that is suspended answers no write and no strong read."""
    for m in MEMBERS:
        member = state.members[m]
        yield implies(neg(member.region.serving), member.answered == member.answered_when_suspended)


@system.safe("MR-16")
def SAFE_caught_up(state: State) -> Iterator[Any]:
    """A Region that serves again has applied all that was known when it reached somebody again."""
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda y, m=m: implies(
                both(state.members[m].region.serving, state.owes[m][y]),
                version(state, y) <= state.members[m].register.applied,
            )
        )
        yield forall(ROUND, ROUND, VERSION)(
            lambda y, z, i, m=m: implies(
                both(
                    state.members[m].region.serving,
                    state.owes[m][y],
                    state.applies[m] == z,
                    has(state, y, i),
                ),
                same(state, y, z, i),
            )
        )


@system.safe("MR-04")
def SAFE_the_witness_is_not_used(state: State) -> Iterator[Any]:
    """A witness begins no write and no read, and answers none, eventually consistent ones included."""
    for m in MEMBERS:
        member = state.members[m]
        yield implies(state.witness == m, both(member.answered == 0, neg(member.seen.any)))
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.witness == m, state.rounds[x].begun, x != 0), state.rounds[x].member != m
            )
        )
        yield forall(READ)(
            lambda q, m=m: implies(both(state.witness == m, state.reads[q].begun), state.reads[q].member != m)
        )


# Promises about the table.


@system.safe("MR-02", "MR-08")
def SAFE_three_members_or_one(state: State) -> Iterator[Any]:
    """In strong mode there are three replicas, or two and a witness, until two are removed at once; else no witness."""
    table = state.table
    yield implies(
        table.strong,
        either(
            both(table.replicas == 3, table.witnesses == 0), both(table.replicas == 2, table.witnesses == 1)
        ),
    )
    yield implies(neg(table.strong), both(table.replicas >= 1, table.witnesses == 0))
    yield implies(state.dissolved, table.replicas == 1)
    yield implies(either(table.dissolving, state.dissolved), state.removed == 2)


@system.safe("MR-07")
def SAFE_formed_from_nothing(state: State) -> Iterator[Any]:
    """A table in strong mode began empty; until it is formed nothing is written or begun, and who has not joined answers nothing."""
    yield implies(state.table.strong, state.items_before == 0)
    yield forall(ROUND)(lambda x: implies(both(state.table.forming, state.rounds[x].begun), x == 0))
    yield forall(READ)(lambda q: implies(state.table.forming, neg(state.reads[q].begun)))
    for m in MEMBERS:
        member = state.members[m]
        yield implies(neg(member.region.joined), both(member.answered == 0, neg(member.seen.any)))


@system.safe("GT-07")
def SAFE_one_mode(state: State) -> Iterator[Any]:
    """A global table is in the mode that it was created in, and so are all its members once it is formed."""
    table = state.table
    yield implies(table.replicas + table.witnesses > 1, same_truth(table.strong, state.mode))
    for m in MEMBERS:
        yield implies(both(table.strong, neg(table.forming)), state.members[m].region.joined)
        yield implies(both(neg(table.strong), neg(state.dissolved)), neg(state.members[m].region.joined))


@system.safe("MR-08", "MR-17")
def SAFE_what_stays_has_everything(state: State) -> Iterator[Any]:
    """When the table is dissolved, a replica stays, and holds all that was and will be acknowledged anywhere."""
    yield implies(either(state.table.dissolving, state.dissolved), state.stays != state.witness)
    yield forall(ROUND, ROUND)(
        lambda x, z: implies(
            both(state.dissolved, state.known[x], state.holds[state.stays] == z),
            version(state, x) <= version(state, z),
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, z, i: implies(
            both(state.dissolved, state.known[x], state.holds[state.stays] == z, has(state, x, i)),
            same(state, x, z, i),
        )
    )
