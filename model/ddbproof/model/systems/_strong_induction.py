"""What always holds of the system `strong`, so that its promises can be proved by induction.

At its heart is `choosable`: what may still be decided under a ballot is in the history of every value sent out under a
higher one. Everything that anybody ever knows (an acknowledged write, a read's answer, what was applied) is a round
that two members have accepted, and so lies on the one history.

Clauses name a ghost's value by a variable (`state.holds[m] == x`) and do not look it up: the prover then needs no terms
but the step's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.systems._strong_state import (
    CONFLICT,
    MEMBERS,
    NOBODY,
    OPEN,
    READ,
    ROUND,
    UNKNOWN,
    VERSION,
    State,
    any_two,
    ballot,
    decided,
    has,
    leaves_by,
    newer,
    proposed,
    same,
    succeeded,
    too_late,
    version,
)
from ddbproof.model.systems._strong_steps import system

__all__ = ["system"]

# Rounds and ballots.


@system.invariant
def rounds(state: State) -> Iterator[Any]:
    """A round has a ballot of its member's, and one outcome."""
    yield both(state.rounds[0].begun, proposed(state, 0), ballot(state, 0) == 0, version(state, 0) == 0)
    yield both(state.known[0], state.rounds[0].record.outcome == UNKNOWN, neg(state.rounds[0].record.last))
    yield forall(ROUND)(
        lambda x: implies(
            state.rounds[x].begun,
            both(
                state.rounds[x].member >= 0,
                state.rounds[x].member <= 2,
                ballot(state, x) == 3 * state.rounds[x].counter + state.rounds[x].member,
                ballot(state, x) >= 0,
            ),
        )
    )
    yield forall(ROUND)(
        lambda x: implies(
            neg(state.rounds[x].begun), both(neg(proposed(state, x)), state.rounds[x].record.outcome == OPEN)
        )
    )
    yield forall(ROUND)(lambda x: implies(succeeded(state, x), both(proposed(state, x), state.known[x])))
    yield forall(ROUND)(
        lambda x: implies(state.rounds[x].record.outcome == CONFLICT, neg(proposed(state, x)))
    )
    yield forall(ROUND)(
        lambda x: implies(state.rounds[x].record.outcome == OPEN, state.rounds[x].answers == 0)
    )
    yield forall(ROUND)(
        lambda x: implies(
            both(state.rounds[x].begun, state.rounds[x].record.request.catching_up),
            neg(state.rounds[x].record.changes),
        )
    )
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.rounds[x].begun, state.rounds[x].member == m),
                ballot(state, x) <= state.members[m].register.promised,
            )
        )
    yield forall(ROUND, ROUND)(
        lambda x, y: implies(
            both(state.rounds[x].begun, state.rounds[y].begun, ballot(state, x) == ballot(state, y)), x == y
        )
    )


@system.invariant
def proposals(state: State) -> Iterator[Any]:
    """Two members have promised what is sent out, and its own Region has accepted it."""
    yield forall(ROUND)(lambda x: implies(proposed(state, x), version(state, x) >= 0))
    yield forall(ROUND)(
        lambda x: implies(
            both(proposed(state, x), state.rounds[x].record.changes),
            version(state, x) >= 1,
        )
    )
    yield forall(ROUND)(
        lambda x: implies(both(proposed(state, x), x != 0), any_two(lambda m: state.promises[m][x].given))
    )
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(proposed(state, x), state.rounds[x].member == m), state.accepted[m][x]
            )
        )


@system.invariant
def registers(state: State) -> Iterator[Any]:
    """What a member has accepted was sent out, under no higher ballot than it has promised."""
    for m in MEMBERS:
        register = state.members[m].register
        yield both(register.accepted >= 0, register.accepted <= register.promised)
        yield forall(ROUND)(
            lambda x, m=m: implies(
                state.holds[m] == x,
                both(
                    state.accepted[m][x],
                    ballot(state, x) == state.members[m].register.accepted,
                    version(state, x) == state.members[m].register.number,
                ),
            )
        )
        yield forall(ROUND)(
            lambda x, m=m: implies(
                state.accepted[m][x],
                both(proposed(state, x), ballot(state, x) <= state.members[m].register.accepted),
            )
        )


@system.invariant
def promises(state: State) -> Iterator[Any]:
    """A promise told the highest ballot below it that the member has accepted, and ever will."""
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                state.promises[m][x].given,
                both(
                    state.rounds[x].begun,
                    state.promises[m][x].answer.ballot == ballot(state, x),
                    ballot(state, x) <= state.members[m].register.promised,
                    state.promises[m][x].answer.accepted < ballot(state, x),
                ),
            )
        )
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.rounds[x].begun, x != 0, state.rounds[x].member == m), state.promises[m][x].given
            )
        )
        yield forall(ROUND, ROUND)(
            lambda x, y, m=m: implies(
                both(state.promises[m][x].given, state.promises[m][x].round == y),
                both(
                    state.accepted[m][y],
                    ballot(state, y) == state.promises[m][x].answer.accepted,
                    version(state, y) == state.promises[m][x].answer.number,
                ),
            )
        )
        yield forall(ROUND, ROUND)(
            lambda x, y, m=m: implies(
                both(state.promises[m][x].given, state.accepted[m][y], ballot(state, y) < ballot(state, x)),
                ballot(state, y) <= state.promises[m][x].answer.accepted,
            )
        )


