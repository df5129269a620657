"""Requests that the documentation says must be refused, and with which error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit.outcomes import Violation, describe, is_refusal_of_the_feature, says_nothing


def refused(call: Callable[..., Any], *codes: str, what: str, **arguments: Any) -> str:
    """Calls, and asserts that it is refused with one of `codes`; returns the code.

    Without codes any refusal as the caller's fault will do: the documentation does not say which (AP-12).
    `what` completes the sentence "... was accepted". A success is a violation, and so is another error,
    unless it says that the operation is not offered, or has to do with limits, credentials or the
    endpoint's own state: those are passed on.
    """
    demand = f" with {' or '.join(codes)}" if codes else ""
    try:
        call(**arguments)
    except ClientError as error:
        code: str = error.response.get("Error", {}).get("Code", "")
        if code in codes:
            return code
        if is_refusal_of_the_feature(error) or says_nothing(error):
            raise
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if not codes and 400 <= status < 500:
            return code
        raise Violation(f"{what} must be refused{demand}, but {describe(error)}") from error
    raise Violation(f"{what} was accepted; it must be refused{demand}")
