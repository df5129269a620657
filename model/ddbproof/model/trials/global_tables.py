"""Trials of membership: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.global_tables import Group, Member
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._global_tables_state import ACTIVE, DELETING, NONE, State
from ddbproof.model.systems._global_tables_steps import system


@system.witness("GT-04")
def both_replicas_took_writes(state: State) -> Any:
    """Two members of a global table have each taken a write since they are members."""
    return both(
        state.tables[1].in_group,
        state.tables[2].in_group,
        state.tables[1].wrote_as_member,
        state.tables[2].wrote_as_member,
    )


@system.witness("ME-08")
def replicas_come_and_go_around_data(state: State) -> Any:
    """A table that held items got a replica, which was removed, and then another in another Region, with the items."""
    return both(
        state.tables[1].in_group,
        state.tables[2].removed,
        state.tables[3].in_group,
        state.tables[3].contents > 0,
        state.tables[3].region != state.tables[2].region,
    )


@system.witness("MA-01")
def replicas_in_two_accounts(state: State) -> Any:
    """Two members of a global table are in different accounts and take requests."""
    one, two = state.tables[1], state.tables[2]
    return both(one.in_group, two.in_group, one.account != two.account, two.member.status == ACTIVE)


@system.cover("GT-17")
def a_replica_is_gone(state: State) -> Any:
    """A replica was removed and is gone, and the table it was made from stands alone again, with its items."""
    one, two = state.tables[1], state.tables[2]
    return both(two.removed, two.member.status == NONE, neg(one.in_group), one.contents > 0)


@system.cover("V1-06")
def a_legacy_replica_lives_on(state: State) -> Any:
    """In the version of 2017 a replica was removed with the items it had."""
    return both(state.tables[2].removed, state.tables[2].was_legacy, state.tables[2].contents > 0)


@system.cover("V1-02")
def two_empty_tables_join(state: State) -> Any:
    """Two tables of one name became a global table of the version of 2017, and hold items since."""
    return both(
        state.group.legacy,
        state.group.members == 2,
        state.tables[state.other].in_group,
        state.tables[2].joined_beside,
        state.tables[2].contents > 0,
    )


@system.cover("GT-09")
def a_replica_failed(state: State) -> Any:
    """A replica could not be made, and was taken out."""
    return both(
        state.tables[2].removed, state.tables[2].moved_from == 2, state.tables[2].source_status != NONE
    )


@system.cover("GT-09")
def detached(state: State) -> Any:
    """A replica that was broken stands alone, with its items."""
    two = state.tables[2]
    return both(
        neg(two.in_group),
        neg(two.removed),
        two.contents > 0,
        state.group.members == 1,
        two.member.status > ACTIVE,
    )


@system.mutant("global_tables.add_replica")
def a_second_one_in_the_region(
    group: Group, source: Member, region: int, account: int, *, region_taken: bool, account_taken: bool
) -> tuple[Group, Member]:
    """A replica is added where there is one."""
    require(not group.legacy)
    require(source.status == ACTIVE)
    if group.across_accounts:
        require(not account_taken)
    else:
        require(account == group.account)
    return _grown(group), Member(1, region, account, group.name, group.key_schema)


@system.mutant("global_tables.add_replica")
def any_account_will_do(
    group: Group, source: Member, region: int, account: int, *, region_taken: bool, account_taken: bool
) -> tuple[Group, Member]:
    """A global table within one account gets a replica in another."""
    require(not group.legacy)
    require(source.status == ACTIVE)
    require(not region_taken)
    return _grown(group), Member(1, region, account, group.name, group.key_schema)


@system.mutant("global_tables.add_replica")
def a_single_table_by_its_account(
    group: Group, source: Member, region: int, account: int, *, region_taken: bool, account_taken: bool
) -> tuple[Group, Member]:
    """The first replica in another account turns a global table into one across accounts."""
    require(not group.legacy)
    require(source.status == ACTIVE)
    require(not region_taken)
    wider = Group(
        group.members + 1, group.name, group.key_schema, group.account, account != source.account, False
    )
    return wider, Member(1, region, account, group.name, group.key_schema)


@system.mutant("global_tables.remove_replica")
def both_copies_are_kept(group: Group, member: Member) -> tuple[Group, Member]:
    """A removed replica becomes a table of its own in the current version too."""
    require(group.members > 1)
    return _shrunk(group), member


@system.mutant("global_tables.remove_replica")
def legacy_replicas_are_deleted(group: Group, member: Member) -> tuple[Group, Member]:
    """A removed replica is deleted in the version of 2017 too."""
    require(group.members > 1)
    require(member.status == ACTIVE)
    return _shrunk(group), Member(
        DELETING, member.region, member.account, member.name, member.key_schema, member.indexes
    )


@system.mutant("global_tables.may_stand_beside")
def only_the_newcomer_is_empty(
    member: Member, newcomer: Member, member_empty: bool, newcomer_empty: bool
) -> bool:
    """A table joins a global table of the version of 2017 that holds items."""
    return newcomer_empty and member.both_images and newcomer.both_images


@system.mutant("global_tables.add_table")
def any_table_may_join(group: Group, newcomer: Member, *, region_taken: bool, all_agree: bool) -> Group:
    """A table of another name joins."""
    require(group.legacy)
    require(group.members > 0)
    require(newcomer.status == ACTIVE)
    require(not region_taken)
    require(newcomer.account == group.account)
    require(all_agree)
    return _grown(group)


@system.mutant("global_tables.takes_requests")
def only_the_first_region_takes_writes(member: Member) -> bool:
    """A replica in another Region than the first is for reading."""
    return member.status == ACTIVE and member.region == 1


@system.mutant("global_tables.may_move")
def any_move_will_do(before: int, after: int) -> bool:
    """A replica goes from any status to any other."""
    return after != NONE


@system.mutant("global_tables.takes_requests", harmless=True)
def said_one_by_one(member: Member) -> bool:
    """The same states, one after another."""
    if member.status == 10:
        return True
    if member.status == 3:
        return True
    return member.status == ACTIVE


def _grown(group: Group) -> Group:
    return Group(
        group.members + 1,
        group.name,
        group.key_schema,
        group.account,
        group.across_accounts,
        group.legacy,
    )


def _shrunk(group: Group) -> Group:
    return Group(
        group.members - 1,
        group.name,
        group.key_schema,
        group.account,
        group.across_accounts,
        group.legacy,
    )


_VALUES = {
    "table": (1, 2, 3),
    "region": (1, 2),
    "account": (1, 2),
    "place": (0, 1, 2),
    "name": (1,),
    "key_schema": (1,),
    "indexes": (0,),
    "contents": (1,),
    "both_images": (True,),
    "legacy": (False,),
    "status": (1, 2, ACTIVE, 10),
    "others_agree": (True,),
}


def _within(tables_made: int) -> Any:
    return lambda state: state.next_table <= tables_made


system.scopes += [
    # Accounts.
    Scope(
        values={
            **_VALUES,
            "create.account": (1,),
            "create.region": (1,),
            "region": (1, 2, 3),
            "add.region": (2, 3),
            "status": (ACTIVE,),
        },
        parameters=({"other": 1},),
        within=_within(4),
        actions=("create", "begin", "end", "add", "move"),
    ),
    # All states, and what they answer.
    Scope(
        values={
            **_VALUES,
            "create.region": (1,),
            "account": (1,),
            "region": (1, 2),
            "status": tuple(range(12)),
        },
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "begin", "add", "move", "remove", "deleted", "ask"),
    ),
    # The version of 2017: names and Regions; keys, accounts and copies; streams, indexes and items.
    Scope(
        values={**_VALUES, "account": (1,), "name": (1, 2), "legacy": (True,)},
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "begin", "end", "add_legacy"),
    ),
    Scope(
        values={
            **_VALUES,
            "table": (1, 2),
            "account": (1, 2),
            "key_schema": (1, 2),
            "legacy": (True,),
        },
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "begin", "add", "add_legacy"),
    ),
    Scope(
        values={
            **_VALUES,
            "table": (1, 2),
            "account": (1,),
            "indexes": (0, 1),
            "create.region": (1, 2),
            "both_images": (True, False),
            "legacy": (True,),
        },
        parameters=({"other": 1},),
        within=lambda state: both(state.next_table <= 3, state.tables[1].contents == 0),
        actions=("create", "write", "begin", "add_legacy"),
    ),
    Scope(
        values={**_VALUES, "table": (1, 2), "account": (1,), "legacy": (True,), "status": (3, ACTIVE)},
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "write", "begin", "add_legacy", "move", "remove"),
    ),
    # One version after the other, by the same two tables.
    Scope(
        values={
            **_VALUES,
            "table": (1, 2),
            "account": (1,),
            "create.region": (1, 2),
            "legacy": (False, True),
            "status": (ACTIVE,),
        },
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "begin", "end", "add", "add_legacy", "move", "remove", "deleted"),
    ),
    # The current version: one table, its replicas and what becomes of them.
    Scope(
        values={
            **_VALUES,
            "create.region": (1,),
            "create.account": (1,),
            "region": (1, 2, 3),
            "add.region": (2, 3),
            "add.source": (1,),
            "account": (1,),
            "status": (2, ACTIVE, 10),
        },
        parameters=({"other": 1},),
        within=_within(3),
        actions=("create", "write", "begin", "end", "add", "move", "remove", "detach", "deleted"),
    ),
]
