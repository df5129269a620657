"""Planted defects of update expressions, batches and the keys of requests (IT)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ddbproof.conformance.defects.base import Answer, Call, Defect, Document, canonical, success
from ddbproof.conformance.defects.expressions import pruned, rewritten

_SINGLE_ITEM = frozenset({"GetItem", "UpdateItem", "DeleteItem"})
# A comma that separates actions: not one between the operands of a function.
_COMMA = re.compile(r",\s*(?![^()]*\))")


class _UpdateRewritten(Defect):
    """Base of defects that carry out another update expression than was asked for."""

    def rewrite(self, expression: str) -> str:
        """The expression to carry out."""
        raise NotImplementedError

    def request(self, call: Call) -> Call | Answer:
        """Change the expression."""
        return rewritten(call, "UpdateExpression", self.rewrite) if call.operation == "UpdateItem" else call


class SubtractionAdds(_UpdateRewritten):
    """SET a = a - b adds."""

    name = "subtraction-adds"
    sentence = "SET adds where it should subtract"
    claims = ("IT-14",)

    def rewrite(self, expression: str) -> str:
        """Another sign."""
        return expression.replace(" - ", " + ")


class ExistingOverwritten(_UpdateRewritten):
    """if_not_exists always gives its second operand."""

    name = "existing-overwritten"
    sentence = "if_not_exists overwrites an attribute that is there"
    claims = ("IT-15",)

    def rewrite(self, expression: str) -> str:
        """Only the second operand."""
        return re.sub(r"if_not_exists\([^,()]+, ([^()]+)\)", r"\1", expression)


class ListsJoinedBackwards(_UpdateRewritten):
    """list_append joins its operands in the other order."""

    name = "lists-joined-backwards"
    sentence = "list_append puts its first list behind its second"
    claims = ("IT-16",)

    def rewrite(self, expression: str) -> str:
        """Change places."""
        return re.sub(r"list_append\(([^,()]+), ([^()]+)\)", r"list_append(\2, \1)", expression)


class _ActionsInSequence(Defect):
    """Base of defects that carry out the actions of one clause one after another."""

    keyword = ""

    def request(self, call: Call) -> Call | Answer:
        """Carry out all but the last action by themselves, then forward that."""
        clause = str(call.parameter("UpdateExpression") or "").partition(f"{self.keyword} ")
        alone = not re.search(r"\b(SET|REMOVE|ADD|DELETE)\b", clause[2])
        if call.operation != "UpdateItem" or clause[0] or not clause[2] or not alone:
            return call
        *first, last = _COMMA.split(clause[2])
        for action in first:
            one = pruned(call.with_parameters(UpdateExpression=f"{self.keyword} {action}"))
            self.endpoint.call(call.region, call.operation, one.parameters or {})
        return pruned(call.with_parameters(UpdateExpression=f"{self.keyword} {last}"))


class RemovedOneByOne(_ActionsInSequence):
    """REMOVE l[1], l[2] counts the second index after the first element is gone."""

    name = "removed-one-by-one"
    sentence = "REMOVE of several list elements counts them anew after each one"
    claims = ("IT-17",)
    keyword = "REMOVE"


class SetInSequence(_ActionsInSequence):
    """SET a = b, b = a gives both attributes one value."""

    name = "set-in-sequence"
    sentence = "An action of SET sees what the actions before it have done"
    claims = ("IT-20",)
    keyword = "SET"


class AddReplaces(_UpdateRewritten):
    """ADD puts its value in place of the old one."""

    name = "add-replaces"
    sentence = "ADD replaces the attribute instead of adding to it"
    claims = ("IT-18",)

    def rewrite(self, expression: str) -> str:
        """SET instead of ADD."""
        return re.sub(r"^ADD (\S+) (:\w+)$", r"SET \1 = \2", expression)


class AddOfAnyType(Defect):
    """An ADD to an attribute of another type is answered 200 and does nothing."""

    name = "add-of-any-type"
    sentence = "ADD of a value of another type is accepted"
    claims = ("IT-18",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with 200."""
        adds = call.operation == "UpdateItem" and "ADD " in str(call.parameter("UpdateExpression"))
        return success({}) if adds and answer.code == "ValidationException" else answer


class DeleteTakesTheSet(_UpdateRewritten):
    """DELETE takes the whole set away."""

    name = "delete-takes-the-set"
    sentence = "DELETE removes a set with all of its members"
    claims = ("IT-19",)

    def rewrite(self, expression: str) -> str:
        """REMOVE instead of DELETE."""
        return re.sub(r"^DELETE (\S+) :\w+$", r"REMOVE \1", expression)


