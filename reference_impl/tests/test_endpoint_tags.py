"""Tags on the reference endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from zones_by_hand import ACCOUNT, OTHER, REGION, TABLE, A, B, Zones

from ddbproof.reference_impl.errors import CallerError

ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"


@pytest.fixture
def zones() -> Zones:
    return Zones(partitions=1)


def tag(zones: Zones, arn: str = ARN, /, **tags: str) -> None:
    given = [{"Key": key, "Value": value} for key, value in tags.items()]
    zones.call("TagResource", ResourceArn=arn, Tags=given)


def tags_of(zones: Zones, table: str = TABLE, region: str = REGION) -> dict[str, str]:
    arn = zones.call("DescribeTable", region=region, TableName=table)["Table"]["TableArn"]
    found = zones.call("ListTagsOfResource", region=region, ResourceArn=arn)["Tags"]
    return {one["Key"]: one["Value"] for one in found}


def refusal(zones: Zones, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(CallerError) as refused:
        zones.call(operation, **parameters)
    return refused.value.code, refused.value.message


def test_tags_are_added_changed_and_taken_away(zones: Zones) -> None:
    """By key; a key that is not there is no error."""
    assert tags_of(zones) == {}
    tag(zones, team="a", stage="test")
    tag(zones, team="b", owner="")
    assert tags_of(zones) == {"team": "b", "stage": "test", "owner": ""}
    zones.call("UntagResource", ResourceArn=ARN, TagKeys=["stage", "nothing"])
    assert tags_of(zones) == {"team": "b", "owner": ""}


def test_a_table_is_made_with_tags_and_its_backups_and_copies_have_none(zones: Zones) -> None:
    """RS-05, BK-18, GT-14: tags stay with the table, in its Region."""
    zones.call(
        "CreateTable",
        TableName="tagged",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "team", "Value": "a"}],
    )
    assert tags_of(zones, "tagged") == {"team": "a"}
    backup = zones.call("CreateBackup", TableName="tagged", BackupName="one")["BackupDetails"]["BackupArn"]
    zones.call("RestoreTableFromBackup", BackupArn=backup, TargetTableName="restored")
    assert tags_of(zones, "restored") == {}
    zones.call("UpdateTable", TableName="tagged", ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
    zones.wait(5)
    assert tags_of(zones, "tagged", OTHER) == {}
    zones.call("UpdateTable", TableName="tagged", DeletionProtectionEnabled=True)
    assert tags_of(zones, "tagged") == {"team": "a"}


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ([("aws:x", "1")], "aws:"),
        ([("AWS:x", "1")], "aws:"),
        ([("x!", "1")], "letters"),
        ([("x", "a;b")], "letters"),
        ([("x", "1"), ("x", "2")], "differ"),
        ([(f"k{number}", "") for number in range(51)], "50"),
    ],
)
def test_tags_that_cannot_be_are_refused(zones: Zones, tags: list[tuple[str, str]], word: str) -> None:
    """Nothing of such a request is done."""
    tag(zones, there="1")
    given = [{"Key": key, "Value": value} for key, value in tags]
    code, message = refusal(zones, "TagResource", ResourceArn=ARN, Tags=given)
    assert code == "ValidationException"
    assert word in message
    assert tags_of(zones) == {"there": "1"}


def test_the_fifty_are_counted_with_those_that_are_there(zones: Zones) -> None:
    """A tag that gets another value is no new one."""
    tag(zones, **{f"k{number}": "" for number in range(50)})
    tag(zones, k0="again")
    code, _ = refusal(zones, "TagResource", ResourceArn=ARN, Tags=[{"Key": "more", "Value": ""}])
    assert code == "ValidationException"
    assert len(tags_of(zones)) == 50


@pytest.mark.parametrize("operation", ["TagResource", "UntagResource", "ListTagsOfResource"])
def test_a_resource_that_is_not_there_is_not_found(zones: Zones, operation: str) -> None:
    """AP-05, AP-06: nor is one of another Region; what is no table's ARN is invalid."""
    more: dict[str, Any] = {"TagResource": {"Tags": []}, "UntagResource": {"TagKeys": []}}.get(operation, {})
    for arn in (ARN + "x", ARN.replace(REGION, OTHER)):
        assert refusal(zones, operation, ResourceArn=arn, **more)[0] == "ResourceNotFoundException"
    assert refusal(zones, operation, ResourceArn="zones", **more)[0] == "ValidationException"


def test_tags_are_metadata_with_three_replicas(zones: Zones) -> None:
    """REP-07, REP-09: one zone may fail; with two gone tags can be read and not changed."""
    zones.fault("zone_down", A)
    zones.wait(3)
    tag(zones, team="a")
    zones.fault("zone_down", B)
    assert zones.tried("TagResource", ResourceArn=ARN, Tags=[{"Key": "team", "Value": "b"}]) is None
    zones.mend()
    assert tags_of(zones) == {"team": "a"}
