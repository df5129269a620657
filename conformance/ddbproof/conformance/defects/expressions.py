"""What defects of expressions need: rewriting one, and dropping the placeholders that it no longer uses."""

from __future__ import annotations

import re
from collections.abc import Callable

from ddbproof.conformance.defects.base import Call, Document

EXPRESSIONS = (
    "UpdateExpression",
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
)
_PLACEHOLDER = re.compile(r"[#:]\w+")


def pruned(call: Call) -> Call:
    """The call without placeholders that none of its expressions uses; DynamoDB refuses such."""
    used = {name for one in EXPRESSIONS for name in _PLACEHOLDER.findall(str(call.parameter(one) or ""))}
    kept: dict[str, Document | None] = {}
    for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        given = call.parameter(member) or {}
        kept[member] = {name: value for name, value in given.items() if name in used} or None
    return call.with_parameters(**kept)


def rewritten(call: Call, member: str, change: Callable[[str], str]) -> Call:
    """The call with one expression changed, as it is if it has none or the change leaves it alone."""
    before = call.parameter(member)
    if not isinstance(before, str):
        return call
    after = change(before)
    return call if after == before else pruned(call.with_parameters(**{member: after}))


def values_of(call: Call, member: str) -> Document:
    """The values of the placeholders that one expression uses."""
    used = set(_PLACEHOLDER.findall(str(call.parameter(member) or "")))
    given = call.parameter("ExpressionAttributeValues") or {}
    return {name: value for name, value in given.items() if name in used}
