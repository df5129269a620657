"""What can happen to tables, names and backups: the steps of `tables`.

Any number of names, tables one after another under each, and backups; anybody asks for anything at any time, and what takes time
takes as long as it likes. The items of a table are one handle, changed by every write: what a backup holds is such a
handle, and which one it is, is proved by `backup` and `recovery`. They are kept by the id of the table, as the
endpoint keeps them, so that an id used twice would bring back old items. Requests are answered by number (`ask`),
so refusals are judged too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import neg
from ddbproof.model.kernel import backup as cuts
from ddbproof.model.kernel import instants, recovery, restores, tables
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.restores import Backup, Overrides, Settings
from ddbproof.model.systems._tables_state import (
    BACKUP,
    NAME,
    NO_BIRTH,
    OFF,
    Asked,
    Birth,
    Ended,
    Kept,
    Owned,
    State,
    first_state,
    with_name,
)

system = System(
    "tables", "Tables, names and kept backups", State, [tables, restores], [recovery, instants, cuts]
)
system.fast = False
system.scope_in_words = [
    "one Region and account; any number of names, tables, backups and restores, interleaved in any way",
    "items and settings are handles; what a cut holds is proved by backup and recovery",
    "one secondary index stands for all; the order in which reasons for a refusal are looked at is ours",
]
system.merged = ("restores._chosen",)
replace = msgspec.structs.replace


@system.initial
def nothing() -> State:
    """No tables and no backups."""
    return first_state()


@system.action
def time_passes(state: State, later: int) -> State:
    """Time goes on."""
    require(later > state.now)
    return replace(state, now=later)


@system.action
def create(state: State, name: Annotated[int, NAME], settings: Settings, protected: bool) -> State:
    """Somebody creates a table."""
    before = state.names[name]
    number = state.next_table
    table = tables.create(before.table, number, settings.key_schema, protected)
    birth = replace(NO_BIRTH, taken_from=before.table.status)
    born = Owned(table, OFF, settings, False, 0, protected, False, before.table.status, False, birth)
    return with_name(state, name, born, next_table=number + 1)


@system.action
def ready(state: State, name: Annotated[int, NAME]) -> State:
    """A table is created, or changed."""
    owned = state.names[name]
    return with_name(
        state, name, replace(owned, table=tables.on_ready(owned.table), moved_from=owned.table.status)
    )


@system.action
def update(state: State, name: Annotated[int, NAME], protected: bool) -> State:
    """UpdateTable, which turns deletion protection on or off."""
    owned = state.names[name]
    table = tables.update(owned.table, protected)
    changed = replace(owned, table=table, wants_protection=protected, moved_from=owned.table.status)
    return with_name(state, name, changed)


@system.action
def join(state: State, name: Annotated[int, NAME]) -> State:
    """The table becomes a member of a new global table."""
    owned = state.names[name]
    table = tables.enter_group(owned.table, state.next_group)
    changed = replace(owned, table=table, moved_from=owned.table.status)
    return with_name(state, name, changed, next_group=state.next_group + 1)


@system.action
def write(state: State, name: Annotated[int, NAME], contents: int) -> State:
    """Somebody writes items."""
    owned = state.names[name]
    require(tables.takes_items(owned.table))
    require(contents > 0)
    store = state.store.put(owned.table.table_id, contents)
    return with_name(state, name, replace(owned, written=True), store=store)


@system.action
def turn_recovery_on(state: State, name: Annotated[int, NAME]) -> State:
    """Point-in-time recovery is turned on."""
    owned = state.names[name]
    require(tables.takes_items(owned.table))
    settings = recovery.turn_on(owned.recovery, state.now, 35)
    return with_name(state, name, replace(owned, recovery=settings, wants_recovery=True))


@system.action
def turn_recovery_off(state: State, name: Annotated[int, NAME]) -> State:
    """Point-in-time recovery is turned off."""
    owned = state.names[name]
    require(tables.may_turn_recovery_off(owned.table))
    settings = recovery.disable(owned.recovery)
    return with_name(state, name, replace(owned, recovery=settings, wants_recovery=False))


@system.action
def key_is_lost(state: State, name: Annotated[int, NAME]) -> State:
    """The key of a table becomes inaccessible."""
    owned = state.names[name]
    require(neg(owned.key_lost))
    return with_name(state, name, replace(owned, key_lost=True, key_lost_milliseconds=state.now))


@system.action
def key_is_back(state: State, name: Annotated[int, NAME]) -> State:
    """The key of a table is accessible again."""
    owned = state.names[name]
    require(owned.key_lost)
    return with_name(state, name, replace(owned, key_lost=False))


@system.action
def begin_backup(state: State, name: Annotated[int, NAME]) -> State:
    """CreateBackup."""
    owned = state.names[name]
    place, table_id = owned.table.backups_creating, owned.table.table_id
    table = tables.begin_backup(owned.table)
    kept = _kept(state, name, restores.user_backup())
    kept = replace(kept, held_recovery=owned.recovery.enabled, place=place)
    listed = state.making[table_id].put(place, state.next_backup)
    return with_name(
        state,
        name,
        replace(owned, table=table),
        backups=state.backups.put(state.next_backup, kept),
        next_backup=state.next_backup + 1,
        making=state.making.put(table_id, listed),
    )


def _kept(state: State, name: int, backup: Backup) -> Kept:
    """A backup of the present table of a name, with what is in it now."""
    table, settings = state.names[name].table, state.names[name].settings
    contents = state.store[table.table_id]
    return Kept(backup, contents, settings, table.group, name, table.table_id, False, False, False, 0)


@system.action
def end_backup(state: State, number: Annotated[int, BACKUP]) -> State:
    """A backup is made. The last one of the list takes its place there."""
    kept = state.backups[number]
    owned = state.names[kept.name]
    made = replace(kept, backup=restores.on_made(kept.backup), made=True)
    table = tables.end_backup(owned.table)
    listed = state.making[kept.table_id]
    last = listed[table.backups_creating]
    moved = state.backups.put(last, replace(state.backups[last], place=kept.place))
    return with_name(
        state,
        kept.name,
        replace(owned, table=table),
        backups=moved.put(number, made),
        making=state.making.put(kept.table_id, listed.put(kept.place, last)),
    )


@system.action
def delete_backup(state: State, number: Annotated[int, BACKUP]) -> State:
    """DeleteBackup."""
    kept = state.backups[number]
    changed = replace(kept, backup=restores.delete(kept.backup), asked_away=True)
    return replace(state, backups=state.backups.put(number, changed))


@system.action
def expire(state: State, number: Annotated[int, BACKUP]) -> State:
    """The service removes a backup whose time is over."""
    kept = state.backups[number]
    changed = replace(kept, backup=restores.expire(kept.backup, state.now))
    return replace(state, backups=state.backups.put(number, changed))


@system.action
def delete(state: State, name: Annotated[int, NAME]) -> State:
    """DeleteTable. With recovery on it leaves a backup."""
    owned = state.names[name]
    table = tables.delete(owned.table)
    leaves = recovery.leaves_system_backup(owned.recovery)
    if leaves:
        kept = replace(_kept(state, name, restores.system_backup(state.now)), made=True)
        state = replace(
            state, backups=state.backups.put(state.next_backup, kept), next_backup=state.next_backup + 1
        )
    return _ended(state, name, table, False)


@system.action
def archive(state: State, name: Annotated[int, NAME]) -> State:
    """The service archives a table whose key has been gone for long: it makes a backup, then removes the table."""
    owned = state.names[name]
    require(owned.key_lost)
    table = tables.archive(owned.table, owned.key_lost_milliseconds, state.now)
    kept = replace(_kept(state, name, restores.archive_backup()), made=True)
    state = replace(
        state, backups=state.backups.put(state.next_backup, kept), next_backup=state.next_backup + 1
    )
    return _ended(state, name, table, True)


def _ended(state: State, name: int, table: tables.Table, archived: bool) -> State:
    """The end of a table has begun; the backup that it left, if any, is the newest."""
    owned = state.names[name]
    ended = Ended(
        True,
        state.now,
        owned.recovery.enabled,
        archived,
        owned.key_lost_milliseconds,
        state.next_backup - 1,
        state.store[owned.table.table_id],
    )
    changed = replace(
        owned, table=table, recovery=recovery.disable(owned.recovery), moved_from=owned.table.status
    )
    return with_name(state, name, changed, ended=state.ended.put(owned.table.table_id, ended))


@system.action
def gone(state: State, name: Annotated[int, NAME]) -> State:
    """The deletion is done; what the table held is dropped some time or other."""
    owned = state.names[name]
    changed = replace(
        owned,
        table=tables.on_gone(owned.table),
        moved_from=owned.table.status,
        wants_protection=False,
        wants_recovery=False,
    )
    return with_name(state, name, changed)


@system.action
def restore(
    state: State, number: Annotated[int, BACKUP], name: Annotated[int, NAME], overrides: Overrides
) -> State:
    """A restore from a backup into a name."""
    kept, before = state.backups[number], state.names[name]
    require(restores.may_use(kept.backup))
    return _restored(state, name, before, kept.settings, kept.contents, kept.group, overrides)


@system.action
def restore_to_instant(
    state: State,
    source: Annotated[int, NAME],
    name: Annotated[int, NAME],
    contents: int,
    overrides: Overrides,
) -> State:
    """A restore of a table to an instant into a name: contents that it had once, which recovery proves to be the right."""
    owned, before = state.names[source], state.names[name]
    require(owned.recovery.enabled)
    require(tables.takes_items(owned.table))
    return _restored(state, name, before, owned.settings, contents, owned.table.group, overrides)


def _restored(
    state: State,
    name: int,
    before: Owned,
    source: Settings,
    contents: int,
    group: int,
    overrides: Overrides,
) -> State:
    number = state.next_table
    settings = restores.restored_settings(source, overrides)
    table = tables.restore(before.table, number, settings.key_schema)
    birth = Birth(before.table.status, True, source, contents, group, overrides)
    born = Owned(table, OFF, settings, False, 0, False, False, before.table.status, False, birth)
    return with_name(
        state, name, born, next_table=number + 1, store=state.store.put(table.table_id, contents)
    )


@system.action
def ask(state: State, name: Annotated[int, NAME]) -> State:
    """Somebody asks of a name what it would take now."""
    table = state.names[name].table
    asked = Asked(
        table.status,
        table.protected,
        table.backups_creating,
        tables.takes_items(table),
        tables.takes_changes(table),
        tables.restore_answer(table),
        tables.delete_answer(table),
    )
    return replace(state, asked=asked)
