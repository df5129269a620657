"""The life of a table, backups that are kept, and what a restored table has of its source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.model.kernel import restores, tables
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.model.kernel.restores import Backup, Overrides, Settings
from ddbproof.model.kernel.tables import Table

DAY = 86_400_000
any_table = st.builds(
    Table, st.integers(0, 4), st.just(7), st.just(3), st.booleans(), st.integers(0, 2), st.integers(0, 2)
)
overrides = st.builds(
    Overrides,
    st.booleans(),
    st.integers(5, 9),
    st.booleans(),
    st.integers(5, 9),
    st.booleans(),
    st.integers(5, 9),
    st.booleans(),
    st.booleans(),
)


@given(any_table)
def test_only_a_table_at_rest_is_deleted(table: Table) -> None:
    """CTL-01, CTL-03, BK-08: ACTIVE, not protected, and no backup of it being made."""
    deletable = table.status == tables.ACTIVE and not table.protected and not table.backups_creating
    if deletable:
        assert tables.delete(table).status == tables.DELETING
    else:
        with pytest.raises(NotAllowed):
            tables.delete(table)
    assert (tables.delete_answer(table) == tables.DELETED_NOW) == deletable


def test_why_a_table_is_not_deleted() -> None:
    """CTL-01, CTL-03: what is being deleted is no error; the reasons are told apart."""
    assert tables.delete_answer(Table(tables.DELETING)) == tables.DELETED_ALREADY
    assert tables.delete_answer(Table(tables.UPDATING)) == tables.REFUSED_IN_USE
    assert tables.delete_answer(Table(tables.CREATING)) == tables.REFUSED_IN_USE
    assert tables.delete_answer(Table(tables.ACTIVE, protected=True)) == tables.REFUSED_PROTECTED
    assert tables.delete_answer(Table(tables.ACTIVE, backups_creating=1)) == tables.REFUSED_IN_USE


@given(any_table)
def test_a_restore_needs_a_free_name(present: Table) -> None:
    """RS-01: one exception for a table that is there, another for one that comes or goes."""
    answer = tables.restore_answer(present)
    assert (answer == tables.NAME_FREE) == (present.status == tables.NO_TABLE)
    assert (answer == tables.NAME_IN_USE) == (present.status in (tables.CREATING, tables.DELETING))
    if answer != tables.NAME_FREE:
        with pytest.raises(NotAllowed):
            tables.restore(present, 8, 3)
        with pytest.raises(NotAllowed):
            tables.create(present, 8, 3, protected=False)


def test_a_restored_table_stands_alone() -> None:
    """RS-10, RS-12, CTL-03: it has its source's key, a new id, no group and no protection."""
    assert tables.restore(Table(), 8, 3) == Table(tables.CREATING, 8, 3)


def test_a_backup_holds_its_table_and_its_recovery() -> None:
    """BK-08: until the last of the backups that are being made is made."""
    table = tables.begin_backup(tables.begin_backup(Table(tables.ACTIVE, 7)))
    table = tables.end_backup(table)
    assert not tables.may_turn_recovery_off(table)
    table = tables.end_backup(table)
    assert tables.may_turn_recovery_off(table)
    assert tables.delete(table).status == tables.DELETING
    with pytest.raises(NotAllowed):
        tables.end_backup(table)


def test_only_a_table_with_items_is_backed_up() -> None:
    """BK-08: not before it is there, and not when it is on its way out."""
    for status in (tables.NO_TABLE, tables.CREATING, tables.DELETING):
        with pytest.raises(NotAllowed):
            tables.begin_backup(Table(status))


def test_an_archived_table_waited_seven_days() -> None:
    """BK-21: to the millisecond, and protection does not matter."""
    table = Table(tables.ACTIVE, 7, protected=True)
    assert tables.archive(table, 5, 7 * DAY + 5).status == tables.DELETING
    with pytest.raises(NotAllowed):
        tables.archive(table, 5, 7 * DAY + 4)


def test_a_name_is_free_when_the_deletion_is_done() -> None:
    """CTL-06: and holds nothing of the table that had it."""
    deleting = tables.delete(Table(tables.ACTIVE, 7, 3, group=1))
    assert tables.on_gone(deleting) == Table()
    with pytest.raises(NotAllowed):
        tables.on_gone(Table(tables.ACTIVE))


def test_a_user_backup_never_expires() -> None:
    """BK-09: whatever the time."""
    made = restores.on_made(restores.user_backup())
    with pytest.raises(NotAllowed):
        restores.expire(made, 10**15)
    assert restores.delete(made).status == restores.DELETED


def test_a_system_backup_expires_after_35_days() -> None:
    """BK-16: to the millisecond."""
    backup = restores.system_backup(1_000)
    assert restores.expire(backup, 1_000 + 35 * DAY).status == restores.DELETED
    with pytest.raises(NotAllowed):
        restores.expire(backup, 999 + 35 * DAY)


@given(st.builds(Backup, st.integers(1, 2), st.integers(0, 3), st.integers(0, 9)))
def test_a_backup_is_used_when_it_is_made(backup: Backup) -> None:
    """BK-08, RS-11: one that is being made is neither restored nor deleted."""
    assert restores.may_use(backup) == (backup.status == restores.AVAILABLE)
    if not restores.may_use(backup):
        with pytest.raises(NotAllowed):
            restores.delete(backup)


@given(st.booleans(), overrides)
def test_what_a_restore_overrides(has_index: bool, wanted: Overrides) -> None:
    """RS-04, RS-12: three settings as given or as in the source, the key always as in the source, no index added."""
    source = Settings(1, 2, 3, 4, has_index)
    if wanted.indexes_given and wanted.names_index and not has_index:
        with pytest.raises(NotAllowed):
            restores.restored_settings(source, wanted)
        return
    found = restores.restored_settings(source, wanted)
    assert found.key_schema == 1
    assert found.billing == (wanted.billing if wanted.billing_given else 2)
    assert found.throughput == (wanted.throughput if wanted.throughput_given else 3)
    assert found.encryption == (wanted.encryption if wanted.encryption_given else 4)
    assert found.has_index == (has_index and (wanted.names_index or not wanted.indexes_given))
