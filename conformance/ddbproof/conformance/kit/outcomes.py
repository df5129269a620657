"""How a test ends when it does not simply pass, and what other exceptions say about the target.

    Outcome                 has a verdict and a reason
    ├── Violation           fail: the target broke the promise (a failed assert is the same)
    ├── Inconclusive        nothing can be said
    ├── Unsupported         the target refused the feature explicitly
    └── NotTestableHere     the test needs something that is not at hand

`outcome_of` reads any exception that left a test. Errors of the client library are read by their facts:

- an explicit refusal (UnknownOperationException, 501, words such as "not implemented") is `unsupported`;
- trouble with credentials, limits, load or time is `inconclusive`, and so is InternalServerError, which the
  documentation allows at any time;
- any other refusal of a request that the documentation allows is `fail`, and so is a server error that is
  no DynamoDB answer at all, such as the page of a crashed framework: the client has tried three times by then;
- any of these while a test only prepares is `inconclusive`;
- what is left is a bug of ours: `error`.
"""

from __future__ import annotations

import re

from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from ddbproof.reports.verdicts import Verdict

REASON_CHARACTERS = 600
CONNECTION_ERRORS = (exceptions.ConnectionError, exceptions.HTTPClientError, exceptions.IncompleteReadError)
TIMEOUTS = (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError)

_REFUSING_CODES = {
    "UnknownOperationException",
    "UnknownOperation",
    "NotImplemented",
    "NotImplementedException",
    "501",
}
_REFUSING_WORDS = re.compile(
    r"\b(not (yet |currently )?(implemented|supported)|unsupported|unknown operation)\b", re.IGNORECASE
)
# In a server error only these: "unsupported operand" is how a crash speaks.
_REFUSING_WORDS_OF_A_SERVER = re.compile(
    r"\bnot (yet |currently )?implemented\b|\bNotImplementedError\b", re.IGNORECASE
)
_CODES_THAT_SAY_NOTHING = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "ExpiredTokenException",
    "LimitExceededException",
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
}
_STATUSES_THAT_SAY_NOTHING = {429, 502, 503, 504}


class Outcome(Exception):
    """The end of a test with a verdict."""

    verdict = Verdict.ERROR


class Violation(Outcome):
    """The target broke the promise."""

    verdict = Verdict.FAIL


class Inconclusive(Outcome):
    """Nothing can be said."""

    verdict = Verdict.INCONCLUSIVE


class Unsupported(Outcome):
    """The target refused the feature explicitly."""

    verdict = Verdict.UNSUPPORTED


class NotTestableHere(Outcome):
    """The test needs what this target or run does not offer."""

    verdict = Verdict.NOT_TESTABLE


def is_refusal_of_the_feature(error: ClientError) -> bool:
    """True when the answer says that the operation or parameter is not offered at all."""
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
    words = _REFUSING_WORDS if status < 500 else _REFUSING_WORDS_OF_A_SERVER
    return (
        status == 501
        or details.get("Code") in _REFUSING_CODES
        or words.search(str(details.get("Message", ""))) is not None
    )


def says_nothing(error: ClientError) -> bool:
    """True for answers that have to do with credentials, limits, load or a passing fault of the endpoint."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = error.response.get("Error", {}).get("Code")
    return status in _STATUSES_THAT_SAY_NOTHING or code in _CODES_THAT_SAY_NOTHING


def describe(error: ClientError) -> str:
    """The answer in one clause: operation, code, message."""
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "?")
    message = " ".join(str(details.get("Message", "")).split())
    return f"{error.operation_name} was answered {status} {details.get('Code', '')}: {message[:300]}"


def outcome_of(error: BaseException, *, preparing: bool) -> tuple[Verdict, str]:
    """Verdict and reason for an exception; `preparing` when it came before the judged request."""
    if isinstance(error, Outcome):
        return error.verdict, _one_line(str(error))
    if isinstance(error, AssertionError):
        if preparing:
            return Verdict.ERROR, f"an assertion failed while preparing: {_one_line(str(error))}"
        return Verdict.FAIL, _one_line(str(error)) or "the promise does not hold"
    if isinstance(error, ClientError):
        return _outcome_of_answer(error, preparing=preparing)
    if isinstance(error, CONNECTION_ERRORS):
        return Verdict.INCONCLUSIVE, f"the endpoint did not answer: {_one_line(str(error))}"
    if isinstance(error, ResponseParserError):
        if preparing:
            return (
                Verdict.INCONCLUSIVE,
                f"could not prepare, an answer is unreadable: {_one_line(str(error))}",
            )
        return Verdict.FAIL, f"the answer cannot be read as DynamoDB's: {_one_line(str(error))}"
    return Verdict.ERROR, f"{type(error).__name__}: {_one_line(str(error))}"


def _outcome_of_answer(error: ClientError, *, preparing: bool) -> tuple[Verdict, str]:
    if is_refusal_of_the_feature(error):
        return Verdict.UNSUPPORTED, describe(error)
    if says_nothing(error):
        return Verdict.INCONCLUSIVE, describe(error)
    if preparing:
        return Verdict.INCONCLUSIVE, f"could not prepare: {describe(error)}"
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return (
            Verdict.FAIL,
            f"the endpoint failed on a request that the documentation allows: {describe(error)}",
        )
    return Verdict.FAIL, f"a request that the documentation allows was refused: {describe(error)}"


def _one_line(text: str) -> str:
    # pytest appends its own explanation of a failed assert after the first line; the sentence is ours.
    first = text.strip().split("\nassert ")[0]
    return " ".join(first.split())[:REASON_CHARACTERS]
