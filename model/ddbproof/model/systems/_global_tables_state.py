"""The records of the system `global_tables`: tables in Regions, and the groups that they make up."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import (
    Map,
    Sort,
)
from ddbproof.model.kernel.global_tables import Group, Member

TABLE, REGION, ACCOUNT, PLACE = Sort("table"), Sort("region"), Sort("account"), Sort("place")
NONE, CREATING, CREATION_FAILED, UPDATING, DELETING, ACTIVE, REGION_DISABLED, NO_KEY = range(8)
ARCHIVING, ARCHIVED, NOT_AUTHORIZED = range(8, 11)
# From which status to which a member may go; NONE after DELETING is that it is gone.
MOVES = (
    (CREATING, ACTIVE),
    (CREATING, CREATION_FAILED),
    (CREATION_FAILED, DELETING),
    *((ACTIVE, one) for one in (UPDATING, DELETING, REGION_DISABLED, NO_KEY, NOT_AUTHORIZED)),
    *((one, ACTIVE) for one in (UPDATING, REGION_DISABLED, NO_KEY, NOT_AUTHORIZED)),
    (ACTIVE, ACTIVE),
    (NO_KEY, ARCHIVING),
    (ARCHIVING, ARCHIVED),
    (DELETING, NONE),
)


class Seat(msgspec.Struct, frozen=True):
    """A table. Behind the first line, what is remembered to judge by.

    `moved_from` is the status before the last step; `removed` that somebody took it out, `was_legacy` of which version;
    `joined_beside` that `other` was a member when it joined in the version of 2017, and `agreed` whether they were alike;
    `source_status` how the member stood that it was made from, NONE if it was not; `left_nobody` that no member was left when it left.
    """

    member: Member
    region: Annotated[int, REGION]
    account: Annotated[int, ACCOUNT]
    in_group: bool
    place: Annotated[int, PLACE]
    contents: int
    moved_from: int
    removed: bool
    was_legacy: bool
    wrote_as_member: bool
    joined_beside: bool
    agreed: bool
    source_status: int
    left_nobody: bool


class State(msgspec.Struct, frozen=True):
    """All tables, the group with its lists of members by place, Region and account, and the last answer."""

    tables: Annotated[Map[Seat], TABLE]
    next_table: Annotated[int, TABLE]
    group: Group
    members: Annotated[Map[Annotated[int, TABLE]], PLACE]
    by_region: Annotated[Map[Annotated[int, TABLE]], REGION]
    by_account: Annotated[Map[Annotated[int, TABLE]], ACCOUNT]
    began_across_accounts: bool
    asked_status: int
    answer: bool
    other: Annotated[int, TABLE]
