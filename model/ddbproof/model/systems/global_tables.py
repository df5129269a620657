"""Membership of a global table: tables, replicas that are added, removed and detached, in both versions.

Sources: GT-01, GT-02, GT-04, GT-09, GT-17, ME-08, V1-02, V1-06, MA-01, MA-03. The kernel is `kernel/global_tables.py`.

Any number of tables in any Regions and accounts; one global table at a time, which may be made, dissolved and made again. A
table that only has the same name is in no list of members, and nothing here looks for it. `other` is a table that is not known:
joining in the version of 2017 asks every member, and what one arbitrary member is asked stands for all.

How what the group decides reaches the Regions is the matter of `settings`; items are a handle, which a new replica has of its source.

The records are in `_global_tables_state.py`, the steps in `_global_tables_steps.py`. Here is what always holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddbproof.model.engine.values import both, either, forall, implies, neg, same_truth
from ddbproof.model.systems._global_tables_state import (
    ACTIVE,
    ARCHIVED,
    CREATING,
    CREATION_FAILED,
    DELETING,
    MOVES,
    NO_KEY,
    NONE,
    PLACE,
    REGION,
    TABLE,
    UPDATING,
    State,
)
from ddbproof.model.systems._global_tables_steps import across, system


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
        lambda t: implies(
            both(state.tables[t].in_group, state.group.legacy), state.tables[t].source_status == NONE
        )
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


@system.safe("ME-08")
def SAFE_no_table_joins_in_the_current_version(state: State) -> Iterator[Any]:
    """A table that is there joins only in the version of 2017: in the current one replicas are made from a member."""
    yield forall(TABLE)(
        lambda t: implies(both(state.tables[t].in_group, state.tables[t].joined_beside), state.group.legacy)
    )


@system.safe("CTL-01")
def SAFE_replicas_are_added_to_an_active_table(state: State) -> Iterator[Any]:
    """A replica is added to a table that is ACTIVE, as all that UpdateTable does, and to no other."""
    yield forall(TABLE)(
        lambda t: either(state.tables[t].source_status == NONE, state.tables[t].source_status == ACTIVE)
    )


@system.safe()
def SAFE_the_last_one_does_not_leave(state: State) -> Iterator[Any]:
    """Who was removed or detached left a member behind: the last is a table, which can be deleted but not taken out."""
    yield forall(TABLE)(lambda t: neg(state.tables[t].left_nobody))
