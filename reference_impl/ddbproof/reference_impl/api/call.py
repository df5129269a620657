"""What every operation needs: the call, names and ARNs of tables, and honest refusal.

Where an operation takes a table name it takes the table's ARN as well (AP-14); an ARN that points to
another account is denied, one that points to another Region is not found, as there is no endpoint that
serves them all (GT-05).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.errors import CallerError, NotBuiltError, ValidationError

_NAME = re.compile(r"[a-zA-Z0-9_.-]{3,255}\Z", re.ASCII)
_TABLE_ARN = re.compile(r"arn:(aws[a-z-]*):dynamodb:([a-z0-9-]+):([0-9]{12}):table/([a-zA-Z0-9_.-]{3,255})\Z")


class Call(msgspec.Struct, frozen=True):
    """One request under way: who asks, where, and the instant (milliseconds) at which it is answered."""

    cluster: Cluster
    region: Region
    account: str
    now_milliseconds: int


@dataclass(frozen=True, slots=True)
class TableAddress:
    """A table by Region, account and name, as an ARN gives it."""

    region: str
    account: str
    name: str


def partition_of(region: str) -> str:
    """The AWS partition a Region belongs to, for ARNs."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def table_arn(region: str, account: str, name: str) -> str:
    """The ARN of a table."""
    return f"arn:{partition_of(region)}:dynamodb:{region}:{account}:table/{name}"


def parse_table_arn(text: str) -> TableAddress:
    """The parts of a table's ARN; raises ValidationError when it is none."""
    match = _TABLE_ARN.match(text)
    if match is None:
        raise ValidationError(f"Invalid table ARN: {text}")
    return TableAddress(match[2], match[3], match[4])


def check_table_name(name: str, member: str = "TableName") -> None:
    """Raises ValidationError unless `name` has 3 to 255 characters of a-z, A-Z, 0-9, `_`, `-`, `.`."""
    if not 3 <= len(name) <= 255:
        raise ValidationError(f"{member} must be at least 3 characters long and at most 255 characters long")
    if _NAME.match(name) is None:
        raise ValidationError(
            "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, "
            "and may contain only the characters a-z, A-Z, 0-9, '_', '-', and '.'"
        )


def table_name(call: Call, name_or_arn: str) -> str | None:
    """The table's name; None when an ARN points to another Region. Raises for a bad name or account."""
    if not name_or_arn.startswith("arn:"):
        check_table_name(name_or_arn)
        return name_or_arn
    address = parse_table_arn(name_or_arn)
    if address.account != call.account:
        raise CallerError(
            "AccessDeniedException",
            f"account {call.account} has no access to {name_or_arn} of another account",
        )
    return address.name if address.region == call.region.name else None


def find_table(call: Call, name_or_arn: str) -> TableRecord | None:
    """The table in whatever state, or None."""
    found = call.region.find_table(call.account, name_or_arn)
    if found is not None:  # a table's name is one that tables may have
        return found
    name = table_name(call, name_or_arn)
    return None if name is None else call.region.find_table(call.account, name)


def resource_not_found(detail: str = "") -> CallerError:
    """ResourceNotFoundException in DynamoDB's wording."""
    return CallerError("ResourceNotFoundException", "Requested resource not found" + detail)


def existing_table(call: Call, name_or_arn: str) -> TableRecord:
    """The table for a control operation; raises ResourceNotFoundException."""
    record = find_table(call, name_or_arn)
    if record is None:
        raise resource_not_found(f": Table: {name_or_arn} not found")
    return record


def backed_up_table(call: Call, name_or_arn: str) -> TableRecord:
    """The table for a backup operation, usable now; raises TableNotFoundException."""
    record = find_table(call, name_or_arn)
    if record is None or record.status(call.now_milliseconds) in ("CREATING", "DELETING"):
        raise CallerError("TableNotFoundException", f"Table not found: {name_or_arn}")
    return record


def usable_table(call: Call, name_or_arn: str) -> TableRecord:
    """The table for a data operation: ACTIVE or UPDATING (CTL-01), else ResourceNotFoundException."""
    record = find_table(call, name_or_arn)
    if record is None or record.status(call.now_milliseconds) not in ("ACTIVE", "UPDATING"):
        raise resource_not_found()
    return record


def refuse_unbuilt(operation: str, parameters: Mapping[str, Any], members: tuple[str, ...]) -> None:
    """Refuses members of the request that DynamoDB knows and this endpoint does not have yet.

    A member that is absent, empty or false asks for nothing and is let through.
    """
    if parameters.keys().isdisjoint(members):
        return
    for member in members:
        if parameters.get(member):
            raise NotBuiltError(f"{operation} with {member}")
