"""Tags: TagResource, UntagResource, ListTagsOfResource, and those that CreateTable brings.

Claims: GT-14 (tags stay in their Region), RS-05 and BK-18 (backups have none, and restores do not carry them over), AP-05
and AP-06 (errors). Limits by the Developer Guide, "Tagging restrictions in DynamoDB": 50 tags a resource, keys up to 128 and
values up to 256 characters, letters, digits, spaces and + - = . _ : / @, no key that begins with `aws:`; keys differ by case.

Choices: resources are tables; all tags fit on one page. The sentences of refusals are ours: DynamoDB Local has no tags, and the
documentation does not give them.
"""

from __future__ import annotations

import re
from typing import Any

from ddbproof.reference_impl.api.call import Call, existing_table, parse_table_arn
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.errors import CallerError, ValidationError

MOST_TAGS = 50
_CHARACTERS = re.compile(r"[\w\s+\-=.:/@]*\Z")
_INVALID = "One or more parameter values were invalid: "


def tag_resource(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """TagResource: adds tags, or gives those that are there another value.

    Raises ResourceNotFoundException, ResourceInUseException, ValidationException.
    """
    record = _changeable(call, parameters)
    tags = tags_of(parameters["Tags"], dict(record.tags))
    call.region.change_table(record.table_id, tags=tags)
    return {}


def untag_resource(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """UntagResource: a key that is not there is no error. Raises as TagResource does."""
    record = _changeable(call, parameters)
    gone = set(parameters["TagKeys"])
    call.region.change_table(record.table_id, tags=tuple(tag for tag in record.tags if tag[0] not in gone))
    return {}


def list_tags_of_resource(call: Call, parameters: dict[str, Any]) -> dict[str, Any]:
    """ListTagsOfResource. Raises ResourceNotFoundException."""
    if "NextToken" in parameters:
        raise ValidationError(f"{_INVALID}NextToken was not given out by this endpoint")
    return {"Tags": [{"Key": key, "Value": value} for key, value in _table(call, parameters).tags]}


def tags_of(
    given: list[dict[str, str]], present: dict[str, str] | None = None
) -> tuple[tuple[str, str], ...]:
    """The tags of a resource that has the present ones and gets those of a request. Raises ValidationException."""
    keys = [tag["Key"] for tag in given]
    if len(set(keys)) != len(keys):
        raise ValidationError(f"{_INVALID}the keys of tags must differ")
    for tag in given:
        if tag["Key"].lower().startswith("aws:"):
            raise ValidationError(f"{_INVALID}the key of a tag cannot begin with aws: {tag['Key']}")
        for text in (tag["Key"], tag["Value"]):
            if _CHARACTERS.match(text) is None:
                raise ValidationError(
                    f"{_INVALID}tags have letters, digits, spaces and + - = . _ : / @ only: {text}"
                )
    tags = {**(present or {}), **{tag["Key"]: tag["Value"] for tag in given}}
    if len(tags) > MOST_TAGS:
        raise ValidationError(f"{_INVALID}a resource can have {MOST_TAGS} tags at most")
    return tuple(tags.items())


def _table(call: Call, parameters: dict[str, Any]) -> TableRecord:
    arn = parameters["ResourceArn"]
    parse_table_arn(arn)
    return existing_table(call, arn)


def _changeable(call: Call, parameters: dict[str, Any]) -> TableRecord:
    record = _table(call, parameters)
    if record.status(call.now_milliseconds) in ("CREATING", "DELETING"):
        raise CallerError("ResourceInUseException", f"Table is being created or deleted: {record.name}")
    return record
