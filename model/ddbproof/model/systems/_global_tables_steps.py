"""What can happen to tables and to the global table: the steps of `global_tables`.

Tables are made and go through their states at any time; replicas are added, removed and detached, in both versions.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, both, either, neg
from ddbproof.model.kernel import global_tables
from ddbproof.model.kernel.global_tables import Group, Member
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._global_tables_state import (
    ACCOUNT,
    ACTIVE,
    DELETING,
    NO_KEY,
    NONE,
    NOT_AUTHORIZED,
    REGION,
    REGION_DISABLED,
    TABLE,
    Seat,
    State,
)

system = System("global_tables", "Membership of a global table", State, [global_tables])
system.fast = False
system.scope_in_words = [
    "any number of tables; one global table at a time, of either version, in eventual mode",
    "changes of membership are decided one after another; how Regions learn of them: settings",
    "which moves between the states of a replica are allowed, beyond what the claims say, is ours",
]
system.merged = (
    "global_tables.may_move",
    "global_tables.takes_requests",
    "global_tables.may_stand_beside",
)
replace = msgspec.structs.replace


@system.initial
def no_tables(other: Annotated[int, TABLE]) -> State:
    """No tables. Their numbers begin with 1."""
    nobody = Seat(Member(), 0, 0, False, 0, 0, NONE, False, False, False, False, False, NONE, False)
    return State(
        FrozenMap(nobody), 1, Group(), FrozenMap(0), FrozenMap(0), FrozenMap(0), False, NONE, False, other
    )


@system.action
def create(
    state: State,
    region: Annotated[int, REGION],
    account: Annotated[int, ACCOUNT],
    name: int,
    key_schema: int,
    indexes: int,
    both_images: bool,
) -> State:
    """A table that stands alone."""
    member = Member(ACTIVE, region, account, name, key_schema, indexes, both_images)
    seat = Seat(member, region, account, False, 0, 0, NONE, False, False, False, False, False, NONE, False)
    return replace(state, tables=state.tables.put(state.next_table, seat), next_table=state.next_table + 1)


@system.action
def write(state: State, table: Annotated[int, TABLE], contents: int) -> State:
    """Somebody writes items at a table."""
    seat = state.tables[table]
    require(global_tables.takes_requests(seat.member))
    require(contents > 0)
    written = replace(seat, contents=contents, wrote_as_member=either(seat.wrote_as_member, seat.in_group))
    return replace(state, tables=state.tables.put(table, written))


def _seated(state: State, table: int, seat: Seat, place: int, group: Group) -> State:
    """The table takes a place in the group."""
    seated = replace(
        seat,
        in_group=True,
        place=place,
        removed=False,
        wrote_as_member=False,
        moved_from=NONE,
        left_nobody=False,
    )
    return replace(
        state,
        tables=state.tables.put(table, seated),
        group=group,
        members=state.members.put(place, table),
        by_region=state.by_region.put(seat.region, table),
        by_account=state.by_account.put(seat.account, table),
    )


@system.action
def begin(
    state: State,
    table: Annotated[int, TABLE],
    account_of_the_second: Annotated[int, ACCOUNT],
    legacy: bool,
) -> State:
    """A table that stands alone, and may hold items, is to get a replica, in that account."""
    seat = state.tables[table]
    require(state.group.members == 0)
    group = global_tables.first_group(seat.member, account_of_the_second, legacy)
    begun = replace(state, began_across_accounts=account_of_the_second != seat.account)
    return _seated(begun, table, replace(seat, joined_beside=False, source_status=NONE), 0, group)


@system.action
def end(state: State, table: Annotated[int, TABLE]) -> State:
    """The one that is left, or never got a replica, stands alone again."""
    seat = state.tables[table]
    require(seat.in_group)
    require(state.group.members == 1)
    return _unseated(state, table, seat, Group())


def _added(
    state: State, source: int, region: Annotated[int, REGION], account: Annotated[int, ACCOUNT]
) -> State:
    place = state.group.members
    group, member = global_tables.add_replica(
        state.group,
        state.tables[source].member,
        region,
        account,
        region_taken=state.by_region[region] != 0,
        account_taken=state.by_account[account] != 0,
    )
    made_from = state.tables[source]
    seat = Seat(
        member,
        region,
        account,
        True,
        place,
        made_from.contents,
        NONE,
        False,
        False,
        False,
        False,
        False,
        made_from.member.status,
        False,
    )
    grown = replace(state, next_table=state.next_table + 1)
    return _seated(grown, state.next_table, seat, place, group)


@system.action
def add(
    state: State,
    source: Annotated[int, TABLE],
    region: Annotated[int, REGION],
    account: Annotated[int, ACCOUNT],
) -> State:
    """A replica is added to a global table."""
    require(state.tables[source].in_group)
    return _added(state, source, region, account)


def _agree(one: Seat, other: Seat) -> Any:
    """That two tables are as V1-02 wants them, said without the kernel."""
    return both(
        one.contents == 0,
        other.contents == 0,
        one.member.name == other.member.name,
        one.member.key_schema == other.member.key_schema,
        one.member.indexes == other.member.indexes,
        one.member.both_images,
        other.member.both_images,
    )


@system.action
def add_legacy(state: State, table: Annotated[int, TABLE], others_agree: bool) -> State:
    """Version of 2017: a table joins, after each member was asked; `other` is asked here if it is one."""
    beside, seat = state.tables[state.other], state.tables[table]
    require(others_agree)
    agree = others_agree
    if beside.in_group:
        agree = global_tables.may_stand_beside(
            beside.member, seat.member, beside.contents == 0, seat.contents == 0
        )
    require(neg(seat.in_group))
    place = state.group.members
    group = global_tables.add_table(
        state.group, seat.member, region_taken=state.by_region[seat.region] != 0, all_agree=agree
    )
    seated = replace(seat, joined_beside=beside.in_group, agreed=_agree(beside, seat), source_status=NONE)
    return _seated(state, table, seated, place, group)


@system.action
def move(state: State, table: Annotated[int, TABLE], status: int) -> State:
    """A member's status changes, for whatever reason but removal."""
    seat = state.tables[table]
    require(seat.in_group)
    require(status != DELETING)
    moved = replace(seat, member=global_tables.move(seat.member, status), moved_from=seat.member.status)
    return replace(state, tables=state.tables.put(table, moved))


