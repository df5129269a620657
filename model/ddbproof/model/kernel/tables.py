"""The life of a table: states, names, deletion protection, and what a deletion needs and leaves.

Sources: CTL-01 (CREATING, ACTIVE, UPDATING, DELETING), CTL-03 (deletion protection), CTL-06 (a name that is used
again gets another table), RS-01 and PI-13 (a restore only into a free name), RS-10 (a restored table stands alone),
RS-12 (with its source's key), BK-08 (a backup that is being made holds its table), BK-21 (a table whose key is gone).

A *name* has a table or none. What is asked of a name is answered by number, since the API has an exception for
each answer, and the functions that change something refuse by the same answer. AWS says that a table cannot be
deleted while it is CREATING or UPDATING; what comes first when several reasons hold is unpublished, and ours.
Left out: settings (`restores`, `settings`), membership of global tables (`global_tables`).
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

NO_TABLE, CREATING, ACTIVE, UPDATING, DELETING = range(5)
NAME_FREE, NAME_EXISTS, NAME_IN_USE = range(3)
DELETED_NOW, DELETED_ALREADY, REFUSED_IN_USE, REFUSED_PROTECTED = range(4)
ARCHIVED_AFTER_DAYS = 7


class Table(msgspec.Struct, frozen=True, gc=False):
    """What a name has: the table's state and id, whether it is protected, its key schema, and its global table.

    `backups_creating` is how many backups of it are being made; `group` is 0 for a table that stands alone.
    """

    status: int = NO_TABLE
    table_id: int = 0
    key_schema: int = 0
    protected: bool = False
    group: int = 0
    backups_creating: int = 0


def takes_items(table: Table) -> bool:
    """True if items can be read and written."""
    return (table.status == ACTIVE) | (table.status == UPDATING)


def takes_changes(table: Table) -> bool:
    """True if UpdateTable is accepted."""
    return table.status == ACTIVE


def create(present: Table, table_id: int, key_schema: int, protected: bool) -> Table:
    """A new table. Raises NotAllowed unless the name is free."""
    require(present.status == NO_TABLE)
    return Table(CREATING, table_id, key_schema, protected)


def restore_answer(present: Table) -> int:
    """What a restore into a name meets: NAME_FREE, or which of two exceptions."""
    if present.status == NO_TABLE:
        return NAME_FREE
    if (present.status == CREATING) | (present.status == DELETING):
        return NAME_IN_USE
    return NAME_EXISTS


def restore(present: Table, table_id: int, key_schema: int) -> Table:
    """A restored table: the source's key schema, and nothing else of the source's record.

    Raises NotAllowed unless the name is free.
    """
    require(restore_answer(present) == NAME_FREE)
    return Table(CREATING, table_id, key_schema)


def on_ready(table: Table) -> Table:
    """A table is created, or a change of it is done."""
    require((table.status == CREATING) | (table.status == UPDATING))
    return _with_status(table, ACTIVE)


def update(table: Table, protected: bool) -> Table:
    """A change of the table begins, of deletion protection for one. Raises NotAllowed unless it is ACTIVE."""
    require(takes_changes(table))
    return Table(UPDATING, table.table_id, table.key_schema, protected, table.group, table.backups_creating)


def enter_group(table: Table, group: int) -> Table:
    """The table becomes a member of a global table, as `global_tables` allows. Raises NotAllowed unless it is ACTIVE."""
    require(takes_changes(table))
    return Table(UPDATING, table.table_id, table.key_schema, table.protected, group, table.backups_creating)


def begin_backup(table: Table) -> Table:
    """A backup of the table is being made from now on. Raises NotAllowed for a table that has no items to give."""
    require(takes_items(table))
    return _with_backups(table, table.backups_creating + 1)


def end_backup(table: Table) -> Table:
    """A backup of the table is made."""
    require(table.backups_creating > 0)
    return _with_backups(table, table.backups_creating - 1)


def may_turn_recovery_off(table: Table) -> bool:
    """True if point-in-time recovery can be turned off: not while a backup is being made (BK-08)."""
    return takes_items(table) & (table.backups_creating == 0)


def delete_answer(table: Table) -> int:
    """What DeleteTable meets at a table. That it is being deleted already is no error."""
    if table.status == DELETING:
        return DELETED_ALREADY
    if table.status != ACTIVE:
        return REFUSED_IN_USE
    if table.protected:
        return REFUSED_PROTECTED
    if table.backups_creating > 0:
        return REFUSED_IN_USE
    return DELETED_NOW


def delete(table: Table) -> Table:
    """The table's deletion begins. Raises NotAllowed unless `delete_answer` lets it."""
    require(delete_answer(table) == DELETED_NOW)
    return _with_status(table, DELETING)


def archive(table: Table, key_lost_milliseconds: int, now_milliseconds: int) -> Table:
    """A table whose key was inaccessible for seven days is removed, protected or not. The caller makes a backup first.

    Raises NotAllowed before that, and while a backup is being made.
    """
    require(table.status == ACTIVE)
    require(table.backups_creating == 0)
    require(now_milliseconds >= key_lost_milliseconds + ARCHIVED_AFTER_DAYS * instants.MILLISECONDS_A_DAY)
    return _with_status(table, DELETING)


def on_gone(table: Table) -> Table:
    """The deletion is done, and the name is free."""
    require(table.status == DELETING)
    return Table()


def _with_status(table: Table, status: int) -> Table:
    return Table(
        status, table.table_id, table.key_schema, table.protected, table.group, table.backups_creating
    )


def _with_backups(table: Table, backups_creating: int) -> Table:
    return Table(
        table.status, table.table_id, table.key_schema, table.protected, table.group, backups_creating
    )
