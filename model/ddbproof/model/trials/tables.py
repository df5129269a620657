"""Trials of tables: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import backup as cuts
from ddbproof.model.kernel import tables
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.restores import Backup, Overrides, Settings
from ddbproof.model.kernel.tables import Table
from ddbproof.model.systems._tables_state import (
    ACTIVE,
    AVAILABLE,
    DAY_MILLISECONDS,
    DELETED,
    DELETING,
    MAKING,
    NO_TABLE,
    SYSTEM,
    USER,
    State,
)
from ddbproof.model.systems._tables_steps import system


@system.cover("CTL-06")
def a_name_is_used_again(state: State) -> Any:
    """A table that held items was deleted, and its name has another table, which is ACTIVE and empty."""
    again = state.names[1]
    return both(
        state.ended[1].contents > 0,
        again.table.status == ACTIVE,
        again.table.table_id > 1,
        neg(again.written),
    )


@system.cover("CTL-01")
def deleted_again(state: State) -> Any:
    """A table that is being deleted was asked to be deleted."""
    return both(state.asked.status == DELETING, state.asked.delete == 1)


@system.cover("CTL-03")
def protection_is_taken_off(state: State) -> Any:
    """A table that was protected is deleted after all."""
    return both(state.asked.protected, neg(state.names[1].wants_protection), state.ended[1].ended)


@system.cover("BK-08")
def two_backups_at_once(state: State) -> Any:
    """Two backups of a table are being made at once, and the first of them is ready first."""
    return both(
        state.backups[1].backup.status == AVAILABLE,
        state.backups[2].backup.status == MAKING,
        state.backups[1].table_id == state.backups[2].table_id,
        state.backups[1].place == 0,
        state.backups[2].place == 0,
    )


@system.cover("BK-09", "RS-12")
def restored_after_the_table_is_gone(state: State) -> Any:
    """A backup is restored when its table is gone, into the very name."""
    restored = state.names[1]
    return both(
        state.ended[1].ended,
        restored.birth.restored,
        restored.table.status == ACTIVE,
        restored.birth.source_contents > 0,
        state.backups[1].backup.kind == USER,
        state.next_backup == 2,
    )


@system.cover("BK-16")
def the_last_backup_goes_after_35_days(state: State) -> Any:
    """A SYSTEM backup is removed without anybody's asking."""
    one = state.backups[1]
    return both(one.backup.kind == SYSTEM, one.backup.status == DELETED, neg(one.asked_away))


@system.cover("BK-21")
def archived(state: State) -> Any:
    """A protected table whose key was gone for long is archived, and its name is free again."""
    return both(state.ended[1].archived, state.ended[1].contents > 0, state.names[1].table.status == NO_TABLE)


@system.cover("BK-21")
def a_key_comes_back_in_time(state: State) -> Any:
    """A key is lost, found and lost again, and the days before do not count."""
    owned = state.names[1]
    return both(
        owned.key_lost, owned.key_lost_milliseconds > 7 * DAY_MILLISECONDS, owned.table.status == ACTIVE
    )


@system.cover("RS-10")
def a_member_of_a_global_table_is_restored(state: State) -> Any:
    """A table that belongs to a global table is restored, and what comes of it belongs to another."""
    restored = state.names[2]
    return both(
        restored.birth.restored,
        restored.birth.source_group > 0,
        restored.table.group > restored.birth.source_group,
    )


@system.cover("RS-04")
def restored_otherwise(state: State) -> Any:
    """A restored table has another billing mode than its source, and lacks its index."""
    restored = state.names[2]
    return both(
        restored.birth.restored,
        restored.birth.source.has_index,
        neg(restored.settings.has_index),
        restored.settings.billing != restored.birth.source.billing,
        restored.settings.encryption == restored.birth.source.encryption,
    )


@system.cover("PI-05")
def recovery_outlives_changes(state: State) -> Any:
    """Recovery is on, and was on before the table was changed."""
    owned = state.names[1]
    return both(owned.recovery.enabled, owned.moved_from == 3, owned.table.status == ACTIVE)


@system.mutant("tables.restore")
def restored_over_what_is_there(present: Table, table_id: int, key_schema: int) -> Table:
    """A restore replaces the table that has the name."""
    return Table(1, table_id, key_schema)


@system.mutant("tables.restore")
def restored_into_the_group(present: Table, table_id: int, key_schema: int) -> Table:
    """A restored table is put into the first global table there is."""
    require(present.status == NO_TABLE)
    return Table(1, table_id, key_schema, False, 1)


@system.mutant("tables.create")
def the_name_keeps_its_id(present: Table, table_id: int, key_schema: int, protected: bool) -> Table:
    """The second table of a name gets the id of the first, and with it what that held."""
    require(present.status == NO_TABLE)
    return Table(1, 1, key_schema, protected)


@system.mutant("tables.create")
def protected_from_the_start(present: Table, table_id: int, key_schema: int, protected: bool) -> Table:
    """Every new table is protected."""
    require(present.status == NO_TABLE)
    return Table(1, table_id, key_schema, True)


@system.mutant("tables.delete_answer")
def backups_hold_nothing(table: Table) -> int:
    """A table is deleted under a backup that is being made."""
    if table.status == DELETING:
        return 1
    if table.status != ACTIVE:
        return 2
    return 3 if table.protected else 0


@system.mutant("tables.delete_answer")
def deleted_while_updating(table: Table) -> int:
    """A table is deleted in the middle of a change."""
    if table.status == DELETING:
        return 1
    if not tables.takes_items(table):
        return 2
    if table.protected:
        return 3
    return 2 if table.backups_creating > 0 else 0


