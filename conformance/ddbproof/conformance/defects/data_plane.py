"""Planted defects of items and the values they hold (IT): what single-item operations and batches break."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, Endpoint, failure, success
from ddbproof.conformance.defects.shadow import Keys, current_item

# What a binary floating-point number keeps.
_FLOAT_DIGITS = 17


class PutMerges(Defect):
    """PutItem over an existing item leaves its other attributes there."""

    name = "put-merges"
    sentence = "PutItem adds attributes to the item that is there instead of replacing it"
    claims = ("IT-01",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)

    def request(self, call: Call) -> Call | Answer:
        """Put the old attributes into the new item."""
        item = call.parameter("Item")
        if call.operation != "PutItem" or not isinstance(item, dict):
            return call
        old = current_item(self.endpoint, call.region, call.table, self._keys.of_call(call))
        return call.with_parameters(Item={**(old or {}), **item})


class UpdateNeedsAnItem(Defect):
    """UpdateItem of an item that is not there is answered 200 and does nothing."""

    name = "update-needs-an-item"
    sentence = "UpdateItem does not create a missing item"
    claims = ("IT-02",)

    def request(self, call: Call) -> Call | Answer:
        """Swallow it where there is no item."""
        if call.operation != "UpdateItem":
            return call
        item = current_item(self.endpoint, call.region, call.table, call.parameter("Key"))
        return success({}) if item is None else call


class DeletingNothingRefused(Defect):
    """DeleteItem of an item that is not there is refused."""

    name = "deleting-nothing-refused"
    sentence = "Deleting an item that is not there is an error"
    claims = ("IT-03",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse it where there is no item."""
        if call.operation != "DeleteItem":
            return call
        item = current_item(self.endpoint, call.region, call.table, call.parameter("Key"))
        return call if item else failure("ValidationException", "There is no item with that key")


