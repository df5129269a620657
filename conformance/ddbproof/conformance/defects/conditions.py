"""Planted defects of condition expressions (CO).

Most of them evaluate another condition than was asked for, which is how an implementation goes wrong. One
that needs to know what is stored looks it up and then forwards or refuses the write itself.
"""

from __future__ import annotations

import re

from ddbproof.conformance.defects.base import (
    Answer,
    Call,
    Defect,
    Document,
    Endpoint,
    canonical,
    failure,
    success,
)
from ddbproof.conformance.defects.expressions import rewritten, values_of
from ddbproof.conformance.defects.shadow import WRITES, Keys, current_item, without_condition

_FAILED = "ConditionalCheckFailedException"
_COMPARISON = re.compile(r"^(\w+) (=|<|<=|>|>=) (:\w+)$")


class RefusedWriteDone(Defect):
    """A write whose condition does not hold is refused, and done all the same."""

    name = "refused-write-done"
    sentence = "A write that was refused because of its condition is applied"
    claims = ("CO-01",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Do it without its condition."""
        if call.operation in WRITES and answer.code == _FAILED:
            self.endpoint.call(call.region, call.operation, without_condition(call).parameters or {})
        return answer


class ConditionalWriteLost(Defect):
    """A write whose condition holds is answered 200 and not done."""

    name = "conditional-write-lost"
    sentence = "A conditional write is answered 200, and nothing is written"
    claims = ("CO-01",)

    def request(self, call: Call) -> Call | Answer:
        """Swallow what demands that an attribute outside the key be there."""
        condition = str(call.parameter("ConditionExpression") or "")
        return success({}) if call.operation in WRITES and condition == "attribute_exists(v)" else call


class FailedItemNotShown(Defect):
    """The refusal never carries the item."""

    name = "failed-item-not-shown"
    sentence = "The refusal of a conditional write does not carry the item that was asked for"
    claims = ("CO-02",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the item away."""
        refused = call.operation in WRITES and answer.code == _FAILED
        return answer.with_members(Item=None) if refused else answer


class _ConditionRewritten(Defect):
    """Base of defects that evaluate another condition than was asked for."""

    def rewrite(self, condition: str) -> str:
        """The condition to evaluate."""
        raise NotImplementedError

    def request(self, call: Call) -> Call | Answer:
        """Change the condition."""
        return rewritten(call, "ConditionExpression", self.rewrite) if call.operation in WRITES else call


class ParentMeansExistence(_ConditionRewritten):
    """A nested value exists wherever the attribute around it does."""

    name = "parent-means-existence"
    sentence = "attribute_exists holds for a path whose last part does not exist"
    claims = ("CO-03",)

    def rewrite(self, condition: str) -> str:
        """Ask for the attribute alone."""
        return re.sub(r"(attribute_(?:not_)?exists)\((\w+)[.\[][^)]*\)", r"\1(\2)", condition)


class BoundsExcluded(_ConditionRewritten):
    """BETWEEN does not hold at its bounds."""

    name = "bounds-excluded"
    sentence = "BETWEEN in a condition excludes its bounds"
    claims = ("CO-05",)

    def rewrite(self, condition: str) -> str:
        """Two comparisons instead."""
        return re.sub(r"(\S+) BETWEEN (\S+) AND (\S+)", r"(\1 > \2 AND \1 < \3)", condition)


class BeginsAnywhere(_ConditionRewritten):
    """begins_with finds a part anywhere."""

    name = "begins-anywhere"
    sentence = "begins_with holds for a string that only contains the prefix"
    claims = ("CO-06",)

    def rewrite(self, condition: str) -> str:
        """Another function."""
        return condition.replace("begins_with(", "contains(")


class AnyTypeWillDo(_ConditionRewritten):
    """attribute_type holds for every type."""

    name = "any-type-will-do"
    sentence = "attribute_type holds for an attribute of another type"
    claims = ("CO-07",)

    def rewrite(self, condition: str) -> str:
        """Another function."""
        return re.sub(r"attribute_type\((\S+), :\w+\)", r"attribute_exists(\1)", condition)


class SizesTooLarge(Defect):
    """The function size counts one too many."""

    name = "sizes-too-large"
    sentence = "The function size gives one more than a value has"
    claims = ("CO-07",)

    def request(self, call: Call) -> Call | Answer:
        """Compare with one less, which comes to the same."""
        if call.operation not in WRITES or "size(" not in str(call.parameter("ConditionExpression")):
            return call
        given = (call.parameter("ExpressionAttributeValues") or {}).items()
        less = {name: {"N": str(int(value["N"]) - 1)} if "N" in value else value for name, value in given}
        return call.with_parameters(ExpressionAttributeValues=less)


class ReadFromTheLeft(_ConditionRewritten):
    """OR before AND binds as strongly."""

    name = "read-from-the-left"
    sentence = "OR and AND are evaluated from left to right"
    claims = ("CO-08",)

    def rewrite(self, condition: str) -> str:
        """Add the parentheses that this means."""
        return re.sub(r"^([^()]+ OR [^()]+) AND ", r"(\1) AND ", condition)


class _Compared(Defect):
    """Base of defects that compare an attribute with a value in their own way."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._keys = Keys(endpoint)

    def holds(self, stored: Document, comparator: str, given: Document) -> bool | None:
        """Whether the comparison holds; None leaves it to the endpoint."""
        raise NotImplementedError

    def request(self, call: Call) -> Call | Answer:
        """Judge a condition that is one comparison."""
        match = _COMPARISON.match(str(call.parameter("ConditionExpression") or ""))
        if call.operation not in WRITES or not match:
            return call
        name, comparator, placeholder = match.groups()
        item = current_item(self.endpoint, call.region, call.table, self._keys.of_call(call)) or {}
        given = (call.parameter("ExpressionAttributeValues") or {}).get(placeholder)
        if name not in item or not given:
            return call
        holds = self.holds(item[name], comparator, given)
        if holds is None:
            return call
        return without_condition(call) if holds else failure(_FAILED, "The conditional request failed")


class NumbersComparedAsText(_Compared):
    """10 is less than 9."""

    name = "numbers-compared-as-text"
    sentence = "Comparators compare numbers as text"
    claims = ("CO-04",)

    def holds(self, stored: Document, comparator: str, given: Document) -> bool | None:
        """Compare the texts of two numbers."""
        if "N" not in stored or "N" not in given:
            return None
        one, other = str(stored["N"]), str(given["N"])
        order = {"=": one == other, "<": one < other, "<=": one <= other, ">": one > other}
        return order.get(comparator, one >= other)


class TypesIgnored(_Compared):
    """The string 6 equals the number 6."""

    name = "types-ignored"
    sentence = "Values of different types are equal if their texts are"
    claims = ("CO-09",)

    def holds(self, stored: Document, comparator: str, given: Document) -> bool | None:
        """Let such a condition hold."""
        same_text = list(stored.values()) == list(given.values())
        return True if comparator == "=" and same_text else None


class ConditionRemembered(Defect):
    """A condition that held once is taken to hold again."""

    name = "condition-remembered"
    sentence = "Of several updates of one version more than one is applied"
    claims = ("CO-10",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._held: set[str] = set()

    def request(self, call: Call) -> Call | Answer:
        """Take a condition away that is known to hold."""
        with self.lock:
            held = call.operation == "UpdateItem" and self._where(call) in self._held
        return without_condition(call) if held else call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember a condition that held."""
        if call.operation == "UpdateItem" and call.parameter("ConditionExpression") and answer.ok:
            with self.lock:
                self._held.add(self._where(call))
        return answer

    def _where(self, call: Call) -> str:
        condition = call.parameter("ConditionExpression")
        key = [call.region, call.table, call.parameter("Key")]
        return canonical([*key, condition, values_of(call, "ConditionExpression")])


DEFECTS: tuple[type[Defect], ...] = (
    RefusedWriteDone,
    ConditionalWriteLost,
    FailedItemNotShown,
    ParentMeansExistence,
    NumbersComparedAsText,
    BoundsExcluded,
    BeginsAnywhere,
    AnyTypeWillDo,
    SizesTooLarge,
    ReadFromTheLeft,
    TypesIgnored,
    ConditionRemembered,
)
