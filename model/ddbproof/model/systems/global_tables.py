"""Membership of a global table: tables, replicas that are added, removed and detached, in both versions.

Sources: GT-01, GT-02, GT-04, GT-09, GT-17, ME-08, V1-02, V1-06, MA-01, MA-03. The kernel is `kernel/global_tables.py`.

Any number of tables in any Regions and accounts; one global table at a time, which may be made, dissolved and made again. A
table that only has the same name is in no list of members, and nothing here looks for it. `other` is a table that is not known:
joining in the version of 2017 asks every member, and what one arbitrary member is asked stands for all.

How what the group decides reaches the Regions is the matter of `settings`; items are a handle, which a new replica has of its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, both, either, forall, implies, neg, same_truth
from ddbproof.model.kernel import global_tables
from ddbproof.model.kernel.global_tables import Group, Member
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems._global_tables_state import (
    ACCOUNT,
    ACTIVE,
    ARCHIVED,
    CREATING,
    CREATION_FAILED,
    DELETING,
    MOVES,
    NO_KEY,
    NONE,
    NOT_AUTHORIZED,
    PLACE,
    REGION,
    REGION_DISABLED,
    TABLE,
    UPDATING,
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
    nobody = Seat(Member(), 0, 0, False, 0, 0, NONE, False, False, False, False, False, False)
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
    seat = Seat(member, region, account, False, 0, 0, NONE, False, False, False, False, False, False)
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
    seated = replace(seat, in_group=True, place=place, removed=False, wrote_as_member=False, moved_from=NONE)
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
    return _seated(begun, table, replace(seat, joined_beside=False, copied=False), 0, group)


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
    contents = state.tables[source].contents
    seat = Seat(member, region, account, True, place, contents, NONE, False, False, False, False, False, True)
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
    seated = replace(seat, joined_beside=beside.in_group, agreed=_agree(beside, seat), copied=False)
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
    return _unseated(state, table, left, group)


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
    return _unseated(state, table, seat, global_tables.detach(state.group))


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


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Tables have numbers that were handed out, and are where they were made."""
    yield state.next_table > 0
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group, both(t > 0, t < state.next_table, neg(state.tables[t].removed))
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            either(t <= 0, t >= state.next_table),
            both(neg(state.tables[t].in_group), state.tables[t].member.status == NONE),
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].member.status != NONE,
            both(
                state.tables[t].member.region == state.tables[t].region,
                state.tables[t].member.account == state.tables[t].account,
            ),
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group,
            both(
                state.tables[t].member.status != NONE,
                state.tables[t].member.status != DELETING,
            ),
        )
    )


@system.invariant
def lists(state: State) -> Iterator[Any]:
    """The lists have each member once, and nobody else."""
    yield state.group.members >= 0
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group,
            both(
                state.by_region[state.tables[t].region] == t,
            ),
        )
    )
    yield forall(PLACE)(
        lambda i: implies(
            both(i >= 0, i < state.group.members),
            both(state.tables[state.members[i]].in_group, state.tables[state.members[i]].place == i),
        )
    )
    yield forall(REGION)(
        lambda r: either(
            state.by_region[r] == 0,
            both(
                state.tables[state.by_region[r]].in_group,
                state.tables[state.by_region[r]].region == r,
            ),
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            both(state.tables[t].in_group, across(state)),
            state.by_account[state.tables[t].account] == t,
        )
    )


@system.invariant
def what_members_share(state: State) -> Iterator[Any]:
    """Members have the group's name and key; within one account they have the first one's account."""
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group,
            both(
                state.tables[t].member.name == state.group.name,
                state.tables[t].member.key_schema == state.group.key_schema,
            ),
        )
    )
    yield implies(state.group.legacy, neg(state.group.across_accounts))
    yield forall(TABLE)(
        lambda t: implies(
            both(state.tables[t].in_group, neg(state.group.across_accounts)),
            state.tables[t].account == state.group.account,
        )
    )


@system.safe("GT-01")
def SAFE_one_replica_in_a_region(state: State) -> Iterator[Any]:
    """No two members are in one Region, and a global table of two or more has as many Regions."""
    yield forall(TABLE, TABLE)(
        lambda t, u: implies(
            both(
                state.tables[t].in_group,
                state.tables[u].in_group,
                state.tables[t].region == state.tables[u].region,
            ),
            t == u,
        )
    )
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group,
            both(
                state.tables[t].place >= 0,
                state.tables[t].place < state.group.members,
                state.members[state.tables[t].place] == t,
            ),
        )
    )
    yield forall(PLACE, PLACE)(
        lambda i, j: implies(
            both(i >= 0, i < j, j < state.group.members),
            both(
                state.tables[state.members[i]].in_group,
                state.tables[state.members[j]].in_group,
                state.tables[state.members[i]].region != state.tables[state.members[j]].region,
            ),
        )
    )


