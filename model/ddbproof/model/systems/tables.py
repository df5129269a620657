"""Tables in one Region and one account: names, states, protection, deletion, backups that stay, restores.

Sources: CTL-01, CTL-03, CTL-06, RS-01, RS-04, RS-10, RS-12, PI-05, PI-13, BK-08, BK-09, BK-16, BK-21. The kernels are
`kernel/tables.py` and `kernel/restores.py`; settings of recovery are `kernel/recovery.py`'s. The records are in
`_tables_state.py`, the steps in `_tables_steps.py`. Here is what always holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.systems._tables_state import (
    ACTIVE,
    AVAILABLE,
    BACKUP,
    CREATING,
    DAY_MILLISECONDS,
    DELETED,
    DELETING,
    MAKING,
    NAME,
    NO_BACKUP,
    NO_TABLE,
    PLACE,
    SYSTEM,
    TABLE,
    UPDATING,
    USER,
    State,
    alive,
    is_one_of,
    there,
)
from ddbproof.model.systems._tables_steps import system

# What is known of ids and lists.


@system.invariant
def ids(state: State) -> Iterator[Any]:
    """Tables and backups have ids that were handed out, and no two tables that are there have one."""
    yield both(state.next_table > 0, state.next_backup > 0, state.next_group > 0)
    yield forall(NAME)(
        lambda n: implies(
            there(state.names[n].table),
            both(state.names[n].table.table_id > 0, state.names[n].table.table_id < state.next_table),
        )
    )
    yield forall(TABLE)(lambda t: implies(t >= state.next_table, state.store[t] == 0))
    yield forall(TABLE)(
        lambda t: implies(
            state.ended[t].ended,
            both(t > 0, t < state.next_table, state.ended[t].backup < state.next_backup),
        )
    )
    yield forall(BACKUP)(
        lambda b: implies(
            state.backups[b].backup.status != NO_BACKUP,
            both(b > 0, b < state.next_backup, state.backups[b].table_id < state.next_table),
        )
    )
    yield forall(NAME)(lambda n: state.names[n].table.group < state.next_group)
    yield forall(NAME)(lambda n: state.names[n].birth.source_group < state.next_group)
    yield forall(BACKUP)(lambda b: state.backups[b].group < state.next_group)


@system.invariant
def states(state: State) -> Iterator[Any]:
    """States are among those that there are; a name that is free holds nothing of its last table."""
    yield forall(NAME)(
        lambda n: is_one_of(state.names[n].table.status, NO_TABLE, CREATING, ACTIVE, UPDATING, DELETING)
    )
    yield forall(NAME)(
        lambda n: implies(
            is_one_of(state.names[n].table.status, NO_TABLE, CREATING, DELETING),
            neg(state.names[n].recovery.enabled),
        )
    )
    yield forall(NAME)(
        lambda n: implies(state.names[n].table.status == NO_TABLE, neg(state.names[n].wants_protection))
    )
    yield forall(NAME)(
        lambda n: implies(
            state.names[n].table.status == DELETING, state.ended[state.names[n].table.table_id].ended
        )
    )


@system.invariant
def lists_of_backups(state: State) -> Iterator[Any]:
    """The list of a table's backups that are being made has each of them once, and nothing else."""
    yield forall(NAME)(lambda n: state.names[n].table.backups_creating >= 0)
    yield forall(NAME)(
        lambda n: implies(
            either(neg(alive(state.names[n].table)), state.names[n].table.status == CREATING),
            state.names[n].table.backups_creating == 0,
        )
    )
    yield forall(NAME, PLACE)(
        lambda n, i: implies(
            both(there(state.names[n].table), i >= 0, i < state.names[n].table.backups_creating),
            both(
                state.backups[state.making[state.names[n].table.table_id][i]].backup.status == MAKING,
                state.backups[state.making[state.names[n].table.table_id][i]].name == n,
                state.backups[state.making[state.names[n].table.table_id][i]].table_id
                == state.names[n].table.table_id,
                state.backups[state.making[state.names[n].table.table_id][i]].place == i,
            ),
        )
    )
    yield forall(BACKUP)(
        lambda b: implies(
            state.backups[b].backup.status == MAKING,
            both(
                state.names[state.backups[b].name].table.table_id == state.backups[b].table_id,
                state.backups[b].place >= 0,
                state.backups[b].place < state.names[state.backups[b].name].table.backups_creating,
                state.making[state.backups[b].table_id][state.backups[b].place] == b,
            ),
        )
    )