@system.invariant
def choosable(state: State) -> Iterator[Any]:
    """What may still be decided under a ballot is in the history of everything sent out under a higher one."""
    yield forall(ROUND, ROUND)(
        lambda x, y: implies(
            newer(state, x, y), either(too_late(state, x), version(state, x) <= version(state, y))
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, y, i: implies(
            both(newer(state, x, y), has(state, x, i)), either(too_late(state, x), same(state, x, y, i))
        )
    )


@system.invariant
def histories(state: State) -> Iterator[Any]:
    """A history consists of writes that were sent out, each as the version that it made, under no higher ballot."""
    yield forall(ROUND, VERSION)(
        lambda x, i: implies(
            both(proposed(state, x), state.rounds[x].record.changes, version(state, x) == i),
            state.rounds[x].history[i] == x,
        )
    )
    yield forall(ROUND, ROUND, VERSION)(
        lambda x, w, i: implies(
            both(proposed(state, x), has(state, x, i), state.rounds[x].history[i] == w),
            both(
                proposed(state, w),
                state.rounds[w].record.changes,
                version(state, w) == i,
                ballot(state, w) <= ballot(state, x),
            ),
        )
    )


@system.invariant
def known(state: State) -> Iterator[Any]:
    """What somebody knows to be decided is; only that is applied."""
    yield forall(ROUND)(lambda x: implies(state.known[x], decided(state, x)))
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                state.applies[m] == x,
                both(state.known[x], version(state, x) == state.members[m].register.applied),
            )
        )
        yield both(
            state.members[m].register.shown >= 0,
            state.members[m].register.shown <= state.members[m].register.applied,
        )
        yield forall(ROUND, VERSION)(
            lambda x, i, m=m: implies(
                both(state.applies[m] == x, i >= 1, i <= state.members[m].register.shown),
                state.streams[m][i] == state.rounds[x].history[i],
            )
        )


@system.invariant
def known_before(state: State) -> Iterator[Any]:
    """What is sent out has a higher ballot than all that was known when its round began."""
    yield forall(ROUND, ROUND)(
        lambda x, y: implies(state.before[x][y], both(state.known[y], any_two(lambda m: state.had[m][x][y])))
    )
    yield forall(ROUND, ROUND)(
        lambda x, y: implies(
            both(state.before[x][y], proposed(state, x)), ballot(state, y) < ballot(state, x)
        )
    )
    for m in MEMBERS:
        yield forall(ROUND, ROUND)(
            lambda x, y, m=m: implies(state.had[m][x][y], both(state.rounds[x].begun, state.accepted[m][y]))
        )
        yield forall(ROUND, ROUND)(
            lambda x, y, m=m: implies(
                both(state.had[m][x][y], state.promises[m][x].given), ballot(state, y) < ballot(state, x)
            )
        )


@system.invariant
def reads(state: State) -> Iterator[Any]:
    """A member told a read no less than it had accepted when the read began."""
    yield forall(READ)(
        lambda q: implies(state.reads[q].begun, both(state.reads[q].member >= 0, state.reads[q].member <= 2))
    )
    yield forall(READ, ROUND)(
        lambda q, y: implies(
            state.read_before[q][y],
            both(state.reads[q].begun, state.known[y], any_two(lambda m: state.had_read[m][q][y])),
        )
    )
    yield forall(READ, ROUND)(
        lambda q, z: implies(
            both(state.reads[q].answered, state.reads[q].round == z),
            both(state.reads[q].begun, state.known[z]),
        )
    )
    yield forall(READ, ROUND, ROUND)(
        lambda q, y, z: implies(
            both(state.reads[q].answered, state.read_before[q][y], state.reads[q].round == z),
            ballot(state, y) <= ballot(state, z),
        )
    )
    for m in MEMBERS:
        yield forall(READ, ROUND)(
            lambda q, y, m=m: implies(
                state.had_read[m][q][y], both(state.reads[q].begun, state.accepted[m][y])
            )
        )
        yield forall(READ)(lambda q, m=m: implies(state.told[m][q].given, state.reads[q].begun))
        yield forall(READ, ROUND)(
            lambda q, z, m=m: implies(
                both(state.told[m][q].given, state.told[m][q].round == z),
                both(
                    state.accepted[m][z],
                    ballot(state, z) == state.told[m][q].accepted,
                ),
            )
        )
        yield forall(READ, ROUND)(
            lambda q, y, m=m: implies(
                both(state.told[m][q].given, state.had_read[m][q][y]),
                ballot(state, y) <= state.told[m][q].accepted,
            )
        )


