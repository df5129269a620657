"""Which tables make up a global table, and how replicas come and go.

Sources: GT-01 (one replica in a Region, two or more), GT-02 (one name and one key), GT-04 (each takes reads and writes), GT-09
(the states of a replica), GT-17 (removing one deletes its data), ME-08 (added to a table with data, at any time), V1-02 and
V1-06 (how the version of 2017 differs), MA-01 and MA-03 (accounts). The modes' own rules are `strong`'s, what is
shared is `settings`', and what becomes of a replica that is broken is `detachment`'s.

A group has a record of its own, changed by one request at a time. It says what all members have in common, and how many they
are: one while the first replica is on its way in or the last on its way out, when no replicas are shown.
That a seat in a Region or an account is free, the caller sees in the group's list of members. Which moves between the
states AWS allows is unpublished beyond what the claims say; those here are ours.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require

(
    NONE,
    CREATING,
    CREATION_FAILED,
    UPDATING,
    DELETING,
    ACTIVE,
    REGION_DISABLED,
    INACCESSIBLE_ENCRYPTION_CREDENTIALS,
    ARCHIVING,
    ARCHIVED,
    REPLICATION_NOT_AUTHORIZED,
) = range(11)


class Group(msgspec.Struct, frozen=True, gc=False):
    """A global table: how many members, what they share, if it spans accounts, and if it is of the version of 2017.

    Unless it spans accounts, `account` is what all members have.
    """

    members: int = 0
    name: int = 0
    key_schema: int = 0
    account: int = 0
    across_accounts: bool = False
    legacy: bool = False


class Member(msgspec.Struct, frozen=True, gc=False):
    """A table that is, or may become, a member. `both_images` is a stream with NEW_AND_OLD_IMAGES."""

    status: int = NONE
    region: int = 0
    account: int = 0
    name: int = 0
    key_schema: int = 0
    indexes: int = 0
    both_images: bool = False


def first_group(table: Member, account_of_the_second: int, legacy: bool) -> Group:
    """The group that a table begins: it spans accounts for good if its second member is in another one (MA-03)."""
    require(table.status == ACTIVE)
    across_accounts = account_of_the_second != table.account
    require(not (legacy and across_accounts))
    return Group(1, table.name, table.key_schema, table.account, across_accounts, legacy)


def add_replica(
    group: Group,
    source: Member,
    region: int,
    account: int,
    *,
    region_taken: bool,
    account_taken: bool,
) -> tuple[Group, Member]:
    """A new replica, made from a member that may hold items. Raises NotAllowed where there is one, or the account is wrong."""
    require(not group.legacy)
    require(source.status == ACTIVE)
    require(not region_taken)
    if group.across_accounts:
        require(not account_taken)
    else:
        require(account == group.account)
    newcomer = Member(
        CREATING, region, account, group.name, group.key_schema, source.indexes, source.both_images
    )
    return _with_members(group, group.members + 1), newcomer


def may_stand_beside(member: Member, newcomer: Member, member_empty: bool, newcomer_empty: bool) -> bool:
    """Version of 2017: true if an existing table can join, as far as one member is concerned. All are asked (V1-02)."""
    return (
        member_empty
        & newcomer_empty
        & (member.indexes == newcomer.indexes)
        & member.both_images
        & newcomer.both_images
    )


def add_table(group: Group, newcomer: Member, *, region_taken: bool, all_agree: bool) -> Group:
    """Version of 2017: an existing table joins. Raises NotAllowed unless it is as the group is, and every member agrees."""
    require(group.legacy)
    require(group.members > 0)
    require(newcomer.status == ACTIVE)
    require(not region_taken)
    require(newcomer.name == group.name)
    require(newcomer.key_schema == group.key_schema)
    require(newcomer.account == group.account)
    require(all_agree)
    return _with_members(group, group.members + 1)


def may_move(before: int, after: int) -> bool:
    """True if a replica may go from one status to another."""
    if after == ACTIVE:
        return (
            (before == CREATING)
            | (before == UPDATING)
            | (before == REGION_DISABLED)
            | (before == INACCESSIBLE_ENCRYPTION_CREDENTIALS)
            | (before == REPLICATION_NOT_AUTHORIZED)
        )
    if after == CREATION_FAILED:
        return before == CREATING
    if after == ARCHIVING:
        return before == INACCESSIBLE_ENCRYPTION_CREDENTIALS
    if after == ARCHIVED:
        return before == ARCHIVING
    if after == DELETING:
        return (before == ACTIVE) | (before == CREATION_FAILED)
    if (
        (after == UPDATING)
        | (after == REGION_DISABLED)
        | (after == INACCESSIBLE_ENCRYPTION_CREDENTIALS)
        | (after == REPLICATION_NOT_AUTHORIZED)
    ):
        return before == ACTIVE
    return False


def move(member: Member, status: int) -> Member:
    """A replica's status changes. Raises NotAllowed if it may not."""
    require(may_move(member.status, status))
    return _with_status(member, status)


def takes_requests(member: Member) -> bool:
    """True if a replica in eventual mode takes reads and writes in its Region; the one goes with the other."""
    return (
        (member.status == ACTIVE)
        | (member.status == UPDATING)
        | (member.status == REPLICATION_NOT_AUTHORIZED)
    )


def remove_replica(group: Group, member: Member) -> tuple[Group, Member]:
    """A replica is taken out: with its data (GT-17), or in the version of 2017 as a table of its own (V1-06).

    Raises NotAllowed for the last one, which is a table that can be deleted.
    """
    require(group.members > 1)
    if group.legacy:
        require(member.status == ACTIVE)
        return _with_members(group, group.members - 1), member
    return _with_members(group, group.members - 1), move(member, DELETING)


def detach(group: Group) -> Group:
    """A replica has become a table of its own, as `detachment` says. Raises NotAllowed for the last one."""
    require(group.members > 1)
    return _with_members(group, group.members - 1)


def on_deleted(member: Member) -> Member:
    """A replica that was removed is gone."""
    require(member.status == DELETING)
    return Member()


def _with_members(group: Group, members: int) -> Group:
    return Group(members, group.name, group.key_schema, group.account, group.across_accounts, group.legacy)


def _with_status(member: Member, status: int) -> Member:
    return Member(
        status,
        member.region,
        member.account,
        member.name,
        member.key_schema,
        member.indexes,
        member.both_images,
    )
