"""What the system of tables knows: names and what they have, backups, and what is remembered to judge by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.values import FrozenMap, Map, Sort, both
from ddbproof.model.kernel.recovery import Recovery
from ddbproof.model.kernel.restores import Backup, Overrides, Settings
from ddbproof.model.kernel.tables import Table

NAME, TABLE, BACKUP, PLACE = Sort("name"), Sort("table"), Sort("backup"), Sort("place")
NO_TABLE, CREATING, ACTIVE, UPDATING, DELETING = range(5)
NO_BACKUP, MAKING, AVAILABLE, DELETED = range(4)
USER, SYSTEM = 1, 2
DAY_MILLISECONDS = 24 * 60 * 60 * 1000


class Birth(msgspec.Struct, frozen=True):
    """How a table came to be: what the name had before; if it was restored, from what and with which wishes."""

    taken_from: int
    restored: bool
    source: Settings
    source_contents: int
    source_group: int
    overrides: Overrides


class Owned(msgspec.Struct, frozen=True):
    """A name, and what is its table's. Behind the first line, what is remembered to judge by.

    `wants_protection` and `wants_recovery` are what was asked for last, `moved_from` is the status before the last step
    of the table, and `written` that its items were changed since it began.
    """

    table: Table
    recovery: Recovery
    settings: Settings
    key_lost: bool
    key_lost_milliseconds: int
    wants_protection: bool
    wants_recovery: bool
    moved_from: int
    written: bool
    birth: Birth


class Kept(msgspec.Struct, frozen=True):
    """A backup, what is in it, and which table it is of. `asked_away` is that somebody deleted it by hand."""

    backup: Backup
    contents: int
    settings: Settings
    group: int
    name: Annotated[int, NAME]
    table_id: Annotated[int, TABLE]
    held_recovery: bool
    made: bool
    asked_away: bool
    place: Annotated[int, PLACE]


class Ended(msgspec.Struct, frozen=True):
    """How a table ended: when, with recovery on or not, whether it was archived; its last backup and items."""

    ended: bool
    milliseconds: int
    recovery_on: bool
    archived: bool
    key_lost_milliseconds: int
    backup: Annotated[int, BACKUP]
    contents: int


class Asked(msgspec.Struct, frozen=True):
    """What a name answered when it was asked last, and how it stood then."""

    status: int
    protected: bool
    backups_creating: int
    items: bool
    changes: bool
    restore: int
    delete: int


class State(msgspec.Struct, frozen=True):
    """Everything. `store` has each table's items by its id, as a handle: 0 are no items.

    `making` lists the backups of a table that are being made, by table id and place in the list.
    """

    names: Annotated[Map[Owned], NAME]
    store: Annotated[Map[int], TABLE]
    backups: Annotated[Map[Kept], BACKUP]
    ended: Annotated[Map[Ended], TABLE]
    making: Annotated[Map[Annotated[Map[Annotated[int, BACKUP]], PLACE]], TABLE]
    next_table: Annotated[int, TABLE]
    next_backup: Annotated[int, BACKUP]
    next_group: int
    now: int
    asked: Asked


NO_BIRTH = Birth(NO_TABLE, False, Settings(), 0, 0, Overrides())
OFF = Recovery(0, 35, enabled=False)
FREE = Owned(Table(), OFF, Settings(), False, 0, False, False, NO_TABLE, False, NO_BIRTH)
NOTHING_KEPT = Kept(Backup(), 0, Settings(), 0, 0, 0, False, False, False, 0)
NOT_ENDED = Ended(False, 0, False, False, 0, 0, 0)


def first_state() -> State:
    """No tables and no backups. Ids begin with 1, so that 0 is nobody's."""
    return State(
        FrozenMap(FREE),
        FrozenMap(0),
        FrozenMap(NOTHING_KEPT),
        FrozenMap(NOT_ENDED),
        FrozenMap(FrozenMap(0)),
        1,
        1,
        1,
        0,
        Asked(NO_TABLE, False, 0, False, False, 0, 2),
    )


def with_name(state: State, name: int, owned: Owned, **changes: Any) -> State:
    """The state with a name changed, and what else is given."""
    return msgspec.structs.replace(state, names=state.names.put(name, owned), **changes)


def is_one_of(number: Any, *choices: int) -> Callable[[], Any] | Any:
    """That a number is one of these."""
    found: Any = False
    for choice in choices:
        found = (number == choice) | found
    return found


def there(table: Table) -> Any:
    """That a table exists, being deleted or not."""
    return table.status != NO_TABLE


def alive(table: Table) -> Any:
    """That a table exists and is not being deleted."""
    return both(table.status != NO_TABLE, table.status != DELETING)