@system.invariant
def kinds_of_backups(state: State) -> Iterator[Any]:
    """A backup is of a user or the system's; those that are there and not being made have been made."""
    yield forall(BACKUP)(
        lambda b: is_one_of(state.backups[b].backup.status, NO_BACKUP, MAKING, AVAILABLE, DELETED)
    )
    yield forall(BACKUP)(lambda b: is_one_of(state.backups[b].backup.kind, USER, SYSTEM))
    yield forall(BACKUP)(
        lambda b: implies(state.backups[b].backup.status == AVAILABLE, state.backups[b].made)
    )
    yield forall(TABLE)(lambda t: state.ended[t].milliseconds <= state.now)
    yield forall(TABLE)(
        lambda t: implies(
            both(state.ended[t].ended, either(state.ended[t].recovery_on, state.ended[t].archived)),
            both(
                state.ended[t].backup > 0,
                state.backups[state.ended[t].backup].made,
                state.backups[state.ended[t].backup].table_id == t,
            ),
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            both(state.ended[t].ended, state.ended[t].archived),
            state.backups[state.ended[t].backup].backup.kind == USER,
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            both(state.ended[t].ended, state.ended[t].recovery_on, neg(state.ended[t].archived)),
            state.backups[state.ended[t].backup].backup.expires_milliseconds
            == state.ended[t].milliseconds + 35 * DAY_MILLISECONDS,
        )
    )


# The promises.


@system.safe("CTL-01")
def SAFE_states_follow_each_other(state: State) -> Iterator[Any]:
    """A table goes from CREATING to ACTIVE, between ACTIVE and UPDATING, from ACTIVE to DELETING, and then its name is free."""
    yield forall(NAME)(
        lambda n: either(
            *(
                both(state.names[n].moved_from == before, state.names[n].table.status == after)
                for before, after in (
                    (NO_TABLE, NO_TABLE),
                    (NO_TABLE, CREATING),
                    (CREATING, ACTIVE),
                    (ACTIVE, UPDATING),
                    (UPDATING, ACTIVE),
                    (ACTIVE, DELETING),
                    (DELETING, NO_TABLE),
                )
            )
        )
    )


@system.safe("CTL-01")
def SAFE_what_a_state_takes(state: State) -> Iterator[Any]:
    """Items are used in ACTIVE and UPDATING only, UpdateTable needs ACTIVE, and deleting twice is no error."""
    asked = state.asked
    yield same_truth(asked.items, is_one_of(asked.status, ACTIVE, UPDATING))
    yield same_truth(asked.changes, asked.status == ACTIVE)
    yield same_truth(asked.delete == 1, asked.status == DELETING)


@system.safe("CTL-03")
def SAFE_nobody_deletes_a_protected_table(state: State) -> Iterator[Any]:
    """A table is protected exactly if that was asked for last; then it is there, unless its key was lost for long."""
    yield forall(NAME)(
        lambda n: implies(
            alive(state.names[n].table),
            same_truth(state.names[n].table.protected, state.names[n].wants_protection),
        )
    )
    yield forall(NAME)(
        lambda n: implies(
            state.names[n].wants_protection,
            either(alive(state.names[n].table), state.ended[state.names[n].table.table_id].archived),
        )
    )
    yield implies(both(state.asked.protected, state.asked.status == ACTIVE), state.asked.delete > 1)


@system.safe("CTL-06")
def SAFE_a_name_used_again_is_another_table(state: State) -> Iterator[Any]:
    """Every table has an id that no other has or had, and until something is written in it, it is empty or as restored."""
    yield forall(NAME)(
        lambda n: implies(alive(state.names[n].table), neg(state.ended[state.names[n].table.table_id].ended))
    )
    yield forall(NAME, NAME)(
        lambda n, m: implies(
            both(
                there(state.names[n].table),
                there(state.names[m].table),
                state.names[n].table.table_id == state.names[m].table.table_id,
            ),
            n == m,
        )
    )
    yield forall(NAME)(
        lambda n: implies(
            both(
                alive(state.names[n].table),
                neg(state.names[n].written),
                neg(state.names[n].birth.restored),
            ),
            state.store[state.names[n].table.table_id] == 0,
        )
    )


@system.safe("RS-01", "PI-13")
def SAFE_restored_into_a_free_name(state: State) -> Iterator[Any]:
    """No table, restored or not, took the place of another; a name says that it exists, or that it is in use."""
    yield forall(NAME)(lambda n: state.names[n].birth.taken_from == NO_TABLE)
    asked = state.asked
    yield same_truth(asked.restore == 0, asked.status == NO_TABLE)
    yield same_truth(asked.restore == 2, is_one_of(asked.status, CREATING, DELETING))


@system.safe("RS-10")
def SAFE_a_restored_table_stands_alone(state: State) -> Iterator[Any]:
    """A restored table is never a member of its source's global table."""
    yield forall(NAME)(
        lambda n: implies(
            both(
                there(state.names[n].table),
                state.names[n].birth.restored,
                state.names[n].birth.source_group > 0,
            ),
            state.names[n].table.group != state.names[n].birth.source_group,
        )
    )


@system.safe("RS-12")
def SAFE_a_restored_table_is_as_its_source(state: State) -> Iterator[Any]:
    """It has the source's key schema and, until something is written in it, the very items that were restored."""
    yield forall(NAME)(
        lambda n: implies(
            both(there(state.names[n].table), state.names[n].birth.restored),
            both(
                state.names[n].table.key_schema == state.names[n].birth.source.key_schema,
                state.names[n].settings.key_schema == state.names[n].birth.source.key_schema,
            ),
        )
    )
    yield forall(NAME)(
        lambda n: implies(
            both(
                alive(state.names[n].table),
                neg(state.names[n].written),
                state.names[n].birth.restored,
            ),
            state.store[state.names[n].table.table_id] == state.names[n].birth.source_contents,
        )
    )