@system.mutant("tables.may_turn_recovery_off")
def recovery_is_turned_off_under_a_backup(table: Table) -> bool:
    """Recovery is turned off while a backup is being made."""
    return tables.takes_items(table)


@system.mutant("tables.archive")
def archived_at_once(table: Table, key_lost_milliseconds: int, now_milliseconds: int) -> Table:
    """A table goes as soon as its key is lost."""
    require(table.status == ACTIVE)
    require(table.backups_creating == 0)
    return Table(DELETING, table.table_id, table.key_schema, table.protected, table.group, 0)


@system.mutant("restores.system_backup")
def the_last_backup_goes_after_a_month(deleted_milliseconds: int) -> Backup:
    """A SYSTEM backup is kept for 30 days."""
    return Backup(SYSTEM, AVAILABLE, deleted_milliseconds + 30 * DAY_MILLISECONDS)


@system.mutant("restores.expire")
def all_backups_expire(backup: Backup, now_milliseconds: int) -> Backup:
    """Backups that users made go when the service sees no time written on them."""
    require(backup.status == AVAILABLE)
    require(now_milliseconds >= backup.expires_milliseconds)
    return Backup(backup.kind, DELETED, backup.expires_milliseconds)


@system.mutant("restores.delete")
def backups_can_be_cancelled(backup: Backup) -> Backup:
    """A backup that is being made is deleted."""
    require(backup.status != DELETED)
    require(backup.status != 0)
    return Backup(backup.kind, DELETED, backup.expires_milliseconds)


@system.mutant("restores.restored_settings")
def indexes_are_added(source: Settings, overrides: Overrides) -> Settings:
    """A restored table has every index that the restore names."""
    named = overrides.names_index if overrides.indexes_given else source.has_index
    return Settings(source.key_schema, source.billing, source.throughput, source.encryption, named)


@system.mutant("restores.system_backup", harmless=True)
def said_by_another_function(deleted_milliseconds: int) -> Backup:
    """The same backup, from the arithmetic itself."""
    return Backup(2, 2, cuts.system_backup_expires(deleted_milliseconds))


PLAIN, ASKED = Overrides(), Overrides(True, 2, False, 0, False, 0, True, False)
ADDED = Overrides(False, 0, False, 0, False, 0, True, True)
WITH_INDEX, WITHOUT = Settings(1, 1, 1, 1, True), Settings(2, 1, 1, 1, False)
_VALUES = {
    "name": (1, 2),
    "table": (1, 2, 3),
    "backup": (1, 2, 3),
    "place": (0, 1),
    "contents": (1, 2),
    "later": (8 * DAY_MILLISECONDS, 30 * DAY_MILLISECONDS, 44 * DAY_MILLISECONDS),
    "settings": (WITH_INDEX,),
    "overrides": (PLAIN,),
}


def _within(tables_made: int, backups_made: int) -> Any:
    return lambda state: both(state.next_table <= tables_made, state.next_backup <= backups_made)


system.scopes += [
    # Names, used again; everything is asked.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,)},
        within=_within(3, 1),
        actions=("create", "ready", "update", "write", "delete", "gone", "ask"),
    ),
    # Backups that outlive their tables, and hold them.
    Scope(
        values={**_VALUES, "name": (1,), "protected": (False,), "contents": (1,)},
        within=_within(3, 2),
        actions=(
            "create",
            "ready",
            "write",
            "turn_recovery_on",
            "turn_recovery_off",
            "begin_backup",
            "end_backup",
            "delete_backup",
            "delete",
            "gone",
            "restore",
        ),
    ),
    # What time does.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,)},
        within=_within(2, 2),
        actions=(
            "time_passes",
            "create",
            "ready",
            "write",
            "key_is_lost",
            "key_is_back",
            "archive",
            "turn_recovery_on",
            "delete",
            "expire",
            "gone",
        ),
    ),
    # Two backups at once.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,), "protected": (False,)},
        within=_within(2, 3),
        actions=("create", "ready", "begin_backup", "end_backup", "delete_backup", "delete", "gone"),
    ),
    # The backup that a table left, while one of the next table of the name is being made.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,), "protected": (False,)},
        within=_within(3, 3),
        actions=("create", "ready", "turn_recovery_on", "begin_backup", "end_backup", "delete", "gone"),
    ),
    # A key that is lost while a backup is being made.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,), "protected": (False,)},
        within=_within(2, 2),
        actions=("time_passes", "create", "ready", "begin_backup", "end_backup", "key_is_lost", "archive"),
    ),
    # A backup that a user made, for ever.
    Scope(
        values={**_VALUES, "name": (1,), "contents": (1,), "protected": (False,)},
        within=_within(2, 2),
        actions=("time_passes", "create", "ready", "begin_backup", "end_backup", "expire", "delete"),
    ),
    # Restores of what belongs to a global table, with wishes.
    Scope(
        values={
            **_VALUES,
            "create.name": (1,),
            "source": (1,),
            "protected": (False,),
            "contents": (1,),
            "settings": (WITH_INDEX, WITHOUT),
            "overrides": (PLAIN, ASKED, ADDED),
        },
        within=lambda state: both(state.next_table <= 3, state.next_backup <= 1, state.next_group <= 2),
        actions=("create", "ready", "join", "turn_recovery_on", "restore_to_instant"),
    ),
]