@system.safe("GT-02")
def SAFE_one_name_and_one_key(state: State) -> Iterator[Any]:
    """All members of a global table have the same name and the same key schema."""
    yield forall(TABLE, TABLE)(
        lambda t, u: implies(
            both(state.tables[t].in_group, state.tables[u].in_group),
            both(
                state.tables[t].member.name == state.tables[u].member.name,
                state.tables[t].member.key_schema == state.tables[u].member.key_schema,
            ),
        )
    )


@system.safe("GT-04")
def SAFE_every_replica_takes_reads_and_writes(state: State) -> Iterator[Any]:
    """A member answers reads and writes whenever it is ACTIVE or UPDATING, and not while it is made or has no key."""
    yield implies(either(state.asked_status == ACTIVE, state.asked_status == UPDATING), state.answer)
    yield implies(
        either(*(state.asked_status == one for one in (CREATING, CREATION_FAILED, NO_KEY, ARCHIVED))),
        neg(state.answer),
    )


@system.safe("GT-09")
def SAFE_states_of_a_replica(state: State) -> Iterator[Any]:
    """A member's status is one of ten; it is CREATING first, then ACTIVE or failed, and what is archived stays so."""
    yield forall(TABLE)(
        lambda t: implies(
            state.tables[t].in_group,
            either(*(state.tables[t].member.status == one for one in range(1, 11))),
        )
    )
    yield forall(TABLE)(
        lambda t: either(
            state.tables[t].moved_from == NONE,
            *(
                both(state.tables[t].moved_from == before, state.tables[t].member.status == after)
                for before, after in MOVES
            ),
        )
    )


@system.safe("GT-17")
def SAFE_a_removed_replica_loses_its_data(state: State) -> Iterator[Any]:
    """In the current version a replica that somebody removed is being deleted, or gone with its items."""
    yield forall(TABLE)(
        lambda t: implies(
            both(state.tables[t].removed, neg(state.tables[t].was_legacy)),
            either(
                state.tables[t].member.status == DELETING,
                both(state.tables[t].member.status == NONE, state.tables[t].contents == 0),
            ),
        )
    )


@system.safe("V1-06")
def SAFE_a_removed_legacy_replica_lives_on(state: State) -> Iterator[Any]:
    """In the version of 2017 it is a table of its own, of the same account as all the others."""
    yield forall(TABLE)(
        lambda t: implies(
            both(state.tables[t].removed, state.tables[t].was_legacy),
            both(neg(state.tables[t].in_group), state.tables[t].member.status == ACTIVE),
        )
    )
    yield forall(TABLE, TABLE)(
        lambda t, u: implies(
            both(state.group.legacy, state.tables[t].in_group, state.tables[u].in_group),
            state.tables[t].account == state.tables[u].account,
        )
    )


@system.safe("V1-02")
def SAFE_legacy_replicas_join_empty_and_alike(state: State) -> Iterator[Any]:
    """When a table joined in the version of 2017, it and every member were empty and alike, with both images in the stream."""
    yield forall(TABLE)(
        lambda t: implies(
            both(state.tables[t].in_group, state.tables[t].joined_beside), state.tables[t].agreed
        )
    )
    yield forall(TABLE)(
        lambda t: implies(both(state.tables[t].in_group, state.group.legacy), neg(state.tables[t].copied))
    )


@system.safe("MA-01")
def SAFE_an_account_each_or_one_for_all(state: State) -> Iterator[Any]:
    """If a global table spans accounts, each member is in one of its own; else all are in one."""
    yield forall(TABLE, TABLE)(
        lambda t, u: implies(
            both(state.tables[t].in_group, state.tables[u].in_group, t != u),
            same_truth(state.tables[t].account != state.tables[u].account, state.group.across_accounts),
        )
    )


@system.safe("MA-03")
def SAFE_across_accounts_from_the_start(state: State) -> Iterator[Any]:
    """Whether a global table spans accounts is settled by its first two members for as long as it is one."""
    yield implies(
        state.group.members > 0, same_truth(state.group.across_accounts, state.began_across_accounts)
    )