# Regions and the table.


@system.invariant
def suspensions(state: State) -> Iterator[Any]:
    """A request that may still be answered began after its Region was suspended last."""
    for m in MEMBERS:
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.rounds[x].begun, x != 0, state.rounds[x].member == m),
                state.rounds[x].record.request.suspensions <= state.members[m].region.suspensions,
            )
        )
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(
                    state.rounds[x].begun,
                    x != 0,
                    state.rounds[x].member == m,
                    state.rounds[x].record.request.suspensions == state.members[m].region.suspensions,
                ),
                either(state.members[m].region.serving, state.rounds[x].record.request.catching_up),
            )
        )
        yield forall(ROUND, ROUND)(
            lambda x, y, m=m: implies(
                both(
                    state.rounds[x].begun,
                    x != 0,
                    state.rounds[x].member == m,
                    state.rounds[x].record.request.suspensions == state.members[m].region.suspensions,
                    state.owes[m][y],
                ),
                state.before[x][y],
            )
        )
        yield forall(READ)(
            lambda q, m=m: implies(
                both(state.reads[q].begun, state.reads[q].member == m),
                state.reads[q].request.suspensions <= state.members[m].region.suspensions,
            )
        )
        yield forall(READ)(
            lambda q, m=m: implies(
                both(
                    state.reads[q].begun,
                    state.reads[q].member == m,
                    state.reads[q].request.suspensions == state.members[m].region.suspensions,
                ),
                either(state.members[m].region.serving, state.reads[q].request.catching_up),
            )
        )
        yield forall(READ, ROUND)(
            lambda q, y, m=m: implies(
                both(
                    state.reads[q].begun,
                    state.reads[q].member == m,
                    state.reads[q].request.suspensions == state.members[m].region.suspensions,
                    state.owes[m][y],
                ),
                state.read_before[q][y],
            )
        )
        yield forall(ROUND)(lambda y, m=m: implies(state.owes[m][y], state.known[y]))
        yield forall(ROUND)(lambda y, m=m: implies(state.owes[m][y], state.members[m].region.entered))


@system.invariant
def membership(state: State) -> Iterator[Any]:
    """Who has entered has joined, of a table that is formed; the witness is the one that was asked for."""
    table = state.table
    yield both(state.witness >= NOBODY, state.witness <= 2)
    yield implies(table.strong, same_truth(table.witnesses == 1, state.witness != NOBODY))
    yield implies(table.forming, table.strong)
    yield implies(table.dissolving, both(table.strong, neg(table.forming), neg(state.dissolved)))
    yield implies(state.dissolved, neg(table.strong))
    yield implies(either(table.dissolving, state.dissolved), both(state.stays >= 0, state.stays <= 2))
    for m in MEMBERS:
        region = state.members[m].region
        yield implies(region.entered, both(region.joined, neg(table.forming)))
        yield implies(region.serving, region.entered)
        yield implies(region.joined, same_truth(region.witness, state.witness == m))
        yield implies(region.joined, either(table.strong, state.dissolved))
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.rounds[x].begun, x != 0, state.rounds[x].member == m),
                both(state.members[m].region.entered, state.witness != m),
            )
        )
        yield forall(READ)(
            lambda q, m=m: implies(
                both(state.reads[q].begun, state.reads[q].member == m),
                both(state.members[m].region.entered, state.witness != m),
            )
        )


@system.invariant
def last_ballots(state: State) -> Iterator[Any]:
    """Who has promised a last ballot promises, from then on, only such, and they are of the Region that stays."""
    yield forall(ROUND)(
        lambda x: implies(
            state.rounds[x].record.last,
            both(
                state.rounds[x].begun,
                state.rounds[x].member == state.stays,
                either(state.table.dissolving, state.dissolved),
            ),
        )
    )
    yield forall(ROUND)(
        lambda x: implies(
            both(proposed(state, x), state.rounds[x].record.last),
            any_two(lambda m: leaves_by(state, m, ballot(state, x))),
        )
    )
    for m in MEMBERS:
        yield both(
            state.members[m].register.last >= 0,
            state.members[m].register.last <= state.members[m].register.promised,
        )
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(state.promises[m][x].given, state.rounds[x].record.last),
                leaves_by(state, m, ballot(state, x)),
            )
        )
        yield forall(ROUND)(
            lambda x, m=m: implies(
                both(
                    state.promises[m][x].given,
                    neg(state.rounds[x].record.last),
                    state.members[m].register.last > 0,
                ),
                ballot(state, x) < state.members[m].register.last,
            )
        )
    yield implies(
        state.dissolved,
        any_two(lambda m: leaves_by(state, m, state.members[state.stays].register.accepted)),
    )
