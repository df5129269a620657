"""How exceptions are read: never accuse wrongly, never let a crash be green."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from ddbproof.conformance.kit import Inconclusive, Violation, refused
from ddbproof.conformance.kit.outcomes import outcome_of
from ddbproof.reports.verdicts import Verdict

HTML = "<!doctype html><title>500 Internal Server Error</title>"


def answered(status: int, code: str, message: str = "") -> ClientError:
    """The exception that botocore makes of an error answer."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "RestoreTableToPointInTime")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (answered(400, "UnknownOperationException"), Verdict.UNSUPPORTED),
        (answered(501, "InternalFailure", "API action is not in this edition"), Verdict.UNSUPPORTED),
        (answered(400, "ValidationException", "PITR restore is not yet supported"), Verdict.UNSUPPORTED),
        (answered(500, "500", "NotImplementedError"), Verdict.UNSUPPORTED),
        (answered(500, "InternalError", "the action is not yet implemented"), Verdict.UNSUPPORTED),
        (answered(400, "ThrottlingException"), Verdict.INCONCLUSIVE),
        (answered(400, "LimitExceededException"), Verdict.INCONCLUSIVE),
        (answered(400, "AccessDeniedException"), Verdict.INCONCLUSIVE),
        (answered(400, "UnrecognizedClientException"), Verdict.INCONCLUSIVE),
        (answered(500, "InternalServerError"), Verdict.INCONCLUSIVE),
        (answered(503, "503", HTML), Verdict.INCONCLUSIVE),
        (answered(429, "429"), Verdict.INCONCLUSIVE),
        (answered(400, "ValidationException", "no"), Verdict.FAIL),
        (answered(500, "500", HTML), Verdict.FAIL),
        (answered(500, "500", "TypeError: unsupported operand type(s) for +"), Verdict.FAIL),
        (ResponseParserError("not JSON"), Verdict.FAIL),
        (ReadTimeoutError(endpoint_url="http://there"), Verdict.INCONCLUSIVE),
        (EndpointConnectionError(endpoint_url="http://there"), Verdict.INCONCLUSIVE),
        (AssertionError("the promise is broken\nassert 1 == 2"), Verdict.FAIL),
        (ParamValidationError(report="our mistake"), Verdict.ERROR),
        (ZeroDivisionError("our mistake"), Verdict.ERROR),
    ],
    ids=str,
)
def test_an_exception_of_the_judged_request_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    """design section 3: explicit refusals, lawful trouble, broken promises and our own mistakes differ."""
    found, reason = outcome_of(error, preparing=False)
    assert found is verdict
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    "error",
    [answered(400, "ValidationException", "no"), answered(500, "500", HTML), ResponseParserError("not JSON")],
    ids=str,
)
def test_the_same_while_preparing_blames_nobody(error: Exception) -> None:
    """What goes wrong before the judged request says nothing about the claim."""
    assert outcome_of(error, preparing=True)[0] is Verdict.INCONCLUSIVE


def test_reasons_are_bounded() -> None:
    """A target cannot fill the report with one message."""
    assert len(outcome_of(answered(400, "X", "x" * 10_000), preparing=False)[1]) < 700


def raising(error: Exception | None) -> Any:
    """A call that raises, or succeeds for None."""

    def call(**_: Any) -> dict[str, Any]:
        if error is not None:
            raise error
        return {}

    return call


def test_a_demanded_refusal_returns_its_code() -> None:
    """Of several lawful codes the test learns which it was."""
    assert refused(raising(answered(400, "B")), "A", "B", what="that") == "B"


def test_without_codes_any_fault_of_the_caller_will_do() -> None:
    """Where the code is unpublished (AP-12), only that it is refused counts."""
    assert refused(raising(answered(400, "Anything")), what="that") == "Anything"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "that was accepted; it must be refused with A"),
        (answered(400, "B", "no"), "that must be refused with A, but .* 400 B: no"),
        (answered(500, "500", HTML), "that must be refused with A, but .* 500"),
    ],
)
def test_an_acceptance_or_another_error_is_a_violation(error: Exception | None, words: str) -> None:
    """The sentence says what was asked, what is due, and what came."""
    with pytest.raises(Violation, match=words):
        refused(raising(error), "A", what="that")


@pytest.mark.parametrize(
    "error",
    [answered(400, "UnknownOperationException"), answered(400, "ThrottlingException"), answered(503, "503")],
    ids=str,
)
def test_an_unknown_operation_or_passing_trouble_is_passed_on(error: ClientError) -> None:
    """These are no wrong answers to the question, so they keep their own verdicts."""
    with pytest.raises(ClientError):
        refused(raising(error), "A", what="that")


def test_a_server_error_is_no_refusal_even_without_codes() -> None:
    """A crash does not count as refusing."""
    with pytest.raises(Violation):
        refused(raising(answered(500, "500", HTML)), what="that")


def test_outcomes_speak_for_themselves() -> None:
    """An outcome is its verdict, also while preparing."""
    assert outcome_of(Inconclusive("who  knows"), preparing=True) == (Verdict.INCONCLUSIVE, "who knows")
