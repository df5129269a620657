"""Planted defects of transactions (TX, AP-04)."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ddbproof.conformance.defects.base import (
    Answer,
    Call,
    Defect,
    Document,
    Endpoint,
    canonical,
    failure,
    recoded,
    success,
    table_name,
)

WRITE, READ = "TransactWriteItems", "TransactGetItems"
CANCELLED = "TransactionCanceledException"
_SINGLE = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
_MOST_ACTIONS = 100
_TORN_SECONDS = 0.01
_CHECK_SECONDS = 0.03


def actions_of(call: Call) -> list[Document]:
    """The actions of a transaction; empty for any other call."""
    found = call.parameter("TransactItems") if call.operation in (WRITE, READ) else None
    return found if isinstance(found, list) else []


def reasons_of(call: Call, answer: Answer) -> list[Document]:
    """The reasons of a cancelled transaction; empty for any other answer."""
    found = answer.member("CancellationReasons") if call.operation == WRITE else None
    return found if isinstance(found, list) else []


class ActionsUnlimited(Defect):
    """A transaction of more than 100 actions is taken, in two parts."""

    name = "transaction-actions-unlimited"
    sentence = "A transaction of more than 100 actions is accepted"
    claims = ("TX-01",)

    def request(self, call: Call) -> Call | Answer:
        """Send the parts one after the other."""
        actions = actions_of(call)
        if len(actions) <= _MOST_ACTIONS:
            return call
        parts = (actions[:_MOST_ACTIONS], actions[_MOST_ACTIONS:])
        responses: list[Any] = []
        for part in parts:
            answer = self.endpoint.call(call.region, call.operation, {"TransactItems": part})
            if not answer.ok:
                return answer
            responses += answer.member("Responses") or []
        return success({"Responses": responses} if responses else {})


class ActionsTooFew(Defect):
    """A transaction has at most 25 actions, as it was years ago."""

    name = "transaction-actions-too-few"
    sentence = "A transaction of 26 to 100 actions is refused"
    claims = ("TX-01",)

    def request(self, call: Call) -> Call | Answer:
        """Refuse the twenty-sixth."""
        if len(actions_of(call)) > 25:
            return failure("ValidationException", "Member must have length less than or equal to 25")
        return call


class SizeUnlimited(Defect):
    """A transaction may be as large as it likes."""

    name = "transaction-size-unlimited"
    sentence = "A transaction of more than 4 MB is accepted"
    claims = ("TX-01",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer a refused one with 200."""
        few = 0 < len(actions_of(call)) <= _MOST_ACTIONS
        too_large = few and len(canonical(call.parameters)) > 4_000_000
        return success({}) if too_large and answer.code == "ValidationException" else answer