@system.safe("RS-04")
def SAFE_overrides(state: State) -> Iterator[Any]:
    """Billing, throughput and encryption are as asked for or as the source's; an index may be left out, not added."""
    for what in ("billing", "throughput", "encryption"):
        yield forall(NAME)(
            lambda n, what=what: implies(
                state.names[n].birth.restored,
                both(
                    implies(
                        getattr(state.names[n].birth.overrides, f"{what}_given"),
                        getattr(state.names[n].settings, what)
                        == getattr(state.names[n].birth.overrides, what),
                    ),
                    implies(
                        neg(getattr(state.names[n].birth.overrides, f"{what}_given")),
                        getattr(state.names[n].settings, what) == getattr(state.names[n].birth.source, what),
                    ),
                ),
            )
        )
    yield forall(NAME)(
        lambda n: implies(
            state.names[n].birth.restored,
            same_truth(
                state.names[n].settings.has_index,
                both(
                    state.names[n].birth.source.has_index,
                    either(
                        neg(state.names[n].birth.overrides.indexes_given),
                        state.names[n].birth.overrides.names_index,
                    ),
                ),
            ),
        )
    )


@system.safe("PI-05")
def SAFE_recovery_runs_until_turned_off(state: State) -> Iterator[Any]:
    """While a table is there, its recovery is on exactly if turning it on was asked for last."""
    yield forall(NAME)(
        lambda n: implies(
            alive(state.names[n].table),
            same_truth(state.names[n].recovery.enabled, state.names[n].wants_recovery),
        )
    )


@system.safe("BK-08")
def SAFE_a_backup_that_is_being_made_holds_its_table(state: State) -> Iterator[Any]:
    """While a backup is being made its table is not deleted, recovery is not turned off, and it is not cancelled."""
    yield forall(BACKUP)(
        lambda b: implies(
            state.backups[b].backup.status == MAKING,
            both(
                state.names[state.backups[b].name].table.table_id == state.backups[b].table_id,
                alive(state.names[state.backups[b].name].table),
                implies(
                    state.backups[b].held_recovery,
                    state.names[state.backups[b].name].recovery.enabled,
                ),
            ),
        )
    )
    yield forall(BACKUP)(lambda b: implies(state.backups[b].backup.status == DELETED, state.backups[b].made))


@system.safe("BK-09")
def SAFE_a_backup_of_a_user_stays(state: State) -> Iterator[Any]:
    """A backup that a user made is there until somebody deletes it, whatever becomes of its table."""
    yield forall(BACKUP)(
        lambda b: implies(
            both(state.backups[b].made, state.backups[b].backup.kind == USER),
            either(state.backups[b].asked_away, state.backups[b].backup.status == AVAILABLE),
        )
    )


@system.safe("BK-16")
def SAFE_a_deleted_table_leaves_a_backup_for_35_days(state: State) -> Iterator[Any]:
    """A table deleted with recovery on leaves a SYSTEM backup of its last items, there for 35 days unless deleted."""
    yield forall(TABLE)(
        lambda t: implies(
            both(state.ended[t].ended, state.ended[t].recovery_on, neg(state.ended[t].archived)),
            both(
                state.backups[state.ended[t].backup].backup.kind == SYSTEM,
                state.backups[state.ended[t].backup].table_id == t,
                state.backups[state.ended[t].backup].contents == state.ended[t].contents,
                either(
                    state.backups[state.ended[t].backup].asked_away,
                    state.backups[state.ended[t].backup].backup.status == AVAILABLE,
                    state.now >= state.ended[t].milliseconds + 35 * DAY_MILLISECONDS,
                ),
            ),
        )
    )
    yield forall(BACKUP)(
        lambda b: implies(
            state.backups[b].backup.kind == SYSTEM,
            both(
                state.ended[state.backups[b].table_id].ended,
                state.ended[state.backups[b].table_id].recovery_on,
            ),
        )
    )


@system.safe("BK-21")
def SAFE_archived_after_seven_days_with_a_backup(state: State) -> Iterator[Any]:
    """A table is archived only when its key was gone for seven days, and a backup of its items stays."""
    yield forall(TABLE)(
        lambda t: implies(
            both(state.ended[t].ended, state.ended[t].archived),
            both(
                state.ended[t].milliseconds >= state.ended[t].key_lost_milliseconds + 7 * DAY_MILLISECONDS,
                state.backups[state.ended[t].backup].contents == state.ended[t].contents,
                either(
                    state.backups[state.ended[t].backup].asked_away,
                    state.backups[state.ended[t].backup].backup.status == AVAILABLE,
                ),
            ),
        )
    )