def _unseated(state: State, table: int, seat: Seat, group: Group) -> State:
    """The table leaves the group; the last of the list takes its place there."""
    last = state.members[group.members]
    tables = state.tables.put(last, replace(state.tables[last], place=seat.place))
    tables = tables.put(table, replace(seat, in_group=False))
    members = state.members.put(seat.place, last)
    by_region = state.by_region.put(seat.region, 0)
    by_account = state.by_account.put(seat.account, 0)
    return replace(
        state, tables=tables, group=group, members=members, by_region=by_region, by_account=by_account
    )


def _left(state: State, table: int) -> State:
    """Remembers whether the first of the list, who may be the very one that left, is a member still."""
    left = replace(state.tables[table], left_nobody=neg(state.tables[state.members[0]].in_group))
    return replace(state, tables=state.tables.put(table, left))


@system.action
def remove(state: State, table: Annotated[int, TABLE]) -> State:
    """Somebody removes a replica."""
    seat = state.tables[table]
    require(seat.in_group)
    group, member = global_tables.remove_replica(state.group, seat.member)
    left = replace(
        seat,
        member=member,
        moved_from=seat.member.status,
        removed=True,
        was_legacy=state.group.legacy,
    )
    return _left(_unseated(state, table, left, group), table)


@system.action
def detach(state: State, table: Annotated[int, TABLE]) -> State:
    """A replica that was broken for too long stands alone from now on, with its items."""
    seat = state.tables[table]
    require(seat.in_group)
    require(
        either(
            seat.member.status == REGION_DISABLED,
            seat.member.status == NO_KEY,
            seat.member.status == NOT_AUTHORIZED,
        )
    )
    return _left(_unseated(state, table, seat, global_tables.detach(state.group)), table)


@system.action
def deleted(state: State, table: Annotated[int, TABLE]) -> State:
    """A replica that was removed is gone, with its items."""
    seat = state.tables[table]
    gone = replace(
        seat, member=global_tables.on_deleted(seat.member), moved_from=seat.member.status, contents=0
    )
    return replace(state, tables=state.tables.put(table, gone))


@system.action
def ask(state: State, table: Annotated[int, TABLE]) -> State:
    """A client reads or writes at a replica."""
    seat = state.tables[table]
    require(seat.in_group)
    return replace(state, asked_status=seat.member.status, answer=global_tables.takes_requests(seat.member))


def across(state: State) -> Any:
    """That there is a global table, and it spans accounts."""
    return both(state.group.members > 0, state.group.across_accounts)