class KeyUpdatesSwallowed(Defect):
    """An update of the key is answered 200 and does nothing."""

    name = "key-updates-swallowed"
    sentence = "An update of a key attribute is accepted"
    claims = ("IT-21",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with 200."""
        touches = re.search(r"\b(pk|sk)\b", str(call.parameter("UpdateExpression") or ""))
        refused = call.operation == "UpdateItem" and answer.code == "ValidationException"
        return success({}) if refused and touches else answer


class BatchWriteLost(Defect):
    """The first write of a longer batch is lost."""

    name = "batch-write-lost"
    sentence = "BatchWriteItem leaves a write undone and does not hand it back"
    claims = ("IT-22",)

    def request(self, call: Call) -> Call | Answer:
        """Take the first write of each longer list out."""
        wanted = call.parameter("RequestItems")
        if call.operation != "BatchWriteItem" or not isinstance(wanted, dict):
            return call
        left = {name: writes[1:] if len(writes) > 1 else writes for name, writes in wanted.items()}
        return call.with_parameters(RequestItems=left)


class RefusedBatchWritten(Defect):
    """A batch is carried out as far as possible before it is refused."""

    name = "refused-batch-written"
    sentence = "BatchWriteItem refuses a batch after it has done some of the writes in it"
    claims = ("IT-23",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Put what can be put."""
        if call.operation == "BatchWriteItem" and answer.status == 400:
            for name, writes in (call.parameter("RequestItems") or {}).items():
                for write in writes:
                    item = (write.get("PutRequest") or {}).get("Item")
                    if item:
                        self.endpoint.call(call.region, "PutItem", {"TableName": name, "Item": item})
        return answer


class MissingItemsInvented(Defect):
    """BatchGetItem returns bare keys for items that do not exist."""

    name = "missing-items-invented"
    sentence = "BatchGetItem returns an item for every key, also where there is none"
    claims = ("IT-24",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Add the keys."""
        if call.operation != "BatchGetItem" or not answer.ok:
            return answer
        found = answer.member("Responses") or {}
        wanted = call.parameter("RequestItems") or {}
        filled = {
            name: [*items, *self._missing(wanted.get(name, {}).get("Keys", []), items)]
            for name, items in found.items()
        }
        return answer.with_members(Responses=filled)

    def _missing(self, keys: list[Document], items: list[Document]) -> Iterator[Document]:
        there = {canonical({name: item.get(name) for name in key}) for key in keys[:1] for item in items}
        return (key for key in keys if canonical(key) not in there)


class BatchReadsUnlimited(Defect):
    """BatchGetItem takes any number of keys."""

    name = "batch-reads-unlimited"
    sentence = "BatchGetItem accepts more than 100 keys, or a key twice"
    claims = ("IT-25",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with 200."""
        refused = call.operation == "BatchGetItem" and answer.code == "ValidationException"
        return success({"Responses": {}, "UnprocessedKeys": {}}) if refused else answer


class DocumentRemoved(_UpdateRewritten):
    """REMOVE of a path takes the whole attribute."""

    name = "document-removed"
    sentence = "REMOVE of a nested value takes the whole document away"
    claims = ("IT-26",)

    def rewrite(self, expression: str) -> str:
        """Only the attribute's name."""
        return re.sub(r"^REMOVE (\w+)\.\S+$", r"REMOVE \1", expression)


class PlaceholdersAreText(Defect):
    """Placeholders of names are replaced as text before the expression is read."""

    name = "placeholders-are-text"
    sentence = "A name with a dot behind a placeholder is taken for a path"
    claims = ("IT-27",)

    def request(self, call: Call) -> Call | Answer:
        """Put names with dots into the expression."""
        for placeholder, name in (call.parameter("ExpressionAttributeNames") or {}).items():
            for member in ("UpdateExpression", "ProjectionExpression"):
                expression = call.parameter(member)
                if "." in str(name) and expression:
                    call = call.with_parameters(**{member: expression.replace(placeholder, name)})
        return pruned(call) if call.parameter("ExpressionAttributeNames") else call


class KeysUnchecked(Defect):
    """A key that does not fit its table names no item, and nobody minds."""

    name = "keys-unchecked"
    sentence = "A request for an item is accepted although its key does not fit the table's"
    claims = ("IT-28",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the refusal with 200."""
        refused = call.operation in _SINGLE_ITEM and answer.code == "ValidationException"
        return success({}) if refused else answer


DEFECTS: tuple[type[Defect], ...] = (
    SubtractionAdds,
    ExistingOverwritten,
    ListsJoinedBackwards,
    RemovedOneByOne,
    SetInSequence,
    AddReplaces,
    AddOfAnyType,
    DeleteTakesTheSet,
    KeyUpdatesSwallowed,
    BatchWriteLost,
    RefusedBatchWritten,
    MissingItemsInvented,
    BatchReadsUnlimited,
    DocumentRemoved,
    PlaceholdersAreText,
    KeysUnchecked,
)