class AppliedInPart(Defect):
    """Of a cancelled transaction, whatever could be done is done."""

    name = "transaction-applied-in-part"
    sentence = "Of a transaction that is cancelled, the actions whose own conditions hold are applied"
    claims = ("TX-02",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Do what the reasons find no fault with."""
        if answer.code == CANCELLED:
            for action, reason in zip(actions_of(call), reasons_of(call, answer), strict=False):
                if reason.get("Code") == "None":
                    self._do(call.region, action)
        return answer

    def _do(self, region: str, action: Document) -> None:
        for kind, parameters in action.items():
            if kind in _SINGLE:
                self.endpoint.call(region, _SINGLE[kind], parameters)


class LastActionLost(Defect):
    """The last action of a transaction is forgotten."""

    name = "transaction-last-action-lost"
    sentence = "A transaction is answered 200 without its last action"
    claims = ("TX-02",)

    def request(self, call: Call) -> Call | Answer:
        """Leave it out."""
        actions = actions_of(call)
        if call.operation != WRITE or len(actions) < 2:
            return call
        return call.with_parameters(TransactItems=actions[:-1])


class OneItemTwice(Defect):
    """Two actions on one item are taken; the later one counts."""

    name = "transaction-names-one-item-twice"
    sentence = "A transaction with two actions on one item is accepted"
    claims = ("TX-02",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Send it again without the first of the two."""
        if call.operation == WRITE and "multiple operations" in str(answer.document):
            return self.endpoint.call(call.region, WRITE, {"TransactItems": actions_of(call)[1:]})
        return answer


class ChecksTooEarly(Defect):
    """Conditions of other items are evaluated a moment before the writes."""

    name = "transaction-checks-too-early"
    sentence = "Between the condition checks of a transaction and its writes, others can write"
    claims = ("TX-03",)

    def request(self, call: Call) -> Call | Answer:
        """Check first, and write after a pause."""
        actions = actions_of(call)
        checks = [action for action in actions if "ConditionCheck" in action]
        writes = [action for action in actions if "ConditionCheck" not in action]
        if not checks or not writes:
            return call
        checked = self.endpoint.call(call.region, WRITE, {"TransactItems": checks})
        if not checked.ok:
            return call
        time.sleep(_CHECK_SECONDS)
        return call.with_parameters(TransactItems=writes)


class TokenIgnored(Defect):
    """Every attempt is a transaction of its own."""

    name = "client-token-ignored"
    sentence = "A transaction repeated with its client token is done again"
    claims = ("TX-04",)

    def request(self, call: Call) -> Call | Answer:
        """Give it another token."""
        if call.operation != WRITE:
            return call
        return call.with_parameters(ClientRequestToken=str(uuid.uuid4()))


class TokenWithAnyBody(Defect):
    """A token stands for whatever comes with it."""

    name = "client-token-with-any-body"
    sentence = "Another transaction with the client token of a finished one is answered 200"
    claims = ("TX-04",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Answer the mismatch with success."""
        mismatch = call.operation == WRITE and answer.code == "IdempotentParameterMismatchException"
        return success({}) if mismatch else answer


class TokenForEver(Defect):
    """A token is never forgotten."""

    name = "client-token-for-ever"
    sentence = "A client token still counts after ten minutes"
    claims = ("TX-04",)

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._finished: set[str] = set()

    def request(self, call: Call) -> Call | Answer:
        """Answer what has been done before."""
        with self.lock:
            known = call.operation == WRITE and self._where(call) in self._finished
        return success({}) if known else call

    def response(self, call: Call, answer: Answer) -> Answer:
        """Remember what is done."""
        if call.operation == WRITE and answer.ok:
            with self.lock:
                self._finished.add(self._where(call))
        return answer

    def _where(self, call: Call) -> str:
        return canonical([call.region, call.parameter("ClientRequestToken"), actions_of(call)])


class ReasonsDisordered(Defect):
    """The reasons come in the order in which the actions failed."""

    name = "cancellation-reasons-disordered"
    sentence = "The reasons of a cancelled transaction begin with those that say something"
    claims = ("TX-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Put the empty ones last."""
        reasons = reasons_of(call, answer)
        if not reasons:
            return answer
        return answer.with_members(CancellationReasons=sorted(reasons, key=lambda it: it["Code"] == "None"))


class ReasonsLeftOut(Defect):
    """Only the actions that failed have reasons."""

    name = "cancellation-reasons-left-out"
    sentence = "A cancelled transaction has no reasons for the actions that did not fail"
    claims = ("TX-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave the empty ones out."""
        reasons = reasons_of(call, answer)
        if not reasons:
            return answer
        return answer.with_members(CancellationReasons=[it for it in reasons if it["Code"] != "None"])


class CancelledAsSingleWrite(Defect):
    """A cancelled transaction answers as a single write would."""

    name = "transaction-fails-as-single-write"
    sentence = "A transaction with a false condition is answered ConditionalCheckFailedException"
    claims = ("TX-05",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Give it the other code."""
        failed = call.operation == WRITE and answer.code == CANCELLED
        return recoded(answer, "ConditionalCheckFailedException") if failed else answer


class ReadTorn(Defect):
    """A transactional read is made of single reads."""

    name = "transactional-read-torn"
    sentence = "Between the items of a transactional read, others can write"
    claims = ("TX-07",)

    def request(self, call: Call) -> Call | Answer:
        """Read item by item with pauses."""
        if call.operation != READ:
            return call
        responses: list[Document | None] = []
        for action in actions_of(call):
            if responses:
                time.sleep(_TORN_SECONDS)
            parameters = {**action["Get"], "ConsistentRead": True}
            answer = self.endpoint.call(call.region, "GetItem", parameters)
            if not answer.ok:
                return answer
            responses.append(answer.document)
        return success({"Responses": responses})


class ReadDisordered(Defect):
    """A transactional read answers in an order of its own."""

    name = "transactional-read-disordered"
    sentence = "The items of a transactional read come in the order of their contents"
    claims = ("TX-08",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Sort them."""
        responses = answer.member("Responses")
        if call.operation != READ or not responses:
            return answer
        return answer.with_members(Responses=sorted(responses, key=canonical))


class ReadWithoutGaps(Defect):
    """What is not there has no entry in a transactional read."""

    name = "transactional-read-without-gaps"
    sentence = "A transactional read leaves out the entries of items that do not exist"
    claims = ("TX-08",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Leave them out."""
        responses = answer.member("Responses")
        if call.operation != READ or not responses:
            return answer
        return answer.with_members(Responses=[response for response in responses if response])


class ReadUnprojected(Defect):
    """A transactional read always answers whole items."""

    name = "transactional-read-unprojected"
    sentence = "A transactional read ignores ProjectionExpression"
    claims = ("TX-08",)

    def request(self, call: Call) -> Call | Answer:
        """Take the projections away."""
        if call.operation != READ:
            return call
        left_out = ("ProjectionExpression", "ExpressionAttributeNames")
        gets = [{k: v for k, v in action["Get"].items() if k not in left_out} for action in actions_of(call)]
        return call.with_parameters(TransactItems=[{"Get": get} for get in gets])


class ChecksIgnored(Defect):
    """Condition checks are skipped."""

    name = "condition-checks-ignored"
    sentence = "A transaction is done although a condition check does not hold"
    claims = ("TX-09",)

    def request(self, call: Call) -> Call | Answer:
        """Leave them out."""
        writes = [action for action in actions_of(call) if "ConditionCheck" not in action]
        return call.with_parameters(TransactItems=writes) if call.operation == WRITE and writes else call


class ChecksWrite(Defect):
    """A condition check makes the item that it checks, as an update without an expression would."""

    name = "condition-checks-write"
    sentence = "A condition check of an item that does not exist makes it"
    claims = ("TX-09",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Update what was checked."""
        if call.operation == WRITE and answer.ok:
            for action in actions_of(call):
                check = action.get("ConditionCheck")
                if check:
                    parameters = {"TableName": check["TableName"], "Key": check["Key"]}
                    self.endpoint.call(call.region, "UpdateItem", parameters)
        return answer


class ReasonsWithoutItems(Defect):
    """No reason ever shows an item."""

    name = "cancellation-reasons-without-items"
    sentence = "The reasons of a cancelled transaction do not show the item that was asked for"
    claims = ("TX-10",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Take the items out."""
        reasons = reasons_of(call, answer)
        if not reasons:
            return answer
        bare = [{name: value for name, value in reason.items() if name != "Item"} for reason in reasons]
        return answer.with_members(CancellationReasons=bare)


class TableByTable(Defect):
    """A transaction over several tables is one transaction for each of them."""

    name = "transaction-table-by-table"
    sentence = "A transaction over two tables is applied in one although it is cancelled in the other"
    claims = ("TX-11",)

    def request(self, call: Call) -> Call | Answer:
        """Send the part of each table by itself; answer the first refusal."""
        parts: dict[str, list[Document]] = {}
        for action in actions_of(call):
            [parameters] = action.values()
            parts.setdefault(table_name(str(parameters.get("TableName"))), []).append(action)
        if call.operation != WRITE or len(parts) < 2:
            return call
        answers = [self.endpoint.call(call.region, WRITE, {"TransactItems": part}) for part in parts.values()]
        return next((answer for answer in answers if not answer.ok), answers[0])


class UnknownTableInvalid(Defect):
    """A transaction on an unknown table is an invalid one."""

    name = "transaction-unknown-table-invalid"
    sentence = "A transaction on a table that does not exist is answered ValidationException"
    claims = ("AP-04",)

    def response(self, call: Call, answer: Answer) -> Answer:
        """Give it the other code."""
        wrong = actions_of(call) and answer.code == "ResourceNotFoundException"
        return recoded(answer, "ValidationException") if wrong else answer


DEFECTS = (
    ActionsUnlimited,
    ActionsTooFew,
    SizeUnlimited,
    AppliedInPart,
    LastActionLost,
    OneItemTwice,
    ChecksTooEarly,
    TokenIgnored,
    TokenWithAnyBody,
    TokenForEver,
    ReasonsDisordered,
    ReasonsLeftOut,
    CancelledAsSingleWrite,
    ReadTorn,
    ReadDisordered,
    ReadWithoutGaps,
    ReadUnprojected,
    ChecksIgnored,
    ChecksWrite,
    ReasonsWithoutItems,
    TableByTable,
    UnknownTableInvalid,
)