class EmptyItem(Defect):
    """GetItem answers an empty item where there is none."""

    name = "empty-item"
    sentence = "GetItem returns an empty Item for a key that has none"
    claims = ("IT-04",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Add the member."""
        missing = call.operation == "GetItem" and answer.ok and answer.member("Item") is None
        return answer.with_members(Item={}) if missing else answer


class OldIsNew(Defect):
    """PutItem returns the new item as the old one."""

    name = "all-old-is-new"
    sentence = "PutItem returns the item as it is now when asked for ALL_OLD"
    claims = ("IT-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer what was written."""
        asked = call.operation == "PutItem" and call.parameter("ReturnValues") == "ALL_OLD"
        return answer.with_members(Attributes=call.parameter("Item")) if asked and answer.ok else answer


class UpdatedMeansAll(Defect):
    """UPDATED_NEW and UPDATED_OLD return whole items."""

    name = "updated-means-all"
    sentence = "UpdateItem returns all attributes where only the updated ones are asked for"
    claims = ("IT-06",)

    def request(self, call: Call) -> Call | Answer:
        """Ask for all."""
        asked = str(call.parameter("ReturnValues") or "")
        if call.operation == "UpdateItem" and asked.startswith("UPDATED"):
            return call.with_parameters(ReturnValues=asked.replace("UPDATED", "ALL"))
        return call


def changed(value: Any, change: Callable[[str, Any], Document | None]) -> Any:
    """An attribute value with `change(type, content)` applied inside out; None from it keeps a value."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    ((kind, content),) = value.items()
    if kind == "M" and isinstance(content, dict):
        content = {name: changed(one, change) for name, one in content.items()}
    elif kind == "L" and isinstance(content, list):
        content = [changed(one, change) for one in content]
    return change(kind, content) or {kind: content}


class _ItemChanged(Defect):
    """Base of defects that show items of GetItem with other values."""

    def change(self, kind: str, content: Any) -> Document | None:
        """The value to show instead."""
        raise NotImplementedError

    def response(self, call: Call, answer: Answer) -> Answer:
        """Change every value of the item."""
        item = answer.member("Item")
        if call.operation != "GetItem" or not isinstance(item, dict):
            return answer
        return answer.with_members(Item={name: changed(value, self.change) for name, value in item.items()})


class NumbersRounded(_ItemChanged):
    """Numbers are floating-point numbers."""

    name = "numbers-rounded"
    sentence = "Numbers lose digits beyond the 17th"
    claims = ("IT-07",)

    def change(self, kind: str, content: Any) -> Document | None:
        """Round long ones."""
        return {"N": repr(float(content))} if kind == "N" and len(content) > _FLOAT_DIGITS else None


class NumbersUnbounded(Defect):
    """A number outside the range is taken."""

    name = "numbers-unbounded"
    sentence = "A number beyond the documented range is accepted"
    claims = ("IT-08",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer a refused number with 200."""
        item = call.parameter("Item") if call.operation == "PutItem" else None
        exponents = any("E" in str(value.get("N", "")) for value in (item or {}).values())
        return success({}) if exponents and answer.code == "ValidationException" else answer


class NumberKeysAreText(Defect):
    """An item is found only with its number spelled as it was written."""

    name = "number-keys-are-text"
    sentence = "A number in a key is compared as text"
    claims = ("IT-09",)

    def request(self, call: Call) -> Call | Answer:
        """Find nothing under another spelling."""
        values = (call.parameter("Key") or {}).values() if call.operation == "GetItem" else ()
        numbers = [str(value["N"]) for value in values if "N" in value]
        return (
            call
            if all(number == str(float(number)).removesuffix(".0") for number in numbers)
            else success({})
        )


class EmptyValuesDropped(Defect):
    """Empty strings are not stored."""

    name = "empty-values-dropped"
    sentence = "An attribute whose value is an empty string is left out"
    claims = ("IT-10",)

    def request(self, call: Call) -> Call | Answer:
        """Take them out of the item."""
        item = call.parameter("Item")
        if call.operation != "PutItem" or not isinstance(item, dict):
            return call
        return call.with_parameters(Item={name: value for name, value in item.items() if value != {"S": ""}})


class EmptySetsTaken(Defect):
    """A set without values is accepted."""

    name = "empty-sets-taken"
    sentence = "An empty set is accepted"
    claims = ("IT-11",)

    def request(self, call: Call) -> Call | Answer:
        """Take empty sets out of the item."""
        item = call.parameter("Item")
        if call.operation != "PutItem" or not isinstance(item, dict):
            return call
        empty: tuple[Document, ...] = ({"SS": []}, {"NS": []}, {"BS": []})
        return call.with_parameters(Item={name: value for name, value in item.items() if value not in empty})


class ListsReversed(_ItemChanged):
    """Lists come back in another order."""

    name = "lists-reversed"
    sentence = "A list does not keep its order"
    claims = ("IT-12",)

    def change(self, kind: str, content: Any) -> Document | None:
        """Turn lists round."""
        return {"L": content[::-1]} if kind == "L" else None


class BinaryIsText(_ItemChanged):
    """Binary values are treated as UTF-8."""

    name = "binary-is-text"
    sentence = "Bytes of a binary value that are no UTF-8 are replaced"
    claims = ("IT-13",)

    def change(self, kind: str, content: Any) -> Document | None:
        """Decode and encode."""
        if kind != "B":
            return None
        return {"B": base64.b64encode(base64.b64decode(content).decode(errors="replace").encode()).decode()}


DEFECTS: tuple[type[Defect], ...] = (
    PutMerges,
    UpdateNeedsAnItem,
    DeletingNothingRefused,
    EmptyItem,
    OldIsNew,
    UpdatedMeansAll,
    NumbersRounded,
    NumbersUnbounded,
    NumberKeysAreText,
    EmptyValuesDropped,
    EmptySetsTaken,
    ListsReversed,
    BinaryIsText,
)
